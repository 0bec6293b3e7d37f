// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Removal of whole devices: hooks are asked, the blocks go offline, the devices are ejected. All of it is one
 * transaction: what fails brings the blocks back into their zones, and tells the hooks that it stays after all.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transaction.h"

struct removal {
	struct mo_ctx *ctx;
	const struct mo_policy *policy;
	const char *origin;
	struct mo_plan *plan;		/* NULL: what was cut short is recovered */
	struct mo_hooks *hooks;
	struct mo_inhibit *inhibit;
	uint32_t *devices;		/* indexes of the memory's; each once */
	size_t nr_devices;
};

/* ---- whole devices, and nothing else ---- */

static bool is_listed(const struct removal *removal, uint32_t device)
{
	for (size_t i = 0; i < removal->nr_devices; i++)
		if (removal->devices[i] == device)
			return true;
	return false;
}

static int list_devices(struct removal *removal, struct mo_memory *memory)
{
	const struct mo_step *step;

	removal->devices = calloc(mo_memory_nr_devices(memory), sizeof(*removal->devices));
	if (!removal->devices)
		return mo_error(removal->ctx, -ENOMEM, "no memory for the list of devices; free some and try again");
	for (size_t i = 0; (step = mo_plan_step(removal->plan, i)); i++) {
		const struct mo_block *block = mo_memory_find(memory, step->block);

		if (block && !is_listed(removal, block->device))
			removal->devices[removal->nr_devices++] = block->device;
	}
	return 0;
}

static size_t nr_planned(const struct removal *removal, const struct mo_memory *memory, uint32_t device)
{
	const struct mo_step *step;
	size_t nr = 0;

	for (size_t i = 0; (step = mo_plan_step(removal->plan, i)); i++)
		nr += mo_memory_find(memory, step->block)->device == device;
	return nr;
}

static int check_device(const struct removal *removal, const struct mo_memory *memory, uint32_t index)
{
	const struct mo_device *device = mo_memory_device(memory, index);
	size_t nr = nr_planned(removal, memory, index);
	char text[32] = "";

	if (device->kind == MO_DEVICE_BOOT)
		return mo_error(removal->ctx, -EINVAL, "%zu block%s of it belong%s to no device that could be removed: name a device as "
				"'memoffline list' shows it (PNP0C80:00), or use 'memoffline offline'", nr, nr == 1 ? "" : "s",
				nr == 1 ? "s" : "");
	if (nr < device->nr_blocks)
		return mo_error(removal->ctx, -EINVAL, "%s has %u blocks, of which %zu are named: it goes as a whole or not at all; name "
				"the device itself", device->name, device->nr_blocks, nr);
	if (device->kind != MO_DEVICE_ACPI)
		return 0;
	if (!mo_exists(removal->ctx, "%s/eject", device->path))
		return mo_error(removal->ctx, -EOPNOTSUPP, "the firmware offers no eject of %s; its memory can go offline alone "
				"('memoffline offline %s')", device->name, device->name);
	if (mo_read_text(removal->ctx, text, sizeof(text), "/sys/firmware/acpi/hotplug/memory/enabled") > 0 && *text == '0')
		return mo_error(removal->ctx, -EPERM, "the eject of memory is switched off; write 1 to "
				"/sys/firmware/acpi/hotplug/memory/enabled and try again");
	return 0;
}

static int check_devices(struct removal *removal, struct mo_memory *memory)
{
	int err = list_devices(removal, memory);

	for (size_t i = 0; !err && i < removal->nr_devices; i++)
		err = check_device(removal, memory, removal->devices[i]);
	return err;
}

/* Memory that comes back by itself as soon as it is offline would make it a fight that nobody wins. */
struct rival {
	char path[256];
};

static int note_rival(void *data, const struct mo_online_rule *rule)
{
	struct rival *rival = data;

	if (rule->at_offline)
		snprintf(rival->path, sizeof(rival->path), "%s", rule->path);
	return rule->at_offline;
}

static int check_rivals(const struct removal *removal)
{
	struct rival rival = { "" };

	if (mo_online_rules_each(removal->ctx, note_rival, &rival) <= 0)
		return 0;
	return mo_error(removal->ctx, -EDEADLK, "the udev rule %s brings memory online again when it goes offline; change it, then "
			"run 'udevadm control --reload'; see 'memoffline doctor'", rival.path);
}

static int refuse_part(struct mo_ctx *ctx)
{
	return mo_error(ctx, -EINVAL, "devices go as a whole or not at all: a size, or a part, can't be removed; name devices, or use "
			"'memoffline offline'");
}

static int check(struct removal *removal)
{
	int err;

	if (mo_plan_nr_candidates(removal->plan) > mo_plan_nr_steps(removal->plan))
		return refuse_part(removal->ctx);	/* a size, for which blocks may stand in for others */
	err = check_devices(removal, mo_plan_memory(removal->plan));
	return err ? err : check_rivals(removal);
}

/* ---- what hooks are told ---- */

struct facts {
	struct mo_hook_facts hook;
	const char **devices, **slots;
	uint32_t *blocks;
	int32_t nodes[MO_NODES_MAX];
};

static void free_facts(struct facts *facts)
{
	if (!facts)
		return;
	free(facts->devices);
	free(facts->slots);
	free(facts->blocks);
	free(facts);
}

static int compare_numbers(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void add_node(struct facts *facts, int32_t node)
{
	if (node < 0 || facts->hook.nr_nodes >= ARRAY_SIZE(facts->nodes))
		return;
	for (size_t i = 0; i < facts->hook.nr_nodes; i++)
		if (facts->nodes[i] == node)
			return;
	facts->nodes[facts->hook.nr_nodes++] = node;
}

static void list_removed(struct facts *facts, const struct mo_report *report)
{
	const struct mo_removed *removed;

	for (size_t i = 0; (removed = mo_report_removed(report, i)); i++) {
		facts->devices[facts->hook.nr_devices++] = removed->device;
		if (*removed->slots)
			facts->slots[facts->hook.nr_slots++] = removed->slots;
	}
}

/* NULL: no memory. Lives no longer than the report. */
static struct facts *gather_facts(const struct removal *removal, const struct mo_transaction *txn)
{
	size_t nr_devices = mo_report_nr_removed(txn->report);
	struct facts *facts = calloc(1, sizeof(*facts));

	if (!facts)
		return NULL;
	facts->devices = calloc(nr_devices + 1, sizeof(*facts->devices));
	facts->slots = calloc(nr_devices + 1, sizeof(*facts->slots));
	facts->blocks = calloc(txn->nr_items + 1, sizeof(*facts->blocks));
	if (!facts->devices || !facts->slots || !facts->blocks) {
		free_facts(facts);
		return NULL;
	}
	list_removed(facts, txn->report);
	for (size_t i = 0; i < txn->nr_items; i++) {
		facts->blocks[i] = txn->items[i].block;
		add_node(facts, txn->items[i].before.node);
	}
	qsort(facts->blocks, txn->nr_items, sizeof(*facts->blocks), compare_numbers);
	facts->hook.target = mo_report_target(txn->report);
	facts->hook.origin = removal->origin;
	facts->hook.devices = facts->devices;
	facts->hook.slots = facts->slots;
	facts->hook.blocks = facts->blocks;
	facts->hook.nr_blocks = txn->nr_items;
	facts->hook.nodes = facts->nodes;
	facts->hook.len_bytes = txn->nr_items * mo_memory_block_bytes(txn->memory);
	return facts;
}

static int tell_hooks(const struct removal *removal, struct mo_transaction *txn, enum mo_hook_phase phase,
		      const struct mo_report *against, int result)
{
	struct facts *facts = gather_facts(removal, txn);
	int err;

	if (!facts)
		return mo_error(removal->ctx, -ENOMEM, "no memory to tell the hooks; free some and try again");
	facts->hook.against = against;
	facts->hook.result = result;
	facts->hook.reason = txn->ended_by;
	/* What was begun is told to its end. */
	err = mo_hooks_run(removal->hooks, phase, &facts->hook,
			   phase <= MO_HOOK_PRE ? txn->request->stop_fd : -1, txn->report);
	free_facts(facts);
	return err;
}

/* ---- the three parts of the errand ---- */

static void announce(const struct removal *removal, const struct mo_transaction *txn)
{
	unsigned long long mib = txn->nr_items * mo_memory_block_bytes(txn->memory) >> 20;
	char message[400];

	snprintf(message, sizeof(message), "The memory of %s (%llu MiB) is taken out of this machine now.",
		 mo_report_target(txn->report), mib);
	if (removal->policy->wall)
		mo_wall(removal->ctx, message);
}

/* Hooks may let go of what stands against it. NULL: nobody asks, or it can't be told. */
static struct mo_report *find_against(const struct removal *removal, const struct mo_transaction *txn)
{
	struct mo_report *against = NULL;

	if (!mo_exists(removal->ctx, "%s", removal->policy->hooks_dir))
		return NULL;
	return mo_why(removal->plan, txn->request, &against) ? NULL : against;
}

static int begin(void *data, struct mo_transaction *txn)
{
	struct removal *removal = data;
	struct mo_report *against;
	char slots[512];
	int err = 0;

	for (size_t i = 0; !err && i < removal->nr_devices; i++) {
		const struct mo_device *device = mo_memory_device(txn->memory, removal->devices[i]);

		mo_device_slots(txn->memory, removal->devices[i], slots, sizeof(slots));
		if (!mo_report_add_removed(txn->report, device->name, slots))
			err = mo_error(removal->ctx, -ENOMEM, "no memory for the report; free some and try again");
	}
	if (err)
		return err;
	if (removal->policy->inhibit)
		removal->inhibit = mo_inhibit_take(removal->ctx, mo_report_target(txn->report));
	against = find_against(removal, txn);
	err = tell_hooks(removal, txn, MO_HOOK_CHECK, against, 0);
	if (!err) {
		announce(removal, txn);
		err = tell_hooks(removal, txn, MO_HOOK_PRE, against, 0);
	}
	if (!err)
		mo_kdump_hold(removal->ctx, txn->report);
	mo_report_unref(against);
	return err;
}

static int eject_devices(const struct removal *removal, struct mo_transaction *txn)
{
	int err = 0;

	for (size_t i = 0; !err && i < removal->nr_devices; i++) {
		err = mo_eject(txn, removal->devices[i], removal->policy->gone_timeout_ms);
		if (!err)
			mo_report_set_gone(txn->report, i);
	}
	return err;
}

/*
 * Who asked for a container has all of its memory; the rest is theirs. If firmware did not let go of an ejected
 * container after all, 6.12 dies when a device in it comes back: that is no risk to take unasked.
 */
static void note_container(const struct removal *removal, struct mo_transaction *txn)
{
	const char *name = mo_report_target(txn->report);

	if (!strchr(name, '/') && mo_exists(removal->ctx, "/sys/devices/system/container/%s", name))
		mo_report_add_note(txn->report, "all memory in the container %s is gone; the container itself stays: to eject it, write 0 to "
				   "/sys/devices/system/container/%s/online, then 1 to /sys/bus/acpi/devices/%s/eject", name, name, name);
}

static int finish(void *data, struct mo_transaction *txn)
{
	const struct removal *removal = data;
	int err = mo_journal_enter(txn->journal, MO_STAGE_EJECT);

	if (err)
		return err;
	err = eject_devices(removal, txn);
	if (!err)
		note_container(removal, txn);
	return err ? err : mo_journal_enter(txn->journal, MO_STAGE_GONE);
}

static void end(void *data, struct mo_transaction *txn, int result, int back)
{
	struct removal *removal = data;
	enum mo_hook_phase phase = result < 0 ? MO_HOOK_UNDO : MO_HOOK_POST;

	if (!removal->plan && mo_report_add_removed(txn->report, mo_report_target(txn->report), "") && !result)
		mo_report_set_gone(txn->report, 0);
	(void)back;	/* blocks that could not come back stay in the journal; hooks can do nothing about them */
	mo_kdump_release(removal->ctx, txn->report);
	if (tell_hooks(removal, txn, phase, NULL, result))
		mo_report_add_note(txn->report, "hooks could not be told: %s", mo_ctx_error(removal->ctx));
	mo_inhibit_drop(removal->inhibit);
	removal->inhibit = NULL;
}

static int run(struct removal *removal, const struct mo_request *request, struct mo_report **report)
{
	const struct mo_errand errand = { removal, begin, finish, end };
	int err = mo_hooks_new(removal->ctx, removal->policy, &removal->hooks);

	if (err)
		return err;
	err = mo_offline_on_errand(removal->plan, request, "remove", &errand, report);
	mo_hooks_free(removal->hooks);
	return err;
}

int mo_remove(struct mo_plan *plan, const struct mo_request *request, const struct mo_policy *policy,
	      const char *origin, struct mo_report **report)
{
	struct removal removal = {
		.ctx = mo_memory_ctx(mo_plan_memory(plan)), .policy = policy, .origin = origin, .plan = plan,
	};
	bool is_part = request->len_bytes || request->flags & MO_REQUEST_PARTIAL;
	int err = is_part ? refuse_part(removal.ctx) : check(&removal);

	if (!err)
		err = run(&removal, request, report);
	free(removal.devices);
	return err;
}

int mo_remove_check(struct mo_plan *plan)
{
	struct removal removal = { .ctx = mo_memory_ctx(mo_plan_memory(plan)), .plan = plan };
	int err = check(&removal);

	free(removal.devices);
	return err;
}

/* ---- requests by events ---- */

#define HOUR_S 3600

struct requests {
	const char *target;
	uint64_t since_s;
	uint32_t nr;
};

/* The newest comes first. */
static int count_request(void *data, const struct mo_line *line)
{
	struct requests *requests = data;

	if (!line->report)
		return 0;
	if (mo_report_start_time_s(line->report) < requests->since_s)
		return 1;
	requests->nr += !strcmp(mo_report_action(line->report), "remove") &&
			!strcmp(mo_report_target(line->report), requests->target);
	return 0;
}

int mo_policy_allows_udev(struct mo_ctx *ctx, const struct mo_policy *policy, const char *target)
{
	struct requests requests = { .target = target, .since_s = mo_wall_ms() / 1000 - HOUR_S };

	if (!policy->remove_by_udev)
		return mo_error(ctx, -EPERM, "an event asks for the removal of %s, which memoffline.conf(5) does not allow; set udev = yes "
				"in its section [remove], or run 'memoffline remove %s'", target, target);
	if (!policy->requests_per_hour)
		return 0;
	mo_history_each(ctx, count_request, &requests, NULL);
	if (requests.nr < policy->requests_per_hour)
		return 0;
	return mo_error(ctx, -EDQUOT, "events asked for the removal of %s %u times in the last hour, and memoffline.conf(5) allows no "
			"more (requests in section [remove]); see 'memoffline report' for what stands against it", target,
			requests.nr);
}

/* ---- what a killed command, or a restart, left behind ---- */

/* The device was asked to go, and nothing tells whether it heard that; memory that is gone says so. */
static int finish_left(void *data, struct mo_transaction *txn)
{
	const struct removal *removal = data;
	int err = mo_eject_await(txn, mo_journal_is_of_this_boot(txn->journal) ? removal->policy->gone_timeout_ms : 0);

	return err ? err : mo_journal_enter(txn->journal, MO_STAGE_GONE);
}

int mo_recover(struct mo_ctx *ctx, const struct mo_request *request, const struct mo_policy *policy,
	       struct mo_report **report)
{
	struct removal removal = { .ctx = ctx, .policy = policy, .origin = "recover" };
	const struct mo_errand errand = { &removal, NULL, finish_left, end };
	int err = mo_hooks_new(ctx, policy, &removal.hooks);

	if (err)
		return err;
	err = mo_recover_on_errand(ctx, request, &errand, report);
	mo_hooks_free(removal.hooks);
	return err;
}
