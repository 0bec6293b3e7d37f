// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What may hold pages beside their mappings: buffers of io_uring, devices that a process lets read its memory, pipes,
 * dma-bufs. No page says who took the reference, so that a hold is sure only where the kernel tells its address.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "private.h"

/* Something of a process that may hold pages. */
struct handle {
	struct mo_hold hold;
	char comm[16];
	struct mo_ring ring;	/* where it is one */
};

struct search {
	struct mo_ctx *ctx;
	struct mo_report *report;
	struct handle *handles;
	size_t nr_handles;
};

static const struct {
	const char *key, *name;
} names[MO_HOLD_NR] = {
	[MO_HOLD_IO_URING] = { "io-uring", "a buffer of io_uring" },
	[MO_HOLD_VFIO] = { "vfio", "vfio" },
	[MO_HOLD_IOMMUFD] = { "iommufd", "iommufd" },
	[MO_HOLD_RDMA] = { "rdma", "RDMA" },
	[MO_HOLD_DMA_BUF] = { "dma-buf", "a dma-buf" },
	[MO_HOLD_PIPE] = { "pipe", "a pipe" },
	[MO_HOLD_PINNED] = { "pinned", "memory that it pinned" },
	[MO_HOLD_OPEN] = { "open", "it is open" },
};

const char *mo_hold_name(enum mo_hold_kind kind)
{
	return (size_t)kind < MO_HOLD_NR ? names[kind].name : "unknown";
}

const char *mo_hold_key(enum mo_hold_kind kind)
{
	return (size_t)kind < MO_HOLD_NR ? names[kind].key : "unknown";
}

static bool is_wanted(const struct mo_record *record)
{
	return record->reason == MO_REASON_EXTRA_REFS || record->reason == MO_REASON_DMA_PINNED;
}

/* ---- what processes have ---- */

static struct handle *add_handle(struct search *search, enum mo_hold_kind kind, int32_t pid, int32_t fd,
				 const char *comm)
{
	struct handle *more = search->handles, *handle;

	if (!(search->nr_handles & (search->nr_handles - 1)))	/* grows at powers of two */
		more = reallocarray(more, search->nr_handles ? 2 * search->nr_handles : 1, sizeof(*more));
	if (!more)
		return NULL;
	search->handles = more;
	handle = &more[search->nr_handles++];
	*handle = (struct handle){ .hold = { .pid = pid, .fd = fd, .kind = kind } };
	snprintf(handle->comm, sizeof(handle->comm), "%s", comm);
	return handle;
}

static void free_handles(struct search *search)
{
	for (size_t i = 0; i < search->nr_handles; i++)
		free(search->handles[i].ring.buffers);
	free(search->handles);
}

static int add_ring(struct search *search, const struct mo_descriptor *descriptor)
{
	struct handle *handle;
	struct mo_ring ring;

	if (mo_ring_read(search->ctx, descriptor, &ring))
		return 0;
	handle = add_handle(search, MO_HOLD_IO_URING, descriptor->pid, descriptor->fd, descriptor->comm);
	if (!handle) {
		free(ring.buffers);
		return -ENOMEM;
	}
	handle->ring = ring;
	return 0;
}

/* A second descriptor of the same pipe is asked, which neither reader nor writer notices. */
static bool has_data(const struct mo_descriptor *descriptor)
{
	int pidfd = (int)syscall(SYS_pidfd_open, descriptor->pid, 0), fd, len_bytes = 0;

	if (pidfd < 0)
		return false;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, descriptor->fd, 0);
	close(pidfd);
	if (fd < 0)
		return false;
	if (ioctl(fd, FIONREAD, &len_bytes))
		len_bytes = 0;
	close(fd);
	return len_bytes > 0;
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

enum mo_hold_kind mo_descriptor_kind(const struct mo_descriptor *descriptor)
{
	static const struct { const char *target; enum mo_hold_kind kind; } kinds[] = {
		{ "anon_inode:[io_uring]", MO_HOLD_IO_URING },
		{ "anon_inode:[vfio-device]", MO_HOLD_VFIO },
		{ "/dev/vfio/", MO_HOLD_VFIO },
		{ "anon_inode:[iommufd", MO_HOLD_IOMMUFD },
		{ "/dev/iommu", MO_HOLD_IOMMUFD },
		{ "/dev/infiniband/uverbs", MO_HOLD_RDMA },
		{ "/dmabuf:", MO_HOLD_DMA_BUF },
		{ "pipe:[", MO_HOLD_PIPE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (begins(descriptor->target, kinds[i].target))
			return kinds[i].kind;
	return MO_HOLD_NR;
}

static int take_descriptor(void *data, const struct mo_descriptor *descriptor)
{
	struct search *search = data;
	enum mo_hold_kind kind = mo_descriptor_kind(descriptor);

	if (kind == MO_HOLD_NR)
		return 0;
	if (kind == MO_HOLD_IO_URING)
		return add_ring(search, descriptor);
	if (kind == MO_HOLD_PIPE && (mo_ctx_get_sysroot(search->ctx) || !has_data(descriptor)))
		return 0;
	return add_handle(search, kind, descriptor->pid, descriptor->fd, descriptor->comm) ? 0 : -ENOMEM;
}

/* ---- what of it concerns a record ---- */

static const struct mo_owner *owner_of(const struct mo_record *record, int32_t pid)
{
	const struct mo_owner *owner;

	for (size_t i = 0; (owner = mo_record_owner(record, i)); i++)
		if (owner->pid == pid)
			return owner;
	return NULL;
}

static bool is_in_range(const struct handle *handle, const struct mo_record *record, const struct mo_owner *owner,
			uint64_t page_bytes)
{
	uint64_t start_addr = owner->addr, end_addr = start_addr + record->nr_pages * page_bytes;

	for (size_t i = 0; i < handle->ring.nr_buffers; i++)
		if (handle->ring.buffers[i].start_addr < end_addr && start_addr < handle->ring.buffers[i].end_addr)
			return true;
	return false;
}

/* A ring whose buffers are known holds them and nothing else. What nobody maps may be anybody's. */
static bool may_hold(struct handle *handle, const struct mo_record *record, uint64_t page_bytes)
{
	const struct mo_owner *owner = owner_of(record, handle->hold.pid);

	handle->hold.is_sure = false;
	if (handle->hold.kind == MO_HOLD_PIPE && record->reason == MO_REASON_DMA_PINNED)
		return false;
	if (!owner)
		return !record->nr_owners;
	if (!handle->ring.nr_buffers)
		return handle->hold.kind != MO_HOLD_IO_URING;
	handle->hold.is_sure = is_in_range(handle, record, owner, page_bytes);
	return handle->hold.is_sure;
}

static int match_handles(struct search *search, struct mo_record *record)
{
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);

	for (int sure = 1; sure >= 0; sure--) {
		for (size_t i = 0; i < search->nr_handles; i++) {
			struct handle *handle = &search->handles[i];

			handle->hold.comm = handle->comm;
			if (may_hold(handle, record, page_bytes) && handle->hold.is_sure == sure &&
			    mo_record_add_hold(record, &handle->hold))
				return -ENOMEM;
		}
		if (record->nr_holds)
			return 0;
	}
	return 0;
}

/* No descriptor explains it, but a process that maps it says that it has pinned memory. */
static int match_pinned(struct search *search, struct mo_record *record)
{
	const struct mo_owner *owner;
	char path[48];
	uint64_t kib;

	for (size_t i = 0; (owner = mo_record_owner(record, i)); i++) {
		struct mo_hold hold = { .pid = owner->pid, .fd = -1, .kind = MO_HOLD_PINNED, .comm = owner->comm };

		snprintf(path, sizeof(path), "/proc/%d/status", owner->pid);
		if (!mo_read_field(search->ctx, path, "VmPin:", &kib) && kib && mo_record_add_hold(record, &hold))
			return -ENOMEM;
	}
	return 0;
}

/* ---- all of them ---- */

static bool has_wanted(struct mo_report *report)
{
	const struct mo_record *record;

	for (size_t i = 0; (record = mo_report_record(report, i)); i++)
		if (is_wanted(record) && !record->nr_holds)
			return true;
	return false;
}

static void note(struct search *search, int err, uint64_t nr_hidden)
{
	if (err)
		mo_report_add_note(search->report, "not all open files could be looked at for what holds pages: %s", strerror(-err));
	else if (nr_hidden)
		mo_report_add_note(search->report, "the open files of %llu processes can't be seen, and so not what holds pages; run it as "
				   "root, with CAP_SYS_PTRACE", (unsigned long long)nr_hidden);
}

int mo_holds_search(struct mo_ctx *ctx, struct mo_report *report, uint32_t limit_ms)
{
	struct search search = { .ctx = ctx, .report = report };
	struct mo_record *record;
	uint64_t nr_hidden;
	int err;

	if (!has_wanted(report))
		return 0;
	err = mo_descriptors_each(ctx, limit_ms, take_descriptor, &search, &nr_hidden);
	note(&search, err, nr_hidden);
	for (size_t i = 0; err != -ENOMEM && (record = mo_report_record_mutable(report, i)); i++) {
		if (!is_wanted(record) || record->nr_holds)
			continue;
		err = match_handles(&search, record);
		if (!err && !record->nr_holds)
			err = match_pinned(&search, record);
	}
	free_handles(&search);
	return err;
}
