// SPDX-License-Identifier: GPL-2.0-only
/* memoffline remove: whole devices, till they can be pulled. */
#include <errno.h>

#include "command.h"
#include "out.h"

enum { OPTION_DRY_RUN = OPTION_FIRST, OPTION_BY_UDEV };

static const struct option_text options[] = {
	ENGINE_OPTION,
	{ 't', "timeout", "SECONDS", "give up after that long, rollback not counted; 0: never; the usual: 120" },
	LEAVE_OPTIONS,
	HUGETLB_OPTION,
	{ OPTION_DRY_RUN, "dry-run", NULL, "say what would be done, and write nothing: memoffline plan" },
	{ OPTION_BY_UDEV, "by-udev", NULL, "an event asks for it: only where memoffline.conf allows that, and not too often" },
	{ 0 }
};

struct removal {
	struct call *call;
	struct mo_request request;
	struct mo_policy *policy;
	struct mo_plan *plan;
	bool dry_run, by_udev;
};

/* What is configured, unless an option says otherwise. */
static void apply_policy(struct removal *removal)
{
	const struct mo_policy *policy = removal->policy;
	struct mo_request *request = &removal->request;

	request->timeout_ms = policy->timeout_ms;
	request->stall_ms = policy->stall_ms;
	request->to_nodes = policy->to_nodes;
	request->swap = policy->swap;
	request->max_mib_s = policy->max_mib_s;
	request->remedies = policy->remedies;
	request->flags = MO_REQUEST_AT_ONCE;
}

static void parse_options(struct removal *removal)
{
	struct call *call = removal->call;
	int id;

	while ((id = call_option(call)) != -1) {
		if (id == OPTION_DRY_RUN)
			removal->dry_run = true;
		else if (id == OPTION_BY_UDEV)
			removal->by_udev = true;
		else if (!leave_option(call, &removal->request, id, optarg))
			request_option(call, &removal->request, id, optarg);
	}
	if (removal->dry_run)
		removal->request.flags &= ~MO_REQUEST_AT_ONCE;
	if (removal->by_udev)
		removal->request.flags |= MO_REQUEST_WAIT;
}

static int go(void *data, const struct mo_request *request, struct mo_report **report)
{
	const struct removal *removal = data;

	return mo_remove(removal->plan, request, removal->policy, removal->by_udev ? "udev" : "command", report);
}

static int run_dry(const struct removal *removal)
{
	if (removal->call->json)
		verdict_json(removal->plan, &removal->request);
	else
		verdict_print(removal->call, removal->plan, &removal->request);
	return mo_plan_verdict(removal->plan) == MO_VERDICT_NEVER ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_plan(struct removal *removal)
{
	struct call *call = removal->call;
	const char *note;

	int err = mo_remove_check(removal->plan);

	if (err) {
		tell_error(call, err);
		return err == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
	}
	if (removal->dry_run)
		return run_dry(removal);
	if (!call->json)
		table_open();
	for (size_t i = 0; !call->quiet && (note = mo_plan_note(removal->plan, i)); i++)
		tell("note: %s", note);
	return transaction_run(call, &removal->request, go, removal,
			       mo_memory_page_bytes(mo_plan_memory(removal->plan)));
}

static int remove_target(struct removal *removal)
{
	struct call *call = removal->call;
	int status, err = 0;

	if (removal->by_udev)
		err = mo_policy_allows_udev(call->ctx, removal->policy, removal->request.target);
	if (err)
		return tell_error(call, err);
	status = request_plan(call, &removal->request, &removal->plan);
	if (status != EXIT_SUCCESS)
		return status;
	status = run_plan(removal);
	mo_plan_unref(removal->plan);
	return status;
}

static int run(struct call *call)
{
	struct removal removal = { .call = call, .request = MO_REQUEST_INIT };
	char *target;
	int status, err = policy_read(call, &removal.policy);

	if (err)
		return tell_error(call, err);
	apply_policy(&removal);
	parse_options(&removal);
	target = request_target(call, &removal.request);
	status = remove_target(&removal);
	free(target);
	mo_policy_unref(removal.policy);
	return status;
}

const struct command cmd_remove = {
	.name = "remove",
	.summary = "remove memory devices: offline, ejected, safe to pull; or as they were",
	.args = "DEVICE...",
	.about = "Takes all memory of the devices offline, then has them ejected (ACPI), unbound (dax) or waits till the "
		 "hypervisor has taken them (virtio-mem), and says which slots are safe to pull. What fails on the way brings the "
		 "memory back into its zones. Hooks may veto, and are told (memoffline-hooks(7)); memoffline.conf(5) has the usual "
		 "of the options.",
	.options = options,
	.exits = "  0   gone\n  1   failed; all is as it was, or the message says what is not\n  2   wrong options or target\n",
	.examples = "  memoffline remove PNP0C80:00\n"
		    "  memoffline remove node1 --timeout 60 --remedy cache\n"
		    "  memoffline remove dax0.0 --dry-run\n",
	.run = run,
};
