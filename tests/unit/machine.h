/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests on recorded machines share: a tree in a temporary directory, and a context on it. */
#ifndef MACHINE_H
#define MACHINE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../hotplug/private.h"
#include "../replay/tree.h"

struct machine {
	char dir[64];
	struct mo_ctx *ctx;
	struct mo_memory *memory;
};

/* A two-node machine: boot memory of 1 GiB on node 0, a memory module of 512 MiB on node 1. */
#define DIMM_MACHINE "blocks=0-7,online,Normal,0", "blocks=32-35,online,Movable,1", \
	"node=0,0-1,1048576,524288,65536,10+20", "node=1,-,524288,262144,0,20+10", "dimm=PNP0C80:00,32-35"

static inline void machine_add(struct machine *machine, const char *const *items)
{
	assert_int_equal(tree_make(machine->dir, items), 0);
}

#define ADD(machine, ...) machine_add(machine, (const char *const[]){ __VA_ARGS__, NULL })

static inline void machine_open(struct machine *machine, const char *const *items)
{
	const char *tmp = getenv("TMPDIR");

	*machine = (struct machine){ 0 };
	snprintf(machine->dir, sizeof(machine->dir), "%s/mo-test-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	assert_non_null(mkdtemp(machine->dir));
	machine_add(machine, items);
	assert_int_equal(mo_ctx_new(&machine->ctx), 0);
	assert_int_equal(mo_ctx_set_sysroot(machine->ctx, machine->dir), 0);
}

#define OPEN(machine, ...) machine_open(machine, (const char *const[]){ __VA_ARGS__, NULL })

static inline void machine_read(struct machine *machine)
{
	int err = mo_memory_read(machine->ctx, &machine->memory);

	if (err)
		fail_msg("mo_memory_read: %d, %s", err, mo_ctx_error(machine->ctx));
}

static inline void machine_close(struct machine *machine)
{
	mo_memory_unref(machine->memory);
	mo_ctx_unref(machine->ctx);
	assert_int_equal(tree_remove(machine->dir), 0);
}

static inline void assert_says(const struct mo_ctx *ctx, const char *words)
{
	if (!strstr(mo_ctx_error(ctx), words))
		fail_msg("'%s' is not in '%s'", words, mo_ctx_error(ctx));
}

#endif
