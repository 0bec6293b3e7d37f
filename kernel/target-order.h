/* SPDX-License-Identifier: GPL-2.0-only */
/* In which order nodes are asked for memory. Pure: compiled in user space as well. */
#ifndef MEMOFFLINE_TARGET_ORDER_H
#define MEMOFFLINE_TARGET_ORDER_H

#include "pure.h"

/* What the order depends on. */
struct mo_topology {
	int (*distance)(int from, int to);
	bool (*is_top_tier)(int nid);
};

/*
 * Sorts nodes: the source itself, then the others by distance from it, of equal ones the lower number first; those of
 * a memory tier below the source's come last. Returns how many stand before those, or NR when there are only such.
 */
unsigned int mo_target_order(int *nodes, unsigned int nr, int source_nid, const struct mo_topology *topology);

#endif
