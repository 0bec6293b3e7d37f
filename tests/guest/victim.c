// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process to be moved.
 *
 *   victim layout NODE,... PAGES	so many pages on each node, whose policies are gone afterwards; answers lines
 *					of its input: "where" with "NODE:PAGES ..." for each area in turn, "verify"
 *					with "good"
 *   victim busy NODE MIB		threads that write to memory from there, fork, map, unmap and protect all the
 *					time; SIGTERM ends it, and exit 0 says that no byte was lost
 *   victim exec NODE MIB		becomes `victim layout NODE 16` when a line comes; other lines are for that
 *   victim exit NODE MIB		ends when a line comes
 *
 * Prints "ready" when the memory is filled; layout first "area ADDR PAGES" for each.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE_BYTES 4096UL
#define PAGE_WORDS (PAGE_BYTES / sizeof(uint64_t))
#define MAX_AREAS 64
#define MAX_NODES 64
#define SMALL_PAGES 64UL

struct area {
	uint64_t *words;
	unsigned long nr_pages;
};

static struct area areas[MAX_AREAS];
static unsigned int nr_areas;
static volatile sig_atomic_t is_over;

static void die(const char *what)
{
	printf("victim: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void set_policy(int mode, unsigned long nodes)
{
	if (syscall(SYS_set_mempolicy, mode, nodes ? &nodes : NULL, nodes ? 64UL : 0UL))
		die("set_mempolicy");
}

static uint64_t word_of(unsigned long page, unsigned long seed)
{
	return (page + 1) * 0x9e3779b97f4a7c15ULL ^ seed * 0xd1b54a32d192ed03ULL;
}

static uint64_t *map(unsigned long nr_pages)
{
	uint64_t *words = mmap(NULL, nr_pages * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (words == MAP_FAILED)
		die("mmap");
	madvise(words, nr_pages * PAGE_BYTES, MADV_NOHUGEPAGE);
	return words;
}

static void fill(uint64_t *words, unsigned long nr_pages, unsigned long seed)
{
	for (unsigned long i = 0; i < nr_pages; i++) {
		words[i * PAGE_WORDS] = word_of(i, seed);
		words[i * PAGE_WORDS + PAGE_WORDS - 1] = ~word_of(i, seed);
	}
}

static bool is_good(const uint64_t *words, unsigned long nr_pages, unsigned long seed)
{
	for (unsigned long i = 0; i < nr_pages; i++)
		if (words[i * PAGE_WORDS] != word_of(i, seed) ||
		    words[i * PAGE_WORDS + PAGE_WORDS - 1] != ~word_of(i, seed))
			return false;
	return true;
}

/* On that node, and afterwards like any other memory. */
static void add_area(unsigned long nid, unsigned long nr_pages)
{
	struct area *area = &areas[nr_areas++];

	set_policy(MPOL_BIND, 1UL << nid);
	area->nr_pages = nr_pages;
	area->words = map(nr_pages);
	fill(area->words, nr_pages, nid);
	set_policy(MPOL_DEFAULT, 0);
	printf("area %p %lu\n", (void *)area->words, nr_pages);
}

static void count(const struct area *area, unsigned long *nr_on)
{
	for (unsigned long i = 0; i < area->nr_pages; i++) {
		void *page = (char *)area->words + i * PAGE_BYTES;
		int nid = -1;

		if (syscall(SYS_move_pages, 0, 1UL, &page, NULL, &nid, 0))
			die("move_pages");
		if (nid >= 0 && nid < MAX_NODES)
			nr_on[nid]++;
	}
}

static void tell_where(void)
{
	for (unsigned int i = 0; i < nr_areas; i++) {
		unsigned long nr_on[MAX_NODES] = { 0 };

		count(&areas[i], nr_on);
		for (int nid = 0; nid < MAX_NODES; nid++)
			if (nr_on[nid])
				printf("%d:%lu ", nid, nr_on[nid]);
	}
	puts("");
}

static void obey(const char *line, const unsigned long *seeds)
{
	bool good = true;

	if (!strncmp(line, "where", 5)) {
		tell_where();
		return;
	}
	for (unsigned int i = 0; i < nr_areas; i++)
		good = good && is_good(areas[i].words, areas[i].nr_pages, seeds[i]);
	puts(good ? "good" : "BAD");
}

static int layout(char *list, unsigned long nr_pages)
{
	unsigned long seeds[MAX_AREAS];
	char line[64];

	for (char *name = strtok(list, ","); name && nr_areas < MAX_AREAS; name = strtok(NULL, ",")) {
		seeds[nr_areas] = strtoul(name, NULL, 10);
		add_area(seeds[nr_areas], nr_pages);
	}
	puts("ready");
	while (fgets(line, sizeof(line), stdin))
		obey(line, seeds);
	return 0;
}

/* ---- busy ---- */

static void on_term(int sig)
{
	(void)sig;
	is_over = 1;
}

static void lost(const char *where)
{
	printf("victim: bytes were lost: %s\n", where);
	_exit(1);
}

/* Rewrites one area with ever new content. */
static void *write_all(void *data)
{
	const struct area *area = data;

	for (unsigned long seed = 0; !is_over; seed++) {
		if (!is_good(area->words, area->nr_pages, seed))
			lost("written");
		fill(area->words, area->nr_pages, seed + 1);
	}
	return NULL;
}

static void *map_and_unmap(void *data)
{
	(void)data;
	for (unsigned long seed = 0; !is_over; seed++) {
		uint64_t *words = map(SMALL_PAGES);

		fill(words, SMALL_PAGES, seed);
		if (mprotect(words, SMALL_PAGES * PAGE_BYTES / 2, PROT_READ))
			die("mprotect");
		if (!is_good(words, SMALL_PAGES, seed))
			lost("mapped");
		munmap(words, SMALL_PAGES * PAGE_BYTES);
	}
	return NULL;
}

static void *protect(void *data)
{
	const struct area *area = data;

	for (bool writable = false; !is_over; writable = !writable) {
		if (mprotect(area->words, area->nr_pages * PAGE_BYTES, writable ? PROT_READ | PROT_WRITE : PROT_READ))
			die("mprotect");
		if (!is_good(area->words, area->nr_pages, 7))
			lost("protected");
	}
	return NULL;
}

/* Children see what was there when they were made, whatever others write to theirs. */
static void *fork_all_the_time(void *data)
{
	const struct area *area = data;

	while (!is_over) {
		int status;
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid) {
			fill(area->words, area->nr_pages / 2, 3);
			_exit(!is_good(area->words, area->nr_pages / 2, 3));
		}
		if (waitpid(pid, &status, 0) == pid && status)
			lost("forked");
		if (!is_good(area->words, area->nr_pages, 9))
			lost("of a parent");
	}
	return NULL;
}

static int busy(unsigned long nid, unsigned long mib)
{
	static const struct { void *(*run)(void *data); unsigned long seed; } jobs[] = {
		{ write_all, 0 }, { map_and_unmap, 0 }, { protect, 7 }, { fork_all_the_time, 9 },
	};
	const unsigned int nr = sizeof(jobs) / sizeof(jobs[0]);
	pthread_t threads[sizeof(jobs) / sizeof(jobs[0])];

	signal(SIGTERM, on_term);
	set_policy(MPOL_PREFERRED, 1UL << nid);
	for (unsigned int i = 0; i < nr; i++) {
		areas[i].nr_pages = mib * (1 << 20) / PAGE_BYTES / nr;
		areas[i].words = map(areas[i].nr_pages);
		fill(areas[i].words, areas[i].nr_pages, jobs[i].seed);
	}
	puts("ready");
	for (unsigned int i = 0; i < nr; i++)
		if (pthread_create(&threads[i], NULL, jobs[i].run, &areas[i]))
			die("pthread_create");
	for (unsigned int i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

/* ---- exec, exit ---- */

static int wait_and(bool is_exec, char *nid, unsigned long mib)
{
	char line[64];

	add_area(strtoul(nid, NULL, 10), mib * (1 << 20) / PAGE_BYTES);
	puts("ready");
	if (read(STDIN_FILENO, line, 1) != 1 || !is_exec)
		return 0;
	execl("/proc/self/exe", "victim", "layout", nid, "16", NULL);
	die("exec");
	return 1;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 4)
		return 2;
	if (!strcmp(argv[1], "layout"))
		return layout(argv[2], strtoul(argv[3], NULL, 10));
	if (!strcmp(argv[1], "busy"))
		return busy(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
	if (!strcmp(argv[1], "exec") || !strcmp(argv[1], "exit"))
		return wait_and(!strcmp(argv[1], "exec"), argv[2], strtoul(argv[3], NULL, 10));
	return 2;
}
