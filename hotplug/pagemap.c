// SPDX-License-Identifier: LGPL-2.1-or-later
/* Page tables: one pass over /proc/PID/pagemap of all processes. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

#define CHUNK_ENTRIES 32768	/* of a pagemap: 128 MiB of addresses */
#define PAGEMAP_PRESENT (1ULL << 63)
#define PAGEMAP_FILE (1ULL << 61)	/* or shared memory */
#define PAGEMAP_PFN ((1ULL << 55) - 1)
#define SPARSE_FACTOR 16	/* address space so much larger than what is resident, and */
#define SPARSE_BYTES (1ULL << 30)	/* so much: ask smaps first which mappings are empty */

struct walk {
	struct mo_ctx *ctx;
	const struct mo_pagemap_visitor *visitor;
	uint64_t nr_hidden;
	uint64_t page_bytes;
	uint64_t entries[CHUNK_ENTRIES];
};

struct process {
	struct walk *walk;
	int32_t pid;
	char folder[48];	/* /proc/PID, or the folder of a thread where the first one has ended */
	char comm[64];
	int pagemap_fd;
	int err;		/* no need to look on: gone (-ESRCH), hidden (-EACCES), or what the visitor said */
	bool is_ended;		/* by the visitor */
};

/* ---- one mapping ---- */

static void visit(struct process *process, const struct mo_mapping *mapping, uint64_t addr, uint64_t entry)
{
	const struct mo_pagemap_visitor *visitor = process->walk->visitor;
	const struct mo_mapped_page page = {
		.pid = process->pid, .comm = process->comm, .mapping = mapping->name, .addr = addr,
		.pfn = entry & PAGEMAP_PFN, .is_anon = !(entry & PAGEMAP_FILE),
	};
	int err = visitor->page(visitor->data, &page);

	if (!err)
		return;
	process->err = err;
	process->is_ended = true;
}

static void visit_entries(struct process *process, const struct mo_mapping *mapping, uint64_t addr, size_t nr)
{
	const struct walk *walk = process->walk;

	for (size_t i = 0; i < nr && !process->err; i++) {
		uint64_t pfn = walk->entries[i] & PAGEMAP_PFN;

		if (!(walk->entries[i] & PAGEMAP_PRESENT))
			continue;
		if (!pfn)	/* without CAP_SYS_ADMIN the kernel hides the frames */
			process->err = -EACCES;
		else if (pfn >= walk->visitor->start_pfn && pfn < walk->visitor->end_pfn)
			visit(process, mapping, addr + i * walk->page_bytes, walk->entries[i]);
	}
}

static void look_at_mapping(struct process *process, const struct mo_mapping *mapping)
{
	struct walk *walk = process->walk;
	uint64_t addr = mapping->start_addr, nr;
	ssize_t n;

	while (addr < mapping->end_addr && !process->err) {
		nr = (mapping->end_addr - addr) / walk->page_bytes;
		if (nr > CHUNK_ENTRIES)
			nr = CHUNK_ENTRIES;
		n = pread(process->pagemap_fd, walk->entries, nr * sizeof(*walk->entries),
			  (off_t)(addr / walk->page_bytes * sizeof(*walk->entries)));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < (ssize_t)sizeof(*walk->entries)) {
			process->err = n < 0 && (errno == EPERM || errno == EACCES) ? -EACCES : 0;
			return;		/* exited, or beyond the addresses of users */
		}
		visit_entries(process, mapping, addr, (size_t)n / sizeof(*walk->entries));
		addr += (uint64_t)n / sizeof(*walk->entries) * walk->page_bytes;
	}
}

/* ---- the mappings of a process ---- */

/* "7f06-7f07 rw-p 00000000 00:00 0    name, may be missing, may hold blanks" */
bool mo_mapping_parse(char *line, struct mo_mapping *mapping)
{
	unsigned long long start, end;
	int len = 0;

	if (sscanf(line, "%llx-%llx %*s %*s %*s %*s%n", &start, &end, &len) != 2 || !len)
		return false;
	line[strcspn(line, "\n")] = '\0';
	mapping->start_addr = start;
	mapping->end_addr = end;
	mapping->resident_kib = 0;
	free(mapping->name);
	mapping->name = strdup(line + len + strspn(line + len, " "));
	return true;
}

/* Huge pages are not in Rss. */
static void add_resident(const char *line, struct mo_mapping *mapping)
{
	static const char *const keys[] = { "Rss:", "Shared_Hugetlb:", "Private_Hugetlb:" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strncmp(line, keys[i], strlen(keys[i])))
			mapping->resident_kib += strtoull(line + strlen(keys[i]), NULL, 10);
}

/* In smaps, lines about a mapping follow its header, the last of them is VmFlags. */
static void read_mappings(struct process *process, FILE *file, bool smaps)
{
	struct mo_mapping mapping = { 0 };
	char *line = NULL;
	size_t size = 0;

	while (!process->err && getline(&line, &size, file) > 0) {
		if (!isupper((unsigned char)line[0]) && mo_mapping_parse(line, &mapping)) {
			if (!mapping.name)
				process->err = -ENOMEM;
			else if (!smaps)
				look_at_mapping(process, &mapping);
		} else if (smaps && !strncmp(line, "VmFlags:", strlen("VmFlags:"))) {
			if (mapping.name && mapping.resident_kib)
				look_at_mapping(process, &mapping);
		} else {
			add_resident(line, &mapping);
		}
	}
	free(mapping.name);
	free(line);
}

static bool is_sparse(const struct process *process)
{
	unsigned long long size_pages, resident_pages;
	uint64_t page_bytes = process->walk->page_bytes;
	char text[128];

	if (mo_read_text(process->walk->ctx, text, sizeof(text), "%s/statm", process->folder) < 0 ||
	    sscanf(text, "%llu %llu", &size_pages, &resident_pages) != 2)
		return false;
	return size_pages * page_bytes > SPARSE_BYTES && size_pages > SPARSE_FACTOR * resident_pages;
}

static void read_comm(struct process *process)
{
	char *text;
	size_t len;

	process->comm[0] = '\0';
	if (mo_read_file(process->walk->ctx, &text, &len, "%s/comm", process->folder))
		return;
	if (len && text[len - 1] == '\n')	/* only this one: the name itself may end in white space */
		text[len - 1] = '\0';
	snprintf(process->comm, sizeof(process->comm), "%s", text);
	free(text);
}

static void look_into_folder(struct process *process)
{
	struct mo_ctx *ctx = process->walk->ctx;
	bool smaps = is_sparse(process);
	int fd = mo_open(ctx, O_RDONLY, "%s/%s", process->folder, smaps ? "smaps" : "maps");
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (!file) {
		process->err = fd < 0 ? fd : -ENOMEM;
		if (fd >= 0)
			close(fd);
		return;
	}
	process->pagemap_fd = mo_open(ctx, O_RDONLY, "%s/pagemap", process->folder);
	if (process->pagemap_fd < 0) {
		process->err = process->pagemap_fd;
	} else {
		read_comm(process);
		read_mappings(process, file, smaps);
		close(process->pagemap_fd);
	}
	fclose(file);
}

/* ---- all processes ---- */

static bool has_memory(const struct process *process)
{
	char text[128];

	/* a recorded process may come without statm */
	return mo_read_text(process->walk->ctx, text, sizeof(text), "%s/statm", process->folder) < 0 ||
	       strtoull(text, NULL, 10);
}

/* The first thread may have ended first: then its folder shows no memory. Kernel threads have one thread. */
static bool find_folder(struct process *process)
{
	struct dirent *entry;
	DIR *dir;
	bool found;

	snprintf(process->folder, sizeof(process->folder), "/proc/%d", process->pid);
	found = has_memory(process);
	if (found)
		return true;
	dir = mo_opendir(process->walk->ctx, "/proc/%d/task", process->pid);
	while (dir && !found && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]) || atoi(entry->d_name) == process->pid)
			continue;
		snprintf(process->folder, sizeof(process->folder), "/proc/%d/task/%d", process->pid,
			 atoi(entry->d_name));
		found = has_memory(process);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Only the visitor ends the walk, and a lack of memory. */
static int look_at_process(struct walk *walk, int32_t pid)
{
	struct process process = { .walk = walk, .pid = pid };

	if (walk->visitor->enter)
		walk->visitor->enter(walk->visitor->data, pid);
	if (find_folder(&process))
		look_into_folder(&process);
	if (process.is_ended || process.err == -ENOMEM)
		return process.err;
	walk->nr_hidden += process.err == -EACCES || process.err == -EPERM;
	return 0;
}

static int look_at_all(struct walk *walk)
{
	DIR *dir = mo_opendir(walk->ctx, "/proc");
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			err = look_at_process(walk, atoi(entry->d_name));
	closedir(dir);
	return err;
}

int mo_pagemap_each(struct mo_ctx *ctx, const struct mo_pagemap_visitor *visitor, uint64_t *nr_hidden)
{
	struct walk *walk = calloc(1, sizeof(*walk));
	int err;

	if (!walk)
		return -ENOMEM;
	walk->ctx = ctx;
	walk->visitor = visitor;
	walk->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	err = look_at_all(walk);
	*nr_hidden = walk->nr_hidden;
	free(walk);
	return err;
}
