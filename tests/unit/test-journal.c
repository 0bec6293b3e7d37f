// SPDX-License-Identifier: GPL-2.0-only
/* Lock and journal in a run directory of the test's own. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "private.h"

struct fixture {
	char dir[64];
	char state_dir[80];
	struct mo_ctx *ctx;
};

static const struct mo_journal_entry three[] = {
	{ 35, MO_ZONE_MOVABLE, 1, MO_MARK_TODO },
	{ 34, MO_ZONE_NORMAL, 0, MO_MARK_TODO },
	{ 4000000000u, MO_ZONE_DMA32, -1, MO_MARK_TODO },
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->dir, "/tmp/memoffline-test-XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	assert_int_equal(mo_ctx_new(&fixture->ctx), 0);
	assert_int_equal(mo_ctx_set_run_dir(fixture->ctx, fixture->dir), 0);
	snprintf(fixture->state_dir, sizeof(fixture->state_dir), "%s/state", fixture->dir);
	assert_int_equal(mo_ctx_set_state_dir(fixture->ctx, fixture->state_dir), 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char command[128];

	mo_ctx_unref(fixture->ctx);
	snprintf(command, sizeof(command), "rm -rf %s", fixture->dir);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}

static struct mo_pool pools[] = {
	{ .node = 0, .size_kib = 2048, .nr_pages = 23, .surplus_pages = 3 },
	{ .node = -1, .size_kib = 1048576, .nr_pages = 1ULL << 40 },
};
static const struct mo_journal_terms terms = {
	2, MO_REQUEST_PARTIAL | MO_REQUEST_FORCE, 3ULL << 40, { pools, ARRAY_SIZE(pools) },
};

static void create(struct fixture *fixture, struct mo_journal **journal)
{
	assert_int_equal(mo_journal_create(fixture->ctx, "32-35\033[1m", three, ARRAY_SIZE(three), &terms,
					   MO_STAGE_OFFLINE, journal), 0);
}

static void marks_survive_a_killed_command(void **state)
{
	struct fixture *fixture = *state;
	struct mo_journal *journal;
	size_t i;

	create(fixture, &journal);
	assert_int_equal(mo_journal_set(journal, 0, MO_MARK_DONE), 0);
	assert_int_equal(mo_journal_set(journal, 2, MO_MARK_BEGUN), 0);
	mo_journal_close(journal);	/* what a kill leaves: the file as it stands */

	assert_int_equal(mo_journal_load(fixture->ctx, &journal), 0);
	assert_int_equal(mo_journal_nr(journal), 3);
	assert_int_equal(mo_journal_terms(journal)->nr_wanted, 2);
	assert_int_equal(mo_journal_terms(journal)->flags, MO_REQUEST_PARTIAL | MO_REQUEST_FORCE);
	assert_int_equal(mo_journal_terms(journal)->len_bytes, 3ULL << 40);
	assert_int_equal(mo_journal_terms(journal)->pools.nr, ARRAY_SIZE(pools));
	for (i = 0; i < ARRAY_SIZE(pools); i++) {
		const struct mo_pool *pool = &mo_journal_terms(journal)->pools.all[i];

		assert_int_equal(pool->node, pools[i].node);
		assert_int_equal(pool->size_kib, pools[i].size_kib);
		assert_int_equal(mo_pool_own_pages(pool), mo_pool_own_pages(&pools[i]));
	}
	assert_string_equal(mo_journal_target(journal), "32-35 [1m");
	for (i = 0; i < 3; i++) {
		assert_int_equal(mo_journal_entry(journal, i)->block, three[i].block);
		assert_int_equal(mo_journal_entry(journal, i)->zone, three[i].zone);
		assert_int_equal(mo_journal_entry(journal, i)->node, three[i].node);
	}
	assert_int_equal(mo_journal_entry(journal, 0)->mark, MO_MARK_DONE);
	assert_int_equal(mo_journal_entry(journal, 1)->mark, MO_MARK_TODO);
	assert_int_equal(mo_journal_entry(journal, 2)->mark, MO_MARK_BEGUN);
	assert_null(mo_journal_entry(journal, 3));
	assert_int_equal(mo_journal_end(journal), 0);
	assert_int_equal(mo_journal_load(fixture->ctx, &journal), -ENOENT);
}

static void write_journal(struct fixture *fixture, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/journal", fixture->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* Left behind by the version before, which kept no terms: all or nothing, as it would have done. */
static void an_old_journal_can_be_undone(void **state)
{
	struct fixture *fixture = *state;
	struct mo_journal *journal;

	write_journal(fixture, "memoffline-journal 1 77 1700000000 2 1\n32-35\n"
				"        35 Movable      1 d\n        34 Normal       0 .\n");
	assert_int_equal(mo_journal_load(fixture->ctx, &journal), 0);
	assert_int_equal(mo_journal_nr(journal), 2);
	assert_int_equal(mo_journal_terms(journal)->nr_wanted, 1);
	assert_int_equal(mo_journal_terms(journal)->flags, 0);
	assert_int_equal(mo_journal_terms(journal)->len_bytes, 0);
	assert_string_equal(mo_journal_target(journal), "32-35");
	assert_int_equal(mo_journal_entry(journal, 0)->mark, MO_MARK_DONE);
	assert_int_equal(mo_journal_set(journal, 1, MO_MARK_BEGUN), 0);
	mo_journal_close(journal);
	assert_int_equal(mo_journal_load(fixture->ctx, &journal), 0);
	assert_int_equal(mo_journal_entry(journal, 1)->block, 34);
	assert_int_equal(mo_journal_entry(journal, 1)->mark, MO_MARK_BEGUN);
	mo_journal_close(journal);
}

/* Of the version before, which did not keep what the pools of huge pages had. */
static void a_journal_without_pools_goes_on(void **state)
{
	struct fixture *fixture = *state;
	struct mo_journal *journal;

	write_journal(fixture, "memoffline-journal 2 77 1700000000 1 1 4 4096\n32\n        32 Movable      1 d\n");
	assert_int_equal(mo_journal_load(fixture->ctx, &journal), 0);
	assert_int_equal(mo_journal_terms(journal)->flags, 4);
	assert_int_equal(mo_journal_terms(journal)->len_bytes, 4096);
	assert_int_equal(mo_journal_terms(journal)->pools.nr, 0);
	assert_int_equal(mo_journal_entry(journal, 0)->block, 32);
	mo_journal_close(journal);
}

static void a_newer_journal_is_refused_with_a_way_out(void **state)
{
	struct fixture *fixture = *state;
	struct mo_journal *journal;

	write_journal(fixture, "memoffline-journal 4 what nobody knows today\n");
	assert_int_equal(mo_journal_load(fixture->ctx, &journal), -EPROTONOSUPPORT);
	assert_non_null(strstr(mo_ctx_error(fixture->ctx), "newer memoffline"));
	assert_non_null(strstr(mo_ctx_error(fixture->ctx), "memoffline online"));
}

static void info_counts_what_is_done(void **state)
{
	struct fixture *fixture = *state;
	struct mo_journal_info info;
	struct mo_journal *journal;
	struct mo_lock *lock;

	assert_int_equal(mo_journal_read(fixture->ctx, &info), -ENOENT);
	create(fixture, &journal);
	mo_journal_set(journal, 1, MO_MARK_DONE);
	mo_journal_close(journal);
	assert_int_equal(mo_journal_read(fixture->ctx, &info), 0);
	assert_int_equal(info.pid, getpid());
	assert_int_equal(info.nr_blocks, 3);
	assert_int_equal(info.nr_done, 1);
	assert_false(info.running);
	assert_int_equal(mo_lock_take(fixture->ctx, "offline 32", 0, -1, &lock), 0);
	assert_int_equal(mo_journal_read(fixture->ctx, &info), 0);
	assert_true(info.running);
	mo_lock_drop(lock);
}

/* Cut anywhere, or changed anywhere in its header, a journal is refused or whole, and the file stays. */
static void damage_is_found(void **state)
{
	struct fixture *fixture = *state;
	struct mo_journal *journal;
	char path[128], whole[1024];
	ssize_t len, cut;
	int fd, err;

	create(fixture, &journal);
	mo_journal_close(journal);
	snprintf(path, sizeof(path), "%s/journal", fixture->dir);
	fd = open(path, O_RDWR);
	len = read(fd, whole, sizeof(whole));
	assert_true(len > 0 && len < (ssize_t)sizeof(whole));
	for (cut = len - 1; cut >= 0; cut--) {
		assert_int_equal(ftruncate(fd, cut), 0);
		assert_int_equal(mo_journal_load(fixture->ctx, &journal), -EBADMSG);
	}
	for (cut = 0; cut < len; cut++) {
		whole[cut] ^= 0x40;
		assert_int_equal(pwrite(fd, whole, (size_t)len, 0), len);
		whole[cut] ^= 0x40;
		err = mo_journal_load(fixture->ctx, &journal);
		assert_true(!err || err == -EBADMSG || err == -EPROTONOSUPPORT);
		if (!err)
			mo_journal_close(journal);
	}
	assert_int_equal(access(path, F_OK), 0);
	close(fd);
}

static void a_removal_outlives_a_restart(void **state)
{
	const struct mo_journal_entry entries[] = {
		{ 35, MO_ZONE_MOVABLE, 1, MO_MARK_TODO }, { 34, MO_ZONE_NORMAL, 0, MO_MARK_WAS_OFFLINE },
	};
	struct fixture *fixture = *state;
	struct mo_journal_info info;
	struct mo_journal *journal;
	char path[128], command[256];

	assert_int_equal(mo_journal_create(fixture->ctx, "PNP0C80:00", entries, 2, &terms, MO_STAGE_REMOVAL, &journal), 0);
	assert_int_equal(mo_journal_enter(journal, MO_STAGE_EJECT), 0);
	assert_int_equal(mo_journal_set(journal, 0, MO_MARK_DONE), 0);
	mo_journal_close(journal);
	snprintf(path, sizeof(path), "%s/removal", fixture->state_dir);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(mo_journal_load(fixture->ctx, &journal), 0);
	assert_int_equal(mo_journal_stage(journal), MO_STAGE_EJECT);
	assert_true(mo_journal_is_of_this_boot(journal));
	assert_string_equal(mo_journal_target(journal), "PNP0C80:00");
	assert_int_equal(mo_journal_entry(journal, 0)->mark, MO_MARK_DONE);
	assert_int_equal(mo_journal_entry(journal, 1)->mark, MO_MARK_WAS_OFFLINE);
	mo_journal_close(journal);
	assert_int_equal(mo_journal_read(fixture->ctx, &info), 0);
	assert_true(info.removes);
	assert_true(info.is_of_this_boot);
	/* Another kernel has another name. */
	snprintf(command, sizeof(command), "sed -Ei '1s/[0-9a-f]{8}-/zzzzzzzz-/' %s", path);
	assert_int_equal(system(command), 0);
	assert_int_equal(mo_journal_read(fixture->ctx, &info), 0);
	assert_false(info.is_of_this_boot);
	assert_int_equal(mo_journal_load(fixture->ctx, &journal), 0);
	assert_int_equal(mo_journal_end(journal), 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_removal_without_a_state_directory(void **state)
{
	struct fixture *fixture = *state;
	struct mo_journal_info info;
	struct mo_journal *journal;

	assert_int_equal(mo_ctx_set_state_dir(fixture->ctx, "/proc/memoffline"), 0);
	assert_int_equal(mo_journal_create(fixture->ctx, "dax0.0", three, 3, &terms, MO_STAGE_REMOVAL, &journal), 0);
	mo_journal_close(journal);
	assert_int_equal(mo_journal_read(fixture->ctx, &info), 0);
	assert_true(info.removes);
	assert_int_equal(info.nr_blocks, 3);
}

static void no_room_is_said_before_anything_changes(void **state)
{
	struct fixture *fixture = *state;
	struct mo_journal *journal;

	assert_int_equal(mo_ctx_set_run_dir(fixture->ctx, "/proc/memoffline"), 0);
	assert_int_equal(mo_journal_create(fixture->ctx, "32", three, 3, &terms, MO_STAGE_OFFLINE, &journal), -ENOENT);
	assert_non_null(strstr(mo_ctx_error(fixture->ctx), "nothing was changed"));
}

static pid_t hold_lock(struct fixture *fixture, int until_fd)
{
	struct mo_lock *lock;
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (mo_lock_take(fixture->ctx, "offline PNP0C80:00", 0, -1, &lock))
			_exit(1);
		if (write(ready[1], "x", 1) != 1 || read(until_fd, &byte, 1) < 0)
			_exit(1);
		_exit(0);	/* never drops it: the kernel does */
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void holder_is_named(void **state)
{
	struct fixture *fixture = *state;
	struct mo_lock *lock;
	char pid_text[16];
	int until[2];
	pid_t pid;

	assert_int_equal(pipe(until), 0);
	pid = hold_lock(fixture, until[0]);
	snprintf(pid_text, sizeof(pid_text), "%d", pid);
	assert_int_equal(mo_lock_take(fixture->ctx, "offline 3", 0, -1, &lock), -EALREADY);
	assert_non_null(strstr(mo_ctx_error(fixture->ctx), pid_text));
	assert_non_null(strstr(mo_ctx_error(fixture->ctx), "offline PNP0C80:00"));
	assert_int_equal(mo_lock_take(fixture->ctx, "offline 3", 50, -1, &lock), -EALREADY);
	assert_int_equal(write(until[1], "x", 1), 1);
	waitpid(pid, NULL, 0);
	assert_int_equal(mo_lock_take(fixture->ctx, "offline 3", 0, -1, &lock), 0);
	mo_lock_drop(lock);
	close(until[0]);
	close(until[1]);
}

/* Has the lock's file open, as one that waits for the lock does; ends with the other end of UNTIL. */
static pid_t open_lock_only(struct fixture *fixture, const int until[2])
{
	char path[128], byte;
	struct mo_lock *lock;
	pid_t pid;

	assert_int_equal(mo_lock_take(fixture->ctx, "offline 1", 0, -1, &lock), 0);	/* makes the file */
	mo_lock_drop(lock);
	snprintf(path, sizeof(path), "%s/lock", fixture->dir);
	assert_true(open(path, O_RDWR) >= 0);	/* in this process, too */
	pid = fork();
	if (!pid) {
		close(until[1]);
		_exit(read(until[0], &byte, 1) < 0);
	}
	return pid;
}

/* The kernel does not let go of the worker of a command that was killed: that one holds the lock now. */
static void the_worker_of_a_killed_holder_is_named(void **state)
{
	struct fixture *fixture = *state;
	struct mo_lock *lock;
	int pids[2], until[2];
	char words[64];
	pid_t pid, worker, bystander;

	assert_int_equal(pipe(pids), 0);
	assert_int_equal(pipe(until), 0);
	bystander = open_lock_only(fixture, until);
	pid = fork();
	if (!pid) {
		if (mo_lock_take(fixture->ctx, "offline PNP0C80:00", 0, -1, &lock))
			_exit(1);
		worker = fork();
		if (!worker) {
			close(until[1]);
			_exit(read(until[0], words, 1) < 0);	/* till the test ends it */
		}
		if (write(pids[1], &worker, sizeof(worker)) != sizeof(worker))
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(read(pids[0], &worker, sizeof(worker)), sizeof(worker));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(mo_lock_take(fixture->ctx, "offline 3", 0, -1, &lock), -EALREADY);
	snprintf(words, sizeof(words), "process %d (offline PNP0C80:00) was killed", pid);
	assert_non_null(strstr(mo_ctx_error(fixture->ctx), words));
	snprintf(words, sizeof(words), "its worker, process %d, still holds the lock", worker);
	assert_non_null(strstr(mo_ctx_error(fixture->ctx), words));
	close(until[1]);	/* the worker ends, and with it the lock */
	assert_int_equal(waitpid(bystander, NULL, 0), bystander);
	assert_int_equal(mo_lock_take(fixture->ctx, "offline 3", UINT32_MAX, -1, &lock), 0);
	mo_lock_drop(lock);
	close(until[0]);
	close(pids[0]);
	close(pids[1]);
}

static void waiting_ends_when_the_holder_is_killed(void **state)
{
	struct fixture *fixture = *state;
	struct mo_lock *lock;
	int until[2];
	pid_t pid, killer;

	assert_int_equal(pipe(until), 0);
	pid = hold_lock(fixture, until[0]);
	killer = fork();
	if (!killer) {
		usleep(100000);	/* lets the other one wait first; either order must pass */
		kill(pid, SIGKILL);
		_exit(0);
	}
	assert_int_equal(mo_lock_take(fixture->ctx, "offline 3", UINT32_MAX, -1, &lock), 0);
	mo_lock_drop(lock);
	waitpid(pid, NULL, 0);
	waitpid(killer, NULL, 0);
	close(until[0]);
	close(until[1]);
}

static void waiting_ends_on_stop(void **state)
{
	struct fixture *fixture = *state;
	struct mo_lock *lock;
	int until[2], stop[2];
	pid_t pid;

	assert_int_equal(pipe(until), 0);
	assert_int_equal(pipe(stop), 0);
	pid = hold_lock(fixture, until[0]);
	assert_int_equal(write(stop[1], "x", 1), 1);
	assert_int_equal(mo_lock_take(fixture->ctx, "offline 3", UINT32_MAX, stop[0], &lock), -EINTR);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(marks_survive_a_killed_command, setup, teardown),
		cmocka_unit_test_setup_teardown(an_old_journal_can_be_undone, setup, teardown),
		cmocka_unit_test_setup_teardown(a_journal_without_pools_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_newer_journal_is_refused_with_a_way_out, setup, teardown),
		cmocka_unit_test_setup_teardown(info_counts_what_is_done, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(a_removal_outlives_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(a_removal_without_a_state_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(no_room_is_said_before_anything_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(holder_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(the_worker_of_a_killed_holder_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(waiting_ends_when_the_holder_is_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(waiting_ends_on_stop, setup, teardown),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
