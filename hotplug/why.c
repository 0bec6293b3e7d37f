// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Why memory can't go offline, or would not: each run of pages that stands against it, and whose it is. Reads only. The
 * module knows pins, holders and files; without it there are flags of pages, and what processes are seen to hold.
 */
#include <errno.h>
#include <string.h>

#include "private.h"

struct look {
	struct mo_plan *plan;
	struct mo_report *report;
	struct mo_session *session;	/* NULL: without the module */
	struct mo_pages *pages;		/* NULL: not even flags can be seen */
	const struct mo_block *block;	/* that is looked at by flags: */
	struct mo_immovable *immovable;
	struct mo_record run;		/* pages in a row that are alike */
	uint16_t run_mark;		/* whose they are, as mo_immovable_mark() */
	uint64_t nr_pages[MO_REASON_NR];
};

/* ---- one block, by the module ---- */

static int ask_core(struct look *look, struct mo_block_result *result)
{
	enum mo_reason reason;
	int err = mo_session_scan_block(look->session, result->block, mo_memory_block_pages(look->plan->memory),
					look->report, &reason, &result->pages_left);

	if (!err && result->reason == MO_REASON_NONE)
		result->reason = reason;
	return err;
}

/* ---- one block, by flags ---- */

/* What passes, or may well be free on the list of a processor, is not to blame. */
static bool is_to_blame(enum mo_reason reason)
{
	switch (reason) {
	case MO_REASON_NONE:
	case MO_REASON_UNKNOWN:
	case MO_REASON_LOCKED:
	case MO_REASON_WRITEBACK:
	case MO_REASON_OFF_LRU:
		return false;
	default:
		return true;
	}
}

static int judge_page(void *data, const struct mo_page *page)
{
	struct look *look = data;
	uint16_t mark = mo_immovable_mark(look->immovable, page->pfn);
	struct mo_record record = mo_record_of_page(page, NULL, mo_immovable_cause(look->immovable, mark), look->block);

	if (!is_to_blame(record.reason))
		return 0;
	look->nr_pages[record.reason]++;
	if (mark != look->run_mark)
		mo_run_end(look->report, &look->run);
	look->run_mark = mark;
	mo_run_add(look->report, &look->run, &record);
	return 0;
}

static int look_at_flags(struct look *look, struct mo_block_result *result)
{
	uint64_t nr_pages = mo_memory_block_pages(look->plan->memory);
	int err;

	look->block = mo_memory_find(look->plan->memory, result->block);
	memset(look->nr_pages, 0, sizeof(look->nr_pages));
	err = mo_pages_each(look->pages, result->block * nr_pages, nr_pages, judge_page, look);
	mo_run_end(look->report, &look->run);
	for (unsigned int i = MO_REASON_NONE + 1; i < MO_REASON_NR; i++)
		result->pages_left += look->nr_pages[i];
	if (result->reason == MO_REASON_NONE)
		result->reason = mo_reason_of_most(look->nr_pages);
	return err;
}

/* ---- one block ---- */

/* What stands against a block as such says nothing of its pages. */
static bool is_of_block(enum mo_reason reason)
{
	return reason == MO_REASON_ZONE_NONE || reason == MO_REASON_HOLES || reason == MO_REASON_NO_PERMISSION;
}

static bool has_pages_to_blame(const struct mo_step *step)
{
	return step->verdict != MO_VERDICT_DONE && !is_of_block(step->reason);
}

static int look_at(struct look *look, const struct mo_step *step)
{
	const struct mo_block *block = mo_memory_find(look->plan->memory, step->block);
	struct mo_block_result *result = mo_report_add_block(look->report, step->block, block->zone);

	if (!result)
		return mo_error(look->plan->memory->ctx, -ENOMEM, "no memory for what is told; free some and try again");
	result->outcome = step->verdict == MO_VERDICT_DONE ? MO_OUTCOME_WAS_SO : MO_OUTCOME_NOT_TRIED;
	result->reason = step->reason;
	result->pages_before = step->content_known ? step->content.move_pages : 0;
	mo_report_set_device(look->report, result, mo_memory_device(look->plan->memory, block->device)->name);
	if (!has_pages_to_blame(step))
		return 0;
	if (look->session)
		return ask_core(look, result);
	return look->pages ? look_at_flags(look, result) : 0;
}

/* ---- all of them ---- */

static void note(struct look *look)
{
	const char *text;

	for (size_t i = 0; (text = mo_plan_note(look->plan, i)); i++)
		mo_report_add_note(look->report, "%s", text);
	if (!look->session && look->pages)
		mo_report_add_note(look->report, "without the module memoffline this is what flags of pages tell, and buffers of io_uring by "
				   "their addresses: it adds all other pins and who holds them, files, and drivers that refuse; "
				   "load it (modprobe memoffline) and ask again");
	else if (!look->session)
		mo_report_add_note(look->report, "the flags of pages can't be read: run it as root, on a kernel with "
				   "CONFIG_PROC_PAGE_MONITOR, or with the module memoffline");
}

static enum mo_reason main_reason(const struct mo_report *report)
{
	uint64_t nr_pages[MO_REASON_NR] = { 0 };
	const struct mo_block_result *block;
	const struct mo_record *record;

	for (size_t i = 0; (record = mo_report_record(report, i)); i++)
		nr_pages[record->reason] += record->nr_pages;
	for (size_t i = 0; (block = mo_report_block(report, i)); i++)
		nr_pages[block->reason]++;
	return mo_reason_of_most(nr_pages);
}

/* Once for all blocks. */
static void look_at_processes(struct look *look)
{
	const struct mo_step *step;

	if (look->session || !look->pages || mo_immovable_new(look->plan->memory, &look->immovable))
		return;
	for (size_t i = 0; (step = mo_plan_step(look->plan, i)); i++)
		if (has_pages_to_blame(step))
			mo_immovable_ask(look->immovable, mo_memory_find(look->plan->memory, step->block));
	mo_immovable_look(look->immovable, look->report, MO_OWNERS_LIMIT_MS);
}

static int look_at_all(struct look *look)
{
	const struct mo_step *step;
	int err = 0;

	look_at_processes(look);
	for (size_t i = 0; !err && (step = mo_plan_step(look->plan, i)); i++)
		err = look_at(look, step);
	if (err)
		return err;
	note(look);
	mo_owners_tell(look->plan->memory->ctx, look->report, true);
	mo_report_finish(look->report, 0, main_reason(look->report), 0);
	return 0;
}

static int new_report(struct look *look, const struct mo_request *request)
{
	enum mo_engine engine = look->session ? MO_ENGINE_CORE : MO_ENGINE_STOCK;
	int err = mo_report_new(look->plan->memory->ctx, "why", request->target ? request->target : "", &look->report);

	return err ? err : mo_report_set_engine(look->report, mo_engine_name(engine));
}

int mo_why(struct mo_plan *plan, const struct mo_request *request, struct mo_report **report)
{
	struct look look = { .plan = plan };
	struct mo_ctx *ctx = plan->memory->ctx;
	int err = mo_plan_open_session(plan, request, &look.session);

	if (err)
		return err;
	if (!look.session && mo_pages_open(ctx, &look.pages))
		look.pages = NULL;
	err = new_report(&look, request);
	if (!err)
		err = look_at_all(&look);
	if (err && !look.session)
		mo_error(ctx, err, "could not look at all of the memory: %s; try again", strerror(-err));
	mo_immovable_free(look.immovable);
	mo_pages_close(look.pages);
	mo_session_close(look.session);
	if (err)
		mo_report_unref(look.report);
	else
		*report = look.report;
	return err;
}
