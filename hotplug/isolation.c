// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The rules by which the kernel isolates a block, or refuses to: what is known of the block -> what comes of it. Pure.
 *
 * In the order of the kernel: offline_pages() looks for holes, zones and nodes, start_isolate_page_range() at the
 * edges, has_unmovable_pages() at each page; when all is isolated the notifiers may veto, what can move does, and free
 * huge pages are given back. What only an attempt shows (pins, room) is not here.
 */
#include "private.h"

typedef struct mo_ruling rule_fn(const struct mo_isolation *facts);

static struct mo_ruling ruling(enum mo_verdict verdict, enum mo_reason reason, uint64_t nr_pages, bool is_by_flags)
{
	return (struct mo_ruling){ verdict, reason, nr_pages, is_by_flags };
}

static const struct mo_ruling silence = { MO_VERDICT_FREE, MO_REASON_NONE, 0, false };

static struct mo_ruling of_zones(const struct mo_isolation *facts)
{
	enum mo_reason reason = facts->is_ram == 0 ? MO_REASON_HOLES : MO_REASON_ZONE_NONE;

	if (facts->zone != MO_ZONE_NONE && facts->nr_nodes <= 1)
		return silence;
	return ruling(MO_VERDICT_NEVER, reason, facts->nr_pages, false);
}

static struct mo_ruling of_holes(const struct mo_isolation *facts)
{
	return facts->is_ram == 0 ? ruling(MO_VERDICT_NEVER, MO_REASON_HOLES, facts->nr_pages, false) : silence;
}

static struct mo_ruling of_platform(const struct mo_isolation *facts)
{
	if (!facts->kernel.keeps_boot_memory || !facts->is_boot)
		return silence;
	return ruling(MO_VERDICT_NEVER, MO_REASON_NOTIFIER, facts->nr_pages, false);
}

/* Where nobody can look, the zone is all there is. */
static struct mo_ruling of_unseen(const struct mo_isolation *facts)
{
	enum mo_verdict verdict = facts->zone == MO_ZONE_MOVABLE ? MO_VERDICT_LIKELY : MO_VERDICT_UNLIKELY;

	return facts->content ? silence : ruling(verdict, MO_REASON_NONE, 0, true);
}

/* In any zone. With memmap_on_memory the head of a block holds its own struct pages, reserved, and goes with it. */
static struct mo_ruling of_reserved(const struct mo_isolation *facts)
{
	uint64_t nr = facts->content->nr_pages[MO_KIND_RESERVED];

	return nr > facts->memmap_pages ? ruling(MO_VERDICT_NEVER, MO_REASON_RESERVED, nr, false) : silence;
}

/* Gigantic pages alone are so large. Newer kernels let a page of hugetlb pass. */
static struct mo_ruling of_edges(const struct mo_isolation *facts)
{
	if (!facts->kernel.minds_last_edge || !facts->spans_end)
		return silence;
	return ruling(MO_VERDICT_UNLIKELY, MO_REASON_SPANS_EDGE, 1, false);
}

/*
 * No page has a type of the kernel's, and those without any flag are not more than lie on lists of processors, from
 * which an offline takes them back: then they are taken for those.
 */
static bool are_listed(const struct mo_isolation *facts)
{
	const struct mo_content *content = facts->content;

	return content->unmovable_pages == content->flagless_pages && content->flagless_pages <= facts->listed_pages;
}

/* The largest part of what only zone Movable is free of. */
static struct mo_ruling of_kernel_pages(const struct mo_isolation *facts)
{
	const uint64_t *nr = facts->content->nr_pages;
	enum mo_reason reason = MO_REASON_KERNEL;
	uint64_t most = nr[MO_KIND_KERNEL];

	if (facts->zone == MO_ZONE_MOVABLE || are_listed(facts))
		return silence;
	if (nr[MO_KIND_PGTABLE] >= most && nr[MO_KIND_PGTABLE]) {
		reason = MO_REASON_PGTABLE;
		most = nr[MO_KIND_PGTABLE];
	}
	if (nr[MO_KIND_SLAB] >= most && nr[MO_KIND_SLAB]) {
		reason = MO_REASON_SLAB;
		most = nr[MO_KIND_SLAB];
	}
	return most ? ruling(MO_VERDICT_UNLIKELY, reason, most, true) : silence;
}

/* They pass isolation, and then it is for their driver to let go: virtio-mem does, and so do balloons that move. */
static struct mo_ruling of_offline_pages(const struct mo_isolation *facts)
{
	uint64_t nr = facts->content->held_offline_pages;

	if (!nr || facts->is_virtio_mem || facts->balloon_moves)
		return silence;
	return ruling(MO_VERDICT_UNLIKELY, MO_REASON_PAGE_OFFLINE, nr, true);
}

static struct mo_ruling of_gigantic(const struct mo_isolation *facts)
{
	if (facts->nr_gigantic <= facts->nr_gigantic_free)
		return silence;
	return ruling(MO_VERDICT_UNLIKELY, MO_REASON_GIGANTIC, facts->nr_gigantic, false);
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Free huge pages of the block are given up, and so are those in use when others of the pool took their place, as long
 * as the pool has more than was promised.
 */
static struct mo_ruling of_promises(const struct mo_isolation *facts)
{
	const uint64_t pool = facts->pool_free_pages;
	uint64_t here = min(facts->content->free_hugetlb_pages, pool);
	uint64_t used = facts->content->nr_pages[MO_KIND_HUGETLB] - here;
	uint64_t spare = pool - min(facts->pool_promised_pages, pool);
	uint64_t nr = here + (spare ? min(used, pool - here) : 0);

	if (!facts->pool_promised_pages || nr <= spare)
		return silence;
	return ruling(MO_VERDICT_UNLIKELY, MO_REASON_HUGETLB_RESERVED, nr - spare, false);
}

static struct mo_ruling of_rest(const struct mo_isolation *facts)
{
	return ruling(facts->content->move_pages ? MO_VERDICT_LIKELY : MO_VERDICT_FREE, MO_REASON_NONE, 0, true);
}

struct mo_ruling mo_isolation_judge(const struct mo_isolation *facts)
{
	static rule_fn *const rules[] = {
		of_zones, of_holes, of_platform, of_unseen, of_reserved, of_edges, of_gigantic, of_promises,
		of_kernel_pages, of_offline_pages, of_rest,
	};
	struct mo_ruling said = silence;

	for (size_t i = 0; i < ARRAY_SIZE(rules) && said.verdict == MO_VERDICT_FREE; i++)
		said = rules[i](facts);
	return said;
}
