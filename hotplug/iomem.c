// SPDX-License-Identifier: LGPL-2.1-or-later
/* /proc/iomem: which addresses are memory, and whose. Without CAP_SYS_ADMIN the kernel shows zeros. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

/* "  100000000-11fffffff : System RAM (kmem)": two spaces a level. */
static bool parse_line(char *line, struct mo_iomem *range)
{
	size_t nr_spaces = strspn(line, " ");
	int len = 0;

	if (sscanf(line + nr_spaces, "%" SCNx64 "-%" SCNx64 " : %n", &range->start_addr, &range->last_addr, &len) != 2 || !len)
		return false;
	range->depth = (unsigned int)nr_spaces / 2;
	range->name = line + nr_spaces + len;
	return true;
}

int mo_iomem_each(struct mo_ctx *ctx, mo_iomem_fn *fn, void *data)
{
	char *text, *line, *save = NULL;
	bool hidden = true;
	struct mo_iomem range;
	int err = mo_read_file(ctx, &text, NULL, "/proc/iomem");

	if (err)
		return err;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!parse_line(line, &range))
			continue;
		hidden = hidden && !range.last_addr;
		err = fn(data, &range);
		if (err)
			break;
	}
	free(text);
	return !err && hidden ? -EACCES : err;
}

bool mo_iomem_is_system_ram(const char *name)
{
	return !strncmp(name, "System RAM", strlen("System RAM"));
}

/* ---- System RAM, read once: ascending, apart from each other ---- */

struct range {
	uint64_t start_addr, last_addr;
};

struct mo_ram {
	bool is_read;
	int err;		/* of the reading */
	struct range *ranges;
	size_t nr_ranges, nr_room;
};

struct mo_ram *mo_ram_new(void)
{
	return calloc(1, sizeof(struct mo_ram));
}

void mo_ram_free(struct mo_ram *ram)
{
	if (ram)
		free(ram->ranges);
	free(ram);
}

static int add_range(void *data, const struct mo_iomem *iomem)
{
	struct mo_ram *ram = data;
	struct range *more;

	if (!mo_iomem_is_system_ram(iomem->name) || !iomem->last_addr)
		return 0;
	if (ram->nr_ranges == ram->nr_room) {
		more = reallocarray(ram->ranges, 2 * ram->nr_room + 16, sizeof(*more));
		if (!more)
			return -ENOMEM;
		ram->ranges = more;
		ram->nr_room = 2 * ram->nr_room + 16;
	}
	ram->ranges[ram->nr_ranges++] = (struct range){ iomem->start_addr, iomem->last_addr };
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->start_addr > y->start_addr) - (x->start_addr < y->start_addr);
}

/* Neighbours and ranges inside others become one. */
static void merge(struct mo_ram *ram)
{
	struct range *last = ram->ranges;
	size_t i;

	if (!ram->nr_ranges)
		return;
	qsort(ram->ranges, ram->nr_ranges, sizeof(*ram->ranges), by_start);
	for (i = 1; i < ram->nr_ranges; i++) {
		if (ram->ranges[i].start_addr > last->last_addr + 1)
			*++last = ram->ranges[i];
		else if (ram->ranges[i].last_addr > last->last_addr)
			last->last_addr = ram->ranges[i].last_addr;
	}
	ram->nr_ranges = (size_t)(last - ram->ranges) + 1;
}

int mo_ram_covers(struct mo_ram *ram, struct mo_ctx *ctx, uint64_t start_addr, uint64_t len_bytes)
{
	size_t low = 0, high, middle;

	if (!ram->is_read) {
		ram->is_read = true;
		ram->err = mo_iomem_each(ctx, add_range, ram);
		merge(ram);
	}
	if (ram->err)
		return ram->err;
	for (high = ram->nr_ranges; low < high; ) {
		middle = low + (high - low) / 2;
		if (ram->ranges[middle].last_addr < start_addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ram->nr_ranges && ram->ranges[low].start_addr <= start_addr &&
	       ram->ranges[low].last_addr >= start_addr + len_bytes - 1;
}
