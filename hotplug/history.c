// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The history: each attempt is a line of history.jsonl in the state directory; .1 to .3 hold older ones. Who writes, or
 * renames, holds a lock on the directory. A line is written whole or taken back, and what a crash left of one goes when
 * the next is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "private.h"

#define NAME "history.jsonl"
#define READ_MAX ((off_t)8 * MO_HISTORY_BYTES)	/* of a file that is longer than any of ours, its end is read */

static void clear_line(struct mo_line *line)
{
	mo_report_unref(line->report);
	free(line->totals.all);
}

/* ---- the files ---- */

struct file_name { char text[32]; };

static struct file_name name_of(unsigned int i)
{
	struct file_name name = { NAME };

	if (i)
		snprintf(name.text, sizeof(name.text), NAME ".%u", i);
	return name;
}

/* Only the oldest is lost, and only where all are there: a crash in here leaves a gap, which the next time closes. */
static int rotate(int dir_fd)
{
	unsigned int gap = 1;

	while (gap < MO_HISTORY_OLD && !faccessat(dir_fd, name_of(gap).text, F_OK, AT_SYMLINK_NOFOLLOW))
		gap++;
	for (unsigned int i = gap; i > 0; i--)
		if (renameat(dir_fd, name_of(i - 1).text, dir_fd, name_of(i).text) && errno != ENOENT)
			return -errno;
	return 0;
}

static int open_file(int dir_fd, unsigned int i, int flags, off_t *size)
{
	int fd = openat(dir_fd, name_of(i).text, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode)) {
		*size = st.st_size;
		return fd;
	}
	close(fd);
	return -EINVAL;
}

/* ---- reading ---- */

struct reading {
	struct mo_ctx *ctx;
	mo_line_fn *fn;
	void *data;
	uint64_t nr_skipped;
};

static int tell_line(struct reading *reading, const char *text)
{
	struct mo_line line = { 0 };
	int err = *text ? mo_line_parse(reading->ctx, text, &line) : -EBADMSG;

	if (err == -EBADMSG)
		reading->nr_skipped++;
	if (err)
		return err == -EBADMSG ? 0 : err;
	err = reading->fn(reading->data, &line);
	clear_line(&line);
	return err;
}

/* From the end. A NUL byte ends a line early, which is none then. */
static int tell_lines(struct reading *reading, char *text, size_t len)
{
	char *newline;
	int err = 0;

	while (len && !err) {
		text[len] = '\0';
		if (text[len - 1] == '\n')
			text[--len] = '\0';
		newline = memrchr(text, '\n', len);
		len = newline ? (size_t)(newline - text) + 1 : 0;
		err = tell_line(reading, text + len);
	}
	return err;
}

static int read_lines(struct reading *reading, int dir_fd, unsigned int i)
{
	off_t size;
	int fd = open_file(dir_fd, i, O_RDONLY, &size), err;
	size_t wanted;
	ssize_t len;
	char *text;

	if (fd < 0)
		return fd;
	wanted = (size_t)(size > READ_MAX ? READ_MAX : size);
	text = malloc(wanted + 1);
	len = text ? pread(fd, text, wanted, size - (off_t)wanted) : -1;
	err = !text ? -ENOMEM : len < 0 ? -errno : tell_lines(reading, text, (size_t)len);
	free(text);
	close(fd);
	return err;
}

static int each_line(struct reading *reading, int dir_fd)
{
	bool found = false;
	int err = 0;

	for (unsigned int i = 0; i <= MO_HISTORY_OLD && !err; i++) {
		err = read_lines(reading, dir_fd, i);
		found |= err != -ENOENT;
		err = err == -ENOENT ? 0 : err;
	}
	return found ? err : -ENOENT;
}

int mo_history_each(struct mo_ctx *ctx, mo_line_fn *fn, void *data, uint64_t *nr_skipped)
{
	struct reading reading = { .ctx = ctx, .fn = fn, .data = data };
	int dir_fd = mo_state_dir_open(ctx, false), err;

	if (dir_fd < 0)
		return dir_fd;
	mo_state_dir_lock(dir_fd, LOCK_SH);	/* without it, a line may be seen twice or be half there */
	err = each_line(&reading, dir_fd);
	close(dir_fd);
	if (nr_skipped)
		*nr_skipped = reading.nr_skipped;
	return err;
}

/* ---- writing ---- */

/* Where the last whole line ends. */
static int find_end(int fd, off_t size, off_t *end)
{
	char chunk[4096], *newline;

	for (*end = 0; size > 0; ) {
		off_t at = size > (off_t)sizeof(chunk) ? size - (off_t)sizeof(chunk) : 0;
		ssize_t len = pread(fd, chunk, (size_t)(size - at), at);

		if (len != size - at)
			return len < 0 ? -errno : -EIO;
		newline = memrchr(chunk, '\n', (size_t)len);
		if (newline) {
			*end = at + (newline - chunk) + 1;
			break;
		}
		size = at;
	}
	return 0;
}

static bool is_line(struct mo_ctx *ctx, int fd, off_t at, off_t end)
{
	char *text = end - at > READ_MAX ? NULL : calloc(1, (size_t)(end - at) + 1);
	struct mo_line line = { 0 };
	bool is = text && pread(fd, text, (size_t)(end - at), at) == end - at && !mo_line_parse(ctx, text, &line);

	clear_line(&line);
	free(text);
	return is;
}

static int write_at(int fd, off_t at, const char *text, size_t len)
{
	ssize_t n;

	while (len) {
		n = pwrite(fd, text, len, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* After a crash, half a line; after an editor, perhaps a whole one that lacks its end. */
static int heal(struct mo_ctx *ctx, int fd, off_t *size)
{
	off_t end;
	int err = find_end(fd, *size, &end);

	if (err || end == *size)
		return err;
	if (is_line(ctx, fd, end, *size)) {
		err = write_at(fd, *size, "\n", 1);
		*size += !err;
		return err;
	}
	if (ftruncate(fd, end))
		return -errno;
	*size = end;
	return 0;
}

static int add_totals(void *data, const struct mo_line *line)
{
	return mo_totals_add(data, line);
}

/* A file begins with totals of all lines before, since these will go: what was counted once must stay so. */
static void begin_file(struct mo_ctx *ctx, int dir_fd, int fd, off_t *size)
{
	struct mo_line line = { .report = NULL };
	struct reading reading = { .ctx = ctx, .fn = add_totals, .data = &line.totals };
	char *text;
	size_t len;

	if (each_line(&reading, dir_fd) < 0 || !line.totals.nr || mo_line_to_json(&line, &text)) {
		clear_line(&line);
		return;
	}
	clear_line(&line);
	len = strlen(text);
	text[len] = '\n';	/* the NUL is not needed any more */
	if (!write_at(fd, 0, text, len + 1))
		*size = (off_t)len + 1;
	free(text);
}

/* 1: the file is full. */
static int append(struct mo_ctx *ctx, int dir_fd, const char *text, size_t len)
{
	off_t size;
	int fd = open_file(dir_fd, 0, O_RDWR | O_CREAT, &size), err;

	if (fd < 0)
		return fd;
	err = heal(ctx, fd, &size);
	if (!err && size && size + (off_t)len > MO_HISTORY_BYTES)
		err = 1;
	if (!err) {
		if (!size)
			begin_file(ctx, dir_fd, fd, &size);
		err = write_at(fd, size, text, len);
		if (err && ftruncate(fd, size))
			err = -errno;	/* half a line stays, which the next writer takes away */
	}
	close(fd);
	return err;
}

static int add_text(struct mo_ctx *ctx, const char *text, size_t len)
{
	int dir_fd = mo_state_dir_open(ctx, true), err;

	if (dir_fd < 0)
		return dir_fd;
	err = mo_state_dir_lock(dir_fd, LOCK_EX);
	if (!err)
		err = append(ctx, dir_fd, text, len);
	if (err == 1) {
		err = rotate(dir_fd);
		if (!err)
			err = append(ctx, dir_fd, text, len);
	}
	close(dir_fd);
	return err;
}

static int add_line(struct mo_ctx *ctx, const struct mo_line *line)
{
	char *text;
	size_t len;
	int err = mo_line_to_json(line, &text);

	if (err)
		return err;
	len = strlen(text);
	text[len] = '\n';	/* all of it in one write; the NUL is not needed any more */
	err = add_text(ctx, text, len + 1);
	free(text);
	return err;
}

void mo_history_add(struct mo_ctx *ctx, struct mo_line *line)
{
	struct utsname system;
	int err;

	if (mo_ctx_get_sysroot(ctx) || !*mo_state_dir(ctx))
		return;
	mo_journald_tell(ctx, line->report);
	if (!uname(&system))
		snprintf(line->kernel, sizeof(line->kernel), "%s", system.release);
	err = add_line(ctx, line);
	if (err == -EACCES || err == -EPERM)
		mo_log(ctx, MO_LOG_INFO, "this attempt is not in the history: only root may write to %s", mo_state_dir(ctx));
	else if (err)
		mo_report_add_note(line->report, "this attempt is not in the history: can't write to %s: %s; make room there, or "
				   "name another state directory", mo_state_dir(ctx), strerror(-err));
}
