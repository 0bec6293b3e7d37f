// SPDX-License-Identifier: GPL-2.0-only
/* Pages that processes made unmovable, as folders of processes tell it where there is no module. */
#include "machine.h"

#include <fcntl.h>
#include <linux/kernel-page-flags.h>

#define PRESENT (1ULL << 63)
#define ADDR 0x7f0000000000
#define BUFFERS "UserBufs:\t2\\+    0: 0x7f0000000000/8192\\+    1: 0x7f0000100000/4096\\+PollList:\\+"
#define MAPS "7f0000000000-7f0000200000 rw-p 00000000 00:00 0\\+"
#define RING(pid, pin) \
	"file=proc/" pid "/comm,fio", "link=proc/" pid "/fd/5,anon_inode:[io_uring]", \
	"file=proc/" pid "/fdinfo/5,pos:0\\+" BUFFERS, "file=proc/" pid "/maps," MAPS, \
	"file=proc/" pid "/status,Name: fio\\+VmPin:\t      " pin " kB\\+"

struct fixture {
	struct machine machine;
	struct mo_immovable *immovable;
	struct mo_report *report;
	uint64_t block_pages;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	OPEN(&fixture->machine, DIMM_MACHINE);
	machine_read(&fixture->machine);
	fixture->block_pages = mo_memory_block_pages(fixture->machine.memory);
	assert_int_equal(mo_report_new(fixture->machine.ctx, "why", "1", &fixture->report), 0);
	assert_int_equal(mo_immovable_new(fixture->machine.memory, &fixture->immovable), 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	mo_immovable_free(fixture->immovable);
	mo_report_unref(fixture->report);
	machine_close(&fixture->machine);
	free(fixture);
	return 0;
}

static void put_word(struct fixture *fixture, const char *path, uint64_t index, uint64_t word)
{
	char full[256];
	int fd;

	snprintf(full, sizeof(full), "%s/proc/%s", fixture->machine.dir, path);
	fd = open(full, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &word, sizeof(word), (off_t)(index * sizeof(word))), sizeof(word));
	close(fd);
}

static void map(struct fixture *fixture, const char *pid, uint64_t addr, uint64_t pfn)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/pagemap", pid);
	put_word(fixture, path, addr / (uint64_t)sysconf(_SC_PAGESIZE), PRESENT | pfn);
}

static void ask(struct fixture *fixture, uint32_t block)
{
	mo_immovable_ask(fixture->immovable, mo_memory_find(fixture->machine.memory, block));
}

static void look(struct fixture *fixture)
{
	mo_immovable_look(fixture->immovable, fixture->report, 60000);
}

static uint16_t mark(const struct fixture *fixture, uint64_t pfn)
{
	return mo_immovable_mark(fixture->immovable, pfn);
}

static const char *first_note(const struct fixture *fixture)
{
	const char *note = mo_report_note(fixture->report, 0);

	return note ? note : "";
}

static void buffers_of_a_ring_are_pinned_where_they_are_mapped(void **state)
{
	struct fixture *fixture = *state;
	uint64_t pfn = fixture->block_pages;	/* the first of block 1 */
	const struct mo_cause *cause;

	ADD(&fixture->machine, RING("50", "12"), RING("51", "12"));
	map(fixture, "50", ADDR, pfn);
	map(fixture, "50", ADDR + 4096, 3 * fixture->block_pages - 1);	/* the last of block 2 */
	map(fixture, "50", ADDR + 8192, pfn + 1);	/* beside the buffer */
	map(fixture, "50", ADDR + 0x100000, 3 * fixture->block_pages);	/* of a block that is not asked for */
	map(fixture, "51", ADDR, pfn + 2);
	ask(fixture, 1);
	ask(fixture, 2);
	look(fixture);
	assert_int_not_equal(mark(fixture, pfn), 0);
	assert_int_equal(mark(fixture, pfn), mark(fixture, 3 * fixture->block_pages - 1));
	assert_int_equal(mark(fixture, pfn + 1), 0);
	assert_int_equal(mark(fixture, 3 * fixture->block_pages), 0);
	assert_int_equal(mark(fixture, 100 * fixture->block_pages), 0);
	assert_int_not_equal(mark(fixture, pfn + 2), 0);
	assert_int_not_equal(mark(fixture, pfn + 2), mark(fixture, pfn));	/* another's */
	cause = mo_immovable_cause(fixture->immovable, mark(fixture, pfn));
	assert_int_equal(cause->reason, MO_REASON_DMA_PINNED);
	assert_null(mo_immovable_cause(fixture->immovable, 0));
	assert_string_equal(first_note(fixture), "");
}

/* fork(2) copies pinned pages, and hands the ring on. */
static void who_got_the_ring_from_another_has_nothing_pinned(void **state)
{
	struct fixture *fixture = *state;

	ADD(&fixture->machine, RING("50", "0"));
	map(fixture, "50", ADDR, fixture->block_pages);
	ask(fixture, 1);
	look(fixture);
	assert_int_equal(mark(fixture, fixture->block_pages), 0);
}

/* What is there after the buffer was unmapped is not it: the kernel moves what is to be pinned out of Movable. */
static void nothing_is_pinned_in_zone_movable(void **state)
{
	struct fixture *fixture = *state;

	ADD(&fixture->machine, RING("50", "12"));
	map(fixture, "50", ADDR, 32 * fixture->block_pages);
	ask(fixture, 32);
	look(fixture);
	assert_int_equal(mark(fixture, 32 * fixture->block_pages), 0);
}

static void the_rest_of_a_huge_page_stays_too(void **state)
{
	struct fixture *fixture = *state;
	uint64_t pfn = fixture->block_pages + 8;

	ADD(&fixture->machine, RING("50", "16"));
	put_word(fixture, "kpageflags", pfn - 1, 1 << KPF_ANON);
	put_word(fixture, "kpageflags", pfn, 1 << KPF_COMPOUND_HEAD);
	for (uint64_t i = 1; i < 4; i++)
		put_word(fixture, "kpageflags", pfn + i, 1 << KPF_COMPOUND_TAIL);
	put_word(fixture, "kpageflags", pfn + 4, 1 << KPF_COMPOUND_HEAD);
	map(fixture, "50", ADDR, pfn + 2);
	ask(fixture, 1);
	look(fixture);
	for (uint64_t i = 0; i < 4; i++)
		assert_int_not_equal(mark(fixture, pfn + i), 0);
	assert_int_equal(mark(fixture, pfn - 1), 0);
	assert_int_equal(mark(fixture, pfn + 4), 0);
}

static void memory_that_the_kernel_cannot_read_stays(void **state)
{
	struct fixture *fixture = *state;
	uint64_t pfn = fixture->block_pages;
	const struct mo_cause *cause;

	ADD(&fixture->machine, "file=proc/60/comm,ssh", "file=proc/60/status,VmLck:\t 8 kB\\+",
	    "file=proc/60/maps,10000-11000 rw-s 00000000 00:0b 3 /secretmem (deleted)\\+20000-21000 rw-p 00000000 00:00 0\\+");
	ADD(&fixture->machine, "file=proc/61/comm,gpg", "file=proc/61/status,VmLck:\t 4 kB\\+",
	    "file=proc/61/maps,10000-11000 rw-s 00000000 00:0b 4 /secretmem (deleted)\\+");
	map(fixture, "60", 0x10000, pfn);
	map(fixture, "60", 0x20000, pfn + 1);	/* locked and no more */
	map(fixture, "61", 0x10000, pfn + 2);
	ask(fixture, 1);
	look(fixture);
	cause = mo_immovable_cause(fixture->immovable, mark(fixture, pfn));
	assert_non_null(cause);
	assert_int_equal(cause->reason, MO_REASON_NO_MIGRATE);
	assert_int_equal(cause->needs_flags, 1 << KPF_UNEVICTABLE);
	assert_int_equal(mark(fixture, pfn + 1), 0);
	assert_int_not_equal(mark(fixture, pfn + 2), 0);
	assert_int_not_equal(mark(fixture, pfn + 2), mark(fixture, pfn));	/* another's */
	assert_string_equal(first_note(fixture), "");
}

static void pins_of_which_the_place_is_not_known_are_noted(void **state)
{
	struct fixture *fixture = *state;

	ADD(&fixture->machine, "file=proc/70/comm,qemu", "file=proc/70/maps," MAPS, "link=proc/70/fd/9,/dev/vfio/17",
	    "file=proc/70/status,VmLck:\t   40 kB\\+VmPin:\t  2 kB\\+");
	map(fixture, "70", ADDR, fixture->block_pages);
	map(fixture, "70", ADDR + 4096, fixture->block_pages + 1);
	map(fixture, "70", ADDR + 8192, 2 * fixture->block_pages);
	ask(fixture, 1);
	look(fixture);
	assert_int_equal(mark(fixture, fixture->block_pages), 0);
	assert_non_null(strstr(first_note(fixture), "process 70 (qemu) has 42 KiB pinned, vfio,"));
	assert_non_null(strstr(first_note(fixture), "perhaps some of the 2 that it maps in these blocks"));
}

/* A busy ring does not tell its buffers. */
static void a_ring_that_tells_nothing_is_noted(void **state)
{
	struct fixture *fixture = *state;

	ADD(&fixture->machine, RING("50", "12"), "file=proc/50/fdinfo/5,pos:0\\+");
	map(fixture, "50", ADDR, fixture->block_pages);
	ask(fixture, 1);
	look(fixture);
	assert_int_equal(mark(fixture, fixture->block_pages), 0);
	assert_non_null(strstr(first_note(fixture), "process 50 (fio) has 12 KiB pinned, for what is not known,"));
}

static void buffers_overlap_and_hold_whole_pages(void **state)
{
	struct fixture *fixture = *state;

	ADD(&fixture->machine, RING("50", "12"),
	    "file=proc/50/fdinfo/5,UserBufs:\t4\\+    0: 0x7f0000000000/16384\\+    1: 0x7f0000001800/16\\+"
	    "    2: 0x7f0000003800/4096\\+    3: 0x7f0000005800/16\\+");
	for (uint64_t i = 0; i < 7; i++)
		map(fixture, "50", ADDR + i * 4096, fixture->block_pages + i);
	ask(fixture, 1);
	look(fixture);
	for (uint64_t i = 0; i < 6; i++)
		assert_int_not_equal(mark(fixture, fixture->block_pages + i), 0);
	assert_int_equal(mark(fixture, fixture->block_pages + 6), 0);
}

static void a_process_that_hangs_ends_the_look(void **state)
{
	struct fixture *fixture = *state;
	uint64_t start_ms = mo_now_ms();
	char path[128];
	int fd;

	ADD(&fixture->machine, RING("50", "12"), "remove=proc/50/maps", "fifo=proc/50/maps");
	snprintf(path, sizeof(path), "%s/proc/50/maps", fixture->machine.dir);
	fd = open(path, O_RDWR | O_CLOEXEC);	/* opens at once then, and gives nothing */
	map(fixture, "50", ADDR, fixture->block_pages);
	ask(fixture, 1);
	mo_immovable_look(fixture->immovable, fixture->report, 300);
	assert_in_range(mo_now_ms() - start_ms, 300, 20000);
	assert_non_null(strstr(first_note(fixture), "within 300 ms: the search stood at process 50"));
	close(fd);
}

static void what_is_shown_of_a_page_is_its_reason(void **state)
{
	const struct mo_cause secret = { .reason = MO_REASON_NO_MIGRATE, .needs_flags = 1 << KPF_UNEVICTABLE };
	const struct mo_cause ring = { .reason = MO_REASON_DMA_PINNED };
	const struct mo_block block = { .number = 1, .zone = MO_ZONE_NORMAL };
	struct mo_page page = { .pfn = 1, .flags = 1 << KPF_LRU | 1 << KPF_UPTODATE | 1 << KPF_UNEVICTABLE };

	(void)state;
	assert_int_equal(mo_record_of_page(&page, NULL, &secret, &block).reason, MO_REASON_NO_MIGRATE);
	assert_int_equal(mo_record_of_page(&page, NULL, NULL, &block).reason, MO_REASON_UNKNOWN);
	page.flags |= 1 << KPF_SWAPBACKED;	/* a file of tmpfs that has that name, locked in memory */
	assert_int_equal(mo_record_of_page(&page, NULL, &secret, &block).reason, MO_REASON_UNKNOWN);
	page.flags &= ~(1ULL << KPF_UNEVICTABLE | 1ULL << KPF_SWAPBACKED);
	assert_int_equal(mo_record_of_page(&page, NULL, &secret, &block).reason, MO_REASON_UNKNOWN);
	page.flags |= 1 << KPF_LOCKED;
	assert_int_equal(mo_record_of_page(&page, NULL, &ring, &block).reason, MO_REASON_DMA_PINNED);
	page.flags = 1 << KPF_SLAB;
	assert_int_equal(mo_record_of_page(&page, NULL, &ring, &block).reason, MO_REASON_SLAB);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(buffers_of_a_ring_are_pinned_where_they_are_mapped),
		TEST(who_got_the_ring_from_another_has_nothing_pinned),
		TEST(nothing_is_pinned_in_zone_movable),
		TEST(the_rest_of_a_huge_page_stays_too),
		TEST(memory_that_the_kernel_cannot_read_stays),
		TEST(pins_of_which_the_place_is_not_known_are_noted),
		TEST(a_ring_that_tells_nothing_is_noted),
		TEST(buffers_overlap_and_hold_whole_pages),
		TEST(a_process_that_hangs_ends_the_look),
		cmocka_unit_test(what_is_shown_of_a_page_is_its_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
