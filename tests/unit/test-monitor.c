// SPDX-License-Identifier: GPL-2.0-only
/* What can be known of events without causing one; tests/guest has the rest. */
#include "machine.h"

#include <poll.h>

static void test_sysroot_has_no_events(void **state)
{
	struct mo_monitor *monitor = NULL;
	struct machine machine;

	(void)state;
	OPEN(&machine, "file=proc/version,x");
	assert_int_equal(mo_monitor_new(machine.ctx, &monitor), -EROFS);
	assert_null(monitor);
	assert_says(machine.ctx, "has no events; leave the sysroot away");
	machine_close(&machine);
	assert_null(mo_monitor_unref(NULL));
}

static void test_nothing_waits(void **state)
{
	const struct mo_event *event = NULL;
	struct mo_monitor *monitor;
	struct pollfd poll_fd;
	struct mo_ctx *ctx;
	int err;

	(void)state;
	assert_int_equal(mo_ctx_new(&ctx), 0);
	err = mo_monitor_new(ctx, &monitor);
	if (err) {
		assert_says(ctx, "can't listen to the kernel's events");
		mo_ctx_unref(ctx);
		skip();
	}
	poll_fd = (struct pollfd){ mo_monitor_fd(monitor), POLLIN, 0 };
	assert_true(poll_fd.fd >= 0);
	if (!poll(&poll_fd, 1, 0)) {
		assert_int_equal(mo_monitor_next(monitor, &event), 0);
		assert_null(event);
	}
	mo_monitor_unref(monitor);
	mo_ctx_unref(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sysroot_has_no_events),
		cmocka_unit_test(test_nothing_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
