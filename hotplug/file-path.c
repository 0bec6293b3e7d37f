// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The paths of files of which the kernel tells inode and device, or the last component of the name: as processes that
 * map them have it, or else those that have them open. The files themselves are not touched: that might wait for ever.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define NAME_CUT 31	/* the module's records keep so much of a name */

struct search {
	struct mo_ctx *ctx;
	struct mo_report *report;
	struct mo_record **wanted;	/* by inode */
	size_t nr_wanted;
};

static bool lacks_path(const struct mo_record *record)
{
	return record->file_inode && *record->file != '/';
}

bool mo_path_has_name(const char *path, const char *name)
{
	size_t len = strlen(name);
	const char *last = strrchr(path, '/');

	if (*path != '/' || strncmp(++last, name, len))
		return false;
	return !len || len == NAME_CUT || !last[len] || !strcmp(last + len, " (deleted)");
}

static int take_from_owners(struct mo_record *record)
{
	const struct mo_owner *owner;

	for (size_t i = 0; (owner = mo_record_owner(record, i)); i++)
		if (*record->file && mo_path_has_name(owner->vma, record->file))
			return mo_record_set_file(record, owner->vma);
	return 0;
}

/* ---- by descriptors ---- */

/* The device of a mount, by its line in mountinfo: "36 35 98:0 ...". */
static bool device_of_mount(struct mo_ctx *ctx, int32_t pid, unsigned int mount, uint32_t *major, uint32_t *minor)
{
	unsigned int number;
	bool found = false;
	char *text, *line;

	if (mo_read_file(ctx, &text, NULL, "/proc/%d/mountinfo", pid))
		return false;
	for (line = text; line && !found; line = strchr(line, '\n')) {
		line += *line == '\n';
		found = sscanf(line, "%u %*u %u:%u", &number, major, minor) == 3 && number == mount;
	}
	free(text);
	return found;
}

static bool is_on_device(const struct search *search, const struct mo_record *record, int32_t pid, unsigned int mount)
{
	uint32_t major, minor;

	if (!record->file_major && !record->file_minor)
		return *record->file;	/* not known: the name decides alone */
	return device_of_mount(search->ctx, pid, mount, &major, &minor) && record->file_major == major &&
	       record->file_minor == minor;
}

/* Index of the first record with that inode or a higher one. */
static size_t lower_bound(const struct search *search, uint64_t inode)
{
	size_t low = 0, high = search->nr_wanted;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (search->wanted[middle]->file_inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int name_records(struct search *search, const struct mo_descriptor *descriptor, uint64_t inode,
			unsigned int mount)
{
	const struct mo_hold hold = { .pid = descriptor->pid, .fd = descriptor->fd, .kind = MO_HOLD_OPEN,
				      .is_sure = true, .comm = descriptor->comm };
	struct mo_record *record;

	for (size_t i = lower_bound(search, inode); i < search->nr_wanted; i++) {
		record = search->wanted[i];
		if (record->file_inode != inode)
			break;
		if (*record->file == '/' || !mo_path_has_name(descriptor->target, record->file) ||
		    !is_on_device(search, record, descriptor->pid, mount))
			continue;
		if (mo_record_set_file(record, descriptor->target) || mo_record_add_hold(record, &hold))
			return -ENOMEM;
	}
	return 0;
}

static int take_descriptor(void *data, const struct mo_descriptor *descriptor)
{
	struct search *search = data;
	unsigned long long inode;
	unsigned int mount;
	const char *at;
	char *info;
	int err = 0;

	if (*descriptor->target != '/' || mo_descriptor_info(search->ctx, descriptor, &info))
		return 0;
	at = strstr(info, "mnt_id:");
	if (at && sscanf(at, "mnt_id: %u ino: %llu", &mount, &inode) == 2)
		err = name_records(search, descriptor, inode, mount);
	free(info);
	return err;
}

/* ---- all of them ---- */

static int by_inode(const void *a, const void *b)
{
	const struct mo_record *x = *(struct mo_record *const *)a, *y = *(struct mo_record *const *)b;

	return (x->file_inode > y->file_inode) - (x->file_inode < y->file_inode);
}

static int make_wish(struct search *search)
{
	struct mo_record *record;
	int err = 0;

	search->wanted = calloc(mo_report_nr_records(search->report) + 1, sizeof(struct mo_record *));
	if (!search->wanted)
		return -ENOMEM;
	for (size_t i = 0; !err && (record = mo_report_record_mutable(search->report, i)); i++) {
		if (lacks_path(record))
			err = take_from_owners(record);
		if (lacks_path(record))
			search->wanted[search->nr_wanted++] = record;
	}
	qsort(search->wanted, search->nr_wanted, sizeof(struct mo_record *), by_inode);
	return err;
}

int mo_files_name(struct mo_ctx *ctx, struct mo_report *report, uint32_t limit_ms)
{
	struct search search = { .ctx = ctx, .report = report };
	uint64_t nr_hidden;
	int err = make_wish(&search);

	if (!err && search.nr_wanted)
		err = mo_descriptors_each(ctx, limit_ms, take_descriptor, &search, &nr_hidden);
	free(search.wanted);
	return err;
}
