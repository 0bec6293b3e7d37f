// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that share memory. Each has its own view of what fork() made copy-on-write: it writes to the pages whose
 * turn it is and knows what all others have to hold. They end with their parent.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live.h"

#define PAGES_BETWEEN_LOOKS 64

static unsigned int self;	/* 0: the parent */

bool is_mine(const struct family *family, size_t page)
{
	return page % (family->nr_children + 1) == self;
}

static bool is_ours(const struct region *region)
{
	return region->kind == REGION_FORKED || (kind_is_shared(region->kind) && region->addr);
}

/* Of shared memory only what does not change is known to all: that each can read it is all that is asked. */
static size_t verify_view(struct family *family)
{
	size_t len_bytes = 0;

	for (size_t i = 0; i < family->nr_regions; i++) {
		struct region *region = &family->regions[i];

		if (!is_ours(region) || (kind_is_shared(region->kind) && family->is_busy))
			continue;
		for (size_t page = 0; page < region_pages(region); page++)
			verify_page(region, page);
		len_bytes += region->len_bytes;
	}
	return len_bytes;
}

/* Ends with the parent; an answer tells how much was verified. */
static void answer(struct family *family, int parent, bool wait)
{
	size_t len_bytes;
	char c;
	ssize_t got = recv(parent, &c, 1, wait ? 0 : MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
		_exit(0);
	len_bytes = verify_view(family);
	if (write(parent, &len_bytes, sizeof(len_bytes)) != sizeof(len_bytes))
		_exit(0);
}

static void live_page(struct family *family, struct region *region, size_t page)
{
	if (kind_is_shared(region->kind)) {
		(void)*(volatile char *)(region->addr + page * PAGE_BYTES);
		return;
	}
	verify_page(region, page);
	if (!is_mine(family, page))
		return;
	region->generations[page] += 1 + self * 0x10000;
	write_page(region, page);
}

static void live(struct family *family, int parent)
{
	for (size_t i = 0; i < family->nr_regions; i++) {
		struct region *region = &family->regions[i];

		for (size_t page = 0; is_ours(region) && page < region_pages(region); page++) {
			live_page(family, region, page);
			if (page % PAGES_BETWEEN_LOOKS == 0)
				answer(family, parent, false);
		}
	}
}

/* Shared memory is not mapped by fork(); private memory is. */
static void map_all(struct family *family)
{
	for (size_t i = 0; i < family->nr_regions; i++)
		for (size_t page = 0; is_ours(&family->regions[i]) && page < region_pages(&family->regions[i]); page++)
			(void)*(volatile char *)(family->regions[i].addr + page * PAGE_BYTES);
}

static void be_child(struct family *family, int parent)
{
	size_t ready = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "work-child");
	sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){ 0 });	/* many of them leave others a processor */
	map_all(family);
	if (write(parent, &ready, sizeof(ready)) != sizeof(ready))
		_exit(1);
	while (!family->is_busy)
		answer(family, parent, true);
	for (;;)
		live(family, parent);
}

static size_t hear(struct family *family, unsigned int child)
{
	size_t len_bytes;

	if (read(family->children[child], &len_bytes, sizeof(len_bytes)) != sizeof(len_bytes))
		die("process %u of %u that share memory ended", child + 1, family->nr_children);
	return len_bytes;
}

void start_family(struct family *family)
{
	int ends[2];

	family->children = calloc(family->nr_children, sizeof(*family->children));
	family->pids = calloc(family->nr_children, sizeof(*family->pids));
	if (family->nr_children && (!family->children || !family->pids))
		die("no memory");
	for (unsigned int i = 0; i < family->nr_children; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
			die("can't make a socket: %s", strerror(errno));
		family->pids[i] = fork();
		switch (family->pids[i]) {
		case -1:
			die("can't fork: %s", strerror(errno));
		case 0:
			self = i + 1;
			close(ends[0]);
			be_child(family, ends[1]);
		}
		close(ends[1]);
		family->children[i] = ends[0];
	}
	for (unsigned int i = 0; i < family->nr_children; i++)
		hear(family, i);
}

size_t verify_family(struct family *family)
{
	size_t len_bytes = 0;

	for (unsigned int i = 0; i < family->nr_children; i++)
		if (write(family->children[i], "?", 1) != 1)
			die("process %u of %u that share memory ended", i + 1, family->nr_children);
	for (unsigned int i = 0; i < family->nr_children; i++)
		len_bytes += hear(family, i);
	return len_bytes;
}

/* Their memory is given back when this returns. */
void end_family(struct family *family)
{
	for (unsigned int i = 0; i < family->nr_children; i++)
		kill(family->pids[i], SIGKILL);
	for (unsigned int i = 0; i < family->nr_children; i++)
		waitpid(family->pids[i], NULL, 0);
}
