// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a plan does to the machine as a whole: room for the pages, balance of the zones. Reads only. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define MOVABLE_PER_KERNEL 3	/* beyond this ratio kernel memory may run short (memory-hotplug documentation) */

int mo_plan_add_note(struct mo_plan *plan, const char *fmt, ...)
{
	char **notes = realloc(plan->notes, (plan->nr_notes + 1) * sizeof(*notes));
	va_list args;
	int len;

	if (!notes)
		return -ENOMEM;
	plan->notes = notes;
	va_start(args, fmt);
	len = vasprintf(&notes[plan->nr_notes], fmt, args);
	va_end(args);
	if (len < 0)
		return -ENOMEM;
	plan->nr_notes++;
	return 0;
}

static bool node_is_source(const struct mo_plan *plan, int node)
{
	size_t i;

	for (i = 0; i < plan->nr_steps; i++)
		if (plan->steps[i].verdict != MO_VERDICT_DONE &&
		    mo_memory_find(plan->memory, plan->steps[i].block)->node == node)
			return true;
	return false;
}

static size_t nodes_with_memory(const struct mo_memory *memory)
{
	size_t i, nr = 0;

	for (i = 0; i < memory->nr_nodes; i++)
		nr += memory->nodes[i].has_memory;
	return nr;
}

/*
 * The kernel moves pages to other nodes than their own, unless there is none. With several
 * source nodes each of them may be a target for the others.
 */
static bool node_is_target(const struct mo_plan *plan, const struct mo_node *node)
{
	size_t i;

	if (!node->has_memory)
		return false;
	if (nodes_with_memory(plan->memory) == 1 || !node_is_source(plan, node->number))
		return true;
	for (i = 0; i < plan->memory->nr_nodes; i++)
		if (plan->memory->nodes[i].number != node->number &&
		    node_is_source(plan, plan->memory->nodes[i].number))
			return true;
	return false;
}

static uint64_t free_bytes_in_plan(const struct mo_plan *plan, int node)
{
	uint64_t pages = 0;
	size_t i;

	for (i = 0; i < plan->nr_steps; i++)
		if (plan->steps[i].verdict != MO_VERDICT_DONE &&
		    mo_memory_find(plan->memory, plan->steps[i].block)->node == node)
			pages += plan->steps[i].content.nr_pages[MO_KIND_FREE];
	return pages * plan->memory->page_bytes;
}

static void sum_room(struct mo_plan *plan)
{
	const struct mo_node *node;
	uint64_t going;
	size_t i;

	for (i = 0; i < plan->memory->nr_nodes; i++) {
		node = &plan->memory->nodes[i];
		if (!node_is_target(plan, node))
			continue;
		going = free_bytes_in_plan(plan, node->number);
		plan->free_bytes += node->free_bytes > going ? node->free_bytes - going : 0;
		plan->room_bytes += node->file_bytes;
	}
	plan->room_bytes += plan->free_bytes;
}

static int note_room(struct mo_plan *plan)
{
	if (plan->move_bytes <= plan->room_bytes || !plan->room_bytes)
		return 0;
	if (plan->verdict < MO_VERDICT_UNLIKELY)
		plan->verdict = MO_VERDICT_UNLIKELY;
	return mo_plan_add_note(plan, "%llu MiB have to move, but only %llu MiB are free or reclaimable elsewhere: "
				"free memory first, or take less",
				(unsigned long long)plan->move_bytes >> 20, (unsigned long long)plan->room_bytes >> 20);
}

/* Kernel memory can't come from movable zones: warn when too little of it is left beside them. */
static int note_ratio(struct mo_plan *plan)
{
	const struct mo_memory *memory = plan->memory;
	uint64_t movable = 0, kernel = 0, movable_going = 0, kernel_going = 0;
	const struct mo_block *block;
	size_t i;

	for (i = 0; i < plan->nr_steps; i++) {
		block = mo_memory_find(memory, plan->steps[i].block);
		if (block->state != MO_STATE_ONLINE)
			continue;
		if (block->zone != MO_ZONE_MOVABLE)
			kernel_going++;
		else
			movable_going++;
	}
	if (!kernel_going)
		return 0;
	for (i = 0; i < memory->nr_blocks; i++) {
		block = &memory->blocks[i];
		if (block->state != MO_STATE_ONLINE)
			continue;
		if (block->zone != MO_ZONE_MOVABLE)
			kernel++;
		else
			movable++;
	}
	kernel -= kernel_going;
	movable -= movable_going;
	if (movable <= kernel * MOVABLE_PER_KERNEL)
		return 0;
	return mo_plan_add_note(plan, "%llu MiB of movable memory would stand beside %llu MiB for the kernel, more than "
				"%d to 1: the kernel may run out of memory; take movable blocks instead (--zone Movable)",
				(unsigned long long)(movable * memory->block_bytes >> 20),
				(unsigned long long)(kernel * memory->block_bytes >> 20), MOVABLE_PER_KERNEL);
}

static int note_cpuset(struct mo_plan *plan)
{
	const char *problem = mo_ctx_get_sysroot(plan->memory->ctx) ? "" : mo_worker_cpuset_problem(plan->memory->ctx);

	return *problem ? mo_plan_add_note(plan, "%s", problem) : 0;
}

/* Newer kernels refuse to bring a block with poisoned pages back (EHWPOISON): a rollback could not keep its word. */
static int note_poison(struct mo_plan *plan)
{
	uint64_t pages = 0;
	size_t nr_blocks = 0, i;

	for (i = 0; i < plan->nr_steps; i++) {
		if (plan->steps[i].verdict == MO_VERDICT_DONE || !plan->steps[i].content.nr_pages[MO_KIND_POISONED])
			continue;
		pages += plan->steps[i].content.nr_pages[MO_KIND_POISONED];
		nr_blocks++;
	}
	if (!nr_blocks)
		return 0;
	return mo_plan_add_note(plan, "%llu poisoned pages lie in %zu of the blocks: once offline, the kernel may refuse to bring "
				"them back online; replace that memory", (unsigned long long)pages, nr_blocks);
}

static int note_hidden(struct mo_plan *plan, int pages_err)
{
	if (!pages_err || pages_err == -ECANCELED)
		return 0;
	return mo_plan_add_note(plan, "what the blocks hold can't be read, so this is a guess from their zones: run it as root, "
				"on a kernel with CONFIG_PROC_PAGE_MONITOR");
}

int mo_plan_foresee(struct mo_plan *plan, int pages_err)
{
	int err;

	sum_room(plan);
	err = note_room(plan);
	if (!err)
		err = note_ratio(plan);
	if (!err)
		err = note_poison(plan);
	if (!err)
		err = note_cpuset(plan);
	if (!err)
		err = note_hidden(plan, pages_err);
	return err;
}
