// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pages that user space made unmovable, without the module: buffers registered with io_uring, of which the kernel tells
 * the addresses, memory that the kernel itself can't read (memfd_secret), and files of ramfs. Other pins do not show:
 * of these the processes alone are known. None of it is ever in zone Movable, which the kernel keeps free of it.
 *
 * Whoever looks into a process waits for the lock of its address space. So a process of ours does, which leaves what it
 * finds in shared memory and can be given up.
 */
#include <errno.h>
#include <linux/kernel-page-flags.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "private.h"

#define KPF(bit) (1ULL << KPF_##bit)
#define CAUSES_MAX 0x7fffU
#define MARK_SECRET 0x8000U	/* and a number for each process */
#define PINNERS_MAX 16
#define PINS_ARE_WHOLE (2ULL << 20)	/* a huge page is counted whole, however little of it is registered */

enum block_state { BLOCK_IDLE, BLOCK_ASKED, BLOCK_MARKED };

/* A process that has more pinned than is known where. */
struct pinner {
	int32_t pid;
	enum mo_hold_kind kind;	/* of what it has open and may have it pinned for; MO_HOLD_NR: nothing */
	char comm[16];
	uint64_t pinned_bytes;
	uint64_t nr_pages;	/* that it maps in the blocks asked for */
};

struct shared {
	int32_t pid;		/* that is looked into */
	uint32_t nr_secrets;
	uint32_t nr_pinners;
	struct pinner pinners[PINNERS_MAX];
};

struct buffer {
	int32_t pid;
	uint64_t start_addr, end_addr;
	uint16_t mark;
};

struct file {
	struct mo_memory_file file;
	uint16_t mark;
};

/* What a process lets reach its memory. */
struct device {
	int32_t pid;
	enum mo_hold_kind kind;
};

struct mo_immovable {
	struct mo_ctx *ctx;
	uint64_t start_pfn, end_pfn;
	uint64_t block_pages;
	size_t nr_blocks;	/* between them, whether they are there or not */
	bool is_asked;
	/* shared with the process that looks: */
	struct shared *shared;
	uint8_t *blocks;	/* enum block_state */
	uint16_t *marks;	/* of each page; touched where the block is marked alone, since it takes memory then */
	/* what is known beforehand, by open files: */
	struct mo_memory_mounts *mounts;
	struct mo_cause *causes;	/* of marks from 1 */
	size_t nr_causes;
	struct file *files;
	size_t nr_files;
	struct buffer *buffers;	/* by process and address */
	size_t nr_buffers;
	struct device *devices;
	size_t nr_devices;
};

/* ---- marks ---- */

static bool is_pin(uint16_t mark)
{
	return mark && !(mark & MARK_SECRET);
}

static uint8_t *block_of(const struct mo_immovable *immovable, uint64_t pfn)
{
	return &immovable->blocks[(pfn - immovable->start_pfn) / immovable->block_pages];
}

static bool is_wanted(const struct mo_immovable *immovable, uint64_t pfn)
{
	return pfn >= immovable->start_pfn && pfn < immovable->end_pfn && *block_of(immovable, pfn) != BLOCK_IDLE;
}

static void set_mark(struct mo_immovable *immovable, uint64_t pfn, uint16_t mark)
{
	*block_of(immovable, pfn) = BLOCK_MARKED;
	immovable->marks[pfn - immovable->start_pfn] = mark;
}

uint16_t mo_immovable_mark(const struct mo_immovable *immovable, uint64_t pfn)
{
	if (!immovable || !is_wanted(immovable, pfn) || *block_of(immovable, pfn) != BLOCK_MARKED)
		return 0;
	return immovable->marks[pfn - immovable->start_pfn];
}

const struct mo_cause *mo_immovable_cause(const struct mo_immovable *immovable, uint16_t mark)
{
	static const struct mo_cause secret = { .reason = MO_REASON_NO_MIGRATE, .needs_flags = KPF(UNEVICTABLE) };

	if (mark & MARK_SECRET)
		return &secret;
	return mark ? &immovable->causes[mark - 1] : NULL;
}

/* ---- what open files tell ---- */

/* For one more after NR; grows at powers of two. NULL: no memory, ARRAY stays as it was. */
static void *with_room(void *array, size_t nr, size_t size)
{
	return nr & (nr - 1) ? array : reallocarray(array, nr ? 2 * nr : 1, size);
}

/* Its mark, or 0: no memory, or too many. */
static uint16_t add_cause(struct mo_immovable *immovable, const struct mo_cause *cause)
{
	struct mo_cause *more = immovable->nr_causes == CAUSES_MAX ? NULL :
				with_room(immovable->causes, immovable->nr_causes, sizeof(*more));

	if (!more)
		return 0;
	immovable->causes = more;
	more[immovable->nr_causes++] = *cause;
	return (uint16_t)immovable->nr_causes;
}

static int add_buffer(struct mo_immovable *immovable, const struct buffer *buffer)
{
	struct buffer *more = with_room(immovable->buffers, immovable->nr_buffers, sizeof(*more));

	if (!more)
		return -ENOMEM;
	immovable->buffers = more;
	more[immovable->nr_buffers++] = *buffer;
	return 0;
}

/* Pages are pinned as wholes. */
static int take_ring(struct mo_immovable *immovable, const struct mo_descriptor *descriptor)
{
	const struct mo_cause cause = { .reason = MO_REASON_DMA_PINNED };
	uint64_t page_mask = ~((uint64_t)sysconf(_SC_PAGESIZE) - 1);
	struct mo_ring ring;
	uint16_t mark = 0;
	int err = 0;

	if (mo_ring_read(immovable->ctx, descriptor, &ring))
		return 0;
	if (ring.nr_buffers)
		mark = add_cause(immovable, &cause);
	for (size_t i = 0; !err && mark && i < ring.nr_buffers; i++) {
		const struct buffer buffer = { descriptor->pid, ring.buffers[i].start_addr & page_mask,
					       ring.buffers[i].end_addr, mark };

		err = add_buffer(immovable, &buffer);
	}
	free(ring.buffers);
	return err;
}

/* Several may have it open: it is mapped once. */
static bool is_known(const struct mo_immovable *immovable, const struct mo_memory_file *file)
{
	for (size_t i = 0; i < immovable->nr_files; i++)
		if (immovable->files[i].file.inode == file->inode && immovable->files[i].file.major == file->major &&
		    immovable->files[i].file.minor == file->minor)
			return true;
	return false;
}

static int add_file(struct mo_immovable *immovable, const struct mo_memory_file *file, const char *path)
{
	struct mo_cause cause = {
		.reason = MO_REASON_NO_MIGRATE, .needs_flags = KPF(UNEVICTABLE) | KPF(DIRTY),
		.file_inode = file->inode, .file_major = file->major, .file_minor = file->minor,
		.file = strdup(strrchr(path, '/') + 1),
	};
	struct file *more = with_room(immovable->files, immovable->nr_files, sizeof(*more));
	uint16_t mark;

	if (more)
		immovable->files = more;
	mark = more && cause.file ? add_cause(immovable, &cause) : 0;
	if (!mark) {
		free(cause.file);
		return -ENOMEM;
	}
	more[immovable->nr_files++] = (struct file){ *file, mark };
	return 0;
}

static int take_file(struct mo_immovable *immovable, const struct mo_descriptor *descriptor)
{
	struct mo_memory_file file;

	if (!immovable->mounts || !mo_memory_file_look(immovable->ctx, immovable->mounts, descriptor, &file) ||
	    is_known(immovable, &file))
		return 0;
	return add_file(immovable, &file, descriptor->target);
}

static int take_device(struct mo_immovable *immovable, int32_t pid, enum mo_hold_kind kind)
{
	struct device *more = with_room(immovable->devices, immovable->nr_devices, sizeof(*more));

	if (!more)
		return -ENOMEM;
	immovable->devices = more;
	more[immovable->nr_devices++] = (struct device){ pid, kind };
	return 0;
}

static int take_descriptor(void *data, const struct mo_descriptor *descriptor)
{
	enum mo_hold_kind kind = mo_descriptor_kind(descriptor);

	switch (kind) {
	case MO_HOLD_IO_URING:
		return take_ring(data, descriptor);
	case MO_HOLD_VFIO:
	case MO_HOLD_IOMMUFD:
	case MO_HOLD_RDMA:
		return take_device(data, descriptor->pid, kind);
	default:
		return take_file(data, descriptor);
	}
}

static int by_address(const void *a, const void *b)
{
	const struct buffer *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->start_addr > y->start_addr) - (x->start_addr < y->start_addr);
}

/* What two buffers have in common is the first one's. */
static void sort_buffers(struct mo_immovable *immovable)
{
	struct buffer *buffers = immovable->buffers;
	size_t nr = 0;

	if (!immovable->nr_buffers)
		return;
	qsort(buffers, immovable->nr_buffers, sizeof(*buffers), by_address);
	for (size_t i = 1; i < immovable->nr_buffers; i++) {
		if (buffers[i].pid == buffers[nr].pid && buffers[i].start_addr < buffers[nr].end_addr)
			buffers[i].start_addr = buffers[nr].end_addr;
		if (buffers[i].start_addr < buffers[i].end_addr)
			buffers[++nr] = buffers[i];
	}
	immovable->nr_buffers = nr + 1;
}

/* ---- the process that looks: into one process ---- */

struct process {
	struct mo_immovable *immovable;
	const struct buffer *buffers;
	size_t nr_buffers;
	uint16_t secret_mark;
	struct pinner pinner;
};

/* The buffer that begins at ADDR or before it, and ends after it. */
static uint16_t mark_of_buffer(const struct process *process, uint64_t addr)
{
	size_t low = 0, high = process->nr_buffers, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (process->buffers[middle].start_addr <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low && addr < process->buffers[low - 1].end_addr ? process->buffers[low - 1].mark : 0;
}

static uint16_t mark_of_secret(struct process *process)
{
	if (!process->secret_mark)
		process->secret_mark = MARK_SECRET | (process->immovable->shared->nr_secrets++ & CAUSES_MAX);
	return process->secret_mark;
}

static int take_page(void *data, const struct mo_mapped_page *page)
{
	struct process *process = data;
	uint16_t mark;

	if (!is_wanted(process->immovable, page->pfn))
		return 0;
	mark = mark_of_buffer(process, page->addr);
	if (!mark && !strcmp(page->mapping, "/secretmem (deleted)"))
		mark = mark_of_secret(process);
	if (mark)
		set_mark(process->immovable, page->pfn, mark);
	else if (!process->pinner.nr_pages++)
		snprintf(process->pinner.comm, sizeof(process->pinner.comm), "%s", page->comm);
	return 0;
}

/* Those of the ring's owner: whom it was handed on to, as by fork(2), has nothing pinned, and copies of the pages. */
static void find_buffers(struct process *process, int32_t pid)
{
	const struct mo_immovable *immovable = process->immovable;
	size_t i = 0;

	while (i < immovable->nr_buffers && immovable->buffers[i].pid < pid)
		i++;
	process->buffers = &immovable->buffers[i];
	while (i < immovable->nr_buffers && immovable->buffers[i++].pid == pid)
		process->nr_buffers++;
}

static uint64_t bytes_of_buffers(const struct process *process)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < process->nr_buffers; i++) {
		const struct buffer *buffer = &process->buffers[i];

		sum += (buffer->end_addr + PINS_ARE_WHOLE - 1) / PINS_ARE_WHOLE * PINS_ARE_WHOLE -
		       buffer->start_addr / PINS_ARE_WHOLE * PINS_ARE_WHOLE;
	}
	return sum;
}

static enum mo_hold_kind device_of(const struct mo_immovable *immovable, int32_t pid)
{
	for (size_t i = 0; i < immovable->nr_devices; i++)
		if (immovable->devices[i].pid == pid)
			return immovable->devices[i].kind;
	return MO_HOLD_NR;
}

static uint64_t status_bytes(struct mo_ctx *ctx, int32_t pid, const char *key)
{
	char path[48];
	uint64_t kib;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	return mo_read_field(ctx, path, key, &kib) ? 0 : kib << 10;
}

static void add_pinner(struct shared *shared, const struct pinner *pinner)
{
	if (shared->nr_pinners < PINNERS_MAX)
		shared->pinners[shared->nr_pinners++] = *pinner;
}

/* vfio counts what it pins as locked; so does memory that the kernel can't read. */
static int look_into(void *data, uint32_t number)
{
	struct mo_immovable *immovable = data;
	int32_t pid = (int32_t)number;
	uint64_t pinned_bytes = status_bytes(immovable->ctx, pid, "VmPin:");
	uint64_t locked_bytes = status_bytes(immovable->ctx, pid, "VmLck:");
	enum mo_hold_kind device = device_of(immovable, pid);
	struct process process = { .immovable = immovable, .pinner = { .pid = pid, .kind = device } };
	const struct mo_pagemap_visitor visitor = {
		.start_pfn = immovable->start_pfn, .end_pfn = immovable->end_pfn, .page = take_page, .data = &process,
	};

	if (!pinned_bytes && !locked_bytes)
		return 0;
	immovable->shared->pid = pid;
	if (pinned_bytes)
		find_buffers(&process, pid);
	if (mo_pagemap_process(immovable->ctx, pid, &visitor))
		return 0;
	process.pinner.pinned_bytes = device == MO_HOLD_NR ? pinned_bytes : pinned_bytes + locked_bytes;
	if (process.pinner.nr_pages && process.pinner.pinned_bytes > bytes_of_buffers(&process))
		add_pinner(immovable->shared, &process.pinner);
	return 0;
}

/* ---- the process that looks: all of it ---- */

struct file_look {
	struct mo_immovable *immovable;
	uint16_t mark;
};

static void take_frame(void *data, uint64_t pfn)
{
	const struct file_look *look = data;

	if (is_wanted(look->immovable, pfn))
		set_mark(look->immovable, pfn, look->mark);
}

static void look_at_files(struct mo_immovable *immovable)
{
	for (size_t i = 0; i < immovable->nr_files; i++) {
		struct file_look look = { immovable, immovable->files[i].mark };

		immovable->shared->pid = immovable->files[i].file.pid;
		mo_memory_file_pages(immovable->ctx, &immovable->files[i].file, take_frame, &look);
	}
}

/* The rest of the huge page stays with the part that is pinned. MARKS are those of the block. */
static void complete(uint16_t *marks, uint64_t nr_pages, struct mo_pages *pages, uint64_t start_pfn)
{
	uint64_t i, first;

	for (i = 0; i < nr_pages; i++) {
		if (!is_pin(marks[i]))
			continue;
		for (first = i; first && !marks[first - 1] && mo_pages_are_joined(pages, start_pfn + first); first--)
			marks[first - 1] = marks[i];
		if (i + 1 < nr_pages && !marks[i + 1] && mo_pages_are_joined(pages, start_pfn + i + 1))
			marks[i + 1] = marks[i];
	}
}

static void complete_all(struct mo_immovable *immovable)
{
	uint64_t nr_pages = immovable->block_pages;
	struct mo_pages *pages;

	if (mo_pages_open(immovable->ctx, &pages))
		return;
	for (size_t i = 0; i < immovable->nr_blocks; i++)
		if (immovable->blocks[i] == BLOCK_MARKED)
			complete(&immovable->marks[i * nr_pages], nr_pages, pages, immovable->start_pfn + i * nr_pages);
	mo_pages_close(pages);
}

static int look(void *data)
{
	struct mo_immovable *immovable = data;
	int err;

	mo_worker_keep_only(mo_root_fd(immovable->ctx), -1);
	look_at_files(immovable);
	err = mo_pid_each(immovable->ctx, look_into, immovable);
	complete_all(immovable);
	return err;
}

/* ---- the process that waits for it ---- */

static void tick(void *data)
{
	(void)data;
}

static int look_within(struct mo_immovable *immovable, uint32_t limit_ms)
{
	struct mo_worker *worker;
	int err = mo_worker_run(look, immovable, &worker);

	if (err)
		return err;
	if (mo_worker_watch(worker, -1, mo_now_ms() + limit_ms, tick, NULL) == MO_REASON_NONE)
		return mo_worker_finish(worker);
	mo_worker_drop(worker);
	return -ETIMEDOUT;
}

static void note_pinner(struct mo_report *report, const struct pinner *pinner)
{
	mo_report_add_note(report, "process %d (%s) has %llu KiB pinned, %s, and which pages that are is not known without the module: "
			   "perhaps some of the %llu that it maps in these blocks", pinner->pid, pinner->comm,
			   (unsigned long long)(pinner->pinned_bytes >> 10),
			   pinner->kind == MO_HOLD_NR ? "for what is not known" : mo_hold_name(pinner->kind),
			   (unsigned long long)pinner->nr_pages);
}

static void note(const struct mo_immovable *immovable, struct mo_report *report, int err, uint32_t limit_ms)
{
	const struct shared *shared = immovable->shared;

	if (err == -ETIMEDOUT && shared->pid)
		mo_report_add_note(report, "what processes have pinned could not all be looked for within %u ms: the search stood at process "
				   "%d, which may hang, and gave up; pins are missing", limit_ms, shared->pid);
	else if (err)
		mo_report_add_note(report, "what processes have pinned could not all be looked for (%s); pins are missing", strerror(-err));
	for (uint32_t i = 0; i < shared->nr_pinners; i++)
		note_pinner(report, &shared->pinners[i]);
}

void mo_immovable_look(struct mo_immovable *immovable, struct mo_report *report, uint32_t limit_ms)
{
	uint64_t nr_hidden;
	int err;

	if (!immovable->is_asked)
		return;
	immovable->mounts = mo_memory_mounts_read(immovable->ctx);
	err = mo_descriptors_each(immovable->ctx, limit_ms, take_descriptor, immovable, &nr_hidden);
	if (!err)
		sort_buffers(immovable);
	if (!err)
		err = look_within(immovable, limit_ms);
	note(immovable, report, err, limit_ms);
}

void mo_immovable_ask(struct mo_immovable *immovable, const struct mo_block *block)
{
	if (block->zone == MO_ZONE_MOVABLE)
		return;
	*block_of(immovable, block->number * immovable->block_pages) = BLOCK_ASKED;
	immovable->is_asked = true;
}

/* ---- new and free ---- */

static void *map_shared(size_t size)
{
	void *addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return addr == MAP_FAILED ? NULL : addr;
}

static void unmap(void *addr, size_t size)
{
	if (addr)
		munmap(addr, size);
}

static size_t marks_bytes(const struct mo_immovable *immovable)
{
	return immovable->nr_blocks * immovable->block_pages * sizeof(*immovable->marks);
}

static void set_span(struct mo_immovable *immovable, const struct mo_memory *memory)
{
	const struct mo_block *first = mo_memory_block(memory, 0);
	const struct mo_block *last = mo_memory_block(memory, mo_memory_nr_blocks(memory) - 1);

	immovable->block_pages = mo_memory_block_pages(memory);
	immovable->nr_blocks = last->number - first->number + 1;
	immovable->start_pfn = first->number * immovable->block_pages;
	immovable->end_pfn = immovable->start_pfn + immovable->nr_blocks * immovable->block_pages;
}

int mo_immovable_new(struct mo_memory *memory, struct mo_immovable **out)
{
	struct mo_immovable *immovable = mo_memory_nr_blocks(memory) ? calloc(1, sizeof(*immovable)) : NULL;

	if (!immovable)
		return -ENOMEM;
	immovable->ctx = memory->ctx;
	set_span(immovable, memory);
	immovable->shared = map_shared(sizeof(*immovable->shared));
	immovable->blocks = map_shared(immovable->nr_blocks);
	immovable->marks = map_shared(marks_bytes(immovable));
	if (!immovable->shared || !immovable->blocks || !immovable->marks) {
		mo_immovable_free(immovable);
		return -ENOMEM;
	}
	*out = immovable;
	return 0;
}

void mo_immovable_free(struct mo_immovable *immovable)
{
	if (!immovable)
		return;
	unmap(immovable->shared, sizeof(*immovable->shared));
	unmap(immovable->blocks, immovable->nr_blocks);
	unmap(immovable->marks, marks_bytes(immovable));
	for (size_t i = 0; i < immovable->nr_causes; i++)
		free(immovable->causes[i].file);
	free(immovable->causes);
	free(immovable->files);
	free(immovable->buffers);
	free(immovable->devices);
	mo_memory_mounts_free(immovable->mounts);
	free(immovable);
}
