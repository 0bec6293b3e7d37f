// SPDX-License-Identifier: LGPL-2.1-or-later
/* What each block of the machine holds, and whose most of it is. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "private.h"

struct mo_map {
	struct mo_memory *memory;
	struct mo_pages *pages;		/* NULL: they can't be read */
	bool wants_owners;
	struct mo_area *areas;		/* one for each block of the memory */
	size_t next;			/* where the next look at contents begins */
	char problem[512];
};

static void look_into(struct mo_map *map, size_t i)
{
	const struct mo_block *block = &map->memory->blocks[i];
	uint64_t nr_pages = mo_memory_block_pages(map->memory), start_pfn = block->number * nr_pages;
	struct mo_area *area = &map->areas[i];
	struct mo_charge most = { 0 };
	int err;

	*area = (struct mo_area){ .block = block->number };
	if (block->state == MO_STATE_OFFLINE) {
		area->content_known = true;
		area->content.nr_pages[MO_KIND_OFFLINE] = nr_pages;
		return;
	}
	if (!map->pages)
		return;
	if (map->wants_owners)
		err = mo_pages_content_charged(map->pages, start_pfn, nr_pages, &area->content, &most);
	else
		err = mo_pages_content(map->pages, start_pfn, nr_pages, &area->content);
	if (err)
		snprintf(map->problem, sizeof(map->problem), "%s", mo_ctx_error(map->memory->ctx));
	area->content_known = !err;
	area->cgroup_inode = most.cgroup_inode;
	area->cgroup_pages = most.nr_pages;
}

/* What can't be read is no failure: states, zones and devices can be drawn without it. */
static int open_pages(struct mo_map *map)
{
	int err = mo_pages_open(map->memory->ctx, &map->pages);

	if (err == -ENOMEM)
		return err;
	if (err)
		snprintf(map->problem, sizeof(map->problem), "%s", mo_ctx_error(map->memory->ctx));
	else if (map->wants_owners && !mo_pages_have_cgroups(map->pages))
		snprintf(map->problem, sizeof(map->problem), "can't read /proc/kpagecgroup, so nobody can tell whose pages are; "
			 "it takes a kernel with CONFIG_MEMCG");
	return 0;
}

int mo_map_new(struct mo_memory *memory, uint32_t flags, struct mo_map **out)
{
	struct mo_map *map;

	if (flags & ~MO_MAP_OWNERS)
		return mo_error(memory->ctx, -EINVAL, "a map has no flags 0x%x; use those of libmemoffline.h",
				flags & ~MO_MAP_OWNERS);
	map = calloc(1, sizeof(*map));
	if (map)
		map->areas = calloc(memory->nr_blocks + 1, sizeof(*map->areas));
	if (!map || !map->areas) {
		free(map);
		return mo_error(memory->ctx, -ENOMEM, "no memory for a map of %zu blocks; free some and try again",
				memory->nr_blocks);
	}
	map->memory = mo_memory_ref(memory);
	map->wants_owners = flags & MO_MAP_OWNERS;
	if (open_pages(map)) {
		mo_map_unref(map);
		return -ENOMEM;
	}
	for (size_t i = 0; i < memory->nr_blocks; i++)
		look_into(map, i);
	*out = map;
	return 0;
}

struct mo_map *mo_map_unref(struct mo_map *map)
{
	if (!map)
		return NULL;
	mo_pages_close(map->pages);
	mo_memory_unref(map->memory);
	free(map->areas);
	free(map);
	return NULL;
}

struct mo_memory *mo_map_memory(const struct mo_map *map)
{
	return map->memory;
}

const struct mo_area *mo_map_area(const struct mo_map *map, size_t i)
{
	return i < map->memory->nr_blocks ? &map->areas[i] : NULL;
}

const char *mo_map_problem(const struct mo_map *map)
{
	return map->problem;
}

/* Those whose state changed, or changes now, are looked into. True: one is gone. */
static bool look_at_states(struct mo_map *map)
{
	struct mo_memory *memory = map->memory;
	bool is_gone = false;

	for (size_t i = 0; i < memory->nr_blocks; i++) {
		enum mo_state before = memory->blocks[i].state;

		is_gone |= mo_memory_refresh(memory, memory->blocks[i].number) == -ENOENT;
		if (memory->blocks[i].state != before || before == MO_STATE_GOING_OFFLINE)
			look_into(map, i);
	}
	return is_gone;
}

int mo_map_refresh(struct mo_map *map, uint32_t limit_ms)
{
	size_t nr = map->memory->nr_blocks, nr_now = nr;
	uint64_t until_ms = mo_now_ms() + limit_ms;
	bool is_gone = look_at_states(map);

	for (size_t i = 0; map->pages && i < nr && mo_now_ms() < until_ms; i++) {
		look_into(map, map->next);
		map->next = (map->next + 1) % nr;
	}
	return mo_blocks_count(map->memory->ctx, &nr_now) == 0 && (is_gone || nr_now != nr);
}
