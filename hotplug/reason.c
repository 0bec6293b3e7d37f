// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reasons: their names and texts, and how facts about a page or a block lead to one. */
#include <errno.h>
#include <linux/kernel-page-flags.h>
#include <string.h>

#include "private.h"

#define KPF(bit) (1ULL << KPF_##bit)
#define PIN_BIAS 1024		/* a DMA pin counts so much in the references of a page of base size */
#define MAX_BUDDY_ORDER 10	/* larger pages are gigantic: no free list holds them */

static const struct {
	const char *name;
	const char *key;
	const char *text;
	const char *remedy;
} reasons[MO_REASON_NR] = {
	[MO_REASON_NONE] = {
		"none", "none",
		"Nothing is in the way.",
		"Nothing has to be done.",
	},
	[MO_REASON_EXTRA_REFS] = {
		"extra references", "extra-refs",
		"Somebody holds more references to the page than its mappings and caches explain: it is pinned, by a pipe, direct I/O, a driver or a virtual machine, or a mounted file system keeps it in use.",
		"Stop the process that is named, or the I/O that it does, and try again.",
	},
	[MO_REASON_DMA_PINNED] = {
		"DMA pin", "dma-pin",
		"The page is pinned for a device that may write to it at any time (RDMA, VFIO, io_uring buffers, direct I/O).",
		"Stop the process that is named, or take the device from it, and try again.",
	},
	[MO_REASON_WRITEBACK] = {
		"under writeback", "writeback",
		"The page is being written to its device, and that has not ended.",
		"Check that the device answers, run \"sync\", and try again.",
	},
	[MO_REASON_LOCKED] = {
		"locked", "locked",
		"The kernel holds the page's lock, as it does while it reads, writes or truncates it.",
		"Try again; if it stays, look for I/O that hangs (\"dmesg\", processes in state D).",
	},
	[MO_REASON_NO_TARGET] = {
		"no target memory", "no-target",
		"No other node has free memory to which the page could go; what is in zone Movable takes only pages that come from zone Movable.",
		"Free memory elsewhere, stop something or add swap, or take fewer blocks; \"memoffline plan\" shows the room that is left.",
	},
	[MO_REASON_NO_MIGRATE] = {
		"file system can't migrate", "no-migrate",
		"The page belongs to a file whose file system could not move it: it is dirty or has private data, and could not be written.",
		"Run \"sync\" and \"echo 1 > /proc/sys/vm/drop_caches\", or close the file or unmount its file system, and try again.",
	},
	[MO_REASON_VMA_REFUSED] = {
		"refused by the mapping", "vma-refused",
		"The driver or subsystem that made the mapping refused to let the page go.",
		"Stop the process that is named, and try again.",
	},
	[MO_REASON_SLAB] = {
		"slab", "slab",
		"The page holds small objects of the kernel, which can't be moved.",
		"\"echo 2 > /proc/sys/vm/drop_caches\" may free it; else choose another block: only blocks in zone Movable are free of such pages.",
	},
	[MO_REASON_PGTABLE] = {
		"page table", "pgtable",
		"The page is a page table of a process, which can't be moved.",
		"Stop the process that it belongs to, or choose another block: only blocks in zone Movable are free of such pages.",
	},
	[MO_REASON_RESERVED] = {
		"reserved", "reserved",
		"The page was reserved at boot for firmware, the kernel's image or its tables: it never becomes free.",
		"Choose another block; this one can't go.",
	},
	[MO_REASON_KERNEL] = {
		"kernel memory", "kernel",
		"The kernel or a driver allocated the page for itself, and it can't be moved.",
		"Choose another block; memory that must go again should be put online as \"online_movable\".",
	},
	[MO_REASON_GIGANTIC] = {
		"gigantic page", "gigantic",
		"The page is part of a gigantic huge page, and no other node has one of that size that is free.",
		"Reserve one on another node (nr_hugepages of the node in /sys/devices/system/node), or free the ones in use here, and try again.",
	},
	[MO_REASON_HUGETLB_RESERVED] = {
		"reserved huge page", "hugetlb-reserved",
		"A free huge page is promised to a process that has not used it yet, so the pool can't shrink.",
		"Raise vm.nr_hugepages, on another node, or stop the process that reserved it, and try again.",
	},
	[MO_REASON_PAGE_OFFLINE] = {
		"logically offline", "page-offline",
		"A balloon or virtio-mem driver holds the page, and did not give it up.",
		"Deflate the balloon or change the size of the virtio-mem device at the hypervisor.",
	},
	[MO_REASON_POISONED] = {
		"poisoned", "poisoned",
		"The hardware reported an error in the page, so it is never used or copied again.",
		"Such a page does not keep its block from going; look for another reason, and replace the memory module.",
	},
	[MO_REASON_SPANS_EDGE] = {
		"across the edge", "spans-edge",
		"A compound page begins in this block and ends in another, or the other way round.",
		"Take both blocks, or free the huge page, and try again.",
	},
	[MO_REASON_CMA] = {
		"contiguous memory area", "cma",
		"The page is in an area for contiguous allocations by drivers (CMA), which can't be isolated.",
		"Choose another block, or make the area smaller or move it with the boot option cma=.",
	},
	[MO_REASON_OFF_LRU] = {
		"off the lists", "off-lru",
		"The page is in use, but on none of the lists from which the kernel moves pages: a driver holds it, or it is on its way.",
		"Try again; if it stays, unload the driver that may hold it.",
	},
	[MO_REASON_DEADLINE] = {
		"deadline", "deadline",
		"The time given for it was over.",
		"Give it more time with --timeout, or look at the pages that stayed.",
	},
	[MO_REASON_STALL] = {
		"no progress", "stall",
		"No page moved for the time that was allowed.",
		"Look at the pages that stayed; give it more time with --stall when they are only slow.",
	},
	[MO_REASON_INTERRUPTED] = {
		"interrupted", "interrupted",
		"A signal ended it.",
		"Start it again; nothing is left to clean up.",
	},
	[MO_REASON_LOCK_WAIT] = {
		"hotplug lock", "lock-wait",
		"Another memory, processor or device hotplug operation held the kernel's lock all the time.",
		"Wait for it to end; \"memoffline list\" shows a block that is going offline.",
	},
	[MO_REASON_ZONE_NONE] = {
		"spans zones or nodes", "zone-none",
		"The block belongs to more than one zone or node, or has holes: the kernel never takes such a block offline.",
		"Choose another block; this one can't go.",
	},
	[MO_REASON_HOLES] = {
		"holes", "holes",
		"Not all of the block is memory: it has holes, or parts that the firmware keeps.",
		"Choose another block; this one can't go.",
	},
	[MO_REASON_ISOLATION] = {
		"can't be isolated", "isolation",
		"The kernel could not isolate the block: something in it can't be moved, or is being allocated just now.",
		"Choose another block; memory that must go again should be put online as \"online_movable\".",
	},
	[MO_REASON_NOTIFIER] = {
		"vetoed", "notifier",
		"A driver or a subsystem of the kernel refused to let the block go.",
		"Look into \"dmesg\" for who it was: the platform may keep memory present at boot, virtio-mem is resized at the hypervisor.",
	},
	[MO_REASON_VANISHED] = {
		"vanished", "vanished",
		"The block was removed from the machine meanwhile.",
		"Nothing has to be done if that was intended; \"memoffline list\" shows what is there.",
	},
	[MO_REASON_NO_PERMISSION] = {
		"no permission", "no-permission",
		"The block's state may not be written.",
		"Run it as root, and outside of containers that have /sys read-only.",
	},
	[MO_REASON_UNKNOWN] = {
		"unknown", "unknown",
		"The kernel did not say why.",
		"Try again, then look into \"dmesg\"; \"memoffline doctor\" says what evidence this machine can't give.",
	},
};

static enum mo_reason known(enum mo_reason reason)
{
	return (unsigned int)reason < MO_REASON_NR ? reason : MO_REASON_UNKNOWN;
}

enum mo_reason mo_reason_of_most(const uint64_t nr_pages[MO_REASON_NR])
{
	enum mo_reason most = MO_REASON_NONE;

	for (enum mo_reason reason = MO_REASON_NONE + 1; reason < MO_REASON_NR; reason++)
		if (nr_pages[reason] > (most == MO_REASON_NONE ? 0 : nr_pages[most]))
			most = reason;
	return most;
}

const char *mo_reason_name(enum mo_reason reason)
{
	return reasons[known(reason)].name;
}

const char *mo_reason_key(enum mo_reason reason)
{
	return reasons[known(reason)].key;
}

const char *mo_reason_text(enum mo_reason reason)
{
	return reasons[known(reason)].text;
}

const char *mo_reason_remedy(enum mo_reason reason)
{
	return reasons[known(reason)].remedy;
}

/* ---- pages ---- */

/* References of mappings: one each. 6.1 does not tell how often the parts of a huge page are mapped one by one. */
static int32_t mapping_refs(const struct mo_dump *dump)
{
	if (dump->order <= 0)
		return dump->mapcount;
	return dump->folio_mapcount;
}

/* References of a cache: one for each page of the folio, and one for what a file system keeps with it. */
static int32_t cache_refs(const struct mo_page_facts *facts)
{
	const struct mo_dump *dump = facts->dump;
	int32_t nr_pages = 1 << (dump->order > 0 ? dump->order : 0);
	bool file = dump->aops[0] && !(facts->flags & KPF(ANON));

	if (!file && !(facts->flags & KPF(SWAPCACHE)))
		return 0;
	return nr_pages + (file && (facts->flags & MO_KPF_PRIVATE));
}

/* The kernel holds the page while it says that it could neither isolate nor migrate it. */
static int32_t holder_refs(const struct mo_dump *dump)
{
	return dump->movable_failed || !strcmp(dump->cause, "isolation failed");
}

/* -1: can't be known. Huge pages of hugetlbfs files are counted in another way on each kernel. */
static int32_t expected_refs(const struct mo_page_facts *facts)
{
	if (!facts->dump || facts->dump->refs < 0 || mapping_refs(facts->dump) < 0)
		return -1;
	if ((facts->flags & KPF(HUGE)) && !(facts->flags & KPF(ANON)))
		return -1;
	return mapping_refs(facts->dump) + cache_refs(facts) + holder_refs(facts->dump);
}

static enum mo_reason reason_of_kernel_page(enum mo_kind kind)
{
	switch (kind) {
	case MO_KIND_FREE:
		return MO_REASON_NONE;
	case MO_KIND_POISONED:
		return MO_REASON_POISONED;
	case MO_KIND_OFFLINE:
		return MO_REASON_PAGE_OFFLINE;
	case MO_KIND_RESERVED:
		return MO_REASON_RESERVED;
	case MO_KIND_SLAB:
		return MO_REASON_SLAB;
	case MO_KIND_PGTABLE:
		return MO_REASON_PGTABLE;
	default:
		return MO_REASON_UNKNOWN;
	}
}

static enum mo_reason reason_of_refs(const struct mo_dump *dump, int32_t expected)
{
	if (dump->pincount > 0)
		return MO_REASON_DMA_PINNED;
	if (expected < 0 || dump->refs <= expected)
		return MO_REASON_UNKNOWN;
	return dump->order <= 0 && dump->refs - expected >= PIN_BIAS ? MO_REASON_DMA_PINNED : MO_REASON_EXTRA_REFS;
}

/* The references are as they should be: what else did the kernel say? */
static enum mo_reason reason_of_dump(const struct mo_page_facts *facts)
{
	const struct mo_dump *dump = facts->dump;
	bool file = dump->aops[0] && !(facts->flags & KPF(ANON));

	if (dump->cma && !strcmp(dump->cause, "unmovable page"))
		return MO_REASON_CMA;
	if (dump->order > MAX_BUDDY_ORDER)
		return MO_REASON_GIGANTIC;
	if (dump->movable_failed && dump->ret == -ENOMEM)
		return MO_REASON_NO_TARGET;
	if (!strcmp(dump->aops, "secretmem_aops"))
		return MO_REASON_NO_MIGRATE;
	if (dump->movable_failed && file && (facts->flags & (KPF(DIRTY) | MO_KPF_PRIVATE)))
		return MO_REASON_NO_MIGRATE;
	return MO_REASON_UNKNOWN;
}

/* Cache of a file that is only in memory, dirty for ever: nobody could write it. What is locked in memory may move. */
static bool is_stuck_file(uint64_t flags, enum mo_kind kind)
{
	return kind == MO_KIND_CACHE && flags & KPF(UNEVICTABLE) && flags & KPF(DIRTY) && !(flags & MO_KPF_MLOCKED);
}

/*
 * Flags tell less than what the kernel saw when it failed: while it tries to migrate, pages of users are off the LRU
 * as well, so only the kernel's word that it could not isolate them counts.
 */
static enum mo_reason reason_of_flags(const struct mo_page_facts *facts, enum mo_kind kind)
{
	if (facts->flags & KPF(LOCKED))
		return MO_REASON_LOCKED;
	if (kind == MO_KIND_KERNEL)
		return facts->zone_movable ? MO_REASON_OFF_LRU : MO_REASON_KERNEL;
	if (facts->dump && !strcmp(facts->dump->cause, "isolation failed"))
		return MO_REASON_OFF_LRU;
	return is_stuck_file(facts->flags, kind) ? MO_REASON_NO_MIGRATE : MO_REASON_UNKNOWN;
}

/*
 * In this order: pages that are the kernel's own by their type; too many references, or a pin that is seen elsewhere,
 * since a pin also keeps a page locked or under writeback; the page's state; what the kernel said; whether it is on a
 * list.
 */
enum mo_reason mo_reason_of_page(const struct mo_page_facts *facts, int32_t *refs_expected)
{
	enum mo_kind kind = mo_page_kind(facts->flags);
	enum mo_reason reason = reason_of_kernel_page(kind);

	*refs_expected = expected_refs(facts);
	if (reason == MO_REASON_UNKNOWN && facts->dump && kind != MO_KIND_KERNEL)
		reason = reason_of_refs(facts->dump, *refs_expected);
	if (reason == MO_REASON_UNKNOWN && facts->shown != MO_REASON_NONE)
		reason = facts->shown;
	if (reason == MO_REASON_UNKNOWN && (facts->flags & KPF(WRITEBACK)))
		reason = MO_REASON_WRITEBACK;
	if (reason == MO_REASON_UNKNOWN && facts->dump)
		reason = reason_of_dump(facts);
	if (reason == MO_REASON_UNKNOWN)
		reason = reason_of_flags(facts, kind);
	return reason;
}

/* ---- blocks ---- */

static const struct {
	const char *said;
	enum mo_reason reason;
} words[] = {
	{ "memory holes", MO_REASON_HOLES },
	{ "multizone range", MO_REASON_ZONE_NONE },
	{ "failure to isolate range", MO_REASON_ISOLATION },
	{ "notifier failure", MO_REASON_NOTIFIER },
	{ "signal backoff", MO_REASON_INTERRUPTED },
	/* the scan for movable pages says so only of a PageOffline() page that is still referenced */
	{ "unmovable page", MO_REASON_PAGE_OFFLINE },
	{ "failure to dissolve huge pages", MO_REASON_HUGETLB_RESERVED },
};

static enum mo_reason reason_of_words(int error, const char *said)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(said, words[i].said))
			continue;
		/* splitting an optimized huge page takes memory */
		if (words[i].reason == MO_REASON_HUGETLB_RESERVED && error == -ENOMEM)
			return MO_REASON_NO_TARGET;
		return words[i].reason;
	}
	return MO_REASON_UNKNOWN;
}

static enum mo_reason reason_of_invalid(const struct mo_block *before, int is_ram)
{
	if (before && (before->zone == MO_ZONE_NONE || before->nr_nodes > 1))
		return is_ram == 0 ? MO_REASON_HOLES : MO_REASON_ZONE_NONE;
	return is_ram == 0 ? MO_REASON_HOLES : MO_REASON_UNKNOWN;
}

static enum mo_reason reason_of_errno(int error, const struct mo_block *before, int is_ram)
{
	switch (error) {
	case 0:
		return MO_REASON_NONE;
	case -EINTR:
		return MO_REASON_INTERRUPTED;
	case -ETIMEDOUT:
		return MO_REASON_DEADLINE;
	case -ENOENT:
	case -ENODEV:
		return MO_REASON_VANISHED;
	case -EACCES:
	case -EROFS:
		return MO_REASON_NO_PERMISSION;
	case -EPERM:	/* the file may be opened by root alone: it is what a notifier's NOTIFY_BAD becomes */
		return MO_REASON_NOTIFIER;
	case -ENOMEM:
		return MO_REASON_NO_TARGET;
	case -EINVAL:
		return reason_of_invalid(before, is_ram);
	case -EBUSY:	/* outside of zone Movable nearly always; inside it may be a veto or a huge page as well */
		return before && before->zone != MO_ZONE_MOVABLE ? MO_REASON_ISOLATION : MO_REASON_UNKNOWN;
	default:
		return MO_REASON_UNKNOWN;
	}
}

/* The kernel's own word is the best evidence, errno the next. */
enum mo_reason mo_reason_of_block(int error, const char *said, const struct mo_block *before, int is_ram)
{
	enum mo_reason reason = error && *said ? reason_of_words(error, said) : MO_REASON_UNKNOWN;

	return reason == MO_REASON_UNKNOWN ? reason_of_errno(error, before, is_ram) : reason;
}
