// SPDX-License-Identifier: GPL-2.0-only
#include "target-order.h"

struct view {
	int source_nid;
	bool has_lower;		/* the source is in the top tier: there may be tiers below */
	const struct mo_topology *topology;
};

static bool is_lower(const struct view *view, int nid)
{
	return view->has_lower && nid != view->source_nid && !view->topology->is_top_tier(nid);
}

static bool comes_before(const struct view *view, int a, int b)
{
	int source = view->source_nid, distance_a, distance_b;

	if (is_lower(view, a) != is_lower(view, b))
		return is_lower(view, b);
	if (a == source || b == source)
		return a == source;
	distance_a = view->topology->distance(source, a);
	distance_b = view->topology->distance(source, b);
	return distance_a != distance_b ? distance_a < distance_b : a < b;
}

static void insert(int *nodes, unsigned int nr, int nid, const struct view *view)
{
	for (; nr && comes_before(view, nid, nodes[nr - 1]); nr--)
		nodes[nr] = nodes[nr - 1];
	nodes[nr] = nid;
}

unsigned int mo_target_order(int *nodes, unsigned int nr, int source_nid, const struct mo_topology *topology)
{
	struct view view = { source_nid, topology->is_top_tier(source_nid), topology };
	unsigned int i, nr_near = 0;

	for (i = 0; i < nr; i++)
		insert(nodes, i, nodes[i], &view);
	while (nr_near < nr && !is_lower(&view, nodes[nr_near]))
		nr_near++;
	return nr_near ?: nr;
}
