// SPDX-License-Identifier: GPL-2.0-only
/* The report: bounds, JSON and back, the files in the run directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "private.h"

/* What a process may call itself: quotes, escapes, an unfinished and an overlong sequence, a surrogate, a lone byte. */
#define U3 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"	/* three U+FFFD */
#define U4 U3 "\xef\xbf\xbd"
#define HOSTILE "a\"b\\c\n\x1b[31m\x7f \xc3\xa9 \xe2\x82 \xc0\xaf \xed\xa0\x80 \xff \xf4\x90\x80\x80 \xe0\x80\xaf " \
		"\xf0\x80\x80\x80 \xf0\x9f\x92\xbe"
#define HEALED "a\"b\\c\n\x1b[31m\x7f \xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd " \
	       "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd " U4 " " U3 " " U4 " \xf0\x9f\x92\xbe"

struct fixture {
	struct mo_ctx *ctx;
	char dir[64];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/test-report.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(mo_ctx_new(&f->ctx), 0);
	assert_int_equal(mo_ctx_set_run_dir(f->ctx, f->dir), 0);
	*state = f;
	return 0;
}

static void remove_all(const char *path)
{
	char child[512];
	struct dirent *entry;
	DIR *dir = opendir(path);

	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
		if (unlink(child))
			remove_all(child);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	mo_ctx_unref(f->ctx);
	remove_all(f->dir);
	free(f);
	return 0;
}

static struct mo_report *new_report(struct mo_ctx *ctx)
{
	struct mo_report *report;
	struct mo_block_result *result;
	struct mo_record *record, facts = {
		.start_pfn = 0x108000, .nr_pages = 3, .block = 33, .kind = MO_KIND_THP, .reason = MO_REASON_EXTRA_REFS,
		.kpageflags = 0x5828, .refs = 3, .refs_expected = 2, .mapcount = 1, .pincount = -1,
		.cgroup_inode = 4242, .cgroup = "/a/b", .file = HOSTILE, .slab = "dentry",
	};
	const struct mo_remedy remedies[] = {
		{ MO_REMEDY_CACHE, HOSTILE, 4096, 8192, 0 }, { MO_REMEDY_SLAB, "dentry", 4096, UINT64_MAX, -EAGAIN },
	};
	struct mo_owner owner = { 4711, 0x7ffff7a00000, HOSTILE, "[heap]" };

	assert_int_equal(mo_report_new(ctx, "offline", "node1", &report), 0);
	result = mo_report_add_block(report, 32, MO_ZONE_MOVABLE);
	result->outcome = MO_OUTCOME_ROLLED_BACK;
	result->pages_before = 123;
	result->elapsed_ms = 45;
	result = mo_report_add_block(report, 33, MO_ZONE_NORMAL);
	result->outcome = MO_OUTCOME_FAILED;
	result->error = -EBUSY;
	result->reason = MO_REASON_EXTRA_REFS;
	result->pages_left = 3;
	assert_int_equal(mo_report_set_detail(report, result, "failure to isolate \xff range"), 0);
	record = mo_report_add_record(report, &facts);
	assert_non_null(record);
	assert_int_equal(mo_record_add_owner(record, &owner), 0);
	for (size_t i = 0; i < ARRAY_SIZE(remedies); i++)
		assert_int_equal(mo_report_add_remedy(report, &remedies[i]), 0);
	assert_int_equal(mo_report_add_note(report, "no %s", "dynamic debug"), 0);
	mo_report_set_moved(report, 77);
	mo_report_set_wanted(report, 512ULL << 20);
	mo_report_finish(report, -EBUSY, MO_REASON_EXTRA_REFS, 0);
	return report;
}

static char *to_json(const struct mo_report *report)
{
	char *text;

	assert_int_equal(mo_report_to_json(report, &text), 0);
	return text;
}

static struct mo_report *parse(struct mo_ctx *ctx, const char *text)
{
	char why[256] = "";
	struct mo_report *report;
	int err = mo_report_parse(ctx, text, &report, why, sizeof(why));

	if (err)
		print_message("%s\n", why);
	assert_int_equal(err, 0);
	return report;
}

static void assert_same_blocks(const struct mo_report *report)
{
	const struct mo_block_result *result = mo_report_block(report, 0);

	assert_int_equal(mo_report_nr_blocks(report), 2);
	assert_null(mo_report_block(report, 2));
	assert_int_equal(result->block, 32);
	assert_int_equal(result->outcome, MO_OUTCOME_ROLLED_BACK);
	assert_int_equal(result->zone, MO_ZONE_MOVABLE);
	assert_int_equal(result->pages_before, 123);
	assert_int_equal(result->elapsed_ms, 45);
	assert_string_equal(result->detail, "");
	result = mo_report_block(report, 1);
	assert_int_equal(result->error, -EBUSY);
	assert_int_equal(result->reason, MO_REASON_EXTRA_REFS);
	assert_int_equal(result->zone, MO_ZONE_NORMAL);
	assert_int_equal(result->pages_left, 3);
	assert_string_equal(result->detail, "failure to isolate \xef\xbf\xbd range");
}

static void assert_same_record(const struct mo_report *report)
{
	const struct mo_record *record = mo_report_record(report, 0);
	const struct mo_owner *owner = mo_record_owner(record, 0);

	assert_int_equal(mo_report_nr_records(report), 1);
	assert_null(mo_report_record(report, 1));
	assert_int_equal(record->start_pfn, 0x108000);
	assert_int_equal(record->nr_pages, 3);
	assert_int_equal(record->block, 33);
	assert_int_equal(record->kind, MO_KIND_THP);
	assert_int_equal(record->reason, MO_REASON_EXTRA_REFS);
	assert_int_equal(record->kpageflags, 0x5828);
	assert_int_equal(record->refs, 3);
	assert_int_equal(record->refs_expected, 2);
	assert_int_equal(record->mapcount, 1);
	assert_int_equal(record->pincount, -1);
	assert_int_equal(record->cgroup_inode, 4242);
	assert_string_equal(record->cgroup, "/a/b");
	assert_string_equal(record->slab, "dentry");
	assert_int_equal(record->file_inode, 0);
	assert_string_equal(record->file, HEALED);
	assert_int_equal(record->nr_owners, 1);
	assert_int_equal(owner->pid, 4711);
	assert_int_equal(owner->addr, 0x7ffff7a00000);
	assert_string_equal(owner->comm, HEALED);
	assert_string_equal(owner->vma, "[heap]");
	assert_null(mo_record_owner(record, 1));
}

static void assert_same_remedies(const struct mo_report *report)
{
	const struct mo_remedy *remedy = mo_report_remedy(report, 0);

	assert_int_equal(mo_report_nr_remedies(report), 2);
	assert_null(mo_report_remedy(report, 2));
	assert_int_equal(remedy->remedy, MO_REMEDY_CACHE);
	assert_string_equal(remedy->object, HEALED);
	assert_int_equal(remedy->asked_bytes, 4096);
	assert_int_equal(remedy->freed_bytes, 8192);
	assert_int_equal(remedy->error, 0);
	remedy = mo_report_remedy(report, 1);
	assert_int_equal(remedy->remedy, MO_REMEDY_SLAB);
	assert_true(remedy->freed_bytes == UINT64_MAX);
	assert_int_equal(remedy->error, -EAGAIN);
}

static void assert_same(const struct mo_report *report)
{
	assert_same_remedies(report);
	assert_string_equal(mo_report_action(report), "offline");
	assert_string_equal(mo_report_engine(report), "stock");
	assert_string_equal(mo_report_target(report), "node1");
	assert_int_equal(mo_report_result(report), -EBUSY);
	assert_int_equal(mo_report_reason(report), MO_REASON_EXTRA_REFS);
	assert_int_equal(mo_report_moved_pages(report), 77);
	assert_int_equal(mo_report_wanted_bytes(report), 512ULL << 20);
	assert_int_equal(mo_report_nr_pages_kept(report), 3);
	assert_string_equal(mo_report_note(report, 0), "no dynamic debug");
	assert_null(mo_report_note(report, 1));
	assert_same_blocks(report);
	assert_same_record(report);
}

static void json_and_back(void **state)
{
	struct fixture *f = *state;
	struct mo_report *report = new_report(f->ctx);
	char *text = to_json(report), *again;
	struct mo_report *copy = parse(f->ctx, text);

	assert_same(copy);
	again = to_json(copy);
	assert_string_equal(text, again);
	assert_int_equal(mo_report_start_time_s(copy), mo_report_start_time_s(report));
	assert_int_equal(mo_report_elapsed_ms(copy), mo_report_elapsed_ms(report));
	free(text);
	free(again);
	mo_report_unref(copy);
	mo_report_unref(report);
}

/* Every name that exists survives the way there and back; none stands for two. */
static void all_names(void **state)
{
	struct fixture *f = *state;
	struct mo_report *report, *copy;
	struct mo_record facts = { .file = "" };
	unsigned int i;
	char *text;

	assert_int_equal(mo_report_new(f->ctx, "online", NULL, &report), 0);
	for (i = 0; i < MO_OUTCOME_NR; i++)
		mo_report_add_block(report, i, (enum mo_zone)(i % (MO_ZONE_DEVICE + 1)))->outcome = (enum mo_outcome)i;
	for (i = 0; i < MO_REASON_NR; i++) {
		facts.reason = (enum mo_reason)i;
		facts.kind = (enum mo_kind)(i % MO_KIND_NR);
		assert_non_null(mo_report_add_record(report, &facts));
	}
	mo_report_finish(report, 1, MO_REASON_NONE, UINT64_MAX);
	text = to_json(report);
	copy = parse(f->ctx, text);
	assert_int_equal(mo_report_result(copy), 1);
	assert_int_equal(mo_report_freed_bytes(copy), UINT64_MAX);
	assert_string_equal(mo_report_target(copy), "");
	for (i = 0; i < MO_OUTCOME_NR; i++)
		assert_int_equal(mo_report_block(copy, i)->outcome, i);
	for (i = 0; i < MO_REASON_NR; i++) {
		assert_int_equal(mo_report_record(copy, i)->reason, i);
		assert_int_equal(mo_report_record(copy, i)->kind, i % MO_KIND_NR);
	}
	free(text);
	mo_report_unref(copy);
	mo_report_unref(report);
}

static void bounds(void **state)
{
	struct fixture *f = *state;
	struct mo_owner owner = { .pid = 1, .comm = "x", .vma = "" };
	struct mo_record facts = { .nr_pages = 2, .file = "" }, *first = NULL, *record;
	struct mo_report *report, *copy;
	unsigned int i;
	char *text;

	assert_int_equal(mo_report_new(f->ctx, "offline", "32", &report), 0);
	for (i = 0; i < 10000; i++) {
		facts.start_pfn = i;
		record = mo_report_add_record(report, &facts);
		assert_int_equal(!!record, i < MO_RECORDS_MAX);
		if (!first)
			first = record;
	}
	assert_int_equal(mo_report_nr_records(report), MO_RECORDS_MAX);
	assert_int_equal(mo_report_nr_pages_kept(report), 20000);
	assert_ptr_equal(mo_report_record_mutable(report, 0), first);
	for (i = 0; i < 1000; i++)
		assert_int_equal(mo_record_add_owner(first, &owner), 0);
	assert_int_equal(first->nr_owners, 1000);
	assert_int_equal(first->nr_owners_kept, MO_OWNERS_MAX);
	assert_null(mo_record_owner(first, MO_OWNERS_MAX));

	text = to_json(report);
	copy = parse(f->ctx, text);
	assert_int_equal(mo_report_nr_pages_kept(copy), 20000);
	assert_int_equal(mo_report_record(copy, 0)->nr_owners, 1000);
	assert_int_equal(mo_report_record(copy, MO_RECORDS_MAX - 1)->start_pfn, MO_RECORDS_MAX - 1);
	free(text);
	mo_report_unref(copy);
	mo_report_unref(report);
}

static void cut_short(void **state)
{
	struct fixture *f = *state;
	struct mo_report *report = new_report(f->ctx), *copy;
	char *text = to_json(report), why[256];
	size_t len = strlen(text), i;
	char kept;

	for (i = 0; i < len; i++) {
		kept = text[i];
		text[i] = '\0';
		why[0] = '\0';
		copy = NULL;
		assert_int_equal(mo_report_parse(f->ctx, text, &copy, why, sizeof(why)), -EBADMSG);
		assert_null(copy);
		assert_true(why[0]);
		text[i] = kept;
	}
	free(text);
	mo_report_unref(report);
}

/* One byte wrong: read or refused, never a crash, and what is refused says why. */
static void one_byte_wrong(void **state)
{
	struct fixture *f = *state;
	struct mo_report *report = new_report(f->ctx), *copy;
	char *text = to_json(report), why[256];
	size_t len = strlen(text), i;
	int err;

	for (i = 0; i < len; i++) {
		text[i] ^= 0x15;
		why[0] = '\0';
		err = mo_report_parse(f->ctx, text, &copy, why, sizeof(why));
		assert_true(!err || (err == -EBADMSG && why[0]));
		if (!err)
			mo_report_unref(copy);
		text[i] ^= 0x15;
	}
	free(text);
	mo_report_unref(report);
}

/* TEXT with the first FROM replaced by TO. */
static char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *new;

	assert_non_null(at);
	assert_true(asprintf(&new, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) > 0);
	return new;
}

static void wrong_values(void **state)
{
	static const struct { const char *from, *to, *why; } cases[] = {
		{ "\"schema\": 1", "\"schema\": 2", "schema 2" },
		{ "\"schema\": 1", "\"schema\": \"1\"", "\"schema\"" },
		{ "\"action\"", "\"axtion\"", "\"action\"" },
		{ "\"moved_pages\": 77", "\"moved_pages\": -1", "\"moved_pages\"" },
		{ "\"moved_pages\": 77", "\"moved_pages\": 7.5", "\"moved_pages\"" },
		{ "\"block\": 32", "\"block\": 4294967296", "\"block\"" },
		{ "\"outcome\": \"failed\"", "\"outcome\": \"lost\"", "\"outcome\"" },
		{ "\"status\": \"failed\"", "\"status\": \"done\"", "\"status\"" },
		{ "\"nr_owners\": 1", "\"nr_owners\": 0", "\"nr_owners\"" },
		{ "\"notes\": [", "\"notes\": [ 1,", "\"notes\"" },
		{ "\"records\": [", "\"records\": [ 1,", "\"" },
	};
	struct fixture *f = *state;
	struct mo_report *report = new_report(f->ctx), *copy;
	char *text = to_json(report), *bad, why[256];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		bad = replaced(text, cases[i].from, cases[i].to);
		assert_int_equal(mo_report_parse(f->ctx, bad, &copy, why, sizeof(why)), -EBADMSG);
		assert_non_null(strstr(why, cases[i].why));
		free(bad);
	}
	assert_int_equal(mo_report_parse(f->ctx, "[]", &copy, why, sizeof(why)), -EBADMSG);
	assert_int_equal(mo_report_parse(f->ctx, "", &copy, why, sizeof(why)), -EBADMSG);
	bad = replaced(text, "\n}", "\n} x");
	assert_int_equal(mo_report_parse(f->ctx, bad, &copy, why, sizeof(why)), -EBADMSG);
	free(bad);
	free(text);
	mo_report_unref(report);
}

/* What a later version adds is skipped; a reason that it invents is "unknown". */
static void later_version(void **state)
{
	struct fixture *f = *state;
	struct mo_report *report = new_report(f->ctx), *copy;
	char *text = to_json(report), *with_key = replaced(text, "\"schema\": 1", "\"schema\": 1, \"colour\": [ {} ]");
	char *later = replaced(with_key, "\"reason\": \"extra-refs\"", "\"reason\": \"gremlins\"");

	copy = parse(f->ctx, later);
	assert_int_equal(mo_report_reason(copy), MO_REASON_UNKNOWN);
	mo_report_unref(copy);
	free(later);
	free(with_key);
	free(text);
	mo_report_unref(report);
}

static void save_and_load(void **state)
{
	struct fixture *f = *state;
	struct mo_report *report = new_report(f->ctx), *copy;
	char path[128];
	struct stat st;

	assert_int_equal(mo_report_load(f->ctx, UINT32_MAX, &copy), -ENOENT);
	assert_non_null(strstr(mo_ctx_error(f->ctx), "no report yet"));
	assert_int_equal(mo_report_save(report), 0);
	snprintf(path, sizeof(path), "%s/reports", f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(mo_report_load(f->ctx, UINT32_MAX, &copy), 0);
	assert_same(copy);
	mo_report_unref(copy);
	assert_int_equal(mo_report_load(f->ctx, 33, &copy), 0);
	assert_same(copy);
	mo_report_unref(copy);
	assert_int_equal(mo_report_load(f->ctx, 34, &copy), -ENOENT);
	assert_non_null(strstr(mo_ctx_error(f->ctx), "memory34"));
	mo_report_unref(report);
}

/* The next report replaces the last one, and of its own blocks only, as far as they were tried. */
static void saved_again(void **state)
{
	struct fixture *f = *state;
	struct mo_report *report = new_report(f->ctx), *copy;
	char path[128];
	struct dirent *entry;
	DIR *dir;

	assert_int_equal(mo_report_save(report), 0);
	mo_report_unref(report);
	assert_int_equal(mo_report_new(f->ctx, "online", "33-34", &report), 0);
	mo_report_add_block(report, 32, MO_ZONE_MOVABLE);	/* not tried */
	mo_report_add_block(report, 33, MO_ZONE_MOVABLE)->outcome = MO_OUTCOME_DONE;
	mo_report_add_block(report, 34, MO_ZONE_MOVABLE)->outcome = MO_OUTCOME_DONE;
	assert_int_equal(mo_report_save(report), 0);
	assert_int_equal(mo_report_save(report), 0);
	assert_int_equal(mo_report_load(f->ctx, 32, &copy), 0);
	assert_string_equal(mo_report_action(copy), "offline");
	mo_report_unref(copy);
	assert_int_equal(mo_report_load(f->ctx, 33, &copy), 0);
	assert_string_equal(mo_report_action(copy), "online");
	mo_report_unref(copy);
	assert_int_equal(mo_report_load(f->ctx, UINT32_MAX, &copy), 0);
	assert_string_equal(mo_report_action(copy), "online");
	mo_report_unref(copy);
	mo_report_unref(report);

	snprintf(path, sizeof(path), "%s/reports", f->dir);
	dir = opendir(path);
	while ((entry = readdir(dir)))
		assert_true(!strncmp(entry->d_name, "memory", 6) || !strcmp(entry->d_name, "last.json") ||
			    !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."));
	closedir(dir);
}

static void damaged_file(void **state)
{
	static const char *const texts[] = { "", "{", "{ \"schema\": 7 }", "null" };
	struct fixture *f = *state;
	struct mo_report *report = new_report(f->ctx), *copy;
	char path[128];
	size_t i;
	int fd;

	assert_int_equal(mo_report_save(report), 0);
	mo_report_unref(report);
	snprintf(path, sizeof(path), "%s/reports/last.json", f->dir);
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		fd = open(path, O_WRONLY | O_TRUNC);
		assert_int_equal(write(fd, texts[i], strlen(texts[i])), strlen(texts[i]));
		close(fd);
		assert_int_equal(mo_report_load(f->ctx, UINT32_MAX, &copy), -EBADMSG);
		assert_non_null(strstr(mo_ctx_error(f->ctx), path));
		assert_non_null(strstr(mo_ctx_error(f->ctx), "remove the file"));
	}
}

/* /dev/full stands in for a file system without room. */
static void no_room(void **state)
{
	struct fixture *f = *state;
	struct mo_report *report = new_report(f->ctx), *copy;
	char path[128];

	assert_int_equal(mo_report_save(report), 0);
	snprintf(path, sizeof(path), "%s/reports/.new.%d", f->dir, getpid());
	assert_int_equal(symlink("/dev/full", path), 0);
	assert_int_equal(mo_report_save(report), -ENOSPC);
	assert_non_null(strstr(mo_ctx_error(f->ctx), "make room"));
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(mo_report_load(f->ctx, UINT32_MAX, &copy), 0);
	mo_report_unref(copy);
	mo_report_unref(report);
}

static void run_dir_is_a_file(void **state)
{
	struct fixture *f = *state;
	struct mo_report *report = new_report(f->ctx);
	char path[128];

	snprintf(path, sizeof(path), "%s/file", f->dir);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(mo_ctx_set_run_dir(f->ctx, path), 0);
	assert_int_equal(mo_report_save(report), -ENOTDIR);
	assert_non_null(strstr(mo_ctx_error(f->ctx), path));
	mo_report_unref(report);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(json_and_back), TEST(all_names), TEST(bounds), TEST(cut_short), TEST(one_byte_wrong),
		TEST(wrong_values), TEST(later_version), TEST(save_and_load), TEST(saved_again), TEST(damaged_file),
		TEST(no_room), TEST(run_dir_is_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
