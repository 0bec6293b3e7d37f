/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core offers the rest of the module, from the top of the picture to its foot:
 *
 *	eject.c		a device with all its blocks, which are asked one by one
 *	evacuate.c	one range: chunks shared out to workers, passes, deadlines
 *	process.c	one process, from one set of nodes to another
 *	crew.c		threads that help with what one caller has begun
 *	progress.c	how far it is, and what ends it
 *	isolate.c	take pages off the LRU lists, put them back
 *	migrate.c	one list of folios: lock, unmap, copy, remap
 *	release.c	give emptied pages back in runs
 *	swapout.c	evict folios for which no target memory is left
 *	writeout.c	begin to write files whose pages can't move while they are dirty
 *	target.c	which node and zone a folio goes to
 *	pool.c		small targets, taken a block at a time
 *	facts.c		what a page is
 *	owner.c		whose a page is
 *	ask.c		hooks of VMAs that map what goes
 *	vma.c		migrate hooks that VMAs may have
 *
 * Locking order: mem_hotplug_lock, where the kernel took it, and under it an mmap lock, which is only tried; a process
 * job's walk_lock; an mmap lock; a page table's. Apart from these: crew.lock; folio lock; scan.c's lookers, whose
 * writer's side comes under mem_hotplug_lock, and under whose reader's side none of these is waited for. The kernel
 * has mem_hotplug_lock and mmap locks in this order as well: its offline waits for ksm_thread_mutex, under which mmap
 * locks are taken. A task that holds a folio lock only tries for further ones, and waits for none, nor for
 * writeback.
 */
#ifndef MEMOFFLINE_MIGRATE_H
#define MEMOFFLINE_MIGRATE_H

#include <linux/errno.h>
#include <linux/list.h>
#include <linux/nodemask.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "classify.h"
#include "report.h"

struct anon_vma;
struct task_struct;
struct folio;
struct mm_struct;
struct page;
struct vm_area_struct;
struct mo_asking;
struct mo_targets;

/* ---- what is asked ---- */

#define MO_SWAP_FALLBACK	(1u << 0)	/* evict what finds no target */
#define MO_SWAP_ONLY		(1u << 1)	/* evict all of it, move nothing */
#define MO_CACHES_OFF		(1u << 2)	/* the caller has disabled the LRU caches: the first pass lifts that */
#define MO_MOVE_ALL		(1u << 3)	/* of a process: also what others use */

/* Pages in a row, aligned to pageblocks. */
struct mo_span {
	unsigned long start_pfn;
	unsigned long nr_pages;
};

/* What can be seen of an evacuation from outside while it runs. Clear it before use. */
struct mo_progress {
	atomic_long_t nr_done;		/* pages moved or evicted */
	atomic_long_t nr_left;		/* pages in use, as far as they were counted; -1: not yet */
	atomic_t seq;			/* another one with each change */
	unsigned long stuck_pfn;	/* of a page that stayed in the last pass; 0: none */
	bool is_stopped;		/* who looks has asked for the end */
	wait_queue_head_t wait;		/* woken by each step */
};

/* What is to be evacuated. The caller has isolated it: pages that are freed in it stay free. */
struct mo_evacuation {
	const struct mo_span *spans;	/* in ascending order, all of one zone type */
	unsigned int nr_spans;
	unsigned long max_kib_s;	/* KiB moved in a second; 0: no limit */
	unsigned int max_cpu_percent;	/* of each worker's time; 0: no limit */
	struct mo_progress *progress;	/* NULL: nobody looks */
	const nodemask_t *targets;	/* NULL: all nodes with memory */
	unsigned int flags;		/* MO_SWAP_ */
	unsigned int deadline_ms;	/* 0: none */
	unsigned int stall_ms;		/* no page moved for so long; 0: none */
	unsigned int nr_workers;	/* the caller included; 0: as many as the node has processors */
	struct mo_report *report;	/* totals, and a record of each page that stayed */
};

#ifdef CONFIG_MIGRATION

/*
 * Move everything out of the spans, with growing patience. May sleep. Returns 0 when not one page in use is left.
 * -EBUSY: pages stay, see the report; -ENOMEM: nothing could be begun; -EINTR: a signal. All pages that did not
 * move are back where they were.
 */
int mo_evacuate(struct mo_evacuation *evacuation);
/*
 * Likewise for SPANS, in ascending order, each of one zone; their order changes, and those of the evacuation are
 * written. Targets are chosen by node and zone type of the source: spans that differ have their turns, under one
 * deadline.
 */
int mo_evacuate_mixed(struct mo_evacuation *evacuation, struct mo_span *spans, unsigned int nr);
/*
 * Around looks at struct pages that the caller holds no reference to, each found by pfn_to_online_page(): they stay
 * until the end, which no mmap lock and no nap may come before. A block that went offline awaits those who look before
 * it can be removed.
 */
void mo_look_begin(void);
void mo_look_end(void);
void mo_look_await(void);
/*
 * Records of all pages of the range that would stay; moves nothing. Their struct pages may not go meanwhile. ERROR as
 * mo_classify() has it. OTHERWISE, if it is not NONE: the reason of pages in use that have none of their own.
 */
void mo_scan(unsigned long start_pfn, unsigned long nr_pages, int error, enum memoffline_reason otherwise,
	     struct mo_report *report);
/* From now on the memory of REPORT's records is no page that would stay. */
void mo_scan_spare_own(struct mo_report *report);

#else

static inline int mo_evacuate(struct mo_evacuation *evacuation) { return -ENOSYS; }
static inline int mo_evacuate_mixed(struct mo_evacuation *evacuation, struct mo_span *spans,
				    unsigned int nr) { return -ENOSYS; }
static inline void mo_scan(unsigned long start_pfn, unsigned long nr_pages, int error,
			   enum memoffline_reason otherwise, struct mo_report *report) { }
static inline void mo_scan_spare_own(struct mo_report *report) { }
static inline void mo_look_begin(void) { }
static inline void mo_look_end(void) { }
static inline void mo_look_await(void) { }

#endif /* CONFIG_MIGRATION */

/* ---- process.c ---- */

/* What is to be moved of one process. */
struct mo_process {
	int pid;			/* in the caller's pid namespace, 0: the caller; or a descriptor of a process */
	bool is_pidfd;
	const nodemask_t *from;
	const nodemask_t *to;		/* each has memory */
	unsigned long start_addr;	/* aligned to pages */
	unsigned long end_addr;		/* 0 with start_addr 0: all */
	unsigned int flags;		/* MO_SWAP_FALLBACK, MO_MOVE_ALL */
	unsigned int deadline_ms;	/* 0: none; it ends anyway when pages have resisted several passes */
	unsigned int nr_workers;	/* the caller included; 0: as many as help */
	struct mo_progress *progress;	/* NULL: nobody looks */
	struct mo_report *report;	/* totals, and a record with its place of what stayed */
	unsigned long nr_shared;	/* pages left alone since others use them; written */
	unsigned long nr_swapped;	/* pages that were in swap at the start; written */
	struct mm_struct *mm;		/* written by mo_process_open(), as the next */
	pid_t tgid;			/* in the initial pid namespace */
};

#ifdef CONFIG_MIGRATION
/*
 * Finds the process, and asks whether the caller may move it. 0, or -ESRCH, -EBADF, -EPERM, -EINVAL, -EOPNOTSUPP as the
 * uapi header has them, or -EINTR: a fatal signal; after 0 comes mo_process_close().
 */
int mo_process_open(struct mo_process *process);
void mo_process_close(struct mo_process *process);
/*
 * Move it, node by node, with growing patience. May sleep. Returns 0 when nothing that was to go is left. -EBUSY: see
 * the report; -ENOMEM: nothing could be begun; -EINTR: a signal.
 */
int mo_process_migrate(struct mo_process *process);
#else
static inline int mo_process_open(struct mo_process *process) { return -ENOSYS; }
static inline void mo_process_close(struct mo_process *process) { }
static inline int mo_process_migrate(struct mo_process *process) { return -ENOSYS; }
#endif

/* ---- isolate.c ---- */

/* Pages that are counted as isolated in /proc/vmstat, or no longer, and not yet told. Clear it before use. */
struct mo_tally {
	struct pglist_data *pgdat;
	long nr_pages[2];		/* anonymous, file */
};

/* Folios that were taken off their lists, sorted by who can move them. */
struct mo_batch {
	struct list_head lru;		/* ours: each on no list but this, and counted as isolated */
	struct list_head kernel_ops;	/* hugetlb and movable_ops: for the kernel's migrate_pages() */
	unsigned long nr_lru;		/* pages */
	unsigned long nr_small;		/* of them, those that are not part of a larger folio */
	unsigned long nr_kernel_ops;	/* folios */
	unsigned long nr_left;		/* pages in use that could not be taken */
	struct mo_tally tally;
};

void mo_batch_init(struct mo_batch *batch);
/* SIGN is 1 or -1. A flush tells what was counted. */
void mo_tally(struct mo_tally *tally, struct folio *folio, long sign);
void mo_tally_flush(struct mo_tally *tally);

#ifdef CONFIG_MIGRATION
/*
 * Take pages of [*PFN, END_PFN), a part of one pageblock, until MAX_PAGES are in the batch; *PFN moves behind the
 * last page looked at. Returns 0, or -ENOSYS without CONFIG_MIGRATION.
 */
int mo_isolate(unsigned long *pfn, unsigned long end_pfn, unsigned long max_pages, struct mo_batch *batch);
/*
 * Take one folio that the caller keeps in place by a reference, or by the lock of a page table that maps it. False: it
 * can't be taken now. The batch's tally is flushed by the caller.
 */
bool mo_isolate_folio(struct folio *folio, struct mo_batch *batch);
/* Whatever is left in the batch goes back to where it was. Returns how many folios. */
unsigned long mo_putback(struct mo_batch *batch);
/*
 * The first page from PFN on that is neither free nor given up; END_PFN: none is. What is free on a per-cpu list, or
 * held by nobody for a moment only, counts as used. PFN and END_PFN are the ends of a whole range.
 */
unsigned long mo_first_used(unsigned long pfn, unsigned long end_pfn);
/* About how many pages of [PFN, END_PFN) are in use: nothing is held meanwhile. */
unsigned long mo_count_used(unsigned long pfn, unsigned long end_pfn);
#else
static inline int mo_isolate(unsigned long *pfn, unsigned long end_pfn, unsigned long max_pages,
			     struct mo_batch *batch) { return -ENOSYS; }
static inline bool mo_isolate_folio(struct folio *folio, struct mo_batch *batch) { return false; }
static inline unsigned long mo_putback(struct mo_batch *batch) { return 0; }
static inline unsigned long mo_first_used(unsigned long pfn, unsigned long end_pfn) { return pfn; }
static inline unsigned long mo_count_used(unsigned long pfn, unsigned long end_pfn) { return 0; }
#endif

/* ---- quarantine.c ---- */

/* The ranges that one owner has quarantined. Their struct pages last as long. */
struct mo_quarantine {
	pid_t pid;			/* of the owner, in the initial pid namespace */
	unsigned long nr_used;		/* pages in use in all of it, when each range was counted last */
};

/* Why a range could not be quarantined. */
struct mo_conflict {
	pid_t owner_pid;		/* who has a part of it; 0: nobody, it can't be isolated */
	unsigned long pfn;		/* where; start of a section that can't be isolated */
};

#ifdef CONFIG_MIGRATION
void mo_quarantine_init(struct mo_quarantine *quarantine, pid_t pid);
/*
 * Nothing is allocated from the range from now on. May sleep. -EBUSY: see CONFLICT; -ENODEV: not all of it is online
 * memory; -ENOMEM. Then nothing has changed.
 */
int mo_quarantine_add(struct mo_quarantine *quarantine, unsigned long start_pfn, unsigned long nr_pages,
		      struct mo_conflict *conflict);
/*
 * Likewise for who is inside of the kernel's offline and holds mem_hotplug_lock for writing. What waits on per-cpu lists
 * is not drained, and nothing is counted.
 */
int mo_quarantine_add_inside(struct mo_quarantine *quarantine, unsigned long start_pfn, unsigned long nr_pages,
			     struct mo_conflict *conflict);
/* -ENOENT: the owner does not have all of it; -ENOMEM. Then nothing has changed. */
int mo_quarantine_release(struct mo_quarantine *quarantine, unsigned long start_pfn, unsigned long nr_pages);
void mo_quarantine_recount(struct mo_quarantine *quarantine);	/* what is in use may be freed at any time */
/* Isolates again what somebody else has let go. */
void mo_quarantine_renew(struct mo_quarantine *quarantine);
bool mo_quarantine_is_held(unsigned long start_pfn, unsigned long nr_pages);	/* a part of it, by anybody */
bool mo_quarantine_is_isolated(unsigned long start_pfn, unsigned long nr_pages);	/* all of it, by anybody */
/* Huge pages that are free in their pool leave it, as when a block goes offline: they are no targets any more. */
void mo_quarantine_dissolve_free(struct mo_quarantine *quarantine);
void mo_quarantine_release_all(struct mo_quarantine *quarantine);
/* What is held, in ascending order, each in one zone, NR_MAX spans at most. Returns how many there are. */
unsigned int mo_quarantine_spans(struct mo_quarantine *quarantine, struct mo_span *spans, unsigned int nr_max);
#else
static inline void mo_quarantine_init(struct mo_quarantine *quarantine, pid_t pid) { }
static inline int mo_quarantine_add(struct mo_quarantine *quarantine, unsigned long start_pfn, unsigned long nr_pages,
				    struct mo_conflict *conflict) { return -ENOSYS; }
static inline int mo_quarantine_release(struct mo_quarantine *quarantine, unsigned long start_pfn,
					unsigned long nr_pages) { return -ENOENT; }
static inline void mo_quarantine_recount(struct mo_quarantine *quarantine) { }
static inline void mo_quarantine_renew(struct mo_quarantine *quarantine) { }
static inline bool mo_quarantine_is_held(unsigned long start_pfn, unsigned long nr_pages) { return false; }
static inline bool mo_quarantine_is_isolated(unsigned long start_pfn, unsigned long nr_pages) { return true; }
static inline void mo_quarantine_dissolve_free(struct mo_quarantine *quarantine) { }
static inline void mo_quarantine_release_all(struct mo_quarantine *quarantine) { }
static inline unsigned int mo_quarantine_spans(struct mo_quarantine *quarantine, struct mo_span *spans,
					       unsigned int nr_max) { return 0; }
#endif

/* ---- eject.c ---- */

/* What comes of a block that is asked. */
enum mo_turn_kind {
	MO_TURN_ALONE,		/* Nobody ejects a device that it is part of. */
	MO_TURN_FIRST,		/* An eject begins: all blocks of the device are emptied at once. */
	MO_TURN_NEXT,		/* The device was emptied a moment ago. */
	MO_TURN_AGAIN,		/* It could not go in the first pass: a short look at all blocks decides. */
	MO_TURN_REFUSED,	/* Another block could not go, or this one before the deadline passed: it stays. */
};

struct mo_turn {
	enum mo_turn_kind kind;
	char device[MEMOFFLINE_NAME_LEN];	/* "": none, or not known */
	u64 cause_pfn;				/* start of the block that could not go */
};

#ifdef CONFIG_MIGRATION
/*
 * From a memory notifier: what comes of the block whose range begins there. Then mo_eject_evacuate(), but for ALONE and
 * REFUSED, and at last one of the other two, which do not sleep.
 */
void mo_eject_turn(u64 start_pfn, unsigned int deadline_ms, struct mo_turn *turn);
void mo_eject_failed(u64 start_pfn);	/* the kernel's offline, for whatever reason; nothing need have come before */
void mo_eject_went(u64 start_pfn);
/*
 * As mo_evacuate(), for a range with a turn. The report tells of pages that stay in any block. -EPERM: a session has a
 * part of the device.
 */
int mo_eject_evacuate(struct mo_evacuation *evacuation, enum mo_turn_kind kind);
void mo_eject_await(void);		/* until no eject is under way */
#else
static inline void mo_eject_turn(u64 start_pfn, unsigned int deadline_ms,
				 struct mo_turn *turn) { turn->kind = MO_TURN_ALONE; }
static inline void mo_eject_failed(u64 start_pfn) { }
static inline void mo_eject_went(u64 start_pfn) { }
static inline int mo_eject_evacuate(struct mo_evacuation *evacuation, enum mo_turn_kind kind) { return -ENOSYS; }
static inline void mo_eject_await(void) { }
#endif

/* ---- pool.c ---- */

/* Free pages of one node that were taken together. One worker's; dropped at the end of a batch. */
struct mo_pool {
	struct page *block;
	unsigned int mask;		/* of numbers in the block */
	unsigned int next;		/* to be taken */
	unsigned int nr;		/* left */
	unsigned int nr_expected;	/* small folios of the batch that have no target yet; 0: take no more blocks */
	int nid;
};

/* A small free folio of that node, or NULL: ask the allocator. */
struct folio *mo_pool_take(struct mo_pool *pool, gfp_t gfp, int nid);
void mo_pool_drop(struct mo_pool *pool);

/* ---- release.c ---- */

/* Pages in a row that nobody uses any more, not yet given back. Clear it before use. */
struct mo_run {
	unsigned long start_pfn;
	unsigned long nr_pages;
};

/* Drops the caller's reference, which is the last one as a rule. The folio is on no list. */
void mo_run_add(struct mo_run *run, struct folio *folio);
void mo_run_flush(struct mo_run *run);

/* ---- target.c ---- */

/* Where the folios of one node go. Made once for an evacuation, then read by all workers. */
struct mo_targets {
	int source_nid;
	bool is_strict;			/* to one node, whatever the owner wants; nothing is split in vain */
	bool is_movable;		/* the source is in ZONE_MOVABLE: so may be the targets */
	unsigned int nr_nodes;
	unsigned int nr_near;		/* nodes of the same or a higher memory tier; the rest is last resort */
	int nodes[MAX_NUMNODES];	/* by distance, nearest first */
	nodemask_t near;
	nodemask_t allowed;
};

/*
 * What one worker remembers, so that pages of one VMA are looked up once. Clear it before use; mapping NULL: look
 * again.
 */
struct mo_target_memo {
	const void *mapping;		/* of the last folio */
	pgoff_t first_index;		/* of it that the rest holds for */
	pgoff_t last_index;
	bool is_limited;		/* its owner's mempolicy or cpuset does not allow all targets, but these: */
	bool has_wish;			/* its owner prefers some nodes */
	nodemask_t allowed;
	nodemask_t wish;
	nodemask_t soft;		/* targets that are allowed, without those of last resort */
	unsigned int first[2];		/* index of the node that had room last, for small and for large folios */
	unsigned int nr_until_nearest;	/* folios until a nearer one is asked again */
	nodemask_t exhausted;		/* where reclaim found nothing */
	unsigned long exhausted_until;	/* jiffies */
	unsigned long nr_violated;	/* pages that went elsewhere */
};

#ifdef CONFIG_MIGRATION
void mo_targets_init(struct mo_targets *targets, int source_nid, bool is_movable, const nodemask_t *allowed);
void mo_targets_init_strict(struct mo_targets *targets, int source_nid, int target_nid);
/* Pages that the targets have free, or could have by reclaim, above what is kept for others. An estimate. */
unsigned long mo_targets_room(const struct mo_targets *targets);
#else
static inline void mo_targets_init(struct mo_targets *targets, int source_nid, bool is_movable,
				   const nodemask_t *allowed) { }
static inline void mo_targets_init_strict(struct mo_targets *targets, int source_nid, int target_nid) { }
static inline unsigned long mo_targets_room(const struct mo_targets *targets) { return 0; }
#endif
/*
 * A free folio of the same order for SRC, which the caller holds isolated; its zone type is kept. Never dips into
 * reserves, never invokes the OOM killer. HARD: may reclaim and compact, else takes only what is free. Order above 0:
 * NULL means that the caller may split SRC. NULL: none.
 */
struct folio *mo_target_alloc(const struct mo_targets *targets, struct mo_target_memo *memo, struct mo_pool *pool,
			      struct folio *src, bool hard);
/* Not one page is free for it; HARD: nor could be had by reclaim, a moment ago. */
bool mo_target_is_full(const struct mo_targets *targets, struct mo_target_memo *memo, bool hard);
/* For a folio whose target comes from elsewhere: the nodes that its owner wants, and which one it got. */
const nodemask_t *mo_target_nodes(const struct mo_targets *targets, struct mo_target_memo *memo, struct folio *src);
void mo_target_count(struct mo_target_memo *memo, struct folio *dst);

/* ---- migrate.c ---- */

#define MO_BATCH_PAGES		512	/* isolated at once */
#define MO_BATCH_FOLIOS		512

/* A folio on its way. Both are locked, and src is not mapped any more, except by migration entries. */
struct mo_move {
	struct folio *src;
	struct folio *dst;
	struct anon_vma *anon_vma;	/* held, so that it outlives the time without mappings; may be NULL */
	bool was_mapped;
	bool was_mlocked;
};

/* One worker's part. The upper half is its user's; the lower half lives during mo_migrate(). */
struct mo_migration {
	const struct mo_targets *targets;
	struct mo_target_memo memo;
	bool is_patient;		/* may reclaim for targets, and write out what cannot move while it is dirty */
	bool may_evict;			/* swapout.c may take what finds no target */
	bool evict_all;			/* nothing is moved, all is evicted */
	unsigned int max_move_pages;	/* unmapped at once: for as long their users wait */
	struct task_struct *caller;	/* a signal to it ends all; NULL: nobody that signals reach */
	const struct mo_progress *progress;	/* a stop ends all; NULL: nobody looks */
	unsigned long deadline;		/* jiffies; 0: none */
	const struct mo_evacuation *evacuation;
	struct mo_asking *asking;	/* NULL: no VMA has a hook */
	unsigned long nr_moved;		/* pages */
	unsigned long nr_evicted;	/* pages */
	unsigned long nr_split;		/* folios */
	unsigned long last_hugetlb_pfn;	/* for which the source's own pool was asked; 0: none yet */
	unsigned long nr_left;		/* pages that eviction put back to the LRU, no longer in the batch */

	int error;			/* of the last folio that stayed */
	struct list_head pieces;	/* of folios that were split */
	unsigned int nr_pieces;
	struct list_head no_migrate;	/* of files whose operations lack migrate_folio */
	struct list_head to_evict;
	struct mo_pool pool;
	struct mo_run run;
	struct mo_tally tally;
	unsigned int nr_moves;
	unsigned int nr_move_pages;
	struct mo_move moves[MO_BATCH_FOLIOS];
};

#ifdef CONFIG_MIGRATION
void mo_migration_reset(struct mo_migration *migration);	/* the counts, for another part */
/* Move the folios of a batch; those that stay are left in it. Returns 0, or the error of one of them. */
int mo_migrate(struct mo_batch *batch, struct mo_migration *migration);
#else
static inline void mo_migration_reset(struct mo_migration *migration) { }
static inline int mo_migrate(struct mo_batch *batch, struct mo_migration *migration) { return -ENOSYS; }
#endif

/* ---- crew.c ---- */

/* Work that several can do at once, each with a part of its own. */
struct mo_job {
	/* Called by each that takes part, at the same time; returns when nothing is left to be taken. */
	void (*work)(struct mo_job *job, struct mo_migration *migration);
	struct mo_report *report;	/* to which is added what each has moved */
	unsigned int nr_workers;	/* that may take part, the caller included; not 0 */
	int nid;			/* on whose processors, if it has enough of them */
	struct list_head link;		/* the rest is the crew's */
	unsigned int cpu;		/* the caller's */
	unsigned int nr_seats;		/* workers that may still join */
	unsigned int nr_at_work;
	struct mo_migration migration;	/* the caller's part */
};

#ifdef CONFIG_MIGRATION
void mo_crew_run(struct mo_job *job);	/* the caller takes part; returns when all are done */
/*
 * The caller has one; a worker, if nobody else wants the one that it is on. Else it moves on to the next: ask again in
 * a moment.
 */
bool mo_crew_has_processor(const struct mo_job *job, const struct mo_migration *migration);
unsigned int mo_crew_size(void);	/* the caller included */
int mo_crew_init(void);			/* makes the threads */
void mo_crew_exit(void);
#else
static inline void mo_crew_run(struct mo_job *job) { }
static inline unsigned int mo_crew_size(void) { return 0; }
static inline int mo_crew_init(void) { return 0; }
static inline void mo_crew_exit(void) { }
#endif

/* ---- progress.c ---- */

void mo_progress_add(struct mo_progress *progress, unsigned long nr_pages);	/* NULL: nobody looks */
void mo_progress_left(struct mo_progress *progress, unsigned long nr_left, unsigned long stuck_pfn);	/* likewise */

/* What ends it before its work is done: the deadline, a signal, a stop. */
bool mo_migration_is_over(const struct mo_migration *migration);
/* CALLER NULL: nobody that signals reach. PROGRESS NULL: nobody looks. */
bool mo_is_interrupted(struct task_struct *caller, const struct mo_progress *progress);
bool mo_has_passed(unsigned long deadline);		/* jiffies; 0: none */
void mo_migration_rest(const struct mo_migration *migration, unsigned long len_ms);	/* until it is over, at most */

/* ---- writeout.c ---- */

/*
 * Begin to write the file of a dirty folio, which the caller holds isolated. Nobody waits for it, and where one file
 * is being begun others have to come again.
 */
void mo_writeout(struct folio *folio);
#ifdef CONFIG_MIGRATION
void mo_writeout_exit(void);	/* waits for what was begun */
#else
static inline void mo_writeout_exit(void) { }
#endif

/* ---- ask.c ---- */

struct mo_refusal {
	int error;			/* the hook's */
	unsigned long addr;		/* of the page, in the process */
	s32 pid;			/* in the initial pid namespace */
	const char *comm;		/* as long as the asking lasts */
};

#ifdef CONFIG_MIGRATION
int mo_asking_init(void);
void mo_asking_exit(void);	/* waits for hooks that still run */

/* For one evacuation. NULL: no memory. */
struct mo_asking *mo_asking_new(const struct mo_evacuation *evacuation, const struct mo_targets *targets);
void mo_asking_end(struct mo_asking *asking);	/* accepts NULL */
/*
 * Ask the hooks of all VMAs that map a part of the spans, until the deadline (jiffies; 0: none) or a signal. Does
 * nothing when that was just done.
 */
void mo_asking_ask(struct mo_asking *asking, unsigned long deadline);
/*
 * Whether the folio, which is isolated, may be migrated: 0; negative errno of a hook that refused; -EAGAIN: a VMA that
 * maps it was not asked yet, or that can't be seen now.
 */
int mo_asking_check(struct mo_asking *asking, struct folio *folio);
/* A page of [pfn, pfn + nr_pages) stays since a hook refused. */
bool mo_asking_find(struct mo_asking *asking, unsigned long pfn, unsigned long nr_pages, struct mo_refusal *refusal);
#else
static inline int mo_asking_init(void) { return 0; }
static inline void mo_asking_exit(void) { }
#endif

/* ---- vma.c ---- */

#ifdef CONFIG_MIGRATION
bool mo_vma_has_hooks(void);	/* some VMAs may have; else nothing else need be asked */
bool mo_vma_is_hooked(const struct vm_area_struct *vma);
/*
 * Ask the hook of the VMA, see memoffline-vma.h. 0: there is none, or regular migration goes on; negative errno: it
 * refused. The mmap lock is held for reading, and nothing else. May sleep.
 */
int mo_vma_migrate(struct vm_area_struct *vma, const nodemask_t *from, const nodemask_t *to, unsigned int flags);
#else
static inline bool mo_vma_has_hooks(void) { return false; }
static inline bool mo_vma_is_hooked(const struct vm_area_struct *vma) { return false; }
static inline int mo_vma_migrate(struct vm_area_struct *vma, const nodemask_t *from, const nodemask_t *to,
				 unsigned int flags) { return -ENOSYS; }
#endif

/* ---- swapout.c ---- */

/*
 * Evict isolated folios, to swap or, clean cache, to nowhere. The list is empty afterwards: those that stay are back
 * on the LRU. Returns pages evicted, and adds those that stayed to NR_LEFT.
 */
unsigned long mo_swapout(struct list_head *folios, unsigned long *nr_left);
/*
 * The first process found that maps some of the pageblock that begins there waits from now on when it wants to have a
 * page back: its mmap lock and that of the VMA are held for writing. NULL: nobody maps it, or the locks are busy.
 */
struct mm_struct *mo_swapout_lock_user(unsigned long start_pfn);
void mo_swapout_unlock_user(struct mm_struct *mm);
bool mo_is_written(unsigned long start_pfn);	/* some of the pageblock that begins there, to swap or a file */

/* ---- facts.c, owner.c ---- */

/* Pages of the free run that begins at a page, 0: none does. Its order may be overwritten while it is read. */
unsigned long mo_free_run(struct page *page);
/*
 * What the page at PFN is, as a part of [start_pfn, end_pfn). Returns how many pages the answer covers, from pfn on:
 * the rest of its folio, a free run, or 1; never beyond end_pfn. Takes a reference for as long as it looks.
 */
unsigned long mo_facts_read(unsigned long pfn, unsigned long start_pfn, unsigned long end_pfn, struct mo_facts *facts);
/*
 * Fill the record of a folio from facts and from what else can be found: cgroup, file, cache name; and mappers, if
 * they are wanted, which takes the longer the more there are.
 */
void mo_owner_fill(struct memoffline_record *record, const struct mo_facts *facts, bool with_mappers);

#endif
