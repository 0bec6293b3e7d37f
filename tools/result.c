// SPDX-License-Identifier: GPL-2.0-only
/* A report as text: what went, what did not, why, and what to do next. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "out.h"

#define BLOCKS_SHOWN 8

struct counts {
	uint64_t outcomes[MO_OUTCOME_NR];
	bool reasons[MO_REASON_NR];	/* those that kept a block or a page */
};

static struct counts count(const struct mo_report *report)
{
	const struct mo_block_result *block;
	const struct mo_record *record;
	struct counts counts = { 0 };

	for (size_t i = 0; (block = mo_report_block(report, i)); i++) {
		counts.outcomes[block->outcome]++;
		counts.reasons[block->reason] = true;
	}
	for (size_t i = 0; (record = mo_report_record(report, i)); i++)
		counts.reasons[record->reason] = true;
	counts.reasons[mo_report_reason(report)] = true;
	counts.reasons[MO_REASON_NONE] = false;
	/* What kept the pages says more than that time ran out meanwhile. */
	if (mo_report_nr_records(report))
		counts.reasons[MO_REASON_DEADLINE] = counts.reasons[MO_REASON_STALL] = false;
	return counts;
}

static bool is_failure(const struct mo_block_result *block)
{
	return block->outcome == MO_OUTCOME_FAILED || block->outcome == MO_OUTCOME_ROLLBACK_FAILED ||
	       block->outcome == MO_OUTCOME_VANISHED || block->outcome == MO_OUTCOME_OTHER_ZONE;
}

const char *changed_word(const struct mo_report *report)
{
	const char *action = mo_report_action(report);

	return strcmp(action, "remove") ? action : "offline";
}

bool result_is_undo(const struct mo_report *report)
{
	return !strcmp(mo_report_action(report), "undo") || !strcmp(mo_report_action(report), "recover");
}

void result_removed(const struct mo_report *report)
{
	const struct mo_removed *removed;

	for (size_t i = 0; (removed = mo_report_removed(report, i)); i++) {
		char *slots = text_escape(removed->slots);

		if (removed->is_gone)
			say("%s is safe to remove%s%s.", removed->device, *slots ? ": " : "", slots);
		else
			say("%s is still there%s%s.", removed->device, *slots ? ": " : "", slots);
		free(slots);
	}
}

static void print_done(const struct mo_report *report, const struct counts *counts)
{
	uint64_t nr_done = counts->outcomes[MO_OUTCOME_DONE], nr_moved = mo_report_moved_pages(report);
	uint64_t nr_before = counts->outcomes[MO_OUTCOME_WAS_SO], nr = mo_report_nr_blocks(report);
	uint64_t nr_back = counts->outcomes[MO_OUTCOME_ROLLED_BACK];	/* by an undo */
	const char *action = changed_word(report);
	uint64_t freed = mo_report_freed_bytes(report);

	if (!nr_done && nr_before == nr) {
		say("Nothing to do: %s %s already %s.", text_blocks(nr).text, nr == 1 ? "is" : "are", action);
		return;
	}
	if (nr_done)
		say("%s%s%s %s in %s%s%s%s.", freed ? text_bytes(freed).text : "", freed ? " in " : "",
		    text_blocks(nr_done).text, action, text_seconds(mo_report_elapsed_ms(report)).text,
		    nr_moved ? ", " : "", nr_moved ? text_pages(nr_moved).text : "", nr_moved ? " moved" : "");
	if (nr_back)
		say("%s %s back as before.", text_blocks(nr_back).text, nr_back == 1 ? "is" : "are");
	if (nr_before)
		say("%s %s already %s.", text_blocks(nr_before).text, nr_before == 1 ? "was" : "were", action);
}

uint64_t outcome_count(const struct mo_report *report, enum mo_outcome outcome)
{
	return count(report).outcomes[outcome];
}

struct outcomes_text outcomes_text(const struct mo_report *report, enum mo_outcome success)
{
	static const struct { enum mo_outcome outcome; const char *text; } outcomes[] = {
		{ MO_OUTCOME_FAILED, "failed" },
		{ MO_OUTCOME_ROLLED_BACK, "went and came back as before" },
		{ MO_OUTCOME_ROLLBACK_FAILED, "went and could not come back" },
		{ MO_OUTCOME_OTHER_ZONE, "went and came back to another zone" },
		{ MO_OUTCOME_VANISHED, "vanished meanwhile" },
		{ MO_OUTCOME_WAS_SO, "so already" },
		{ MO_OUTCOME_NOT_TRIED, "not tried" },
	};
	struct counts counts = count(report);
	struct outcomes_text out = { "" };
	size_t len = 0;

	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]) && len < sizeof(out.text); i++)
		if (counts.outcomes[outcomes[i].outcome] && outcomes[i].outcome != success)
			len += (size_t)snprintf(out.text + len, sizeof(out.text) - len, "; %" PRIu64 " %s",
						counts.outcomes[outcomes[i].outcome], outcomes[i].text);
	return out;
}

const char *outcome_remedy(const struct mo_report *report, enum mo_outcome outcome)
{
	if (!outcome_count(report, outcome))
		return NULL;
	if (outcome == MO_OUTCOME_ROLLBACK_FAILED)
		return "bring back what is still offline with 'memoffline online'; 'memoffline list' shows it";
	if (outcome == MO_OUTCOME_OTHER_ZONE)
		return "to have a block in its zone, take it offline again, then use 'memoffline online BLOCK --zone ZONE'; "
		       "where the kernel refuses, take its neighbours of the other zone offline first";
	return NULL;
}

static void print_outcomes(const struct mo_report *report, const struct counts *counts)
{
	bool is_undo = result_is_undo(report);
	enum mo_outcome success = is_undo ? MO_OUTCOME_ROLLED_BACK : MO_OUTCOME_DONE;
	const char *remedy;

	say_item("  blocks:     ", "%" PRIu64 " of %zu %s%s", counts->outcomes[success], mo_report_nr_blocks(report),
		 is_undo ? "brought back" : changed_word(report), outcomes_text(report, success).text);
	for (enum mo_outcome outcome = 0; outcome < MO_OUTCOME_NR; outcome++) {
		remedy = outcome_remedy(report, outcome);
		if (remedy)
			say_item("  what to do: ", "%s", remedy);
	}
}

void result_remedies(const struct mo_report *report)
{
	struct remedies_text left = remedies_left(report);
	struct counts counts = count(report);

	for (enum mo_reason reason = MO_REASON_NONE + 1; reason < MO_REASON_NR; reason++) {
		if (!counts.reasons[reason])
			continue;
		say_item("  why:        ", "%s: %s", mo_reason_name(reason), mo_reason_text(reason));
		say_item("  what to do: ", "%s", mo_reason_remedy(reason));
	}
	if (*left.text)
		say_item("  what to do: ", "'memoffline offline --remedy %s' may free some of it.", left.text);
}

static void add_block(struct libscols_table *table, const struct mo_block_result *block)
{
	struct libscols_line *line = table_line(table);

	table_cell(line, 0, "%" PRIu32, block->block);
	table_cell(line, 1, "%s", mo_outcome_name(block->outcome));
	table_cell(line, 2, "%s", text_seconds(block->elapsed_ms).text);
	if (block->pages_left)
		table_cell(line, 3, "%s", text_count(block->pages_left).text);
	table_cell(line, 4, "%s%s%s%s", block->reason ? mo_reason_name(block->reason) : "",
		   *block->detail ? " (" : "", block->detail, *block->detail ? ")" : "");
}

static void print_blocks(const struct call *call, const struct mo_report *report)
{
	static const struct column columns[] = {
		{ "BLOCK", "", COLUMN_RIGHT }, { "OUTCOME", "", 0 }, { "TIME", "", COLUMN_RIGHT },
		{ "PAGES LEFT", "", COLUMN_RIGHT }, { "REASON", "", COLUMN_WRAP },
	};
	struct libscols_table *table = table_new(TABLE_TEXT, true, "");
	const struct mo_block_result *block;
	size_t nr_shown = 0;

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		table_add_column(table, &columns[i]);
	for (size_t i = 0; (block = mo_report_block(report, i)); i++)
		if (call->verbose || (is_failure(block) && nr_shown++ < BLOCKS_SHOWN))
			add_block(table, block);
	if (call->verbose || nr_shown) {
		putchar('\n');
		table_print(table);
	}
	if (!call->verbose && nr_shown > BLOCKS_SHOWN)
		say("and %zu more; -v shows all", nr_shown - BLOCKS_SHOWN);
}

void result_notes(const struct call *call, const struct mo_report *report)
{
	const char *note;

	for (size_t i = 0; !call->quiet && (note = mo_report_note(report, i)); i++)
		say_item("  note:       ", "%s", note);
}

void result_print(const struct call *call, const struct mo_report *report)
{
	struct counts counts = count(report);
	int result = mo_report_result(report);

	if (result >= 0)
		print_done(report, &counts);
	result_removed(report);
	if (result)
		print_outcomes(report, &counts);
	remedies_print(report, call->verbose);
	if (result) {
		result_remedies(report);
	}
	result_notes(call, report);
	if (result || call->verbose)
		print_blocks(call, report);
	records_print(call, report, "Pages that stayed", "'memoffline report -v'");
}

int result_json(const struct mo_report *report)
{
	char *text;
	int err = mo_report_to_json(report, &text);

	if (err) {
		tell("can't print the report as JSON: %s; free memory, or leave --json away", text_error(err));
		return EXIT_FAILURE;
	}
	puts(text);
	free(text);
	return EXIT_SUCCESS;
}
