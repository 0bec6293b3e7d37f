// SPDX-License-Identifier: GPL-2.0-only
/* What a process maps: its page tables become one call for each entry. */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pagewalk.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "compat.h"
#include "symbols.h"

/* A walk, and what it looks at. */
struct state {
	const struct mo_walk_ops *ops;
	void *data;
};

static int tell(struct mm_walk *walk, struct mo_entry *entry, unsigned long addr, unsigned long next)
{
	struct state *state = walk->private;

	entry->vma = walk->vma;
	entry->addr = addr;
	entry->nr_pages = (next - addr) >> PAGE_SHIFT;
	return state->ops->entry(entry, state->data);
}

static void fill_page(struct mo_entry *entry, struct page *page, unsigned long pfn)
{
	entry->pfn = pfn;
	if (!page || is_zone_device_page(page) || PageReserved(page))
		return;
	entry->kind = MO_ENTRY_PAGE;
	entry->folio = page_folio(page);
}

static bool fill_swap(struct mo_entry *entry, swp_entry_t swap)
{
	if (!non_swap_entry(swap)) {
		entry->kind = MO_ENTRY_SWAP;
		return true;
	}
	if (!is_migration_entry(swap))
		return false;
	entry->kind = MO_ENTRY_MOVING;
	entry->pfn = swp_offset_pfn(swap);
	return true;
}

/* The walk holds the lock of the table. */
static int see_pte(pte_t *pte, unsigned long addr, unsigned long next, struct mm_walk *walk)
{
	struct mo_entry entry = { .kind = MO_ENTRY_SPECIAL };
	pte_t value = ptep_get(pte);

	if (pte_none(value))
		return 0;
	if (pte_present(value))
		fill_page(&entry, MO_CALL(vm_normal_page)(walk->vma, addr, value), pte_pfn(value));
	else if (!fill_swap(&entry, pte_to_swp_entry(value)))
		return 0;
	return tell(walk, &entry, addr, next);
}

/* Each table, also one without an entry, gives way to other tasks first: only the mmap lock is held then. */

#ifdef CONFIG_TRANSPARENT_HUGEPAGE

static void fill_huge(struct mo_entry *entry, struct mm_walk *walk, unsigned long addr, pmd_t value)
{
	struct page *page = MO_CALL(vm_normal_page_pmd)(walk->vma, addr & PMD_MASK, value);
	unsigned long skip = (addr & ~PMD_MASK) >> PAGE_SHIFT;

	fill_page(entry, page, pmd_pfn(value) + skip);
}

static int see_pmd(pmd_t *pmd, unsigned long addr, unsigned long next, struct mm_walk *walk)
{
	struct mo_entry entry = { .kind = MO_ENTRY_SPECIAL };
	spinlock_t *lock;
	pmd_t value;
	int ret = 0;

	cond_resched();
	value = READ_ONCE(*pmd);
	if (pmd_present(value) && !pmd_trans_huge(value) && !pmd_devmap(value))
		return 0;
	lock = pmd_lock(walk->mm, pmd);
	value = *pmd;
	walk->action = ACTION_CONTINUE;
	if (pmd_trans_huge(value) || pmd_devmap(value)) {
		fill_huge(&entry, walk, addr, value);
		ret = tell(walk, &entry, addr, next);
	} else if (is_pmd_migration_entry(value)) {
		fill_swap(&entry, pmd_to_swp_entry(value));
		ret = tell(walk, &entry, addr, next);
	} else if (!pmd_none(value)) {
		walk->action = ACTION_SUBTREE;
	}
	spin_unlock(lock);
	return ret;
}

#else

static int see_pmd(pmd_t *pmd, unsigned long addr, unsigned long next, struct mm_walk *walk)
{
	cond_resched();
	return 0;
}

#endif

/* Memory of a device as a rule. To walk on would split it. */
static int see_pud(pud_t *pud, unsigned long addr, unsigned long next, struct mm_walk *walk)
{
	struct mo_entry entry = { .kind = MO_ENTRY_SPECIAL };
	pud_t value;

	cond_resched();
	value = READ_ONCE(*pud);
	if (!pud_present(value) || !pud_leaf(value))
		return 0;
	walk->action = ACTION_CONTINUE;
	entry.pfn = pud_pfn(value) + ((addr & ~PUD_MASK) >> PAGE_SHIFT);
	return tell(walk, &entry, addr, next);
}

#ifdef CONFIG_HUGETLB_PAGE

static pte_t read_huge(struct mm_walk *walk, unsigned long addr, pte_t *pte)
{
#if MO_IS_6_12
	return huge_ptep_get(walk->mm, addr, pte);
#else
	return huge_ptep_get(pte);
#endif
}

static int see_hugetlb(pte_t *pte, unsigned long mask, unsigned long addr, unsigned long next, struct mm_walk *walk)
{
	struct mo_entry entry = { .kind = MO_ENTRY_SPECIAL };
	spinlock_t *lock = huge_pte_lock(hstate_vma(walk->vma), walk->mm, pte);
	pte_t value = read_huge(walk, addr, pte);
	int ret = 0;

	entry.shares_table = hugetlb_pmd_shared(pte);
	if (pte_present(value)) {
		fill_page(&entry, pte_page(value), pte_pfn(value) + ((addr & ~mask) >> PAGE_SHIFT));
		ret = tell(walk, &entry, addr, next);
	} else if (!pte_none(value) && fill_swap(&entry, pte_to_swp_entry(value))) {
		ret = tell(walk, &entry, addr, next);
	}
	spin_unlock(lock);
	return ret;
}

#endif

static int see_vma(unsigned long addr, unsigned long next, struct mm_walk *walk)
{
	struct state *state = walk->private;

	return state->ops->vma(walk->vma, state->data) ? 0 : 1;
}

static const struct mm_walk_ops operations = {
	.pud_entry = see_pud,
	.pmd_entry = see_pmd,
	.pte_entry = see_pte,
#ifdef CONFIG_HUGETLB_PAGE
	.hugetlb_entry = see_hugetlb,
#endif
	.test_walk = see_vma,
#if MO_IS_6_12
	.walk_lock = PGWALK_RDLOCK,
#endif
};

int mo_walk(struct mm_struct *mm, unsigned long start, unsigned long end, const struct mo_walk_ops *ops, void *data)
{
	struct state state = { ops, data };

	return MO_CALL(walk_page_range)(mm, start, end, &operations, &state);
}

bool mo_is_shared(const struct mo_entry *entry)
{
	if (entry->shares_table)
		return true;
#if MO_IS_6_12
	return folio_likely_mapped_shared(entry->folio);
#else
	return page_mapcount(pfn_to_page(entry->pfn)) > 1;
#endif
}
