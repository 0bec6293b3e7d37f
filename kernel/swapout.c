// SPDX-License-Identifier: GPL-2.0-only
/*
 * Evict folios for which no target memory is left: anonymous ones to swap, clean cache to nowhere. Dirty cache stays
 * until it is written.
 */
#include <linux/blkdev.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/vmstat.h>

#include "compat/compat.h"
#include "migrate.h"

/* The kernel's reclaim does not count what it is given as isolated. */
static unsigned long uncount_isolated(struct list_head *folios)
{
	struct folio *folio;
	unsigned long nr = 0;

	list_for_each_entry(folio, folios, lru) {
		node_stat_mod_folio(folio, NR_ISOLATED_ANON + folio_is_file_lru(folio), -folio_nr_pages(folio));
		nr += folio_nr_pages(folio);
	}
	return nr;
}

unsigned long mo_swapout(struct list_head *folios, unsigned long *nr_left)
{
	unsigned long nr = uncount_isolated(folios), nr_evicted;
	struct blk_plug plug;

	blk_start_plug(&plug);	/* neighbours in swap are written together */
	nr_evicted = min(nr, mo_reclaim(folios));
	blk_finish_plug(&plug);
	*nr_left += nr - nr_evicted;
	return nr_evicted;
}

bool mo_is_written(unsigned long start_pfn)
{
	unsigned long pfn;

	for (pfn = start_pfn; pfn < start_pfn + pageblock_nr_pages; pfn++)
		if (PageWriteback(pfn_to_page(pfn)))
			return true;
	return false;
}
