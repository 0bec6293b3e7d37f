// SPDX-License-Identifier: GPL-2.0-only
/* A plan as text and as JSON: can it go, how much has to move, is there room. */
#include <inttypes.h>
#include <string.h>

#include "command.h"
#include "out.h"

#define STEPS_SHOWN 8	/* of those that will not go; all with -v */

static const char *verdict_word(enum mo_verdict verdict)
{
	switch (verdict) {
	case MO_VERDICT_DONE:
		return "done";
	case MO_VERDICT_FREE:
		return "yes";
	case MO_VERDICT_LIKELY:
		return "likely";
	case MO_VERDICT_UNLIKELY:
		return "unlikely";
	case MO_VERDICT_NEVER:
		return "never";
	}
	return "unknown";
}

static enum out_colour verdict_colour(enum mo_verdict verdict)
{
	return verdict == MO_VERDICT_NEVER ? OUT_RED : verdict == MO_VERDICT_UNLIKELY ? OUT_YELLOW : OUT_GREEN;
}

static bool is_bad(const struct mo_step *step)
{
	return step->verdict == MO_VERDICT_UNLIKELY || step->verdict == MO_VERDICT_NEVER;
}

struct verdict_text verdict_text(const struct mo_step *step)
{
	static const char * const texts[] = {
		[MO_VERDICT_DONE] = "it is offline already",
		[MO_VERDICT_FREE] = "nothing has to move",
		[MO_VERDICT_LIKELY] = "everything in it can move",
		[MO_VERDICT_UNLIKELY] = "something in it is known to resist",
		[MO_VERDICT_NEVER] = "the kernel will refuse",
	};
	struct verdict_text out;
	char pages[128] = "";

	if (step->reason_pages && step->reason < MO_REASON_DEADLINE)	/* one about pages */
		snprintf(pages, sizeof(pages), " (%s)", text_pages(step->reason_pages).text);
	if (step->reason == MO_REASON_NONE)
		snprintf(out.text, sizeof(out.text), "%s: %s", verdict_word(step->verdict), texts[step->verdict]);
	else
		snprintf(out.text, sizeof(out.text), "%s: %s%s. %s", verdict_word(step->verdict),
			 mo_reason_name(step->reason), pages, mo_reason_text(step->reason));
	return out;
}

/* ---- text ---- */

struct counts {
	uint64_t nr_blocks;	/* that are to go */
	uint64_t nr_done;	/* offline already */
	uint64_t nr_bad;
	uint64_t nr_unread;	/* content not known */
	uint64_t reasons[MO_REASON_NR];
};

static struct counts count_steps(const struct mo_plan *plan)
{
	struct counts counts = { 0 };
	const struct mo_step *step;

	for (size_t i = 0; (step = mo_plan_step(plan, i)); i++) {
		if (step->verdict == MO_VERDICT_DONE) {
			counts.nr_done++;
			continue;
		}
		counts.nr_blocks++;
		counts.nr_unread += !step->content_known;
		counts.nr_bad += is_bad(step);
		if (is_bad(step))
			counts.reasons[step->reason]++;
	}
	return counts;
}

static void print_reasons(const struct counts *counts)
{
	for (enum mo_reason reason = MO_REASON_NONE + 1; reason < MO_REASON_NR; reason++) {
		if (!counts->reasons[reason])
			continue;
		say_item("  why:        ", "%s of %s: %s. %s", text_count(counts->reasons[reason]).text,
			 text_blocks(counts->nr_blocks).text, mo_reason_name(reason), mo_reason_text(reason));
		say_item("  what to do: ", "%s", mo_reason_remedy(reason));
	}
}

static void print_room(const struct mo_plan *plan)
{
	uint64_t move = mo_plan_move_bytes(plan), available = mo_plan_free_bytes(plan), room = mo_plan_room_bytes(plan);
	const char *word = move <= available ? "enough" : "too little";

	if (move > available && move <= room)
		word = "enough if page cache gives way";
	else if (move > room && move <= room + mo_plan_swap_bytes(plan))
		word = "enough if other memory goes to swap";
	say_item("  to move:    ", "%s", text_bytes(move).text);
	if (strcmp(text_bytes(room).text, text_bytes(available).text))
		say_item("  room:       ", "%s free elsewhere, %s with page cache: %s", text_bytes(available).text,
			 text_bytes(room).text, word);
	else
		say_item("  room:       ", "%s free elsewhere: %s", text_bytes(available).text, word);
}

/* No more digits than an estimate has. */
static struct text time_text(uint64_t ms)
{
	struct text text = { "under 0.1 s" };

	return ms < 100 ? text : text_seconds(ms);
}

static void print_time(const struct call *call, const struct mo_plan *plan, const struct mo_rates *rates)
{
	uint64_t ms = rates ? mo_plan_time_ms(plan, rates) : UINT64_MAX;

	if (!rates)
		say_item("  time:       ", "not known: %s", mo_ctx_error(call->ctx));
	else if (ms == UINT64_MAX)
		say_item("  time:       ", "not known: earlier attempts on this machine moved too little to tell");
	else
		say_item("  time:       ", "%s%s, by the last %s on this machine (engine %s)", ms < 100 ? "" : "about ",
			 time_text(ms).text,
			 rates->nr_attempts == 1 ? "attempt" : text_attempts(rates->nr_attempts).text,
			 mo_engine_name(rates->engine));
}

static void print_steps(const struct call *call, const struct mo_plan *plan, const struct mo_rates *rates)
{
	static const struct column columns[] = {
		{ "BLOCK", "", COLUMN_RIGHT }, { "VERDICT", "", 0 }, { "MOVE", "", COLUMN_RIGHT },
		{ "PAGES", "", COLUMN_RIGHT }, { "REASON", "", COLUMN_WRAP }, { "TIME", "", COLUMN_RIGHT },
	};
	uint64_t page_bytes = mo_memory_page_bytes(mo_plan_memory(plan));
	struct libscols_table *table = table_new(TABLE_TEXT, true, "");
	const struct mo_step *step;

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]) - !rates; i++)
		table_add_column(table, &columns[i]);
	for (size_t i = 0; (step = mo_plan_step(plan, i)); i++) {
		struct libscols_line *line;

		if (!call->verbose && !is_bad(step))
			continue;
		line = table_line(table);
		table_cell(line, 0, "%" PRIu32, step->block);
		table_cell(line, 1, "%s", verdict_word(step->verdict));
		if (step->content_known)
			table_cell(line, 2, "%s", text_bytes(step->content.move_pages * page_bytes).text);
		if (step->reason_pages)
			table_cell(line, 3, "%s", text_count(step->reason_pages).text);
		if (step->reason != MO_REASON_NONE)
			table_cell(line, 4, "%s", mo_reason_name(step->reason));
		if (rates && mo_plan_step_time_ms(plan, step, rates) != UINT64_MAX)
			table_cell(line, 5, "%s", time_text(mo_plan_step_time_ms(plan, step, rates)).text);
	}
	putchar('\n');
	table_print(table);
}

static void print_verdict(const struct mo_plan *plan, const struct mo_request *request, const struct counts *counts)
{
	static const char * const texts[] = {
		[MO_VERDICT_DONE] = "all of it is offline already",
		[MO_VERDICT_FREE] = "it can go, and nothing has to move",
		[MO_VERDICT_LIKELY] = "everything in it can move",
		[MO_VERDICT_UNLIKELY] = "not all of it is known to be able to move",
		[MO_VERDICT_NEVER] = "the kernel will refuse",
	};
	enum mo_verdict verdict = mo_plan_verdict(plan);
	char label[48];

	snprintf(label, sizeof(label), "%s%s%s: ", out_colour(stdout, verdict_colour(verdict)), verdict_word(verdict),
		 out_colour(stdout, OUT_PLAIN));
	say_item(label, "%s", texts[verdict]);
	say_item("  memory:     ", "%s, %s%s%s", text_bytes(mo_plan_len_bytes(plan)).text,
		 text_blocks(counts->nr_blocks).text, request->target ? ", from " : "",
		 request->target ? request->target : "");
	if (counts->nr_done)
		say_item("  already:    ", "%s offline", text_blocks(counts->nr_done).text);
}

void verdict_print(const struct call *call, const struct mo_plan *plan, const struct mo_request *request)
{
	struct counts counts = count_steps(plan);
	struct mo_rates known, *rates = mo_plan_rates(plan, request, &known) ? NULL : &known;
	const char *note;

	if (!counts.nr_blocks) {
		say("done: %s %s offline already", text_blocks(counts.nr_done).text, counts.nr_done == 1 ? "is" : "are");
		return;
	}
	print_verdict(plan, request, &counts);
	if (counts.nr_unread == counts.nr_blocks)
		say_item("  to move:    ", "not known: the content of the blocks could not be read");
	else
		print_room(plan);
	if (!counts.nr_unread && mo_plan_verdict(plan) != MO_VERDICT_NEVER)
		print_time(call, plan, rates);
	print_reasons(&counts);
	for (size_t i = 0; !call->quiet && (note = mo_plan_note(plan, i)); i++)
		say_item("  note:       ", "%s", note);
	if (call->verbose || (counts.nr_bad && counts.nr_bad <= STEPS_SHOWN))
		print_steps(call, plan, rates);
}

/* ---- JSON ---- */

void content_json(struct json_object *object, const struct mo_step *step)
{
	const struct mo_content *content = &step->content;
	struct json_object *kinds;

	if (!step->content_known) {
		json_null(object, "content");
		return;
	}
	kinds = json_sub(object, "content");
	for (enum mo_kind kind = 0; kind < MO_KIND_NR; kind++)
		json_number(kinds, mo_kind_key(kind), (int64_t)content->nr_pages[kind]);
	json_number(object, "mapped_pages", (int64_t)content->mapped_pages);
	json_number(object, "dirty_pages", (int64_t)content->dirty_pages);
	json_number(object, "writeback_pages", (int64_t)content->writeback_pages);
	json_number(object, "unevictable_pages", (int64_t)content->unevictable_pages);
	json_number(object, "locked_pages", (int64_t)content->locked_pages);
	json_number(object, "unmovable_pages", (int64_t)content->unmovable_pages);
	json_number(object, "move_pages", (int64_t)content->move_pages);
}

static void time_json(struct json_object *object, uint64_t ms)
{
	if (ms == UINT64_MAX)
		json_null(object, "time_ms");
	else
		json_number(object, "time_ms", (int64_t)ms);
}

static void rates_json(struct json_object *object, const struct mo_rates *rates)
{
	struct json_object *sub;

	if (!rates) {
		json_null(object, "rates");
		return;
	}
	sub = json_sub(object, "rates");
	json_text(sub, "engine", mo_engine_name(rates->engine));
	json_number(sub, "nr_attempts", rates->nr_attempts);
	json_number(sub, "block_us", (int64_t)rates->block_us);
	if (rates->bytes_s)
		json_number(sub, "bytes_s", (int64_t)rates->bytes_s);
	else
		json_null(sub, "bytes_s");
}

static void step_json(struct json_object *object, const struct mo_step *step)
{
	json_number(object, "block", step->block);
	json_text(object, "verdict", mo_verdict_name(step->verdict));
	json_text(object, "reason", mo_reason_key(step->reason));
	if (step->reason_pfn == UINT64_MAX)
		json_null(object, "reason_pfn");
	else
		json_number(object, "reason_pfn", (int64_t)step->reason_pfn);
	json_number(object, "reason_pages", (int64_t)step->reason_pages);
	content_json(object, step);
}

void verdict_json(const struct mo_plan *plan, const struct mo_request *request)
{
	struct json_object *object = json_new(), *list, *item;
	const struct mo_memory *memory = mo_plan_memory(plan);
	struct mo_rates known, *rates = mo_plan_rates(plan, request, &known) ? NULL : &known;
	const struct mo_step *step;
	const char *note;

	json_text(object, "target", request->target ? request->target : "");
	json_text(object, "verdict", mo_verdict_name(mo_plan_verdict(plan)));
	json_number(object, "block_bytes", (int64_t)mo_memory_block_bytes(memory));
	json_number(object, "page_bytes", (int64_t)mo_memory_page_bytes(memory));
	json_number(object, "len_bytes", (int64_t)mo_plan_len_bytes(plan));
	json_number(object, "move_bytes", (int64_t)mo_plan_move_bytes(plan));
	json_number(object, "free_bytes", (int64_t)mo_plan_free_bytes(plan));
	json_number(object, "room_bytes", (int64_t)mo_plan_room_bytes(plan));
	time_json(object, rates ? mo_plan_time_ms(plan, rates) : UINT64_MAX);
	rates_json(object, rates);
	json_number(object, "swap_bytes", (int64_t)mo_plan_swap_bytes(plan));
	list = json_list(object, "notes");
	for (size_t i = 0; (note = mo_plan_note(plan, i)); i++)
		json_append_text(list, note);
	list = json_list(object, "steps");
	for (size_t i = 0; (step = mo_plan_step(plan, i)); i++) {
		item = json_item(list);
		step_json(item, step);
		time_json(item, rates ? mo_plan_step_time_ms(plan, step, rates) : UINT64_MAX);
	}
	json_print(object, false);
}
