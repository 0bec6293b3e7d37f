/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The contract of memoffline.ko with user space: /dev/memoffline.
 *
 * Mode 0600, and CAP_SYS_ADMIN in the initial user namespace at open. Every struct begins with its size in bytes,
 * set by the caller. A size below the smallest that was ever published is EINVAL; bytes behind the end of what
 * this kernel knows must be 0, or it is E2BIG. Members named out_ are written, whatever stood there; reserved
 * members must be 0. Ranges are start_pfn and nr_pages: [start_pfn, start_pfn + nr_pages) in pages of the base size.
 *
 * errno, the same for all requests:
 *	ENOTTY		no such request
 *	EINVAL		size too small, unknown flag, reserved member not 0; a range that is empty, unaligned,
 *			too long, or ends beyond all addresses
 *	E2BIG		bytes behind what this kernel knows are not 0, or size is larger than a page
 *	EFAULT		an address that can't be read or written
 *	EPERM		no CAP_SYS_ADMIN (at open)
 *	ENOMEM		no memory for the records
 *	EINTR		a fatal signal
 *	EOPNOTSUPP	this kernel lacks what the request needs, see memoffline_info.out_features
 */
#ifndef _UAPI_LINUX_MEMOFFLINE_H
#define _UAPI_LINUX_MEMOFFLINE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Why a page, or a block, stayed. Numbers never change their meaning; new ones come before the last. */
enum memoffline_reason {
	MEMOFFLINE_REASON_NONE,
	/* about pages */
	MEMOFFLINE_REASON_EXTRA_REFS,	/* references beyond mappings and caches: a pin */
	MEMOFFLINE_REASON_DMA_PINNED,	/* pinned for DMA (FOLL_PIN) */
	MEMOFFLINE_REASON_WRITEBACK,	/* being written to its file or to swap */
	MEMOFFLINE_REASON_LOCKED,	/* its lock is held, by I/O as a rule */
	MEMOFFLINE_REASON_NO_TARGET,	/* no memory to move it to, and no swap */
	MEMOFFLINE_REASON_NO_MIGRATE,	/* its file system or driver can't migrate it */
	MEMOFFLINE_REASON_VMA_REFUSED,	/* the hook of a VMA refused */
	MEMOFFLINE_REASON_SLAB,
	MEMOFFLINE_REASON_PGTABLE,
	MEMOFFLINE_REASON_RESERVED,	/* PG_reserved: firmware, kernel image, memmap */
	MEMOFFLINE_REASON_KERNEL,	/* any other allocation of the kernel */
	MEMOFFLINE_REASON_GIGANTIC,	/* huge page larger than the buddy allocator's largest */
	MEMOFFLINE_REASON_HUGETLB_RESERVED, /* free huge page promised to a reservation */
	MEMOFFLINE_REASON_PAGE_OFFLINE,	/* logically offline: balloon, virtio-mem */
	MEMOFFLINE_REASON_POISONED,	/* hardware poison */
	MEMOFFLINE_REASON_SPANS_EDGE,	/* compound page across the edge of the range */
	MEMOFFLINE_REASON_CMA,
	MEMOFFLINE_REASON_OFF_LRU,	/* in use, on no list that migration looks at */
	/* about the attempt */
	MEMOFFLINE_REASON_DEADLINE,
	MEMOFFLINE_REASON_STALL,
	MEMOFFLINE_REASON_INTERRUPTED,
	MEMOFFLINE_REASON_LOCK_WAIT,	/* another operation of memory hotplug held the lock */
	/* about the block */
	MEMOFFLINE_REASON_ZONE_NONE,	/* spans zones or nodes */
	MEMOFFLINE_REASON_HOLES,	/* not all of it is System RAM */
	MEMOFFLINE_REASON_ISOLATION,	/* could not be isolated, the page is not known */
	MEMOFFLINE_REASON_NOTIFIER,	/* a driver or subsystem vetoed */
	MEMOFFLINE_REASON_VANISHED,
	MEMOFFLINE_REASON_NO_PERMISSION,
	MEMOFFLINE_REASON_UNKNOWN,
	MEMOFFLINE_REASON_NR,
};

/* What a page is. */
enum memoffline_kind {
	MEMOFFLINE_KIND_FREE,
	MEMOFFLINE_KIND_ANON,		/* base pages; swap cache and KSM count here */
	MEMOFFLINE_KIND_THP,		/* part of an anonymous transparent huge page */
	MEMOFFLINE_KIND_CACHE,		/* page cache */
	MEMOFFLINE_KIND_SHMEM,		/* shared memory, tmpfs, memfd */
	MEMOFFLINE_KIND_HUGETLB,
	MEMOFFLINE_KIND_SLAB,
	MEMOFFLINE_KIND_PGTABLE,
	MEMOFFLINE_KIND_RESERVED,
	MEMOFFLINE_KIND_OFFLINE,	/* logically offline, or no page at all */
	MEMOFFLINE_KIND_POISONED,
	MEMOFFLINE_KIND_KERNEL,		/* any other allocation of the kernel */
	MEMOFFLINE_KIND_NR,
};

#define MEMOFFLINE_MAPPERS_KEPT	4
#define MEMOFFLINE_COMM_LEN	16
#define MEMOFFLINE_NAME_LEN	32

/* A process that maps a page. */
struct memoffline_mapper {
	__u64 addr;			/* virtual address of the page in it */
	__s32 pid;			/* thread group, in the initial pid namespace */
	__u32 reserved;
	char comm[MEMOFFLINE_COMM_LEN];	/* any byte; ends with 0 */
};

/* One page, or one folio, that stayed. Numbers that are not known are -1, or 0 for inodes. */
struct memoffline_record {
	__u64 pfn;			/* of its first page */
	__u64 kpageflags;		/* KPF_ bits of linux/kernel-page-flags.h */
	__u64 cgroup_inode;		/* of the memory cgroup that it is charged to */
	__u64 file_inode;
	__u32 file_dev;			/* as st_dev of stat(2), minor in the low 20 bits */
	__u32 order;			/* it has 1 << order pages */
	__u32 kind;			/* enum memoffline_kind */
	__u32 reason;			/* enum memoffline_reason */
	__s32 refs;			/* references found */
	__s32 refs_expected;		/* references that mappings and caches explain */
	__s32 mapcount;
	__s32 pincount;			/* exact for folios of more than one page, else 0 or 1: may be pinned */
	__s32 error;			/* negative errno of the last attempt to move it, 0: none was made */
	__u32 nr_mappers;		/* all of them, or 0: not looked for, which had taken too long already */
	struct memoffline_mapper mappers[MEMOFFLINE_MAPPERS_KEPT];	/* the first of them */
	char name[MEMOFFLINE_NAME_LEN];	/* last component of a file's, or a slab's cache; any byte; ends with 0 */
};

/* A request writes so many records at most, whatever room there is for. */
#define MEMOFFLINE_MAX_RECORDS	65536U

/* Features that could be resolved in this kernel. */
#define MEMOFFLINE_FEATURE_EVACUATE	(1ULL << 0)	/* the core moves pages when a block goes offline */
#define MEMOFFLINE_FEATURE_SPLIT	(1ULL << 1)	/* huge folios can be split where no huge target is free */
#define MEMOFFLINE_FEATURE_KERNEL_OPS	(1ULL << 2)	/* hugetlb, balloon, zsmalloc */
#define MEMOFFLINE_FEATURE_SWAPOUT	(1ULL << 3)	/* eviction to swap when no target has room */
#define MEMOFFLINE_FEATURE_OWNERS	(1ULL << 4)	/* records name mapping processes */
#define MEMOFFLINE_FEATURE_ISOLATION	(1ULL << 5)	/* isolation that failed before the notifier is seen */
#define MEMOFFLINE_FEATURE_POLICY	(1ULL << 6)	/* targets honour mempolicy and cpuset of the owner */
#define MEMOFFLINE_FEATURE_KPAGEFLAGS	(1ULL << 7)	/* records carry kpageflags */
#define MEMOFFLINE_FEATURE_TIERS	(1ULL << 8)	/* memory of a lower tier is the last resort */
#define MEMOFFLINE_FEATURE_POOLS	(1ULL << 9)	/* huge pages that are free in their pool are no targets */
#define MEMOFFLINE_FEATURE_CMA		(1ULL << 10)	/* pages of CMA are known as such */
#define MEMOFFLINE_FEATURE_PARTIAL	(1ULL << 11)	/* huge pages mapped in part stay queued to be split */
#define MEMOFFLINE_FEATURE_LRU_CACHES	(1ULL << 12)	/* per-cpu lists are used while most pages move */
#define MEMOFFLINE_FEATURE_QUARANTINE	(1ULL << 13)	/* sessions: ranges can be quarantined and evacuated */
#define MEMOFFLINE_FEATURE_PROCESS	(1ULL << 14)	/* MEMOFFLINE_MIGRATE_PROCESS */
#define MEMOFFLINE_FEATURE_SLAB_NAMES	(1ULL << 15)	/* records of slabs name their caches */
#define MEMOFFLINE_FEATURE_EJECT	(1ULL << 16)	/* a device that the firmware ejects is emptied as a whole */
#define MEMOFFLINE_FEATURE_NR		17

/* MEMOFFLINE_INFO: what this module is and can do. */
struct memoffline_info {
	__u32 size;
	__u32 flags;			/* 0 */
	__u32 out_version;		/* 1 */
	__u32 out_nr_workers;		/* threads that move pages, the writer included */
	__u64 out_features;		/* MEMOFFLINE_FEATURE_ */
	__u32 out_deadline_ms;		/* module parameter; 0: none */
	__u32 out_stall_ms;		/* module parameter; 0: none */
};

#define MEMOFFLINE_SCAN_MAX_PAGES	(1ULL << 28)

/*
 * MEMOFFLINE_SCAN: classify a range, move nothing. Records tell of the pages that would stay, as far as can be seen
 * while nothing is isolated: a lock or a reference may be gone a moment later. Pages that can move have no record.
 * The range is aligned to pageblocks and has MEMOFFLINE_SCAN_MAX_PAGES at most; parts without memory count as
 * MEMOFFLINE_KIND_OFFLINE.
 */
struct memoffline_scan {
	__u32 size;
	__u32 flags;			/* 0 */
	__u64 start_pfn;
	__u64 nr_pages;
	__u64 records;			/* address of struct memoffline_record[nr_records]; 0 with nr_records 0 */
	__u32 nr_records;
	__u32 out_nr_records;		/* written */
	__u64 out_nr_kept;		/* pages that would stay, those without a record included */
	__u64 out_nr_pages[MEMOFFLINE_KIND_NR];
};

#define MEMOFFLINE_PFN_LAST	(~0ULL)

/*
 * MEMOFFLINE_REPORT: the last attempt to take a block offline, whoever made it. start_pfn is any page of the block,
 * or MEMOFFLINE_PFN_LAST for the last attempt of all. ENOENT: none is kept.
 */
struct memoffline_report {
	__u32 size;
	__u32 flags;			/* 0 */
	__u64 start_pfn;
	__u64 records;			/* address of struct memoffline_record[nr_records]; 0 with nr_records 0 */
	__u32 nr_records;
	__u32 out_nr_records;		/* written */
	__u64 out_nr_records_kept;	/* that could have been written */
	__u64 out_start_pfn;		/* of the range of the attempt */
	__u64 out_nr_pages;
	__u64 out_nr_moved;		/* pages */
	__u64 out_nr_evicted;		/* pages that went to swap or were dropped from the cache */
	__u64 out_nr_kept;		/* pages that stayed */
	__u64 out_nr_split;		/* huge folios that were split */
	__u64 out_nr_policy_violated;	/* pages that went where their owner's mempolicy or cpuset did not allow */
	__u64 out_start_ns;		/* since the epoch */
	__u64 out_elapsed_ns;
	__s32 out_error;		/* 0 or negative errno, as the kernel got it from us or elsewhere */
	__u32 out_reason;		/* enum memoffline_reason: why not all of it went */
	__s32 out_pid;			/* thread that asked, in the initial pid namespace */
	__u32 out_nr_passes;
	char out_comm[MEMOFFLINE_COMM_LEN];
	__u64 out_kept_by_reason[MEMOFFLINE_REASON_NR];	/* pages */
};

/*
 * MEMOFFLINE_QUARANTINE: from now on nothing is allocated from the range, until it is released or the file is closed.
 * The range is aligned to memory sections (128 MiB on x86) and is online memory, each section in one zone. It is added
 * to those that this file has already. On an error nothing has changed.
 *
 *	EBUSY	another file has a part of it: out_owner_pid; or, with out_owner_pid 0, memory in the section at
 *		out_bad_pfn can't move
 *	ENODEV	not all of the range is online memory
 *	ENOSPC	the rest of the machine and swap have no room for what is in all ranges of this file: out_nr_used
 *		pages are more than out_nr_room
 *	EALREADY a request of this kind, RELEASE, EVACUATE or MIGRATE_PROCESS is under way on this file
 */
struct memoffline_quarantine {
	__u32 size;
	__u32 flags;			/* 0 */
	__u64 start_pfn;
	__u64 nr_pages;
	__u64 out_nr_used;		/* pages in use in all ranges of this file */
	__u64 out_nr_room;		/* pages that other memory of the machine has free or can reclaim */
	__u64 out_bad_pfn;
	__s32 out_owner_pid;		/* in the initial pid namespace */
	__u32 reserved;
};

/*
 * MEMOFFLINE_RELEASE: the range is usual memory again. ENOENT: this file has not quarantined all of it. EALREADY: as
 * above.
 */
struct memoffline_release {
	__u32 size;
	__u32 flags;			/* 0 */
	__u64 start_pfn;
	__u64 nr_pages;
};

#define MEMOFFLINE_EVACUATE_FALLBACK	(1U << 0)	/* evict to swap what finds no target */
#define MEMOFFLINE_EVACUATE_EVICT	(1U << 1)	/* evict all, move nothing */

/*
 * MEMOFFLINE_EVACUATE: move all out of what this file has quarantined. Returns when it ended, by success, a limit or a
 * signal: 0 also where pages stay, see out_reason. Whoever reads the file meanwhile sees the progress. What moved stays
 * moved, and the request may be repeated. A process that has pages back before they are evicted is made to wait.
 *
 *	EINVAL	also a node without memory, or none at all; more than 100 per cent; more than MEMOFFLINE_MAX_RECORDS
 *	ENOENT	this file has quarantined nothing
 *	EALREADY as above
 */
struct memoffline_evacuate {
	__u32 size;
	__u32 flags;			/* MEMOFFLINE_EVACUATE_ */
	__u64 nodes;			/* address of a bitmap of target nodes, __u64[nr_node_words]; 0: all */
	__u32 nr_node_words;
	__u32 deadline_ms;		/* 0: none */
	__u32 stall_ms;			/* 0: none */
	__u32 nr_workers;		/* 0: as many as the node has processors */
	__u32 max_mib_s;		/* MiB in a second by all workers; 0: no limit */
	__u32 max_cpu_percent;		/* of each worker's time; 0: no limit */
	__u32 max_records;		/* that can be read afterwards; MEMOFFLINE_MAX_RECORDS at most */
	__u32 out_reason;		/* enum memoffline_reason; NONE: nothing is left */
	__u64 out_nr_moved;		/* pages */
	__u64 out_nr_evicted;
	__u64 out_nr_kept;
	__u64 out_nr_split;		/* huge folios */
	__u64 out_nr_policy_violated;
	__u64 out_elapsed_ns;
	__u32 out_nr_passes;
	__u32 out_nr_records;		/* that wait to be read */
	__u64 out_kept_by_reason[MEMOFFLINE_REASON_NR];	/* pages */
};

#define MEMOFFLINE_PROCESS_MOVE_ALL	(1U << 0)	/* also pages that other processes use; needs CAP_SYS_NICE */
#define MEMOFFLINE_PROCESS_FALLBACK	(1U << 1)	/* evict to swap what finds no target */
#define MEMOFFLINE_PROCESS_PIDFD	(1U << 2)	/* pid is a file descriptor, as pidfd_open(2) gives it */

/*
 * MEMOFFLINE_MIGRATE_PROCESS: move the memory of a process from one set of nodes to another. The layout is kept: the
 * n-th node of the first set goes to the n-th of the second, which begins again where it is the smaller. Where the sets
 * differ in number, a node that is in both keeps its pages. No page moves twice. Policies are left alone. Pages go to
 * their node or stay. Returns as EVACUATE does: 0 also where pages stay, see out_reason and read(). This file need not
 * have quarantined anything. A process that ends, or becomes another program, meanwhile has nothing left to be moved.
 * A step from node to node ends also when what stays has resisted several passes or, without a deadline, after 50: a
 * process may take memory of the node all the time.
 *
 * A VMA that can't move for its kind, or since its hook refused, has one record in each step from node to node. Without
 * a hook it has one only where it holds memory of the node.
 *
 *	EINVAL	also a set without nodes; a node that is unknown or, in nodes_to, without memory; addresses that are
 *		not aligned to pages, in the wrong order, or beyond the address space; a process without memory of its
 *		own: a thread of the kernel, or one that is exiting
 *	ESRCH	no such process
 *	EBADF	pid is no file descriptor of a process
 *	EPERM	no permission to trace the process; nodes_to are not all in its cpuset and in the caller's, without
 *		CAP_SYS_NICE (migrate_pages(2) leaves out those that the caller's lacks); MOVE_ALL without CAP_SYS_NICE;
 *		a security module refused
 *	EALREADY as above
 */
struct memoffline_migrate_process {
	__u32 size;
	__u32 flags;			/* MEMOFFLINE_PROCESS_ */
	__s32 pid;			/* in the caller's pid namespace; 0: the caller */
	__u32 nr_node_words;		/* of each bitmap; 1 to 64 */
	__u64 nodes_from;		/* address of a bitmap, __u64[nr_node_words] */
	__u64 nodes_to;
	__u64 start_addr;		/* of the addresses, aligned to pages */
	__u64 end_addr;			/* behind them; 0 with start_addr 0: all */
	__u32 deadline_ms;		/* 0: none, see above */
	__u32 nr_workers;		/* the caller included; 0: as many as help */
	__u32 max_records;		/* that can be read afterwards; MEMOFFLINE_MAX_RECORDS at most */
	__u32 out_reason;		/* enum memoffline_reason; NONE: nothing is left on nodes_from that was to go */
	__u64 out_nr_moved;		/* pages */
	__u64 out_nr_evicted;
	__u64 out_nr_kept;		/* pages that stayed, and were to go */
	__u64 out_nr_shared;		/* pages left alone since others use them too, without MOVE_ALL */
	__u64 out_nr_swapped;		/* pages in swap, which are left there; shared memory does not count */
	__u64 out_nr_split;		/* huge folios */
	__u64 out_elapsed_ns;
	__u32 out_nr_passes;
	__u32 out_nr_records;		/* that wait to be read */
	__u64 out_kept_by_reason[MEMOFFLINE_REASON_NR];	/* pages */
};

/*
 * MEMOFFLINE_STOP: what is under way on this file ends soon, as by a signal, and so does at once any EVACUATE and
 * MIGRATE_PROCESS that comes later. They tell what they did, with MEMOFFLINE_REASON_INTERRUPTED. It does not wait for
 * that, and can't be taken back. A process that is about to load another program is waited for all the same.
 */
struct memoffline_stop {
	__u32 size;
	__u32 flags;			/* 0 */
};

/*
 * read() of the file gives these, whole ones only: while something moves its progress, when there is some; then the
 * records of pages that stayed; then 0. poll(): POLLIN where read() would not wait. EINVAL: the buffer is smaller than
 * one.
 */
struct memoffline_event {
	__u32 size;			/* of this struct */
	__u32 type;			/* MEMOFFLINE_EVENT_ */
	struct {			/* of MIGRATE_PROCESS, with a record; 0 otherwise */
		__u64 addr;		/* in the process */
		__u64 nr_pages;		/* from addr on; a VMA that can't move is one record, with record.pfn ~0 */
		__u64 vma_start;
		__u64 vma_end;
	} place;
	union {
		struct {
			__u64 nr_done;	/* pages that were moved or evicted */
			__u64 nr_left;	/* pages in use after the last pass; ~0: not known yet */
			__u64 stuck_pfn; /* where the last pass left some; 0: nowhere */
			__u64 elapsed_ns;
		} progress;
		struct memoffline_record record;
	};
};

#define MEMOFFLINE_EVENT_PROGRESS	1U
#define MEMOFFLINE_EVENT_RECORD		2U

#define MEMOFFLINE_IOC_TYPE	0xbe
#define MEMOFFLINE_INFO		_IO(MEMOFFLINE_IOC_TYPE, 0x00)
#define MEMOFFLINE_SCAN		_IO(MEMOFFLINE_IOC_TYPE, 0x01)
#define MEMOFFLINE_REPORT	_IO(MEMOFFLINE_IOC_TYPE, 0x02)
#define MEMOFFLINE_QUARANTINE	_IO(MEMOFFLINE_IOC_TYPE, 0x03)
#define MEMOFFLINE_EVACUATE	_IO(MEMOFFLINE_IOC_TYPE, 0x04)
#define MEMOFFLINE_RELEASE	_IO(MEMOFFLINE_IOC_TYPE, 0x05)
#define MEMOFFLINE_MIGRATE_PROCESS _IO(MEMOFFLINE_IOC_TYPE, 0x06)
#define MEMOFFLINE_STOP		_IO(MEMOFFLINE_IOC_TYPE, 0x07)

#endif
