// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to /dev/memoffline as no library would make them. Prints each case that ends otherwise than it must.
 *
 *   ioctl GROUP		exit 0: all cases of the group end as they must
 *   ioctl records PFN		the same; the frame is of a page that stays
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
#define BLOCK_PAGES 512		/* a pageblock: what a range is aligned to */

union any {
	uint32_t size;
	struct memoffline_info info;
	struct memoffline_scan scan;
	struct memoffline_report report;
	char bytes[3 * 4096];
};

static const struct request {
	const char *name;
	unsigned long number;
	uint32_t size;
	int answer;		/* to one that is right, when no report is kept */
} requests[] = {
	{ "INFO", MEMOFFLINE_INFO, sizeof(struct memoffline_info), 0 },
	{ "SCAN", MEMOFFLINE_SCAN, sizeof(struct memoffline_scan), 0 },
	{ "REPORT", MEMOFFLINE_REPORT, sizeof(struct memoffline_report), ENOENT },
};
#define NR_REQUESTS (sizeof(requests) / sizeof(requests[0]))

static int device;
static int nr_wrong;
static char *unmapped;		/* a page that is not there, behind one that is */
static struct memoffline_record records[4096];

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
	}
}

/* A request that fails writes nothing. */
static void try(const struct request *request, union any *arg, int expected, const char *what)
{
	union any before = *arg;

	expect(expected, ask(request->number, arg), request->name, what);
	if (expected)
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
		fill(request, &arg);
		arg.info.flags = 1U << bit;
		try(request, &arg, EINVAL, "an unknown flag");
	}
}

static void numbers(void)
{
	static const struct { unsigned long number; const char *what; } wrong[] = {
		{ _IO(MEMOFFLINE_IOC_TYPE, 0x03), "the number after the last" },
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
	for (size_t i = 1; i < NR_REQUESTS; i++) {
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
	static const uint64_t last = 1ULL << 52;	/* the first frame without an address of 64 bits */

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
	try_range(last, BLOCK_PAGES, EINVAL, "behind all addresses");
	try_range(last - BLOCK_PAGES, 2 * BLOCK_PAGES, EINVAL, "beyond all addresses");
	try_range(last - BLOCK_PAGES, BLOCK_PAGES, 0, "the last pageblock that has an address");
	try_range(0, MEMOFFLINE_SCAN_MAX_PAGES, 0, "all that a request may");
	try_range(0, BLOCK_PAGES, 0, "the first pageblock");
	absent_range();
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
	{ "signals", handled_signals }, { "scan-for-ever", scan_for_ever },
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
