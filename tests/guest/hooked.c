// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a driver whose VMAs have a migrate hook, written to all the time.
 *
 *	hooked FILE PAGES NODE private|shared [fork]
 *
 * Maps so many pages of the device FILE, fills them on that node, and prints "ready pid=N addr=0xN". Each line of its
 * input is answered by one line:
 *
 *	where BLOCK	"in-block=N node0=N node1=N", in pages
 *	verify		"right", or "wrong pages=N first=N"
 *	churn N		so many children map the same memory, and end or unmap it while others go on: "churned"
 *
 * With fork a child has the same memory mapped as long. Ends with its input, and fails if its content is not what it
 * was.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE_BYTES	4096UL
#define PAGE_WORDS	(PAGE_BYTES / sizeof(uint64_t))
#define MPOL_DEFAULT	0
#define MPOL_BIND	2
#define COUNTER		1	/* the word of a page that changes */

static uint64_t *memory;
static size_t nr_pages;
static uint64_t *counts;	/* what each counter has to be */
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool is_wanted;	/* the lock, by somebody who would wait long for his turn else */

static void die(const char *what)
{
	fprintf(stderr, "hooked: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t *page_at(size_t i)
{
	return memory + i * PAGE_WORDS;
}

static uint64_t word_of(size_t page, size_t i)
{
	return (page * PAGE_WORDS + i) * 0x9e3779b97f4a7c15ULL + 1;
}

static void fill(void)
{
	for (size_t page = 0; page < nr_pages; page++)
		for (size_t i = 0; i < PAGE_WORDS; i++)
			page_at(page)[i] = i == COUNTER ? 0 : word_of(page, i);
}

static void *write_for_ever(void *data)
{
	(void)data;
	(void)!nice(10);
	for (size_t page = 0;; page = (page + 1) % nr_pages) {
		while (atomic_load(&is_wanted))
			sched_yield();
		pthread_mutex_lock(&writing);
		page_at(page)[COUNTER] = ++counts[page];
		pthread_mutex_unlock(&writing);
	}
	return NULL;
}

static bool is_right(size_t page)
{
	const uint64_t *words = page_at(page);

	for (size_t i = 0; i < PAGE_WORDS; i++)
		if (i != COUNTER && words[i] != word_of(page, i))
			return false;
	return words[COUNTER] == counts[page];
}

/* Returns how many pages are wrong. */
static size_t verify(size_t *first)
{
	size_t nr_wrong = 0;

	atomic_store(&is_wanted, true);
	pthread_mutex_lock(&writing);
	for (size_t page = 0; page < nr_pages; page++)
		if (!is_right(page) && nr_wrong++ == 0)
			*first = page;
	pthread_mutex_unlock(&writing);
	atomic_store(&is_wanted, false);
	return nr_wrong;
}

static void tell_verified(void)
{
	size_t first = 0, nr_wrong = verify(&first);

	if (nr_wrong)
		printf("wrong pages=%zu first=%zu\n", nr_wrong, first);
	else
		puts("right");
}

/* ---- where it lies ---- */

static void bind_to(int mode, int node)
{
	unsigned long nodes = 1UL << node;

	if (syscall(SYS_set_mempolicy, mode, mode == MPOL_DEFAULT ? NULL : &nodes, 64))
		die("set_mempolicy");
}

/* The device tells, where the kernel can't. */
static uint64_t pfn_of(int fd, size_t page)
{
	uint64_t entry = 0;
	int map;

	if (pread(fd, &entry, sizeof(entry), (off_t)(page * sizeof(entry))) == sizeof(entry))
		return entry;
	map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (map < 0 || pread(map, &entry, sizeof(entry), (off_t)((uintptr_t)page_at(page) / PAGE_BYTES * 8)) < 0)
		die("pagemap");
	close(map);
	return entry & ((1ULL << 55) - 1);
}

static unsigned long block_pages(void)
{
	FILE *file = fopen("/sys/devices/system/memory/block_size_bytes", "re");
	unsigned long bytes;

	if (!file || fscanf(file, "%lx", &bytes) != 1)
		die("block_size_bytes");
	fclose(file);
	return bytes / PAGE_BYTES;
}

static int node_of(unsigned long block)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%lu/node1", block);
	return access(path, F_OK) ? 0 : 1;
}

static void tell_where(int fd, unsigned long block)
{
	unsigned long size = block_pages(), nr_in_block = 0, nr_on[2] = { 0 };

	for (size_t page = 0; page < nr_pages; page++) {
		unsigned long at = pfn_of(fd, page) / size;

		nr_in_block += at == block;
		nr_on[node_of(at)]++;
	}
	printf("in-block=%lu node0=%lu node1=%lu\n", nr_in_block, nr_on[0], nr_on[1]);
}

/* ---- others that map it ---- */

/* Ends when its parent does. Its writer stayed behind: what the pages count may change under it. */
static void live_as_child(bool shares)
{
	size_t nr_wrong = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t page = 0; page < nr_pages; page++)
		for (size_t i = 0; i < PAGE_WORDS; i++)
			nr_wrong += i != COUNTER && page_at(page)[i] != word_of(page, i);
	if (nr_wrong)
		_exit(1);
	if (shares)
		pause();
	_exit(0);
}

static void churn_one(unsigned int round)
{
	if (round % 2 && munmap(memory, nr_pages / 2 * PAGE_BYTES))
		_exit(1);
	if (round % 2)
		_exit(page_at(nr_pages - 1)[0] != word_of(nr_pages - 1, 0));
	live_as_child(false);
}

static void churn(unsigned int rounds)
{
	int status;

	for (unsigned int i = 0; i < rounds; i++) {
		pid_t pid = fork();

		if (!pid)
			churn_one(i);
		if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
			die("a child found the memory wrong");
	}
	puts("churned");
}

static void map(const char *file, int *fd, int flags)
{
	*fd = open(file, O_RDWR | O_CLOEXEC);
	if (*fd < 0)
		die(file);
	memory = mmap(NULL, nr_pages * PAGE_BYTES, PROT_READ | PROT_WRITE, flags, *fd, 0);
	if (memory == MAP_FAILED)
		die("mmap");
}

static void obey(const char *line, int fd)
{
	if (!strncmp(line, "where ", 6))
		tell_where(fd, strtoul(line + 6, NULL, 0));
	else if (!strncmp(line, "verify", 6))
		tell_verified();
	else if (!strncmp(line, "churn ", 6))
		churn((unsigned int)strtoul(line + 6, NULL, 0));
	else
		puts("?");
}

int main(int argc, char **argv)
{
	pthread_t thread;
	size_t first;
	char line[64];
	int fd;

	if (argc < 5) {
		fprintf(stderr, "usage: hooked FILE PAGES NODE private|shared [fork]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	nr_pages = strtoul(argv[2], NULL, 0);
	counts = calloc(nr_pages, sizeof(*counts));
	map(argv[1], &fd, strcmp(argv[4], "private") ? MAP_SHARED : MAP_PRIVATE);
	bind_to(MPOL_BIND, atoi(argv[3]));
	fill();
	bind_to(MPOL_DEFAULT, 0);
	if (argc > 5 && !fork())
		live_as_child(true);
	if (!counts || pthread_create(&thread, NULL, write_for_ever, NULL))
		die("thread");
	printf("ready pid=%d addr=%#lx\n", getpid(), (unsigned long)memory);
	while (fgets(line, sizeof(line), stdin))
		obey(line, fd);
	return verify(&first) ? 1 : 0;
}
