// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a page is. Nothing is locked, but for a look at the buffers of a block device, and nothing is waited for: pages
 * may be freed, split or allocated while they are looked at. A reference keeps a folio whole for as long as it is
 * read; what has none is free or about to be.
 */
#include <linux/buffer_head.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/magic.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>

#include "compat/compat.h"
#include "compat/facts.h"
#include "migrate.h"

/* Splits that hit the same page while it is read. */
#define MAX_TRIES	16

/* ---- pages that nobody uses ---- */

unsigned long mo_free_run(struct page *page)
{
	unsigned long order;

	if (!PageBuddy(page))
		return 0;
	order = READ_ONCE(page->private);
	return order < BITS_PER_LONG && 1UL << order <= MAX_ORDER_NR_PAGES ? 1UL << order : 1;
}

/* A free run that PFN lies in, but does not begin: how many pages of it are left. 0: there is none. */
static unsigned long free_tail(unsigned long pfn)
{
	unsigned long nr, head_pfn, run;

	for (nr = 2; nr <= MAX_ORDER_NR_PAGES; nr <<= 1) {
		head_pfn = ALIGN_DOWN(pfn, nr);
		run = mo_free_run(pfn_to_page(head_pfn));
		if (head_pfn + run > pfn)
			return head_pfn + run - pfn;
	}
	return 0;
}

/* In the pool. It may leave it meanwhile, and its size with it. */
static unsigned long read_free_hugetlb(struct folio *folio, struct mo_facts *facts)
{
	unsigned int order = folio_order(folio);
	unsigned long pfn = facts->pfn, next_pfn = folio_pfn(folio) + (1UL << order);

	if (!folio_test_hugetlb(folio) || next_pfn <= pfn) {
		facts->is_free = true;
		return 1;
	}
	facts->pfn = folio_pfn(folio);
	facts->order = order;
	facts->is_hugetlb = true;
	facts->is_hugetlb_free = true;
	facts->is_hugetlb_reserved = mo_is_promised(1UL << order);
	facts->is_poisoned = folio_test_hwpoison(folio);
	return next_pfn - pfn;
}

/* The last reference is gone, or was never there: huge pages of the pool, and what drivers gave up. */
static unsigned long read_unreferenced(struct page *page, struct mo_facts *facts)
{
	struct folio *folio = page_folio(page);
	unsigned long nr;

	if (folio_test_hugetlb(folio))
		return read_free_hugetlb(folio, facts);
	facts->is_poisoned = PageHWPoison(page);
	facts->is_reserved = PageReserved(page);
	facts->is_offline = PageOffline(page);
	facts->is_free = !facts->is_reserved && !facts->is_offline;
	nr = facts->is_free && !facts->is_poisoned ? free_tail(facts->pfn) : 0;
	facts->is_buddy_tail = nr > 0;
	return max(nr, 1UL);
}

/* ---- folios, with a reference held ---- */

static void read_hugetlb(struct folio *folio, struct mo_facts *facts)
{
	facts->is_hugetlb = true;
	facts->is_gigantic = folio_nr_pages(folio) > MAX_ORDER_NR_PAGES;
	facts->is_cached_once = MO_HUGETLB_CACHED_ONCE;
}

static bool is_secret(struct address_space *mapping)
{
	return mapping->host && mapping->host->i_sb->s_magic == SECRETMEM_MAGIC;
}

/*
 * Inodes, and so their mappings, are freed under RCU: one that the folio still belongs to when RCU has begun can
 * be looked into until it ends.
 */
static void read_mapping(struct folio *folio, struct mo_facts *facts)
{
	struct address_space *mapping;

	rcu_read_lock();
	mapping = READ_ONCE(folio->mapping);
	if (mapping && !((unsigned long)mapping & PAGE_MAPPING_FLAGS)) {
		facts->has_mapping = true;
		facts->can_migrate = mo_file_can_migrate(mapping);
		facts->can_write = mapping->a_ops->writepage || mapping->a_ops->writepages;
		facts->is_inaccessible = is_secret(mapping) || mo_mapping_inaccessible(mapping);
	}
	rcu_read_unlock();
}

static void read_flags(struct folio *folio, struct mo_facts *facts)
{
	facts->is_lru = folio_test_lru(folio);
	facts->is_swapbacked = folio_test_swapbacked(folio);
	facts->is_swapcache = folio_test_swapcache(folio);
	facts->has_private = folio_test_private(folio);
	facts->is_locked = folio_test_locked(folio);
	facts->is_writeback = folio_test_writeback(folio);
	facts->is_dirty = folio_test_dirty(folio);
}

static bool are_busy(struct buffer_head *head)
{
	struct buffer_head *bh = head;

	do {
		if (atomic_read(&bh->b_count))
			return true;
		bh = bh->b_this_page;
	} while (bh != head);
	return false;
}

/* A page of a block device moves only while nobody uses its buffers. The lock keeps file and buffers with the folio. */
static bool has_busy_buffers(struct folio *folio)
{
	struct address_space *mapping;
	bool is_busy;

	if (!folio_trylock(folio))
		return false;
	mapping = folio_test_anon(folio) ? NULL : folio->mapping;
	is_busy = mapping && mapping->host && S_ISBLK(mapping->host->i_mode) && folio_buffers(folio) &&
		  are_busy(folio_buffers(folio));
	folio_unlock(folio);
	return is_busy;
}

/* What user space can map, or a file can hold. */
static void read_users(struct folio *folio, struct mo_facts *facts)
{
	facts->is_anon = folio_test_anon(folio);
	facts->is_ksm = folio_test_ksm(folio);
	facts->can_migrate = true;
	read_flags(folio, facts);
	if (folio_test_hugetlb(folio))
		read_hugetlb(folio, facts);
	read_mapping(folio, facts);
	facts->has_busy_buffers = facts->has_mapping && facts->has_private && has_busy_buffers(folio);
	facts->mapcount = mo_folio_mapcount(folio);
	facts->is_pinned = folio_maybe_dma_pinned(folio);
	facts->pincount = folio_test_large(folio) ? mo_large_pincount(folio) : facts->is_pinned;
}

/* Poison marks a base page, or the head of what can't be split; huge folios have a mark that one of their pages is. */
static bool is_poisoned(struct page *page, struct folio *folio)
{
	if (PageHWPoison(page))
		return true;
	if (folio_test_hugetlb(folio))
		return folio_test_hwpoison(folio);
	return folio_test_large(folio) && folio_test_lru(folio) && folio_test_has_hwpoisoned(folio);
}

/* The order matters: what has a type uses the fields of struct page for other things. */
static void read_folio(struct page *page, struct folio *folio, struct mo_facts *facts)
{
	facts->is_poisoned = is_poisoned(page, folio);
	facts->is_reserved = folio_test_reserved(folio);
	facts->is_offline = PageOffline(page);
	facts->is_pgtable = PageTable(&folio->page);
	facts->is_slab = folio_test_slab(folio);
	if (facts->is_reserved || facts->is_pgtable || facts->is_slab)
		return;
	facts->is_movable_ops = __folio_test_movable(folio);
	if (facts->is_movable_ops || (page_has_type(&folio->page) && !folio_test_hugetlb(folio)))
		return;
	read_users(folio, facts);
}

static unsigned long read_referenced(struct page *page, struct folio *folio, unsigned long start_pfn,
				     unsigned long end_pfn, struct mo_facts *facts)
{
	unsigned long nr = folio_nr_pages(folio), next_pfn = folio_pfn(folio) + nr;

	nr = next_pfn - facts->pfn;
	facts->pfn = folio_pfn(folio);
	facts->order = folio_order(folio);
	facts->spans_edge = facts->pfn < start_pfn || next_pfn > end_pfn;
	read_folio(page, folio, facts);
	facts->refs = folio_ref_count(folio) - 1;	/* last: mappings that went meanwhile took theirs along */
	return nr;
}

/* ---- any page ---- */

/*
 * The most frequent one, told without a reference, since nothing has to be followed: an anonymous base page on the
 * LRU, which mappings alone hold. What changes under the look was so a moment ago.
 */
static bool read_plain_anon(struct page *page, struct mo_facts *facts)
{
	const unsigned long others = BIT(PG_head) | BIT(PG_locked) | BIT(PG_writeback) | BIT(PG_reserved) |
				     BIT(PG_swapcache) | BIT(PG_private) | __PG_HWPOISON;
	unsigned long flags = READ_ONCE(page->flags), mapping = (unsigned long)READ_ONCE(page->mapping);
	int mapcount = atomic_read(&page->_mapcount) + 1;

	if ((flags & (others | BIT(PG_lru))) != BIT(PG_lru) || PageTail(page) ||
	    (mapping & PAGE_MAPPING_FLAGS) != PAGE_MAPPING_ANON)
		return false;
	if (mapcount <= 0 || page_ref_count(page) != mapcount)
		return false;
	facts->is_lru = true;
	facts->is_anon = true;
	facts->is_swapbacked = flags & BIT(PG_swapbacked);
	facts->is_dirty = flags & BIT(PG_dirty);
	facts->can_migrate = true;
	facts->mapcount = mapcount;
	facts->refs = mapcount;
	return true;
}

static unsigned long read_page(struct page *page, unsigned long start_pfn, unsigned long end_pfn,
			       struct mo_facts *facts)
{
	struct folio *folio;
	unsigned long nr;
	int i;

	if (read_plain_anon(page, facts))
		return 1;
	for (i = 0; i < MAX_TRIES; i++) {
		nr = mo_free_run(page);
		if (nr) {
			facts->is_free = true;
			facts->order = ilog2(nr);
			return nr;
		}
		folio = page_folio(page);
		if (!folio_try_get(folio))
			return read_unreferenced(page, facts);
		if (page_folio(page) == folio) {
			nr = read_referenced(page, folio, start_pfn, end_pfn, facts);
			folio_put(folio);
			return nr;
		}
		folio_put(folio);	/* it was split, or freed and allocated, before we had it */
	}
	return 1;
}

unsigned long mo_facts_read(unsigned long pfn, unsigned long start_pfn, unsigned long end_pfn, struct mo_facts *facts)
{
	struct page *page = pfn_to_online_page(pfn);
	unsigned long nr;

	memset(facts, 0, sizeof(*facts));
	facts->pfn = pfn;
	if (page) {
		facts->is_online = true;
		facts->is_cma = mo_is_cma(page);
		nr = read_page(page, start_pfn, end_pfn, facts);
	} else {
		nr = ALIGN(pfn + 1, PAGES_PER_SUBSECTION) - pfn;
	}
	return min(nr, end_pfn - pfn);
}
