// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a folio goes: to the nearest node with room that its owner's mempolicy and cpuset allow, its own node first,
 * since the range itself is isolated and gives nothing. What is free is taken first; reclaim, other nodes than the
 * owner's, and memory tiers below the source's are the last resorts, in that order.
 *
 * The owner is looked up once for each VMA that is met, not for each page: it costs a walk of the reverse map.
 */
#include <linux/cpuset.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <linux/mempolicy.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/nodemask.h>
#include <linux/pagemap.h>
#include <linux/rbtree.h>
#include <linux/rcupdate.h>
#include <linux/sched/task.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include <linux/topology.h>

#include "compat/compat.h"
#include "migrate.h"
#include "target-order.h"

#define NR_UNTIL_NEAREST	256	/* folios after which a nearer node, which had no room, is asked again */
#define MS_EXHAUSTED		1000	/* nodes where reclaim found nothing are not reclaimed from again before */

/* ---- nodes ---- */

static int distance(int from, int to)
{
	return node_distance(from, to);
}

void mo_targets_init(struct mo_targets *targets, int source_nid, bool is_movable, const nodemask_t *allowed)
{
	static const struct mo_topology topology = { distance, mo_node_is_top_tier };
	unsigned int i;
	int nid;

	targets->source_nid = source_nid;
	targets->is_strict = false;
	targets->is_movable = is_movable;
	targets->nr_nodes = 0;
	nodes_clear(targets->allowed);
	for_each_node_state(nid, N_MEMORY) {
		if (allowed && !node_isset(nid, *allowed))
			continue;
		targets->nodes[targets->nr_nodes++] = nid;
		node_set(nid, targets->allowed);
	}
	targets->nr_near = mo_target_order(targets->nodes, targets->nr_nodes, source_nid, &topology);
	nodes_clear(targets->near);
	for (i = 0; i < targets->nr_near; i++)
		node_set(targets->nodes[i], targets->near);
}

/* With one node there is no choice, and so nobody is asked. */
void mo_targets_init_strict(struct mo_targets *targets, int source_nid, int target_nid)
{
	nodemask_t allowed = nodemask_of_node(target_nid);

	mo_targets_init(targets, source_nid, true, &allowed);
	targets->is_strict = true;
}

/* ---- the owner ---- */

static void allow_all(struct mo_target_memo *memo, const struct mo_targets *targets)
{
	memo->is_limited = false;
	memo->has_wish = false;
	memo->soft = targets->near;
}

static void limit(struct mo_target_memo *memo, const struct mo_targets *targets, const nodemask_t *nodes)
{
	nodemask_t both;

	nodes_and(both, *nodes, targets->allowed);
	memo->allowed = *nodes;
	memo->is_limited = !nodes_equal(both, targets->allowed);
	nodes_and(memo->soft, both, targets->near);
	if (nodes_empty(memo->soft))
		memo->soft = nodes_empty(both) ? targets->near : both;
}

#ifdef CONFIG_NUMA

/* A look at an owner; what it finds goes to the memo. */
struct look {
	const struct mo_targets *targets;
	struct mo_target_memo *memo;
	bool is_seen;
	bool has_policy;
	unsigned short mode;		/* of the policy; MPOL_ */
	nodemask_t nodes;
};

static void copy_policy(struct look *look, const struct mempolicy *policy)
{
	if (look->has_policy || !policy)
		return;
	look->has_policy = true;
	look->mode = policy->mode;
	look->nodes = policy->nodes;
}

static void honour(struct look *look, const nodemask_t *mems_allowed)
{
	nodemask_t nodes = *mems_allowed;

	switch (look->has_policy ? look->mode : MPOL_DEFAULT) {
	case MPOL_PREFERRED:
	case MPOL_PREFERRED_MANY:
		look->memo->wish = look->nodes;
		look->memo->has_wish = true;
		break;
	case MPOL_DEFAULT:
	case MPOL_LOCAL:
		break;
	default:	/* to bind, and all ways to interleave */
		if (nodes_intersects(nodes, look->nodes))
			nodes_and(nodes, nodes, look->nodes);
	}
	limit(look->memo, look->targets, &nodes);
	look->is_seen = true;
}

#if defined(CONFIG_MEMCG) && defined(CONFIG_CPUSETS)

static void see_task(struct look *look, struct mm_struct *mm)
{
	struct task_struct *task;

	rcu_read_lock();
	task = rcu_dereference(mm->owner);
	if (task) {
		task_lock(task);
		copy_policy(look, task->mempolicy);
		honour(look, &task->mems_allowed);
		task_unlock(task);
	}
	rcu_read_unlock();
}

#else	/* this kernel can't say whose an mm is */

static void see_task(struct look *look, struct mm_struct *mm)
{
}

#endif

/*
 * The first that maps the folio speaks for all. The reverse map's lock keeps the VMA, and with it the mm. A busy mm
 * is left alone, and asked again for the next page.
 */
static bool see_vma(struct folio *folio, struct vm_area_struct *vma, unsigned long addr, void *data)
{
	struct look *look = data;
	struct mo_target_memo *memo = look->memo;

	if (!mmap_read_trylock(vma->vm_mm))	/* policies change under it */
		return false;
	copy_policy(look, vma->vm_policy);
	memo->first_index = max(memo->first_index, vma->vm_pgoff);
	memo->last_index = min(memo->last_index, vma->vm_pgoff + vma_pages(vma) - 1);
	see_task(look, vma->vm_mm);
	mmap_read_unlock(vma->vm_mm);
	return false;
}

static struct sp_node *find_shared(const struct shared_policy *shared, pgoff_t index)
{
	struct rb_node *node = shared->root.rb_node;

	while (node) {
		struct sp_node *sp = rb_entry(node, struct sp_node, nd);

		if (index < sp->start)
			node = node->rb_left;
		else if (index >= sp->end)
			node = node->rb_right;
		else
			return sp;
	}
	return NULL;
}

/* Shared memory has its policy in the file, by ranges. RCU keeps the inode of a mapping that was not cut off yet. */
static void see_file(struct look *look, struct folio *folio)
{
	struct mo_target_memo *memo = look->memo;
	struct address_space *mapping;
	struct shared_policy *shared;
	struct sp_node *sp;

	rcu_read_lock();
	mapping = READ_ONCE(folio->mapping);
	if (!mapping || mapping != memo->mapping || mapping->host->i_sb->s_magic != TMPFS_MAGIC)
		goto unlock;
	shared = &SHMEM_I(mapping->host)->policy;
	if (RB_EMPTY_ROOT(&shared->root))
		goto unlock;
	memo->first_index = memo->last_index = folio->index;
	read_lock(&shared->lock);
	sp = find_shared(shared, folio->index);
	if (sp) {
		memo->first_index = sp->start;
		memo->last_index = sp->end - 1;
		copy_policy(look, sp->policy);
	}
	read_unlock(&shared->lock);
unlock:
	rcu_read_unlock();
}

static void ask_owner(struct mo_target_memo *memo, const struct mo_targets *targets, struct folio *folio)
{
	struct look look = { .targets = targets, .memo = memo };

	if (!folio_test_anon(folio))
		see_file(&look, folio);
	mo_rmap_walk(folio, see_vma, &look);
	if (look.is_seen)
		return;
	if (look.has_policy)
		honour(&look, &node_states[N_MEMORY]);
	else
		memo->first_index = memo->last_index = folio->index;
}

#else

static void ask_owner(struct mo_target_memo *memo, const struct mo_targets *targets, struct folio *folio)
{
}

#endif /* CONFIG_NUMA */

static bool is_remembered(const struct mo_target_memo *memo, struct folio *folio)
{
	return memo->mapping && memo->mapping == folio->mapping &&
	       folio->index >= memo->first_index && folio->index <= memo->last_index;
}

/* Cache belongs to nobody, and pages that KSM merged to many. */
static bool has_owner(struct folio *folio)
{
	return folio->mapping && !folio_test_ksm(folio) && (folio_test_swapbacked(folio) || folio_test_hugetlb(folio));
}

static void look_up(struct mo_target_memo *memo, const struct mo_targets *targets, struct folio *folio)
{
	memo->mapping = folio->mapping;
	memo->first_index = 0;
	memo->last_index = ULONG_MAX;
	allow_all(memo, targets);
	if (targets->nr_nodes > 1 && has_owner(folio))
		ask_owner(memo, targets, folio);
}

/* ---- memory ---- */

static gfp_t soft_gfp(const struct mo_targets *targets)
{
	return __GFP_MOVABLE | __GFP_NOWARN | __GFP_NORETRY | __GFP_NOMEMALLOC |
	       (targets->is_movable ? __GFP_HIGHMEM : 0);
}

/*
 * Without __GFP_HARDWALL: the cpuset of whoever writes `offline` has no say. Only where nothing else is left it is
 * tried until reclaim finds nothing at all.
 */
static gfp_t hard_gfp(const struct mo_targets *targets, unsigned int order, bool is_last)
{
	gfp_t gfp = soft_gfp(targets) | __GFP_IO | __GFP_FS;

	if (order)
		return gfp | __GFP_DIRECT_RECLAIM;
	gfp |= __GFP_RECLAIM;
	return is_last ? (gfp & ~__GFP_NORETRY) | __GFP_RETRY_MAYFAIL : gfp;
}

/*
 * The allocator would give us all down to the last watermark. Whoever came next would find nothing, and where nothing
 * can be reclaimed, invoke the OOM killer: what lies below the first is for others.
 */
static bool has_room(const struct mo_targets *targets, int nid)
{
	unsigned long nr_free = 0, nr_kept = pageblock_nr_pages;
	int i;

	for (i = gfp_zone(soft_gfp(targets)); i >= 0; i--) {
		struct zone *zone = &NODE_DATA(nid)->node_zones[i];

		if (!managed_zone(zone))
			continue;
		nr_free += zone_page_state(zone, NR_FREE_PAGES);
		nr_kept += high_wmark_pages(zone);
	}
	return nr_free > nr_kept;
}

static unsigned long room_of(const struct mo_targets *targets, int nid)
{
	pg_data_t *pgdat = NODE_DATA(nid);
	unsigned long nr = atomic_long_read(&pgdat->vm_stat[NR_ACTIVE_FILE]) +
			   atomic_long_read(&pgdat->vm_stat[NR_INACTIVE_FILE]);
	int i;

	for (i = gfp_zone(soft_gfp(targets)); i >= 0; i--) {
		struct zone *zone = &pgdat->node_zones[i];
		unsigned long nr_free = zone_page_state(zone, NR_FREE_PAGES);

		if (managed_zone(zone) && nr_free > high_wmark_pages(zone))
			nr += nr_free - high_wmark_pages(zone);
	}
	return nr;
}

unsigned long mo_targets_room(const struct mo_targets *targets)
{
	unsigned long nr = get_nr_swap_pages();
	unsigned int i;

	for (i = 0; i < targets->nr_nodes; i++) {
		int nid = targets->nodes[i];

		nr += room_of(targets, nid) + (nid != targets->source_nid ? mo_free_in_pools(nid) : 0);
	}
	return nr;
}

static struct folio *take_free(const struct mo_targets *targets, struct mo_pool *pool, unsigned int order, int nid)
{
	gfp_t gfp = soft_gfp(targets) | __GFP_THISNODE;
	struct folio *folio;

	if (!(pool->nr && pool->nid == nid) && !has_room(targets, nid))
		return NULL;
	folio = order ? NULL : mo_pool_take(pool, gfp, nid);
	return folio ?: __folio_alloc(gfp, order, nid, NULL);
}

/* From the node that had room last time on. */
static struct folio *take_near(const struct mo_targets *targets, struct mo_target_memo *memo, struct mo_pool *pool,
			       unsigned int order)
{
	unsigned int *first = &memo->first[!!order], i;
	struct folio *folio;

	if (!memo->nr_until_nearest--) {
		memo->nr_until_nearest = NR_UNTIL_NEAREST;
		memo->first[0] = memo->first[1] = 0;
	}
	for (i = *first; i < targets->nr_near; i++) {
		folio = take_free(targets, pool, order, targets->nodes[i]);
		if (folio) {
			*first = i;
			return folio;
		}
	}
	return NULL;
}

static struct folio *take_from(const struct mo_targets *targets, struct mo_pool *pool, unsigned int order,
			       const nodemask_t *nodes)
{
	struct folio *folio = NULL;
	unsigned int i;

	for (i = 0; i < targets->nr_nodes && !folio; i++)
		if (node_isset(targets->nodes[i], *nodes))
			folio = take_free(targets, pool, order, targets->nodes[i]);
	return folio;
}

/* One resort after the other: what the owner allows, any node but those of lower tiers, any. */
enum { RESORT_OWNER, RESORT_NEAR, RESORT_ANY, NR_RESORTS };

static const nodemask_t *nodes_of(const struct mo_targets *targets, const struct mo_target_memo *memo,
				  unsigned int resort)
{
	switch (resort) {
	case RESORT_OWNER:
		return &memo->soft;
	case RESORT_NEAR:
		return &targets->near;
	default:
		return &targets->allowed;
	}
}

static bool is_exhausted(struct mo_target_memo *memo, const nodemask_t *nodes)
{
	if (time_after(jiffies, memo->exhausted_until))
		nodes_clear(memo->exhausted);
	return nodes_subset(*nodes, memo->exhausted);
}

bool mo_target_is_full(const struct mo_targets *targets, struct mo_target_memo *memo, bool hard)
{
	unsigned int i;

	for (i = 0; i < targets->nr_nodes; i++)
		if (has_room(targets, targets->nodes[i]))
			return false;
	return !hard || is_exhausted(memo, &targets->allowed);
}

static struct folio *take(const struct mo_targets *targets, struct mo_target_memo *memo, struct mo_pool *pool,
			  unsigned int order)
{
	struct folio *folio = NULL;
	unsigned int resort = RESORT_OWNER;

	if (memo->has_wish) {
		folio = take_from(targets, pool, order, &memo->wish);
	} else if (!memo->is_limited) {
		folio = take_near(targets, memo, pool, order);
		resort = is_exhausted(memo, &targets->near) ? RESORT_ANY : NR_RESORTS;
	}
	for (; !folio && resort < NR_RESORTS; resort++) {
		const nodemask_t *nodes = nodes_of(targets, memo, resort);

		folio = take_from(targets, pool, order, nodes);
		if (!is_exhausted(memo, nodes))
			break;
	}
	return folio;
}

/*
 * Where nothing was found a moment ago, nothing is now: the deadline is not spent on that. With each resort nodes come
 * that may have room without reclaim.
 */
static struct folio *reclaim(const struct mo_targets *targets, struct mo_target_memo *memo, struct mo_pool *pool,
			     unsigned int order)
{
	struct folio *folio;
	unsigned int resort;
	nodemask_t left;

	for (resort = 0; resort < NR_RESORTS; resort++) {
		const nodemask_t *nodes = nodes_of(targets, memo, resort);
		bool is_last = nodes_equal(*nodes, targets->allowed);

		folio = resort == RESORT_OWNER ? NULL : take_from(targets, pool, order, nodes);
		if (folio)
			return folio;
		if (is_exhausted(memo, nodes))
			continue;
		nodes_andnot(left, *nodes, memo->exhausted);
		folio = __folio_alloc(hard_gfp(targets, order, is_last), order, targets->source_nid, &left);
		if (folio && has_room(targets, folio_nid(folio)))
			return folio;
		if (folio)
			folio_put(folio);
		if (order)
			continue;
		nodes_or(memo->exhausted, memo->exhausted, *nodes);
		memo->exhausted_until = jiffies + msecs_to_jiffies(MS_EXHAUSTED);
	}
	return NULL;
}

const nodemask_t *mo_target_nodes(const struct mo_targets *targets, struct mo_target_memo *memo, struct folio *src)
{
	look_up(memo, targets, src);
	memo->mapping = NULL;	/* not for the next: some kernels count huge pages in its index */
	return memo->has_wish ? &memo->wish : &memo->soft;
}

void mo_target_count(struct mo_target_memo *memo, struct folio *dst)
{
	if (memo->is_limited && !node_isset(folio_nid(dst), memo->allowed))
		memo->nr_violated += folio_nr_pages(dst);
}

struct folio *mo_target_alloc(const struct mo_targets *targets, struct mo_target_memo *memo, struct mo_pool *pool,
			      struct folio *src, bool hard)
{
	unsigned int order = folio_order(src);
	struct folio *dst;

	if (!is_remembered(memo, src))
		look_up(memo, targets, src);
	dst = hard ? reclaim(targets, memo, pool, order) : take(targets, memo, pool, order);
	if (dst)
		mo_target_count(memo, dst);
	return dst;
}
