// SPDX-License-Identifier: LGPL-2.1-or-later
/* JSON written and read by json-c, which no other file of the library knows. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "bundle.h"
#include "json.h"
#include "library.h"

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

int mo_json_open(void)
{
	return open_jsonc();
}

const char *mo_json_problem(void)
{
	return jsonc.why;
}

void mo_json_drop(struct json_object *object)
{
	jsonc.json_object_put(object);
}

/* ---- writing ---- */

struct json_object *mo_json_object(void)
{
	return jsonc.json_object_new_object();
}

struct json_object *mo_json_array(void)
{
	return jsonc.json_object_new_array();
}

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
void mo_json_put(struct mo_json_writer *w, struct json_object *object, const char *key, struct json_object *value)
{
	if (value && object && !jsonc.json_object_object_add(object, key, value))
		return;
	jsonc.json_object_put(value);
	w->no_memory = true;
}

void mo_json_put_text(struct mo_json_writer *w, struct json_object *object, const char *key, const char *bytes)
{
	mo_json_put(w, object, key, new_text(bytes ? bytes : ""));
}

void mo_json_put_u64(struct mo_json_writer *w, struct json_object *object, const char *key, uint64_t value)
{
	mo_json_put(w, object, key, jsonc.json_object_new_uint64(value));
}

void mo_json_put_int(struct mo_json_writer *w, struct json_object *object, const char *key, int32_t value)
{
	mo_json_put(w, object, key, jsonc.json_object_new_int(value));
}

void mo_json_put_flag(struct mo_json_writer *w, struct json_object *object, const char *key, bool value)
{
	mo_json_put(w, object, key, jsonc.json_object_new_boolean(value));
}

void mo_json_put_known(struct mo_json_writer *w, struct json_object *object, const char *key, bool known,
		       uint64_t value)
{
	if (known)
		mo_json_put_u64(w, object, key, value);
	else if (!object || jsonc.json_object_object_add(object, key, NULL))
		w->no_memory = true;
}

/* Takes VALUE. */
void mo_json_append(struct mo_json_writer *w, struct json_object *array, struct json_object *value)
{
	if (value && array && !jsonc.json_object_array_add(array, value))
		return;
	jsonc.json_object_put(value);
	w->no_memory = true;
}

void mo_json_append_text(struct mo_json_writer *w, struct json_object *array, const char *bytes)
{
	mo_json_append(w, array, new_text(bytes));
}

void mo_json_append_u64(struct mo_json_writer *w, struct json_object *array, uint64_t value)
{
	mo_json_append(w, array, jsonc.json_object_new_uint64(value));
}

void mo_json_put_error(struct mo_json_writer *w, struct json_object *object, int error)
{
	const char *name = error < 0 ? strerrorname_np(-error) : "";

	mo_json_put_u64(w, object, "errno", error < 0 ? (uint64_t)-(int64_t)error : 0);
	mo_json_put_text(w, object, "error", name);
}

void mo_json_put_count(struct mo_json_writer *w, struct json_object *object, const char *key, int32_t count)
{
	mo_json_put_known(w, object, key, count >= 0, (uint64_t)count);
}

int mo_json_to_text(const struct mo_json_writer *w, struct json_object *object, bool one_line, char **text)
{
	int flags = one_line ? JSON_C_TO_STRING_PLAIN : JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
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

/* ---- reading ---- */

static struct json_object *get(struct mo_json_reader *r, struct json_object *object, const char *key,
			       enum json_type type)
{
	struct json_object *value;

	if (jsonc.json_object_object_get_ex(object, key, &value) && jsonc.json_object_is_type(value, type))
		return value;
	if (!r->bad)
		r->bad = key;
	return NULL;
}

struct json_object *mo_json_get_array(struct mo_json_reader *r, struct json_object *object, const char *key)
{
	return get(r, object, key, json_type_array);
}

struct json_object *mo_json_get_object(struct mo_json_reader *r, struct json_object *object, const char *key)
{
	return get(r, object, key, json_type_object);
}

bool mo_json_get_flag(struct mo_json_reader *r, struct json_object *object, const char *key)
{
	struct json_object *value = get(r, object, key, json_type_boolean);

	return value && jsonc.json_object_get_boolean(value);
}

uint64_t mo_json_get_u64(struct mo_json_reader *r, struct json_object *object, const char *key, uint64_t max)
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

bool mo_json_is_null(struct json_object *object, const char *key)
{
	struct json_object *value;

	return jsonc.json_object_object_get_ex(object, key, &value) && !value;
}

uint64_t mo_json_get_inode(struct mo_json_reader *r, struct json_object *object, const char *key)
{
	return mo_json_is_null(object, key) ? 0 : mo_json_get_u64(r, object, key, UINT64_MAX);
}

int32_t mo_json_get_count(struct mo_json_reader *r, struct json_object *object, const char *key)
{
	return mo_json_is_null(object, key) ? -1 : (int32_t)mo_json_get_u64(r, object, key, INT32_MAX);
}

bool mo_json_is_object(struct json_object *value)
{
	return jsonc.json_object_is_type(value, json_type_object);
}

bool mo_json_has(struct json_object *object, const char *key)
{
	return jsonc.json_object_object_get_ex(object, key, NULL);
}

const char *mo_json_string(struct json_object *value)
{
	return jsonc.json_object_is_type(value, json_type_string) ? jsonc.json_object_get_string(value) : NULL;
}

size_t mo_json_nr(struct json_object *array)
{
	return array ? jsonc.json_object_array_length(array) : 0;
}

struct json_object *mo_json_at(struct json_object *array, size_t i)
{
	return jsonc.json_object_array_get_idx(array, i);
}

struct json_object *mo_json_get_new_array(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!jsonc.json_object_object_get_ex(object, key, &value) ||
	    !jsonc.json_object_is_type(value, json_type_array))
		return NULL;
	return value;
}

const char *mo_json_get_new_text(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!jsonc.json_object_object_get_ex(object, key, &value) ||
	    !jsonc.json_object_is_type(value, json_type_string))
		return "";
	return jsonc.json_object_get_string(value);
}

const char *mo_json_get_text(struct mo_json_reader *r, struct json_object *object, const char *key)
{
	struct json_object *value = get(r, object, key, json_type_string);

	return value ? jsonc.json_object_get_string(value) : "";
}

int mo_json_find_name(mo_json_name_fn *name_of, unsigned int nr, const char *name)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (!strcmp(name_of(i), name))
			return (int)i;
	return -ENOENT;
}

unsigned int mo_json_get_known(struct mo_json_reader *r, struct json_object *object, const char *key,
			       mo_json_name_fn *name_of, unsigned int nr)
{
	int i = mo_json_find_name(name_of, nr, mo_json_get_text(r, object, key));

	if (i >= 0)
		return (unsigned int)i;
	if (!r->bad)
		r->bad = key;
	return 0;
}

struct json_object *mo_json_parse(const char *text, char *why, size_t size)
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
	object = mo_json_parse(text, why, sizeof(why));
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
