// SPDX-License-Identifier: GPL-2.0-only
/* The module's reports: bounds, totals, and what happens when memory is short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "report.h"

int pure_fails_after = -1;

static void keep(struct mo_report *report, u64 pfn, enum memoffline_reason reason, u64 nr_pages)
{
	struct memoffline_record *record = mo_report_next(report);

	if (record)
		record->pfn = pfn;
	mo_report_keep(report, record, reason, nr_pages);
}

static void a_new_report_is_empty(void **state)
{
	struct mo_report *report = mo_report_new(0x100000, 32768, 4);

	(void)state;
	assert_non_null(report);
	assert_int_equal(report->start_pfn, 0x100000);
	assert_int_equal(report->nr_pages, 32768);
	assert_int_equal(report->nr_kept, 0);
	assert_int_equal(report->nr_records, 0);
	assert_int_equal(report->max_records, 4);
	assert_int_equal(mo_report_main_reason(report), MEMOFFLINE_REASON_NONE);
	mo_report_free(report);
	mo_report_free(NULL);
}

static void records_keep_their_order(void **state)
{
	struct mo_report *report = mo_report_new(0, 512, 3);

	(void)state;
	for (u64 pfn = 10; pfn < 13; pfn++)
		keep(report, pfn, MEMOFFLINE_REASON_SLAB, 1);
	assert_int_equal(report->nr_records, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(report->records[i].pfn, 10 + i);
		assert_int_equal(report->records[i].reason, MEMOFFLINE_REASON_SLAB);
	}
	mo_report_free(report);
}

static void beyond_the_bound_only_totals_grow(void **state)
{
	struct mo_report *report = mo_report_new(0, 32768, 2);

	(void)state;
	for (u64 pfn = 0; pfn < 5; pfn++)
		keep(report, pfn, MEMOFFLINE_REASON_EXTRA_REFS, 512);
	assert_null(mo_report_next(report));
	assert_int_equal(report->nr_records, 2);
	assert_int_equal(report->nr_kept, 5 * 512);
	assert_int_equal(report->kept_by_reason[MEMOFFLINE_REASON_EXTRA_REFS], 5 * 512);
	mo_report_free(report);
}

static void a_report_without_records_counts(void **state)
{
	struct mo_report *report = mo_report_new(0, 32768, 0);

	(void)state;
	assert_null(report->records);
	assert_null(mo_report_next(report));
	mo_report_keep(report, NULL, MEMOFFLINE_REASON_PGTABLE, 7);
	assert_int_equal(report->nr_kept, 7);
	assert_int_equal(report->nr_records, 0);
	mo_report_trim(report);
	mo_report_free(report);
}

static void a_record_that_was_not_kept_is_used_again(void **state)
{
	struct mo_report *report = mo_report_new(0, 512, 1);
	struct memoffline_record *record = mo_report_next(report);

	(void)state;
	memset(record, 0xff, sizeof(*record));
	assert_ptr_equal(mo_report_next(report), record);
	for (size_t i = 0; i < sizeof(*record); i++)
		assert_int_equal(((unsigned char *)record)[i], 0);
	mo_report_free(report);
}

static void the_main_reason_holds_most_pages(void **state)
{
	struct mo_report *report = mo_report_new(0, 32768, 1);

	(void)state;
	keep(report, 1, MEMOFFLINE_REASON_SLAB, 3);
	assert_int_equal(mo_report_main_reason(report), MEMOFFLINE_REASON_SLAB);
	keep(report, 4, MEMOFFLINE_REASON_EXTRA_REFS, 3);
	assert_int_equal(mo_report_main_reason(report), MEMOFFLINE_REASON_EXTRA_REFS);	/* the lower number, always */
	keep(report, 7, MEMOFFLINE_REASON_UNKNOWN, 4);
	assert_int_equal(mo_report_main_reason(report), MEMOFFLINE_REASON_UNKNOWN);
	mo_report_free(report);
}

static void trimming_gives_back_what_was_not_needed(void **state)
{
	struct mo_report *report = mo_report_new(0, 512, 100);

	(void)state;
	keep(report, 5, MEMOFFLINE_REASON_SLAB, 1);
	keep(report, 6, MEMOFFLINE_REASON_KERNEL, 1);
	mo_report_trim(report);
	assert_int_equal(report->max_records, 2);
	assert_int_equal(report->nr_records, 2);
	assert_int_equal(report->records[1].pfn, 6);
	assert_int_equal(report->records[1].reason, MEMOFFLINE_REASON_KERNEL);
	assert_null(mo_report_next(report));
	mo_report_trim(report);
	assert_int_equal(report->records[0].pfn, 5);
	mo_report_free(report);
}

static void trimming_an_empty_report_leaves_no_records(void **state)
{
	struct mo_report *report = mo_report_new(0, 512, 100);

	(void)state;
	mo_report_trim(report);
	assert_null(report->records);
	assert_int_equal(report->max_records, 0);
	mo_report_free(report);
}

static void without_memory_trimming_keeps_what_it_has(void **state)
{
	struct mo_report *report = mo_report_new(0, 512, 100);

	(void)state;
	keep(report, 5, MEMOFFLINE_REASON_SLAB, 1);
	pure_fails_after = 0;
	mo_report_trim(report);
	assert_int_equal(pure_fails_after, -1);
	assert_int_equal(report->max_records, 100);
	assert_int_equal(report->records[0].pfn, 5);
	mo_report_free(report);
}

static void without_memory_there_is_no_report(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		pure_fails_after = i;
		assert_null(mo_report_new(0, 512, 100));
		assert_int_equal(pure_fails_after, -1);
	}
}

static void records_of_a_process_have_their_places(void **state)
{
	struct mo_report *report = mo_report_new_placed(2);

	(void)state;
	for (u64 i = 1; i <= 3; i++) {
		report->place = (struct mo_place){ i << 20, i, i << 30, i << 31 };
		keep(report, i, MEMOFFLINE_REASON_SLAB, 1);
	}
	assert_int_equal(report->nr_records, 2);
	for (u64 i = 0; i < 2; i++) {
		assert_int_equal(report->places[i].addr, (i + 1) << 20);
		assert_int_equal(report->places[i].nr_pages, i + 1);
		assert_int_equal(report->places[i].vma_end, (i + 1) << 31);
	}
	mo_report_free(report);
	report = mo_report_new_placed(0);
	assert_null(report->places);
	mo_report_free(report);
}

static void without_memory_there_is_no_report_with_places(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		pure_fails_after = i;
		assert_null(mo_report_new_placed(100));
		assert_int_equal(pure_fails_after, -1);
	}
}

static void trimming_keeps_places(void **state)
{
	struct mo_report *report = mo_report_new_placed(100);

	(void)state;
	report->place.addr = 1 << 20;
	keep(report, 5, MEMOFFLINE_REASON_SLAB, 1);
	mo_report_trim(report);
	keep(report, 6, MEMOFFLINE_REASON_SLAB, 1);
	assert_int_equal(report->nr_records, 2);
	assert_int_equal(report->places[1].addr, 1 << 20);
	mo_report_free(report);
}

static void what_another_attempt_kept_takes_the_place_of_all(void **state)
{
	struct mo_report *from = mo_report_new(0, 32768, 3), *report = mo_report_new(32768, 32768, 2);

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		struct memoffline_record *record = mo_report_next(from);

		record->pfn = i;
		mo_report_keep(from, record, MEMOFFLINE_REASON_LOCKED, 2);
	}
	mo_report_keep(report, mo_report_next(report), MEMOFFLINE_REASON_SLAB, 1);
	report->nr_moved = 5;
	mo_report_copy_kept(report, from);
	assert_int_equal(report->nr_kept, 6);
	assert_int_equal(report->kept_by_reason[MEMOFFLINE_REASON_LOCKED], 6);
	assert_int_equal(report->kept_by_reason[MEMOFFLINE_REASON_SLAB], 0);
	assert_int_equal(report->nr_records, 2);	/* there is room for no more */
	assert_int_equal(report->records[1].pfn, 1);
	assert_int_equal(report->records[1].reason, MEMOFFLINE_REASON_LOCKED);
	assert_int_equal(report->start_pfn, 32768);
	assert_int_equal(report->nr_moved, 5);
	mo_report_free(report);
	report = mo_report_new(32768, 32768, 0);
	mo_report_copy_kept(report, from);
	assert_int_equal(report->nr_records, 0);
	assert_int_equal(report->nr_kept, 6);
	mo_report_free(report);
	mo_report_free(from);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_report_is_empty),
		cmocka_unit_test(records_keep_their_order),
		cmocka_unit_test(beyond_the_bound_only_totals_grow),
		cmocka_unit_test(a_report_without_records_counts),
		cmocka_unit_test(a_record_that_was_not_kept_is_used_again),
		cmocka_unit_test(the_main_reason_holds_most_pages),
		cmocka_unit_test(trimming_gives_back_what_was_not_needed),
		cmocka_unit_test(trimming_an_empty_report_leaves_no_records),
		cmocka_unit_test(without_memory_trimming_keeps_what_it_has),
		cmocka_unit_test(without_memory_there_is_no_report),
		cmocka_unit_test(records_of_a_process_have_their_places),
		cmocka_unit_test(without_memory_there_is_no_report_with_places),
		cmocka_unit_test(trimming_keeps_places),
		cmocka_unit_test(what_another_attempt_kept_takes_the_place_of_all),
	};

	return cmocka_run_group_tests_name("kernel report", tests, NULL, NULL);
}
