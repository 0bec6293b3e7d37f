// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a hook is told in its environment: all that a shell needs. The JSON that it reads has more (json.c). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define VARIABLE_BYTES_MAX 100000	/* the kernel takes 128 KiB */

static void PRINTF(3, 4) add_variable(struct mo_environment *env, const char *name, const char *fmt, ...)
{
	char *value = NULL, *variable = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&value, fmt, args) < 0)
		value = NULL;
	va_end(args);
	/* What is too long would keep the hook from being run at all; the JSON has it. */
	if (!value || asprintf(&variable, "%s=%s", name, strlen(value) > VARIABLE_BYTES_MAX ? "" : value) < 0)
		env->no_memory = true;
	else
		env->variables[env->nr++] = variable;
	free(value);
}

static void add_names(struct mo_environment *env, const char *name, const char *const *names, size_t nr, char between)
{
	char *text = NULL;
	size_t len = 0;
	FILE *stream = open_memstream(&text, &len);

	for (size_t i = 0; stream && i < nr; i++)
		fprintf(stream, "%s%s", i ? (char[]){ between, '\0' } : "", names[i]);
	if (!stream || fclose(stream))
		env->no_memory = true;
	else
		add_variable(env, name, "%s", text);
	free(text);
}

/* "32-39,41". */
static void add_blocks(struct mo_environment *env, const struct mo_hook_facts *facts)
{
	char *text = NULL;
	size_t len = 0, last;
	FILE *stream = open_memstream(&text, &len);

	for (size_t i = 0; stream && i < facts->nr_blocks; i = last + 1) {
		last = i;
		while (last + 1 < facts->nr_blocks && facts->blocks[last + 1] == facts->blocks[last] + 1)
			last++;
		fprintf(stream, "%s%" PRIu32, i ? "," : "", facts->blocks[i]);
		if (last > i)
			fprintf(stream, "-%" PRIu32, facts->blocks[last]);
	}
	if (!stream || fclose(stream))
		env->no_memory = true;
	else
		add_variable(env, "MEMOFFLINE_BLOCKS", "%s", text);
	free(text);
}

static void add_nodes(struct mo_environment *env, const struct mo_hook_facts *facts)
{
	struct mo_nodeset set = { { 0 } };

	for (size_t i = 0; i < facts->nr_nodes; i++)
		if (facts->nodes[i] >= 0 && facts->nodes[i] < MO_NODES_MAX)
			mo_nodeset_add(&set, (unsigned int)facts->nodes[i]);
	add_variable(env, "MEMOFFLINE_NODES", "%s", mo_nodeset_text(&set).text);
}

bool mo_environment_make(struct mo_environment *env, enum mo_hook_phase phase, const struct mo_hook_facts *facts)
{
	*env = (struct mo_environment){ .nr = 0 };
	add_variable(env, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	add_variable(env, "MEMOFFLINE_PHASE", "%s", mo_hook_phase_name(phase));
	add_variable(env, "MEMOFFLINE_TARGET", "%s", facts->target);
	add_variable(env, "MEMOFFLINE_ORIGIN", "%s", facts->origin);
	add_names(env, "MEMOFFLINE_DEVICES", facts->devices, facts->nr_devices, ',');
	add_names(env, "MEMOFFLINE_SLOTS", facts->slots, facts->nr_slots, '\n');
	add_blocks(env, facts);
	add_nodes(env, facts);
	add_variable(env, "MEMOFFLINE_BYTES", "%" PRIu64, facts->len_bytes);
	if (phase == MO_HOOK_POST || phase == MO_HOOK_UNDO) {
		add_variable(env, "MEMOFFLINE_RESULT", "%s", mo_status_name(facts->result));
		add_variable(env, "MEMOFFLINE_REASON", "%s", mo_reason_key(facts->reason));
	}
	return !env->no_memory;
}

void mo_environment_clear(struct mo_environment *env)
{
	while (env->nr)
		free(env->variables[--env->nr]);
}
