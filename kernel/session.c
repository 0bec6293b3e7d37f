// SPDX-License-Identifier: GPL-2.0-only
/*
 * A session is an open file of /dev/memoffline: it owns what it has quarantined, one evacuation, or move of a process,
 * at a time, and the records of the last one. All of it goes when the file is closed, whatever ended the process. A
 * request that is under way holds the file, so that closing never meets one.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/pid_namespace.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "include/uapi/linux/memoffline.h"
#include "migrate.h"
#include "session.h"

#define GFP_SESSION	(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)
#define MAX_NODE_WORDS	64	/* more than any kernel has nodes for: who asks need not know how many this one has */

struct mo_session {
	struct mutex lock;		/* guards what a request leaves: is_busy to nr_read */
	struct mo_quarantine quarantine;	/* the busy one's */
	bool is_busy;			/* a request that changes something is under way */
	bool is_moving;
	u64 start_ns;			/* of the evacuation, or what else moves, since boot */
	int seq_told;			/* of the progress that was told last */
	struct mo_report *report;	/* of the last one that ended; NULL: none, or no memory for it */
	u32 nr_read;			/* records of it */
	struct mo_progress progress;
};

struct mo_session *mo_session_new(void)
{
	struct mo_session *session = kzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);

	if (!session)
		return NULL;
	mutex_init(&session->lock);
	init_waitqueue_head(&session->progress.wait);
	mo_quarantine_init(&session->quarantine, task_tgid_nr_ns(current, &init_pid_ns));
	return session;
}

void mo_session_free(struct mo_session *session)
{
	mo_quarantine_release_all(&session->quarantine);
	mo_report_free(session->report);
	kfree(session);
}

/* One request at a time. The lock is not held meanwhile: who reads the file does not wait for it. */
static int claim(struct mo_session *session)
{
	bool is_free;

	mutex_lock(&session->lock);
	is_free = !session->is_busy;
	session->is_busy = true;
	mutex_unlock(&session->lock);
	return is_free ? 0 : -EALREADY;
}

static void unclaim(struct mo_session *session)
{
	mutex_lock(&session->lock);
	session->is_busy = false;
	mutex_unlock(&session->lock);
}

/* ---- QUARANTINE, RELEASE ---- */

/* For all that this session wants to empty, not for this range alone. */
static int check_room(struct mo_session *session, struct memoffline_quarantine *arg)
{
	struct page *page = pfn_to_page(arg->start_pfn);
	struct mo_targets *targets = kmalloc(sizeof(*targets), GFP_SESSION);

	if (!targets)
		return -ENOMEM;
	mo_targets_init(targets, page_to_nid(page), is_zone_movable_page(page), NULL);
	arg->out_nr_used = session->quarantine.nr_used;
	arg->out_nr_room = mo_targets_room(targets);
	kfree(targets);
	return arg->out_nr_used > arg->out_nr_room ? -ENOSPC : 0;
}

static int quarantine(struct mo_session *session, struct memoffline_quarantine *arg)
{
	struct mo_conflict conflict;
	int err = mo_quarantine_add(&session->quarantine, arg->start_pfn, arg->nr_pages, &conflict);

	arg->out_bad_pfn = conflict.pfn;
	arg->out_owner_pid = conflict.owner_pid;
	if (err)
		return err;
	err = check_room(session, arg);	/* what is free in the range does not count any more */
	if (err)
		mo_quarantine_release(&session->quarantine, arg->start_pfn, arg->nr_pages);
	return err;
}

int mo_session_quarantine(struct mo_session *session, void *data)
{
	struct memoffline_quarantine *arg = data;
	int err;

	if (arg->reserved)
		return -EINVAL;
	arg->out_nr_used = 0;
	arg->out_nr_room = 0;
	arg->out_bad_pfn = 0;
	arg->out_owner_pid = 0;
	err = claim(session);
	if (err)
		return err;
	err = quarantine(session, arg);
	unclaim(session);
	return err;
}

int mo_session_release(struct mo_session *session, void *data)
{
	struct memoffline_release *arg = data;
	int err;

	err = claim(session);
	if (err)
		return err;
	err = mo_quarantine_release(&session->quarantine, arg->start_pfn, arg->nr_pages);
	unclaim(session);
	return err;
}

/* ---- EVACUATE ---- */

/* Each of them in that state. */
static int read_nodes(u64 address, u32 nr_words, enum node_states state, nodemask_t *nodes)
{
	u64 __user *words = u64_to_user_ptr(address);
	u64 word;
	u32 i;

	if (nr_words > MAX_NODE_WORDS)
		return -EINVAL;
	nodes_clear(*nodes);
	for (i = 0; i < nr_words; i++) {
		unsigned int bit;

		if (get_user(word, words + i))
			return -EFAULT;
		for (bit = 0; bit < 64; bit++) {
			if (!(word & BIT_ULL(bit)))
				continue;
			if (i * 64 + bit >= MAX_NUMNODES || !node_state(i * 64 + bit, state))
				return -EINVAL;
			node_set(i * 64 + bit, *nodes);
		}
	}
	return nodes_empty(*nodes) ? -EINVAL : 0;
}

static int check(const struct memoffline_evacuate *arg)
{
	if (arg->flags & ~(MEMOFFLINE_EVACUATE_FALLBACK | MEMOFFLINE_EVACUATE_EVICT))
		return -EINVAL;
	return arg->max_cpu_percent > 100 || arg->max_records > MEMOFFLINE_MAX_RECORDS ? -EINVAL : 0;
}

static unsigned int flags_of(const struct memoffline_evacuate *arg)
{
	return (arg->flags & MEMOFFLINE_EVACUATE_FALLBACK ? MO_SWAP_FALLBACK : 0) |
	       (arg->flags & MEMOFFLINE_EVACUATE_EVICT ? MO_SWAP_ONLY : 0);
}

/* What is quarantined now. NULL: nothing, or no memory, see *NR. */
static struct mo_span *take_spans(struct mo_session *session, unsigned int *nr)
{
	unsigned int nr_max = mo_quarantine_spans(&session->quarantine, NULL, 0);
	struct mo_span *spans = nr_max ? kvmalloc_array(nr_max, sizeof(*spans), GFP_SESSION) : NULL;

	*nr = nr_max;
	if (spans)
		*nr = min(nr_max, mo_quarantine_spans(&session->quarantine, spans, nr_max));
	return spans;
}

static void begin(struct mo_session *session)
{
	struct mo_report *report;

	mutex_lock(&session->lock);
	session->is_moving = true;
	session->start_ns = ktime_get_ns();
	session->seq_told = 0;
	session->nr_read = 0;
	report = session->report;
	session->report = NULL;
	atomic_set(&session->progress.seq, 1);
	atomic_long_set(&session->progress.nr_done, 0);
	atomic_long_set(&session->progress.nr_left, -1);
	session->progress.stuck_pfn = 0;
	mutex_unlock(&session->lock);
	mo_report_free(report);
}

static void end(struct mo_session *session, struct mo_report *report)
{
	mutex_lock(&session->lock);
	session->is_moving = false;
	session->report = report;
	mutex_unlock(&session->lock);
	wake_up_all(&session->progress.wait);
}

static void tell(struct memoffline_evacuate *arg, const struct mo_report *report, u64 elapsed_ns)
{
	arg->out_reason = report->reason;
	arg->out_nr_moved = report->nr_moved;
	arg->out_nr_evicted = report->nr_evicted;
	arg->out_nr_kept = report->nr_kept;
	arg->out_nr_split = report->nr_split;
	arg->out_nr_policy_violated = report->nr_policy_violated;
	arg->out_elapsed_ns = elapsed_ns;
	arg->out_nr_passes = report->nr_passes;
	arg->out_nr_records = report->nr_records;
	memcpy(arg->out_kept_by_reason, report->kept_by_reason, sizeof(arg->out_kept_by_reason));
}

static int evacuate(struct mo_session *session, struct memoffline_evacuate *arg, const nodemask_t *nodes)
{
	struct mo_evacuation evacuation = {
		.targets = nodes,
		.flags = flags_of(arg),
		.deadline_ms = arg->deadline_ms,
		.stall_ms = arg->stall_ms,
		.nr_workers = arg->nr_workers,
		.max_kib_s = (unsigned long)arg->max_mib_s * 1024,
		.max_cpu_percent = arg->max_cpu_percent,
		.progress = &session->progress,
	};
	unsigned int nr;
	struct mo_span *spans = take_spans(session, &nr);
	const struct mo_span *last;
	int err = -ENOMEM;

	if (!spans)
		return nr ? err : -ENOENT;
	last = &spans[nr - 1];
	evacuation.report = mo_report_new(spans->start_pfn, last->start_pfn + last->nr_pages - spans->start_pfn,
					  arg->max_records);
	if (!evacuation.report)
		goto free_spans;
	begin(session);
	mo_quarantine_renew(&session->quarantine);
	mo_quarantine_dissolve_free(&session->quarantine);
	err = mo_evacuate_mixed(&evacuation, spans, nr);
	if (err == -ENOMEM) {
		mo_report_free(evacuation.report);
		evacuation.report = NULL;
	} else {
		err = 0;
		tell(arg, evacuation.report, ktime_get_ns() - session->start_ns);
	}
	mo_quarantine_recount(&session->quarantine);
	end(session, evacuation.report);
free_spans:
	kvfree(spans);
	return err;
}

int mo_session_evacuate(struct mo_session *session, void *data)
{
	struct memoffline_evacuate *arg = data;
	nodemask_t nodes;
	int err = check(arg);

	if (!err && arg->nr_node_words)
		err = read_nodes(arg->nodes, arg->nr_node_words, N_MEMORY, &nodes);
	if (!err)
		err = claim(session);
	if (err)
		return err;
	err = evacuate(session, arg, arg->nr_node_words ? &nodes : NULL);
	unclaim(session);
	return err;
}

/* ---- MIGRATE_PROCESS ---- */

static unsigned int process_flags_of(const struct memoffline_migrate_process *arg)
{
	return (arg->flags & MEMOFFLINE_PROCESS_FALLBACK ? MO_SWAP_FALLBACK : 0) |
	       (arg->flags & MEMOFFLINE_PROCESS_MOVE_ALL ? MO_MOVE_ALL : 0);
}

static void tell_process(struct memoffline_migrate_process *arg, const struct mo_process *process, u64 elapsed_ns)
{
	const struct mo_report *report = process->report;

	arg->out_reason = report->reason;
	arg->out_nr_moved = report->nr_moved;
	arg->out_nr_evicted = report->nr_evicted;
	arg->out_nr_kept = report->nr_kept;
	arg->out_nr_shared = process->nr_shared;
	arg->out_nr_swapped = process->nr_swapped;
	arg->out_nr_split = report->nr_split;
	arg->out_elapsed_ns = elapsed_ns;
	arg->out_nr_passes = report->nr_passes;
	arg->out_nr_records = report->nr_records;
	memcpy(arg->out_kept_by_reason, report->kept_by_reason, sizeof(arg->out_kept_by_reason));
}

static int run_process(struct mo_session *session, struct memoffline_migrate_process *arg, struct mo_process *process)
{
	int err;

	process->report = mo_report_new_placed(arg->max_records);
	if (!process->report)
		return -ENOMEM;
	begin(session);
	err = mo_process_migrate(process);
	if (err == -ENOMEM) {
		mo_report_free(process->report);
		end(session, NULL);
		return err;
	}
	tell_process(arg, process, ktime_get_ns() - session->start_ns);
	end(session, process->report);
	return 0;
}

static int migrate_process(struct mo_session *session, struct memoffline_migrate_process *arg, const nodemask_t *from,
			   const nodemask_t *to)
{
	struct mo_process process = {
		.pid = arg->pid,
		.is_pidfd = arg->flags & MEMOFFLINE_PROCESS_PIDFD,
		.from = from,
		.to = to,
		.start_addr = arg->start_addr,
		.end_addr = arg->end_addr,
		.flags = process_flags_of(arg),
		.deadline_ms = arg->deadline_ms,
		.nr_workers = arg->nr_workers,
		.progress = &session->progress,
	};
	int err = mo_process_open(&process);

	if (err)
		return err;
	err = run_process(session, arg, &process);
	mo_process_close(&process);
	return err;
}

int mo_session_migrate_process(struct mo_session *session, void *data)
{
	struct memoffline_migrate_process *arg = data;
	nodemask_t from, to;
	int err;

	if (arg->max_records > MEMOFFLINE_MAX_RECORDS)
		return -EINVAL;
	err = read_nodes(arg->nodes_from, arg->nr_node_words, N_ONLINE, &from) ?:
	      read_nodes(arg->nodes_to, arg->nr_node_words, N_MEMORY, &to) ?:
	      claim(session);
	if (err)
		return err;
	err = migrate_process(session, arg, &from, &to);
	unclaim(session);
	return err;
}

/* ---- STOP ---- */

int mo_session_stop(struct mo_session *session, void *data)
{
	WRITE_ONCE(session->progress.is_stopped, true);
	return 0;
}

/* ---- read(), poll() ---- */

/* Without the lock, too: whoever changes one of them wakes those who wait afterwards. */
static bool has_progress(const struct mo_session *session)
{
	return READ_ONCE(session->is_moving) && atomic_read(&session->progress.seq) != READ_ONCE(session->seq_told);
}

static bool has_news(const struct mo_session *session)
{
	return !READ_ONCE(session->is_moving) || has_progress(session);
}

static void put_place(struct memoffline_event *event, const struct mo_place *place)
{
	event->place.addr = place->addr;
	event->place.nr_pages = place->nr_pages;
	event->place.vma_start = place->vma_start;
	event->place.vma_end = place->vma_end;
}

/* Under the lock. False: there is none. */
static bool next_event(struct mo_session *session, struct memoffline_event *event)
{
	const struct mo_progress *progress = &session->progress;
	const struct mo_report *report = session->report;

	memset(event, 0, sizeof(*event));
	event->size = sizeof(*event);
	if (has_progress(session)) {
		session->seq_told = atomic_read(&progress->seq);
		event->type = MEMOFFLINE_EVENT_PROGRESS;
		event->progress.nr_done = atomic_long_read(&progress->nr_done);
		event->progress.nr_left = atomic_long_read(&progress->nr_left);
		event->progress.stuck_pfn = READ_ONCE(progress->stuck_pfn);
		event->progress.elapsed_ns = ktime_get_ns() - session->start_ns;
		return true;
	}
	if (!report || session->nr_read >= report->nr_records)
		return false;
	event->type = MEMOFFLINE_EVENT_RECORD;
	if (report->places)
		put_place(event, &report->places[session->nr_read]);
	event->record = report->records[session->nr_read++];
	return true;
}

/* As many events as there are now. */
static ssize_t read_events(struct mo_session *session, char __user *buffer, size_t size)
{
	struct memoffline_event event;
	ssize_t done = 0;
	bool is_there;

	while (size - done >= sizeof(event)) {
		mutex_lock(&session->lock);
		is_there = next_event(session, &event);
		mutex_unlock(&session->lock);
		if (!is_there)
			break;
		if (copy_to_user(buffer + done, &event, sizeof(event)))
			return done ?: -EFAULT;
		done += sizeof(event);
	}
	return done;
}

/* 0 is the end: another reader that was faster is no reason for it. */
ssize_t mo_session_read(struct mo_session *session, char __user *buffer, size_t size, bool may_wait)
{
	ssize_t done;

	if (size < sizeof(struct memoffline_event))
		return -EINVAL;
	for (;;) {
		done = read_events(session, buffer, size);
		if (done || !READ_ONCE(session->is_moving))
			return done;
		if (!may_wait)
			return -EAGAIN;
		if (wait_event_interruptible(session->progress.wait, has_news(session)))
			return -ERESTARTSYS;
	}
}

__poll_t mo_session_poll(struct mo_session *session, struct file *file, poll_table *wait)
{
	poll_wait(file, &session->progress.wait, wait);
	return has_news(session) ? EPOLLIN | EPOLLRDNORM : 0;
}
