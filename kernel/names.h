/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Key words of reasons and kinds, for tracepoints and uevents; the library has the same ones in its JSON.
 * X is called for each member, LAST for the last one.
 */
#ifndef MEMOFFLINE_NAMES_H
#define MEMOFFLINE_NAMES_H

#define MO_REASON_NAMES(X, LAST)				\
	X(MEMOFFLINE_REASON_NONE, "none")			\
	X(MEMOFFLINE_REASON_EXTRA_REFS, "extra-refs")		\
	X(MEMOFFLINE_REASON_DMA_PINNED, "dma-pin")		\
	X(MEMOFFLINE_REASON_WRITEBACK, "writeback")		\
	X(MEMOFFLINE_REASON_LOCKED, "locked")			\
	X(MEMOFFLINE_REASON_NO_TARGET, "no-target")		\
	X(MEMOFFLINE_REASON_NO_MIGRATE, "no-migrate")		\
	X(MEMOFFLINE_REASON_VMA_REFUSED, "vma-refused")		\
	X(MEMOFFLINE_REASON_SLAB, "slab")			\
	X(MEMOFFLINE_REASON_PGTABLE, "pgtable")			\
	X(MEMOFFLINE_REASON_RESERVED, "reserved")		\
	X(MEMOFFLINE_REASON_KERNEL, "kernel")			\
	X(MEMOFFLINE_REASON_GIGANTIC, "gigantic")		\
	X(MEMOFFLINE_REASON_HUGETLB_RESERVED, "hugetlb-reserved") \
	X(MEMOFFLINE_REASON_PAGE_OFFLINE, "page-offline")	\
	X(MEMOFFLINE_REASON_POISONED, "poisoned")		\
	X(MEMOFFLINE_REASON_SPANS_EDGE, "spans-edge")		\
	X(MEMOFFLINE_REASON_CMA, "cma")				\
	X(MEMOFFLINE_REASON_OFF_LRU, "off-lru")			\
	X(MEMOFFLINE_REASON_DEADLINE, "deadline")		\
	X(MEMOFFLINE_REASON_STALL, "stall")			\
	X(MEMOFFLINE_REASON_INTERRUPTED, "interrupted")		\
	X(MEMOFFLINE_REASON_LOCK_WAIT, "lock-wait")		\
	X(MEMOFFLINE_REASON_ZONE_NONE, "zone-none")		\
	X(MEMOFFLINE_REASON_HOLES, "holes")			\
	X(MEMOFFLINE_REASON_ISOLATION, "isolation")		\
	X(MEMOFFLINE_REASON_NOTIFIER, "notifier")		\
	X(MEMOFFLINE_REASON_VANISHED, "vanished")		\
	X(MEMOFFLINE_REASON_NO_PERMISSION, "no-permission")	\
	LAST(MEMOFFLINE_REASON_UNKNOWN, "unknown")

#define MO_KIND_NAMES(X, LAST)					\
	X(MEMOFFLINE_KIND_FREE, "free")				\
	X(MEMOFFLINE_KIND_ANON, "anon")				\
	X(MEMOFFLINE_KIND_THP, "thp")				\
	X(MEMOFFLINE_KIND_CACHE, "cache")			\
	X(MEMOFFLINE_KIND_SHMEM, "shmem")			\
	X(MEMOFFLINE_KIND_HUGETLB, "hugetlb")			\
	X(MEMOFFLINE_KIND_SLAB, "slab")				\
	X(MEMOFFLINE_KIND_PGTABLE, "pgtable")			\
	X(MEMOFFLINE_KIND_RESERVED, "reserved")			\
	X(MEMOFFLINE_KIND_OFFLINE, "offline")			\
	X(MEMOFFLINE_KIND_POISONED, "poisoned")			\
	LAST(MEMOFFLINE_KIND_KERNEL, "kernel")

#endif
