// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory that was added comes online as the policy says: where it can go again, as long as the kernel has enough for
 * itself beside it. Each block has an event of its own, so this is called for one at a time, and often at once.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transaction.h"

#define BIND_MS 10000	/* from the event of a block until its module says that the block is its own */
#define BIND_STEP_MS 20

struct addition {
	const struct mo_policy *policy;
	struct mo_transaction txn;
};

/* ---- which zone ---- */

static void sum_zones(const struct mo_zones *zones, uint64_t *movable, uint64_t *kernel)
{
	*movable = *kernel = 0;
	for (size_t i = 0; i < zones->nr; i++) {
		if (zones->all[i].zone == MO_ZONE_MOVABLE)
			*movable += zones->all[i].present_pages;
		else if (zones->all[i].zone != MO_ZONE_DEVICE)
			*kernel += zones->all[i].present_pages;
	}
}

enum mo_zone mo_added_zone(const struct mo_policy *policy, const struct mo_zones *zones, uint64_t nr_pages)
{
	uint64_t movable, kernel;

	if (policy->online_zone != MO_ZONE_MOVABLE || !policy->movable_ratio)
		return policy->online_zone;
	sum_zones(zones, &movable, &kernel);
	return movable + nr_pages <= policy->movable_ratio * kernel ? MO_ZONE_MOVABLE : MO_ZONE_NORMAL;
}

/* Under the lock: what was added at the same time is counted already, or not online yet. */
static int choose_zone(const struct addition *addition, enum mo_zone *zone)
{
	const struct mo_transaction *txn = &addition->txn;
	struct mo_zones zones;
	int err = mo_zones_read(txn->ctx, &zones);

	if (err)
		return mo_error(txn->ctx, err, "can't read /proc/zoneinfo (%s), and so not how much memory the kernel has for itself; bring "
				"the blocks online with 'memoffline online --zone ZONE'", strerror(-err));
	*zone = mo_added_zone(addition->policy, &zones, mo_memory_block_pages(txn->memory));
	mo_zones_free(&zones);
	return 0;
}

/* ---- somebody else got in first ---- */

struct first { char text[400]; };

static int note_rule(void *data, const struct mo_online_rule *rule)
{
	struct first *first = data;

	snprintf(first->text, sizeof(first->text), "the udev rule in %s writes \"%s\"; 'memoffline doctor' says how to remove it", rule->path,
		 rule->word);
	return 1;
}

static struct first find_first(struct mo_ctx *ctx)
{
	struct first first = { "who did so is not known" };
	char word[32];

	if (mo_read_text(ctx, word, sizeof(word), "/sys/devices/system/memory/auto_online_blocks") > 0 && strcmp(word, "offline"))
		snprintf(first.text, sizeof(first.text), "the kernel does so itself (auto_online_blocks is %s); write offline to "
			 "/sys/devices/system/memory/auto_online_blocks, and boot with memhp_default_state=offline", word);
	else
		mo_online_rules_each(ctx, note_rule, &first);
	return first;
}

static const char *zone_word(enum mo_zone zone)
{
	if (zone == MO_ZONE_UNKNOWN)
		return "the zone that the kernel chooses";
	return zone == MO_ZONE_MOVABLE ? "zone Movable" : "a kernel zone";
}

static void warn_of_other(const struct mo_transaction *txn, const struct mo_block *block, enum mo_zone zone)
{
	if (zone == MO_ZONE_UNKNOWN || (block->zone == MO_ZONE_MOVABLE) == (zone == MO_ZONE_MOVABLE))
		return;
	mo_log(txn->ctx, MO_LOG_WARNING, "memory%u was online in zone %s before memoffline could bring it online in %s, as "
	       "memoffline.conf(5) wants: %s%s", block->number, mo_zone_name(block->zone), zone_word(zone),
	       find_first(txn->ctx).text, zone == MO_ZONE_MOVABLE ? "; from there it may never go again" : "");
}

/* ---- one block ---- */

static void warn_of_ratio(const struct addition *addition, uint32_t block)
{
	mo_log(addition->txn.ctx, MO_LOG_WARNING, "memory%u comes online in a kernel zone, from where it may never go again: movable memory "
	       "would be more than %u times the kernel's (ratio in section [online] of memoffline.conf(5))", block,
	       addition->policy->movable_ratio);
}

static int bring(struct addition *addition, size_t i)
{
	struct mo_transaction *txn = &addition->txn;
	const struct mo_write order = { .deadline_ms = txn->deadline_ms, .stop_fd = txn->request->stop_fd };
	struct mo_item *item = &txn->items[i];
	enum mo_zone zone = MO_ZONE_UNKNOWN;
	int err = choose_zone(addition, &zone);

	if (err)
		return err;
	if (item->before.state == MO_STATE_ONLINE) {
		item->result->outcome = MO_OUTCOME_WAS_SO;
		warn_of_other(txn, &item->before, zone);
		return 0;
	}
	if (zone != addition->policy->online_zone)
		warn_of_ratio(addition, item->block);
	err = mo_transaction_write(txn, i, mo_online_word(zone), &order);
	if (err && item->result->outcome == MO_OUTCOME_VANISHED)
		return 0;	/* it was removed again meanwhile, which needs no help */
	return err ? mo_error(txn->ctx, err, "memory%u can't come online in %s: %s; see 'memoffline report'", item->block,
			      zone_word(zone), strerror(-err)) : 0;
}

static int bring_all(struct addition *addition)
{
	int first_err = 0, err;

	for (size_t i = 0; i < addition->txn.nr_items; i++) {
		err = bring(addition, i);
		if (err && !first_err)
			first_err = err;
		if (mo_transaction_is_over(&addition->txn))
			break;
	}
	return first_err && addition->txn.nr_done ? 1 : first_err;
}

/* ---- which blocks ---- */

static bool is_of_device(const struct mo_memory *memory, uint32_t number)
{
	const struct mo_block *block = mo_memory_find(memory, number);

	return block && mo_memory_device(memory, block->device)->kind != MO_DEVICE_BOOT;
}

static int fill(struct mo_transaction *txn, const struct mo_plan *plan)
{
	const struct mo_step *step;
	size_t nr = 0, at = 0;
	int err;

	for (size_t i = 0; (step = mo_plan_step(plan, i)); i++)
		nr += is_of_device(txn->memory, step->block);
	err = mo_transaction_alloc(txn, nr);
	for (size_t i = 0; !err && (step = mo_plan_step(plan, i)); i++)
		if (is_of_device(txn->memory, step->block))
			err = mo_transaction_fill(txn, at++, step->block, step->verdict, 0);
	mo_transaction_want(txn, nr);
	return err;
}

/* The first block that is offline, and that no device claims; NULL: none. */
static const struct mo_block *find_orphan(const struct mo_plan *plan)
{
	const struct mo_memory *memory = mo_plan_memory(plan);
	const struct mo_step *step;

	for (size_t i = 0; (step = mo_plan_step(plan, i)); i++) {
		const struct mo_block *block = mo_memory_find(memory, step->block);

		if (block && block->state == MO_STATE_OFFLINE && !is_of_device(memory, step->block))
			return block;
	}
	return NULL;
}

/*
 * ACPI makes the link when all blocks of a module are there, after their events, and tells nobody. True: it may have,
 * so that the memory is to be looked at again.
 */
static bool await_link(struct mo_ctx *ctx, uint32_t block, uint64_t until_ms, int stop_fd)
{
	struct pollfd stop = { .fd = stop_fd, .events = POLLIN };
	char link[256];

	while (mo_now_ms() < until_ms) {
		if (mo_read_link(ctx, link, sizeof(link), "/sys/devices/system/memory/memory%u/firmware_node", block) > 0 ||
		    !mo_exists(ctx, "/sys/devices/system/memory/memory%u", block))
			return true;
		if (poll(&stop, 1, BIND_STEP_MS) > 0)
			return false;
	}
	return false;
}

static int make_plan(struct mo_ctx *ctx, const struct mo_request *request, struct mo_plan **plan)
{
	struct mo_memory *memory;
	int err = mo_memory_read(ctx, &memory);

	if (err)
		return err;
	err = mo_plan_new(memory, request, plan);
	mo_memory_unref(memory);	/* the plan keeps it */
	return err;
}

/* Once each block is of a device, or is not going to be. */
static int make_settled_plan(struct mo_ctx *ctx, const struct mo_request *request, struct mo_plan **plan)
{
	uint64_t until_ms = mo_ctx_get_sysroot(ctx) ? 0 : mo_now_ms() + BIND_MS;
	const struct mo_block *orphan;
	int err = make_plan(ctx, request, plan);

	while (!err && (orphan = find_orphan(*plan)) && await_link(ctx, orphan->number, until_ms, request->stop_fd)) {
		mo_plan_unref(*plan);
		err = make_plan(ctx, request, plan);
	}
	return err;
}

static int run(struct addition *addition, const struct mo_plan *plan, const struct mo_request *request,
	       struct mo_report **report)
{
	struct mo_transaction *txn = &addition->txn;
	int err = mo_transaction_begin(txn, mo_plan_memory(plan), request, "online", request->target);

	if (err)
		return err;
	err = fill(txn, plan);
	if (err || !txn->nr_items)
		return mo_transaction_abort(txn, err);
	return mo_transaction_end(txn, bring_all(addition), 0, report);
}

int mo_online_added(struct mo_ctx *ctx, const struct mo_policy *policy, const struct mo_request *request,
		    struct mo_report **report)
{
	struct addition addition = { .policy = policy };
	struct mo_plan *plan;
	int err;

	if (!policy->online_by_udev) {
		mo_log(ctx, MO_LOG_INFO, "%s stays as it is: memoffline.conf(5) does not say udev = yes in its section [online]",
		       request->target);
		return 0;
	}
	err = make_settled_plan(ctx, request, &plan);
	if (err == -ENOENT) {
		mo_log(ctx, MO_LOG_INFO, "nothing to bring online: %s", mo_ctx_error(ctx));
		return 0;
	}
	if (err)
		return err;
	err = run(&addition, plan, request, report);
	mo_plan_unref(plan);
	return err;
}
