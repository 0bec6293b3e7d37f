/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bundle in the making: what its files offer each other. */
#ifndef MO_BUNDLE_H
#define MO_BUNDLE_H

#include "private.h"

#define MO_MISSING_MAX 256	/* told of one by one; those beyond are counted */

struct mo_missing {
	char *path;
	int error;		/* negative errno */
};

struct mo_bundle {
	struct mo_ctx *ctx;
	struct mo_archive *archive;
	struct mo_redactor *redactor;	/* NULL: names stay */
	void *seen;			/* paths that are in it; tsearch(3) */
	uint64_t nr_files, nr_links;
	uint64_t len_bytes;		/* of files, before they are compressed */
	struct mo_missing missing[MO_MISSING_MAX];
	uint64_t nr_missing;
	char *notes[8];
	size_t nr_notes;
	char release[65];		/* of the kernel, "" when not known */
	char module[65];		/* version of the one that is loaded, "" when there is none */
	struct mo_doctor *doctor;	/* NULL: it could not look */
	char *manifest;
};

/* What of the machine's files is read, beside pages and processes: patterns, for the manifest. False past the end. */
bool mo_part_get(size_t i, const char **folder, const char **names);

/*
 * These return 0 also for what can't be read, which the manifest tells of; negative errno, with a text, when the bundle
 * can't go on. Paths begin with "/".
 */
int mo_bundle_add_parts(struct mo_bundle *bundle);	/* parts.c: sysfs, proc, configuration, rules */
int mo_bundle_add_pages(struct mo_bundle *bundle, enum mo_bundle_pages pages);	/* page-files.c */
int mo_bundle_add_log(struct mo_bundle *bundle);	/* kernel-log.c */
int mo_bundle_add_kept(struct mo_bundle *bundle);	/* kept-files.c: reports, journal, history */
int mo_bundle_add_cgroups(struct mo_bundle *bundle);	/* cgroups.c: their numbers */
int mo_bundle_add_why(struct mo_bundle *bundle);	/* reasons.c: why now, and the processes that it names */

/* A path that is in it already is left alone. TEXT is as the machine has it: names are taken out here. */
int mo_bundle_add_text(struct mo_bundle *bundle, enum mo_text_kind kind, const char *path, const char *text);
int mo_bundle_add_json(struct mo_bundle *bundle, const char *path, const char *text);	/* one object, or one a line */
int mo_bundle_add_bytes(struct mo_bundle *bundle, const char *path, const void *bytes, size_t len_bytes);
/* As mo_archive_add_sparse(). */
int mo_bundle_add_sparse(struct mo_bundle *bundle, const char *path, uint64_t len_bytes,
			 const struct mo_extent *extents, size_t nr, mo_extent_fn *fn, void *data);
int mo_bundle_add_link(struct mo_bundle *bundle, const char *path, const char *target);
/* Is it new? Then it counts as there. 1, 0, -ENOMEM. */
int mo_bundle_is_new(struct mo_bundle *bundle, const char *path);
void mo_bundle_miss(struct mo_bundle *bundle, const char *path, int err);
void mo_bundle_note(struct mo_bundle *bundle, const char *fmt, ...) PRINTF(2, 3);
int mo_bundle_no_memory(struct mo_bundle *bundle);

/* json-manifest.c */
int mo_manifest_to_json(const struct mo_bundle *bundle, char **text);
/* json.c */
/* FN makes a new text of each; NULL: no memory. KEY is that of the object, or list, that it stands in. */
typedef char *mo_string_fn(void *data, const char *key, const char *string);
/* -EBADMSG: TEXT is no JSON. Sets no error text. */
int mo_json_map(const char *text, mo_string_fn *fn, void *data, char **mapped);

#endif
