// SPDX-License-Identifier: GPL-2.0-only
/* memoffline offline: the main job. */
#include <stdlib.h>

#include "command.h"
#include "out.h"

#define TIMEOUT_MS 300000

enum {
	OPTION_PARTIAL = OPTION_FIRST, OPTION_ALL_OR_NOTHING, OPTION_FORCE, OPTION_KEEP_ORDER,
	OPTION_DRY_RUN, OPTION_RESUME, OPTION_UNDO,
};

static const struct option_text options[] = {
	REQUEST_OPTIONS,
	PREFER_OPTION,
	HUGETLB_OPTION,
	ENGINE_OPTION,
	{ 't', "timeout", "SECONDS", "give up after that long, rollback not counted; 0: never; the usual: 300" },
	LEAVE_OPTIONS,
	{ OPTION_PARTIAL, "partial", NULL, "keep what went when a block fails; the usual with a size" },
	{ OPTION_ALL_OR_NOTHING, "all-or-nothing", NULL, "roll back when a block fails; the usual without a size" },
	{ OPTION_FORCE, "force", NULL, "try blocks, too, that can never go" },
	{ OPTION_KEEP_ORDER, "keep-order", NULL, "in the order given, not the cheapest" },
	{ OPTION_DRY_RUN, "dry-run", NULL, "say what would be done, and write nothing: memoffline plan" },
	{ OPTION_RESUME, "resume", NULL, "finish what a killed memoffline left behind" },
	{ OPTION_UNDO, "undo", NULL, "take back what a killed memoffline left behind" },
	{ 0 }
};

struct offline {
	struct call *call;
	struct mo_request request;
	bool dry_run, resume, undo;
};

static void parse_option(struct offline *offline, int id)
{
	struct mo_request *request = &offline->request;

	switch (id) {
	case OPTION_PARTIAL:
		request->flags |= MO_REQUEST_PARTIAL;
		break;
	case OPTION_ALL_OR_NOTHING:
		request->flags |= MO_REQUEST_ALL_OR_NOTHING;
		break;
	case OPTION_FORCE:
		request->flags |= MO_REQUEST_FORCE;
		break;
	case OPTION_KEEP_ORDER:
		request->flags |= MO_REQUEST_KEEP_ORDER;
		break;
	case OPTION_DRY_RUN:
		offline->dry_run = true;
		break;
	case OPTION_RESUME:
		offline->resume = true;
		break;
	case OPTION_UNDO:
		offline->undo = true;
		break;
	default:
		if (!leave_option(offline->call, request, id, optarg))
			request_option(offline->call, request, id, optarg);
	}
}

static void check_options(const struct offline *offline)
{
	const unsigned int both = MO_REQUEST_PARTIAL | MO_REQUEST_ALL_OR_NOTHING;
	const struct call *call = offline->call;

	if ((offline->request.flags & both) == both)
		usage_error(call, "--partial and --all-or-nothing exclude each other");
	if (offline->resume + offline->undo + offline->dry_run > 1)
		usage_error(call, "--resume, --undo and --dry-run exclude each other");
	if ((offline->resume || offline->undo) && (call->argc || offline->request.len_bytes || offline->request.prefer))
		usage_error(call, "%s knows its blocks from the journal and takes no target",
			    offline->resume ? "--resume" : "--undo");
	if (offline->request.prefer && offline->request.flags & MO_REQUEST_KEEP_ORDER)
		usage_error(call, "--prefer and --keep-order exclude each other");
}

static int go_offline(void *data, const struct mo_request *request, struct mo_report **report)
{
	return mo_offline(data, request, report);
}

static int go_resume(void *data, const struct mo_request *request, struct mo_report **report)
{
	return mo_resume(data, request, report);
}

static int go_undo(void *data, const struct mo_request *request, struct mo_report **report)
{
	return mo_undo(data, request, report);
}

static int run_dry(const struct offline *offline, const struct mo_plan *plan)
{
	if (offline->call->json)
		verdict_json(plan, &offline->request);
	else
		verdict_print(offline->call, plan, &offline->request);
	return mo_plan_verdict(plan) == MO_VERDICT_NEVER ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_plan(struct offline *offline, struct mo_plan *plan)
{
	uint64_t page_bytes = mo_memory_page_bytes(mo_plan_memory(plan));
	const char *note;

	if (!offline->call->json)
		table_open();
	for (size_t i = 0; !offline->call->quiet && (note = mo_plan_note(plan, i)); i++)
		tell("note: %s", note);
	return transaction_run(offline->call, &offline->request, go_offline, plan, page_bytes);
}

static int run(struct call *call)
{
	struct offline offline = { .call = call, .request = MO_REQUEST_INIT };
	struct mo_plan *plan;
	char *target;
	int id, status;

	offline.request.timeout_ms = TIMEOUT_MS;
	offline.request.stall_ms = MO_STALL_USUAL;
	while ((id = call_option(call)) != -1)
		parse_option(&offline, id);
	check_options(&offline);
	if (offline.resume || offline.undo)
		return transaction_run(call, &offline.request, offline.resume ? go_resume : go_undo, call->ctx, 0);
	target = request_target(call, &offline.request);
	if (!offline.dry_run)
		offline.request.flags |= MO_REQUEST_AT_ONCE;
	status = request_plan(call, &offline.request, &plan);
	if (status == EXIT_SUCCESS) {
		status = offline.dry_run ? run_dry(&offline, plan) : run_plan(&offline, plan);
		mo_plan_unref(plan);
	}
	free(target);
	return status;
}

const struct command cmd_offline = {
	.name = "offline",
	.summary = "take memory offline, or say which page stayed and why",
	.args = "TARGET...",
	.about = "Takes blocks of memory offline, as one transaction: when one can't go, those that went come back into their "
		 "zones, unless a size or --partial was asked for. Ctrl-C stops and rolls back, too. What is offline already "
		 "counts as done.",
	.options = options,
	.help = print_targets,
	.exits = "  0   done\n  1   failed; what went came back\n  2   wrong options or target\n  64  done in part\n",
	.examples = "  memoffline offline 32-35\n"
		    "  memoffline offline PNP0C80:00 --timeout 60\n"
		    "  memoffline offline --size 4g --node 1\n"
		    "  memoffline offline --size 64g --prefer whole-devices\n"
		    "  memoffline offline node1 --to 0 --max-rate 500m\n"
		    "  memoffline offline node1 --remedy cache,pageout\n"
		    "  memoffline offline --undo\n",
	.run = run,
};
