// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A call of the kernel in a process of its own. The kernel may loop in a write to sysfs for ever, and while it waits
 * for the hotplug lock it looks at no signal but SIGKILL: only a process that can be killed makes a deadline hold.
 * The core ends when it is asked to: a thread can wait for it, which takes less time to begin and to end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "private.h"

#define LET_GO_MS 10000	/* for the kernel to end a worker that was killed */
#define DROP_MS 200	/* the same, where nothing depends on it */
#define TICK_MS 200

struct mo_worker {
	int fd;			/* readable when it ended */
	pid_t pid;		/* 0: a thread, */
	pthread_t thread;
	mo_worker_fn *fn;	/* which it calls, */
	void (*stop)(void *data);	/* what makes FN return soon, */
	void *data;
	int err;		/* and what it returned */
	bool began_here;	/* on our processor, and may then go to all of these: */
	cpu_set_t cpus;
};

/* Our cpuset limits the targets of migration, since the kernel allocates them in the writer's name. */
static bool cpuset_is_limited(struct mo_ctx *ctx)
{
	struct mo_nodeset allowed, present;

	return !mo_nodeset_read(ctx, "has_memory", &present) && !mo_nodeset_allowed(ctx, "self", &allowed) &&
	       !mo_nodeset_is_subset(&present, &allowed);
}

/* Version 2, then version 1. */
static int open_root_cgroup(struct mo_ctx *ctx)
{
	int fd = mo_open(ctx, O_WRONLY, "/sys/fs/cgroup/cgroup.procs");

	return fd >= 0 ? fd : mo_open(ctx, O_WRONLY, "/sys/fs/cgroup/cpuset/tasks");
}

int mo_worker_open_cpuset(struct mo_ctx *ctx)
{
	return cpuset_is_limited(ctx) ? open_root_cgroup(ctx) : -1;
}

void mo_worker_leave_cpuset(struct mo_ctx *ctx)
{
	int fd = mo_worker_open_cpuset(ctx);

	if (fd < 0)
		return;
	if (write(fd, "0", 1) < 0)
		mo_log(ctx, MO_LOG_INFO, "the root cpuset can't be entered: %s", strerror(errno));
	close(fd);
}

const char *mo_worker_cpuset_problem(struct mo_ctx *ctx)
{
	int fd;

	if (!cpuset_is_limited(ctx))
		return "";
	fd = open_root_cgroup(ctx);
	if (fd < 0)
		return "the cpuset of this process leaves out nodes with memory, and the root cpuset can't be entered: "
		       "pages may find no target; run it from the root cpuset";
	close(fd);
	return "";
}

void mo_worker_keep_only(int a, int b)
{
	for (int fd = STDERR_FILENO + 1; fd <= a || fd <= b; fd++)
		if (fd != a && fd != b)
			close(fd);
	close_range((unsigned int)((a > b ? a : b) < STDERR_FILENO ? STDERR_FILENO : a > b ? a : b) + 1, ~0U, 0);
}

/* ---- a process ---- */

/* Only async-signal-safe calls: the caller may have threads. */
static void __attribute__((noreturn)) run_worker(pid_t parent, mo_worker_fn *fn, void *data)
{
	sigset_t all;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EINTR);
	/* Any signal that is not blocked would end the kernel's loop: only the deadline's SIGKILL shall. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	_exit(-fn(data));
}

static int fork_worker(struct mo_worker *worker, mo_worker_fn *fn, void *data)
{
	pid_t parent = getpid();

	worker->pid = fork();
	if (worker->pid < 0)
		return -errno;
	if (!worker->pid)
		run_worker(parent, fn, data);
	worker->fd = pidfd_open(worker->pid, 0);
	if (worker->fd >= 0)
		return 0;
	kill(worker->pid, SIGKILL);
	waitpid(worker->pid, NULL, 0);
	return -errno;
}

int mo_worker_run(mo_worker_fn *fn, void *data, struct mo_worker **out)
{
	struct mo_worker *worker = calloc(1, sizeof(*worker));
	int err;

	if (!worker)
		return -ENOMEM;
	err = fork_worker(worker, fn, data);
	if (err)
		free(worker);
	else
		*out = worker;
	return err;
}

static int finish_process(const struct mo_worker *worker)
{
	int status = 0;

	while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

/* ---- a thread ---- */

static void *run_thread(void *data)
{
	struct mo_worker *worker = data;

	if (worker->began_here)
		pthread_setaffinity_np(pthread_self(), sizeof(worker->cpus), &worker->cpus);
	worker->err = worker->fn(worker->data);
	eventfd_write(worker->fd, 1);
	return NULL;
}

/* Where we are, who only wait from now on: it would begin beside somebody who is at work. */
static void begin_here(struct mo_worker *worker, pthread_attr_t *attr)
{
	int cpu = sched_getcpu();
	cpu_set_t here;

	if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof(worker->cpus), &worker->cpus))
		return;
	CPU_ZERO(&here);
	CPU_SET(cpu, &here);
	worker->began_here = !pthread_attr_setaffinity_np(attr, sizeof(here), &here);
}

/* Signals are for the caller's own threads. */
static int start_thread(struct mo_worker *worker)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int err;

	worker->fd = eventfd(0, EFD_CLOEXEC);
	if (worker->fd < 0)
		return -errno;
	pthread_attr_init(&attr);
	begin_here(worker, &attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&worker->thread, &attr, run_thread, worker);
	if (err && worker->began_here) {	/* that processor has gone meanwhile, or is not ours to choose */
		worker->began_here = false;
		err = pthread_create(&worker->thread, NULL, run_thread, worker);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (err)
		close(worker->fd);
	return -err;
}

int mo_worker_run_thread(mo_worker_fn *fn, void (*stop)(void *data), void *data, struct mo_worker **out)
{
	struct mo_worker *worker = calloc(1, sizeof(*worker));
	int err;

	if (!worker)
		return -ENOMEM;
	*worker = (struct mo_worker){ .fn = fn, .stop = stop, .data = data };
	err = start_thread(worker);
	if (err)
		free(worker);
	else
		*out = worker;
	return err;
}

static int finish_thread(const struct mo_worker *worker)
{
	pthread_join(worker->thread, NULL);
	return worker->err;
}

/* ---- either ---- */

int mo_worker_fd(const struct mo_worker *worker)
{
	return worker->fd;
}

int mo_worker_finish(struct mo_worker *worker)
{
	int err = worker->pid ? finish_process(worker) : finish_thread(worker);

	close(worker->fd);
	free(worker);
	return err;
}

enum mo_reason mo_worker_watch(const struct mo_worker *worker, int stop_fd, uint64_t until_ms, void (*tick)(void *data),
			       void *data)
{
	struct pollfd fds[2] = { { .fd = worker->fd, .events = POLLIN }, { .fd = stop_fd, .events = POLLIN } };

	for (;;) {
		if (poll(fds, 2, TICK_MS) < 0 && errno != EINTR)
			return MO_REASON_INTERRUPTED;
		if (fds[0].revents)
			return MO_REASON_NONE;
		if (fds[1].revents)
			return MO_REASON_INTERRUPTED;
		if (until_ms && mo_now_ms() > until_ms)
			return MO_REASON_DEADLINE;
		if (tick)
			tick(data);
	}
}

/* A thread that hangs keeps what it was given. */
static void abandon(struct mo_worker *worker)
{
	if (!worker->pid) {
		pthread_detach(worker->thread);
		return;
	}
	close(worker->fd);
	free(worker);
}

static int end_within(struct mo_worker *worker, uint32_t limit_ms, bool *abandoned)
{
	struct pollfd ended = { .fd = worker->fd, .events = POLLIN };
	uint64_t until_ms = mo_now_ms() + limit_ms, now;
	int n;

	if (worker->pid)
		kill(worker->pid, SIGKILL);
	else
		worker->stop(worker->data);
	do {
		now = mo_now_ms();
		n = poll(&ended, 1, now < until_ms ? (int)(until_ms - now) : 0);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return mo_worker_finish(worker);
	*abandoned = true;
	abandon(worker);
	return -EINTR;
}

int mo_worker_end(struct mo_worker *worker, bool *abandoned)
{
	return end_within(worker, LET_GO_MS, abandoned);
}

void mo_worker_drop(struct mo_worker *worker)
{
	bool abandoned;

	end_within(worker, DROP_MS, &abandoned);
}
