// SPDX-License-Identifier: GPL-2.0-only
/* What the picture is drawn from, as JSON. */
#include <stdlib.h>

#include "out.h"
#include "picture.h"

static void owner_json(struct json_object *object, const struct picture *picture, const struct mo_area *area)
{
	if (picture->by != BY_OWNER)
		return;
	if (area->cgroup_inode)
		json_number(object, "cgroup_inode", (int64_t)area->cgroup_inode);
	else
		json_null(object, "cgroup_inode");
	json_text(object, "cgroup", area->cgroup_inode ? picture_owner(picture, area->cgroup_inode).text : "");
	json_number(object, "cgroup_pages", (int64_t)area->cgroup_pages);
}

static void tile_json(struct json_object *object, const struct picture *picture, const struct picture_tile *tile)
{
	const struct mo_block *block = tile->block;
	struct mo_step step = { .content_known = tile->area->content_known, .content = tile->area->content };

	json_number(object, "block", block->number);
	json_text(object, "state", mo_state_name(block->state));
	json_text(object, "zone", mo_zone_name(block->zone));
	json_number(object, "node", block->node);
	json_number(object, "nr_nodes", block->nr_nodes);
	json_text(object, "device", mo_memory_device(mo_map_memory(picture->map), block->device)->name);
	content_json(object, &step);
	owner_json(object, picture, tile->area);
}

static void class_json(struct json_object *object, const struct picture_class *class)
{
	char letter[2] = { class->letter };

	json_text(object, "letter", letter);
	json_text(object, "name", class->name);
	json_flag(object, "stays", class->stays);
	json_number(object, "nr_pages", (int64_t)class->nr_pages);
}

void picture_json(const struct picture *picture)
{
	struct json_object *object = json_new(), *list;

	json_text(object, "by", picture_by_names[picture->by]);
	json_number(object, "block_bytes", (int64_t)picture->block_bytes);
	json_number(object, "page_bytes", (int64_t)(picture->block_bytes / picture->block_pages));
	json_text(object, "problem", picture_problem(picture));
	list = json_list(object, "classes");
	for (size_t i = 0; i < picture->nr_classes; i++)
		if (picture->classes[i].nr_pages)
			class_json(json_item(list), &picture->classes[i]);
	list = json_list(object, "blocks");
	for (size_t i = 0; i < picture->nr_tiles; i++)
		tile_json(json_item(list), picture, &picture->tiles[i]);
	json_print(object, false);
}
