// SPDX-License-Identifier: GPL-2.0-only
/* memoffline recover: what a removal left behind that was killed, or that a restart of the machine cut short. */
#include <errno.h>

#include "command.h"
#include "out.h"

#define TIMEOUT_MS 120000

static const struct option_text options[] = {
	{ 't', "timeout", "SECONDS", "wait no longer for another memoffline; 0: for ever; the usual: 120" },
	{ 0 }
};

struct recovery {
	struct call *call;
	struct mo_policy *policy;
};

static int go(void *data, const struct mo_request *request, struct mo_report **report)
{
	const struct recovery *recovery = data;

	return mo_recover(recovery->call->ctx, request, recovery->policy, report);
}

static int recover(struct recovery *recovery, struct mo_request *request)
{
	struct mo_journal_info info;
	int err = mo_journal_read(recovery->call->ctx, &info);

	if (err == -ENOENT || (!err && !info.removes)) {
		say("No removal was cut short: nothing to recover.");
		return EXIT_SUCCESS;
	}
	return err ? tell_error(recovery->call, err) : transaction_run(recovery->call, request, go, recovery, 0);
}

static int run(struct call *call)
{
	struct mo_request request = MO_REQUEST_INIT;
	struct recovery recovery = { .call = call };
	int id, status, err;

	request.timeout_ms = TIMEOUT_MS;
	request.flags = MO_REQUEST_WAIT;
	while ((id = call_option(call)) != -1)
		request.timeout_ms = parse_seconds(call, "timeout", optarg);
	call_no_args(call);
	err = policy_read(call, &recovery.policy);
	if (err)
		return tell_error(call, err);
	status = recover(&recovery, &request);
	mo_policy_unref(recovery.policy);
	return status;
}

const struct command cmd_recover = {
	.name = "recover",
	.summary = "finish or take back a removal that was cut short",
	.args = "",
	.about = "After a removal that was killed, or that a restart of the machine cut short: where the device is gone, hooks are "
		 "told so; else its memory comes back online into its zones. Units run it at boot and after a removal that was "
		 "killed. Where nothing was cut short it does nothing.",
	.options = options,
	.exits = "  0  nothing is left to do\n  1  failed; it can be tried again\n  2  wrong options\n",
	.examples = "  memoffline recover\n",
	.run = run,
};
