/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests of the history's figures share: a context with a state directory of its own, for each test. */
#ifndef STATE_DIR_H
#define STATE_DIR_H

#include "machine.h"

struct fixture {
	char dir[64];
	struct mo_ctx *ctx;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/mo-test-state.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(mo_ctx_new(&f->ctx), 0);
	assert_int_equal(mo_ctx_set_state_dir(f->ctx, f->dir), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	mo_ctx_unref(f->ctx);
	assert_int_equal(tree_remove(f->dir), 0);
	free(f);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
