/* SPDX-License-Identifier: GPL-2.0-only */
/* Fields of folios and mappings whose place or meaning differs between kernels. Nothing is locked. */
#ifndef MEMOFFLINE_COMPAT_FACTS_H
#define MEMOFFLINE_COMPAT_FACTS_H

#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)

/* Entries of page tables that refer to any part of the folio; each holds a reference. */
static inline int mo_folio_mapcount(struct folio *folio)
{
	return folio_mapcount(folio);
}

/* Of a large folio. */
static inline int mo_large_pincount(struct folio *folio)
{
	return atomic_read(&folio->_pincount);
}

static inline bool mo_mapping_inaccessible(struct address_space *mapping)
{
	return mapping_inaccessible(mapping);
}

#define MO_HUGETLB_CACHED_ONCE	false	/* the page cache holds a reference for each of its base pages */

#else

static inline int mo_folio_mapcount(struct folio *folio)
{
	long i, nr = folio_nr_pages(folio);
	int whole, mapcount;

	if (!folio_test_large(folio))
		return atomic_read(&folio->_mapcount) + 1;
	whole = folio_entire_mapcount(folio);
	if (folio_test_hugetlb(folio))
		return whole;
	mapcount = whole;
	for (i = 0; i < nr; i++)
		mapcount += atomic_read(&folio_page(folio, i)->_mapcount) + 1;
	/*
	 * The counts of the pages of a file hold each mapping of the whole, those of anonymous ones all of them as
	 * one.
	 */
	if (!folio_test_anon(folio))
		return mapcount - whole * nr;
	return folio_test_double_map(folio) ? mapcount - nr : mapcount;
}

static inline int mo_large_pincount(struct folio *folio)
{
	return atomic_read(folio_pincount_ptr(folio));
}

static inline bool mo_mapping_inaccessible(struct address_space *mapping)
{
	return false;
}

#define MO_HUGETLB_CACHED_ONCE	true

#endif

#endif
