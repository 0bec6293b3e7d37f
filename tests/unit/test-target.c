// SPDX-License-Identifier: GPL-2.0-only
/* The grammar of targets, and what each refusal says. */
#include "machine.h"

/* As text, for one glance: "32 33", or the errno and a part of the sentence. */
static struct mo_request request_for(const char *target)
{
	struct mo_request request = MO_REQUEST_INIT;

	request.target = target;
	return request;
}

static void expect(struct machine *machine, const struct mo_request *request, const char *numbers)
{
	struct mo_selection selection = { 0 };
	char text[512] = "";
	int err = mo_target_select(machine->memory, request, &selection);

	if (err)
		fail_msg("'%s': %d, %s", request->target, err, mo_ctx_error(machine->ctx));
	for (size_t i = 0; i < selection.nr_numbers; i++)
		sprintf(text + strlen(text), "%s%u", i ? " " : "", selection.numbers[i]);
	assert_string_equal(text, numbers);
	mo_selection_free(&selection);
}

static void expect_error(struct machine *machine, const struct mo_request *request, int err, const char *words)
{
	struct mo_selection selection = { 0 };
	int got = mo_target_select(machine->memory, request, &selection);

	if (got != err)
		fail_msg("'%s' gave %d, not %d (%s)", request->target ? request->target : "NULL", got, err,
			mo_ctx_error(machine->ctx));
	assert_says(machine->ctx, words);
	assert_null(selection.numbers);
	/* Each sentence goes on after the fact: to a way out. */
	if (!strpbrk(mo_ctx_error(machine->ctx), ";:,"))
		fail_msg("no way out in '%s'", mo_ctx_error(machine->ctx));
}

static int setup(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	OPEN(machine, DIMM_MACHINE, "blocks=40,offline,Normal+Movable,0", "blocks=41,online,none,0+1",
	     "node=2,2-3,0,0,0,20+20+10", "dax=dax0.0,8000000,10000000", "virtio-mem=virtio0,18000000-1fffffff",
	     "file=sys/bus/acpi/devices/PNP0C80:01/status,0");
	machine_read(machine);
	*state = machine;
	return 0;
}

static int teardown(void **state)
{
	machine_close(*state);
	free(*state);
	return 0;
}

static void test_accepted(void **state)
{
	static const struct { const char *target, *numbers; } cases[] = {
		{ "32", "32" },
		{ "memory32", "32" },
		{ "memory0", "0" },
		{ "32-35", "32 33 34 35" },
		{ "memory32-memory33", "32 33" },
		{ "32-32", "32" },
		{ " 32 , 34\t", "32 34" },
		{ "35,32,35,32-33", "32 33 35" },
		{ "0x100000000-0x107ffffff", "32" },
		{ "0X100000000-0x10FFFFFFF", "32 33" },
		{ "0x0-0xfffffff", "0 1" },
		{ "node1", "32 33 34 35" },
		{ "node0", "0 1 2 3 4 5 6 7 40 41" },
		{ "PNP0C80:00", "32 33 34 35" },
		{ "LNXSYBUS:00", "32 33 34 35" },
		{ "dax0.0", "1 2" },
		{ "virtio0", "3" },
		{ "boot", "0 4 5 6 7 40 41" },
		{ "node1,0,dax0.0", "0 1 2 32 33 34 35" },
	};
	struct mo_request request;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		request = request_for(cases[i].target);
		expect(*state, &request, cases[i].numbers);
	}
}

static void test_order_is_kept_on_demand(void **state)
{
	struct mo_request request = request_for("35,0-1,33,35,0");

	request.flags = MO_REQUEST_KEEP_ORDER;
	expect(*state, &request, "35 0 1 33");
}

static void test_refused(void **state)
{
	static const struct { const char *target; int err; const char *words; } cases[] = {
		{ "", -ENODATA, "the target is empty; name blocks" },
		{ " \t ", -ENODATA, "the target is empty" },
		{ NULL, -ENODATA, "there is no target; name blocks" },
		{ "32,,33", -EINVAL, "has an empty item; remove the comma" },
		{ "32,", -EINVAL, "has an empty item" },
		{ ",32", -EINVAL, "has an empty item" },
		{ "32, ,33", -EINVAL, "has an empty item" },
		{ ",", -EINVAL, "has an empty item" },
		{ "99", -ENOENT, "no memory block 99 (target '99'): the first on this machine is 0, the last 41" },
		{ "memory20", -ENOENT, "no memory block 20" },
		{ "34-37", -ENOENT, "no memory block 36 (target '34-37')" },
		{ "0-4294967295", -ENOENT, "no memory block 8" },
		{ "4294967296", -EINVAL, "too large for a memory block" },
		{ "99999999999999999999999999", -EINVAL, "too large for a memory block" },
		{ "35-32", -EINVAL, "ends before it begins; write it as 32-35" },
		{ "0x107ffffff-0x100000000", -EINVAL, "ends before it begins; write it as 0x100000000-0x107ffffff" },
		/* The end that is one too high, as half of the tools in the world want it. */
		{ "0x100000000-0x108000000", -EINVAL, "the nearest that is: 0x100000000-0x107ffffff" },
		{ "0x100001000-0x10fffffff", -EINVAL, "the nearest that is: 0x100000000-0x10fffffff" },
		{ "0x100000000-0x100000fff", -EINVAL, "the nearest that is: 0x100000000-0x107ffffff" },
		{ "0x100000000-0xffffffffffffffff", -ENOENT, "no memory block 36" },
		{ "0x100000000-0x1ffffffffffffffff", -EINVAL, "no range of 64-bit addresses" },
		{ "0x100000000", -EINVAL, "write its first and its last byte" },
		{ "0x-0x7ffffff", -EINVAL, "write its first and its last byte" },
		{ "0x0-7ffffff", -EINVAL, "both with 0x" },
		{ "0x108000000000-0x10ffffffffff", -ENOENT, "no memory block" },
		{ "node7", -ENOENT, "no node 7: the first on this machine is 0, the last 2" },
		{ "node2", -ENODATA, "'node2' holds no memory block" },
		{ "PNP0C80:01", -ENODATA, "holds no memory block" },
		{ "node", -EINVAL, "'node' is not a target; name blocks" },
		{ "PNP0C80:07", -ENOENT,
			"no memory device 'PNP0C80:07'; this machine has PNP0C80:00, dax0.0, virtio0" },
		{ "dax9.0", -ENOENT, "no memory device 'dax9.0'" },
		{ "virtio1", -ENOENT, "no memory device 'virtio1'" },
		{ "memory", -EINVAL, "'memory' is not a target" },
		{ "-", -EINVAL, "not a target" },
		{ "32-", -EINVAL, "not a target" },
		{ "-32", -EINVAL, "not a target" },
		{ "32-33-34", -EINVAL, "not a target" },
		{ "32 33", -EINVAL, "not a target" },
		{ "thirty", -EINVAL, "not a target" },
		{ "1.5g", -EINVAL, "not a target" },
		{ "4q", -EINVAL, "not a target" },
		{ "4gb", -EINVAL, "not a target" },
		{ "0g", -EINVAL, "is nothing; ask for 128m" },
		{ "100m", -EINVAL, "no multiple of the memory block size, 128m; take 128m" },
		{ "200m", -EINVAL, "take 128m or 256m" },
		{ "16777216t", -EINVAL, "larger than any memory" },
		{ "99999999999999999999g", -EINVAL, "larger than any memory" },
		{ "1g,256m", -EINVAL, "is the second size" },
	};
	struct mo_request request;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		request = request_for(cases[i].target);
		expect_error(*state, &request, cases[i].err, cases[i].words);
	}
}

static void expect_size(struct machine *machine, const char *target, uint64_t request_bytes, size_t nr_blocks,
			uint64_t len_bytes)
{
	struct mo_request request = request_for(target);
	struct mo_selection selection;

	request.len_bytes = request_bytes;
	assert_int_equal(mo_target_select(machine->memory, &request, &selection), 0);
	assert_int_equal(selection.nr_numbers, nr_blocks);
	assert_int_equal(selection.len_bytes, len_bytes);
	mo_selection_free(&selection);
}

static void test_sizes(void **state)
{
	struct mo_request request = request_for("1g");

	expect_size(*state, "256m", 0, 14, 256 << 20);
	expect_size(*state, "1G", 0, 14, 1 << 30);
	expect_size(*state, "1GiB", 0, 14, 1 << 30);
	expect_size(*state, "131072k", 0, 14, 128 << 20);
	expect_size(*state, "1t", 0, 14, UINT64_C(1) << 40);
	expect_size(*state, "node1,256m", 0, 4, 256 << 20);
	expect_size(*state, "256m , node1", 0, 4, 256 << 20);
	expect_size(*state, NULL, 256 << 20, 14, 256 << 20);
	expect_size(*state, "node1", 256 << 20, 4, 256 << 20);
	expect_size(*state, "1g", 1 << 30, 14, 1 << 30);
	expect_size(*state, "node1", 0, 4, 0);
	request.len_bytes = 2 << 20;
	expect_error(*state, &request, -EINVAL, "no multiple of the memory block size");
	request.len_bytes = 256 << 20;
	expect_error(*state, &request, -EINVAL, "another was asked for besides; give one of them");
}

static void test_filters(void **state)
{
	struct mo_request request = request_for("0-7,32-35,40");

	request.node = 1;
	expect(*state, &request, "32 33 34 35");
	request.zone = MO_ZONE_NORMAL;
	expect_error(*state, &request, -ENODATA,
		"none of the 13 memory blocks of '0-7,32-35,40' is on node 1 in zone Normal");
	/* An offline block is in no zone; it may go to either. */
	request.node = -1;
	request.zone = MO_ZONE_MOVABLE;
	expect(*state, &request, "32 33 34 35 40");
	request.node = 2;
	request.zone = MO_ZONE_UNKNOWN;
	expect_error(*state, &request, -ENODATA, "is on node 2; choose another node");
	request.node = 9;
	expect_error(*state, &request, -ENOENT, "no node 9");
	request = request_for("41");
	request.zone = MO_ZONE_NONE;
	expect(*state, &request, "41");
}

static void test_no_blocks_at_all(void **state)
{
	struct mo_request request = request_for("0");
	struct machine machine;

	(void)state;
	OPEN(&machine, "file=sys/devices/system/memory/block_size_bytes,8000000");
	machine_read(&machine);
	expect_error(&machine, &request, -ENOENT, "this machine shows none at all");
	request = request_for("boot");
	expect_error(&machine, &request, -ENODATA, "holds no memory block");
	request = request_for("node0");
	expect_error(&machine, &request, -ENOENT, "shows no NUMA nodes");
	request = request_for("dax0.0");
	expect_error(&machine, &request, -ENOENT, "was there at boot");
	machine_close(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_accepted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order_is_kept_on_demand, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filters, setup, teardown),
		cmocka_unit_test(test_no_blocks_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
