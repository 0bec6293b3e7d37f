// SPDX-License-Identifier: GPL-2.0-only
/* memoffline report: the last report, again. */
#include <inttypes.h>
#include <string.h>

#include "command.h"
#include "out.h"

static void print_head(const struct mo_report *report)
{
	int result = mo_report_result(report);

	say("%s of %s, %s, engine %s: %s%s after %s", mo_report_action(report), mo_report_target(report),
	    text_time(mo_report_start_time_s(report)).text, mo_report_engine(report),
	    result < 0 ? "failed, " : result > 0 ? "done in part" : "done", result < 0 ? text_error(result) : "",
	    text_seconds(mo_report_elapsed_ms(report)).text);
}

static uint32_t parse_block(const struct call *call, const char *name)
{
	if (!name)
		return UINT32_MAX;
	return parse_number(call, "BLOCK", !strncmp(name, "memory", 6) ? name + 6 : name, UINT32_MAX - 1);
}

static int run(struct call *call)
{
	struct mo_report *report;
	int err, status = EXIT_SUCCESS;
	uint32_t block;

	while (call_option(call) != -1)
		;
	block = parse_block(call, call_one_arg(call, "block"));
	err = mo_report_load(call->ctx, block, &report);
	if (err)
		return tell_error(call, err);
	if (call->json) {
		status = result_json(report);
	} else {
		print_head(report);
		result_print(call, report);
	}
	mo_report_unref(report);
	return status;
}

static const struct option_text options[] = { { 0 } };

const struct command cmd_report = {
	.name = "report",
	.summary = "show the last report again, or the last that concerns a block",
	.args = "[BLOCK]",
	.about = "Shows what the last offline or online did and which pages stayed, with -v each of them. With a BLOCK, the "
		 "last one that concerns it. Writes nothing.",
	.options = options,
	.exits = "  0  shown\n  1  there is none, or it can't be read\n  2  wrong options or no block\n",
	.examples = "  memoffline report\n  memoffline report 34 -v\n  memoffline report --json\n",
	.run = run,
};
