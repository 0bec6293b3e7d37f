// SPDX-License-Identifier: LGPL-2.1-or-later
/* Corrected errors as people look at them: of each page, of each block, of each device. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define SLOTS_SIZE 512

struct mo_errors {
	struct mo_memory *memory;
	struct mo_error_counts counts;	/* names of blocks that went are lent from here */
	struct mo_error_page *pages;
	struct mo_error_block *blocks;
	size_t nr_blocks;
	struct mo_error_device *devices;
	char (*slots)[SLOTS_SIZE];	/* of each device */
	size_t nr_devices;
};

static const struct mo_device *device_of(const struct mo_memory *memory, uint32_t number)
{
	const struct mo_block *block = mo_memory_find(memory, number);

	return block ? mo_memory_device(memory, block->device) : NULL;
}

static const char *device_name(const struct mo_memory *memory, uint32_t number)
{
	const struct mo_device *device = device_of(memory, number);

	return device ? device->name : "";
}

/* ---- pages -> blocks ---- */

/* There is room for a block for each page, and each that went. */
static struct mo_error_block *take_block(struct mo_errors *errors, uint32_t number)
{
	struct mo_error_block *block = &errors->blocks[errors->nr_blocks];

	*block = (struct mo_error_block){ .block = number, .device = device_name(errors->memory, number) };
	errors->nr_blocks++;
	return block;
}

static int compare_pages(const void *a, const void *b)
{
	const struct mo_error_page *const *x = a, *const *y = b;

	return ((*x)->addr > (*y)->addr) - ((*x)->addr < (*y)->addr);
}

static int sum_blocks(struct mo_errors *errors)
{
	const struct mo_error_page **order = calloc(errors->counts.nr_pages + 1, sizeof(*order));
	struct mo_error_block *block = NULL;

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < errors->counts.nr_pages; i++)
		order[i] = &errors->pages[i];
	qsort(order, errors->counts.nr_pages, sizeof(*order), compare_pages);
	for (size_t i = 0; i < errors->counts.nr_pages; i++) {
		if (!block || block->block != order[i]->block)
			block = take_block(errors, order[i]->block);
		block->nr_errors += order[i]->nr_errors;
		block->nr_retired += order[i]->is_retired;
	}
	free(order);
	return 0;
}

static int compare_blocks(const void *a, const void *b)
{
	const struct mo_error_block *x = a, *y = b;

	return (x->block > y->block) - (x->block < y->block);
}

static void add_gone(struct mo_errors *errors)
{
	const struct mo_error_counts *counts = &errors->counts;
	size_t nr = errors->nr_blocks;	/* those of pages, sorted */

	for (size_t i = 0; i < counts->nr_blocks; i++) {
		const struct mo_error_block key = { .block = counts->blocks[i].block };
		struct mo_error_block *block = bsearch(&key, errors->blocks, nr, sizeof(key), compare_blocks);

		if (!block)
			block = take_block(errors, key.block);
		block->device = counts->blocks[i].device;
		block->gone_time_s = counts->blocks[i].time_s;
	}
	qsort(errors->blocks, errors->nr_blocks, sizeof(*errors->blocks), compare_blocks);
}

static int list_pages(struct mo_errors *errors)
{
	const struct mo_error_counts *counts = &errors->counts;
	uint64_t block_bytes = mo_memory_block_bytes(errors->memory);

	errors->pages = calloc(counts->nr_pages + 1, sizeof(*errors->pages));
	errors->blocks = calloc(counts->nr_pages + counts->nr_blocks + 1, sizeof(*errors->blocks));
	if (!errors->pages || !errors->blocks)
		return -ENOMEM;
	for (size_t i = 0; i < counts->nr_pages; i++) {
		const struct mo_page_count *page = &counts->pages[i];
		uint32_t block = (uint32_t)(page->addr / block_bytes);

		errors->pages[i] = (struct mo_error_page){
			.addr = page->addr, .nr_errors = page->nr_errors, .last_time_s = page->last_time_s,
			.is_retired = page->is_retired, .block = block, .device = device_name(errors->memory, block),
		};
	}
	return sum_blocks(errors);
}

/* ---- blocks -> devices ---- */

static struct mo_error_device *find_device(struct mo_errors *errors, const char *name)
{
	for (size_t i = 0; i < errors->nr_devices; i++)
		if (!strcmp(errors->devices[i].name, name))
			return &errors->devices[i];
	return NULL;
}

static void name_slots(struct mo_errors *errors, size_t i)
{
	const struct mo_device *device;

	for (uint32_t n = 0; (device = mo_memory_device(errors->memory, n)); n++)
		if (!strcmp(device->name, errors->devices[i].name))
			mo_device_slots(errors->memory, n, errors->slots[i], SLOTS_SIZE);
	errors->devices[i].slots = errors->slots[i];
}

static void add_to_device(struct mo_errors *errors, const struct mo_error_block *block)
{
	struct mo_error_device *device = find_device(errors, block->device);

	if (!device) {
		device = &errors->devices[errors->nr_devices++];
		device->name = block->device;
	}
	device->nr_errors += block->nr_errors;
	device->nr_retired += block->nr_retired;
	device->nr_gone += block->gone_time_s != 0;
}

static int sum_devices(struct mo_errors *errors)
{
	errors->devices = calloc(errors->nr_blocks + 1, sizeof(*errors->devices));
	if (!errors->devices)
		return -ENOMEM;
	for (size_t i = 0; i < errors->nr_blocks; i++)
		if (*errors->blocks[i].device)
			add_to_device(errors, &errors->blocks[i]);
	errors->slots = calloc(errors->nr_devices + 1, sizeof(*errors->slots));
	if (!errors->slots)
		return -ENOMEM;
	for (size_t i = 0; i < errors->nr_devices; i++)
		name_slots(errors, i);
	return 0;
}

static int fill(struct mo_errors *errors)
{
	int err = list_pages(errors);

	if (!err) {
		add_gone(errors);
		err = sum_devices(errors);
	}
	return err ? mo_error(mo_memory_ctx(errors->memory), err, "no memory for the list of errors; free some and try again") : 0;
}

int mo_errors_read(struct mo_ctx *ctx, struct mo_errors **out)
{
	struct mo_errors *errors = calloc(1, sizeof(*errors));
	int err;

	if (!errors)
		return mo_error(ctx, -ENOMEM, "no memory for the list of errors; free some and try again");
	err = mo_memory_read(ctx, &errors->memory);
	if (!err)
		err = mo_error_counts_load(ctx, &errors->counts);
	if (!err)
		err = fill(errors);
	if (err)
		mo_errors_unref(errors);
	else
		*out = errors;
	return err;
}

struct mo_errors *mo_errors_unref(struct mo_errors *errors)
{
	if (!errors)
		return NULL;
	free(errors->pages);
	free(errors->blocks);
	free(errors->devices);
	free(errors->slots);
	mo_error_counts_free(&errors->counts);
	mo_memory_unref(errors->memory);
	free(errors);
	return NULL;
}

const struct mo_error_page *mo_errors_page(const struct mo_errors *errors, size_t i)
{
	return i < errors->counts.nr_pages ? &errors->pages[i] : NULL;
}

const struct mo_error_block *mo_errors_block(const struct mo_errors *errors, size_t i)
{
	return i < errors->nr_blocks ? &errors->blocks[i] : NULL;
}

const struct mo_error_device *mo_errors_device(const struct mo_errors *errors, size_t i)
{
	return i < errors->nr_devices ? &errors->devices[i] : NULL;
}

static int forget_all(void *data, struct mo_error_counts *counts)
{
	(void)data;
	counts->nr_pages = counts->nr_blocks = 0;
	return 0;
}

int mo_errors_forget(struct mo_ctx *ctx)
{
	struct mo_error_counts counts;
	int err = mo_error_counts_change(ctx, forget_all, NULL, &counts);

	if (!err)
		mo_error_counts_free(&counts);
	return err;
}
