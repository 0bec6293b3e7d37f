// SPDX-License-Identifier: GPL-2.0-only
/* A range of pages becomes a report of those that stay. */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/rwsem.h>
#include <linux/sched.h>

#include "compat/compat.h"
#include "migrate.h"

#define MAX_OWNERS_NS	(500 * NSEC_PER_MSEC)	/* to look for owners, in one report */

static DECLARE_RWSEM(lookers);

void mo_look_begin(void)
{
	down_read(&lookers);
}

void mo_look_end(void)
{
	up_read(&lookers);
}

void mo_look_await(void)
{
	down_write(&lookers);
	up_write(&lookers);
}

/* What a page that is about to be put on the LRU, or moved on it, looks like for a moment. */
static bool is_passing(enum memoffline_reason reason)
{
	return reason == MEMOFFLINE_REASON_EXTRA_REFS || reason == MEMOFFLINE_REASON_OFF_LRU;
}

/* One record a folio, however many parts of it are scanned; but each place of it has one. */
static bool has_record(const struct mo_report *report, const struct mo_facts *facts)
{
	return !report->places && report->nr_records && report->records[report->nr_records - 1].pfn == facts->pfn;
}

/* Thousands of pages with hundreds of mappers each: the last records have to do without their names. */
static void fill(struct mo_report *report, struct memoffline_record *record, const struct mo_facts *facts)
{
	u64 began_ns = ktime_get_ns();

	mo_owner_fill(record, facts, report->owners_ns < MAX_OWNERS_NS);
	report->owners_ns += ktime_get_ns() - began_ns;
}

static bool is_refused(const struct mo_report *report, const struct mo_facts *facts, struct mo_refusal *refusal)
{
	return report->asking && mo_asking_find(report->asking, facts->pfn, 1UL << facts->order, refusal);
}

/* Who mapped it when the hook was asked: the reverse map knows nothing of a page that only its driver can move. */
static void tell_refusal(struct memoffline_record *record, const struct mo_refusal *refusal)
{
	struct memoffline_mapper *mapper = &record->mappers[0];

	record->error = refusal->error;
	if (record->nr_mappers)
		return;
	record->nr_mappers = 1;
	mapper->addr = refusal->addr;
	mapper->pid = refusal->pid;
	memcpy(mapper->comm, refusal->comm, sizeof(mapper->comm));
}

static void keep(struct mo_report *report, const struct mo_facts *facts, enum memoffline_reason reason, int error,
		 const struct mo_refusal *refusal, unsigned long nr_pages)
{
	struct memoffline_record *record = has_record(report, facts) ? NULL : mo_report_next(report);

	if (record) {
		fill(report, record, facts);
		record->error = error;
		if (facts->is_refused)
			tell_refusal(record, refusal);
	}
	mo_report_keep(report, record, reason, nr_pages);
}

static enum memoffline_reason reason_of(const struct mo_facts *facts, int error, enum memoffline_reason otherwise)
{
	enum memoffline_reason reason = mo_classify(facts, error);

	if (reason != MEMOFFLINE_REASON_NONE || otherwise == MEMOFFLINE_REASON_NONE)
		return reason;
	reason = mo_classify(facts, -EBUSY);	/* no attempt reached it: what would have kept it? */
	return reason == MEMOFFLINE_REASON_UNKNOWN ? otherwise : reason;
}

/* ---- the report's own memory ---- */

/* Its pages have no other use for the word. */
void mo_scan_spare_own(struct mo_report *report)
{
	unsigned long size = report->max_records * sizeof(*report->records), at;

	if (!is_vmalloc_addr(report->records))
		return;
	for (at = 0; at < size; at += PAGE_SIZE)
		set_page_private(vmalloc_to_page((char *)report->records + at), (unsigned long)report);
}

/* It was taken for the look, and is given back after it. */
static bool is_own(const struct mo_report *report, const struct mo_facts *facts)
{
	if (!report->records)
		return false;
	if (is_vmalloc_addr(report->records))
		return !facts->order && page_private(pfn_to_page(facts->pfn)) == (unsigned long)report;
	return facts->pfn == page_to_pfn(virt_to_head_page(report->records));
}

void mo_scan(unsigned long start_pfn, unsigned long nr_pages, int error, enum memoffline_reason otherwise,
	     struct mo_report *report)
{
	unsigned long pfn = start_pfn, end_pfn = start_pfn + nr_pages, nr;
	enum memoffline_reason reason;
	struct mo_refusal refusal;
	struct mo_facts facts;

	while (pfn < end_pfn) {
		/* The edges are the whole range's, of which this may be a part. */
		nr = mo_facts_read(pfn, report->start_pfn, report->start_pfn + report->nr_pages, &facts);
		nr = min(nr, end_pfn - pfn);
		facts.is_refused = is_refused(report, &facts, &refusal);
		reason = reason_of(&facts, error, otherwise);
		if (is_passing(reason) && !report->is_drained) {
			mo_lru_add_drain_all();
			report->is_drained = true;
			continue;
		}
		report->nr_pages_of[mo_classify_kind(&facts)] += nr;
		if (reason == MEMOFFLINE_REASON_KERNEL && is_own(report, &facts))
			reason = MEMOFFLINE_REASON_NONE;
		if (reason != MEMOFFLINE_REASON_NONE)
			keep(report, &facts, reason, error, &refusal, nr);
		pfn += nr;
		cond_resched();
	}
}
