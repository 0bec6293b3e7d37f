// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that help with what one caller has begun. They are made when the module is loaded: under the locks of memory
 * hotplug no thread can be made. The caller takes part, so that progress never depends on a thread. Jobs that are at
 * work at the same time share the crew.
 */
#include <linux/container_of.h>
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/isolation.h>
#include <linux/sched/stat.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/topology.h>
#include <linux/wait.h>

#include "migrate.h"

#define MAX_WORKERS	64

struct worker {
	struct task_struct *task;
	struct cpumask cpus;		/* that it may run on in this job */
	struct mo_migration migration;
};

static struct {
	spinlock_t lock;		/* guards jobs, and in each of them seats, work and counts */
	struct list_head jobs;		/* that can be joined; the first has the workers first */
	wait_queue_head_t start;
	wait_queue_head_t done;
	unsigned int nr_workers;
	struct worker *workers[MAX_WORKERS];
} crew = {
	.lock = __SPIN_LOCK_UNLOCKED(crew.lock),
	.jobs = LIST_HEAD_INIT(crew.jobs),
	.start = __WAIT_QUEUE_HEAD_INITIALIZER(crew.start),
	.done = __WAIT_QUEUE_HEAD_INITIALIZER(crew.done),
};

/* ---- the worker's side ---- */

static struct mo_job *find_seat(void)
{
	struct mo_job *job;

	list_for_each_entry(job, &crew.jobs, link)
		if (job->nr_seats)
			return job;
	return NULL;
}

static struct mo_job *join(void)
{
	struct mo_job *job;

	spin_lock(&crew.lock);
	job = find_seat();
	if (job) {
		job->nr_seats--;
		job->nr_at_work++;
	}
	spin_unlock(&crew.lock);
	return job;
}

static void add_counts(struct mo_report *report, const struct mo_migration *migration)
{
	report->nr_moved += migration->nr_moved;
	report->nr_evicted += migration->nr_evicted;
	report->nr_split += migration->nr_split;
	report->nr_policy_violated += migration->memo.nr_violated;
}

static void leave(struct mo_job *job, const struct mo_migration *migration)
{
	spin_lock(&crew.lock);
	add_counts(job->report, migration);
	job->nr_at_work--;
	wake_up_all(&crew.done);
	spin_unlock(&crew.lock);
}

/* Where it copies from, as long as there is a processor for each. */
static int node_for(const struct mo_job *job)
{
	return cpumask_weight(cpumask_of_node(job->nid)) < job->nr_workers ? NUMA_NO_NODE : job->nid;
}

/*
 * Processors that were set apart from threads of the kernel stay so, and the caller has his for himself: between nodes
 * the scheduler takes its time to part the two.
 */
static void settle(struct worker *worker, const struct mo_job *job)
{
	const struct cpumask *ours = housekeeping_cpumask(HK_TYPE_KTHREAD);
	int nid = node_for(job);

	if (nid == NUMA_NO_NODE || !cpumask_and(&worker->cpus, cpumask_of_node(nid), ours))
		cpumask_copy(&worker->cpus, ours);
	cpumask_and(&worker->cpus, &worker->cpus, cpu_online_mask);
	if (cpumask_weight(&worker->cpus) > 1)
		cpumask_clear_cpu(job->cpu, &worker->cpus);
	set_cpus_allowed_ptr(current, &worker->cpus);
}

/* The next caller may be on one of these: where a worker wakes up is the scheduler's to choose. */
static void roam(void)
{
	set_cpus_allowed_ptr(current, housekeeping_cpumask(HK_TYPE_KTHREAD));
}

/* Is the next of its processors free? */
static bool move_on(const struct worker *worker)
{
	unsigned int here = raw_smp_processor_id(), cpu = cpumask_next(here, &worker->cpus);

	if (cpu >= nr_cpu_ids)
		cpu = cpumask_first(&worker->cpus);
	if (cpu == here || cpu >= nr_cpu_ids || set_cpus_allowed_ptr(current, cpumask_of(cpu)))
		return false;
	return single_task_running();
}

static int work(void *data)
{
	struct worker *worker = data;
	struct mo_job *job = NULL;

	while (!kthread_should_stop()) {
		wait_event_idle_exclusive(crew.start, kthread_should_stop() || (job = join()));
		if (!job)
			continue;
		settle(worker, job);
		job->work(job, &worker->migration);
		roam();
		leave(job, &worker->migration);
		job = NULL;
	}
	return 0;
}

/* ---- the caller's side ---- */

static void open_seats(struct mo_job *job)
{
	unsigned int nr = min(job->nr_workers, mo_crew_size()) - 1;

	spin_lock(&crew.lock);
	job->nr_seats = nr;
	list_add_tail(&job->link, &crew.jobs);
	spin_unlock(&crew.lock);
	if (nr)
		wake_up_nr(&crew.start, nr);
}

/* Afterwards no worker knows of the job any more. */
static void close_seats(struct mo_job *job)
{
	spin_lock(&crew.lock);
	list_del(&job->link);
	add_counts(job->report, &job->migration);
	spin_unlock(&crew.lock);
	wait_event(crew.done, !READ_ONCE(job->nr_at_work));
	spin_lock(&crew.lock);	/* what they counted is seen, and nobody touches the job any more */
	spin_unlock(&crew.lock);
}

void mo_crew_run(struct mo_job *job)
{
	job->cpu = raw_smp_processor_id();
	open_seats(job);
	job->work(job, &job->migration);
	close_seats(job);
}

bool mo_crew_has_processor(const struct mo_job *job, const struct mo_migration *migration)
{
	return migration == &job->migration || single_task_running() ||
	       move_on(container_of(migration, struct worker, migration));
}

unsigned int mo_crew_size(void)
{
	return crew.nr_workers + 1;
}

/* ---- init ---- */

static struct worker *new_worker(unsigned int i)
{
	struct worker *worker = kvzalloc(sizeof(*worker), GFP_KERNEL);

	if (!worker)
		return NULL;
	worker->task = kthread_run(work, worker, "memoffline/%u", i);
	if (IS_ERR(worker->task)) {
		kvfree(worker);
		return NULL;
	}
	return worker;
}

void mo_crew_exit(void)
{
	while (crew.nr_workers) {
		struct worker *worker = crew.workers[--crew.nr_workers];

		kthread_stop(worker->task);
		kvfree(worker);
	}
}

int mo_crew_init(void)
{
	unsigned int i, nr = clamp(num_possible_cpus(), 1u, (unsigned int)MAX_WORKERS);

	for (i = 0; i < nr; i++) {
		crew.workers[i] = new_worker(i);
		if (!crew.workers[i])
			break;
		crew.nr_workers++;
	}
	return crew.nr_workers ? 0 : -ENOMEM;	/* fewer are slower, no more */
}
