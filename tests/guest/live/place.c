// SPDX-License-Identifier: GPL-2.0-only
/* Nodes, memory blocks, page frames. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "live.h"

#define MAX_NODES 1024
#define CHUNK 512UL
#define PAGEMAP_PRESENT (1ULL << 63)
#define PAGEMAP_PFN ((1ULL << 55) - 1)

void prefer_node(int node)
{
	unsigned long mask[MAX_NODES / 64] = { 0 };

	if (node >= MAX_NODES)
		die("node %d is out of range", node);
	if (node >= 0)
		mask[node / 64] = 1UL << (node % 64);
	if (syscall(SYS_set_mempolicy, node < 0 ? MPOL_DEFAULT : MPOL_PREFERRED, node < 0 ? NULL : mask, MAX_NODES))
		die("can't prefer node %d: %s; is it there, with memory?", node, strerror(errno));
}

void bind_memory(char *addr, size_t len_bytes, unsigned long nodes)
{
	if (syscall(SYS_mbind, addr, len_bytes, MPOL_BIND, &nodes, 64UL, 0))
		die("can't bind memory to the nodes of mask %#lx: %s", nodes, strerror(errno));
}

int node_of_block(long block)
{
	char path[64];

	for (int node = 0; node < MAX_NODES; node++) {
		snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%ld/node%d", block, node);
		if (!access(path, F_OK))
			return node;
	}
	return -1;
}

size_t pages_on_node(char *addr, size_t nr_pages, int node)
{
	void *pages[CHUNK];
	int status[CHUNK];
	size_t found = 0;

	for (size_t done = 0, n; done < nr_pages; done += n) {
		n = nr_pages - done < CHUNK ? nr_pages - done : CHUNK;
		for (size_t i = 0; i < n; i++)
			pages[i] = addr + (done + i) * PAGE_BYTES;
		if (syscall(SYS_move_pages, 0, n, pages, NULL, status, 0))
			die("move_pages: %s", strerror(errno));
		for (size_t i = 0; i < n; i++)
			found += status[i] == node;
	}
	return found;
}

static size_t read_block_pages(void)
{
	FILE *file = fopen("/sys/devices/system/memory/block_size_bytes", "re");
	unsigned long long len_bytes;

	if (!file || fscanf(file, "%llx", &len_bytes) != 1)
		die("can't read /sys/devices/system/memory/block_size_bytes: has this machine memory hotplug?");
	fclose(file);
	return len_bytes / PAGE_BYTES;
}

bool is_in_block(uint64_t pfn, long block)
{
	static size_t block_pages;

	if (!block_pages)
		block_pages = read_block_pages();
	return pfn / block_pages == (uint64_t)block;
}

static void read_pagemap(const char *addr, uint64_t *pfns, size_t nr)
{
	static int fd = -1;
	static pid_t pid;

	if (fd < 0 || pid != getpid())
		fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	pid = getpid();
	if (pread(fd, pfns, nr * sizeof(*pfns), (off_t)((uintptr_t)addr / PAGE_BYTES * sizeof(*pfns))) !=
	    (ssize_t)(nr * sizeof(*pfns)))
		die("can't read /proc/self/pagemap: %s", strerror(errno));
	for (size_t i = 0; i < nr; i++) {
		if (pfns[i] & PAGEMAP_PRESENT && !(pfns[i] & PAGEMAP_PFN))
			die("the kernel hides page frame numbers: run it as root");
		pfns[i] = pfns[i] & PAGEMAP_PRESENT ? pfns[i] & PAGEMAP_PFN : 0;
	}
}

uint64_t pfn_of(const char *addr)
{
	uint64_t pfn;

	read_pagemap(addr, &pfn, 1);
	return pfn;
}

size_t pages_in_block(char *addr, size_t nr_pages, long block)
{
	uint64_t pfns[CHUNK];
	size_t found = 0;

	for (size_t done = 0, n; done < nr_pages; done += n) {
		n = nr_pages - done < CHUNK ? nr_pages - done : CHUNK;
		read_pagemap(addr + done * PAGE_BYTES, pfns, n);
		for (size_t i = 0; i < n; i++)
			found += pfns[i] && is_in_block(pfns[i], block);
	}
	return found;
}
