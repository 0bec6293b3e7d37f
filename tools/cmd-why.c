// SPDX-License-Identifier: GPL-2.0-only
/* memoffline why: what stands against memory that is to go, and whose it is. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "out.h"

#define BLOCKS_SHOWN 8

static const struct option_text options[] = {
	REQUEST_OPTIONS,
	PREFER_OPTION,
	ENGINE_OPTION,
	{ 0 }
};

static bool is_held(const struct mo_block_result *block)
{
	return block->outcome != MO_OUTCOME_WAS_SO && block->reason != MO_REASON_NONE;
}

static void print_head(const struct mo_report *report)
{
	uint64_t nr = mo_report_nr_blocks(report), nr_held = 0, nr_offline = 0;
	const struct mo_block_result *block;

	for (size_t i = 0; (block = mo_report_block(report, i)); i++) {
		nr_held += is_held(block);
		nr_offline += block->outcome == MO_OUTCOME_WAS_SO;
	}
	if (nr_offline == nr)
		say("%s %s offline already.", text_blocks(nr).text, nr == 1 ? "is" : "are");
	else if (nr_held)
		say("%" PRIu64 " of %s can't go as %s now.", nr_held, text_blocks(nr).text, nr_held == 1 ? "it is" : "they are");
	else
		say("Nothing stands against it that can be seen.");
}

static void print_blocks(const struct call *call, const struct mo_report *report)
{
	static const struct column columns[] = {
		{ "BLOCK", "", COLUMN_RIGHT }, { "ZONE", "", 0 }, { "PAGES", "", COLUMN_RIGHT },
		{ "REASON", "", COLUMN_WRAP },
	};
	struct libscols_table *table = table_new(TABLE_TEXT, true, "");
	const struct mo_block_result *block;
	size_t nr_held = 0;

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		table_add_column(table, &columns[i]);
	for (size_t i = 0; (block = mo_report_block(report, i)); i++) {
		struct libscols_line *line;

		if (!is_held(block) || (nr_held++ >= BLOCKS_SHOWN && !call->verbose))
			continue;
		line = table_line(table);
		table_cell(line, 0, "%" PRIu32, block->block);
		table_cell(line, 1, "%s", mo_zone_name(block->zone));
		if (block->pages_left)
			table_cell(line, 2, "%s", text_count(block->pages_left).text);
		table_cell(line, 3, "%s", mo_reason_name(block->reason));
	}
	if (nr_held) {
		putchar('\n');
		table_print(table);
	}
	if (!call->verbose && nr_held > BLOCKS_SHOWN)
		say("and %zu more; -v shows all", nr_held - BLOCKS_SHOWN);
}

static void print_why(const struct call *call, const struct mo_report *report)
{
	print_head(report);
	result_remedies(report);
	result_notes(call, report);
	print_blocks(call, report);
	records_print(call, report, "Pages that stand against it", "-v");
}

/* What kept it back the last time, as that attempt told. */
static int tell_last(struct call *call)
{
	struct mo_report *report;
	int err = mo_report_load(call->ctx, UINT32_MAX, &report), status = EXIT_SUCCESS;

	if (err)
		return tell_error(call, err);
	if (call->json)
		status = result_json(report);
	else
		result_print(call, report);
	mo_report_unref(report);
	return status;
}

static int tell_now(struct call *call, struct mo_request *request)
{
	struct mo_report *report;
	struct mo_plan *plan;
	int err, status = request_plan(call, request, &plan);

	if (status != EXIT_SUCCESS)
		return status;
	err = mo_why(plan, request, &report);
	mo_plan_unref(plan);
	if (err)
		return tell_error(call, err);
	if (call->json)
		status = result_json(report);
	else
		print_why(call, report);
	mo_report_unref(report);
	return status;
}

static int run(struct call *call)
{
	struct mo_request request = MO_REQUEST_INIT;
	char *target;
	int id, status;

	while ((id = call_option(call)) != -1)
		request_option(call, &request, id, optarg);
	if (call->argc == 1 && !strcmp(call->argv[0], "last") && !request.len_bytes)
		return tell_last(call);
	target = request_target(call, &request);
	status = tell_now(call, &request);
	free(target);
	return status;
}

static void help(void)
{
	print_targets();
	puts("  last                     what kept memory back in the last attempt");
}

const struct command cmd_why = {
	.name = "why",
	.summary = "say what stands against memory that is to go, and whose it is",
	.args = "TARGET...|last",
	.about = "Says for all pages that keep memory from going offline, or would, what they are, who holds them, and what "
		 "can be done. With the module memoffline loaded it knows pins and their holders. Writes nothing.",
	.options = options,
	.help = help,
	.exits = "  0  told, also where nothing stands against it\n  1  failed\n  2  wrong options or target\n",
	.examples = "  memoffline why node1\n"
		    "  memoffline why PNP0C80:00 -v\n"
		    "  memoffline why last\n",
	.run = run,
};
