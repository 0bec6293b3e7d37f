/* SPDX-License-Identifier: GPL-2.0-only */
/* From one set of nodes to another in single steps, each from one node to one. Pure: compiled in user space as well. */
#ifndef MEMOFFLINE_NODE_STEPS_H
#define MEMOFFLINE_NODE_STEPS_H

#include "pure.h"

/* All that is on one node goes to another. */
struct mo_node_step {
	int from;
	int to;
};

/*
 * The steps that take FROM to TO, in an order in which no page moves twice; both are sorted, without duplicates, and TO
 * is not empty. The n-th node goes to the n-th, and behind the last of TO comes its first again. Where the sets differ
 * in number, neighbours can't stay neighbours, and a node that is in both keeps what it has. Fills STEPS, which has
 * room for NR_FROM. Returns how many there are.
 */
unsigned int mo_node_steps(const int *from, unsigned int nr_from, const int *to, unsigned int nr_to,
			   struct mo_node_step *steps);

#endif
