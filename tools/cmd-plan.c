// SPDX-License-Identifier: GPL-2.0-only
/* memoffline plan: can it go, and what would it cost? */
#include <stdlib.h>

#include "command.h"
#include "out.h"

static const struct option_text options[] = {
	REQUEST_OPTIONS,
	PREFER_OPTION,
	HUGETLB_OPTION,
	ENGINE_OPTION,
	{ 0 }
};

/* What to type to do it, where that makes sense. */
static void print_next(enum mo_verdict verdict, const char *target)
{
	bool can_go = verdict == MO_VERDICT_FREE || verdict == MO_VERDICT_LIKELY || verdict == MO_VERDICT_UNLIKELY;

	if (can_go && target)
		say("Nothing was written. To do it: memoffline offline %s", target);
	else
		say("Nothing was written.");
}

static int run(struct call *call)
{
	struct mo_request request = MO_REQUEST_INIT;
	struct mo_plan *plan;
	char *target;
	int id, status;

	while ((id = call_option(call)) != -1)
		request_option(call, &request, id, optarg);
	target = request_target(call, &request);
	status = request_plan(call, &request, &plan);
	if (status == EXIT_SUCCESS) {
		if (call->json)
			verdict_json(plan, &request);
		else
			verdict_print(call, plan, &request);
		if (!call->json && !call->quiet)
			print_next(mo_plan_verdict(plan), target);
		status = mo_plan_verdict(plan) == MO_VERDICT_NEVER ? EXIT_FAILURE : EXIT_SUCCESS;
		mo_plan_unref(plan);
	}
	free(target);
	return status;
}

const struct command cmd_plan = {
	.name = "plan",
	.summary = "say whether memory can go, and what that would cost",
	.args = "TARGET...",
	.about = "Says whether the memory can go offline (yes, likely, unlikely, never), how much has to move and whether "
		 "there is room for it. Writes nothing.",
	.options = options,
	.help = print_targets,
	.exits = "  0  it can go, or may\n  1  it can never go, or the plan failed\n  2  wrong options or target\n",
	.examples = "  memoffline plan node1\n"
		    "  memoffline plan 32-35 -v\n"
		    "  memoffline plan --size 4g --node 0 --zone Movable --json\n",
	.run = run,
};
