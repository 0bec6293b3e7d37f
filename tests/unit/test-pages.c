// SPDX-License-Identifier: GPL-2.0-only
/* What page flags mean, and counting them in recorded files of /proc. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "private.h"

#define KPF(bit) (1ULL << KPF_##bit)

/* As the kernels show them; where they differ the older comes first. */
static const struct {
	const char *what;
	uint64_t flags;
	enum mo_kind kind;
	bool in_use;
} pages[] = {
	{ "free", KPF(BUDDY), MO_KIND_FREE, false },
	{ "free on a per-cpu list, or a plain kernel page", 0, MO_KIND_KERNEL, true },
	{ "no page", KPF(NOPAGE), MO_KIND_OFFLINE, false },
	{ "balloon", KPF(OFFLINE), MO_KIND_OFFLINE, false },
	{ "poisoned, anonymous", KPF(HWPOISON) | KPF(ANON) | KPF(LRU), MO_KIND_POISONED, false },
	{ "poisoned, free", KPF(HWPOISON) | KPF(BUDDY), MO_KIND_POISONED, false },
	{ "reserved", MO_KPF_RESERVED, MO_KIND_RESERVED, true },
	{ "zero page", MO_KPF_RESERVED | KPF(ZERO_PAGE) | KPF(MMAP), MO_KIND_RESERVED, true },
	{ "reserved, mapped by a driver", MO_KPF_RESERVED | KPF(MMAP), MO_KIND_RESERVED, true },
	{ "page table", KPF(PGTABLE), MO_KIND_PGTABLE, true },
	{ "slab", KPF(SLAB), MO_KIND_SLAB, true },
	{ "slab head", KPF(SLAB) | KPF(COMPOUND_HEAD), MO_KIND_SLAB, true },
	{ "slab tail", KPF(SLAB) | KPF(COMPOUND_TAIL), MO_KIND_SLAB, true },
	{ "slab head, active, as SLUB used the bit", KPF(SLAB) | KPF(COMPOUND_HEAD) | KPF(ACTIVE), MO_KIND_SLAB, true },
	{ "compound kernel page, head", KPF(COMPOUND_HEAD), MO_KIND_KERNEL, true },
	{ "compound kernel page, tail", KPF(COMPOUND_TAIL), MO_KIND_KERNEL, true },
	{ "kernel page mapped by a driver", KPF(MMAP), MO_KIND_KERNEL, true },
	{ "huge zero page", KPF(THP) | KPF(ZERO_PAGE) | KPF(COMPOUND_TAIL), MO_KIND_KERNEL, true },
	{ "anonymous", KPF(ANON) | KPF(MMAP) | KPF(LRU) | KPF(SWAPBACKED) | KPF(UPTODATE), MO_KIND_ANON, true },
	{ "anonymous, isolated", KPF(ANON) | KPF(MMAP) | KPF(SWAPBACKED), MO_KIND_ANON, true },
	{ "KSM", KPF(ANON) | KPF(KSM) | KPF(MMAP) | KPF(LRU), MO_KIND_ANON, true },
	{ "swap cache, read ahead", KPF(SWAPCACHE) | KPF(SWAPBACKED) | KPF(LRU), MO_KIND_ANON, true },
	{ "THP head", KPF(ANON) | KPF(THP) | KPF(COMPOUND_HEAD) | KPF(LRU) | KPF(SWAPBACKED), MO_KIND_THP, true },
	{ "THP tail", KPF(ANON) | KPF(THP) | KPF(COMPOUND_TAIL), MO_KIND_THP, true },
	{ "hugetlb, free", KPF(HUGE) | KPF(COMPOUND_HEAD), MO_KIND_HUGETLB, true },
	{ "hugetlb, anonymous", KPF(HUGE) | KPF(COMPOUND_TAIL) | KPF(ANON) | KPF(MMAP), MO_KIND_HUGETLB, true },
	{ "hugetlb, poisoned", KPF(HUGE) | KPF(COMPOUND_HEAD) | KPF(HWPOISON), MO_KIND_POISONED, false },
	{ "page cache", KPF(LRU) | KPF(UPTODATE) | KPF(REFERENCED), MO_KIND_CACHE, true },
	{ "page cache, dirty, off the LRU", KPF(UPTODATE) | KPF(DIRTY), MO_KIND_CACHE, true },
	{ "page cache, large folio", KPF(THP) | KPF(COMPOUND_HEAD) | KPF(LRU) | KPF(UPTODATE), MO_KIND_CACHE, true },
	{ "page cache, not read yet", KPF(LRU) | KPF(LOCKED), MO_KIND_CACHE, true },
	{ "shared memory", KPF(LRU) | KPF(UPTODATE) | KPF(SWAPBACKED) | KPF(MMAP), MO_KIND_SHMEM, true },
	{ "shared memory, huge", KPF(LRU) | KPF(SWAPBACKED) | KPF(THP) | KPF(COMPOUND_HEAD), MO_KIND_SHMEM, true },
};

static void each_combination_has_its_kind(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		if (mo_page_kind(pages[i].flags) != pages[i].kind)
			fail_msg("%s is %s, not %s", pages[i].what, mo_kind_key(mo_page_kind(pages[i].flags)),
				 mo_kind_key(pages[i].kind));
		if (mo_page_in_use(pages[i].flags) != pages[i].in_use)
			fail_msg("%s counts wrongly as %s", pages[i].what, pages[i].in_use ? "not in use" : "in use");
	}
}

static void any_bits_have_a_kind(void **state)
{
	uint64_t flags = 1;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		flags = flags * 6364136223846793005ULL + 1442695040888963407ULL;
		assert_in_range(mo_page_kind(flags ^ (flags >> 33)), 0, MO_KIND_NR - 1);
	}
}

static void kinds_have_names(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < MO_KIND_NR; i++) {
		assert_true(*mo_kind_name(i));
		assert_true(*mo_kind_key(i));
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(mo_kind_key(i), mo_kind_key(j));
	}
	assert_string_equal(mo_kind_key(MO_KIND_NR), "unknown");
	assert_string_equal(mo_kind_name((enum mo_kind)-1), "unknown");
}

/* ---- recorded files ---- */

#define NR_FRAMES 40000	/* more than one chunk */
#define THP_PFN 32767	/* its tails begin in the next chunk */

struct fixture {
	char dir[64];
	struct mo_ctx *ctx;
	uint64_t flags[NR_FRAMES];
	uint64_t counts[NR_FRAMES];
	uint64_t cgroups[NR_FRAMES];
};

static void write_file(struct fixture *fixture, const char *name, const uint64_t *entries)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/proc/%s", fixture->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, entries, NR_FRAMES * sizeof(*entries)), NR_FRAMES * sizeof(*entries));
	close(fd);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char path[128];

	strcpy(fixture->dir, "/tmp/memoffline-test-XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	snprintf(path, sizeof(path), "%s/proc", fixture->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mo_ctx_new(&fixture->ctx), 0);
	assert_int_equal(mo_ctx_set_sysroot(fixture->ctx, fixture->dir), 0);
	for (size_t i = 0; i < NR_FRAMES; i++)
		fixture->flags[i] = KPF(BUDDY);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char command[128];

	mo_ctx_unref(fixture->ctx);
	snprintf(command, sizeof(command), "rm -rf %s", fixture->dir);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}

static void add_thp(struct fixture *fixture)
{
	uint64_t *flags = fixture->flags + THP_PFN;

	flags[0] = KPF(ANON) | KPF(THP) | KPF(COMPOUND_HEAD) | KPF(LRU) | KPF(DIRTY) | KPF(UNEVICTABLE) | KPF(MMAP);
	for (size_t i = 1; i < 512; i++)
		flags[i] = KPF(ANON) | KPF(THP) | KPF(COMPOUND_TAIL) | KPF(MMAP);
}

static void a_range_is_counted_by_kind(void **state)
{
	struct fixture *fixture = *state;
	struct mo_content content;
	uint64_t sum = 0;

	add_thp(fixture);
	fixture->flags[100] = KPF(LRU) | KPF(WRITEBACK) | KPF(UPTODATE);
	fixture->flags[101] = KPF(SLAB);
	fixture->flags[102] = 0;
	fixture->flags[103] = KPF(LRU) | KPF(LOCKED) | KPF(SWAPBACKED);
	fixture->flags[104] = KPF(HWPOISON) | KPF(MMAP);
	write_file(fixture, "kpageflags", fixture->flags);
	assert_int_equal(mo_content_read(fixture->ctx, 0, NR_FRAMES + 1000, &content), 0);
	for (int i = 0; i < MO_KIND_NR; i++)
		sum += content.nr_pages[i];
	assert_int_equal(sum, NR_FRAMES + 1000);
	assert_int_equal(content.nr_pages[MO_KIND_THP], 512);
	assert_int_equal(content.nr_pages[MO_KIND_CACHE], 1);
	assert_int_equal(content.nr_pages[MO_KIND_SLAB], 1);
	assert_int_equal(content.nr_pages[MO_KIND_KERNEL], 1);
	assert_int_equal(content.nr_pages[MO_KIND_SHMEM], 1);
	assert_int_equal(content.nr_pages[MO_KIND_POISONED], 1);
	assert_int_equal(content.nr_pages[MO_KIND_OFFLINE], 1000);	/* beyond the end of the file */
	assert_int_equal(content.nr_pages[MO_KIND_FREE], NR_FRAMES - 517);
	assert_int_equal(content.move_pages, 516);
	assert_int_equal(content.unmovable_pages, 2);
	assert_int_equal(content.flagless_pages, 1);
	assert_int_equal(content.mapped_pages, 512);
	assert_int_equal(content.writeback_pages, 1);
	assert_int_equal(content.locked_pages, 1);
	/* the older kernel says so of the head only, the tails are in two chunks */
	assert_int_equal(content.dirty_pages, 512);
	assert_int_equal(content.unevictable_pages, 512);
}

/* 6.1 shows nothing of the head in the tails of a huge page that is no anonymous memory. */
static void tails_take_the_kind_of_their_head(void **state)
{
	struct fixture *fixture = *state;
	struct mo_content content;

	fixture->flags[512] = KPF(THP) | KPF(COMPOUND_HEAD) | KPF(LRU) | KPF(SWAPBACKED);
	for (size_t i = 513; i < 1024; i++)
		fixture->flags[i] = KPF(THP) | KPF(COMPOUND_TAIL);
	fixture->flags[1024] = KPF(COMPOUND_HEAD);
	fixture->flags[1025] = KPF(COMPOUND_TAIL);
	write_file(fixture, "kpageflags", fixture->flags);
	assert_int_equal(mo_content_read(fixture->ctx, 0, NR_FRAMES, &content), 0);
	assert_int_equal(content.nr_pages[MO_KIND_SHMEM], 512);
	assert_int_equal(content.nr_pages[MO_KIND_KERNEL], 2);
}

static void pages_left_are_counted_and_the_first_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct mo_pages *open_pages;
	uint64_t left, first_pfn;

	fixture->flags[33000] = KPF(ANON) | KPF(LRU);
	fixture->flags[39999] = KPF(LRU);
	write_file(fixture, "kpageflags", fixture->flags);
	assert_int_equal(mo_pages_open(fixture->ctx, &open_pages), 0);
	assert_int_equal(mo_pages_left(open_pages, 10, NR_FRAMES - 10, &left, &first_pfn), 0);
	assert_int_equal(left, 2);
	assert_int_equal(first_pfn, 33000);
	assert_int_equal(mo_pages_left(open_pages, 0, 33000, &left, &first_pfn), 0);
	assert_int_equal(left, 0);
	assert_true(first_pfn == NO_PFN);
	mo_pages_close(open_pages);
}

struct seen {
	struct mo_page pages[4];
	size_t nr;
	size_t stop_at;
};

static int see(void *data, const struct mo_page *page)
{
	struct seen *seen = data;

	seen->pages[seen->nr++] = *page;
	return seen->nr == seen->stop_at ? -ECANCELED : 0;
}

static void each_page_comes_with_count_and_cgroup(void **state)
{
	struct fixture *fixture = *state;
	struct mo_pages *open_pages;
	struct seen seen = { 0 };

	fixture->flags[7] = KPF(ANON) | KPF(LRU) | KPF(MMAP);
	fixture->counts[7] = 3;
	fixture->cgroups[7] = 4711;
	fixture->flags[35000] = KPF(LRU);
	fixture->counts[35000] = 1;
	fixture->flags[36000] = KPF(ANON) | KPF(THP) | KPF(COMPOUND_HEAD);
	fixture->flags[36001] = KPF(ANON) | KPF(THP) | KPF(COMPOUND_TAIL);
	fixture->cgroups[36000] = 12;
	write_file(fixture, "kpageflags", fixture->flags);
	write_file(fixture, "kpagecount", fixture->counts);
	write_file(fixture, "kpagecgroup", fixture->cgroups);
	assert_int_equal(mo_pages_open(fixture->ctx, &open_pages), 0);
	assert_int_equal(mo_pages_each(open_pages, 0, NR_FRAMES, see, &seen), 0);
	assert_int_equal(seen.nr, 4);
	assert_int_equal(seen.pages[0].pfn, 7);
	assert_int_equal(seen.pages[0].flags, fixture->flags[7]);
	assert_int_equal(seen.pages[0].count, 3);
	assert_int_equal(seen.pages[0].cgroup_inode, 4711);
	assert_int_equal(seen.pages[1].pfn, 35000);
	assert_int_equal(seen.pages[1].count, 1);
	assert_int_equal(seen.pages[1].cgroup_inode, 0);
	assert_int_equal(seen.pages[3].cgroup_inode, 12);	/* as of its head */
	seen = (struct seen){ .stop_at = 1 };
	assert_int_equal(mo_pages_each(open_pages, 0, NR_FRAMES, see, &seen), -ECANCELED);
	assert_int_equal(seen.nr, 1);
	mo_pages_close(open_pages);
}

static void a_kernel_without_counts_is_fine(void **state)
{
	struct fixture *fixture = *state;
	struct mo_pages *open_pages;
	struct seen seen = { 0 };

	fixture->flags[7] = KPF(LRU);
	write_file(fixture, "kpageflags", fixture->flags);
	assert_int_equal(mo_pages_open(fixture->ctx, &open_pages), 0);
	assert_int_equal(mo_pages_each(open_pages, 0, 100, see, &seen), 0);
	assert_int_equal(seen.nr, 1);
	assert_int_equal(seen.pages[0].count, 0);
	mo_pages_close(open_pages);
}

static void a_missing_file_is_explained(void **state)
{
	struct fixture *fixture = *state;
	struct mo_content content = { .move_pages = 42 };

	assert_int_equal(mo_content_read(fixture->ctx, 0, 1, &content), -ENOENT);
	assert_int_equal(content.move_pages, 42);
	assert_non_null(strstr(mo_ctx_error(fixture->ctx), "kpageflags"));
	assert_non_null(strstr(mo_ctx_error(fixture->ctx), fixture->dir));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_combination_has_its_kind),
		cmocka_unit_test(any_bits_have_a_kind),
		cmocka_unit_test(kinds_have_names),
		cmocka_unit_test_setup_teardown(a_range_is_counted_by_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(tails_take_the_kind_of_their_head, setup, teardown),
		cmocka_unit_test_setup_teardown(pages_left_are_counted_and_the_first_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(each_page_comes_with_count_and_cgroup, setup, teardown),
		cmocka_unit_test_setup_teardown(a_kernel_without_counts_is_fine, setup, teardown),
		cmocka_unit_test_setup_teardown(a_missing_file_is_explained, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
