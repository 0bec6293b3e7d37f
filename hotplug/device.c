// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The devices that blocks belong to. Each bus tells it in its own way: ACPI by links to the blocks, dax by addresses,
 * virtio-mem by /proc/iomem alone. What no device claims was there at boot.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

static const char *const kind_names[] = {
	[MO_DEVICE_BOOT] = "boot",
	[MO_DEVICE_ACPI] = "acpi",
	[MO_DEVICE_DAX] = "dax",
	[MO_DEVICE_VIRTIO_MEM] = "virtio-mem",
};

const char *mo_device_kind_name(enum mo_device_kind kind)
{
	return (size_t)kind < ARRAY_SIZE(kind_names) ? kind_names[kind] : "unknown";
}

static int no_memory(struct mo_memory *memory)
{
	return mo_error(memory->ctx, -ENOMEM, "no memory for the list of memory devices; free some and try again");
}

static int add_device(struct mo_memory *memory, enum mo_device_kind kind, const char *name, const char *path)
{
	struct mo_device *device = realloc(memory->devices, (memory->nr_devices + 1) * sizeof(*device));

	if (!device)
		return no_memory(memory);
	memory->devices = device;
	device += memory->nr_devices;
	*device = (struct mo_device){ .kind = kind, .name = strdup(name), .path = strdup(path) };
	memory->nr_devices++;
	return device->name && device->path ? 0 : no_memory(memory);
}

/* The link BUS/devices/NAME is "../../../devices/..."; without it the bus's own folder has to do. */
static int add_bus_device(struct mo_memory *memory, enum mo_device_kind kind, const char *bus, const char *name)
{
	char link[512], path[600];
	const char *at;

	snprintf(path, sizeof(path), "/sys/bus/%s/devices/%s", bus, name);
	if (mo_read_link(memory->ctx, link, sizeof(link), "%s", path) > 0) {
		at = strstr(link, "devices/");
		if (at)
			snprintf(path, sizeof(path), "/sys/%s", at);
	}
	return add_device(memory, kind, name, path);
}

static void claim_block(struct mo_memory *memory, uint32_t number, uint32_t device)
{
	size_t i = mo_memory_lower_bound(memory, number);

	if (i < memory->nr_blocks && memory->blocks[i].number == number && !memory->blocks[i].device)
		memory->blocks[i].device = device;
}

/* Blocks that lie wholly in [start_addr, last_addr]: drivers add no others. */
static void claim_range(struct mo_memory *memory, uint64_t start_addr, uint64_t last_addr, uint32_t device)
{
	uint64_t first = start_addr / memory->block_bytes + (start_addr % memory->block_bytes != 0);
	size_t i;

	for (i = mo_memory_lower_bound(memory, first); i < memory->nr_blocks; i++) {
		if ((memory->blocks[i].number + UINT64_C(1)) * memory->block_bytes - 1 > last_addr)
			break;
		if (!memory->blocks[i].device)
			memory->blocks[i].device = device;
	}
}

/* ---- ACPI: physical_node, physical_node1... are links to the blocks of a module ---- */

static bool claim_physical_nodes(struct mo_memory *memory, const char *name, uint32_t device)
{
	DIR *dir = mo_opendir(memory->ctx, "/sys/bus/acpi/devices/%s", name);
	struct dirent *entry;
	bool found = false;
	const char *base;
	char link[512];
	uint32_t number;

	if (!dir)
		return false;
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "physical_node", strlen("physical_node")) ||
		    mo_read_link(memory->ctx, link, sizeof(link), "/sys/bus/acpi/devices/%s/%s", name,
				 entry->d_name) <= 0)
			continue;
		base = strrchr(link, '/');
		if (!mo_name_number(base ? base + 1 : link, "memory", &number))
			continue;
		claim_block(memory, number, device);
		found = true;
	}
	closedir(dir);
	return found;
}

/* The other direction, one readlink a block: only when a module shows no links of its own. */
static void claim_firmware_nodes(struct mo_memory *memory)
{
	const char *base;
	char link[512];

	for (size_t i = 0; i < memory->nr_blocks; i++) {
		if (mo_read_link(memory->ctx, link, sizeof(link), "/sys/devices/system/memory/memory%u/firmware_node",
				 memory->blocks[i].number) <= 0)
			continue;
		base = strrchr(link, '/');
		base = base ? base + 1 : link;
		for (uint32_t device = 1; device < memory->nr_devices; device++)
			if (!strcmp(memory->devices[device].name, base))
				claim_block(memory, memory->blocks[i].number, device);
	}
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(char **names, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		free(names[i]);
	free(names);
}

/* Names in BUS's folder that begin with PREFIX, sorted. No such bus: none. */
static int list_bus(struct mo_memory *memory, const char *bus, const char *prefix, char ***names, size_t *nr)
{
	DIR *dir = mo_opendir(memory->ctx, "/sys/bus/%s/devices", bus);
	struct dirent *entry;
	char **more;
	int err = 0;

	while (dir && !err && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)))
			continue;
		more = realloc(*names, (*nr + 1) * sizeof(*more));
		if (more) {
			*names = more;
			more[*nr] = strdup(entry->d_name);
		}
		if (more && more[*nr])
			(*nr)++;
		else
			err = no_memory(memory);
	}
	if (dir)
		closedir(dir);
	if (*nr)
		qsort(*names, *nr, sizeof(**names), compare_names);
	return err;
}

static int read_acpi(struct mo_memory *memory)
{
	bool all_linked = true;
	char **names = NULL;
	size_t nr = 0;
	int err = list_bus(memory, "acpi", "PNP0C80:", &names, &nr);

	for (size_t i = 0; !err && i < nr; i++) {
		err = add_bus_device(memory, MO_DEVICE_ACPI, "acpi", names[i]);
		if (!err && !claim_physical_nodes(memory, names[i], (uint32_t)memory->nr_devices - 1))
			all_linked = false;
	}
	if (!err && !all_linked)
		claim_firmware_nodes(memory);
	free_names(names, nr);
	return err;
}

/* ---- dax: a device may be of several ranges; the files are for root alone ---- */

static bool driven_by_kmem(struct mo_ctx *ctx, const char *name)
{
	char link[512];
	const char *base;

	if (mo_read_link(ctx, link, sizeof(link), "/sys/bus/dax/devices/%s/driver", name) <= 0)
		return false;
	base = strrchr(link, '/');
	return !strcmp(base ? base + 1 : link, "kmem");
}

static bool claim_mappings(struct mo_memory *memory, const char *name, uint32_t device)
{
	uint64_t start_addr, last_addr;
	unsigned int i;

	for (i = 0; ; i++) {
		if (mo_read_u64(memory->ctx, 16, &start_addr, "/sys/bus/dax/devices/%s/mapping%u/start", name, i) ||
		    mo_read_u64(memory->ctx, 16, &last_addr, "/sys/bus/dax/devices/%s/mapping%u/end", name, i))
			return i > 0;
		claim_range(memory, start_addr, last_addr, device);
	}
}

static void claim_dax(struct mo_memory *memory, const char *name, uint32_t device)
{
	uint64_t start_addr, len_bytes;

	if (claim_mappings(memory, name, device))
		return;
	if (mo_read_u64(memory->ctx, 16, &start_addr, "/sys/bus/dax/devices/%s/resource", name) ||
	    mo_read_u64(memory->ctx, 0, &len_bytes, "/sys/bus/dax/devices/%s/size", name) || !len_bytes)
		mo_log(memory->ctx, MO_LOG_INFO,
			"the addresses of %s can't be read: its blocks are shown as boot memory; run it as root",
		       name);
	else
		claim_range(memory, start_addr, start_addr + len_bytes - 1, device);
}

static int read_dax(struct mo_memory *memory)
{
	char **names = NULL;
	size_t nr = 0;
	int err = list_bus(memory, "dax", "dax", &names, &nr);

	for (size_t i = 0; !err && i < nr; i++) {
		if (!driven_by_kmem(memory->ctx, names[i]))
			continue;
		err = add_bus_device(memory, MO_DEVICE_DAX, "dax", names[i]);
		if (!err)
			claim_dax(memory, names[i], (uint32_t)memory->nr_devices - 1);
	}
	free_names(names, nr);
	return err;
}

/* ---- virtio-mem: "virtio0" in /proc/iomem, and its plugged memory below it ---- */

struct virtio_scan {
	struct mo_memory *memory;
	unsigned int depth;	/* of the device's line */
	uint32_t device;	/* 0: not in a device's range now */
};

static int scan_virtio(void *data, const struct mo_iomem *range)
{
	struct virtio_scan *scan = data;
	uint32_t number;
	int err;

	if (scan->device && range->depth <= scan->depth)
		scan->device = 0;
	if (mo_name_number(range->name, "virtio", &number) && range->last_addr) {
		err = add_bus_device(scan->memory, MO_DEVICE_VIRTIO_MEM, "virtio", range->name);
		if (err)
			return err;
		scan->depth = range->depth;
		scan->device = (uint32_t)scan->memory->nr_devices - 1;
	} else if (scan->device && mo_iomem_is_system_ram(range->name)) {
		claim_range(scan->memory, range->start_addr, range->last_addr, scan->device);
	}
	return 0;
}

/* An unreadable /proc/iomem loses the names of virtio-mem devices, no more. */
static int read_virtio_mem(struct mo_memory *memory)
{
	struct virtio_scan scan = { .memory = memory };
	int err = mo_iomem_each(memory->ctx, scan_virtio, &scan);

	return err == -ENOMEM ? err : 0;
}

static void count_blocks(struct mo_memory *memory)
{
	struct mo_device *device;

	for (size_t i = 0; i < memory->nr_blocks; i++) {
		device = &memory->devices[memory->blocks[i].device];
		device->nr_blocks++;
		device->nr_online += memory->blocks[i].state == MO_STATE_ONLINE;
		device->len_bytes += memory->block_bytes;
	}
}

int mo_devices_read(struct mo_memory *memory)
{
	int err = add_device(memory, MO_DEVICE_BOOT, "boot", "");

	if (!err)
		err = read_acpi(memory);
	if (!err)
		err = read_dax(memory);
	if (!err)
		err = read_virtio_mem(memory);
	if (!err)
		count_blocks(memory);
	return err;
}

void mo_devices_free(struct mo_memory *memory)
{
	for (size_t i = 0; i < memory->nr_devices; i++) {
		free((char *)memory->devices[i].name);
		free((char *)memory->devices[i].path);
	}
	free(memory->devices);
}
