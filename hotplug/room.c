// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where there is room for what a plan moves: free, page cache that could give way, and what else could go to swap. A
 * page of zone Movable may go to any zone, one of another zone not to zone Movable. Watermarks are left alone.
 */
#include <stdlib.h>

#include "private.h"

/* ---- nodes ---- */

static bool node_is_source(const struct mo_plan *plan, int node)
{
	for (size_t i = 0; i < plan->nr_steps; i++)
		if (plan->steps[i].verdict != MO_VERDICT_DONE &&
		    mo_memory_find(plan->memory, plan->steps[i].block)->node == node)
			return true;
	return false;
}

static size_t nodes_with_memory(const struct mo_memory *memory)
{
	size_t nr = 0;

	for (size_t i = 0; i < memory->nr_nodes; i++)
		nr += memory->nodes[i].has_memory;
	return nr;
}

/*
 * The kernel moves pages to other nodes than their own, unless there is none. With several source nodes each of them
 * may be a target for the others. The core asks the own node first.
 */
static bool node_is_target(const struct mo_plan *plan, const struct mo_node *node)
{
	if (!node->has_memory || !mo_nodeset_has(&plan->targets, (unsigned int)node->number))
		return false;
	if (plan->is_by_core || nodes_with_memory(plan->memory) == 1 || !node_is_source(plan, node->number))
		return true;
	for (size_t i = 0; i < plan->memory->nr_nodes; i++)
		if (plan->memory->nodes[i].number != node->number &&
		    node_is_source(plan, plan->memory->nodes[i].number))
			return true;
	return false;
}

/* ---- what goes with the blocks ---- */

static uint64_t pages_of(const struct mo_content *content, unsigned int kinds)
{
	uint64_t nr = 0;

	for (enum mo_kind kind = 0; kind < MO_KIND_NR; kind++)
		nr += kinds & 1u << kind ? content->nr_pages[kind] : 0;
	return nr;
}

/* Of a node, and of one of its zones unless that is MO_ZONE_UNKNOWN. */
static uint64_t going_pages(const struct mo_plan *plan, int node, enum mo_zone zone, unsigned int kinds)
{
	uint64_t nr = 0;

	for (size_t i = 0; i < plan->nr_steps; i++) {
		const struct mo_block *block = mo_memory_find(plan->memory, plan->steps[i].block);

		if (plan->steps[i].verdict != MO_VERDICT_DONE && block->node == node &&
		    (zone == MO_ZONE_UNKNOWN || block->zone == zone))
			nr += pages_of(&plan->steps[i].content, kinds);
	}
	return nr;
}

static uint64_t less(uint64_t nr, uint64_t by)
{
	return nr > by ? nr - by : 0;
}

/* ---- by zones ---- */

struct look {
	const struct mo_plan *plan;
	const struct mo_zones *zones;
	uint64_t swap_bytes;		/* free in swap space */
};

static const struct mo_zone_use *find_zone(const struct mo_zones *zones, int node, enum mo_zone zone)
{
	for (size_t i = 0; i < zones->nr; i++)
		if (zones->all[i].node == node && zones->all[i].zone == zone)
			return &zones->all[i];
	return NULL;
}

/* What an allocation that may come from zones up to TOP has to leave there. */
static uint64_t kept_back(const struct mo_zones *zones, const struct mo_zone_use *use, enum mo_zone top)
{
	const struct mo_zone_use *highest = find_zone(zones, use->node, top);
	uint64_t nr = use->min_pages;

	if (highest && highest->index < ARRAY_SIZE(use->protected_pages))
		nr += use->protected_pages[highest->index];
	return nr;
}

static void add_zone(const struct look *look, const struct mo_zone_use *use, enum mo_zone top, struct mo_room *room)
{
	const unsigned int free = 1u << MO_KIND_FREE, file = 1u << MO_KIND_CACHE;
	const unsigned int anon = 1u << MO_KIND_ANON | 1u << MO_KIND_THP | 1u << MO_KIND_SHMEM;
	const struct mo_plan *plan = look->plan;
	uint64_t page_bytes = plan->memory->page_bytes;

	room->free_bytes += less(use->free_pages + use->listed_pages, going_pages(plan, use->node, use->zone, free) +
						  kept_back(look->zones, use, top)) * page_bytes;
	room->file_bytes += less(use->file_pages, going_pages(plan, use->node, use->zone, file)) * page_bytes;
	room->swap_bytes += less(use->anon_pages, going_pages(plan, use->node, use->zone, anon)) * page_bytes;
}

/* Where there is no NUMA nobody knows of nodes. */
static bool zone_is_target(const struct mo_plan *plan, const struct mo_zone_use *use)
{
	const struct mo_memory *memory = plan->memory;

	for (size_t i = 0; i < memory->nr_nodes; i++)
		if (memory->nodes[i].number == use->node)
			return node_is_target(plan, &memory->nodes[i]);
	return !memory->nr_nodes;
}

static struct mo_room room_up_to(const struct look *look, enum mo_zone top)
{
	struct mo_room room = { 0 };

	for (size_t i = 0; i < look->zones->nr; i++)
		if (look->zones->all[i].zone <= top && zone_is_target(look->plan, &look->zones->all[i]))
			add_zone(look, &look->zones->all[i], top, &room);
	if (room.swap_bytes > look->swap_bytes)
		room.swap_bytes = look->swap_bytes;
	return room;
}

/* ---- by nodes, where zones are not known ---- */

static struct mo_room room_of_nodes(const struct mo_plan *plan)
{
	struct mo_room room = { 0 };
	uint64_t going;

	for (size_t i = 0; i < plan->memory->nr_nodes; i++) {
		const struct mo_node *node = &plan->memory->nodes[i];

		if (!node_is_target(plan, node))
			continue;
		going = going_pages(plan, node->number, MO_ZONE_UNKNOWN, 1u << MO_KIND_FREE);
		room.free_bytes += less(node->free_bytes, going * plan->memory->page_bytes);
		room.file_bytes += node->file_bytes;
	}
	return room;
}

/* ---- what has to move ---- */

static void add_moves(const struct mo_plan *plan, struct mo_rooms *rooms)
{
	for (size_t i = 0; i < plan->nr_steps; i++) {
		const struct mo_step *step = &plan->steps[i];
		uint64_t bytes = step->content.move_pages * plan->memory->page_bytes;

		if (mo_memory_find(plan->memory, step->block)->zone == MO_ZONE_MOVABLE)
			rooms->move_any_bytes += bytes;
		else
			rooms->move_kernel_bytes += bytes;
	}
}

struct mo_rooms mo_plan_rooms(const struct mo_plan *plan)
{
	struct look look = { .plan = plan, .zones = mo_memory_zones(plan->memory) };
	struct mo_rooms rooms = { 0 };

	add_moves(plan, &rooms);
	if (!look.zones->nr) {
		rooms.kernel = rooms.any = room_of_nodes(plan);
		rooms.are_known = rooms.any.free_bytes + rooms.any.file_bytes != 0;
		return rooms;
	}
	if (!mo_read_field(plan->memory->ctx, "/proc/meminfo", "SwapFree", &look.swap_bytes))
		look.swap_bytes *= 1024;
	rooms.kernel = room_up_to(&look, MO_ZONE_NORMAL);
	rooms.any = room_up_to(&look, MO_ZONE_MOVABLE);
	rooms.are_known = true;
	return rooms;
}
