// SPDX-License-Identifier: GPL-2.0-only
/* A report on processes as text: how much moved, what stayed and why, what to do next; each page with -v. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "command.h"
#include "out.h"

#define REASONS_SHOWN 3
#define PROCESSES_SHOWN 8

static struct text pages_as_bytes(uint64_t nr_pages)
{
	return text_bytes(nr_pages * (uint64_t)sysconf(_SC_PAGESIZE));
}

/* ---- how much moved ---- */

static void print_moved(const struct mo_report *report, const struct mo_moves *moves)
{
	size_t nr_processes = mo_report_nr_processes(report);
	struct text moved = text_pages(moves->moved_pages), evicted = text_pages(moves->evicted_pages);

	if (!nr_processes) {
		if (!mo_report_result(report))
			say("Nothing to do: there is no process.");
		return;
	}
	if (!moves->moved_pages && !moves->evicted_pages && !mo_report_result(report)) {
		say("Nothing to move in %s%s.", text_count(nr_processes).text, nr_processes == 1 ? " process" : " processes");
		return;
	}
	say("%s moved (%s) in %s%s%s%s%s%s.", pages_as_bytes(moves->moved_pages).text, moved.text,
	    text_seconds(mo_report_elapsed_ms(report)).text, moves->evicted_pages ? ", " : "",
	    moves->evicted_pages ? evicted.text : "", moves->evicted_pages ? " went to swap" : "",
	    nr_processes > 1 ? ", of processes: " : "", nr_processes > 1 ? text_count(nr_processes).text : "");
}

static void print_left_alone(const struct mo_moves *moves)
{
	if (moves->shared_pages)
		say_item("  shared:     ", "%s that other processes use, too, left alone; --all takes them as well",
			 text_pages(moves->shared_pages).text);
	if (moves->swapped_pages)
		say_item("  in swap:    ", "%s, left there; they come back to where the process's policy says",
			 text_pages(moves->swapped_pages).text);
}

/* ---- what stayed ---- */

struct kept {
	enum mo_reason reason;
	uint64_t nr_pages;
};

static int by_size(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	if (x->nr_pages != y->nr_pages)
		return x->nr_pages > y->nr_pages ? -1 : 1;
	return (x->reason > y->reason) - (x->reason < y->reason);
}

/* Biggest first; returns how many. */
static size_t sort_reasons(const struct mo_moves *moves, struct kept kept[MO_REASON_NR])
{
	size_t nr = 0;

	for (unsigned int i = MO_REASON_NONE + 1; i < MO_REASON_NR; i++)
		if (moves->kept_by_reason[i])
			kept[nr++] = (struct kept){ (enum mo_reason)i, moves->kept_by_reason[i] };
	qsort(kept, nr, sizeof(*kept), by_size);
	return nr;
}

static void print_kept(const struct mo_moves *moves, bool all)
{
	struct kept kept[MO_REASON_NR];
	size_t nr = sort_reasons(moves, kept), nr_shown = all || nr < REASONS_SHOWN ? nr : REASONS_SHOWN;

	for (size_t i = 0; i < nr_shown; i++)
		say_item("  what stays: ", "%s, %s: %s", text_pages(kept[i].nr_pages).text, mo_reason_name(kept[i].reason),
			 mo_reason_text(kept[i].reason));
	if (nr > nr_shown)
		say_item("  what stays: ", "and for %zu more reasons; -v shows all", nr - nr_shown);
	if (nr)
		say_item("  what to do: ", "%s", mo_reason_remedy(kept[0].reason));
}

/* A limit is no reason of a page, and says more than that some stayed. */
static void print_limit(const struct mo_report *report, const struct mo_moves *moves)
{
	enum mo_reason reason = mo_report_reason(report);

	if (reason != MO_REASON_NONE && !moves->kept_by_reason[reason])
		say_item("  ended by:   ", "%s; what moved stays moved, and the rest can be done again",
			 reason == MO_REASON_DEADLINE ? "the timeout" : mo_reason_name(reason));
}

/* ---- processes and pages ---- */

static void add_process(struct libscols_table *table, const struct mo_process_result *result)
{
	struct libscols_line *line = table_line(table);

	table_cell(line, 0, "%" PRId32, result->pid);
	table_cell(line, 1, "%s", result->comm);
	table_cell(line, 2, "%s", text_count(result->moves.moved_pages).text);
	table_cell(line, 3, "%s", text_count(result->moves.kept_pages).text);
	table_cell(line, 4, "%s", result->error ? text_error(result->error) :
		   result->reason ? mo_reason_name(result->reason) : "");
}

static bool is_trouble(const struct mo_process_result *result)
{
	return (result->error && result->error != -ESRCH) || result->moves.kept_pages;
}

static void print_processes(const struct call *call, const struct mo_report *report)
{
	static const struct column columns[] = {
		{ "PID", "", COLUMN_RIGHT }, { "NAME", "", 0 }, { "MOVED", "", COLUMN_RIGHT },
		{ "STAYED", "", COLUMN_RIGHT }, { "WHY", "", COLUMN_WRAP },
	};
	struct libscols_table *table = table_new(TABLE_TEXT, true, "");
	const struct mo_process_result *result;
	size_t nr_shown = 0, nr_trouble = 0;

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		table_add_column(table, &columns[i]);
	for (size_t i = 0; (result = mo_report_process(report, i)); i++) {
		nr_trouble += is_trouble(result);
		if (!call->verbose && (!is_trouble(result) || nr_shown == PROCESSES_SHOWN))
			continue;
		add_process(table, result);
		nr_shown++;
	}
	if (nr_shown)
		putchar('\n');
	table_print(table);
	if (!call->verbose && nr_trouble > nr_shown)
		say("and %zu more; -v shows all", nr_trouble - nr_shown);
}

static void print_records(const struct mo_report *report)
{
	static const struct column columns[] = {
		{ "PID", "", COLUMN_RIGHT }, { "ADDRESS", "", COLUMN_RIGHT }, { "PAGES", "", COLUMN_RIGHT },
		{ "PFN", "", COLUMN_RIGHT }, { "REASON", "", 0 }, { "KIND", "", 0 }, { "MAPPING", "", COLUMN_WRAP },
	};
	struct libscols_table *table = table_new(TABLE_TEXT, true, "");
	const struct mo_record *record;
	const struct mo_owner *owner;

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		table_add_column(table, &columns[i]);
	for (size_t i = 0; (record = mo_report_record(report, i)); i++) {
		struct libscols_line *line = table_line(table);

		owner = mo_record_owner(record, 0);
		if (owner)
			table_cell(line, 0, "%" PRId32, owner->pid);
		if (owner)
			table_cell(line, 1, "0x%" PRIx64, owner->addr);
		table_cell(line, 2, "%s", text_count(record->nr_pages).text);
		if (record->start_pfn != UINT64_MAX)
			table_cell(line, 3, "0x%" PRIx64, record->start_pfn);
		table_cell(line, 4, "%s", mo_reason_name(record->reason));
		table_cell(line, 5, "%s", mo_kind_name(record->kind));
		table_cell(line, 6, "%s", owner && *owner->vma ? owner->vma : *record->file ? record->file : "anonymous");
	}
	printf("\nPages that stayed: %s\n", text_count(mo_report_nr_pages_kept(report)).text);
	table_print(table);
}

void moves_print(const struct call *call, const struct mo_report *report)
{
	const struct mo_moves *moves = mo_report_moves(report);
	const char *note;

	print_moved(report, moves);
	print_kept(moves, call->verbose);
	print_limit(report, moves);
	print_left_alone(moves);
	if (call->verbose || (mo_report_result(report) && !call->quiet))
		for (size_t i = 0; (note = mo_report_note(report, i)); i++)
			say_item("  note:       ", "%s", note);
	if (mo_report_nr_processes(report) > 1)
		print_processes(call, report);
	if (call->verbose && mo_report_nr_records(report))
		print_records(report);
	else if (mo_report_nr_records(report))
		say("'-v' shows each page that stayed, with its address and mapping.");
}
