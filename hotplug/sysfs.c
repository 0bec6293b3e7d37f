// SPDX-License-Identifier: LGPL-2.1-or-later
/* Access to sysfs and proc below the sysroot. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "private.h"

/* Relative to the root's handle: a path that begins with "/" would leave the sysroot. */
static int format_path(char path[PATH_MAX], const char *fmt, va_list args)
{
	char absolute[PATH_MAX];
	int len = vsnprintf(absolute, sizeof(absolute), fmt, args);

	if (len < 0 || len >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(path, absolute + strspn(absolute, "/"), (size_t)len + 1 - strspn(absolute, "/"));
	return 0;
}

/* A recorded tree may come from anybody: its links lead to what is in it, and nowhere else. */
static int open_below(struct mo_ctx *ctx, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT };
	int fd;

	if (!mo_ctx_get_sysroot(ctx)) {
		fd = openat(mo_root_fd(ctx), path, flags | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	do	/* EAGAIN: somebody renamed something while a ".." was followed */
		fd = (int)syscall(SYS_openat2, mo_root_fd(ctx), path, &how, sizeof(how));
	while (fd < 0 && errno == EAGAIN);
	return fd < 0 ? -errno : fd;
}

static int open_path(struct mo_ctx *ctx, int flags, const char *fmt, va_list args)
{
	char path[PATH_MAX];
	int err = format_path(path, fmt, args);

	return err ? err : open_below(ctx, path, flags);
}

int mo_open(struct mo_ctx *ctx, int flags, const char *fmt, ...)
{
	va_list args;
	int fd;

	va_start(args, fmt);
	fd = open_path(ctx, flags, fmt, args);
	va_end(args);
	return fd;
}

static DIR *open_folder(struct mo_ctx *ctx, const char *fmt, va_list args)
{
	int fd = open_path(ctx, O_RDONLY | O_DIRECTORY, fmt, args);
	DIR *dir;

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	dir = fdopendir(fd);
	if (!dir)
		close(fd);
	return dir;
}

DIR *mo_opendir(struct mo_ctx *ctx, const char *fmt, ...)
{
	va_list args;
	DIR *dir;

	va_start(args, fmt);
	dir = open_folder(ctx, fmt, args);
	va_end(args);
	return dir;
}

bool mo_name_number(const char *name, const char *prefix, uint32_t *number)
{
	size_t len = strlen(prefix);
	uint64_t value = 0;
	const char *digit;

	if (strncmp(name, prefix, len) || !name[len] || (name[len] == '0' && name[len + 1]))
		return false;
	for (digit = name + len; *digit; digit++) {
		if (*digit < '0' || *digit > '9')
			return false;
		value = value * 10 + (uint64_t)(*digit - '0');
		if (value >= UINT32_MAX)
			return false;
	}
	*number = (uint32_t)value;
	return true;
}

int mo_numbers_each(struct mo_ctx *ctx, mo_number_fn *fn, void *data, const char *fmt, ...)
{
	struct dirent *entry;
	uint32_t number;
	va_list args;
	int err = 0;
	DIR *dir;

	va_start(args, fmt);
	dir = open_folder(ctx, fmt, args);
	va_end(args);
	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir)))
		if (mo_name_number(entry->d_name, "", &number))
			err = fn(data, number);
	closedir(dir);
	return err;
}

int mo_pid_each(struct mo_ctx *ctx, mo_number_fn *fn, void *data)
{
	return mo_numbers_each(ctx, fn, data, "/proc");
}

bool mo_exists(struct mo_ctx *ctx, const char *fmt, ...)
{
	va_list args;
	int fd;

	va_start(args, fmt);
	fd = open_path(ctx, O_PATH, fmt, args);
	va_end(args);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size) {
		n = read(fd, buf + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static ssize_t read_text(struct mo_ctx *ctx, char *text, size_t size, const char *fmt, va_list args)
{
	int fd = open_path(ctx, O_RDONLY, fmt, args);
	ssize_t len;

	if (fd < 0)
		return fd;
	len = read_all(fd, text, size - 1);
	close(fd);
	if (len < 0)
		return len;
	while (len && strchr(" \t\n", text[len - 1]))
		len--;
	text[len] = '\0';
	return len;
}

ssize_t mo_read_text(struct mo_ctx *ctx, char *text, size_t size, const char *fmt, ...)
{
	va_list args;
	ssize_t len;

	va_start(args, fmt);
	len = read_text(ctx, text, size, fmt, args);
	va_end(args);
	return len;
}

int mo_read_u64(struct mo_ctx *ctx, int base, uint64_t *value, const char *fmt, ...)
{
	char text[32], *end;
	va_list args;
	ssize_t len;
	uint64_t v;

	va_start(args, fmt);
	len = read_text(ctx, text, sizeof(text), fmt, args);
	va_end(args);
	if (len < 0)
		return (int)len;
	errno = 0;
	v = strtoull(text, &end, base);
	if (errno || end == text || *end)
		return -EBADMSG;
	*value = v;
	return 0;
}

ssize_t mo_read_at(int fd, void *bytes, size_t len, uint64_t at)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pread(fd, (char *)bytes + done, len - done, (off_t)(at + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* proc files have no size: grow until the end is seen. */
int mo_read_open(int fd, char **text, size_t *len_bytes)
{
	size_t size = 4096, len = 0;
	char *buf = NULL, *more;
	ssize_t n;

	for (;;) {
		more = realloc(buf, size);
		if (!more) {
			free(buf);
			return -ENOMEM;
		}
		buf = more;
		n = read_all(fd, buf + len, size - 1 - len);
		if (n < 0) {
			free(buf);
			return (int)n;
		}
		len += (size_t)n;
		if (len < size - 1)
			break;
		size *= 2;
	}
	buf[len] = '\0';
	*text = buf;
	if (len_bytes)
		*len_bytes = len;
	return 0;
}

int mo_read_file(struct mo_ctx *ctx, char **text, size_t *len_bytes, const char *fmt, ...)
{
	va_list args;
	int fd, err;

	va_start(args, fmt);
	fd = open_path(ctx, O_RDONLY, fmt, args);
	va_end(args);
	if (fd < 0)
		return fd;
	err = mo_read_open(fd, text, len_bytes);
	close(fd);
	return err;
}

int mo_read_field(struct mo_ctx *ctx, const char *path, const char *key, uint64_t *value)
{
	size_t len = strlen(key);
	char *text, *line;
	int err = mo_read_file(ctx, &text, NULL, "%s", path);

	if (err)
		return err;
	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, len) && strchr(": \t", line[len]))
			break;
	}
	err = line && sscanf(line + len, "%*[: \t]%" SCNu64, value) == 1 ? 0 : -ENODATA;
	free(text);
	return err;
}

static ssize_t read_link(struct mo_ctx *ctx, const char *path, char *text, size_t size)
{
	ssize_t len;
	int fd;

	if (!mo_ctx_get_sysroot(ctx)) {
		len = readlinkat(mo_root_fd(ctx), path, text, size);
		return len < 0 ? -errno : len;
	}
	fd = open_below(ctx, path, O_PATH | O_NOFOLLOW);
	if (fd < 0)
		return fd;
	len = readlinkat(fd, "", text, size);
	if (len < 0)
		len = errno == ENOENT ? -EINVAL : -errno;	/* it is no link */
	close(fd);
	return len;
}

ssize_t mo_read_link(struct mo_ctx *ctx, char *text, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;
	ssize_t len;
	int err;

	va_start(args, fmt);
	err = format_path(path, fmt, args);
	va_end(args);
	if (err)
		return err;
	len = read_link(ctx, path, text, size - 1);
	if (len >= 0)
		text[len] = '\0';
	return len;
}

int mo_write_text(struct mo_ctx *ctx, const char *text, const char *fmt, ...)
{
	va_list args;
	ssize_t n;
	int fd, err;

	if (mo_ctx_get_sysroot(ctx))
		return -EROFS;
	va_start(args, fmt);
	fd = open_path(ctx, O_WRONLY, fmt, args);
	va_end(args);
	if (fd < 0)
		return fd;
	n = write(fd, text, strlen(text));
	err = n < 0 ? -errno : 0;
	close(fd);
	return err;
}
