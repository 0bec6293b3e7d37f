// SPDX-License-Identifier: GPL-2.0-only
/* What systemd's journal is told: the library's function is ours here, and so is the socket. */
#include <sys/uio.h>

#include "machine.h"

#define MAX_SENT 32

static struct machine machine;
static char *sent[MAX_SENT];	/* entries: each field with a newline behind it */
static unsigned int nr_sent, nr_opened;

/* The tree stands for this machine, of which alone the journal is told. */
const char *__wrap_mo_ctx_get_sysroot(const struct mo_ctx *ctx);
const char *__wrap_mo_ctx_get_sysroot(const struct mo_ctx *ctx)
{
	(void)ctx;
	return NULL;
}

static int sendv_of_test(const struct iovec *fields, int nr)
{
	char *entry = calloc(1, 1);

	for (int i = 0; i < nr; i++) {
		char *more;

		assert_true(asprintf(&more, "%s%.*s\n", entry, (int)fields[i].iov_len, (char *)fields[i].iov_base) > 0);
		free(entry);
		entry = more;
	}
	assert_true(nr_sent < MAX_SENT);
	sent[nr_sent++] = entry;
	return 0;
}

void *__real_dlsym(void *handle, const char *name);
void *__wrap_dlsym(void *handle, const char *name);
void *__wrap_dlsym(void *handle, const char *name)
{
	if (strcmp(name, "sd_journal_sendv"))
		return __real_dlsym(handle, name);
	nr_opened++;
	return (void *)sendv_of_test;
}

static int set_up(void **state)
{
	(void)state;
	OPEN(&machine, DIMM_MACHINE, "file=run/systemd/journal/socket,x");
	assert_int_equal(mo_ctx_set_state_dir(machine.ctx, "/state"), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	while (nr_sent)
		free(sent[--nr_sent]);
	machine_close(&machine);
	return 0;
}

static void assert_field(unsigned int i, const char *field)
{
	char line[256];

	snprintf(line, sizeof(line), "\n%s\n", field);
	if (!strstr(sent[i], line) && strncmp(sent[i], line + 1, strlen(line + 1)))
		fail_msg("'%s' is not in\n%s", field, sent[i]);
}

static struct mo_report *new_report(const char *target, uint32_t nr_done, uint32_t nr_failed)
{
	struct mo_report *report;

	assert_int_equal(mo_report_new(machine.ctx, "offline", target, &report), 0);
	for (uint32_t i = 0; i < nr_done + nr_failed; i++) {
		struct mo_block_result *result = mo_report_add_block(report, 32 + i, MO_ZONE_MOVABLE);

		result->outcome = i < nr_done ? MO_OUTCOME_DONE : MO_OUTCOME_FAILED;
		result->error = i < nr_done ? 0 : -EBUSY;
		result->reason = i < nr_done ? MO_REASON_NONE : MO_REASON_DMA_PINNED;
		result->pages_left = i < nr_done ? 0 : 3;
		mo_report_set_device(report, result, "PNP0C80:00");
	}
	mo_report_set_moved(report, 77);
	mo_report_finish(report, nr_failed ? -EBUSY : 0, nr_failed ? MO_REASON_DMA_PINNED : MO_REASON_NONE, 4096);
	return report;
}

static void add(struct mo_report *report)
{
	struct mo_line line = { .report = report, .block_bytes = 1 << 27, .page_bytes = 4096 };

	mo_history_add(machine.ctx, &line);
	mo_report_unref(report);
}

static void an_attempt_is_one_entry(void **state)
{
	(void)state;
	add(new_report("32-33", 2, 0));
	assert_int_equal(nr_sent, 1);
	assert_non_null(strstr(sent[0], "MESSAGE=offline of 32-33 was done: 2 of 2 blocks changed in "));
	assert_field(0, "MESSAGE_ID=077441f1323d4c97999a2894014c9c6e");
	assert_field(0, "PRIORITY=6");
	assert_field(0, "SYSLOG_IDENTIFIER=memoffline");
	assert_field(0, "MEMOFFLINE_ACTION=offline");
	assert_field(0, "MEMOFFLINE_TARGET=32-33");
	assert_field(0, "MEMOFFLINE_ENGINE=stock");
	assert_field(0, "MEMOFFLINE_STATUS=done");
	assert_field(0, "MEMOFFLINE_REASON=none");
	assert_field(0, "MEMOFFLINE_MOVED_PAGES=77");
	assert_field(0, "MEMOFFLINE_FREED_BYTES=4096");
	assert_field(0, "MEMOFFLINE_BLOCK=32");
	assert_field(0, "MEMOFFLINE_BLOCK=33");
	assert_null(strstr(sent[0], "ERRNO="));
}

static void a_block_that_failed_is_one_more(void **state)
{
	(void)state;
	add(new_report("32-33", 1, 1));
	assert_int_equal(nr_sent, 2);
	assert_non_null(strstr(sent[0], "MESSAGE=offline of 32-33 failed (DMA pin): 1 of 2 blocks changed in "));
	assert_field(0, "PRIORITY=4");
	assert_field(0, "ERRNO=16");
	assert_field(0, "MEMOFFLINE_STATUS=failed");
	assert_field(1, "MESSAGE=memory33: offline failed (DMA pin), 3 pages left");
	assert_field(1, "MESSAGE_ID=8b0728b412474f87aaff7f13ff5700a9");
	assert_field(1, "MEMOFFLINE_BLOCK=33");
	assert_field(1, "MEMOFFLINE_DEVICE=PNP0C80:00");
	assert_field(1, "MEMOFFLINE_OUTCOME=failed");
	assert_field(1, "MEMOFFLINE_REASON=dma-pin");
	assert_field(1, "MEMOFFLINE_KEPT_PAGES=3");
	assert_field(1, "ERRNO=16");
}

static void entries_and_fields_are_bounded(void **state)
{
	unsigned int nr = 0;

	(void)state;
	add(new_report("node1", 100, 100));
	assert_int_equal(nr_sent, 1 + 16);
	for (const char *at = sent[0]; (at = strstr(at, "MEMOFFLINE_BLOCK=")); at++)
		nr++;
	assert_int_equal(nr, 64);
}

static void a_message_is_one_line(void **state)
{
	(void)state;
	add(new_report("a\nPRIORITY=0\x1b[2J\n", 1, 0));
	assert_int_equal(strncmp(sent[0], "MESSAGE=offline of a?PRIORITY=0?[2J? was done", 45), 0);
}

static void nobody_listens(void **state)
{
	unsigned int before = nr_opened;

	(void)state;
	ADD(&machine, "remove=run/systemd/journal/socket");
	add(new_report("32", 1, 0));
	assert_int_equal(nr_sent, 0);
	assert_int_equal(nr_opened, before);
}

/* First of all, when the library is not open yet. */
static void not_looked_for_in_vain(void **state)
{
	nobody_listens(state);
	assert_int_equal(nr_opened, 0);
}

static void nothing_is_told_where_no_history_is_kept(void **state)
{
	(void)state;
	assert_int_equal(mo_ctx_set_state_dir(machine.ctx, ""), 0);
	add(new_report("32", 1, 0));
	assert_int_equal(nr_sent, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(not_looked_for_in_vain), TEST(an_attempt_is_one_entry), TEST(a_block_that_failed_is_one_more),
		TEST(entries_and_fields_are_bounded), TEST(a_message_is_one_line), TEST(nobody_listens),
		TEST(nothing_is_told_where_no_history_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
