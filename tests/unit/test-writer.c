// SPDX-License-Identifier: GPL-2.0-only
/* The writer's life: writes that succeed, one that fails, one that blocks till it is killed. */
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
static struct mo_writer *writer;

static int make_writer(void **state)
{
	(void)state;
	writer = mo_writer_new(ctx);
	return writer ? 0 : -1;
}

static int free_writer(void **state)
{
	(void)state;
	mo_writer_free(writer);
	return 0;
}

static int start(const char *path)
{
	struct mo_order order = { .text = "offline" };

	snprintf(order.path, sizeof(order.path), "%s", path);
	return mo_writer_start(writer, &order);
}

static int start_at(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	return start(path);
}

static int await_answer(int timeout_ms)
{
	struct pollfd fd = { .fd = mo_writer_fd(writer), .events = POLLIN };

	return poll(&fd, 1, timeout_ms);
}

static void writes_arrive_one_after_the_other(void **state)
{
	char text[16] = "";
	int fds[2], i;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(start_at(fds[1]), 0);
		assert_int_equal(await_answer(10000), 1);
		assert_int_equal(mo_writer_finish(writer), 0);
		assert_int_equal(read(fds[0], text, sizeof(text)), 7);
		assert_string_equal(text, "offline");
	}
	close(fds[0]);
	close(fds[1]);
}

static void an_error_comes_back(void **state)
{
	(void)state;
	assert_int_equal(start("/dev/full"), 0);
	assert_int_equal(mo_writer_finish(writer), -ENOSPC);
	assert_int_equal(start("/no/such/file"), 0);
	assert_int_equal(mo_writer_finish(writer), -ENOENT);
	assert_int_equal(start("/dev/null"), 0);
	assert_int_equal(mo_writer_finish(writer), 0);
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
	bool abandoned = false;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	fill(fds[1]);
	assert_int_equal(start_at(fds[1]), 0);
	assert_int_equal(await_answer(50), 0);
	assert_int_equal(mo_writer_end(writer, &abandoned), -EINTR);
	assert_false(abandoned);
	assert_int_equal(start("/dev/null"), 0);
	assert_int_equal(mo_writer_finish(writer), 0);
	close(fds[0]);
	close(fds[1]);
}

/* The only child of this process. */
static pid_t process_of_writer(void)
{
	FILE *file = fopen("/proc/thread-self/children", "re");
	pid_t pid = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &pid), 1);
	fclose(file);
	return pid;
}

static void one_that_was_killed_by_others_has_a_successor(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(start("/dev/null"), 0);
	assert_int_equal(mo_writer_finish(writer), 0);
	kill(process_of_writer(), SIGKILL);
	assert_int_equal(await_answer(10000), 1);	/* the end of file */
	assert_int_equal(start("/dev/null"), 0);
	assert_int_equal(mo_writer_finish(writer), 0);
	assert_int_equal(pipe(fds), 0);
	fill(fds[1]);
	assert_int_equal(start_at(fds[1]), 0);
	assert_int_equal(mo_writer_finish(writer), -ENOENT);	/* forked before there was a pipe */
	kill(process_of_writer(), SIGKILL);
	assert_int_equal(await_answer(10000), 1);
	assert_int_equal(start_at(fds[1]), 0);
	kill(process_of_writer(), SIGKILL);
	assert_int_equal(mo_writer_finish(writer), -EINTR);
	close(fds[0]);
	close(fds[1]);
}

/* A command that is killed must not leave a worker in the kernel: the worker holds the pipe's end open. */
static void the_worker_dies_with_its_parent(void **state)
{
	char byte;
	int data[2], life[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(data), 0);
	assert_int_equal(pipe(life), 0);
	fill(data[1]);
	pid = fork();
	if (!pid) {
		if (start_at(data[1]))
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
	const struct mo_order order = { .path = "/dev/null", .text = "offline" };
	struct mo_writer *other_writer;
	struct mo_ctx *other;

	(void)state;
	assert_int_equal(mo_ctx_new(&other), 0);
	assert_int_equal(mo_ctx_set_sysroot(other, "/"), 0);
	other_writer = mo_writer_new(other);
	assert_int_equal(mo_writer_start(other_writer, &order), -EROFS);
	mo_writer_free(other_writer);
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
		cmocka_unit_test_setup_teardown(writes_arrive_one_after_the_other, make_writer, free_writer),
		cmocka_unit_test_setup_teardown(an_error_comes_back, make_writer, free_writer),
		cmocka_unit_test_setup_teardown(a_blocked_write_can_be_killed, make_writer, free_writer),
		cmocka_unit_test_setup_teardown(one_that_was_killed_by_others_has_a_successor, make_writer,
						free_writer),
		cmocka_unit_test_setup_teardown(the_worker_dies_with_its_parent, make_writer, free_writer),
		cmocka_unit_test(a_sysroot_is_never_written),
		cmocka_unit_test(what_a_killed_worker_finished_is_its_doing),
		cmocka_unit_test(who_wants_it_online_waits_for_the_lock),
	};

	alarm(60);	/* a worker that can't be killed fails the test instead of hanging it */
	if (mo_ctx_new(&ctx))
		return 1;
	return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
