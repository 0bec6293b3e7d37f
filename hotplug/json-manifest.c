// SPDX-License-Identifier: LGPL-2.1-or-later
/* The manifest of a bundle as JSON. */
#include <errno.h>

#include "bundle.h"
#include "json.h"

static struct json_object *new_parts(struct mo_json_writer *w)
{
	struct json_object *array = mo_json_array(), *object;
	const char *folder, *names;

	for (size_t i = 0; mo_part_get(i, &folder, &names); i++) {
		object = mo_json_object();
		mo_json_put_text(w, object, "folder", folder);
		mo_json_put_text(w, object, "names", names);
		mo_json_append(w, array, object);
	}
	return array;
}

static struct json_object *new_missing(struct mo_json_writer *w, const struct mo_bundle *bundle)
{
	struct json_object *array = mo_json_array(), *object;

	for (size_t i = 0; i < bundle->nr_missing && i < MO_MISSING_MAX; i++) {
		object = mo_json_object();
		mo_json_put_text(w, object, "path", bundle->missing[i].path);
		mo_json_put_error(w, object, bundle->missing[i].error);
		mo_json_append(w, array, object);
	}
	return array;
}

static struct json_object *new_findings(struct mo_json_writer *w, const struct mo_doctor *doctor)
{
	struct json_object *array = mo_json_array(), *object;
	const struct mo_finding *finding;

	for (size_t i = 0; doctor && (finding = mo_doctor_finding(doctor, i)); i++) {
		object = mo_json_object();
		mo_json_put_text(w, object, "health", mo_health_name(finding->health));
		mo_json_put_text(w, object, "key", finding->key);
		mo_json_put_text(w, object, "text", finding->text);
		mo_json_put_text(w, object, "remedy", finding->remedy);
		mo_json_append(w, array, object);
	}
	return array;
}

static struct json_object *new_manifest(struct mo_json_writer *w, const struct mo_bundle *bundle)
{
	struct json_object *object = mo_json_object(), *notes = mo_json_array();

	mo_json_put_u64(w, object, "schema", MO_JSON_SCHEMA);
	mo_json_put_u64(w, object, "time_ms", mo_wall_ms());
	mo_json_put_text(w, object, "version", PACKAGE_VERSION);
	mo_json_put_text(w, object, "release", bundle->release);
	mo_json_put_text(w, object, "module", bundle->module);
	mo_json_put_flag(w, object, "redacted", bundle->redactor != NULL);
	mo_json_put_u64(w, object, "nr_files", bundle->nr_files);
	mo_json_put_u64(w, object, "nr_links", bundle->nr_links);
	mo_json_put_u64(w, object, "len_bytes", bundle->len_bytes);
	mo_json_put(w, object, "parts", new_parts(w));
	mo_json_put_u64(w, object, "nr_missing", bundle->nr_missing);
	mo_json_put(w, object, "missing", new_missing(w, bundle));
	mo_json_put(w, object, "findings", new_findings(w, bundle->doctor));
	for (size_t i = 0; i < bundle->nr_notes; i++)
		mo_json_append_text(w, notes, bundle->notes[i]);
	mo_json_put(w, object, "notes", notes);
	return object;
}

int mo_manifest_to_json(const struct mo_bundle *bundle, char **text)
{
	struct mo_json_writer w = { false };

	if (mo_json_open())
		return -ELIBACC;
	return mo_json_to_text(&w, new_manifest(&w, bundle), false, text);
}
