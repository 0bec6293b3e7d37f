// SPDX-License-Identifier: GPL-2.0-only
/* Rates from a history whose times are known. */
#include "state-dir.h"

#define BLOCK_BYTES (128u << 20)

struct attempt {
	const char *action, *engine;	/* NULL: offline, core */
	unsigned int nr_blocks, mib_each;
	uint64_t block_ms;	/* each */
	uint64_t elapsed_ms;	/* all */
	enum mo_outcome outcome;	/* 0: done */
	int result;
	uint32_t max_mib_s;
};

static void add(struct mo_ctx *ctx, const struct attempt *attempt)
{
	struct mo_report_totals totals = {
		.engine = attempt->engine ? attempt->engine : "core", .result = attempt->result, .elapsed_ms = attempt->elapsed_ms,
	};
	struct mo_line line = {
		.block_bytes = BLOCK_BYTES, .page_bytes = 4096, .max_mib_s = attempt->max_mib_s,
		.move_bytes = (uint64_t)attempt->nr_blocks * attempt->mib_each << 20,
	};

	assert_int_equal(mo_report_new(ctx, attempt->action ? attempt->action : "offline", "x", &line.report), 0);
	for (uint32_t i = 0; i < attempt->nr_blocks; i++) {
		struct mo_block_result *result = mo_report_add_block(line.report, i, MO_ZONE_MOVABLE);

		result->outcome = attempt->outcome ? attempt->outcome : MO_OUTCOME_DONE;
		result->elapsed_ms = attempt->block_ms;
	}
	assert_int_equal(mo_report_restore(line.report, &totals), 0);
	mo_history_add(ctx, &line);
	assert_null(mo_report_note(line.report, 0));
	mo_report_unref(line.report);
}

#define OFFLINE(ctx, ...) add(ctx, &(struct attempt){ __VA_ARGS__ })

static struct mo_rates rates_of(struct mo_ctx *ctx, enum mo_engine engine)
{
	struct mo_rates rates;

	assert_int_equal(mo_history_rates(ctx, engine, BLOCK_BYTES, &rates), 0);
	return rates;
}

static void none_is_said(void **state)
{
	struct fixture *f = *state;
	struct mo_rates rates;

	assert_int_equal(mo_history_rates(f->ctx, MO_ENGINE_AUTO, BLOCK_BYTES, &rates), -ENODATA);
	assert_says(f->ctx, "no attempt yet");
	OFFLINE(f->ctx, .nr_blocks = 1, .outcome = MO_OUTCOME_FAILED, .result = -EBUSY);
	assert_int_equal(mo_history_rates(f->ctx, MO_ENGINE_AUTO, BLOCK_BYTES, &rates), -ENODATA);
}

/* 5 ms a block and 100 MiB/s were put in. */
static void both_rates_are_found(void **state)
{
	struct fixture *f = *state;
	struct mo_rates rates;

	OFFLINE(f->ctx, .nr_blocks = 1, .mib_each = 0, .elapsed_ms = 5);
	OFFLINE(f->ctx, .nr_blocks = 4, .mib_each = 50, .elapsed_ms = 2020);
	OFFLINE(f->ctx, .nr_blocks = 8, .mib_each = 1, .elapsed_ms = 120);
	rates = rates_of(f->ctx, MO_ENGINE_AUTO);
	assert_int_equal(rates.nr_attempts, 3);
	assert_int_equal(rates.engine, MO_ENGINE_CORE);
	assert_in_range(rates.block_us, 4900, 5100);
	assert_in_range(rates.bytes_s, 99 << 20, 101 << 20);
}

/* One attempt does not tell blocks from bytes by itself: its quickest block does. */
static void one_attempt_is_divided(void **state)
{
	struct fixture *f = *state;
	struct mo_rates rates;

	OFFLINE(f->ctx, .nr_blocks = 4, .mib_each = 50, .block_ms = 5, .elapsed_ms = 2020);
	rates = rates_of(f->ctx, MO_ENGINE_AUTO);
	assert_int_equal(rates.block_us, 5000);
	assert_in_range(rates.bytes_s, 99 << 20, 101 << 20);
}

static void from_little_no_rate_is_told(void **state)
{
	struct fixture *f = *state;
	struct mo_rates rates;

	OFFLINE(f->ctx, .nr_blocks = 2, .mib_each = 1, .elapsed_ms = 30);
	rates = rates_of(f->ctx, MO_ENGINE_AUTO);
	assert_int_equal(rates.bytes_s, 0);
	assert_int_equal(rates.block_us, 15000);
}

/* Failures, limits, other actions, other lengths of blocks, other engines: none of them counts. */
static void others_do_not_count(void **state)
{
	struct fixture *f = *state;
	struct mo_rates rates;

	OFFLINE(f->ctx, .nr_blocks = 4, .mib_each = 50, .block_ms = 5, .elapsed_ms = 2020);
	OFFLINE(f->ctx, .nr_blocks = 4, .mib_each = 50, .block_ms = 1, .elapsed_ms = 100000, .max_mib_s = 2);
	OFFLINE(f->ctx, .nr_blocks = 4, .mib_each = 50, .block_ms = 1, .elapsed_ms = 100000, .result = 1);
	OFFLINE(f->ctx, .nr_blocks = 4, .mib_each = 50, .block_ms = 1, .elapsed_ms = 1, .outcome = MO_OUTCOME_WAS_SO);
	OFFLINE(f->ctx, .action = "online", .nr_blocks = 4, .mib_each = 50, .elapsed_ms = 100000);
	OFFLINE(f->ctx, .engine = "stock", .nr_blocks = 4, .mib_each = 50, .block_ms = 10, .elapsed_ms = 4040);
	rates = rates_of(f->ctx, MO_ENGINE_CORE);
	assert_int_equal(rates.nr_attempts, 1);
	assert_int_equal(rates.block_us, 5000);
	rates = rates_of(f->ctx, MO_ENGINE_AUTO);
	assert_int_equal(rates.engine, MO_ENGINE_STOCK);
	assert_int_equal(rates.block_us, 10000);
	assert_int_equal(mo_history_rates(f->ctx, MO_ENGINE_CORE, BLOCK_BYTES / 2, &rates), -ENODATA);
}

/* As the machine is now, not as it was. */
static void the_last_ones_count(void **state)
{
	struct fixture *f = *state;
	struct mo_rates rates;

	OFFLINE(f->ctx, .nr_blocks = 4, .mib_each = 50, .block_ms = 900, .elapsed_ms = 4000);
	for (unsigned int i = 0; i < 32; i++)
		OFFLINE(f->ctx, .nr_blocks = 4, .mib_each = 50, .block_ms = 5, .elapsed_ms = 2020);
	rates = rates_of(f->ctx, MO_ENGINE_AUTO);
	assert_int_equal(rates.nr_attempts, 32);
	assert_in_range(rates.bytes_s, 99 << 20, 101 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(none_is_said), TEST(both_rates_are_found), TEST(one_attempt_is_divided),
		TEST(from_little_no_rate_is_told), TEST(others_do_not_count), TEST(the_last_ones_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
