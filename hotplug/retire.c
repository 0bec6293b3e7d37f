// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Corrected errors escalate: they are counted, pages with many are retired, blocks with many such pages go offline,
 * devices with many such blocks are removed. The count is on disk before anything is done about it.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define SOFT_OFFLINE "/sys/devices/system/memory/soft_offline_page"
#define PAGE_MS 10000	/* for the kernel to retire one */

/* A page at which errors were seen. */
struct target {
	uint64_t addr;
	uint64_t nr_errors;	/* that are to be counted yet */
	uint32_t block;
	bool is_retired;
};

struct mo_retirement {
	struct mo_ctx *ctx;
	const struct mo_policy *policy;			/* lent till the end of mo_retire(), as is: */
	const struct mo_retire_request *request;
	struct mo_memory *memory;
	struct mo_error_counts counts;
	struct target *targets;		/* each page once */
	size_t nr_targets;
	uint32_t *blocks;		/* that went for it, or were offline, and each once */
	size_t nr_blocks;
	struct mo_retire_step *steps;
	size_t nr_steps;
	bool has_failed, no_memory;
};

const char *mo_retire_what_name(enum mo_retire_what what)
{
	static const char *const names[] = { "page", "block", "device" };

	return (size_t)what < ARRAY_SIZE(names) ? names[what] : "unknown";
}

const char *mo_retire_outcome_name(enum mo_retire_outcome outcome)
{
	static const char *const names[] = { "counted", "done", "was-so", "would", "failed" };

	return (size_t)outcome < ARRAY_SIZE(names) ? names[outcome] : "unknown";
}

/* ---- what is told ---- */

static void PRINTF(3, 4)
add_step(struct mo_retirement *retirement, const struct mo_retire_step *step, const char *fmt, ...)
{
	struct mo_retire_step *more = reallocarray(retirement->steps, retirement->nr_steps + 1, sizeof(*more));
	char *text = NULL;
	va_list args;
	int len;

	va_start(args, fmt);
	len = more ? vasprintf(&text, fmt, args) : -1;
	va_end(args);
	if (more)
		retirement->steps = more;
	if (len < 0) {
		retirement->no_memory = true;
		return;
	}
	more[retirement->nr_steps] = *step;
	more[retirement->nr_steps++].text = text;
	retirement->has_failed |= step->outcome == MO_RETIRE_FAILED;
}

static const struct mo_block *find_block(const struct mo_retirement *retirement, uint32_t number)
{
	return mo_memory_find(retirement->memory, number);
}

/* Of the block, which is there. */
static const struct mo_device *device_of(const struct mo_retirement *retirement, uint32_t block)
{
	return mo_memory_device(retirement->memory, find_block(retirement, block)->device);
}

struct place { char text[700]; };

/* "memory32 of PNP0C80:00, DIMM_A2 (serial 20471147)" */
static struct place place_of(const struct mo_retirement *retirement, uint32_t block)
{
	struct place place;
	char slots[512];

	mo_device_slots(retirement->memory, find_block(retirement, block)->device, slots, sizeof(slots));
	snprintf(place.text, sizeof(place.text), "memory%u of %s%s%s", block, device_of(retirement, block)->name,
		 *slots ? ", " : "", slots);
	return place;
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* ---- counting ---- */

static int add_counts(void *data, struct mo_error_counts *counts)
{
	const struct mo_retirement *retirement = data;
	int err = 0;

	for (size_t i = 0; !err && i < retirement->nr_targets; i++) {
		const struct mo_page_count more = {
			.addr = retirement->targets[i].addr, .nr_errors = retirement->targets[i].nr_errors,
			.last_time_s = mo_wall_ms() / 1000, .is_retired = retirement->targets[i].is_retired,
		};

		err = mo_error_counts_add(counts, &more);
	}
	return err;
}

/* The new counts replace those that are known. */
static int change_counts(struct mo_retirement *retirement, mo_error_counts_fn *fn, void *data)
{
	struct mo_error_counts counts;
	int err;

	if (retirement->request->dry_run)
		return fn(data, &retirement->counts);
	err = mo_error_counts_change(retirement->ctx, fn, data, &counts);
	if (err)
		return err;
	mo_error_counts_free(&retirement->counts);
	retirement->counts = counts;
	return 0;
}

static void refuse_address(struct mo_retirement *retirement, uint64_t addr)
{
	const struct mo_retire_step step = {
		.outcome = MO_RETIRE_FAILED, .error = -ENXIO, .addr = addr, .block = UINT32_MAX, .device = "",
	};

	add_step(retirement, &step, "0x%" PRIx64 " is no System RAM (/proc/iomem): nothing is counted, and nothing done. It takes a "
		 "physical address in bytes, not a page frame number", addr);
}

/* Once for each page, however often it is named. */
static int add_target(struct mo_retirement *retirement, uint64_t addr)
{
	uint64_t page_bytes = mo_memory_page_bytes(retirement->memory);
	uint64_t start_addr = addr / page_bytes * page_bytes, block = addr / mo_memory_block_bytes(retirement->memory);
	int is_ram = mo_ram_covers(retirement->memory->ram, retirement->ctx, start_addr, page_bytes);

	if (is_ram < 0)
		return mo_error(retirement->ctx, is_ram, "/proc/iomem can't be read, or hides its addresses (%s), and so it is not known what is "
				"at 0x%" PRIx64 "; run it as root", strerror(-is_ram), addr);
	if (!is_ram || block > UINT32_MAX || !find_block(retirement, (uint32_t)block)) {
		refuse_address(retirement, addr);
		return 0;
	}
	for (size_t i = 0; i < retirement->nr_targets; i++) {
		if (retirement->targets[i].addr != start_addr)
			continue;
		retirement->targets[i].nr_errors += retirement->request->nr_errors;
		return 0;
	}
	retirement->targets[retirement->nr_targets++] = (struct target){
		.addr = start_addr, .nr_errors = retirement->request->nr_errors, .block = (uint32_t)block,
	};
	return 0;
}

static int list_targets(struct mo_retirement *retirement)
{
	const struct mo_retire_request *request = retirement->request;
	int err = 0;

	retirement->targets = calloc(request->nr_addrs, sizeof(*retirement->targets));
	retirement->blocks = calloc(request->nr_addrs, sizeof(*retirement->blocks));
	if (!retirement->targets || !retirement->blocks)
		return mo_error(retirement->ctx, -ENOMEM, "no memory for the list of pages; free some and try again");
	for (size_t i = 0; !err && i < request->nr_addrs; i++)
		err = add_target(retirement, request->addrs[i]);
	return err;
}

static int count_errors(struct mo_retirement *retirement)
{
	int err = retirement->request->dry_run ? mo_error_counts_load(retirement->ctx, &retirement->counts) : 0;

	if (err || !retirement->nr_targets)
		return err;
	err = change_counts(retirement, add_counts, retirement);
	for (size_t i = 0; i < retirement->nr_targets; i++)
		retirement->targets[i].nr_errors = 0;	/* they were */
	return err;
}

/* ---- a page ---- */

static bool is_poisoned(const struct mo_retirement *retirement, uint64_t addr)
{
	uint64_t pfn = addr / mo_memory_page_bytes(retirement->memory);
	struct mo_content content;

	return !mo_content_read(retirement->ctx, pfn, 1, &content) && content.nr_pages[MO_KIND_POISONED];
}

/* In a process that can be given up: the kernel may wait for the page's lock, or for the disk. */
static int soft_offline(const struct mo_retirement *retirement, uint64_t addr)
{
	struct mo_writer *writer = mo_writer_new(retirement->ctx);
	struct mo_order order = { .path = SOFT_OFFLINE };
	struct pollfd fds[2] = { { .events = POLLIN }, { .fd = retirement->request->stop_fd, .events = POLLIN } };
	bool abandoned;
	int err;

	if (!writer)
		return -ENOMEM;
	snprintf(order.text, sizeof(order.text), "0x%" PRIx64, addr);
	err = mo_writer_start(writer, &order);
	if (!err) {
		fds[0].fd = mo_writer_fd(writer);
		while (poll(fds, 2, PAGE_MS) < 0 && errno == EINTR)
			;
		err = fds[0].revents ? mo_writer_finish(writer) : mo_writer_end(writer, &abandoned);
		if (err == -EINTR && !fds[1].revents)
			err = -ETIMEDOUT;
	}
	mo_writer_free(writer);
	return err;
}

static const char *page_remedy(int err)
{
	switch (err) {
	case -EBUSY:
		return "it is the kernel's, or pinned; the next error in it has it tried again; where its block can go, 'memoffline offline' "
		       "takes it out of use";
	case -EOPNOTSUPP:
		return "the kernel was told not to; sysctl vm.enable_soft_offline=1 lets it";
	case -ENOENT:
		return "this kernel can't (CONFIG_MEMORY_FAILURE); take its block offline";
	case -EACCES:
	case -EPERM:
		return "run it as root";
	case -ETIMEDOUT:
		return "the kernel waits for something that holds the page; the next error in it has it tried again";
	default:
		return "the next error in it has it tried again; the kernel's log may say more";
	}
}

/* The step is filled but for what came of it. */
static void retire_now(struct mo_retirement *retirement, struct target *target, struct mo_retire_step *step,
		       const struct place *place)
{
	step->error = soft_offline(retirement, target->addr);
	step->outcome = step->error ? MO_RETIRE_FAILED : MO_RETIRE_DONE;
	target->is_retired = !step->error;
	if (step->error)
		add_step(retirement, step,
			 "the page 0x%" PRIx64 " (%s) had %" PRIu64 " corrected error%s, and can't be retired: %s; %s",
			 target->addr, place->text, step->count, plural(step->count), strerror(-step->error),
			 page_remedy(step->error));
	else
		add_step(retirement, step, "the page 0x%" PRIx64 " (%s) is retired after %" PRIu64 " corrected error%s",
			 target->addr, place->text, step->count, plural(step->count));
}

static void tell_counted(struct mo_retirement *retirement, const struct mo_retire_step *step, const struct place *place)
{
	if (step->limit)
		add_step(retirement, step, "the page 0x%" PRIx64 " (%s) had %" PRIu64 " corrected error%s, of %u at which it is retired",
			 step->addr, place->text, step->count, plural(step->count), step->limit);
	else
		add_step(retirement, step, "the page 0x%" PRIx64 " (%s) had %" PRIu64 " corrected error%s; pages are never retired for that, "
			 "unless page is set in section [errors] of memoffline.conf(5)", step->addr, place->text, step->count,
			 plural(step->count));
}

static void look_at_page(struct mo_retirement *retirement, struct target *target)
{
	const struct mo_page_count *count = mo_error_counts_find(&retirement->counts, target->addr);
	struct mo_retire_step step = {
		.what = MO_RETIRE_PAGE, .addr = target->addr, .block = target->block,
		.limit = retirement->policy->error_page,
		.device = device_of(retirement, target->block)->name, .count = count ? count->nr_errors : 0,
	};
	struct place place = place_of(retirement, target->block);

	if (is_poisoned(retirement, target->addr)) {
		target->is_retired = true;
		step.outcome = MO_RETIRE_WAS_SO;
		add_step(retirement, &step,
			 "the page 0x%" PRIx64 " (%s) is retired already; it had %" PRIu64 " corrected error%s",
			 target->addr, place.text, step.count, plural(step.count));
	} else if (!step.limit || step.count < step.limit) {
		tell_counted(retirement, &step, &place);
	} else if (find_block(retirement, target->block)->state == MO_STATE_OFFLINE) {
		step.outcome = MO_RETIRE_WAS_SO;
		add_step(retirement, &step, "the page 0x%" PRIx64 " (%s) had %" PRIu64 " corrected error%s, and its block is offline: nobody uses it",
			 target->addr, place.text, step.count, plural(step.count));
	} else if (retirement->request->dry_run) {
		target->is_retired = true;
		step.outcome = MO_RETIRE_WOULD;
		add_step(retirement, &step,
			 "the page 0x%" PRIx64 " (%s) would be retired after %" PRIu64 " corrected error%s",
			 target->addr, place.text, step.count, plural(step.count));
	} else {
		retire_now(retirement, target, &step, &place);
	}
}

static bool is_stopped(const struct mo_retirement *retirement)
{
	struct pollfd stop = { .fd = retirement->request->stop_fd, .events = POLLIN };

	return poll(&stop, 1, 0) > 0;
}

static int retire_pages(struct mo_retirement *retirement)
{
	bool any = false;

	for (size_t i = 0; i < retirement->nr_targets && !is_stopped(retirement); i++) {
		look_at_page(retirement, &retirement->targets[i]);
		any |= retirement->targets[i].is_retired;
	}
	return any ? change_counts(retirement, add_counts, retirement) : 0;
}

/* ---- what goes offline, for events ---- */

static struct mo_request make_request(const struct mo_retirement *retirement, const char *target)
{
	const struct mo_policy *policy = retirement->policy;
	struct mo_request request = MO_REQUEST_INIT;

	request.target = target;
	request.flags = MO_REQUEST_AT_ONCE | MO_REQUEST_WAIT;
	request.timeout_ms = policy->timeout_ms;
	request.stall_ms = policy->stall_ms;
	request.to_nodes = policy->to_nodes;
	request.swap = policy->swap;
	request.max_mib_s = policy->max_mib_s;
	request.remedies = policy->remedies;
	request.stop_fd = retirement->request->stop_fd;
	return request;
}

/* As the memory is now. */
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

/* ---- a block ---- */

static int take_offline(const struct mo_retirement *retirement, uint32_t block)
{
	struct mo_report *report = NULL;
	struct mo_request request;
	struct mo_plan *plan;
	char target[16];
	int err;

	snprintf(target, sizeof(target), "%u", block);
	request = make_request(retirement, target);
	err = make_plan(retirement->ctx, &request, &plan);
	if (err)
		return err;
	err = mo_offline(plan, &request, &report);
	mo_report_unref(report);
	mo_plan_unref(plan);
	return err;
}

static int add_gone(void *data, struct mo_error_counts *counts)
{
	const struct mo_block_gone *gone = data;

	return mo_error_counts_add_gone(counts, gone);
}

static int note_gone(struct mo_retirement *retirement, uint32_t block)
{
	struct mo_block_gone gone = { .block = block, .time_s = mo_wall_ms() / 1000 };

	snprintf(gone.device, sizeof(gone.device), "%s", device_of(retirement, block)->name);
	retirement->blocks[retirement->nr_blocks++] = block;
	return change_counts(retirement, add_gone, &gone);
}

static int offline_now(struct mo_retirement *retirement, struct mo_retire_step *step)
{
	struct place place = place_of(retirement, step->block);

	step->error = take_offline(retirement, step->block);
	step->outcome = step->error ? MO_RETIRE_FAILED : MO_RETIRE_DONE;
	if (step->error) {
		add_step(retirement, step, "%s can't go offline, though %" PRIu64 " of its pages were retired: %s. The next page that is "
			 "retired in it has it tried again", place.text, step->count, mo_ctx_error(retirement->ctx));
		return 0;
	}
	add_step(retirement, step, "%s is offline after %" PRIu64 " of its pages %s retired", place.text, step->count,
		 step->count == 1 ? "was" : "were");
	return note_gone(retirement, step->block);
}

static int look_at_block(struct mo_retirement *retirement, uint32_t block)
{
	struct mo_retire_step step = {
		.what = MO_RETIRE_BLOCK, .addr = UINT64_MAX, .block = block,
		.device = device_of(retirement, block)->name, .limit = retirement->policy->error_block,
		.count = mo_error_counts_retired(&retirement->counts, block, mo_memory_block_bytes(retirement->memory)),
	};

	if (!step.limit)
		return 0;
	if (step.count < step.limit) {
		add_step(retirement, &step, "%" PRIu64 " page%s of memory%u %s retired, of %u at which it goes offline",
			 step.count, plural(step.count), block, step.count == 1 ? "is" : "are", step.limit);
		return 0;
	}
	if (find_block(retirement, block)->state == MO_STATE_OFFLINE) {
		step.outcome = MO_RETIRE_WAS_SO;
		add_step(retirement, &step, "memory%u is offline already; %" PRIu64 " of its pages were retired", block,
			 step.count);
		return note_gone(retirement, block);
	}
	if (!retirement->request->dry_run)
		return offline_now(retirement, &step);
	step.outcome = MO_RETIRE_WOULD;
	add_step(retirement, &step, "memory%u would go offline after %" PRIu64 " of its pages were retired", block,
		 step.count);
	return note_gone(retirement, block);
}

/* Was it looked at with an earlier page? */
static bool block_is_known(const struct mo_retirement *retirement, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (retirement->targets[j].is_retired && retirement->targets[j].block == retirement->targets[i].block)
			return true;
	return false;
}

static int retire_blocks(struct mo_retirement *retirement)
{
	int err = 0;

	for (size_t i = 0; !err && i < retirement->nr_targets && !is_stopped(retirement); i++)
		if (retirement->targets[i].is_retired && !block_is_known(retirement, i))
			err = look_at_block(retirement, retirement->targets[i].block);
	return err;
}

/* ---- a device ---- */

static int remove_device(const struct mo_retirement *retirement, const char *name)
{
	struct mo_request request = make_request(retirement, name);
	struct mo_report *report = NULL;
	struct mo_plan *plan;
	int err = make_plan(retirement->ctx, &request, &plan);

	if (err)
		return err;
	err = mo_remove(plan, &request, retirement->policy, "errors", &report);
	mo_report_unref(report);
	mo_plan_unref(plan);
	return err;
}

struct forgotten {
	const struct mo_retirement *retirement;
	uint32_t device;
};

/* What is plugged in its place begins anew. */
static int forget_device(void *data, struct mo_error_counts *counts)
{
	const struct forgotten *forgotten = data;
	const struct mo_memory *memory = forgotten->retirement->memory;
	const struct mo_block *block;
	size_t nr = 0;

	for (size_t i = 0; i < counts->nr_pages; i++) {
		block = mo_memory_find(memory, (uint32_t)(counts->pages[i].addr / mo_memory_block_bytes(memory)));
		if (!block || block->device != forgotten->device)
			counts->pages[nr++] = counts->pages[i];
	}
	counts->nr_pages = nr;
	nr = 0;
	for (size_t i = 0; i < counts->nr_blocks; i++)
		if (strcmp(counts->blocks[i].device, mo_memory_device(memory, forgotten->device)->name))
			counts->blocks[nr++] = counts->blocks[i];
	counts->nr_blocks = nr;
	return 0;
}

static int remove_now(struct mo_retirement *retirement, struct mo_retire_step *step, uint32_t device, const char *slots)
{
	struct forgotten forgotten = { retirement, device };

	step->error = remove_device(retirement, step->device);
	step->outcome = step->error ? MO_RETIRE_FAILED : MO_RETIRE_DONE;
	if (step->error) {
		add_step(retirement, step, "%s can't be removed, though %" PRIu64 " of its blocks went for corrected errors: %s", step->device,
			 step->count, mo_ctx_error(retirement->ctx));
		return 0;
	}
	add_step(retirement, step, "%s is safe to remove after %" PRIu64 " of its blocks went for corrected errors%s%s", step->device,
		 step->count, *slots ? ": " : "", slots);
	return change_counts(retirement, forget_device, &forgotten);
}

static int look_at_device(struct mo_retirement *retirement, uint32_t device)
{
	const char *name = mo_memory_device(retirement->memory, device)->name;
	struct mo_retire_step step = {
		.what = MO_RETIRE_DEVICE, .addr = UINT64_MAX, .block = UINT32_MAX, .device = name,
		.limit = retirement->policy->error_device, .count = mo_error_counts_gone(&retirement->counts, name),
	};
	char slots[512];

	mo_device_slots(retirement->memory, device, slots, sizeof(slots));
	if (step.count < step.limit) {
		add_step(retirement, &step, "%" PRIu64 " block%s of %s went for corrected errors, of %u at which it is removed", step.count,
			 plural(step.count), name, step.limit);
		return 0;
	}
	step.error = mo_policy_allows_udev(retirement->ctx, retirement->policy, name);
	if (step.error) {
		step.outcome = MO_RETIRE_FAILED;
		add_step(retirement, &step, "%" PRIu64 " block%s of %s%s%s went for corrected errors, and it stays: %s", step.count,
			 plural(step.count), name, *slots ? ", " : "", slots, mo_ctx_error(retirement->ctx));
		return 0;
	}
	if (!retirement->request->dry_run)
		return remove_now(retirement, &step, device, slots);
	step.outcome = MO_RETIRE_WOULD;
	add_step(retirement, &step, "%s%s%s would be removed after %" PRIu64 " of its blocks went for corrected errors", name,
		 *slots ? ", " : "", slots, step.count);
	return 0;
}

static bool device_is_known(const struct mo_retirement *retirement, size_t i, uint32_t device)
{
	for (size_t j = 0; j < i; j++)
		if (find_block(retirement, retirement->blocks[j])->device == device)
			return true;
	return false;
}

static int retire_devices(struct mo_retirement *retirement)
{
	int err = 0;

	for (size_t i = 0; !err && i < retirement->nr_blocks && !is_stopped(retirement); i++) {
		uint32_t device = find_block(retirement, retirement->blocks[i])->device;

		if (retirement->policy->error_device && !device_is_known(retirement, i, device) &&
		    mo_memory_device(retirement->memory, device)->kind != MO_DEVICE_BOOT)
			err = look_at_device(retirement, device);
	}
	return err;
}

/* ---- the whole ---- */

static int escalate(struct mo_retirement *retirement)
{
	int err = retire_pages(retirement);

	if (!err)
		err = retire_blocks(retirement);
	if (!err)
		err = retire_devices(retirement);
	if (!err && retirement->no_memory)
		err = mo_error(retirement->ctx, -ENOMEM, "no memory to tell what was done; 'memoffline retire --list' shows what was counted");
	if (!err && is_stopped(retirement))
		err = mo_error(retirement->ctx, -EINTR, "stopped on request; what was counted stays, and the next error goes on with it");
	return err;
}

static int run(struct mo_retirement *retirement)
{
	int err = mo_memory_read(retirement->ctx, &retirement->memory);

	if (!err)
		err = list_targets(retirement);
	if (!err)
		err = count_errors(retirement);
	return err;
}

int mo_retire(struct mo_ctx *ctx, const struct mo_policy *policy, const struct mo_retire_request *request,
	      struct mo_retirement **out)
{
	struct mo_retirement *retirement;
	int err;

	if (request->size != sizeof(*request) || !request->nr_addrs || !request->nr_errors)
		return mo_error(ctx, -EINVAL, "errors to be counted need an address, a number, and a request of this library's size");
	retirement = calloc(1, sizeof(*retirement));
	if (!retirement)
		return mo_error(ctx, -ENOMEM, "no memory to count errors; free some and try again");
	retirement->ctx = mo_ctx_ref(ctx);
	retirement->policy = policy;
	retirement->request = request;
	err = run(retirement);
	if (err) {
		mo_retirement_unref(retirement);
		return err;
	}
	err = escalate(retirement);
	*out = retirement;
	return err ? err : retirement->has_failed;
}

struct mo_retirement *mo_retirement_unref(struct mo_retirement *retirement)
{
	if (!retirement)
		return NULL;
	for (size_t i = 0; i < retirement->nr_steps; i++)
		free((char *)retirement->steps[i].text);
	free(retirement->steps);
	free(retirement->targets);
	free(retirement->blocks);
	mo_error_counts_free(&retirement->counts);
	mo_memory_unref(retirement->memory);
	mo_ctx_unref(retirement->ctx);
	free(retirement);
	return NULL;
}

const struct mo_retire_step *mo_retirement_step(const struct mo_retirement *retirement, size_t i)
{
	return i < retirement->nr_steps ? &retirement->steps[i] : NULL;
}
