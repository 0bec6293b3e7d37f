// SPDX-License-Identifier: LGPL-2.1-or-later
/* Page tables: one pass over /proc/PID/pagemap, of one process or of all. */
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
#define PAGEMAP_SWAPPED (1ULL << 62)
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
	char folder[MO_THREAD_FOLDER_SIZE];	/* /proc/PID, or the folder of a thread where the first one has ended */
	char comm[64];
	int pagemap_fd;
	int err;		/* no need to look on: gone (-ESRCH), hidden (-EACCES), or what the visitor said */
	bool is_ended;		/* by the visitor */
};

bool mo_pagemap_entry(int pagemap_fd, uint64_t addr, uint64_t *pfn)
{
	uint64_t entry, page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);

	if (mo_read_at(pagemap_fd, &entry, sizeof(entry), addr / page_bytes * sizeof(entry)) != sizeof(entry))
		return false;
	*pfn = entry & PAGEMAP_PFN;
	return entry & PAGEMAP_PRESENT && *pfn;
}

/* ---- one mapping ---- */

static void visit(struct process *process, const struct mo_mapping *mapping, uint64_t addr, uint64_t entry)
{
	const struct mo_pagemap_visitor *visitor = process->walk->visitor;
	const struct mo_mapped_page page = {
		.pid = process->pid, .comm = process->comm, .mapping = mapping->name,
		.mapping_start = mapping->start_addr, .addr = addr,
		.pfn = entry & PAGEMAP_PRESENT ? entry & PAGEMAP_PFN : 0, .is_anon = !(entry & PAGEMAP_FILE),
		.is_swapped = !(entry & PAGEMAP_PRESENT),
	};
	int err = visitor->page(visitor->data, &page);

	if (!err)
		return;
	process->err = err;
	process->is_ended = true;
}

static bool is_wanted(const struct mo_pagemap_visitor *visitor, uint64_t entry)
{
	uint64_t pfn = entry & PAGEMAP_PFN;

	if (visitor->wants_all)
		return entry & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED);
	return entry & PAGEMAP_PRESENT && pfn >= visitor->start_pfn && pfn < visitor->end_pfn;
}

static void visit_entries(struct process *process, const struct mo_mapping *mapping, uint64_t addr, size_t nr)
{
	const struct walk *walk = process->walk;

	for (size_t i = 0; i < nr && !process->err; i++) {
		uint64_t entry = walk->entries[i];

		/* without CAP_SYS_ADMIN the kernel hides the frames */
		if (entry & PAGEMAP_PRESENT && !(entry & PAGEMAP_PFN) && !walk->visitor->wants_all)
			process->err = -EACCES;
		else if (is_wanted(walk->visitor, entry))
			visit(process, mapping, addr + i * walk->page_bytes, entry);
	}
}

static void look_at_mapping(struct process *process, const struct mo_mapping *mapping)
{
	struct walk *walk = process->walk;
	const struct mo_pagemap_visitor *visitor = walk->visitor;
	uint64_t addr = mapping->start_addr, end_addr = mapping->end_addr, nr;
	ssize_t n;

	if (addr < visitor->start_addr)
		addr = visitor->start_addr;
	if (visitor->end_addr && end_addr > visitor->end_addr)
		end_addr = visitor->end_addr;
	while (addr < end_addr && !process->err) {
		nr = (end_addr - addr) / walk->page_bytes;
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

/* Huge pages are not in Rss, and what is swapped out is told of, too. */
static void add_resident(const char *line, struct mo_mapping *mapping)
{
	static const char *const keys[] = { "Rss:", "Shared_Hugetlb:", "Private_Hugetlb:", "Swap:" };

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

static bool has_memory(struct mo_ctx *ctx, const char *folder)
{
	char text[128];

	/* a recorded process may come without statm */
	return mo_read_text(ctx, text, sizeof(text), "%s/statm", folder) < 0 || strtoull(text, NULL, 10);
}

struct thread {
	struct mo_ctx *ctx;
	int32_t pid;
	char *folder;	/* has MO_THREAD_FOLDER_SIZE bytes */
};

/* Ends the search with the number of the thread. */
static int look_at_thread(void *data, uint32_t tid)
{
	const struct thread *thread = data;

	if ((int32_t)tid == thread->pid)
		return 0;
	snprintf(thread->folder, MO_THREAD_FOLDER_SIZE, "/proc/%d/task/%u", thread->pid, tid);
	return has_memory(thread->ctx, thread->folder) ? (int)tid : 0;
}

/* The first thread may have ended first: then its folder shows no memory. Kernel threads have one thread. */
int32_t mo_thread_with_memory(struct mo_ctx *ctx, int32_t pid, char folder[MO_THREAD_FOLDER_SIZE])
{
	struct thread thread = { ctx, pid, folder };
	int found;

	snprintf(folder, MO_THREAD_FOLDER_SIZE, "/proc/%d", pid);
	if (has_memory(ctx, folder))
		return pid;
	found = mo_numbers_each(ctx, look_at_thread, &thread, "/proc/%d/task", pid);
	return found > 0 ? found : 0;
}

/* Only the visitor ends the walk, and a lack of memory. */
static int look_at_process(struct walk *walk, int32_t pid)
{
	struct process process = { .walk = walk, .pid = pid };

	if (walk->visitor->enter)
		walk->visitor->enter(walk->visitor->data, pid);
	if (mo_thread_with_memory(walk->ctx, pid, process.folder))
		look_into_folder(&process);
	if (process.is_ended || process.err == -ENOMEM)
		return process.err;
	walk->nr_hidden += process.err == -EACCES || process.err == -EPERM;
	return 0;
}

static int look_at_pid(void *data, uint32_t pid)
{
	return look_at_process(data, (int32_t)pid);
}

static struct walk *new_walk(struct mo_ctx *ctx, const struct mo_pagemap_visitor *visitor)
{
	struct walk *walk = calloc(1, sizeof(*walk));

	if (!walk)
		return NULL;
	walk->ctx = ctx;
	walk->visitor = visitor;
	walk->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	return walk;
}

int mo_pagemap_each(struct mo_ctx *ctx, const struct mo_pagemap_visitor *visitor, uint64_t *nr_hidden)
{
	struct walk *walk = new_walk(ctx, visitor);
	int err;

	if (!walk)
		return -ENOMEM;
	err = mo_pid_each(ctx, look_at_pid, walk);
	*nr_hidden = walk->nr_hidden;
	free(walk);
	return err;
}

int mo_pagemap_process(struct mo_ctx *ctx, int32_t pid, const struct mo_pagemap_visitor *visitor)
{
	struct walk *walk = new_walk(ctx, visitor);
	int err;

	if (!walk)
		return -ENOMEM;
	err = look_at_process(walk, pid);
	if (!err && walk->nr_hidden)
		err = -EACCES;
	free(walk);
	return err;
}
