// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel says: records of /dev/kmsg and lines of trace_pipe, recorded on both kernels. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "private.h"

#define START_PFN 0x100000
#define NR_PAGES 32768

static const char anon_6_12[] =
	"4,403,4579774,-;migrating pfn 100000 failed ret:1\n"
	"4,404,4580237,-;page: refcount:3 mapcount:1 mapping:0000000000000000 index:0x7f0679e00 pfn:0x100000\n"
	"4,405,4580574,-;memcg:ff2c3aad0104d000\n"
	"4,406,4580674,-;anon flags: 0x5fffffc0020918(uptodate|dirty|active|owner_2|swapbacked|node=1|zone=3|lastcpupid=0x1fffff)\n"
	"4,407,4581215,-;raw: 005fffffc0020918 ff432d1f0050b880 ff432d1f0050b880 ff2c3aad109f9ea1\n"
	"4,408,4581392,-;raw: 00000007f0679e00 0000000000000000 0000000300000000 ff2c3aad0104d000\n"
	"4,409,4581591,-;page dumped because: migration failure\n";

static const char thp_6_12[] =
	"4,474,11741056,-;do_migrate_range: 526 callbacks suppressed\n"
	"4,475,11741135,-;migrating pfn 100200 failed ret:1\n"
	"4,476,11741591,-;page: refcount:3 mapcount:0 mapping:0000000000000000 index:0x7fc234800 pfn:0x100200\n"
	"4,477,11741920,-;head: order:9 mapcount:1 entire_mapcount:1 nr_pages_mapped:0 pincount:0\n"
	"4,478,11742150,-;memcg:ff2c3aad0104d000\n"
	"4,479,11742273,-;anon flags: 0x5fffffc002095c(referenced|uptodate|dirty|active|owner_2|head|swapbacked|node=1|zone=3|lastcpupid=0x1fffff)\n"
	"4,480,11742632,-;raw: 005fffffc002095c ff432d1f004e3910 ff432d1f004e3910 ff2c3aad02b25619\n"
	"4,482,11743116,-;head: 005fffffc002095c ff432d1f004e3910 ff432d1f004e3910 ff2c3aad02b25619\n"
	"4,483,11743339,-;head: 00000007fc234800 0000000000000000 00000003ffffffff ff2c3aad0104d000\n"
	"4,486,11744441,-;page dumped because: migration failure\n";

static const char thp_6_1[] =
	"4,472,11750806,-;migrating pfn 100200 failed ret:1\n"
	"4,473,11751235,-;page:00000000b14afc2e refcount:3 mapcount:1 mapping:0000000000000000 index:0x7f3e19e00 pfn:0x100200\n"
	"4,474,11751510,-;head:00000000b14afc2e order:9 compound_mapcount:1 compound_pincount:0\n"
	"4,475,11753606,-;memcg:ff2b387e4114b000\n"
	"4,476,11754254,-;anon flags: 0x5fffffc00b000e(referenced|uptodate|dirty|head|mappedtodisk|swapbacked|node=1|zone=3|lastcpupid=0x1fffff)\n"
	"4,477,11754684,-;raw: 005fffffc00b000e 0000000000000000 dead000000000122 ff2b387e02b25619\n"
	"4,479,11755717,-;page dumped because: migration failure\n";

/* A file named we"ird\na<TAB>me<NEWLINE><0xff>, as %ps and the log print it. */
static const char file_6_1[] =
	"4,639,28326428,-;migrating pfn 100000 failed ret:1\n"
	"4,640,28326935,-;page:00000000f488f41e refcount:5 mapcount:1 mapping:00000000750510df index:0x0 pfn:0x100000\n"
	"4,641,28327330,-;memcg:ff2b387e4114b000\n"
	"4,642,28327448,-;aops:ext4_da_aops [ext4] ino:c dentry name(?):\"we\"ird\\x5cna\\x09me\\x0a\\xff\"\n"
	"4,643,28327957,-;flags: 0x5fffffc000200e(referenced|uptodate|dirty|private|node=1|zone=3|lastcpupid=0x1fffff)\n"
	"4,646,28328813,-;page dumped because: migration failure\n";

static const char shmem_6_12[] =
	"4,598,18837751,-;page: refcount:4 mapcount:1 mapping:000000003301149a index:0x0 pfn:0x107fff\n"
	"4,599,18838160,-;memcg:ff2c3aad0104d000\n"
	"4,600,18838461,-;aops:shmem_aops ino:2 dentry name(?):\"memfd:pin\"\n"
	"4,601,18838821,-;flags: 0x5fffffc0020118(uptodate|dirty|active|swapbacked|node=1|zone=3|lastcpupid=0x1fffff) CMA\n"
	"4,604,18839555,-;page dumped because: isolation failed\n";

static const char refused[] =
	"7,769,34396595,-;memory offlining [mem 0x100000000-0x107ffffff] failed due to failure to isolate range\n";
static const char other_refused[] =
	"7,769,34396595,-;memory offlining [mem 0x08000000-0x0fffffff] failed due to memory holes\n";

static int setup(void **state)
{
	struct mo_klog *klog = mo_klog_new();

	assert_non_null(klog);
	mo_klog_reset(klog, START_PFN, NR_PAGES, 4096);
	*state = klog;
	return 0;
}

static int teardown(void **state)
{
	mo_klog_free(*state);
	return 0;
}

/* Record by record, as read() gives them: each in memory of its own size, so that a read beyond its end is seen. */
static void feed(struct mo_klog *klog, const char *text)
{
	size_t len;
	char *record;

	for (; *text; text += len) {
		len = strcspn(text, "\n") + 1;
		record = malloc(len);
		memcpy(record, text, len);
		mo_klog_record(klog, record, len);
		free(record);
	}
}

static void a_pinned_page_of_6_12(void **state)
{
	const struct mo_dump *dump;

	feed(*state, anon_6_12);
	assert_true(mo_klog_stuck_pfn(*state) == START_PFN);
	dump = mo_klog_dump(*state, START_PFN);
	assert_non_null(dump);
	assert_int_equal(dump->refs, 3);
	assert_int_equal(dump->mapcount, 1);
	assert_int_equal(dump->pincount, -1);
	assert_int_equal(dump->order, 0);
	assert_int_equal(dump->ret, 1);
	assert_string_equal(dump->cause, "migration failure");
	assert_true(dump->movable_failed);
	assert_false(dump->cma);
	assert_string_equal(dump->aops, "");
	assert_string_equal(dump->name, "");
	assert_null(mo_klog_dump(*state, START_PFN + 1));
	assert_ptr_equal(mo_klog_dump_at(*state, 0), dump);
	assert_null(mo_klog_dump_at(*state, 1));
}

static void check_thp(struct mo_klog *klog)
{
	const struct mo_dump *dump = mo_klog_dump(klog, 0x100200);

	assert_non_null(dump);
	assert_int_equal(dump->refs, 3);
	assert_int_equal(dump->order, 9);
	assert_int_equal(dump->mapcount, 1);
	assert_int_equal(dump->folio_mapcount, 1);
	assert_int_equal(dump->pincount, 0);
	/* one dump for all parts */
	assert_ptr_equal(mo_klog_dump(klog, 0x1003ff), dump);
	assert_null(mo_klog_dump(klog, 0x100400));
	assert_null(mo_klog_dump(klog, 0x1001ff));
}

static void a_pinned_huge_page_of_6_12(void **state)
{
	feed(*state, thp_6_12);
	check_thp(*state);
}

static void a_pinned_huge_page_of_6_1(void **state)
{
	feed(*state, thp_6_1);
	check_thp(*state);
}

static void a_huge_page_mapped_in_parts_on_6_1_is_uncertain(void **state)
{
	feed(*state,
	     "4,1,1,-;page:00000000b14afc2e refcount:513 mapcount:1 mapping:0000000000000000 index:0x7f3e19e00 pfn:0x100200\n"
	     "4,2,2,-;head:00000000b14afc2e order:9 compound_mapcount:0 compound_pincount:0\n"
	     "4,3,3,-;page dumped because: migration failure\n");
	assert_int_equal(mo_klog_dump(*state, 0x100200)->folio_mapcount, -1);
	assert_int_equal(mo_klog_dump(*state, 0x100200)->mapcount, 1);
}

static void a_file_name_may_hold_any_byte(void **state)
{
	const struct mo_dump *dump;

	feed(*state, file_6_1);
	dump = mo_klog_dump(*state, START_PFN);
	assert_non_null(dump);
	assert_string_equal(dump->name, "we\"ird\\na\tme\n\xff");
	assert_string_equal(dump->aops, "ext4_da_aops");
	assert_int_equal(dump->ino, 0xc);
	assert_int_equal(dump->refs, 5);
}

static void the_cause_and_the_area_are_told(void **state)
{
	const struct mo_dump *dump;

	feed(*state, shmem_6_12);
	dump = mo_klog_dump(*state, 0x107fff);
	assert_non_null(dump);
	assert_string_equal(dump->cause, "isolation failed");
	assert_string_equal(dump->name, "memfd:pin");
	assert_false(dump->movable_failed);
	assert_true(dump->cma);
	assert_int_equal(dump->ret, 0);
}

static void pages_of_other_ranges_do_not_count(void **state)
{
	mo_klog_reset(*state, START_PFN + 1, NR_PAGES, 4096);
	feed(*state, anon_6_12);
	feed(*state, refused);
	assert_null(mo_klog_dump_at(*state, 0));
	assert_true(mo_klog_stuck_pfn(*state) == NO_PFN);
	assert_string_equal(mo_klog_said(*state), "");
}

static void other_lines_may_stand_between(void **state)
{
	const struct mo_dump *dump;

	feed(*state,
	     "4,1,1,-;migrating pfn 100000 failed ret:-12\n"
	     "6,2,2,-;usb 1-1: new device\n SUBSYSTEM=usb\n DEVICE=+usb:1-1\n"
	     "4,3,3,-;page: refcount:2 mapcount:1 mapping:0000000000000000 index:0x7f0679e00 pfn:0x100000\n"
	     "6,4,4,-;pagecache: nothing of the kind\n"
	     "4,5,5,-;page dumped because: migration failure\n");
	dump = mo_klog_dump(*state, START_PFN);
	assert_non_null(dump);
	assert_int_equal(dump->ret, -12);
	assert_int_equal(dump->refs, 2);
}

static void the_newest_dump_counts(void **state)
{
	feed(*state, anon_6_12);
	feed(*state,
	     "4,1,1,-;page: refcount:9 mapcount:4 mapping:0000000000000000 index:0x7f0679e00 pfn:0x100000\n"
	     "4,2,2,-;page dumped because: migration failure\n");
	assert_int_equal(mo_klog_dump(*state, START_PFN)->refs, 9);
	assert_null(mo_klog_dump_at(*state, 1));
}

static void the_word_for_why_is_kept(void **state)
{
	feed(*state, other_refused);
	assert_string_equal(mo_klog_said(*state), "");
	feed(*state, refused);
	assert_string_equal(mo_klog_said(*state), "failure to isolate range");
	feed(*state, "7,1,1,-;[163] memory_hotplug:2137: memory offlining [mem 0x100000000-0x107ffffff] failed due to signal backoff\n");
	assert_string_equal(mo_klog_said(*state), "signal backoff");
	mo_klog_reset(*state, START_PFN, NR_PAGES, 4096);
	assert_string_equal(mo_klog_said(*state), "");
}

static void the_trace_shows_silent_pages(void **state)
{
	mo_klog_trace(*state, "   memoffline-163     [001] .....    12.345678: test_pages_isolated: start_pfn=0x100000 end_pfn=0x108000 fin_pfn=0x100123 ret=fail");
	assert_true(mo_klog_stuck_pfn(*state) == 0x100123);
	mo_klog_reset(*state, START_PFN, NR_PAGES, 4096);
	mo_klog_trace(*state, "   memoffline-163     [001] .....    12.345678: test_pages_isolated: start_pfn=0x100000 end_pfn=0x108000 fin_pfn=0x108000 ret=success");
	mo_klog_trace(*state, "   kworker/0:1-20     [001] .....    12.345678: test_pages_isolated: start_pfn=0x8000 end_pfn=0x8200 fin_pfn=0x8001 ret=fail");
	assert_true(mo_klog_stuck_pfn(*state) == NO_PFN);
}

static void what_moved_after_all_is_not_stuck(void **state)
{
	feed(*state, anon_6_12);
	mo_klog_trace(*state, "   sh-171     [000] .....    29.1: mm_migrate_pages: nr_succeeded=0 nr_failed=1 nr_thp_succeeded=0 nr_thp_failed=0 nr_thp_split=0 nr_split=0 mode=MIGRATE_SYNC reason=memory_hotplug");
	assert_true(mo_klog_stuck_pfn(*state) == START_PFN);
	mo_klog_trace(*state, "   kcompactd0-40     [000] .....    29.1: mm_migrate_pages: nr_succeeded=5 nr_failed=0 nr_thp_succeeded=0 nr_thp_failed=0 nr_thp_split=0 nr_split=0 mode=MIGRATE_SYNC reason=compaction");
	assert_true(mo_klog_stuck_pfn(*state) == START_PFN);
	mo_klog_trace(*state, "   sh-171     [000] .....    29.2: mm_migrate_pages: nr_succeeded=1 nr_failed=0 nr_thp_succeeded=0 nr_thp_failed=0 nr_thp_split=0 mode=MIGRATE_SYNC reason=memory_hotplug");
	assert_true(mo_klog_stuck_pfn(*state) == NO_PFN);
	feed(*state, anon_6_12);
	assert_true(mo_klog_stuck_pfn(*state) == START_PFN);
}

/* Any process with the right may write into the log, and the kernel's words may change. */
static void any_text_is_survived(void **state)
{
	static const char *const texts[] = { anon_6_12, thp_6_12, thp_6_1, file_6_1, shmem_6_12, refused };
	unsigned int seed = 1;
	char text[2048];

	for (int i = 0; i < 20000; i++) {
		size_t len;

		snprintf(text, sizeof(text), "%s", texts[i % ARRAY_SIZE(texts)]);
		len = strlen(text);
		for (int n = 0; n < 8; n++) {
			seed = seed * 1103515245 + 12345;
			text[(seed >> 8) % len] = (char)(seed >> 24);
		}
		feed(*state, text);
		mo_klog_trace(*state, text);
	}
	feed(*state, "no semicolon\n");
	feed(*state, "4,1,1,-;\n");
	feed(*state, "4,1,1,-;\\x\n4,1,1,-;\\x4\n4,1,1,-;\\x00\n");
	feed(*state, "4,1,1,-;aops:\n4,1,1,-;page dumped because: \n4,1,1,-;head: order:-5\n4,1,1,-;page: refcount:\n");
	feed(*state, "4,1,1,-;memory offlining [mem ] failed due to \n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_pinned_page_of_6_12),
		TEST(a_pinned_huge_page_of_6_12),
		TEST(a_pinned_huge_page_of_6_1),
		TEST(a_huge_page_mapped_in_parts_on_6_1_is_uncertain),
		TEST(a_file_name_may_hold_any_byte),
		TEST(the_cause_and_the_area_are_told),
		TEST(pages_of_other_ranges_do_not_count),
		TEST(other_lines_may_stand_between),
		TEST(the_newest_dump_counts),
		TEST(the_word_for_why_is_kept),
		TEST(the_trace_shows_silent_pages),
		TEST(what_moved_after_all_is_not_stuck),
		TEST(any_text_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
