// SPDX-License-Identifier: GPL-2.0-only
/* Counts of corrected errors: none is lost, the file stays bounded, and what is no file of ours is left alone. */
#include <sys/stat.h>
#include <sys/wait.h>

#include "state-dir.h"

struct path { char text[128]; };

static struct path file_of(const struct fixture *f)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), "%s/errors", f->dir);
	return path;
}

static int add_page(void *data, struct mo_error_counts *counts)
{
	return mo_error_counts_add(counts, data);
}

static void count(const struct fixture *f, uint64_t addr, uint64_t nr, bool is_retired)
{
	struct mo_page_count more = { .addr = addr, .nr_errors = nr, .last_time_s = 5, .is_retired = is_retired };
	struct mo_error_counts counts;

	assert_int_equal(mo_error_counts_change(f->ctx, add_page, &more, &counts), 0);
	mo_error_counts_free(&counts);
}

static struct mo_error_counts load(const struct fixture *f)
{
	struct mo_error_counts counts;

	assert_int_equal(mo_error_counts_load(f->ctx, &counts), 0);
	return counts;
}

static void test_add(void **state)
{
	struct mo_error_counts counts = load(*state);

	assert_int_equal(counts.nr_pages, 0);
	count(*state, 0x1000, 1, false);
	count(*state, 0x2000, 7, true);
	count(*state, 0x1000, 2, false);
	count(*state, 0x2000, UINT64_MAX, false);
	counts = load(*state);
	assert_int_equal(counts.nr_pages, 2);
	assert_int_equal(counts.pages[0].addr, 0x1000);
	assert_int_equal(counts.pages[0].nr_errors, 3);
	assert_false(counts.pages[0].is_retired);
	assert_true(mo_error_counts_find(&counts, 0x2000)->nr_errors == UINT64_MAX);
	assert_true(mo_error_counts_find(&counts, 0x2000)->is_retired);
	assert_null(mo_error_counts_find(&counts, 0x3000));
	assert_int_equal(mo_error_counts_retired(&counts, 0, 0x2000), 0);
	assert_int_equal(mo_error_counts_retired(&counts, 1, 0x2000), 1);
	mo_error_counts_free(&counts);
}

/* All that is added to one that is full: what had no error for longest goes. */
static void test_bound(void **state)
{
	struct mo_error_counts counts = { 0 };

	(void)state;
	for (uint64_t i = 0; i < MO_ERROR_PAGES_MAX; i++)
		if (i % 4096)
			assert_int_equal(mo_error_counts_add(&counts, &(struct mo_page_count){
						.addr = i << 12, .nr_errors = 1 }), 0);
	for (uint64_t i = MO_ERROR_PAGES_MAX; counts.nr_pages < MO_ERROR_PAGES_MAX; i++)
		assert_int_equal(mo_error_counts_add(&counts, &(struct mo_page_count){
					.addr = i << 12, .nr_errors = 1 }), 0);
	assert_int_equal(mo_error_counts_add(&counts, &(struct mo_page_count){ .addr = 0x1000, .nr_errors = 1 }), 0);
	assert_int_equal(mo_error_counts_add(&counts, &(struct mo_page_count){ .addr = 0, .nr_errors = 1 }), 0);
	assert_int_equal(counts.nr_pages, MO_ERROR_PAGES_MAX);
	assert_non_null(mo_error_counts_find(&counts, 0x1000));
	assert_null(mo_error_counts_find(&counts, 0x2000));
	assert_non_null(mo_error_counts_find(&counts, 0x3000));
	mo_error_counts_free(&counts);
}

static int add_gone(void *data, struct mo_error_counts *counts)
{
	return mo_error_counts_add_gone(counts, data);
}

static void test_gone(void **state)
{
	const struct fixture *f = *state;
	struct mo_block_gone gone = { .block = 32, .device = "PNP0C80:00", .time_s = 1 };
	struct mo_error_counts counts;

	for (gone.block = 32; gone.block < 35; gone.block++) {
		assert_int_equal(mo_error_counts_change(f->ctx, add_gone, &gone, &counts), 0);
		mo_error_counts_free(&counts);
	}
	gone = (struct mo_block_gone){ .block = 33, .device = "dax0.0", .time_s = 9 };
	assert_int_equal(mo_error_counts_change(f->ctx, add_gone, &gone, &counts), 0);
	mo_error_counts_free(&counts);
	counts = load(f);
	assert_int_equal(counts.nr_blocks, 3);
	assert_int_equal(mo_error_counts_gone(&counts, "PNP0C80:00"), 2);
	assert_int_equal(mo_error_counts_gone(&counts, "dax0.0"), 1);
	assert_int_equal(counts.blocks[1].time_s, 9);
	mo_error_counts_free(&counts);
}

/* Processes at once, as many errors come at once. */
static void test_at_once(void **state)
{
	enum { NR = 8, TIMES = 20 };
	const struct fixture *f = *state;
	struct mo_error_counts counts;
	pid_t pids[NR];
	int status;

	for (size_t i = 0; i < NR; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (!pids[i]) {
			for (int j = 0; j < TIMES; j++)
				count(f, i % 2 ? 0x1000 : 0x2000, 1, false);
			_exit(0);
		}
	}
	for (size_t i = 0; i < NR; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	counts = load(f);
	assert_int_equal(mo_error_counts_find(&counts, 0x1000)->nr_errors, NR / 2 * TIMES);
	assert_int_equal(mo_error_counts_find(&counts, 0x2000)->nr_errors, NR / 2 * TIMES);
	mo_error_counts_free(&counts);
}

static void write_file(const struct fixture *f, const char *text, size_t len)
{
	FILE *file = fopen(file_of(f).text, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

/* A file that can't be understood is not replaced by one that counts from 0. */
static void test_foreign(void **state)
{
	static const char *const texts[] = { "", "\n", "memoffline-errors 2\n", "memoffline-errors", "\xff\xfe" };
	const struct fixture *f = *state;
	struct mo_page_count more = { .addr = 0x1000, .nr_errors = 1 };
	struct mo_error_counts counts;
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		write_file(f, texts[i], strlen(texts[i]));
		assert_int_equal(mo_error_counts_load(f->ctx, &counts), -EBADMSG);
		assert_int_equal(mo_error_counts_change(f->ctx, add_page, &more, &counts), -EBADMSG);
		assert_says(f->ctx, "move it away");
		assert_int_equal(stat(file_of(f).text, &st), 0);
		assert_int_equal(st.st_size, strlen(texts[i]));
	}
}

static void test_no_state_dir(void **state)
{
	const struct fixture *f = *state;
	struct mo_page_count more = { .addr = 0x1000, .nr_errors = 1 };
	struct mo_error_counts counts;

	assert_int_equal(mo_ctx_set_state_dir(f->ctx, ""), 0);
	assert_int_equal(mo_error_counts_load(f->ctx, &counts), 0);
	assert_int_equal(mo_error_counts_change(f->ctx, add_page, &more, &counts), -EINVAL);
	assert_int_equal(mo_ctx_set_state_dir(f->ctx, "/proc/none/there"), 0);
	assert_true(mo_error_counts_change(f->ctx, add_page, &more, &counts) < 0);
	assert_says(f->ctx, "/proc/none/there");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_add),
		TEST(test_bound),
		TEST(test_gone),
		TEST(test_at_once),
		TEST(test_foreign),
		TEST(test_no_state_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
