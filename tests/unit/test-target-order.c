// SPDX-License-Identifier: GPL-2.0-only
/* In which order the module asks nodes for memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "target-order.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_NODES 8

int pure_fails_after = -1;

/* Two sockets with memory of their own, 0 and 1; slow memory behind each, 2 and 3; and node 4, far but fast. */
static int distances[MAX_NODES][MAX_NODES] = {
	{ 10, 21, 17, 28, 40 },
	{ 21, 10, 28, 17, 40 },
	{ 17, 28, 10, 28, 40 },
	{ 28, 17, 28, 10, 40 },
	{ 40, 40, 40, 40, 10 },
};

static int distance(int from, int to)
{
	return distances[from][to];
}

static bool is_fast(int nid)
{
	return nid != 2 && nid != 3;
}

static const struct mo_topology topology = { distance, is_fast };

static const struct order_case {
	const char *what;
	int source_nid;
	unsigned int nr;
	int nodes[MAX_NODES];
	int ordered[MAX_NODES];
	unsigned int nr_near;
} cases[] = {
	{ "none", 0, 0, { 0 }, { 0 }, 0 },
	{ "itself alone", 0, 1, { 0 }, { 0 }, 1 },
	{ "slower ones last, though nearer", 0, 5, { 0, 1, 2, 3, 4 }, { 0, 1, 4, 2, 3 }, 3 },
	{ "in whatever order they were", 0, 5, { 3, 4, 2, 1, 0 }, { 0, 1, 4, 2, 3 }, 3 },
	{ "seen from the other socket", 1, 5, { 0, 1, 2, 3, 4 }, { 1, 0, 4, 3, 2 }, 3 },
	{ "from slow memory nothing is lower", 2, 5, { 0, 1, 2, 3, 4 }, { 2, 0, 1, 3, 4 }, 5 },
	{ "the source is not a target", 0, 3, { 4, 1, 2 }, { 1, 4, 2 }, 2 },
	{ "only slow ones: no last resort", 0, 2, { 3, 2 }, { 2, 3 }, 2 },
	{ "slow, and not among the targets", 3, 2, { 2, 4 }, { 2, 4 }, 2 },
};

static void check(const struct order_case *c)
{
	int nodes[MAX_NODES];
	unsigned int nr_near;

	memcpy(nodes, c->nodes, sizeof(nodes));
	nr_near = mo_target_order(nodes, c->nr, c->source_nid, &topology);
	print_message("%s\n", c->what);
	assert_int_equal(nr_near, c->nr_near);
	assert_memory_equal(nodes, c->ordered, c->nr * sizeof(*nodes));
}

static void nodes_are_in_order(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
		check(&cases[i]);
}

static int farther_to_itself(int from, int to)
{
	return from == to ? 254 : 10;
}

/* Tables of firmware hold anything. */
static void the_source_is_first_whatever_the_table_says(void **state)
{
	static const struct mo_topology odd = { farther_to_itself, is_fast };
	int nodes[] = { 0, 1, 4 };

	(void)state;
	assert_int_equal(mo_target_order(nodes, 3, 4, &odd), 3);
	assert_int_equal(nodes[0], 4);
	assert_int_equal(nodes[1], 0);
	assert_int_equal(nodes[2], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_are_in_order),
		cmocka_unit_test(the_source_is_first_whatever_the_table_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
