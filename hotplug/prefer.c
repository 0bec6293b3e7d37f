// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which blocks make up a size: the cheapest, or those that empty memory devices as a whole. Reads only. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

int mo_prefer_parse(const char *name, enum mo_prefer *prefer)
{
	static const char *const names[] = {
		[MO_PREFER_CHEAPEST] = "cheapest", [MO_PREFER_WHOLE_DEVICES] = "whole-devices",
	};

	for (enum mo_prefer i = MO_PREFER_CHEAPEST; i <= MO_PREFER_WHOLE_DEVICES; i++) {
		if (strcmp(name, names[i]))
			continue;
		*prefer = i;
		return 0;
	}
	return -EINVAL;
}

/* ---- order of blocks ---- */

static uint64_t cost_pages(const struct mo_step *step)
{
	return step->content_known ? step->content.move_pages : 0;
}

int mo_step_compare_cost(const void *a, const void *b)
{
	const struct mo_step *x = a, *y = b;

	if (cost_pages(x) != cost_pages(y))
		return cost_pages(x) < cost_pages(y) ? -1 : 1;
	return x->block > y->block ? -1 : x->block < y->block;
}

/* What is sure comes before what is cheap. */
static int rank(const struct mo_step *step)
{
	return step->verdict <= MO_VERDICT_LIKELY ? 0 : (int)step->verdict;
}

static int compare_chance(const void *a, const void *b)
{
	const struct mo_step *x = a, *y = b;

	return rank(x) != rank(y) ? rank(x) - rank(y) : mo_step_compare_cost(a, b);
}

/* ---- devices ---- */

struct choice {
	uint32_t device;
	bool is_module;		/* can be removed, unlike boot memory and a guest's, which leaves in pieces */
	bool is_begun;		/* a part of it is offline */
	bool is_chosen;
	uint64_t nr_left;	/* blocks to take till all of it is offline */
	uint64_t nr_sure;	/* of them in the plan, and nothing is known to resist */
	uint64_t cost;		/* pages to move, in all of them */
};

struct ranked {
	struct mo_step step;
	const struct choice *device;
};

static void add_block(struct choice *choice, const struct mo_block *block)
{
	if (block->state == MO_STATE_OFFLINE)
		choice->is_begun = true;
	else
		choice->nr_left++;
}

static void fill_choices(const struct mo_plan *plan, struct choice *choices)
{
	const struct mo_memory *memory = plan->memory;
	size_t i;

	for (i = 0; i < memory->nr_devices; i++) {
		enum mo_device_kind kind = memory->devices[i].kind;

		choices[i].device = (uint32_t)i;
		choices[i].is_module = kind == MO_DEVICE_ACPI || kind == MO_DEVICE_DAX;
	}
	for (i = 0; i < memory->nr_blocks; i++)
		add_block(&choices[memory->blocks[i].device], &memory->blocks[i]);
	for (i = 0; i < plan->nr_candidates; i++) {
		const struct mo_step *step = &plan->steps[i];
		struct choice *choice = &choices[mo_memory_find(memory, step->block)->device];

		choice->nr_sure += !rank(step);
		choice->cost += cost_pages(step);
	}
}

/* By cost per byte; among equals the one that needs least to be complete. */
static int compare_devices(const void *a, const void *b)
{
	const struct choice *x = a, *y = b;
	uint64_t cost_x = x->cost * y->nr_left, cost_y = y->cost * x->nr_left;

	if (cost_x != cost_y)
		return cost_x < cost_y ? -1 : 1;
	if (x->nr_left != y->nr_left)
		return x->nr_left < y->nr_left ? -1 : 1;
	return x->device > y->device ? -1 : x->device < y->device;
}

static int by_number(const void *a, const void *b)
{
	const struct choice *x = a, *y = b;

	return (x->device > y->device) - (x->device < y->device);
}

static void choose_devices(struct choice *choices, size_t nr, uint64_t nr_blocks)
{
	qsort(choices, nr, sizeof(*choices), compare_devices);
	for (size_t i = 0; i < nr; i++) {
		struct choice *choice = &choices[i];

		choice->is_chosen = choice->is_module && choice->nr_left && choice->nr_sure == choice->nr_left &&
				    choice->nr_left <= nr_blocks;
		if (choice->is_chosen)
			nr_blocks -= choice->nr_left;
	}
	qsort(choices, nr, sizeof(*choices), by_number);
}

/* The chosen devices first; what is missing then, of devices that are begun rather than of whole ones. */
static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	bool begun_x = x->device->is_module && x->device->is_begun;
	bool begun_y = y->device->is_module && y->device->is_begun;

	if (x->device->is_chosen != y->device->is_chosen)
		return x->device->is_chosen ? -1 : 1;
	if (rank(&x->step) != rank(&y->step))
		return rank(&x->step) - rank(&y->step);
	if (begun_x != begun_y)
		return begun_x ? -1 : 1;
	return mo_step_compare_cost(&x->step, &y->step);
}

static void sort_ranked(struct mo_plan *plan, const struct choice *choices, struct ranked *ranked)
{
	size_t i;

	for (i = 0; i < plan->nr_candidates; i++) {
		ranked[i].step = plan->steps[i];
		ranked[i].device = &choices[mo_memory_find(plan->memory, plan->steps[i].block)->device];
	}
	qsort(ranked, plan->nr_candidates, sizeof(*ranked), compare_ranked);
	for (i = 0; i < plan->nr_candidates; i++)
		plan->steps[i] = ranked[i].step;
}

static int note_devices(struct mo_plan *plan, const struct choice *choices)
{
	size_t i, nr = 0;
	int err = 0;

	for (i = 0; i < plan->memory->nr_devices && !err; i++) {
		if (!choices[i].is_chosen)
			continue;
		err = mo_plan_add_note(plan, "%s goes offline as a whole, so that it can be removed",
				       plan->memory->devices[i].name);
		nr++;
	}
	if (err || nr)
		return err;
	return mo_plan_add_note(plan, "no memory device goes as a whole: none is small enough and made of blocks that can all go");
}

static int prefer_devices(struct mo_plan *plan, uint64_t nr_wanted)
{
	struct choice *choices = calloc(plan->memory->nr_devices, sizeof(*choices));
	struct ranked *ranked = calloc(plan->nr_candidates ? plan->nr_candidates : 1, sizeof(*ranked));
	int err = choices && ranked ? 0 : -ENOMEM;

	if (!err) {
		fill_choices(plan, choices);
		choose_devices(choices, plan->memory->nr_devices, nr_wanted);
		sort_ranked(plan, choices, ranked);
		err = note_devices(plan, choices);
	}
	free(choices);
	free(ranked);
	return err ? mo_error(plan->memory->ctx, err, "no memory to choose devices; free some and try again") : 0;
}

int mo_plan_prefer(struct mo_plan *plan, enum mo_prefer prefer, uint64_t nr_wanted)
{
	if (prefer == MO_PREFER_WHOLE_DEVICES)
		return prefer_devices(plan, nr_wanted);
	qsort(plan->steps, plan->nr_candidates, sizeof(*plan->steps), compare_chance);
	return 0;
}
