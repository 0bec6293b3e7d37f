// SPDX-License-Identifier: GPL-2.0-only
/* What the module makes of facts about pages: kinds, expected references, reasons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "classify.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

int pure_fails_after = -1;

/* Pages as they are when nothing is wrong; what follows in braces differs. */
#define FREE	.is_online = 1, .is_free = 1
#define ANON	.is_online = 1, .is_lru = 1, .is_anon = 1, .is_swapbacked = 1, .can_migrate = 1, .refs = 1, \
		.mapcount = 1
#define THP	ANON, .order = 9
#define CACHE	.is_online = 1, .is_lru = 1, .has_mapping = 1, .can_migrate = 1, .refs = 1
#define SHMEM	.is_online = 1, .is_lru = 1, .has_mapping = 1, .can_migrate = 1, .refs = 1, .is_swapbacked = 1
#define HUGETLB	.is_online = 1, .is_hugetlb = 1, .is_anon = 1, .can_migrate = 1, .mapcount = 1, .refs = 1, .order = 9
#define SLAB	.is_online = 1, .is_slab = 1, .refs = 1, .order = 3
#define PGTABLE	.is_online = 1, .is_pgtable = 1, .refs = 1
#define KERNEL	.is_online = 1, .refs = 1
#define OFFLINE	.is_online = 1, .is_offline = 1
#define BALLOON	.is_online = 1, .is_offline = 1, .is_movable_ops = 1, .refs = 1

struct kind_case {
	const char *what;
	enum memoffline_kind kind;
	struct mo_facts facts;
};

#define KIND(what, kind, ...) { what, MEMOFFLINE_KIND_##kind, { __VA_ARGS__ } }

static const struct kind_case kinds[] = {
	KIND("a hole", OFFLINE, .is_online = 0),
	KIND("free", FREE, FREE),
	KIND("free, in the middle of a run", FREE, FREE, .is_buddy_tail = 1),
	KIND("anonymous", ANON, ANON),
	KIND("anonymous, isolated", ANON, ANON, .is_lru = 0, .is_isolated = 1),
	KIND("KSM", ANON, ANON, .is_ksm = 1, .mapcount = 3),
	KIND("anonymous, to be freed lazily", ANON, ANON, .is_swapbacked = 0),
	KIND("swap cache, mapped", ANON, ANON, .is_swapcache = 1),
	KIND("swap cache, read ahead", ANON, .is_online = 1, .is_lru = 1, .is_swapbacked = 1, .is_swapcache = 1),
	KIND("huge", THP, THP),
	KIND("a few pages as one", THP, ANON, .order = 2),
	KIND("page cache", CACHE, CACHE),
	KIND("page cache, large", CACHE, CACHE, .order = 9),
	KIND("page cache, off the LRU", CACHE, CACHE, .is_lru = 0),
	KIND("truncated, with buffers", CACHE, CACHE, .has_mapping = 0, .has_private = 1),
	KIND("shared memory", SHMEM, SHMEM),
	KIND("shared memory, huge", SHMEM, SHMEM, .order = 9),
	KIND("hugetlb, anonymous", HUGETLB, HUGETLB),
	KIND("hugetlb, of a file", HUGETLB, HUGETLB, .is_anon = 0, .has_mapping = 1),
	KIND("hugetlb, free", HUGETLB, .is_online = 1, .is_hugetlb = 1, .is_hugetlb_free = 1, .order = 9),
	KIND("hugetlb, gigantic", HUGETLB, HUGETLB, .is_gigantic = 1, .order = 18),
	KIND("slab", SLAB, SLAB),
	KIND("page table", PGTABLE, PGTABLE),
	KIND("reserved", RESERVED, KERNEL, .is_reserved = 1),
	KIND("reserved, without a reference", RESERVED, .is_online = 1, .is_reserved = 1),
	KIND("offline, held by its driver", OFFLINE, OFFLINE, .refs = 1),
	KIND("offline, let go", OFFLINE, OFFLINE),
	KIND("balloon", OFFLINE, BALLOON),
	KIND("zsmalloc", KERNEL, KERNEL, .is_movable_ops = 1),
	KIND("poisoned, anonymous", POISONED, ANON, .is_poisoned = 1),
	KIND("poisoned, free", POISONED, FREE, .is_poisoned = 1),
	KIND("poisoned hugetlb", POISONED, HUGETLB, .is_poisoned = 1),
	KIND("poisoned and offline", POISONED, OFFLINE, .is_poisoned = 1),
	KIND("of the kernel", KERNEL, KERNEL),
	KIND("of the kernel, of order 4", KERNEL, KERNEL, .order = 4),
};

static void pages_have_a_kind(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		enum memoffline_kind kind = mo_classify_kind(&kinds[i].facts);

		if (kind != kinds[i].kind)
			fail_msg("%s: kind %d, not %d", kinds[i].what, kind, kinds[i].kind);
	}
}

struct refs_case {
	const char *what;
	int expected;
	struct mo_facts facts;
};

static const struct refs_case refs[] = {
	{ "anonymous", 1, { ANON } },
	{ "anonymous, of 33 processes", 33, { ANON, .mapcount = 33 } },
	{ "anonymous, not mapped any more", 0, { ANON, .mapcount = 0 } },
	{ "anonymous, in our hands", 2, { ANON, .is_lru = 0, .is_isolated = 1 } },
	{ "anonymous, in the swap cache", 2, { ANON, .is_swapcache = 1 } },
	{ "anonymous, private data is not counted", 1, { ANON, .has_private = 1 } },
	{ "huge", 1, { THP } },
	{ "huge, in the swap cache", 513, { THP, .is_swapcache = 1 } },
	{ "huge, mapped whole and by 100 of its pages", 101, { THP, .mapcount = 101 } },
	{ "KSM", 7, { ANON, .is_ksm = 1, .mapcount = 7 } },
	{ "swap cache, read ahead", 1, { .is_online = 1, .is_lru = 1, .is_swapbacked = 1, .is_swapcache = 1 } },
	{ "shared memory on its way to swap", 1, { SHMEM, .has_mapping = 0, .is_swapcache = 1 } },
	{ "page cache", 1, { CACHE } },
	{ "page cache, with buffers", 2, { CACHE, .has_private = 1 } },
	{ "page cache, mapped twice, with buffers", 4, { CACHE, .has_private = 1, .mapcount = 2 } },
	{ "page cache, of order 4", 16, { CACHE, .order = 4 } },
	{ "page cache, of order 4, private data", 17, { CACHE, .order = 4, .has_private = 1 } },
	{ "page cache, of order 4, in our hands", 17, { CACHE, .order = 4, .is_lru = 0, .is_isolated = 1 } },
	{ "truncated", 0, { CACHE, .has_mapping = 0 } },
	{ "truncated, with buffers", 1, { CACHE, .has_mapping = 0, .has_private = 1 } },
	{ "shared memory, huge", 513, { SHMEM, .order = 9, .mapcount = 1 } },
	{ "hugetlb, anonymous", 1, { HUGETLB } },
	{ "hugetlb, of a file", 513, { HUGETLB, .is_anon = 0, .has_mapping = 1 } },
	{ "hugetlb, of a file, counted once", 2, { HUGETLB, .is_anon = 0, .has_mapping = 1, .is_cached_once = 1 } },
	{ "hugetlb, gigantic", 1, { HUGETLB, .is_gigantic = 1, .order = 18 } },
	{ "hugetlb, free", -1, { .is_online = 1, .is_hugetlb = 1, .is_hugetlb_free = 1, .order = 9 } },
	{ "a hole", -1, { .is_online = 0 } },
	{ "free", -1, { FREE } },
	{ "slab", -1, { SLAB } },
	{ "page table", -1, { PGTABLE } },
	{ "reserved", -1, { KERNEL, .is_reserved = 1 } },
	{ "offline", -1, { OFFLINE, .refs = 1 } },
	{ "balloon", -1, { BALLOON } },
	{ "zsmalloc", -1, { KERNEL, .is_movable_ops = 1 } },
	{ "of the kernel", -1, { KERNEL } },
};

static void references_are_explained(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refs); i++) {
		int expected = mo_classify_refs_expected(&refs[i].facts);

		if (expected != refs[i].expected)
			fail_msg("%s: %d references, not %d", refs[i].what, expected, refs[i].expected);
	}
}

struct reason_case {
	const char *what;
	int error;
	enum memoffline_reason reason;
	struct mo_facts facts;
};

#define REASON(what, error, reason, ...) { what, error, MEMOFFLINE_REASON_##reason, { __VA_ARGS__ } }

static const struct reason_case reasons[] = {
	/* nothing to move */
	REASON("a hole", -EBUSY, NONE, .is_online = 0),
	REASON("free", -EBUSY, NONE, FREE),
	REASON("poisoned", -EBUSY, NONE, ANON, .is_poisoned = 1),
	REASON("poisoned, free", -EBUSY, NONE, FREE, .is_poisoned = 1),
	REASON("offline, let go", -EBUSY, NONE, OFFLINE),
	REASON("hugetlb, free", -EBUSY, NONE, .is_online = 1, .is_hugetlb = 1, .is_hugetlb_free = 1, .order = 9),
	/* nothing speaks against it */
	REASON("anonymous", 0, NONE, ANON),
	REASON("anonymous, in our hands", 0, NONE, ANON, .is_lru = 0, .is_isolated = 1, .refs = 2),
	REASON("huge", 0, NONE, THP),
	REASON("KSM", 0, NONE, ANON, .is_ksm = 1, .mapcount = 7, .refs = 7),
	REASON("swap cache", 0, NONE, ANON, .is_swapcache = 1, .refs = 2),
	REASON("page cache", 0, NONE, CACHE),
	REASON("page cache, dirty", 0, NONE, CACHE, .is_dirty = 1),
	REASON("page cache, large, with private data", 0, NONE, CACHE, .order = 4, .has_private = 1, .refs = 17),
	REASON("shared memory", 0, NONE, SHMEM, .mapcount = 3, .refs = 4),
	REASON("hugetlb", 0, NONE, HUGETLB),
	REASON("zsmalloc", 0, NONE, KERNEL, .is_movable_ops = 1),
	REASON("balloon", 0, NONE, BALLOON),
	REASON("fewer references than expected, for a moment", 0, NONE, ANON, .mapcount = 2),
	REASON("mapped so often that it looks pinned", 0, NONE, ANON, .mapcount = 2000, .refs = 2000, .is_pinned = 1),
	REASON("locked", 0, NONE, CACHE, .is_locked = 1),
	REASON("locked, and its reader waits", 0, NONE, CACHE, .is_locked = 1, .refs = 2),
	REASON("being written", 0, NONE, CACHE, .is_writeback = 1, .refs = 3),
	/* references */
	REASON("one more", 0, EXTRA_REFS, ANON, .refs = 2),
	REASON("one more after an attempt", -EAGAIN, EXTRA_REFS, ANON, .refs = 2),
	REASON("one more, no target either", -ENOMEM, EXTRA_REFS, ANON, .refs = 2),
	REASON("buffers that a file system uses", 0, EXTRA_REFS, CACHE, .has_private = 1, .has_busy_buffers = 1, .refs = 2),
	REASON("one more than buffers", 0, EXTRA_REFS, CACHE, .has_private = 1, .refs = 3),
	REASON("one more of a huge page", 0, EXTRA_REFS, THP, .refs = 2),
	REASON("one more of a hugetlb page", 0, EXTRA_REFS, HUGETLB, .refs = 2),
	REASON("one more in our hands", 0, EXTRA_REFS, ANON, .is_lru = 0, .is_isolated = 1, .refs = 3),
	REASON("one less than a pin of a small page", 0, EXTRA_REFS, ANON, .refs = 1024, .is_pinned = 1),
	REASON("truncated, still held", 0, EXTRA_REFS, CACHE, .has_mapping = 0),
	/* pins */
	REASON("pinned", 0, DMA_PINNED, ANON, .refs = 1025, .is_pinned = 1, .pincount = 1),
	REASON("pinned, after an attempt", -EAGAIN, DMA_PINNED, ANON, .refs = 1025, .is_pinned = 1, .pincount = 1),
	REASON("huge, pinned", 0, DMA_PINNED, THP, .refs = 2, .is_pinned = 1, .pincount = 1),
	REASON("hugetlb, pinned", 0, DMA_PINNED, HUGETLB, .refs = 2, .is_pinned = 1, .pincount = 1),
	REASON("pinned while written", 0, DMA_PINNED, CACHE, .refs = 1025, .is_pinned = 1, .is_writeback = 1),
	/* I/O */
	REASON("being written", -EAGAIN, WRITEBACK, CACHE, .is_writeback = 1),
	REASON("being written, held for that", -EAGAIN, WRITEBACK, CACHE, .is_writeback = 1, .refs = 2),
	REASON("locked", -EAGAIN, LOCKED, CACHE, .is_locked = 1),
	REASON("locked and being written", -EAGAIN, WRITEBACK, CACHE, .is_locked = 1, .is_writeback = 1),
	REASON("to swap", -EAGAIN, WRITEBACK, ANON, .is_swapcache = 1, .refs = 2, .is_writeback = 1),
	/* where the facts do not decide */
	REASON("anonymous", -ENOMEM, NO_TARGET, ANON),
	REASON("huge", -ENOMEM, NO_TARGET, THP),
	REASON("hugetlb", -ENOMEM, NO_TARGET, HUGETLB),
	REASON("balloon", -ENOMEM, NO_TARGET, BALLOON),
	REASON("anonymous", -EAGAIN, UNKNOWN, ANON),
	REASON("anonymous", -EBUSY, UNKNOWN, ANON),
	REASON("zsmalloc", -EAGAIN, UNKNOWN, KERNEL, .is_movable_ops = 1),
	REASON("page cache that cannot migrate, clean", -EAGAIN, UNKNOWN, CACHE, .can_migrate = 0),
	/* files that can't migrate */
	REASON("no operation, clean", 0, NONE, CACHE, .can_migrate = 0),
	REASON("no operation, dirty, can be written", 0, NONE, CACHE, .can_migrate = 0, .is_dirty = 1, .can_write = 1),
	REASON("no operation, dirty", 0, NO_MIGRATE, CACHE, .can_migrate = 0, .is_dirty = 1),
	REASON("no operation, dirty, held", -EAGAIN, NO_MIGRATE, CACHE, .can_migrate = 0, .is_dirty = 1, .refs = 2),
	REASON("secret", 0, NO_MIGRATE, CACHE, .is_inaccessible = 1),
	REASON("secret, written or not", -EAGAIN, NO_MIGRATE, CACHE, .is_inaccessible = 1, .is_locked = 1),
	/* of the kernel */
	REASON("slab", 0, SLAB, SLAB),
	REASON("slab", -ENOMEM, SLAB, SLAB),
	REASON("page table", 0, PGTABLE, PGTABLE),
	REASON("reserved", 0, RESERVED, KERNEL, .is_reserved = 1),
	REASON("reserved, without a reference", 0, RESERVED, .is_online = 1, .is_reserved = 1),
	REASON("of the kernel", 0, KERNEL, KERNEL),
	REASON("of the kernel, across the edge", -EBUSY, KERNEL, KERNEL, .order = 10, .spans_edge = 1),
	REASON("offline, held by its driver", 0, PAGE_OFFLINE, OFFLINE, .refs = 1),
	REASON("CMA", 0, CMA, ANON, .is_cma = 1),
	REASON("CMA, free", 0, CMA, FREE, .is_cma = 1),
	REASON("poisoned in part", 0, POISONED, THP, .is_poisoned = 1),
	REASON("poisoned hugetlb", -EBUSY, POISONED, HUGETLB, .is_poisoned = 1),
	REASON("poisoned hugetlb, free", 0, NONE, .is_online = 1, .is_hugetlb = 1, .is_hugetlb_free = 1, .order = 9,
	       .is_poisoned = 1),
	/* huge pages */
	REASON("gigantic", 0, GIGANTIC, HUGETLB, .is_gigantic = 1, .order = 18, .spans_edge = 1),
	REASON("gigantic", -ENOMEM, GIGANTIC, HUGETLB, .is_gigantic = 1, .order = 18),
	REASON("gigantic, free", 0, NONE, .is_online = 1, .is_hugetlb = 1, .is_hugetlb_free = 1, .is_gigantic = 1),
	REASON("promised", 0, HUGETLB_RESERVED, .is_online = 1, .is_hugetlb = 1, .is_hugetlb_free = 1,
	       .is_hugetlb_reserved = 1),
	REASON("across the edge", 0, SPANS_EDGE, HUGETLB, .spans_edge = 1),
	REASON("across the edge, held", -EBUSY, SPANS_EDGE, CACHE, .order = 9, .refs = 600, .spans_edge = 1),
	/* hooks of VMAs */
	REASON("refused", -EBUSY, VMA_REFUSED, CACHE, .is_refused = 1),
	REASON("refused, held", -EPERM, VMA_REFUSED, ANON, .refs = 2, .is_refused = 1),
	REASON("refused, its driver's", 0, VMA_REFUSED, .is_online = 1, .refs = 1, .is_refused = 1),
	REASON("refused, freed since", 0, NONE, .is_online = 1, .is_free = 1, .is_refused = 1),
	/* on no list */
	REASON("off the LRU", 0, OFF_LRU, CACHE, .is_lru = 0),
	REASON("off the LRU", -EBUSY, OFF_LRU, ANON, .is_lru = 0),
	REASON("off the LRU, held", 0, EXTRA_REFS, ANON, .is_lru = 0, .refs = 2),
	REASON("off the LRU, in our hands", -EBUSY, UNKNOWN, ANON, .is_lru = 0, .is_isolated = 1, .refs = 2),
};

static void pages_have_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		enum memoffline_reason reason = mo_classify(&reasons[i].facts, reasons[i].error);

		if (reason != reasons[i].reason)
			fail_msg("%s, error %d: reason %d, not %d", reasons[i].what, reasons[i].error, reason,
				 reasons[i].reason);
	}
}

/* What mo_classify() can say of a page; the others are for whole attempts and blocks. */
static void each_reason_of_pages_is_tested(void **state)
{
	(void)state;
	for (int reason = 0; reason <= MEMOFFLINE_REASON_OFF_LRU; reason++) {
		size_t i = 0;

		while (i < ARRAY_SIZE(reasons) && (int)reasons[i].reason != reason)
			i++;
		if (i == ARRAY_SIZE(reasons))
			fail_msg("no page has reason %d", reason);
	}
}

static void each_kind_is_tested(void **state)
{
	(void)state;
	for (int kind = 0; kind < MEMOFFLINE_KIND_NR; kind++) {
		size_t i = 0;

		while (i < ARRAY_SIZE(kinds) && (int)kinds[i].kind != kind)
			i++;
		if (i == ARRAY_SIZE(kinds))
			fail_msg("no page is of kind %d", kind);
	}
}

static void after_an_attempt_whatever_is_in_use_has_a_reason(void **state)
{
	struct mo_facts facts;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		facts = kinds[i].facts;
		if (facts.is_poisoned || !facts.refs)
			continue;
		if (mo_classify(&facts, -EAGAIN) == MEMOFFLINE_REASON_NONE)
			fail_msg("%s stays, and nobody knows why", kinds[i].what);
	}
}

static void some_reasons_are_for_ever_and_others_await_io(void **state)
{
	static const enum memoffline_reason for_ever[] = {
		MEMOFFLINE_REASON_NO_MIGRATE,	MEMOFFLINE_REASON_SLAB,		MEMOFFLINE_REASON_PGTABLE,
		MEMOFFLINE_REASON_RESERVED,	MEMOFFLINE_REASON_KERNEL,	MEMOFFLINE_REASON_GIGANTIC,
		MEMOFFLINE_REASON_HUGETLB_RESERVED, MEMOFFLINE_REASON_PAGE_OFFLINE, MEMOFFLINE_REASON_POISONED,
		MEMOFFLINE_REASON_SPANS_EDGE,	MEMOFFLINE_REASON_CMA,		MEMOFFLINE_REASON_VMA_REFUSED,
	};

	(void)state;
	for (int reason = 0; reason < MEMOFFLINE_REASON_NR; reason++) {
		bool is_permanent = false;

		for (size_t i = 0; i < ARRAY_SIZE(for_ever); i++)
			is_permanent |= (int)for_ever[i] == reason;
		assert_int_equal(mo_reason_is_permanent(reason), is_permanent);
		assert_int_equal(mo_reason_is_io(reason),
				 reason == MEMOFFLINE_REASON_WRITEBACK || reason == MEMOFFLINE_REASON_LOCKED);
	}
}

/* Any picture that races of other processors can produce: each has one kind and one reason, and no sum overflows. */
static void nonsense_has_a_kind_and_a_reason(void **state)
{
	static const int errors[] = { 0, -ENOMEM, -EAGAIN, -EBUSY };
	uint64_t random = 1;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct mo_facts facts;
		unsigned char bytes[sizeof(facts)];

		for (size_t j = 0; j < sizeof(bytes); j++) {
			random = random * 6364136223846793005ULL + 1442695040888963407ULL;
			bytes[j] = random >> 56;
		}
		memcpy(&facts, bytes, sizeof(facts));
		facts.order %= 19;
		facts.refs %= 1 << 24;
		facts.mapcount %= 1 << 24;
		assert_in_range(mo_classify_kind(&facts), 0, MEMOFFLINE_KIND_NR - 1);
		assert_in_range(mo_classify(&facts, errors[i % 4]), 0, MEMOFFLINE_REASON_NR - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_have_a_kind),
		cmocka_unit_test(references_are_explained),
		cmocka_unit_test(pages_have_a_reason),
		cmocka_unit_test(each_reason_of_pages_is_tested),
		cmocka_unit_test(each_kind_is_tested),
		cmocka_unit_test(after_an_attempt_whatever_is_in_use_has_a_reason),
		cmocka_unit_test(some_reasons_are_for_ever_and_others_await_io),
		cmocka_unit_test(nonsense_has_a_kind_and_a_reason),
	};

	return cmocka_run_group_tests_name("classify", tests, NULL, NULL);
}
