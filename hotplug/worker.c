// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A call of the kernel in a process of its own. The kernel may loop in a write to sysfs for ever, and while it waits
 * for the hotplug lock it looks at no signal but SIGKILL: only a process that can be killed makes a deadline hold.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "private.h"

#define LET_GO_MS 10000	/* for the kernel to end a worker that was killed */
#define DROP_MS 200	/* the same, where nothing depends on it */

struct mo_worker {
	pid_t pid;
	int pidfd;
};

/* Nodes of a list such as "0-1,3"; nodes beyond 1023 do not exist in Linux. */
static void parse_nodes(const char *list, bool nodes[1024])
{
	unsigned int first, last;
	int used;

	memset(nodes, 0, 1024 * sizeof(*nodes));
	while (sscanf(list, "%u%n", &first, &used) == 1) {
		list += used;
		last = first;
		if (*list == '-' && sscanf(list + 1, "%u%n", &last, &used) == 1)
			list += used + 1;
		for (; first <= last && first < 1024; first++)
			nodes[first] = true;
		if (*list++ != ',')
			break;
	}
}

/* Our cpuset limits the targets of migration, since the kernel allocates them in the writer's name. */
static bool cpuset_is_limited(struct mo_ctx *ctx)
{
	bool allowed[1024], present[1024];
	char list[4096], *status, *line;
	size_t i;

	if (mo_read_text(ctx, list, sizeof(list), "/sys/devices/system/node/has_memory") < 0)
		return false;
	parse_nodes(list, present);
	if (mo_read_file(ctx, &status, NULL, "/proc/self/status"))
		return false;
	line = strstr(status, "Mems_allowed_list:");
	if (line)
		parse_nodes(line + strcspn(line, "0123456789\n"), allowed);
	free(status);
	if (!line)
		return false;
	for (i = 0; i < ARRAY_SIZE(present); i++)
		if (present[i] && !allowed[i])
			return true;
	return false;
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
	worker->pidfd = pidfd_open(worker->pid, 0);
	if (worker->pidfd >= 0)
		return 0;
	kill(worker->pid, SIGKILL);
	waitpid(worker->pid, NULL, 0);
	return -errno;
}

int mo_worker_run(mo_worker_fn *fn, void *data, struct mo_worker **out)
{
	struct mo_worker *worker = malloc(sizeof(*worker));
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

int mo_worker_fd(const struct mo_worker *worker)
{
	return worker->pidfd;
}

int mo_worker_finish(struct mo_worker *worker)
{
	int status = 0, err;

	while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR)
		;
	err = WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
	close(worker->pidfd);
	free(worker);
	return err;
}

static int end_within(struct mo_worker *worker, uint32_t limit_ms, bool *abandoned)
{
	struct pollfd ended = { .fd = worker->pidfd, .events = POLLIN };
	uint64_t until_ms = mo_now_ms() + limit_ms, now;
	int n;

	kill(worker->pid, SIGKILL);
	do {
		now = mo_now_ms();
		n = poll(&ended, 1, now < until_ms ? (int)(until_ms - now) : 0);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return mo_worker_finish(worker);
	*abandoned = true;
	close(worker->pidfd);
	free(worker);
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
