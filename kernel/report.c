// SPDX-License-Identifier: GPL-2.0-only
/* What an attempt leaves to be told: totals, and a bounded number of records. */
#include "report.h"

/* A report may be wanted when memory is short: it rather has no records than that somebody is killed for it. */
#define GFP_REPORT	(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

struct mo_report *mo_report_new(u64 start_pfn, u64 nr_pages, u32 max_records)
{
	struct mo_report *report = kzalloc(sizeof(*report), GFP_REPORT);

	if (!report)
		return NULL;
	if (max_records) {
		report->records = kvcalloc(max_records, sizeof(*report->records), GFP_REPORT);
		if (!report->records)
			goto free_report;
	}
	report->start_pfn = start_pfn;
	report->nr_pages = nr_pages;
	report->max_records = max_records;
	return report;

free_report:
	kfree(report);
	return NULL;
}

struct mo_report *mo_report_new_placed(u32 max_records)
{
	struct mo_report *report = mo_report_new(0, ~0ULL, max_records);

	if (!report || !max_records)
		return report;
	report->places = kvcalloc(max_records, sizeof(*report->places), GFP_REPORT);
	if (report->places)
		return report;
	mo_report_free(report);
	return NULL;
}

void mo_report_free(struct mo_report *report)
{
	if (!report)
		return;
	kvfree(report->places);
	kvfree(report->records);
	kfree(report);
}

struct memoffline_record *mo_report_next(struct mo_report *report)
{
	struct memoffline_record *record;

	if (report->nr_records >= report->max_records)
		return NULL;
	record = &report->records[report->nr_records];
	memset(record, 0, sizeof(*record));	/* one that was not kept may have left something */
	return record;
}

void mo_report_keep(struct mo_report *report, struct memoffline_record *record, enum memoffline_reason reason,
		    u64 nr_pages)
{
	report->nr_kept += nr_pages;
	report->kept_by_reason[reason] += nr_pages;
	if (!record)
		return;
	record->reason = reason;
	if (report->places)
		report->places[report->nr_records] = report->place;
	report->nr_records++;
}

void mo_report_copy_kept(struct mo_report *report, const struct mo_report *from)
{
	report->nr_kept = from->nr_kept;
	memcpy(report->kept_by_reason, from->kept_by_reason, sizeof(report->kept_by_reason));
	report->nr_records = from->nr_records < report->max_records ? from->nr_records : report->max_records;
	if (report->nr_records)
		memcpy(report->records, from->records, (size_t)report->nr_records * sizeof(*report->records));
}

enum memoffline_reason mo_report_main_reason(const struct mo_report *report)
{
	const u64 *kept = report->kept_by_reason;
	int most = MEMOFFLINE_REASON_NONE, reason;

	for (reason = 0; reason < MEMOFFLINE_REASON_NR; reason++)
		if (kept[reason] > kept[most])
			most = reason;
	return most;
}

void mo_report_trim(struct mo_report *report)
{
	struct memoffline_record *records = NULL;
	size_t len_bytes = (size_t)report->nr_records * sizeof(*records);

	if (report->nr_records == report->max_records || report->places)
		return;
	if (len_bytes) {
		records = kvcalloc(report->nr_records, sizeof(*records), GFP_REPORT);
		if (!records)
			return;
		memcpy(records, report->records, len_bytes);
	}
	kvfree(report->records);
	report->records = records;
	report->max_records = report->nr_records;
}
