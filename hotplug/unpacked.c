// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An archive as a folder of its own, for as long as it is looked at. A process makes the folder, waits at the other end
 * of a pair of sockets, and removes the folder when that closes: at the end, and also when whoever looks is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "private.h"

struct mo_unpacked {
	int fd;			/* our end */
	pid_t remover;
	char dir[PATH_MAX];
};

/* What the process tells first. */
struct made {
	int error;		/* errno, or 0 and: */
	char dir[PATH_MAX];
};

static int remove_one(const char *path, const struct stat *file, int type, struct FTW *at)
{
	(void)file;
	(void)type;
	(void)at;
	remove(path);
	return 0;
}

/* Of a session of its own, which no Ctrl-C reaches. No descriptor of the caller stays open here. */
static void __attribute__((noreturn)) run_remover(const char *pattern, int fd)
{
	struct made made = { 0 };
	char byte;

	setsid();
	dup2(fd, STDIN_FILENO);
	close_range(STDIN_FILENO + 1, UINT_MAX, 0);
	strcpy(made.dir, pattern);
	if (!mkdtemp(made.dir))
		made.error = errno;
	send(STDIN_FILENO, &made, sizeof(made), MSG_NOSIGNAL);
	while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR)
		;
	if (!made.error)
		nftw(made.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	_exit(0);
}

static int start_remover(struct mo_unpacked *unpacked)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	unpacked->remover = fork();
	if (!unpacked->remover) {
		close(fds[1]);
		run_remover(unpacked->dir, fds[0]);
	}
	close(fds[0]);
	if (unpacked->remover < 0) {
		close(fds[1]);
		return -EAGAIN;
	}
	unpacked->fd = fds[1];
	return 0;
}

static void end_remover(const struct mo_unpacked *unpacked)
{
	close(unpacked->fd);
	while (waitpid(unpacked->remover, NULL, 0) < 0 && errno == EINTR)
		;
}

static int await_made(struct mo_unpacked *unpacked)
{
	struct made made;
	ssize_t len;

	do
		len = recv(unpacked->fd, &made, sizeof(made), 0);
	while (len < 0 && errno == EINTR);
	if (len == sizeof(made) && !made.error) {
		memcpy(unpacked->dir, made.dir, sizeof(unpacked->dir));
		return 0;
	}
	end_remover(unpacked);
	return len == sizeof(made) ? -made.error : -ECHILD;
}

/* What is large belongs into /var/tmp: /tmp may well be memory. */
static int make_dir(struct mo_unpacked *unpacked)
{
	const char *parent = getenv("TMPDIR");
	int err;

	if (!parent || *parent != '/')
		parent = "/var/tmp";
	if (snprintf(unpacked->dir, sizeof(unpacked->dir), "%s/memoffline.XXXXXX", parent) >= (int)sizeof(unpacked->dir))
		return -ENAMETOOLONG;
	err = start_remover(unpacked);
	return err ? err : await_made(unpacked);
}

static int fill_dir(struct mo_ctx *ctx, const struct mo_unpacked *unpacked, const char *path)
{
	int dir_fd = open(unpacked->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = dir_fd < 0 || fd < 0 ? -errno : 0;
	char why[512];

	if (!err)
		err = mo_archive_unpack(ctx, fd, dir_fd, why, sizeof(why));
	if (dir_fd >= 0)
		close(dir_fd);
	if (fd >= 0)
		close(fd);
	if (err == -EBADMSG)
		return mo_error(ctx, err, "can't use %s as sysroot: %s; name a directory that holds a copy of /sys and /proc, or "
				"what 'memoffline bundle' wrote", path, why);
	if (err && err != -ELIBACC)
		return mo_error(ctx, err, "can't unpack %s to %s: %s; see that there is room, or name another place in TMPDIR",
				path, unpacked->dir, strerror(-err));
	return err;
}

int mo_unpacked_new(struct mo_ctx *ctx, const char *path, struct mo_unpacked **out)
{
	struct mo_unpacked *unpacked = calloc(1, sizeof(*unpacked));
	int err;

	if (!unpacked)
		return mo_error(ctx, -ENOMEM, "no memory to unpack %s; free some and try again", path);
	err = make_dir(unpacked);
	if (err) {
		mo_error(ctx, err, "can't make a folder for what is in %s (%s): %s; name another place in TMPDIR", path,
			 unpacked->dir, strerror(-err));
		free(unpacked);
		return err;
	}
	err = fill_dir(ctx, unpacked, path);
	if (err)
		mo_unpacked_remove(unpacked);
	else
		*out = unpacked;
	return err;
}

const char *mo_unpacked_dir(const struct mo_unpacked *unpacked)
{
	return unpacked->dir;
}

void mo_unpacked_remove(struct mo_unpacked *unpacked)
{
	if (!unpacked)
		return;
	end_remover(unpacked);
	free(unpacked);
}
