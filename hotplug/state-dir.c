// SPDX-License-Identifier: LGPL-2.1-or-later
/* The state directory, for files that several processes write: who writes, or renames, holds a lock on it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "private.h"

#define LOCK_MS 5000

int mo_state_dir_open(struct mo_ctx *ctx, bool make)
{
	const char *dir = mo_state_dir(ctx);
	int fd;

	if (!*dir)
		return -ENOENT;
	if (mo_ctx_get_sysroot(ctx))	/* where no link may lead out */
		return mo_open(ctx, O_RDONLY | O_DIRECTORY, "%s", dir);
	if (make && mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int mo_state_dir_lock(int dir_fd, int how)
{
	const struct timespec nap = { .tv_nsec = 2000000 };
	uint64_t until_ms = mo_now_ms() + LOCK_MS;

	while (flock(dir_fd, how | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (mo_now_ms() >= until_ms)
			return -ETIMEDOUT;
		nanosleep(&nap, NULL);
	}
	return 0;
}
