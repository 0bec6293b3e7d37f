// SPDX-License-Identifier: GPL-2.0-only
/* What attempts came to: of each block as a table, of all of them in a line; and as JSON. */
#include <inttypes.h>
#include <string.h>

#include "command.h"
#include "history.h"
#include "out.h"

const struct column history_columns[NR_HISTORY_COLUMNS] = {
	[HISTORY_BLOCK]	 = { "BLOCK", "number of the block", COLUMN_RIGHT },
	[HISTORY_DEVICE] = { "DEVICE", "device that it belonged to at the last attempt", 0 },
	[HISTORY_DONE]	 = { "DONE", "times it went offline, and stayed so", COLUMN_RIGHT },
	[HISTORY_FAILED] = { "FAILED", "times it did not go", COLUMN_RIGHT },
	[HISTORY_BACK]	 = { "BACK", "times it went, and came back since others failed", COLUMN_RIGHT },
	[HISTORY_BEST]	 = { "BEST", "the shortest time in which it went", COLUMN_RIGHT },
	[HISTORY_MEAN]	 = { "MEAN", "the mean of these times", COLUMN_RIGHT },
	[HISTORY_WORST]	 = { "WORST", "the longest of them", COLUMN_RIGHT },
	[HISTORY_REASON] = { "REASON", "why it failed the last time that it did", 0 },
	[HISTORY_LAST]	 = { "LAST", "when the last attempt on it began", 0 },
	[HISTORY_ONLINE] = { "ONLINE", "times it was brought online", COLUMN_RIGHT },
	[HISTORY_ONLINE_FAILED] = { "ONLINE-FAILED", "times it could not be brought online", COLUMN_RIGHT },
};

/* ---- the table ---- */

/* Programs get milliseconds. */
static void cell_time(const struct history_view *view, struct libscols_line *line, size_t i, uint64_t nr_done,
		      uint64_t ms)
{
	if (!nr_done)
		return;
	if (view->format != TABLE_TEXT)
		table_cell(line, i, "%" PRIu64, ms);
	else if (ms < 1000)
		table_cell(line, i, "%" PRIu64 " ms", ms);
	else
		table_cell(line, i, "%s", text_seconds(ms).text);
}

static void cell_last(const struct history_view *view, struct libscols_line *line, size_t i, uint64_t time_s)
{
	if (view->format == TABLE_TEXT)
		table_cell(line, i, "%s", text_time(time_s).text);
	else
		table_cell(line, i, "%" PRIu64, time_s);
}

static void cell_count(struct libscols_line *line, size_t i, uint64_t count)
{
	table_cell(line, i, "%" PRIu64, count);
}

static void add_cell(const struct history_view *view, struct libscols_line *line, size_t i,
		     const struct mo_block_history *block)
{
	switch (view->ids[i]) {
	case HISTORY_BLOCK:
		return cell_count(line, i, block->block);
	case HISTORY_DEVICE:
		return table_cell(line, i, "%s", block->device);
	case HISTORY_DONE:
		return cell_count(line, i, block->nr_done);
	case HISTORY_FAILED:
		return cell_count(line, i, block->nr_failed);
	case HISTORY_BACK:
		return cell_count(line, i, block->nr_back);
	case HISTORY_BEST:
		return cell_time(view, line, i, block->nr_done, block->best_ms);
	case HISTORY_MEAN:
		return cell_time(view, line, i, block->nr_done, block->mean_ms);
	case HISTORY_WORST:
		return cell_time(view, line, i, block->nr_done, block->worst_ms);
	case HISTORY_LAST:
		return cell_last(view, line, i, block->last_time_s);
	case HISTORY_REASON:
		if (block->last_reason != MO_REASON_NONE)
			table_cell(line, i, "%s", view->format == TABLE_TEXT ? mo_reason_name(block->last_reason) :
				   mo_reason_key(block->last_reason));
		return;
	case HISTORY_ONLINE:
		return cell_count(line, i, block->nr_online);
	case HISTORY_ONLINE_FAILED:
		return cell_count(line, i, block->nr_online_failed);
	}
}

static void print_table(const struct call *call, const struct mo_history *history, const struct history_view *view)
{
	struct libscols_table *table = table_new(view->format, view->headings, "history");
	const struct mo_block_history *block;
	size_t nr_shown = view->nr_ids;

	for (size_t i = 0; i < view->nr_ids; i++)
		table_add_column(table, &history_columns[view->ids[i]]);
	for (size_t i = 0; (block = mo_history_block(history, i)); i++) {
		struct libscols_line *line = table_line(table);

		for (size_t j = 0; j < view->nr_ids; j++)
			add_cell(view, line, j, block);
	}
	if (view->has_usual_ids && view->format == TABLE_TEXT)
		nr_shown = table_fit(table, view->nr_ids);
	table_print(table);
	if (nr_shown < view->nr_ids && !call->quiet)
		print_missing(history_columns, view->ids, nr_shown, view->nr_ids);
}

/* ---- the line ---- */

static bool is_first_of_action(const struct mo_history *history, size_t at)
{
	const char *action = mo_history_total(history, at)->action;

	for (size_t i = 0; i < at; i++)
		if (!strcmp(mo_history_total(history, i)->action, action))
			return false;
	return true;
}

static uint64_t count_attempts(const struct mo_history *history, const char *action, const char *status)
{
	const struct mo_history_total *total;
	uint64_t nr = 0;

	for (size_t i = 0; (total = mo_history_total(history, i)); i++)
		if (!strcmp(total->action, action) && (!status || !strcmp(total->status, status)))
			nr += total->nr_attempts;
	return nr;
}

/* "12 of offline (9 done, 1 in part, 2 failed)" */
static void print_action(FILE *to, const struct mo_history *history, const char *action)
{
	static const struct { const char *status, *words; } ends[] = {
		{ "done", "done" }, { "partial", "in part" }, { "failed", "failed" },
	};
	const char *comma = "";

	fprintf(to, "%s of %s (", text_count(count_attempts(history, action, NULL)).text, action);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		uint64_t nr = count_attempts(history, action, ends[i].status);

		if (!nr)
			continue;
		fprintf(to, "%s%s %s", comma, text_count(nr).text, ends[i].words);
		comma = ", ";
	}
	fputc(')', to);
}

static void print_totals(const struct mo_history *history)
{
	uint64_t moved_bytes = 0, freed_bytes = 0;
	const struct mo_history_total *total;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		out_of_memory();
	for (size_t i = 0; (total = mo_history_total(history, i)); i++) {
		moved_bytes += total->moved_bytes;
		freed_bytes += total->freed_bytes;
		if (!is_first_of_action(history, i))
			continue;
		fputs(i ? ", " : "", to);
		print_action(to, history, total->action);
	}
	if (fclose(to))
		out_of_memory();
	say("Attempts since %s: %s; %s went offline, %s moved.", text_time(mo_history_since_s(history)).text, text,
	    text_bytes(freed_bytes).text, text_bytes(moved_bytes).text);
	free(text);
}

static void print_skipped(const struct mo_history *history)
{
	uint64_t nr = mo_history_nr_skipped(history);

	if (nr)
		say("%s %s of the history can't be read, and %s left out.", text_count(nr).text, nr == 1 ? "line" : "lines",
		    nr == 1 ? "is" : "are");
}

void history_print(const struct call *call, const struct mo_history *history, const struct history_view *view)
{
	bool is_text = view->format == TABLE_TEXT;

	if (mo_history_nr_blocks(history) || !is_text)
		print_table(call, history, view);
	if (!is_text)
		return;
	if (!mo_history_nr_totals(history))
		say("No attempt yet on this machine.");
	else if (!mo_history_nr_blocks(history))
		say("No attempt on a block of it yet.");
	if (call->quiet)
		return;
	if (mo_history_nr_blocks(history))
		putchar('\n');
	if (mo_history_nr_totals(history))
		print_totals(history);
	print_skipped(history);
}

/* ---- JSON ---- */

static void time_json(struct json_object *object, const char *key, uint64_t nr_done, uint64_t ms)
{
	if (nr_done)
		json_number(object, key, (int64_t)ms);
	else
		json_null(object, key);
}

static void block_json(struct json_object *object, const struct mo_block_history *block)
{
	json_number(object, "block", block->block);
	json_text(object, "device", block->device);
	json_number(object, "nr_done", (int64_t)block->nr_done);
	json_number(object, "nr_failed", (int64_t)block->nr_failed);
	json_number(object, "nr_back", (int64_t)block->nr_back);
	time_json(object, "best_ms", block->nr_done, block->best_ms);
	time_json(object, "mean_ms", block->nr_done, block->mean_ms);
	time_json(object, "worst_ms", block->nr_done, block->worst_ms);
	json_number(object, "last_time_s", (int64_t)block->last_time_s);
	json_text(object, "reason", mo_reason_key(block->last_reason));
	json_number(object, "nr_online", (int64_t)block->nr_online);
	json_number(object, "nr_online_failed", (int64_t)block->nr_online_failed);
}

static void total_json(struct json_object *object, const struct mo_history_total *total)
{
	struct json_object *counts;

	json_text(object, "action", total->action);
	json_text(object, "engine", total->engine);
	json_text(object, "status", total->status);
	json_number(object, "nr_attempts", (int64_t)total->nr_attempts);
	json_number(object, "elapsed_ms", (int64_t)total->elapsed_ms);
	json_number(object, "moved_bytes", (int64_t)total->moved_bytes);
	json_number(object, "freed_bytes", (int64_t)total->freed_bytes);
	json_number(object, "last_time_s", (int64_t)total->last_time_s);
	counts = json_sub(object, "outcomes");
	for (enum mo_outcome i = 0; i < MO_OUTCOME_NR; i++)
		if (total->nr_blocks[i])
			json_number(counts, mo_outcome_name(i), (int64_t)total->nr_blocks[i]);
	counts = json_sub(object, "failed");
	for (enum mo_reason i = 0; i < MO_REASON_NR; i++)
		if (total->nr_failed[i])
			json_number(counts, mo_reason_key(i), (int64_t)total->nr_failed[i]);
}

void history_json(const struct mo_history *history)
{
	struct json_object *object = json_new(), *list = json_list(object, "blocks");
	const struct mo_block_history *block;
	const struct mo_history_total *total;

	for (size_t i = 0; (block = mo_history_block(history, i)); i++)
		block_json(json_item(list), block);
	list = json_list(object, "totals");
	for (size_t i = 0; (total = mo_history_total(history, i)); i++)
		total_json(json_item(list), total);
	if (mo_history_since_s(history))
		json_number(object, "since_s", (int64_t)mo_history_since_s(history));
	else
		json_null(object, "since_s");
	json_number(object, "nr_skipped", (int64_t)mo_history_nr_skipped(history));
	json_print(object, false);
}
