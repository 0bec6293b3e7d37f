/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What remedies share. remedy.c chooses what of a report they are tried on, and runs one in a process of its own, since
 * files and address spaces may hang; remedy-*.c are the remedies, in that process; ladder.c is their order.
 */
#ifndef MEMOFFLINE_REMEDY_H
#define MEMOFFLINE_REMEDY_H

#include <limits.h>

#include "private.h"

#define MO_REMEDY_RESULTS 128	/* kept of one remedy; what it did beyond is added up in the last one */

struct mo_remedy_object {
	const char *name;	/* of a file or its last component, path of a cgroup, name of a slab cache; lent */
	uint64_t inode;		/* of a file, else 0 */
	uint64_t nr_pages;	/* of it that keep blocks */
};

struct mo_remedy_range {
	uint64_t start_pfn, end_pfn;	/* [start_pfn, end_pfn) */
};

/* What a remedy is tried on. */
struct mo_remedy_choice {
	struct mo_remedy_object *objects;	/* each once */
	size_t nr_objects;
	struct mo_remedy_range *ranges;	/* for MO_REMEDY_PAGEOUT: ascending, none touches the next */
	size_t nr_ranges;
	uint64_t nr_blind_pages;	/* it is meant for these, too, but whose they are is not known */
};

/* Of the records from FIRST on. -ENOMEM. The names belong to the report. Pure. */
int mo_remedy_choose(const struct mo_report *report, size_t first, uint32_t remedy, struct mo_remedy_choice *choice);
void mo_remedy_choice_clear(struct mo_remedy_choice *choice);

struct mo_remedy_result {
	uint64_t asked_bytes, freed_bytes;
	int error;
	char object[PATH_MAX];
};

/* What the process leaves; both see it. */
struct mo_remedy_results {
	size_t nr;
	struct mo_remedy_result all[MO_REMEDY_RESULTS];
};

struct mo_remedy_work {
	struct mo_ctx *ctx;
	const struct mo_remedy_choice *choice;
	uint64_t page_bytes;
	struct mo_remedy_results *results;
};

/* Tell what came of one object, as struct mo_remedy has it. */
void mo_remedy_tell(struct mo_remedy_work *work, const struct mo_remedy *result);

/* The remedies: what can't be done is told of each object. */
void mo_remedy_cache(struct mo_remedy_work *work);
void mo_remedy_pageout(struct mo_remedy_work *work);
void mo_remedy_slab(struct mo_remedy_work *work);
void mo_remedy_cgroup(struct mo_remedy_work *work);

/*
 * Try one remedy, until UNTIL_MS (0: never) or a stop. What it did goes into the report, and how much that was, if
 * anything, into *FREED_BYTES; what could not be measured counts as something. NONE: it came to its end; else why not.
 */
enum mo_reason mo_remedy_try(struct mo_remedy_work *work, uint32_t remedy, struct mo_report *report, int stop_fd,
			     uint64_t until_ms, uint64_t *freed_bytes);

/* ---- file-search.c: files of which their number and their last name are known, among those that processes use ---- */
struct mo_wanted_file {
	const char *name;	/* its last component counts, which may be cut at 31 bytes */
	uint64_t inode;
	int fd;			/* out, O_PATH: -1 when none was found */
	bool is_ambiguous;	/* out: several files are of that number and name */
	char path[PATH_MAX];	/* out */
};
/* The file that was found is closed by the caller. May block for as long as any process or file system hangs. */
void mo_files_find(struct mo_ctx *ctx, struct mo_wanted_file *files, size_t nr);

#endif
