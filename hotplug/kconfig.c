// SPDX-License-Identifier: LGPL-2.1-or-later
/* How the kernel was built, as far as it or its package says. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "private.h"

static int open_config(struct mo_ctx *ctx)
{
	static const struct { const char *before, *after; } places[] = {
		{ "/boot/config-", "" }, { "/lib/modules/", "/config" }, { "/usr/lib/modules/", "/config" },
	};
	char release[128];
	int fd = mo_open(ctx, O_RDONLY, "/proc/config.gz");

	if (fd >= 0)
		return fd;
	if (mo_read_text(ctx, release, sizeof(release), "/proc/sys/kernel/osrelease") <= 0)
		return -ENOENT;
	for (size_t i = 0; i < ARRAY_SIZE(places) && fd < 0; i++)
		fd = mo_open(ctx, O_RDONLY, "%s%s%s", places[i].before, release, places[i].after);
	return fd;
}

/* zlib reads plain text as it is. */
char mo_kernel_option(struct mo_ctx *ctx, const char *name)
{
	char line[512], set[128];
	int fd = open_config(ctx);
	char answer = 'n';
	gzFile file;

	if (fd < 0)
		return 0;
	file = gzdopen(fd, "rb");
	if (!file) {
		close(fd);
		return 0;
	}
	snprintf(set, sizeof(set), "CONFIG_%s=", name);
	while (answer == 'n' && gzgets(file, line, sizeof(line)))
		if (!strncmp(line, set, strlen(set)))
			answer = line[strlen(set)];
	gzclose(file);
	return answer;
}
