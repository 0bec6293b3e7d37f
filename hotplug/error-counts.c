// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How many errors the hardware corrected in which page, and which blocks went offline for that. It is kept over
 * restarts of the machine: they do not mend a cell. The file is written anew as a whole, below the directory's lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "private.h"

#define NAME "errors"
#define HEAD "memoffline-errors 1"
#define BLOCKS_MAX 65536

void mo_error_counts_free(struct mo_error_counts *counts)
{
	free(counts->pages);
	free(counts->blocks);
	*counts = (struct mo_error_counts){ 0 };
}

/* ---- as they are in memory ---- */

static struct mo_page_count *find(const struct mo_error_counts *counts, uint64_t addr)
{
	for (size_t i = counts->nr_pages; i-- > 0; )	/* errors come again where they were last */
		if (counts->pages[i].addr == addr)
			return &counts->pages[i];
	return NULL;
}

const struct mo_page_count *mo_error_counts_find(const struct mo_error_counts *counts, uint64_t addr)
{
	return find(counts, addr);
}

static void drop_page(struct mo_error_counts *counts, struct mo_page_count *page)
{
	size_t i = (size_t)(page - counts->pages);

	counts->nr_pages--;
	memmove(page, page + 1, (counts->nr_pages - i) * sizeof(*page));
}

/* For one more, at the end. */
static int make_room(struct mo_error_counts *counts)
{
	struct mo_page_count *more;

	if (counts->nr_pages >= MO_ERROR_PAGES_MAX)
		drop_page(counts, counts->pages);
	if (counts->nr_pages & (counts->nr_pages - 1))
		return 0;
	/* A power of two: that is how much room there is, or none. */
	more = reallocarray(counts->pages, counts->nr_pages ? 2 * counts->nr_pages : 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	counts->pages = more;
	return 0;
}

static int append(struct mo_error_counts *counts, const struct mo_page_count *page)
{
	int err = make_room(counts);

	if (!err)
		counts->pages[counts->nr_pages++] = *page;
	return err;
}

int mo_error_counts_add(struct mo_error_counts *counts, const struct mo_page_count *more)
{
	struct mo_page_count *page = find(counts, more->addr), sum = *more;

	if (page) {
		if (__builtin_add_overflow(page->nr_errors, more->nr_errors, &sum.nr_errors))
			sum.nr_errors = UINT64_MAX;
		sum.is_retired |= page->is_retired;
		if (sum.last_time_s < page->last_time_s)
			sum.last_time_s = page->last_time_s;	/* the clock was put back */
		drop_page(counts, page);
	}
	return append(counts, &sum);
}

int mo_error_counts_add_gone(struct mo_error_counts *counts, const struct mo_block_gone *gone)
{
	struct mo_block_gone *more;

	for (size_t i = 0; i < counts->nr_blocks; i++) {
		if (counts->blocks[i].block != gone->block)
			continue;
		counts->blocks[i] = *gone;
		return 0;
	}
	if (counts->nr_blocks >= BLOCKS_MAX)
		memmove(counts->blocks, counts->blocks + 1, --counts->nr_blocks * sizeof(*more));
	more = reallocarray(counts->blocks, counts->nr_blocks + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	counts->blocks = more;
	more[counts->nr_blocks++] = *gone;
	return 0;
}

uint64_t mo_error_counts_retired(const struct mo_error_counts *counts, uint32_t block, uint64_t block_bytes)
{
	uint64_t nr = 0;

	for (size_t i = 0; i < counts->nr_pages; i++)
		nr += counts->pages[i].is_retired && counts->pages[i].addr / block_bytes == block;
	return nr;
}

uint64_t mo_error_counts_gone(const struct mo_error_counts *counts, const char *device)
{
	uint64_t nr = 0;

	for (size_t i = 0; i < counts->nr_blocks; i++)
		nr += !strcmp(counts->blocks[i].device, device);
	return nr;
}

/* ---- as they are in the file ---- */

static int read_line(const char *line, struct mo_error_counts *counts)
{
	struct mo_page_count page = { 0 };
	struct mo_block_gone gone = { 0 };
	char word[16];
	int len = 0;

	if (sscanf(line, "page 0x%" SCNx64 " %" SCNu64 " %15s %" SCNu64 "%n", &page.addr, &page.nr_errors, word, &page.last_time_s,
		   &len) == 4 && !line[len]) {
		page.is_retired = !strcmp(word, "retired");
		return append(counts, &page);
	}
	if (sscanf(line, "block %" SCNu32 " %" SCNu64 " %63s%n", &gone.block, &gone.time_s, gone.device, &len) == 3 && !line[len])
		return mo_error_counts_add_gone(counts, &gone);
	return -EBADMSG;
}

/* A line that is none is left out, and told. */
static int read_text(struct mo_ctx *ctx, char *text, struct mo_error_counts *counts)
{
	char *line, *rest = text;
	size_t nr_bad = 0;
	int err = 0;

	line = strsep(&rest, "\n");
	if (strcmp(line, HEAD))
		return -EBADMSG;
	while (!err && (line = strsep(&rest, "\n"))) {
		if (!*line)
			continue;
		err = read_line(line, counts);
		nr_bad += err == -EBADMSG;
		if (err == -EBADMSG)
			err = 0;
	}
	if (nr_bad)
		mo_log(ctx, MO_LOG_WARNING, "%zu lines of %s/" NAME " can't be read, and do not count", nr_bad,
		       mo_state_dir(ctx));
	return err;
}

static int load(struct mo_ctx *ctx, int dir_fd, struct mo_error_counts *counts)
{
	int fd = openat(dir_fd, NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), err;
	struct stat st;
	char *text;

	*counts = (struct mo_error_counts){ 0 };
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	err = fstat(fd, &st) || !S_ISREG(st.st_mode) ? -EBADMSG : mo_read_open(fd, &text, NULL);
	close(fd);
	if (err)
		return err;
	err = read_text(ctx, text, counts);
	free(text);
	if (err)
		mo_error_counts_free(counts);
	return err;
}

static int load_error(struct mo_ctx *ctx, int err)
{
	const char *dir = mo_state_dir(ctx);

	if (err == -EBADMSG)
		return mo_error(ctx, err, "%s/" NAME " is not what memoffline wrote, or of a later version; move it away, which begins to "
				"count anew", dir);
	if (err == -EACCES || err == -EPERM)
		return mo_error(ctx, err, "only root may read the counts of corrected errors, in %s; run it as root", dir);
	return mo_error(ctx, err, "can't read the counts of corrected errors in %s: %s", dir, strerror(-err));
}

int mo_error_counts_load(struct mo_ctx *ctx, struct mo_error_counts *counts)
{
	int dir_fd = mo_state_dir_open(ctx, false), err;

	*counts = (struct mo_error_counts){ 0 };
	if (dir_fd == -ENOENT)
		return 0;
	err = dir_fd < 0 ? dir_fd : load(ctx, dir_fd, counts);	/* it is replaced at once, so that no lock is needed */
	if (dir_fd >= 0)
		close(dir_fd);
	return err ? load_error(ctx, err) : 0;
}

static int write_text(FILE *file, const struct mo_error_counts *counts)
{
	fprintf(file, HEAD "\n");
	for (size_t i = 0; i < counts->nr_pages; i++)
		fprintf(file, "page 0x%" PRIx64 " %" PRIu64 " %s %" PRIu64 "\n", counts->pages[i].addr, counts->pages[i].nr_errors,
			counts->pages[i].is_retired ? "retired" : "counted", counts->pages[i].last_time_s);
	for (size_t i = 0; i < counts->nr_blocks; i++)
		fprintf(file, "block %" PRIu32 " %" PRIu64 " %s\n", counts->blocks[i].block, counts->blocks[i].time_s,
			counts->blocks[i].device);
	return fflush(file) ? -errno : 0;
}

static int save(struct mo_ctx *ctx, const struct mo_error_counts *counts)
{
	struct mo_new_file *new_file;
	char path[PATH_MAX];
	FILE *file = NULL;
	int err, fd;

	if (snprintf(path, sizeof(path), "%s/" NAME, mo_state_dir(ctx)) >= PATH_MAX)
		return mo_error(ctx, -ENAMETOOLONG, "the state directory's name is too long: %s", mo_state_dir(ctx));
	err = mo_new_file_open(ctx, path, &new_file);
	if (err)
		return err;
	fd = dup(mo_new_file_fd(new_file));
	if (fd >= 0)
		file = fdopen(fd, "w");
	err = file ? write_text(file, counts) : -errno;
	if (file)
		fclose(file);
	else if (fd >= 0)
		close(fd);
	if (err)
		mo_error(ctx, err, "can't write %s: %s; make room there", path, strerror(-err));
	fd = mo_new_file_end(new_file, !err);
	return err ? err : fd;
}

static int change(struct mo_ctx *ctx, int dir_fd, mo_error_counts_fn *fn, void *data, struct mo_error_counts *counts)
{
	int err = mo_state_dir_lock(dir_fd, LOCK_EX);

	if (!err)
		err = load(ctx, dir_fd, counts);
	if (err)
		return load_error(ctx, err);
	err = fn(data, counts);
	if (err)
		mo_error(ctx, err, "no memory for the counts of corrected errors; free some and try again");
	else
		err = save(ctx, counts);
	if (err)
		mo_error_counts_free(counts);
	return err;
}

int mo_error_counts_change(struct mo_ctx *ctx, mo_error_counts_fn *fn, void *data, struct mo_error_counts *counts)
{
	int dir_fd, err;

	*counts = (struct mo_error_counts){ 0 };
	if (mo_ctx_get_sysroot(ctx))
		return mo_error(ctx, -EROFS, "%s is a copy of another machine's files: no errors are counted there; leave --sysroot out to "
				"count those of this machine", mo_ctx_get_sysroot(ctx));
	if (!*mo_state_dir(ctx))
		return mo_error(ctx, -EINVAL, "errors are counted in the state directory, and none is wanted; name one with --state-dir");
	dir_fd = mo_state_dir_open(ctx, true);
	if (dir_fd < 0)
		return mo_error(ctx, dir_fd, "can't make, or open, the state directory %s: %s; run it as root, or make room there",
				mo_state_dir(ctx), strerror(-dir_fd));
	err = change(ctx, dir_fd, fn, data, counts);
	close(dir_fd);
	return err;
}
