/* SPDX-License-Identifier: GPL-2.0-only */
/* Facts about a page become what it is, and the reason why it stays. Pure: compiled in user space as well. */
#ifndef MEMOFFLINE_CLASSIFY_H
#define MEMOFFLINE_CLASSIFY_H

#include "pure.h"
#include "include/uapi/linux/memoffline.h"

/* What facts.c saw of a folio, or of a page that is none. A picture of one moment: nothing was locked. */
struct mo_facts {
	unsigned long pfn;		/* of the first page */
	unsigned int order;
	int refs;			/* references found */
	int mapcount;			/* of all pages */
	int pincount;			/* see struct memoffline_record */
	bool is_online:1;		/* there is a page at all */
	bool is_free:1;			/* in the buddy allocator, or with no reference */
	bool is_buddy_tail:1;		/* free, below the head of its order */
	bool is_lru:1;
	bool is_movable_ops:1;		/* balloon, zsmalloc: its driver can move it */
	bool is_hugetlb:1;
	bool is_hugetlb_free:1;
	bool is_hugetlb_reserved:1;	/* free, and promised to a reservation */
	bool is_gigantic:1;
	bool is_slab:1;
	bool is_pgtable:1;
	bool is_reserved:1;
	bool is_offline:1;		/* PageOffline */
	bool is_poisoned:1;
	bool is_anon:1;
	bool is_ksm:1;
	bool is_swapbacked:1;
	bool is_swapcache:1;
	bool has_mapping:1;		/* a file */
	bool has_private:1;		/* buffers or other data of the file system */
	bool has_busy_buffers:1;	/* of a block device, in use: a mounted file system keeps its own blocks so */
	bool is_cached_once:1;		/* the page cache holds one reference for all of it, and not one a page */
	bool can_migrate:1;		/* the file's operations have migrate_folio */
	bool can_write:1;		/* they write out single pages, so that what is dirty can become clean */
	bool is_inaccessible:1;		/* secretmem, guest memory */
	bool is_locked:1;
	bool is_writeback:1;
	bool is_dirty:1;
	bool is_pinned:1;		/* may be pinned for DMA */
	bool is_cma:1;
	bool is_isolated:1;		/* off the LRU in our own hands */
	bool is_refused:1;		/* by the hook of a VMA that maps it */
	bool spans_edge:1;		/* part of the folio lies outside of the range */
};

enum memoffline_kind mo_classify_kind(const struct mo_facts *facts);

/* References that mappings, page cache, swap cache and private data explain; -1: there is no rule for this page. */
int mo_classify_refs_expected(const struct mo_facts *facts);

/*
 * Why it would stay. MEMOFFLINE_REASON_NONE: nothing speaks against moving it (or it is free, poisoned, offline with no
 * reference: nothing to move). ERROR is the negative errno of the last attempt to move it, 0: none was made;
 * it decides where the facts do not: -ENOMEM is no target, any other is UNKNOWN.
 */
enum memoffline_reason mo_classify(const struct mo_facts *facts, int error);

/* Asked of what an attempt left: it will never move, however long one waits, so that the attempt may end at once. */
bool mo_reason_is_permanent(enum memoffline_reason reason);
/* It waits for I/O that is under way: worth waiting for until the deadline, even where nothing moves. */
bool mo_reason_is_io(enum memoffline_reason reason);

#endif
