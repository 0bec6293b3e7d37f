// SPDX-License-Identifier: LGPL-2.1-or-later
/* What would be done: which blocks, in which order, with what chance and at what cost. Reads only. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define KNOWN_FLAGS (MO_REQUEST_PARTIAL | MO_REQUEST_ALL_OR_NOTHING | MO_REQUEST_WAIT | MO_REQUEST_FORCE | \
		     MO_REQUEST_KEEP_ORDER | MO_REQUEST_NO_CONTENT | MO_REQUEST_ONLINE | MO_REQUEST_AT_ONCE | \
		     MO_REQUEST_KEEP_HUGETLB)

int mo_request_check(struct mo_ctx *ctx, const struct mo_request *request)
{
	if (request->size != sizeof(*request))
		return mo_error(ctx, -EINVAL, "the request is %zu bytes long, this library knows %zu; rebuild the program against it",
				request->size, sizeof(*request));
	if (request->flags & ~KNOWN_FLAGS)
		return mo_error(ctx, -EINVAL, "unknown flags %#x in the request; this library knows %#x", request->flags,
				KNOWN_FLAGS);
	if (request->engine > MO_ENGINE_CORE)
		return mo_error(ctx, -EINVAL, "unknown engine %d in the request", (int)request->engine);
	if ((request->flags & MO_REQUEST_PARTIAL) && (request->flags & MO_REQUEST_ALL_OR_NOTHING))
		return mo_error(ctx, -EINVAL, "partial results and all-or-nothing exclude each other; ask for one of them");
	if (request->remedies & ~MO_REMEDY_ALL)
		return mo_error(ctx, -EINVAL, "unknown remedies %#x in the request; this library knows %#x", request->remedies,
				MO_REMEDY_ALL);
	if (request->prefer > MO_PREFER_WHOLE_DEVICES)
		return mo_error(ctx, -EINVAL, "unknown preference %d in the request", (int)request->prefer);
	if (request->prefer && request->flags & (MO_REQUEST_KEEP_ORDER | MO_REQUEST_ONLINE))
		return mo_error(ctx, -EINVAL, "a preference for whole devices chooses blocks to take offline; leave it out where the "
				"order is kept, or blocks come online");
	return 0;
}

/* ---- the plan ---- */

static void sum_steps(struct mo_plan *plan)
{
	const struct mo_step *step;
	size_t i;

	plan->verdict = MO_VERDICT_DONE;
	for (i = 0; i < plan->nr_steps; i++) {
		step = &plan->steps[i];
		if (step->verdict > plan->verdict)
			plan->verdict = step->verdict;
		plan->len_bytes += plan->memory->block_bytes;
		plan->move_bytes += step->content.move_pages * plan->memory->page_bytes;
	}
}

static int fill_steps(struct mo_plan *plan, const struct mo_selection *selection, struct mo_pages *pages,
		      struct mo_session *session, uint32_t flags)
{
	enum mo_state goal = flags & MO_REQUEST_ONLINE ? MO_STATE_ONLINE : MO_STATE_OFFLINE;
	const struct mo_block *block;
	size_t i;

	plan->steps = calloc(selection->nr_numbers, sizeof(*plan->steps));
	if (!plan->steps)
		return mo_error(plan->memory->ctx, -ENOMEM, "no memory for a plan of %zu blocks",
				selection->nr_numbers);
	for (i = 0; i < selection->nr_numbers; i++) {
		block = mo_memory_find(plan->memory, selection->numbers[i]);
		if (selection->len_bytes && block->state == goal)
			continue;	/* it has nothing to give */
		plan->steps[plan->nr_candidates].block = selection->numbers[i];
		mo_step_judge(plan->memory, pages, session, &plan->steps[plan->nr_candidates++]);
	}
	return 0;
}

/*
 * The emptiest block first: what it holds may land in a block that goes later, so the full ones, which cost most to
 * move twice, come last, when no block of the plan can take their pages. Among equals the highest first, since
 * the kernel fills low addresses first.
 */
static void sort_steps(struct mo_plan *plan, uint32_t flags)
{
	if (!(flags & MO_REQUEST_KEEP_ORDER))
		qsort(plan->steps, plan->nr_steps, sizeof(*plan->steps), mo_step_compare_cost);
}

static int choose_size(struct mo_plan *plan, uint64_t len_bytes, const struct mo_request *request)
{
	uint64_t nr_wanted = len_bytes / plan->memory->block_bytes;

	if (nr_wanted > plan->nr_candidates)
		return mo_error(plan->memory->ctx, -ERANGE, "only %llu MiB match that are %s, %llu MiB were asked for; "
				"take less, or widen node, zone or target",
				(unsigned long long)(plan->nr_candidates * plan->memory->block_bytes >> 20),
				request->flags & MO_REQUEST_ONLINE ? "offline" : "online",
				(unsigned long long)len_bytes >> 20);
	plan->nr_steps = nr_wanted;
	return request->flags & MO_REQUEST_KEEP_ORDER ? 0 : mo_plan_prefer(plan, request->prefer, nr_wanted);
}

static int choose_steps(struct mo_plan *plan, const struct mo_selection *selection, const struct mo_request *request)
{
	int err;

	plan->nr_steps = plan->nr_candidates;
	if (selection->len_bytes) {
		err = choose_size(plan, selection->len_bytes, request);
		if (err)
			return err;
	}
	sort_steps(plan, request->flags);
	return 0;
}

/* A plan writes nothing: it does not load the module, unless that was asked for. */
int mo_plan_open_session(const struct mo_plan *plan, const struct mo_request *request, struct mo_session **session)
{
	struct mo_ctx *ctx = plan->memory->ctx;
	int err = 0;

	*session = NULL;
	if (request->engine == MO_ENGINE_STOCK)
		return 0;
	if (request->engine == MO_ENGINE_CORE)
		err = mo_module_load(ctx);
	if (err || request->flags & MO_REQUEST_NO_CONTENT || mo_ctx_get_sysroot(ctx) || !mo_module_is_loaded(ctx))
		return err;
	err = mo_session_open(ctx, session);
	return request->engine == MO_ENGINE_CORE ? err : 0;
}

static bool has_poison(struct mo_ctx *ctx)
{
	uint64_t kib;

	return mo_read_field(ctx, "/proc/meminfo", "HardwareCorrupted", &kib) || kib;
}

/*
 * Where all of a target goes at once there is nothing to choose: the core refuses what can't go when it is asked to
 * quarantine it, and counts what is in use. Of poisoned pages only a plan warns.
 */
static bool is_left_to_core(const struct mo_plan *plan, const struct mo_selection *selection,
			    const struct mo_request *request, struct mo_session *session)
{
	struct mo_ctx *ctx = plan->memory->ctx;
	struct mo_core_info info;

	return request->flags & MO_REQUEST_AT_ONCE && !selection->len_bytes && session && mo_module_is_enabled(ctx) &&
	       !mo_session_info(session, &info) && info.has_sessions && !has_poison(ctx);
}

static int look(struct mo_plan *plan, const struct mo_selection *selection, const struct mo_request *request,
		struct mo_session *session, int *pages_err)
{
	struct mo_pages *pages = NULL;
	int err;

	*pages_err = -ECANCELED;
	if (request->flags & MO_REQUEST_NO_CONTENT || is_left_to_core(plan, selection, request, session))
		return fill_steps(plan, selection, NULL, NULL, request->flags);
	*pages_err = mo_pages_open(plan->memory->ctx, &pages);
	err = fill_steps(plan, selection, pages, session, request->flags);
	mo_pages_close(pages);
	return err;
}

static int read_targets(struct mo_plan *plan, const struct mo_request *request)
{
	uint32_t nr_words;

	if (request->to_nodes)
		return mo_nodes_parse(plan->memory, request->to_nodes, plan->targets.words, &nr_words);
	memset(&plan->targets, 0xff, sizeof(plan->targets));
	return 0;
}

static int complete_plan(struct mo_plan *plan, const struct mo_selection *selection, const struct mo_request *request)
{
	struct mo_session *session;
	int err = read_targets(plan, request), pages_err;

	if (!err)
		err = mo_plan_open_session(plan, request, &session);
	if (err)
		return err;
	plan->is_by_core = session;
	err = look(plan, selection, request, session, &pages_err);
	mo_session_close(session);
	if (!err)
		err = choose_steps(plan, selection, request);
	if (err)
		return err;
	sum_steps(plan);
	return mo_plan_foresee(plan, request, pages_err);
}

static int check_preference(struct mo_ctx *ctx, const struct mo_request *request, const struct mo_selection *selection)
{
	if (!request->prefer || selection->len_bytes)
		return 0;
	return mo_error(ctx, -EINVAL, "a preference for whole devices needs a size to choose for; name one (--size 4g), or name "
			"the devices themselves");
}

int mo_plan_new(struct mo_memory *memory, const struct mo_request *request, struct mo_plan **out)
{
	struct mo_selection selection = { 0 };
	struct mo_plan *plan;
	int err = mo_request_check(memory->ctx, request);

	if (!err)
		err = mo_target_select(memory, request, &selection);
	if (!err)
		err = check_preference(memory->ctx, request, &selection);
	if (err) {
		mo_selection_free(&selection);
		return err;
	}
	plan = calloc(1, sizeof(*plan));
	if (!plan) {
		mo_selection_free(&selection);
		return mo_error(memory->ctx, -ENOMEM, "no memory for the plan");
	}
	plan->memory = mo_memory_ref(memory);
	err = complete_plan(plan, &selection, request);
	mo_selection_free(&selection);
	if (err) {
		mo_plan_unref(plan);
		return err;
	}
	*out = plan;
	return 0;
}

struct mo_plan *mo_plan_unref(struct mo_plan *plan)
{
	if (!plan)
		return NULL;
	while (plan->nr_notes)
		free(plan->notes[--plan->nr_notes]);
	free(plan->notes);
	free(plan->steps);
	mo_memory_unref(plan->memory);
	free(plan);
	return NULL;
}

struct mo_memory *mo_plan_memory(const struct mo_plan *plan)
{
	return plan->memory;
}

size_t mo_plan_nr_steps(const struct mo_plan *plan)
{
	return plan->nr_steps;
}

const struct mo_step *mo_plan_step(const struct mo_plan *plan, size_t i)
{
	return i < plan->nr_steps ? &plan->steps[i] : NULL;
}

size_t mo_plan_nr_candidates(const struct mo_plan *plan)
{
	return plan->nr_candidates;
}

const struct mo_step *mo_plan_candidate(const struct mo_plan *plan, size_t i)
{
	return i < plan->nr_candidates ? &plan->steps[i] : NULL;
}

uint64_t mo_plan_len_bytes(const struct mo_plan *plan)
{
	return plan->len_bytes;
}

uint64_t mo_plan_move_bytes(const struct mo_plan *plan)
{
	return plan->move_bytes;
}

uint64_t mo_plan_free_bytes(const struct mo_plan *plan)
{
	return plan->free_bytes;
}

uint64_t mo_plan_room_bytes(const struct mo_plan *plan)
{
	return plan->room_bytes;
}

uint64_t mo_plan_swap_bytes(const struct mo_plan *plan)
{
	return plan->swap_bytes;
}

enum mo_verdict mo_plan_verdict(const struct mo_plan *plan)
{
	return plan->verdict;
}

const char *mo_plan_note(const struct mo_plan *plan, size_t i)
{
	return i < plan->nr_notes ? plan->notes[i] : NULL;
}
