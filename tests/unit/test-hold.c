// SPDX-License-Identifier: GPL-2.0-only
/* What holds pages beside mappings, the paths of files, and what allocated pages. */
#include "machine.h"

#define ADDR 0x7f0000000000

static const char *const ring[] = {
	"file=proc/50/comm,fio\\+", "link=proc/50/fd/5,anon_inode:[io_uring]", "link=proc/50/fd/1,/dev/null",
	"file=proc/50/fdinfo/5,pos:0\\+SqMask: 0x0\\+UserFiles: 0\\+UserBufs:\t2\\+"
	"    0: 0x7f0000000000/8192\\+    1: 0x7f0000100000/4096\\+PollList:\\+",
	"file=proc/50/status,Name: fio\\+VmPin:\t      12 kB\\+", NULL
};

static int setup(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	OPEN(machine, "file=proc/meminfo,MemTotal: 1 kB\\+");
	*state = machine;
	return 0;
}

static int teardown(void **state)
{
	machine_close(*state);
	free(*state);
	return 0;
}

static struct mo_report *new_report(struct machine *machine)
{
	struct mo_report *report;

	assert_int_equal(mo_report_new(machine->ctx, "why", "32", &report), 0);
	return report;
}

static struct mo_record *add_pinned(struct mo_report *report, enum mo_reason reason, int32_t pid, uint64_t addr)
{
	const struct mo_record facts = { .start_pfn = 0x100000, .nr_pages = 1, .reason = reason };
	const struct mo_owner owner = { .pid = pid, .addr = addr, .comm = "fio", .vma = "" };
	struct mo_record *record = mo_report_add_record(report, &facts);

	assert_non_null(record);
	if (pid)
		assert_int_equal(mo_record_add_owner(record, &owner), 0);
	return record;
}

static void expect_hold(const struct mo_record *record, enum mo_hold_kind kind, int32_t pid, int32_t fd, bool is_sure)
{
	const struct mo_hold *hold = mo_record_hold(record, 0);

	assert_non_null(hold);
	assert_int_equal(hold->kind, kind);
	assert_int_equal(hold->pid, pid);
	assert_int_equal(hold->fd, fd);
	assert_int_equal(hold->is_sure, is_sure);
}

static void ring_holds_its_buffers(void **state)
{
	struct machine *machine = *state;
	struct mo_report *report = new_report(machine);
	struct mo_record *first = add_pinned(report, MO_REASON_DMA_PINNED, 50, ADDR + 4096);
	struct mo_record *last = add_pinned(report, MO_REASON_EXTRA_REFS, 50, ADDR + 0x100000);
	struct mo_record *beyond = add_pinned(report, MO_REASON_DMA_PINNED, 50, ADDR + 8192);
	struct mo_record *other = add_pinned(report, MO_REASON_DMA_PINNED, 51, ADDR);
	struct mo_record *slab = add_pinned(report, MO_REASON_SLAB, 50, ADDR);

	machine_add(machine, ring);
	assert_int_equal(mo_holds_search(machine->ctx, report, 1000), 0);
	expect_hold(first, MO_HOLD_IO_URING, 50, 5, true);
	assert_string_equal(mo_record_hold(first, 0)->comm, "fio");
	assert_int_equal(first->nr_holds, 1);
	expect_hold(last, MO_HOLD_IO_URING, 50, 5, true);
	expect_hold(beyond, MO_HOLD_PINNED, 50, -1, false);	/* VmPin says that something is */
	assert_int_equal(other->nr_holds, 0);
	assert_int_equal(slab->nr_holds, 0);
	mo_report_unref(report);
}

static void devices_may_hold_what_the_process_maps(void **state)
{
	struct machine *machine = *state;
	struct mo_report *report = new_report(machine);
	struct mo_record *vfio = add_pinned(report, MO_REASON_DMA_PINNED, 60, ADDR);
	struct mo_record *rdma = add_pinned(report, MO_REASON_EXTRA_REFS, 61, ADDR);
	struct mo_record *nobodys = add_pinned(report, MO_REASON_DMA_PINNED, 0, 0);

	ADD(machine, "file=proc/60/comm,qemu\\+", "link=proc/60/fd/9,/dev/vfio/17", "link=proc/61/fd/3,/dev/infiniband/uverbs0",
	    "link=proc/61/fd/4,/dmabuf:x");
	assert_int_equal(mo_holds_search(machine->ctx, report, 1000), 0);
	expect_hold(vfio, MO_HOLD_VFIO, 60, 9, false);
	assert_int_equal(vfio->nr_holds, 1);
	assert_int_equal(rdma->nr_holds, 2);
	assert_int_equal(nobodys->nr_holds, 3);	/* anybody's */
	mo_report_unref(report);
}

static struct mo_record *add_file(struct mo_report *report, uint64_t inode, uint32_t major, const char *name)
{
	const struct mo_record facts = { .start_pfn = 0x100000, .nr_pages = 1, .reason = MO_REASON_NO_MIGRATE,
					 .file_inode = inode, .file_major = major, .file = name };

	return mo_report_add_record(report, &facts);
}

static void files_get_the_paths_of_who_maps_or_opened_them(void **state)
{
	struct machine *machine = *state;
	struct mo_report *report = new_report(machine);
	const struct mo_owner owner = { .pid = 50, .addr = ADDR, .comm = "db", .vma = "/srv/mapped" };
	struct mo_record *mapped = add_file(report, 11, 8, "mapped"), *open = add_file(report, 12, 8, "journal");
	struct mo_record *elsewhere = add_file(report, 12, 9, "journal"), *nameless = add_file(report, 12, 8, "");
	struct mo_record *gone = add_file(report, 13, 8, "gone"), *no_device = add_file(report, 12, 0, "journal");
	struct mo_record *misnamed = add_file(report, 12, 8, "journa");

	assert_int_equal(mo_record_add_owner(mapped, &owner), 0);
	ADD(machine, "file=proc/70/comm,db\\+", "link=proc/70/fd/3,/srv/journal",
	    "link=proc/70/fd/4,/srv/gone (deleted)",
	    "file=proc/70/fdinfo/3,pos:\t0\\+flags:\t02\\+mnt_id:\t21\\+ino:\t12\\+",
	    "file=proc/70/fdinfo/4,pos:\t0\\+flags:\t02\\+mnt_id:\t21\\+ino:\t13\\+",
	    "file=proc/70/mountinfo,20 1 9:0 / / rw - ext4 a rw\\+21 1 8:0 / /srv rw - ext4 b rw\\+");
	assert_int_equal(mo_files_name(machine->ctx, report, 1000), 0);
	assert_string_equal(mapped->file, "/srv/mapped");
	assert_string_equal(open->file, "/srv/journal");
	expect_hold(open, MO_HOLD_OPEN, 70, 3, true);
	assert_string_equal(elsewhere->file, "journal");
	assert_string_equal(nameless->file, "/srv/journal");
	assert_string_equal(gone->file, "/srv/gone (deleted)");
	assert_string_equal(no_device->file, "/srv/journal");
	assert_string_equal(misnamed->file, "journa");
	mo_report_unref(report);
}

static void stacks_are_read_and_their_caller_is_found(void **state)
{
	static const char text[] =
		"Page allocated via order 0, mask 0xcc0(GFP_KERNEL), pid 7, tgid 7 (ts 1), ts 4711000000 ns\n"
		"PFN 0x1234 type Unmovable Block 2 type Unmovable Flags 0x200(node=0|zone=1)\n"
		" set_page_owner+0x1/0x2\n post_alloc_hook+0x1/0x2\n get_page_from_freelist+0x1/0x2\n"
		" __alloc_pages_noprof+0x1/0x2\n e1000_alloc_rx+0x10/0x20 [e1000]\n do_init+0x1/0x2\n"
		"Page has been migrated, last migrate reason: compaction\n\n";
	struct mo_record record = { .stack = "" };
	char stack[512], tight[24], name[64];
	uint64_t since_ns;

	(void)state;
	assert_true(mo_stack_parse(text, 0x1234, stack, sizeof(stack), &since_ns));
	assert_int_equal(since_ns, 4711000000);
	record.stack = stack;
	mo_record_allocator(&record, name, sizeof(name));
	assert_string_equal(name, "e1000_alloc_rx");
	assert_non_null(strstr(stack, "\ndo_init+0x1/0x2"));
	assert_null(strstr(stack, "migrated"));
	assert_false(mo_stack_parse(text, 0x1235, stack, sizeof(stack), &since_ns));
	assert_false(mo_stack_parse("PFN", 0, stack, sizeof(stack), &since_ns));
	assert_true(mo_stack_parse(text, 0x1234, tight, sizeof(tight), &since_ns));
	assert_string_equal(tight, "set_page_owner+0x1/0x2\n");
	record.stack = "";
	mo_record_allocator(&record, name, sizeof(name));
	assert_string_equal(name, "");
}

static void reports_keep_all_of_it(void **state)
{
	struct machine *machine = *state;
	struct mo_report *report = new_report(machine), *copy;
	const struct mo_record facts = { .start_pfn = 1, .nr_pages = 1, .reason = MO_REASON_SLAB, .slab = "dentry",
					 .stack = "a+0x1\nb+0x2", .since_s = 4711, .file_major = 8, .file_minor = 3 };
	const struct mo_hold hold = { .pid = 3, .fd = -1, .kind = MO_HOLD_PINNED, .comm = "x" };
	const struct mo_record *record;
	char *text, why[128];

	assert_int_equal(mo_record_add_hold(mo_report_add_record(report, &facts), &hold), 0);
	assert_int_equal(mo_report_to_json(report, &text), 0);
	assert_int_equal(mo_report_parse(machine->ctx, text, &copy, why, sizeof(why)), 0);
	record = mo_report_record(copy, 0);
	assert_string_equal(record->slab, "dentry");
	assert_string_equal(record->stack, "a+0x1\nb+0x2");
	assert_int_equal(record->since_s, 4711);
	assert_int_equal(record->file_major, 8);
	assert_int_equal(record->file_minor, 3);
	expect_hold(record, MO_HOLD_PINNED, 3, -1, false);
	free(text);
	mo_report_unref(copy);
	mo_report_unref(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ring_holds_its_buffers, setup, teardown),
		cmocka_unit_test_setup_teardown(devices_may_hold_what_the_process_maps, setup, teardown),
		cmocka_unit_test_setup_teardown(files_get_the_paths_of_who_maps_or_opened_them, setup, teardown),
		cmocka_unit_test(stacks_are_read_and_their_caller_is_found),
		cmocka_unit_test_setup_teardown(reports_keep_all_of_it, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
