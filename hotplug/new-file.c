// SPDX-License-Identifier: LGPL-2.1-or-later
/* A file that has its name when it is complete and on disk: whatever ends us before, no half of it is left. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "private.h"

struct mo_new_file {
	struct mo_ctx *ctx;
	int fd;
	int dir_fd;		/* -1: it is written as it stands */
	bool is_nameless;	/* so that it goes away by itself */
	char *name;
	char temp[32];		/* the other name, of one that is not */
	char path[PATH_MAX];	/* for messages, and without links */
};

static int file_error(struct mo_new_file *file, int err)
{
	return mo_error(file->ctx, err, "can't write %s: %s; %s", file->path, strerror(-err),
			err == -ENOSPC || err == -EDQUOT ? "make room there" : "name another place");
}

/* A file system without files that have no name gets one with another name. */
static int make(struct mo_new_file *file)
{
	file->fd = openat(file->dir_fd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	file->is_nameless = file->fd >= 0;
	snprintf(file->temp, sizeof(file->temp), ".memoffline.%d", getpid());
	if (file->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		file->fd = openat(file->dir_fd, file->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return file->fd < 0 ? -errno : 0;
}

static int open_new(struct mo_new_file *file)
{
	char *slash = strrchr(file->path, '/');

	file->name = slash ? slash + 1 : file->path;
	if (!*file->name)
		return -EISDIR;
	if (slash)
		*slash = '\0';
	file->dir_fd = open(!slash ? "." : *file->path ? file->path : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (slash)
		*slash = '/';
	return file->dir_fd < 0 ? -errno : make(file);
}

/* A device or a pipe must not be replaced by a file. */
static int open_any(struct mo_new_file *file, const char *path)
{
	char real[PATH_MAX];
	struct stat old;

	if (snprintf(file->path, sizeof(file->path), "%s", realpath(path, real) ? real : path) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (stat(file->path, &old) || S_ISREG(old.st_mode))
		return open_new(file);
	file->fd = open(file->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	return file->fd < 0 ? -errno : 0;
}

static void free_file(struct mo_new_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	if (file->dir_fd >= 0)
		close(file->dir_fd);
	mo_ctx_unref(file->ctx);
	free(file);
}

int mo_new_file_open(struct mo_ctx *ctx, const char *path, struct mo_new_file **out)
{
	struct mo_new_file *file = calloc(1, sizeof(*file));
	int err;

	if (!file)
		return mo_error(ctx, -ENOMEM, "no memory for %s; free some and try again", path);
	file->ctx = mo_ctx_ref(ctx);
	file->fd = file->dir_fd = -1;
	err = open_any(file, path);
	if (err) {
		file_error(file, err);
		free_file(file);
		return err;
	}
	*out = file;
	return 0;
}

int mo_new_file_fd(const struct mo_new_file *file)
{
	return file->fd;
}

static int give_name(struct mo_new_file *file)
{
	char link[32];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", file->fd);
	if (file->is_nameless && linkat(AT_FDCWD, link, file->dir_fd, file->temp, AT_SYMLINK_FOLLOW))
		return -errno;
	file->is_nameless = false;
	if (renameat(file->dir_fd, file->temp, file->dir_fd, file->name))
		return -errno;
	return fsync(file->dir_fd) && errno != EINVAL ? -errno : 0;
}

int mo_new_file_end(struct mo_new_file *file, bool complete)
{
	int err = 0;

	if (complete && file->dir_fd >= 0) {
		err = fsync(file->fd) ? -errno : give_name(file);
		if (err)
			file_error(file, err);
	}
	if ((err || !complete) && file->dir_fd >= 0 && !file->is_nameless)
		unlinkat(file->dir_fd, file->temp, 0);
	free_file(file);
	return err;
}
