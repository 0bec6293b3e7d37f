// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the module sees in a memory block, beside what /proc/kpageflags shows of it: one JSON object.
 *
 *   scan BLOCK [ROUNDS]
 *
 * Both pictures are of moments. It looks until flags that were read before and after a scan count the same, at most
 * ROUNDS times (1).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memoffline.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "private.h"

#define MAX_RECORDS 32768
#define MAX_BLOCK_PAGES (1UL << 19)

/* The same numbers on both sides of the device. */
_Static_assert((int)MO_KIND_NR == (int)MEMOFFLINE_KIND_NR, "kinds differ");

struct counts {
	uint64_t nr_pages[MO_KIND_NR];
	uint64_t nr_blank;	/* without any flag: in use by the kernel, or free on a per-cpu list */
};

static struct memoffline_record records[MAX_RECORDS];

static void die(const char *what)
{
	fprintf(stderr, "scan: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t pages_per_block(void)
{
	unsigned long bytes;
	FILE *file = fopen("/sys/devices/system/memory/block_size_bytes", "re");

	if (!file || fscanf(file, "%lx", &bytes) != 1)
		die("/sys/devices/system/memory/block_size_bytes");
	fclose(file);
	return bytes / sysconf(_SC_PAGESIZE);
}

static void count_flags(uint64_t start_pfn, uint64_t nr_pages, struct counts *counts)
{
	static uint64_t flags[MAX_BLOCK_PAGES];
	ssize_t size = (ssize_t)(nr_pages * sizeof(flags[0]));
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);

	if (nr_pages > MAX_BLOCK_PAGES) {
		errno = EFBIG;
		die("block");
	}
	if (fd < 0 || pread(fd, flags, size, (off_t)(start_pfn * sizeof(flags[0]))) != size)
		die("/proc/kpageflags");
	close(fd);
	memset(counts, 0, sizeof(*counts));
	for (uint64_t i = 0; i < nr_pages; i++) {
		counts->nr_pages[mo_page_kind(flags[i])]++;
		counts->nr_blank += !flags[i];
	}
}

static void scan(int fd, uint64_t start_pfn, uint64_t nr_pages, struct memoffline_scan *scan)
{
	*scan = (struct memoffline_scan){
		.size = sizeof(*scan),
		.start_pfn = start_pfn,
		.nr_pages = nr_pages,
		.records = (uintptr_t)records,
		.nr_records = MAX_RECORDS,
	};
	if (ioctl(fd, MEMOFFLINE_SCAN, scan))
		die("SCAN");
}

static void print_counts(const char *name, const uint64_t *nr_pages)
{
	printf("\"%s\": {", name);
	for (int kind = 0; kind < MO_KIND_NR; kind++)
		printf("%s\"%s\": %llu", kind ? ", " : "", mo_kind_key(kind), (unsigned long long)nr_pages[kind]);
	printf("},\n");
}

static void print_string(const char *text)
{
	putchar('"');
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || strchr("\"\\", *text))
			printf("\\u%04x", (unsigned char)*text);
		else
			putchar(*text);
	putchar('"');
}

static void print_mappers(const struct memoffline_record *record)
{
	printf("\"mappers\": [");
	for (unsigned int i = 0; i < record->nr_mappers && i < MEMOFFLINE_MAPPERS_KEPT; i++) {
		const struct memoffline_mapper *mapper = &record->mappers[i];

		printf("%s{\"pid\": %d, \"addr\": %llu, \"comm\": ", i ? ", " : "", mapper->pid,
		       (unsigned long long)mapper->addr);
		print_string(mapper->comm);
		putchar('}');
	}
	putchar(']');
}

static void print_record(const struct memoffline_record *record)
{
	printf("{\"pfn\": %llu, \"order\": %u, \"kind\": \"%s\", \"reason\": \"%s\", \"refs\": %d, "
	       "\"refs_expected\": %d, ",
	       (unsigned long long)record->pfn, record->order, mo_kind_key(record->kind), mo_reason_key(record->reason),
	       record->refs, record->refs_expected);
	printf("\"mapcount\": %d, \"pincount\": %d, \"error\": %d, \"kpageflags\": %llu, \"cgroup_inode\": %llu, ",
	       record->mapcount, record->pincount, record->error, (unsigned long long)record->kpageflags,
	       (unsigned long long)record->cgroup_inode);
	printf("\"file_inode\": %llu, \"major\": %u, \"minor\": %u, \"nr_mappers\": %u, \"name\": ",
	       (unsigned long long)record->file_inode, record->file_dev >> 20, record->file_dev & 0xfffff,
	       record->nr_mappers);
	print_string(record->name);
	printf(", ");
	print_mappers(record);
	putchar('}');
}

static void print(const struct memoffline_scan *scan, const struct counts *counts)
{
	printf("{");
	print_counts("scan", (const uint64_t *)scan->out_nr_pages);
	print_counts("flags", counts->nr_pages);
	printf("\"blank\": %llu, \"kept\": %llu,\n\"records\": [", (unsigned long long)counts->nr_blank,
	       (unsigned long long)scan->out_nr_kept);
	for (unsigned int i = 0; i < scan->out_nr_records; i++) {
		if (i)
			printf(",\n");
		print_record(&records[i]);
	}
	printf("]}\n");
}

int main(int argc, char **argv)
{
	uint64_t nr_pages = pages_per_block();
	int rounds = argc > 2 ? atoi(argv[2]) : 1;
	int fd = open("/dev/memoffline", O_RDWR | O_CLOEXEC);
	struct memoffline_scan result;
	struct counts before, after;
	uint64_t start_pfn;

	if (argc < 2) {
		fprintf(stderr, "usage: scan BLOCK [ROUNDS]\n");
		return 2;
	}
	if (fd < 0)
		die("/dev/memoffline");
	start_pfn = strtoull(argv[1], NULL, 10) * nr_pages;
	do {
		count_flags(start_pfn, nr_pages, &before);
		scan(fd, start_pfn, nr_pages, &result);
		count_flags(start_pfn, nr_pages, &after);
	} while (--rounds > 0 && memcmp(&before, &after, sizeof(before)));
	print(&result, &after);
	return 0;
}
