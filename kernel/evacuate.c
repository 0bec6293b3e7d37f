// SPDX-License-Identifier: GPL-2.0-only
/*
 * One range: it is cut into chunks of a pageblock, which the caller and the crew take from one queue, so that a dense
 * part leaves nobody idle. Passes go over the chunks that are not clean yet, with growing patience, until all are, or a
 * limit ends it, or pages are left that can never move.
 */
#include <linux/container_of.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "compat/compat.h"
#include "migrate.h"
#include "trace.h"

#define GFP_JOB		(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)	/* not worth an OOM kill */
#define MIN_REST_MS	10	/* timers are not exact enough for less */
#define EVICTION_TRIES	4
#define MAX_WRITE_MS	100	/* to wait for between two of them */
#define MAX_PAUSE_MS	20	/* between passes: a lock that is let go is noticed so late at most */

/* A pageblock. */
struct chunk {
	unsigned long start_pfn;
	unsigned int nr_used;	/* pages in use at the start */
	unsigned int nr_left;	/* pages in use after the last pass */
	int error;		/* of the last page that stayed */
};

/* An evacuation at work. The caller's; workers see it during a pass. */
struct job {
	struct mo_job crew;		/* as the crew sees it; in the whole its report, too */
	struct mo_evacuation *evacuation;
	struct mo_targets targets;
	unsigned long nr_chunks;
	atomic_long_t nr_todo;		/* chunks that nobody has taken in this pass */
	unsigned int nr_pass;
	atomic_long_t nr_progress;	/* pages moved or evicted in this pass */
	atomic_long_t nr_done;		/* and in all */
	u64 start_ns;			/* since boot */
	unsigned long deadline;		/* jiffies, if the evacuation has one */
	unsigned long last_progress;	/* jiffies */
	bool may_stall;			/* every page had its turn, and none awaits I/O: without progress it may end */
	struct task_struct *caller;	/* NULL: nobody that signals reach */
	bool caches_on;			/* the LRU caches, which the caller has disabled, for the first pass */
	struct mo_asking *asking;	/* NULL: no VMA has a hook */
	unsigned int *order;		/* of the chunks, those with most pages last; NULL: as they lie */
	struct chunk chunks[];		/* by address */
};

/* ---- chunks ---- */

static bool has_limit_passed(unsigned int limit_ms, unsigned long since)
{
	return limit_ms && time_after(jiffies, since + msecs_to_jiffies(limit_ms));
}

static bool has_stalled(const struct job *job)
{
	return job->may_stall && has_limit_passed(job->evacuation->stall_ms, READ_ONCE(job->last_progress));
}

static void note_progress(struct job *job, unsigned long nr_pages)
{
	if (!nr_pages)
		return;
	atomic_long_add(nr_pages, &job->nr_progress);
	atomic_long_add(nr_pages, &job->nr_done);
	WRITE_ONCE(job->last_progress, jiffies);
	mo_progress_add(job->evacuation->progress, nr_pages);
}

static void try_chunk(struct job *job, struct chunk *chunk, struct mo_migration *migration)
{
	unsigned long pfn = chunk->start_pfn, end_pfn = pfn + pageblock_nr_pages;
	unsigned long progress = migration->nr_moved + migration->nr_evicted;
	struct mo_batch batch;

	chunk->nr_left = 0;
	chunk->error = 0;
	migration->nr_left = 0;
	while (pfn < end_pfn && !mo_migration_is_over(migration)) {
		mo_batch_init(&batch);
		mo_isolate(&pfn, end_pfn, MO_BATCH_PAGES, &batch);
		if (mo_migrate(&batch, migration))
			chunk->error = migration->error;
		chunk->nr_left += batch.nr_left + mo_putback(&batch);
	}
	chunk->nr_left += migration->nr_left + (end_pfn - pfn);
	note_progress(job, migration->nr_moved + migration->nr_evicted - progress);
}

static void await_writes(const struct chunk *chunk, const struct mo_migration *migration)
{
	unsigned long until = jiffies + msecs_to_jiffies(MAX_WRITE_MS);

	while (mo_is_written(chunk->start_pfn) && time_before(jiffies, until) && !mo_migration_is_over(migration))
		mo_migration_rest(migration, 1);
}

/* What goes to swap is written first, and freed by the next try. */
static void evict_chunk(struct job *job, struct chunk *chunk, struct mo_migration *migration)
{
	unsigned int i;

	try_chunk(job, chunk, migration);
	for (i = 1; chunk->nr_left && i < EVICTION_TRIES; i++) {
		await_writes(chunk, migration);
		try_chunk(job, chunk, migration);
	}
}

/* Who is busy faulting pages in lets go of the lock soon, but often not for long. */
static struct mm_struct *lock_out_user(const struct chunk *chunk, const struct mo_migration *migration)
{
	unsigned long until = jiffies + msecs_to_jiffies(MAX_WRITE_MS);
	struct mm_struct *mm;

	do {
		mm = mo_swapout_lock_user(chunk->start_pfn);
		if (mm)
			return mm;
		mo_migration_rest(migration, 1);
	} while (time_before(jiffies, until) && !mo_migration_is_over(migration));
	return NULL;
}

/*
 * Who touches a page while it is written has it back, in its old place: who does so all the time has to wait. One
 * process at a time; others that are in the way have their turn in the next pass.
 */
static void empty_chunk(struct job *job, struct chunk *chunk, struct mo_migration *migration)
{
	struct mm_struct *mm;

	if (!migration->evict_all) {
		try_chunk(job, chunk, migration);
		return;
	}
	evict_chunk(job, chunk, migration);
	mm = chunk->nr_left ? lock_out_user(chunk, migration) : NULL;
	if (!mm)
		return;
	evict_chunk(job, chunk, migration);
	mo_swapout_unlock_user(mm);
}

/* How far a rate of so many KiB in a second, by all workers, is ahead of its time. */
static u64 ahead_ns(const struct job *job, u64 now_ns)
{
	u64 kib = (u64)atomic_long_read(&job->nr_done) * (PAGE_SIZE / 1024), due_ns;

	if (!job->evacuation->max_kib_s)
		return 0;
	due_ns = mul_u64_u64_div_u64(kib, NSEC_PER_SEC, job->evacuation->max_kib_s);
	return due_ns > now_ns - job->start_ns ? due_ns - (now_ns - job->start_ns) : 0;
}

/* The caller's limits. What a worker owes of its share of time adds up until it is worth a rest. */
static void throttle(const struct job *job, const struct mo_migration *migration, u64 began_ns, u64 *owed_ns)
{
	unsigned int percent = job->evacuation->max_cpu_percent;
	u64 now_ns = ktime_get_ns(), rest_ns;

	if (percent && percent < 100)
		*owed_ns += div_u64((now_ns - began_ns) * (100 - percent), percent);
	rest_ns = max(*owed_ns, ahead_ns(job, now_ns));
	if (rest_ns < MIN_REST_MS * NSEC_PER_MSEC)
		return;
	mo_migration_rest(migration, div_u64(rest_ns, NSEC_PER_MSEC));
	*owed_ns -= min(*owed_ns, ktime_get_ns() - now_ns);
}

static void prepare(struct mo_migration *migration, struct job *job)
{
	unsigned int flags = job->evacuation->flags;

	mo_migration_reset(migration);
	migration->targets = &job->targets;
	migration->caller = job->caller;
	migration->progress = job->evacuation->progress;
	migration->deadline = job->deadline;
	migration->evacuation = job->evacuation;
	migration->asking = job->asking;
	migration->is_patient = job->nr_pass > 0;
	migration->max_move_pages = mo_batch_pages;
	migration->may_evict = flags & MO_SWAP_FALLBACK;
	migration->evict_all = flags & MO_SWAP_ONLY;
}

/*
 * From the last to the first: free memory is given out from low addresses on, and a source shall not be as far into its
 * block as its target is into another. See pool.c for why.
 */
static void empty_chunks(struct job *job, struct mo_migration *migration)
{
	struct chunk *chunk;
	u64 began_ns, owed_ns = 0;
	long i;

	prepare(migration, job);
	while (!mo_migration_is_over(migration) && !has_stalled(job)) {
		i = atomic_long_dec_return(&job->nr_todo);
		if (i < 0)
			break;
		chunk = &job->chunks[job->order ? job->order[i] : i];
		if (!chunk->nr_left)
			continue;
		began_ns = ktime_get_ns();
		empty_chunk(job, chunk, migration);
		throttle(job, migration, began_ns, &owed_ns);
		cond_resched();
	}
	migration->asking = NULL;	/* a worker's part outlives the job */
	mo_lru_add_drain();	/* targets that wait for their list */
}

static void take_part(struct mo_job *crew, struct mo_migration *migration)
{
	empty_chunks(container_of(crew, struct job, crew), migration);
}

/* ---- passes ---- */

static void run_pass(struct job *job)
{
	atomic_long_set(&job->nr_todo, job->nr_chunks);
	atomic_long_set(&job->nr_progress, 0);
	mo_crew_run(&job->crew);
	job->nr_pass++;
}

static unsigned long count_left(const struct job *job)
{
	unsigned long i, nr = 0;

	for (i = 0; i < job->nr_chunks; i++)
		nr += job->chunks[i].nr_left;
	return nr;
}

/*
 * A chunk was found clean at one moment: a page that nobody could take a reference to then, or a huge page that left
 * its pool since, may be in use. Such a chunk has its turn again. Returns how many.
 */
static unsigned long recheck(const struct mo_span *span, struct chunk *chunks)
{
	unsigned long pfn = span->start_pfn, end_pfn = pfn + span->nr_pages, nr = 0, i;

	while ((pfn = mo_first_used(pfn, end_pfn)) < end_pfn) {
		i = (pfn - span->start_pfn) / pageblock_nr_pages;
		chunks[i].nr_left = 1;
		pfn = chunks[i].start_pfn + pageblock_nr_pages;
		nr++;
	}
	return nr;
}

static unsigned long count_left_after_all(struct job *job)
{
	const struct mo_evacuation *evacuation = job->evacuation;
	struct chunk *chunks = job->chunks;
	unsigned long nr = 0;
	unsigned int i;

	for (i = 0; i < evacuation->nr_spans; i++) {
		nr += recheck(&evacuation->spans[i], chunks);
		chunks += evacuation->spans[i].nr_pages / pageblock_nr_pages;
	}
	return nr;
}

static void scan_left(const struct job *job, enum memoffline_reason otherwise, struct mo_report *report)
{
	unsigned long i;

	report->is_drained = job->evacuation->flags & MO_CACHES_OFF;	/* off since the first pass */
	report->asking = job->asking;
	for (i = 0; i < job->nr_chunks && !(job->caller && fatal_signal_pending(job->caller)); i++)
		if (job->chunks[i].nr_left)
			mo_scan(job->chunks[i].start_pfn, pageblock_nr_pages, job->chunks[i].error, otherwise, report);
	report->asking = NULL;
}

struct outlook {
	bool is_hopeless;	/* a page can never move */
	bool awaits_io;		/* worth waiting for until the deadline */
};

static void look(const struct job *job, struct mo_report *scratch, struct outlook *outlook)
{
	int reason;

	memset(scratch->kept_by_reason, 0, sizeof(scratch->kept_by_reason));
	scan_left(job, MEMOFFLINE_REASON_UNKNOWN, scratch);
	*outlook = (struct outlook){};
	for (reason = 0; reason < MEMOFFLINE_REASON_NR; reason++) {
		if (!scratch->kept_by_reason[reason])
			continue;
		/* Memory that looks like the kernel's may be on its way to a process, which waits for its cgroup's limit. */
		outlook->is_hopeless |= mo_reason_is_permanent(reason) && reason != MEMOFFLINE_REASON_KERNEL;
		outlook->awaits_io |= mo_reason_is_io(reason);
	}
}

/* The reason for which there is no other pass, or NONE. */
static enum memoffline_reason verdict(struct job *job, struct mo_report *scratch)
{
	struct outlook outlook;

	if (mo_is_interrupted(job->caller, job->evacuation->progress))
		return MEMOFFLINE_REASON_INTERRUPTED;
	if (mo_has_passed(job->deadline))
		return MEMOFFLINE_REASON_DEADLINE;
	if (job->nr_pass < 2)
		return MEMOFFLINE_REASON_NONE;
	look(job, scratch, &outlook);
	if (outlook.is_hopeless)
		return MEMOFFLINE_REASON_UNKNOWN;	/* the pages tell */
	job->may_stall = !outlook.awaits_io;
	return has_stalled(job) ? MEMOFFLINE_REASON_STALL : MEMOFFLINE_REASON_NONE;
}

/*
 * What others hold for a moment is let go meanwhile; a lock or a reference has no event that can be awaited with a
 * limit.
 */
static void pause(const struct job *job)
{
	unsigned int ms = min(1u << min(job->nr_pass, 8u), (unsigned int)MAX_PAUSE_MS);

	schedule_timeout_interruptible(msecs_to_jiffies(ms));
}

/* To lock a list for each folio would cost a twentieth. What is left after the dense pass may be held by a cache. */
static void caches_on(struct job *job)
{
	job->caches_on = job->evacuation->flags & MO_CACHES_OFF;
	if (job->caches_on)
		mo_lru_caches_on();
}

static void caches_off(struct job *job)
{
	if (job->caches_on)
		mo_lru_caches_off();
	job->caches_on = false;
}

static unsigned long first_left(const struct job *job)
{
	unsigned long i;

	for (i = 0; i < job->nr_chunks; i++)
		if (job->chunks[i].nr_left)
			return job->chunks[i].start_pfn;
	return 0;
}

/* The time that hooks take is no standing still. */
static void ask_hooks(struct job *job)
{
	unsigned long began = jiffies;

	if (!job->asking)
		return;
	mo_asking_ask(job->asking, job->deadline);
	job->last_progress += jiffies - began;
}

static enum memoffline_reason run_passes(struct job *job, struct mo_report *scratch)
{
	enum memoffline_reason reason;
	unsigned long nr_left;

	for (;;) {
		ask_hooks(job);
		run_pass(job);
		nr_left = count_left(job) ?: count_left_after_all(job);
		mo_progress_left(job->evacuation->progress, nr_left, first_left(job));
		trace_memoffline_pass(job->evacuation->spans[0].start_pfn, job->nr_pass, nr_left,
				      atomic_long_read(&job->nr_progress));
		if (!nr_left)
			return MEMOFFLINE_REASON_NONE;
		reason = verdict(job, scratch);
		if (reason != MEMOFFLINE_REASON_NONE)
			return reason;
		if (job->nr_pass == 1) {
			caches_off(job);
			synchronize_rcu_expedited();	/* who still fills them saw that they were on */
		}
		if (job->nr_pass == 1 || !(job->evacuation->flags & MO_CACHES_OFF))
			mo_lru_add_drain_all();
		if (!(job->evacuation->flags & MO_CACHES_OFF))
			mo_drain_free_pages();
		pause(job);
	}
}

/* ---- one evacuation ---- */

/* What holds most pages says more than the limit that passed, where it is known. */
static enum memoffline_reason reason_of(const struct mo_report *report, enum memoffline_reason ended_by)
{
	enum memoffline_reason reason = mo_report_main_reason(report);

	if (ended_by == MEMOFFLINE_REASON_INTERRUPTED)
		return ended_by;
	if (reason == MEMOFFLINE_REASON_NONE || reason == MEMOFFLINE_REASON_UNKNOWN)
		return ended_by;
	return reason;
}

static int conclude(struct job *job, enum memoffline_reason ended_by)
{
	struct mo_report *report = job->evacuation->report;

	report->nr_passes = job->nr_pass;
	report->reason = MEMOFFLINE_REASON_NONE;
	if (ended_by == MEMOFFLINE_REASON_NONE)
		return 0;
	scan_left(job, ended_by, report);
	report->reason = reason_of(report, ended_by);
	return ended_by == MEMOFFLINE_REASON_INTERRUPTED ? -EINTR : -EBUSY;
}

static unsigned long nr_chunks_of(const struct mo_evacuation *evacuation)
{
	unsigned long nr = 0;
	unsigned int i;

	for (i = 0; i < evacuation->nr_spans; i++)
		nr += evacuation->spans[i].nr_pages / pageblock_nr_pages;
	return nr;
}

static void cut(struct job *job)
{
	const struct mo_evacuation *evacuation = job->evacuation;
	struct chunk *chunk = job->chunks;
	unsigned int i;

	for (i = 0; i < evacuation->nr_spans; i++) {
		const struct mo_span *span = &evacuation->spans[i];
		unsigned long pfn;

		for (pfn = span->start_pfn; pfn < span->start_pfn + span->nr_pages; pfn += pageblock_nr_pages)
			*chunk++ = (struct chunk){ .start_pfn = pfn, .nr_left = 1 };	/* not looked at */
	}
}

/* In eighths of a pageblock: those that hold about as much keep the order of their addresses. */
static int by_pages(const void *a, const void *b, const void *data)
{
	const unsigned int i = *(const unsigned int *)a, j = *(const unsigned int *)b;
	const struct chunk *chunks = data;
	const unsigned int step = max(pageblock_nr_pages / 8, 1UL);

	return (int)(chunks[i].nr_used / step) - (int)(chunks[j].nr_used / step) ?: (int)i - (int)j;
}

/* The last chunk to be taken decides how long the others wait: it shall be a small one. */
static void sort_chunks(struct job *job)
{
	unsigned long i;

	if (job->evacuation->nr_spans == 1)	/* a block: nothing to be gained */
		return;
	job->order = kvmalloc_array(job->nr_chunks, sizeof(*job->order), GFP_JOB);
	if (!job->order)
		return;
	for (i = 0; i < job->nr_chunks; i++) {
		struct chunk *chunk = &job->chunks[i];

		chunk->nr_used = mo_count_used(chunk->start_pfn, chunk->start_pfn + pageblock_nr_pages);
		job->order[i] = i;
	}
	sort_r(job->order, job->nr_chunks, sizeof(*job->order), by_pages, NULL, job->chunks);
}

static unsigned int nr_workers_for(const struct mo_evacuation *evacuation)
{
	unsigned int nr = evacuation->nr_workers;

	if (!nr)
		nr = cpumask_weight(cpumask_of_node(pfn_to_nid(evacuation->spans[0].start_pfn)));
	if (!nr)	/* a node without processors */
		nr = num_online_cpus();
	return min(nr, mo_crew_size());
}

/* -ENOMEM: hooks can't be asked, and without that nothing moves. */
static int start(struct job *job)
{
	struct mo_evacuation *evacuation = job->evacuation;
	struct page *page = pfn_to_page(evacuation->spans[0].start_pfn);

	cut(job);
	sort_chunks(job);
	mo_targets_init(&job->targets, page_to_nid(page), is_zone_movable_page(page), evacuation->targets);
	job->crew.work = take_part;
	job->crew.report = evacuation->report;
	job->crew.nr_workers = nr_workers_for(evacuation);
	job->crew.nid = job->targets.source_nid;
	job->last_progress = jiffies;
	job->start_ns = ktime_get_ns();
	if (evacuation->deadline_ms)
		job->deadline = (jiffies + msecs_to_jiffies(evacuation->deadline_ms)) ?: 1;
	if (!mo_vma_has_hooks())
		return 0;
	job->asking = mo_asking_new(evacuation, &job->targets);
	return job->asking ? 0 : -ENOMEM;
}

static struct job *new_job(struct mo_evacuation *evacuation)
{
	unsigned long nr_chunks = nr_chunks_of(evacuation);
	struct job *job = kvzalloc(struct_size(job, chunks, nr_chunks), GFP_JOB);

	if (job) {
		job->evacuation = evacuation;
		job->nr_chunks = nr_chunks;
		job->caller = current->flags & PF_KTHREAD ? NULL : current;
	}
	return job;
}

static void free_job(struct job *job)
{
	mo_asking_end(job->asking);
	kvfree(job->order);
	kvfree(job);
}

int mo_evacuate(struct mo_evacuation *evacuation)
{
	const struct mo_report *report = evacuation->report;
	struct mo_report *scratch;
	struct job *job;
	int err = -ENOMEM;

	job = new_job(evacuation);
	if (!job)
		return err;
	scratch = mo_report_new(report->start_pfn, report->nr_pages, 0);
	if (scratch && !start(job)) {
		caches_on(job);
		err = conclude(job, run_passes(job, scratch));
		caches_off(job);
	}
	mo_report_free(scratch);
	free_job(job);
	return err;
}

/* ---- several kinds of memory ---- */

static bool is_alike(const struct mo_span *a, const struct mo_span *b)
{
	struct page *x = pfn_to_page(a->start_pfn), *y = pfn_to_page(b->start_pfn);

	return page_to_nid(x) == page_to_nid(y) && is_zone_movable_page(x) == is_zone_movable_page(y);
}

/* Brings those to the front that are of the first one's node and zone type, still by address. Returns how many. */
static unsigned int gather(struct mo_span *spans, unsigned int nr)
{
	unsigned int nr_alike = 1, i;

	for (i = 1; i < nr; i++) {
		struct mo_span span = spans[i];

		if (!is_alike(&spans[0], &span))
			continue;
		memmove(&spans[nr_alike + 1], &spans[nr_alike], (i - nr_alike) * sizeof(*spans));
		spans[nr_alike++] = span;
	}
	return nr_alike;
}

static unsigned int left_of(unsigned int limit_ms, u64 start_ns)
{
	u64 past_ms = div_u64(ktime_get_ns() - start_ns, NSEC_PER_MSEC);

	return !limit_ms ? 0 : past_ms < limit_ms ? limit_ms - past_ms : 1;
}

int mo_evacuate_mixed(struct mo_evacuation *evacuation, struct mo_span *spans, unsigned int nr)
{
	enum memoffline_reason reason = MEMOFFLINE_REASON_NONE;
	unsigned int deadline_ms = evacuation->deadline_ms;
	u64 start_ns = ktime_get_ns();
	int ret = 0, err;

	while (nr) {
		evacuation->spans = spans;
		evacuation->nr_spans = gather(spans, nr);
		evacuation->deadline_ms = left_of(deadline_ms, start_ns);
		err = mo_evacuate(evacuation);
		if (reason == MEMOFFLINE_REASON_NONE)
			reason = evacuation->report->reason;
		ret = err ?: ret;
		if (err && err != -EBUSY)
			break;
		spans += evacuation->nr_spans;
		nr -= evacuation->nr_spans;
	}
	evacuation->report->reason = reason;
	return ret;
}
