// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to /dev/memoffline as no library would make them. Prints each case that ends otherwise than it must.
 *
 *   ioctl GROUP		exit 0: all cases of the group end as they must
 *   ioctl records PFN		the same; the frame is of a page that stays
 *   ioctl session BLOCK		the same; two memory blocks from that one on are online, movable, and nobody's
 *   ioctl open			only opens the device; exit 0, or prints the name of the error
 *   ioctl scan-for-ever	scans all that a request may, again and again; prints "scanning" first
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memoffline.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#define DEVICE "/dev/memoffline"
#define KERNEL_ADDRESS 0xffff888000000000ULL
#define NO_MEMORY_PFN (1ULL << 31)	/* 8 TiB */
#define LAST_PFN (1ULL << 52)		/* the first frame without an address of 64 bits */
#define BLOCK_PAGES 512		/* a pageblock: what a range is aligned to */
#define SECTION_PAGES 32768	/* what a range of a session is aligned to */

union any {
	uint32_t size;
	struct memoffline_info info;
	struct memoffline_scan scan;
	struct memoffline_report report;
	struct memoffline_quarantine quarantine;
	struct memoffline_release release;
	struct memoffline_evacuate evacuate;
	struct memoffline_migrate_process process;
	char bytes[3 * 4096];
};

static const struct request {
	const char *name;
	unsigned long number;
	uint32_t size;
	int answer;		/* to one that is right, when no report is kept and nothing quarantined */
	uint32_t flags;		/* that there are */
	bool tells_why;		/* also an answer that is an error is written */
} requests[] = {
	{ "INFO", MEMOFFLINE_INFO, sizeof(struct memoffline_info), 0, 0, false },
	{ "SCAN", MEMOFFLINE_SCAN, sizeof(struct memoffline_scan), 0, 0, false },
	{ "REPORT", MEMOFFLINE_REPORT, sizeof(struct memoffline_report), ENOENT, 0, false },
	{ "QUARANTINE", MEMOFFLINE_QUARANTINE, sizeof(struct memoffline_quarantine), ENODEV, 0, true },
	{ "RELEASE", MEMOFFLINE_RELEASE, sizeof(struct memoffline_release), ENOENT, 0, false },
	{ "EVACUATE", MEMOFFLINE_EVACUATE, sizeof(struct memoffline_evacuate), ENOENT,
	  MEMOFFLINE_EVACUATE_FALLBACK | MEMOFFLINE_EVACUATE_EVICT, false },
	{ "MIGRATE_PROCESS", MEMOFFLINE_MIGRATE_PROCESS, sizeof(struct memoffline_migrate_process), ESRCH,
	  MEMOFFLINE_PROCESS_MOVE_ALL | MEMOFFLINE_PROCESS_FALLBACK | MEMOFFLINE_PROCESS_PIDFD, false },
	{ "STOP", MEMOFFLINE_STOP, sizeof(struct memoffline_stop), 0, 0, false },
};
#define NR_WITH_RECORDS 3	/* the first of them */
#define NR_REQUESTS (sizeof(requests) / sizeof(requests[0]))

static int device;
static int nr_wrong;
static char *unmapped;		/* a page that is not there, behind one that is */
static struct memoffline_record records[4096];
static const uint64_t node_0 = 1;

static const char *name_of(int error)
{
	const char *name = strerrorname_np(error);

	return error && name ? name : "success";
}

static void expect(int expected, int error, const char *request, const char *what)
{
	if (error == expected)
		return;
	printf("%s, %s: %s, not %s\n", request, what, name_of(error), name_of(expected));
	nr_wrong++;
}

static void expect_true(bool is_true, const char *request, const char *what)
{
	if (is_true)
		return;
	printf("%s: not so: %s\n", request, what);
	nr_wrong++;
}

static int ask(unsigned long number, void *arg)
{
	return ioctl(device, number, arg) ? errno : 0;
}

/* Right in all; what is to be written holds something else. */
static void fill(const struct request *request, union any *arg)
{
	memset(arg, 0, sizeof(*arg));
	memset(arg, 0xa5, request->size);
	arg->size = request->size;
	arg->info.flags = 0;		/* at the same place in all */
	if (request->number == MEMOFFLINE_SCAN) {
		arg->scan.start_pfn = NO_MEMORY_PFN;
		arg->scan.nr_pages = BLOCK_PAGES;
		arg->scan.records = arg->scan.nr_records = 0;
	} else if (request->number == MEMOFFLINE_REPORT) {
		arg->report.start_pfn = NO_MEMORY_PFN;
		arg->report.records = arg->report.nr_records = 0;
	} else if (request->number == MEMOFFLINE_EVACUATE) {
		memset(arg, 0, offsetof(struct memoffline_evacuate, out_reason));
		arg->size = request->size;
	} else if (request->number == MEMOFFLINE_MIGRATE_PROCESS) {
		memset(arg, 0, offsetof(struct memoffline_migrate_process, out_reason));
		arg->size = request->size;
		arg->process.pid = -1;
		arg->process.nr_node_words = 1;
		arg->process.nodes_from = arg->process.nodes_to = (uintptr_t)&node_0;
	} else if (request->number != MEMOFFLINE_INFO && request->number != MEMOFFLINE_STOP) {
		arg->quarantine.start_pfn = NO_MEMORY_PFN;	/* as in RELEASE */
		arg->quarantine.nr_pages = SECTION_PAGES;
		if (request->number == MEMOFFLINE_QUARANTINE)
			arg->quarantine.reserved = 0;
	}
}

/* A request that fails writes nothing. */
static void try(const struct request *request, union any *arg, int expected, const char *what)
{
	union any before = *arg;

	expect(expected, ask(request->number, arg), request->name, what);
	if (expected && !(request->tells_why && expected == request->answer))
		expect_true(!memcmp(&before, arg, sizeof(before)), request->name, "what failed wrote nothing");
}

static void try_size(const struct request *request, uint32_t size, int expected, const char *what)
{
	union any arg;

	fill(request, &arg);
	arg.size = size;
	try(request, &arg, expected, what);
}

static void try_byte(const struct request *request, uint32_t size, uint32_t at, int expected, const char *what)
{
	union any arg;

	fill(request, &arg);
	arg.size = size;
	arg.bytes[at] = 1;
	try(request, &arg, expected, what);
}

static void sizes_of(const struct request *request)
{
	uint32_t size = request->size;

	try_size(request, 0, EINVAL, "size 0");
	try_size(request, 3, EINVAL, "size 3");
	try_size(request, 4, EINVAL, "size of the size alone");
	try_size(request, size - 1, EINVAL, "a byte too short");
	try_size(request, size - 8, EINVAL, "a member too short");
	try_size(request, size, request->answer, "its size");
	try_size(request, size + 1, request->answer, "a zero byte behind it");
	try_size(request, size + 8, request->answer, "eight zero bytes behind it");
	try_size(request, 4096, request->answer, "a page, zeros behind it");
	try_byte(request, size + 8, size, E2BIG, "the first byte behind it set");
	try_byte(request, size + 8, size + 7, E2BIG, "the last byte behind it set");
	try_byte(request, 4096, 4095, E2BIG, "the last byte of a page set");
	try_byte(request, size, size, request->answer, "a byte set that is not part of it");
	try_size(request, 4097, E2BIG, "more than a page");
	try_size(request, UINT32_MAX, E2BIG, "the largest size");
}

static void flags_of(const struct request *request)
{
	union any arg;

	for (int bit = 0; bit < 32; bit++) {
		if (request->flags & 1U << bit)
			continue;
		fill(request, &arg);
		arg.info.flags = 1U << bit;
		try(request, &arg, EINVAL, "an unknown flag");
	}
}

static void numbers(void)
{
	static const struct { unsigned long number; const char *what; } wrong[] = {
		{ _IO(MEMOFFLINE_IOC_TYPE, 0x08), "the number after the last" },
		{ _IO(MEMOFFLINE_IOC_TYPE, 0x7f), "a number far behind" },
		{ _IO(0x3b, 0x01), "another type" },
		{ _IOWR(MEMOFFLINE_IOC_TYPE, 0x00, struct memoffline_info), "a size in the number" },
		{ 0, "0" },
	};
	char byte = 0;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		union any arg;

		fill(&requests[0], &arg);
		expect(ENOTTY, ask(wrong[i].number, &arg), "no request", wrong[i].what);
		expect(ENOTTY, ask(wrong[i].number, NULL), "no request, NULL", wrong[i].what);
	}
	expect(EINVAL, read(device, &byte, 1) < 0 ? errno : 0, "read()", "of a byte");
	expect(EINVAL, write(device, &byte, 1) < 0 ? errno : 0, "write()", "of a byte");
	expect(ESPIPE, lseek(device, 0, SEEK_SET) < 0 ? errno : 0, "lseek()", "to 0");
}

/* ---- addresses ---- */

static void address_of(const struct request *request)
{
	char *at_end = unmapped - request->size, *beyond = at_end + 1;
	union any arg;

	expect(EFAULT, ask(request->number, NULL), request->name, "NULL");
	expect(EFAULT, ask(request->number, (void *)8), request->name, "address 8");
	expect(EFAULT, ask(request->number, unmapped), request->name, "a page that is not there");
	expect(EFAULT, ask(request->number, (void *)KERNEL_ADDRESS), request->name, "the kernel's memory");
	expect(EFAULT, ask(request->number, (void *)-8), request->name, "the end of all addresses");
	fill(request, &arg);
	memcpy(at_end, &arg, request->size);
	expect(request->answer, ask(request->number, at_end), request->name, "the last bytes of a page");
	memcpy(beyond, &arg, request->size - 1);
	expect(EFAULT, ask(request->number, beyond), request->name, "a byte beyond the last of a page");
	memcpy(unmapped - 4, &arg, 4);
	expect(EFAULT, ask(request->number, unmapped - 4), request->name, "nothing behind the size");
}

static void read_only(const struct request *request)
{
	union any *arg = mmap(NULL, sizeof(*arg), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (arg == MAP_FAILED)
		exit(2);
	fill(request, arg);
	mprotect(arg, sizeof(*arg), PROT_READ);
	expect(request->answer ? request->answer : EFAULT, ask(request->number, arg), request->name,
	       "memory that can't be written");
	munmap(arg, sizeof(*arg));
}

/* In its pageblock is a page that stays, and an attempt to take its block offline failed. */
static uint64_t kept_pfn;

static void records_of(const struct request *request, uint64_t address, uint32_t nr, int expected, const char *what)
{
	union any arg;

	fill(request, &arg);
	if (request->number == MEMOFFLINE_SCAN) {
		arg.scan.start_pfn = kept_pfn & ~(BLOCK_PAGES - 1ULL);
		arg.scan.records = address;
		arg.scan.nr_records = nr;
	} else {
		arg.report.start_pfn = kept_pfn;
		arg.report.records = address;
		arg.report.nr_records = nr;
	}
	try(request, &arg, expected, what);
}

static void record_arrays(void)
{
	for (size_t i = 1; i < NR_WITH_RECORDS; i++) {
		const struct request *request = &requests[i];

		records_of(request, 0, 0, 0, "no records, no array");
		records_of(request, (uintptr_t)records, 4096, 0, "records");
		expect_true(records[0].pfn == kept_pfn, request->name, "the page has a record");
		records[0].pfn = 0;
		records_of(request, 0, 1, EFAULT, "records at NULL");
		records_of(request, (uintptr_t)unmapped, 1, EFAULT, "records in a page that is not there");
		records_of(request, (uintptr_t)unmapped - sizeof(records[0]) + 1, 1, EFAULT,
			   "the last byte of a record in such a page");
		records_of(request, (uintptr_t)unmapped - sizeof(records[0]), 1, 0, "one record before it");
		records_of(request, KERNEL_ADDRESS, 1, EFAULT, "records in the kernel's memory");
		records_of(request, UINT64_MAX - 7, 1, EFAULT, "records at the end of all addresses");
		records_of(request, 0x00007ffffffff000ULL, UINT32_MAX, EFAULT,
			   "an array that reaches into the kernel's memory");
	}
}

static void addresses(void)
{
	for (size_t i = 0; i < NR_REQUESTS; i++) {
		address_of(&requests[i]);
		read_only(&requests[i]);
	}
}

/* ---- ranges ---- */

static void try_range(uint64_t start_pfn, uint64_t nr_pages, int expected, const char *what)
{
	union any arg;

	fill(&requests[1], &arg);
	arg.scan.start_pfn = start_pfn;
	arg.scan.nr_pages = nr_pages;
	try(&requests[1], &arg, expected, what);
}

static void absent_range(void)
{
	union any arg;
	uint64_t nr_pages = 0;

	fill(&requests[1], &arg);
	arg.scan.nr_pages = 3 * BLOCK_PAGES;
	try(&requests[1], &arg, 0, "where there is no memory");
	for (int kind = 0; kind < MEMOFFLINE_KIND_NR; kind++)
		nr_pages += arg.scan.out_nr_pages[kind];
	expect_true(arg.scan.out_nr_pages[MEMOFFLINE_KIND_OFFLINE] == 3 * BLOCK_PAGES, "SCAN",
		    "what is not there counts as offline");
	expect_true(nr_pages == 3 * BLOCK_PAGES, "SCAN", "it counts once");
	expect_true(!arg.scan.out_nr_kept && !arg.scan.out_nr_records, "SCAN", "none of it stays");
	expect_true(arg.scan.start_pfn == NO_MEMORY_PFN && arg.scan.nr_pages == 3 * BLOCK_PAGES, "SCAN",
		    "what was asked is as it was");
}

static void ranges(void)
{
	try_range(0, 0, EINVAL, "empty");
	try_range(NO_MEMORY_PFN, 0, EINVAL, "empty, elsewhere");
	try_range(1, BLOCK_PAGES, EINVAL, "start off by one");
	try_range(BLOCK_PAGES / 2, BLOCK_PAGES, EINVAL, "start in the middle of a pageblock");
	try_range(0, 1, EINVAL, "one page");
	try_range(0, BLOCK_PAGES - 1, EINVAL, "a page short of a pageblock");
	try_range(0, BLOCK_PAGES + 1, EINVAL, "a page more than a pageblock");
	try_range(0, MEMOFFLINE_SCAN_MAX_PAGES + BLOCK_PAGES, EINVAL, "too long");
	try_range(0, -(uint64_t)BLOCK_PAGES, EINVAL, "nearly all numbers");
	try_range(-(uint64_t)BLOCK_PAGES, BLOCK_PAGES, EINVAL, "the last pageblock of all numbers");
	try_range(-(uint64_t)BLOCK_PAGES, 2 * BLOCK_PAGES, EINVAL, "beyond all numbers");
	try_range(LAST_PFN, BLOCK_PAGES, EINVAL, "behind all addresses");
	try_range(LAST_PFN - BLOCK_PAGES, 2 * BLOCK_PAGES, EINVAL, "beyond all addresses");
	try_range(LAST_PFN - BLOCK_PAGES, BLOCK_PAGES, 0, "the last pageblock that has an address");
	try_range(0, MEMOFFLINE_SCAN_MAX_PAGES, 0, "all that a request may");
	try_range(0, BLOCK_PAGES, 0, "the first pageblock");
	absent_range();
}

/* ---- sessions ---- */

static uint64_t first_pfn;		/* of two sections in a row that can be quarantined */
static int other;			/* another session */

static int ask_range(int fd, unsigned long number, uint64_t start_pfn, uint64_t nr_pages)
{
	struct memoffline_quarantine arg = { .size = sizeof(arg), .start_pfn = start_pfn, .nr_pages = nr_pages };

	if (number == MEMOFFLINE_RELEASE)
		arg.size = sizeof(struct memoffline_release);
	if (!ioctl(fd, number, &arg))
		return 0;
	if (errno == EBUSY && arg.out_owner_pid != getpid())
		return EIO;	/* whoever has it is not named */
	return errno;
}

/* Of the two sections the first is quarantined by us, if HAS; the other one by nobody. */
static void books_are(bool has, const char *request, const char *what)
{
	expect(has ? EBUSY : 0, ask_range(other, MEMOFFLINE_QUARANTINE, first_pfn, SECTION_PAGES), request, what);
	expect(0, ask_range(other, MEMOFFLINE_QUARANTINE, first_pfn + SECTION_PAGES, SECTION_PAGES), request, what);
	expect(has ? ENOENT : 0, ask_range(other, MEMOFFLINE_RELEASE, first_pfn, SECTION_PAGES), request, what);
	expect(0, ask_range(other, MEMOFFLINE_RELEASE, first_pfn + SECTION_PAGES, SECTION_PAGES), request, what);
}

static void bad_ranges(const struct request *request, bool has)
{
	const uint64_t section = SECTION_PAGES, at = first_pfn;
	const struct { uint64_t start_pfn, nr_pages; int expected; const char *what; } cases[] = {
		{ at, 0, EINVAL, "no page" },
		{ 0, 0, EINVAL, "no page, at 0" },
		{ at + 1, section, EINVAL, "start off by one" },
		{ at + BLOCK_PAGES, section, EINVAL, "start at a pageblock that begins no section" },
		{ at, section - 1, EINVAL, "a page short of a section" },
		{ at, section + 1, EINVAL, "a page more than a section" },
		{ at, BLOCK_PAGES, EINVAL, "a pageblock" },
		{ at, MEMOFFLINE_SCAN_MAX_PAGES + section, EINVAL, "too long" },
		{ at, -section, EINVAL, "nearly all numbers" },
		{ -section, section, EINVAL, "the last section of all numbers" },
		{ -section, 2 * section, EINVAL, "beyond all numbers" },
		{ LAST_PFN, section, EINVAL, "behind all addresses" },
		{ LAST_PFN - section, 2 * section, EINVAL, "beyond all addresses" },
		{ LAST_PFN - section, section, request->answer, "the last section that has an address" },
		{ NO_MEMORY_PFN, 4 * section, request->answer, "where there is no memory" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		union any arg;

		fill(request, &arg);
		arg.quarantine.start_pfn = cases[i].start_pfn;
		arg.quarantine.nr_pages = cases[i].nr_pages;
		try(request, &arg, cases[i].expected, cases[i].what);
		books_are(has, request->name, cases[i].what);
	}
}

static void bad_quarantine(void)
{
	const struct request *request = &requests[3];
	union any arg;

	fill(request, &arg);
	arg.quarantine.start_pfn = first_pfn;
	arg.quarantine.flags = 1;
	try(request, &arg, EINVAL, "an unknown flag");
	arg.quarantine.flags = 0;
	arg.quarantine.reserved = 1;
	try(request, &arg, EINVAL, "a reserved member that is not 0");
	books_are(false, request->name, "flag, reserved member");
	bad_ranges(request, false);
}

static void bad_release(void)
{
	union any arg;

	bad_ranges(&requests[4], true);
	fill(&requests[4], &arg);
	arg.release.start_pfn = first_pfn;
	arg.release.nr_pages = 2 * SECTION_PAGES;
	try(&requests[4], &arg, ENOENT, "of more than is held");
	books_are(true, "RELEASE", "of more than is held");
}

static void try_evacuate(const struct memoffline_evacuate *wrong, int expected, const char *what)
{
	union any arg;

	fill(&requests[5], &arg);
	memcpy(&arg.evacuate.flags, &wrong->flags, offsetof(struct memoffline_evacuate, out_reason) - 4);
	try(&requests[5], &arg, expected, what);
	books_are(true, "EVACUATE", what);
}

#define BAD_EVACUATE(expected, what, ...) \
	try_evacuate(&(const struct memoffline_evacuate){ __VA_ARGS__ }, expected, what)

static void bad_evacuate(void)
{
	static const uint64_t none[16], absent[16] = { 1ULL << 63 }, far[16] = { 1, [15] = 1ULL << 63 };

	BAD_EVACUATE(EINVAL, "an unknown flag", .flags = 4);
	BAD_EVACUATE(EINVAL, "101 per cent", .max_cpu_percent = 101);
	BAD_EVACUATE(EINVAL, "the largest percentage", .max_cpu_percent = UINT32_MAX);
	BAD_EVACUATE(EINVAL, "more records than there may be", .max_records = MEMOFFLINE_MAX_RECORDS + 1);
	BAD_EVACUATE(EINVAL, "the largest number of records", .max_records = UINT32_MAX);
	BAD_EVACUATE(EINVAL, "no node at all", .nodes = (uintptr_t)none, .nr_node_words = 1);
	BAD_EVACUATE(EINVAL, "a node that is not there", .nodes = (uintptr_t)absent, .nr_node_words = 1);
	BAD_EVACUATE(EINVAL, "one that is, and one that is not", .nodes = (uintptr_t)far, .nr_node_words = 16);
	BAD_EVACUATE(EINVAL, "too many words", .nodes = (uintptr_t)far, .nr_node_words = UINT32_MAX);
	BAD_EVACUATE(EFAULT, "nodes at NULL", .nr_node_words = 1);
	BAD_EVACUATE(EFAULT, "nodes that are not there", .nodes = (uintptr_t)unmapped, .nr_node_words = 1);
	BAD_EVACUATE(EFAULT, "nodes in the kernel's memory", .nodes = KERNEL_ADDRESS, .nr_node_words = 1);
	for (int bit = 2; bit < 32; bit++)
		BAD_EVACUATE(EINVAL, "an unknown flag", .flags = 1U << bit);
}

static void bad_reads(void)
{
	static struct memoffline_event event;

	expect(EINVAL, read(device, &event, 0) < 0 ? errno : 0, "read()", "of nothing");
	expect(EINVAL, read(device, &event, 1) < 0 ? errno : 0, "read()", "of a byte");
	expect(EINVAL, read(device, &event, sizeof(event) - 1) < 0 ? errno : 0, "read()", "a byte less than an event");
	expect(0, read(device, &event, sizeof(event)) ? EIO : 0, "read()", "of nothing that is there");
	expect(0, read(device, unmapped, sizeof(event)) ? EIO : 0, "read()", "of nothing, to nowhere");
	books_are(true, "read()", "bad ones");
}

static void session(void)
{
	other = open(DEVICE, O_RDWR | O_CLOEXEC);
	bad_quarantine();
	expect(0, ask_range(device, MEMOFFLINE_QUARANTINE, first_pfn, SECTION_PAGES), "QUARANTINE", "a section");
	expect(EBUSY, ask_range(device, MEMOFFLINE_QUARANTINE, first_pfn, SECTION_PAGES), "QUARANTINE", "the same");
	books_are(true, "QUARANTINE", "a section");
	bad_ranges(&requests[3], true);
	bad_evacuate();
	bad_release();
	bad_reads();
	expect(0, ask_range(device, MEMOFFLINE_RELEASE, first_pfn, SECTION_PAGES), "RELEASE", "a section");
	books_are(false, "RELEASE", "a section");
	close(other);
}

/* ---- answers ---- */

/* Pages of a record add up to what stays, as far as they lie in the range; no room for them changes no sum. */
static void scan_of_memory(void)
{
	union any with, without;

	fill(&requests[1], &with);
	with.scan.start_pfn = 0;
	without = with;
	with.scan.records = (uintptr_t)records;
	with.scan.nr_records = 4096;
	try(&requests[1], &with, 0, "with room for records");
	try(&requests[1], &without, 0, "without room for records");
	expect_true(with.scan.out_nr_records > 0 && with.scan.out_nr_kept > 0, "SCAN", "memory of the firmware stays");
	expect_true(!without.scan.out_nr_records && without.scan.out_nr_kept > 0, "SCAN",
		    "it stays without a record, too");
	memset(records, 0xa5, sizeof(records));
	with.scan.nr_records = 1;
	try(&requests[1], &with, 0, "with room for one record");
	expect_true(with.scan.out_nr_records == 1, "SCAN", "one record fits");
	expect_true(records[1].order == 0xa5a5a5a5, "SCAN", "nothing is written behind the array");
}

static void answers(void)
{
	union any arg;

	fill(&requests[0], &arg);
	try(&requests[0], &arg, 0, "once more");
	expect_true(arg.info.out_version == 1 && arg.info.out_nr_workers >= 1, "INFO", "version 1, workers");
	expect_true(arg.info.size == sizeof(arg.info), "INFO", "the size is as it was");
	expect_true(arg.info.out_features & MEMOFFLINE_FEATURE_EVACUATE, "INFO", "it can evacuate");
	expect_true(!(arg.info.out_features >> MEMOFFLINE_FEATURE_NR), "INFO", "no feature that has no name");
	fill(&requests[2], &arg);
	arg.report.start_pfn = MEMOFFLINE_PFN_LAST;
	try(&requests[2], &arg, ENOENT, "the last, when there is none");
	arg.report.start_pfn = MEMOFFLINE_PFN_LAST - 1;
	try(&requests[2], &arg, ENOENT, "a frame that no machine has");
	scan_of_memory();
}

/* ---- signals ---- */

static volatile sig_atomic_t nr_signals;

static void on_alarm(int sig)
{
	(void)sig;
	nr_signals++;
}

/* A signal that has a handler ends nothing. */
static void handled_signals(void)
{
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { 0 };
	struct sigaction action = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 8 || (i < 1000 && nr_signals <= 8); i++)
		try_range(0, MEMOFFLINE_SCAN_MAX_PAGES, 0, "under a hail of signals");
	setitimer(ITIMER_REAL, &never, NULL);
	expect_true(nr_signals > 8, "SCAN", "signals came meanwhile");
}

static void scan_for_ever(void)
{
	puts("scanning");
	fflush(stdout);
	while (!nr_wrong)
		try_range(0, MEMOFFLINE_SCAN_MAX_PAGES, 0, "for ever");
}

/* ---- */

static void sizes(void)
{
	for (size_t i = 0; i < NR_REQUESTS; i++)
		sizes_of(&requests[i]);
}

static void flags(void)
{
	for (size_t i = 0; i < NR_REQUESTS; i++)
		flags_of(&requests[i]);
}

static void open_only(void)
{
}

static const struct { const char *name; void (*run)(void); } groups[] = {
	{ "open", open_only }, { "sizes", sizes }, { "flags", flags }, { "numbers", numbers },
	{ "addresses", addresses }, { "records", record_arrays }, { "ranges", ranges }, { "answers", answers },
	{ "signals", handled_signals }, { "session", session }, { "scan-for-ever", scan_for_ever },
};

static char *page_before_hole(void)
{
	char *pages = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || munmap(pages + 4096, 4096))
		exit(2);
	return pages + 4096;
}

int main(int argc, char **argv)
{
	unmapped = page_before_hole();
	kept_pfn = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
	first_pfn = kept_pfn * SECTION_PAGES;
	device = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (device < 0) {
		puts(name_of(errno));
		return 1;
	}
	for (size_t i = 0; argc > 1 && i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (strcmp(argv[1], groups[i].name))
			continue;
		groups[i].run();
		return nr_wrong != 0;
	}
	fprintf(stderr, "usage: ioctl GROUP\n");
	return 2;
}
