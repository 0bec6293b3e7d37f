// SPDX-License-Identifier: LGPL-2.1-or-later
/* The files of udev's rules: the first folder that has one of a name hides the others'. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

static const char *const folders[] = {
	"/etc/udev/rules.d", "/run/udev/rules.d", "/usr/local/lib/udev/rules.d",
	"/usr/lib/udev/rules.d", "/lib/udev/rules.d",
};

const char *mo_rule_value(const char *rule, const char *key, const char *operator, char *value, size_t size)
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

static void join_lines(char *text)
{
	while ((text = strstr(text, "\\\n")))
		text[0] = text[1] = ' ';
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

static int read_file(struct mo_ctx *ctx, size_t folder, const char *name, mo_rule_file_fn *fn, void *data)
{
	struct mo_rule_file file = { .name = name };
	char path[512];
	int err;

	snprintf(path, sizeof(path), "%s/%s", folders[folder], name);
	file.path = path;
	if (mo_read_file(ctx, &file.text, NULL, "%s", path))
		return 0;
	join_lines(file.text);
	err = fn(data, &file);
	free(file.text);
	return err;
}

static int read_folder(struct mo_ctx *ctx, size_t folder, mo_rule_file_fn *fn, void *data)
{
	DIR *dir = mo_opendir(ctx, "%s", folders[folder]);
	struct dirent *entry;
	const char *dot;
	int err = 0;

	if (!dir)
		return 0;
	while (!err && (entry = readdir(dir))) {
		dot = strrchr(entry->d_name, '.');
		if (dot && !strcmp(dot, ".rules") && !is_hidden(ctx, folder, entry->d_name))
			err = read_file(ctx, folder, entry->d_name, fn, data);
	}
	closedir(dir);
	return err;
}

int mo_rule_files_each(struct mo_ctx *ctx, mo_rule_file_fn *fn, void *data)
{
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_SIZE(folders); i++)
		err = read_folder(ctx, i, fn, data);
	return err;
}
