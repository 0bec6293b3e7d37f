// SPDX-License-Identifier: GPL-2.0-only
/* The pages that stayed, grouped by reason, kind and owner, biggest group first; each record with -v. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "out.h"

#define GROUPS_SHOWN 10

static const char *first_comm(const struct mo_record *record)
{
	return record->nr_owners_kept ? mo_record_owner(record, 0)->comm : "";
}

static int32_t first_pid(const struct mo_record *record)
{
	return record->nr_owners_kept ? mo_record_owner(record, 0)->pid : -1;
}

static const char *first_vma(const struct mo_record *record)
{
	return record->nr_owners_kept ? mo_record_owner(record, 0)->vma : "";
}

static int compare_allocators(const struct mo_record *a, const struct mo_record *b)
{
	char x[128], y[128];

	if (*a->slab || (!*a->stack && !*b->stack))
		return 0;
	mo_record_allocator(a, x, sizeof(x));
	mo_record_allocator(b, y, sizeof(y));
	return strcmp(x, y);
}

/* 0 for records that belong to one group. */
static int compare_records(const struct mo_record *a, const struct mo_record *b)
{
	if (a->reason != b->reason)
		return a->reason < b->reason ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (first_pid(a) != first_pid(b))
		return first_pid(a) < first_pid(b) ? -1 : 1;
	if (strcmp(a->file, b->file))
		return strcmp(a->file, b->file);
	if (strcmp(a->slab, b->slab))
		return strcmp(a->slab, b->slab);
	if (first_pid(a) < 0 && strcmp(a->cgroup, b->cgroup))
		return strcmp(a->cgroup, b->cgroup);
	if (first_pid(a) < 0 && compare_allocators(a, b))
		return compare_allocators(a, b);
	return strcmp(first_vma(a), first_vma(b));
}

static int by_all(const void *a, const void *b)
{
	return compare_records(((const struct record_group *)a)->first, ((const struct record_group *)b)->first);
}

static int by_owner(const void *a, const void *b)
{
	const struct mo_record *x = ((const struct record_group *)a)->first;
	const struct mo_record *y = ((const struct record_group *)b)->first;

	if (x->reason != y->reason)
		return x->reason < y->reason ? -1 : 1;
	if (first_pid(x) != first_pid(y))
		return first_pid(x) < first_pid(y) ? -1 : 1;
	if (first_pid(x) >= 0)
		return 0;
	if (strcmp(x->file, y->file))
		return strcmp(x->file, y->file);
	return strcmp(x->slab, y->slab) ? strcmp(x->slab, y->slab) : strcmp(x->cgroup, y->cgroup);
}

static int by_size(const void *a, const void *b)
{
	const struct record_group *left = a, *right = b;

	if (left->nr_pages != right->nr_pages)
		return left->nr_pages > right->nr_pages ? -1 : 1;
	return left->first->start_pfn < right->first->start_pfn ? -1 : 1;
}

/* Sorts, adds up equal neighbours; returns how many groups are left. */
static size_t merge(struct record_group *groups, size_t nr, int (*compare)(const void *, const void *))
{
	size_t nr_groups = 0;

	qsort(groups, nr, sizeof(*groups), compare);
	for (size_t i = 0; i < nr; i++) {
		if (nr_groups && !compare(&groups[nr_groups - 1], &groups[i]))
			groups[nr_groups - 1].nr_pages += groups[i].nr_pages;
		else
			groups[nr_groups++] = groups[i];
	}
	qsort(groups, nr_groups, sizeof(*groups), by_size);
	return nr_groups;
}

size_t records_group(const struct mo_report *report, bool by_owners, struct record_group **out)
{
	size_t nr = mo_report_nr_records(report);
	struct record_group *groups = calloc(nr ? nr : 1, sizeof(*groups));

	if (!groups)
		out_of_memory();
	for (size_t i = 0; i < nr; i++) {
		groups[i].first = mo_report_record(report, i);
		groups[i].nr_pages = groups[i].first->nr_pages;
	}
	*out = groups;
	return merge(groups, nr, by_owners ? by_owner : by_all);
}

/* ", by a buffer of io_uring (fd 5)", "; perhaps by vfio of pid 7 (qemu), fd 9"; "" when nothing is known. */
static char *hold_text(const struct mo_record *record)
{
	const struct mo_hold *hold = mo_record_hold(record, 0);
	char fd[24] = "", more[32] = "", *text;

	if (!hold || hold->kind == MO_HOLD_OPEN)
		return strdup("");
	if (hold->fd >= 0)
		snprintf(fd, sizeof(fd), ", fd %" PRId32, hold->fd);
	if (record->nr_holds > 1)
		snprintf(more, sizeof(more), " and %" PRIu32 " more", record->nr_holds - 1);
	if (asprintf(&text, ", %s %s of pid %" PRId32 " (%s)%s%s", hold->is_sure ? "held by" : "perhaps held by",
		     mo_hold_name(hold->kind), hold->pid, hold->comm, fd, more) < 0)
		return NULL;
	return text;
}

static char *owner_process(const struct mo_record *record, enum owner_detail detail)
{
	const char *what = *record->file ? record->file : first_vma(record);
	char more[32] = "", address[32] = "", *text;
	bool with_what = detail >= OWNER_FILE && *what;

	if (record->nr_owners > 1)
		snprintf(more, sizeof(more), " and %" PRIu32 " more", record->nr_owners - 1);
	if (detail >= OWNER_ADDRESS)
		snprintf(address, sizeof(address), " at 0x%" PRIx64, mo_record_owner(record, 0)->addr);
	if (asprintf(&text, "pid %" PRId32 " (%s)%s%s%s%s", first_pid(record), first_comm(record), address, more,
		     with_what ? ", " : "", with_what ? what : "") < 0)
		return NULL;
	return text;
}

/* What nobody maps: the slab cache, the file, what allocated it. */
static char *owner_other(const struct mo_record *record)
{
	const struct mo_hold *hold = mo_record_hold(record, 0);
	char allocator[128], *text;
	int len;

	mo_record_allocator(record, allocator, sizeof(allocator));
	if (*record->slab)
		len = asprintf(&text, "slab cache %s", record->slab);
	else if (*record->file && hold && hold->kind == MO_HOLD_OPEN)
		len = asprintf(&text, "%s, which pid %" PRId32 " (%s) has open", record->file, hold->pid, hold->comm);
	else if (*record->file)
		len = asprintf(&text, "%s", record->file);
	else if (record->file_inode)
		len = asprintf(&text, "inode %" PRIu64, record->file_inode);
	else if (*allocator)
		len = asprintf(&text, "allocated by %s()", allocator);
	else
		len = asprintf(&text, "%s", record->mapcount > 0 ? "not looked for" : "nobody maps it");
	return len < 0 ? NULL : text;
}

/* The root is nobody's. */
static bool is_in_cgroup(const struct mo_record *record)
{
	return *record->cgroup && strcmp(record->cgroup, "/");
}

char *record_owner(const struct mo_record *record, enum owner_detail detail)
{
	bool is_mapped = record->nr_owners_kept, has_cgroup = !is_mapped && is_in_cgroup(record);
	char *owner = is_mapped ? owner_process(record, detail) : owner_other(record);
	char *hold = detail >= OWNER_FILE ? hold_text(record) : strdup("");
	char *text;

	if (!owner || !hold || asprintf(&text, "%s%s%s%s", owner, hold, has_cgroup ? ", cgroup " : "",
					has_cgroup ? record->cgroup : "") < 0)
		out_of_memory();
	free(owner);
	free(hold);
	return text;
}

static void cell_owner(struct libscols_line *line, size_t i, const struct mo_record *record, bool with_address)
{
	char *text = record_owner(record, with_address ? OWNER_ADDRESS : OWNER_FILE);

	table_cell(line, i, "%s", text);
	free(text);
}

static void print_groups(const struct record_group *groups, size_t nr_groups, const char *all)
{
	static const struct column columns[] = {
		{ "PAGES", "", COLUMN_RIGHT }, { "REASON", "", 0 }, { "KIND", "", 0 },
		{ "FIRST PFN", "", COLUMN_RIGHT },
		{ "OWNER", "", COLUMN_WRAP },
	};
	struct libscols_table *table = table_new(TABLE_TEXT, true, "");

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		table_add_column(table, &columns[i]);
	for (size_t i = 0; i < nr_groups && i < GROUPS_SHOWN; i++) {
		struct libscols_line *line = table_line(table);

		table_cell(line, 0, "%s", text_count(groups[i].nr_pages).text);
		table_cell(line, 1, "%s", mo_reason_name(groups[i].first->reason));
		table_cell(line, 2, "%s", mo_kind_name(groups[i].first->kind));
		table_cell(line, 3, "0x%" PRIx64, groups[i].first->start_pfn);
		cell_owner(line, 4, groups[i].first, groups[i].nr_pages == 1);
	}
	table_print(table);
	if (nr_groups > GROUPS_SHOWN)
		say("and %zu more groups; %s shows each page", nr_groups - GROUPS_SHOWN, all);
}

static void cell_refs(struct libscols_line *line, size_t i, const struct mo_record *record)
{
	if (record->refs >= 0 && record->refs_expected >= 0)
		table_cell(line, i, "%" PRId32 " (%" PRId32 " explained)", record->refs, record->refs_expected);
	else if (record->refs >= 0)
		table_cell(line, i, "%" PRId32, record->refs);
}

static void print_each(const struct mo_report *report)
{
	static const struct column columns[] = {
		{ "PFN", "", COLUMN_RIGHT }, { "PAGES", "", COLUMN_RIGHT }, { "BLOCK", "", COLUMN_RIGHT },
		{ "REASON", "", 0 }, { "KIND", "", 0 }, { "REFS", "", COLUMN_RIGHT }, { "OWNER", "", COLUMN_WRAP },
	};
	struct libscols_table *table = table_new(TABLE_TEXT, true, "");
	const struct mo_record *record;

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		table_add_column(table, &columns[i]);
	for (size_t i = 0; (record = mo_report_record(report, i)); i++) {
		struct libscols_line *line = table_line(table);

		table_cell(line, 0, "0x%" PRIx64, record->start_pfn);
		table_cell(line, 1, "%s", text_count(record->nr_pages).text);
		table_cell(line, 2, "%" PRIu32, record->block);
		table_cell(line, 3, "%s", mo_reason_name(record->reason));
		table_cell(line, 4, "%s", mo_kind_name(record->kind));
		cell_refs(line, 5, record);
		cell_owner(line, 6, record, true);
	}
	table_print(table);
}

void records_print(const struct call *call, const struct mo_report *report, const char *title, const char *all)
{
	struct record_group *groups;
	size_t nr_groups;

	if (!mo_report_nr_records(report))
		return;
	putchar('\n');
	say("%s: %s", title, text_count(mo_report_nr_pages_kept(report)).text);
	if (call->verbose) {
		print_each(report);
		return;
	}
	nr_groups = records_group(report, false, &groups);
	print_groups(groups, nr_groups, all);
	free(groups);
}
