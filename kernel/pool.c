// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small targets taken a block at a time. The pages of a dense source then lie side by side at the target too, and the
 * allocator is asked once rather than for each page, which costs it more than half of what a copy does.
 */
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mmzone.h>

#include "migrate.h"

#define MIN_ORDER 2	/* below that a block is not worth its splitting */

static struct page *take_block(gfp_t gfp, int nid, unsigned int *order)
{
	struct page *page;

	for (; *order >= MIN_ORDER; *order -= 1) {
		page = alloc_pages_node(nid, gfp, *order);
		if (page)
			return page;
	}
	return NULL;
}

static bool fill(struct mo_pool *pool, gfp_t gfp, int nid)
{
	unsigned int order;
	struct page *page;

	if (pool->nr_expected < 1u << MIN_ORDER)
		return false;
	order = min_t(unsigned int, ilog2(pool->nr_expected), pageblock_order);
	page = take_block(gfp & ~(__GFP_COMP | __GFP_RECLAIM), nid, &order);
	if (!page) {
		pool->nr_expected = 0;	/* free memory is in pieces: not tried again for this batch */
		return false;
	}
	split_page(page, order);
	pool->block = page;
	pool->nr = 1u << order;
	pool->mask = pool->nr - 1;
	pool->next = pool->nr / 2 + 1;
	pool->nid = nid;
	return true;
}

/*
 * In a row, but from the middle on: a source and its target do not have the same low bits of their frame numbers, for
 * which a cache or TLB of few ways would have one place for both during the copy.
 */
static struct page *take_next(struct mo_pool *pool)
{
	struct page *page = pool->block + pool->next;

	pool->next = (pool->next + 1) & pool->mask;
	pool->nr--;
	return page;
}

struct folio *mo_pool_take(struct mo_pool *pool, gfp_t gfp, int nid)
{
	if (pool->nr && pool->nid != nid)
		return NULL;
	if (!pool->nr && !fill(pool, gfp, nid))
		return NULL;
	if (pool->nr_expected)
		pool->nr_expected--;
	return page_folio(take_next(pool));
}

void mo_pool_drop(struct mo_pool *pool)
{
	while (pool->nr)
		__free_page(take_next(pool));
	pool->nr_expected = 0;
}
