// SPDX-License-Identifier: LGPL-2.1-or-later
/* One write to the state of one block: given to a process, watched, and ended when it takes too long. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define TICK_MS 200	/* the kernel has no event for progress: look at the pages */
#define STUCK_MS 1000	/* nothing happened for so long: name what it waits for */

struct watch {
	struct mo_attempt *attempt;
	uint64_t start_pfn;
	uint64_t nr_pages;
	uint64_t start_ms;
	uint64_t moved_ms;	/* when a page last left */
	uint64_t fewest_pages;	/* left so far */
};

/* Returns the first page in use. */
static uint64_t count_pages(struct watch *watch)
{
	struct mo_attempt *attempt = watch->attempt;
	uint64_t first_pfn = NO_PFN;

	if (!attempt->pages ||
	    mo_pages_left(attempt->pages, watch->start_pfn, watch->nr_pages, &attempt->pages_left, &first_pfn))
		attempt->pages_left = 0;
	return first_pfn;
}

/*
 * The kernel marks a block as going as soon as it holds the hotplug lock. Who wants it online meets one that is still
 * going in the hands of another, whose lock he waits for.
 */
bool mo_attempt_has_lock(const struct mo_attempt *attempt, enum mo_state state)
{
	return state == MO_STATE_GOING_OFFLINE && !strcmp(attempt->word, "offline");
}

/* The state file alone can be read at any time; a block that vanished ends the write, too. */
static enum mo_phase current_phase(const struct watch *watch)
{
	const struct mo_attempt *attempt = watch->attempt;
	const struct mo_block *block;

	if (mo_memory_refresh(attempt->memory, attempt->block))
		return attempt->phase;
	block = mo_memory_find(attempt->memory, attempt->block);
	if (block && mo_attempt_has_lock(attempt, block->state))
		return MO_PHASE_MIGRATE;
	return mo_now_ms() - watch->start_ms > STUCK_MS ? MO_PHASE_LOCK : attempt->phase;
}

static void look(struct watch *watch)
{
	struct mo_attempt *attempt = watch->attempt;
	enum mo_phase phase = current_phase(watch);
	uint64_t first_pfn = count_pages(watch);
	bool stuck;

	if ((phase != attempt->phase && phase == MO_PHASE_MIGRATE) || attempt->pages_left < watch->fewest_pages) {
		watch->moved_ms = mo_now_ms();
		watch->fewest_pages = attempt->pages_left;
	}
	stuck = mo_now_ms() - watch->moved_ms > STUCK_MS;
	attempt->stuck_pfn = stuck ? first_pfn : NO_PFN;
	if (attempt->evidence) {
		if (stuck && phase == MO_PHASE_MIGRATE)
			mo_evidence_trace(attempt->evidence);
		mo_evidence_poll(attempt->evidence);
		if (mo_evidence_stuck_pfn(attempt->evidence) != NO_PFN)
			attempt->stuck_pfn = mo_evidence_stuck_pfn(attempt->evidence);
	}
	attempt->phase = phase;
	attempt->elapsed_ms = mo_now_ms() - watch->start_ms;
}

static void tell(const struct mo_attempt *attempt)
{
	if (attempt->tick)
		attempt->tick(attempt->data, attempt);
}

/* Milliseconds till the next look: the tick, or a limit that comes first. */
static int wait_ms(const struct watch *watch)
{
	const struct mo_attempt *attempt = watch->attempt;
	uint64_t now = mo_now_ms(), wait = TICK_MS, limit;

	if (attempt->deadline_ms) {
		limit = attempt->deadline_ms > now ? attempt->deadline_ms - now : 0;
		wait = limit < wait ? limit : wait;
	}
	if (attempt->stall_ms) {
		limit = watch->moved_ms + attempt->stall_ms;
		limit = limit > now ? limit - now : 0;
		wait = limit < wait ? limit : wait;
	}
	return (int)wait;
}

static enum mo_reason limit_passed(const struct watch *watch)
{
	const struct mo_attempt *attempt = watch->attempt;
	uint64_t now = mo_now_ms();
	bool stalled = attempt->stall_ms && now >= watch->moved_ms + attempt->stall_ms;
	bool late = attempt->deadline_ms && now >= attempt->deadline_ms;

	if (!stalled && !late)
		return MO_REASON_NONE;
	if (attempt->phase != MO_PHASE_MIGRATE)
		return MO_REASON_LOCK_WAIT;
	return late ? MO_REASON_DEADLINE : MO_REASON_STALL;
}

/* Till it is done (NONE), or why it has to be ended. */
static enum mo_reason watch_write(struct watch *watch)
{
	struct mo_attempt *attempt = watch->attempt;
	struct pollfd fds[2] = {
		{ .fd = mo_writer_fd(attempt->writer), .events = POLLIN },
		{ .fd = attempt->stop_fd, .events = POLLIN },
	};
	enum mo_reason reason;

	for (;;) {
		if (poll(fds, 2, wait_ms(watch)) < 0 && errno != EINTR)
			return MO_REASON_INTERRUPTED;
		if (fds[0].revents)
			return MO_REASON_NONE;
		look(watch);
		if (fds[1].revents)
			return MO_REASON_INTERRUPTED;
		reason = limit_passed(watch);
		if (reason != MO_REASON_NONE)
			return reason;
		tell(attempt);
	}
}

static int keep_page(void *data, const struct mo_page *page)
{
	struct mo_kept_pages *kept = data;
	struct mo_page *more;

	if (!(kept->nr_pages & (kept->nr_pages - 1))) {	/* 0 or a power of two: full */
		more = realloc(kept->pages, (kept->nr_pages ? kept->nr_pages * 2 : 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		kept->pages = more;
	}
	kept->pages[kept->nr_pages++] = *page;
	return 0;
}

static void keep_pages(struct watch *watch)
{
	struct mo_attempt *attempt = watch->attempt;

	if (attempt->pages)
		mo_pages_each(attempt->pages, watch->start_pfn, watch->nr_pages, keep_page, &attempt->kept);
}

static void await_end(struct watch *watch)
{
	struct mo_attempt *attempt = watch->attempt;
	enum mo_reason reason = watch_write(watch);

	if (reason == MO_REASON_NONE) {
		attempt->error = mo_writer_finish(attempt->writer);
		if (attempt->error)
			keep_pages(watch);
		return;
	}
	/* While the block is still isolated, what is in use is what could not leave. */
	keep_pages(watch);
	attempt->error = mo_writer_end(attempt->writer, &attempt->abandoned);
	if (!attempt->error)
		return;		/* it succeeded at the last moment */
	attempt->ended_by = reason;
	attempt->error = reason == MO_REASON_INTERRUPTED ? -EINTR : -ETIMEDOUT;
}

static struct watch watch_begin(struct mo_attempt *attempt)
{
	struct watch watch = { .attempt = attempt, .start_ms = mo_now_ms() };

	watch.nr_pages = mo_memory_block_pages(attempt->memory);
	watch.start_pfn = attempt->block * watch.nr_pages;
	watch.moved_ms = watch.start_ms;
	attempt->wall_ms = mo_wall_ms();
	attempt->phase = MO_PHASE_ISOLATE;
	attempt->stuck_pfn = NO_PFN;
	if (!attempt->is_emptied)
		count_pages(&watch);
	attempt->pages_before = attempt->pages_left;
	watch.fewest_pages = attempt->pages_left;
	return watch;
}

void mo_attempt_look(struct mo_attempt *attempt)
{
	struct watch watch = watch_begin(attempt);

	keep_pages(&watch);
}

static int start(const struct watch *watch)
{
	const struct mo_attempt *attempt = watch->attempt;
	struct mo_order order = {
		.holder = attempt->holder, .start_pfn = watch->start_pfn, .nr_pages = watch->nr_pages,
	};

	snprintf(order.path, sizeof(order.path), "/sys/devices/system/memory/memory%u/state", attempt->block);
	snprintf(order.text, sizeof(order.text), "%s", attempt->word);
	return mo_writer_start(attempt->writer, &order);
}

void mo_attempt_run(struct mo_attempt *attempt)
{
	struct watch watch = watch_begin(attempt);

	if (attempt->evidence)
		mo_evidence_reset(attempt->evidence, watch.start_pfn, watch.nr_pages);
	tell(attempt);
	attempt->error = start(&watch);
	if (!attempt->error)
		await_end(&watch);
	if (!attempt->is_emptied || attempt->error)
		count_pages(&watch);
	if (attempt->evidence)
		mo_evidence_poll(attempt->evidence);
	attempt->elapsed_ms = mo_now_ms() - watch.start_ms;
}

/* A worker that was killed may have been past the kernel's last look at signals; an answer is an answer. */
bool mo_attempt_did_it(const struct mo_attempt *attempt)
{
	return !attempt->error || attempt->error == -EINTR || attempt->ended_by != MO_REASON_NONE;
}

void mo_attempt_clear(struct mo_attempt *attempt)
{
	free(attempt->kept.pages);
	attempt->kept = (struct mo_kept_pages){ 0 };
}
