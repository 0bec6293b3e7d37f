// SPDX-License-Identifier: GPL-2.0-only
/* From facts about a page or a block to the reason. */
#include <errno.h>
#include <linux/kernel-page-flags.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "private.h"

#define KPF(bit) (1ULL << KPF_##bit)
#define ANON_FLAGS (KPF(ANON) | KPF(MMAP) | KPF(LRU) | KPF(SWAPBACKED) | KPF(UPTODATE))
#define FILE_FLAGS (KPF(LRU) | KPF(UPTODATE) | KPF(REFERENCED))
#define FAILED .cause = "migration failure", .movable_failed = true

static void each_reason_has_words(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < MO_REASON_NR; i++) {
		assert_true(*mo_reason_name(i));
		assert_true(*mo_reason_key(i));
		assert_int_equal(strspn(mo_reason_key(i), "abcdefghijklmnopqrstuvwxyz-"), strlen(mo_reason_key(i)));
		assert_int_equal(mo_reason_text(i)[strlen(mo_reason_text(i)) - 1], '.');
		assert_int_equal(mo_reason_remedy(i)[strlen(mo_reason_remedy(i)) - 1], '.');
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(mo_reason_key(i), mo_reason_key(j));
	}
	assert_string_equal(mo_reason_key(MO_REASON_NR), mo_reason_key(MO_REASON_UNKNOWN));
	assert_string_equal(mo_reason_text((enum mo_reason)-1), mo_reason_text(MO_REASON_UNKNOWN));
}

/* .refs as the kernel prints it, while it holds the page itself. */
static const struct {
	const char *what;
	uint64_t flags;
	bool no_dump;
	bool zone_kernel;
	struct mo_dump dump;
	enum mo_reason reason;
	int32_t refs_expected;
} pages[] = {
	{ "free", KPF(BUDDY), true, false, { 0 }, MO_REASON_NONE, -1 },
	{ "slab", KPF(SLAB), true, true, { 0 }, MO_REASON_SLAB, -1 },
	{ "page table", KPF(PGTABLE), true, true, { 0 }, MO_REASON_PGTABLE, -1 },
	{ "reserved", MO_KPF_RESERVED, true, false, { 0 }, MO_REASON_RESERVED, -1 },
	{ "balloon", KPF(OFFLINE), true, false, { 0 }, MO_REASON_PAGE_OFFLINE, -1 },
	{ "poisoned", KPF(HWPOISON), true, false, { 0 }, MO_REASON_POISONED, -1 },
	{ "kernel", 0, true, true, { 0 }, MO_REASON_KERNEL, -1 },
	{ "kernel, Movable", 0, true, false, { 0 }, MO_REASON_OFF_LRU, -1 },
	{ "anonymous, nothing said", ANON_FLAGS, true, false, { 0 }, MO_REASON_UNKNOWN, -1 },
	{ "anonymous, taken off the LRU to be migrated", ANON_FLAGS & ~KPF(LRU), true, false, { 0 }, MO_REASON_UNKNOWN, -1 },
	{ "locked, nothing said", FILE_FLAGS | KPF(LOCKED), true, false, { 0 }, MO_REASON_LOCKED, -1 },
	{ "ramfs", FILE_FLAGS | KPF(UNEVICTABLE) | KPF(DIRTY), true, true, { 0 }, MO_REASON_NO_MIGRATE, -1 },
	{ "ramfs, never written", FILE_FLAGS | KPF(UNEVICTABLE), true, true, { 0 }, MO_REASON_UNKNOWN, -1 },
	{ "a dirty file that is locked in memory", FILE_FLAGS | KPF(UNEVICTABLE) | KPF(DIRTY) | MO_KPF_MLOCKED, true, true,
	  { 0 }, MO_REASON_UNKNOWN, -1 },
	{ "shared memory that is locked (SHM_LOCK)", FILE_FLAGS | KPF(SWAPBACKED) | KPF(UNEVICTABLE) | KPF(DIRTY), true, true,
	  { 0 }, MO_REASON_UNKNOWN, -1 },
	{ "writeback, nothing said", FILE_FLAGS | KPF(WRITEBACK), true, false, { 0 }, MO_REASON_WRITEBACK, -1 },

	{ "anonymous, pinned", ANON_FLAGS, false, false,
	  { .refs = 3, .mapcount = 1, .pincount = -1, .ret = 1, FAILED }, MO_REASON_EXTRA_REFS, 2 },
	{ "anonymous, pinned, the lock was seen", ANON_FLAGS | KPF(LOCKED), false, false,
	  { .refs = 3, .mapcount = 1, .pincount = -1, .ret = 1, FAILED }, MO_REASON_EXTRA_REFS, 2 },
	{ "anonymous, pinned, refused before migration", ANON_FLAGS, false, true,
	  { .refs = 2, .mapcount = 1, .pincount = -1, .cause = "unmovable page" }, MO_REASON_EXTRA_REFS, 1 },
	{ "anonymous, as it should be", ANON_FLAGS, false, false,
	  { .refs = 2, .mapcount = 1, .pincount = -1, .ret = 1, FAILED }, MO_REASON_UNKNOWN, 2 },
	{ "anonymous, no memory", ANON_FLAGS, false, false,
	  { .refs = 2, .mapcount = 1, .pincount = -1, .ret = -ENOMEM, FAILED }, MO_REASON_NO_TARGET, 2 },
	{ "anonymous, pinned, no memory for others", ANON_FLAGS, false, false,
	  { .refs = 3, .mapcount = 1, .pincount = -1, .ret = -ENOMEM, FAILED }, MO_REASON_EXTRA_REFS, 2 },
	{ "swap cache", ANON_FLAGS | KPF(SWAPCACHE), false, false,
	  { .refs = 3, .mapcount = 1, .pincount = -1, .ret = 1, FAILED }, MO_REASON_UNKNOWN, 3 },
	{ "DMA pin of a base page", ANON_FLAGS, false, false,
	  { .refs = 1026, .mapcount = 1, .pincount = -1, .ret = 1, FAILED }, MO_REASON_DMA_PINNED, 2 },
	{ "DMA pin of a huge page", ANON_FLAGS | KPF(THP), false, false,
	  { .refs = 1026, .mapcount = 1, .pincount = 1, .order = 9, .folio_mapcount = 1, .ret = 1, FAILED },
	  MO_REASON_DMA_PINNED, 2 },
	{ "THP, pinned", ANON_FLAGS | KPF(THP), false, false,
	  { .refs = 514, .mapcount = 1, .pincount = 0, .order = 9, .folio_mapcount = 512, .ret = 1, FAILED },
	  MO_REASON_EXTRA_REFS, 513 },
	{ "THP, mapped in parts, 6.1", ANON_FLAGS | KPF(THP), false, false,
	  { .refs = 514, .mapcount = 1, .pincount = 0, .order = 9, .folio_mapcount = -1, .ret = 1, FAILED },
	  MO_REASON_UNKNOWN, -1 },
	{ "page cache, pinned", FILE_FLAGS, false, false,
	  { .refs = 3, .mapcount = 0, .pincount = -1, .aops = "ext4_da_aops", .ret = 1, FAILED }, MO_REASON_EXTRA_REFS, 2 },
	{ "page cache with buffers", FILE_FLAGS | MO_KPF_PRIVATE, false, false,
	  { .refs = 3, .mapcount = 0, .pincount = -1, .aops = "ext2_aops", .ret = 1, FAILED }, MO_REASON_NO_MIGRATE, 3 },
	{ "page cache, dirty", FILE_FLAGS | KPF(DIRTY), false, false,
	  { .refs = 2, .mapcount = 0, .pincount = -1, .aops = "v9fs_addr_operations", .ret = 1, FAILED },
	  MO_REASON_NO_MIGRATE, 2 },
	{ "page cache, clean", FILE_FLAGS, false, false,
	  { .refs = 2, .mapcount = 0, .pincount = -1, .aops = "ext4_da_aops", .ret = 1, FAILED }, MO_REASON_UNKNOWN, 2 },
	{ "page cache, large folio", FILE_FLAGS | KPF(THP), false, false,
	  { .refs = 17, .mapcount = 0, .pincount = 0, .order = 4, .folio_mapcount = 0,
	    .aops = "xfs_address_space_operations", .ret = 1, FAILED }, MO_REASON_UNKNOWN, 17 },
	{ "page cache, writeback, pinned by I/O", FILE_FLAGS | KPF(WRITEBACK), false, false,
	  { .refs = 3, .mapcount = 0, .pincount = -1, .aops = "ext4_da_aops", .ret = 1, FAILED }, MO_REASON_EXTRA_REFS, 2 },
	{ "page cache, writeback", FILE_FLAGS | KPF(WRITEBACK) | KPF(DIRTY), false, false,
	  { .refs = 2, .mapcount = 0, .pincount = -1, .aops = "ext4_da_aops", .ret = 1, FAILED }, MO_REASON_WRITEBACK, 2 },
	{ "secret memory", FILE_FLAGS | KPF(UNEVICTABLE), false, false,
	  { .refs = 3, .mapcount = 1, .pincount = -1, .aops = "secretmem_aops", .ret = 1, FAILED }, MO_REASON_NO_MIGRATE, 3 },
	{ "held off the LRU", ANON_FLAGS & ~KPF(LRU), false, false,
	  { .refs = 2, .mapcount = 1, .pincount = -1, .cause = "isolation failed" }, MO_REASON_OFF_LRU, 2 },
	{ "kernel page that could not be isolated", 0, false, false,
	  { .refs = 2, .mapcount = 0, .pincount = -1, .cause = "isolation failed" }, MO_REASON_OFF_LRU, 1 },
	{ "CMA", ANON_FLAGS, false, true,
	  { .refs = 1, .mapcount = 1, .pincount = -1, .cause = "unmovable page", .cma = true }, MO_REASON_CMA, 1 },
	{ "gigantic", KPF(HUGE) | KPF(ANON) | KPF(MMAP), false, true,
	  { .refs = 1, .mapcount = 1, .pincount = 0, .order = 18, .folio_mapcount = 1, .cause = "unmovable page" },
	  MO_REASON_GIGANTIC, 1 },
	{ "hugetlbfs file", KPF(HUGE) | KPF(MMAP) | KPF(UPTODATE), false, false,
	  { .refs = 514, .mapcount = 1, .pincount = 0, .order = 9, .folio_mapcount = 1,
	    .aops = "hugetlbfs_aops", .ret = 1, FAILED },
	  MO_REASON_UNKNOWN, -1 },
};

static void pages_get_their_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		struct mo_page_facts facts = {
			.flags = pages[i].flags,
			.dump = pages[i].no_dump ? NULL : &pages[i].dump,
			.zone_movable = !pages[i].zone_kernel,
		};
		int32_t refs_expected = 42;
		enum mo_reason reason = mo_reason_of_page(&facts, &refs_expected);

		if (reason != pages[i].reason)
			fail_msg("%s: %s, not %s", pages[i].what, mo_reason_key(reason), mo_reason_key(pages[i].reason));
		if (refs_expected != pages[i].refs_expected)
			fail_msg("%s: %d references expected, not %d", pages[i].what, refs_expected, pages[i].refs_expected);
	}
}

static const struct mo_block movable = { .zone = MO_ZONE_MOVABLE, .nr_nodes = 1, .state = MO_STATE_ONLINE };
static const struct mo_block normal = { .zone = MO_ZONE_NORMAL, .nr_nodes = 1, .state = MO_STATE_ONLINE };
static const struct mo_block none = { .zone = MO_ZONE_NONE, .nr_nodes = 1, .state = MO_STATE_ONLINE };
static const struct mo_block mixed = { .zone = MO_ZONE_NORMAL, .nr_nodes = 2, .state = MO_STATE_ONLINE };

static const struct {
	int error;
	const char *said;
	const struct mo_block *before;
	int is_ram;
	enum mo_reason reason;
} blocks[] = {
	{ 0, "", &movable, 1, MO_REASON_NONE },
	{ -EINVAL, "", &none, 1, MO_REASON_ZONE_NONE },
	{ -EINVAL, "", &none, 0, MO_REASON_HOLES },
	{ -EINVAL, "", &mixed, 1, MO_REASON_ZONE_NONE },
	{ -EINVAL, "", &normal, 0, MO_REASON_HOLES },
	{ -EINVAL, "", &normal, -EACCES, MO_REASON_UNKNOWN },
	{ -EINVAL, "memory holes", &normal, -EACCES, MO_REASON_HOLES },
	{ -EINVAL, "multizone range", &normal, 1, MO_REASON_ZONE_NONE },
	{ -EINVAL, "", NULL, 1, MO_REASON_UNKNOWN },
	{ -EBUSY, "failure to isolate range", &movable, 1, MO_REASON_ISOLATION },
	{ -EBUSY, "", &normal, 1, MO_REASON_ISOLATION },
	{ -EBUSY, "", &movable, 1, MO_REASON_UNKNOWN },
	{ -EBUSY, "notifier failure", &normal, 1, MO_REASON_NOTIFIER },
	{ -EBUSY, "unmovable page", &movable, 1, MO_REASON_PAGE_OFFLINE },
	{ -EBUSY, "failure to dissolve huge pages", &movable, 1, MO_REASON_HUGETLB_RESERVED },
	{ -ENOMEM, "failure to dissolve huge pages", &movable, 1, MO_REASON_NO_TARGET },
	{ -ENOMEM, "", &movable, 1, MO_REASON_NO_TARGET },
	{ -EPERM, "", &normal, 1, MO_REASON_NOTIFIER },
	{ -EACCES, "", &normal, 1, MO_REASON_NO_PERMISSION },
	{ -EROFS, "", &normal, 1, MO_REASON_NO_PERMISSION },
	{ -EINTR, "signal backoff", &movable, 1, MO_REASON_INTERRUPTED },
	{ -EINTR, "", &movable, 1, MO_REASON_INTERRUPTED },
	{ -ETIMEDOUT, "", &movable, 1, MO_REASON_DEADLINE },
	{ -ENODEV, "", &movable, 1, MO_REASON_VANISHED },
	{ -ENOENT, "", &movable, 1, MO_REASON_VANISHED },
	{ -EBUSY, "words of a kernel to come", &normal, 1, MO_REASON_ISOLATION },
	{ -EIO, "", &normal, 1, MO_REASON_UNKNOWN },
};

static void blocks_get_their_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		enum mo_reason reason = mo_reason_of_block(blocks[i].error, blocks[i].said, blocks[i].before,
							   blocks[i].is_ram);

		if (reason != blocks[i].reason)
			fail_msg("line %zu: errno %d, \"%s\": %s, not %s", i, -blocks[i].error, blocks[i].said,
				 mo_reason_key(reason), mo_reason_key(blocks[i].reason));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reason_has_words),
		cmocka_unit_test(pages_get_their_reason),
		cmocka_unit_test(blocks_get_their_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
