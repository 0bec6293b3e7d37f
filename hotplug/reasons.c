// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What stands against all of the memory as the machine itself tells it, with the module where it is loaded; and of the
 * processes that it names as much as it takes to find them again: name, the mapping, and which frame is there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundle.h"

#define TAR_BLOCK 512
#define PRESENT (1ULL << 63)	/* of an entry of /proc/PID/pagemap */

/* ---- the processes ---- */

struct owned {
	const struct mo_owner *owner;
	uint64_t pfn;
};

struct owners {
	struct mo_bundle *bundle;
	uint64_t page_bytes;
	struct owned *owned;	/* by process and address */
	size_t nr;
};

static int by_address(const void *a, const void *b)
{
	const struct mo_owner *x = ((const struct owned *)a)->owner, *y = ((const struct owned *)b)->owner;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->addr > y->addr) - (x->addr < y->addr);
}

static int collect(struct owners *owners, const struct mo_report *report)
{
	const struct mo_record *record;
	const struct mo_owner *owner;

	owners->owned = calloc(mo_report_nr_records(report) * MO_OWNERS_MAX + 1, sizeof(*owners->owned));
	if (!owners->owned)
		return mo_bundle_no_memory(owners->bundle);
	for (size_t i = 0; (record = mo_report_record(report, i)); i++)
		for (size_t j = 0; (owner = mo_record_owner(record, j)); j++)
			if (owner->pid > 0)
				owners->owned[owners->nr++] = (struct owned){ owner, record->start_pfn };
	qsort(owners->owned, owners->nr, sizeof(*owners->owned), by_address);
	return 0;
}

/* As /proc/PID/maps has it, with a mapping of one page for each page. */
static int add_maps(struct owners *owners, const struct owned *owned, size_t nr, const char *path)
{
	char *text = NULL, *name;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int err;

	for (size_t i = 0; out && i < nr; i++) {
		uint64_t addr = owned[i].owner->addr;

		name = mo_redact_path(owners->bundle->redactor, owned[i].owner->vma);
		fprintf(out, "%" PRIx64 "-%" PRIx64 " ---p 00000000 00:00 0 %s\n", addr, addr + owners->page_bytes,
			name ? name : "");
		free(name);
	}
	if (!out || fclose(out))
		err = mo_bundle_no_memory(owners->bundle);
	else
		err = mo_bundle_add_bytes(owners->bundle, path, text, size);
	free(text);
	return err;
}

struct entries {
	const struct owned *owned;
	size_t nr;
	uint64_t page_bytes;
};

static uint64_t place_of(const struct entries *entries, size_t i)
{
	return entries->owned[i].owner->addr / entries->page_bytes * sizeof(uint64_t);
}

static int put_entries(void *data, uint64_t start, void *bytes, size_t len)
{
	const struct entries *entries = data;
	uint64_t place, entry;

	for (size_t i = 0; i < entries->nr; i++) {
		place = place_of(entries, i);
		if (place < start || place - start + sizeof(entry) > len)
			continue;
		entry = PRESENT | entries->owned[i].pfn;
		memcpy((char *)bytes + (place - start), &entry, sizeof(entry));
	}
	return 0;
}

/* Extents are whole blocks of tar, which is all that some programs expect. */
static int add_pagemap(struct owners *owners, const struct owned *owned, size_t nr, const char *path)
{
	struct entries entries = { owned, nr, owners->page_bytes };
	struct mo_extent *extents = calloc(nr, sizeof(*extents));
	uint64_t start, end = 0;
	size_t nr_extents = 0;
	int err;

	if (!extents)
		return mo_bundle_no_memory(owners->bundle);
	for (size_t i = 0; i < nr; i++) {
		start = place_of(&entries, i) / TAR_BLOCK * TAR_BLOCK;
		if (nr_extents && start < end)
			continue;
		extents[nr_extents++] = (struct mo_extent){ start, TAR_BLOCK };
		end = start + TAR_BLOCK;
	}
	err = mo_bundle_add_sparse(owners->bundle, path, end, extents, nr_extents, put_entries, &entries);
	free(extents);
	return err;
}

static int add_process(struct owners *owners, const struct owned *owned, size_t nr)
{
	const struct mo_owner *owner = owned->owner;
	char path[64], *name = mo_redact_name(owners->bundle->redactor, owner->comm), *line;
	int err;

	if (!name || asprintf(&line, "%s\n", name) < 0) {
		free(name);
		return mo_bundle_no_memory(owners->bundle);
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", owner->pid);
	err = mo_bundle_add_bytes(owners->bundle, path, line, strlen(line));
	free(line);
	free(name);
	snprintf(path, sizeof(path), "/proc/%d/maps", owner->pid);
	if (!err)
		err = add_maps(owners, owned, nr, path);
	snprintf(path, sizeof(path), "/proc/%d/pagemap", owner->pid);
	return err ? err : add_pagemap(owners, owned, nr, path);
}

static int add_processes(struct mo_bundle *bundle, const struct mo_report *report, uint64_t page_bytes)
{
	struct owners owners = { .bundle = bundle, .page_bytes = page_bytes };
	int err = collect(&owners, report);
	size_t nr;

	for (size_t i = 0; i < owners.nr && !err; i += nr) {
		for (nr = 1; i + nr < owners.nr && owners.owned[i + nr].owner->pid == owners.owned[i].owner->pid; nr++)
			;
		err = add_process(&owners, owners.owned + i, nr);
	}
	free(owners.owned);
	return err;
}

/* ---- the report ---- */

/* "0-15,32-39": what there is, as a target. */
static char *all_blocks(const struct mo_memory *memory)
{
	const struct mo_block *block, *next;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	uint32_t first = 0;
	bool is_open = false;

	for (size_t i = 0; out && (block = mo_memory_block(memory, i)); i++) {
		if (!is_open)
			first = block->number;
		next = mo_memory_block(memory, i + 1);
		is_open = next && next->number == block->number + 1;
		if (!is_open)
			fprintf(out, "%s%u-%u", ftello(out) ? "," : "", first, block->number);
	}
	if (!out || fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static int add_report(struct mo_bundle *bundle, const struct mo_report *report, uint64_t page_bytes)
{
	char *text;
	int err = mo_report_to_json(report, &text);

	if (err) {
		mo_bundle_miss(bundle, "/memoffline/why.json", err);
		return 0;
	}
	err = mo_bundle_add_json(bundle, "/memoffline/why.json", text);
	free(text);
	return err ? err : add_processes(bundle, report, page_bytes);
}

static int ask(struct mo_bundle *bundle, struct mo_memory *memory, const char *target)
{
	struct mo_request request = MO_REQUEST_INIT;
	struct mo_report *report;
	struct mo_plan *plan;
	int err;

	request.target = target;
	request.flags = MO_REQUEST_KEEP_ORDER;
	err = mo_plan_new(memory, &request, &plan);
	if (!err) {
		err = mo_why(plan, &request, &report);
		mo_plan_unref(plan);
	}
	if (err) {
		mo_bundle_note(bundle, "%s", mo_ctx_error(bundle->ctx));
		return 0;
	}
	err = add_report(bundle, report, mo_memory_page_bytes(memory));
	mo_report_unref(report);
	return err;
}

int mo_bundle_add_why(struct mo_bundle *bundle)
{
	struct mo_memory *memory;
	char *target;
	int err = mo_memory_read(bundle->ctx, &memory);

	if (err) {
		mo_bundle_note(bundle, "%s", mo_ctx_error(bundle->ctx));
		return 0;
	}
	target = all_blocks(memory);
	err = target ? ask(bundle, memory, target) : mo_bundle_no_memory(bundle);
	free(target);
	mo_memory_unref(memory);
	return err;
}
