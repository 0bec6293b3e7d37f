// SPDX-License-Identifier: GPL-2.0-only
/*
 * Move one list of isolated folios: lock and unmap as many as a batch holds, flush the TLBs once, then copy, remap and
 * put back each of them.
 *
 * While a batch holds folio locks nothing is waited for: a further lock or writeback is tried, and the folio stays on
 * its list when it is not to be had; memory is taken only where it is free. Patience is the caller's, who comes again.
 */
#include <linux/buffer_head.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include "compat/compat.h"
#include "migrate.h"

/* ---- what can be told before anything is done ---- */

/* The file, or the swap space, that it belongs to; NULL for anonymous memory that is only mapped. */
static struct address_space *file_of(struct folio *folio)
{
	if (folio_test_anon(folio) && !folio_test_swapcache(folio))
		return NULL;
	return folio_mapping(folio);
}

/* References of a small folio that is isolated, beyond its mappings. */
static int refs_of_small(struct folio *folio)
{
	int refs = 1;

	if (folio_test_anon(folio))
		return refs + folio_test_swapcache(folio);
	if (folio_mapping(folio))
		refs++;
	return refs + folio_has_private(folio);
}

/* To unmap it would be for nothing. Whether others hold a large folio shows when it is moved. */
static bool is_busy(struct folio *folio)
{
	if (folio_test_locked(folio) || folio_test_writeback(folio))
		return true;
	if (folio_test_anon(folio) && folio_maybe_dma_pinned(folio))
		return true;
	if (folio_test_large(folio))
		return false;
	return folio_ref_count(folio) > refs_of_small(folio) + atomic_read(&folio->_mapcount) + 1;
}

/* Nobody but us holds it any more: it is freed by the last put. */
static bool is_freed(struct folio *folio)
{
	return folio_ref_count(folio) == 1;
}

/* ---- taking leave of the source ---- */

static void drop_source(struct folio *src, struct mo_migration *migration)
{
	list_del(&src->lru);
	mo_tally(&migration->tally, src, -1);
	mo_run_add(&migration->run, src);
}

static void drop_freed(struct folio *src, struct mo_migration *migration)
{
	folio_clear_active(src);
	folio_clear_unevictable(src);
	drop_source(src, migration);
}

static void count_moved(struct mo_migration *migration, struct folio *folio)
{
	unsigned long nr = folio_nr_pages(folio);

	migration->nr_moved += nr;
	count_vm_events(PGMIGRATE_SUCCESS, nr);
	if (folio_test_pmd_mappable(folio))
		count_vm_event(THP_MIGRATION_SUCCESS);
}

/* ---- locking and unmapping ---- */

static void put_anon_vma_of(struct mo_move *move)
{
	if (move->anon_vma)
		mo_put_anon_vma(move->anon_vma);
}

static void undo(struct mo_move *move)
{
	if (move->was_mapped)
		mo_remap(move->src, move->src);
	put_anon_vma_of(move);
	folio_unlock(move->src);
	folio_unlock(move->dst);
	folio_put(move->dst);
}

/* A file truncated it, and left data of the file system behind: without that it is free. */
static bool is_orphan(struct folio *src)
{
	return !src->mapping && folio_test_private(src);
}

/* Both are locked. Returns 0 when nothing maps src any more. */
static int unmap(struct mo_move *move)
{
	struct folio *src = move->src;

	if (is_orphan(src)) {
		try_to_free_buffers(src);
		return -EAGAIN;
	}
	if (folio_test_anon(src) && !folio_test_ksm(src))
		move->anon_vma = mo_get_anon_vma(src);
	move->was_mlocked = folio_test_mlocked(src);
	if (!src->mapping || !folio_mapped(src))
		return 0;
	mo_unmap_for_migration(src);
	move->was_mapped = true;
	return folio_mapped(src) ? -EAGAIN : 0;
}

/* Takes over dst, also when it fails. */
static int lock_and_unmap(struct folio *src, struct folio *dst, struct mo_move *move)
{
	int err;

	*move = (struct mo_move){ .src = src, .dst = dst };
	dst->private = NULL;	/* some kernels free pages with what stood there */
	if (!folio_trylock(src))
		goto put_dst;
	if (folio_test_writeback(src))
		goto unlock_src;
	if (!folio_trylock(dst))
		goto unlock_src;
	err = unmap(move);
	if (err)
		undo(move);
	return err;

unlock_src:
	folio_unlock(src);
put_dst:
	folio_put(dst);
	return -EAGAIN;
}

/* ---- moving ---- */

static int move_content(struct folio *dst, struct folio *src)
{
	struct address_space *mapping = file_of(src);

	if (!mapping)
		return migrate_folio(NULL, dst, src, MIGRATE_ASYNC);
	if (!mo_file_can_migrate(mapping))	/* it could, a moment ago */
		return -EAGAIN;
	return mapping->a_ops->migrate_folio(mapping, dst, src, MIGRATE_ASYNC);
}

static void move_mappings(struct mo_move *move)
{
	/* On the LRU before it is mapped again, so that an mlocked folio is counted as one at each mapping. */
	folio_add_lru(move->dst);
	if (move->was_mlocked)
		mo_lru_add_drain();
	if (move->was_mapped)
		mo_remap(move->src, move->dst);
}

static int finish(struct mo_move *move, struct mo_migration *migration)
{
	struct folio *src = move->src, *dst = move->dst;
	bool is_queued = folio_test_large(src) && mo_is_queued_for_split(src);
	bool is_partial = is_queued && mo_is_deferred_split(src);
	int err = move_content(dst, src);

	if (err) {
		undo(move);
		return err;
	}
	if (!folio_test_anon(src))
		src->mapping = NULL;	/* it left the page cache, and may be freed only without */
	move_mappings(move);
	if (is_queued)
		mo_queue_for_split(dst, is_partial);
	folio_unlock(dst);
	count_moved(migration, dst);
	folio_put(dst);
	put_anon_vma_of(move);
	folio_unlock(src);
	drop_source(src, migration);
	return 0;
}

/* Flush once, then move all that was unmapped. No folio lock is held afterwards. */
static void finish_all(struct mo_migration *migration)
{
	unsigned int i;

	if (!migration->nr_moves)
		return;
	mo_flush_unmapped();
	for (i = 0; i < migration->nr_moves; i++) {
		int err = finish(&migration->moves[i], migration);

		if (err)
			migration->error = err;
		cond_resched();
	}
	migration->nr_moves = 0;
	migration->nr_move_pages = 0;
}

/* ---- one folio ---- */

/* Its pages get their turn one by one, after those that are whole. */
static int split(struct folio *folio, struct mo_migration *migration)
{
	unsigned long nr = folio_nr_pages(folio);
	bool is_huge = folio_test_pmd_mappable(folio);
	int err = -EAGAIN;

	finish_all(migration);	/* a file's folio needs memory for it, and its file system a word in it */
	if (!folio_trylock(folio))
		return err;
	if (!folio_test_writeback(folio))
		err = mo_split_folio(folio, &migration->pieces);
	folio_unlock(folio);
	if (err)
		return err;
	list_move(&folio->lru, &migration->pieces);
	migration->nr_pieces += nr;
	migration->nr_split++;
	if (is_huge)
		count_vm_event(THP_MIGRATION_SPLIT);
	return 0;
}

static struct folio *alloc_target(struct folio *src, struct mo_migration *migration)
{
	struct folio *dst = mo_target_alloc(migration->targets, &migration->memo, &migration->pool, src, false);

	if (dst || !migration->is_patient || folio_test_large(src))
		return dst;
	finish_all(migration);	/* reclaim may wait for what is locked */
	return mo_target_alloc(migration->targets, &migration->memo, &migration->pool, src, true);
}

/* Its pieces would find nothing either, and it would have been split for that. */
static bool is_split_in_vain(struct mo_migration *migration)
{
	return migration->targets->is_strict && !(migration->may_evict && migration->is_patient) &&
	       mo_target_is_full(migration->targets, &migration->memo, migration->is_patient);
}

/* Without a target of its size a large folio is split, and a small one may be evicted. */
static int go_without_target(struct folio *src, struct mo_migration *migration)
{
	if (folio_test_large(src))
		return is_split_in_vain(migration) ? -ENOMEM : split(src, migration);
	if (migration->may_evict && migration->is_patient)
		list_move_tail(&src->lru, &migration->to_evict);
	return -ENOMEM;
}

/* Its file system has no operation of its own for this: the kernel has a way around, which writes it out if need be. */
static bool needs_kernel_ops(struct folio *folio)
{
	struct address_space *mapping;
	bool needs;

	rcu_read_lock();	/* it is not locked: its file may be cut off, but not freed */
	mapping = file_of(folio);
	needs = mapping && !mo_file_can_migrate(mapping);
	rcu_read_unlock();
	return needs;
}

static int begin(struct folio *src, struct mo_migration *migration)
{
	struct folio *dst;
	int err;

	if (is_freed(src)) {
		drop_freed(src, migration);
		return 0;
	}
	if (is_busy(src))
		return -EBUSY;
	err = migration->asking ? mo_asking_check(migration->asking, src) : 0;
	if (err)
		return err;
	if (migration->evict_all) {
		list_move_tail(&src->lru, &migration->to_evict);
		return 0;
	}
	if (needs_kernel_ops(src)) {
		list_move_tail(&src->lru, &migration->no_migrate);
		return 0;
	}
	if (folio_test_large(src) && mo_is_deferred_split(src))
		return split(src, migration);
	dst = alloc_target(src, migration);
	if (!dst)
		return go_without_target(src, migration);
	err = lock_and_unmap(src, dst, &migration->moves[migration->nr_moves]);
	if (err)
		return err;
	migration->nr_moves++;
	migration->nr_move_pages += folio_nr_pages(src);
	return 0;
}

/* ---- by the kernel's own operations ---- */

static struct folio *take_from_kernel(struct folio *src, const struct mo_targets *targets, nodemask_t nodes)
{
	gfp_t gfp = GFP_USER | __GFP_MOVABLE | __GFP_RETRY_MAYFAIL | __GFP_NOWARN;

	if (targets->is_movable)
		gfp |= __GFP_HIGHMEM;
	if (nodes_empty(nodes))
		return NULL;
	return mo_alloc_kernel_target(src, targets->source_nid, &nodes, gfp & ~__GFP_HARDWALL);
}

static struct folio *take_elsewhere(struct folio *src, const struct mo_targets *targets, nodemask_t nodes)
{
	node_clear(targets->source_nid, nodes);
	return take_from_kernel(src, targets, nodes);
}

/* Once all of the range; then the one that SRC follows, which has gone back to the pool by now. */
static void dissolve_in_range(struct folio *src, struct mo_migration *migration)
{
	const struct mo_evacuation *evacuation = migration->evacuation;
	unsigned long pfn = migration->last_hugetlb_pfn;
	unsigned int i;

	migration->last_hugetlb_pfn = folio_pfn(src);
	if (pfn) {
		mo_dissolve_free_hugetlb(pfn, pfn + folio_nr_pages(src));
		return;
	}
	for (i = 0; i < evacuation->nr_spans; i++)
		mo_dissolve_free_hugetlb(evacuation->spans[i].start_pfn,
					 evacuation->spans[i].start_pfn + evacuation->spans[i].nr_pages);
}

/* The pool of the range's node gives away what lies in the range, too, and would do so for ever: that goes first. */
static struct folio *take_from_source(struct folio *src, struct mo_migration *migration, const nodemask_t *nodes)
{
	const struct mo_targets *targets = migration->targets;

	if (!node_isset(targets->source_nid, *nodes))
		return NULL;
	dissolve_in_range(src, migration);
	return take_from_kernel(src, targets, nodemask_of_node(targets->source_nid));
}

/* The own node comes last, but before nodes that the owner does not allow. */
static struct folio *take_hugetlb(struct folio *src, struct mo_migration *migration)
{
	const struct mo_targets *targets = migration->targets;
	nodemask_t owner;

	nodes_and(owner, *mo_target_nodes(targets, &migration->memo, src), targets->allowed);
	return take_elsewhere(src, targets, owner) ?:
	       (migration->memo.is_limited ? take_from_source(src, migration, &owner) : NULL) ?:
	       take_elsewhere(src, targets, targets->near) ?:
	       take_elsewhere(src, targets, targets->allowed) ?:
	       take_from_source(src, migration, &targets->allowed);
}

static struct folio *alloc_hugetlb_target(struct folio *src, struct mo_migration *migration)
{
	struct folio *dst = take_hugetlb(src, migration);

	if (dst)
		mo_target_count(&migration->memo, dst);
	return dst;
}

static struct folio *alloc_kernel_target(struct folio *src, unsigned long private)
{
	struct mo_migration *migration = (struct mo_migration *)private;
	const struct mo_targets *targets = migration->targets;

	if (folio_test_hugetlb(src))
		return alloc_hugetlb_target(src, migration);
	return take_from_kernel(src, targets, targets->near) ?: take_from_kernel(src, targets, targets->allowed);
}

static void migrate_by_kernel(struct list_head *folios, struct mo_migration *migration, enum migrate_mode mode)
{
	unsigned int nr_moved = 0;
	int err;

	if (list_empty(folios))
		return;
	err = mo_migrate_pages(folios, alloc_kernel_target, (unsigned long)migration, mode, &nr_moved);
	migration->nr_moved += nr_moved;
	if (err)
		migration->error = err < 0 ? err : -EBUSY;
}

/* Dirty ones are written out only when they were given time to become clean by themselves. */
static void migrate_without_operation(struct mo_batch *batch, struct mo_migration *migration)
{
	struct folio *folio;

	migrate_by_kernel(&migration->no_migrate, migration, MIGRATE_ASYNC);
	if (migration->is_patient)
		list_for_each_entry(folio, &migration->no_migrate, lru)
			mo_writeout(folio);
	list_splice_tail_init(&migration->no_migrate, &batch->lru);
}

/* Those that stay are back on the LRU. What is dirty is not evicted, but by the next pass it may be clean. */
static void evict(struct mo_migration *migration)
{
	struct folio *folio;

	list_for_each_entry(folio, &migration->to_evict, lru)
		mo_writeout(folio);
	if (!list_empty(&migration->to_evict))
		migration->nr_evicted += mo_swapout(&migration->to_evict, &migration->nr_left);
}

/* Success takes a folio off the list. */
static void migrate_each(struct list_head *folios, unsigned int nr_small, struct mo_migration *migration)
{
	struct folio *src, *next;
	int err;

	migration->pool.nr_expected = nr_small;
	list_for_each_entry_safe(src, next, folios, lru) {
		if (migration->is_patient && mo_migration_is_over(migration))
			break;
		err = begin(src, migration);
		if (err)
			migration->error = err;
		if (migration->nr_moves == MO_BATCH_FOLIOS || migration->nr_move_pages >= migration->max_move_pages)
			finish_all(migration);
		cond_resched();
	}
	finish_all(migration);
	mo_flush_unmapped();	/* also what was undone */
	mo_pool_drop(&migration->pool);
	mo_tally_flush(&migration->tally);
	mo_run_flush(&migration->run);
}

void mo_migration_reset(struct mo_migration *migration)
{
	migration->memo = (struct mo_target_memo){};
	migration->nr_moved = 0;
	migration->nr_evicted = 0;
	migration->nr_split = 0;
	migration->last_hugetlb_pfn = 0;
}

int mo_migrate(struct mo_batch *batch, struct mo_migration *migration)
{
	migration->error = 0;
	migration->nr_pieces = 0;
	migration->tally = (struct mo_tally){};
	migration->run = (struct mo_run){};
	INIT_LIST_HEAD(&migration->pieces);
	INIT_LIST_HEAD(&migration->no_migrate);
	INIT_LIST_HEAD(&migration->to_evict);
	migrate_each(&batch->lru, batch->nr_small, migration);
	migrate_each(&migration->pieces, migration->nr_pieces, migration);
	list_splice_tail(&migration->pieces, &batch->lru);
	migrate_without_operation(batch, migration);
	migrate_by_kernel(&batch->kernel_ops, migration, MIGRATE_ASYNC);
	evict(migration);
	return migration->error;
}
