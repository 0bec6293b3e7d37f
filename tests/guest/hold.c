// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that can't move, each kind for a reason of its own.
 *
 *   hold promise|secret|secret-ends|dma|dma-thp|dma-shared|file|gigantic|slab|pgtable BYTES [NODE]
 *
 * Prints "held pid=PID pfn=0xPFN", pfn 0 where there is none to be seen, and holds it till its input ends.
 *
 *   promise	huge pages of the pool, reserved and not yet used
 *   secret	memory that the kernel itself can't read
 *   secret-ends	the same, of which the first and the last MiB are there
 *   dma	registered with io_uring, which pins it for good, on NODE; dma-thp: transparent huge pages; dma-shared:
 *		shared memory
 *   file	the file that descriptor 9 is, as far as it is there already
 *   gigantic	huge pages of 1 GiB
 *   slab	objects of the kernel that describe mappings
 *   pgtable	page tables, each for one page
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/mempolicy.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define HUGE_BYTES (2UL << 20)
#define MAP_HUGE_1G (30 << 26)
#define PAGE_BYTES 4096UL
#define SLAB_BYTES 256UL	/* for each mapping, about */
#define MAX_MAPPINGS 60000UL

static void die(const char *what)
{
	fprintf(stderr, "hold: %s: %s\n", what, strerror(errno));
	exit(1);
}

static char *map(size_t size, int flags, int fd)
{
	char *addr = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (addr == MAP_FAILED)
		die("mmap");
	return addr;
}

static void pin(char *addr, size_t size)
{
	struct io_uring_params params = { 0 };
	struct iovec buffer = { addr, size };
	int ring = (int)syscall(SYS_io_uring_setup, 1, &params);

	if (ring < 0 || syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &buffer, 1))
		die("io_uring");
}

static void bind(char *addr, size_t size, int node)
{
	unsigned long nodes = 1UL << node;

	if (syscall(SYS_mbind, addr, size, MPOL_BIND, &nodes, 64UL, 0))
		die("mbind");
}

static char *hold_dma(size_t size, int advice, int node)
{
	char *area = map(size + 2 * HUGE_BYTES, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	char *addr = (char *)(((uintptr_t)area + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));

	if (madvise(addr, size, advice))
		die("madvise");
	if (node >= 0)
		bind(addr, size, node);
	memset(addr, 1, size);
	pin(addr, size);
	return addr;
}

static char *hold_shared_dma(size_t size)
{
	char *addr = map(size, MAP_SHARED | MAP_ANONYMOUS, -1);

	memset(addr, 1, size);
	pin(addr, size);
	return addr;
}

static char *hold_file(size_t size)
{
	char *addr = map(size, MAP_SHARED, 9);

	if (madvise(addr, size, MADV_POPULATE_READ))
		die("madvise");
	return addr;
}

/* Only the first and the last USED bytes are there. */
static char *hold_secret(size_t size, size_t used)
{
	int fd = (int)syscall(SYS_memfd_secret, 0);
	char *addr;

	if (fd < 0 || ftruncate(fd, (off_t)size))
		die("memfd_secret");
	addr = map(size, MAP_SHARED, fd);
	memset(addr, 1, used);
	memset(addr + size - used, 1, used);
	return addr;
}

static char *hold_gigantic(size_t size)
{
	char *addr = map(size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1G, -1);

	addr[0] = 1;
	return addr;
}

/* Neighbours differ in what they allow, so that each is a mapping of its own. */
static char *map_pages(size_t nr)
{
	char *addr = map(nr * PAGE_BYTES, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

	for (size_t i = 0; i < nr; i += 2)
		if (mprotect(addr + i * PAGE_BYTES, PAGE_BYTES, PROT_READ))
			die("mprotect");
	return addr;
}

/* A process has only so many; those of children end with this one. */
static char *hold_slab(size_t size)
{
	char *addr = map_pages(1);

	for (size_t nr = size / SLAB_BYTES; nr; nr -= nr < MAX_MAPPINGS ? nr : MAX_MAPPINGS) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		map_pages(nr < MAX_MAPPINGS ? nr : MAX_MAPPINGS);
		pause();
	}
	return addr;
}

static char *hold_pgtable(size_t size)
{
	size_t span = size / PAGE_BYTES * HUGE_BYTES;
	char *addr = map(span, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

	if (madvise(addr, span, MADV_NOHUGEPAGE))
		die("madvise");
	for (size_t at = 0; at < span; at += HUGE_BYTES)
		addr[at] = 1;
	return addr;
}

static char *hold(const char *kind, size_t size, int node)
{
	if (!strcmp(kind, "promise"))
		return map(size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1);
	if (!strcmp(kind, "secret"))
		return hold_secret(size, size);
	if (!strcmp(kind, "secret-ends"))
		return hold_secret(size, 1 << 20);
	if (!strcmp(kind, "dma"))
		return hold_dma(size, MADV_NOHUGEPAGE, node);
	if (!strcmp(kind, "dma-thp"))
		return hold_dma(size, MADV_HUGEPAGE, node);
	if (!strcmp(kind, "dma-shared"))
		return hold_shared_dma(size);
	if (!strcmp(kind, "file"))
		return hold_file(size);
	if (!strcmp(kind, "gigantic"))
		return hold_gigantic(size);
	if (!strcmp(kind, "slab"))
		return hold_slab(size);
	if (!strcmp(kind, "pgtable"))
		return hold_pgtable(size);
	errno = EINVAL;
	die(kind);
	return NULL;
}

static uint64_t pfn_of(const char *addr)
{
	const off_t at = (off_t)((uintptr_t)addr / 4096 * sizeof(uint64_t));
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry;

	if (fd < 0 || pread(fd, &entry, sizeof(entry), at) != sizeof(entry))
		die("pagemap");
	close(fd);
	return entry & ((1ULL << 55) - 1);
}

int main(int argc, char **argv)
{
	int node = argc == 4 ? atoi(argv[3]) : -1;
	char *addr, byte;

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: hold promise|secret|secret-ends|dma|dma-thp|dma-shared|file|gigantic|slab|pgtable BYTES [NODE]\n");
		return 2;
	}
	addr = hold(argv[1], strtoul(argv[2], NULL, 0), node);
	printf("held pid=%d pfn=%#llx\n", getpid(), (unsigned long long)pfn_of(addr));
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return 0;
}
