// SPDX-License-Identifier: GPL-2.0-only
/* memoffline report: the last report, again; or what all attempts came to. */
#include <inttypes.h>
#include <string.h>

#include "command.h"
#include "history.h"
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

static int show_report(const struct call *call, const char *name)
{
	struct mo_report *report;
	int err = mo_report_load(call->ctx, parse_block(call, name), &report), status = EXIT_SUCCESS;

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

/* ---- the history ---- */

enum { OPTION_HISTORY = OPTION_FIRST, OPTION_PROMETHEUS, OPTION_OUTPUT_ALL };

struct choice {
	bool history;
	bool prometheus;
	const char *path;	/* NULL: standard output */
	const char *of_table;	/* the last option that only a table has */
	struct history_view view;
};

static int show_history(const struct call *call, const char *target, const struct choice *choice)
{
	struct mo_history *history;
	int err = mo_history_read(call->ctx, target, &history), status = EXIT_SUCCESS;

	if (err)
		return tell_error(call, err);
	if (choice->prometheus)
		status = prometheus_print(call, history, choice->path);
	else if (call->json)
		history_json(history);
	else
		history_print(call, history, &choice->view);
	mo_history_unref(history);
	return status;
}

static void choose(const struct call *call, struct choice *choice, int id)
{
	struct history_view *view = &choice->view;

	switch (id) {
	case OPTION_HISTORY:
		choice->history = true;
		return;
	case OPTION_PROMETHEUS:
		choice->prometheus = true;
		choice->path = optarg;
		return;
	case 'n':
		view->headings = false;
		break;
	case 'P':
		view->format = TABLE_PAIRS;
		break;
	case 'r':
		view->format = TABLE_RAW;
		break;
	case 'o':
		view->nr_ids = columns_parse(call, history_columns, NR_HISTORY_COLUMNS, optarg, view->ids, view->nr_ids,
					     NR_HISTORY_COLUMNS);
		view->has_usual_ids = false;
		break;
	case OPTION_OUTPUT_ALL:
		view->has_usual_ids = false;
		for (view->nr_ids = 0; view->nr_ids < NR_HISTORY_COLUMNS; view->nr_ids++)
			view->ids[view->nr_ids] = view->nr_ids;
		break;
	}
	choice->of_table = id == 'n' ? "-n" : id == 'P' ? "-P" : id == 'r' ? "-r" : id == 'o' ? "-o" : "--output-all";
}

static void check(const struct call *call, const struct choice *choice, const char *target)
{
	if (choice->prometheus && (call->json || choice->history || choice->of_table))
		usage_error(call, "--prometheus has a form of its own: %s does not go with it",
			    call->json ? "--json" : choice->history ? "--history" : choice->of_table);
	if (choice->prometheus && target)
		usage_error(call, "--prometheus tells of the whole machine, not of '%s'", target);
	if (choice->of_table && (!choice->history || call->json))
		usage_error(call, "%s is about the table of --history%s", choice->of_table,
			    call->json ? ", and JSON has none" : "");
}

static int run(struct call *call)
{
	struct choice choice = { .view = { .headings = true, .has_usual_ids = true, .nr_ids = NR_HISTORY_USUAL } };
	const char *target;
	int id;

	for (size_t i = 0; i < NR_HISTORY_USUAL; i++)
		choice.view.ids[i] = i;
	while ((id = call_option(call)) != -1)
		choose(call, &choice, id);
	target = call_one_arg(call, choice.history ? "target" : "block");
	check(call, &choice, target);
	if (choice.history || choice.prometheus)
		return show_history(call, target, &choice);
	return show_report(call, target);
}

static const struct option_text options[] = {
	{ OPTION_HISTORY, "history", NULL, "what all attempts came to: of each block, successes, failures and times" },
	{ OPTION_PROMETHEUS, "prometheus", "[FILE]", "the same as metrics for Prometheus; into FILE, which is replaced at once" },
	{ 'P', "pairs", NULL, "of --history: print KEY=\"value\"" },
	{ 'n', "noheadings", NULL, "of --history: no headings" },
	{ 'o', "output", "LIST", "of --history: columns to show; +LIST: besides the usual" },
	{ OPTION_OUTPUT_ALL, "output-all", NULL, "of --history: all columns" },
	{ 'r', "raw", NULL, "of --history: print without alignment" },
	{ 0 }
};

static void help(void)
{
	puts("\nColumns of --history:");
	print_columns(history_columns, NR_HISTORY_COLUMNS);
	say("Times are of attempts that succeeded; where blocks were emptied together, each has its share by pages.");
}

const struct command cmd_report = {
	.name = "report",
	.summary = "show the last report again, or what attempts came to so far",
	.args = "[BLOCK | --history [TARGET] | --prometheus[=FILE]]",
	.about = "Shows what the last offline or online did and which pages stayed, with -v each of them. With a BLOCK, the "
		 "last one that concerns it. With --history, what all attempts came to that the history still has, or those on "
		 "TARGET. Writes nothing, but for the FILE of --prometheus.",
	.options = options,
	.help = help,
	.exits = "  0  shown\n  1  there is none, or it can't be read or written\n  2  wrong options or no block\n",
	.examples = "  memoffline report\n  memoffline report 34 -v\n  memoffline report --json\n"
		    "  memoffline report --history PNP0C80:00\n"
		    "  memoffline report --prometheus=/var/lib/prometheus/node-exporter/memoffline.prom\n",
	.run = run,
};
