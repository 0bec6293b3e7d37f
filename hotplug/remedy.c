// SPDX-License-Identifier: LGPL-2.1-or-later
/* Remedies: which pages each is meant for, what of a report it is tried on, and the process that tries it. */
#include <errno.h>
#include <linux/kernel-page-flags.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "remedy.h"

static const struct {
	const char *name;
	void (*run)(struct mo_remedy_work *work);
} remedies[] = {
	{ "cache", mo_remedy_cache },
	{ "pageout", mo_remedy_pageout },
	{ "slab", mo_remedy_slab },
	{ "cgroup", mo_remedy_cgroup },
};

/* ---- names ---- */

const char *mo_remedy_name(uint32_t remedy)
{
	for (size_t i = 0; i < ARRAY_SIZE(remedies); i++)
		if (remedy == 1u << i)
			return remedies[i].name;
	return NULL;
}

/* A word that ends at a comma, or at the end. */
static uint32_t parse_word(const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(remedies); i++)
		if (strlen(remedies[i].name) == len && !strncmp(remedies[i].name, word, len))
			return 1u << i;
	return 0;
}

int mo_remedies_parse(const char *list, uint32_t *out)
{
	uint32_t found = 0, bit;
	size_t len;

	if (!strcmp(list, "all") || !strcmp(list, "none")) {
		*out = strcmp(list, "none") ? MO_REMEDY_ALL : 0;
		return 0;
	}
	for (;; list += len + 1) {
		len = strcspn(list, ",");
		bit = parse_word(list, len);
		if (!bit)
			return -EINVAL;
		found |= bit;
		if (!list[len])
			break;
	}
	*out = found;
	return 0;
}

/* ---- what each is meant for ---- */

/*
 * Who pins a page, or writes it just now, keeps it whatever is tried. What was not explained may well go: the stock
 * engine tells of most pages no more than what ended the attempt, and locks pages itself while it fails to move them.
 */
static bool is_curable(enum mo_reason reason)
{
	switch (reason) {
	case MO_REASON_NO_TARGET:
	case MO_REASON_NO_MIGRATE:
	case MO_REASON_SLAB:
	case MO_REASON_LOCKED:
	case MO_REASON_DEADLINE:
	case MO_REASON_STALL:
	case MO_REASON_UNKNOWN:
		return true;
	default:
		return false;
	}
}

static bool is_of_user(enum mo_kind kind)
{
	return kind == MO_KIND_ANON || kind == MO_KIND_THP || kind == MO_KIND_SHMEM || kind == MO_KIND_CACHE;
}

/* Shared memory is page cache of tmpfs, which has no other place: it is never clean. */
static bool is_meant_for(uint32_t remedy, const struct mo_record *record)
{
	bool is_reclaimable = is_of_user(record->kind) && !(record->kpageflags & (1ULL << KPF_UNEVICTABLE));

	if (!is_curable(record->reason) || record->start_pfn == NO_PFN)
		return false;
	switch (remedy) {
	case MO_REMEDY_CACHE:
		return is_reclaimable && record->kind == MO_KIND_CACHE;
	case MO_REMEDY_PAGEOUT:
		return is_reclaimable;
	case MO_REMEDY_SLAB:
		return record->kind == MO_KIND_SLAB;
	default:
		return is_reclaimable || record->kind == MO_KIND_SLAB;
	}
}

/* The root is nobody's: what it is charged can be anybody's memory. */
static bool has_cgroup(const struct mo_record *record)
{
	return *record->cgroup && strcmp(record->cgroup, "/");
}

/* Its object, as far as it is known. */
static bool name_object(uint32_t remedy, const struct mo_record *record, struct mo_remedy_object *object)
{
	*object = (struct mo_remedy_object){ .nr_pages = record->nr_pages };
	switch (remedy) {
	case MO_REMEDY_CACHE:
		object->name = record->file;
		object->inode = record->file_inode;
		return record->file_inode && *record->file;
	case MO_REMEDY_SLAB:
		object->name = record->slab;
		return *record->slab;
	default:
		object->name = record->cgroup;
		return has_cgroup(record);
	}
}

uint32_t mo_record_remedies(const struct mo_record *record)
{
	struct mo_remedy_object object;
	uint32_t found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(remedies); i++) {
		uint32_t remedy = 1u << i;
		bool is_mapped = record->nr_owners || record->mapcount > 0;

		if (is_meant_for(remedy, record) &&
		    (remedy == MO_REMEDY_PAGEOUT ? is_mapped : name_object(remedy, record, &object)))
			found |= remedy;
	}
	return found;
}

/* ---- what one is tried on ---- */

static void add_object(struct mo_remedy_choice *choice, const struct mo_remedy_object *object)
{
	struct mo_remedy_object *at = choice->objects;

	const struct mo_remedy_object *end = choice->objects + choice->nr_objects;

	while (at < end && (at->inode != object->inode || strcmp(at->name, object->name)))
		at++;
	if (at < end)
		at->nr_pages += object->nr_pages;
	else
		choice->objects[choice->nr_objects++] = *object;
}

static int by_start(const void *a, const void *b)
{
	const struct mo_remedy_range *x = a, *y = b;

	return (x->start_pfn > y->start_pfn) - (x->start_pfn < y->start_pfn);
}

/* Sorted, and those that touch made one. */
static void join_ranges(struct mo_remedy_choice *choice)
{
	struct mo_remedy_range *ranges = choice->ranges;
	size_t nr = 0;

	qsort(ranges, choice->nr_ranges, sizeof(*ranges), by_start);
	for (size_t i = 0; i < choice->nr_ranges; i++) {
		if (!nr || ranges[nr - 1].end_pfn < ranges[i].start_pfn)
			ranges[nr++] = ranges[i];
		else if (ranges[nr - 1].end_pfn < ranges[i].end_pfn)
			ranges[nr - 1].end_pfn = ranges[i].end_pfn;
	}
	choice->nr_ranges = nr;
}

int mo_remedy_choose(const struct mo_report *report, size_t first, uint32_t remedy, struct mo_remedy_choice *choice)
{
	size_t room = mo_report_nr_records(report) + 1;
	const struct mo_record *record;
	struct mo_remedy_object object;

	*choice = (struct mo_remedy_choice){ calloc(room, sizeof(*choice->objects)), 0,
					     calloc(room, sizeof(*choice->ranges)), 0, 0 };
	if (!choice->objects || !choice->ranges) {
		mo_remedy_choice_clear(choice);
		return -ENOMEM;
	}
	for (size_t i = first; (record = mo_report_record(report, i)); i++) {
		if (!is_meant_for(remedy, record))
			continue;
		if (remedy == MO_REMEDY_PAGEOUT)
			choice->ranges[choice->nr_ranges++] = (struct mo_remedy_range){
				record->start_pfn, record->start_pfn + record->nr_pages };
		else if (name_object(remedy, record, &object))
			add_object(choice, &object);
		else if (remedy != MO_REMEDY_CGROUP)
			choice->nr_blind_pages += record->nr_pages;
	}
	join_ranges(choice);
	return 0;
}

void mo_remedy_choice_clear(struct mo_remedy_choice *choice)
{
	free(choice->objects);
	free(choice->ranges);
	*choice = (struct mo_remedy_choice){ 0 };
}

/* ---- the process ---- */

/* Our parent may look at any time: a result counts once it is complete. */
void mo_remedy_tell(struct mo_remedy_work *work, const struct mo_remedy *result)
{
	struct mo_remedy_results *results = work->results;
	struct mo_remedy_result *last = &results->all[MO_REMEDY_RESULTS - 1];

	if (results->nr == MO_REMEDY_RESULTS) {
		snprintf(last->object, sizeof(last->object), "others");
		last->asked_bytes += result->asked_bytes;
		last->freed_bytes += result->freed_bytes == UINT64_MAX ? 0 : result->freed_bytes;
		return;
	}
	last = &results->all[results->nr];
	snprintf(last->object, sizeof(last->object), "%s", result->object);
	last->asked_bytes = result->asked_bytes;
	last->freed_bytes = result->freed_bytes;
	last->error = result->error;
	__atomic_store_n(&results->nr, results->nr + 1, __ATOMIC_RELEASE);
}

struct attempt {
	struct mo_remedy_work *work;
	void (*run)(struct mo_remedy_work *work);
};

/* Locks and sessions of ours end with us alone, also when this hangs. After fork() the C library's malloc() works. */
static int run_remedy(void *data)
{
	const struct attempt *attempt = data;

	mo_worker_keep_only(mo_root_fd(attempt->work->ctx), -1);
	attempt->run(attempt->work);
	return 0;
}

/* ---- its parent ---- */

static uint64_t take_results(const struct mo_remedy_results *results, uint32_t remedy, struct mo_report *report)
{
	size_t nr = __atomic_load_n(&results->nr, __ATOMIC_ACQUIRE);
	uint64_t freed_bytes = 0;

	for (size_t i = 0; i < nr; i++) {
		const struct mo_remedy_result *result = &results->all[i];
		const struct mo_remedy told = { remedy, result->object, result->asked_bytes, result->freed_bytes,
						result->error };

		mo_report_add_remedy(report, &told);
		freed_bytes += result->freed_bytes == UINT64_MAX ? 1 : result->freed_bytes;
	}
	return freed_bytes;
}

static enum mo_reason await(struct attempt *attempt, int stop_fd, uint64_t until_ms)
{
	struct mo_worker *worker;
	enum mo_reason reason;

	if (mo_worker_run(run_remedy, attempt, &worker))
		return MO_REASON_NONE;	/* as if it had done nothing */
	reason = mo_worker_watch(worker, stop_fd, until_ms, NULL, NULL);
	if (reason == MO_REASON_NONE)
		mo_worker_finish(worker);
	else
		mo_worker_drop(worker);
	return reason;
}

enum mo_reason mo_remedy_try(struct mo_remedy_work *work, uint32_t remedy, struct mo_report *report, int stop_fd,
			     uint64_t until_ms, uint64_t *freed_bytes)
{
	struct attempt attempt = { .work = work };
	enum mo_reason reason;

	for (size_t i = 0; i < ARRAY_SIZE(remedies); i++)
		if (remedy == 1u << i)
			attempt.run = remedies[i].run;
	*freed_bytes = 0;
	work->results = mmap(NULL, sizeof(*work->results), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (work->results == MAP_FAILED)
		return MO_REASON_NONE;
	reason = await(&attempt, stop_fd, until_ms);
	*freed_bytes = take_results(work->results, remedy, report);
	munmap(work->results, sizeof(*work->results));
	return reason;
}
