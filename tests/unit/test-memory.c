// SPDX-License-Identifier: GPL-2.0-only
/* The snapshot of a machine: blocks, devices, nodes. */
#include "machine.h"

#include <zlib.h>

#define MEMORY "sys/devices/system/memory"
#define NODES "sys/devices/system/node"

static const struct mo_block *block(struct machine *machine, uint32_t number)
{
	const struct mo_block *found = mo_memory_find(machine->memory, number);

	assert_non_null(found);
	assert_int_equal(found->number, number);
	return found;
}

static const char *device_of(struct machine *machine, uint32_t number)
{
	return mo_memory_device(machine->memory, block(machine, number)->device)->name;
}

static void test_dimm_machine(void **state)
{
	struct machine machine;
	const struct mo_device *device;
	const struct mo_node *node;

	(void)state;
	OPEN(&machine, DIMM_MACHINE);
	machine_read(&machine);
	assert_int_equal(mo_memory_block_bytes(machine.memory), 128 << 20);
	assert_int_equal(mo_memory_block_pages(machine.memory), (128 << 20) / mo_memory_page_bytes(machine.memory));
	assert_int_equal(mo_memory_nr_blocks(machine.memory), 12);
	assert_null(mo_memory_block(machine.memory, 12));
	assert_int_equal(block(&machine, 33)->state, MO_STATE_ONLINE);
	assert_int_equal(block(&machine, 33)->zone, MO_ZONE_MOVABLE);
	assert_int_equal(block(&machine, 33)->zones, 1u << MO_ZONE_MOVABLE);
	assert_int_equal(block(&machine, 33)->node, 1);
	assert_int_equal(block(&machine, 33)->nr_nodes, 1);
	assert_int_equal(block(&machine, 7)->zone, MO_ZONE_NORMAL);

	assert_int_equal(mo_memory_nr_devices(machine.memory), 2);
	device = mo_memory_device(machine.memory, 0);
	assert_string_equal(device->name, "boot");
	assert_int_equal(device->nr_blocks, 8);
	device = mo_memory_device(machine.memory, block(&machine, 35)->device);
	assert_int_equal(device->kind, MO_DEVICE_ACPI);
	assert_string_equal(device->name, "PNP0C80:00");
	assert_string_equal(device->path, "/sys/devices/LNXSYSTM:00/LNXSYBUS:00/PNP0C80:00");
	assert_int_equal(device->nr_blocks, 4);
	assert_int_equal(device->nr_online, 4);
	assert_int_equal(device->len_bytes, 512 << 20);

	assert_int_equal(mo_memory_nr_nodes(machine.memory), 2);
	node = mo_memory_node(machine.memory, 1);
	assert_int_equal(node->number, 1);
	assert_true(node->has_memory);
	assert_false(node->has_cpus);
	assert_true(mo_memory_node(machine.memory, 0)->has_cpus);
	assert_int_equal(node->total_bytes, 512 << 20);
	assert_int_equal(node->free_bytes, 256 << 20);
	assert_int_equal(mo_memory_node(machine.memory, 0)->file_bytes, 64 << 20);
	assert_int_equal(mo_memory_distance(machine.memory, 0, 1), 20);
	assert_int_equal(mo_memory_distance(machine.memory, 1, 1), 10);
	assert_int_equal(mo_memory_distance(machine.memory, 0, 5), -ENOENT);
	assert_says(machine.ctx, "no node 5");
	machine_close(&machine);
}

/* The folder says them in no order. */
static void test_nodes_sort_as_numbers(void **state)
{
	struct machine machine;
	char item[64];

	(void)state;
	OPEN(&machine, "blocks=0-1,online,Normal,0");
	for (int i = 24; i > 0; i--) {
		snprintf(item, sizeof(item), "node=%d,-,1,1,1,10", i);
		ADD(&machine, item);
	}
	machine_read(&machine);
	assert_int_equal(mo_memory_nr_nodes(machine.memory), 25);
	for (int i = 0; i < 25; i++)
		assert_int_equal(mo_memory_node(machine.memory, (size_t)i)->number, i);
	machine_close(&machine);
}

/* Nodes with gaps between their numbers: the columns of "distance" are those of the nodes there are. */
static void test_distances_with_gaps(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, "blocks=0-1,online,Normal,0", "node=0,0,1,1,1,10+17+31", "node=2,1,1,1,1,17+10+28",
	     "node=11,-,1,1,1,31+28+10");
	machine_read(&machine);
	assert_int_equal(mo_memory_distance(machine.memory, 0, 2), 17);
	assert_int_equal(mo_memory_distance(machine.memory, 11, 2), 28);
	assert_int_equal(mo_memory_distance(machine.memory, 0, 11), 31);
	assert_int_equal(mo_memory_node(machine.memory, 1)->number, 2);
	assert_int_equal(mo_memory_distance(machine.memory, 0, 1), -ENOENT);
	machine_close(&machine);
}

/* As text memory10 comes before memory2. */
static void test_blocks_sort_as_numbers(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, "blocks=100-112,online,Normal,-", "blocks=2-12,online,Normal,-");
	machine_read(&machine);
	assert_int_equal(mo_memory_nr_blocks(machine.memory), 24);
	for (size_t i = 1; i < 24; i++)
		assert_true(mo_memory_block(machine.memory, i - 1)->number <
			    mo_memory_block(machine.memory, i)->number);
	for (uint32_t number = 2; number <= 12; number++)
		block(&machine, number);
	assert_null(mo_memory_find(machine.memory, 1));
	assert_null(mo_memory_find(machine.memory, 13));
	assert_null(mo_memory_find(machine.memory, UINT32_MAX));
	machine_close(&machine);
}

static void test_memory0_absent(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, "blocks=16-17,online,DMA32,0", "blocks=40,offline,Normal+Movable,0", "node=0,0,1,1,1,10");
	machine_read(&machine);
	assert_int_equal(mo_memory_block(machine.memory, 0)->number, 16);
	assert_int_equal(block(&machine, 16)->zone, MO_ZONE_DMA32);
	assert_int_equal(block(&machine, 40)->state, MO_STATE_OFFLINE);
	assert_int_equal(block(&machine, 40)->zone, MO_ZONE_NORMAL);
	assert_int_equal(block(&machine, 40)->zones, 1u << MO_ZONE_NORMAL | 1u << MO_ZONE_MOVABLE);
	assert_null(mo_memory_find(machine.memory, 0));
	machine_close(&machine);
}

/* A reader of "online" waits for the end of an offline, and "removable" says nothing: neither may be opened. */
static void test_online_is_never_read(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, DIMM_MACHINE, "fifo=" MEMORY "/memory32/online", "fifo=" MEMORY "/memory32/removable");
	alarm(20);
	machine_read(&machine);
	assert_int_equal(mo_memory_refresh(machine.memory, 32), 0);
	alarm(0);
	assert_int_equal(block(&machine, 32)->state, MO_STATE_ONLINE);
	machine_close(&machine);
}

/* While a block goes offline, valid_zones shows where it could come back, no longer where it is. */
static void test_zone_of_going_offline(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, DIMM_MACHINE, "blocks=36,going-offline,Normal+Movable,1");
	machine_read(&machine);
	assert_int_equal(block(&machine, 36)->state, MO_STATE_GOING_OFFLINE);
	assert_int_equal(block(&machine, 36)->zone, MO_ZONE_UNKNOWN);

	ADD(&machine, "file=" MEMORY "/memory33/state,going-offline",
	    "file=" MEMORY "/memory33/valid_zones,Normal Movable");
	assert_int_equal(mo_memory_refresh(machine.memory, 33), 0);
	assert_int_equal(block(&machine, 33)->state, MO_STATE_GOING_OFFLINE);
	assert_int_equal(block(&machine, 33)->zone, MO_ZONE_MOVABLE);

	ADD(&machine, "file=" MEMORY "/memory33/state,offline");
	assert_int_equal(mo_memory_refresh(machine.memory, 33), 0);
	assert_int_equal(block(&machine, 33)->zone, MO_ZONE_NORMAL);
	machine_close(&machine);
}

static void test_refresh_counts_online(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, DIMM_MACHINE);
	machine_read(&machine);
	ADD(&machine, "file=" MEMORY "/memory34/state,offline", "file=" MEMORY "/memory34/valid_zones,Movable Normal");
	assert_int_equal(mo_memory_refresh(machine.memory, 34), 0);
	assert_int_equal(mo_memory_device(machine.memory, 1)->nr_online, 3);
	assert_int_equal(mo_memory_device(machine.memory, 1)->nr_blocks, 4);
	assert_int_equal(mo_memory_refresh(machine.memory, 34), 0);
	assert_int_equal(mo_memory_device(machine.memory, 1)->nr_online, 3);
	ADD(&machine, "file=" MEMORY "/memory34/state,online", "file=" MEMORY "/memory34/valid_zones,Movable");
	assert_int_equal(mo_memory_refresh(machine.memory, 34), 0);
	assert_int_equal(mo_memory_device(machine.memory, 1)->nr_online, 4);
	machine_close(&machine);
}

/* memoryN/nodeM of a mixed block are several, and the kernel's own number for it is only the last of them. */
static void test_mixed_nodes(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, DIMM_MACHINE, "blocks=8,online,none,0+1", "blocks=9,online,none,0");
	machine_read(&machine);
	assert_int_equal(block(&machine, 8)->nr_nodes, 2);
	assert_int_equal(block(&machine, 8)->node, 0);
	assert_int_equal(block(&machine, 8)->zone, MO_ZONE_NONE);
	assert_int_equal(block(&machine, 9)->nr_nodes, 1);
	assert_int_equal(block(&machine, 9)->zone, MO_ZONE_NONE);
	machine_close(&machine);
}

/* Trees that lsmem's users record have no node folder: the links of the blocks have to do. */
static void test_nodes_from_block_links(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, DIMM_MACHINE, "blocks=8,online,none,0+1", "remove=" NODES);
	machine_read(&machine);
	assert_int_equal(mo_memory_nr_nodes(machine.memory), 2);
	assert_int_equal(block(&machine, 3)->node, 0);
	assert_int_equal(block(&machine, 35)->node, 1);
	assert_int_equal(block(&machine, 8)->nr_nodes, 2);
	assert_true(mo_memory_node(machine.memory, 1)->has_memory);
	assert_int_equal(mo_memory_distance(machine.memory, 0, 1), -ENOENT);
	machine_close(&machine);

	OPEN(&machine, "blocks=0-3,online,Normal,-");
	machine_read(&machine);
	assert_int_equal(mo_memory_nr_nodes(machine.memory), 0);
	assert_int_equal(block(&machine, 3)->node, -1);
	machine_close(&machine);
}

static void test_unknown_words(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, "blocks=0,resting,Sparkling,-", "blocks=1,online,Normal,-",
	     "remove=" MEMORY "/memory1/valid_zones");
	machine_read(&machine);
	assert_int_equal(block(&machine, 0)->state, MO_STATE_UNKNOWN);
	assert_int_equal(block(&machine, 0)->zone, MO_ZONE_UNKNOWN);
	assert_int_equal(block(&machine, 1)->state, MO_STATE_ONLINE);
	assert_int_equal(block(&machine, 1)->zone, MO_ZONE_UNKNOWN);
	assert_string_equal(mo_zone_name(MO_ZONE_DMA32), "DMA32");
	assert_string_equal(mo_state_name((enum mo_state)99), "unknown");
	machine_close(&machine);
}

static void test_block_vanishes(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, DIMM_MACHINE, "remove=" MEMORY "/memory5/state", "remove=" MEMORY "/memory5/valid_zones");
	machine_read(&machine);
	assert_null(mo_memory_find(machine.memory, 5));
	assert_int_equal(mo_memory_nr_blocks(machine.memory), 11);
	assert_int_equal(mo_memory_refresh(machine.memory, 5), -ENOENT);

	ADD(&machine, "remove=" MEMORY "/memory6");
	assert_int_equal(mo_memory_refresh(machine.memory, 6), -ENOENT);
	assert_says(machine.ctx, "memory block 6 is gone");
	assert_int_equal(block(&machine, 6)->state, MO_STATE_ONLINE);
	machine_close(&machine);
}

static void expect_no_folder(const char *words, const char *const *items)
{
	struct machine machine;

	machine_open(&machine, items);
	assert_int_equal(mo_memory_read(machine.ctx, &machine.memory), -ENOENT);
	assert_null(machine.memory);
	assert_says(machine.ctx, words);
	machine_close(&machine);
}

#define NO_FOLDER(words, ...) expect_no_folder(words, (const char *const[]){ __VA_ARGS__, NULL })

static void test_no_memory_folder(void **state)
{
	(void)state;
	NO_FOLDER("kernel 6.1.0-9 is built without CONFIG_MEMORY_HOTPLUG", "file=sys/devices/system/cpu/online,0",
		  "file=proc/sys/kernel/osrelease,6.1.0-9",
			"file=boot/config-6.1.0-9,CONFIG_X=y\\+# CONFIG_MEMORY_HOTPLUG is not set");
	NO_FOLDER("built with CONFIG_MEMORY_HOTPLUG=y: the machine does not show",
		  "file=sys/devices/system/cpu/online,0",
		  "file=proc/sys/kernel/osrelease,6.1.0-9", "file=lib/modules/6.1.0-9/config,CONFIG_MEMORY_HOTPLUG=y");
	NO_FOLDER("no kernel configuration to tell why", "file=sys/devices/system/cpu/online,0",
		  "file=proc/sys/kernel/osrelease,6.1.0-9");
	NO_FOLDER("sysfs is not mounted", "file=proc/sys/kernel/osrelease,6.1.0-9");
}

static void expect_bad_size(const char *item)
{
	struct machine machine;

	OPEN(&machine, "blocks=0-1,online,Normal,-", item);
	assert_int_equal(mo_memory_read(machine.ctx, &machine.memory), -EBADMSG);
	assert_says(machine.ctx, "block_size_bytes");
	machine_close(&machine);
}

static void test_bad_block_size(void **state)
{
	(void)state;
	expect_bad_size("file=" MEMORY "/block_size_bytes,0");
	expect_bad_size("file=" MEMORY "/block_size_bytes,8000001");
	expect_bad_size("file=" MEMORY "/block_size_bytes,large");
	expect_bad_size("file=" MEMORY "/block_size_bytes,");
}

static void test_firmware_node_alone(void **state)
{
	struct machine machine;
	char path[128];

	(void)state;
	OPEN(&machine, DIMM_MACHINE);
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path),
			"remove=sys/devices/LNXSYSTM:00/LNXSYBUS:00/PNP0C80:00/physical_node%.0d", i);
		ADD(&machine, path);
	}
	machine_read(&machine);
	assert_string_equal(device_of(&machine, 32), "PNP0C80:00");
	assert_string_equal(device_of(&machine, 35), "PNP0C80:00");
	assert_string_equal(device_of(&machine, 7), "boot");
	machine_close(&machine);
}

/* kmem adds only the blocks that lie wholly in the device's range. */
static void test_dax(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, "blocks=0-15,online,Normal,-", "dax=dax0.0,20200000,18000000", "dax=dax1.0,0,8000000",
	     "remove=sys/bus/dax/devices/dax1.0/driver", "dax=dax2.0,0,1",
	     "file=sys/bus/dax/devices/dax2.0/mapping0/start,0x48000000",
		"file=sys/bus/dax/devices/dax2.0/mapping0/end,0x4fffffff",
	     "file=sys/bus/dax/devices/dax2.0/mapping1/start,0x58000000",
		"file=sys/bus/dax/devices/dax2.0/mapping1/end,0x5fffffff");
	machine_read(&machine);
	assert_int_equal(mo_memory_nr_devices(machine.memory), 3);
	assert_string_equal(device_of(&machine, 0), "boot");
	assert_string_equal(device_of(&machine, 4), "boot");
	assert_string_equal(device_of(&machine, 5), "dax0.0");
	assert_string_equal(device_of(&machine, 6), "dax0.0");
	assert_string_equal(device_of(&machine, 7), "boot");
	assert_string_equal(device_of(&machine, 9), "dax2.0");
	assert_string_equal(device_of(&machine, 10), "boot");
	assert_string_equal(device_of(&machine, 11), "dax2.0");
	assert_string_equal(mo_device_kind_name(mo_memory_device(machine.memory, 1)->kind), "dax");
	machine_close(&machine);
}

static void test_dax_hidden(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, "blocks=0-7,online,Normal,-", "dax=dax0.0,20000000,10000000",
	     "remove=sys/bus/dax/devices/dax0.0/resource");
	machine_read(&machine);
	assert_int_equal(mo_memory_nr_devices(machine.memory), 2);
	assert_int_equal(mo_memory_device(machine.memory, 1)->nr_blocks, 0);
	machine_close(&machine);
}

static void test_virtio_mem(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, "blocks=0-7,online,Normal,-", "blocks=32-39,online,Movable,-",
	     "iomem=00001000-3fffffff : System RAM", "iomem=100000000-11fffffff : virtio3",
	     "iomem=  108000000-117ffffff : System RAM (virtio_mem)", "iomem=120000000-13fffffff : System RAM",
	     "link=sys/bus/virtio/devices/virtio3,../../../devices/pci0000:00/0000:00:04.0/virtio3");
	machine_read(&machine);
	assert_int_equal(mo_memory_nr_devices(machine.memory), 2);
	assert_int_equal(mo_memory_device(machine.memory, 1)->kind, MO_DEVICE_VIRTIO_MEM);
	assert_string_equal(mo_memory_device(machine.memory, 1)->path, "/sys/devices/pci0000:00/0000:00:04.0/virtio3");
	assert_string_equal(device_of(&machine, 32), "boot");
	assert_string_equal(device_of(&machine, 33), "virtio3");
	assert_string_equal(device_of(&machine, 34), "virtio3");
	assert_string_equal(device_of(&machine, 35), "boot");
	assert_string_equal(device_of(&machine, 36), "boot");
	machine_close(&machine);
}

static int covers(const struct machine *machine, uint64_t start_addr, uint64_t len_bytes)
{
	struct mo_ram *ram = mo_ram_new();
	int covered = mo_ram_covers(ram, machine->ctx, start_addr, len_bytes);

	mo_ram_free(ram);
	return covered;
}

static void test_iomem(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, "iomem=00001000-0009fbff : System RAM", "iomem=00100000-3fffffff : System RAM",
	     "iomem=  01000000-01ffffff : Kernel code", "iomem=100000000-107ffffff : dax0.0",
	     "iomem=  100000000-107ffffff : System RAM (kmem)", "iomem=    104000000-104ffffff : System RAM",
	     "iomem=108000000-10bffffff : System RAM (kmem)", "iomem=200000000-207ffffff : System RAM");
	assert_int_equal(covers(&machine, 0, 128 << 20), 0);
	assert_int_equal(covers(&machine, 128 << 20, 128 << 20), 1);
	assert_int_equal(covers(&machine, 0x100000000, 128 << 20), 1);
	assert_int_equal(covers(&machine, 0x104000000, 128 << 20), 1);	/* across two neighbours */
	assert_int_equal(covers(&machine, 0x108000000, 128 << 20), 0);
	assert_int_equal(covers(&machine, 0x200000000, 128 << 20), 1);
	assert_int_equal(covers(&machine, 0x200000000, (128 << 20) + 1), 0);
	assert_int_equal(covers(&machine, 0x208000000, 4096), 0);
	machine_close(&machine);

	OPEN(&machine, "iomem=00000000-00000000 : System RAM", "iomem=00000000-00000000 : virtio0");
	assert_int_equal(covers(&machine, 0, 4096), -EACCES);
	machine_close(&machine);

	OPEN(&machine, "file=proc/version,x");
	assert_int_equal(covers(&machine, 0, 4096), -ENOENT);
	machine_close(&machine);
}

static void test_iomem_is_read_once(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, DIMM_MACHINE, "iomem=00000000-3fffffff : System RAM");
	machine_read(&machine);
	assert_int_equal(mo_memory_is_ram(machine.memory, 7), 1);
	assert_int_equal(mo_memory_is_ram(machine.memory, 32), 0);
	ADD(&machine, "remove=proc/iomem");
	assert_int_equal(mo_memory_is_ram(machine.memory, 0), 1);
	machine_close(&machine);
}

/* zlib reads what is compressed and what is not. */
static void test_kernel_option(void **state)
{
	struct machine machine;
	char path[128];
	gzFile file;

	(void)state;
	OPEN(&machine, "file=proc/sys/kernel/osrelease,6.12.1",
	     "file=boot/config-6.12.1,CONFIG_MEMORY_HOTREMOVE=y\\+CONFIG_KMEM=m");
	assert_int_equal(mo_kernel_option(machine.ctx, "MEMORY_HOTREMOVE"), 'y');
	assert_int_equal(mo_kernel_option(machine.ctx, "KMEM"), 'm');
	assert_int_equal(mo_kernel_option(machine.ctx, "MEMORY"), 'n');
	snprintf(path, sizeof(path), "%s/proc/config.gz", machine.dir);
	file = gzopen(path, "wb");
	assert_non_null(file);
	gzputs(file, "# CONFIG_MEMORY_HOTREMOVE is not set\nCONFIG_NUMA=y\n");
	gzclose(file);
	assert_int_equal(mo_kernel_option(machine.ctx, "MEMORY_HOTREMOVE"), 'n');
	assert_int_equal(mo_kernel_option(machine.ctx, "NUMA"), 'y');
	ADD(&machine, "remove=proc/config.gz", "remove=boot");
	assert_int_equal(mo_kernel_option(machine.ctx, "NUMA"), 0);
	machine_close(&machine);
}

static void test_references(void **state)
{
	struct machine machine;

	(void)state;
	OPEN(&machine, DIMM_MACHINE);
	machine_read(&machine);
	assert_ptr_equal(mo_memory_ref(machine.memory), machine.memory);
	assert_null(mo_memory_unref(machine.memory));
	assert_ptr_equal(mo_memory_ctx(machine.memory), machine.ctx);
	assert_null(mo_memory_unref(NULL));
	machine_close(&machine);
}

static void test_names(void **state)
{
	uint32_t number = 7;

	(void)state;
	assert_true(mo_name_number("memory0", "memory", &number));
	assert_int_equal(number, 0);
	assert_true(mo_name_number("memory4294967294", "memory", &number));
	assert_false(mo_name_number("memory4294967295", "memory", &number));
	assert_false(mo_name_number("memory99999999999999999999999", "memory", &number));
	assert_false(mo_name_number("memory", "memory", &number));
	assert_false(mo_name_number("memory01", "memory", &number));
	assert_false(mo_name_number("memory1x", "memory", &number));
	assert_false(mo_name_number("memory_tiering", "memory", &number));
	assert_false(mo_name_number("mem1", "memory", &number));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dimm_machine),
		cmocka_unit_test(test_nodes_sort_as_numbers),
		cmocka_unit_test(test_distances_with_gaps),
		cmocka_unit_test(test_blocks_sort_as_numbers),
		cmocka_unit_test(test_memory0_absent),
		cmocka_unit_test(test_online_is_never_read),
		cmocka_unit_test(test_zone_of_going_offline),
		cmocka_unit_test(test_refresh_counts_online),
		cmocka_unit_test(test_mixed_nodes),
		cmocka_unit_test(test_nodes_from_block_links),
		cmocka_unit_test(test_unknown_words),
		cmocka_unit_test(test_block_vanishes),
		cmocka_unit_test(test_no_memory_folder),
		cmocka_unit_test(test_bad_block_size),
		cmocka_unit_test(test_firmware_node_alone),
		cmocka_unit_test(test_dax),
		cmocka_unit_test(test_dax_hidden),
		cmocka_unit_test(test_virtio_mem),
		cmocka_unit_test(test_iomem),
		cmocka_unit_test(test_iomem_is_read_once),
		cmocka_unit_test(test_kernel_option),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
