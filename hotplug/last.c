// SPDX-License-Identifier: LGPL-2.1-or-later
/* The last report on a block: what was saved, or what the module saw of others since. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

struct place {
	uint64_t block_pages;
	uint64_t page_bytes;
};

static int find_place(struct mo_ctx *ctx, struct place *place)
{
	uint64_t block_bytes;
	int err = mo_read_u64(ctx, 16, &block_bytes, "/sys/devices/system/memory/block_size_bytes");

	place->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	place->block_pages = err ? 0 : block_bytes / place->page_bytes;
	return place->block_pages ? 0 : -ENOENT;
}

/* The zone of a block that stayed; of one that went nobody knows it any more. */
static enum mo_zone zone_of(struct mo_ctx *ctx, uint32_t number)
{
	struct mo_memory memory = { .ctx = ctx };
	struct mo_block block = { .number = number };

	if (mo_block_refresh(&memory, &block) || block.state != MO_STATE_ONLINE)
		return MO_ZONE_UNKNOWN;
	return block.zone;
}

static int fill(struct mo_report *report, struct mo_ctx *ctx, const struct place *place,
		const struct mo_core_attempt *attempt)
{
	uint32_t number = (uint32_t)(attempt->start_pfn / place->block_pages);
	struct mo_block_result *result = mo_report_add_block(report, number, zone_of(ctx, number));
	uint64_t freed_bytes = attempt->error ? 0 : attempt->nr_pages * place->page_bytes;
	struct mo_report_totals totals = {
		.engine = mo_engine_name(MO_ENGINE_CORE),
		.result = attempt->error,
		.reason = attempt->reason,
		.start_time_s = attempt->start_ms / 1000,
		.elapsed_ms = attempt->elapsed_ms,
		.end_time_ms = attempt->start_ms + attempt->elapsed_ms,
		.moved_pages = attempt->nr_moved,
		.freed_bytes = freed_bytes,
		.wanted_bytes = attempt->nr_pages * place->page_bytes,
	};

	if (!result)
		return mo_error(ctx, -ENOMEM, "no memory for a report; free some and try again");
	result->outcome = attempt->error ? MO_OUTCOME_FAILED : MO_OUTCOME_DONE;
	result->error = attempt->error;
	result->reason = attempt->reason;
	result->pages_left = attempt->nr_kept;
	result->elapsed_ms = attempt->elapsed_ms;
	mo_report_add_note(report, "process %d (%s) asked for it, not memoffline", attempt->pid, attempt->comm);
	mo_session_note(report, attempt->nr_evicted, attempt->nr_policy_violated);
	return mo_report_restore(report, &totals);
}

static int report_of(struct mo_ctx *ctx, struct mo_session *session, const struct place *place,
		     const struct mo_core_attempt *attempt, struct mo_report **out)
{
	struct mo_report *report;
	char target[32];
	int err;

	snprintf(target, sizeof(target), "memory%llu", (unsigned long long)(attempt->start_pfn / place->block_pages));
	err = mo_report_new(ctx, "offline", target, &report);
	if (err)
		return err;
	err = fill(report, ctx, place, attempt);
	if (err) {
		mo_report_unref(report);
		return err;
	}
	mo_session_add_records(session, attempt, (uint32_t)(attempt->start_pfn / place->block_pages), report);
	mo_owners_tell(ctx, report, false);
	*out = report;
	return 0;
}

/* -ENOENT: the module has nothing newer. That it can't be asked is no failure: then what was saved is the last. */
static int load_newer(struct mo_ctx *ctx, uint32_t block, uint64_t since_ms, struct mo_report **report)
{
	struct mo_core_attempt attempt;
	struct mo_session *session;
	struct place place;
	int err;

	if (mo_ctx_get_sysroot(ctx) || !mo_module_is_loaded(ctx) || find_place(ctx, &place) ||
	    mo_session_open(ctx, &session))
		return -ENOENT;
	err = mo_session_last(session, block == UINT32_MAX ? NO_PFN : block * place.block_pages, &attempt);
	if (err || attempt.start_ms < since_ms)
		err = -ENOENT;
	else
		err = report_of(ctx, session, &place, &attempt, report);
	mo_session_close(session);
	return err;
}

int mo_report_load(struct mo_ctx *ctx, uint32_t block, struct mo_report **report)
{
	struct mo_report *saved = NULL, *newer;
	int saved_err = mo_report_load_saved(ctx, block, &saved), err;
	char why[1024];

	snprintf(why, sizeof(why), "%s", mo_ctx_error(ctx));
	err = load_newer(ctx, block, saved ? mo_report_end_ms(saved) : 0, &newer);
	if (!err) {
		mo_report_unref(saved);
		*report = newer;
		return 0;
	}
	if (err != -ENOENT) {
		mo_report_unref(saved);
		return err;
	}
	if (saved_err)
		return mo_error(ctx, saved_err, "%s", why);
	*report = saved;
	return 0;
}
