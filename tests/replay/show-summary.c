// SPDX-License-Identifier: GPL-2.0-only
/* show-summary DIR: the last report in the run directory DIR, as the command that made it would tell of it. */
#include "command.h"
#include "out.h"

/* options.c wants them for the help, which nobody asks for here. */
void cmd_help(void)
{
	exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	struct call call = { 0 };
	struct mo_report *report;
	int err;

	if (argc != 2 || mo_ctx_new(&call.ctx) || mo_ctx_set_run_dir(call.ctx, argv[1]))
		return EXIT_USAGE;
	err = mo_report_load(call.ctx, UINT32_MAX, &report);
	if (err)
		tell_error(&call, err);
	else
		summary_print(report);
	if (!err)
		mo_report_unref(report);
	mo_ctx_unref(call.ctx);
	return out_close(err ? EXIT_FAILURE : EXIT_SUCCESS);
}
