// SPDX-License-Identifier: GPL-2.0-only
/* The worker's life: a write that succeeds, one that fails, one that blocks till it is killed. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "private.h"

static struct mo_ctx *ctx;

static int wait_worker(struct mo_worker *worker, int timeout_ms)
{
	struct pollfd fd = { .fd = mo_worker_fd(worker), .events = POLLIN };

	return poll(&fd, 1, timeout_ms);
}

static void a_write_arrives(void **state)
{
	struct mo_worker *worker;
	char path[32], text[16] = "";
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	snprintf(path, sizeof(path), "/dev/fd/%d", fds[1]);
	assert_int_equal(mo_worker_start(ctx, "offline", path, NULL, NULL, &worker), 0);
	assert_int_equal(wait_worker(worker, 10000), 1);
	assert_int_equal(mo_worker_finish(worker), 0);
	assert_int_equal(read(fds[0], text, sizeof(text)), 7);
	assert_string_equal(text, "offline");
	close(fds[0]);
	close(fds[1]);
}

static void an_error_comes_back(void **state)
{
	struct mo_worker *worker;

	(void)state;
	assert_int_equal(mo_worker_start(ctx, "offline", "/dev/full", NULL, NULL, &worker), 0);
	assert_int_equal(mo_worker_finish(worker), -ENOSPC);
	assert_int_equal(mo_worker_start(ctx, "offline", "/no/such/file", NULL, NULL, &worker), -ENOENT);
}

static void fill(int fd)
{
	char page[4096] = "";

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (write(fd, page, sizeof(page)) > 0)
		;
	fcntl(fd, F_SETFL, 0);
}

static void a_blocked_write_can_be_killed(void **state)
{
	struct mo_worker *worker;
	bool abandoned = false;
	char path[32];
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	fill(fds[1]);
	snprintf(path, sizeof(path), "/dev/fd/%d", fds[1]);
	assert_int_equal(mo_worker_start(ctx, "offline", path, NULL, NULL, &worker), 0);
	assert_int_equal(wait_worker(worker, 50), 0);
	assert_int_equal(mo_worker_end(worker, &abandoned), -EINTR);
	assert_false(abandoned);
	close(fds[0]);
	close(fds[1]);
}

/* A command that is killed must not leave a worker in the kernel: the worker holds the pipe's end open. */
static void the_worker_dies_with_its_parent(void **state)
{
	struct mo_worker *worker;
	char path[32], byte;
	int data[2], life[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(data), 0);
	assert_int_equal(pipe(life), 0);
	fill(data[1]);
	snprintf(path, sizeof(path), "/dev/fd/%d", data[1]);
	pid = fork();
	if (!pid) {
		if (mo_worker_start(ctx, "offline", path, NULL, NULL, &worker))
			_exit(1);
		if (write(life[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	close(life[1]);
	assert_int_equal(read(life[0], &byte, 1), 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(read(life[0], &byte, 1),
			 0); /* end of file: the worker is gone, too; else this never returns */
	close(life[0]);
	close(data[0]);
	close(data[1]);
}

static void a_sysroot_is_never_written(void **state)
{
	struct mo_worker *worker;
	struct mo_ctx *other;

	(void)state;
	assert_int_equal(mo_ctx_new(&other), 0);
	assert_int_equal(mo_ctx_set_sysroot(other, "/"), 0);
	assert_int_equal(mo_worker_start(other, "offline", "/dev/null", NULL, NULL, &worker), -EROFS);
	mo_ctx_unref(other);
}

/* The signal came too late to stop it: who counts such a block as somebody else's never brings it back. */
static void what_a_killed_worker_finished_is_its_doing(void **state)
{
	struct mo_attempt done = { .error = 0 };
	struct mo_attempt interrupted = { .error = -EINTR, .ended_by = MO_REASON_INTERRUPTED };
	struct mo_attempt late = { .error = -ETIMEDOUT, .ended_by = MO_REASON_DEADLINE };
	struct mo_attempt killed_by_others = { .error = -EINTR };
	struct mo_attempt refused = { .error = -EINVAL };

	(void)state;
	assert_true(mo_attempt_did_it(&done));
	assert_true(mo_attempt_did_it(&interrupted));
	assert_true(mo_attempt_did_it(&late));
	assert_true(mo_attempt_did_it(&killed_by_others));
	assert_false(mo_attempt_did_it(&refused));
}

/* A block that goes in the hands of another is not ours, whatever is wanted of it. */
static void who_wants_it_online_waits_for_the_lock(void **state)
{
	struct mo_attempt offline = { .word = "offline" }, online = { .word = "online_movable" };

	(void)state;
	assert_true(mo_attempt_has_lock(&offline, MO_STATE_GOING_OFFLINE));
	assert_false(mo_attempt_has_lock(&offline, MO_STATE_ONLINE));
	assert_false(mo_attempt_has_lock(&online, MO_STATE_GOING_OFFLINE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_arrives),
		cmocka_unit_test(an_error_comes_back),
		cmocka_unit_test(a_blocked_write_can_be_killed),
		cmocka_unit_test(the_worker_dies_with_its_parent),
		cmocka_unit_test(a_sysroot_is_never_written),
		cmocka_unit_test(what_a_killed_worker_finished_is_its_doing),
		cmocka_unit_test(who_wants_it_online_waits_for_the_lock),
	};

	alarm(60);	/* a worker that can't be killed fails the test instead of hanging it */
	if (mo_ctx_new(&ctx))
		return 1;
	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
