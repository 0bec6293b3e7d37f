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

static unsigned long long mib(uint64_t bytes)
{
	return bytes >> 20;
}

static uint64_t sum_of(const struct mo_room *room)
{
	return room->free_bytes + room->file_bytes + room->swap_bytes;
}

static void doubt(struct mo_plan *plan)
{
	if (plan->verdict < MO_VERDICT_UNLIKELY)
		plan->verdict = MO_VERDICT_UNLIKELY;
}

/* What has no room alone has none beside others. */
static void doubt_steps(struct mo_plan *plan, const struct mo_rooms *rooms)
{
	for (size_t i = 0; i < plan->nr_steps; i++) {
		struct mo_step *step = &plan->steps[i];
		bool is_movable = mo_memory_find(plan->memory, step->block)->zone == MO_ZONE_MOVABLE;
		uint64_t pages = sum_of(is_movable ? &rooms->any : &rooms->kernel) / plan->memory->page_bytes;

		if (step->verdict != MO_VERDICT_LIKELY || step->content.move_pages <= pages)
			continue;
		step->verdict = MO_VERDICT_UNLIKELY;
		step->reason = MO_REASON_NO_TARGET;
		step->reason_pages = step->content.move_pages - pages;
	}
}

static const char *who_kills(const struct mo_plan *plan)
{
	return plan->is_by_core ? "" : "; without the module memoffline the kernel may kill processes to make room";
}

static int note_room(struct mo_plan *plan)
{
	struct mo_rooms rooms = mo_plan_rooms(plan);
	const struct mo_room *room = rooms.move_any_bytes ? &rooms.any : &rooms.kernel;
	uint64_t move_bytes = rooms.move_any_bytes + rooms.move_kernel_bytes;

	plan->free_bytes = room->free_bytes;
	plan->room_bytes = room->free_bytes + room->file_bytes;
	plan->swap_bytes = room->swap_bytes;
	if (!rooms.are_known)
		return 0;
	doubt_steps(plan, &rooms);
	if (move_bytes > sum_of(room)) {
		doubt(plan);
		return mo_plan_add_note(plan, "%llu MiB have to move, but only %llu MiB are free or reclaimable elsewhere: free memory "
					"first, or take less%s", mib(move_bytes), mib(sum_of(room)), who_kills(plan));
	}
	if (rooms.move_kernel_bytes <= sum_of(&rooms.kernel))
		return 0;
	doubt(plan);
	return mo_plan_add_note(plan, "%llu MiB have to move that are not in zone Movable, and zone Movable does not take them; "
				"other zones have only %llu MiB that are free or reclaimable: free memory first, or take "
				"movable blocks (--zone Movable)%s", mib(rooms.move_kernel_bytes), mib(sum_of(&rooms.kernel)),
				who_kills(plan));
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

/* ---- pools of huge pages ---- */

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Free ones go with their block; those in use take free ones elsewhere, and are given up then. Nobody is told. */
static int note_pools(struct mo_plan *plan, const struct mo_request *request)
{
	uint64_t page_bytes = plan->memory->page_bytes, pool = 0, pool_free = 0, here = 0, lost;
	const struct mo_pools *pools;

	for (size_t i = 0; i < plan->nr_steps; i++)
		here += plan->steps[i].content.nr_pages[MO_KIND_HUGETLB] * page_bytes;
	if (!here)
		return 0;
	pools = mo_memory_pools(plan->memory);
	for (size_t i = 0; i < pools->nr; i++) {
		pool += pools->all[i].nr_pages * pools->all[i].size_kib * 1024;
		pool_free += pools->all[i].free_pages * pools->all[i].size_kib * 1024;
	}
	lost = min(here, pool_free);
	if (!lost)
		return 0;
	if (request->flags & MO_REQUEST_KEEP_HUGETLB)
		return mo_plan_add_note(plan, "the pools of huge pages lose up to %llu of %llu MiB with these blocks, and as much is made "
					"anew on nodes that stay, as far as there is room", mib(lost), mib(pool));
	return mo_plan_add_note(plan, "the pools of huge pages shrink by up to %llu of %llu MiB with these blocks; to have them made anew "
				"elsewhere, use --keep-hugetlb", mib(lost), mib(pool));
}

/* ---- the rest ---- */

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

	if (!plan->memory->kernel.minds_poison)
		return 0;
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

int mo_plan_foresee(struct mo_plan *plan, const struct mo_request *request, int pages_err)
{
	int err = note_room(plan);

	if (!err)
		err = note_ratio(plan);
	if (!err)
		err = note_pools(plan, request);
	if (!err)
		err = mo_plan_note_bound(plan, request);
	if (!err)
		err = note_poison(plan);
	if (!err)
		err = note_cpuset(plan);
	if (!err)
		err = note_hidden(plan, pages_err);
	return err;
}
