// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hooks of VMAs that map pages of ranges which are evacuated, asked before each pass. A work item asks: a hook may
 * sleep for as long as it likes, and an evacuation has a deadline. What was answered holds until it is asked again, a
 * refusal to the end; workers look it up for each folio before they touch it.
 *
 * Page tables tell what a VMA maps: pages of a driver are in no reverse map. So each process is looked at. The mmap
 * lock is only tried: where it can't be had the next round comes again, and so a task that asks with mem_hotplug_lock
 * held never waits for one that has an mmap lock.
 */
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mempolicy.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/nodemask.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rculist.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "compat/compat.h"
#include "migrate.h"

#define GFP_ASKING	(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)
#define ROUND_MS	100	/* from one round of asking to the next, at least */
#define LOCK_TRIES	100	/* jiffies to wait for an mmap lock */

/* What the hook of one VMA said. Written in a round, read by anybody. */
struct answer {
	struct list_head link;
	struct mm_struct *mm;		/* there, but perhaps not in use any more */
	unsigned long start;
	unsigned long end;
	const struct vm_operations_struct *vm_ops;
	unsigned int id;
	unsigned int round;		/* in which it was given */
	int error;			/* 0 or negative errno */
	s32 pid;			/* of the process */
	char comm[MEMOFFLINE_COMM_LEN];
};

struct mo_asking {
	refcount_t users;		/* the evacuation, and a round that is under way */
	struct work_struct work;
	struct completion done;		/* the round */
	bool is_over;			/* nobody waits for answers any more */
	unsigned int round;
	unsigned long next_round;	/* jiffies */
	nodemask_t from;
	nodemask_t to;
	struct list_head answers;	/* none is taken off */
	unsigned int nr_answers;
	struct xarray refused;		/* by pfn of the page: id of the answer and page number of the address */
	unsigned int nr_spans;
	struct mo_span spans[];
};

static struct workqueue_struct *queue;

/* ---- pages of VMAs that refused ---- */

#define ADDR_BITS	(57 - PAGE_SHIFT)	/* page numbers of the largest address space */
#define MAX_ID		((1UL << (BITS_PER_LONG - 1 - ADDR_BITS)) - 1)

/* Under spinlocks. Without memory for it the page stays all the same, and its record says less. */
static void note_refused(struct mo_asking *asking, const struct answer *answer, unsigned long pfn, unsigned long addr)
{
	unsigned long value = (unsigned long)answer->id << ADDR_BITS | addr >> PAGE_SHIFT;

	if (answer->id <= MAX_ID)
		xa_store(&asking->refused, pfn, xa_mk_value(value), GFP_NOWAIT | __GFP_NOWARN);
}

static const struct answer *answer_of(const struct mo_asking *asking, unsigned int id)
{
	const struct answer *answer;

	list_for_each_entry_lockless(answer, &asking->answers, link)
		if (answer->id == id)
			return answer;
	return NULL;
}

bool mo_asking_find(struct mo_asking *asking, unsigned long pfn, unsigned long nr_pages, struct mo_refusal *refusal)
{
	const struct answer *answer;
	unsigned long value;
	void *entry;

	entry = xa_find(&asking->refused, &pfn, pfn + nr_pages - 1, XA_PRESENT);
	if (!entry)
		return false;
	value = xa_to_value(entry);
	answer = answer_of(asking, value >> ADDR_BITS);
	if (!answer)
		return false;
	refusal->error = READ_ONCE(answer->error);
	refusal->addr = (value & ((1UL << ADDR_BITS) - 1)) << PAGE_SHIFT;
	refusal->pid = answer->pid;
	refusal->comm = answer->comm;
	return true;
}

/* ---- what was answered ---- */

/* A part of a VMA that was asked is answered, too. */
static struct answer *find_answer(const struct mo_asking *asking, const struct vm_area_struct *vma)
{
	struct answer *answer;

	list_for_each_entry_lockless(answer, &asking->answers, link)
		if (answer->mm == vma->vm_mm && answer->vm_ops == vma->vm_ops &&
		    answer->start <= vma->vm_start && vma->vm_end <= answer->end)
			return answer;
	return NULL;
}

struct look {
	struct mo_asking *asking;
	int error;
};

static bool look_up(struct folio *folio, struct vm_area_struct *vma, unsigned long addr, void *data)
{
	struct look *look = data;
	const struct answer *answer;

	if (!mo_vma_is_hooked(vma) || !mo_is_mapped_at(folio, vma, &addr))
		return true;
	answer = find_answer(look->asking, vma);
	look->error = answer ? READ_ONCE(answer->error) : -EAGAIN;
	if (answer && look->error)
		note_refused(look->asking, answer, folio_pfn(folio), addr);
	return !look->error;
}

int mo_asking_check(struct mo_asking *asking, struct folio *folio)
{
	struct look look = { .asking = asking };

	if (!folio_mapped(folio))
		return 0;
	return mo_rmap_walk(folio, look_up, &look) ? look.error : -EAGAIN;
}

/* ---- one VMA ---- */

static bool is_in_spans(const struct mo_asking *asking, unsigned long pfn)
{
	unsigned int i;

	for (i = 0; i < asking->nr_spans; i++)
		if (pfn - asking->spans[i].start_pfn < asking->spans[i].nr_pages)
			return true;
	return false;
}

static bool any_vma(struct vm_area_struct *vma, void *data)
{
	return true;
}

static int find_ours(const struct mo_entry *entry, void *data)
{
	unsigned long i;

	for (i = 0; entry->kind != MO_ENTRY_SWAP && i < entry->nr_pages; i++)
		if (is_in_spans(data, entry->pfn + i))
			return 1;
	return 0;
}

static bool maps_ours(struct mo_asking *asking, struct vm_area_struct *vma)
{
	static const struct mo_walk_ops ops = { any_vma, find_ours };

	return mo_walk(vma->vm_mm, vma->vm_start, vma->vm_end, &ops, asking);
}

struct note {
	struct mo_asking *asking;
	const struct answer *answer;
};

static int note_entry(const struct mo_entry *entry, void *data)
{
	const struct note *note = data;
	unsigned long i;

	for (i = 0; entry->kind != MO_ENTRY_SWAP && i < entry->nr_pages; i++)
		if (is_in_spans(note->asking, entry->pfn + i))
			note_refused(note->asking, note->answer, entry->pfn + i, entry->addr + i * PAGE_SIZE);
	return 0;
}

static void note_all(struct mo_asking *asking, const struct answer *answer, struct vm_area_struct *vma)
{
	static const struct mo_walk_ops ops = { any_vma, note_entry };
	struct note note = { asking, answer };

	mo_walk(vma->vm_mm, vma->vm_start, vma->vm_end, &ops, &note);
}

static struct answer *new_answer(struct mo_asking *asking, const struct vm_area_struct *vma, struct task_struct *task)
{
	struct answer *answer = kzalloc(sizeof(*answer), GFP_ASKING);

	if (!answer)
		return NULL;
	answer->mm = vma->vm_mm;
	mmgrab(answer->mm);
	answer->start = vma->vm_start;
	answer->end = vma->vm_end;
	answer->vm_ops = vma->vm_ops;
	answer->id = asking->nr_answers++;
	answer->pid = task_tgid_nr_ns(task, &init_pid_ns);
	get_task_comm(answer->comm, task);
	return answer;
}

/* A refusal is final. Without memory for the answer nobody is asked, and what the VMA maps stays. */
static void ask_vma(struct mo_asking *asking, struct vm_area_struct *vma, struct task_struct *task)
{
	struct answer *answer = find_answer(asking, vma);
	bool is_new = !answer;
	int err;

	if (answer && (answer->error || answer->round == asking->round))
		return;
	if (!maps_ours(asking, vma))
		return;
	if (is_new)
		answer = new_answer(asking, vma, task);
	if (!answer)
		return;
	err = mo_vma_migrate(vma, &asking->from, &asking->to, MPOL_MF_MOVE_ALL);
	WRITE_ONCE(answer->error, err);
	answer->round = asking->round;
	if (is_new)
		list_add_tail_rcu(&answer->link, &asking->answers);
	if (err)
		note_all(asking, answer, vma);
}

/* ---- a round ---- */

/* A lock has no event that can be awaited with a limit. */
static bool lock_mm(struct mm_struct *mm, const struct mo_asking *asking)
{
	unsigned int i;

	for (i = 0; i < LOCK_TRIES && !READ_ONCE(asking->is_over); i++) {
		if (mmap_read_trylock(mm))
			return true;
		schedule_timeout_uninterruptible(1);
	}
	return false;
}

static void ask_process(struct mo_asking *asking, struct mm_struct *mm, struct task_struct *task)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;

	if (!lock_mm(mm, asking))
		return;
	for_each_vma(vmi, vma) {
		if (READ_ONCE(asking->is_over))
			break;
		if (mo_vma_is_hooked(vma))
			ask_vma(asking, vma, task);
		cond_resched();
	}
	mmap_read_unlock(mm);
}

/* Its first thread may be gone before the others. */
static struct mm_struct *mm_of(struct task_struct *process)
{
	struct mm_struct *mm = NULL;
	struct task_struct *task;

	for_each_thread(process, task) {
		mm = get_task_mm(task);
		if (mm)
			break;
	}
	return mm;
}

/* The first process from NR on, held, and its memory; NULL: no more. */
static struct task_struct *next_process(int *nr, struct mm_struct **mm)
{
	struct task_struct *task = NULL;
	struct pid *pid;

	rcu_read_lock();
	while (!task && (pid = find_ge_pid(*nr, &init_pid_ns))) {
		*nr = pid_nr(pid) + 1;
		task = pid_task(pid, PIDTYPE_TGID);
	}
	if (task) {
		get_task_struct(task);
		*mm = mm_of(task);
	}
	rcu_read_unlock();
	return task;
}

static void put_asking(struct mo_asking *asking)
{
	struct answer *answer, *next;

	if (!refcount_dec_and_test(&asking->users))
		return;
	list_for_each_entry_safe(answer, next, &asking->answers, link) {
		mmdrop(answer->mm);
		kfree(answer);
	}
	xa_destroy(&asking->refused);
	kvfree(asking);
}

static void ask_all(struct work_struct *work)
{
	struct mo_asking *asking = container_of(work, struct mo_asking, work);
	struct task_struct *process;
	struct mm_struct *mm;
	int nr = 1;

	while (!READ_ONCE(asking->is_over) && (process = next_process(&nr, &mm))) {
		if (mm) {
			ask_process(asking, mm, process);
			mmput_async(mm);	/* the last one to let go may wait for I/O, and an offline for us */
		}
		put_task_struct(process);
		cond_resched();
	}
	complete(&asking->done);
	put_asking(asking);
}

/* ---- what evacuate.c asks for ---- */

struct mo_asking *mo_asking_new(const struct mo_evacuation *evacuation, const struct mo_targets *targets)
{
	struct mo_asking *asking = kvzalloc(struct_size(asking, spans, evacuation->nr_spans), GFP_ASKING);

	if (!asking)
		return NULL;
	refcount_set(&asking->users, 1);
	INIT_WORK(&asking->work, ask_all);
	init_completion(&asking->done);
	asking->next_round = jiffies;
	asking->from = nodemask_of_node(targets->source_nid);
	asking->to = targets->allowed;
	INIT_LIST_HEAD(&asking->answers);
	xa_init(&asking->refused);
	asking->nr_spans = evacuation->nr_spans;
	memcpy(asking->spans, evacuation->spans, evacuation->nr_spans * sizeof(*asking->spans));
	return asking;
}

void mo_asking_end(struct mo_asking *asking)
{
	if (!asking)
		return;
	WRITE_ONCE(asking->is_over, true);
	put_asking(asking);
}

/* The order in which a fault of ours would take the lock; lockdep shall know that the work item is waited for. */
static void tell_lockdep(void)
{
	if (current->mm)
		might_lock_read(&current->mm->mmap_lock);
}

void mo_asking_ask(struct mo_asking *asking, unsigned long deadline)
{
	long limit = MAX_SCHEDULE_TIMEOUT;

	if (asking->is_over || time_before(jiffies, asking->next_round))
		return;
	if (deadline)
		limit = max_t(long, deadline - jiffies, 0) + 1;
	tell_lockdep();
	asking->round++;
	reinit_completion(&asking->done);
	refcount_inc(&asking->users);
	queue_work(queue, &asking->work);
	if (wait_for_completion_interruptible_timeout(&asking->done, limit) <= 0)
		WRITE_ONCE(asking->is_over, true);
	asking->next_round = jiffies + msecs_to_jiffies(ROUND_MS);
}

/* ---- init ---- */

int mo_asking_init(void)
{
	queue = alloc_workqueue("memoffline", WQ_UNBOUND, 0);
	return queue ? 0 : -ENOMEM;
}

void mo_asking_exit(void)
{
	destroy_workqueue(queue);	/* waits for hooks that nobody waited for any more */
}
