// SPDX-License-Identifier: LGPL-2.1-or-later
/* What differs between kernels when memory goes offline: the only tests of its release in user space. */
#include <stdio.h>
#include <string.h>

#include "private.h"

#define RELEASE(major, minor) ((major) << 16 | (minor))

struct mo_kernel mo_kernel_of(const char *release, const char *arch)
{
	unsigned int major, minor, version = UINT32_MAX;	/* not known: as the newest */

	if (sscanf(release, "%u.%u", &major, &minor) == 2 && major < 1 << 15 && minor < 1 << 15)
		version = RELEASE(major, minor);
	return (struct mo_kernel){
		.minds_last_edge = version < RELEASE(6, 10),
		.minds_poison = version >= RELEASE(6, 2),
		.keeps_boot_memory = !strcmp(arch, "aarch64"),
	};
}

/* A kernel that does not tell its architecture (/proc/sys/kernel/arch is new in 6.1) is taken for the usual one. */
struct mo_kernel mo_kernel_read(struct mo_ctx *ctx)
{
	char release[128] = "", arch[32] = "";

	mo_read_text(ctx, release, sizeof(release), "/proc/sys/kernel/osrelease");
	mo_read_text(ctx, arch, sizeof(arch), "/proc/sys/kernel/arch");
	return mo_kernel_of(release, arch);
}
