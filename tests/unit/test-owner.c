// SPDX-License-Identifier: GPL-2.0-only
/* Owners of pages, in recorded folders of processes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
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

#define PRESENT (1ULL << 63)

struct fixture {
	char dir[64];
	struct mo_ctx *ctx;
	struct mo_report *report;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char path[128];

	strcpy(fixture->dir, "/tmp/memoffline-test-XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	snprintf(path, sizeof(path), "%s/proc", fixture->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mo_ctx_new(&fixture->ctx), 0);
	assert_int_equal(mo_ctx_set_sysroot(fixture->ctx, fixture->dir), 0);
	assert_int_equal(mo_report_new(fixture->ctx, "offline", "32", &fixture->report), 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char command[128];

	mo_report_unref(fixture->report);
	mo_ctx_unref(fixture->ctx);
	snprintf(command, sizeof(command), "rm -rf %s", fixture->dir);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}

static int open_file(struct fixture *fixture, const char *folder, const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/proc/%s", fixture->dir, folder);
	if (mkdir(path, 0700))
		assert_int_equal(errno, EEXIST);
	snprintf(path, sizeof(path), "%s/proc/%s/%s", fixture->dir, folder, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	return fd;
}

static void put(struct fixture *fixture, const char *folder, const char *name, const char *text)
{
	int fd = open_file(fixture, folder, name);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void map(struct fixture *fixture, const char *folder, uint64_t addr, uint64_t entry)
{
	int fd = open_file(fixture, folder, "pagemap");

	assert_int_equal(pwrite(fd, &entry, sizeof(entry),
				(off_t)(addr / (uint64_t)sysconf(_SC_PAGESIZE) * sizeof(entry))),
			 sizeof(entry));
	close(fd);
}

static struct mo_record *want(struct fixture *fixture, uint64_t start_pfn, uint64_t nr_pages)
{
	struct mo_record src = {
		.start_pfn = start_pfn, .nr_pages = nr_pages, .block = 32, .file = "",
		.refs = -1, .refs_expected = -1, .mapcount = -1, .pincount = -1,
	};
	struct mo_record *record = mo_report_add_record(fixture->report, &src);

	assert_non_null(record);
	return record;
}

static void enter(void *data, int32_t pid)
{
	(void)data;
	assert_true(pid > 0);
}

static int keep(void *data, size_t i, const struct mo_owner *owner)
{
	return mo_record_add_owner(((struct mo_record **)data)[i], owner);
}

static int find(struct mo_ctx *ctx, struct mo_record **records, size_t nr, uint64_t *nr_hidden)
{
	const struct mo_owner_sink sink = { .enter = enter, .found = keep, .data = records };

	return mo_owners_find(ctx, records, nr, &sink, nr_hidden);
}

/* ---- in the test's own process ---- */

static void a_process_that_maps_a_page_is_found(void **state)
{
	struct fixture *fixture = *state;
	struct mo_record *records[2] = { want(fixture, 0x1000, 1), want(fixture, 0x900, 16) };
	const struct mo_owner *owner;
	uint64_t nr_hidden = 42;

	put(fixture, "7", "comm", "a b\n\n");
	put(fixture, "7", "maps",
	    "00400000-00600000 r-xp 00000000 08:01 1234                               /usr/bin/with a blank (deleted)\n"
	    "10000000-10002000 rw-p 00000000 00:00 0\n");
	map(fixture, "7", 0x401000, PRESENT | 0x1000);
	map(fixture, "7", 0x402000, 0x1000);		/* not present: a swap entry */
	map(fixture, "7", 0x10001000, PRESENT | 0x90f);
	map(fixture, "7", 0x10000000, PRESENT | 0x910);	/* the first frame after the run */
	assert_int_equal(find(fixture->ctx, records, 2, &nr_hidden), 0);
	assert_int_equal(nr_hidden, 0);
	assert_int_equal(records[0]->nr_owners, 1);
	owner = mo_record_owner(records[0], 0);
	assert_int_equal(owner->pid, 7);
	assert_int_equal(owner->addr, 0x401000);
	assert_string_equal(owner->comm, "a b\n");
	assert_string_equal(owner->vma, "/usr/bin/with a blank (deleted)");
	assert_int_equal(records[1]->nr_owners, 1);
	owner = mo_record_owner(records[1], 0);
	assert_int_equal(owner->addr, 0x10001000);
	assert_string_equal(owner->vma, "");
}

static void a_process_counts_once_for_a_run(void **state)
{
	struct fixture *fixture = *state;
	struct mo_record *records[3] = { want(fixture, 0x100, 8), want(fixture, 0x104, 1), want(fixture, 0x200, 1) };
	uint64_t nr_hidden;

	put(fixture, "8", "comm", "one\n");
	put(fixture, "8", "maps", "00010000-00020000 rw-p 00000000 00:00 0          [heap]\n");
	for (uint64_t i = 0; i < 8; i++)
		map(fixture, "8", 0x10000 + i * (uint64_t)sysconf(_SC_PAGESIZE), PRESENT | (0x100 + i));
	assert_int_equal(find(fixture->ctx, records, 3, &nr_hidden), 0);
	assert_int_equal(records[0]->nr_owners, 1);
	assert_int_equal(records[1]->nr_owners, 1);	/* inside the first */
	assert_int_equal(records[2]->nr_owners, 0);
	assert_string_equal(mo_record_owner(records[0], 0)->vma, "[heap]");
}

static void records_may_overlap(void **state)
{
	struct fixture *fixture = *state;
	struct mo_record *records[2] = { want(fixture, 0x304, 1), want(fixture, 0x300, 16) };
	uint64_t nr_hidden;

	put(fixture, "9", "comm", "one\n");
	put(fixture, "9", "maps", "00010000-00020000 rw-p 00000000 00:00 0          [heap]\n");
	map(fixture, "9", 0x10000, PRESENT | 0x30a);
	assert_int_equal(find(fixture->ctx, records, 2, &nr_hidden), 0);
	assert_int_equal(records[0]->nr_owners, 0);
	assert_int_equal(records[1]->nr_owners, 1);
}

static void more_owners_than_are_kept_are_counted(void **state)
{
	struct fixture *fixture = *state;
	struct mo_record *record = want(fixture, 0x5000, 1);
	uint64_t nr_hidden;
	char folder[16];

	for (int i = 0; i < MO_OWNERS_MAX + 3; i++) {
		snprintf(folder, sizeof(folder), "%d", 100 + i);
		put(fixture, folder, "comm", "many\n");
		put(fixture, folder, "maps", "00010000-00020000 rw-s 00000000 00:01 5          /dev/shm/x\n");
		map(fixture, folder, 0x11000, PRESENT | 0x5000);
	}
	assert_int_equal(find(fixture->ctx, &record, 1, &nr_hidden), 0);
	assert_int_equal(record->nr_owners, MO_OWNERS_MAX + 3);
	assert_int_equal(record->nr_owners_kept, MO_OWNERS_MAX);
}

static void hidden_and_ended_processes_are_no_error(void **state)
{
	struct fixture *fixture = *state;
	struct mo_record *record = want(fixture, 0x5000, 1);
	uint64_t nr_hidden;

	put(fixture, "20", "comm", "ended\n");		/* its maps are gone already */
	put(fixture, "21", "statm", "0 0 0 0 0 0 0\n");	/* a kernel thread */
	put(fixture, "21", "maps", "");
	put(fixture, "22", "maps", "00010000-00020000 rw-s 00000000 00:01 5          /dev/shm/x\n");
	map(fixture, "22", 0x11000, PRESENT);		/* what the kernel shows to those without privilege */
	put(fixture, "self", "maps", "00010000-00020000 rw-s 00000000 00:01 5          /dev/shm/x\n");
	map(fixture, "self", 0x11000, PRESENT | 0x5000);
	assert_int_equal(find(fixture->ctx, &record, 1, &nr_hidden), 0);
	assert_int_equal(record->nr_owners, 0);
	assert_int_equal(nr_hidden, 1);
}

static void threads_survive_their_first(void **state)
{
	struct fixture *fixture = *state;
	struct mo_record *record = want(fixture, 0x5000, 1);
	uint64_t nr_hidden;

	put(fixture, "30", "statm", "0 0 0 0 0 0 0\n");
	put(fixture, "30", "maps", "");
	assert_int_equal(mkdirat(mo_root_fd(fixture->ctx), "proc/30/task", 0700), 0);
	put(fixture, "30/task/30", "statm", "0 0 0 0 0 0 0\n");
	put(fixture, "30/task/31", "statm", "100 10 0 0 0 0 0\n");
	put(fixture, "30/task/31", "comm", "second\n");
	put(fixture, "30/task/31", "maps", "00010000-00020000 rw-s 00000000 00:01 5          /dev/shm/x\n");
	map(fixture, "30/task/31", 0x11000, PRESENT | 0x5000);
	assert_int_equal(find(fixture->ctx, &record, 1, &nr_hidden), 0);
	assert_int_equal(record->nr_owners, 1);
	assert_int_equal(mo_record_owner(record, 0)->pid, 30);
	assert_string_equal(mo_record_owner(record, 0)->comm, "second");
}

/* Mappings that hold nothing are not walked where they are larger than all memory. */
static void empty_mappings_of_a_sparse_process_are_skipped(void **state)
{
	struct fixture *fixture = *state;
	struct mo_record *record = want(fixture, 0x5000, 1);
	uint64_t nr_hidden;

	put(fixture, "40", "statm", "4294967296 10 0 0 0 0 0\n");
	put(fixture, "40", "comm", "sparse\n");
	put(fixture, "40", "smaps",
	    "00010000-00020000 rw-p 00000000 00:00 0 [first]\nSize: 64 kB\nRss:                   0 kB\nVmFlags: rd wr\n"
	    "00030000-00040000 rw-p 00000000 00:00 0 [second]\nSize: 64 kB\nRss:                   4 kB\nVmFlags: rd wr\n"
	    "00050000-00060000 rw-p 00000000 00:00 0 [huge]\nRss:  0 kB\nPrivate_Hugetlb:    2048 kB\nVmFlags: rd wr ht\n");
	map(fixture, "40", 0x11000, PRESENT | 0x5000);
	map(fixture, "40", 0x31000, PRESENT | 0x5000);
	assert_int_equal(find(fixture->ctx, &record, 1, &nr_hidden), 0);
	assert_int_equal(record->nr_owners, 1);
	assert_string_equal(mo_record_owner(record, 0)->vma, "[second]");
	record = want(fixture, 0x6000, 1);
	map(fixture, "40", 0x51000, PRESENT | 0x6000);
	assert_int_equal(find(fixture->ctx, &record, 1, &nr_hidden), 0);
	assert_string_equal(mo_record_owner(record, 0)->vma, "[huge]");
}

static void nothing_to_look_for_is_no_search(void **state)
{
	struct fixture *fixture = *state;
	uint64_t nr_hidden = 42;

	assert_int_equal(find(fixture->ctx, NULL, 0, &nr_hidden), 0);
	assert_int_equal(nr_hidden, 0);
}

/* On the machine itself, as far as it may be seen: a page of this process. */
static void this_process_owns_its_page(void **state)
{
	struct fixture *fixture = *state;
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE), entry, nr_hidden;
	volatile char *page = aligned_alloc(page_bytes, page_bytes);
	struct mo_record *record;
	struct mo_ctx *ctx;
	bool found = false;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	page[0] = 1;
	if (fd < 0 ||
	    pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)page / page_bytes * sizeof(entry))) != sizeof(entry))
		entry = 0;
	close(fd);
	if (!(entry & ((1ULL << 55) - 1))) {
		free((void *)page);
		skip();
	}
	assert_int_equal(mo_ctx_new(&ctx), 0);
	record = want(fixture, entry & ((1ULL << 55) - 1), 1);
	assert_int_equal(find(ctx, &record, 1, &nr_hidden), 0);
	for (size_t i = 0; i < record->nr_owners_kept; i++)
		if (mo_record_owner(record, i)->pid == getpid() && mo_record_owner(record, i)->addr == (uintptr_t)page)
			found = true;
	assert_true(found);
	mo_ctx_unref(ctx);
	free((void *)page);
}

/* ---- in a process of its own ---- */

static const char heap[] = "00010000-00020000 rw-p 00000000 00:00 0          [heap]\n";

/* Whoever reads the file FOLDER/NAME waits for ever after TEXT: as the maps of a process that holds its lock. */
static int hang(struct fixture *fixture, const char *folder, const char *name, const char *text)
{
	char path[256];
	int fd;

	put(fixture, folder, "comm", "hung\n");
	snprintf(path, sizeof(path), "%s/proc/%s/%s", fixture->dir, folder, name);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

static void assert_note(struct fixture *fixture, const char *words)
{
	const char *note = mo_report_note(fixture->report, 0);

	assert_non_null(note);
	if (!strstr(note, words))
		fail_msg("'%s' is not in '%s'", words, note);
}

static void a_search_brings_owners_and_names_home(void **state)
{
	struct fixture *fixture = *state;
	struct mo_record *named = want(fixture, 0x7000, 1), *record = want(fixture, 0x5000, 1);
	const struct mo_owner owner = { .pid = 50, .addr = 0x12000, .comm = "by the core", .vma = "" };

	mo_record_add_owner(named, &owner);
	put(fixture, "50", "comm", "one\n");
	put(fixture, "50", "maps", heap);
	map(fixture, "50", 0x11000, PRESENT | 0x5000);
	put(fixture, "51", "maps", heap);
	map(fixture, "51", 0x11000, PRESENT);		/* hidden */
	assert_int_equal(mo_owners_search(fixture->ctx, fixture->report, true, 60000), 0);
	assert_int_equal(record->nr_owners, 1);
	assert_int_equal(mo_record_owner(record, 0)->pid, 50);
	assert_int_equal(mo_record_owner(record, 0)->addr, 0x11000);
	assert_string_equal(mo_record_owner(record, 0)->comm, "one");
	assert_string_equal(mo_record_owner(record, 0)->vma, "[heap]");
	assert_int_equal(named->nr_owners, 1);
	assert_string_equal(mo_record_owner(named, 0)->comm, "by the core");
	assert_string_equal(mo_record_owner(named, 0)->vma, "[heap]");
	assert_note(fixture, "1 processes could not be looked into");
}

static void a_search_counts_beyond_the_bound(void **state)
{
	struct fixture *fixture = *state;
	struct mo_record *record = want(fixture, 0x5000, 1);
	char folder[16];

	for (int i = 0; i < MO_OWNERS_MAX + 3; i++) {
		snprintf(folder, sizeof(folder), "%d", 100 + i);
		put(fixture, folder, "comm", "many\n");
		put(fixture, folder, "maps", heap);
		map(fixture, folder, 0x11000, PRESENT | 0x5000);
	}
	assert_int_equal(mo_owners_search(fixture->ctx, fixture->report, true, 60000), 0);
	assert_int_equal(record->nr_owners, MO_OWNERS_MAX + 3);
	assert_int_equal(record->nr_owners_kept, MO_OWNERS_MAX);
}

/* What was found before counts, the rest is said to be missing, and nobody waits. */
static void a_process_that_hangs_ends_the_search(void **state)
{
	struct fixture *fixture = *state;
	struct mo_record *record = want(fixture, 0x5000, 1);
	uint64_t start_ms = mo_now_ms();
	int fd = hang(fixture, "60", "maps", heap);

	map(fixture, "60", 0x11000, PRESENT | 0x5000);
	assert_int_equal(mo_owners_search(fixture->ctx, fixture->report, true, 1000), -ETIMEDOUT);
	assert_in_range(mo_now_ms() - start_ms, 1000, 20000);
	assert_int_equal(record->nr_owners, 1);
	assert_string_equal(mo_record_owner(record, 0)->comm, "hung");
	assert_note(fixture, "within 1000 ms: the search stood at process 60 (hung)");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);	/* nor does a process stay behind */
	close(fd);
}

static void names_do_not_wait_for_a_process_that_hangs(void **state)
{
	struct fixture *fixture = *state;
	const struct mo_owner owner = { .pid = 61, .addr = 0x12000, .comm = "by the core", .vma = "" };
	int fd = hang(fixture, "61", "maps", "");

	mo_record_add_owner(want(fixture, 0x7000, 1), &owner);
	assert_int_equal(mo_owners_search(fixture->ctx, fixture->report, false, 100), -ETIMEDOUT);
	assert_note(fixture, "process 61 (hung)");
	close(fd);
}

static void a_search_without_proc_says_so(void **state)
{
	struct fixture *fixture = *state;

	want(fixture, 0x5000, 1);
	assert_int_equal(unlinkat(mo_root_fd(fixture->ctx), "proc", AT_REMOVEDIR), 0);
	assert_int_equal(mo_owners_search(fixture->ctx, fixture->report, true, 60000), 0);
	assert_note(fixture, "is /proc mounted?");
}

/* ---- the page that holds things up ---- */

/* Looks till OWNER is known, or for LIMIT_MS. */
static const struct mo_owner *look(struct mo_holder *holder, uint64_t pfn, uint64_t limit_ms)
{
	uint64_t start_ms = mo_now_ms();

	do {
		mo_holder_look(holder, NULL, pfn);
		usleep(20000);
	} while (!mo_holder_owner(holder) && mo_now_ms() - start_ms < limit_ms);
	return mo_holder_owner(holder);
}

static void who_holds_things_up_is_looked_for_after_a_second(void **state)
{
	struct fixture *fixture = *state;
	struct mo_holder *holder = mo_holder_new(fixture->ctx);
	uint64_t start_ms = mo_now_ms();

	put(fixture, "50", "comm", "one\n");
	put(fixture, "50", "maps", heap);
	map(fixture, "50", 0x11000, PRESENT | 0x5000);
	assert_null(look(holder, 0x5000, 800));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);	/* no search has begun */
	assert_non_null(look(holder, 0x5000, 20000));
	assert_true(mo_now_ms() - start_ms >= 1000);
	assert_int_equal(mo_holder_owner(holder)->pid, 50);
	assert_string_equal(mo_holder_owner(holder)->comm, "one");
	mo_holder_look(holder, NULL, 0x5001);			/* another page: nothing is known of it */
	assert_null(mo_holder_owner(holder));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	mo_holder_free(holder);
}

static void pages_that_leave_in_time_are_not_looked_for(void **state)
{
	struct fixture *fixture = *state;
	struct mo_holder *holder = mo_holder_new(fixture->ctx);

	put(fixture, "50", "maps", heap);
	map(fixture, "50", 0x11000, PRESENT | 0x5000);
	for (unsigned int i = 0; i < 4; i++)
		assert_null(look(holder, i % 2 ? NO_PFN : 0x5000, 400));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	mo_holder_free(holder);
}

static void what_holds_things_up_is_known_by_its_kind(void **state)
{
	struct fixture *fixture = *state;
	struct mo_holder *holder = mo_holder_new(fixture->ctx);
	const uint64_t flags[2] = { 0, 1 << 7 };	/* slab */
	struct mo_pages *pages;
	uint64_t start_ms = mo_now_ms();
	int fd = openat(mo_root_fd(fixture->ctx), "proc/kpageflags", O_WRONLY | O_CREAT, 0600);

	assert_int_equal(write(fd, flags, sizeof(flags)), sizeof(flags));
	close(fd);
	assert_int_equal(mo_pages_open(fixture->ctx, &pages), 0);
	while (mo_now_ms() - start_ms < 1200) {
		mo_holder_look(holder, pages, 1);
		usleep(20000);
	}
	assert_int_equal(mo_holder_kind(holder), MO_KIND_SLAB);
	mo_holder_look(holder, pages, 0);
	assert_int_equal(mo_holder_kind(holder), MO_KIND_NR);
	mo_holder_free(holder);
	mo_pages_close(pages);
}

/* Nobody waits for a search that hangs, and it holds no lock or session that was open here. */
static void a_search_beside_other_work_holds_nothing_up(void **state)
{
	struct fixture *fixture = *state;
	struct mo_owner_search *search;
	int fd = hang(fixture, "60", "maps", heap), fds[2];
	uint64_t start_ms;
	char byte;

	want(fixture, 0x5000, 1);
	map(fixture, "60", 0x11000, PRESENT | 0x5001);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(mo_owner_search_begin(fixture->ctx, fixture->report, &search), 0);
	start_ms = mo_now_ms();
	while (mo_now_ms() - start_ms < 300)
		assert_true(mo_owner_search_poll(search));
	close(fds[1]);
	alarm(20);
	assert_int_equal(read(fds[0], &byte, 1), 0);	/* nobody else has its other end */
	alarm(0);
	start_ms = mo_now_ms();
	mo_owner_search_end(search);
	assert_true(mo_now_ms() - start_ms < 5000);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	close(fds[0]);
	close(fd);
}

struct cgroups {
	size_t nr, nr_others;
};

static int check_cgroup(void *data, uint64_t inode, const char *path)
{
	static const char *const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified" };
	struct cgroups *cgroups = data;
	char folder[PATH_MAX + 32];
	struct stat stat_buf;

	assert_true(*path == '/' && (cgroups->nr || !path[1]));
	cgroups->nr++;
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		snprintf(folder, sizeof(folder), "%s%s", roots[i], path);
		if (!stat(folder, &stat_buf) && stat_buf.st_ino == inode)
			return 0;
	}
	cgroups->nr_others++;
	return 0;
}

/* Of this machine, where some may come and go meanwhile. */
static void cgroups_are_told_by_number_and_path(void **state)
{
	struct cgroups cgroups = { 0 };
	struct mo_ctx *ctx;

	(void)state;
	assert_int_equal(mo_ctx_new(&ctx), 0);
	assert_int_equal(mo_cgroups_each(ctx, check_cgroup, &cgroups), 0);
	assert_true(!cgroups.nr || cgroups.nr_others < cgroups.nr);
	mo_ctx_unref(ctx);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_process_that_maps_a_page_is_found),
		TEST(cgroups_are_told_by_number_and_path),
		TEST(a_process_counts_once_for_a_run),
		TEST(records_may_overlap),
		TEST(more_owners_than_are_kept_are_counted),
		TEST(hidden_and_ended_processes_are_no_error),
		TEST(threads_survive_their_first),
		TEST(empty_mappings_of_a_sparse_process_are_skipped),
		TEST(nothing_to_look_for_is_no_search),
		TEST(this_process_owns_its_page),
		TEST(a_search_brings_owners_and_names_home),
		TEST(a_search_counts_beyond_the_bound),
		TEST(a_process_that_hangs_ends_the_search),
		TEST(names_do_not_wait_for_a_process_that_hangs),
		TEST(a_search_without_proc_says_so),
		TEST(who_holds_things_up_is_looked_for_after_a_second),
		TEST(pages_that_leave_in_time_are_not_looked_for),
		TEST(what_holds_things_up_is_known_by_its_kind),
		TEST(a_search_beside_other_work_holds_nothing_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
