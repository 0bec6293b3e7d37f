// SPDX-License-Identifier: LGPL-2.1-or-later
/* How the kernel was built, as far as it or its package says. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "library.h"
#include "private.h"

#define FUNCTIONS(each) \
	each(gzdopen) \
	each(gzgets) \
	each(gzclose)

LIBRARY(zlib, "libz.so.1", FUNCTIONS)

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

/* zlib reads plain text as it is. FD is closed. */
static char find_option(int fd, const char *name)
{
	char line[512], set[128];
	char answer = 'n';
	gzFile file = zlib.gzdopen(fd, "rb");

	if (!file) {
		close(fd);
		return 0;
	}
	snprintf(set, sizeof(set), "CONFIG_%s=", name);
	while (answer == 'n' && zlib.gzgets(file, line, sizeof(line)))
		if (!strncmp(line, set, strlen(set)))
			answer = line[strlen(set)];
	zlib.gzclose(file);
	return answer;
}

char mo_kernel_option(struct mo_ctx *ctx, const char *name)
{
	int fd = open_config(ctx);

	if (fd < 0)
		return 0;
	if (!open_zlib())
		return find_option(fd, name);
	close(fd);
	return 0;
}
