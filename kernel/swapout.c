// SPDX-License-Identifier: GPL-2.0-only
/*
 * Evict folios for which no target memory is left: anonymous ones to swap, clean cache to nowhere. Dirty cache stays
 * until it is written.
 */
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
	unsigned long nr = uncount_isolated(folios);
	unsigned long nr_evicted = min(nr, mo_reclaim(folios));

	*nr_left += nr - nr_evicted;
	return nr_evicted;
}
