// SPDX-License-Identifier: GPL-2.0-only
/* The history: lines in a state directory of the test's own, and what must not lose them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "private.h"

#define HOSTILE "a\"b\\c\n{}\x1b[31m\x7f \xff \xf4\x90\x80\x80"
#define HEALED "a\"b\\c\n{}\x1b[31m\x7f \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"

struct fixture {
	char dir[64];	/* the state directory is made in it */
	struct mo_ctx *ctx;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[128];

	strcpy(f->dir, "/tmp/test-history.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(mo_ctx_new(&f->ctx), 0);
	snprintf(path, sizeof(path), "%s/state", f->dir);
	assert_int_equal(mo_ctx_set_state_dir(f->ctx, path), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	mo_ctx_unref(f->ctx);
	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* The path of a file of the history. */
static const char *path_of(const struct fixture *f, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/state/%s", f->dir, name);
	return path;
}

static struct mo_report *new_report(struct mo_ctx *ctx, const char *target, uint32_t nr_blocks)
{
	struct mo_report *report;

	assert_int_equal(mo_report_new(ctx, "offline", target, &report), 0);
	for (uint32_t i = 0; i < nr_blocks; i++) {
		struct mo_block_result *result = mo_report_add_block(report, 32 + i, MO_ZONE_MOVABLE);

		result->outcome = MO_OUTCOME_FAILED;
		result->error = -EBUSY;
		result->reason = MO_REASON_EXTRA_REFS;
		result->pages_before = 1000;
		result->pages_left = 3;
		result->elapsed_ms = 45;
		assert_int_equal(mo_report_set_device(report, result, "PNP0C80:00"), 0);
		assert_int_equal(mo_report_set_detail(report, result, "failure to isolate range"), 0);
	}
	mo_report_set_moved(report, 77);
	mo_report_finish(report, -EBUSY, MO_REASON_EXTRA_REFS, 0);
	return report;
}

/* Whether all went well: without a note. */
static bool add(struct mo_ctx *ctx, const char *target, uint32_t nr_blocks)
{
	struct mo_report *report = new_report(ctx, target, nr_blocks);
	struct mo_line line = { .report = report, .block_bytes = 128 << 20, .page_bytes = 4096 };
	bool is_kept;

	mo_history_add(ctx, &line);
	is_kept = !mo_report_note(report, 0);
	if (!is_kept)
		assert_non_null(strstr(mo_report_note(report, 0), "this attempt is not in the history: "));
	mo_report_unref(report);
	return is_kept;
}

struct seen {
	unsigned int nr;
	char targets[512][32];
	unsigned int nr_blocks[512];
};

static int see(void *data, const struct mo_line *line)
{
	struct seen *seen = data;

	if (!line->report)
		return 0;	/* totals */
	assert_true(seen->nr < ARRAY_SIZE(seen->targets));
	snprintf(seen->targets[seen->nr], sizeof(seen->targets[0]), "%s", mo_report_target(line->report));
	seen->nr_blocks[seen->nr++] = (unsigned int)mo_report_nr_blocks(line->report);
	return 0;
}

static struct seen *look(struct mo_ctx *ctx, uint64_t skipped)
{
	static struct seen seen;
	uint64_t nr_skipped;

	memset(&seen, 0, sizeof(seen));
	assert_int_equal(mo_history_each(ctx, see, &seen, &nr_skipped), 0);
	assert_int_equal(nr_skipped, skipped);
	return &seen;
}

static void append(const struct fixture *f, const char *bytes, size_t len)
{
	FILE *file = fopen(path_of(f, "history.jsonl"), "a");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static int compare(void *data, const struct mo_line *line)
{
	const struct mo_block_result *result = mo_report_block(line->report, 1);

	assert_string_equal(mo_report_action(line->report), "offline");
	assert_string_equal(mo_report_target(line->report), HEALED);
	assert_int_equal(mo_report_result(line->report), -EBUSY);
	assert_int_equal(mo_report_reason(line->report), MO_REASON_EXTRA_REFS);
	assert_int_equal(mo_report_moved_pages(line->report), 77);
	assert_int_equal(line->block_bytes, 128 << 20);
	assert_int_equal(line->page_bytes, 4096);
	assert_int_equal(line->max_mib_s, 100);
	assert_int_equal(line->move_bytes, 5 << 20);
	assert_true(*line->kernel);
	assert_int_equal(mo_report_nr_blocks(line->report), 2);
	assert_int_equal(result->block, 33);
	assert_int_equal(result->outcome, MO_OUTCOME_FAILED);
	assert_int_equal(result->error, -EBUSY);
	assert_int_equal(result->pages_before, 1000);
	assert_int_equal(result->pages_left, 3);
	assert_int_equal(result->elapsed_ms, 45);
	assert_string_equal(result->device, "PNP0C80:00");
	assert_string_equal(result->detail, "");	/* the report has it */
	++*(int *)data;
	return 0;
}

static void a_line_and_back(void **state)
{
	struct fixture *f = *state;
	struct mo_report *report = new_report(f->ctx, HOSTILE, 2);
	struct mo_line line = { .report = report, .block_bytes = 128 << 20, .page_bytes = 4096, .max_mib_s = 100,
				.move_bytes = 5 << 20 };
	struct stat st;
	int nr = 0;

	assert_int_equal(mo_history_each(f->ctx, compare, &nr, NULL), -ENOENT);
	mo_report_add_block(report, 99, MO_ZONE_MOVABLE);	/* not tried */
	mo_history_add(f->ctx, &line);
	assert_null(mo_report_note(report, 0));
	assert_int_equal(mo_history_each(f->ctx, compare, &nr, NULL), 0);
	assert_int_equal(nr, 1);
	assert_int_equal(stat(path_of(f, ""), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(path_of(f, "history.jsonl"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	mo_report_unref(report);
}

static void blocks_of_a_line_are_bounded(void **state)
{
	struct fixture *f = *state;

	assert_true(add(f->ctx, "many", MO_LINE_BLOCKS_MAX + 5));
	assert_int_equal(look(f->ctx, 0)->nr_blocks[0], MO_LINE_BLOCKS_MAX);
}

/* Every line of the newest is there, in order, and files stay within their bounds. */
static void rotation_loses_the_oldest_alone(void **state)
{
	struct fixture *f = *state;
	unsigned int nr = 80;
	struct seen *seen;
	struct stat st;
	char target[32];

	for (unsigned int i = 0; i < nr; i++) {
		snprintf(target, sizeof(target), "%u", i);
		assert_true(add(f->ctx, target, 400));
	}
	seen = look(f->ctx, 0);
	assert_in_range(seen->nr, 20, nr - 1);
	for (unsigned int i = 0; i < seen->nr; i++) {
		snprintf(target, sizeof(target), "%u", nr - 1 - i);
		assert_string_equal(seen->targets[i], target);
		assert_int_equal(seen->nr_blocks[i], 400);
	}
	assert_int_equal(stat(path_of(f, "history.jsonl"), &st), 0);
	assert_in_range(st.st_size, 1, MO_HISTORY_BYTES);
	assert_int_equal(stat(path_of(f, "history.jsonl.3"), &st), 0);
	assert_in_range(st.st_size, 1, MO_HISTORY_BYTES);
	assert_int_equal(stat(path_of(f, "history.jsonl.4"), &st), -1);
}

/* A crash between two renames leaves a gap: the next rotation fills it, rather than drop the oldest. */
static void a_gap_is_closed(void **state)
{
	struct fixture *f = *state;
	struct seen *seen;
	char to[256];

	assert_true(add(f->ctx, "oldest", 1));
	snprintf(to, sizeof(to), "%s", path_of(f, "history.jsonl.3"));
	assert_int_equal(rename(path_of(f, "history.jsonl"), to), 0);
	assert_true(add(f->ctx, "older", 1));
	snprintf(to, sizeof(to), "%s", path_of(f, "history.jsonl.1"));
	assert_int_equal(rename(path_of(f, "history.jsonl"), to), 0);
	assert_true(add(f->ctx, "long", 4000));
	assert_true(add(f->ctx, "new", 4000));
	seen = look(f->ctx, 0);
	assert_int_equal(seen->nr, 4);
	assert_string_equal(seen->targets[0], "new");
	assert_string_equal(seen->targets[1], "long");
	assert_string_equal(seen->targets[2], "older");
	assert_string_equal(seen->targets[3], "oldest");
}

static void a_torn_line_is_skipped_and_healed(void **state)
{
	char torn[3000];	/* longer than the line that comes next */
	struct fixture *f = *state;
	struct seen *seen;

	snprintf(torn, sizeof(torn), "{\"schema\":1,\"action\":\"offline\",\"target\":\"%*s", 2900, "x");
	assert_true(add(f->ctx, "first", 1));
	append(f, torn, strlen(torn));
	assert_int_equal(look(f->ctx, 1)->nr, 1);
	assert_true(add(f->ctx, "second", 1));
	seen = look(f->ctx, 0);		/* it is gone */
	assert_int_equal(seen->nr, 2);
	assert_string_equal(seen->targets[0], "second");
	assert_string_equal(seen->targets[1], "first");
}

static void a_line_that_lacks_its_end_alone_is_kept(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_true(add(f->ctx, "first", 1));
	assert_int_equal(stat(path_of(f, "history.jsonl"), &st), 0);
	assert_int_equal(truncate(path_of(f, "history.jsonl"), st.st_size - 1), 0);
	assert_int_equal(look(f->ctx, 0)->nr, 1);
	assert_true(add(f->ctx, "second", 1));
	assert_int_equal(look(f->ctx, 0)->nr, 2);
}

/* What is no line, or one of a later version, does not hide the others. */
static void foreign_lines_are_skipped(void **state)
{
	static const char foreign[] = "\n[]\n{\"schema\":2}\nnonsense\n\0\0\0\0\n\xff\n{\"schema\":1}\n";
	struct fixture *f = *state;

	assert_true(add(f->ctx, "first", 1));
	append(f, foreign, sizeof(foreign) - 1);
	assert_true(add(f->ctx, "second", 1));
	assert_int_equal(look(f->ctx, 7)->nr, 2);
}

static void write_some(struct mo_ctx *ctx, unsigned int writer)
{
	char target[32];

	for (unsigned int i = 0; i < 9; i++) {
		snprintf(target, sizeof(target), "%u.%u", writer, i);
		if (!add(ctx, target, 400))
			_exit(1);
	}
	_exit(0);
}

/* Four at once, with rotations between: none loses a line of another's. */
static void writers_do_not_meet(void **state)
{
	struct fixture *f = *state;
	struct seen *seen;
	unsigned int sum = 0, writer, i;
	int status;

	for (writer = 0; writer < 4; writer++)
		if (!fork())
			write_some(f->ctx, writer);
	for (writer = 0; writer < 4; writer++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	seen = look(f->ctx, 0);
	assert_int_equal(seen->nr, 36);
	for (i = 0; i < seen->nr; i++) {
		sum += 100 * (unsigned int)atoi(seen->targets[i]);
		sum += (unsigned int)atoi(strchr(seen->targets[i], '.') + 1);
	}
	assert_int_equal(sum, 9 * 100 * (0 + 1 + 2 + 3) + 4 * (0 + 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8));
}

/* A disk that is full in the middle of the line: a limit on the length of files does the same. */
static void add_beyond_the_limit(struct mo_ctx *ctx, off_t size)
{
	const struct rlimit limit = { (rlim_t)size + 100, (rlim_t)size + 100 };

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	_exit(add(ctx, "second", 10));
}

static void a_full_disk_loses_no_earlier_line(void **state)
{
	struct fixture *f = *state;
	struct stat st, now;
	int status;

	assert_true(add(f->ctx, "first", 1));
	assert_int_equal(stat(path_of(f, "history.jsonl"), &st), 0);
	if (!fork())
		add_beyond_the_limit(f->ctx, st.st_size);
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);	/* it was told that it failed */
	assert_int_equal(stat(path_of(f, "history.jsonl"), &now), 0);
	assert_int_equal(now.st_size, st.st_size);
	assert_int_equal(look(f->ctx, 0)->nr, 1);
}

static void what_can_not_be_written_is_noted(void **state)
{
	struct fixture *f = *state;
	char path[256];

	assert_int_equal(mo_ctx_set_state_dir(f->ctx, "/proc/1/none"), 0);
	assert_false(add(f->ctx, "first", 1));
	assert_int_equal(mo_ctx_set_state_dir(f->ctx, "/dev/null"), 0);
	assert_false(add(f->ctx, "first", 1));
	snprintf(path, sizeof(path), "%s/state", f->dir);
	assert_int_equal(mo_ctx_set_state_dir(f->ctx, path), 0);
	assert_true(add(f->ctx, "first", 1));
	unlink(path_of(f, "history.jsonl"));
	assert_int_equal(mkfifo(path_of(f, "history.jsonl"), 0600), 0);
	assert_false(add(f->ctx, "second", 1));
	unlink(path_of(f, "history.jsonl"));
	assert_int_equal(symlink("/dev/full", path_of(f, "history.jsonl")), 0);
	assert_false(add(f->ctx, "third", 1));
}

/* A fifo in a recorded tree must not hold up who reads it. */
static void what_is_no_file_is_not_read(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };

	assert_int_equal(mkdir(path_of(f, ""), 0700), 0);
	assert_int_equal(mkfifo(path_of(f, "history.jsonl"), 0600), 0);
	assert_int_equal(mo_history_each(f->ctx, see, &seen, NULL), -EINVAL);
}

static void none_is_kept_where_none_is_wanted(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mo_ctx_set_state_dir(f->ctx, ""), 0);
	assert_true(add(f->ctx, "first", 1));
	assert_int_equal(mo_ctx_set_state_dir(f->ctx, "/state"), 0);
	assert_int_equal(mo_ctx_set_sysroot(f->ctx, f->dir), 0);
	assert_true(add(f->ctx, "first", 1));
	assert_int_equal(access(path_of(f, ""), F_OK), -1);
}

/* Below a sysroot, that of the machine that was recorded. */
static void a_recorded_machine_has_its_own(void **state)
{
	struct fixture *f = *state;

	assert_true(add(f->ctx, "first", 1));
	assert_int_equal(mo_ctx_set_state_dir(f->ctx, "/state"), 0);
	assert_int_equal(mo_ctx_set_sysroot(f->ctx, f->dir), 0);
	assert_int_equal(look(f->ctx, 0)->nr, 1);
}

/* Somebody holds the lock and does not go on: the attempt does. */
static void a_writer_that_hangs_is_not_waited_for(void **state)
{
	struct fixture *f = *state;
	uint64_t start_ms;
	int fd;

	assert_true(add(f->ctx, "first", 1));
	fd = open(path_of(f, ""), O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	start_ms = mo_now_ms();
	assert_false(add(f->ctx, "second", 1));
	assert_int_equal(look(f->ctx, 0)->nr, 1);
	assert_in_range(mo_now_ms() - start_ms, 4900, 60000);
	close(fd);
	assert_true(add(f->ctx, "third", 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_and_back), TEST(blocks_of_a_line_are_bounded), TEST(rotation_loses_the_oldest_alone),
		TEST(a_gap_is_closed), TEST(a_torn_line_is_skipped_and_healed),
		TEST(a_line_that_lacks_its_end_alone_is_kept), TEST(foreign_lines_are_skipped),
		TEST(writers_do_not_meet), TEST(a_full_disk_loses_no_earlier_line),
		TEST(what_can_not_be_written_is_noted), TEST(what_is_no_file_is_not_read),
		TEST(none_is_kept_where_none_is_wanted), TEST(a_recorded_machine_has_its_own),
		TEST(a_writer_that_hangs_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
