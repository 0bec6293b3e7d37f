// SPDX-License-Identifier: GPL-2.0-only
/* One tile in words: what is shown beside the picture for the block that is pointed at. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "picture.h"

static void print_place(FILE *file, const struct picture *picture, const struct mo_block *block)
{
	const struct mo_device *device = mo_memory_device(mo_map_memory(picture->map), block->device);
	char *name = text_escape_utf8(device->name);
	uint64_t start = block->number * picture->block_bytes;

	fprintf(file, "memory%" PRIu32 ": 0x%" PRIx64 "-0x%" PRIx64 "\n%s", block->number, start,
		start + picture->block_bytes - 1, mo_state_name(block->state));
	if (block->state != MO_STATE_OFFLINE)
		fprintf(file, ", zone %s", mo_zone_name(block->zone));
	if (block->nr_nodes > 1)
		fprintf(file, ", %" PRIu32 " nodes", block->nr_nodes);
	else if (block->node >= 0)
		fprintf(file, ", node %" PRId32, block->node);
	fprintf(file, ", %s", device->kind == MO_DEVICE_BOOT ? "boot memory" : name);
	free(name);
}

static void print_pages(FILE *file, const struct picture *picture, const char *name, uint64_t nr_pages)
{
	uint64_t page_bytes = picture->block_bytes / picture->block_pages;

	fprintf(file, "\n%-22s %7s %3.0f%%", name, text_bytes(nr_pages * page_bytes).text,
		100.0 * (double)nr_pages / (double)picture->block_pages);
}

static void print_content(FILE *file, const struct picture *picture, const struct picture_tile *tile)
{
	const struct mo_area *area = tile->area;

	for (enum mo_kind kind = 0; kind < MO_KIND_NR; kind++)
		if (picture_pages(tile, kind))
			print_pages(file, picture, mo_kind_name(kind), picture_pages(tile, kind));
	if (area->cgroup_inode) {
		char *name = text_escape_utf8(picture_owner(picture, area->cgroup_inode).text);

		fprintf(file, "\nmost of it: %s, %s", name,
			text_bytes(area->cgroup_pages * (picture->block_bytes / picture->block_pages)).text);
		free(name);
	}
}

char *picture_tip(const struct picture *picture, const struct picture_tile *tile)
{
	size_t len_bytes;
	char *text;
	FILE *file = open_memstream(&text, &len_bytes);

	if (!file)
		out_of_memory();
	print_place(file, picture, tile->block);
	if (!tile->area->content_known)
		fputs("\nwhat it holds is not known", file);
	else if (tile->block->state != MO_STATE_OFFLINE)
		print_content(file, picture, tile);
	if (fclose(file))
		out_of_memory();
	return text;
}
