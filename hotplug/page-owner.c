// SPDX-License-Identifier: LGPL-2.1-or-later
/* What allocated a page, and when, as a kernel knows it that was booted with page_owner=on and has debugfs mounted. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "private.h"

#define ANSWER_BYTES 4096

static size_t add_line(char *stack, size_t len, size_t size, const char *line, size_t line_len)
{
	int nr = snprintf(stack + len, size - len, "%s%.*s", len ? "\n" : "", (int)line_len, line);

	return nr < 0 || (size_t)nr >= size - len ? size - 1 : len + (size_t)nr;
}

/*
 * Page allocated via order 0, mask 0x..., pid 1, tgid 1 (init), ts 4711 ns
 * PFN 0x1000 type Unmovable ...
 *  function+0x1/0x2
 */
bool mo_stack_parse(const char *text, uint64_t pfn, char *stack, size_t size, uint64_t *since_ns)
{
	const char *line = strstr(text, "\nPFN "), *since = strstr(text, ", ts ");
	size_t len = 0, line_len;

	if (!line || !since || since > line || strtoull(line + strlen("\nPFN "), NULL, 0) != pfn)
		return false;
	*stack = '\0';
	*since_ns = strtoull(since + strlen(", ts "), NULL, 10);
	for (line = strchr(line + 1, '\n'); line && line[1] == ' '; line = strchr(line, '\n')) {
		line += 1 + strspn(line + 1, " ");
		line_len = strcspn(line, "\n");
		len = add_line(stack, len, size, line, line_len);
	}
	return true;
}

/* The allocator's own functions, and those that do nothing but ask it. */
static bool is_allocators(const char *function, size_t len)
{
	static const char *const parts[] = {
		"_page_owner", "post_alloc_hook", "prep_new_page", "get_page_from_freelist", "alloc_page",
		"alloc_frozen", "folio_alloc", "alloc_contig", "alloc_noprof", "get_free_page", "get_zeroed_page",
		"page_frag", "kmalloc", "vmalloc", "allocate_slab", "_cache_alloc", "stack_depot", "mempolicy",
	};
	char name[128];

	snprintf(name, sizeof(name), "%.*s", (int)len, function);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strstr(name, parts[i]))
			return true;
	return false;
}

void mo_record_allocator(const struct mo_record *record, char *name, size_t size)
{
	const char *line = record->stack;
	size_t len;

	snprintf(name, size, "%s", "");
	for (; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		len = strcspn(line, "+\n");
		if (is_allocators(line, len))
			continue;
		snprintf(name, size, "%.*s", (int)len, line);
		return;
	}
}

/* Times of page_owner count from when the kernel began. */
static uint64_t wall_s(uint64_t since_ns)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)(time(NULL) - now.tv_sec) + since_ns / 1000000000;
}

static int read_stack(int fd, struct mo_record *record)
{
	char text[ANSWER_BYTES], stack[ANSWER_BYTES];
	ssize_t len = pread(fd, text, sizeof(text) - 1, (off_t)record->start_pfn);
	uint64_t since_ns;

	if (len <= 0)
		return 0;
	text[len] = '\0';
	if (!mo_stack_parse(text, record->start_pfn, stack, sizeof(stack), &since_ns))
		return 0;
	record->since_s = wall_s(since_ns);
	return mo_record_set_stack(record, stack);
}

int mo_stacks_read(struct mo_ctx *ctx, struct mo_report *report)
{
	struct mo_record *record;
	int fd, err = 0;

	if (mo_ctx_get_sysroot(ctx))
		return 0;	/* a file that was copied does not answer by page */
	fd = mo_open(ctx, O_RDONLY, "/sys/kernel/debug/page_owner");
	if (fd < 0)
		return 0;
	for (size_t i = 0; !err && (record = mo_report_record_mutable(report, i)); i++)
		if (record->start_pfn && record->start_pfn != NO_PFN && !*record->stack)
			err = read_stack(fd, record);
	close(fd);
	return err;
}
