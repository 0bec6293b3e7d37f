/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's functions that the core stands on, with one meaning each on every kernel. Version tests stand in this
 * folder alone.
 *
 * In a module the functions that the kernel does not export are resolved when it is loaded, and called by
 * static_call: an indirect call would fault on processors with IBT. Built in, they are linked. Where one is missing,
 * the features that need it are off: see mo_compat_features().
 */
#ifndef MEMOFFLINE_COMPAT_H
#define MEMOFFLINE_COMPAT_H

#include <linux/migrate_mode.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/types.h>

struct acpi_device;
struct anon_vma;
struct task_struct;

int mo_compat_init(void);	/* -ENOENT: what even the core needs is missing, and it was said which */
u64 mo_compat_features(void);	/* MEMOFFLINE_FEATURE_ bits that this kernel allows */

/*
 * The caller holds a reference; true: it is off the LRU, and isolation holds one of its own. NR_ISOLATED_* is the
 * caller's.
 */
bool mo_folio_isolate_lru(struct folio *folio);
/* Back to the LRU; drops the reference that isolation took. NR_ISOLATED_* is the caller's. */
void mo_folio_putback_lru(struct folio *folio);

/* True: isolated, with a reference. Takes its own reference while it looks. */
bool mo_isolate_movable_ops(struct page *page);
/* True: the hugetlb folio is on LIST, with a reference. */
bool mo_isolate_hugetlb(struct folio *folio, struct list_head *list);
/* Huge pages of the range that are free in their pool become free memory, as the kernel's offline has it in the end. */
void mo_dissolve_free_hugetlb(unsigned long start_pfn, unsigned long end_pfn);
/* All on the list goes back, from wherever it was isolated. */
void mo_putback_movable(struct list_head *list);

typedef struct folio *mo_alloc_fn(struct folio *src, unsigned long private);
/*
 * The kernel's migrate_pages(), reason MR_MEMORY_HOTPLUG. Returns what is left, or negative errno; *nr_moved in
 * pages.
 */
int mo_migrate_pages(struct list_head *list, mo_alloc_fn *alloc, unsigned long private, enum migrate_mode mode,
		     unsigned int *nr_moved);
/* The kernel's alloc_migration_target(), which knows hugetlb. */
struct folio *mo_alloc_kernel_target(struct folio *src, int nid, nodemask_t *nodes, gfp_t gfp);

/*
 * Replace all mappings of a locked folio by migration entries. TLBs may be stale until mo_flush_unmapped(), by the
 * same task.
 */
void mo_unmap_for_migration(struct folio *folio);
void mo_flush_unmapped(void);
/*
 * Pages unmapped at once at most: who touches one of them waits for the rest. Kernels that put off the flush gain by
 * large batches; where each page is flushed by itself there is nothing to gain.
 */
extern const unsigned int mo_batch_pages;
/* Replace migration entries for src by mappings of dst, which may be src. Both locked. */
void mo_remap(struct folio *src, struct folio *dst);

struct anon_vma *mo_get_anon_vma(struct folio *folio);	/* NULL: not mapped any more */
void mo_put_anon_vma(struct anon_vma *anon_vma);

/*
 * Isolate all pageblocks of the range, which lies in one zone, as memory that goes offline. -EBUSY: a page of it can't
 * move, or it is isolated already. The range is online, and stays so by mo_online_mems_get() until it is isolated.
 */
int mo_isolate_range(unsigned long start_pfn, unsigned long end_pfn);
void mo_unisolate_range(unsigned long start_pfn, unsigned long end_pfn);
void mo_online_mems_get(void);
void mo_online_mems_put(void);
void mo_drain_free_pages(void);		/* those on per-cpu lists, of all zones */

/*
 * The device that the firmware ejects, for which the caller of a memory notifier takes the block of PFN offline. NULL:
 * it does so for another reason. The device stays, with its blocks, until the notifier returns.
 */
struct acpi_device *mo_device_ejected(unsigned long pfn);
const char *mo_device_name(const struct acpi_device *device);
/* Calls fn for each block of its memory, by address, with the pages that it has for use. */
typedef void mo_block_fn(unsigned long start_pfn, unsigned long nr_pages, bool is_online, void *data);
void mo_device_walk(struct acpi_device *device, mo_block_fn *fn, void *data);

void mo_lru_add_drain(void);
void mo_lru_add_drain_all(void);
/*
 * Lift the disabling of the LRU caches that a caller above us asked for, and set it up again. Nothing where it can't
 * be found.
 */
void mo_lru_caches_on(void);
void mo_lru_caches_off(void);

/*
 * Split a locked folio with one reference of the caller's; its pages, isolated as it was, go to LIST. 0 or negative
 * errno.
 */
int mo_split_folio(struct folio *folio, struct list_head *list);
/* A huge folio waits to be split, since parts of it are unmapped. */
bool mo_is_deferred_split(struct folio *folio);
/*
 * An anonymous huge folio that is whole is on the list of those that the kernel splits when memory is short; its
 * target shall be, too.
 */
bool mo_is_queued_for_split(struct folio *folio);
void mo_queue_for_split(struct folio *folio, bool is_partial);

/*
 * The kernel's reclaim of isolated folios; those that stay are back on their LRU lists. Pages reclaimed.
 * NR_ISOLATED_* as reclaim_pages() has it.
 */
unsigned long mo_reclaim(struct list_head *folios);

/*
 * Calls fn for each VMA that may map the folio, which need not be locked; fn returns false to end. False: busy, not
 * walked.
 */
typedef bool mo_rmap_fn(struct folio *folio, struct vm_area_struct *vma, unsigned long addr, void *data);
bool mo_rmap_walk(struct folio *folio, mo_rmap_fn *fn, void *data);

/*
 * Takes the mmap lock for writing, and that of the VMA at ADDR, so that faults there wait until mmap_write_unlock().
 * Not waited for: locks that the caller holds may be taken below it elsewhere. False: busy.
 */
bool mo_trylock_faults(struct mm_struct *mm, unsigned long addr);

/* What an entry of a page table stands for. */
enum mo_entry_kind {
	MO_ENTRY_PAGE,		/* a folio, which stays while it is told of */
	MO_ENTRY_SPECIAL,	/* a frame that is none of its pages: PFN-mapped, reserved, the zero page, a device's */
	MO_ENTRY_MOVING,	/* a page that somebody is migrating */
	MO_ENTRY_SWAP,
};

struct mo_entry {
	enum mo_entry_kind kind;
	struct vm_area_struct *vma;
	unsigned long addr;
	unsigned long nr_pages;		/* from addr on */
	unsigned long pfn;		/* of the page at addr; not of swap */
	struct folio *folio;		/* of MO_ENTRY_PAGE */
	bool shares_table;		/* the table is another process's, too */
};

struct mo_walk_ops {
	bool (*vma)(struct vm_area_struct *vma, void *data);		/* false: not this one */
	/* Under the lock of the page table. Positive: end here, for whatever it is. */
	int (*entry)(const struct mo_entry *entry, void *data);
};

/*
 * Calls ops for what is mapped in [start, end) of a process whose mmap lock the caller holds. 0: to the end; or what
 * ops->entry() ended it with. Without MEMOFFLINE_FEATURE_PROCESS it must not be called.
 */
int mo_walk(struct mm_struct *mm, unsigned long start, unsigned long end, const struct mo_walk_ops *ops, void *data);
/* Other processes use it, too. A guess for large folios that are mapped in part, as migrate_pages(2) makes it. */
bool mo_is_shared(const struct mo_entry *entry);

/* A task by its descriptor, with a reference, or ERR_PTR. The caller asks none of these without FEATURE_PROCESS. */
struct task_struct *mo_task_of_pidfd(int fd);
bool mo_may_trace(struct task_struct *task);				/* the caller, with his real ids */
bool mo_cpuset_allows(struct task_struct *task, const nodemask_t *nodes);	/* all of them */
int mo_security_move(struct task_struct *task);				/* 0, or the errno of a security module */
bool mo_can_find_mappings(void);	/* the reverse map and this walk both work */

bool mo_is_charged(struct folio *folio);			/* to a memory cgroup */
/* Debugging of this kernel keeps an account of each page, which pages that are freed together would spoil. */
bool mo_counts_single_pages(void);
/*
 * The VMA, which a walk calls fn for, does map the folio: from *addr on, which moves to the first page of it that is
 * mapped.
 */
bool mo_is_mapped_at(struct folio *folio, struct vm_area_struct *vma, unsigned long *addr);

/* False: where they are was not found; then all names are "". */
bool mo_slab_init(void);
/* The cache of a slab to which the caller holds a reference. "": not known, or it is no slab any more. */
void mo_slab_cache_name(struct folio *folio, char *name, size_t size);

bool mo_is_isolated(struct page *page);			/* nothing is allocated from its pageblock; if unknown, too */
bool mo_is_cma(struct page *page);			/* its pageblock belongs to a CMA area */
bool mo_is_promised(unsigned long nr_pages);		/* all free huge pages of that size are reserved */
unsigned long mo_free_in_pools(int nid);		/* pages that are free in the pools of huge pages */
u64 mo_kpageflags(struct page *page);			/* 0 where the kernel can't say */
bool mo_node_is_top_tier(int nid);
bool mo_file_can_migrate(struct address_space *mapping);	/* has migrate_folio, and may be looked into */

#endif
