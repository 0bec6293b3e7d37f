// SPDX-License-Identifier: LGPL-2.1-or-later
/* How the kernel was built, as far as it or its package says. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "library.h"
#include "private.h"

#define CONFIG_BYTES_MAX (16u << 20)

#define FUNCTIONS(each) \
	each(gzdopen) \
	each(gzgets) \
	each(gzread) \
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

/* FILE is closed. */
static int read_config(gzFile file, char **out)
{
	size_t size = 64 << 10, len = 0;
	char *text = NULL, *more;
	int n = 0;

	do {
		len += (size_t)n;
		more = len + 1 < size && text ? text : realloc(text, size *= 2);
		if (!more)
			break;
		text = more;
		n = zlib.gzread(file, text + len, (unsigned int)(size - len - 1));
	} while (n > 0 && size <= CONFIG_BYTES_MAX);
	zlib.gzclose(file);
	if (!more || n) {
		free(text);
		return !more ? -ENOMEM : n < 0 ? -EBADMSG : -EFBIG;
	}
	text[len] = '\0';
	*out = text;
	return 0;
}

int mo_kernel_config(struct mo_ctx *ctx, char **text)
{
	int fd = open_config(ctx), err;
	gzFile file;

	if (fd < 0)
		return fd;
	err = open_zlib();
	file = err ? NULL : zlib.gzdopen(fd, "rb");
	if (file)
		return read_config(file, text);
	close(fd);
	return err ? err : -ENOMEM;
}
