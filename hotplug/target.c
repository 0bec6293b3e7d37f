// SPDX-License-Identifier: LGPL-2.1-or-later
/* The grammar of targets: which blocks does somebody mean by "32-35", "node1", "PNP0C80:00" or "4g"? */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define HOW_TO_NAME "name blocks (32, 32-35), a range of bytes (0x100000000-0x107ffffff), a node (node1), a device (PNP0C80:00) or a size (4g)"

struct picker {
	struct mo_memory *memory;
	bool *picked;		/* by index of the block */
	size_t *order;		/* indexes as named, each once */
	size_t nr_picked;
	uint64_t len_bytes;	/* of a size in the list; 0: none yet */
	bool names_blocks;	/* the list holds more than sizes */
};

static void pick(struct picker *picker, size_t i)
{
	if (picker->picked[i])
		return;
	picker->picked[i] = true;
	picker->order[picker->nr_picked++] = i;
}

/* ---- blocks by number ---- */

static int no_such_block(struct mo_memory *memory, const char *item, uint64_t number)
{
	if (!memory->nr_blocks)
		return mo_error(memory->ctx, -ENOENT, "there is no memory block %" PRIu64 " (target '%s'), since this machine shows none at all; "
				"see what doctor says about it", number, item);
	return mo_error(memory->ctx, -ENOENT, "there is no memory block %" PRIu64 " (target '%s'): the first on this machine is %u, the last %u; "
			"list the blocks to see which of those between exist", number, item,
			memory->blocks[0].number, memory->blocks[memory->nr_blocks - 1].number);
}

/* All of them must exist: who names a block expects that something happens to it. */
static int pick_numbers(struct picker *picker, const char *item, uint64_t first, uint64_t last)
{
	struct mo_memory *memory = picker->memory;
	size_t start = mo_memory_lower_bound(memory, first);
	uint64_t number;
	size_t i;

	for (number = first, i = start; number <= last; number++, i++)
		if (i == memory->nr_blocks || memory->blocks[i].number != number)
			return no_such_block(memory, item, number);
	for (; start < i; start++)
		pick(picker, start);
	picker->names_blocks = true;
	return 0;
}

/* "32" or "memory32"; *END is behind it. */
static int parse_number(struct mo_ctx *ctx, const char *item, const char *text, const char *end, uint64_t *number)
{
	const char *digit;

	if (end - text > (ptrdiff_t)strlen("memory") && !strncmp(text, "memory", strlen("memory")))
		text += strlen("memory");
	if (text == end)
		return -EBADMSG;
	for (*number = 0, digit = text; digit < end; digit++) {
		if (!isdigit((unsigned char)*digit))
			return -EBADMSG;
		*number = *number * 10 + (uint64_t)(*digit - '0');
		if (*number > UINT32_MAX)
			return mo_error(ctx, -EINVAL, "the number in '%s' is too large for a memory block; a size has a letter behind it "
					"(4g), an address begins with 0x", item);
	}
	return 0;
}

/* -EBADMSG: it is something else. */
static int pick_by_number(struct picker *picker, const char *item)
{
	const char *end = item + strlen(item), *dash = strchr(item, '-');
	uint64_t first, last;
	int err = parse_number(picker->memory->ctx, item, item, dash ? dash : end, &first);

	if (err)
		return err;
	last = first;
	if (dash)
		err = parse_number(picker->memory->ctx, item, dash + 1, end, &last);
	if (err)
		return err;
	if (last < first)
		return mo_error(picker->memory->ctx, -EINVAL, "the range '%s' ends before it begins; write it as %" PRIu64 "-%" PRIu64,
				item, last, first);
	return pick_numbers(picker, item, first, last);
}

/* ---- blocks by address ---- */

static bool parse_address(const char *text, char until, const char **end, uint64_t *addr)
{
	char *stop;

	if (text[0] != '0' || (text[1] != 'x' && text[1] != 'X') || !isxdigit((unsigned char)text[2]))
		return false;
	errno = 0;
	*addr = strtoull(text, &stop, 16);
	*end = stop;
	return !errno && *stop == until;
}

static uint64_t nearest_number(uint64_t addr, uint64_t block_bytes)
{
	return addr / block_bytes + (addr % block_bytes >= block_bytes / 2);
}

static int not_aligned(struct picker *picker, const char *item, uint64_t start_addr, uint64_t last_addr)
{
	uint64_t block_bytes = picker->memory->block_bytes;
	uint64_t first = nearest_number(start_addr, block_bytes), end = nearest_number(last_addr, block_bytes);

	if (end <= first)
		end = first + 1;
	return mo_error(picker->memory->ctx, -EINVAL, "the range '%s' is not aligned to memory blocks of %#" PRIx64 " bytes; the nearest that "
			"is: %#" PRIx64 "-%#" PRIx64 " (the last byte is part of a range), or in blocks: %" PRIu64 "-%" PRIu64,
			item, block_bytes, first * block_bytes, end * block_bytes - 1, first, end - 1);
}

static int pick_by_address(struct picker *picker, const char *item)
{
	uint64_t block_bytes = picker->memory->block_bytes;
	uint64_t start_addr, last_addr;
	const char *end;

	if (!parse_address(item, '-', &end, &start_addr) || !parse_address(end + 1, '\0', &end, &last_addr))
		return mo_error(picker->memory->ctx, -EINVAL, "'%s' is no range of 64-bit addresses; write its first and its last byte, both with "
				"0x, as in 0x100000000-0x107ffffff", item);
	if (last_addr < start_addr)
		return mo_error(picker->memory->ctx, -EINVAL, "the range '%s' ends before it begins; write it as %#" PRIx64 "-%#" PRIx64,
				item, last_addr, start_addr);
	if (start_addr % block_bytes || last_addr % block_bytes != block_bytes - 1)
		return not_aligned(picker, item, start_addr, last_addr);
	return pick_numbers(picker, item, start_addr / block_bytes, last_addr / block_bytes);
}

/* ---- nodes and devices ---- */

static int check_node(struct mo_memory *memory, uint32_t number)
{
	for (size_t i = 0; i < memory->nr_nodes; i++)
		if ((uint32_t)memory->nodes[i].number == number)
			return 0;
	if (!memory->nr_nodes)
		return mo_error(memory->ctx, -ENOENT, "there is no node %u: this machine shows no NUMA nodes; leave the node away", number);
	return mo_error(memory->ctx, -ENOENT, "there is no node %u: the first on this machine is %d, the last %d; list the memory to see its nodes",
			number, memory->nodes[0].number, memory->nodes[memory->nr_nodes - 1].number);
}

static int pick_node(struct picker *picker, uint32_t number)
{
	int err = check_node(picker->memory, number);

	for (size_t i = 0; !err && i < picker->memory->nr_blocks; i++)
		if (picker->memory->blocks[i].node == (int32_t)number)
			pick(picker, i);
	picker->names_blocks = true;
	return err;
}

/* A container of ACPI stands for the memory devices in it: their paths lead through it. */
static bool is_inside(const struct mo_device *device, const char *name)
{
	const char *at = strchr(name, ':') ? strstr(device->path, name) : NULL;

	return device->kind == MO_DEVICE_ACPI && at && at > device->path && at[-1] == '/' && at[strlen(name)] == '/';
}

static bool pick_device(struct picker *picker, const char *name)
{
	struct mo_memory *memory = picker->memory;
	bool found = false;

	for (uint32_t device = 0; device < memory->nr_devices; device++) {
		if (strcmp(memory->devices[device].name, name) && !is_inside(&memory->devices[device], name))
			continue;
		for (size_t i = 0; i < memory->nr_blocks; i++)
			if (memory->blocks[i].device == device)
				pick(picker, i);
		found = true;
	}
	picker->names_blocks |= found;
	return found;
}

static bool looks_like_device(const char *item)
{
	uint32_t number;

	return strchr(item, ':') || !strncmp(item, "dax", strlen("dax")) || mo_name_number(item, "virtio", &number);
}

static int no_such_device(struct mo_memory *memory, const char *item)
{
	char names[256] = "";
	size_t len = 0;

	/* An empty slot of a memory module is a device, too. */
	for (size_t i = 1; i < memory->nr_devices; i++)
		if (memory->devices[i].nr_blocks && len + strlen(memory->devices[i].name) + 3 < sizeof(names))
			len = (size_t)(stpcpy(stpcpy(names + len, len ? ", " : ""), memory->devices[i].name) - names);
	if (!len)
		return mo_error(memory->ctx, -ENOENT, "there is no memory device '%s': all memory of this machine was there at boot, or its "
				"devices are shown to root alone; list the blocks and name them", item);
	return mo_error(memory->ctx, -ENOENT, "there is no memory device '%s'; this machine has %s", item, names);
}

/* ---- sizes ---- */

static int check_size(struct mo_memory *memory, uint64_t len_bytes)
{
	uint64_t block_bytes = memory->block_bytes, below = len_bytes / block_bytes * block_bytes;

	if (len_bytes % block_bytes == 0)
		return 0;
	if (!below || below > UINT64_MAX - block_bytes)
		return mo_error(memory->ctx, -EINVAL, "a size of %" PRIu64 " bytes is no multiple of the memory block size, %" PRIu64 "m; take %" PRIu64 "m",
				len_bytes, block_bytes >> 20, (below ? below : block_bytes) >> 20);
	return mo_error(memory->ctx, -EINVAL, "a size of %" PRIu64 " bytes is no multiple of the memory block size, %" PRIu64 "m; take %" PRIu64
			"m or %" PRIu64 "m", len_bytes, block_bytes >> 20, below >> 20, (below + block_bytes) >> 20);
}

/* "4g", "4G", "4GiB". */
static bool parse_size(const char *item, uint64_t *len_bytes, bool *overflow)
{
	static const char letters[] = "kmgt";
	const char *letter;
	unsigned int shift;
	uint64_t value;
	char *end;

	if (!isdigit((unsigned char)*item))
		return false;
	value = strtoull(item, &end, 10);
	letter = *end ? strchr(letters, tolower((unsigned char)*end)) : NULL;
	if (!letter || (end[1] && strcasecmp(end + 1, "ib")))
		return false;
	shift = 10 * (unsigned int)(letter - letters + 1);
	*overflow = value > UINT64_MAX >> shift;
	*len_bytes = value << shift;
	return true;
}

static int take_size(struct picker *picker, const char *item, uint64_t len_bytes, bool overflow)
{
	struct mo_ctx *ctx = picker->memory->ctx;
	int err;

	if (overflow)
		return mo_error(ctx, -EINVAL, "the size '%s' is larger than any memory can be; the largest unit is t", item);
	if (!len_bytes)
		return mo_error(ctx, -EINVAL,
				"the size '%s' is nothing; ask for %" PRIu64 "m, one memory block, or more", item,
				picker->memory->block_bytes >> 20);
	if (picker->len_bytes)
		return mo_error(ctx, -EINVAL, "'%s' is the second size; give one, all the others name where it is taken from", item);
	err = check_size(picker->memory, len_bytes);
	if (!err)
		picker->len_bytes = len_bytes;
	return err;
}

/* ---- the list ---- */

static int pick_item(struct picker *picker, const char *item)
{
	struct mo_ctx *ctx = picker->memory->ctx;
	bool overflow = false;
	uint64_t len_bytes;
	uint32_t node;
	int err;

	if (mo_name_number(item, "node", &node))
		return pick_node(picker, node);
	if (pick_device(picker, item))
		return 0;
	if (!strncasecmp(item, "0x", 2))
		return pick_by_address(picker, item);
	if (parse_size(item, &len_bytes, &overflow))
		return take_size(picker, item, len_bytes, overflow);
	err = pick_by_number(picker, item);
	if (err != -EBADMSG)
		return err;
	if (looks_like_device(item))
		return no_such_device(picker->memory, item);
	return mo_error(ctx, -EINVAL, "'%s' is not a target; " HOW_TO_NAME, item);
}

static char *trim(char *text)
{
	char *end;

	text += strspn(text, " \t\n");
	for (end = text + strlen(text); end > text && strchr(" \t\n", end[-1]); end--)
		;
	*end = '\0';
	return text;
}

static int pick_list(struct picker *picker, const char *target)
{
	char *copy = strdup(target), *rest = copy, *item;
	int err = 0;

	if (!copy)
		return mo_error(picker->memory->ctx, -ENOMEM, "no memory for the target; free some and try again");
	while (!err && (item = strsep(&rest, ","))) {
		item = trim(item);
		if (*item)
			err = pick_item(picker, item);
		else
			err = mo_error(picker->memory->ctx, -EINVAL, "the target '%s' has an empty item; remove the comma too much", target);
	}
	free(copy);
	return err;
}

static int read_target(struct picker *picker, const struct mo_request *request)
{
	struct mo_memory *memory = picker->memory;
	int err = request->len_bytes ? check_size(memory, request->len_bytes) : 0;

	if (!err && request->target && !request->target[strspn(request->target, " \t\n")])
		err = mo_error(memory->ctx, -ENODATA, "the target is empty; " HOW_TO_NAME);
	if (!err && !request->target && !request->len_bytes)
		err = mo_error(memory->ctx, -ENODATA, "there is no target; " HOW_TO_NAME);
	if (!err && request->target)
		err = pick_list(picker, request->target);
	if (err)
		return err;
	if (picker->len_bytes && request->len_bytes && picker->len_bytes != request->len_bytes)
		return mo_error(memory->ctx, -EINVAL, "the target '%s' has a size in it, and another was asked for besides; give one of them",
				request->target);
	for (size_t i = 0; !picker->names_blocks && i < memory->nr_blocks; i++)
		pick(picker, i);
	return 0;
}

/* ---- filters ---- */

/* An offline block is in no zone: it counts for each that is open to it. */
static bool passes(const struct mo_block *block, const struct mo_request *request)
{
	if (request->node >= 0 && block->node != request->node)
		return false;
	if (request->zone == MO_ZONE_UNKNOWN)
		return true;
	return block->zone == request->zone ||
	       (block->state == MO_STATE_OFFLINE && block->zones & (1u << request->zone));
}

static int nothing_passes(struct mo_memory *memory, const struct mo_request *request, size_t nr_picked)
{
	char where[64] = "";
	const char *target = request->target ? request->target : "all memory";

	if (!nr_picked)
		return mo_error(memory->ctx, -ENODATA, "'%s' holds no memory block; list the blocks to see what holds some", target);
	if (request->node >= 0)
		snprintf(where, sizeof(where), " on node %d", request->node);
	if (request->zone == MO_ZONE_UNKNOWN)
		return mo_error(memory->ctx, -ENODATA, "none of the %zu memory blocks of '%s' is%s; choose another node, or none",
				nr_picked, target, where);
	return mo_error(memory->ctx, -ENODATA, "none of the %zu memory blocks of '%s' is%s in zone %s; choose another zone, or none",
			nr_picked, target, where, mo_zone_name(request->zone));
}

static int compare_indexes(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return (x > y) - (x < y);
}

static int fill_selection(struct picker *picker, const struct mo_request *request, struct mo_selection *selection)
{
	struct mo_memory *memory = picker->memory;
	const struct mo_block *block;
	uint32_t *numbers;
	size_t nr = 0;

	if (!(request->flags & MO_REQUEST_KEEP_ORDER) && picker->nr_picked)
		qsort(picker->order, picker->nr_picked, sizeof(*picker->order), compare_indexes);
	numbers = calloc(picker->nr_picked + 1, sizeof(*numbers));
	if (!numbers)
		return mo_error(memory->ctx, -ENOMEM, "no memory for the list of blocks; free some and try again");
	for (size_t i = 0; i < picker->nr_picked; i++) {
		block = &memory->blocks[picker->order[i]];
		if (passes(block, request))
			numbers[nr++] = block->number;
	}
	if (!nr) {
		free(numbers);
		return nothing_passes(memory, request, picker->nr_picked);
	}
	*selection = (struct mo_selection){
		.numbers = numbers,
		.nr_numbers = nr,
		.len_bytes = picker->len_bytes ? picker->len_bytes : request->len_bytes,
	};
	return 0;
}

int mo_target_select(struct mo_memory *memory, const struct mo_request *request, struct mo_selection *selection)
{
	struct picker picker = { .memory = memory };
	int err = request->node >= 0 ? check_node(memory, (uint32_t)request->node) : 0;

	if (err)
		return err;
	picker.picked = calloc(memory->nr_blocks + 1, sizeof(*picker.picked));
	picker.order = calloc(memory->nr_blocks + 1, sizeof(*picker.order));
	if (!picker.picked || !picker.order)
		err = mo_error(memory->ctx, -ENOMEM, "no memory for the list of blocks; free some and try again");
	else
		err = read_target(&picker, request);
	if (!err)
		err = fill_selection(&picker, request, selection);
	free(picker.order);
	free(picker.picked);
	return err;
}

void mo_selection_free(struct mo_selection *selection)
{
	free(selection->numbers);
	*selection = (struct mo_selection){ 0 };
}
