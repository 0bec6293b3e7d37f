// SPDX-License-Identifier: GPL-2.0-only
/* Files that are written as a whole, or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "out.h"

/* Closes. 0 or negative errno. */
static int fill(int fd, bool is_regular, file_fn *fn, const void *data)
{
	FILE *file = fdopen(fd, "w");
	int err = 0;

	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	errno = 0;
	fn(file, data);
	if (fflush(file) || ferror(file))
		err = errno ? -errno : -EIO;
	if (!err && is_regular && fsync(fd))
		err = -errno;
	if (fclose(file) && !err)
		err = -errno;
	return err;
}

/* As a file made by others would have it. */
static mode_t usual_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

/* PATH is no link. */
static int replace(const char *path, mode_t mode, file_fn *fn, const void *data)
{
	char *temporary;
	int fd, err;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		out_of_memory();
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		free(temporary);
		return err;
	}
	err = fchmod(fd, mode) ? -errno : 0;
	if (err)
		close(fd);
	else
		err = fill(fd, true, fn, data);
	if (!err && rename(temporary, path))
		err = -errno;
	if (err)
		unlink(temporary);
	free(temporary);
	return err;
}

/* What is no file (a pipe, a terminal) can't be replaced; what a link in /proc leads to may have no path at all. */
static int write_path(const char *path, mode_t mode, file_fn *fn, const void *data)
{
	struct stat old;
	char *target;
	int fd, err;

	if (stat(path, &old))
		return errno == ENOENT ? replace(path, mode ? mode : usual_mode(), fn, data) : -errno;
	if (!S_ISREG(old.st_mode)) {
		fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		return fd < 0 ? -errno : fill(fd, false, fn, data);
	}
	target = realpath(path, NULL);
	if (!target)
		return -errno;
	err = replace(target, mode ? mode : old.st_mode & 07777, fn, data);
	free(target);
	return err;
}

int file_write(const char *path, mode_t mode, file_fn *fn, const void *data)
{
	int err;

	if (!strcmp(path, "-")) {
		fn(stdout, data);
		return EXIT_SUCCESS;
	}
	err = write_path(path, mode, fn, data);
	if (!err)
		return EXIT_SUCCESS;
	tell("can't write %s: %s; nothing there was changed", path, strerror(-err));
	return EXIT_FAILURE;
}
