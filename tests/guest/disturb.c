// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that make it hard to empty memory.
 *
 *   disturb alloc MIB BLOCK COUNT	takes so much memory and gives it back, again and again; prints for each round
 *					"round=N inside=PAGES": how many of its pages lay in these memory blocks
 *   disturb forks MIB			forks children, each of which writes to a part of the memory that it shares with
 *					its parent, and verifies all of it; prints "forks=N" for each ten of them
 *
 * Ends at SIGTERM. Exit 1: memory was not what it has to be.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE_BYTES 4096UL
#define PAGE_WORDS (PAGE_BYTES / sizeof(uint64_t))
#define BLOCK_PAGES 32768UL
#define MAX_CHILDREN 6

static volatile sig_atomic_t is_over;

static void on_term(int sig)
{
	(void)sig;
	is_over = 1;
}

static void die(const char *what)
{
	printf("disturb: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t *map(size_t nr_pages)
{
	uint64_t *area = mmap(NULL, nr_pages * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		die("mmap");
	return area;
}

/* ---- alloc ---- */

static size_t count_inside(const uint64_t *area, size_t nr_pages, unsigned long block, unsigned long count)
{
	static uint64_t entries[512];
	const off_t first = (off_t)((uintptr_t)area / PAGE_BYTES);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t nr_inside = 0;

	for (size_t page = 0; page < nr_pages; page++) {
		uint64_t at;

		if (page % 512 == 0 &&
		    pread(fd, entries, sizeof(entries), (first + (off_t)page) * (off_t)sizeof(*entries)) <= 0)
			die("pagemap");
		if (!(entries[page % 512] >> 63))
			continue;
		at = (entries[page % 512] & ((1ULL << 55) - 1)) / BLOCK_PAGES;
		nr_inside += at >= block && at < block + count;
	}
	close(fd);
	return nr_inside;
}

static int alloc(size_t nr_pages, unsigned long block, unsigned long count)
{
	for (int round = 1; !is_over; round++) {
		uint64_t *area = map(nr_pages);
		size_t page;

		for (page = 0; page < nr_pages && !is_over; page++)
			area[page * PAGE_WORDS] = page;
		if (!is_over)
			printf("round=%d inside=%zu\n", round, count_inside(area, nr_pages, block, count));
		while (page--)
			if (area[page * PAGE_WORDS] != page)
				return printf("page %zu differs\n", page), 1;
		munmap(area, nr_pages * PAGE_BYTES);
	}
	return 0;
}

/* ---- forks ---- */

static uint64_t word_of(size_t page, uint32_t generation)
{
	return (page + 1) * 0x9e3779b97f4a7c15ULL ^ generation;
}

static bool is_right(const uint64_t *area, size_t page, uint32_t generation)
{
	const uint64_t *words = area + page * PAGE_WORDS;

	return words[0] == word_of(page, generation) && words[PAGE_WORDS - 1] == word_of(page, generation);
}

static void write_page(uint64_t *area, size_t page, uint32_t generation)
{
	area[page * PAGE_WORDS] = area[(page + 1) * PAGE_WORDS - 1] = word_of(page, generation);
}

static bool are_right(const uint64_t *area, const uint32_t *generations, size_t nr_pages)
{
	for (size_t page = 0; page < nr_pages; page++)
		if (!is_right(area, page, generations[page]))
			return false;
	return true;
}

/* Its view is the parent's at the time of the fork, and what it wrote itself since then. */
static void live(uint64_t *area, uint32_t *generations, size_t nr_pages, size_t first)
{
	for (size_t page = first % 7; page < nr_pages; page += 7)
		write_page(area, page, ++generations[page]);
	_exit(!are_right(area, generations, nr_pages));
}

static int reap(void)
{
	int status;

	while (wait(&status) < 0)
		if (errno != EINTR)
			return 1;
	return status;
}

static int forks(size_t nr_pages)
{
	uint64_t *area = map(nr_pages);
	uint32_t *generations = calloc(nr_pages, sizeof(*generations));
	int nr_children = 0, status = 0;

	for (size_t page = 0; page < nr_pages; page++)
		write_page(area, page, 0);
	for (size_t nr = 1; !is_over && !status; nr++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid)
			live(area, generations, nr_pages, nr);
		if (++nr_children == MAX_CHILDREN) {
			status = reap();
			nr_children--;
		}
		for (size_t page = nr % 61; page < nr_pages; page += 61)
			write_page(area, page, ++generations[page]);
		if (nr % 10 == 0)
			printf("forks=%zu\n", nr);
	}
	while (nr_children--)
		status |= reap();
	if (!status && are_right(area, generations, nr_pages))
		return 0;
	puts("memory differs");
	return 1;
}

int main(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = on_term };
	size_t nr_pages = argc > 2 ? strtoul(argv[2], NULL, 0) * 256 : 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &action, NULL);
	if (argc == 5 && !strcmp(argv[1], "alloc"))
		return alloc(nr_pages, strtoul(argv[3], NULL, 0), strtoul(argv[4], NULL, 0));
	if (argc == 3 && !strcmp(argv[1], "forks"))
		return forks(nr_pages);
	fputs("usage: disturb alloc MIB BLOCK COUNT | forks MIB\n", stderr);
	return 2;
}
