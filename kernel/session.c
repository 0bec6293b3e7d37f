// SPDX-License-Identifier: GPL-2.0-only
/*
 * A session is an open file of /dev/memoffline: it owns what it has quarantined, one evacuation at a time, and the
 * records of the last one. All of it goes when the file is closed, whatever ended the process. A request that is under
 * way holds the file, so that closing never meets one.
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

struct mo_session {
	struct mutex lock;		/* guards all below but the progress */
	struct mo_quarantine quarantine;
	u64 nr_used;			/* pages to be moved out of all that is quarantined, as last counted */
	bool is_busy;			/* an evacuation is under way */
	u64 start_ns;			/* of it, since boot */
	long nr_told;			/* pages that its progress was told of */
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

/* ---- QUARANTINE, RELEASE ---- */

/* For all that this session wants to empty, not for this range alone. */
static int check_room(struct mo_session *session, struct memoffline_quarantine *arg)
{
	u64 nr_used = mo_count_used(arg->start_pfn, arg->start_pfn + arg->nr_pages);
	struct page *page = pfn_to_page(arg->start_pfn);
	struct mo_targets *targets = kmalloc(sizeof(*targets), GFP_SESSION);

	if (!targets)
		return -ENOMEM;
	mo_targets_init(targets, page_to_nid(page), is_zone_movable_page(page), NULL);
	arg->out_nr_used = session->nr_used + nr_used;
	arg->out_nr_room = mo_targets_room(targets);
	kfree(targets);
	if (arg->out_nr_used > arg->out_nr_room)
		return -ENOSPC;
	session->nr_used += nr_used;
	return 0;
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
	mutex_lock(&session->lock);
	err = session->is_busy ? -EALREADY : quarantine(session, arg);
	mutex_unlock(&session->lock);
	return err;
}

int mo_session_release(struct mo_session *session, void *data)
{
	struct memoffline_release *arg = data;
	u64 nr_used;
	int err = -EBUSY;

	mutex_lock(&session->lock);
	if (!session->is_busy) {
		nr_used = mo_count_used(arg->start_pfn, arg->start_pfn + arg->nr_pages);
		err = mo_quarantine_release(&session->quarantine, arg->start_pfn, arg->nr_pages);
		if (!err)
			session->nr_used -= min(session->nr_used, nr_used);
	}
	mutex_unlock(&session->lock);
	return err;
}

/* ---- EVACUATE ---- */

static int read_nodes(const struct memoffline_evacuate *arg, nodemask_t *nodes)
{
	u64 __user *words = u64_to_user_ptr(arg->nodes);
	u64 word;
	u32 i;

	nodes_clear(*nodes);
	for (i = 0; i < arg->nr_node_words; i++) {
		unsigned int bit;

		if (get_user(word, words + i))
			return -EFAULT;
		for (bit = 0; bit < 64; bit++) {
			if (!(word & BIT_ULL(bit)))
				continue;
			if (i * 64 + bit >= MAX_NUMNODES || !node_state(i * 64 + bit, N_MEMORY))
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
	if (arg->max_cpu_percent > 100 || arg->max_records > MEMOFFLINE_MAX_RECORDS)
		return -EINVAL;
	return arg->nr_node_words > DIV_ROUND_UP(MAX_NUMNODES, 64) ? -EINVAL : 0;
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
	session->is_busy = true;
	session->start_ns = ktime_get_ns();
	session->nr_told = -1;
	session->nr_read = 0;
	mo_report_free(session->report);
	session->report = NULL;
	atomic_long_set(&session->progress.nr_done, 0);
	atomic_long_set(&session->progress.nr_left, -1);
	session->progress.stuck_pfn = 0;
}

static void end(struct mo_session *session, struct mo_report *report)
{
	mutex_lock(&session->lock);
	session->is_busy = false;
	session->report = report;
	if (report)
		session->nr_used = report->nr_kept;
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
	struct mo_span *spans = take_spans(session, &evacuation.nr_spans);
	const struct mo_span *last;
	struct mo_report *report;
	int err;

	if (!spans)
		return evacuation.nr_spans ? -ENOMEM : -ENOENT;
	last = &spans[evacuation.nr_spans - 1];
	evacuation.spans = spans;
	report = mo_report_new(spans->start_pfn, last->start_pfn + last->nr_pages - spans->start_pfn, arg->max_records);
	if (!report) {
		kvfree(spans);
		return -ENOMEM;
	}
	evacuation.report = report;
	err = mo_evacuate(&evacuation);
	kvfree(spans);
	if (err == -ENOMEM) {
		mo_report_free(report);
		return err;
	}
	tell(arg, report, ktime_get_ns() - session->start_ns);
	end(session, report);
	return 0;
}

int mo_session_evacuate(struct mo_session *session, void *data)
{
	struct memoffline_evacuate *arg = data;
	nodemask_t nodes;
	int err = check(arg);

	if (!err && arg->nr_node_words)
		err = read_nodes(arg, &nodes);
	if (err)
		return err;
	mutex_lock(&session->lock);
	if (session->is_busy)
		err = -EBUSY;
	else
		begin(session);
	mutex_unlock(&session->lock);
	if (err)
		return err;
	err = evacuate(session, arg, arg->nr_node_words ? &nodes : NULL);
	if (err)
		end(session, NULL);
	return err;
}

/* ---- read(), poll() ---- */

/* Under the lock. */
static bool has_progress(const struct mo_session *session)
{
	return session->is_busy && atomic_long_read(&session->progress.nr_done) != session->nr_told;
}

static bool has_news(struct mo_session *session)
{
	bool has;

	mutex_lock(&session->lock);
	has = !session->is_busy || has_progress(session);
	mutex_unlock(&session->lock);
	return has;
}

/* Under the lock. False: there is none. */
static bool next_event(struct mo_session *session, struct memoffline_event *event)
{
	const struct mo_progress *progress = &session->progress;
	const struct mo_report *report = session->report;

	memset(event, 0, sizeof(*event));
	event->size = sizeof(*event);
	if (has_progress(session)) {
		session->nr_told = atomic_long_read(&progress->nr_done);
		event->type = MEMOFFLINE_EVENT_PROGRESS;
		event->progress.nr_done = session->nr_told;
		event->progress.nr_left = atomic_long_read(&progress->nr_left);
		event->progress.stuck_pfn = READ_ONCE(progress->stuck_pfn);
		event->progress.elapsed_ns = ktime_get_ns() - session->start_ns;
		return true;
	}
	if (!report || session->nr_read >= report->nr_records)
		return false;
	event->type = MEMOFFLINE_EVENT_RECORD;
	event->record = report->records[session->nr_read++];
	return true;
}

ssize_t mo_session_read(struct mo_session *session, char __user *buffer, size_t size, bool may_wait)
{
	struct memoffline_event event;
	ssize_t done = 0;
	bool is_there;

	if (size < sizeof(event))
		return -EINVAL;
	if (!has_news(session)) {
		if (!may_wait)
			return -EAGAIN;
		if (wait_event_interruptible(session->progress.wait, has_news(session)))
			return -ERESTARTSYS;
	}
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

__poll_t mo_session_poll(struct mo_session *session, struct file *file, poll_table *wait)
{
	poll_wait(file, &session->progress.wait, wait);
	return has_news(session) ? EPOLLIN | EPOLLRDNORM : 0;
}
