// SPDX-License-Identifier: GPL-2.0-only
/* Facts about a page become what it is, and the reason why it stays. */
#include "classify.h"

/* A small folio has no count of its own for pins: each of them is so many references (GUP_PIN_COUNTING_BIAS). */
#define REFS_PER_PIN	1024

/* ---- what it is ---- */

static enum memoffline_kind kind_of_lru(const struct mo_facts *facts)
{
	if (facts->is_anon || facts->is_swapcache)
		return facts->order ? MEMOFFLINE_KIND_THP : MEMOFFLINE_KIND_ANON;
	return facts->is_swapbacked ? MEMOFFLINE_KIND_SHMEM : MEMOFFLINE_KIND_CACHE;
}

/* Anything that page tables, page cache or swap cache refer to. */
static bool is_users(const struct mo_facts *facts)
{
	return facts->is_anon || facts->is_swapcache || facts->has_mapping || facts->is_lru;
}

enum memoffline_kind mo_classify_kind(const struct mo_facts *facts)
{
	if (!facts->is_online)
		return MEMOFFLINE_KIND_OFFLINE;
	if (facts->is_poisoned)
		return MEMOFFLINE_KIND_POISONED;
	if (facts->is_offline)
		return MEMOFFLINE_KIND_OFFLINE;
	if (facts->is_free)
		return MEMOFFLINE_KIND_FREE;
	if (facts->is_reserved)
		return MEMOFFLINE_KIND_RESERVED;
	if (facts->is_hugetlb)
		return MEMOFFLINE_KIND_HUGETLB;
	if (facts->is_slab)
		return MEMOFFLINE_KIND_SLAB;
	if (facts->is_pgtable)
		return MEMOFFLINE_KIND_PGTABLE;
	if (facts->is_movable_ops || !is_users(facts))
		return MEMOFFLINE_KIND_KERNEL;
	return kind_of_lru(facts);
}

/* ---- who holds it ---- */

/* All others belong to whoever allocated them, and only that one knows who holds them. */
static bool has_rule(const struct mo_facts *facts)
{
	return facts->is_hugetlb ? !facts->is_hugetlb_free : is_users(facts);
}

static int refs_of_caches(const struct mo_facts *facts)
{
	int refs = facts->is_swapcache ? 1 << facts->order : 0;

	if (facts->is_anon)
		return refs;
	if (facts->has_mapping)
		refs += facts->is_cached_once ? 1 : 1 << facts->order;
	return refs + facts->has_private;
}

int mo_classify_refs_expected(const struct mo_facts *facts)
{
	if (!has_rule(facts))
		return -1;
	return facts->mapcount + refs_of_caches(facts) + facts->is_isolated;
}

static enum memoffline_reason reason_of_refs(const struct mo_facts *facts)
{
	int extra = facts->refs - mo_classify_refs_expected(facts);

	if (extra <= 0)
		return facts->has_busy_buffers ? MEMOFFLINE_REASON_EXTRA_REFS : MEMOFFLINE_REASON_NONE;
	if (facts->is_pinned && extra >= (facts->order ? 1 : REFS_PER_PIN))
		return MEMOFFLINE_REASON_DMA_PINNED;
	return MEMOFFLINE_REASON_EXTRA_REFS;
}

/* ---- why it stays ---- */

static enum memoffline_reason reason_of_error(int error)
{
	switch (error) {
	case 0:
		return MEMOFFLINE_REASON_NONE;
	case -ENOMEM:
		return MEMOFFLINE_REASON_NO_TARGET;
	default:
		return MEMOFFLINE_REASON_UNKNOWN;
	}
}

/* The kernel's offline counts a poisoned page as gone, but not the healthy rest of its folio. */
static enum memoffline_reason reason_of_poisoned(const struct mo_facts *facts)
{
	return facts->order && facts->refs > 0 ? MEMOFFLINE_REASON_POISONED : MEMOFFLINE_REASON_NONE;
}

/* Its driver lets go of its reference when the page may go offline with the block. */
static enum memoffline_reason reason_of_offline(const struct mo_facts *facts)
{
	return facts->refs > 0 ? MEMOFFLINE_REASON_PAGE_OFFLINE : MEMOFFLINE_REASON_NONE;
}

/* The kernel gives back free huge pages after us, unless somebody was promised them. */
static enum memoffline_reason reason_of_free_hugetlb(const struct mo_facts *facts)
{
	return facts->is_hugetlb_reserved ? MEMOFFLINE_REASON_HUGETLB_RESERVED : MEMOFFLINE_REASON_NONE;
}

/* What is clean moves without help of its file system, and what is dirty where it can be written. */
static bool has_no_way(const struct mo_facts *facts)
{
	return facts->is_inaccessible || (!facts->can_migrate && !facts->can_write && facts->is_dirty);
}

static enum memoffline_reason reason_of_io(const struct mo_facts *facts)
{
	if (facts->is_writeback)
		return MEMOFFLINE_REASON_WRITEBACK;
	return facts->is_locked ? MEMOFFLINE_REASON_LOCKED : MEMOFFLINE_REASON_NONE;
}

/*
 * I/O is waited for, and who waits for it holds references until it ends: before an attempt it is no reason, and
 * after one it is a better one than the references.
 */
static enum memoffline_reason reason_of_users(const struct mo_facts *facts, int error)
{
	enum memoffline_reason io = reason_of_io(facts), refs = reason_of_refs(facts);

	if (has_no_way(facts))
		return MEMOFFLINE_REASON_NO_MIGRATE;
	if (refs == MEMOFFLINE_REASON_DMA_PINNED)
		return refs;
	if (io != MEMOFFLINE_REASON_NONE)
		return error ? io : MEMOFFLINE_REASON_NONE;
	if (refs != MEMOFFLINE_REASON_NONE)
		return refs;
	if (!facts->is_lru && !facts->is_hugetlb && !facts->is_isolated)
		return MEMOFFLINE_REASON_OFF_LRU;
	return reason_of_error(error);
}

static enum memoffline_reason reason_of_used(const struct mo_facts *facts, int error)
{
	if (facts->is_refused)
		return MEMOFFLINE_REASON_VMA_REFUSED;
	if (facts->is_reserved)
		return MEMOFFLINE_REASON_RESERVED;
	if (facts->is_hugetlb_free)
		return reason_of_free_hugetlb(facts);
	if (facts->is_gigantic)
		return MEMOFFLINE_REASON_GIGANTIC;
	if (facts->is_slab)
		return MEMOFFLINE_REASON_SLAB;
	if (facts->is_pgtable)
		return MEMOFFLINE_REASON_PGTABLE;
	if (facts->is_movable_ops)
		return reason_of_error(error);
	if (!has_rule(facts))
		return MEMOFFLINE_REASON_KERNEL;
	if (facts->spans_edge)
		return MEMOFFLINE_REASON_SPANS_EDGE;
	return reason_of_users(facts, error);
}

enum memoffline_reason mo_classify(const struct mo_facts *facts, int error)
{
	if (!facts->is_online)
		return MEMOFFLINE_REASON_NONE;
	if (facts->is_cma)
		return MEMOFFLINE_REASON_CMA;	/* a free page too: its pageblock can't be isolated */
	if (facts->is_poisoned)
		return reason_of_poisoned(facts);
	if (facts->is_offline && !facts->is_movable_ops)
		return reason_of_offline(facts);
	if (facts->is_free)
		return MEMOFFLINE_REASON_NONE;
	return reason_of_used(facts, error);
}

bool mo_reason_is_permanent(enum memoffline_reason reason)
{
	switch (reason) {
	case MEMOFFLINE_REASON_NO_MIGRATE:
	case MEMOFFLINE_REASON_VMA_REFUSED:
	case MEMOFFLINE_REASON_SLAB:
	case MEMOFFLINE_REASON_PGTABLE:
	case MEMOFFLINE_REASON_RESERVED:
	case MEMOFFLINE_REASON_KERNEL:
	case MEMOFFLINE_REASON_GIGANTIC:
	case MEMOFFLINE_REASON_HUGETLB_RESERVED:
	case MEMOFFLINE_REASON_PAGE_OFFLINE:
	case MEMOFFLINE_REASON_POISONED:
	case MEMOFFLINE_REASON_SPANS_EDGE:
	case MEMOFFLINE_REASON_CMA:
		return true;
	default:
		return false;
	}
}

bool mo_reason_is_io(enum memoffline_reason reason)
{
	return reason == MEMOFFLINE_REASON_WRITEBACK || reason == MEMOFFLINE_REASON_LOCKED;
}
