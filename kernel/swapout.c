// SPDX-License-Identifier: GPL-2.0-only
/*
 * Evict folios for which no target memory is left: anonymous ones to swap, clean cache to nowhere. Dirty cache stays
 * until it is written.
 */
#include <linux/blkdev.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/mmap_lock.h>
#include <linux/sched/mm.h>
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

/* ---- those who have it back ---- */

struct mapping_at {
	struct mm_struct *mm;
	unsigned long addr;
};

static bool see_mapping(struct folio *folio, struct vm_area_struct *vma, unsigned long addr, void *data)
{
	struct mapping_at *at = data;

	if (!mo_is_mapped_at(folio, vma, &addr) || !mmget_not_zero(vma->vm_mm))
		return true;
	*at = (struct mapping_at){ vma->vm_mm, addr };
	return false;
}

static void find_mapping(unsigned long start_pfn, struct mapping_at *at)
{
	unsigned long end_pfn = start_pfn + pageblock_nr_pages, pfn;

	for (pfn = start_pfn; !at->mm && (pfn = mo_first_used(pfn, end_pfn)) < end_pfn; pfn++) {
		struct folio *folio = page_folio(pfn_to_page(pfn));

		if (!folio_try_get(folio))
			continue;
		if (folio_test_lru(folio))
			mo_rmap_walk(folio, see_mapping, at);
		folio_put(folio);
	}
}

struct mm_struct *mo_swapout_lock_user(unsigned long start_pfn)
{
	struct mapping_at at = {};

	find_mapping(start_pfn, &at);
	if (!at.mm || mo_trylock_faults(at.mm, at.addr))
		return at.mm;
	mmput(at.mm);
	return NULL;
}

void mo_swapout_unlock_user(struct mm_struct *mm)
{
	mmap_write_unlock(mm);
	mmput(mm);
}
