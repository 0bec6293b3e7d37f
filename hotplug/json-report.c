// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reports as JSON and back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

const char *mo_json_reason_at(unsigned int i)
{
	return mo_reason_key((enum mo_reason)i);
}

const char *mo_json_outcome_at(unsigned int i)
{
	return mo_outcome_name((enum mo_outcome)i);
}

static const char *zone_at(unsigned int i)
{
	return mo_zone_name((enum mo_zone)i);
}

/* ---- writing ---- */

struct json_object *mo_json_new_block_head(struct mo_json_writer *w, const struct mo_block_result *result)
{
	struct json_object *object = mo_json_object();

	mo_json_put_u64(w, object, "block", result->block);
	mo_json_put_text(w, object, "outcome", mo_outcome_name(result->outcome));
	mo_json_put_error(w, object, result->error);
	mo_json_put_text(w, object, "reason", mo_reason_key(result->reason));
	mo_json_put_text(w, object, "zone", mo_zone_name(result->zone));
	mo_json_put_u64(w, object, "pages_before", result->pages_before);
	mo_json_put_u64(w, object, "pages_left", result->pages_left);
	mo_json_put_u64(w, object, "elapsed_ms", result->elapsed_ms);
	mo_json_put_text(w, object, "device", result->device);
	return object;
}

static struct json_object *new_block(struct mo_json_writer *w, const struct mo_block_result *result)
{
	struct json_object *object = mo_json_new_block_head(w, result);

	mo_json_put_text(w, object, "detail", result->detail);
	return object;
}

static struct json_object *new_blocks(struct mo_json_writer *w, const struct mo_report *report)
{
	struct json_object *array = mo_json_array();
	const struct mo_block_result *result;
	size_t i;

	for (i = 0; (result = mo_report_block(report, i)); i++)
		mo_json_append(w, array, new_block(w, result));
	return array;
}

struct json_object *mo_json_new_records(struct mo_json_writer *w, const struct mo_report *report)
{
	struct json_object *array = mo_json_array();
	const struct mo_record *record;
	size_t i;

	for (i = 0; (record = mo_report_record(report, i)); i++)
		mo_json_append(w, array, mo_json_new_record(w, record));
	return array;
}

static struct json_object *new_kept(struct mo_json_writer *w, const struct mo_moves *moves)
{
	struct json_object *object = mo_json_object();

	for (unsigned int i = MO_REASON_NONE + 1; i < MO_REASON_NR; i++)
		if (moves->kept_by_reason[i])
			mo_json_put_u64(w, object, mo_reason_key((enum mo_reason)i), moves->kept_by_reason[i]);
	return object;
}

static void put_moves(struct mo_json_writer *w, struct json_object *object, const struct mo_moves *moves)
{
	mo_json_put_u64(w, object, "moved_pages", moves->moved_pages);
	mo_json_put_u64(w, object, "evicted_pages", moves->evicted_pages);
	mo_json_put_u64(w, object, "kept_pages", moves->kept_pages);
	mo_json_put_u64(w, object, "shared_pages", moves->shared_pages);
	mo_json_put_u64(w, object, "swapped_pages", moves->swapped_pages);
	mo_json_put_known(w, object, "nr_split", moves->nr_split != UINT64_MAX, moves->nr_split);
	mo_json_put(w, object, "kept_by_reason", new_kept(w, moves));
}

static struct json_object *new_process(struct mo_json_writer *w, const struct mo_process_result *result)
{
	struct json_object *object = mo_json_object();

	mo_json_put_int(w, object, "pid", result->pid);
	mo_json_put_text(w, object, "comm", result->comm);
	mo_json_put_error(w, object, result->error);
	mo_json_put_text(w, object, "reason", mo_reason_key(result->reason));
	mo_json_put_u64(w, object, "elapsed_ms", result->elapsed_ms);
	put_moves(w, object, &result->moves);
	return object;
}

static struct json_object *new_processes(struct mo_json_writer *w, const struct mo_report *report)
{
	struct json_object *array = mo_json_array();
	const struct mo_process_result *result;

	for (size_t i = 0; (result = mo_report_process(report, i)); i++)
		mo_json_append(w, array, new_process(w, result));
	return array;
}

static struct json_object *new_remedy(struct mo_json_writer *w, const struct mo_remedy *remedy)
{
	struct json_object *object = mo_json_object();

	mo_json_put_text(w, object, "remedy", mo_remedy_name(remedy->remedy));
	mo_json_put_text(w, object, "object", remedy->object);
	mo_json_put_u64(w, object, "asked_bytes", remedy->asked_bytes);
	mo_json_put_known(w, object, "freed_bytes", remedy->freed_bytes != UINT64_MAX, remedy->freed_bytes);
	mo_json_put_error(w, object, remedy->error);
	return object;
}

static struct json_object *new_remedies(struct mo_json_writer *w, const struct mo_report *report)
{
	struct json_object *array = mo_json_array();
	const struct mo_remedy *remedy;

	for (size_t i = 0; (remedy = mo_report_remedy(report, i)); i++)
		mo_json_append(w, array, new_remedy(w, remedy));
	return array;
}

static struct json_object *new_removed(struct mo_json_writer *w, const struct mo_report *report)
{
	struct json_object *array = mo_json_array(), *object;
	const struct mo_removed *removed;

	for (size_t i = 0; (removed = mo_report_removed(report, i)); i++) {
		object = mo_json_object();
		mo_json_put_text(w, object, "device", removed->device);
		mo_json_put_text(w, object, "slots", removed->slots);
		mo_json_put_flag(w, object, "gone", removed->is_gone);
		mo_json_append(w, array, object);
	}
	return array;
}

static struct json_object *new_notes(struct mo_json_writer *w, const struct mo_report *report)
{
	struct json_object *array = mo_json_array();
	const char *note;
	size_t i;

	for (i = 0; (note = mo_report_note(report, i)); i++)
		mo_json_append_text(w, array, note);
	return array;
}

/* The sentences for each reason that occurs, so that a reader of the JSON needs no table of his own. */
void mo_json_explain(struct mo_json_writer *w, struct json_object *reasons, enum mo_reason reason)
{
	struct json_object *object;

	if (reason == MO_REASON_NONE || mo_json_has(reasons, mo_reason_key(reason)))
		return;
	object = mo_json_object();
	mo_json_put_text(w, object, "name", mo_reason_name(reason));
	mo_json_put_text(w, object, "text", mo_reason_text(reason));
	mo_json_put_text(w, object, "remedy", mo_reason_remedy(reason));
	mo_json_put(w, reasons, mo_reason_key(reason), object);
}

struct json_object *mo_json_new_reasons(struct mo_json_writer *w, const struct mo_report *report)
{
	struct json_object *reasons = mo_json_object();
	const struct mo_moves *moves = mo_report_moves(report);
	const struct mo_block_result *result;
	const struct mo_record *record;
	size_t i;

	mo_json_explain(w, reasons, mo_report_reason(report));
	for (i = 0; (result = mo_report_block(report, i)); i++)
		mo_json_explain(w, reasons, result->reason);
	for (i = 0; (record = mo_report_record(report, i)); i++)
		mo_json_explain(w, reasons, record->reason);
	for (i = 0; moves && i < MO_REASON_NR; i++)
		if (moves->kept_by_reason[i])
			mo_json_explain(w, reasons, (enum mo_reason)i);
	return reasons;
}

void mo_json_put_head(struct mo_json_writer *w, struct json_object *object, const struct mo_report *report)
{
	const struct mo_moves *moves = mo_report_moves(report);

	mo_json_put_u64(w, object, "schema", MO_JSON_SCHEMA);
	mo_json_put_text(w, object, "action", mo_report_action(report));
	mo_json_put_text(w, object, "engine", mo_report_engine(report));
	mo_json_put_text(w, object, "target", mo_report_target(report));
	mo_json_put_text(w, object, "status", mo_status_name(mo_report_result(report)));
	mo_json_put_error(w, object, mo_report_result(report));
	mo_json_put_text(w, object, "reason", mo_reason_key(mo_report_reason(report)));
	mo_json_put_u64(w, object, "start_time_s", mo_report_start_time_s(report));
	mo_json_put_u64(w, object, "elapsed_ms", mo_report_elapsed_ms(report));
	mo_json_put_u64(w, object, "end_time_ms", mo_report_end_ms(report));
	if (moves)
		put_moves(w, object, moves);
	else
		mo_json_put_u64(w, object, "moved_pages", mo_report_moved_pages(report));
	mo_json_put_u64(w, object, "freed_bytes", mo_report_freed_bytes(report));
	mo_json_put_u64(w, object, "wanted_bytes", mo_report_wanted_bytes(report));
	mo_json_put_u64(w, object, "nr_pages_kept", mo_report_nr_pages_kept(report));
}

static struct json_object *new_report(struct mo_json_writer *w, const struct mo_report *report)
{
	struct json_object *object = mo_json_object();

	mo_json_put_head(w, object, report);
	mo_json_put(w, object, "blocks", new_blocks(w, report));
	if (mo_report_moves(report))
		mo_json_put(w, object, "processes", new_processes(w, report));
	mo_json_put(w, object, "records", mo_json_new_records(w, report));
	mo_json_put(w, object, "reasons", mo_json_new_reasons(w, report));
	if (!mo_report_moves(report))
		mo_json_put(w, object, "remedies", new_remedies(w, report));
	if (mo_report_nr_removed(report))
		mo_json_put(w, object, "removed", new_removed(w, report));
	mo_json_put(w, object, "notes", new_notes(w, report));
	return object;
}

int mo_report_to_json(const struct mo_report *report, char **text)
{
	struct mo_json_writer w = { false };

	if (mo_json_open())
		return -ELIBACC;
	return mo_json_to_text(&w, new_report(&w, report), false, text);
}

/* ---- reading: what is not known is skipped ---- */

/* A later version may know more reasons and zones; kinds and outcomes must be known, for they change what is said. */
enum mo_reason mo_json_get_reason(struct mo_json_reader *r, struct json_object *object)
{
	int i = mo_json_find_name(mo_json_reason_at, MO_REASON_NR, mo_json_get_text(r, object, "reason"));

	return i < 0 ? MO_REASON_UNKNOWN : (enum mo_reason)i;
}

static enum mo_zone get_zone(struct mo_json_reader *r, struct json_object *object)
{
	int i = mo_json_find_name(zone_at, MO_ZONE_DEVICE + 1, mo_json_get_text(r, object, "zone"));

	return i < 0 ? MO_ZONE_UNKNOWN : (enum mo_zone)i;
}

static void read_block(struct mo_json_reader *r, struct json_object *object, struct mo_report *report)
{
	uint32_t number = (uint32_t)mo_json_get_u64(r, object, "block", UINT32_MAX);
	struct mo_block_result *result = mo_report_add_block(report, number, get_zone(r, object));

	if (!result) {
		r->err = -ENOMEM;
		return;
	}
	result->outcome = (enum mo_outcome)mo_json_get_known(r, object, "outcome", mo_json_outcome_at, MO_OUTCOME_NR);
	result->error = -(int)mo_json_get_u64(r, object, "errno", INT32_MAX);
	result->reason = mo_json_get_reason(r, object);
	result->pages_before = mo_json_get_u64(r, object, "pages_before", UINT64_MAX);
	result->pages_left = mo_json_get_u64(r, object, "pages_left", UINT64_MAX);
	result->elapsed_ms = mo_json_get_u64(r, object, "elapsed_ms", UINT64_MAX);
	if (mo_report_set_detail(report, result, mo_json_get_new_text(object, "detail")) ||
	    mo_report_set_device(report, result, mo_json_get_new_text(object, "device")))
		r->err = -ENOMEM;
}

/* One that a later version knows is none of ours. */
static void read_remedy(struct mo_json_reader *r, struct json_object *object, struct mo_report *report)
{
	bool is_known = !mo_json_is_null(object, "freed_bytes");
	struct mo_remedy remedy = {
		.object = mo_json_get_text(r, object, "object"),
		.asked_bytes = mo_json_get_u64(r, object, "asked_bytes", UINT64_MAX),
		.freed_bytes = is_known ? mo_json_get_u64(r, object, "freed_bytes", UINT64_MAX) : UINT64_MAX,
		.error = -(int)mo_json_get_u64(r, object, "errno", INT32_MAX),
	};

	if (!mo_remedies_parse(mo_json_get_text(r, object, "remedy"), &remedy.remedy) && mo_remedy_name(remedy.remedy) &&
	    mo_report_add_remedy(report, &remedy))
		r->err = -ENOMEM;
}

static void read_removed(struct mo_json_reader *r, struct json_object *object, struct mo_report *report)
{
	const char *device = mo_json_get_text(r, object, "device"), *slots = mo_json_get_text(r, object, "slots");
	bool is_gone = mo_json_get_flag(r, object, "gone");
	size_t i = mo_report_nr_removed(report);

	if (r->bad)
		return;
	if (!mo_report_add_removed(report, device, slots))
		r->err = -ENOMEM;
	else if (is_gone)
		mo_report_set_gone(report, i);
}

static void read_note(struct mo_json_reader *r, struct json_object *value, struct mo_report *report)
{
	const char *note = mo_json_string(value);

	if (!note)
		r->bad = "notes";
	else if (mo_report_add_note(report, "%s", note))
		r->err = -ENOMEM;
}

typedef void item_fn(struct mo_json_reader *r, struct json_object *item, struct mo_report *report);

static void read_array(struct mo_json_reader *r, struct json_object *object, const char *key, size_t max, item_fn *fn,
		       struct mo_report *report)
{
	struct json_object *array = mo_json_get_array(r, object, key);
	size_t nr = mo_json_nr(array), i;

	if (nr > max)
		r->bad = key;
	for (i = 0; i < nr && !r->bad && !r->err; i++)
		fn(r, mo_json_at(array, i), report);
}

static int get_result(struct mo_json_reader *r, struct json_object *object)
{
	const char *status = mo_json_get_text(r, object, "status");
	int error = (int)mo_json_get_u64(r, object, "errno", INT32_MAX);

	if (!strcmp(status, "failed") && error)
		return -error;
	if (!strcmp(status, "partial") && !error)
		return 1;
	if (!r->bad && (strcmp(status, "done") || error))
		r->bad = "status";
	return 0;
}

/* Reports of old have none. */
static uint64_t get_end_ms(struct mo_json_reader *r, struct json_object *object)
{
	if (!mo_json_has(object, "end_time_ms"))
		return (mo_json_get_u64(r, object, "start_time_s", UINT32_MAX) + 1) * 1000 +
		       mo_json_get_u64(r, object, "elapsed_ms", UINT64_MAX);
	return mo_json_get_u64(r, object, "end_time_ms", UINT64_MAX);
}

/* Reports did not always say so. */
static uint64_t get_wanted(struct mo_json_reader *r, struct json_object *object)
{
	return mo_json_has(object, "wanted_bytes") ?
		mo_json_get_u64(r, object, "wanted_bytes", UINT64_MAX) : 0;
}

static void read_totals(struct mo_json_reader *r, struct json_object *object, struct mo_report *report)
{
	struct mo_report_totals totals = {
		.engine = mo_json_get_text(r, object, "engine"),
		.result = get_result(r, object),
		.reason = mo_json_get_reason(r, object),
		.start_time_s = mo_json_get_u64(r, object, "start_time_s", UINT64_MAX),
		.elapsed_ms = mo_json_get_u64(r, object, "elapsed_ms", UINT64_MAX),
		.end_time_ms = get_end_ms(r, object),
		.moved_pages = mo_json_get_u64(r, object, "moved_pages", UINT64_MAX),
		.freed_bytes = mo_json_get_u64(r, object, "freed_bytes", UINT64_MAX),
		.wanted_bytes = get_wanted(r, object),
		.nr_pages_kept = mo_json_get_u64(r, object, "nr_pages_kept", UINT64_MAX),
	};

	if (mo_report_restore(report, &totals))
		r->err = -ENOMEM;
}

int mo_json_begin_report(struct mo_ctx *ctx, struct mo_json_reader *r, struct json_object *object,
			 struct mo_report **report, char *why, size_t size)
{
	uint64_t schema = mo_json_get_u64(r, object, "schema", UINT64_MAX);
	int err;

	if (!r->bad && schema != MO_JSON_SCHEMA) {
		snprintf(why, size, "it is of schema %llu and this version reads schema %d",
			 (unsigned long long)schema, MO_JSON_SCHEMA);
		return -EBADMSG;
	}
	err = mo_report_new(ctx, mo_json_get_text(r, object, "action"), mo_json_get_text(r, object, "target"), report);
	if (err)
		return err;
	read_array(r, object, "blocks", SIZE_MAX, read_block, *report);
	return 0;
}

int mo_json_end_report(struct mo_json_reader *r, struct json_object *object, struct mo_report *report,
		       struct mo_report **out, char *why, size_t size)
{
	read_totals(r, object, report);
	if (!r->bad && !r->err) {
		*out = report;
		return 0;
	}
	mo_report_unref(report);
	if (r->err)
		return r->err;
	snprintf(why, size, "its \"%s\" is missing or wrong", r->bad);
	return -EBADMSG;
}

static int read_report(struct mo_ctx *ctx, struct json_object *object, struct mo_report **out, char *why, size_t size)
{
	struct mo_json_reader r = { NULL, 0 };
	struct mo_report *report;
	int err = mo_json_begin_report(ctx, &r, object, &report, why, size);

	if (err)
		return err;
	read_array(&r, object, "records", MO_RECORDS_MAX, mo_json_read_record, report);
	if (mo_json_has(object, "remedies"))	/* reports of old have none */
		read_array(&r, object, "remedies", SIZE_MAX, read_remedy, report);
	if (mo_json_has(object, "removed"))	/* of a removal */
		read_array(&r, object, "removed", SIZE_MAX, read_removed, report);
	read_array(&r, object, "notes", SIZE_MAX, read_note, report);
	return mo_json_end_report(&r, object, report, out, why, size);
}

int mo_report_parse(struct mo_ctx *ctx, const char *text, struct mo_report **report, char *why, size_t size)
{
	struct json_object *object;
	int err = -EBADMSG;

	if (mo_json_open()) {
		snprintf(why, size, "%s; install libjson-c, which reads it", mo_json_problem());
		return -ELIBACC;
	}
	object = mo_json_parse(text, why, size);
	if (mo_json_is_object(object))
		err = read_report(ctx, object, report, why, size);
	else if (object)
		snprintf(why, size, "it is no JSON object");
	mo_json_drop(object);
	return err;
}
