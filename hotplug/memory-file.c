// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Files of ramfs, whose pages can neither be written nor moved: which are open, and in which page frames they are. No
 * page tells its file, so that the file is mapped, what is there of it alone, and our own page table is read.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "private.h"

#define WINDOW_PAGES 16384UL

struct mount {
	unsigned int id;
	uint32_t major, minor;
};

struct mo_memory_mounts {
	size_t nr;
	struct mount all[];
};

/* ---- which are open ---- */

/* "36 35 0:40 / /mnt rw - ramfs none rw", with words that may be missing before the "-". */
static bool parse_mount(const char *line, struct mount *mount)
{
	size_t len = strcspn(line, "\n");

	return memmem(line, len, " - ramfs ", strlen(" - ramfs ")) &&
	       sscanf(line, "%u %*u %u:%u", &mount->id, &mount->major, &mount->minor) == 3;
}

static struct mo_memory_mounts *parse_mounts(const char *text)
{
	struct mo_memory_mounts *mounts;
	struct mount mount;
	const char *line;
	size_t nr = 0;

	for (line = text; line && *line; line = strchr(line, '\n'), line += !!line)
		nr += parse_mount(line, &mount);
	mounts = nr ? calloc(1, sizeof(*mounts) + nr * sizeof(mount)) : NULL;
	for (line = text; mounts && line && *line; line = strchr(line, '\n'), line += !!line)
		if (parse_mount(line, &mount))
			mounts->all[mounts->nr++] = mount;
	return mounts;
}

/* A recorded machine's files are not there to be mapped. */
struct mo_memory_mounts *mo_memory_mounts_read(struct mo_ctx *ctx)
{
	struct mo_memory_mounts *mounts;
	char *text;

	if (mo_ctx_get_sysroot(ctx) || mo_read_file(ctx, &text, NULL, "/proc/self/mountinfo"))
		return NULL;
	mounts = parse_mounts(text);
	free(text);
	return mounts;
}

void mo_memory_mounts_free(struct mo_memory_mounts *mounts)
{
	free(mounts);
}

bool mo_memory_file_look(struct mo_ctx *ctx, const struct mo_memory_mounts *mounts,
			 const struct mo_descriptor *descriptor, struct mo_memory_file *file)
{
	unsigned long long inode;
	unsigned int id;
	const char *at;
	bool found;
	char *info;

	if (*descriptor->target != '/' || mo_descriptor_info(ctx, descriptor, &info))
		return false;
	at = strstr(info, "mnt_id:");
	found = at && sscanf(at, "mnt_id: %u ino: %llu", &id, &inode) == 2;
	free(info);
	for (size_t i = 0; found && i < mounts->nr; i++) {
		const struct mount *mount = &mounts->all[i];

		if (mount->id != id)
			continue;
		*file = (struct mo_memory_file){ descriptor->pid, descriptor->fd, inode, mount->major, mount->minor };
		return true;
	}
	return false;
}

/* ---- in which page frames it is ---- */

struct window {
	int pagemap_fd;
	char *addr;
	size_t nr_pages;
	size_t page_bytes;
	mo_memory_file_fn *fn;
	void *data;
};

/* Pages that are there get an entry in the page table: none is read in, since there is nothing to read from. */
static void tell_pages(const struct window *window, size_t first, size_t nr)
{
	char *addr = window->addr + first * window->page_bytes;
	uint64_t pfn;

	if (madvise(addr, nr * window->page_bytes, MADV_POPULATE_READ))
		return;		/* cut off meanwhile, or a kernel before 5.14 */
	for (size_t i = 0; i < nr; i++)
		if (mo_pagemap_entry(window->pagemap_fd, (uintptr_t)addr + i * window->page_bytes, &pfn))
			window->fn(window->data, pfn);
}

static void look_at_window(const struct window *window)
{
	unsigned char is_there[WINDOW_PAGES];
	size_t nr = window->nr_pages, first, end;

	if (mincore(window->addr, nr * window->page_bytes, is_there))
		return;
	for (first = 0; first < nr; first = end + 1) {
		for (end = first; end < nr && is_there[end] & 1; end++)
			;
		if (end > first)
			tell_pages(window, first, end - first);
	}
}

static void look_at_open(struct window *window, int fd, uint64_t nr_pages)
{
	for (uint64_t page = 0; page < nr_pages; page += window->nr_pages) {
		window->nr_pages = nr_pages - page < WINDOW_PAGES ? (size_t)(nr_pages - page) : WINDOW_PAGES;
		window->addr = mmap(NULL, window->nr_pages * window->page_bytes, PROT_READ, MAP_SHARED, fd,
				    (off_t)(page * window->page_bytes));
		if (window->addr == MAP_FAILED)
			return;
		look_at_window(window);
		munmap(window->addr, window->nr_pages * window->page_bytes);
	}
}

/* The descriptor may be another file by now: nothing is opened before it is known to be that one. */
static int open_file(struct mo_ctx *ctx, const struct mo_memory_file *file, struct stat *stat)
{
	int path_fd = mo_open(ctx, O_PATH, "/proc/%d/fd/%d", file->pid, file->fd), fd = -1;
	struct statfs fs;

	if (path_fd < 0)
		return -1;
	if (!fstat(path_fd, stat) && S_ISREG(stat->st_mode) && stat->st_ino == file->inode && !fstatfs(path_fd, &fs) &&
	    fs.f_type == RAMFS_MAGIC)
		fd = mo_open(ctx, O_RDONLY | O_NONBLOCK | O_NOATIME, "/proc/self/fd/%d", path_fd);
	close(path_fd);
	return fd;
}

void mo_memory_file_pages(struct mo_ctx *ctx, const struct mo_memory_file *file, mo_memory_file_fn *fn, void *data)
{
	struct window window = { .page_bytes = (size_t)sysconf(_SC_PAGESIZE), .fn = fn, .data = data };
	struct stat stat;
	int fd = open_file(ctx, file, &stat);

	if (fd < 0)
		return;
	window.pagemap_fd = mo_open(ctx, O_RDONLY, "/proc/self/pagemap");
	if (window.pagemap_fd >= 0) {
		look_at_open(&window, fd, ((uint64_t)stat.st_size + window.page_bytes - 1) / window.page_bytes);
		close(window.pagemap_fd);
	}
	close(fd);
}
