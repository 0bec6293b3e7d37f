// SPDX-License-Identifier: GPL-2.0-only
/* Memory of one kind: where it comes from, how a page of it is read and written. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "live.h"

#define PARTIAL_KEPT 4UL	/* of so many pages one stays */
#define SPARSE_KEPT 64UL
#define DROPPED UINT32_MAX	/* no page is written so often */
#ifndef MADV_DONTNEED_LOCKED	/* Linux 5.18 */
#define MADV_DONTNEED_LOCKED 24
#endif
#define KSM_OWN 16UL		/* each so many equal pages one is not */
#define KSM_PATIENCE_MS 30000
#define FILE_CHUNK_PAGES 256UL

static const struct kind {
	const char *name;
	bool is_huge, has_file, is_shared;
	int map_flags, advice;
} kinds[NR_REGION_KINDS] = {
	[REGION_ANON] = { "anon", .advice = MADV_NOHUGEPAGE },
	[REGION_THP] = { "thp", .is_huge = true, .advice = MADV_HUGEPAGE },
	[REGION_PARTIAL] = { "partial", .is_huge = true, .advice = MADV_HUGEPAGE },
	[REGION_SPARSE] = { "sparse", .advice = MADV_NOHUGEPAGE },
	[REGION_KSM] = { "ksm", .advice = MADV_NOHUGEPAGE },
	[REGION_FORKED] = { "forked", .advice = MADV_NOHUGEPAGE },
	[REGION_SWAP] = { "swap", .advice = MADV_NOHUGEPAGE },
	[REGION_SHM] = { "shm", .is_shared = true },
	[REGION_HUGETLB] = { "hugetlb", .is_huge = true, .map_flags = MAP_HUGETLB },
	[REGION_HUGETLB_SHARED] = { "hugetlb-shared", .is_huge = true, .is_shared = true },
	[REGION_MAPPED] = { "mapped", .has_file = true, .is_shared = true },
	[REGION_CACHE] = { "cache", .has_file = true, .is_shared = true },
	[REGION_DIRTY] = { "dirty", .has_file = true, .is_shared = true },
};

const char *region_name(enum region_kind kind)
{
	return kinds[kind].name;
}

bool kind_is_huge(enum region_kind kind)
{
	return kinds[kind].is_huge;
}

bool kind_has_file(enum region_kind kind)
{
	return kinds[kind].has_file;
}

bool kind_is_shared(enum region_kind kind)
{
	return kinds[kind].is_shared;
}

size_t region_pages(const struct region *region)
{
	return region->len_bytes / PAGE_BYTES;
}

/* ---- where it comes from ---- */

char *map_anon(size_t len_bytes, int flags, int advice)
{
	size_t slack = flags & MAP_HUGETLB ? 0 : HUGE_BYTES;
	char *addr = mmap(NULL, len_bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (addr == MAP_FAILED)
		die("can't map %zu bytes: %s", len_bytes, strerror(errno));
	if (slack)
		addr = (char *)(((uintptr_t)addr + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));
	if (advice && madvise(addr, len_bytes, advice) && errno != EINVAL)
		die("madvise: %s", strerror(errno));
	return addr;
}

char *map_shared(int fd, size_t len_bytes)
{
	char *addr = mmap(NULL, len_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (addr == MAP_FAILED)
		die("can't map %zu bytes of shared memory: %s", len_bytes, strerror(errno));
	return addr;
}

static int open_file(const struct region *region)
{
	int fd;

	if (kinds[region->kind].has_file)
		fd = open(region->file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	else
		fd = memfd_create("work", MFD_CLOEXEC | (kinds[region->kind].is_huge ? MFD_HUGETLB : 0));
	if (fd < 0 || ftruncate(fd, (off_t)region->len_bytes))
		die("can't create %s of %zu bytes: %s", region->file ? region->file : "shared memory",
		    region->len_bytes, strerror(errno));
	return fd;
}

void open_region(struct region *region)
{
	const struct kind *kind = &kinds[region->kind];

	region->generations = calloc(region_pages(region), sizeof(*region->generations));
	if (!region->generations)
		die("no memory");
	region->fd = kind->is_shared ? open_file(region) : -1;
	if (!kind->is_shared)
		region->addr = map_anon(region->len_bytes, kind->map_flags, kind->advice);
	else if (!kind->has_file || region->kind == REGION_MAPPED)
		region->addr = map_shared(region->fd, region->len_bytes);
}

/* ---- one page ---- */

static bool is_equal(const struct region *region, size_t page)
{
	return region->kind == REGION_KSM && page % KSM_OWN;
}

static bool is_dropped(const struct region *region, size_t page)
{
	return region->kind == REGION_PARTIAL ? page % PARTIAL_KEPT : region->generations[page] == DROPPED;
}

bool is_written(const struct region *region, size_t page)
{
	return !is_equal(region, page) && !is_dropped(region, page) && region->kind != REGION_SWAP;
}

static uint64_t place_of(const struct region *region, size_t page)
{
	return region->id << 48 | (is_equal(region, page) ? 0 : page * PAGE_BYTES);
}

void write_page(struct region *region, size_t page)
{
	uint64_t buf[PAGE_WORDS], *words = buf;

	if (region->addr)
		words = (uint64_t *)(region->addr + page * PAGE_BYTES);
	fill_page(words, place_of(region, page), region->generations[page]);
	if (!region->addr && pwrite(region->fd, buf, sizeof(buf), (off_t)(page * PAGE_BYTES)) != sizeof(buf))
		die("can't write to %s: %s", region->file, strerror(errno));
}

void verify_page(const struct region *region, size_t page)
{
	uint64_t buf[PAGE_WORDS];
	const uint64_t *words = buf;
	int i;

	if (region->addr)
		words = (const uint64_t *)(region->addr + page * PAGE_BYTES);
	else if (pread(region->fd, buf, sizeof(buf), (off_t)(page * PAGE_BYTES)) != sizeof(buf))
		die("can't read from %s: %s", region->file, strerror(errno));
	if (is_dropped(region, page)) {
		if (!is_zero_page(words))
			die("mismatch in %s memory, offset 0x%zx: a page that was given back is not zero",
			    region_name(region->kind), page * PAGE_BYTES);
		return;
	}
	i = check_page(words, place_of(region, page), region->generations[page]);
	if (i >= 0)
		die("mismatch in %s memory, offset 0x%zx, word %d: 0x%llx, not 0x%llx (generation %u)",
		    region_name(region->kind), page * PAGE_BYTES, i, (unsigned long long)words[i],
		    (unsigned long long)word_of(place_of(region, page), region->generations[page], (size_t)i),
		    region->generations[page]);
}

/* ---- filling ---- */

/* In large pieces: file systems that have large folios take one for each. */
static void fill_file(struct region *region)
{
	static uint64_t buf[FILE_CHUNK_PAGES * PAGE_WORDS];

	for (size_t page = 0, n; page < region_pages(region); page += n) {
		n = region_pages(region) - page < FILE_CHUNK_PAGES ? region_pages(region) - page : FILE_CHUNK_PAGES;
		for (size_t i = 0; i < n; i++)
			fill_page(buf + i * PAGE_WORDS, place_of(region, page + i), 0);
		if (pwrite(region->fd, buf, n * PAGE_BYTES, (off_t)(page * PAGE_BYTES)) != (ssize_t)(n * PAGE_BYTES))
			die("can't write to %s: %s", region->file, strerror(errno));
	}
}

static void drop(struct region *region, size_t page, size_t nr)
{
	if (madvise(region->addr + page * PAGE_BYTES, nr * PAGE_BYTES, MADV_DONTNEED_LOCKED))
		die("madvise: %s", strerror(errno));
}

static void drop_parts(struct region *region)
{
	for (size_t page = 0; page < region_pages(region); page += PARTIAL_KEPT)
		drop(region, page + 1, PARTIAL_KEPT - 1);
}

static bool stays(const struct region *region, uint64_t pfn)
{
	if (!region->kept_percent)
		return pfn % SPARSE_KEPT == 0;
	return (uint32_t)(pfn * 0x9e3779b1) % 100 < region->kept_percent;
}

/* By where they lie in memory, which is nowhere near the order of their addresses. */
static void thin_out(struct region *region)
{
	for (size_t page = 0; page < region_pages(region); page++) {
		if (stays(region, pfn_of(region->addr + page * PAGE_BYTES)))
			continue;
		drop(region, page, 1);
		region->generations[page] = DROPPED;
	}
}

static unsigned long merged_pages(void)
{
	FILE *file = fopen("/proc/self/ksm_merging_pages", "re");
	unsigned long nr;

	if (!file || fscanf(file, "%lu", &nr) != 1)
		die("can't read /proc/self/ksm_merging_pages: has this kernel KSM?");
	fclose(file);
	return nr;
}

static void merge(struct region *region)
{
	unsigned long wanted = merged_pages() + region_pages(region) - region_pages(region) / KSM_OWN - 1;

	if (madvise(region->addr, region->len_bytes, MADV_MERGEABLE))
		die("can't merge pages: %s", strerror(errno));
	for (int waited_ms = 0; merged_pages() < wanted; waited_ms += 10) {
		if (waited_ms > KSM_PATIENCE_MS)
			die("%lu pages are merged, not %lu: does /sys/kernel/mm/ksm/run hold 1?", merged_pages(), wanted);
		poll(NULL, 0, 10);
	}
}

/* A page that is read, and not written, stays in the swap cache. */
static void swap_out_and_in(struct region *region)
{
	for (size_t page = 0, left = 1; left; page++) {
		if (page == 100)
			die("%zu pages are not in swap space: is there enough?", left);
		if (madvise(region->addr, region->len_bytes, MADV_PAGEOUT))
			die("madvise: %s", strerror(errno));
		left = 0;
		for (size_t i = 0; i < region_pages(region); i++)
			left += pfn_of(region->addr + i * PAGE_BYTES) != 0;
	}
	for (size_t page = 0; page < region_pages(region); page++)
		verify_page(region, page);
}

void fill_region(struct region *region, bool lock)
{
	if (!region->addr)
		fill_file(region);
	else
		for (size_t page = 0; page < region_pages(region); page++)
			write_page(region, page);
	if (lock && region->addr && mlock2(region->addr, region->len_bytes, MLOCK_ONFAULT))
		die("can't mlock: %s", strerror(errno));
	if (region->kind == REGION_CACHE && fsync(region->fd))
		die("can't sync %s: %s", region->file, strerror(errno));
	if (region->kind == REGION_PARTIAL)
		drop_parts(region);
	if (region->kind == REGION_SPARSE)
		thin_out(region);
	if (region->kind == REGION_KSM)
		merge(region);
	if (region->kind == REGION_SWAP)
		swap_out_and_in(region);
}

/* Read-only, so that the look leaves nothing dirty. */
size_t count_pages(const struct region *region, size_t (*count)(char *addr, size_t nr_pages, long what), long what)
{
	volatile char *touch;
	char *addr = region->addr;
	size_t found;

	if (!addr) {
		addr = mmap(NULL, region->len_bytes, PROT_READ, MAP_SHARED, region->fd, 0);
		if (addr == MAP_FAILED)
			die("can't map %s: %s", region->file, strerror(errno));
		touch = addr;
		for (size_t page = 0; page < region_pages(region); page++)
			(void)touch[page * PAGE_BYTES];
	}
	found = count(addr, region_pages(region), what);
	if (!region->addr)
		munmap(addr, region->len_bytes);
	return found;
}
