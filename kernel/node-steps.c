// SPDX-License-Identifier: GPL-2.0-only
/*
 * From one set of nodes to another in single steps.
 *
 * A step must not come after one that fills the node it empties: what had just arrived would go on with it. Of sets
 * that differ in number no target is ever a source, and any order is right. Where the numbers are equal, both sets are
 * sorted, so that a higher node goes to a higher target. A chain that begins upwards then goes upwards to its end, and
 * no chain comes back to where it began: steps up are taken from the highest source on, steps down from the lowest.
 */
#include "node-steps.h"

static bool has(const int *nodes, unsigned int nr, int nid)
{
	while (nr--)
		if (nodes[nr] == nid)
			return true;
	return false;
}

/* Of the i-th source; the source itself: what is there stays. */
static int target_of(const int *from, unsigned int nr_from, const int *to, unsigned int nr_to, unsigned int i)
{
	return nr_from != nr_to && has(to, nr_to, from[i]) ? from[i] : to[i % nr_to];
}

unsigned int mo_node_steps(const int *from, unsigned int nr_from, const int *to, unsigned int nr_to,
			   struct mo_node_step *steps)
{
	unsigned int nr = 0, i;
	int target;

	for (i = nr_from; i-- > 0;) {
		target = target_of(from, nr_from, to, nr_to, i);
		if (target > from[i])
			steps[nr++] = (struct mo_node_step){ from[i], target };
	}
	for (i = 0; i < nr_from; i++) {
		target = target_of(from, nr_from, to, nr_to, i);
		if (target < from[i])
			steps[nr++] = (struct mo_node_step){ from[i], target };
	}
	return nr;
}
