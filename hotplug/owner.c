// SPDX-License-Identifier: LGPL-2.1-or-later
/* Owners: which processes map a page, however many pages are asked for. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

struct wanted {
	uint64_t start_pfn;
	uint64_t end_pfn;
	uint64_t max_end_pfn;	/* of this one and all before it */
	size_t record;		/* index, as it was asked for */
	int32_t last_pid;	/* counted for it already */
};

struct search {
	const struct mo_owner_sink *sink;
	struct wanted *wanted;	/* by start_pfn */
	size_t nr_wanted;
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

static int add_owner(const struct search *search, struct wanted *wanted, const struct mo_mapped_page *page)
{
	struct mo_owner owner = { .pid = page->pid, .addr = page->addr, .comm = page->comm, .vma = page->mapping };

	if (wanted->last_pid == page->pid)
		return 0;
	wanted->last_pid = page->pid;
	return search->sink->found(search->sink->data, wanted->record, &owner) < 0 ? -ENOMEM : 0;
}

static int match_page(void *data, const struct mo_mapped_page *page)
{
	const struct search *search = data;
	struct wanted *wanted = search->wanted;
	int err = 0;

	for (size_t i = nr_begun(search, page->pfn); !err && i && wanted[i - 1].max_end_pfn > page->pfn; i--)
		if (wanted[i - 1].end_pfn > page->pfn)
			err = add_owner(search, &wanted[i - 1], page);
	return err;
}

static void enter_process(void *data, int32_t pid)
{
	const struct search *search = data;

	search->sink->enter(search->sink->data, pid);
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

static bool find_mapping(const char *maps, uint64_t addr, struct mo_mapping *mapping)
{
	char line[PATH_MAX + 128];
	size_t len;

	for (; maps && *maps; maps += len + (maps[len] == '\n')) {
		len = strcspn(maps, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)len, maps);
		if (mo_mapping_parse(line, mapping) && mapping->name && addr >= mapping->start_addr &&
		    addr < mapping->end_addr)
			return true;
	}
	return false;
}

static void name_owners(struct mo_ctx *ctx, struct name_cache *cache, const struct mo_report *report, size_t i,
			const struct mo_owner_sink *sink)
{
	const struct mo_record *record = mo_report_record(report, i);
	const struct mo_owner *owner;
	struct mo_mapping mapping = { 0 };

	for (size_t j = 0; (owner = mo_record_owner(record, j)); j++) {
		if (*owner->vma || owner->pid <= 0)
			continue;
		sink->enter(sink->data, owner->pid);
		if (find_mapping(maps_of(ctx, cache, owner->pid), owner->addr, &mapping))
			sink->name(sink->data, i, j, mapping.name);
	}
	free(mapping.name);
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

static int find(struct mo_ctx *ctx, struct search *search, uint64_t *nr_hidden)
{
	const struct mo_pagemap_visitor visitor = {
		.start_pfn = search->wanted[0].start_pfn,
		.end_pfn = search->wanted[search->nr_wanted - 1].max_end_pfn,
		.enter = enter_process, .page = match_page, .data = search,
	};

	return mo_pagemap_each(ctx, &visitor, nr_hidden);
}

int mo_owners_find(struct mo_ctx *ctx, struct mo_record **records, size_t nr, const struct mo_owner_sink *sink,
		   uint64_t *nr_hidden)
{
	struct search search = { .sink = sink };
	int err;

	*nr_hidden = 0;
	if (!nr)
		return 0;
	err = fill_wanted(&search, records, nr);
	if (!err)
		err = find(ctx, &search, nr_hidden);
	free(search.wanted);
	return err ? mo_error(ctx, err, "can't look for the owners of pages in /proc: %s; is /proc mounted?", strerror(-err)) : 0;
}
