// SPDX-License-Identifier: LGPL-2.1-or-later
/* Owners: which processes map a page. One pass over all page tables, however many pages are asked for. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

#define CHUNK_ENTRIES 32768	/* of a pagemap: 128 MiB of addresses */
#define PAGEMAP_PRESENT (1ULL << 63)
#define PAGEMAP_PFN ((1ULL << 55) - 1)
#define SPARSE_FACTOR 16	/* address space so much larger than what is resident, and */
#define SPARSE_BYTES (1ULL << 30)	/* so much: ask smaps first which mappings are empty */

struct wanted {
	uint64_t start_pfn;
	uint64_t end_pfn;
	uint64_t max_end_pfn;	/* of this one and all before it */
	size_t record;		/* index, as it was asked for */
	int32_t last_pid;	/* counted for it already */
};

struct search {
	struct mo_ctx *ctx;
	const struct mo_owner_sink *sink;
	struct wanted *wanted;	/* by start_pfn */
	size_t nr_wanted;
	uint64_t nr_hidden;
	uint64_t page_bytes;
	uint64_t entries[CHUNK_ENTRIES];
};

struct process {
	struct search *search;
	int32_t pid;
	char folder[48];	/* /proc/PID, or the folder of a thread where the first one has ended */
	char comm[64];
	int pagemap_fd;
	int err;		/* no need to look on: gone (-ESRCH), hidden (-EACCES), or -ENOMEM */
};

struct vma {
	uint64_t start_addr;
	uint64_t end_addr;
	uint64_t resident_kib;	/* from smaps */
	char *name;
};

/* ---- the frames that are wanted ---- */

static int by_start(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return (x->start_pfn > y->start_pfn) - (x->start_pfn < y->start_pfn);
}

static int fill_wanted(struct search *search, struct mo_record **records, size_t nr)
{
	uint64_t max_end_pfn = 0;

	search->wanted = calloc(nr, sizeof(*search->wanted));
	if (!search->wanted)
		return -ENOMEM;
	search->nr_wanted = nr;
	for (size_t i = 0; i < nr; i++)
		search->wanted[i] = (struct wanted){ .start_pfn = records[i]->start_pfn, .record = i,
						     .end_pfn = records[i]->start_pfn + records[i]->nr_pages };
	qsort(search->wanted, nr, sizeof(*search->wanted), by_start);
	for (size_t i = 0; i < nr; i++) {
		if (search->wanted[i].end_pfn > max_end_pfn)
			max_end_pfn = search->wanted[i].end_pfn;
		search->wanted[i].max_end_pfn = max_end_pfn;
	}
	return 0;
}

/* How many begin at PFN or before it. */
static size_t nr_begun(const struct search *search, uint64_t pfn)
{
	size_t low = 0, high = search->nr_wanted, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (search->wanted[middle].start_pfn <= pfn)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void add_owner(struct process *process, struct wanted *wanted, const struct vma *vma, uint64_t addr)
{
	struct mo_owner owner = { .pid = process->pid, .addr = addr, .comm = process->comm, .vma = vma->name };

	if (wanted->last_pid == process->pid)
		return;
	wanted->last_pid = process->pid;
	if (process->search->sink->found(process->search->sink->data, wanted->record, &owner) < 0)
		process->err = -ENOMEM;
}

static void match_frame(struct process *process, const struct vma *vma, uint64_t addr, uint64_t pfn)
{
	struct wanted *wanted = process->search->wanted;

	for (size_t i = nr_begun(process->search, pfn); i && wanted[i - 1].max_end_pfn > pfn; i--)
		if (wanted[i - 1].end_pfn > pfn)
			add_owner(process, &wanted[i - 1], vma, addr);
}

/* ---- one mapping ---- */

static void match_entries(struct process *process, const struct vma *vma, uint64_t addr, size_t nr)
{
	const struct search *search = process->search;
	uint64_t first_pfn = search->wanted[0].start_pfn;
	uint64_t end_pfn = search->wanted[search->nr_wanted - 1].max_end_pfn;

	for (size_t i = 0; i < nr; i++) {
		uint64_t pfn = search->entries[i] & PAGEMAP_PFN;

		if (!(search->entries[i] & PAGEMAP_PRESENT))
			continue;
		if (!pfn) {	/* without CAP_SYS_ADMIN the kernel hides the frames */
			process->err = -EACCES;
			return;
		}
		if (pfn >= first_pfn && pfn < end_pfn)
			match_frame(process, vma, addr + i * search->page_bytes, pfn);
	}
}

static void look_at_vma(struct process *process, const struct vma *vma)
{
	struct search *search = process->search;
	uint64_t addr = vma->start_addr, nr;
	ssize_t n;

	while (addr < vma->end_addr && !process->err) {
		nr = (vma->end_addr - addr) / search->page_bytes;
		if (nr > CHUNK_ENTRIES)
			nr = CHUNK_ENTRIES;
		n = pread(process->pagemap_fd, search->entries, nr * sizeof(*search->entries),
			  (off_t)(addr / search->page_bytes * sizeof(*search->entries)));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < (ssize_t)sizeof(*search->entries)) {
			process->err = n < 0 && (errno == EPERM || errno == EACCES) ? -EACCES : 0;
			return;		/* exited, or beyond the addresses of users */
		}
		match_entries(process, vma, addr, (size_t)n / sizeof(*search->entries));
		addr += (uint64_t)n / sizeof(*search->entries) * search->page_bytes;
	}
}

/* ---- the mappings of a process ---- */

/* "7f06-7f07 rw-p 00000000 00:00 0    name, may be missing, may hold blanks" */
static bool parse_header(char *line, struct vma *vma)
{
	unsigned long long start, end;
	int len = 0;

	if (sscanf(line, "%llx-%llx %*s %*s %*s %*s%n", &start, &end, &len) != 2 || !len)
		return false;
	line[strcspn(line, "\n")] = '\0';
	vma->start_addr = start;
	vma->end_addr = end;
	vma->resident_kib = 0;
	free(vma->name);
	vma->name = strdup(line + len + strspn(line + len, " "));
	return true;
}

/* Huge pages are not in Rss. */
static void add_resident(const char *line, struct vma *vma)
{
	static const char *const keys[] = { "Rss:", "Shared_Hugetlb:", "Private_Hugetlb:" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strncmp(line, keys[i], strlen(keys[i])))
			vma->resident_kib += strtoull(line + strlen(keys[i]), NULL, 10);
}

/* In smaps, lines about a mapping follow its header, the last of them is VmFlags. */
static void read_mappings(struct process *process, FILE *file, bool smaps)
{
	struct vma vma = { 0 };
	char *line = NULL;
	size_t size = 0;

	while (!process->err && getline(&line, &size, file) > 0) {
		if (!isupper((unsigned char)line[0]) && parse_header(line, &vma)) {
			if (!vma.name)
				process->err = -ENOMEM;
			else if (!smaps)
				look_at_vma(process, &vma);
		} else if (smaps && !strncmp(line, "VmFlags:", strlen("VmFlags:"))) {
			if (vma.name && vma.resident_kib)
				look_at_vma(process, &vma);
		} else {
			add_resident(line, &vma);
		}
	}
	free(vma.name);
	free(line);
}

static bool is_sparse(const struct process *process)
{
	unsigned long long size_pages, resident_pages;
	uint64_t page_bytes = process->search->page_bytes;
	char text[128];

	if (mo_read_text(process->search->ctx, text, sizeof(text), "%s/statm", process->folder) < 0 ||
	    sscanf(text, "%llu %llu", &size_pages, &resident_pages) != 2)
		return false;
	return size_pages * page_bytes > SPARSE_BYTES && size_pages > SPARSE_FACTOR * resident_pages;
}

static void read_comm(struct process *process)
{
	char *text;
	size_t len;

	process->comm[0] = '\0';
	if (mo_read_file(process->search->ctx, &text, &len, "%s/comm", process->folder))
		return;
	if (len && text[len - 1] == '\n')	/* only this one: the name itself may end in white space */
		text[len - 1] = '\0';
	snprintf(process->comm, sizeof(process->comm), "%s", text);
	free(text);
}

static void look_into_folder(struct process *process)
{
	struct mo_ctx *ctx = process->search->ctx;
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

/* ---- the names of mappings whose addresses are known ---- */

#define FOLDERS_KEPT 8	/* neighbours have the same few owners */

struct name_cache {
	struct { int32_t pid; char *maps; } kept[FOLDERS_KEPT];
	size_t next;
};

/* Belongs to the cache; NULL: it can't be read. */
static const char *maps_of(struct mo_ctx *ctx, struct name_cache *cache, int32_t pid)
{
	char *maps = NULL;
	size_t i;

	for (i = 0; i < FOLDERS_KEPT; i++)
		if (cache->kept[i].pid == pid)
			return cache->kept[i].maps;
	if (mo_read_file(ctx, &maps, NULL, "/proc/%d/maps", pid))
		maps = NULL;
	i = cache->next++ % FOLDERS_KEPT;
	free(cache->kept[i].maps);
	cache->kept[i].pid = pid;
	cache->kept[i].maps = maps;
	return maps;
}

static bool find_mapping(const char *maps, uint64_t addr, struct vma *vma)
{
	char line[PATH_MAX + 128];
	size_t len;

	for (; maps && *maps; maps += len + (maps[len] == '\n')) {
		len = strcspn(maps, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)len, maps);
		if (parse_header(line, vma) && vma->name && addr >= vma->start_addr && addr < vma->end_addr)
			return true;
	}
	return false;
}

static void name_owners(struct mo_ctx *ctx, struct name_cache *cache, const struct mo_report *report, size_t i,
			const struct mo_owner_sink *sink)
{
	const struct mo_record *record = mo_report_record(report, i);
	const struct mo_owner *owner;
	struct vma vma = { 0 };

	for (size_t j = 0; (owner = mo_record_owner(record, j)); j++) {
		if (*owner->vma || owner->pid <= 0)
			continue;
		sink->enter(sink->data, owner->pid);
		if (find_mapping(maps_of(ctx, cache, owner->pid), owner->addr, &vma))
			sink->name(sink->data, i, j, vma.name);
	}
	free(vma.name);
}

void mo_owners_name(struct mo_ctx *ctx, const struct mo_report *report, const struct mo_owner_sink *sink)
{
	struct name_cache cache = { 0 };

	for (size_t i = 0; i < mo_report_nr_records(report); i++)
		name_owners(ctx, &cache, report, i, sink);
	for (size_t i = 0; i < FOLDERS_KEPT; i++)
		free(cache.kept[i].maps);
}

/* ---- all processes ---- */

static bool has_memory(const struct process *process)
{
	char text[128];

	/* a recorded process may come without statm */
	return mo_read_text(process->search->ctx, text, sizeof(text), "%s/statm", process->folder) < 0 ||
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
	dir = mo_opendir(process->search->ctx, "/proc/%d/task", process->pid);
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

/* Only a lack of memory ends the search. */
static int look_at_process(struct search *search, int32_t pid)
{
	struct process process = { .search = search, .pid = pid };

	search->sink->enter(search->sink->data, pid);
	if (find_folder(&process))
		look_into_folder(&process);
	if (process.err == -EACCES || process.err == -EPERM)
		search->nr_hidden++;
	return process.err == -ENOMEM ? -ENOMEM : 0;
}

static int look_at_all(struct search *search)
{
	DIR *dir = mo_opendir(search->ctx, "/proc");
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			err = look_at_process(search, atoi(entry->d_name));
	closedir(dir);
	return err;
}

int mo_owners_find(struct mo_ctx *ctx, struct mo_record **records, size_t nr, const struct mo_owner_sink *sink,
		   uint64_t *nr_hidden)
{
	struct search *search;
	int err;

	*nr_hidden = 0;
	if (!nr)
		return 0;
	search = calloc(1, sizeof(*search));
	if (!search)
		return mo_error(ctx, -ENOMEM, "no memory to look for the owners of pages; free some and try again");
	search->ctx = ctx;
	search->sink = sink;
	search->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	err = fill_wanted(search, records, nr);
	if (!err)
		err = look_at_all(search);
	*nr_hidden = search->nr_hidden;
	free(search->wanted);
	free(search);
	return err ? mo_error(ctx, err, "can't look for the owners of pages in /proc: %s; is /proc mounted?", strerror(-err)) : 0;
}
