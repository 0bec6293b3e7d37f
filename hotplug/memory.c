// SPDX-License-Identifier: LGPL-2.1-or-later
/* The snapshot: blocks, devices and nodes of a machine at one moment. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

/* Why there is no memory folder: each cause has another remedy. Called with the kernel's answer unknown. */
static int explain_no_folder(struct mo_ctx *ctx)
{
	char release[128];
	char option;

	if (!mo_exists(ctx, "/sys/devices/system"))
		return mo_error(ctx, -ENOENT, "there is no /sys/devices/system%s%s: sysfs is not mounted there; "
				"mount it (mount -t sysfs sysfs /sys), or name a sysroot that holds a copy of it",
				mo_ctx_get_sysroot(ctx) ? " below " : "",
				mo_ctx_get_sysroot(ctx) ? mo_ctx_get_sysroot(ctx) : "");
	if (mo_read_text(ctx, release, sizeof(release), "/proc/sys/kernel/osrelease") <= 0)
		strcpy(release, "(release not known)");
	option = mo_kernel_option(ctx, "MEMORY_HOTPLUG");
	if (option == 'y')
		return mo_error(ctx, -ENOENT, "there is no /sys/devices/system/memory, though kernel %s is built with "
				"CONFIG_MEMORY_HOTPLUG=y: the machine does not show its memory as blocks; "
				"if this is a container, run it on the host, else see the kernel log about memory blocks",
				release);
	if (option == 'n')
		return mo_error(ctx, -ENOENT, "there is no /sys/devices/system/memory, since kernel %s is built without "
				"CONFIG_MEMORY_HOTPLUG; boot a kernel with CONFIG_MEMORY_HOTPLUG=y and "
				"CONFIG_MEMORY_HOTREMOVE=y", release);
	return mo_error(ctx, -ENOENT, "there is no /sys/devices/system/memory, and no kernel configuration to tell why "
			"(/proc/config.gz, /boot/config-%s); look for CONFIG_MEMORY_HOTPLUG=y where "
			"the kernel came from: without it boot another kernel, with it the machine or a container hides the blocks",
			release);
}

static int read_sizes(struct mo_memory *memory)
{
	struct mo_ctx *ctx = memory->ctx;
	int err;

	/* A recorded tree does not say; all machines this was made for have the same in practice. */
	memory->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	err = mo_read_u64(ctx, 16, &memory->block_bytes, "/sys/devices/system/memory/block_size_bytes");
	if (!err && (memory->block_bytes < memory->page_bytes || memory->block_bytes & (memory->block_bytes - 1)))
		err = -EBADMSG;
	if (!err)
		return 0;
	if (err == -ENOENT && !mo_exists(ctx, "/sys/devices/system/memory"))
		return explain_no_folder(ctx);
	return mo_error(ctx, err, "can't read the size of a memory block from /sys/devices/system/memory/block_size_bytes: %s; %s",
			strerror(-err), err == -EACCES ? "run it as root" : "check that sysfs, or the copy of it, is complete");
}

int mo_memory_read(struct mo_ctx *ctx, struct mo_memory **out)
{
	struct mo_memory *memory = calloc(1, sizeof(*memory));
	int err;

	if (!memory)
		return mo_error(ctx, -ENOMEM, "no memory for the list of memory blocks; free some and try again");
	memory->nr_refs = 1;
	memory->ctx = mo_ctx_ref(ctx);
	memory->ram = mo_ram_new();
	memory->usage = mo_usage_new();
	memory->kernel = mo_kernel_read(ctx);
	err = memory->ram && memory->usage ? read_sizes(memory) : mo_error(ctx, -ENOMEM, "no memory for the map of memory; free some and try again");
	if (!err)
		err = mo_blocks_read(memory);
	if (!err)
		err = mo_nodes_read(memory);
	if (!err)
		err = mo_devices_read(memory);
	if (err) {
		mo_memory_unref(memory);
		return err;
	}
	*out = memory;
	return 0;
}

struct mo_memory *mo_memory_ref(struct mo_memory *memory)
{
	memory->nr_refs++;
	return memory;
}

struct mo_memory *mo_memory_unref(struct mo_memory *memory)
{
	if (!memory || --memory->nr_refs)
		return NULL;
	mo_devices_free(memory);
	mo_nodes_free(memory);
	free(memory->blocks);
	mo_ram_free(memory->ram);
	mo_usage_free(memory->usage);
	mo_ctx_unref(memory->ctx);
	free(memory);
	return NULL;
}

struct mo_ctx *mo_memory_ctx(const struct mo_memory *memory)
{
	return memory->ctx;
}

uint64_t mo_memory_block_bytes(const struct mo_memory *memory)
{
	return memory->block_bytes;
}

uint64_t mo_memory_block_pages(const struct mo_memory *memory)
{
	return memory->block_bytes / memory->page_bytes;
}

uint64_t mo_memory_page_bytes(const struct mo_memory *memory)
{
	return memory->page_bytes;
}

int mo_memory_is_ram(const struct mo_memory *memory, uint32_t block)
{
	return mo_ram_covers(memory->ram, memory->ctx, block * memory->block_bytes, memory->block_bytes);
}

size_t mo_memory_nr_blocks(const struct mo_memory *memory)
{
	return memory->nr_blocks;
}

const struct mo_block *mo_memory_block(const struct mo_memory *memory, size_t i)
{
	return i < memory->nr_blocks ? &memory->blocks[i] : NULL;
}

size_t mo_memory_lower_bound(const struct mo_memory *memory, uint64_t number)
{
	size_t first = 0, end = memory->nr_blocks, middle;

	while (first < end) {
		middle = first + (end - first) / 2;
		if (memory->blocks[middle].number < number)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

static struct mo_block *find_block(const struct mo_memory *memory, uint32_t number)
{
	size_t i = mo_memory_lower_bound(memory, number);

	return i < memory->nr_blocks && memory->blocks[i].number == number ? &memory->blocks[i] : NULL;
}

const struct mo_block *mo_memory_find(const struct mo_memory *memory, uint32_t number)
{
	return find_block(memory, number);
}

int mo_memory_refresh(struct mo_memory *memory, uint32_t number)
{
	struct mo_block *block = find_block(memory, number);
	enum mo_state before;
	int err;

	if (!block)
		return mo_error(memory->ctx, -ENOENT, "there is no memory block %u; list the blocks to see which there are", number);
	before = block->state;
	err = mo_block_refresh(memory, block);
	if (err == -ENOENT)
		return mo_error(memory->ctx, err, "memory block %u is gone: its memory was removed from the machine; list the blocks again",
				number);
	if (err)
		return mo_error(memory->ctx, err, "can't read the state of memory block %u: %s; check that sysfs is readable",
				number, strerror(-err));
	memory->devices[block->device].nr_online -= before == MO_STATE_ONLINE;
	memory->devices[block->device].nr_online += block->state == MO_STATE_ONLINE;
	return 0;
}

size_t mo_memory_nr_devices(const struct mo_memory *memory)
{
	return memory->nr_devices;
}

const struct mo_device *mo_memory_device(const struct mo_memory *memory, size_t i)
{
	return i < memory->nr_devices ? &memory->devices[i] : NULL;
}

size_t mo_memory_nr_nodes(const struct mo_memory *memory)
{
	return memory->nr_nodes;
}

const struct mo_node *mo_memory_node(const struct mo_memory *memory, size_t i)
{
	return i < memory->nr_nodes ? &memory->nodes[i] : NULL;
}
