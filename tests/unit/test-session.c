// SPDX-License-Identifier: GPL-2.0-only
/* Answers of a module that is not there: ioctl() is the test's own (--wrap=ioctl). */
#include <linux/memoffline.h>
#include <sys/ioctl.h>

#include "machine.h"

/* What the device answers. */
static struct {
	int error;
	uint64_t features;
	struct memoffline_report report;	/* its out_ members */
	struct memoffline_record records[MO_RECORDS_MAX];
	uint32_t nr_records;
	unsigned int nr_requests;
} device;

static struct machine machine;
static struct mo_session *session;

static uint32_t put_records(uint64_t address, uint32_t room)
{
	uint32_t nr = device.nr_records < room ? device.nr_records : room;

	memcpy((void *)(uintptr_t)address, device.records, nr * sizeof(device.records[0]));
	return nr;
}

static void answer_info(struct memoffline_info *info)
{
	assert_int_equal(info->size, sizeof(*info));
	assert_int_equal(info->flags, 0);
	info->out_version = 1;
	info->out_nr_workers = 3;
	info->out_features = device.features;
	info->out_deadline_ms = 10000;
	info->out_stall_ms = 500;
}

static void answer_report(struct memoffline_report *report)
{
	struct memoffline_report answer = device.report;

	assert_int_equal(report->size, sizeof(*report));
	answer.size = report->size;
	answer.start_pfn = report->start_pfn;
	answer.records = report->records;
	answer.nr_records = report->nr_records;
	answer.out_nr_records = put_records(report->records, report->nr_records);
	*report = answer;
}

static void answer_scan(struct memoffline_scan *scan)
{
	assert_int_equal(scan->size, sizeof(*scan));
	scan->out_nr_records = put_records(scan->records, scan->nr_records);
}

int __wrap_ioctl(int fd, unsigned long number, void *arg);
int __wrap_ioctl(int fd, unsigned long number, void *arg)
{
	(void)fd;
	device.nr_requests++;
	if (device.error) {
		errno = device.error;
		return -1;
	}
	if (number == MEMOFFLINE_INFO)
		answer_info(arg);
	else if (number == MEMOFFLINE_REPORT)
		answer_report(arg);
	else if (number == MEMOFFLINE_SCAN)
		answer_scan(arg);
	else
		fail_msg("request %#lx", number);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(&device, 0, sizeof(device));
	OPEN(&machine, DIMM_MACHINE, "file=dev/memoffline,", "file=sys/module/memoffline/parameters/enabled,Y\\+");
	assert_int_equal(mo_session_open(machine.ctx, &session), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mo_session_close(session);
	machine_close(&machine);
	return 0;
}

/* Ordinary, in base pages. */
static struct memoffline_record *add(uint64_t pfn, uint32_t reason)
{
	struct memoffline_record *record = &device.records[device.nr_records++];

	*record = (struct memoffline_record){ .pfn = pfn, .kind = MEMOFFLINE_KIND_SLAB, .reason = reason, .refs = 1,
					      .refs_expected = -1, .mapcount = 0, .pincount = 0 };
	return record;
}

static struct mo_report *take_records(uint64_t nr_kept)
{
	struct mo_core_attempt attempt;
	struct mo_report *report;

	device.report.out_nr_kept = nr_kept;
	assert_int_equal(mo_report_new(machine.ctx, "offline", "memory32", &report), 0);
	assert_int_equal(mo_session_last(session, 0x100000, &attempt), 0);
	mo_session_add_records(session, &attempt, 32, report);
	return report;
}

/* ---- the device ---- */

static void test_no_device(void **state)
{
	struct mo_session *none = NULL;

	(void)state;
	ADD(&machine, "remove=dev/memoffline");
	assert_int_equal(mo_session_open(machine.ctx, &none), -ENOENT);
	assert_says(machine.ctx, "although the module is loaded");
	ADD(&machine, "remove=sys/module/memoffline/parameters/enabled", "remove=sys/module/memoffline/parameters");
	assert_int_equal(mo_session_open(machine.ctx, &none), -ENOENT);
	assert_says(machine.ctx, "is not loaded; load it");
	assert_null(none);
}

static void test_set_aside(void **state)
{
	(void)state;
	assert_true(mo_module_is_loaded(machine.ctx));
	assert_true(mo_module_is_enabled(machine.ctx));
	ADD(&machine, "file=sys/module/memoffline/parameters/enabled,N\\+");
	assert_false(mo_module_is_enabled(machine.ctx));
	assert_int_equal(mo_module_load(machine.ctx), -EROFS);	/* nothing is loaded for a recorded tree */
}

static void test_versions_that_differ(void **state)
{
	struct mo_core_info info;
	static const int errors[] = { ENOTTY, EINVAL, E2BIG };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		device.error = errors[i];
		assert_int_equal(mo_session_info(session, &info), -errors[i]);
		assert_says(machine.ctx, "different versions");
		assert_says(machine.ctx, "INFO");
	}
	device.error = ENOMEM;
	assert_int_equal(mo_session_info(session, &info), -ENOMEM);
	assert_says(machine.ctx, "Cannot allocate memory");
}

static void test_features(void **state)
{
	struct mo_core_info info;

	(void)state;
	device.features = (1ULL << MEMOFFLINE_FEATURE_NR) - 1;
	assert_int_equal(mo_session_info(session, &info), 0);
	assert_string_equal(info.missing, "");
	assert_true(info.sees_isolation && info.names_owners);
	assert_int_equal(info.nr_workers, 3);
	device.features &= ~(MEMOFFLINE_FEATURE_ISOLATION | MEMOFFLINE_FEATURE_SWAPOUT);
	assert_int_equal(mo_session_info(session, &info), 0);
	assert_string_equal(info.missing, "eviction to swap, reports of failed isolation");
	assert_false(info.sees_isolation);
	for (unsigned int i = 0; i < MEMOFFLINE_FEATURE_NR; i++) {
		device.features = ((1ULL << MEMOFFLINE_FEATURE_NR) - 1) & ~(1ULL << i);
		assert_int_equal(mo_session_info(session, &info), 0);
		assert_string_not_equal(info.missing, "");	/* each has a name */
	}
	device.features = 0;
	assert_int_equal(mo_session_info(session, &info), 0);
	assert_true(strlen(info.missing) < sizeof(info.missing) - 1);	/* all of them fit */
}

/* ---- records ---- */

static void test_totals(void **state)
{
	struct mo_core_attempt attempt;

	(void)state;
	device.report = (struct memoffline_report){
		.out_start_pfn = 0x100000, .out_nr_pages = 32768, .out_nr_moved = 5, .out_nr_evicted = 6,
		.out_nr_kept = 7, .out_nr_policy_violated = 8,
		.out_start_ns = 1795233661123456789ULL, .out_elapsed_ns = 98765432,
		.out_error = -EBUSY, .out_reason = MEMOFFLINE_REASON_STALL, .out_pid = 99,
	};
	memset(device.report.out_comm, 'x', sizeof(device.report.out_comm));	/* without an end */
	assert_int_equal(mo_session_last(session, NO_PFN, &attempt), 0);
	assert_int_equal(attempt.start_pfn, 0x100000);
	assert_int_equal(attempt.nr_pages, 32768);
	assert_int_equal(attempt.nr_moved, 5);
	assert_int_equal(attempt.nr_evicted, 6);
	assert_int_equal(attempt.nr_kept, 7);
	assert_int_equal(attempt.nr_policy_violated, 8);
	assert_int_equal(attempt.start_ms, 1795233661123);
	assert_int_equal(attempt.elapsed_ms, 98);
	assert_int_equal(attempt.error, -EBUSY);
	assert_int_equal(attempt.reason, MO_REASON_STALL);
	assert_int_equal(attempt.pid, 99);
	assert_string_equal(attempt.comm, "xxxxxxxxxxxxxxx");
	device.error = ENOENT;
	assert_int_equal(mo_session_last(session, NO_PFN, &attempt), -ENOENT);
}

static void test_runs(void **state)
{
	struct mo_report *report;

	(void)state;
	for (size_t i = 0; i < 8; i++)
		add(0x100000 + i, i < 5 ? MEMOFFLINE_REASON_OFF_LRU : MEMOFFLINE_REASON_LOCKED)->kind =
			MEMOFFLINE_KIND_CACHE;
	device.records[3].refs = 2;	/* differs */
	device.records[4].refs = 2;
	device.records[4].pfn++;	/* a gap */
	device.records[6].pfn = 0x100008;
	device.records[6].order = 3;
	device.records[7].pfn = 0x100010;
	device.records[7].order = 3;	/* whole folios stay on their own */
	report = take_records(100);
	assert_int_equal(mo_report_nr_records(report), 6);
	assert_int_equal(mo_report_record(report, 0)->nr_pages, 3);
	assert_int_equal(mo_report_record(report, 1)->start_pfn, 0x100003);
	assert_int_equal(mo_report_record(report, 1)->nr_pages, 1);
	assert_int_equal(mo_report_record(report, 4)->nr_pages, 8);
	assert_int_equal(mo_report_record(report, 5)->start_pfn, 0x100010);
	assert_int_equal(mo_report_nr_pages_kept(report), 100);	/* those beyond the records, too */
	mo_report_unref(report);
}

/* Of them no more than the cache matters. */
static void test_runs_of_slabs(void **state)
{
	struct mo_report *report;

	(void)state;
	add(0x100000, MEMOFFLINE_REASON_SLAB)->order = 1;
	add(0x100002, MEMOFFLINE_REASON_SLAB)->refs = 7;
	add(0x100003, MEMOFFLINE_REASON_SLAB)->order = 2;
	add(0x100007, MEMOFFLINE_REASON_SLAB);
	for (size_t i = 0; i < 4; i++)
		strcpy(device.records[i].name, i < 3 ? "dentry" : "inode_cache");
	report = take_records(8);
	assert_int_equal(mo_report_nr_records(report), 2);
	assert_int_equal(mo_report_record(report, 0)->nr_pages, 7);
	assert_string_equal(mo_report_record(report, 0)->slab, "dentry");
	assert_string_equal(mo_report_record(report, 0)->file, "");
	assert_string_equal(mo_report_record(report, 1)->slab, "inode_cache");
	mo_report_unref(report);
}

static void test_owners(void **state)
{
	struct memoffline_record *record = add(0x100000, MEMOFFLINE_REASON_EXTRA_REFS);
	struct mo_report *report;
	const struct mo_record *told;

	(void)state;
	record->kind = MEMOFFLINE_KIND_CACHE;
	record->file_dev = 8 << 20 | 3;
	add(0x100001, MEMOFFLINE_REASON_EXTRA_REFS);	/* nobody's: no part of the first one's run */
	record->nr_mappers = 33;
	for (int i = 0; i < MEMOFFLINE_MAPPERS_KEPT; i++) {
		record->mappers[i] = (struct memoffline_mapper){ .pid = 100 + i, .addr = 0x7f0000000000 + i };
		memset(record->mappers[i].comm, 'a' + i, MEMOFFLINE_COMM_LEN);
	}
	memset(record->name, 'n', sizeof(record->name));
	report = take_records(2);
	assert_int_equal(mo_report_nr_records(report), 2);
	told = mo_report_record(report, 0);
	assert_int_equal(told->nr_owners, 33);
	assert_int_equal(told->nr_owners_kept, 4);
	assert_int_equal(mo_record_owner(told, 3)->pid, 103);
	assert_int_equal(mo_record_owner(told, 3)->addr, 0x7f0000000003);
	assert_string_equal(mo_record_owner(told, 3)->comm, "ddddddddddddddd");
	assert_string_equal(mo_record_owner(told, 0)->vma, "");
	assert_int_equal(strlen(told->file), sizeof(record->name) - 1);
	assert_int_equal(told->file_major, 8);
	assert_int_equal(told->file_minor, 3);
	assert_int_equal(mo_report_record(report, 1)->nr_owners, 0);
	mo_report_unref(report);
}

/* A module of a later version. */
static void test_unknown_words(void **state)
{
	struct memoffline_record *record = add(0x100000, MEMOFFLINE_REASON_NR + 5);
	struct mo_report *report;

	(void)state;
	record->kind = MEMOFFLINE_KIND_NR + 5;
	record->order = 70;
	report = take_records(1);
	assert_int_equal(mo_report_record(report, 0)->reason, MO_REASON_UNKNOWN);
	assert_int_equal(mo_report_record(report, 0)->kind, MO_KIND_KERNEL);
	assert_int_equal(mo_report_record(report, 0)->nr_pages, 1);
	mo_report_unref(report);
}

/* The names of mappings are of the machine, not of the module. */
static void test_names_of_mappings(void **state)
{
	struct memoffline_record *record = add(0x100000, MEMOFFLINE_REASON_EXTRA_REFS);
	struct mo_report *report;

	(void)state;
	ADD(&machine, "file=proc/100/maps,"
	    "555500000000-555500010000 rw-p 00000000 00:00 0    [heap]\\+7f0000000000-7f0000002000 rw-s 00000000 00:01 7    /dev/shm/a b\\+");
	record->nr_mappers = 3;
	record->mappers[0] = (struct memoffline_mapper){ .pid = 100, .addr = 0x7f0000001000 };
	record->mappers[1] = (struct memoffline_mapper){ .pid = 100, .addr = 0x7f0000002000 };	/* behind it */
	record->mappers[2] = (struct memoffline_mapper){ .pid = 101, .addr = 0x7f0000001000 };	/* gone */
	report = take_records(1);
	assert_int_equal(mo_owners_search(machine.ctx, report, false, 60000), 0);
	assert_string_equal(mo_record_owner(mo_report_record(report, 0), 0)->vma, "/dev/shm/a b");
	assert_string_equal(mo_record_owner(mo_report_record(report, 0), 1)->vma, "");
	assert_string_equal(mo_record_owner(mo_report_record(report, 0), 2)->vma, "");
	mo_report_unref(report);
}

/* ---- scans ---- */

static void test_scan_of_nothing(void **state)
{
	struct mo_core_scan scan;

	(void)state;
	assert_int_equal(mo_session_scan(session, 0x100000, 32768, &scan), 0);
	assert_int_equal(scan.reason, MO_REASON_NONE);
	assert_int_equal(scan.reason_pages, 0);
	assert_true(scan.reason_pfn == NO_PFN);
}

static void test_scan_names_what_holds_most(void **state)
{
	struct mo_core_scan scan;

	(void)state;
	add(0x100000, MEMOFFLINE_REASON_LOCKED)->order = 9;	/* gone in a moment */
	add(0x100200, MEMOFFLINE_REASON_WRITEBACK)->order = 9;
	add(0x100400, MEMOFFLINE_REASON_SLAB);
	add(0x100500, MEMOFFLINE_REASON_EXTRA_REFS);
	add(0x100501, MEMOFFLINE_REASON_EXTRA_REFS);
	assert_int_equal(mo_session_scan(session, 0x100000, 32768, &scan), 0);
	assert_int_equal(scan.reason, MO_REASON_EXTRA_REFS);
	assert_int_equal(scan.reason_pages, 2);
	assert_int_equal(scan.reason_pfn, 0x100500);
}

/* A plan asks the module about blocks that look as if they could go, and about no others. */
static void test_verdict(void **state)
{
	struct mo_step step = { .block = 32 };

	(void)state;
	machine_read(&machine);
	mo_step_judge(machine.memory, NULL, NULL, &step);
	assert_int_equal(step.verdict, MO_VERDICT_LIKELY);
	mo_step_judge(machine.memory, NULL, session, &step);
	assert_int_equal(step.verdict, MO_VERDICT_LIKELY);
	add(0x100500, MEMOFFLINE_REASON_DMA_PINNED)->order = 4;
	mo_step_judge(machine.memory, NULL, session, &step);
	assert_int_equal(step.verdict, MO_VERDICT_UNLIKELY);
	assert_int_equal(step.reason, MO_REASON_DMA_PINNED);
	assert_int_equal(step.reason_pages, 16);
	assert_int_equal(step.reason_pfn, 0x100500);
	device.error = ENOMEM;	/* then it stays with what the flags say */
	step = (struct mo_step){ .block = 32 };
	mo_step_judge(machine.memory, NULL, session, &step);
	assert_int_equal(step.verdict, MO_VERDICT_LIKELY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_device),
		TEST(test_set_aside),
		TEST(test_versions_that_differ),
		TEST(test_features),
		TEST(test_totals),
		TEST(test_runs),
		TEST(test_runs_of_slabs),
		TEST(test_owners),
		TEST(test_unknown_words),
		TEST(test_names_of_mappings),
		TEST(test_scan_of_nothing),
		TEST(test_scan_names_what_holds_most),
		TEST(test_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
