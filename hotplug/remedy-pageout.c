// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Page out what keeps a block, at the addresses where processes map it. The kernel leaves alone what several processes
 * map and what is locked; anonymous and shared memory take swap space. What was paged out to a disk stays in memory as
 * swap cache until it is written and reclaimed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "remedy.h"

#define RANGES_AT_ONCE 512	/* the kernel takes up to 1024 */

struct pageout {
	struct mo_remedy_work *work;
	int32_t pid;		/* the process that is looked into, 0: none yet */
	int pidfd;		/* opened before it was looked into: it never names a later process of that number */
	char comm[64];
	struct iovec *ranges;	/* addresses where it maps what blocks */
	size_t nr_ranges;
	uint64_t nr_pages;
	bool counts_only;
};

/* ---- what blocks ---- */

/* It is in the last range that begins at it or before. */
static bool is_blocking(const struct mo_remedy_choice *choice, uint64_t pfn)
{
	size_t low = 0, high = choice->nr_ranges, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (choice->ranges[middle].start_pfn <= pfn)
			low = middle + 1;
		else
			high = middle;
	}
	return low && pfn < choice->ranges[low - 1].end_pfn;
}

static int add_range(struct pageout *pageout, uint64_t addr)
{
	struct iovec *last = &pageout->ranges[pageout->nr_ranges ? pageout->nr_ranges - 1 : 0], *more;
	uint64_t page_bytes = pageout->work->page_bytes;

	if (pageout->nr_ranges && (uintptr_t)last->iov_base + last->iov_len == addr) {
		last->iov_len += page_bytes;
		return 0;
	}
	if (!(pageout->nr_ranges & (pageout->nr_ranges - 1))) {	/* grows at powers of two */
		more = reallocarray(pageout->ranges, pageout->nr_ranges ? 2 * pageout->nr_ranges : 1, sizeof(*more));
		if (!more)
			return -ENOMEM;
		pageout->ranges = more;
	}
	pageout->ranges[pageout->nr_ranges++] = (struct iovec){ (void *)(uintptr_t)addr, page_bytes };
	return 0;
}

static int take_page(void *data, const struct mo_mapped_page *page)
{
	struct pageout *pageout = data;

	if (!is_blocking(pageout->work->choice, page->pfn))
		return 0;
	pageout->nr_pages++;
	if (pageout->counts_only)
		return 0;
	snprintf(pageout->comm, sizeof(pageout->comm), "%s", page->comm);
	return add_range(pageout, page->addr);
}

/* ---- one process ---- */

/* A range that is refused, as locked memory is, is left out; the first error is told. */
static int advise(const struct pageout *pageout)
{
	size_t i = 0, nr;
	int err = 0;
	long done;

	while (i < pageout->nr_ranges) {
		nr = pageout->nr_ranges - i;
		nr = nr < RANGES_AT_ONCE ? nr : RANGES_AT_ONCE;
		done = syscall(SYS_process_madvise, pageout->pidfd, &pageout->ranges[i], nr, MADV_PAGEOUT, 0);
		if (done <= 0) {
			err = err ? err : done ? -errno : 0;
			i++;
		}
		while (done > 0)	/* up to one that is refused, with which it goes on */
			done -= (long)pageout->ranges[i++].iov_len;
	}
	return err;
}

static uint64_t count_left(struct pageout *pageout)
{
	const struct mo_remedy_choice *choice = pageout->work->choice;
	const struct iovec *last = &pageout->ranges[pageout->nr_ranges - 1];
	struct pageout left = { .work = pageout->work, .counts_only = true };
	const struct mo_pagemap_visitor visitor = {
		.start_pfn = choice->ranges[0].start_pfn, .end_pfn = choice->ranges[choice->nr_ranges - 1].end_pfn,
		.start_addr = (uintptr_t)pageout->ranges[0].iov_base,
		.end_addr = (uintptr_t)last->iov_base + last->iov_len,
		.page = take_page, .data = &left,
	};

	return mo_pagemap_process(pageout->work->ctx, pageout->pid, &visitor) ? pageout->nr_pages : left.nr_pages;
}

static void end_process(struct pageout *pageout)
{
	uint64_t page_bytes = pageout->work->page_bytes, left;
	char object[96];
	struct mo_remedy result = { .object = object, .asked_bytes = pageout->nr_pages * page_bytes };

	if (pageout->nr_ranges && pageout->pidfd >= 0) {
		snprintf(object, sizeof(object), "pid %d (%s)", pageout->pid, pageout->comm);
		result.error = advise(pageout);
		left = count_left(pageout);
		if (left < pageout->nr_pages)
			result.freed_bytes = (pageout->nr_pages - left) * page_bytes;
		mo_remedy_tell(pageout->work, &result);
	}
	if (pageout->pidfd >= 0)
		close(pageout->pidfd);
	pageout->pidfd = -1;
	pageout->nr_ranges = 0;
	pageout->nr_pages = 0;
}

/* ---- all of them ---- */

static void enter(void *data, int32_t pid)
{
	struct pageout *pageout = data;

	end_process(pageout);
	pageout->pid = pid;
	pageout->pidfd = pid == getpid() ? -1 : pidfd_open(pid, 0);
}

void mo_remedy_pageout(struct mo_remedy_work *work)
{
	const struct mo_remedy_choice *choice = work->choice;
	struct pageout pageout = { .work = work, .pidfd = -1 };
	const struct mo_pagemap_visitor visitor = {
		.start_pfn = choice->ranges[0].start_pfn, .end_pfn = choice->ranges[choice->nr_ranges - 1].end_pfn,
		.enter = enter, .page = take_page, .data = &pageout,
	};
	uint64_t nr_hidden;

	if (mo_pagemap_each(work->ctx, &visitor, &nr_hidden))
		pageout.nr_ranges = 0;	/* there was no memory for all of them */
	end_process(&pageout);
	free(pageout.ranges);
}
