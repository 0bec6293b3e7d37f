// SPDX-License-Identifier: GPL-2.0-only
/* The rules of isolation: what a block is and holds, on which kernel, and what comes of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../hotplug/private.h"

#define NR_PAGES 32768
#define HUGE 512

struct rule_case {
	const char *what;
	const char *release, *arch;
	enum mo_verdict verdict;
	enum mo_reason reason;
	uint64_t nr_pages;
	struct mo_isolation facts;
	struct mo_content content;
};

#define BLOCK(...) { .zone = MO_ZONE_MOVABLE, .nr_nodes = 1, .is_ram = 1, .nr_pages = NR_PAGES, __VA_ARGS__ }
#define KERNEL_ZONE(...) { .zone = MO_ZONE_NORMAL, .nr_nodes = 1, .is_ram = 1, .nr_pages = NR_PAGES, __VA_ARGS__ }
#define HOLDS(...) { __VA_ARGS__ }
#define NR(kind) .nr_pages[MO_KIND_##kind]
#define CASE(what, release, verdict, reason, nr, facts, content) \
	{ what, release, "x86_64", MO_VERDICT_##verdict, MO_REASON_##reason, nr, facts, content }

static const struct rule_case cases[] = {
	/* the block as such */
	CASE("empty", "6.12.1", FREE, NONE, 0, BLOCK(), HOLDS(NR(FREE) = NR_PAGES)),
	CASE("in use", "6.12.1", LIKELY, NONE, 0, BLOCK(), HOLDS(NR(ANON) = 9, .move_pages = 9)),
	CASE("two zones", "6.12.1", NEVER, ZONE_NONE, NR_PAGES, BLOCK(.zone = MO_ZONE_NONE), HOLDS(NR(FREE) = 0)),
	CASE("two nodes", "6.1.0", NEVER, ZONE_NONE, NR_PAGES, BLOCK(.nr_nodes = 2), HOLDS(NR(FREE) = 0)),
	CASE("no zone, since it has holes", "6.1.0", NEVER, HOLES, NR_PAGES, BLOCK(.zone = MO_ZONE_NONE, .is_ram = 0), HOLDS(NR(FREE) = 0)),
	CASE("holes", "6.1.0", NEVER, HOLES, NR_PAGES, BLOCK(.is_ram = 0), HOLDS(NR(FREE) = 0)),
	CASE("nobody says whether it has holes", "6.1.0", FREE, NONE, 0, BLOCK(.is_ram = -EACCES), HOLDS(NR(FREE) = 0)),
	CASE("boot memory on x86", "6.12.1", FREE, NONE, 0, BLOCK(.is_boot = true), HOLDS(NR(FREE) = 0)),
	/* reserved pages, in any zone */
	CASE("reserved", "6.12.1", NEVER, RESERVED, 1, BLOCK(), HOLDS(NR(RESERVED) = 1)),
	CASE("its own memmap", "6.12.1", LIKELY, NONE, 0, BLOCK(.memmap_pages = 512), HOLDS(NR(RESERVED) = 512, .move_pages = 512)),
	CASE("more than its memmap", "6.12.1", NEVER, RESERVED, 513, BLOCK(.memmap_pages = 512), HOLDS(NR(RESERVED) = 513)),
	/* the kernel's own */
	CASE("slab", "6.1.0", UNLIKELY, SLAB, 3, KERNEL_ZONE(), HOLDS(NR(SLAB) = 3, NR(KERNEL) = 2, .unmovable_pages = 5)),
	CASE("page tables", "6.12.1", UNLIKELY, PGTABLE, 4, KERNEL_ZONE(),
	     HOLDS(NR(PGTABLE) = 4, NR(SLAB) = 3, .unmovable_pages = 7)),
	CASE("others", "6.12.1", UNLIKELY, KERNEL, 9, KERNEL_ZONE(), HOLDS(NR(KERNEL) = 9, NR(SLAB) = 3, .unmovable_pages = 12)),
	CASE("the same in zone Movable, on lists of processors", "6.12.1", LIKELY, NONE, 0, BLOCK(),
	     HOLDS(NR(KERNEL) = 9, .unmovable_pages = 9, .flagless_pages = 9, .move_pages = 9)),
	CASE("pages without a flag, as many as lie on lists", "6.12.1", LIKELY, NONE, 0, KERNEL_ZONE(.listed_pages = 9),
	     HOLDS(NR(KERNEL) = 9, .unmovable_pages = 9, .flagless_pages = 9, .move_pages = 9)),
	CASE("one more than that", "6.12.1", UNLIKELY, KERNEL, 10, KERNEL_ZONE(.listed_pages = 9),
	     HOLDS(NR(KERNEL) = 10, .unmovable_pages = 10, .flagless_pages = 10)),
	CASE("one that has a flag", "6.12.1", UNLIKELY, KERNEL, 9, KERNEL_ZONE(.listed_pages = 9),
	     HOLDS(NR(KERNEL) = 9, .unmovable_pages = 9, .flagless_pages = 8)),
	CASE("poisoned", "6.12.1", FREE, NONE, 0, KERNEL_ZONE(), HOLDS(NR(POISONED) = 9)),
	CASE("huge pages of users", "6.1.0", LIKELY, NONE, 0, KERNEL_ZONE(), HOLDS(NR(THP) = 512, .move_pages = 512)),
	/* logically offline */
	CASE("no page at all", "6.12.1", FREE, NONE, 0, BLOCK(), HOLDS(NR(OFFLINE) = 9)),
	CASE("a balloon's", "6.12.1", UNLIKELY, PAGE_OFFLINE, 9, BLOCK(), HOLDS(NR(OFFLINE) = 9, .held_offline_pages = 9)),
	CASE("a balloon's that moves", "6.12.1", FREE, NONE, 0, BLOCK(.balloon_moves = true),
	     HOLDS(NR(OFFLINE) = 9, .held_offline_pages = 9)),
	CASE("virtio-mem's", "6.12.1", FREE, NONE, 0, BLOCK(.is_virtio_mem = true),
	     HOLDS(NR(OFFLINE) = 9, .held_offline_pages = 9)),
	/* huge pages of the pool */
	CASE("free ones, and no promise", "6.12.1", LIKELY, NONE, 0, BLOCK(.pool_free_pages = 4 * HUGE),
	     HOLDS(NR(HUGETLB) = 4 * HUGE, .free_hugetlb_pages = 4 * HUGE, .move_pages = 4 * HUGE)),
	CASE("all are promised", "6.12.1", UNLIKELY, HUGETLB_RESERVED, 4 * HUGE,
	     BLOCK(.pool_free_pages = 4 * HUGE, .pool_promised_pages = 4 * HUGE),
	     HOLDS(NR(HUGETLB) = 4 * HUGE, .free_hugetlb_pages = 4 * HUGE)),
	CASE("one too many is promised", "6.1.0", UNLIKELY, HUGETLB_RESERVED, HUGE,
	     BLOCK(.pool_free_pages = 4 * HUGE, .pool_promised_pages = HUGE),
	     HOLDS(NR(HUGETLB) = 4 * HUGE, .free_hugetlb_pages = 4 * HUGE)),
	CASE("others can keep the promise", "6.1.0", LIKELY, NONE, 0,
	     BLOCK(.pool_free_pages = 5 * HUGE, .pool_promised_pages = HUGE),
	     HOLDS(NR(HUGETLB) = 4 * HUGE, .free_hugetlb_pages = 4 * HUGE, .move_pages = 4 * HUGE)),
	CASE("those in use take what was promised", "6.12.1", UNLIKELY, HUGETLB_RESERVED, HUGE,
	     BLOCK(.pool_free_pages = 3 * HUGE, .pool_promised_pages = HUGE),
	     HOLDS(NR(HUGETLB) = 4 * HUGE, .free_hugetlb_pages = 0, .move_pages = 4 * HUGE)),
	CASE("those in use, and all is promised: new ones are made", "6.12.1", LIKELY, NONE, 0,
	     BLOCK(.pool_free_pages = 3 * HUGE, .pool_promised_pages = 3 * HUGE),
	     HOLDS(NR(HUGETLB) = 4 * HUGE, .free_hugetlb_pages = 0, .move_pages = 4 * HUGE)),
	CASE("unmapped, but not free", "6.12.1", LIKELY, NONE, 0, BLOCK(.pool_promised_pages = 0),
	     HOLDS(NR(HUGETLB) = HUGE, .free_hugetlb_pages = HUGE, .move_pages = HUGE)),
	/* gigantic ones */
	CASE("across the last edge", "6.1.0", UNLIKELY, SPANS_EDGE, 1, BLOCK(.spans_end = true),
	     HOLDS(NR(HUGETLB) = NR_PAGES, .move_pages = NR_PAGES)),
	CASE("across the last edge", "6.9.3", UNLIKELY, SPANS_EDGE, 1, KERNEL_ZONE(.spans_end = true), HOLDS(NR(FREE) = 0)),
	CASE("the same on a newer kernel", "6.10.0", LIKELY, NONE, 0, BLOCK(.spans_end = true),
	     HOLDS(NR(HUGETLB) = NR_PAGES, .move_pages = NR_PAGES)),
	CASE("the same on a kernel that is not known", "", LIKELY, NONE, 0, BLOCK(.spans_end = true),
	     HOLDS(NR(HUGETLB) = NR_PAGES, .move_pages = NR_PAGES)),
	CASE("none is free elsewhere", "6.12.1", UNLIKELY, GIGANTIC, 1, BLOCK(.nr_gigantic = 1), HOLDS(NR(FREE) = 0)),
	CASE("one is free elsewhere", "6.12.1", LIKELY, NONE, 0, BLOCK(.nr_gigantic = 1, .nr_gigantic_free = 1),
	     HOLDS(NR(HUGETLB) = NR_PAGES, .move_pages = NR_PAGES)),
};

static void assert_ruling(const struct rule_case *rule, const struct mo_ruling *said)
{
	if (said->verdict != rule->verdict || said->reason != rule->reason || said->nr_pages != rule->nr_pages)
		fail_msg("%s, on %s: %s, %s, %llu pages", rule->what, rule->release, mo_verdict_name(said->verdict),
			 mo_reason_key(said->reason), (unsigned long long)said->nr_pages);
}

static void rules_are_the_kernels(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mo_isolation facts = cases[i].facts;
		struct mo_ruling said;

		facts.kernel = mo_kernel_of(cases[i].release, cases[i].arch);
		facts.content = &cases[i].content;
		said = mo_isolation_judge(&facts);
		assert_ruling(&cases[i], &said);
	}
}

static void without_its_content_the_zone_decides(void **state)
{
	const struct mo_isolation movable = BLOCK(), kernel = KERNEL_ZONE(), holes = KERNEL_ZONE(.is_ram = 0);

	(void)state;
	assert_int_equal(mo_isolation_judge(&movable).verdict, MO_VERDICT_LIKELY);
	assert_int_equal(mo_isolation_judge(&kernel).verdict, MO_VERDICT_UNLIKELY);
	assert_int_equal(mo_isolation_judge(&holes).verdict, MO_VERDICT_NEVER);
}

static void a_platform_may_keep_its_boot_memory(void **state)
{
	struct mo_isolation facts = BLOCK(.is_boot = true);

	(void)state;
	facts.kernel = mo_kernel_of("6.12.1", "aarch64");
	assert_int_equal(mo_isolation_judge(&facts).verdict, MO_VERDICT_NEVER);
	assert_int_equal(mo_isolation_judge(&facts).reason, MO_REASON_NOTIFIER);
	facts.is_boot = false;
	assert_int_equal(mo_isolation_judge(&facts).verdict, MO_VERDICT_LIKELY);
}

/* What flags tell may be put right by the module, what the kernel knows of the block may not. */
static void only_flags_may_be_wrong(void **state)
{
	const struct mo_content slab = { NR(SLAB) = 1, .unmovable_pages = 1 }, reserved = { NR(RESERVED) = 1 };
	struct mo_isolation facts = KERNEL_ZONE();

	(void)state;
	facts.content = &slab;
	assert_true(mo_isolation_judge(&facts).is_by_flags);
	facts.content = &reserved;
	assert_false(mo_isolation_judge(&facts).is_by_flags);
}

static void releases_are_told_apart(void **state)
{
	(void)state;
	assert_true(mo_kernel_of("6.1.0-56-amd64", "x86_64").minds_last_edge);
	assert_false(mo_kernel_of("6.1.0-56-amd64", "x86_64").minds_poison);
	assert_false(mo_kernel_of("6.12.117+deb12-amd64", "x86_64").minds_last_edge);
	assert_true(mo_kernel_of("6.12.117+deb12-amd64", "x86_64").minds_poison);
	assert_true(mo_kernel_of("5.19.0", "").minds_last_edge);
	assert_true(mo_kernel_of("7.0", "").minds_poison);
	assert_true(mo_kernel_of("nonsense", "").minds_poison);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_the_kernels),
		cmocka_unit_test(without_its_content_the_zone_decides),
		cmocka_unit_test(a_platform_may_keep_its_boot_memory),
		cmocka_unit_test(only_flags_may_be_wrong),
		cmocka_unit_test(releases_are_told_apart),
	};

	return cmocka_run_group_tests_name("isolation", tests, NULL, NULL);
}
