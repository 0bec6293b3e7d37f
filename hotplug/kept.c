// SPDX-License-Identifier: LGPL-2.1-or-later
/* The pages that an attempt left behind, and why: facts of many kinds become records of a report. */
#include <errno.h>
#include <linux/kernel-page-flags.h>
#include <string.h>

#include "private.h"

struct sorter {
	struct mo_report *report;
	const struct mo_block *before;
	const struct mo_attempt *attempt;
	struct mo_immovable *immovable;	/* NULL: nobody looked */
	struct mo_record run;		/* pages in a row that are alike */
	uint16_t run_mark;		/* whose they are, as mo_immovable_mark() */
	uint64_t nr_pages[MO_REASON_NR];
};

/* Nothing was said about it, and migration was still at work on the block. */
static bool is_unexplained(enum mo_reason reason)
{
	return reason == MO_REASON_NONE || reason == MO_REASON_UNKNOWN;
}

/* By flags, too: what only has the name of such a file is none. */
static bool explains(const struct mo_cause *cause, const struct mo_page *page)
{
	if (!cause || (page->flags & cause->needs_flags) != cause->needs_flags)
		return false;
	return cause->reason != MO_REASON_NO_MIGRATE || mo_page_kind(page->flags) == MO_KIND_CACHE;
}

static void take_file(struct mo_record *record, const struct mo_cause *cause)
{
	record->file_inode = cause->file_inode;
	record->file_major = cause->file_major;
	record->file_minor = cause->file_minor;
	record->file = cause->file ? cause->file : "";
}

struct mo_record mo_record_of_page(const struct mo_page *page, const struct mo_dump *dump, const struct mo_cause *cause,
				   const struct mo_block *block)
{
	bool is_explained = explains(cause, page);
	struct mo_page_facts facts = {
		.flags = page->flags,
		.count = page->count,
		.dump = dump,
		.zone_movable = block->zone == MO_ZONE_MOVABLE,
		.shown = is_explained ? cause->reason : MO_REASON_NONE,
	};
	struct mo_record record = {
		.start_pfn = page->pfn,
		.nr_pages = 1,
		.block = block->number,
		.kind = mo_page_kind(page->flags),
		.kpageflags = page->flags,
		.refs = dump ? dump->refs : -1,
		.mapcount = dump ? dump->mapcount : (int32_t)page->count,
		.pincount = dump ? dump->pincount : -1,
		.cgroup_inode = page->cgroup_inode,
		.file_inode = dump ? dump->ino : 0,
		.file = dump ? dump->name : "",
	};

	if (is_explained && !record.file_inode)
		take_file(&record, cause);
	record.reason = mo_reason_of_page(&facts, &record.refs_expected);
	return record;
}

/* When the kernel refused before it moved anything, a page that could have moved is not to blame. */
static bool is_to_blame(const struct sorter *sorter, enum mo_reason reason, const struct mo_dump *dump)
{
	if (dump || sorter->attempt->ended_by != MO_REASON_NONE)
		return true;
	return !is_unexplained(reason);
}

void mo_run_end(struct mo_report *report, struct mo_record *run)
{
	if (run->nr_pages)
		mo_report_add_record(report, run);
	run->nr_pages = 0;
}

/* A compound page is dumped once for all of its parts. */
static bool is_explained_alike(const struct mo_record *run, const struct mo_record *next)
{
	return (run->refs < 0 && next->refs < 0) || (next->kpageflags & (1ULL << KPF_COMPOUND_TAIL));
}

static bool continues_run(const struct mo_record *run, const struct mo_record *next)
{
	return run->nr_pages && run->start_pfn + run->nr_pages == next->start_pfn && run->kind == next->kind &&
	       run->reason == next->reason && is_explained_alike(run, next) && run->cgroup_inode == next->cgroup_inode;
}

void mo_run_add(struct mo_report *report, struct mo_record *run, const struct mo_record *page)
{
	if (continues_run(run, page)) {
		run->nr_pages++;
		return;
	}
	mo_run_end(report, run);
	*run = *page;
}

static const struct mo_dump *dump_of(const struct sorter *sorter, const struct mo_page *page)
{
	const struct mo_evidence *evidence = sorter->attempt->evidence;

	return evidence ? mo_evidence_dump(evidence, page->pfn) : NULL;
}

static void sort_page(struct sorter *sorter, const struct mo_page *page)
{
	const struct mo_dump *dump = dump_of(sorter, page);
	uint16_t mark = mo_immovable_mark(sorter->immovable, page->pfn);
	struct mo_record record = mo_record_of_page(page, dump, mo_immovable_cause(sorter->immovable, mark),
						    sorter->before);

	if (is_unexplained(record.reason))
		record.reason = sorter->attempt->ended_by;
	if (!is_to_blame(sorter, record.reason, dump))
		return;
	sorter->nr_pages[record.reason]++;
	if (mark != sorter->run_mark)
		mo_run_end(sorter->report, &sorter->run);
	sorter->run_mark = mark;
	mo_run_add(sorter->report, &sorter->run, &record);
}

/* What holds most pages, but never the limit itself where a page's own reason is known. */
static enum mo_reason main_reason(const struct sorter *sorter)
{
	uint64_t nr_pages[MO_REASON_NR];

	memcpy(nr_pages, sorter->nr_pages, sizeof(nr_pages));
	nr_pages[sorter->attempt->ended_by] = 0;
	return mo_reason_of_most(nr_pages);
}

/* What the attempt itself tells: the limit that ended it, or the kernel's answer. */
static enum mo_reason answered(const struct mo_attempt *attempt, const struct mo_block *before, const char *said)
{
	if (attempt->ended_by != MO_REASON_NONE)
		return attempt->ended_by;
	return mo_reason_of_block(attempt->error, said, before, mo_memory_is_ram(attempt->memory, attempt->block));
}

/* No page is to blame for a block that could never go, was vetoed as a whole, or is no longer there. */
static bool is_of_pages(enum mo_reason reason)
{
	return reason != MO_REASON_ZONE_NONE && reason != MO_REASON_HOLES && reason != MO_REASON_NOTIFIER &&
	       reason != MO_REASON_VANISHED && reason != MO_REASON_NO_PERMISSION && reason != MO_REASON_LOCK_WAIT;
}

/* A page explains a limit that passed and an isolation that failed better than these words. */
static bool is_vague(const struct mo_attempt *attempt, enum mo_reason reason)
{
	return reason == attempt->ended_by || reason == MO_REASON_ISOLATION || is_unexplained(reason);
}

/* Where there are more pages than records, those come first of which the kernel told something. */
static void sort_pages(struct sorter *sorter)
{
	const struct mo_kept_pages *kept = &sorter->attempt->kept;
	bool are_many = kept->nr_pages > MO_RECORDS_MAX;

	for (size_t i = 0; i < kept->nr_pages; i++)
		if (!are_many || dump_of(sorter, &kept->pages[i]))
			sort_page(sorter, &kept->pages[i]);
	for (size_t i = 0; are_many && i < kept->nr_pages; i++)
		if (!dump_of(sorter, &kept->pages[i]))
			sort_page(sorter, &kept->pages[i]);
	mo_run_end(sorter->report, &sorter->run);
}

/* What stops at once was not stopped by them: the kernel tries pinned pages again and again. */
static void look_for_causes(struct sorter *sorter)
{
	const struct mo_attempt *attempt = sorter->attempt;

	if (attempt->ended_by == MO_REASON_NONE || mo_immovable_new(attempt->memory, &sorter->immovable))
		return;
	mo_immovable_ask(sorter->immovable, sorter->before);
	mo_immovable_look(sorter->immovable, sorter->report, MO_OWNERS_LIMIT_MS);
}

void mo_kept_report(struct mo_report *report, struct mo_block_result *result, const struct mo_block *before,
		    const struct mo_attempt *attempt)
{
	struct sorter sorter = { .report = report, .before = before, .attempt = attempt };
	const char *said = attempt->evidence ? mo_evidence_said(attempt->evidence) : "";
	enum mo_reason page_reason;

	result->reason = answered(attempt, before, said);
	if (is_of_pages(result->reason)) {
		look_for_causes(&sorter);
		sort_pages(&sorter);
		mo_immovable_free(sorter.immovable);
	}
	page_reason = main_reason(&sorter);
	if (page_reason != MO_REASON_NONE && is_vague(attempt, result->reason))
		result->reason = page_reason;
	result->pages_left = attempt->pages_left;
	mo_report_set_detail(report, result, attempt->abandoned ?
			     "the kernel waits where no signal reaches it, and still works on the block" : said);
}
