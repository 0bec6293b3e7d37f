// SPDX-License-Identifier: GPL-2.0-only
/* The steps from one set of nodes to another, against a model in which each page goes straight to where it belongs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "node-steps.h"

#define MAX_NODES	1024
#define NR_SMALL	4	/* nodes of a machine of which all pairs of sets are tried */
#define NR_LARGER	7

int pure_fails_after = -1;

struct set {
	unsigned int nr;
	int nodes[MAX_NODES];
};

static struct set set_of(unsigned int bits)
{
	struct set set = { 0 };

	for (int nid = 0; bits; nid++, bits >>= 1)
		if (bits & 1)
			set.nodes[set.nr++] = nid;
	return set;
}

static struct set row(int first, unsigned int nr, int stride)
{
	struct set set = { .nr = nr };

	for (unsigned int i = 0; i < nr; i++)
		set.nodes[i] = first + (int)i * stride;
	return set;
}

static bool is_in(const struct set *set, int nid)
{
	for (unsigned int i = 0; i < set->nr; i++)
		if (set->nodes[i] == nid)
			return true;
	return false;
}

/* Where a page of that node belongs. */
static int model(const struct set *from, const struct set *to, int nid)
{
	unsigned int place = 0;

	if (!is_in(from, nid))
		return nid;
	if (from->nr != to->nr && is_in(to, nid))
		return nid;
	while (from->nodes[place] != nid)
		place++;
	while (place >= to->nr)
		place -= to->nr;
	return to->nodes[place];
}

static void check(const struct set *from, const struct set *to)
{
	static struct mo_node_step steps[MAX_NODES];
	static int nid_of[MAX_NODES], nr_moves[MAX_NODES];	/* of the page that was on each node */
	unsigned int nr = mo_node_steps(from->nodes, from->nr, to->nodes, to->nr, steps);

	assert_in_range(nr, 0, from->nr);
	for (int page = 0; page < MAX_NODES; page++) {
		nid_of[page] = page;
		nr_moves[page] = 0;
	}
	for (unsigned int i = 0; i < nr; i++) {
		assert_int_not_equal(steps[i].from, steps[i].to);
		for (int page = 0; page < MAX_NODES; page++) {
			if (nid_of[page] != steps[i].from)
				continue;
			nid_of[page] = steps[i].to;
			nr_moves[page]++;
		}
	}
	for (int page = 0; page < MAX_NODES; page++) {
		assert_int_equal(nid_of[page], model(from, to, page));
		assert_in_range(nr_moves[page], 0, 1);
	}
}

static void all_pairs_of_sets(void **state)
{
	(void)state;
	for (unsigned int from = 1; from < 1u << NR_SMALL; from++)
		for (unsigned int to = 1; to < 1u << NR_SMALL; to++) {
			const struct set a = set_of(from), b = set_of(to);

			check(&a, &b);
		}
}

/* Apart, side by side, overlapping by all but one, in each other's gaps. */
static void all_powers_of_two(void **state)
{
	(void)state;
	for (unsigned int nr = 1; nr <= MAX_NODES / 2; nr *= 2) {
		const struct set low = row(0, nr, 1), next = row(1, nr, 1), far = row((int)nr, nr, 1),
				 even = row(0, nr, 2), odd = row(1, nr, 2), one = row((int)nr - 1, 1, 1);

		check(&low, &low);
		check(&low, &next);
		check(&next, &low);
		check(&low, &far);
		check(&far, &low);
		check(&even, &odd);
		check(&odd, &even);
		check(&low, &even);
		check(&even, &low);
		check(&low, &one);
		check(&one, &low);
	}
}

/* What the order of the steps stands on. */
static void no_chain_of_steps_comes_back(void **state)
{
	(void)state;
	for (unsigned int from = 1; from < 1u << NR_LARGER; from++)
		for (unsigned int to = 1; to < 1u << NR_LARGER; to++) {
			const struct set a = set_of(from), b = set_of(to);

			for (unsigned int i = 0; i < a.nr; i++) {
				int nid = a.nodes[i], next = model(&a, &b, nid);

				for (int length = 0; next != nid; length++) {
					assert_in_range(length, 0, NR_LARGER);
					assert_int_not_equal(next, a.nodes[i]);
					nid = next;
					next = model(&a, &b, nid);
				}
			}
		}
}

static void steps_are_as_documented(void **state)
{
	static const int from[] = { 2, 3, 4 }, to[] = { 3, 4, 5 }, wide[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	struct mo_node_step steps[8];

	(void)state;
	assert_int_equal(mo_node_steps(from, 3, to, 3, steps), 3);	/* moves everything */
	assert_int_equal(steps[0].from, 4);
	assert_int_equal(steps[0].to, 5);
	assert_int_equal(mo_node_steps(wide, 8, to, 3, steps), 5);	/* but not 3, 4 and 5 */
	assert_int_equal(mo_node_steps(wide, 0, to, 3, steps), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_pairs_of_sets),
		cmocka_unit_test(all_powers_of_two),
		cmocka_unit_test(no_chain_of_steps_comes_back),
		cmocka_unit_test(steps_are_as_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
