/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions of the kernel that it does not export. In a module each has a static call, which is filled in when the
 * module is loaded; built in, each is linked. MO_CALL(name)(...) calls it either way. Nobody but compat/ includes this.
 */
#ifndef MEMOFFLINE_COMPAT_SYMBOLS_H
#define MEMOFFLINE_COMPAT_SYMBOLS_H

#include <linux/cpuset.h>
#include <linux/hugetlb.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/page-isolation.h>
#include <linux/pagewalk.h>
#include <linux/pid.h>
#include <linux/ptrace.h>
#include <linux/rmap.h>
#include <linux/security.h>
#include <linux/static_call.h>
#include <linux/swap.h>
#include <linux/version.h>

/* What is called by address must mean what we think it does: kernels in between, and later ones, were not looked at. */
#define MO_IS_6_12 (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0))
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0) || LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0) || \
	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0) && !MO_IS_6_12)
#error memoffline.ko knows Linux 6.1 and 6.12; see kernel/compat/ for what another version needs
#endif

/* Not in the kernel's public headers. */
#if MO_IS_6_12
bool folio_isolate_lru(struct folio *folio);
struct folio *alloc_migration_target(struct folio *src, unsigned long private);
unsigned long reclaim_pages(struct list_head *folio_list);
#else
int folio_isolate_lru(struct folio *folio);
struct page *alloc_migration_target(struct page *page, unsigned long private);
#endif
void try_to_unmap_flush(void);
bool node_is_toptier(int node);

#ifdef MODULE
#define MO_DECLARE(name)	DECLARE_STATIC_CALL(mo_##name, name)
#define MO_CALL(name)		static_call(mo_##name)
#else
#define MO_DECLARE(name)
#define MO_CALL(name)		name
#endif

MO_DECLARE(folio_isolate_lru);
MO_DECLARE(try_to_migrate);
MO_DECLARE(try_to_unmap_flush);
MO_DECLARE(remove_migration_ptes);
MO_DECLARE(folio_get_anon_vma);
MO_DECLARE(__put_anon_vma);
MO_DECLARE(lru_add_drain);
MO_DECLARE(lru_add_drain_all);
MO_DECLARE(isolate_movable_page);
MO_DECLARE(putback_movable_pages);
MO_DECLARE(migrate_pages);
MO_DECLARE(alloc_migration_target);
MO_DECLARE(reclaim_pages);
MO_DECLARE(folio_referenced);
MO_DECLARE(rmap_walk);
MO_DECLARE(page_vma_mapped_walk);
MO_DECLARE(stable_page_flags);
MO_DECLARE(node_is_toptier);
MO_DECLARE(start_isolate_page_range);
MO_DECLARE(undo_isolate_page_range);
MO_DECLARE(get_online_mems);
MO_DECLARE(put_online_mems);
MO_DECLARE(drain_all_pages);
#ifdef CONFIG_MEMORY_HOTPLUG
MO_DECLARE(find_memory_block);
#endif
#ifdef CONFIG_HUGETLB_PAGE
MO_DECLARE(size_to_hstate);
#if MO_IS_6_12
MO_DECLARE(dissolve_free_hugetlb_folios);
#else
MO_DECLARE(dissolve_free_huge_pages);
#endif
#endif
MO_DECLARE(get_pfnblock_flags_mask);
MO_DECLARE(walk_page_range);
MO_DECLARE(vm_normal_page);
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
MO_DECLARE(vm_normal_page_pmd);
#endif
MO_DECLARE(pidfd_get_task);
MO_DECLARE(ptrace_may_access);
#ifdef CONFIG_CPUSETS
MO_DECLARE(cpuset_mems_allowed);
#endif
#ifdef CONFIG_SECURITY
MO_DECLARE(security_task_movememory);
#endif
#if MO_IS_6_12
MO_DECLARE(isolate_hugetlb);
MO_DECLARE(split_huge_page_to_list_to_order);
MO_DECLARE(deferred_split_folio);
#else
MO_DECLARE(folio_isolate_hugetlb);
MO_DECLARE(split_huge_page_to_list);
#endif

int mo_symbols_resolve(void);		/* -ENOENT: one that the core itself needs is missing */
u64 mo_symbols_features(void);		/* MEMOFFLINE_FEATURE_ bits whose symbols are all there */
atomic_t *mo_symbols_lru_disable_count(void);	/* NULL: not known */
bool mo_symbols_page_owner(void);	/* it is on, or may be */

#endif
