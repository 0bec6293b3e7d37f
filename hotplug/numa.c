// SPDX-License-Identifier: LGPL-2.1-or-later
/* Memory of processes that the kernel moves by its own calls, through libnuma. */
#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <stdlib.h>

#include "library.h"
#include "private.h"

/* Opened, it reads what the kernel says of nodes, processors and the process: a third of a short command's start. */
#define FUNCTIONS(each) \
	each(numa_migrate_pages) \
	each(numa_move_pages)

LIBRARY(numa, "libnuma.so.1", FUNCTIONS)

int mo_node_open(struct mo_ctx *ctx)
{
	if (!open_numa())
		return 0;
	return mo_error(ctx, -ELIBACC, "can't ask the kernel to move pages of processes: %s; install libnuma, or use the core "
			"('--engine core')", numa.why);
}

static long move_pages_to(int32_t pid, void **addrs, size_t nr, const int *nodes, int *status, int flags)
{
	long left = numa.numa_move_pages(pid, nr, addrs, nodes, status, flags);

	return left < 0 ? -errno : left;
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

	_Static_assert(sizeof(unsigned long) == sizeof(from->words[0]), "words of a nodemask have another size");
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
