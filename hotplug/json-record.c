// SPDX-License-Identifier: LGPL-2.1-or-later
/* Records of a report as JSON and back: whose the pages are. */
#include <errno.h>
#include <stdio.h>

#include "json.h"

static const char *kind_at(unsigned int i)
{
	return mo_kind_key((enum mo_kind)i);
}

static struct json_object *new_owner(struct mo_json_writer *w, const struct mo_owner *owner)
{
	struct json_object *object = mo_json_object();

	mo_json_put_int(w, object, "pid", owner->pid);
	mo_json_put_u64(w, object, "addr", owner->addr);
	mo_json_put_text(w, object, "comm", owner->comm);
	mo_json_put_text(w, object, "vma", owner->vma);
	return object;
}

static struct json_object *new_owners(struct mo_json_writer *w, const struct mo_record *record)
{
	struct json_object *array = mo_json_array();
	const struct mo_owner *owner;
	size_t i;

	for (i = 0; (owner = mo_record_owner(record, i)); i++)
		mo_json_append(w, array, new_owner(w, owner));
	return array;
}

static struct json_object *new_hold(struct mo_json_writer *w, const struct mo_hold *hold)
{
	struct json_object *object = mo_json_object();

	mo_json_put_u64(w, object, "pid", (uint64_t)hold->pid);
	mo_json_put_text(w, object, "comm", hold->comm);
	mo_json_put_text(w, object, "kind", mo_hold_key(hold->kind));
	mo_json_put_known(w, object, "fd", hold->fd >= 0, (uint64_t)hold->fd);
	mo_json_put_flag(w, object, "sure", hold->is_sure);
	return object;
}

static struct json_object *new_holds(struct mo_json_writer *w, const struct mo_record *record)
{
	struct json_object *array = mo_json_array();
	const struct mo_hold *hold;

	for (size_t i = 0; (hold = mo_record_hold(record, i)); i++)
		mo_json_append(w, array, new_hold(w, hold));
	return array;
}

static void put_device(struct mo_json_writer *w, struct json_object *object, const struct mo_record *record)
{
	char device[32] = "";

	if (record->file_major || record->file_minor)
		snprintf(device, sizeof(device), "%u:%u", record->file_major, record->file_minor);
	mo_json_put_text(w, object, "file_dev", device);
}

struct json_object *mo_json_new_record(struct mo_json_writer *w, const struct mo_record *record)
{
	struct json_object *object = mo_json_object();

	mo_json_put_known(w, object, "start_pfn", record->start_pfn != NO_PFN, record->start_pfn);
	mo_json_put_u64(w, object, "nr_pages", record->nr_pages);
	mo_json_put_known(w, object, "block", record->block != UINT32_MAX, record->block);
	mo_json_put_text(w, object, "kind", mo_kind_key(record->kind));
	mo_json_put_text(w, object, "reason", mo_reason_key(record->reason));
	mo_json_put_u64(w, object, "kpageflags", record->kpageflags);
	mo_json_put_count(w, object, "refs", record->refs);
	mo_json_put_count(w, object, "refs_expected", record->refs_expected);
	mo_json_put_count(w, object, "mapcount", record->mapcount);
	mo_json_put_count(w, object, "pincount", record->pincount);
	mo_json_put_known(w, object, "cgroup_inode", record->cgroup_inode, record->cgroup_inode);
	mo_json_put_text(w, object, "cgroup", record->cgroup);
	mo_json_put_known(w, object, "file_inode", record->file_inode, record->file_inode);
	put_device(w, object, record);
	mo_json_put_text(w, object, "file", record->file);
	mo_json_put_text(w, object, "slab_cache", record->slab);
	mo_json_put_u64(w, object, "nr_owners", record->nr_owners);
	mo_json_put(w, object, "owners", new_owners(w, record));
	mo_json_put(w, object, "holds", new_holds(w, record));
	mo_json_put_text(w, object, "stack", record->stack);
	mo_json_put_known(w, object, "since_s", record->since_s, record->since_s);
	return object;
}

static void read_owner(struct mo_json_reader *r, struct json_object *object, struct mo_record *record)
{
	struct mo_owner owner = {
		.pid = (int32_t)mo_json_get_u64(r, object, "pid", INT32_MAX),
		.addr = mo_json_get_u64(r, object, "addr", UINT64_MAX),
		.comm = mo_json_get_text(r, object, "comm"),
		.vma = mo_json_get_text(r, object, "vma"),
	};

	if (mo_record_add_owner(record, &owner))
		r->err = -ENOMEM;
}

static void read_owners(struct mo_json_reader *r, struct json_object *object, struct mo_record *record)
{
	struct json_object *array = mo_json_get_array(r, object, "owners");
	size_t nr = mo_json_nr(array), i;

	for (i = 0; i < nr && !r->bad && !r->err; i++)
		read_owner(r, mo_json_at(array, i), record);
	record->nr_owners = (uint32_t)mo_json_get_u64(r, object, "nr_owners", UINT32_MAX);
	if (!r->bad && record->nr_owners < nr)
		r->bad = "nr_owners";
}

static const char *hold_at(unsigned int i)
{
	return mo_hold_key((enum mo_hold_kind)i);
}

static void read_hold(struct mo_json_reader *r, struct json_object *object, struct mo_record *record)
{
	struct mo_hold hold = {
		.pid = (int32_t)mo_json_get_u64(r, object, "pid", INT32_MAX),
		.fd = mo_json_get_count(r, object, "fd"),
		.kind = (enum mo_hold_kind)mo_json_get_known(r, object, "kind", hold_at, MO_HOLD_NR),
		.comm = mo_json_get_text(r, object, "comm"),
	};

	hold.is_sure = mo_json_get_flag(r, object, "sure");
	if (!r->bad && mo_record_add_hold(record, &hold))
		r->err = -ENOMEM;
}

/* What reports of old don't have. */
static void read_more(struct mo_json_reader *r, struct json_object *object, struct mo_record *record)
{
	struct json_object *holds = mo_json_get_new_array(object, "holds");

	sscanf(mo_json_get_new_text(object, "file_dev"), "%u:%u", &record->file_major, &record->file_minor);
	if (mo_json_has(object, "since_s") && !mo_json_is_null(object, "since_s"))
		record->since_s = mo_json_get_u64(r, object, "since_s", UINT64_MAX);
	for (size_t i = 0; i < mo_json_nr(holds) && !r->bad && !r->err; i++)
		read_hold(r, mo_json_at(holds, i), record);
}

void mo_json_read_record(struct mo_json_reader *r, struct json_object *object, struct mo_report *report)
{
	struct mo_record *record, facts = {
		.start_pfn = mo_json_get_u64(r, object, "start_pfn", UINT64_MAX),
		.nr_pages = mo_json_get_u64(r, object, "nr_pages", UINT64_MAX),
		.block = (uint32_t)mo_json_get_u64(r, object, "block", UINT32_MAX),
		.kind = (enum mo_kind)mo_json_get_known(r, object, "kind", kind_at, MO_KIND_NR),
		.reason = mo_json_get_reason(r, object),
		.kpageflags = mo_json_get_u64(r, object, "kpageflags", UINT64_MAX),
		.refs = mo_json_get_count(r, object, "refs"),
		.refs_expected = mo_json_get_count(r, object, "refs_expected"),
		.mapcount = mo_json_get_count(r, object, "mapcount"),
		.pincount = mo_json_get_count(r, object, "pincount"),
		.cgroup_inode = mo_json_get_inode(r, object, "cgroup_inode"),
		.file_inode = mo_json_get_inode(r, object, "file_inode"),
		.file = mo_json_get_text(r, object, "file"),
		.cgroup = mo_json_get_new_text(object, "cgroup"),
		.slab = mo_json_get_new_text(object, "slab_cache"),
		.stack = mo_json_get_new_text(object, "stack"),
	};

	if (r->bad)
		return;
	record = mo_report_add_record(report, &facts);
	if (!record) {
		r->err = -ENOMEM;
		return;
	}
	read_owners(r, object, record);
	if (!r->bad)
		read_more(r, object, record);
}
