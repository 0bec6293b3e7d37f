// SPDX-License-Identifier: LGPL-2.1-or-later
/* udev rules that bring memory online: the first folder that has a file of a name hides the others'. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

static const char *const folders[] = {
	"/etc/udev/rules.d", "/run/udev/rules.d", "/usr/local/lib/udev/rules.d",
	"/usr/lib/udev/rules.d", "/lib/udev/rules.d",
};

/* The value of KEY OPERATOR "VALUE" in a rule, or NULL. Operator "=" is not found in "==" nor in "!=". */
static const char *rule_value(const char *rule, const char *key, const char *operator, char *value, size_t size)
{
	const char *at = rule, *text;

	while ((at = strstr(at, key))) {
		at += strlen(key);
		text = at + strspn(at, " \t");
		if (strncmp(text, operator, strlen(operator)))
			continue;
		text += strlen(operator);
		text += strspn(text, " \t");
		if (*text != '"')
			continue;
		snprintf(value, size, "%.*s", (int)strcspn(text + 1, "\""), text + 1);
		return value;
	}
	return NULL;
}

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
	if (rule_value(rule, "SUBSYSTEM", "!=", value, sizeof(value)))
		scan->about_memory = !strcmp(value, "memory");
	if (rule_value(rule, "ACTION", "!=", value, sizeof(value)))
		scan->not_offline = !fits_offline(value);
}

static int scan_rule(struct scan *scan, const char *rule)
{
	char subsystem[64], action[64], word[64];

	scan_guard(scan, rule);
	if (rule_value(rule, "SUBSYSTEM", "==", subsystem, sizeof(subsystem)) ? strcmp(subsystem, "memory") : !scan->about_memory)
		return 0;
	if (rule_value(rule, "ATTR{state}", "=", word, sizeof(word))) {
		if (!strncmp(word, "offline", strlen("offline")))
			return 0;
	} else if (!rule_value(rule, "ATTR{online}", "=", word, sizeof(word)) || strcmp(word, "1")) {
		return 0;
	}
	scan->rule.word = strcmp(word, "1") ? word : "online";
	scan->rule.at_offline = !scan->not_offline &&
				(!rule_value(rule, "ACTION", "==", action, sizeof(action)) || fits_offline(action));
	return scan->fn(scan->data, &scan->rule);
}

/* Lines that end with a backslash go on in the next. */
static void join_lines(char *text)
{
	while ((text = strstr(text, "\\\n")))
		text[0] = text[1] = ' ';
}

static int scan_file(struct mo_ctx *ctx, const char *path, mo_online_rule_fn *fn, void *data)
{
	struct scan scan = { .rule = { .path = path }, .fn = fn, .data = data };
	char *text, *line, *save = NULL;
	int err = 0;

	if (mo_read_file(ctx, &text, NULL, "%s", path))
		return 0;
	join_lines(text);
	for (line = strtok_r(text, "\n", &save); line && !err; line = strtok_r(NULL, "\n", &save)) {
		line += strspn(line, " \t");
		if (*line != '#')
			err = scan_rule(&scan, line);
	}
	free(text);
	return err;
}

static bool is_hidden(struct mo_ctx *ctx, size_t folder, const char *name)
{
	char link[512];

	for (size_t i = 0; i < folder; i++)
		if (mo_exists(ctx, "%s/%s", folders[i], name) ||
		    mo_read_link(ctx, link, sizeof(link), "%s/%s", folders[i], name) > 0)
			return true;
	return false;
}

static int scan_folder(struct mo_ctx *ctx, size_t folder, mo_online_rule_fn *fn, void *data)
{
	DIR *dir = mo_opendir(ctx, "%s", folders[folder]);
	struct dirent *entry;
	const char *dot;
	char path[512];
	int err = 0;

	if (!dir)
		return 0;
	while (!err && (entry = readdir(dir))) {
		dot = strrchr(entry->d_name, '.');
		if (!dot || strcmp(dot, ".rules") || is_hidden(ctx, folder, entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folders[folder], entry->d_name);
		err = scan_file(ctx, path, fn, data);
	}
	closedir(dir);
	return err;
}

int mo_online_rules_each(struct mo_ctx *ctx, mo_online_rule_fn *fn, void *data)
{
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_SIZE(folders); i++)
		err = scan_folder(ctx, i, fn, data);
	return err;
}
