// SPDX-License-Identifier: GPL-2.0-only
/*
 * One process: step by step all that is on one node goes to another. The caller and the crew take the address space
 * from one queue, as many pages at once as make a batch: they are taken off their lists under the mmap lock, and copied
 * without it. Passes go over what is left with growing patience.
 *
 * The address space is held for each batch alone, so that a process which ends meanwhile has its memory freed at once.
 * Another image, after exec, is another address space: with the old one the work is over.
 */
#include <linux/container_of.h>
#include <linux/cpumask.h>
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/jiffies.h>
#include <linux/magic.h>
#include <linux/memory_hotplug.h>
#include <linux/mempolicy.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/xarray.h>

#include "compat/compat.h"
#include "migrate.h"
#include "node-steps.h"
#include "trace.h"

#define GFP_JOB		(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)	/* not worth an OOM kill */
#define MAX_LOOKED	8192	/* entries of page tables seen under the mmap lock at once */
#define MAX_LOOK_BYTES	SZ_1G	/* of addresses likewise, since tables without entries take their time, too */
#define PAGES_A_WORKER	MO_BATCH_PAGES	/* for less it isn't woken */
#define MAX_TAKEN	128	/* pages in a batch: a worker looks whether its processor is wanted after each */
#define MAX_UNMAPPED	64U	/* pages at once: the process waits for each of them */
#define NR_FOUND	64	/* places noted under the mmap lock at once */
#define MAX_IDLE_PASSES	10	/* in a row that move nothing */
#define MAX_PASSES	50	/* of a step without a deadline: a process may bring back for ever what goes */
#define MAX_PAUSE_MS	200
#define MAX_HELPERS	8	/* by default: more would wait for each other, or for the memory */
#define EVICTION_TRIES	4
#define MAX_WRITE_MS	100	/* to wait for between two of them */
#define MAX_LATE_MS	5000	/* to tell what is left, after a deadline, a signal or a stop */

/* Pages in a row that are to go. */
struct found {
	unsigned long addr;
	unsigned long pfn;
	unsigned long nr_pages;
	struct folio *folio;		/* whose it was: not held, and never looked into */
	struct vm_area_struct *vma;	/* likewise */
	unsigned long vma_start;
	unsigned long vma_end;
};

/* What the hook of one VMA said. */
struct answer {
	const struct vm_operations_struct *vm_ops;
	unsigned long end;		/* of the VMA */
	int error;			/* 0 or negative errno */
};

/* A VMA that can't move, as far as it was seen: in parts, between which the mmap lock is let go. */
struct stay {
	struct mo_place place;
	enum memoffline_reason reason;
	int error;			/* of its hook */
	unsigned long nr_pages;
	struct memoffline_record record;
};

/* One process at work. The caller's; workers see it during a pass. Locking order: walk_lock, mmap lock. */
struct job {
	struct mo_job crew;		/* as the crew sees it */
	struct mo_process *process;
	struct mm_struct *mm;
	unsigned long start;
	unsigned long end;
	struct mo_node_step step;
	struct mo_targets targets;	/* of the step */
	struct xarray answers;		/* of hooks, in this step, by the number of a VMA's first page */
	struct mutex walk_lock;		/* guards next, and is held for as long as one looks for a batch */
	unsigned long next;		/* first address that nobody has taken in this pass */
	bool is_first;			/* pass of all: what is in swap is counted */
	bool is_gone;			/* the address space is no process's any more */
	unsigned int nr_pass;		/* of this step */
	unsigned int nr_idle;		/* passes in a row that moved nothing */
	atomic_long_t nr_left;		/* pages seen in this pass that stayed */
	atomic_long_t nr_shared;	/* likewise, that others use */
	atomic_long_t nr_swapped;
	atomic_long_t nr_progress;	/* pages moved or evicted in this pass */
	unsigned long stuck_pfn;	/* of one that stayed */
	int error;			/* of one that stayed; -ENOMEM says most */
	unsigned long deadline;		/* jiffies, if there is one */
	bool is_telling;		/* what is left of the step, which is allowed some time of its own: */
	unsigned long late;		/* jiffies when that ends; 0: not known yet */
	bool is_unseen;			/* some of what is left, for lack of time or of the mmap lock */
	struct task_struct *caller;
	struct found found[NR_FOUND];
	unsigned int nr_found;
	struct stay stay;
};

/* One look at a part of the address space. */
struct view {
	struct job *job;
	bool may_take;			/* what is in this VMA: its hook was asked */
	unsigned long next;		/* address to go on from */
	unsigned int nr_looked;
	unsigned long nr_taken;		/* pages */
	unsigned long nr_left;
	unsigned long nr_shared;
	unsigned long nr_swapped;
	struct folio *last;		/* large one seen last, of which each entry is seen */
	struct mo_batch batch;
};

/* ---- whose it is ---- */

static struct task_struct *find_task(const struct mo_process *process)
{
	struct task_struct *task = current;
	struct pid *pid;

	if (process->is_pidfd)
		return mo_task_of_pidfd(process->pid);
	if (!process->pid)
		return get_task_struct(task);
	pid = find_get_pid(process->pid);
	task = get_pid_task(pid, PIDTYPE_PID);
	put_pid(pid);
	return task ?: ERR_PTR(-ESRCH);
}

/* The caller's own cpuset bounds what he may ask for, too: migrate_pages(2) leaves out the nodes that it lacks. */
static bool may_go(const struct mo_process *process, struct task_struct *task)
{
	return (mo_cpuset_allows(task, process->to) && mo_cpuset_allows(current, process->to)) || capable(CAP_SYS_NICE);
}

/* As migrate_pages(2) asks. The file may have come from somebody who may do more: the caller's own rights count. */
static int check_permission(const struct mo_process *process, struct task_struct *task)
{
	if (!mo_may_trace(task))
		return -EPERM;
	if (!may_go(process, task))
		return -EPERM;
	if (process->flags & MO_MOVE_ALL && !capable(CAP_SYS_NICE))
		return -EPERM;
	return mo_security_move(task);
}

static int check_range(const struct mo_process *process, const struct mm_struct *mm)
{
	unsigned long start = process->start_addr, end = process->end_addr;

	if (!start && !end)
		return 0;
	return PAGE_ALIGNED(start | end) && start < end && end <= mm->task_size ? 0 : -EINVAL;
}

/* The address space that permission was given for: another one, of a program with more rights, waits meanwhile. */
static struct mm_struct *get_mm(const struct mo_process *process, struct task_struct *task)
{
	struct mm_struct *mm = NULL;
	int err = down_read_killable(&task->signal->exec_update_lock);

	if (err)
		return ERR_PTR(err);
	err = check_permission(process, task);
	if (!err)
		mm = get_task_mm(task);
	up_read(&task->signal->exec_update_lock);
	if (err)
		return ERR_PTR(err);
	return mm ?: ERR_PTR(-EINVAL);
}

static int open_task(struct mo_process *process, struct task_struct *task)
{
	struct mm_struct *mm = get_mm(process, task);
	int err;

	if (IS_ERR(mm))
		return PTR_ERR(mm);
	err = check_range(process, mm);
	if (!err) {
		mmgrab(mm);
		process->mm = mm;
		process->tgid = task_tgid_nr_ns(task, &init_pid_ns);
	}
	mmput(mm);
	return err;
}

int mo_process_open(struct mo_process *process)
{
	struct task_struct *task;
	int err;

	if (!(mo_compat_features() & MEMOFFLINE_FEATURE_PROCESS))
		return -EOPNOTSUPP;
	task = find_task(process);
	if (IS_ERR(task))
		return PTR_ERR(task);
	err = open_task(process, task);
	put_task_struct(task);
	return err;
}

void mo_process_close(struct mo_process *process)
{
	mmdrop(process->mm);
}

/* ---- the address space ---- */

static bool is_ours(const struct job *job)
{
	return current == job->caller;
}

static bool is_interrupted(const struct job *job)
{
	return mo_is_interrupted(job->caller, job->process->progress);
}

static bool is_over(const struct job *job)
{
	return is_interrupted(job) || mo_has_passed(job->deadline);
}

/* The caller has to end now, be it without telling all that is left. A fatal signal: nobody is there to be told. */
static bool is_late(struct job *job)
{
	if (!is_over(job))
		return false;
	if (!job->is_telling || fatal_signal_pending(job->caller))
		return true;
	if (!job->late)
		job->late = (jiffies + msecs_to_jiffies(MAX_LATE_MS)) ?: 1;
	return mo_has_passed(job->late);
}

/* A lock has no event that can be awaited with a limit. */
static bool await_mm(struct job *job)
{
	bool is_locked;

	while (!(is_locked = mmap_read_trylock(job->mm)) && !is_late(job))
		schedule_timeout_killable(1);
	return is_locked;
}

/* The caller waits. A worker, whom nobody could end, comes again: until then others work on. */
static bool lock_mm(struct job *job)
{
	if (!mmget_not_zero(job->mm)) {
		WRITE_ONCE(job->is_gone, true);
		return false;
	}
	if (is_ours(job) ? await_mm(job) : mmap_read_trylock(job->mm))
		return true;
	mmput_async(job->mm);
	return false;
}

/* The last one to let go frees all of it, and may wait for I/O: not here. */
static void unlock_mm(struct job *job)
{
	mmap_read_unlock(job->mm);
	mmput_async(job->mm);
}

static bool is_secret(const struct vm_area_struct *vma)
{
	return vma->vm_file && file_inode(vma->vm_file)->i_sb->s_magic == SECRETMEM_MAGIC;
}

static bool is_gigantic(struct vm_area_struct *vma)
{
	return is_vm_hugetlb_page(vma) && vma_kernel_pagesize(vma) >> PAGE_SHIFT > MAX_ORDER_NR_PAGES;
}

/* What can't move whatever is in it; NONE: this can. */
static enum memoffline_reason reason_of_kind(struct vm_area_struct *vma)
{
	if (is_gigantic(vma))
		return MEMOFFLINE_REASON_GIGANTIC;
	if (vma->vm_flags & (VM_IO | VM_PFNMAP) || vma_is_dax(vma) || is_secret(vma))
		return MEMOFFLINE_REASON_NO_MIGRATE;
	return MEMOFFLINE_REASON_NONE;
}

/* ---- hooks ---- */

static unsigned long key_of(const struct vm_area_struct *vma)
{
	return vma->vm_start >> PAGE_SHIFT;
}

/* NULL: it was not asked, or is another VMA by now. Answers change only while nobody but the caller is at work. */
static const struct answer *find_answer(struct job *job, const struct vm_area_struct *vma)
{
	const struct answer *answer = xa_load(&job->answers, key_of(vma));

	return answer && answer->vm_ops == vma->vm_ops && answer->end == vma->vm_end ? answer : NULL;
}

/* Takes the answer. What could not be noted for lack of memory is asked again. */
static void keep_answer(struct job *job, const struct vm_area_struct *vma, struct answer *answer)
{
	void *old = xa_store(&job->answers, key_of(vma), answer, GFP_JOB);

	kfree(xa_is_err(old) ? answer : old);
}

static void ask(struct job *job, struct vm_area_struct *vma)
{
	nodemask_t from = nodemask_of_node(job->step.from), to = nodemask_of_node(job->step.to);
	unsigned int flags = job->process->flags & MO_MOVE_ALL ? MPOL_MF_MOVE_ALL : MPOL_MF_MOVE;
	struct answer *answer;

	if (!mo_vma_is_hooked(vma) || find_answer(job, vma))
		return;
	answer = kmalloc(sizeof(*answer), GFP_JOB);
	if (!answer)
		return;
	answer->vm_ops = vma->vm_ops;
	answer->end = vma->vm_end;
	answer->error = mo_vma_migrate(vma, &from, &to, flags);
	keep_answer(job, vma, answer);
}

/* A hook that let its VMA go is called again for what is still there; a refusal holds. ALL: also refusals. */
static void drop_answers(struct job *job, bool all)
{
	struct answer *answer;
	unsigned long key;

	xa_for_each(&job->answers, key, answer) {
		if (!all && answer->error)
			continue;
		xa_erase(&job->answers, key);
		kfree(answer);
	}
}

/* By the caller alone, before a pass: VMAs that come later have their turn before the next. */
static void ask_all(struct job *job)
{
	struct vm_area_struct *vma;

	if (!lock_mm(job))
		return;
	vma = find_vma(job->mm, job->start);
	while (vma && vma->vm_start < job->end && !is_over(job)) {
		ask(job, vma);
		cond_resched();
		vma = find_vma(job->mm, vma->vm_end);
	}
	unlock_mm(job);
}

static bool was_asked(struct job *job, const struct vm_area_struct *vma)
{
	return !mo_vma_is_hooked(vma) || find_answer(job, vma);
}

/* 0: its hook lets it go, or was not asked. */
static int refusal(struct job *job, const struct vm_area_struct *vma)
{
	const struct answer *answer = mo_vma_is_hooked(vma) ? find_answer(job, vma) : NULL;

	return answer ? answer->error : 0;
}

/* Of all that the VMA maps; NONE: it can move. ERROR is its hook's. */
static enum memoffline_reason reason_to_stay(struct job *job, struct vm_area_struct *vma, int *error)
{
	*error = refusal(job, vma);
	return *error ? MEMOFFLINE_REASON_VMA_REFUSED : reason_of_kind(vma);
}

/* ---- taking ---- */

static bool enter_vma(struct vm_area_struct *vma, void *data)
{
	struct view *view = data;
	int error;

	view->may_take = was_asked(view->job, vma);
	return reason_to_stay(view->job, vma, &error) == MEMOFFLINE_REASON_NONE;
}

static bool is_on_source(const struct job *job, const struct mo_entry *entry)
{
	return pfn_to_nid(entry->pfn) == job->step.from;
}

static bool is_left_alone(const struct job *job, const struct mo_entry *entry)
{
	return !(job->process->flags & MO_MOVE_ALL) && mo_is_shared(entry);
}

static void leave_entry(struct view *view, const struct mo_entry *entry)
{
	view->nr_left += entry->nr_pages;
	WRITE_ONCE(view->job->stuck_pfn, entry->pfn);
}

static void take_folio(struct view *view, const struct mo_entry *entry)
{
	struct folio *folio = entry->folio;

	if (is_left_alone(view->job, entry)) {
		view->nr_shared += entry->nr_pages;
		return;
	}
	if (folio == view->last)
		return;
	if (folio_test_large(folio))
		view->last = folio;
	if (view->may_take && mo_isolate_folio(folio, &view->batch))
		view->nr_taken += folio_nr_pages(folio);
	else
		leave_entry(view, entry);
}

static int take_entry(const struct mo_entry *entry, void *data)
{
	struct view *view = data;

	view->next = entry->addr + entry->nr_pages * PAGE_SIZE;
	if (entry->kind == MO_ENTRY_SWAP)
		view->nr_swapped += entry->nr_pages;
	else if (entry->kind == MO_ENTRY_PAGE && is_on_source(view->job, entry))
		take_folio(view, entry);
	else if (entry->kind == MO_ENTRY_MOVING && is_on_source(view->job, entry))
		leave_entry(view, entry);
	return ++view->nr_looked >= MAX_LOOKED || view->nr_taken >= MAX_TAKEN;
}

static const struct mo_walk_ops take_ops = { enter_vma, take_entry };

static void add_view(struct job *job, const struct view *view)
{
	atomic_long_add(view->nr_left, &job->nr_left);
	atomic_long_add(view->nr_shared, &job->nr_shared);
	if (job->is_first)
		atomic_long_add(view->nr_swapped, &job->nr_swapped);
}

/* One look, from the first VMA on. Returns what mo_walk() does, and VIEW knows where to go on. */
static int look_from(struct job *job, unsigned long addr, const struct mo_walk_ops *ops, struct view *view)
{
	struct vm_area_struct *vma = find_vma(job->mm, addr);
	unsigned long start, end;
	int ret;

	view->next = job->end;
	if (!vma || vma->vm_start >= job->end)
		return 0;
	start = max(addr, vma->vm_start);
	end = start + min_t(unsigned long, job->end - start, MAX_LOOK_BYTES);
	ret = mo_walk(job->mm, start, end, ops, view);
	if (!ret)
		view->next = end;
	return ret;
}

/* Under the walk lock. False: the mmap lock is not to be had. */
static bool look_on(struct job *job, struct view *view)
{
	if (!lock_mm(job))
		return false;
	mo_batch_init(&view->batch);
	look_from(job, job->next, &take_ops, view);
	unlock_mm(job);
	mo_tally_flush(&view->batch.tally);
	add_view(job, view);
	WRITE_ONCE(job->next, view->next);
	return true;
}

enum taken { TAKEN, TAKEN_LATER, TAKEN_ALL };

/* The next batch, which may be empty. */
static enum taken take_batch(struct job *job, struct view *view)
{
	enum taken taken = TAKEN_ALL;

	*view = (struct view){ .job = job };
	if (mutex_lock_killable(&job->walk_lock))
		return taken;
	if (job->next < job->end && !READ_ONCE(job->is_gone))
		taken = look_on(job, view) ? TAKEN : TAKEN_LATER;
	mutex_unlock(&job->walk_lock);
	return taken == TAKEN_LATER && READ_ONCE(job->is_gone) ? TAKEN_ALL : taken;
}

/* ---- moving ---- */

static void note_error(struct job *job, int err)
{
	if (err == -ENOMEM || !READ_ONCE(job->error))
		WRITE_ONCE(job->error, err);
}

static unsigned long count_pages(struct list_head *folios)
{
	struct folio *folio;
	unsigned long nr = 0;

	list_for_each_entry(folio, folios, lru)
		nr += folio_nr_pages(folio);
	return nr;
}

static void note_progress(struct job *job, unsigned long nr_pages)
{
	if (!nr_pages)
		return;
	atomic_long_add(nr_pages, &job->nr_progress);
	mo_progress_add(job->process->progress, nr_pages);
}

/* Returns how many pages of it stay. */
static unsigned long migrate_batch(struct job *job, struct mo_batch *batch, struct mo_migration *migration)
{
	unsigned long nr_left;

	migration->nr_left = 0;
	if (mo_migrate(batch, migration))
		note_error(job, migration->error);
	if (!list_empty(&batch->lru))
		WRITE_ONCE(job->stuck_pfn, folio_pfn(list_first_entry(&batch->lru, struct folio, lru)));
	nr_left = count_pages(&batch->lru) + count_pages(&batch->kernel_ops) + migration->nr_left;
	mo_putback(batch);
	return nr_left;
}

/* Pages that may go to swap: once they are there, no walk finds them again. */
struct evicted {
	unsigned int nr;
	unsigned long pfns[MO_BATCH_PAGES];
};

static void note_pages(struct evicted *evicted, const struct mo_batch *batch)
{
	struct folio *folio;
	unsigned long i;

	evicted->nr = 0;
	list_for_each_entry(folio, &batch->lru, lru)
		for (i = 0; i < folio_nr_pages(folio) && evicted->nr < MO_BATCH_PAGES; i++)
			evicted->pfns[evicted->nr++] = folio_pfn(folio) + i;
}

static bool is_written(const struct evicted *evicted)
{
	bool is_written = false;
	unsigned int i;

	mo_look_begin();
	for (i = 0; i < evicted->nr && !is_written; i++) {
		struct page *page = pfn_to_online_page(evicted->pfns[i]);

		is_written = page && PageWriteback(page);
	}
	mo_look_end();
	return is_written;
}

static void await_writes(const struct evicted *evicted, const struct mo_migration *migration)
{
	unsigned long until = jiffies + msecs_to_jiffies(MAX_WRITE_MS);

	while (is_written(evicted) && time_before(jiffies, until) && !mo_migration_is_over(migration))
		mo_migration_rest(migration, 1);
}

/* A large folio is another's by now: what goes to swap was split. */
static void retake_page(const struct job *job, unsigned long pfn, struct mo_batch *batch)
{
	struct page *page = pfn_to_online_page(pfn);
	struct folio *folio = page ? page_folio(page) : NULL;

	if (!folio || folio_nid(folio) != job->step.from || !folio_try_get(folio))
		return;
	if (page_folio(page) == folio && !folio_test_large(folio) && folio_test_swapcache(folio) &&
	    !folio_mapped(folio))
		mo_isolate_folio(folio, batch);
	folio_put(folio);
}

/* Nothing is held: what is another's by now is taken in vain at worst, and goes back to its list. */
static void retake(const struct job *job, const struct evicted *evicted, struct mo_batch *batch)
{
	unsigned int i;

	mo_batch_init(batch);
	mo_look_begin();
	for (i = 0; i < evicted->nr; i++)
		retake_page(job, evicted->pfns[i], batch);
	mo_look_end();
	mo_tally_flush(&batch->tally);
}

/* What goes to swap is written first, and freed by the next try. Returns how many pages stay. */
static unsigned long evict_batch(struct job *job, struct mo_batch *batch, struct mo_migration *migration)
{
	struct evicted *evicted = kmalloc(sizeof(*evicted), GFP_JOB);
	unsigned long nr_left;
	unsigned int i;

	if (evicted)
		note_pages(evicted, batch);
	nr_left = migrate_batch(job, batch, migration);
	for (i = 1; evicted && nr_left && i < EVICTION_TRIES; i++) {
		await_writes(evicted, migration);
		retake(job, evicted, batch);
		if (!batch->nr_lru)
			break;
		migrate_batch(job, batch, migration);
	}
	kfree(evicted);
	return nr_left;
}

static void move_batch(struct job *job, struct mo_batch *batch, struct mo_migration *migration)
{
	unsigned long progress = migration->nr_moved + migration->nr_evicted, nr_left;
	bool may_go_to_swap = migration->may_evict && migration->is_patient;

	nr_left = may_go_to_swap ? evict_batch(job, batch, migration) : migrate_batch(job, batch, migration);
	atomic_long_add(nr_left, &job->nr_left);
	note_progress(job, migration->nr_moved + migration->nr_evicted - progress);
}

static void prepare(struct mo_migration *migration, struct job *job)
{
	mo_migration_reset(migration);
	migration->targets = &job->targets;
	migration->caller = job->caller;
	migration->progress = job->process->progress;
	migration->deadline = job->deadline;
	migration->evacuation = NULL;
	migration->asking = NULL;	/* hooks are asked before each pass */
	migration->is_patient = job->nr_pass > 0;
	migration->max_move_pages = min(mo_batch_pages, MAX_UNMAPPED);
	migration->may_evict = job->process->flags & MO_SWAP_FALLBACK;
	migration->evict_all = false;
}

/*
 * A worker has what time others leave: where its processor is wanted it takes no batch, lest the process that moves, or
 * another, wait for that. Less priority would make them wait for what it holds.
 */
static bool may_work(struct job *job, const struct mo_migration *migration)
{
	return READ_ONCE(job->next) >= job->end || mo_crew_has_processor(&job->crew, migration);
}

static void take_part(struct mo_job *crew, struct mo_migration *migration)
{
	struct job *job = container_of(crew, struct job, crew);
	enum taken taken = TAKEN;
	struct view view;

	prepare(migration, job);
	mo_lru_add_drain();	/* what this processor has faulted in */
	while (taken != TAKEN_ALL && !mo_migration_is_over(migration)) {
		taken = may_work(job, migration) ? take_batch(job, &view) : TAKEN_LATER;
		if (taken == TAKEN_LATER)
			mo_migration_rest(migration, 1);
		else if (taken == TAKEN && view.nr_taken)
			move_batch(job, &view.batch, migration);
		cond_resched();
	}
	mo_lru_add_drain();	/* targets that wait for their list */
}

/* ---- what is left ---- */

static bool extends(const struct found *last, const struct mo_entry *entry)
{
	return last->folio && last->folio == entry->folio && last->vma == entry->vma &&
	       last->addr + last->nr_pages * PAGE_SIZE == entry->addr && last->pfn + last->nr_pages == entry->pfn;
}

static void note_found(struct job *job, const struct mo_entry *entry)
{
	struct found *found = &job->found[job->nr_found];

	if (job->nr_found && extends(found - 1, entry)) {
		found[-1].nr_pages += entry->nr_pages;
		return;
	}
	*found = (struct found){
		.addr = entry->addr,
		.pfn = entry->pfn,
		.nr_pages = entry->nr_pages,
		.folio = entry->kind == MO_ENTRY_PAGE ? entry->folio : NULL,
		.vma = entry->vma,
		.vma_start = entry->vma->vm_start,
		.vma_end = entry->vma->vm_end,
	};
	job->nr_found++;
}

static int find_entry(const struct mo_entry *entry, void *data)
{
	struct view *view = data;
	struct job *job = view->job;
	bool is_page = entry->kind == MO_ENTRY_PAGE;

	view->next = entry->addr + entry->nr_pages * PAGE_SIZE;
	if ((is_page || entry->kind == MO_ENTRY_MOVING) && is_on_source(job, entry) &&
	    !(is_page && is_left_alone(job, entry)))
		note_found(job, entry);
	return ++view->nr_looked >= MAX_LOOKED || job->nr_found == NR_FOUND;
}

static const struct mo_walk_ops find_ops = { enter_vma, find_entry };

/* The next places, from *ADDR on. False: it is over. */
static bool find_left(struct job *job, unsigned long *addr)
{
	struct view view = { .job = job };

	job->nr_found = 0;
	if (*addr >= job->end || !lock_mm(job))
		return false;
	look_from(job, *addr, &find_ops, &view);
	unlock_mm(job);
	*addr = view.next;
	return true;
}

/* A folio has one record for each place that it is mapped at. */
static void scan_found(struct job *job, const struct found *found, enum memoffline_reason otherwise,
		       struct mo_report *report)
{
	report->place = (struct mo_place){ found->addr, found->nr_pages, found->vma_start, found->vma_end };
	mo_look_begin();
	mo_scan(found->pfn, found->nr_pages, job->error, otherwise, report);
	mo_look_end();
}

static void scan_left(struct job *job, enum memoffline_reason otherwise, struct mo_report *report)
{
	unsigned long addr = job->start;
	unsigned int i;

	while (!is_late(job) && find_left(job, &addr))
		for (i = 0; i < job->nr_found; i++)
			scan_found(job, &job->found[i], otherwise, report);
	if (job->is_telling && addr < job->end)
		job->is_unseen = true;
}

/* All that is left can never move. */
static bool is_hopeless(struct job *job, struct mo_report *scratch)
{
	int reason;

	memset(scratch->kept_by_reason, 0, sizeof(scratch->kept_by_reason));
	scratch->nr_kept = 0;
	scan_left(job, MEMOFFLINE_REASON_UNKNOWN, scratch);
	for (reason = 0; reason < MEMOFFLINE_REASON_NR; reason++)
		if (scratch->kept_by_reason[reason] && !mo_reason_is_permanent(reason))
			return false;
	return scratch->nr_kept > 0;
}

/* ---- VMAs that can't move ---- */

static bool enter_any(struct vm_area_struct *vma, void *data)
{
	return true;
}

/* Without a page nobody knows where it is: its hook was asked, and that may well have been for this. */
static int count_entry(const struct mo_entry *entry, void *data)
{
	struct page *page = entry->kind == MO_ENTRY_SWAP ? NULL : pfn_to_online_page(entry->pfn);
	struct job *job = data;

	if (page ? is_on_source(job, entry) && !PageReserved(page) :
		   job->stay.error && entry->kind == MO_ENTRY_SPECIAL)
		job->stay.nr_pages += entry->nr_pages;
	return 0;
}

static const struct mo_walk_ops count_ops = { enter_any, count_entry };

static void fill_file(struct memoffline_record *record, const struct file *file)
{
	struct dentry *dentry = file->f_path.dentry;

	record->file_inode = file_inode(file)->i_ino;
	record->file_dev = file_inode(file)->i_sb->s_dev;
	spin_lock(&dentry->d_lock);
	strscpy(record->name, dentry->d_name.name, sizeof(record->name));
	spin_unlock(&dentry->d_lock);
}

static enum memoffline_kind kind_of(struct vm_area_struct *vma)
{
	if (is_vm_hugetlb_page(vma))
		return MEMOFFLINE_KIND_HUGETLB;
	if (vma->vm_flags & (VM_IO | VM_PFNMAP))
		return MEMOFFLINE_KIND_OFFLINE;	/* no page at all */
	return vma->vm_file ? MEMOFFLINE_KIND_CACHE : MEMOFFLINE_KIND_ANON;
}

static void fill_vma(struct memoffline_record *record, struct vm_area_struct *vma, int error)
{
	record->pfn = ~0ULL;
	record->kind = kind_of(vma);
	record->refs = -1;
	record->refs_expected = -1;
	record->mapcount = -1;
	record->pincount = -1;
	record->error = error;
	if (vma->vm_file)
		fill_file(record, vma->vm_file);
}

/* Of those that are so by their kind only what holds memory of the node: each process maps some of the kernel's. */
static void end_stay(struct stay *stay, struct mo_report *report)
{
	struct memoffline_record *record;

	if (stay->error || stay->nr_pages) {
		record = mo_report_next(report);
		if (record)
			*record = stay->record;
		report->place = stay->place;
		mo_report_keep(report, record, stay->reason, stay->nr_pages);
	}
	*stay = (struct stay){};
}

static bool goes_on(const struct stay *stay, const struct vm_area_struct *vma, unsigned long addr)
{
	const struct mo_place *place = &stay->place;

	return place->nr_pages && place->addr + place->nr_pages * PAGE_SIZE == addr &&
	       place->vma_start == vma->vm_start && place->vma_end == vma->vm_end;
}

static void keep_part(struct job *job, struct vm_area_struct *vma, unsigned long start, unsigned long end,
		      struct mo_report *report)
{
	struct stay *stay = &job->stay;

	if (!goes_on(stay, vma, start)) {
		end_stay(stay, report);
		stay->reason = reason_to_stay(job, vma, &stay->error);
		stay->place = (struct mo_place){ start, 0, vma->vm_start, vma->vm_end };
		fill_vma(&stay->record, vma, stay->error);
	}
	stay->place.nr_pages += (end - start) >> PAGE_SHIFT;
	mo_walk(job->mm, start, end, &count_ops, job);
}

/* Under the mmap lock, from ADDR on. Returns the address to go on from. */
static unsigned long keep_some(struct job *job, unsigned long addr, struct mo_report *report)
{
	unsigned long budget = MAX_LOOK_BYTES, start, end;
	struct vm_area_struct *vma;
	int error;

	while (addr < job->end && budget && !is_late(job)) {
		vma = find_vma(job->mm, addr);
		if (!vma || vma->vm_start >= job->end)
			return job->end;
		start = max(addr, vma->vm_start);
		end = min(vma->vm_end, job->end);
		if (reason_to_stay(job, vma, &error) != MEMOFFLINE_REASON_NONE) {
			end = min(end, start + budget);
			budget -= end - start;
			keep_part(job, vma, start, end, report);
		}
		addr = end;
	}
	return addr;
}

static void keep_vmas(struct job *job, struct mo_report *report)
{
	unsigned long addr = job->start;

	while (addr < job->end && !is_late(job) && lock_mm(job)) {
		addr = keep_some(job, addr, report);
		unlock_mm(job);
	}
	end_stay(&job->stay, report);
	if (addr < job->end)
		job->is_unseen = true;
}

/* ---- passes ---- */

static unsigned int nr_workers_for(const struct job *job)
{
	unsigned long nr_pages = get_mm_rss(job->mm);
	unsigned int nr = job->process->nr_workers;

#ifdef CONFIG_HUGETLB_PAGE
	nr_pages += atomic_long_read(&job->mm->hugetlb_usage);
#endif
	if (!nr)
		nr = min_t(unsigned int, MAX_HELPERS, cpumask_weight(cpumask_of_node(job->step.from)) +
						      cpumask_weight(cpumask_of_node(job->step.to)));
	if (!nr)	/* nodes without processors */
		nr = min_t(unsigned int, MAX_HELPERS, num_online_cpus());
	return clamp_t(unsigned long, nr_pages / PAGES_A_WORKER, 1, min(nr, mo_crew_size()));
}

static void run_pass(struct job *job)
{
	atomic_long_set(&job->nr_left, 0);
	atomic_long_set(&job->nr_shared, 0);
	atomic_long_set(&job->nr_progress, 0);
	job->error = 0;
	job->next = job->start;
	drop_answers(job, false);
	ask_all(job);
	mo_crew_run(&job->crew);
	if (job->next < job->end && !job->is_gone)
		atomic_long_inc(&job->nr_left);	/* nobody came so far */
	job->nr_idle = atomic_long_read(&job->nr_progress) ? 0 : job->nr_idle + 1;
	job->is_first = false;
	job->nr_pass++;
	job->process->report->nr_passes++;
}

static enum memoffline_reason limit_of(const struct job *job)
{
	if (is_interrupted(job))
		return MEMOFFLINE_REASON_INTERRUPTED;
	return mo_has_passed(job->deadline) ? MEMOFFLINE_REASON_DEADLINE : MEMOFFLINE_REASON_NONE;
}

/* The reason for which there is no other pass, or NONE. */
static enum memoffline_reason verdict(struct job *job, struct mo_report *scratch)
{
	if (is_over(job))
		return limit_of(job);
	if (!job->deadline && job->nr_pass >= MAX_PASSES)
		return MEMOFFLINE_REASON_STALL;
	if (job->nr_pass < 2 || !job->nr_idle)
		return MEMOFFLINE_REASON_NONE;
	if (is_hopeless(job, scratch))
		return is_over(job) ? limit_of(job) : MEMOFFLINE_REASON_UNKNOWN;	/* the pages tell */
	return job->nr_idle >= MAX_IDLE_PASSES ? MEMOFFLINE_REASON_STALL : MEMOFFLINE_REASON_NONE;
}

/*
 * What others hold for a moment is let go meanwhile. Before that the lists of all processors are emptied, since what
 * was touched for the first time a moment ago lies there.
 */
static void pause(struct job *job)
{
	if (job->nr_pass == 1)
		mo_lru_add_drain_all();
	else
		mo_migration_rest(&job->crew.migration, min(1u << min(job->nr_pass, 10u), (unsigned int)MAX_PAUSE_MS));
}

static enum memoffline_reason run_passes(struct job *job, struct mo_report *scratch)
{
	enum memoffline_reason reason;
	unsigned long nr_left;

	for (;;) {
		run_pass(job);
		nr_left = atomic_long_read(&job->nr_left);
		mo_progress_left(job->process->progress, nr_left, job->stuck_pfn);
		trace_memoffline_process_pass(job->step.from, job->step.to, job->nr_pass, nr_left,
					      atomic_long_read(&job->nr_progress));
		if (!nr_left || job->is_gone)
			return MEMOFFLINE_REASON_NONE;
		reason = verdict(job, scratch);
		if (reason != MEMOFFLINE_REASON_NONE)
			return reason;
		pause(job);
	}
}

/* ---- steps ---- */

/* What ended one step for good ends those after it, too: they tell what they would have moved. */
static enum memoffline_reason run_step(struct job *job, enum memoffline_reason ended_by, struct mo_report *scratch)
{
	bool has_ended = ended_by == MEMOFFLINE_REASON_INTERRUPTED || ended_by == MEMOFFLINE_REASON_DEADLINE;
	enum memoffline_reason reason = ended_by;

	xa_init(&job->answers);
	mo_targets_init_strict(&job->targets, job->step.from, job->step.to);
	job->crew.nid = job->step.from;
	job->crew.nr_workers = nr_workers_for(job);
	job->nr_pass = 0;
	job->nr_idle = 0;
	job->is_telling = false;
	atomic_long_set(&job->nr_shared, 0);
	if (!has_ended)
		reason = run_passes(job, scratch);
	job->is_telling = true;
	if (reason != MEMOFFLINE_REASON_NONE)
		scan_left(job, reason, job->process->report);
	keep_vmas(job, job->process->report);
	job->process->nr_shared += atomic_long_read(&job->nr_shared);
	drop_answers(job, true);
	return reason != MEMOFFLINE_REASON_NONE ? reason : ended_by;
}

static unsigned int list_nodes(const nodemask_t *nodes, int *list)
{
	unsigned int nr = 0;
	int nid;

	for_each_node_mask(nid, *nodes)
		list[nr++] = nid;
	return nr;
}

/* NULL: no memory. Else *NR of them. */
static struct mo_node_step *make_steps(const struct mo_process *process, unsigned int *nr)
{
	unsigned int nr_from = nodes_weight(*process->from), nr_to = nodes_weight(*process->to);
	struct mo_node_step *steps = kmalloc_array(nr_from, sizeof(*steps), GFP_JOB);
	int *nodes = kmalloc_array(nr_from + nr_to, sizeof(*nodes), GFP_JOB);

	if (steps && nodes) {
		list_nodes(process->from, nodes);
		list_nodes(process->to, nodes + nr_from);
		*nr = mo_node_steps(nodes, nr_from, nodes + nr_from, nr_to, steps);
	} else {
		kfree(steps);
		steps = NULL;
	}
	kfree(nodes);
	return steps;
}

static enum memoffline_reason run_steps(struct job *job, const struct mo_node_step *steps, unsigned int nr,
					struct mo_report *scratch)
{
	enum memoffline_reason ended_by = MEMOFFLINE_REASON_NONE;
	unsigned int i;

	job->is_first = true;
	for (i = 0; i < nr && !job->is_gone; i++) {
		job->step = steps[i];
		ended_by = run_step(job, ended_by, scratch);
	}
	return ended_by;
}

/* ---- one process ---- */

/* What holds most pages says more than the limit that passed, where it is known. */
static enum memoffline_reason reason_of(const struct mo_report *report, enum memoffline_reason ended_by)
{
	enum memoffline_reason reason = mo_report_main_reason(report);

	if (ended_by == MEMOFFLINE_REASON_INTERRUPTED)
		return ended_by;
	if (report->nr_kept && (reason == MEMOFFLINE_REASON_NONE || reason == MEMOFFLINE_REASON_UNKNOWN))
		return ended_by != MEMOFFLINE_REASON_NONE ? ended_by : reason;
	return reason;
}

static int conclude(struct job *job, enum memoffline_reason ended_by)
{
	struct mo_report *report = job->process->report;

	job->process->nr_swapped = atomic_long_read(&job->nr_swapped);
	if (ended_by == MEMOFFLINE_REASON_NONE && job->is_unseen)
		ended_by = limit_of(job);
	if (report->nr_kept || !job->is_unseen)
		report->reason = reason_of(report, ended_by);
	else
		report->reason = ended_by;
	if (job->is_gone && !report->nr_kept)
		report->reason = MEMOFFLINE_REASON_NONE;
	if (report->reason == MEMOFFLINE_REASON_INTERRUPTED)
		return -EINTR;
	return report->reason == MEMOFFLINE_REASON_NONE ? 0 : -EBUSY;
}

static struct job *new_job(struct mo_process *process)
{
	struct job *job = kvzalloc(sizeof(*job), GFP_JOB);

	if (!job)
		return NULL;
	mutex_init(&job->walk_lock);
	job->process = process;
	job->mm = process->mm;
	job->start = process->start_addr;
	job->end = process->end_addr ?: process->mm->task_size;
	job->caller = current;
	job->crew.work = take_part;
	job->crew.report = process->report;
	if (process->deadline_ms)
		job->deadline = (jiffies + msecs_to_jiffies(process->deadline_ms)) ?: 1;
	return job;
}

int mo_process_migrate(struct mo_process *process)
{
	struct job *job = new_job(process);
	struct mo_report *scratch = mo_report_new_placed(0);
	unsigned int nr;
	struct mo_node_step *steps = make_steps(process, &nr);
	int err = -ENOMEM;

	process->nr_shared = 0;
	process->nr_swapped = 0;
	if (job && scratch && steps) {
		trace_memoffline_process_begin(process->tgid, job->start, job->end, nr, process->deadline_ms);
		err = conclude(job, run_steps(job, steps, nr, scratch));
		trace_memoffline_process_end(process->tgid, process->report);
	}
	kfree(steps);
	mo_report_free(scratch);
	kvfree(job);
	return err;
}
