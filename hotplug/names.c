// SPDX-License-Identifier: LGPL-2.1-or-later
/* Names of files, in the order of their bytes, whatever the locale. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

void mo_names_clear(struct mo_names *names)
{
	while (names->nr)
		free(names->all[--names->nr]);
	free(names->all);
	names->all = NULL;
}

int mo_names_add(struct mo_names *names, const char *name)
{
	char **more = reallocarray(names->all, names->nr + 1, sizeof(*more));
	char *copy = strdup(name);

	if (more)
		names->all = more;
	if (!more || !copy) {
		free(copy);
		return -ENOMEM;
	}
	more[names->nr++] = copy;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int mo_names_read(struct mo_names *names, DIR *dir, bool (*is_wanted)(const char *name))
{
	struct dirent *entry;
	int err = 0;

	while (!err && (entry = readdir(dir)))
		if (is_wanted(entry->d_name))
			err = mo_names_add(names, entry->d_name);
	if (names->nr)
		qsort(names->all, names->nr, sizeof(*names->all), compare);
	return err;
}
