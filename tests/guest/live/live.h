/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Live work for the guests, file by file:
 *
 *	main.c		what is asked on the command line
 *	work.c		fill, rewrite, verify, until told to end
 *	region.c	memory of one kind: where it comes from, how a page of it is read and written
 *	family.c	processes that share memory and each have a view of it
 *	stall.c		how long accesses took
 *	pin.c		pages that nothing can migrate
 *	place.c		nodes, memory blocks, page frames
 *	pattern.c	what a page holds
 */
#ifndef LIVE_H
#define LIVE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PAGE_BYTES 4096UL
#define PAGE_WORDS (PAGE_BYTES / sizeof(uint64_t))
#define HUGE_BYTES (2UL << 20)
#define HUGE_PAGES (HUGE_BYTES / PAGE_BYTES)

extern const char help_text[];

/* ---- main.c ---- */

void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* Whole pages; *REST points behind the size. */
size_t parse_size(const char *text, const char **rest);
/* Blocked, for sigwait() and signalfd(): before any thread starts. */
sigset_t block_signals(void);

/* ---- pattern.c ---- */

uint64_t word_of(uint64_t place, uint32_t generation, size_t i);
void fill_page(uint64_t *page, uint64_t place, uint32_t generation);
/* Index of the first word that differs, -1 when none does. */
int check_page(const uint64_t *page, uint64_t place, uint32_t generation);
bool is_zero_page(const uint64_t *page);

/* ---- place.c ---- */

/* Memory that is taken from now on; node -1: wherever. */
void prefer_node(int node);
/* What lies there already stays. */
void bind_memory(char *addr, size_t len_bytes, unsigned long nodes);
/* -1: not known. */
int node_of_block(long block);
size_t pages_on_node(char *addr, size_t nr_pages, int node);
size_t pages_in_block(char *addr, size_t nr_pages, long block);
bool is_in_block(uint64_t pfn, long block);
/* 0: the page is not in memory. */
uint64_t pfn_of(const char *addr);

/* ---- region.c ---- */

enum region_kind {
	REGION_ANON,
	REGION_THP,
	REGION_PARTIAL,		/* THP, of which all but each fourth page was given back */
	REGION_SPARSE,		/* base pages, all but one of 64 given back: leaves no huge page free around it */
	REGION_KSM,		/* equal pages, which the kernel merged; each sixteenth differs */
	REGION_FORKED,		/* shared by the family until somebody writes */
	REGION_SWAP,		/* read back from swap space: still in the swap cache */
	REGION_SHM,
	REGION_HUGETLB,
	REGION_HUGETLB_SHARED,
	REGION_MAPPED,		/* page cache of a file, mapped by the family */
	REGION_CACHE,		/* page cache of a file, synced, not mapped */
	REGION_DIRTY,		/* the same, not synced */
	NR_REGION_KINDS,
};

struct region {
	enum region_kind kind;
	uint64_t id;
	size_t len_bytes;
	const char *file;
	int fd;				/* -1: none */
	char *addr;			/* NULL: not mapped */
	unsigned int kept_percent;	/* of sparse memory, scattered; 0: one page of 64 */
	uint32_t *generations;		/* of each page; written by the page's own thread only */
};

/* Aligned to huge pages; advice 0: none. */
char *map_anon(size_t len_bytes, int flags, int advice);
char *map_shared(int fd, size_t len_bytes);
const char *region_name(enum region_kind kind);
bool kind_is_huge(enum region_kind kind);
bool kind_has_file(enum region_kind kind);
bool kind_is_shared(enum region_kind kind);	/* what one process writes the others see */

void open_region(struct region *region);
void fill_region(struct region *region, bool lock);
/* Calls COUNT for the region's memory, which is mapped for it where it is not. */
size_t count_pages(const struct region *region, size_t (*count)(char *addr, size_t nr_pages, long what), long what);
size_t region_pages(const struct region *region);
/* Whether the work is to write to the page: what was merged, swapped or given back stays so. */
bool is_written(const struct region *region, size_t page);
void write_page(struct region *region, size_t page);
void verify_page(const struct region *region, size_t page);

/* ---- stall.c: one for each thread ---- */

#define STALL_BUCKETS 400

struct stall {
	uint64_t begin_ns;
	uint64_t max_ns;
	uint64_t nr_accesses;
	uint64_t buckets[STALL_BUCKETS];
};

void stall_begin(struct stall *stall);
void stall_end(struct stall *stall);
void stall_add(struct stall *sum, const struct stall *stall);
/* All of them, from the least to the longest: microseconds below which so many per mille lie. */
uint64_t stall_quantile_us(const struct stall *stall, unsigned int per_mille);

/* ---- family.c ---- */

struct family {
	struct region *regions;
	size_t nr_regions;
	unsigned int nr_children;
	bool is_busy;			/* they rewrite and verify all the time, else when asked */
	int *children;			/* a socket to each */
	pid_t *pids;
};

void start_family(struct family *family);
/* Each verifies its own view; dies when one of them does not agree. Returns how many bytes that was. */
size_t verify_family(struct family *family);
void end_family(struct family *family);
/* Which member may write to a page of memory that it shares: 0 is the parent. */
bool is_mine(const struct family *family, size_t page);

/* ---- work.c, pin.c: what main() is for ---- */

struct work {
	struct region regions[16];
	size_t nr_regions;
	struct family family;
	int node;
	long in_block;			/* -1: not asked */
	bool mlock;
	unsigned long bind;		/* nodes that the memory is bound to once it is filled; 0: none */
	int nice;			/* once the memory is filled */
	unsigned int kept_percent;	/* of sparse regions */
	size_t kernel_bytes;
	unsigned int nr_threads;	/* that verify and rewrite */
	unsigned int nr_touchers;	/* that write to a word of each page */
};

int run_work(struct work *work);
int main_pin(int argc, char **argv);

#endif
