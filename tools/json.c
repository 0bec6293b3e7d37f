// SPDX-License-Identifier: GPL-2.0-only
/* Nested JSON, by json-c. The schema is docs/json.md. */
#include <json-c/json.h>
#include <stdlib.h>

#include "library.h"
#include "out.h"

#define JSON_SCHEMA 1	/* of docs/json.md */

#define FUNCTIONS(each) \
	each(json_object_object_add) \
	each(json_object_new_string) \
	each(json_object_new_object) \
	each(json_object_new_array) \
	each(json_object_array_add) \
	each(json_object_new_int64) \
	each(json_object_new_boolean) \
	each(json_object_to_json_string_ext) \
	each(json_object_put)

LIBRARY(jsonc, "libjson-c.so.5", FUNCTIONS)

void json_open(void)
{
	if (open_jsonc())
		no_library(jsonc.why);
}

static struct json_object *checked(struct json_object *object)
{
	if (!object)
		out_of_memory();
	return object;
}

/* The parent takes the child over. */
static struct json_object *add(struct json_object *parent, const char *key, struct json_object *child)
{
	if (jsonc.json_object_object_add(parent, key, child))
		out_of_memory();
	return child;
}

static struct json_object *string(const char *text)
{
	char *utf8 = text_utf8(text);
	struct json_object *object = checked(jsonc.json_object_new_string(utf8));

	free(utf8);
	return object;
}

static struct json_object *new_object(void)
{
	return checked(jsonc.json_object_new_object());
}

struct json_object *json_new(void)
{
	struct json_object *object;

	json_open();
	object = new_object();
	json_number(object, "schema", JSON_SCHEMA);
	return object;
}

struct json_object *json_list(struct json_object *parent, const char *key)
{
	return add(parent, key, checked(jsonc.json_object_new_array()));
}

struct json_object *json_sub(struct json_object *parent, const char *key)
{
	return add(parent, key, new_object());
}

struct json_object *json_item(struct json_object *list)
{
	struct json_object *item = new_object();

	if (jsonc.json_object_array_add(list, item))
		out_of_memory();
	return item;
}

void json_text(struct json_object *object, const char *key, const char *text)
{
	add(object, key, string(text));
}

void json_number(struct json_object *object, const char *key, int64_t number)
{
	add(object, key, checked(jsonc.json_object_new_int64(number)));
}

void json_null(struct json_object *object, const char *key)
{
	add(object, key, NULL);
}

void json_flag(struct json_object *object, const char *key, bool value)
{
	add(object, key, checked(jsonc.json_object_new_boolean(value)));
}

void json_append_text(struct json_object *list, const char *text)
{
	if (jsonc.json_object_array_add(list, string(text)))
		out_of_memory();
}

void json_print(struct json_object *object, bool one_line)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE |
		    (one_line ? JSON_C_TO_STRING_PLAIN : JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);
	const char *text = jsonc.json_object_to_json_string_ext(object, flags);

	if (!text)
		out_of_memory();
	puts(text);
	jsonc.json_object_put(object);
}
