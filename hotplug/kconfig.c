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

#define LIBZ "libz.so.1"
#define FUNCTIONS(each) \
	each(gzdopen) \
	each(gzgets) \
	each(gzclose)

struct zlib {
	void *handle;
	FUNCTIONS(LIBRARY_MEMBER)
};

static bool open_zlib(struct zlib *library)
{
	library->handle = dlopen(LIBZ, RTLD_NOW);
	return library->handle && !(FUNCTIONS(LIBRARY_FIND) false);
}

static void close_zlib(struct zlib *library)
{
	if (library->handle)
		dlclose(library->handle);
}

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
static char find_option(const struct zlib *zlib, int fd, const char *name)
{
	char line[512], set[128];
	char answer = 'n';
	gzFile file = zlib->gzdopen(fd, "rb");

	if (!file) {
		close(fd);
		return 0;
	}
	snprintf(set, sizeof(set), "CONFIG_%s=", name);
	while (answer == 'n' && zlib->gzgets(file, line, sizeof(line)))
		if (!strncmp(line, set, strlen(set)))
			answer = line[strlen(set)];
	zlib->gzclose(file);
	return answer;
}

char mo_kernel_option(struct mo_ctx *ctx, const char *name)
{
	struct zlib zlib = { 0 };
	int fd = open_config(ctx);
	char answer = 0;

	if (fd < 0)
		return 0;
	if (open_zlib(&zlib))
		answer = find_option(&zlib, fd, name);
	else
		close(fd);
	close_zlib(&zlib);
	return answer;
}
