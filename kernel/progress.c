// SPDX-License-Identifier: GPL-2.0-only
/* How far a request is, for those who look at it from outside, and what ends it before its work is done. */
#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "migrate.h"

#define MAX_NAP_MS	20	/* a signal, a stop, or the end of the work, is noticed so late at most */

static void show(struct mo_progress *progress)
{
	atomic_inc(&progress->seq);
	if (wq_has_sleeper(&progress->wait))
		wake_up_all(&progress->wait);
}

void mo_progress_add(struct mo_progress *progress, unsigned long nr_pages)
{
	if (!progress)
		return;
	atomic_long_add(nr_pages, &progress->nr_done);
	show(progress);
}

void mo_progress_left(struct mo_progress *progress, unsigned long nr_left, unsigned long stuck_pfn)
{
	if (!progress)
		return;
	atomic_long_set(&progress->nr_left, nr_left);
	WRITE_ONCE(progress->stuck_pfn, nr_left ? stuck_pfn : 0);
	show(progress);
}

/* A signal of any kind: the kernel's own loop, which comes after us, would not go on with one pending either. */
bool mo_is_interrupted(struct task_struct *caller, const struct mo_progress *progress)
{
	return (caller && signal_pending(caller)) || (progress && READ_ONCE(progress->is_stopped));
}

bool mo_has_passed(unsigned long deadline)
{
	return deadline && time_after(jiffies, deadline);
}

bool mo_migration_is_over(const struct mo_migration *migration)
{
	return mo_is_interrupted(migration->caller, migration->progress) || mo_has_passed(migration->deadline);
}

void mo_migration_rest(const struct mo_migration *migration, unsigned long len_ms)
{
	unsigned long until = jiffies + msecs_to_jiffies(len_ms);

	while (time_before(jiffies, until) && !mo_migration_is_over(migration)) {
		if (current->flags & PF_KTHREAD)
			schedule_timeout_idle(min(until - jiffies, msecs_to_jiffies(MAX_NAP_MS) + 1));
		else
			schedule_timeout_interruptible(min(until - jiffies, msecs_to_jiffies(MAX_NAP_MS) + 1));
	}
}
