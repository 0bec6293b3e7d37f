// SPDX-License-Identifier: LGPL-2.1-or-later
/* Lines of the history as JSON and back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* What was not tried tells nothing for later. */
static struct json_object *new_tried_blocks(struct mo_json_writer *w, const struct mo_report *report,
					    uint64_t *nr_tried)
{
	struct json_object *array = mo_json_array();
	const struct mo_block_result *result;

	*nr_tried = 0;
	for (size_t i = 0; (result = mo_report_block(report, i)); i++) {
		if (result->outcome == MO_OUTCOME_NOT_TRIED)
			continue;
		if (++*nr_tried <= MO_LINE_BLOCKS_MAX)
			mo_json_append(w, array, mo_json_new_block_head(w, result));
	}
	return array;
}

static void put_attempt(struct mo_json_writer *w, struct json_object *object, const struct mo_line *line)
{
	uint64_t nr_tried;

	mo_json_put_head(w, object, line->report);
	mo_json_put_text(w, object, "kernel", line->kernel);
	mo_json_put_u64(w, object, "page_bytes", line->page_bytes);
	mo_json_put_u64(w, object, "block_bytes", line->block_bytes);
	mo_json_put_u64(w, object, "move_bytes", line->move_bytes);
	mo_json_put_u64(w, object, "max_mib_s", line->max_mib_s);
	mo_json_put(w, object, "blocks", new_tried_blocks(w, line->report, &nr_tried));
	mo_json_put_u64(w, object, "nr_blocks", nr_tried);
	mo_json_put_u64(w, object, "nr_processes", mo_report_nr_processes(line->report));
}

/* Those that are not 0. */
static struct json_object *new_counts(struct mo_json_writer *w, const uint64_t *counts, mo_json_name_fn *name_of,
				      unsigned int nr)
{
	struct json_object *object = mo_json_object();

	for (unsigned int i = 0; i < nr; i++)
		if (counts[i])
			mo_json_put_u64(w, object, name_of(i), counts[i]);
	return object;
}

static struct json_object *new_total(struct mo_json_writer *w, const struct mo_history_total *total)
{
	struct json_object *object = mo_json_object();

	mo_json_put_text(w, object, "action", total->action);
	mo_json_put_text(w, object, "engine", total->engine);
	mo_json_put_text(w, object, "status", total->status);
	mo_json_put_u64(w, object, "nr_attempts", total->nr_attempts);
	mo_json_put_u64(w, object, "elapsed_ms", total->elapsed_ms);
	mo_json_put_u64(w, object, "moved_bytes", total->moved_bytes);
	mo_json_put_u64(w, object, "freed_bytes", total->freed_bytes);
	mo_json_put_u64(w, object, "last_time_s", total->last_time_s);
	mo_json_put(w, object, "outcomes", new_counts(w, total->nr_blocks, mo_json_outcome_at, MO_OUTCOME_NR));
	mo_json_put(w, object, "failed", new_counts(w, total->nr_failed, mo_json_reason_at, MO_REASON_NR));
	return object;
}

static void put_totals(struct mo_json_writer *w, struct json_object *object, const struct mo_totals *totals)
{
	struct json_object *array = mo_json_array();

	for (size_t i = 0; i < totals->nr; i++)
		mo_json_append(w, array, new_total(w, &totals->all[i]));
	mo_json_put_u64(w, object, "schema", MO_JSON_SCHEMA);
	mo_json_put_u64(w, object, "since_s", totals->since_s);
	mo_json_put(w, object, "totals", array);
}

int mo_line_to_json(const struct mo_line *line, char **text)
{
	struct mo_json_writer w = { false };
	struct json_object *object;

	if (mo_json_open())
		return -ELIBACC;
	object = mo_json_object();
	if (line->report)
		put_attempt(&w, object, line);
	else
		put_totals(&w, object, &line->totals);
	return mo_json_to_text(&w, object, true, text);
}

/* What a later version counts is skipped. */
static void read_counts(struct mo_json_reader *r, struct json_object *object, const char *key, uint64_t *counts,
			mo_json_name_fn *name_of, unsigned int nr)
{
	struct json_object *values = mo_json_get_object(r, object, key);

	for (unsigned int i = 0; values && i < nr; i++)
		if (mo_json_has(values, name_of(i)))
			counts[i] = mo_json_get_u64(r, values, name_of(i), UINT64_MAX);
}

static void read_total(struct mo_json_reader *r, struct json_object *object, struct mo_totals *totals)
{
	const char *action = mo_json_get_text(r, object, "action"), *engine = mo_json_get_text(r, object, "engine");
	struct mo_history_total *total = mo_totals_find(totals, action, engine, mo_json_get_text(r, object, "status"));

	if (!total)
		return;
	total->nr_attempts = mo_json_get_u64(r, object, "nr_attempts", UINT64_MAX);
	total->elapsed_ms = mo_json_get_u64(r, object, "elapsed_ms", UINT64_MAX);
	total->moved_bytes = mo_json_get_u64(r, object, "moved_bytes", UINT64_MAX);
	total->freed_bytes = mo_json_get_u64(r, object, "freed_bytes", UINT64_MAX);
	total->last_time_s = mo_json_get_u64(r, object, "last_time_s", UINT64_MAX);
	read_counts(r, object, "outcomes", total->nr_blocks, mo_json_outcome_at, MO_OUTCOME_NR);
	read_counts(r, object, "failed", total->nr_failed, mo_json_reason_at, MO_REASON_NR);
}

static int read_line_of_totals(struct json_object *object, struct mo_line *line)
{
	struct mo_json_reader r = { NULL, 0 };
	struct json_object *array = mo_json_get_array(&r, object, "totals");
	size_t nr = mo_json_nr(array);

	line->totals.since_s = mo_json_get_u64(&r, object, "since_s", UINT64_MAX);
	if (mo_json_get_u64(&r, object, "schema", UINT64_MAX) != MO_JSON_SCHEMA)
		return -EBADMSG;
	for (size_t i = 0; i < nr && !r.bad; i++)
		read_total(&r, mo_json_at(array, i), &line->totals);
	if (!r.bad)
		return 0;
	free(line->totals.all);
	line->totals = (struct mo_totals){ 0 };
	return -EBADMSG;
}

static int read_line(struct mo_ctx *ctx, struct json_object *object, struct mo_line *line)
{
	struct mo_json_reader r = { NULL, 0 };
	struct mo_report *report;
	char why[128];
	int err = mo_json_begin_report(ctx, &r, object, &report, why, sizeof(why));

	if (err)
		return err;
	snprintf(line->kernel, sizeof(line->kernel), "%s", mo_json_get_text(&r, object, "kernel"));
	line->page_bytes = mo_json_get_u64(&r, object, "page_bytes", UINT32_MAX);
	line->block_bytes = mo_json_get_u64(&r, object, "block_bytes", UINT64_MAX);
	line->move_bytes = mo_json_get_u64(&r, object, "move_bytes", UINT64_MAX);
	line->max_mib_s = (uint32_t)mo_json_get_u64(&r, object, "max_mib_s", UINT32_MAX);
	return mo_json_end_report(&r, object, report, &line->report, why, sizeof(why));
}

int mo_line_parse(struct mo_ctx *ctx, const char *text, struct mo_line *line)
{
	struct json_object *object;
	char why[128];
	int err = -EBADMSG;

	if (mo_json_open())
		return -ELIBACC;
	object = mo_json_parse(text, why, sizeof(why));
	if (mo_json_has(object, "totals"))
		err = read_line_of_totals(object, line);
	else if (mo_json_is_object(object))
		err = read_line(ctx, object, line);
	mo_json_drop(object);
	return err;
}
