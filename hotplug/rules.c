// SPDX-License-Identifier: LGPL-2.1-or-later
/* udev rules that bring memory online. */
#include <stdio.h>
#include <string.h>

#include "private.h"

struct scan {
	struct mo_online_rule rule;
	bool about_memory;	/* the file has skipped all other subsystems before this line */
	bool not_offline;	/* and the action "offline" */
	mo_online_rule_fn *fn;
	void *data;
};

/* Patterns with wildcards are rare here; one that may fit counts as one that does. */
static bool fits_offline(const char *actions)
{
	return strstr(actions, "offline") || strpbrk(actions, "*?[");
}

/* 'SUBSYSTEM!="memory", GOTO="end"' is how a file says what all of it is about. */
static void scan_guard(struct scan *scan, const char *rule)
{
	char value[64];

	if (!strstr(rule, "GOTO"))
		return;
	if (mo_rule_value(rule, "SUBSYSTEM", "!=", value, sizeof(value)))
		scan->about_memory = !strcmp(value, "memory");
	if (mo_rule_value(rule, "ACTION", "!=", value, sizeof(value)))
		scan->not_offline = !fits_offline(value);
}

static int scan_rule(struct scan *scan, const char *rule)
{
	char subsystem[64], action[64], word[64];

	scan_guard(scan, rule);
	if (mo_rule_value(rule, "SUBSYSTEM", "==", subsystem, sizeof(subsystem)) ? strcmp(subsystem, "memory") : !scan->about_memory)
		return 0;
	if (mo_rule_value(rule, "ATTR{state}", "=", word, sizeof(word))) {
		if (!strncmp(word, "offline", strlen("offline")))
			return 0;
	} else if (!mo_rule_value(rule, "ATTR{online}", "=", word, sizeof(word)) || strcmp(word, "1")) {
		return 0;
	}
	scan->rule.word = strcmp(word, "1") ? word : "online";
	scan->rule.at_offline = !scan->not_offline &&
				(!mo_rule_value(rule, "ACTION", "==", action, sizeof(action)) || fits_offline(action));
	return scan->fn(scan->data, &scan->rule);
}

static int scan_file(void *data, const struct mo_rule_file *file)
{
	const struct scan *all = data;
	struct scan scan = { .rule = { .path = file->path }, .fn = all->fn, .data = all->data };
	char *line, *save = NULL;
	int err = 0;

	for (line = strtok_r(file->text, "\n", &save); line && !err; line = strtok_r(NULL, "\n", &save)) {
		line += strspn(line, " \t");
		if (*line != '#')
			err = scan_rule(&scan, line);
	}
	return err;
}

int mo_online_rules_each(struct mo_ctx *ctx, mo_online_rule_fn *fn, void *data)
{
	struct scan all = { .fn = fn, .data = data };

	return mo_rule_files_each(ctx, scan_file, &all);
}
