// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Another program: it gets a text to read, its output is heard, and its time is limited. It leads a process group, so
 * that all of it can be ended; what left the group, or outlives its leader, is not waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "private.h"

#define TERM_MS 2000		/* from SIGTERM to SIGKILL */
#define LET_GO_MS 10000		/* for the kernel to end what was killed */
#define DRAIN_BYTES (64 << 10)	/* what a pipe holds: more was written by somebody who lives on */

struct run {
	struct mo_program *program;
	pid_t pid;
	int pidfd;
	int input_fd;		/* a file: who reads nothing of it neither blocks us nor sends a signal */
	int output_fd;		/* -1: it was closed at its other end */
	int child_fd;		/* that end */
};

/* Away from the standard streams, which one of them may be where the caller has closed those. Takes FD. */
static int raise_fd(int fd)
{
	int higher, err;

	if (fd < 0)
		return -errno;
	if (fd > STDERR_FILENO)
		return fd;
	higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	err = -errno;
	close(fd);
	return higher < 0 ? err : higher;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int make_input(struct run *run)
{
	size_t len = strlen(run->program->input);

	run->input_fd = raise_fd(memfd_create("memoffline", MFD_CLOEXEC));
	if (run->input_fd < 0)
		return run->input_fd;
	if (write(run->input_fd, run->program->input, len) != (ssize_t)len)
		return -ENOSPC;
	return lseek(run->input_fd, 0, SEEK_SET) ? -errno : 0;
}

static int make_output(struct run *run)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	run->output_fd = raise_fd(fds[0]);
	run->child_fd = raise_fd(fds[1]);
	if (run->output_fd < 0 || run->child_fd < 0)
		return -EMFILE;
	return fcntl(run->output_fd, F_SETFL, O_NONBLOCK) ? -errno : 0;
}

static int spawn(struct run *run)
{
	const struct mo_program *program = run->program;
	char *const argv[] = {
		(char *)program->path, (char *)program->words[0], (char *)program->words[1], NULL,
	};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int err;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawn_file_actions_init(&actions);
	err = posix_spawn_file_actions_adddup2(&actions, run->input_fd, STDIN_FILENO) ||
	      posix_spawn_file_actions_adddup2(&actions, run->child_fd, STDOUT_FILENO) ||
	      posix_spawn_file_actions_adddup2(&actions, run->child_fd, STDERR_FILENO) ||
	      posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1) ||
	      posix_spawn_file_actions_addchdir_np(&actions, "/") ? ENOMEM : 0;
	if (!err)
		err = posix_spawn(&run->pid, program->path, &actions, &attr, argv, program->environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return -err;
}

static int start(struct run *run)
{
	int err = make_input(run);

	if (!err)
		err = make_output(run);
	if (!err)
		err = spawn(run);
	close_fd(&run->child_fd);
	if (err)
		return err;
	run->pidfd = pidfd_open(run->pid, 0);
	if (run->pidfd >= 0)
		return 0;
	err = -errno;
	kill(-run->pid, SIGKILL);
	waitpid(run->pid, NULL, 0);
	return err;
}

/* What has no room is read all the same, so that nobody is held up. False: there is nothing now. */
static bool listen(struct run *run)
{
	struct mo_program *program = run->program;
	size_t room = sizeof(program->output) - program->len;
	char chunk[4096];
	ssize_t len = run->output_fd < 0 ? -1 : read(run->output_fd, chunk, sizeof(chunk));

	if (!len)
		close_fd(&run->output_fd);
	if (len <= 0)
		return false;
	program->is_cut |= (size_t)len > room;
	room = (size_t)len < room ? (size_t)len : room;
	memcpy(program->output + program->len, chunk, room);
	program->len += room;
	return true;
}

/* Till it ends (NONE), or why it has to be ended. */
static enum mo_reason watch(struct run *run, uint64_t until_ms, int stop_fd)
{
	uint64_t now;

	while ((now = mo_now_ms()) < until_ms) {
		struct pollfd fds[] = {
			{ .fd = run->pidfd, .events = POLLIN }, { .fd = stop_fd, .events = POLLIN },
			{ .fd = run->output_fd, .events = POLLIN },
		};

		if (poll(fds, ARRAY_SIZE(fds), (int)(until_ms - now)) < 0 && errno != EINTR)
			return MO_REASON_INTERRUPTED;
		if (fds[0].revents)
			return MO_REASON_NONE;
		if (fds[1].revents)
			return MO_REASON_INTERRUPTED;
		if (fds[2].revents)
			listen(run);
	}
	return MO_REASON_DEADLINE;
}

/* While its leader was not waited for, the group's number is nobody else's. */
static void end_group(struct run *run)
{
	kill(-run->pid, SIGTERM);
	watch(run, mo_now_ms() + TERM_MS, -1);
	kill(-run->pid, SIGKILL);
	watch(run, mo_now_ms() + LET_GO_MS, -1);
}

static int collect(struct run *run)
{
	siginfo_t info = { .si_pid = 0 };

	for (size_t len = 0; len < DRAIN_BYTES && listen(run); len += 4096)
		;
	if (waitid(P_PIDFD, (id_t)run->pidfd, &info, WEXITED | WNOHANG))
		return -errno;
	run->program->status = info.si_pid && info.si_code == CLD_EXITED ? info.si_status : -1;
	run->program->signal = info.si_pid && info.si_code != CLD_EXITED ? info.si_status : 0;
	return 0;
}

int mo_program_run(struct mo_program *program)
{
	struct run run = { .program = program, .pidfd = -1, .input_fd = -1, .output_fd = -1, .child_fd = -1 };
	int err;

	program->len = 0;
	program->is_cut = false;
	program->ended_by = MO_REASON_NONE;
	err = start(&run);
	if (!err) {
		program->ended_by = watch(&run, mo_now_ms() + program->limit_ms, program->stop_fd);
		if (program->ended_by != MO_REASON_NONE)
			end_group(&run);
		err = collect(&run);
	}
	close_fd(&run.pidfd);
	close_fd(&run.input_fd);
	close_fd(&run.output_fd);
	return err;
}
