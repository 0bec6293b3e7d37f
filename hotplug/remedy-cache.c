// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Drop the clean page cache of files. What is dirty stays, and so does what is mapped: the kernel begins to write dirty
 * pages with this advice, as it does sooner or later, and nobody waits for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "remedy.h"

#ifndef SYS_cachestat
#define SYS_cachestat 451	/* Linux 6.5 */
#endif
#define WINDOW_BYTES (1ULL << 30)

struct range { uint64_t start, len; };
struct cached { uint64_t nr_cache, nr_dirty, nr_writeback, nr_evicted, nr_recently_evicted; };

/* ---- how much of a file is in memory ---- */

static uint64_t count_window(int fd, uint64_t start, size_t len, uint64_t page_bytes, unsigned char *present)
{
	size_t nr = (len + page_bytes - 1) / page_bytes;
	char *addr = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, (off_t)start);
	uint64_t found = 0;

	if (addr == MAP_FAILED)
		return 0;
	if (!mincore(addr, len, present))
		for (size_t i = 0; i < nr; i++)
			found += present[i] & 1;
	munmap(addr, len);
	return found;
}

/* Before Linux 6.5 the kernel is asked page by page. */
static uint64_t count_pages(int fd, uint64_t page_bytes)
{
	unsigned char *present = malloc(WINDOW_BYTES / page_bytes);
	uint64_t found = 0, start, len;
	struct stat stat;

	if (present && !fstat(fd, &stat))
		for (start = 0; start < (uint64_t)stat.st_size; start += len) {
			len = (uint64_t)stat.st_size - start;
			len = len < WINDOW_BYTES ? len : WINDOW_BYTES;
			found += count_window(fd, start, len, page_bytes, present);
		}
	free(present);
	return found;
}

static uint64_t cached_bytes(int fd, uint64_t page_bytes)
{
	struct range all = { 0, 0 };
	struct cached cached;

	if (!syscall(SYS_cachestat, fd, &all, &cached, 0))
		return cached.nr_cache * page_bytes;
	return count_pages(fd, page_bytes) * page_bytes;
}

/* ---- one file ---- */

/* What was found is a plain file, so that opening it has no effect; who leases it is not made to wait. */
static int open_for_reading(struct mo_ctx *ctx, int path_fd)
{
	int fd = mo_open(ctx, O_RDONLY | O_NONBLOCK | O_NOATIME, "/proc/self/fd/%d", path_fd);

	return fd == -EPERM ? mo_open(ctx, O_RDONLY | O_NONBLOCK, "/proc/self/fd/%d", path_fd) : fd;
}

static int drop(struct mo_remedy_work *work, int path_fd, uint64_t *freed_bytes)
{
	uint64_t before, after;
	int fd = open_for_reading(work->ctx, path_fd), err;

	if (fd < 0)
		return fd;
	before = cached_bytes(fd, work->page_bytes);
	err = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	after = cached_bytes(fd, work->page_bytes);
	*freed_bytes = before > after ? before - after : 0;
	close(fd);
	return -err;
}

/* Several files of that number and name: which of them keeps the block is not known. */
static void treat(struct mo_remedy_work *work, const struct mo_wanted_file *file, uint64_t nr_pages)
{
	struct mo_remedy result = { .object = file->name, .asked_bytes = nr_pages * work->page_bytes };

	if (file->fd < 0)
		result.error = -ENOENT;
	else if (file->is_ambiguous)
		result.error = -ENOTUNIQ;
	else
		result.error = drop(work, file->fd, &result.freed_bytes);
	if (file->fd >= 0 && !file->is_ambiguous)
		result.object = file->path;
	mo_remedy_tell(work, &result);
}

void mo_remedy_cache(struct mo_remedy_work *work)
{
	const struct mo_remedy_choice *choice = work->choice;
	struct mo_wanted_file *files = calloc(choice->nr_objects, sizeof(*files));

	if (!files)
		return;
	for (size_t i = 0; i < choice->nr_objects; i++) {
		files[i].name = choice->objects[i].name;
		files[i].inode = choice->objects[i].inode;
	}
	mo_files_find(work->ctx, files, choice->nr_objects);
	for (size_t i = 0; i < choice->nr_objects; i++) {
		treat(work, &files[i], choice->objects[i].nr_pages);
		if (files[i].fd >= 0)
			close(files[i].fd);
	}
	free(files);
}
