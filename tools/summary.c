// SPDX-License-Identifier: GPL-2.0-only
/* What a transaction that did not do all comes to, in three lines: how much went, what stays and why, what to do. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "out.h"

#define STAYS_SHOWN 3

static const char label[] = "  what stays: ";

/* Pages that stayed for one reason and one owner, or blocks of whose pages nothing is known. */
struct stay {
	const struct mo_record *first;	/* NULL: blocks */
	enum mo_reason reason;
	uint64_t nr_pages;
	uint64_t nr_blocks;
};

struct stays {
	struct stay *all;
	size_t nr;
};

/* ---- what stays ---- */

static bool has_record(const struct mo_report *report, uint32_t block)
{
	const struct mo_record *record;

	for (size_t i = 0; (record = mo_report_record(report, i)); i++)
		if (record->block == block)
			return true;
	return false;
}

static void add_block(struct stays *stays, const struct mo_block_result *block)
{
	struct stay *stay = stays->all;

	while (stay < stays->all + stays->nr && (stay->first || stay->reason != block->reason))
		stay++;
	if (stay == stays->all + stays->nr)
		stays->all[stays->nr++] = (struct stay){ .reason = block->reason };
	stay->nr_blocks++;
	stay->nr_pages += block->pages_left;
}

static int by_size(const void *a, const void *b)
{
	const struct stay *x = a, *y = b;

	if (x->nr_pages != y->nr_pages)
		return x->nr_pages > y->nr_pages ? -1 : 1;
	if (x->nr_blocks != y->nr_blocks)
		return x->nr_blocks > y->nr_blocks ? -1 : 1;
	return (x->reason > y->reason) - (x->reason < y->reason);
}

static struct stays collect(const struct mo_report *report)
{
	struct stays stays = { 0 };
	const struct mo_block_result *block;
	struct record_group *groups;
	size_t nr = records_group(report, true, &groups);

	stays.all = calloc(nr + MO_REASON_NR, sizeof(*stays.all));
	if (!stays.all)
		out_of_memory();
	for (size_t i = 0; i < nr; i++)
		stays.all[stays.nr++] = (struct stay){ .first = groups[i].first, .reason = groups[i].first->reason,
						       .nr_pages = groups[i].nr_pages };
	free(groups);
	for (size_t i = 0; (block = mo_report_block(report, i)); i++)
		if (block->outcome == MO_OUTCOME_FAILED && !has_record(report, block->block))
			add_block(&stays, block);
	qsort(stays.all, stays.nr, sizeof(*stays.all), by_size);
	return stays;
}

static char *describe(const struct stay *stay)
{
	char *text, *owner;
	int len;

	if (!stay->first) {
		len = asprintf(&text, "%s, %s", text_blocks(stay->nr_blocks).text, mo_reason_name(stay->reason));
	} else {
		owner = record_owner(stay->first, OWNER_NAME);
		len = asprintf(&text, "%s from 0x%" PRIx64 ", %s, %s", text_pages(stay->nr_pages).text,
			       stay->first->start_pfn, mo_reason_name(stay->reason), owner);
		free(owner);
	}
	if (len < 0)
		out_of_memory();
	return text;
}

/* Appends TEXT to *LINE. */
static void append(char **line, const char *text)
{
	char *longer;

	if (asprintf(&longer, "%s%s%s", *line ? *line : "", *line ? "; " : "", text) < 0)
		out_of_memory();
	free(*line);
	*line = longer;
}

/* Does it stand on one line with what is there, and with the count of the rest behind it? */
static bool fits(const char *line, const char *text)
{
	char *escaped;
	size_t width;

	if (!out_is_terminal(stdout))
		return true;
	escaped = text_escape(text);
	width = strlen(label) + text_width(line) + strlen("; ") + text_width(escaped) + strlen("; and 4,096 more");
	free(escaped);
	return width <= out_width(stdout);
}

/* The biggest is always there; on a terminal the others only where they fit into its line. */
static void print_stays(const struct stays *stays)
{
	char *line = NULL, more[80];
	size_t i;

	for (i = 0; i < stays->nr && i < STAYS_SHOWN; i++) {
		char *text = describe(&stays->all[i]);
		bool is_shown = !line || fits(line, text);

		if (is_shown)
			append(&line, text);
		free(text);
		if (!is_shown)
			break;
	}
	snprintf(more, sizeof(more), "and %s more", text_count(stays->nr - i).text);
	if (i < stays->nr)
		append(&line, more);
	say_item(label, "%s", line);
	free(line);
}

/* Nothing failed: time was over, a signal came, or there is no room. */
static void print_reason(const struct mo_report *report)
{
	enum mo_reason reason = mo_report_reason(report);

	say_item(label, "%s whose turn did not come%s%s", text_blocks(outcome_count(report, MO_OUTCOME_NOT_TRIED)).text,
		 reason ? ": " : "", reason ? mo_reason_name(reason) : "");
}

/* ---- how much went, and what to do ---- */

static const char *rolled_back(const struct mo_report *report)
{
	uint64_t nr_back = outcome_count(report, MO_OUTCOME_ROLLED_BACK) + outcome_count(report, MO_OUTCOME_OTHER_ZONE);

	if (mo_report_result(report) >= 0 || !nr_back)
		return "";
	return outcome_count(report, MO_OUTCOME_ROLLBACK_FAILED) ? ", rolled back in part" : ", all rolled back";
}

static void print_freed(const struct mo_report *report)
{
	uint64_t nr_done = outcome_count(report, MO_OUTCOME_DONE), freed = mo_report_freed_bytes(report);
	struct outcomes_text others = outcomes_text(report, MO_OUTCOME_DONE);
	struct text done = text_blocks(nr_done);

	say("%s of %s freed in %s%s: %s%s%s", freed ? text_bytes(freed).text : "Nothing",
	    text_bytes(mo_report_wanted_bytes(report)).text, text_seconds(mo_report_elapsed_ms(report)).text,
	    rolled_back(report), nr_done ? done.text : "", nr_done ? " went" : "", others.text + (nr_done ? 0 : 2));
}

static void print_changed(const struct mo_report *report)
{
	bool is_undo = result_is_undo(report);
	enum mo_outcome success = is_undo ? MO_OUTCOME_ROLLED_BACK : MO_OUTCOME_DONE;

	say("%s of %s %s in %s%s", text_count(outcome_count(report, success)).text,
	    text_blocks(mo_report_nr_blocks(report)).text, is_undo ? "brought back" : changed_word(report),
	    text_seconds(mo_report_elapsed_ms(report)).text, outcomes_text(report, success).text);
}

/* Memory that is lost comes first. */
static void print_remedy(const struct mo_report *report, const struct stays *stays)
{
	enum mo_reason reason = stays->nr ? stays->all[0].reason : mo_report_reason(report);
	const char *remedy = outcome_remedy(report, MO_OUTCOME_ROLLBACK_FAILED);
	struct remedies_text left = remedies_left(report);

	if (!remedy)
		remedy = outcome_remedy(report, MO_OUTCOME_OTHER_ZONE);
	if (!remedy)
		remedy = reason ? mo_reason_remedy(reason) : "";
	say_item("  what to do: ", "%s%s%s%s%s'memoffline report' shows all.", remedy,
		 !*remedy ? "" : remedy[strlen(remedy) - 1] == '.' ? " " : "; ", *left.text ? "'--remedy " : "",
		 left.text, *left.text ? "' may free some of it. " : "");
}

void summary_print(const struct mo_report *report)
{
	struct stays stays = collect(report);

	if (mo_report_wanted_bytes(report))
		print_freed(report);
	else
		print_changed(report);
	result_removed(report);
	remedies_print(report, false);
	if (stays.nr)
		print_stays(&stays);
	else if (outcome_count(report, MO_OUTCOME_NOT_TRIED))
		print_reason(report);
	print_remedy(report, &stays);
	free(stays.all);
}
