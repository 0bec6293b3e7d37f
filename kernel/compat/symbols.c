// SPDX-License-Identifier: GPL-2.0-only
/* Find the functions that the kernel does not export, once, when the module is loaded. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/page_owner.h>

#include "../include/uapi/linux/memoffline.h"
#include "symbols.h"

/* What the core itself can't do without. */
#define NEEDED		MEMOFFLINE_FEATURE_EVACUATE
#define OWNERS		(MEMOFFLINE_FEATURE_OWNERS | MEMOFFLINE_FEATURE_POLICY)
#define ALL		((1ULL << MEMOFFLINE_FEATURE_NR) - 1)

#ifdef MODULE

static u64 features = ALL;
static atomic_t *disable_count;
static struct static_key *page_owner;	/* NULL: this kernel has none */

unsigned long kallsyms_lookup_name(const char *name);	/* as the kernel has it */
DEFINE_STATIC_CALL_NULL(mo_lookup, kallsyms_lookup_name);

struct symbol {
	const char *name;
	u64 features;		/* that are off without it */
	void (*set)(unsigned long addr);
};

#define MO_DEFINE(name)								\
	DEFINE_STATIC_CALL_NULL(mo_##name, name);				\
	static void set_##name(unsigned long addr)				\
	{									\
		static_call_update(mo_##name, (typeof(&name))addr);		\
	}
#define MO_SYMBOL(name, features) { #name, features, set_##name }

MO_DEFINE(folio_isolate_lru)
MO_DEFINE(try_to_migrate)
MO_DEFINE(try_to_unmap_flush)
MO_DEFINE(remove_migration_ptes)
MO_DEFINE(folio_get_anon_vma)
MO_DEFINE(__put_anon_vma)
MO_DEFINE(lru_add_drain)
MO_DEFINE(lru_add_drain_all)
MO_DEFINE(isolate_movable_page)
MO_DEFINE(putback_movable_pages)
MO_DEFINE(migrate_pages)
MO_DEFINE(alloc_migration_target)
MO_DEFINE(reclaim_pages)
MO_DEFINE(folio_referenced)
MO_DEFINE(rmap_walk)
MO_DEFINE(page_vma_mapped_walk)
MO_DEFINE(stable_page_flags)
MO_DEFINE(node_is_toptier)
MO_DEFINE(start_isolate_page_range)
MO_DEFINE(undo_isolate_page_range)
MO_DEFINE(get_online_mems)
MO_DEFINE(put_online_mems)
MO_DEFINE(drain_all_pages)
#ifdef CONFIG_MEMORY_HOTPLUG
MO_DEFINE(find_memory_block)
#endif
#ifdef CONFIG_HUGETLB_PAGE
MO_DEFINE(size_to_hstate)
#if MO_IS_6_12
MO_DEFINE(dissolve_free_hugetlb_folios)
#else
MO_DEFINE(dissolve_free_huge_pages)
#endif
#endif
MO_DEFINE(get_pfnblock_flags_mask)
MO_DEFINE(walk_page_range)
MO_DEFINE(vm_normal_page)
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
MO_DEFINE(vm_normal_page_pmd)
#endif
MO_DEFINE(pidfd_get_task)
MO_DEFINE(ptrace_may_access)
#ifdef CONFIG_CPUSETS
MO_DEFINE(cpuset_mems_allowed)
#endif
#ifdef CONFIG_SECURITY
MO_DEFINE(security_task_movememory)
#endif
#if MO_IS_6_12
MO_DEFINE(isolate_hugetlb)
MO_DEFINE(split_huge_page_to_list_to_order)
MO_DEFINE(deferred_split_folio)
#else
MO_DEFINE(folio_isolate_hugetlb)
MO_DEFINE(split_huge_page_to_list)
#endif

static const struct symbol symbols[] = {
	MO_SYMBOL(folio_isolate_lru, NEEDED),
	MO_SYMBOL(try_to_migrate, NEEDED),
	MO_SYMBOL(try_to_unmap_flush, NEEDED),
	MO_SYMBOL(remove_migration_ptes, NEEDED),
	MO_SYMBOL(folio_get_anon_vma, NEEDED),
	MO_SYMBOL(__put_anon_vma, NEEDED),
	MO_SYMBOL(lru_add_drain, NEEDED),
	MO_SYMBOL(lru_add_drain_all, NEEDED),
	MO_SYMBOL(isolate_movable_page, MEMOFFLINE_FEATURE_KERNEL_OPS),
	MO_SYMBOL(putback_movable_pages, MEMOFFLINE_FEATURE_KERNEL_OPS),
	MO_SYMBOL(migrate_pages, MEMOFFLINE_FEATURE_KERNEL_OPS),
	MO_SYMBOL(alloc_migration_target, MEMOFFLINE_FEATURE_KERNEL_OPS),
	MO_SYMBOL(reclaim_pages, MEMOFFLINE_FEATURE_SWAPOUT),
	MO_SYMBOL(folio_referenced, MEMOFFLINE_FEATURE_SWAPOUT),
	MO_SYMBOL(rmap_walk, OWNERS),
	MO_SYMBOL(page_vma_mapped_walk, MEMOFFLINE_FEATURE_OWNERS),
	MO_SYMBOL(stable_page_flags, MEMOFFLINE_FEATURE_KPAGEFLAGS),
	MO_SYMBOL(node_is_toptier, MEMOFFLINE_FEATURE_TIERS),
	MO_SYMBOL(start_isolate_page_range, MEMOFFLINE_FEATURE_QUARANTINE),
	MO_SYMBOL(undo_isolate_page_range, MEMOFFLINE_FEATURE_QUARANTINE),
	MO_SYMBOL(get_online_mems, MEMOFFLINE_FEATURE_QUARANTINE),
	MO_SYMBOL(put_online_mems, MEMOFFLINE_FEATURE_QUARANTINE),
	MO_SYMBOL(drain_all_pages, MEMOFFLINE_FEATURE_QUARANTINE),
#ifdef CONFIG_MEMORY_HOTPLUG
	MO_SYMBOL(find_memory_block, MEMOFFLINE_FEATURE_EJECT),
#endif
#ifdef CONFIG_HUGETLB_PAGE
	MO_SYMBOL(size_to_hstate, MEMOFFLINE_FEATURE_POOLS),
#if MO_IS_6_12
	MO_SYMBOL(dissolve_free_hugetlb_folios, MEMOFFLINE_FEATURE_POOLS),
#else
	MO_SYMBOL(dissolve_free_huge_pages, MEMOFFLINE_FEATURE_POOLS),
#endif
#endif
	MO_SYMBOL(get_pfnblock_flags_mask, MEMOFFLINE_FEATURE_CMA | MEMOFFLINE_FEATURE_QUARANTINE),
	MO_SYMBOL(walk_page_range, MEMOFFLINE_FEATURE_PROCESS),
	MO_SYMBOL(vm_normal_page, MEMOFFLINE_FEATURE_PROCESS),
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	MO_SYMBOL(vm_normal_page_pmd, MEMOFFLINE_FEATURE_PROCESS),
#endif
	MO_SYMBOL(pidfd_get_task, MEMOFFLINE_FEATURE_PROCESS),
	MO_SYMBOL(ptrace_may_access, MEMOFFLINE_FEATURE_PROCESS),
#ifdef CONFIG_CPUSETS
	MO_SYMBOL(cpuset_mems_allowed, MEMOFFLINE_FEATURE_PROCESS),
#endif
#ifdef CONFIG_SECURITY
	MO_SYMBOL(security_task_movememory, MEMOFFLINE_FEATURE_PROCESS),
#endif
#if MO_IS_6_12
	MO_SYMBOL(isolate_hugetlb, MEMOFFLINE_FEATURE_KERNEL_OPS),
	MO_SYMBOL(split_huge_page_to_list_to_order, MEMOFFLINE_FEATURE_SPLIT),
	MO_SYMBOL(deferred_split_folio, MEMOFFLINE_FEATURE_PARTIAL),
#else
	MO_SYMBOL(folio_isolate_hugetlb, MEMOFFLINE_FEATURE_KERNEL_OPS),
	MO_SYMBOL(split_huge_page_to_list, MEMOFFLINE_FEATURE_SPLIT),
#endif
};

/* A probe tells where the one function is that finds all others. */
static int find_lookup(void)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	int err = register_kprobe(&probe);

	if (err) {
		pr_err("memoffline: can't find the kernel's functions (kprobes: %d); boot a kernel with CONFIG_KPROBES and CONFIG_KALLSYMS\n",
		       err);
		return err;
	}
	static_call_update(mo_lookup, (typeof(&kallsyms_lookup_name))probe.addr);
	unregister_kprobe(&probe);
	return 0;
}

int mo_symbols_resolve(void)
{
	const struct symbol *symbol;
	unsigned long addr;
	int err;

	err = find_lookup();
	if (err)
		return err;
	for (symbol = symbols; symbol < symbols + ARRAY_SIZE(symbols); symbol++) {
		addr = static_call(mo_lookup)(symbol->name);
		if (addr) {
			symbol->set(addr);
			continue;
		}
		features &= ~symbol->features;
		pr_warn("memoffline: this kernel has no %s()\n", symbol->name);
	}
	page_owner = (struct static_key *)static_call(mo_lookup)("page_owner_inited");
	disable_count = (atomic_t *)static_call(mo_lookup)("lru_disable_count");
	if (!disable_count) {
		features &= ~MEMOFFLINE_FEATURE_LRU_CACHES;
		pr_warn("memoffline: this kernel has no lru_disable_count\n");
	}
	if (features & NEEDED)
		return 0;
	pr_err("memoffline: the core can't work without that; this kernel is of another kind than those it was made for\n");
	return -ENOENT;
}

#else

static const u64 features = ALL;
static atomic_t *const disable_count = &lru_disable_count;
#ifdef CONFIG_PAGE_OWNER
static struct static_key *const page_owner = &page_owner_inited.key;
#else
static struct static_key *const page_owner;
#endif

int mo_symbols_resolve(void)
{
	return 0;
}

#endif

bool mo_symbols_page_owner(void)
{
	return IS_ENABLED(CONFIG_PAGE_OWNER) && (!page_owner || static_key_count(page_owner) > 0);
}

atomic_t *mo_symbols_lru_disable_count(void)
{
	return disable_count;
}

u64 mo_symbols_features(void)
{
	return features;
}
