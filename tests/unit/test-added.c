// SPDX-License-Identifier: GPL-2.0-only
/* Where memory that is added comes online. */
#include "machine.h"

#define ZONE(node, name, present) \
	"Node " #node ", zone " name "\n  pages free     10\n        min      1\n        present  " #present "\n        managed  5\n"

static struct mo_zones read_zones(struct machine *machine, const char *text)
{
	struct mo_zones zones;
	char item[1024];

	snprintf(item, sizeof(item), "file=proc/zoneinfo,%s", text);
	ADD(machine, item);
	assert_int_equal(mo_zones_read(machine->ctx, &zones), 0);
	return zones;
}

static void test_present(void **state)
{
	struct machine machine;
	struct mo_zones zones;

	(void)state;
	OPEN(&machine, DIMM_MACHINE);
	zones = read_zones(&machine, ZONE(0, "  Normal", 1000) ZONE(1, " Movable", 700));
	assert_int_equal(zones.nr, 2);
	assert_int_equal(zones.all[0].present_pages, 1000);
	assert_int_equal(zones.all[1].present_pages, 700);
	assert_int_equal(zones.all[0].min_pages, 1);
	mo_zones_free(&zones);
	machine_close(&machine);
}

/* All zones but Movable are the kernel's; memory of devices counts for neither. */
static void test_ratio(void **state)
{
	struct mo_policy policy = { .online_zone = MO_ZONE_MOVABLE, .movable_ratio = 3 };
	struct machine machine;
	struct mo_zones zones;

	(void)state;
	OPEN(&machine, DIMM_MACHINE);
	zones = read_zones(&machine, ZONE(0, "     DMA", 100) ZONE(0, "   DMA32", 300) ZONE(0, "  Normal", 600)
			   ZONE(0, "  Device", 90000) ZONE(1, " Movable", 2000) ZONE(0, " Movable", 500));
	assert_int_equal(mo_added_zone(&policy, &zones, 500), MO_ZONE_MOVABLE);
	assert_int_equal(mo_added_zone(&policy, &zones, 501), MO_ZONE_NORMAL);
	policy.movable_ratio = 2;
	assert_int_equal(mo_added_zone(&policy, &zones, 1), MO_ZONE_NORMAL);
	policy.movable_ratio = 0;
	assert_int_equal(mo_added_zone(&policy, &zones, 1000000), MO_ZONE_MOVABLE);
	policy.movable_ratio = 2;
	policy.online_zone = MO_ZONE_UNKNOWN;
	assert_int_equal(mo_added_zone(&policy, &zones, 501), MO_ZONE_UNKNOWN);
	policy.online_zone = MO_ZONE_NORMAL;
	assert_int_equal(mo_added_zone(&policy, &zones, 1), MO_ZONE_NORMAL);
	mo_zones_free(&zones);
	machine_close(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_present),
		cmocka_unit_test(test_ratio),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
