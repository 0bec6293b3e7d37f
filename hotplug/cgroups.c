// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which cgroup has which inode number, for a bundle: the kernel tells of pages by number alone. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundle.h"

struct list {
	struct mo_bundle *bundle;
	FILE *file;
};

static int add_line(void *data, uint64_t inode, const char *path)
{
	const struct list *list = data;
	char *redacted = mo_redact_path(list->bundle->redactor, path);

	if (!redacted)
		return mo_bundle_no_memory(list->bundle);
	fprintf(list->file, "%" PRIu64 " %s\n", inode, redacted);
	free(redacted);
	return 0;
}

int mo_bundle_add_cgroups(struct mo_bundle *bundle)
{
	char *text = NULL;
	size_t len = 0;
	struct list list = { bundle, open_memstream(&text, &len) };
	int err = list.file ? mo_cgroups_each(bundle->ctx, add_line, &list) : 0;

	if (err == -ENOENT)
		err = 0;	/* a copy that does not know them */
	if (!list.file || fclose(list.file))
		err = mo_bundle_no_memory(bundle);
	if (err && err != -ENOMEM) {
		mo_bundle_miss(bundle, MO_CGROUPS_RECORD, err);
		err = 0;
	}
	if (!err && len)
		err = mo_bundle_add_bytes(bundle, MO_CGROUPS_RECORD, text, len);
	free(text);
	return err;
}
