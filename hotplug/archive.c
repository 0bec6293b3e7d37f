// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Archives, by libarchive: tar, since everybody has a program for it, compressed by gzip. What is read may come from
 * anybody: no path and no link of it leads out of the folder where it goes, and it has bounds.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "library.h"
#include "private.h"

#define CHUNK_BYTES (256u << 10)
#define HOLE_BYTES (256u << 20)
#define ZERO_BYTES 4096			/* so many zeros in a row become a hole */
#define UNPACK_BYTES_MAX (8ULL << 30)	/* what the flags of 1 TiB take, three files of 2 GiB, and room for the rest */
#define UNPACK_ENTRIES_MAX (4u << 20)	/* files and links of 65,536 memory blocks, eight times */

#define FUNCTIONS(each) \
	each(archive_entry_clear) \
	each(archive_entry_filetype) \
	each(archive_entry_free) \
	each(archive_entry_hardlink) \
	each(archive_entry_new) \
	each(archive_entry_pathname) \
	each(archive_entry_set_filetype) \
	each(archive_entry_set_mtime) \
	each(archive_entry_set_pathname) \
	each(archive_entry_set_perm) \
	each(archive_entry_set_size) \
	each(archive_entry_set_symlink) \
	each(archive_entry_size) \
	each(archive_entry_sparse_add_entry) \
	each(archive_entry_symlink) \
	each(archive_errno) \
	each(archive_error_string) \
	each(archive_read_data_block) \
	each(archive_read_free) \
	each(archive_read_new) \
	each(archive_read_next_header) \
	each(archive_read_open_fd) \
	each(archive_read_support_filter_gzip) \
	each(archive_read_support_format_tar) \
	each(archive_write_add_filter_gzip) \
	each(archive_write_close) \
	each(archive_write_data) \
	each(archive_write_fail) \
	each(archive_write_free) \
	each(archive_write_header) \
	each(archive_write_new) \
	each(archive_write_open_fd) \
	each(archive_write_set_bytes_in_last_block) \
	each(archive_write_set_format_pax_restricted) \
	each(archive_write_set_options)

LIBRARY(tar, "libarchive.so.13", FUNCTIONS)

static int need_library(struct mo_ctx *ctx)
{
	return open_tar() ? mo_error(ctx, -ELIBACC, "libarchive can't be used (%s); install libarchive (Debian: libarchive13)",
				     tar.why) : 0;
}

/* ---- writing ---- */

struct mo_archive {
	struct mo_ctx *ctx;
	struct archive *archive;
	struct archive_entry *entry;
	time_t now;
	void *zeros;		/* HOLE_BYTES of addresses without memory */
	char chunk[CHUNK_BYTES];
};

static int write_error(struct mo_archive *archive)
{
	int err = tar.archive_errno(archive->archive);

	return mo_error(archive->ctx, err > 0 ? -err : -EIO, "can't write the bundle: %s; %s",
			err > 0 ? strerror(err) : tar.archive_error_string(archive->archive),
			err == ENOSPC || err == EDQUOT ? "make room there, or leave the state of pages out (--pages never)" : "write it elsewhere");
}

static int begin_writing(struct mo_archive *archive, int fd)
{
	if (tar.archive_write_add_filter_gzip(archive->archive) < ARCHIVE_WARN ||
	    tar.archive_write_set_format_pax_restricted(archive->archive) < ARCHIVE_WARN ||
	    tar.archive_write_set_options(archive->archive, "gzip:!timestamp") < ARCHIVE_WARN ||
	    tar.archive_write_set_bytes_in_last_block(archive->archive, 1) < ARCHIVE_WARN ||
	    tar.archive_write_open_fd(archive->archive, fd) < ARCHIVE_WARN)
		return write_error(archive);
	return 0;
}

int mo_archive_new(struct mo_ctx *ctx, int fd, struct mo_archive **out)
{
	struct mo_archive *archive;
	int err = need_library(ctx);

	if (err)
		return err;
	archive = calloc(1, sizeof(*archive));
	if (!archive)
		return mo_error(ctx, -ENOMEM, "no memory for the bundle; free some and try again");
	archive->ctx = mo_ctx_ref(ctx);
	archive->now = time(NULL);
	archive->zeros = mmap(NULL, HOLE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	archive->archive = tar.archive_write_new();
	archive->entry = tar.archive_entry_new();
	if (!archive->archive || !archive->entry || archive->zeros == MAP_FAILED)
		err = mo_error(ctx, -ENOMEM, "no memory for the bundle; free some and try again");
	else
		err = begin_writing(archive, fd);
	if (err)
		mo_archive_end(archive, false);
	else
		*out = archive;
	return err;
}

static struct archive_entry *new_entry(struct mo_archive *archive, const char *path, unsigned int type)
{
	struct archive_entry *entry = tar.archive_entry_clear(archive->entry);

	tar.archive_entry_set_pathname(entry, path);
	tar.archive_entry_set_filetype(entry, type);
	tar.archive_entry_set_perm(entry, type == AE_IFLNK ? 0777 : 0644);
	tar.archive_entry_set_mtime(entry, archive->now, 0);
	return entry;
}

static int write_header(struct mo_archive *archive)
{
	return tar.archive_write_header(archive->archive, archive->entry) < ARCHIVE_WARN ? write_error(archive) : 0;
}

static int write_data(struct mo_archive *archive, const void *bytes, size_t len)
{
	return len && tar.archive_write_data(archive->archive, bytes, len) < 0 ? write_error(archive) : 0;
}

int mo_archive_add(struct mo_archive *archive, const char *path, const void *bytes, size_t len_bytes)
{
	struct archive_entry *entry = new_entry(archive, path, AE_IFREG);
	int err;

	tar.archive_entry_set_size(entry, (la_int64_t)len_bytes);
	err = write_header(archive);
	return err ? err : write_data(archive, bytes, len_bytes);
}

int mo_archive_add_link(struct mo_archive *archive, const char *path, const char *target)
{
	tar.archive_entry_set_symlink(new_entry(archive, path, AE_IFLNK), target);
	return write_header(archive);
}

static size_t chunk_len(uint64_t len)
{
	return len < CHUNK_BYTES ? (size_t)len : CHUNK_BYTES;
}

/* libarchive wants to be shown holes, too, which it leaves out unread. */
static int write_hole(struct mo_archive *archive, uint64_t len)
{
	size_t n;
	int err = 0;

	for (; len && !err; len -= n) {
		n = len < HOLE_BYTES ? (size_t)len : HOLE_BYTES;
		err = write_data(archive, archive->zeros, n);
	}
	return err;
}

static int write_extent(struct mo_archive *archive, const struct mo_extent *extent, mo_extent_fn *fn, void *data)
{
	uint64_t at = extent->start, end = extent->start + extent->len;
	size_t n;
	int err = 0;

	for (; at < end && !err; at += n) {
		n = chunk_len(end - at);
		memset(archive->chunk, 0, n);
		err = fn(data, at, archive->chunk, n);
		if (!err)
			err = write_data(archive, archive->chunk, n);
	}
	return err;
}

int mo_archive_add_sparse(struct mo_archive *archive, const char *path, uint64_t len_bytes,
			  const struct mo_extent *extents, size_t nr, mo_extent_fn *fn, void *data)
{
	struct archive_entry *entry = new_entry(archive, path, AE_IFREG);
	uint64_t at = 0;
	int err;

	tar.archive_entry_set_size(entry, (la_int64_t)len_bytes);
	for (size_t i = 0; i < nr; i++)
		tar.archive_entry_sparse_add_entry(entry, (la_int64_t)extents[i].start, (la_int64_t)extents[i].len);
	err = write_header(archive);
	for (size_t i = 0; i < nr && !err; i++) {
		err = write_hole(archive, extents[i].start - at);
		if (!err)
			err = write_extent(archive, &extents[i], fn, data);
		at = extents[i].start + extents[i].len;
	}
	return err ? err : write_hole(archive, len_bytes - at);
}

int mo_archive_end(struct mo_archive *archive, bool complete)
{
	int err = 0;

	if (!archive)
		return 0;
	if (archive->archive && !complete)
		tar.archive_write_fail(archive->archive);
	else if (archive->archive && tar.archive_write_close(archive->archive) < ARCHIVE_WARN)
		err = write_error(archive);
	tar.archive_entry_free(archive->entry);
	if (archive->archive)
		tar.archive_write_free(archive->archive);
	if (archive->zeros != MAP_FAILED)
		munmap(archive->zeros, HOLE_BYTES);
	mo_ctx_unref(archive->ctx);
	free(archive);
	return err;
}

/* ---- reading ---- */

struct unpack {
	struct archive *archive;
	int dir_fd;
	int folder_fd;		/* the one that was used last, -1: none */
	char folder[PATH_MAX];	/* its path */
	uint64_t nr_entries, len_bytes;
	char *why;
	size_t size;
};

PRINTF(2, 3)
static int refuse(struct unpack *unpack, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(unpack->why, unpack->size, fmt, args);
	va_end(args);
	return -EBADMSG;
}

/* "./sys/x" and "sys//x" are "sys/x"; false: it leads out, or nowhere. */
static bool clean_path(char clean[PATH_MAX], const char *path)
{
	size_t len = 0, n;

	if (!path || *path == '/')
		return false;
	for (; *path; path += n + strspn(path + n, "/")) {
		n = strcspn(path, "/");
		if (n == 1 && *path == '.')
			continue;
		if ((n == 2 && !strncmp(path, "..", 2)) || n > NAME_MAX || len + n + 2 > PATH_MAX)
			return false;
		if (len)
			clean[len++] = '/';
		memcpy(clean + len, path, n);
		len += n;
	}
	clean[len] = '\0';
	return true;
}

static int enter(int fd, const char *name)
{
	int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (next < 0 && errno == ENOENT && !mkdirat(fd, name, 0700))
		next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return next < 0 ? -errno : next;
}

/* Made where it is missing, never by way of a link. */
static int open_folder(struct unpack *unpack, const char *path)
{
	char name[NAME_MAX + 1];
	int fd = fcntl(unpack->dir_fd, F_DUPFD_CLOEXEC, 0), next;
	size_t n;

	if (unpack->folder_fd >= 0 && !strcmp(unpack->folder, path)) {
		close(fd);
		return 0;
	}
	for (const char *at = path; fd >= 0 && *at; at += n + strspn(at + n, "/")) {
		n = strcspn(at, "/");
		snprintf(name, sizeof(name), "%.*s", (int)n, at);
		next = enter(fd, name);
		close(fd);
		fd = next;
	}
	if (fd < 0)
		return fd;
	if (unpack->folder_fd >= 0)
		close(unpack->folder_fd);
	unpack->folder_fd = fd;
	strcpy(unpack->folder, path);
	return 0;
}

static bool is_zero(const char *bytes, size_t len)
{
	return !*bytes && !memcmp(bytes, bytes + 1, len - 1);
}

static int put_bytes(int fd, const char *bytes, size_t len, off_t at)
{
	ssize_t n;

	for (; len; len -= (size_t)n, bytes += n, at += n) {
		size_t step = len < ZERO_BYTES ? len : ZERO_BYTES;

		n = (ssize_t)step;
		if (!is_zero(bytes, step))
			n = pwrite(fd, bytes, step, at);
		if (n <= 0)
			return n ? -errno : -EIO;
	}
	return 0;
}

static int read_error(struct unpack *unpack)
{
	return refuse(unpack, "%s", tar.archive_error_string(unpack->archive));
}

static int copy_data(struct unpack *unpack, int fd, uint64_t len_bytes)
{
	const void *bytes;
	la_int64_t at;
	size_t len;
	int err = 0, result;

	while (!err && (result = tar.archive_read_data_block(unpack->archive, &bytes, &len, &at)) != ARCHIVE_EOF) {
		if (result < ARCHIVE_WARN)
			return read_error(unpack);
		unpack->len_bytes += len;
		if (unpack->len_bytes > UNPACK_BYTES_MAX || (uint64_t)at > len_bytes || len > len_bytes - (uint64_t)at)
			return refuse(unpack, "it is larger than any bundle");
		err = put_bytes(fd, bytes, len, (off_t)at);
	}
	return err;
}

static int unpack_file(struct unpack *unpack, const char *name, uint64_t len_bytes)
{
	int fd = openat(unpack->folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), err;

	if (fd < 0)
		return -errno;
	err = copy_data(unpack, fd, len_bytes);
	if (!err && ftruncate(fd, (off_t)len_bytes))
		err = -errno;
	close(fd);
	return err;
}

/* Where a link leads does not matter here: whoever reads below a sysroot never leaves it (sysfs.c). */
static int unpack_named(struct unpack *unpack, struct archive_entry *entry, const char *name)
{
	const char *target = tar.archive_entry_symlink(entry);

	switch (tar.archive_entry_filetype(entry)) {
	case AE_IFREG:
		return unpack_file(unpack, name, (uint64_t)tar.archive_entry_size(entry));
	case AE_IFLNK:
		return target && !symlinkat(target, unpack->folder_fd, name) ? 0 : target ? -errno : -EBADMSG;
	default:
		return 0;	/* no bundle has any */
	}
}

static int unpack_entry(struct unpack *unpack, struct archive_entry *entry)
{
	const char *path = tar.archive_entry_pathname(entry);
	char clean[PATH_MAX], *slash;
	int err;

	if (++unpack->nr_entries > UNPACK_ENTRIES_MAX)
		return refuse(unpack, "it has more files than any bundle");
	if (!clean_path(clean, path))
		return refuse(unpack, "a path in it leads out of it: %s", path ? path : "(not readable)");
	if (!*clean || tar.archive_entry_hardlink(entry))
		return 0;
	slash = strrchr(clean, '/');
	if (slash)
		*slash = '\0';
	if (tar.archive_entry_filetype(entry) == AE_IFDIR)
		return 0;	/* folders are made for what is in them */
	err = open_folder(unpack, slash ? clean : "");
	if (!err)
		err = unpack_named(unpack, entry, slash ? slash + 1 : clean);
	if (err == -EEXIST || err == -ELOOP || err == -ENOTDIR)
		return refuse(unpack, "two things in it have one name: %s", path);
	return err;
}

static int unpack_all(struct unpack *unpack, int fd)
{
	struct archive_entry *entry;
	int err = 0, result;

	if (tar.archive_read_support_filter_gzip(unpack->archive) < ARCHIVE_WARN ||
	    tar.archive_read_support_format_tar(unpack->archive) < ARCHIVE_WARN ||
	    tar.archive_read_open_fd(unpack->archive, fd, CHUNK_BYTES) < ARCHIVE_WARN)
		return read_error(unpack);
	while (!err && (result = tar.archive_read_next_header(unpack->archive, &entry)) != ARCHIVE_EOF)
		err = result < ARCHIVE_WARN ? read_error(unpack) : unpack_entry(unpack, entry);
	return err;
}

int mo_archive_unpack(struct mo_ctx *ctx, int fd, int dir_fd, char *why, size_t size)
{
	struct unpack unpack = { .dir_fd = dir_fd, .folder_fd = -1, .why = why, .size = size };
	int err = need_library(ctx);

	if (err)
		return err;
	unpack.archive = tar.archive_read_new();
	if (!unpack.archive)
		return mo_error(ctx, -ENOMEM, "no memory for the bundle; free some and try again");
	err = unpack_all(&unpack, fd);
	tar.archive_read_free(unpack.archive);
	if (unpack.folder_fd >= 0)
		close(unpack.folder_fd);
	return err;
}
