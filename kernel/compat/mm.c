// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's functions, with one meaning each on every kernel. */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/swap.h>
#include <linux/utsname.h>
#include <generated/utsrelease.h>

#include "../include/uapi/linux/memoffline.h"
#include "compat.h"
#include "facts.h"
#include "symbols.h"

static bool has_slab_names;

int mo_compat_init(void)
{
	if (strcmp(init_utsname()->release, UTS_RELEASE)) {
		pr_err("memoffline: built for kernel %s, but this is %s, whose functions may differ; build it for this one\n",
		       UTS_RELEASE, init_utsname()->release);
		return -ENOEXEC;
	}
	has_slab_names = mo_slab_init();
	return mo_symbols_resolve();
}

u64 mo_compat_features(void)
{
	return mo_symbols_features() & ~(has_slab_names ? 0 : MEMOFFLINE_FEATURE_SLAB_NAMES);
}

static bool has(u64 feature)
{
	return mo_symbols_features() & feature;
}

/* ---- lists ---- */

bool mo_folio_isolate_lru(struct folio *folio)
{
#if MO_IS_6_12
	return MO_CALL(folio_isolate_lru)(folio);
#else
	return !MO_CALL(folio_isolate_lru)(folio);
#endif
}

void mo_folio_putback_lru(struct folio *folio)
{
	folio_add_lru(folio);
	folio_put(folio);
}

bool mo_isolate_movable_ops(struct page *page)
{
	if (!has(MEMOFFLINE_FEATURE_KERNEL_OPS))
		return false;
#if MO_IS_6_12
	return MO_CALL(isolate_movable_page)(page, ISOLATE_UNEVICTABLE);
#else
	return !MO_CALL(isolate_movable_page)(page, ISOLATE_UNEVICTABLE);
#endif
}

bool mo_isolate_hugetlb(struct folio *folio, struct list_head *list)
{
	if (!has(MEMOFFLINE_FEATURE_KERNEL_OPS))
		return false;
#if MO_IS_6_12
	return MO_CALL(isolate_hugetlb)(folio, list);
#else
	return !MO_CALL(folio_isolate_hugetlb)(&folio->page, list);
#endif
}

#ifdef CONFIG_HUGETLB_PAGE
void mo_dissolve_free_hugetlb(unsigned long start_pfn, unsigned long end_pfn)
{
	if (!has(MEMOFFLINE_FEATURE_POOLS))
		return;
#if MO_IS_6_12
	MO_CALL(dissolve_free_hugetlb_folios)(start_pfn, end_pfn);
#else
	MO_CALL(dissolve_free_huge_pages)(start_pfn, end_pfn);
#endif
}
#else
void mo_dissolve_free_hugetlb(unsigned long start_pfn, unsigned long end_pfn)
{
}
#endif

void mo_putback_movable(struct list_head *list)
{
	if (has(MEMOFFLINE_FEATURE_KERNEL_OPS))
		MO_CALL(putback_movable_pages)(list);
}

void mo_lru_add_drain(void)
{
	MO_CALL(lru_add_drain)();
}

void mo_lru_add_drain_all(void)
{
	MO_CALL(lru_add_drain_all)();
}

void mo_lru_caches_on(void)
{
	atomic_t *count = mo_symbols_lru_disable_count();

	if (count)
		atomic_dec(count);
}

void mo_lru_caches_off(void)
{
	atomic_t *count = mo_symbols_lru_disable_count();

	if (count)
		atomic_inc(count);
}

/*
 * A free page may cover two pageblocks. 6.1 moves and counts all of it with the first of them; where it was split
 * between the two, a part is counted again with the second. So of each such pair the first is isolated first, as the
 * kernel does it except at the end of a range, and is let go last.
 */
int mo_isolate_range(unsigned long start_pfn, unsigned long end_pfn)
{
	unsigned long pfn, next_pfn;
	int err;

	if (!has(MEMOFFLINE_FEATURE_QUARANTINE))
		return -EOPNOTSUPP;
	for (pfn = start_pfn; pfn < end_pfn; pfn = next_pfn) {
		next_pfn = MO_IS_6_12 ? end_pfn : min_t(unsigned long, ALIGN(pfn + 1, MAX_ORDER_NR_PAGES), end_pfn);
		err = MO_CALL(start_isolate_page_range)(pfn, next_pfn, MIGRATE_MOVABLE, MEMORY_OFFLINE, GFP_KERNEL);
		if (!err)
			continue;
		mo_unisolate_range(start_pfn, pfn);
		return err;
	}
	return 0;
}

void mo_unisolate_range(unsigned long start_pfn, unsigned long end_pfn)
{
	unsigned long pfn = end_pfn;

	while (pfn > start_pfn) {
		pfn -= pageblock_nr_pages;
		MO_CALL(undo_isolate_page_range)(pfn, pfn + pageblock_nr_pages, MIGRATE_MOVABLE);
	}
}

void mo_online_mems_get(void)
{
	if (has(MEMOFFLINE_FEATURE_QUARANTINE))
		MO_CALL(get_online_mems)();
}

void mo_online_mems_put(void)
{
	if (has(MEMOFFLINE_FEATURE_QUARANTINE))
		MO_CALL(put_online_mems)();
}

void mo_drain_free_pages(void)
{
	if (has(MEMOFFLINE_FEATURE_QUARANTINE))
		MO_CALL(drain_all_pages)(NULL);
}

#if MO_IS_6_12
static unsigned long reclaim(struct list_head *folios)
{
	return MO_CALL(reclaim_pages)(folios);
}
#else
#define RECLAIM_FOLIOS	32

/* This kernel keeps what is in use: make it look unused, and reclaim it before somebody uses it again. */
static unsigned long reclaim(struct list_head *folios)
{
	unsigned long nr = 0, vm_flags;
	LIST_HEAD(unused);
	unsigned int i;

	while (!list_empty(folios)) {
		for (i = 0; i < RECLAIM_FOLIOS && !list_empty(folios); i++) {
			struct folio *folio = list_first_entry(folios, struct folio, lru);

			folio_clear_referenced(folio);
			MO_CALL(folio_referenced)(folio, 0, NULL, &vm_flags);
			list_move_tail(&folio->lru, &unused);
		}
		nr += MO_CALL(reclaim_pages)(&unused);
	}
	return nr;
}
#endif

unsigned long mo_reclaim(struct list_head *folios)
{
	struct folio *folio, *next;

	if (has(MEMOFFLINE_FEATURE_SWAPOUT))
		return reclaim(folios);
	list_for_each_entry_safe(folio, next, folios, lru) {
		list_del(&folio->lru);
		mo_folio_putback_lru(folio);
	}
	return 0;
}

/* ---- the kernel's migration ---- */

/* The kernel's struct migration_target_control, which is in none of its public headers. */
struct target_control {
	int nid;
	nodemask_t *nodes;
	gfp_t gfp;
#if MO_IS_6_12
	enum migrate_reason reason;
#endif
};

struct folio *mo_alloc_kernel_target(struct folio *src, int nid, nodemask_t *nodes, gfp_t gfp)
{
	struct target_control control = {
		.nid = nid,
		.nodes = nodes,
		.gfp = gfp,
#if MO_IS_6_12
		.reason = MR_MEMORY_HOTPLUG,
#endif
	};
#if MO_IS_6_12
	return MO_CALL(alloc_migration_target)(src, (unsigned long)&control);
#else
	struct page *page = MO_CALL(alloc_migration_target)(&src->page, (unsigned long)&control);

	return page ? page_folio(page) : NULL;
#endif
}

#if MO_IS_6_12

static int call_migrate_pages(struct list_head *list, mo_alloc_fn *alloc, unsigned long private,
			      enum migrate_mode mode, unsigned int *nr_moved)
{
	return MO_CALL(migrate_pages)(list, alloc, NULL, private, mode, MR_MEMORY_HOTPLUG, nr_moved);
}

#else

struct page_alloc {
	mo_alloc_fn *alloc;
	unsigned long private;
};

static struct page *alloc_page_for(struct page *src, unsigned long private)
{
	const struct page_alloc *page_alloc = (const struct page_alloc *)private;
	struct folio *dst = page_alloc->alloc(page_folio(src), page_alloc->private);

	return dst ? &dst->page : NULL;
}

static int call_migrate_pages(struct list_head *list, mo_alloc_fn *alloc, unsigned long private,
			      enum migrate_mode mode, unsigned int *nr_moved)
{
	struct page_alloc page_alloc = { alloc, private };

	return MO_CALL(migrate_pages)(list, alloc_page_for, NULL, (unsigned long)&page_alloc, mode, MR_MEMORY_HOTPLUG,
				      nr_moved);
}

#endif

int mo_migrate_pages(struct list_head *list, mo_alloc_fn *alloc, unsigned long private, enum migrate_mode mode,
		     unsigned int *nr_moved)
{
	if (!has(MEMOFFLINE_FEATURE_KERNEL_OPS))
		return -EOPNOTSUPP;
	return call_migrate_pages(list, alloc, private, mode, nr_moved);
}

/* ---- processes ---- */

struct task_struct *mo_task_of_pidfd(int fd)
{
	unsigned int flags;

	return MO_CALL(pidfd_get_task)(fd, &flags);
}

bool mo_may_trace(struct task_struct *task)
{
	return MO_CALL(ptrace_may_access)(task, PTRACE_MODE_READ_REALCREDS);
}

bool mo_cpuset_allows(struct task_struct *task, const nodemask_t *nodes)
{
#ifdef CONFIG_CPUSETS
	nodemask_t allowed = MO_CALL(cpuset_mems_allowed)(task);
#else
	nodemask_t allowed = cpuset_mems_allowed(task);
#endif

	return nodes_subset(*nodes, allowed);
}

int mo_security_move(struct task_struct *task)
{
#ifdef CONFIG_SECURITY
	return MO_CALL(security_task_movememory)(task);
#else
	return security_task_movememory(task);
#endif
}

/* ---- mappings ---- */

const unsigned int mo_batch_pages = MO_IS_6_12 ? 512 : 8;

void mo_unmap_for_migration(struct folio *folio)
{
	MO_CALL(try_to_migrate)(folio, MO_IS_6_12 ? TTU_BATCH_FLUSH : 0);
}

void mo_flush_unmapped(void)
{
	MO_CALL(try_to_unmap_flush)();
}

void mo_remap(struct folio *src, struct folio *dst)
{
	MO_CALL(remove_migration_ptes)(src, dst, 0);
}

struct anon_vma *mo_get_anon_vma(struct folio *folio)
{
	return MO_CALL(folio_get_anon_vma)(folio);
}

void mo_put_anon_vma(struct anon_vma *anon_vma)
{
	if (atomic_dec_and_test(&anon_vma->refcount))
		MO_CALL(__put_anon_vma)(anon_vma);
}

struct rmap_call {
	mo_rmap_fn *fn;
	void *data;
};

static bool rmap_one(struct folio *folio, struct vm_area_struct *vma, unsigned long addr, void *arg)
{
	struct rmap_call *call = arg;

	return call->fn(folio, vma, addr, call->data);
}

bool mo_rmap_walk(struct folio *folio, mo_rmap_fn *fn, void *data)
{
	struct rmap_call call = { fn, data };
	struct rmap_walk_control control = { .arg = &call, .rmap_one = rmap_one, .try_lock = true };

	if (!has(MEMOFFLINE_FEATURE_OWNERS) || !folio_trylock(folio))
		return false;
	if (folio_mapped(folio) && folio->mapping)
		MO_CALL(rmap_walk)(folio, &control);
	folio_unlock(folio);
	return !control.contended;
}

bool mo_is_mapped_at(struct folio *folio, struct vm_area_struct *vma, unsigned long *addr)
{
	struct page_vma_mapped_walk walk = {
		.pfn = folio_pfn(folio),
		.nr_pages = folio_nr_pages(folio),
		.pgoff = folio->index,
		.vma = vma,
		.address = *addr,
	};

#if !MO_IS_6_12
	if (folio_test_hugetlb(folio))	/* its index counts huge pages there */
		walk.pgoff <<= folio_order(folio);
#endif
	if (!has(MEMOFFLINE_FEATURE_OWNERS) || !MO_CALL(page_vma_mapped_walk)(&walk))
		return false;
	*addr = walk.address;
	page_vma_mapped_walk_done(&walk);
	return true;
}

#if MO_IS_6_12
static void lock_vma_at(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	if (vma)
		vma_start_write(vma);
}
#else
static void lock_vma_at(struct mm_struct *mm, unsigned long addr)
{
	/* Faults take the lock of the mm. */
}
#endif

bool mo_trylock_faults(struct mm_struct *mm, unsigned long addr)
{
	if (!down_write_trylock(&mm->mmap_lock))
		return false;
	lock_vma_at(mm, addr);
	return true;
}

bool mo_can_find_mappings(void)
{
	return has(MEMOFFLINE_FEATURE_OWNERS) && has(MEMOFFLINE_FEATURE_PROCESS);
}

/* ---- large folios ---- */

int mo_split_folio(struct folio *folio, struct list_head *list)
{
	if (!has(MEMOFFLINE_FEATURE_SPLIT))
		return -EOPNOTSUPP;
#if MO_IS_6_12
	return MO_CALL(split_huge_page_to_list_to_order)(&folio->page, list, 0);
#else
	return MO_CALL(split_huge_page_to_list)(&folio->page, list);
#endif
}

#if MO_IS_6_12

bool mo_is_deferred_split(struct folio *folio)
{
	return folio_test_anon(folio) && folio_test_partially_mapped(folio);
}

bool mo_is_queued_for_split(struct folio *folio)
{
	/* The folio is isolated, not locked: others may queue it or take it off the queue, and then that holds. */
	return folio_order(folio) > 1 && !data_race(list_empty(&folio->_deferred_list));
}

void mo_queue_for_split(struct folio *folio, bool is_partial)
{
	if (has(MEMOFFLINE_FEATURE_PARTIAL))
		MO_CALL(deferred_split_folio)(folio, is_partial);
}

#else

bool mo_is_deferred_split(struct folio *folio)
{
	return folio_test_anon(folio) && !list_empty(page_deferred_list(&folio->page));
}

bool mo_is_queued_for_split(struct folio *folio)
{
	return false;
}

void mo_queue_for_split(struct folio *folio, bool is_partial)
{
}

#endif

/* ---- what can be asked ---- */

bool mo_is_charged(struct folio *folio)
{
#ifdef CONFIG_MEMCG
	return folio->memcg_data;
#else
	return false;
#endif
}

bool mo_counts_single_pages(void)
{
	return IS_ENABLED(CONFIG_MEM_ALLOC_PROFILING) || mo_symbols_page_owner();
}

u64 mo_kpageflags(struct page *page)
{
	return has(MEMOFFLINE_FEATURE_KPAGEFLAGS) ? MO_CALL(stable_page_flags)(page) : 0;
}

#ifdef CONFIG_HUGETLB_PAGE
static struct hstate *pool_of(unsigned long size)
{
	return has(MEMOFFLINE_FEATURE_POOLS) ? MO_CALL(size_to_hstate)(size) : NULL;
}

bool mo_is_promised(unsigned long nr_pages)
{
	struct hstate *pool = pool_of(nr_pages << PAGE_SHIFT);

	/* Without the pool's lock: the answer is old a moment later in any case. */
	return pool && data_race(pool->free_huge_pages <= pool->resv_huge_pages);
}

static unsigned long free_in_pool(struct hstate *pool, int nid)
{
	/* Likewise. */
	return pool ? data_race(pool->free_huge_pages_node[nid]) * pages_per_huge_page(pool) : 0;
}

unsigned long mo_free_in_pools(int nid)
{
	return free_in_pool(pool_of(PMD_SIZE), nid) + free_in_pool(pool_of(PUD_SIZE), nid);
}
#else
bool mo_is_promised(unsigned long nr_pages)
{
	return false;
}

unsigned long mo_free_in_pools(int nid)
{
	return 0;
}
#endif

static unsigned long migratetype_of(struct page *page)
{
	return MO_CALL(get_pfnblock_flags_mask)(page, page_to_pfn(page), MIGRATETYPE_MASK);
}

bool mo_is_isolated(struct page *page)
{
	return !has(MEMOFFLINE_FEATURE_QUARANTINE) || migratetype_of(page) == MIGRATE_ISOLATE;
}

#ifdef CONFIG_CMA
bool mo_is_cma(struct page *page)
{
	return has(MEMOFFLINE_FEATURE_CMA) && migratetype_of(page) == MIGRATE_CMA;
}
#else
bool mo_is_cma(struct page *page)
{
	return false;
}
#endif

bool mo_node_is_top_tier(int nid)
{
	return !has(MEMOFFLINE_FEATURE_TIERS) || MO_CALL(node_is_toptier)(nid);
}

bool mo_file_can_migrate(struct address_space *mapping)
{
	return !mo_mapping_inaccessible(mapping) && mapping->a_ops->migrate_folio;
}
