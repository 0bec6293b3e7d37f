/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an attempt leaves to be told: totals, and a bounded number of records. Pure: no mm headers, so that it is
 * compiled and tested in user space as well; pure.h is the one include that differs there.
 *
 * A report is filled by one task. Its records are taken in the order of their pages; beyond the bound only totals grow.
 */
#ifndef MEMOFFLINE_REPORT_H
#define MEMOFFLINE_REPORT_H

#include "pure.h"
#include "include/uapi/linux/memoffline.h"

struct mo_asking;

/* Where a record's pages are in a process. */
struct mo_place {
	u64 addr;
	u64 nr_pages;			/* from addr on */
	u64 vma_start;
	u64 vma_end;
};

struct mo_report {
	u64 start_pfn;
	u64 nr_pages;
	u64 start_ns;			/* since the epoch */
	u64 elapsed_ns;
	u64 nr_moved;			/* pages */
	u64 nr_evicted;			/* pages */
	u64 nr_split;			/* folios */
	u64 nr_policy_violated;		/* pages */
	u64 nr_kept;			/* pages */
	u64 kept_by_reason[MEMOFFLINE_REASON_NR];	/* pages */
	u64 nr_pages_of[MEMOFFLINE_KIND_NR];		/* of a scan */
	u64 owners_ns;			/* that looking for owners has taken */
	struct mo_asking *asking;	/* whose refusals a scan looks up, while that lasts; NULL: no hook was asked */
	bool is_drained;		/* a scan need not empty the per-cpu lists of LRU pages again */
	int error;
	enum memoffline_reason reason;
	u32 nr_passes;
	s32 pid;
	char comm[MEMOFFLINE_COMM_LEN];
	u32 nr_records;
	u32 max_records;
	struct memoffline_record *records;
	struct mo_place place;		/* of what is kept next, where there are places */
	struct mo_place *places;	/* of the records; NULL: they have none */
};

/* Room for MAX_RECORDS records, which may be 0. NULL: no memory. */
struct mo_report *mo_report_new(u64 start_pfn, u64 nr_pages, u32 max_records);
/* Likewise, and each record has a place. The report is of no range of pages. */
struct mo_report *mo_report_new_placed(u32 max_records);
void mo_report_free(struct mo_report *report);	/* accepts NULL */

/*
 * The next record to fill, cleared, or NULL beyond the bound; mo_report_keep() counts it after it was filled, or
 * counts alone where record is NULL: nr_pages that stay for that reason.
 */
struct memoffline_record *mo_report_next(struct mo_report *report);
void mo_report_keep(struct mo_report *report, struct memoffline_record *record, enum memoffline_reason reason,
		    u64 nr_pages);

/* What holds most pages; MEMOFFLINE_REASON_NONE when none stayed. */
enum memoffline_reason mo_report_main_reason(const struct mo_report *report);

/* What another attempt kept, as far as there is room for its records; the pages that were kept before count no more. */
void mo_report_copy_kept(struct mo_report *report, const struct mo_report *from);

/* Gives back the room for records that were not needed. Never fails: it may keep what it has, and does so of places. */
void mo_report_trim(struct mo_report *report);

#endif
