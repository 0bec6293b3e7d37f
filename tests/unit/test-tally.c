// SPDX-License-Identifier: GPL-2.0-only
/* Statistics of a history whose lines are known. */
#include <sys/stat.h>

#include "state-dir.h"

struct attempt {
	const char *action;
	int result;
	uint64_t start_s, elapsed_ms, moved_pages, freed_bytes;
	struct {
		uint32_t block;
		enum mo_outcome outcome;
		enum mo_reason reason;
		uint64_t pages, elapsed_ms;
		const char *device;
	} blocks[4];	/* till one is not tried */
};

static void add(struct mo_ctx *ctx, const struct attempt *attempt)
{
	struct mo_line line = { .block_bytes = 1 << 27, .page_bytes = 4096 };
	struct mo_report_totals totals = {
		.engine = "core", .result = attempt->result, .start_time_s = attempt->start_s,
		.elapsed_ms = attempt->elapsed_ms, .moved_pages = attempt->moved_pages,
		.freed_bytes = attempt->freed_bytes,
	};

	assert_int_equal(mo_report_new(ctx, attempt->action, "x", &line.report), 0);
	for (size_t i = 0; i < ARRAY_SIZE(attempt->blocks) && attempt->blocks[i].outcome; i++) {
		struct mo_block_result *result = mo_report_add_block(line.report, attempt->blocks[i].block,
								     MO_ZONE_MOVABLE);

		result->outcome = attempt->blocks[i].outcome;
		result->reason = attempt->blocks[i].reason;
		result->pages_before = attempt->blocks[i].pages;
		result->elapsed_ms = attempt->blocks[i].elapsed_ms;
		if (attempt->blocks[i].device)
			mo_report_set_device(line.report, result, attempt->blocks[i].device);
	}
	assert_int_equal(mo_report_restore(line.report, &totals), 0);
	mo_history_add(ctx, &line);
	assert_null(mo_report_note(line.report, 0));
	mo_report_unref(line.report);
}

/* 32 and 33 of a DIMM, 7 of none: went, failed, came back; and online again. */
static void add_some(struct mo_ctx *ctx)
{
	add(ctx, &(struct attempt){ "offline", 0, 1000, 100, 50, 2 << 20, {
		{ 33, MO_OUTCOME_DONE, MO_REASON_NONE, 30, 5, "PNP0C80:00" },
		{ 32, MO_OUTCOME_DONE, MO_REASON_NONE, 10, 15, "PNP0C80:00" } } });
	add(ctx, &(struct attempt){ "online", 0, 2000, 7, 0, 0, {
		{ 33, MO_OUTCOME_DONE, MO_REASON_NONE, 0, 4, "PNP0C80:00" },
		{ 32, MO_OUTCOME_FAILED, MO_REASON_NOTIFIER, 0, 3, "PNP0C80:00" } } });
	add(ctx, &(struct attempt){ "offline", -EBUSY, 3000, 2000, 20, 0, {
		{ 33, MO_OUTCOME_ROLLED_BACK, MO_REASON_NONE, 10, 5, "PNP0C80:00" },
		{ 32, MO_OUTCOME_FAILED, MO_REASON_EXTRA_REFS, 10, 15, "PNP0C80:00" },
		{ 7, MO_OUTCOME_WAS_SO, MO_REASON_NONE, 0, 0, "boot" } } });
	add(ctx, &(struct attempt){ "offline", 1, 4000, 300, 20, 1 << 20, {
		{ 33, MO_OUTCOME_DONE, MO_REASON_NONE, 10, 47, "PNP0C80:00" },
		{ 32, MO_OUTCOME_FAILED, MO_REASON_DMA_PINNED, 10, 15, "PNP0C80:01" } } });
	add(ctx, &(struct attempt){ "drain", 0, 5000, 10, 5, 0, { { 0 } } });
}

static struct mo_history *history_of(struct mo_ctx *ctx, const char *target)
{
	struct mo_history *history;
	int err = mo_history_read(ctx, target, &history);

	if (err)
		fail_msg("mo_history_read: %d, %s", err, mo_ctx_error(ctx));
	return history;
}

static void each_block_has_its_times(void **state)
{
	struct fixture *f = *state;
	const struct mo_block_history *block;
	struct mo_history *history;

	add_some(f->ctx);
	history = history_of(f->ctx, NULL);
	assert_int_equal(mo_history_nr_blocks(history), 2);	/* of 7 nothing was wanted */
	block = mo_history_block(history, 0);
	assert_int_equal(block->block, 32);
	assert_string_equal(block->device, "PNP0C80:01");	/* as it was last */
	assert_int_equal(block->nr_done, 1);
	assert_int_equal(block->nr_failed, 2);
	assert_int_equal(block->nr_back, 0);
	assert_int_equal(block->best_ms, 15 + 20);	/* a quarter of the 80 ms that were neither's */
	assert_int_equal(block->last_reason, MO_REASON_DMA_PINNED);
	assert_int_equal(block->nr_online, 0);
	assert_int_equal(block->nr_online_failed, 1);
	block = mo_history_block(history, 1);
	assert_int_equal(block->block, 33);
	assert_int_equal(block->nr_done, 2);
	assert_int_equal(block->nr_failed, 0);
	assert_int_equal(block->nr_back, 1);
	assert_int_equal(block->best_ms, 47);	/* in part: what was in vain is nobody's */
	assert_int_equal(block->worst_ms, 5 + 60);
	assert_int_equal(block->mean_ms, (47 + 65) / 2);
	assert_int_equal(block->last_reason, MO_REASON_NONE);
	assert_int_equal(block->last_time_s, 4000);
	assert_int_equal(block->nr_online, 1);
	assert_null(mo_history_block(history, 2));
	mo_history_unref(history);
}

static const struct mo_history_total *total_of(const struct mo_history *history, const char *action, const char *status)
{
	const struct mo_history_total *total;

	for (size_t i = 0; (total = mo_history_total(history, i)); i++)
		if (!strcmp(total->action, action) && !strcmp(total->status, status))
			return total;
	fail_msg("there is no %s %s", action, status);
	return NULL;
}

static void totals_are_of_all(void **state)
{
	struct fixture *f = *state;
	const struct mo_history_total *total;
	struct mo_history *history;

	add_some(f->ctx);
	history = history_of(f->ctx, "33");
	assert_int_equal(mo_history_nr_blocks(history), 1);
	assert_int_equal(mo_history_nr_totals(history), 5);
	assert_int_equal(mo_history_since_s(history), 1000);
	total = total_of(history, "offline", "failed");
	assert_string_equal(total->engine, "core");
	assert_int_equal(total->nr_attempts, 1);
	assert_int_equal(total->elapsed_ms, 2000);
	assert_int_equal(total->moved_bytes, 20 * 4096);
	assert_int_equal(total->last_time_s, 3000);
	assert_int_equal(total->nr_blocks[MO_OUTCOME_ROLLED_BACK], 1);
	assert_int_equal(total->nr_blocks[MO_OUTCOME_FAILED], 1);
	assert_int_equal(total->nr_failed[MO_REASON_EXTRA_REFS], 1);
	total = total_of(history, "offline", "done");
	assert_int_equal(total->freed_bytes, 2 << 20);
	assert_int_equal(total->nr_blocks[MO_OUTCOME_DONE], 2);
	total_of(history, "drain", "done");
	mo_history_unref(history);
}

static uint64_t attempts_of(struct mo_ctx *ctx)
{
	struct mo_history *history = history_of(ctx, NULL);
	const struct mo_history_total *total = total_of(history, "offline", "done");
	uint64_t nr = total->nr_attempts;

	assert_int_equal(total->elapsed_ms, 100 * nr);
	assert_int_equal(total->moved_bytes, 50 * 4096 * nr);
	assert_int_equal(total->nr_blocks[MO_OUTCOME_DONE], 2 * nr);
	assert_int_equal(mo_history_since_s(history), 1000);
	mo_history_unref(history);
	return nr;
}

/* So long a line that the next begins another file. */
static void fill_file(const char *path)
{
	FILE *file = fopen(path, "a");

	assert_non_null(file);
	assert_true(fprintf(file, "%*s\n", (int)MO_HISTORY_BYTES, "x") > 0);
	assert_int_equal(fclose(file), 0);
}

/* Lines go, what they counted stays, also after a crash between two files. */
static void totals_outlive_their_lines(void **state)
{
	struct attempt attempt = { "offline", 0, 1000, 100, 50, 0, {
		{ 33, MO_OUTCOME_DONE, MO_REASON_NONE, 30, 5, "PNP0C80:00" },
		{ 32, MO_OUTCOME_DONE, MO_REASON_NONE, 10, 15, "PNP0C80:00" } } };
	struct fixture *f = *state;
	char path[128], older[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/history.jsonl", f->dir);
	snprintf(older, sizeof(older), "%s/history.jsonl.3", f->dir);
	for (unsigned int i = 1; i <= 12; i++) {
		add(f->ctx, &attempt);
		assert_int_equal(attempts_of(f->ctx), i);
		attempt.start_s++;
		if (i % 2 == 0)
			fill_file(path);
	}
	assert_int_equal(stat(older, &st), 0);	/* and what it was before is gone */
	assert_int_equal(unlink(older), 0);
	assert_int_equal(attempts_of(f->ctx), 12);
	assert_int_equal(unlink(path), 0);	/* never written after a rotation */
	assert_int_equal(attempts_of(f->ctx), 10);
	add(f->ctx, &attempt);
	assert_int_equal(attempts_of(f->ctx), 11);
}

static size_t nr_of(struct mo_ctx *ctx, const char *target)
{
	struct mo_history *history = history_of(ctx, target);
	size_t nr = mo_history_nr_blocks(history);

	mo_history_unref(history);
	return nr;
}

static void targets(void **state)
{
	struct fixture *f = *state;
	struct mo_history *history;
	struct machine machine;
	char path[128];

	OPEN(&machine, DIMM_MACHINE);
	snprintf(path, sizeof(path), "%s/state", machine.dir);
	assert_int_equal(mo_ctx_set_state_dir(f->ctx, path), 0);
	add_some(f->ctx);
	assert_int_equal(mo_ctx_set_sysroot(f->ctx, machine.dir), 0);
	assert_int_equal(mo_ctx_set_state_dir(f->ctx, "/none"), 0);
	assert_int_equal(nr_of(f->ctx, NULL), 0);
	assert_int_equal(mo_ctx_set_state_dir(f->ctx, "/state"), 0);
	assert_int_equal(nr_of(f->ctx, NULL), 2);
	assert_int_equal(nr_of(f->ctx, "32"), 1);
	assert_int_equal(nr_of(f->ctx, "memory33"), 1);
	assert_int_equal(nr_of(f->ctx, "0-4000000"), 2);
	assert_int_equal(nr_of(f->ctx, "34-99,7 33"), 1);
	assert_int_equal(nr_of(f->ctx, "PNP0C80:01"), 1);	/* which is gone */
	assert_int_equal(nr_of(f->ctx, "node1"), 2);
	assert_int_equal(nr_of(f->ctx, "node0"), 0);
	assert_int_equal(nr_of(f->ctx, "0x100000000-0x107ffffff"), 1);
	assert_int_equal(mo_history_read(f->ctx, "node7", &history), -ENOENT);
	assert_int_equal(mo_history_read(f->ctx, "4g", &history), -EINVAL);
	assert_says(f->ctx, "size");
	assert_int_equal(mo_history_read(f->ctx, "nonsense", &history), -EINVAL);
	machine_close(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_block_has_its_times), TEST(totals_are_of_all), TEST(totals_outlive_their_lines),
		TEST(targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
