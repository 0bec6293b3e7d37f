// SPDX-License-Identifier: GPL-2.0-only
/* What a transaction keeps in mind while blocks change. */
#include <fcntl.h>

#include "machine.h"
#include "transaction.h"

#define NR_ITEMS 6
#define NR_WANTED 4	/* the others are second choice */

static uint64_t add_up(const struct mo_transaction *txn)
{
	uint64_t nr_pages = 0;

	for (size_t i = 0; i < txn->nr_wanted; i++)
		if (txn->items[i].mark == MO_MARK_TODO)
			nr_pages += txn->items[i].pages;
	return nr_pages;
}

static void open_txn(struct mo_transaction *txn)
{
	*txn = (struct mo_transaction){ 0 };
	assert_int_equal(mo_transaction_alloc(txn, NR_ITEMS), 0);
	for (size_t i = 0; i < NR_ITEMS; i++) {
		txn->items[i].pages = 1ULL << (4 * i);
		txn->items[i].mark = MO_MARK_TODO;
	}
}

static void pages_to_come_are_known_at_each_step(void **state)
{
	static const struct { size_t item; enum mo_journal_mark mark; } steps[] = {
		{ 0, MO_MARK_BEGUN }, { 0, MO_MARK_DONE }, { 1, MO_MARK_FAILED }, { 5, MO_MARK_BEGUN },
		{ 5, MO_MARK_DONE }, { 2, MO_MARK_TODO }, { 0, MO_MARK_TODO }, { 3, MO_MARK_UNDONE },
	};
	struct mo_transaction txn;

	(void)state;
	open_txn(&txn);
	mo_transaction_want(&txn, NR_WANTED);
	assert_int_equal(txn.pages_todo, 0x1111);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		mo_transaction_mark(&txn, steps[i].item, steps[i].mark);
		assert_int_equal(txn.pages_todo, add_up(&txn));
	}
	assert_int_equal(txn.pages_todo, 0x101);
	free(txn.items);
}

static void what_was_done_before_is_not_to_come(void **state)
{
	struct mo_transaction txn;

	(void)state;
	open_txn(&txn);
	mo_transaction_mark(&txn, 1, MO_MARK_DONE);
	mo_transaction_want(&txn, NR_WANTED);
	assert_int_equal(txn.pages_todo, 0x1101);
	mo_transaction_want(&txn, 1);	/* the way back */
	assert_int_equal(txn.pages_todo, 1);
	free(txn.items);
}

/* What is finished later may leave as much undone as what was killed might have. */
static void terms_outlive_a_killed_command(void **state)
{
	static const struct { uint32_t killed, resumed; uint64_t len_bytes; bool takes_part; } cases[] = {
		{ 0, 0, 0, false },
		{ 0, 0, 1 << 30, true },
		{ MO_REQUEST_ALL_OR_NOTHING, 0, 1 << 30, false },
		{ 0, MO_REQUEST_ALL_OR_NOTHING, 1 << 30, false },
		{ MO_REQUEST_PARTIAL, 0, 0, true },
		{ MO_REQUEST_PARTIAL, MO_REQUEST_ALL_OR_NOTHING, 0, false },
		{ 0, MO_REQUEST_PARTIAL, 0, true },
		{ MO_REQUEST_ALL_OR_NOTHING, MO_REQUEST_PARTIAL, 1 << 30, true },
	};
	const struct mo_journal_entry entry = { 3, MO_ZONE_MOVABLE, 0, MO_MARK_DONE };
	char dir[] = "/tmp/memoffline-test-XXXXXX";
	struct mo_pool pool = { .node = 1, .size_kib = 2048, .nr_pages = 20 }, less = pool;
	struct mo_transaction txn = { 0 };

	(void)state;
	less.nr_pages = 7;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(mo_ctx_new(&txn.ctx), 0);
	assert_int_equal(mo_ctx_set_run_dir(txn.ctx, dir), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct mo_journal_terms terms = { 1, cases[i].killed | MO_REQUEST_FORCE, cases[i].len_bytes,
							{ &pool, i % 2 } };

		assert_int_equal(mo_journal_create(txn.ctx, "3", &entry, 1, &terms, MO_STAGE_OFFLINE, &txn.journal), 0);
		mo_journal_close(txn.journal);
		assert_int_equal(mo_journal_load(txn.ctx, &txn.journal), 0);
		txn.flags = cases[i].resumed;
		txn.len_bytes = 0;
		mo_transaction_adopt(&txn);
		assert_int_equal(mo_transaction_takes_part(&txn), cases[i].takes_part);
		assert_true(txn.flags & MO_REQUEST_FORCE);
		/* As they were then, in the place of what is left of them now; only where they were to be kept. */
		assert_int_equal(mo_pools_add(&txn.pools, &less), 0);
		assert_int_equal(mo_transaction_adopt_pools(&txn), 0);
		assert_int_equal(txn.pools.nr, 1);
		assert_int_equal(txn.pools.all[0].nr_pages, i % 2 ? 20 : 7);
		mo_pools_free(&txn.pools);
		assert_int_equal(mo_journal_end(txn.journal), 0);
	}
	mo_ctx_unref(txn.ctx);
	assert_int_equal(rmdir(dir), 0);
}

/* The blocks of the tree are online: what comes back is what stands there. */
static void a_block_that_comes_back_elsewhere_is_said(void **state)
{
	const struct mo_request request = MO_REQUEST_INIT;
	struct mo_transaction txn = { .request = &request };
	struct machine machine;

	(void)state;
	OPEN(&machine, DIMM_MACHINE);
	machine_read(&machine);
	txn.ctx = machine.ctx;
	txn.memory = machine.memory;
	txn.writer = mo_writer_new(machine.ctx);
	assert_non_null(txn.writer);
	assert_int_equal(mo_report_new(machine.ctx, "offline", "7", &txn.report), 0);
	assert_int_equal(mo_transaction_alloc(&txn, 2), 0);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(mo_transaction_fill(&txn, i, 6 + i, MO_VERDICT_FREE, 0), 0);
	txn.items[1].before.zone = MO_ZONE_MOVABLE;
	assert_int_equal(mo_transaction_restore(&txn, 0), 0);
	assert_int_equal(txn.items[0].result->outcome, MO_OUTCOME_ROLLED_BACK);
	assert_int_equal(mo_transaction_restore(&txn, 1), -EXDEV);
	assert_int_equal(txn.items[1].result->outcome, MO_OUTCOME_OTHER_ZONE);
	assert_int_equal(txn.items[1].result->error, -EXDEV);
	assert_string_equal(txn.items[1].result->detail, "it is in zone Normal now, and was in Movable");
	assert_int_equal(txn.items[1].mark, MO_MARK_UNDONE);	/* online: there is nothing to undo */
	/* Gone with its device. */
	ADD(&machine, "remove=sys/devices/system/memory/memory6");
	assert_int_equal(mo_transaction_restore(&txn, 0), 0);
	assert_int_equal(txn.items[0].result->outcome, MO_OUTCOME_VANISHED);
	assert_int_equal(txn.items[0].mark, MO_MARK_UNDONE);
	free(txn.items);
	mo_writer_free(txn.writer);
	mo_report_unref(txn.report);
	machine_close(&machine);
}

static void keep_owner(void *data, const struct mo_progress *progress)
{
	int32_t *pid = data;

	*pid = progress->stuck_owner ? progress->stuck_owner->pid : 0;
	assert_int_equal(progress->stuck_pfn, 0x5000);
}

static void progress_names_the_owner_of_a_stuck_page(void **state)
{
	const uint64_t entry = (1ULL << 63) | 0x5000;
	struct mo_request request = MO_REQUEST_INIT;
	struct mo_transaction txn = { .request = &request };
	uint64_t start_ms = mo_now_ms();
	struct machine machine;
	int32_t pid = -1;
	int fd;

	(void)state;
	OPEN(&machine, DIMM_MACHINE, "file=proc/50/maps,00010000-00020000 rw-p 00000000 00:00 0",
	     "file=proc/50/pagemap,");
	fd = openat(mo_root_fd(machine.ctx), "proc/50/pagemap", O_WRONLY | O_CREAT, 0600);
	assert_int_equal(pwrite(fd, &entry, sizeof(entry), 0x10 * sizeof(entry)), sizeof(entry));
	close(fd);
	request.progress = keep_owner;
	request.data = &pid;
	assert_int_equal(mo_transaction_alloc(&txn, 1), 0);
	txn.holder = mo_holder_new(machine.ctx);
	mo_transaction_tell(&txn, 10, 0x5000);
	assert_int_equal(pid, 0);
	while (!pid && mo_now_ms() - start_ms < 20000) {
		usleep(50000);
		mo_transaction_tell(&txn, 10, 0x5000);
	}
	assert_int_equal(pid, 50);
	mo_holder_free(txn.holder);
	free(txn.items);
	machine_close(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_to_come_are_known_at_each_step),
		cmocka_unit_test(what_was_done_before_is_not_to_come),
		cmocka_unit_test(terms_outlive_a_killed_command),
		cmocka_unit_test(a_block_that_comes_back_elsewhere_is_said),
		cmocka_unit_test(progress_names_the_owner_of_a_stuck_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
