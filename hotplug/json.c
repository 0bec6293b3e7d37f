// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reports and lines of the history as JSON and back: docs/json.md. Only this file knows the keys. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "bundle.h"
#include "library.h"
#include "private.h"

#define SCHEMA 1
#define DEPTH_MAX 16
#define REPLACEMENT "\xef\xbf\xbd"	/* U+FFFD */

#define FUNCTIONS(each) \
	each(json_object_new_string) \
	each(json_object_object_add) \
	each(json_object_put) \
	each(json_object_new_uint64) \
	each(json_object_array_add) \
	each(json_object_new_boolean) \
	each(json_object_get_boolean) \
	each(json_object_new_object) \
	each(json_object_new_int) \
	each(json_object_new_array) \
	each(json_object_object_get_ex) \
	each(json_object_to_json_string_ext) \
	each(json_object_is_type) \
	each(json_object_get_uint64) \
	each(json_object_get_int64) \
	each(json_object_get_string) \
	each(json_object_array_length) \
	each(json_object_array_get_idx) \
	each(json_object_iter_begin) \
	each(json_object_iter_end) \
	each(json_object_iter_equal) \
	each(json_object_iter_next) \
	each(json_object_iter_peek_name) \
	each(json_object_iter_peek_value) \
	each(json_object_set_string) \
	each(json_tokener_new_ex) \
	each(json_tokener_set_flags) \
	each(json_tokener_parse_ex) \
	each(json_tokener_get_error) \
	each(json_tokener_free) \
	each(json_tokener_error_desc)

LIBRARY(jsonc, "libjson-c.so.5", FUNCTIONS)

/* ---- names by their number ---- */

typedef const char *name_fn(unsigned int i);

static const char *reason_at(unsigned int i)
{
	return mo_reason_key((enum mo_reason)i);
}

static const char *kind_at(unsigned int i)
{
	return mo_kind_key((enum mo_kind)i);
}

static const char *zone_at(unsigned int i)
{
	return mo_zone_name((enum mo_zone)i);
}

static const char *outcome_at(unsigned int i)
{
	return mo_outcome_name((enum mo_outcome)i);
}

/* ---- writing: an object under construction; what fails is remembered until the end ---- */

struct writer {
	bool no_memory;
};

/* Length of the UTF-8 sequence at S (RFC 3629: shortest form, no surrogates, up to U+10FFFF), 0 when it is none. */
static size_t utf8_len(const unsigned char *s)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t len, i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0;
	if (s[0] == 0xed)
		high = 0x9f;
	if (s[0] == 0xf0)
		low = 0x90;
	if (s[0] == 0xf4)
		high = 0x8f;
	for (i = 1; i < len; i++, low = 0x80, high = 0xbf)
		if (s[i] < low || s[i] > high)
			return 0;
	return len;
}

/* Names of processes and files hold any byte, JSON only text: json-c hands on what it gets. */
static struct json_object *new_text(const char *bytes)
{
	char *text = malloc(strlen(bytes) * strlen(REPLACEMENT) + 1), *end = text;
	struct json_object *value;
	size_t len;

	if (!text)
		return NULL;
	while (*bytes) {
		len = utf8_len((const unsigned char *)bytes);
		end = mempcpy(end, len ? bytes : REPLACEMENT, len ? len : strlen(REPLACEMENT));
		bytes += len ? len : 1;
	}
	*end = '\0';
	value = jsonc.json_object_new_string(text);
	free(text);
	return value;
}

/* Takes VALUE. */
static void put(struct writer *w, struct json_object *object, const char *key, struct json_object *value)
{
	if (value && object && !jsonc.json_object_object_add(object, key, value))
		return;
	jsonc.json_object_put(value);
	w->no_memory = true;
}

static void put_text(struct writer *w, struct json_object *object, const char *key, const char *bytes)
{
	put(w, object, key, new_text(bytes ? bytes : ""));
}

static void put_u64(struct writer *w, struct json_object *object, const char *key, uint64_t value)
{
	put(w, object, key, jsonc.json_object_new_uint64(value));
}

/* "Not known" is null. */
static void put_known(struct writer *w, struct json_object *object, const char *key, bool known, uint64_t value)
{
	if (known)
		put_u64(w, object, key, value);
	else if (!object || jsonc.json_object_object_add(object, key, NULL))
		w->no_memory = true;
}

/* Takes VALUE. */
static void append(struct writer *w, struct json_object *array, struct json_object *value)
{
	if (value && array && !jsonc.json_object_array_add(array, value))
		return;
	jsonc.json_object_put(value);
	w->no_memory = true;
}

static void put_error(struct writer *w, struct json_object *object, int error)
{
	const char *name = error < 0 ? strerrorname_np(-error) : "";

	put_u64(w, object, "errno", error < 0 ? (uint64_t)-(int64_t)error : 0);
	put_text(w, object, "error", name);
}

static struct json_object *new_block_head(struct writer *w, const struct mo_block_result *result)
{
	struct json_object *object = jsonc.json_object_new_object();

	put_u64(w, object, "block", result->block);
	put_text(w, object, "outcome", mo_outcome_name(result->outcome));
	put_error(w, object, result->error);
	put_text(w, object, "reason", mo_reason_key(result->reason));
	put_text(w, object, "zone", mo_zone_name(result->zone));
	put_u64(w, object, "pages_before", result->pages_before);
	put_u64(w, object, "pages_left", result->pages_left);
	put_u64(w, object, "elapsed_ms", result->elapsed_ms);
	put_text(w, object, "device", result->device);
	return object;
}

static struct json_object *new_block(struct writer *w, const struct mo_block_result *result)
{
	struct json_object *object = new_block_head(w, result);

	put_text(w, object, "detail", result->detail);
	return object;
}

static struct json_object *new_owner(struct writer *w, const struct mo_owner *owner)
{
	struct json_object *object = jsonc.json_object_new_object();

	put(w, object, "pid", jsonc.json_object_new_int(owner->pid));
	put_u64(w, object, "addr", owner->addr);
	put_text(w, object, "comm", owner->comm);
	put_text(w, object, "vma", owner->vma);
	return object;
}

static struct json_object *new_owners(struct writer *w, const struct mo_record *record)
{
	struct json_object *array = jsonc.json_object_new_array();
	const struct mo_owner *owner;
	size_t i;

	for (i = 0; (owner = mo_record_owner(record, i)); i++)
		append(w, array, new_owner(w, owner));
	return array;
}

static struct json_object *new_hold(struct writer *w, const struct mo_hold *hold)
{
	struct json_object *object = jsonc.json_object_new_object();

	put_u64(w, object, "pid", (uint64_t)hold->pid);
	put_text(w, object, "comm", hold->comm);
	put_text(w, object, "kind", mo_hold_key(hold->kind));
	put_known(w, object, "fd", hold->fd >= 0, (uint64_t)hold->fd);
	put(w, object, "sure", jsonc.json_object_new_boolean(hold->is_sure));
	return object;
}

static struct json_object *new_holds(struct writer *w, const struct mo_record *record)
{
	struct json_object *array = jsonc.json_object_new_array();
	const struct mo_hold *hold;

	for (size_t i = 0; (hold = mo_record_hold(record, i)); i++)
		append(w, array, new_hold(w, hold));
	return array;
}

static void put_device(struct writer *w, struct json_object *object, const struct mo_record *record)
{
	char device[32] = "";

	if (record->file_major || record->file_minor)
		snprintf(device, sizeof(device), "%u:%u", record->file_major, record->file_minor);
	put_text(w, object, "file_dev", device);
}

static void put_count(struct writer *w, struct json_object *object, const char *key, int32_t count)
{
	put_known(w, object, key, count >= 0, (uint64_t)count);
}

static struct json_object *new_record(struct writer *w, const struct mo_record *record)
{
	struct json_object *object = jsonc.json_object_new_object();

	put_known(w, object, "start_pfn", record->start_pfn != NO_PFN, record->start_pfn);
	put_u64(w, object, "nr_pages", record->nr_pages);
	put_known(w, object, "block", record->block != UINT32_MAX, record->block);
	put_text(w, object, "kind", mo_kind_key(record->kind));
	put_text(w, object, "reason", mo_reason_key(record->reason));
	put_u64(w, object, "kpageflags", record->kpageflags);
	put_count(w, object, "refs", record->refs);
	put_count(w, object, "refs_expected", record->refs_expected);
	put_count(w, object, "mapcount", record->mapcount);
	put_count(w, object, "pincount", record->pincount);
	put_known(w, object, "cgroup_inode", record->cgroup_inode, record->cgroup_inode);
	put_text(w, object, "cgroup", record->cgroup);
	put_known(w, object, "file_inode", record->file_inode, record->file_inode);
	put_device(w, object, record);
	put_text(w, object, "file", record->file);
	put_text(w, object, "slab_cache", record->slab);
	put_u64(w, object, "nr_owners", record->nr_owners);
	put(w, object, "owners", new_owners(w, record));
	put(w, object, "holds", new_holds(w, record));
	put_text(w, object, "stack", record->stack);
	put_known(w, object, "since_s", record->since_s, record->since_s);
	return object;
}

static struct json_object *new_blocks(struct writer *w, const struct mo_report *report)
{
	struct json_object *array = jsonc.json_object_new_array();
	const struct mo_block_result *result;
	size_t i;

	for (i = 0; (result = mo_report_block(report, i)); i++)
		append(w, array, new_block(w, result));
	return array;
}

static struct json_object *new_records(struct writer *w, const struct mo_report *report)
{
	struct json_object *array = jsonc.json_object_new_array();
	const struct mo_record *record;
	size_t i;

	for (i = 0; (record = mo_report_record(report, i)); i++)
		append(w, array, new_record(w, record));
	return array;
}

static struct json_object *new_kept(struct writer *w, const struct mo_moves *moves)
{
	struct json_object *object = jsonc.json_object_new_object();

	for (unsigned int i = MO_REASON_NONE + 1; i < MO_REASON_NR; i++)
		if (moves->kept_by_reason[i])
			put_u64(w, object, mo_reason_key((enum mo_reason)i), moves->kept_by_reason[i]);
	return object;
}

static void put_moves(struct writer *w, struct json_object *object, const struct mo_moves *moves)
{
	put_u64(w, object, "moved_pages", moves->moved_pages);
	put_u64(w, object, "evicted_pages", moves->evicted_pages);
	put_u64(w, object, "kept_pages", moves->kept_pages);
	put_u64(w, object, "shared_pages", moves->shared_pages);
	put_u64(w, object, "swapped_pages", moves->swapped_pages);
	put_known(w, object, "nr_split", moves->nr_split != UINT64_MAX, moves->nr_split);
	put(w, object, "kept_by_reason", new_kept(w, moves));
}

static struct json_object *new_process(struct writer *w, const struct mo_process_result *result)
{
	struct json_object *object = jsonc.json_object_new_object();

	put(w, object, "pid", jsonc.json_object_new_int(result->pid));
	put_text(w, object, "comm", result->comm);
	put_error(w, object, result->error);
	put_text(w, object, "reason", mo_reason_key(result->reason));
	put_u64(w, object, "elapsed_ms", result->elapsed_ms);
	put_moves(w, object, &result->moves);
	return object;
}

static struct json_object *new_processes(struct writer *w, const struct mo_report *report)
{
	struct json_object *array = jsonc.json_object_new_array();
	const struct mo_process_result *result;

	for (size_t i = 0; (result = mo_report_process(report, i)); i++)
		append(w, array, new_process(w, result));
	return array;
}

static struct json_object *new_remedy(struct writer *w, const struct mo_remedy *remedy)
{
	struct json_object *object = jsonc.json_object_new_object();

	put_text(w, object, "remedy", mo_remedy_name(remedy->remedy));
	put_text(w, object, "object", remedy->object);
	put_u64(w, object, "asked_bytes", remedy->asked_bytes);
	put_known(w, object, "freed_bytes", remedy->freed_bytes != UINT64_MAX, remedy->freed_bytes);
	put_error(w, object, remedy->error);
	return object;
}

static struct json_object *new_remedies(struct writer *w, const struct mo_report *report)
{
	struct json_object *array = jsonc.json_object_new_array();
	const struct mo_remedy *remedy;

	for (size_t i = 0; (remedy = mo_report_remedy(report, i)); i++)
		append(w, array, new_remedy(w, remedy));
	return array;
}

static struct json_object *new_notes(struct writer *w, const struct mo_report *report)
{
	struct json_object *array = jsonc.json_object_new_array();
	const char *note;
	size_t i;

	for (i = 0; (note = mo_report_note(report, i)); i++)
		append(w, array, new_text(note));
	return array;
}

/* The sentences for each reason that occurs, so that a reader of the JSON needs no table of his own. */
static void explain(struct writer *w, struct json_object *reasons, enum mo_reason reason)
{
	struct json_object *object;

	if (reason == MO_REASON_NONE || jsonc.json_object_object_get_ex(reasons, mo_reason_key(reason), NULL))
		return;
	object = jsonc.json_object_new_object();
	put_text(w, object, "name", mo_reason_name(reason));
	put_text(w, object, "text", mo_reason_text(reason));
	put_text(w, object, "remedy", mo_reason_remedy(reason));
	put(w, reasons, mo_reason_key(reason), object);
}

static struct json_object *new_reasons(struct writer *w, const struct mo_report *report)
{
	struct json_object *reasons = jsonc.json_object_new_object();
	const struct mo_moves *moves = mo_report_moves(report);
	const struct mo_block_result *result;
	const struct mo_record *record;
	size_t i;

	explain(w, reasons, mo_report_reason(report));
	for (i = 0; (result = mo_report_block(report, i)); i++)
		explain(w, reasons, result->reason);
	for (i = 0; (record = mo_report_record(report, i)); i++)
		explain(w, reasons, record->reason);
	for (i = 0; moves && i < MO_REASON_NR; i++)
		if (moves->kept_by_reason[i])
			explain(w, reasons, (enum mo_reason)i);
	return reasons;
}

static void put_head(struct writer *w, struct json_object *object, const struct mo_report *report)
{
	const struct mo_moves *moves = mo_report_moves(report);

	put_u64(w, object, "schema", SCHEMA);
	put_text(w, object, "action", mo_report_action(report));
	put_text(w, object, "engine", mo_report_engine(report));
	put_text(w, object, "target", mo_report_target(report));
	put_text(w, object, "status", mo_status_name(mo_report_result(report)));
	put_error(w, object, mo_report_result(report));
	put_text(w, object, "reason", mo_reason_key(mo_report_reason(report)));
	put_u64(w, object, "start_time_s", mo_report_start_time_s(report));
	put_u64(w, object, "elapsed_ms", mo_report_elapsed_ms(report));
	put_u64(w, object, "end_time_ms", mo_report_end_ms(report));
	if (moves)
		put_moves(w, object, moves);
	else
		put_u64(w, object, "moved_pages", mo_report_moved_pages(report));
	put_u64(w, object, "freed_bytes", mo_report_freed_bytes(report));
	put_u64(w, object, "wanted_bytes", mo_report_wanted_bytes(report));
	put_u64(w, object, "nr_pages_kept", mo_report_nr_pages_kept(report));
}

static struct json_object *new_report(struct writer *w, const struct mo_report *report)
{
	struct json_object *object = jsonc.json_object_new_object();

	put_head(w, object, report);
	put(w, object, "blocks", new_blocks(w, report));
	if (mo_report_moves(report))
		put(w, object, "processes", new_processes(w, report));
	put(w, object, "records", new_records(w, report));
	put(w, object, "reasons", new_reasons(w, report));
	if (!mo_report_moves(report))
		put(w, object, "remedies", new_remedies(w, report));
	put(w, object, "notes", new_notes(w, report));
	return object;
}

/* Takes OBJECT. */
static int to_text(const struct writer *w, struct json_object *object, int flags, char **text)
{
	const char *lent = NULL;
	char *copy = NULL;

	if (object && !w->no_memory)
		lent = jsonc.json_object_to_json_string_ext(object, flags | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (lent)
		copy = strdup(lent);
	jsonc.json_object_put(object);
	if (!copy)
		return -ENOMEM;
	*text = copy;
	return 0;
}

int mo_report_to_json(const struct mo_report *report, char **text)
{
	struct writer w = { false };

	if (open_jsonc())
		return -ELIBACC;
	return to_text(&w, new_report(&w, report), JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED, text);
}

/* What was not tried tells nothing for later. */
static struct json_object *new_tried_blocks(struct writer *w, const struct mo_report *report, uint64_t *nr_tried)
{
	struct json_object *array = jsonc.json_object_new_array();
	const struct mo_block_result *result;

	*nr_tried = 0;
	for (size_t i = 0; (result = mo_report_block(report, i)); i++) {
		if (result->outcome == MO_OUTCOME_NOT_TRIED)
			continue;
		if (++*nr_tried <= MO_LINE_BLOCKS_MAX)
			append(w, array, new_block_head(w, result));
	}
	return array;
}

static void put_attempt(struct writer *w, struct json_object *object, const struct mo_line *line)
{
	uint64_t nr_tried;

	put_head(w, object, line->report);
	put_text(w, object, "kernel", line->kernel);
	put_u64(w, object, "page_bytes", line->page_bytes);
	put_u64(w, object, "block_bytes", line->block_bytes);
	put_u64(w, object, "move_bytes", line->move_bytes);
	put_u64(w, object, "max_mib_s", line->max_mib_s);
	put(w, object, "blocks", new_tried_blocks(w, line->report, &nr_tried));
	put_u64(w, object, "nr_blocks", nr_tried);
	put_u64(w, object, "nr_processes", mo_report_nr_processes(line->report));
}

/* Those that are not 0. */
static struct json_object *new_counts(struct writer *w, const uint64_t *counts, name_fn *name_of, unsigned int nr)
{
	struct json_object *object = jsonc.json_object_new_object();

	for (unsigned int i = 0; i < nr; i++)
		if (counts[i])
			put_u64(w, object, name_of(i), counts[i]);
	return object;
}

static struct json_object *new_total(struct writer *w, const struct mo_history_total *total)
{
	struct json_object *object = jsonc.json_object_new_object();

	put_text(w, object, "action", total->action);
	put_text(w, object, "engine", total->engine);
	put_text(w, object, "status", total->status);
	put_u64(w, object, "nr_attempts", total->nr_attempts);
	put_u64(w, object, "elapsed_ms", total->elapsed_ms);
	put_u64(w, object, "moved_bytes", total->moved_bytes);
	put_u64(w, object, "freed_bytes", total->freed_bytes);
	put_u64(w, object, "last_time_s", total->last_time_s);
	put(w, object, "outcomes", new_counts(w, total->nr_blocks, outcome_at, MO_OUTCOME_NR));
	put(w, object, "failed", new_counts(w, total->nr_failed, reason_at, MO_REASON_NR));
	return object;
}

static void put_totals(struct writer *w, struct json_object *object, const struct mo_totals *totals)
{
	struct json_object *array = jsonc.json_object_new_array();

	for (size_t i = 0; i < totals->nr; i++)
		append(w, array, new_total(w, &totals->all[i]));
	put_u64(w, object, "schema", SCHEMA);
	put_u64(w, object, "since_s", totals->since_s);
	put(w, object, "totals", array);
}

int mo_line_to_json(const struct mo_line *line, char **text)
{
	struct writer w = { false };
	struct json_object *object;

	if (open_jsonc())
		return -ELIBACC;
	object = jsonc.json_object_new_object();
	if (line->report)
		put_attempt(&w, object, line);
	else
		put_totals(&w, object, &line->totals);
	return to_text(&w, object, JSON_C_TO_STRING_PLAIN, text);
}

/* ---- reading: the first key that is missing or wrong is remembered; what is not known is skipped ---- */

struct reader {
	const char *bad;
	int err;
};

static struct json_object *get(struct reader *r, struct json_object *object, const char *key, enum json_type type)
{
	struct json_object *value;

	if (jsonc.json_object_object_get_ex(object, key, &value) && jsonc.json_object_is_type(value, type))
		return value;
	if (!r->bad)
		r->bad = key;
	return NULL;
}

static uint64_t get_u64(struct reader *r, struct json_object *object, const char *key, uint64_t max)
{
	struct json_object *value = get(r, object, key, json_type_int);
	uint64_t number;

	if (!value)
		return 0;
	number = jsonc.json_object_get_uint64(value);
	if (jsonc.json_object_get_int64(value) >= 0 && number <= max)
		return number;
	if (!r->bad)
		r->bad = key;
	return 0;
}

static bool is_null(struct json_object *object, const char *key)
{
	struct json_object *value;

	return jsonc.json_object_object_get_ex(object, key, &value) && !value;
}

static uint64_t get_inode(struct reader *r, struct json_object *object, const char *key)
{
	return is_null(object, key) ? 0 : get_u64(r, object, key, UINT64_MAX);
}

static int32_t get_count(struct reader *r, struct json_object *object, const char *key)
{
	return is_null(object, key) ? -1 : (int32_t)get_u64(r, object, key, INT32_MAX);
}

/* Belongs to OBJECT; "" where there is none, as in reports of old. */
static const char *get_new_text(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!jsonc.json_object_object_get_ex(object, key, &value) ||
	    !jsonc.json_object_is_type(value, json_type_string))
		return "";
	return jsonc.json_object_get_string(value);
}

/* Belongs to OBJECT; never NULL. */
static const char *get_text(struct reader *r, struct json_object *object, const char *key)
{
	struct json_object *value = get(r, object, key, json_type_string);

	return value ? jsonc.json_object_get_string(value) : "";
}

static int find_name(name_fn *name_of, unsigned int nr, const char *name)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (!strcmp(name_of(i), name))
			return (int)i;
	return -ENOENT;
}

/* A later version may know more reasons and zones; kinds and outcomes must be known, for they change what is said. */
static enum mo_reason get_reason(struct reader *r, struct json_object *object)
{
	int i = find_name(reason_at, MO_REASON_NR, get_text(r, object, "reason"));

	return i < 0 ? MO_REASON_UNKNOWN : (enum mo_reason)i;
}

static enum mo_zone get_zone(struct reader *r, struct json_object *object)
{
	int i = find_name(zone_at, MO_ZONE_DEVICE + 1, get_text(r, object, "zone"));

	return i < 0 ? MO_ZONE_UNKNOWN : (enum mo_zone)i;
}

static unsigned int get_known(struct reader *r, struct json_object *object, const char *key, name_fn *name_of,
			      unsigned int nr)
{
	int i = find_name(name_of, nr, get_text(r, object, key));

	if (i >= 0)
		return (unsigned int)i;
	if (!r->bad)
		r->bad = key;
	return 0;
}

static void read_block(struct reader *r, struct json_object *object, struct mo_report *report)
{
	uint32_t number = (uint32_t)get_u64(r, object, "block", UINT32_MAX);
	struct mo_block_result *result = mo_report_add_block(report, number, get_zone(r, object));

	if (!result) {
		r->err = -ENOMEM;
		return;
	}
	result->outcome = (enum mo_outcome)get_known(r, object, "outcome", outcome_at, MO_OUTCOME_NR);
	result->error = -(int)get_u64(r, object, "errno", INT32_MAX);
	result->reason = get_reason(r, object);
	result->pages_before = get_u64(r, object, "pages_before", UINT64_MAX);
	result->pages_left = get_u64(r, object, "pages_left", UINT64_MAX);
	result->elapsed_ms = get_u64(r, object, "elapsed_ms", UINT64_MAX);
	if (mo_report_set_detail(report, result, get_new_text(object, "detail")) ||
	    mo_report_set_device(report, result, get_new_text(object, "device")))
		r->err = -ENOMEM;
}

static void read_owner(struct reader *r, struct json_object *object, struct mo_record *record)
{
	struct mo_owner owner = {
		.pid = (int32_t)get_u64(r, object, "pid", INT32_MAX),
		.addr = get_u64(r, object, "addr", UINT64_MAX),
		.comm = get_text(r, object, "comm"),
		.vma = get_text(r, object, "vma"),
	};

	if (mo_record_add_owner(record, &owner))
		r->err = -ENOMEM;
}

static void read_owners(struct reader *r, struct json_object *object, struct mo_record *record)
{
	struct json_object *array = get(r, object, "owners", json_type_array);
	size_t nr = array ? jsonc.json_object_array_length(array) : 0, i;

	for (i = 0; i < nr && !r->bad && !r->err; i++)
		read_owner(r, jsonc.json_object_array_get_idx(array, i), record);
	record->nr_owners = (uint32_t)get_u64(r, object, "nr_owners", UINT32_MAX);
	if (!r->bad && record->nr_owners < nr)
		r->bad = "nr_owners";
}

static const char *hold_at(unsigned int i)
{
	return mo_hold_key((enum mo_hold_kind)i);
}

static void read_hold(struct reader *r, struct json_object *object, struct mo_record *record)
{
	struct mo_hold hold = {
		.pid = (int32_t)get_u64(r, object, "pid", INT32_MAX),
		.fd = get_count(r, object, "fd"),
		.kind = (enum mo_hold_kind)get_known(r, object, "kind", hold_at, MO_HOLD_NR),
		.comm = get_text(r, object, "comm"),
	};
	struct json_object *sure = get(r, object, "sure", json_type_boolean);

	hold.is_sure = sure && jsonc.json_object_get_boolean(sure);
	if (!r->bad && mo_record_add_hold(record, &hold))
		r->err = -ENOMEM;
}

/* What reports of old don't have. */
static void read_more(struct reader *r, struct json_object *object, struct mo_record *record)
{
	struct json_object *value;

	sscanf(get_new_text(object, "file_dev"), "%u:%u", &record->file_major, &record->file_minor);
	if (jsonc.json_object_object_get_ex(object, "since_s", &value) && value)
		record->since_s = get_u64(r, object, "since_s", UINT64_MAX);
	if (!jsonc.json_object_object_get_ex(object, "holds", &value) ||
	    !jsonc.json_object_is_type(value, json_type_array))
		return;
	for (size_t i = 0; i < jsonc.json_object_array_length(value) && !r->bad && !r->err; i++)
		read_hold(r, jsonc.json_object_array_get_idx(value, i), record);
}

static void read_record(struct reader *r, struct json_object *object, struct mo_report *report)
{
	struct mo_record *record, facts = {
		.start_pfn = get_u64(r, object, "start_pfn", UINT64_MAX),
		.nr_pages = get_u64(r, object, "nr_pages", UINT64_MAX),
		.block = (uint32_t)get_u64(r, object, "block", UINT32_MAX),
		.kind = (enum mo_kind)get_known(r, object, "kind", kind_at, MO_KIND_NR),
		.reason = get_reason(r, object),
		.kpageflags = get_u64(r, object, "kpageflags", UINT64_MAX),
		.refs = get_count(r, object, "refs"),
		.refs_expected = get_count(r, object, "refs_expected"),
		.mapcount = get_count(r, object, "mapcount"),
		.pincount = get_count(r, object, "pincount"),
		.cgroup_inode = get_inode(r, object, "cgroup_inode"),
		.file_inode = get_inode(r, object, "file_inode"),
		.file = get_text(r, object, "file"),
		.cgroup = get_new_text(object, "cgroup"),
		.slab = get_new_text(object, "slab_cache"),
		.stack = get_new_text(object, "stack"),
	};

	if (r->bad)
		return;
	record = mo_report_add_record(report, &facts);
	if (!record) {
		r->err = -ENOMEM;
		return;
	}
	read_owners(r, object, record);
	if (!r->bad)
		read_more(r, object, record);
}

/* One that a later version knows is none of ours. */
static void read_remedy(struct reader *r, struct json_object *object, struct mo_report *report)
{
	bool is_known = !is_null(object, "freed_bytes");
	struct mo_remedy remedy = {
		.object = get_text(r, object, "object"),
		.asked_bytes = get_u64(r, object, "asked_bytes", UINT64_MAX),
		.freed_bytes = is_known ? get_u64(r, object, "freed_bytes", UINT64_MAX) : UINT64_MAX,
		.error = -(int)get_u64(r, object, "errno", INT32_MAX),
	};

	if (!mo_remedies_parse(get_text(r, object, "remedy"), &remedy.remedy) && mo_remedy_name(remedy.remedy) &&
	    mo_report_add_remedy(report, &remedy))
		r->err = -ENOMEM;
}

static void read_note(struct reader *r, struct json_object *value, struct mo_report *report)
{
	if (!jsonc.json_object_is_type(value, json_type_string))
		r->bad = "notes";
	else if (mo_report_add_note(report, "%s", jsonc.json_object_get_string(value)))
		r->err = -ENOMEM;
}

typedef void item_fn(struct reader *r, struct json_object *item, struct mo_report *report);

static void read_array(struct reader *r, struct json_object *object, const char *key, size_t max, item_fn *fn,
		       struct mo_report *report)
{
	struct json_object *array = get(r, object, key, json_type_array);
	size_t nr = array ? jsonc.json_object_array_length(array) : 0, i;

	if (nr > max)
		r->bad = key;
	for (i = 0; i < nr && !r->bad && !r->err; i++)
		fn(r, jsonc.json_object_array_get_idx(array, i), report);
}

static int get_result(struct reader *r, struct json_object *object)
{
	const char *status = get_text(r, object, "status");
	int error = (int)get_u64(r, object, "errno", INT32_MAX);

	if (!strcmp(status, "failed") && error)
		return -error;
	if (!strcmp(status, "partial") && !error)
		return 1;
	if (!r->bad && (strcmp(status, "done") || error))
		r->bad = "status";
	return 0;
}

/* Reports of old have none. */
static uint64_t get_end_ms(struct reader *r, struct json_object *object)
{
	if (!jsonc.json_object_object_get_ex(object, "end_time_ms", NULL))
		return (get_u64(r, object, "start_time_s", UINT32_MAX) + 1) * 1000 + get_u64(r, object, "elapsed_ms", UINT64_MAX);
	return get_u64(r, object, "end_time_ms", UINT64_MAX);
}

/* Reports did not always say so. */
static uint64_t get_wanted(struct reader *r, struct json_object *object)
{
	return jsonc.json_object_object_get_ex(object, "wanted_bytes", NULL) ?
		get_u64(r, object, "wanted_bytes", UINT64_MAX) : 0;
}

static void read_totals(struct reader *r, struct json_object *object, struct mo_report *report)
{
	struct mo_report_totals totals = {
		.engine = get_text(r, object, "engine"),
		.result = get_result(r, object),
		.reason = get_reason(r, object),
		.start_time_s = get_u64(r, object, "start_time_s", UINT64_MAX),
		.elapsed_ms = get_u64(r, object, "elapsed_ms", UINT64_MAX),
		.end_time_ms = get_end_ms(r, object),
		.moved_pages = get_u64(r, object, "moved_pages", UINT64_MAX),
		.freed_bytes = get_u64(r, object, "freed_bytes", UINT64_MAX),
		.wanted_bytes = get_wanted(r, object),
		.nr_pages_kept = get_u64(r, object, "nr_pages_kept", UINT64_MAX),
	};

	if (mo_report_restore(report, &totals))
		r->err = -ENOMEM;
}

/* What a report and a line of the history have in common. */
static int begin_report(struct mo_ctx *ctx, struct reader *r, struct json_object *object, struct mo_report **report,
			char *why, size_t size)
{
	uint64_t schema = get_u64(r, object, "schema", UINT64_MAX);
	int err;

	if (!r->bad && schema != SCHEMA) {
		snprintf(why, size, "it is of schema %llu and this version reads schema %d",
			 (unsigned long long)schema, SCHEMA);
		return -EBADMSG;
	}
	err = mo_report_new(ctx, get_text(r, object, "action"), get_text(r, object, "target"), report);
	if (err)
		return err;
	read_array(r, object, "blocks", SIZE_MAX, read_block, *report);
	return 0;
}

/* Last, for what is read before counts in totals of its own. */
static int end_report(struct reader *r, struct json_object *object, struct mo_report *report, struct mo_report **out,
		      char *why, size_t size)
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
	struct reader r = { NULL, 0 };
	struct mo_report *report;
	int err = begin_report(ctx, &r, object, &report, why, size);

	if (err)
		return err;
	read_array(&r, object, "records", MO_RECORDS_MAX, read_record, report);
	if (jsonc.json_object_object_get_ex(object, "remedies", NULL))	/* reports of old have none */
		read_array(&r, object, "remedies", SIZE_MAX, read_remedy, report);
	read_array(&r, object, "notes", SIZE_MAX, read_note, report);
	return end_report(&r, object, report, out, why, size);
}

/* What a later version counts is skipped. */
static void read_counts(struct reader *r, struct json_object *object, const char *key, uint64_t *counts,
			name_fn *name_of, unsigned int nr)
{
	struct json_object *values = get(r, object, key, json_type_object);

	for (unsigned int i = 0; values && i < nr; i++)
		if (jsonc.json_object_object_get_ex(values, name_of(i), NULL))
			counts[i] = get_u64(r, values, name_of(i), UINT64_MAX);
}

static void read_total(struct reader *r, struct json_object *object, struct mo_totals *totals)
{
	struct mo_history_total *total = mo_totals_find(totals, get_text(r, object, "action"),
							get_text(r, object, "engine"), get_text(r, object, "status"));

	if (!total)
		return;
	total->nr_attempts = get_u64(r, object, "nr_attempts", UINT64_MAX);
	total->elapsed_ms = get_u64(r, object, "elapsed_ms", UINT64_MAX);
	total->moved_bytes = get_u64(r, object, "moved_bytes", UINT64_MAX);
	total->freed_bytes = get_u64(r, object, "freed_bytes", UINT64_MAX);
	total->last_time_s = get_u64(r, object, "last_time_s", UINT64_MAX);
	read_counts(r, object, "outcomes", total->nr_blocks, outcome_at, MO_OUTCOME_NR);
	read_counts(r, object, "failed", total->nr_failed, reason_at, MO_REASON_NR);
}

static int read_line_of_totals(struct json_object *object, struct mo_line *line)
{
	struct reader r = { NULL, 0 };
	struct json_object *array = get(&r, object, "totals", json_type_array);
	size_t nr = array ? jsonc.json_object_array_length(array) : 0;

	line->totals.since_s = get_u64(&r, object, "since_s", UINT64_MAX);
	if (get_u64(&r, object, "schema", UINT64_MAX) != SCHEMA)
		return -EBADMSG;
	for (size_t i = 0; i < nr && !r.bad; i++)
		read_total(&r, jsonc.json_object_array_get_idx(array, i), &line->totals);
	if (!r.bad)
		return 0;
	free(line->totals.all);
	line->totals = (struct mo_totals){ 0 };
	return -EBADMSG;
}

static int read_line(struct mo_ctx *ctx, struct json_object *object, struct mo_line *line)
{
	struct reader r = { NULL, 0 };
	struct mo_report *report;
	char why[128];
	int err = begin_report(ctx, &r, object, &report, why, sizeof(why));

	if (err)
		return err;
	snprintf(line->kernel, sizeof(line->kernel), "%s", get_text(&r, object, "kernel"));
	line->page_bytes = get_u64(&r, object, "page_bytes", UINT32_MAX);
	line->block_bytes = get_u64(&r, object, "block_bytes", UINT64_MAX);
	line->move_bytes = get_u64(&r, object, "move_bytes", UINT64_MAX);
	line->max_mib_s = (uint32_t)get_u64(&r, object, "max_mib_s", UINT32_MAX);
	return end_report(&r, object, report, &line->report, why, sizeof(why));
}

static struct json_object *parse(const char *text, char *why, size_t size)
{
	struct json_tokener *tokener = jsonc.json_tokener_new_ex(DEPTH_MAX);
	struct json_object *object;
	enum json_tokener_error error;

	if (!tokener) {
		snprintf(why, size, "there is no memory for it");
		return NULL;
	}
	jsonc.json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	/* The NUL is part of it: a number at the end would go on without it. */
	object = jsonc.json_tokener_parse_ex(tokener, text, (int)strnlen(text, INT_MAX - 1) + 1);
	error = jsonc.json_tokener_get_error(tokener);
	jsonc.json_tokener_free(tokener);
	if (!object)
		snprintf(why, size, "%s", error == json_tokener_continue ? "it ends too early" :
			 jsonc.json_tokener_error_desc(error));
	return object;
}

int mo_report_parse(struct mo_ctx *ctx, const char *text, struct mo_report **report, char *why, size_t size)
{
	struct json_object *object;
	int err = -EBADMSG;

	if (open_jsonc()) {
		snprintf(why, size, "%s; install libjson-c, which reads it", jsonc.why);
		return -ELIBACC;
	}
	object = parse(text, why, size);
	if (jsonc.json_object_is_type(object, json_type_object))
		err = read_report(ctx, object, report, why, size);
	else if (object)
		snprintf(why, size, "it is no JSON object");
	jsonc.json_object_put(object);
	return err;
}

int mo_line_parse(struct mo_ctx *ctx, const char *text, struct mo_line *line)
{
	struct json_object *object;
	char why[128];
	int err = -EBADMSG;

	if (open_jsonc())
		return -ELIBACC;
	object = parse(text, why, sizeof(why));
	if (jsonc.json_object_object_get_ex(object, "totals", NULL))
		err = read_line_of_totals(object, line);
	else if (jsonc.json_object_is_type(object, json_type_object))
		err = read_line(ctx, object, line);
	jsonc.json_object_put(object);
	return err;
}

/* ---- other texts, of which each string becomes another ---- */

struct mapping {
	mo_string_fn *fn;
	void *data;
	bool no_memory;
};

static void map_value(struct mapping *mapping, const char *key, struct json_object *value);

static void map_string(struct mapping *mapping, const char *key, struct json_object *value)
{
	char *text = mapping->fn(mapping->data, key, jsonc.json_object_get_string(value));

	if (!text || !jsonc.json_object_set_string(value, text))
		mapping->no_memory = true;
	free(text);
}

static void map_object(struct mapping *mapping, struct json_object *object)
{
	struct json_object_iterator at = jsonc.json_object_iter_begin(object), end = jsonc.json_object_iter_end(object);

	for (; !jsonc.json_object_iter_equal(&at, &end); jsonc.json_object_iter_next(&at))
		map_value(mapping, jsonc.json_object_iter_peek_name(&at), jsonc.json_object_iter_peek_value(&at));
}

static void map_value(struct mapping *mapping, const char *key, struct json_object *value)
{
	size_t nr = jsonc.json_object_is_type(value, json_type_array) ? jsonc.json_object_array_length(value) : 0;

	for (size_t i = 0; i < nr; i++)
		map_value(mapping, key, jsonc.json_object_array_get_idx(value, i));
	if (jsonc.json_object_is_type(value, json_type_object))
		map_object(mapping, value);
	else if (jsonc.json_object_is_type(value, json_type_string))
		map_string(mapping, key, value);
}

int mo_json_map(const char *text, mo_string_fn *fn, void *data, char **mapped)
{
	struct mapping mapping = { .fn = fn, .data = data };
	struct json_object *object;
	const char *lent = NULL;
	char why[256];

	if (open_jsonc())
		return -ELIBACC;
	object = parse(text, why, sizeof(why));
	if (!object)
		return -EBADMSG;
	map_value(&mapping, "", object);
	if (!mapping.no_memory)
		lent = jsonc.json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
							    JSON_C_TO_STRING_NOSLASHESCAPE);
	*mapped = lent ? strdup(lent) : NULL;
	jsonc.json_object_put(object);
	return *mapped ? 0 : -ENOMEM;
}

/* ---- the manifest of a bundle ---- */

static struct json_object *new_parts(struct writer *w)
{
	struct json_object *array = jsonc.json_object_new_array(), *object;
	const char *folder, *names;

	for (size_t i = 0; mo_part_get(i, &folder, &names); i++) {
		object = jsonc.json_object_new_object();
		put_text(w, object, "folder", folder);
		put_text(w, object, "names", names);
		append(w, array, object);
	}
	return array;
}

static struct json_object *new_missing(struct writer *w, const struct mo_bundle *bundle)
{
	struct json_object *array = jsonc.json_object_new_array(), *object;

	for (size_t i = 0; i < bundle->nr_missing && i < MO_MISSING_MAX; i++) {
		object = jsonc.json_object_new_object();
		put_text(w, object, "path", bundle->missing[i].path);
		put_error(w, object, bundle->missing[i].error);
		append(w, array, object);
	}
	return array;
}

static struct json_object *new_findings(struct writer *w, const struct mo_doctor *doctor)
{
	struct json_object *array = jsonc.json_object_new_array(), *object;
	const struct mo_finding *finding;

	for (size_t i = 0; doctor && (finding = mo_doctor_finding(doctor, i)); i++) {
		object = jsonc.json_object_new_object();
		put_text(w, object, "health", mo_health_name(finding->health));
		put_text(w, object, "key", finding->key);
		put_text(w, object, "text", finding->text);
		put_text(w, object, "remedy", finding->remedy);
		append(w, array, object);
	}
	return array;
}

static struct json_object *new_manifest(struct writer *w, const struct mo_bundle *bundle)
{
	struct json_object *object = jsonc.json_object_new_object(), *notes = jsonc.json_object_new_array();

	put_u64(w, object, "schema", SCHEMA);
	put_u64(w, object, "time_ms", mo_wall_ms());
	put_text(w, object, "version", PACKAGE_VERSION);
	put_text(w, object, "release", bundle->release);
	put_text(w, object, "module", bundle->module);
	put(w, object, "redacted", jsonc.json_object_new_boolean(bundle->redactor != NULL));
	put_u64(w, object, "nr_files", bundle->nr_files);
	put_u64(w, object, "nr_links", bundle->nr_links);
	put_u64(w, object, "len_bytes", bundle->len_bytes);
	put(w, object, "parts", new_parts(w));
	put_u64(w, object, "nr_missing", bundle->nr_missing);
	put(w, object, "missing", new_missing(w, bundle));
	put(w, object, "findings", new_findings(w, bundle->doctor));
	for (size_t i = 0; i < bundle->nr_notes; i++)
		append(w, notes, new_text(bundle->notes[i]));
	put(w, object, "notes", notes);
	return object;
}

int mo_manifest_to_json(const struct mo_bundle *bundle, char **text)
{
	struct writer w = { false };

	if (open_jsonc())
		return -ELIBACC;
	return to_text(&w, new_manifest(&w, bundle), JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED, text);
}
