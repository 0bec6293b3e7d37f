// SPDX-License-Identifier: GPL-2.0-only
/* Remedies: what of a report each is tried on, files found by number and name, and what becomes of one that hangs. */
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "machine.h"
#include "remedy.h"
#include "transaction.h"

struct fixture {
	struct mo_ctx *ctx;
	struct mo_report *report;
	char dir[64];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/test-remedy.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(mo_ctx_new(&f->ctx), 0);
	assert_int_equal(mo_report_new(f->ctx, "offline", "32", &f->report), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", f->dir);
	assert_int_equal(system(command), 0);
	mo_report_unref(f->report);
	mo_ctx_unref(f->ctx);
	free(f);
	return 0;
}

/* ---- words ---- */

static void words(void **state)
{
	static const char *const wrong[] = { "", "foo", "cache,", ",cache", "cache,,slab", "all,cache", "none,slab",
					     "Cache", "cach", "cache slab" };
	uint32_t remedies = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(mo_remedies_parse(wrong[i], &remedies), -EINVAL);
	assert_int_equal(remedies, 42);
	assert_int_equal(mo_remedies_parse("slab,cache,slab", &remedies), 0);
	assert_int_equal(remedies, MO_REMEDY_CACHE | MO_REMEDY_SLAB);
	assert_int_equal(mo_remedies_parse("all", &remedies), 0);
	assert_int_equal(remedies, MO_REMEDY_ALL);
	assert_int_equal(mo_remedies_parse("none", &remedies), 0);
	assert_int_equal(remedies, 0);
	for (uint32_t bit = 1; bit & MO_REMEDY_ALL; bit <<= 1) {
		assert_int_equal(mo_remedies_parse(mo_remedy_name(bit), &remedies), 0);
		assert_int_equal(remedies, bit);
	}
	assert_null(mo_remedy_name(MO_REMEDY_ALL));
	assert_null(mo_remedy_name(0));
	assert_null(mo_remedy_name(MO_REMEDY_ALL + 1));
}

/* ---- choice ---- */

static struct mo_record cache_record(uint64_t pfn, const char *file, uint64_t inode)
{
	return (struct mo_record){ .start_pfn = pfn, .nr_pages = 4, .block = 32, .kind = MO_KIND_CACHE,
				   .reason = MO_REASON_NO_TARGET, .file = file, .file_inode = inode };
}

static struct mo_record *add(struct fixture *f, struct mo_record record)
{
	struct mo_record *added = mo_report_add_record(f->report, &record);

	assert_non_null(added);
	return added;
}

static void each_object_once_and_only_what_blocks(void **state)
{
	struct fixture *f = *state;
	struct mo_record other = cache_record(0x700, "pinned", 9);
	struct mo_remedy_choice choice;

	add(f, cache_record(0x100, "before", 7));	/* of another block, told before */
	add(f, cache_record(0x200, "a", 1));
	add(f, cache_record(0x300, "b", 2));
	add(f, cache_record(0x400, "a", 1));
	add(f, cache_record(0x500, "a", 3));	/* the same name, another file */
	add(f, cache_record(0x600, "", 0));
	other.reason = MO_REASON_EXTRA_REFS;
	add(f, other);
	other = cache_record(0x800, "locked", 10);
	other.kpageflags = 1ULL << KPF_UNEVICTABLE;
	add(f, other);
	other = cache_record(0x900, "shared", 11);
	other.kind = MO_KIND_SHMEM;
	add(f, other);
	assert_int_equal(mo_remedy_choose(f->report, 1, MO_REMEDY_CACHE, &choice), 0);
	assert_int_equal(choice.nr_objects, 3);
	assert_string_equal(choice.objects[0].name, "a");
	assert_int_equal(choice.objects[0].inode, 1);
	assert_int_equal(choice.objects[0].nr_pages, 8);
	assert_string_equal(choice.objects[1].name, "b");
	assert_int_equal(choice.objects[2].inode, 3);
	assert_int_equal(choice.objects[2].nr_pages, 4);
	assert_int_equal(choice.nr_blind_pages, 4);
	assert_int_equal(choice.nr_ranges, 0);
	mo_remedy_choice_clear(&choice);
}

static void ranges_are_in_order_and_do_not_touch(void **state)
{
	static const struct { uint64_t pfn; enum mo_kind kind; } pages[] = {
		{ 0x300, MO_KIND_ANON }, { 0x100, MO_KIND_THP }, { 0x304, MO_KIND_SHMEM }, { 0x308, MO_KIND_CACHE },
		{ 0x400, MO_KIND_HUGETLB }, { 0x500, MO_KIND_SLAB }, { 0x600, MO_KIND_KERNEL },
	};
	struct fixture *f = *state;
	struct mo_remedy_choice choice;

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		struct mo_record record = cache_record(pages[i].pfn, "", 0);

		record.kind = pages[i].kind;
		record.reason = i % 2 ? MO_REASON_STALL : MO_REASON_LOCKED;
		add(f, record);
	}
	assert_int_equal(mo_remedy_choose(f->report, 0, MO_REMEDY_PAGEOUT, &choice), 0);
	assert_int_equal(choice.nr_objects, 0);
	assert_int_equal(choice.nr_ranges, 2);
	assert_int_equal(choice.ranges[0].start_pfn, 0x100);
	assert_int_equal(choice.ranges[0].end_pfn, 0x104);
	assert_int_equal(choice.ranges[1].start_pfn, 0x300);
	assert_int_equal(choice.ranges[1].end_pfn, 0x30c);
	mo_remedy_choice_clear(&choice);
}

static void caches_and_cgroups_by_name(void **state)
{
	static const char *const cgroups[] = { "/a", "", "/", "/a", "/b" };
	struct fixture *f = *state;
	struct mo_remedy_choice choice;

	for (size_t i = 0; i < ARRAY_SIZE(cgroups); i++) {
		struct mo_record record = cache_record(0x100 * i, "", 0);

		record.kind = MO_KIND_SLAB;
		record.reason = MO_REASON_SLAB;
		record.cgroup = cgroups[i];
		record.slab = i % 2 ? "dentry" : "";
		add(f, record);
	}
	assert_int_equal(mo_remedy_choose(f->report, 0, MO_REMEDY_SLAB, &choice), 0);
	assert_int_equal(choice.nr_objects, 1);
	assert_string_equal(choice.objects[0].name, "dentry");
	assert_int_equal(choice.objects[0].nr_pages, 8);
	assert_int_equal(choice.nr_blind_pages, 12);
	mo_remedy_choice_clear(&choice);
	assert_int_equal(mo_remedy_choose(f->report, 0, MO_REMEDY_CGROUP, &choice), 0);
	assert_int_equal(choice.nr_objects, 2);
	assert_string_equal(choice.objects[0].name, "/a");
	assert_int_equal(choice.objects[0].nr_pages, 8);
	assert_string_equal(choice.objects[1].name, "/b");
	assert_int_equal(choice.nr_blind_pages, 0);	/* what is charged to nobody is not missed */
	mo_remedy_choice_clear(&choice);
}

static void what_may_help_is_known_of_each_record(void **state)
{
	struct fixture *f = *state;
	const struct mo_owner owner = { .pid = 1, .comm = "a", .vma = "" };
	struct mo_record *record = add(f, cache_record(0x100, "a", 1));

	assert_int_equal(mo_record_remedies(record), MO_REMEDY_CACHE);
	mo_record_add_owner(record, &owner);
	assert_int_equal(mo_record_remedies(record), MO_REMEDY_CACHE | MO_REMEDY_PAGEOUT);
	record->reason = MO_REASON_DMA_PINNED;
	assert_int_equal(mo_record_remedies(record), 0);
	record->reason = MO_REASON_SLAB;
	record->kind = MO_KIND_SLAB;
	assert_int_equal(mo_record_remedies(record), 0);
	free((char *)record->slab);
	record->slab = strdup("dentry");
	assert_int_equal(mo_record_remedies(record), MO_REMEDY_SLAB);
}

/* ---- files ---- */

static int make_file(const struct fixture *f, const char *name, struct stat *stat)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "", 1, 99999), 1);
	assert_int_equal(fsync(fd), 0);
	assert_int_equal(fstat(fd, stat), 0);
	return fd;
}

static void an_open_file_is_found_by_number_and_name(void **state)
{
	static const char long_name[] = "a-name-of-more-than-thirty-one-bytes";
	struct fixture *f = *state;
	struct stat a, b;
	int fd_a = make_file(f, "a", &a), fd_b = make_file(f, long_name, &b);
	struct mo_wanted_file files[] = {
		{ .name = "a", .inode = a.st_ino },
		{ .name = "a", .inode = b.st_ino },	/* not its name */
		{ .name = "a-name-of-more-than-thirty-one-", .inode = b.st_ino },
		{ .name = "a", .inode = a.st_ino + 12345678 },
	};

	mo_files_find(f->ctx, files, ARRAY_SIZE(files));
	assert_true(files[0].fd >= 0);
	assert_false(files[0].is_ambiguous);
	assert_string_equal(strrchr(files[0].path, '/'), "/a");
	assert_int_equal(files[1].fd, -1);
	assert_true(files[2].fd >= 0);
	assert_string_equal(strrchr(files[2].path, '/') + 1, long_name);
	assert_int_equal(files[3].fd, -1);
	close(files[0].fd);
	close(files[2].fd);
	close(fd_a);
	close(fd_b);
}

static void a_deleted_file_is_found(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct stat stat;
	int fd = make_file(f, "deleted", &stat);
	struct mo_wanted_file files[] = {
		{ .name = "/elsewhere/deleted", .inode = stat.st_ino },
		{ .name = "delete", .inode = stat.st_ino },
		{ .name = "", .inode = stat.st_ino },
	};

	snprintf(path, sizeof(path), "%s/deleted", f->dir);
	assert_int_equal(unlink(path), 0);
	mo_files_find(f->ctx, files, ARRAY_SIZE(files));
	assert_true(files[0].fd >= 0);
	assert_string_equal(strrchr(files[0].path, '/'), "/deleted (deleted)");
	assert_int_equal(files[1].fd, -1);
	assert_int_equal(files[2].fd, -1);
	close(files[0].fd);
	close(fd);
}

static void no_fifo_is_found(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct stat stat;
	struct mo_wanted_file file = { .name = "fifo" };
	int fd;

	snprintf(path, sizeof(path), "%s/fifo", f->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &stat), 0);
	file.inode = stat.st_ino;
	mo_files_find(f->ctx, &file, 1);
	assert_int_equal(file.fd, -1);
	close(fd);
}

/* ---- trying ---- */

static enum mo_reason try(struct fixture *f, uint32_t remedy, int stop_fd, uint64_t until_ms, uint64_t *freed_bytes)
{
	struct mo_remedy_choice choice;
	struct mo_remedy_work work = { .ctx = f->ctx, .choice = &choice, .page_bytes = 4096 };
	enum mo_reason reason;

	assert_int_equal(mo_remedy_choose(f->report, 0, remedy, &choice), 0);
	reason = mo_remedy_try(&work, remedy, f->report, stop_fd, until_ms, freed_bytes);
	mo_remedy_choice_clear(&choice);
	return reason;
}

static void what_is_dropped_is_told(void **state)
{
	struct fixture *f = *state;
	const struct mo_remedy *remedy;
	uint64_t freed_bytes;
	struct stat stat;
	int fd = make_file(f, "a", &stat);

	add(f, cache_record(0x100, "a", stat.st_ino));
	add(f, cache_record(0x200, "gone", stat.st_ino + 12345678));
	assert_int_equal(try(f, MO_REMEDY_CACHE, -1, 0, &freed_bytes), MO_REASON_NONE);
	assert_int_equal(mo_report_nr_remedies(f->report), 2);
	remedy = mo_report_remedy(f->report, 0);
	assert_int_equal(remedy->remedy, MO_REMEDY_CACHE);
	assert_string_equal(strrchr(remedy->object, '/'), "/a");
	assert_int_equal(remedy->asked_bytes, 4 * 4096);
	assert_int_equal(remedy->error, 0);
	assert_int_equal(remedy->freed_bytes, freed_bytes);
	remedy = mo_report_remedy(f->report, 1);
	assert_string_equal(remedy->object, "gone");
	assert_int_equal(remedy->error, -ENOENT);
	assert_int_equal(remedy->freed_bytes, 0);
	close(fd);
}

/* No other name leads out of the folder of slab caches. */
static void a_slab_cache_is_no_path(void **state)
{
	static const char *const names[] = { "../../x", "..", "a/b" };
	struct fixture *f = *state;
	uint64_t freed_bytes;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct mo_record record = cache_record(0x100 * i, "", 0);

		record.kind = MO_KIND_SLAB;
		record.reason = MO_REASON_SLAB;
		record.slab = names[i];
		add(f, record);
	}
	assert_int_equal(try(f, MO_REMEDY_SLAB, -1, 0, &freed_bytes), MO_REASON_NONE);
	assert_int_equal(freed_bytes, 0);
	assert_int_equal(mo_report_nr_remedies(f->report), ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(mo_report_remedy(f->report, i)->error, -EINVAL);
}

/* Its process waits in open() of a slab's file that is a FIFO here. */
static void one_that_hangs_is_given_up(void **state)
{
	struct fixture *f = *state;
	struct mo_record record = cache_record(0x100, "", 0);
	int stop_fd = eventfd(1, EFD_CLOEXEC);
	char path[256];
	uint64_t freed_bytes, start_ms = mo_now_ms();

	snprintf(path, sizeof(path), "mkdir -p %s/sys/kernel/slab/hung && mkfifo %s/sys/kernel/slab/hung/slabs", f->dir, f->dir);
	assert_int_equal(system(path), 0);
	assert_int_equal(mo_ctx_set_sysroot(f->ctx, f->dir), 0);
	record.kind = MO_KIND_SLAB;
	record.reason = MO_REASON_SLAB;
	record.slab = "hung";
	add(f, record);
	assert_int_equal(try(f, MO_REMEDY_SLAB, -1, start_ms + 300, &freed_bytes), MO_REASON_DEADLINE);
	assert_true(mo_now_ms() - start_ms < 5000);
	assert_int_equal(try(f, MO_REMEDY_SLAB, stop_fd, 0, &freed_bytes), MO_REASON_INTERRUPTED);
	assert_true(mo_now_ms() - start_ms < 10000);
	assert_int_equal(mo_report_nr_remedies(f->report), 0);
	close(stop_fd);
}

/* ---- the report ---- */

static void records_of_an_attempt_that_does_not_count_are_forgotten(void **state)
{
	struct fixture *f = *state;
	struct mo_report_mark mark;

	add(f, cache_record(0x100, "kept", 1));
	mo_report_count_kept(f->report, 3);
	mark = mo_report_mark(f->report);
	for (unsigned int i = 0; i < 20; i++)
		add(f, cache_record(0x200 + i, "gone", 2));
	mo_report_rewind(f->report, &mark);
	assert_int_equal(mo_report_nr_records(f->report), 1);
	assert_int_equal(mo_report_nr_pages_kept(f->report), 7);
	for (unsigned int i = 0; i < 20; i++)
		add(f, cache_record(0x300 + i, "new", 3));
	assert_int_equal(mo_report_nr_records(f->report), 21);
	assert_string_equal(mo_report_record(f->report, 0)->file, "kept");
	assert_string_equal(mo_report_record(f->report, 20)->file, "new");
}

/* ---- the ladder ---- */

/* What the kernel does when a slab cache is shrunk; in the process of the remedy. */
int __wrap_mo_write_text(struct mo_ctx *ctx, const char *text, const char *fmt, ...);
int __wrap_mo_write_text(struct mo_ctx *ctx, const char *text, const char *fmt, ...)
{
	char path[256], command[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	assert_string_equal(text, "1");
	if (strcmp(path, "/sys/kernel/slab/big/shrink"))
		return 0;
	snprintf(command, sizeof(command), "echo '2 N0=2' > %s/sys/kernel/slab/big/slabs", mo_ctx_get_sysroot(ctx));
	assert_int_equal(system(command), 0);
	return 0;
}

static unsigned int nr_attempts;

static int succeed(struct mo_transaction *txn, size_t i)
{
	assert_int_equal(i, 0);
	assert_int_equal(mo_report_nr_records(txn->report), 0);
	nr_attempts++;
	return 0;
}

static int climb(struct fixture *f, uint32_t remedies, uint64_t deadline_ms)
{
	struct mo_request request = MO_REQUEST_INIT;
	struct mo_memory memory = { .page_bytes = 4096 };
	struct mo_item item = { .block = 32 };
	struct mo_transaction txn = {
		.ctx = f->ctx, .memory = &memory, .request = &request, .report = f->report,
		.items = &item, .nr_items = 1, .deadline_ms = deadline_ms, .ended_by = MO_REASON_STALL,
	};
	const struct mo_report_mark mark = { 0, 0 };

	request.remedies = remedies;
	nr_attempts = 0;
	return mo_ladder_climb(&txn, 0, -EBUSY, &mark, succeed);
}

static void add_slab(struct fixture *f, const char *name)
{
	struct mo_record record = cache_record(0x100, "", 0);
	char command[512];

	snprintf(command, sizeof(command), "cd %s && mkdir -p sys/kernel/slab/%s && cd sys/kernel/slab/%s && "
		 "echo '12 N0=5 N1=7' > slabs && echo 3 > order", f->dir, name, name);
	assert_int_equal(system(command), 0);
	assert_int_equal(mo_ctx_set_sysroot(f->ctx, f->dir), 0);
	record.kind = MO_KIND_SLAB;
	record.reason = MO_REASON_SLAB;
	record.slab = name;
	add(f, record);
}

static void a_block_is_tried_again_where_something_went(void **state)
{
	struct fixture *f = *state;
	const struct mo_remedy *remedy;

	add_slab(f, "big");
	assert_int_equal(climb(f, MO_REMEDY_ALL & ~MO_REMEDY_SLAB, 0), -EBUSY);
	assert_int_equal(climb(f, MO_REMEDY_SLAB, mo_now_ms() - 1), -EBUSY);	/* the deadline of the whole passed */
	assert_int_equal(mo_report_nr_remedies(f->report), 0);
	assert_int_equal(mo_report_nr_records(f->report), 1);
	assert_int_equal(climb(f, MO_REMEDY_ALL, 0), 0);
	assert_int_equal(nr_attempts, 1);
	assert_int_equal(mo_report_nr_remedies(f->report), 1);
	remedy = mo_report_remedy(f->report, 0);
	assert_int_equal(remedy->remedy, MO_REMEDY_SLAB);
	assert_string_equal(remedy->object, "big");
	assert_int_equal(remedy->freed_bytes, 10 * 8 * 4096);
}

static void a_block_is_not_tried_again_where_nothing_went(void **state)
{
	struct fixture *f = *state;

	add_slab(f, "full");
	assert_int_equal(climb(f, MO_REMEDY_ALL, 0), -EBUSY);
	assert_int_equal(nr_attempts, 0);
	assert_int_equal(mo_report_nr_remedies(f->report), 1);
	assert_int_equal(mo_report_remedy(f->report, 0)->freed_bytes, 0);
	assert_int_equal(mo_report_nr_records(f->report), 1);
}

static void what_was_left_out_is_noted(void **state)
{
	struct fixture *f = *state;

	add(f, cache_record(0x100, "", 0));
	assert_int_equal(climb(f, MO_REMEDY_CACHE, 0), -EBUSY);
	assert_non_null(strstr(mo_report_note(f->report, 0), "left out 4 pages of page cache"));
	assert_null(mo_report_note(f->report, 1));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(words),
		TEST(each_object_once_and_only_what_blocks),
		TEST(ranges_are_in_order_and_do_not_touch),
		TEST(caches_and_cgroups_by_name),
		TEST(what_may_help_is_known_of_each_record),
		TEST(an_open_file_is_found_by_number_and_name),
		TEST(a_deleted_file_is_found),
		TEST(no_fifo_is_found),
		TEST(what_is_dropped_is_told),
		TEST(a_slab_cache_is_no_path),
		TEST(one_that_hangs_is_given_up),
		TEST(a_block_is_tried_again_where_something_went),
		TEST(a_block_is_not_tried_again_where_nothing_went),
		TEST(what_was_left_out_is_noted),
		TEST(records_of_an_attempt_that_does_not_count_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
