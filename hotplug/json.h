/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files json-*.c share: each is a noun as JSON and back, and knows its keys (docs/json.md). json.c does the
 * rest by json-c, which is opened by mo_json_open(), before anything else here.
 */
#ifndef MO_JSON_H
#define MO_JSON_H

#include "private.h"

#define MO_JSON_SCHEMA 1

struct json_object;
int mo_json_open(void);			/* -ELIBACC: there is no json-c, and why */
const char *mo_json_problem(void);
void mo_json_drop(struct json_object *object);	/* accepts NULL */

/* ---- writing: an object under construction; what fails is remembered until the end ---- */
struct mo_json_writer {
	bool no_memory;
};
/* New; NULL, which the others accept: no memory. */
struct json_object *mo_json_object(void);
struct json_object *mo_json_array(void);
/* These two take VALUE. */
void mo_json_put(struct mo_json_writer *w, struct json_object *object, const char *key, struct json_object *value);
void mo_json_append(struct mo_json_writer *w, struct json_object *array, struct json_object *value);
/* BYTES may be any: what is no UTF-8 is replaced. */
void mo_json_put_text(struct mo_json_writer *w, struct json_object *object, const char *key, const char *bytes);
void mo_json_append_text(struct mo_json_writer *w, struct json_object *array, const char *bytes);
void mo_json_append_u64(struct mo_json_writer *w, struct json_object *array, uint64_t value);
void mo_json_put_u64(struct mo_json_writer *w, struct json_object *object, const char *key, uint64_t value);
void mo_json_put_int(struct mo_json_writer *w, struct json_object *object, const char *key, int32_t value);
void mo_json_put_flag(struct mo_json_writer *w, struct json_object *object, const char *key, bool value);
/* "Not known" is null. */
void mo_json_put_known(struct mo_json_writer *w, struct json_object *object, const char *key, bool known,
		       uint64_t value);
void mo_json_put_count(struct mo_json_writer *w, struct json_object *object, const char *key, int32_t count);
void mo_json_put_error(struct mo_json_writer *w, struct json_object *object, int error);
/* Takes OBJECT. 0 and a text that is freed by the caller, or -ENOMEM. */
int mo_json_to_text(const struct mo_json_writer *w, struct json_object *object, bool one_line, char **text);

/* ---- reading: the first key that is missing or wrong is remembered ---- */
struct mo_json_reader {
	const char *bad;
	int err;
};
typedef const char *mo_json_name_fn(unsigned int i);
/* NULL, and WHY, the rest of a sentence: it is none. */
struct json_object *mo_json_parse(const char *text, char *why, size_t size);
bool mo_json_is_object(struct json_object *value);
bool mo_json_has(struct json_object *object, const char *key);
bool mo_json_is_null(struct json_object *object, const char *key);
const char *mo_json_string(struct json_object *value);	/* belongs to VALUE; NULL: it is none */
size_t mo_json_nr(struct json_object *array);		/* accepts NULL */
struct json_object *mo_json_at(struct json_object *array, size_t i);
/* What they return belongs to OBJECT. */
struct json_object *mo_json_get_array(struct mo_json_reader *r, struct json_object *object, const char *key);
struct json_object *mo_json_get_object(struct mo_json_reader *r, struct json_object *object, const char *key);
const char *mo_json_get_text(struct mo_json_reader *r, struct json_object *object, const char *key);	/* never NULL */
/* NULL and "" where there is none, as in reports of old. */
struct json_object *mo_json_get_new_array(struct json_object *object, const char *key);
const char *mo_json_get_new_text(struct json_object *object, const char *key);
uint64_t mo_json_get_u64(struct mo_json_reader *r, struct json_object *object, const char *key, uint64_t max);
uint64_t mo_json_get_inode(struct mo_json_reader *r, struct json_object *object, const char *key);	/* null is 0 */
int32_t mo_json_get_count(struct mo_json_reader *r, struct json_object *object, const char *key);	/* null is -1 */
bool mo_json_get_flag(struct mo_json_reader *r, struct json_object *object, const char *key);
/* Index of the word among NR that NAME_OF gives. */
unsigned int mo_json_get_known(struct mo_json_reader *r, struct json_object *object, const char *key,
			       mo_json_name_fn *name_of, unsigned int nr);
int mo_json_find_name(mo_json_name_fn *name_of, unsigned int nr, const char *name);	/* -ENOENT */

/* ---- json-record.c ---- */
struct json_object *mo_json_new_record(struct mo_json_writer *w, const struct mo_record *record);
void mo_json_read_record(struct mo_json_reader *r, struct json_object *object, struct mo_report *report);

/* ---- json-report.c: also what a line of the history has in common with a report ---- */
mo_json_name_fn mo_json_reason_at, mo_json_outcome_at;
enum mo_reason mo_json_get_reason(struct mo_json_reader *r, struct json_object *object);
struct json_object *mo_json_new_records(struct mo_json_writer *w, const struct mo_report *report);
/* The sentences for each reason that occurs in the report; and for one. */
struct json_object *mo_json_new_reasons(struct mo_json_writer *w, const struct mo_report *report);
void mo_json_explain(struct mo_json_writer *w, struct json_object *reasons, enum mo_reason reason);
void mo_json_put_head(struct mo_json_writer *w, struct json_object *object, const struct mo_report *report);
struct json_object *mo_json_new_block_head(struct mo_json_writer *w, const struct mo_block_result *result);
int mo_json_begin_report(struct mo_ctx *ctx, struct mo_json_reader *r, struct json_object *object,
			 struct mo_report **report, char *why, size_t size);
/* Last, for what is read before counts in totals of its own. */
int mo_json_end_report(struct mo_json_reader *r, struct json_object *object, struct mo_report *report,
		       struct mo_report **out, char *why, size_t size);

#endif
