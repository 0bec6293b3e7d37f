// SPDX-License-Identifier: LGPL-2.1-or-later
/* The run directory, and the lock in it: one memoffline at a time. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "private.h"

#define FOUND 1

int mo_run_dir_make(struct mo_ctx *ctx)
{
	const char *dir = mo_run_dir(ctx);
	int err;

	if (!mkdir(dir, 0700) || errno == EEXIST)
		return 0;
	err = -errno;
	if (err == -EACCES || err == -EPERM)
		return mo_error(ctx, err, "can't make %s: changing memory needs root; run it as root", dir);
	return mo_error(ctx, err, "can't make %s for lock and journal: %s; make room there and try again", dir,
			strerror(-err));
}

int mo_run_path(struct mo_ctx *ctx, char *path, size_t size, const char *name)
{
	return snprintf(path, size, "%s/%s", mo_run_dir(ctx), name) < (int)size ? 0 : -ENAMETOOLONG;
}

int mo_run_open(struct mo_ctx *ctx, int flags, const char *name)
{
	char path[PATH_MAX];
	int fd;

	if (mo_run_dir_is_recorded(ctx))
		return mo_open(ctx, flags, "%s/%s", mo_run_dir(ctx), name);
	if (mo_run_path(ctx, path, sizeof(path), name))
		return -ENAMETOOLONG;
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

struct mo_lock {
	int fd;
};

/* Who only waits for the lock has the file open as well. */
static bool is_locked(struct mo_ctx *ctx, pid_t pid, uint32_t fd)
{
	char *text;
	bool locked;

	if (mo_read_file(ctx, &text, NULL, "/proc/%d/fdinfo/%u", pid, fd))
		return false;
	locked = strstr(text, "FLOCK");
	free(text);
	return locked;
}

struct heir_search {
	struct mo_ctx *ctx;
	struct stat file;
	pid_t pid;	/* who is looked at; in the end, who was found */
};

static int look_at_descriptor(void *data, uint32_t number)
{
	const struct heir_search *search = data;
	int fd = mo_open(search->ctx, O_PATH, "/proc/%d/fd/%u", search->pid, number);
	struct stat st;
	bool same;

	if (fd < 0)
		return 0;
	same = !fstat(fd, &st) && st.st_dev == search->file.st_dev && st.st_ino == search->file.st_ino;
	close(fd);
	return same && is_locked(search->ctx, search->pid, number) ? FOUND : 0;
}

static int look_at_pid(void *data, uint32_t pid)
{
	struct heir_search *search = data;

	search->pid = (pid_t)pid;
	if (search->pid == getpid())
		return 0;
	return mo_numbers_each(search->ctx, look_at_descriptor, search, "/proc/%u/fd", pid) == FOUND ? FOUND : 0;
}

/* The process that shares the open file with the one that took the lock: 0 when there is none. */
static pid_t find_heir(struct mo_ctx *ctx, int fd)
{
	struct heir_search search = { .ctx = ctx };

	if (fstat(fd, &search.file) || mo_pid_each(ctx, look_at_pid, &search) != FOUND)
		return 0;
	return search.pid;
}

/* A command that was killed leaves its lock to the worker, of which the kernel may not let go. */
static int heir_error(struct mo_ctx *ctx, pid_t dead, pid_t heir, const char *what)
{
	return mo_error(ctx, -EALREADY, "process %d (%s) was killed, but its worker, process %d, still holds the lock: the kernel "
			"does not let go of it yet; wait for that (--wait), then use 'memoffline offline --undo' or '--resume'",
			dead, what, heir);
}

/* The lock file says "PID WHAT"; a text that can't be read is no reason to fail. */
static int busy_error(struct mo_ctx *ctx, int fd)
{
	char holder[256];
	ssize_t len = pread(fd, holder, sizeof(holder) - 1, 0);
	pid_t heir;
	char *what;

	holder[len > 0 ? len : 0] = '\0';
	holder[strcspn(holder, "\n")] = '\0';
	what = strchr(holder, ' ');
	if (!what)
		return mo_error(ctx, -EALREADY, "another memoffline is at work; wait for it (--wait) or stop it");
	*what++ = '\0';
	if (atoi(holder) > 0 && kill(atoi(holder), 0) && errno == ESRCH) {
		heir = find_heir(ctx, fd);
		if (heir)
			return heir_error(ctx, atoi(holder), heir, what);
	}
	return mo_error(ctx, -EALREADY, "another memoffline is at work: process %s, %s; wait for it (--wait) or stop it "
			"(kill %s)", holder, what, holder);
}

/*
 * A lock of flock(2) belongs to the open file, which a child shares: a child that blocks in flock() for us can be
 * waited for by poll(2), together with stop_fd and the deadline.
 */
static int wait_for_lock(int fd, uint32_t wait_ms, int stop_fd)
{
	struct pollfd fds[2] = { { .events = POLLIN }, { .fd = stop_fd, .events = POLLIN } };
	int status = 0, n, err = 0;
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		_exit(flock(fd, LOCK_EX) ? 1 : 0);
	}
	fds[0].fd = pidfd_open(pid, 0);
	do
		n = poll(fds, 2, wait_ms > INT_MAX ? -1 : (int)wait_ms);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		err = -EALREADY;
	else if (fds[1].revents)
		err = -EINTR;
	if (err)
		kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(fds[0].fd);
	if (!err && (!WIFEXITED(status) || WEXITSTATUS(status)))
		err = -EALREADY;
	return err;
}

static void name_holder(int fd, const char *what)
{
	char line[256];
	int len = snprintf(line, sizeof(line), "%d %s\n", getpid(), what);

	/* Only for messages: a full file system must not stop us here. */
	if (ftruncate(fd, 0) ||
	    pwrite(fd, line, (size_t)(len < (int)sizeof(line) ? len : (int)sizeof(line) - 1), 0) < 0)
		return;
}

int mo_lock_take(struct mo_ctx *ctx, const char *what, uint32_t wait_ms, int stop_fd, struct mo_lock **out)
{
	struct mo_lock *lock;
	char path[512];
	int err = mo_run_dir_make(ctx);

	if (err)
		return err;
	if (mo_run_path(ctx, path, sizeof(path), "lock"))
		return mo_error(ctx, -ENAMETOOLONG, "the run directory's name is too long: %s", mo_run_dir(ctx));
	lock = malloc(sizeof(*lock));
	if (!lock)
		return mo_error(ctx, -ENOMEM, "no memory for the lock");
	lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock->fd < 0) {
		err = mo_error(ctx, -errno, "can't open the lock %s: %s; run it as root, make room there, or name another "
			       "run directory", path, strerror(errno));
		goto free_lock;
	}
	err = flock(lock->fd, LOCK_EX | LOCK_NB) ? -EALREADY : 0;
	if (err && wait_ms)
		err = wait_for_lock(lock->fd, wait_ms, stop_fd);
	if (err) {
		err = err == -EINTR ? mo_error(ctx, err, "stopped while waiting for another memoffline; nothing was changed")
				    : busy_error(ctx, lock->fd);
		goto close_fd;
	}
	name_holder(lock->fd, what);
	*out = lock;
	return 0;

close_fd:
	close(lock->fd);
free_lock:
	free(lock);
	return err;
}

void mo_lock_drop(struct mo_lock *lock)
{
	if (!lock)
		return;
	/* Explicitly, since a worker that the kernel does not let go of still shares the open file. */
	flock(lock->fd, LOCK_UN);
	close(lock->fd);
	free(lock);
}

bool mo_lock_is_held(struct mo_ctx *ctx)
{
	char path[512];
	bool held;
	int fd;

	if (mo_run_path(ctx, path, sizeof(path), "lock"))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	held = flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
	close(fd);
	return held;
}
