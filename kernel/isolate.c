// SPDX-License-Identifier: GPL-2.0-only
/* Take pages off the lists that reclaim and compaction work on, and put them back. */
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/mmzone.h>
#include <linux/sched.h>
#include <linux/vmstat.h>

#include "compat/compat.h"
#include "migrate.h"

void mo_batch_init(struct mo_batch *batch)
{
	INIT_LIST_HEAD(&batch->lru);
	INIT_LIST_HEAD(&batch->kernel_ops);
	batch->nr_lru = 0;
	batch->nr_small = 0;
	batch->nr_kernel_ops = 0;
	batch->nr_left = 0;
	batch->tally = (struct mo_tally){};
}

/* Per node and for many folios at once: to count each by itself costs more than to take it. */
void mo_tally(struct mo_tally *tally, struct folio *folio, long sign)
{
	if (tally->pgdat != folio_pgdat(folio)) {
		mo_tally_flush(tally);
		tally->pgdat = folio_pgdat(folio);
	}
	tally->nr_pages[folio_is_file_lru(folio)] += sign * folio_nr_pages(folio);
}

void mo_tally_flush(struct mo_tally *tally)
{
	int is_file;

	for (is_file = 0; is_file <= 1; is_file++) {
		if (tally->nr_pages[is_file])
			mod_node_page_state(tally->pgdat, NR_ISOLATED_ANON + is_file, tally->nr_pages[is_file]);
		tally->nr_pages[is_file] = 0;
	}
}

static bool take_lru(struct folio *folio, struct mo_batch *batch)
{
	if (!mo_folio_isolate_lru(folio))
		return false;
	list_add_tail(&folio->lru, &batch->lru);
	batch->nr_lru += folio_nr_pages(folio);
	batch->nr_small += !folio_test_large(folio);
	mo_tally(&batch->tally, folio, 1);
	return true;
}

static bool take_kernel_ops(struct folio *folio, struct mo_batch *batch)
{
	if (folio_test_hugetlb(folio)) {
		if (!mo_isolate_hugetlb(folio, &batch->kernel_ops))
			return false;
	} else {
		if (!__folio_test_movable(folio) || !mo_isolate_movable_ops(&folio->page))
			return false;
		list_add_tail(&folio->lru, &batch->kernel_ops);
	}
	batch->nr_kernel_ops++;
	return true;
}

/* The caller holds a reference, which keeps the folio whole. */
static bool take(struct folio *folio, struct mo_batch *batch)
{
	if (folio_test_lru(folio) && !folio_test_hugetlb(folio))
		return take_lru(folio, batch);
	return take_kernel_ops(folio, batch);
}

/* The kernel deals with it after us, and does not move it either. */
static bool is_poisoned(struct folio *folio)
{
	return folio_test_hwpoison(folio) || (folio_test_large(folio) && folio_test_has_hwpoisoned(folio));
}

bool mo_isolate_folio(struct folio *folio, struct mo_batch *batch)
{
	return !is_poisoned(folio) && take(folio, batch);
}

/* Looks at one page and returns how many are done with by that. */
static unsigned long take_at(struct page *page, unsigned long nr_max, struct mo_batch *batch)
{
	struct folio *folio;
	unsigned long nr;

	nr = mo_free_run(page);
	if (nr)
		return min(nr, nr_max);
	folio = page_folio(page);
	if (PageHWPoison(page) || !folio_try_get(folio))
		return 1;
	if (page_folio(page) != folio) {	/* it was split or freed before we had it */
		folio_put(folio);
		return 0;
	}
	nr = min_t(unsigned long, folio_nr_pages(folio) - folio_page_idx(folio, page), nr_max);
	/* A large folio that is poisoned in part stays on its list, where the kernel's loop would find it for ever. */
	if (is_poisoned(folio) ? folio_test_large(folio) : !take(folio, batch))
		batch->nr_left += nr;
	folio_put(folio);
	return nr;
}

int mo_isolate(unsigned long *pfn, unsigned long end_pfn, unsigned long max_pages, struct mo_batch *batch)
{
	if (!pfn_to_online_page(*pfn)) {
		*pfn = end_pfn;
		return 0;
	}
	while (*pfn < end_pfn && batch->nr_lru < max_pages)
		*pfn += take_at(pfn_to_page(*pfn), end_pfn - *pfn, batch);
	mo_tally_flush(&batch->tally);
	return 0;
}

/* Free pages of huge page pools, and pages that a driver gave up: the kernel takes them after us. */
static unsigned long given_up(struct page *page)
{
	struct folio *folio = page_folio(page);
	unsigned long nr = folio_nr_pages(folio);

	if (PageHWPoison(page))
		return 1;
	if (folio_ref_count(folio))
		return 0;
	/* It may leave its pool meanwhile, and its size with it. */
	if (folio_test_hugetlb(folio) && is_power_of_2(nr) && nr <= PUD_SIZE / PAGE_SIZE)
		return ALIGN(page_to_pfn(page) + 1, nr) - page_to_pfn(page);
	return PageOffline(page) ? 1 : 0;
}

unsigned long mo_first_used(unsigned long pfn, unsigned long end_pfn)
{
	unsigned long nr;

	while (pfn < end_pfn) {
		struct page *page = pfn_to_online_page(pfn);

		if (!page)
			nr = PAGES_PER_SUBSECTION - pfn % PAGES_PER_SUBSECTION;
		else
			nr = mo_free_run(page) ?: given_up(page);
		if (!nr)
			return pfn;
		pfn += nr;
	}
	return end_pfn;
}

unsigned long mo_count_used(unsigned long pfn, unsigned long end_pfn)
{
	unsigned long nr_used = 0, nr;

	for (; pfn < end_pfn; pfn += nr) {
		struct page *page = pfn_to_online_page(pfn);

		nr = page ? mo_free_run(page) : 1;
		if (!(pfn & (pageblock_nr_pages - 1)))
			cond_resched();
		if (nr)
			continue;
		nr = 1;
		nr_used += page_count(page) > 0;
	}
	return nr_used;
}

static unsigned long putback_lru(struct list_head *folios)
{
	struct mo_tally tally = {};
	struct folio *folio, *next;
	unsigned long nr = 0;

	list_for_each_entry_safe(folio, next, folios, lru) {
		list_del(&folio->lru);
		mo_tally(&tally, folio, -1);
		count_vm_events(PGMIGRATE_FAIL, folio_nr_pages(folio));
		mo_folio_putback_lru(folio);
		nr++;
	}
	mo_tally_flush(&tally);
	return nr;
}

unsigned long mo_putback(struct mo_batch *batch)
{
	unsigned long nr = putback_lru(&batch->lru);
	struct list_head *pos;

	list_for_each(pos, &batch->kernel_ops)
		nr++;
	if (!list_empty(&batch->kernel_ops))
		mo_putback_movable(&batch->kernel_ops);
	mo_batch_init(batch);
	return nr;
}
