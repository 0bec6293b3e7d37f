// SPDX-License-Identifier: GPL-2.0-only
/* What blocks hold and whose most of it is, on machines that are not there; and a second look. */
#include <fcntl.h>
#include <linux/kernel-page-flags.h>

#include "machine.h"

#define KPF(bit) (1ULL << KPF_##bit)
#define ANON (KPF(ANON) | KPF(LRU) | KPF(SWAPBACKED) | KPF(UPTODATE))
#define BLOCK_PAGES 4096UL

#define MACHINE "block-size=1000000", "blocks=0-1,online,Normal,0", "blocks=4,offline,Normal+Movable,0", \
	"blocks=5,online,Movable,0", "iomem=00000000-5ffffff : System RAM"

static struct mo_map *map;

static void put(const struct machine *machine, const char *name, uint64_t pfn, uint64_t nr, uint64_t value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/proc/%s", machine->dir, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	for (; nr; nr--, pfn++)
		assert_int_equal(pwrite(fd, &value, sizeof(value), (off_t)(pfn * sizeof(value))), sizeof(value));
	close(fd);
}

static void make(const struct machine *machine, uint32_t flags)
{
	int err = mo_map_new(machine->memory, flags, &map);

	if (err)
		fail_msg("mo_map_new: %d, %s", err, mo_ctx_error(machine->ctx));
}

static void end(struct machine *machine)
{
	mo_map_unref(map);
	machine_close(machine);
}

static void contents_of_each_block(void **state)
{
	const struct mo_area *area;
	struct machine machine;

	(void)state;
	OPEN(&machine, MACHINE);
	put(&machine, "kpageflags", 0, 6 * BLOCK_PAGES, KPF(BUDDY));
	put(&machine, "kpageflags", BLOCK_PAGES, 10, KPF(SLAB));
	put(&machine, "kpageflags", 4 * BLOCK_PAGES, BLOCK_PAGES, ANON);
	machine_read(&machine);
	make(&machine, 0);
	assert_ptr_equal(mo_map_memory(map), machine.memory);
	assert_string_equal(mo_map_problem(map), "");
	area = mo_map_area(map, 1);
	assert_int_equal(area->block, 1);
	assert_true(area->content_known);
	assert_int_equal(area->content.nr_pages[MO_KIND_SLAB], 10);
	assert_int_equal(area->content.nr_pages[MO_KIND_FREE], BLOCK_PAGES - 10);
	assert_int_equal(area->cgroup_inode, 0);
	/* What an offline block held once is of no interest. */
	assert_int_equal(mo_map_area(map, 2)->content.nr_pages[MO_KIND_OFFLINE], BLOCK_PAGES);
	assert_null(mo_map_area(map, 4));
	end(&machine);
}

static void owner_is_who_holds_most(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, MACHINE);
	put(&machine, "kpageflags", 0, 2 * BLOCK_PAGES, ANON);
	put(&machine, "kpageflags", 5 * BLOCK_PAGES, BLOCK_PAGES, KPF(BUDDY));
	/* 200 cgroups, of which one has 1,000 pages, here and there. */
	for (uint64_t i = 0; i < 2000; i++)
		put(&machine, "kpagecgroup", i, 1, i % 2 ? 77 : 1000 + i / 10);
	/* The head of a folio is charged for all of it. */
	put(&machine, "kpageflags", BLOCK_PAGES, 1, ANON | KPF(THP) | KPF(COMPOUND_HEAD));
	put(&machine, "kpageflags", BLOCK_PAGES + 1, 511, KPF(THP) | KPF(COMPOUND_TAIL));
	put(&machine, "kpagecgroup", BLOCK_PAGES, 1, 5);
	put(&machine, "kpagecgroup", BLOCK_PAGES + 512, 400, 6);
	/* What is free is nobody's. */
	put(&machine, "kpagecgroup", 5 * BLOCK_PAGES, 100, 5);
	machine_read(&machine);
	make(&machine, MO_MAP_OWNERS);
	assert_int_equal(mo_map_area(map, 0)->cgroup_inode, 77);
	assert_int_equal(mo_map_area(map, 0)->cgroup_pages, 1000);
	assert_int_equal(mo_map_area(map, 1)->cgroup_inode, 5);
	assert_int_equal(mo_map_area(map, 1)->cgroup_pages, 512);
	assert_int_equal(mo_map_area(map, 3)->cgroup_inode, 0);
	end(&machine);
}

static void what_is_missing_is_told(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, MACHINE);
	machine_read(&machine);
	assert_int_equal(mo_map_new(machine.memory, 1u << 7, &map), -EINVAL);
	assert_says(machine.ctx, "0x80");
	make(&machine, 0);
	assert_non_null(strstr(mo_map_problem(map), "there is no /proc/kpageflags"));
	assert_false(mo_map_area(map, 0)->content_known);
	assert_true(mo_map_area(map, 2)->content_known);
	mo_map_unref(map);
	put(&machine, "kpageflags", 0, 1, KPF(BUDDY));
	make(&machine, MO_MAP_OWNERS);
	assert_non_null(strstr(mo_map_problem(map), "/proc/kpagecgroup"));
	assert_true(mo_map_area(map, 0)->content_known);
	end(&machine);
}

static void second_look(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, MACHINE);
	put(&machine, "kpageflags", 0, 6 * BLOCK_PAGES, KPF(BUDDY));
	machine_read(&machine);
	make(&machine, 0);
	put(&machine, "kpageflags", 0, 6 * BLOCK_PAGES, ANON);
	/* With no time at all, only what changes its state is looked into. */
	ADD(&machine, "blocks=1,going-offline,Normal,0", "blocks=4,online,Movable,0");
	assert_int_equal(mo_map_refresh(map, 0), 0);
	assert_int_equal(mo_memory_block(machine.memory, 1)->state, MO_STATE_GOING_OFFLINE);
	assert_int_equal(mo_map_area(map, 0)->content.nr_pages[MO_KIND_FREE], BLOCK_PAGES);
	assert_int_equal(mo_map_area(map, 1)->content.nr_pages[MO_KIND_ANON], BLOCK_PAGES);
	assert_int_equal(mo_map_area(map, 2)->content.nr_pages[MO_KIND_ANON], BLOCK_PAGES);
	assert_int_equal(mo_map_refresh(map, 60000), 0);
	assert_int_equal(mo_map_area(map, 0)->content.nr_pages[MO_KIND_ANON], BLOCK_PAGES);
	ADD(&machine, "remove=sys/devices/system/memory/memory5");
	assert_int_equal(mo_map_refresh(map, 60000), 1);
	ADD(&machine, "blocks=5,online,Movable,0", "blocks=6,online,Movable,0");
	assert_int_equal(mo_map_refresh(map, 60000), 1);
	end(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contents_of_each_block),
		cmocka_unit_test(owner_is_who_holds_most),
		cmocka_unit_test(what_is_missing_is_told),
		cmocka_unit_test(second_look),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
