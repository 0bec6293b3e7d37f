// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose a page is: its memory cgroup, its file, the processes that map it. Locks are only tried, and nothing is waited
 * for: what can't be had at once stays unknown.
 */
#include <linux/cgroup.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/memcontrol.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/rmap.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/xarray.h>

#include "compat/compat.h"
#include "migrate.h"

/* ---- memory cgroup ---- */

#ifdef CONFIG_MEMCG
/* One that was removed has charged its pages still, but only its ancestors have a folder. */
static u64 cgroup_inode(struct folio *folio)
{
	struct mem_cgroup *memcg;
	u64 inode = 0;

	rcu_read_lock();
	memcg = page_memcg_check(&folio->page);
	while (memcg && !(memcg->css.flags & CSS_ONLINE))
		memcg = parent_mem_cgroup(memcg);
	if (memcg)
		inode = cgroup_ino(memcg->css.cgroup);
	rcu_read_unlock();
	return inode;
}
#else
static u64 cgroup_inode(struct folio *folio)
{
	return 0;
}
#endif

/* ---- file ---- */

/* Under RCU. The lock of an inode keeps its dentries in place, and that of a dentry its name; in this order. */
static void copy_name(struct inode *inode, char *name, size_t size)
{
	struct dentry *dentry;

	if (!spin_trylock(&inode->i_lock))
		return;
	dentry = hlist_entry_safe(inode->i_dentry.first, struct dentry, d_u.d_alias);
	if (dentry && spin_trylock(&dentry->d_lock)) {
		strscpy(name, dentry->d_name.name, size);
		spin_unlock(&dentry->d_lock);
	}
	spin_unlock(&inode->i_lock);
}

/* As in facts.c: an inode that the folio belongs to after RCU has begun can be looked at until it ends. */
static void fill_file(struct memoffline_record *record, struct folio *folio)
{
	struct address_space *mapping;
	struct inode *inode;

	rcu_read_lock();
	mapping = READ_ONCE(folio->mapping);
	inode = mapping && !((unsigned long)mapping & PAGE_MAPPING_FLAGS) ? mapping->host : NULL;
	if (inode) {
		record->file_inode = inode->i_ino;
		record->file_dev = inode->i_sb->s_dev;
		copy_name(inode, record->name, sizeof(record->name));
	}
	rcu_read_unlock();
}

/* ---- mappers ---- */

struct mappers {
	struct memoffline_record *record;
	struct xarray seen;	/* by address of the mm: one may map a folio more than once */
};

#ifdef CONFIG_MEMCG
static struct task_struct *task_of(struct mm_struct *mm)
{
	return rcu_dereference(mm->owner);
}
#else
static struct task_struct *task_of(struct mm_struct *mm)
{
	struct task_struct *task;

	for_each_process(task)
		if (READ_ONCE(task->mm) == mm)
			return task;
	return NULL;
}
#endif

static void fill_mapper(struct memoffline_mapper *mapper, struct mm_struct *mm, unsigned long addr)
{
	struct task_struct *task;

	mapper->addr = addr;
	rcu_read_lock();
	task = task_of(mm);
	if (task) {
		mapper->pid = task_tgid_nr_ns(task, &init_pid_ns);
		strscpy(mapper->comm, task->group_leader->comm, sizeof(mapper->comm));
	}
	rcu_read_unlock();
}

/* Without memory for that it may count a process twice, which is better than not at all. */
static bool is_first_of(struct mappers *mappers, struct mm_struct *mm)
{
	return xa_insert(&mappers->seen, (unsigned long)mm / __alignof__(*mm), xa_mk_value(0), GFP_NOWAIT) != -EBUSY;
}

/*
 * The walk holds the lock that keeps the VMA, and so its mm, in place. A VMA that could map the folio need not do so.
 */
static bool add_mapper(struct folio *folio, struct vm_area_struct *vma, unsigned long addr, void *data)
{
	struct mappers *mappers = data;
	struct memoffline_record *record = mappers->record;

	if (!mo_is_mapped_at(folio, vma, &addr) || !is_first_of(mappers, vma->vm_mm))
		return true;
	if (record->nr_mappers < MEMOFFLINE_MAPPERS_KEPT)
		fill_mapper(&record->mappers[record->nr_mappers], vma->vm_mm, addr);
	record->nr_mappers++;
	return true;
}

static void fill_mappers(struct memoffline_record *record, struct folio *folio)
{
	struct mappers mappers = { .record = record };

	xa_init(&mappers.seen);
	mo_rmap_walk(folio, add_mapper, &mappers);
	xa_destroy(&mappers.seen);
}

/* ---- the record ---- */

static void fill_facts(struct memoffline_record *record, const struct mo_facts *facts)
{
	record->pfn = facts->pfn;
	record->order = facts->order;
	record->kind = mo_classify_kind(facts);
	record->refs = facts->refs;
	record->refs_expected = mo_classify_refs_expected(facts);
	record->mapcount = facts->mapcount;
	record->pincount = facts->pincount;
}

/* NULL: it is not the folio any more that the facts are of. */
static struct folio *get_folio(struct page *page, const struct mo_facts *facts)
{
	struct folio *folio = page_folio(page);

	if (!folio_try_get(folio))
		return NULL;
	if (&folio->page == page && folio_order(folio) == facts->order)
		return folio;
	folio_put(folio);
	return NULL;
}

void mo_owner_fill(struct memoffline_record *record, const struct mo_facts *facts, bool with_mappers)
{
	struct page *page = pfn_to_online_page(facts->pfn);
	struct folio *folio;

	fill_facts(record, facts);
	if (!page)
		return;
	record->kpageflags = mo_kpageflags(page);
	folio = get_folio(page, facts);
	if (!folio)
		return;
	record->cgroup_inode = cgroup_inode(folio);
	if (facts->is_slab)
		mo_slab_cache_name(folio, record->name, sizeof(record->name));
	if (facts->has_mapping)
		fill_file(record, folio);
	if (with_mappers && facts->mapcount > 0)
		fill_mappers(record, folio);
	folio_put(folio);
}
