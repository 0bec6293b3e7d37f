// SPDX-License-Identifier: GPL-2.0-only
/*
 * Give emptied pages back to the allocator in runs. A dense pageblock then returns as one free page of its size,
 * rather than as 512 that take the zone's lock and are merged one after the other while other workers wait for it.
 *
 * A page joins a run when the last reference was ours and nothing about it needs the kernel's own ending. From then
 * on its reference count is 0, as that of a free page is, and nobody can get hold of it.
 */
#include <linux/align.h>
#include <linux/log2.h>
#include <linux/memcontrol.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/page_ref.h>

#include "compat/compat.h"
#include "migrate.h"

static bool is_plain(struct folio *folio)
{
	return !folio_test_large(folio) && !folio_test_mlocked(folio) && !folio_test_private(folio) &&
	       !folio_test_hwpoison(folio) && !mo_is_charged(folio);
}

/* What the allocator expects of each page of a block but its first. */
static void wipe(struct page *page)
{
	page->mapping = NULL;
	set_page_private(page, 0);
	page_cpupid_reset_last(page);
}

static void free_block(struct page *page, unsigned int order)
{
	set_page_count(page, 1);
	__free_pages(page, order);
}

void mo_run_flush(struct mo_run *run)
{
	unsigned long pfn = run->start_pfn, end_pfn = pfn + run->nr_pages;

	while (pfn < end_pfn) {
		unsigned int order = min_t(unsigned int, ilog2(end_pfn - pfn), pageblock_order);

		order = min_t(unsigned int, order, __ffs(pfn | pageblock_nr_pages));
		free_block(pfn_to_page(pfn), order);
		pfn += 1UL << order;
	}
	run->nr_pages = 0;
}

void mo_run_add(struct mo_run *run, struct folio *folio)
{
	unsigned long pfn = folio_pfn(folio);

	if (!is_plain(folio) || mo_counts_single_pages() || !folio_ref_freeze(folio, 1)) {
		folio_put(folio);
		return;
	}
	wipe(&folio->page);
	if (run->nr_pages && pfn != run->start_pfn + run->nr_pages)
		mo_run_flush(run);
	if (!run->nr_pages)
		run->start_pfn = pfn;
	run->nr_pages++;
	if (IS_ALIGNED(pfn + 1, pageblock_nr_pages))
		mo_run_flush(run);	/* the next may be of another zone */
}
