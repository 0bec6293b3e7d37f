// SPDX-License-Identifier: GPL-2.0-only
/* Sets of nodes as text, and one laid upon another: every pair of sets of four nodes against a model. */
#include "machine.h"

static struct mo_nodeset set_of(unsigned int mask)
{
	struct mo_nodeset set = { { mask } };

	return set;
}

static void test_parse(void **state)
{
	static const struct { const char *list; unsigned int mask; } good[] = {
		{ "0", 1 }, { "3", 8 }, { "0,2-3", 13 }, { "2-2", 4 }, { "1,1", 2 }, { "0-3", 15 },
	};
	struct mo_nodeset set;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(mo_nodeset_parse(good[i].list, &set), 0);
		assert_int_equal(set.words[0], good[i].mask);
		assert_int_equal(mo_nodeset_weight(&set), __builtin_popcount(good[i].mask));
	}
	assert_int_equal(mo_nodeset_parse("1023", &set), 0);
	assert_true(mo_nodeset_has(&set, 1023));
	assert_int_equal(mo_nodeset_nr_words(&set), MO_NODE_WORDS);
}

static void test_parse_wrong(void **state)
{
	static const char *const bad[] = { "", ",", "1,", ",1", "2-1", "1-", "-1", "a", "1 2", "1024", "1--2",
					   "99999999999" };
	struct mo_nodeset set = set_of(5);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(mo_nodeset_parse(bad[i], &set), -EINVAL);
		assert_int_equal(set.words[0], 5);
	}
}

static void test_text(void **state)
{
	struct mo_nodeset set = { { 0 } };

	(void)state;
	assert_string_equal(mo_nodeset_text(&set).text, "");
	set = set_of(13);
	mo_nodeset_add(&set, 1023);
	assert_string_equal(mo_nodeset_text(&set).text, "0,2-3,1023");
	memset(&set, 0x55, sizeof(set));	/* more than there is room for */
	assert_true(strlen(mo_nodeset_text(&set).text) < sizeof(struct mo_nodes_text));
}

static void test_read(void **state)
{
	struct machine machine;
	struct mo_nodeset set;

	(void)state;
	OPEN(&machine, DIMM_MACHINE, "file=sys/devices/system/node/has_memory,0-1",
	     "file=proc/7/status,Name:x\\+Mems_allowed:f\\+Mems_allowed_list: 1-2\\+x:");
	assert_int_equal(mo_nodeset_read(machine.ctx, "has_memory", &set), 0);
	assert_int_equal(set.words[0], 3);
	assert_int_equal(mo_nodeset_read(machine.ctx, "nothing", &set), -ENOENT);
	assert_int_equal(mo_nodeset_allowed(machine.ctx, "7", &set), 0);
	assert_int_equal(set.words[0], 6);
	assert_int_equal(mo_nodeset_allowed(machine.ctx, "8", &set), -ENOENT);
	machine_close(&machine);
}

/* The n-th node of FROM to the n-th of TO, said another way: by counting what lies below. */
static int model(unsigned int from, unsigned int to, unsigned int node)
{
	int nr_from = __builtin_popcount(from), nr_to = __builtin_popcount(to);
	int rank = __builtin_popcount(from & ((1u << node) - 1)) % nr_to;
	unsigned int target = 0;

	if (!(from >> node & 1) || (nr_from != nr_to && to >> node & 1))
		return -1;
	while (__builtin_popcount(to & ((2u << target) - 1)) <= rank)
		target++;
	return target == node ? -1 : (int)target;
}

static void test_layout(void **state)
{
	struct mo_layout layout;

	(void)state;
	for (unsigned int from = 1; from < 16; from++) {
		for (unsigned int to = 1; to < 16; to++) {
			struct mo_nodeset a = set_of(from), b = set_of(to);
			unsigned int sources = 0, destinations = 0;

			mo_layout_make(&a, &b, &layout);
			for (unsigned int node = 0; node < 4; node++) {
				int target = model(from, to, node);

				assert_int_equal(layout.targets[node], target);
				sources |= target >= 0 ? 1u << node : 0;
				destinations |= target >= 0 ? 1u << target : 0;
			}
			assert_int_equal(layout.sources.words[0], sources);
			assert_int_equal(layout.destinations.words[0], destinations);
		}
	}
}

static void test_sets(void **state)
{
	struct mo_nodeset all = set_of(15), some = set_of(6), other = set_of(9);

	(void)state;
	assert_true(mo_nodeset_is_subset(&some, &all));
	assert_false(mo_nodeset_is_subset(&all, &some));
	assert_true(mo_nodeset_meets(&some, &all));
	assert_false(mo_nodeset_meets(&some, &other));
	assert_int_equal(mo_nodeset_nr_words(&some), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_wrong),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
