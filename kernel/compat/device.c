// SPDX-License-Identifier: GPL-2.0-only
/* Devices of the firmware that have memory, and the blocks of it. */
#include <linux/acpi.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/memory.h>
#include <linux/memremap.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "../include/uapi/linux/memoffline.h"
#include "compat.h"
#include "symbols.h"

#if defined(CONFIG_ACPI) && defined(CONFIG_MEMORY_HOTPLUG)

/* The kernel walks its list of a device's blocks, with the lock held, and takes each of them offline in the same task. */
struct acpi_device *mo_device_ejected(unsigned long pfn)
{
	struct memory_block *block;
	struct acpi_device *device;

	if (!(mo_symbols_features() & MEMOFFLINE_FEATURE_EJECT) || !(current->flags & PF_KTHREAD))
		return NULL;
	block = MO_CALL(find_memory_block)(pfn_to_section_nr(pfn));
	if (!block)
		return NULL;
	device = ACPI_COMPANION(&block->dev);
	put_device(&block->dev);	/* who asks us holds one, too */
	return device && mutex_is_locked(&device->physical_node_lock) ? device : NULL;
}

const char *mo_device_name(const struct acpi_device *device)
{
	return dev_name(&device->dev);
}

/* They lie at the start of the block that they describe. */
static unsigned long nr_memmap_pages(const struct memory_block *block)
{
#if MO_IS_6_12
	return block->altmap ? block->altmap->free : 0;
#else
	return block->nr_vmemmap_pages;
#endif
}

void mo_device_walk(struct acpi_device *device, mo_block_fn *fn, void *data)
{
	const unsigned long nr_pages = memory_block_size_bytes() >> PAGE_SHIFT;
	struct acpi_device_physical_node *node;

	list_for_each_entry(node, &device->physical_node_list, node) {
		struct memory_block *block = container_of(node->dev, struct memory_block, dev);
		unsigned long nr_memmap;

		if (strcmp(dev_bus_name(node->dev), "memory"))
			continue;
		nr_memmap = nr_memmap_pages(block);
		fn(section_nr_to_pfn(block->start_section_nr) + nr_memmap, nr_pages - nr_memmap, !node->dev->offline,
		   data);
	}
}

#else	/* nothing is ejected */

struct acpi_device *mo_device_ejected(unsigned long pfn)
{
	return NULL;
}

const char *mo_device_name(const struct acpi_device *device)
{
	return "";
}

void mo_device_walk(struct acpi_device *device, mo_block_fn *fn, void *data)
{
}

#endif
