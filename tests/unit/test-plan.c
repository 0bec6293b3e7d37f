// SPDX-License-Identifier: GPL-2.0-only
/* Plans on machines that are not there: verdicts, order, choice by size, room, warnings. */
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <sys/stat.h>

#include "machine.h"

#define KPF(bit) (1ULL << KPF_##bit)
#define ANON (KPF(ANON) | KPF(LRU) | KPF(SWAPBACKED) | KPF(UPTODATE))
#define RESERVED MO_KPF_RESERVED
#define BLOCK_PAGES 32768UL
#define MIB_PAGES 256UL

static void write_u64(int fd, uint64_t value, uint64_t index)
{
	assert_int_equal(pwrite(fd, &value, sizeof(value), (off_t)(index * sizeof(value))), sizeof(value));
}

static int make_page_file(const struct machine *machine, const char *name, uint64_t nr_pages)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/proc", machine->dir);
	mkdir(path, 0700);	/* it may be there */
	snprintf(path, sizeof(path), "%s/proc/%s", machine->dir, name);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)(nr_pages * 8)), 0);
	return fd;
}

/* Every page of the machine free; returns the flags file, for set_pages(). */
static int make_pages(const struct machine *machine, uint64_t nr_blocks)
{
	static uint64_t buddy[BLOCK_PAGES];
	int fd = make_page_file(machine, "kpageflags", nr_blocks * BLOCK_PAGES);
	uint64_t i;

	for (i = 0; i < BLOCK_PAGES; i++)
		buddy[i] = KPF(BUDDY);
	for (i = 0; i < nr_blocks; i++)
		assert_int_equal(write(fd, buddy, sizeof(buddy)), sizeof(buddy));
	close(make_page_file(machine, "kpagecount", nr_blocks * BLOCK_PAGES));
	close(make_page_file(machine, "kpagecgroup", nr_blocks * BLOCK_PAGES));
	return fd;
}

static void set_pages(int fd, uint64_t block, uint64_t first, uint64_t nr, uint64_t flags)
{
	uint64_t i;

	for (i = 0; i < nr; i++)
		write_u64(fd, flags, block * BLOCK_PAGES + first + i);
}

static struct mo_plan *plan(struct machine *machine, const struct mo_request *request)
{
	struct mo_plan *result = NULL;
	int err;

	if (!machine->memory)
		machine_read(machine);
	err = mo_plan_new(machine->memory, request, &result);
	if (err)
		fail_msg("mo_plan_new: %d, %s", err, mo_ctx_error(machine->ctx));
	return result;
}

static struct mo_request target(const char *text)
{
	struct mo_request request = MO_REQUEST_INIT;

	request.target = text;
	return request;
}

static void assert_order(const struct mo_plan *result, const uint32_t *blocks, size_t nr)
{
	size_t i;

	assert_int_equal(mo_plan_nr_steps(result), nr);
	for (i = 0; i < nr; i++)
		assert_int_equal(mo_plan_step(result, i)->block, blocks[i]);
	assert_null(mo_plan_step(result, nr));
}

#define ASSERT_ORDER(result, ...) \
	assert_order(result, (const uint32_t[]){ __VA_ARGS__ }, sizeof((uint32_t[]){ __VA_ARGS__ }) / 4)

static void assert_step(const struct mo_plan *result, size_t i, enum mo_verdict verdict, enum mo_reason reason)
{
	assert_string_equal(mo_verdict_name(mo_plan_step(result, i)->verdict), mo_verdict_name(verdict));
	assert_string_equal(mo_reason_key(mo_plan_step(result, i)->reason), mo_reason_key(reason));
}

static bool has_note(const struct mo_plan *result, const char *words)
{
	const char *note;
	size_t i;

	for (i = 0; (note = mo_plan_note(result, i)); i++)
		if (strstr(note, words))
			return true;
	return false;
}

/* What a block holds may land in one that goes later: the fullest goes last. */
static void the_emptiest_block_goes_first(void **state)
{
	struct mo_request request = target("32-35");
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, DIMM_MACHINE);
	fd = make_pages(&machine, 36);
	set_pages(fd, 32, 0, 300, ANON);
	set_pages(fd, 34, 0, 100, ANON);
	result = plan(&machine, &request);
	ASSERT_ORDER(result, 35, 33, 34, 32);
	assert_step(result, 0, MO_VERDICT_FREE, MO_REASON_NONE);
	assert_step(result, 3, MO_VERDICT_LIKELY, MO_REASON_NONE);
	assert_int_equal(mo_plan_move_bytes(result), 400 * 4096);
	assert_int_equal(mo_plan_len_bytes(result), 512ULL << 20);
	assert_int_equal(mo_plan_verdict(result), MO_VERDICT_LIKELY);
	mo_plan_unref(result);

	request.target = "32,35,33";
	request.flags = MO_REQUEST_KEEP_ORDER;
	result = plan(&machine, &request);
	ASSERT_ORDER(result, 32, 35, 33);
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

static void a_size_takes_the_cheapest(void **state)
{
	struct mo_request request = MO_REQUEST_INIT;
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, DIMM_MACHINE);
	fd = make_pages(&machine, 36);
	set_pages(fd, 35, 0, 10, ANON);
	set_pages(fd, 33, 0, 20, ANON);
	request.len_bytes = 256ULL << 20;
	request.node = 1;
	result = plan(&machine, &request);
	ASSERT_ORDER(result, 34, 32);
	assert_int_equal(mo_plan_nr_candidates(result), 4);
	assert_int_equal(mo_plan_candidate(result, 2)->block, 35);
	assert_int_equal(mo_plan_len_bytes(result), 256ULL << 20);
	mo_plan_unref(result);

	request.len_bytes = 1ULL << 30;
	assert_int_equal(mo_plan_new(machine.memory, &request, &result), -ERANGE);
	assert_says(machine.ctx, "512 MiB");
	close(fd);
	machine_close(&machine);
}

/* What resists is no bargain, however little of it there is. */
static void a_size_prefers_what_is_sure(void **state)
{
	struct mo_request request = MO_REQUEST_INIT;
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, DIMM_MACHINE);
	fd = make_pages(&machine, 36);
	set_pages(fd, 35, 0, 1, RESERVED);
	set_pages(fd, 34, 0, 9, ANON);
	set_pages(fd, 33, 0, 8, ANON);
	set_pages(fd, 32, 0, 7, ANON);
	request.len_bytes = 384ULL << 20;
	request.node = 1;
	result = plan(&machine, &request);
	ASSERT_ORDER(result, 32, 33, 34);
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

/* Four modules of 512 MiB beside the boot memory; the last one is partly offline. */
#define MODULES_MACHINE "blocks=0-7,online,Normal,0", "blocks=32-46,online,Movable,0", \
	"blocks=47,offline,Normal+Movable,0", "node=0,0-1,3145728,2097152,0,10", "dimm=PNP0C80:00,32-35", \
	"dimm=PNP0C80:01,36-39", "dimm=PNP0C80:02,40-43", "dimm=PNP0C80:03,44-47"

/* Module 0: three free blocks and a full one; 1: cheap in all; 2: something resists; 3: dear. */
static int fill_modules(const struct machine *machine)
{
	int fd = make_pages(machine, 48);
	uint64_t block;

	for (block = 36; block < 40; block++)
		set_pages(fd, block, 0, block, ANON);
	for (block = 44; block < 47; block++)
		set_pages(fd, block, 0, 100 + block, ANON);
	set_pages(fd, 35, 0, 300, ANON);
	set_pages(fd, 41, 0, 1, RESERVED);
	return fd;
}

static struct mo_request prefer_whole(uint64_t len_bytes)
{
	struct mo_request request = MO_REQUEST_INIT;

	request.len_bytes = len_bytes;
	request.prefer = MO_PREFER_WHOLE_DEVICES;
	return request;
}

static void whole_devices_make_up_a_size(void **state)
{
	struct mo_request request = prefer_whole(512ULL << 20);
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, MODULES_MACHINE);
	fd = fill_modules(&machine);
	result = plan(&machine, &request);
	ASSERT_ORDER(result, 36, 37, 38, 39);
	assert_true(has_note(result, "PNP0C80:01 goes offline as a whole"));
	assert_false(has_note(result, "PNP0C80:00"));
	mo_plan_unref(result);

	request.len_bytes = 1ULL << 30;
	result = plan(&machine, &request);
	ASSERT_ORDER(result, 34, 33, 32, 36, 37, 38, 39, 35);
	assert_true(has_note(result, "PNP0C80:00 goes"));
	assert_true(has_note(result, "PNP0C80:01 goes"));
	mo_plan_unref(result);

	request.prefer = MO_PREFER_CHEAPEST;
	result = plan(&machine, &request);
	assert_false(has_note(result, "as a whole"));
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

/* What is missing leaves other devices whole. */
static void the_rest_is_of_devices_that_are_partly_offline(void **state)
{
	struct mo_request request = prefer_whole(768ULL << 20);
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, MODULES_MACHINE);
	fd = fill_modules(&machine);
	result = plan(&machine, &request);
	ASSERT_ORDER(result, 36, 37, 38, 39, 44, 45);
	assert_int_equal(mo_plan_candidate(result, 6)->block, 46);
	mo_plan_unref(result);

	request.len_bytes = 384ULL << 20;
	result = plan(&machine, &request);
	ASSERT_ORDER(result, 44, 45, 46);
	assert_true(has_note(result, "PNP0C80:03 goes offline as a whole"));
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

static void a_device_that_is_not_wholly_wanted_is_none_to_prefer(void **state)
{
	struct mo_request request = prefer_whole(256ULL << 20);
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, MODULES_MACHINE);
	fd = fill_modules(&machine);
	request.target = "34-38,44-45";
	result = plan(&machine, &request);
	ASSERT_ORDER(result, 44, 45);
	assert_true(has_note(result, "no memory device goes as a whole"));
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

static void a_preference_needs_a_size_and_no_order(void **state)
{
	struct mo_request request = prefer_whole(0);
	struct machine machine;
	struct mo_plan *result;
	enum mo_prefer prefer;

	(void)state;
	OPEN(&machine, MODULES_MACHINE);
	machine_read(&machine);
	request.target = "PNP0C80:00";
	assert_int_equal(mo_plan_new(machine.memory, &request, &result), -EINVAL);
	assert_says(machine.ctx, "--size");
	request.len_bytes = 256ULL << 20;
	request.flags = MO_REQUEST_KEEP_ORDER;
	assert_int_equal(mo_plan_new(machine.memory, &request, &result), -EINVAL);
	request.flags = 0;
	request.prefer = MO_PREFER_WHOLE_DEVICES + 1;
	assert_int_equal(mo_plan_new(machine.memory, &request, &result), -EINVAL);
	assert_int_equal(mo_prefer_parse("whole-devices", &prefer), 0);
	assert_int_equal(prefer, MO_PREFER_WHOLE_DEVICES);
	assert_int_equal(mo_prefer_parse("cheapest", &prefer), 0);
	assert_int_equal(prefer, MO_PREFER_CHEAPEST);
	assert_int_equal(mo_prefer_parse("whole", &prefer), -EINVAL);
	machine_close(&machine);
}

static void a_size_to_bring_online_is_of_offline_blocks(void **state)
{
	struct mo_request request = MO_REQUEST_INIT;
	struct machine machine;
	struct mo_plan *result;

	(void)state;
	OPEN(&machine, "blocks=32-33,online,Movable,0", "blocks=34-35,offline,Normal+Movable,0");
	request.len_bytes = 256ULL << 20;
	request.flags = MO_REQUEST_ONLINE | MO_REQUEST_NO_CONTENT;
	result = plan(&machine, &request);
	ASSERT_ORDER(result, 35, 34);
	mo_plan_unref(result);
	request.len_bytes = 384ULL << 20;
	assert_int_equal(mo_plan_new(machine.memory, &request, &result), -ERANGE);
	assert_says(machine.ctx, "256 MiB match that are offline");
	machine_close(&machine);
}

static void blocks_are_judged_by_what_they_hold(void **state)
{
	struct mo_request request = target("0-5");
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, "blocks=0,online,none,0", "blocks=1-3,online,Normal,0", "blocks=4,offline,Normal+Movable,0",
	     "blocks=5,online,Normal,0+1", "node=0,0,1048576,524288,0,10+20", "node=1,-,1048576,524288,0,20+10");
	fd = make_pages(&machine, 6);
	set_pages(fd, 1, 5, 2, RESERVED);
	set_pages(fd, 2, 7, 3, KPF(SLAB));
	set_pages(fd, 2, 100, 1, KPF(PGTABLE));
	request.flags = MO_REQUEST_KEEP_ORDER;
	result = plan(&machine, &request);
	assert_step(result, 0, MO_VERDICT_NEVER, MO_REASON_ZONE_NONE);
	assert_step(result, 1, MO_VERDICT_NEVER, MO_REASON_RESERVED);
	assert_int_equal(mo_plan_step(result, 1)->reason_pfn, BLOCK_PAGES + 5);
	assert_int_equal(mo_plan_step(result, 1)->reason_pages, 2);
	assert_step(result, 2, MO_VERDICT_UNLIKELY, MO_REASON_SLAB);
	assert_int_equal(mo_plan_step(result, 2)->reason_pfn, 2 * BLOCK_PAGES + 7);
	assert_step(result, 3, MO_VERDICT_FREE, MO_REASON_NONE);
	assert_step(result, 4, MO_VERDICT_DONE, MO_REASON_NONE);
	assert_step(result, 5, MO_VERDICT_NEVER, MO_REASON_ZONE_NONE);
	assert_int_equal(mo_plan_verdict(result), MO_VERDICT_NEVER);
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

static void holes_are_seen_in_iomem(void **state)
{
	struct mo_request request = target("32,33");
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, DIMM_MACHINE, "iomem=00001000-3fffffff : System RAM", "iomem=100000000-10befffff : System RAM");
	fd = make_pages(&machine, 36);
	request.flags = MO_REQUEST_KEEP_ORDER;
	result = plan(&machine, &request);
	assert_step(result, 0, MO_VERDICT_FREE, MO_REASON_NONE);
	assert_step(result, 1, MO_VERDICT_NEVER, MO_REASON_HOLES);
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

static void short_room_makes_it_unlikely(void **state)
{
	struct mo_request request = target("PNP0C80:00");
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, "blocks=0-7,online,Normal,0", "blocks=32-35,online,Movable,1", "dimm=PNP0C80:00,32-35",
	     "node=0,0-1,1048576,40960,20480,10+20", "node=1,-,524288,262144,0,20+10");
	fd = make_pages(&machine, 36);
	set_pages(fd, 32, 0, 50 * MIB_PAGES, ANON);
	result = plan(&machine, &request);
	assert_int_equal(mo_plan_free_bytes(result), 40ULL << 20);
	assert_int_equal(mo_plan_room_bytes(result), 60ULL << 20);
	assert_int_equal(mo_plan_verdict(result), MO_VERDICT_LIKELY);
	mo_plan_unref(result);
	set_pages(fd, 33, 0, 11 * MIB_PAGES, ANON);
	result = plan(&machine, &request);
	assert_int_equal(mo_plan_verdict(result), MO_VERDICT_UNLIKELY);
	assert_true(has_note(result, "61 MiB have to move, but only 60 MiB"));
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

/* On one node, free pages of blocks that go as well are no room. */
static void doomed_blocks_are_no_room(void **state)
{
	struct mo_request request = target("4-7");
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, "blocks=0-3,online,Normal,0", "blocks=4-7,online,Movable,0", "node=0,0-1,1048576,524288,0,10");
	fd = make_pages(&machine, 8);
	set_pages(fd, 4, 0, 28 * MIB_PAGES, ANON);
	result = plan(&machine, &request);
	assert_int_equal(mo_plan_free_bytes(result), (512ULL - 484) << 20);
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

static void warnings_come_beforehand(void **state)
{
	struct mo_request request = target("1-3");
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, "blocks=0-3,online,Normal,0", "blocks=4-7,online,Movable,0", "node=0,0-1,1048576,524288,0,10");
	fd = make_pages(&machine, 8);
	set_pages(fd, 2, 0, 3, KPF(HWPOISON) | KPF(LRU));
	result = plan(&machine, &request);
	assert_true(has_note(result, "512 MiB of movable memory would stand beside 128 MiB for the kernel"));
	assert_true(has_note(result, "3 poisoned pages lie in 1 of the blocks"));
	mo_plan_unref(result);
	request.target = "3-4";
	result = plan(&machine, &request);
	assert_false(has_note(result, "movable memory"));
	assert_false(has_note(result, "poisoned"));
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

/* One node; free, page cache and anonymous memory in each zone, in pages. */
#define ZONEINFO(normal, movable) "file=proc/zoneinfo,Node 0, zone Normal\\+" normal "\\+Node 0, zone Movable\\+" movable
#define ZONE(free, min, protection, file, anon) \
	"  pages free " free "\\+        min " min "\\+        protection: " protection \
	"\\+      nr_zone_inactive_file " file "\\+      nr_zone_active_anon " anon "\\+  pagesets\\+    cpu: 0\\+              count: 10"
#define ONE_NODE "blocks=0-3,online,Normal,0", "blocks=4-7,online,Movable,0", "node=0,0-1,1048576,524288,0,10"

static void room_is_above_the_watermarks(void **state)
{
	struct mo_request request = target("4,5");
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, ONE_NODE,
	     ZONEINFO(ZONE("3000", "1010", "(0, 500)", "0", "0"), ZONE("66036", "1010", "(0, 0)", "0", "0")));
	fd = make_pages(&machine, 8);
	set_pages(fd, 4, 0, 1000, ANON);
	result = plan(&machine, &request);
	/* Normal: 3000 + 10 - 1010 - 500; Movable: 66036 + 10 - 1010 less 65536 - 1000 that go */
	assert_int_equal(mo_plan_free_bytes(result), (1500 + 500) * 4096);
	assert_int_equal(mo_plan_verdict(result), MO_VERDICT_LIKELY);
	mo_plan_unref(result);
	set_pages(fd, 5, 0, 2600, ANON);
	result = plan(&machine, &request);
	assert_int_equal(mo_plan_free_bytes(result), (1500 + 3100) * 4096);
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

/* Zone Movable takes only what comes from there. */
static void pages_of_the_kernels_zones_need_room_there(void **state)
{
	struct mo_request request = target("2");
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, ONE_NODE,
	     ZONEINFO(ZONE("32768", "10", "(0, 500)", "100", "0"), ZONE("99000", "10", "(0, 0)", "0", "0")));
	fd = make_pages(&machine, 8);
	set_pages(fd, 2, 0, 200, ANON);
	result = plan(&machine, &request);
	assert_step(result, 0, MO_VERDICT_LIKELY, MO_REASON_NONE);
	mo_plan_unref(result);
	set_pages(fd, 2, 0, 20000, ANON);
	set_pages(fd, 2, 20000, BLOCK_PAGES - 20000, ANON);
	result = plan(&machine, &request);
	assert_int_equal(mo_plan_free_bytes(result), 32768ULL * 4096);
	assert_step(result, 0, MO_VERDICT_LIKELY, MO_REASON_NONE);
	mo_plan_unref(result);
	machine.memory = mo_memory_unref(machine.memory);
	ADD(&machine, ZONEINFO(ZONE("30000", "10", "(0, 500)", "100", "0"), ZONE("99000", "10", "(0, 0)", "0", "0")));
	result = plan(&machine, &request);
	assert_step(result, 0, MO_VERDICT_UNLIKELY, MO_REASON_NO_TARGET);
	assert_int_equal(mo_plan_step(result, 0)->reason_pages, BLOCK_PAGES - 30100);
	assert_int_equal(mo_plan_verdict(result), MO_VERDICT_UNLIKELY);
	assert_true(has_note(result, "128 MiB have to move, but only 117 MiB"));
	mo_plan_unref(result);
	request.target = "2,4";
	set_pages(fd, 4, 0, 10, ANON);
	result = plan(&machine, &request);
	assert_true(has_note(result, "not in zone Movable"));
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

static void swap_makes_room(void **state)
{
	struct mo_request request = target("4");
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, ONE_NODE,
	     ZONEINFO(ZONE("10", "10", "(0, 0)", "0", "5000"), ZONE("10", "10", "(0, 0)", "0", "9000")),
	     "file=proc/meminfo,SwapFree: 24000 kB");
	fd = make_pages(&machine, 8);
	set_pages(fd, 4, 0, BLOCK_PAGES, KPF(LRU) | KPF(UPTODATE));
	set_pages(fd, 4, 0, 8000, ANON);
	set_pages(fd, 4, 6000, BLOCK_PAGES - 6000, KPF(BUDDY));
	result = plan(&machine, &request);
	assert_int_equal(mo_plan_swap_bytes(result), 24000 * 1024);
	assert_int_equal(mo_plan_verdict(result), MO_VERDICT_LIKELY);
	mo_plan_unref(result);
	ADD(&machine, "file=proc/meminfo,SwapFree: 2000 kB");
	result = plan(&machine, &request);
	assert_int_equal(mo_plan_swap_bytes(result), 2000 * 1024);
	assert_step(result, 0, MO_VERDICT_UNLIKELY, MO_REASON_NO_TARGET);
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

#define POOL(folder, nr, free) "file=" folder "/hugepages-2048kB/nr_hugepages," nr, \
	"file=" folder "/hugepages-2048kB/free_hugepages," free
#define NODE_POOL(node, nr, free) POOL("sys/devices/system/node/node" node "/hugepages", nr, free)
#define MACHINE_POOLS "sys/kernel/mm/hugepages"

static void pools_that_shrink_are_told_of(void **state)
{
	struct mo_request request = target("32");
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, DIMM_MACHINE,
	     POOL(MACHINE_POOLS, "20", "9"), NODE_POOL("0", "12", "3"), NODE_POOL("1", "8", "6"));
	fd = make_pages(&machine, 36);
	result = plan(&machine, &request);
	assert_false(has_note(result, "huge pages"));
	mo_plan_unref(result);
	set_pages(fd, 32, 0, 8 * 512, KPF(HUGE));
	result = plan(&machine, &request);
	assert_true(has_note(result, "shrink by up to 16 of 40 MiB"));
	assert_true(has_note(result, "--keep-hugetlb"));
	mo_plan_unref(result);
	request.flags = MO_REQUEST_KEEP_HUGETLB;
	result = plan(&machine, &request);
	assert_true(has_note(result, "made anew on nodes that stay"));
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

/* Eight of nine free ones lie in the block, and two were promised. */
static void promised_huge_pages_keep_a_block(void **state)
{
	struct mo_request request = target("32");
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, DIMM_MACHINE,
	     POOL(MACHINE_POOLS, "20", "9"), NODE_POOL("0", "12", "3"), NODE_POOL("1", "8", "6"),
	     "file=" MACHINE_POOLS "/hugepages-2048kB/resv_hugepages,1");
	fd = make_pages(&machine, 36);
	set_pages(fd, 32, 0, 8 * 512, KPF(HUGE));
	result = plan(&machine, &request);
	assert_step(result, 0, MO_VERDICT_LIKELY, MO_REASON_NONE);
	mo_plan_unref(result);
	machine.memory = mo_memory_unref(machine.memory);
	ADD(&machine, "file=" MACHINE_POOLS "/hugepages-2048kB/resv_hugepages,2");
	result = plan(&machine, &request);
	assert_step(result, 0, MO_VERDICT_UNLIKELY, MO_REASON_HUGETLB_RESERVED);
	assert_int_equal(mo_plan_step(result, 0)->reason_pages, 512);
	assert_int_equal(mo_plan_step(result, 0)->reason_pfn, 32 * BLOCK_PAGES);
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

static void gigantic_pages_are_judged_by_kernel(void **state)
{
	struct mo_request request = target("32-33");
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, DIMM_MACHINE, "file=proc/sys/kernel/osrelease,6.1.0-56-amd64",
	     "file=" MACHINE_POOLS "/hugepages-1048576kB/nr_hugepages,1",
	     "file=sys/devices/system/node/node1/hugepages/hugepages-1048576kB/nr_hugepages,1");
	fd = make_pages(&machine, 36);
	set_pages(fd, 32, 0, 1, KPF(HUGE) | KPF(COMPOUND_HEAD) | KPF(MMAP));
	set_pages(fd, 32, 1, 2 * BLOCK_PAGES - 1, KPF(HUGE) | KPF(COMPOUND_TAIL) | KPF(MMAP));
	request.flags = MO_REQUEST_KEEP_ORDER;
	result = plan(&machine, &request);
	assert_step(result, 0, MO_VERDICT_UNLIKELY, MO_REASON_SPANS_EDGE);
	assert_step(result, 1, MO_VERDICT_UNLIKELY, MO_REASON_GIGANTIC);
	mo_plan_unref(result);
	machine.memory = mo_memory_unref(machine.memory);
	ADD(&machine, "file=proc/sys/kernel/osrelease,6.12.117+deb12-amd64");
	result = plan(&machine, &request);
	assert_step(result, 0, MO_VERDICT_UNLIKELY, MO_REASON_GIGANTIC);
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

#define BOUND_PROCESS "file=proc/77/stat,77 (we ird) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1000 0", \
	"file=proc/77/status,Name: we ird\\+Mems_allowed_list: 0-1", \
	"file=proc/77/numa_maps,7f0000000000 bind:1 anon=3 dirty=3 N1=3"

static void bound_processes_are_named_when_their_node_goes(void **state)
{
	struct mo_request request = target("node1");
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, DIMM_MACHINE, BOUND_PROCESS);
	fd = make_pages(&machine, 36);
	result = plan(&machine, &request);
	assert_true(has_note(result, "node 1 goes as a whole"));
	assert_true(has_note(result, "77 (we ird, policy bind:1)"));
	mo_plan_unref(result);
	request.flags = MO_REQUEST_AT_ONCE;
	result = plan(&machine, &request);
	assert_true(has_note(result, "77 (we ird, policy bind:1); what they take"));
	mo_plan_unref(result);
	request.target = "32-34";
	result = plan(&machine, &request);
	assert_false(has_note(result, "as a whole"));
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

/* Right before the blocks go. Opening a FIFO that nobody writes to is as good as a process that hangs. */
static void a_process_that_hangs_holds_nothing_up(void **state)
{
	struct mo_request request = target("node1");
	uint64_t begin_ms = mo_now_ms();
	struct machine machine;
	struct mo_plan *result;
	char path[128];
	int fd;

	(void)state;
	OPEN(&machine, DIMM_MACHINE, "file=proc/76/stat,76 (hangs) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1000 0",
	     "file=proc/76/status,Name: hangs\\+Mems_allowed_list: 0-1");
	snprintf(path, sizeof(path), "%s/proc/76/numa_maps", machine.dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = make_pages(&machine, 36);
	request.flags = MO_REQUEST_AT_ONCE;
	result = plan(&machine, &request);
	assert_true(has_note(result, "whether processes are bound to it could not be found out"));
	assert_in_range(mo_now_ms() - begin_ms, 900, 8000);
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

/* Older kernels bring a block with poisoned pages back. */
static void poison_is_told_of_where_it_matters(void **state)
{
	struct mo_request request = target("32");
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, DIMM_MACHINE, "file=proc/sys/kernel/osrelease,6.1.0-56-amd64");
	fd = make_pages(&machine, 36);
	set_pages(fd, 32, 0, 3, KPF(HWPOISON) | KPF(LRU));
	result = plan(&machine, &request);
	assert_false(has_note(result, "poisoned"));
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

static void without_page_flags_it_is_a_guess_and_says_so(void **state)
{
	struct mo_request request = target("7,32");
	struct machine machine;
	struct mo_plan *result;

	(void)state;
	OPEN(&machine, DIMM_MACHINE);
	request.flags = MO_REQUEST_KEEP_ORDER;
	result = plan(&machine, &request);
	assert_step(result, 0, MO_VERDICT_UNLIKELY, MO_REASON_NONE);
	assert_step(result, 1, MO_VERDICT_LIKELY, MO_REASON_NONE);
	assert_false(mo_plan_step(result, 1)->content_known);
	assert_true(has_note(result, "guess"));
	mo_plan_unref(result);
	machine_close(&machine);
}

static void the_memmap_of_a_block_is_not_in_its_way(void **state)
{
	struct mo_request request = target("32");
	struct machine machine;
	struct mo_plan *result;
	int fd;

	(void)state;
	OPEN(&machine, DIMM_MACHINE);
	fd = make_pages(&machine, 36);
	set_pages(fd, 32, 0, 512, RESERVED);
	result = plan(&machine, &request);
	assert_step(result, 0, MO_VERDICT_NEVER, MO_REASON_RESERVED);
	mo_plan_unref(result);
	ADD(&machine, "file=sys/module/memory_hotplug/parameters/memmap_on_memory,Y");
	result = plan(&machine, &request);
	assert_int_not_equal(mo_plan_step(result, 0)->verdict, MO_VERDICT_NEVER);
	mo_plan_unref(result);
	close(fd);
	machine_close(&machine);
}

static void bad_requests_are_refused(void **state)
{
	struct mo_request request = target("32");
	struct machine machine;
	struct mo_plan *result;

	(void)state;
	OPEN(&machine, DIMM_MACHINE);
	machine_read(&machine);
	request.flags = 1u << 31;
	assert_int_equal(mo_plan_new(machine.memory, &request, &result), -EINVAL);
	assert_says(machine.ctx, "0x80000000");
	request.flags = MO_REQUEST_PARTIAL | MO_REQUEST_ALL_OR_NOTHING;
	assert_int_equal(mo_plan_new(machine.memory, &request, &result), -EINVAL);
	request.flags = 0;
	request.size = 8;
	assert_int_equal(mo_plan_new(machine.memory, &request, &result), -EINVAL);
	assert_says(machine.ctx, "8 bytes");
	machine_close(&machine);
}

/* A recorded machine is never written, whatever is asked. */
static void nothing_is_written_below_a_sysroot(void **state)
{
	struct mo_request request = target("32");
	struct mo_report *report;
	struct machine machine;
	struct mo_plan *result;

	(void)state;
	OPEN(&machine, DIMM_MACHINE);
	result = plan(&machine, &request);
	assert_int_equal(mo_offline(result, &request, &report), -EROFS);
	assert_int_equal(mo_online(result, MO_ZONE_MOVABLE, &request, &report), -EROFS);
	assert_says(machine.ctx, "--sysroot");
	mo_plan_unref(result);
	machine_close(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_emptiest_block_goes_first),
		cmocka_unit_test(a_size_takes_the_cheapest),
		cmocka_unit_test(a_size_prefers_what_is_sure),
		cmocka_unit_test(whole_devices_make_up_a_size),
		cmocka_unit_test(the_rest_is_of_devices_that_are_partly_offline),
		cmocka_unit_test(a_device_that_is_not_wholly_wanted_is_none_to_prefer),
		cmocka_unit_test(a_preference_needs_a_size_and_no_order),
		cmocka_unit_test(a_size_to_bring_online_is_of_offline_blocks),
		cmocka_unit_test(blocks_are_judged_by_what_they_hold),
		cmocka_unit_test(holes_are_seen_in_iomem),
		cmocka_unit_test(short_room_makes_it_unlikely),
		cmocka_unit_test(doomed_blocks_are_no_room),
		cmocka_unit_test(warnings_come_beforehand),
		cmocka_unit_test(room_is_above_the_watermarks),
		cmocka_unit_test(pages_of_the_kernels_zones_need_room_there),
		cmocka_unit_test(swap_makes_room),
		cmocka_unit_test(pools_that_shrink_are_told_of),
		cmocka_unit_test(promised_huge_pages_keep_a_block),
		cmocka_unit_test(gigantic_pages_are_judged_by_kernel),
		cmocka_unit_test(bound_processes_are_named_when_their_node_goes),
		cmocka_unit_test(a_process_that_hangs_holds_nothing_up),
		cmocka_unit_test(poison_is_told_of_where_it_matters),
		cmocka_unit_test(without_page_flags_it_is_a_guess_and_says_so),
		cmocka_unit_test(the_memmap_of_a_block_is_not_in_its_way),
		cmocka_unit_test(bad_requests_are_refused),
		cmocka_unit_test(nothing_is_written_below_a_sysroot),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
