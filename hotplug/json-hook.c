// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a hook reads from its standard input: one object, on one line. */
#include <errno.h>

#include "json.h"

static struct json_object *new_names(struct mo_json_writer *w, const char *const *names, size_t nr)
{
	struct json_object *array = mo_json_array();

	for (size_t i = 0; i < nr; i++)
		mo_json_append_text(w, array, names[i]);
	return array;
}

static void put_place(struct mo_json_writer *w, struct json_object *object, const struct mo_hook_facts *facts)
{
	struct json_object *blocks = mo_json_array(), *nodes = mo_json_array();

	for (size_t i = 0; i < facts->nr_blocks; i++)
		mo_json_append_u64(w, blocks, facts->blocks[i]);
	for (size_t i = 0; i < facts->nr_nodes; i++)
		mo_json_append_u64(w, nodes, (uint64_t)facts->nodes[i]);
	mo_json_put(w, object, "devices", new_names(w, facts->devices, facts->nr_devices));
	mo_json_put(w, object, "slots", new_names(w, facts->slots, facts->nr_slots));
	mo_json_put(w, object, "blocks", blocks);
	mo_json_put(w, object, "nodes", nodes);
	mo_json_put_u64(w, object, "len_bytes", facts->len_bytes);
}

static void put_end(struct mo_json_writer *w, struct json_object *object, const struct mo_hook_facts *facts)
{
	struct json_object *reasons = mo_json_object();

	mo_json_put_text(w, object, "status", mo_status_name(facts->result));
	mo_json_put_error(w, object, facts->result);
	mo_json_put_text(w, object, "reason", mo_reason_key(facts->reason));
	mo_json_explain(w, reasons, facts->reason);
	mo_json_put(w, object, "reasons", reasons);
}

int mo_hook_to_json(enum mo_hook_phase phase, const struct mo_hook_facts *facts, char **text)
{
	struct mo_json_writer w = { false };
	struct json_object *object;

	if (mo_json_open())
		return -ELIBACC;
	object = mo_json_object();
	mo_json_put_u64(&w, object, "schema", MO_JSON_SCHEMA);
	mo_json_put_text(&w, object, "phase", mo_hook_phase_name(phase));
	mo_json_put_text(&w, object, "target", facts->target);
	mo_json_put_text(&w, object, "origin", facts->origin);
	put_place(&w, object, facts);
	if (phase == MO_HOOK_POST || phase == MO_HOOK_UNDO) {
		put_end(&w, object, facts);
	} else if (facts->against) {
		mo_json_put_u64(&w, object, "nr_pages_kept", mo_report_nr_pages_kept(facts->against));
		mo_json_put(&w, object, "records", mo_json_new_records(&w, facts->against));
		mo_json_put(&w, object, "reasons", mo_json_new_reasons(&w, facts->against));
	}
	return mo_json_to_text(&w, object, true, text);
}
