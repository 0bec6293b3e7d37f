// SPDX-License-Identifier: LGPL-2.1-or-later
/* Memory of processes that the kernel moves by its own calls, through libnuma. */
#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <pthread.h>
#include <stdlib.h>

#include "library.h"
#include "private.h"

/* Opened, it reads what the kernel says of nodes, processors and the process: a third of a short command's start. */
#define LIBNUMA "libnuma.so.1"
#define FUNCTIONS(each) \
	each(numa_migrate_pages) \
	each(numa_move_pages)

static struct numa {
	void *handle;
	FUNCTIONS(LIBRARY_MEMBER)
	bool is_open;
} numa;

static void open_once(void)
{
	struct numa *library = &numa;

	library->handle = dlopen(LIBNUMA, RTLD_NOW);
	library->is_open = library->handle && !(FUNCTIONS(LIBRARY_FIND) false);
}

/* It stays open: what it keeps of threads can't be taken back. */
static int open_libnuma(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, open_once);
	return numa.is_open ? 0 : -ELIBACC;
}

static long move_pages_to(int32_t pid, void **addrs, size_t nr, const int *nodes, int *status, int flags)
{
	int err = open_libnuma();
	long left = err ? err : numa.numa_move_pages(pid, nr, addrs, nodes, status, flags);

	return left < 0 && !err ? -errno : left;
}

uint64_t mo_node_move_pages(int32_t pid, void **addrs, size_t nr, int32_t node)
{
	int *nodes = calloc(nr, sizeof(*nodes)), *status = calloc(nr, sizeof(*status));
	uint64_t nr_moved = 0;
	size_t i;

	if (!nodes || !status)
		goto free_both;
	for (i = 0; i < nr; i++) {
		nodes[i] = node;
		status[i] = -EAGAIN;
	}
	if (move_pages_to(pid, addrs, nr, nodes, status, MPOL_MF_MOVE_ALL) < 0)
		goto free_both;
	for (i = 0; i < nr; i++)
		nr_moved += status[i] == node;
free_both:
	free(nodes);
	free(status);
	return nr_moved;
}

int mo_node_migrate(int32_t pid, const struct mo_nodeset *from, const struct mo_nodeset *to)
{
	/* libnuma's own sets have as many nodes as it saw when it began: these are lent to it. */
	struct bitmask masks[2] = {
		{ .size = MO_NODES_MAX, .maskp = (unsigned long *)from->words },
		{ .size = MO_NODES_MAX, .maskp = (unsigned long *)to->words },
	};
	int err = open_libnuma();

	_Static_assert(sizeof(unsigned long) == sizeof(from->words[0]), "words of a nodemask have another size");
	if (err)
		return err;
	return numa.numa_migrate_pages(pid, &masks[0], &masks[1]) < 0 ? -errno : 0;
}

int mo_node_of_pages(int32_t pid, void **addrs, size_t nr, int *status)
{
	return (int)move_pages_to(pid, addrs, nr, NULL, status, 0);
}

int mo_node_try_pages(int32_t pid, void **addrs, size_t nr, const int *nodes, int *status, bool also_shared)
{
	long left = move_pages_to(pid, addrs, nr, nodes, status, also_shared ? MPOL_MF_MOVE_ALL : MPOL_MF_MOVE);

	return left > 0 ? 1 : (int)left;
}
