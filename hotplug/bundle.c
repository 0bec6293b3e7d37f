// SPDX-License-Identifier: LGPL-2.1-or-later
/* One archive with all that a report of a problem needs, which stands for the machine. It has no content of memory. */
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"

int mo_bundle_no_memory(struct mo_bundle *bundle)
{
	return mo_error(bundle->ctx, -ENOMEM, "no memory for the bundle; free some and try again");
}

/* ---- what the manifest tells ---- */

void mo_bundle_miss(struct mo_bundle *bundle, const char *path, int err)
{
	const char *last = bundle->nr_missing && bundle->nr_missing <= MO_MISSING_MAX ?
			   bundle->missing[bundle->nr_missing - 1].path : NULL;

	if (last && !strcmp(last, path))
		return;		/* a folder, of which more was wanted */
	if (bundle->nr_missing < MO_MISSING_MAX)
		bundle->missing[bundle->nr_missing] = (struct mo_missing){ strdup(path), err };
	bundle->nr_missing++;
}

void mo_bundle_note(struct mo_bundle *bundle, const char *fmt, ...)
{
	char *text;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len >= 0 && bundle->nr_notes < ARRAY_SIZE(bundle->notes))
		bundle->notes[bundle->nr_notes++] = text;
	else if (len >= 0)
		free(text);
}

/* ---- one more file ---- */

static int compare_paths(const void *a, const void *b)
{
	return strcmp(a, b);
}

int mo_bundle_is_new(struct mo_bundle *bundle, const char *path)
{
	char *copy = strdup(path), **found = copy ? tsearch(copy, &bundle->seen, compare_paths) : NULL;

	if (found && *found == copy)
		return 1;
	free(copy);
	return found ? 0 : mo_bundle_no_memory(bundle);
}

int mo_bundle_add_bytes(struct mo_bundle *bundle, const char *path, const void *bytes, size_t len_bytes)
{
	int new = mo_bundle_is_new(bundle, path);

	if (new <= 0)
		return new;
	bundle->nr_files++;
	bundle->len_bytes += len_bytes;
	return mo_archive_add(bundle->archive, path + 1, bytes, len_bytes);
}

int mo_bundle_add_text(struct mo_bundle *bundle, enum mo_text_kind kind, const char *path, const char *text)
{
	char *redacted = mo_redact_text(bundle->redactor, kind, text);
	int err;

	if (!redacted)
		return mo_bundle_no_memory(bundle);
	err = mo_bundle_add_bytes(bundle, path, redacted, strlen(redacted));
	free(redacted);
	return err;
}

int mo_bundle_add_link(struct mo_bundle *bundle, const char *path, const char *target)
{
	int new = mo_bundle_is_new(bundle, path);

	if (new <= 0)
		return new;
	bundle->nr_links++;
	return mo_archive_add_link(bundle->archive, path + 1, target);
}

int mo_bundle_add_sparse(struct mo_bundle *bundle, const char *path, uint64_t len_bytes,
			 const struct mo_extent *extents, size_t nr, mo_extent_fn *fn, void *data)
{
	int new = mo_bundle_is_new(bundle, path);

	if (new <= 0)
		return new;
	bundle->nr_files++;
	for (size_t i = 0; i < nr; i++)
		bundle->len_bytes += extents[i].len;
	return mo_archive_add_sparse(bundle->archive, path + 1, len_bytes, extents, nr, fn, data);
}

/* ---- JSON: what a text means, its key says ---- */

/* What stands there are words of memoffline's own or the kernel's, of which some are in no vocabulary: "EBUSY". */
static bool is_own_word(const char *key)
{
	static const char *const keys[] = {
		"action", "engine", "status", "error", "reason", "kind", "outcome", "zone", "health", "key",
		"slab_cache", "stack", "file_dev",
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(key, keys[i]))
			return true;
	return false;
}

static char *redact_string(void *data, const char *key, const char *string)
{
	struct mo_redactor *redactor = data;

	if (is_own_word(key))
		return strdup(string);
	if (!strcmp(key, "comm"))
		return mo_redact_name(redactor, string);
	if (!strcmp(key, "vma") || !strcmp(key, "file") || !strcmp(key, "cgroup"))
		return mo_redact_path(redactor, string);
	return mo_redact_text(redactor, MO_TEXT_FREE, string);
}

/* A line that is no JSON is left out: nobody knows what names it has. */
static int put_line(struct mo_bundle *bundle, FILE *out, const char *line, const char *path)
{
	char *mapped;
	int err = mo_json_map(line, redact_string, bundle->redactor, &mapped);

	if (err == -EBADMSG) {
		mo_bundle_miss(bundle, path, err);
		return 0;
	}
	if (err)
		return err;
	fprintf(out, "%s\n", mapped);
	free(mapped);
	return 0;
}

/* TEXT is one object, or has one in each line. */
static int put_objects(struct mo_bundle *bundle, FILE *out, const char *path, char *text)
{
	char *save = NULL, *mapped;
	int err = mo_json_map(text, redact_string, bundle->redactor, &mapped);

	if (!err) {
		fprintf(out, "%s\n", mapped);
		free(mapped);
		return 0;
	}
	if (err != -EBADMSG)
		return err;
	err = 0;
	for (char *line = strtok_r(text, "\n", &save); line && !err; line = strtok_r(NULL, "\n", &save))
		err = put_line(bundle, out, line, path);
	return err;
}

static int redact_json(struct mo_bundle *bundle, const char *path, const char *text, char **redacted)
{
	char *copy = strdup(text);
	size_t size;
	FILE *out = open_memstream(redacted, &size);
	int err = copy && out ? put_objects(bundle, out, path, copy) : -ENOMEM;

	if (out && fclose(out))
		err = -ENOMEM;
	free(copy);
	return err;
}

int mo_bundle_add_json(struct mo_bundle *bundle, const char *path, const char *text)
{
	char *redacted = NULL;
	int err;

	if (!bundle->redactor)
		return mo_bundle_add_bytes(bundle, path, text, strlen(text));
	err = redact_json(bundle, path, text, &redacted);
	if (err == -ENOMEM)
		err = mo_bundle_no_memory(bundle);
	else if (err)	/* no json-c: then there is no report either */
		mo_bundle_miss(bundle, path, err);
	else
		err = mo_bundle_add_bytes(bundle, path, redacted, strlen(redacted));
	free(redacted);
	return err == -ELIBACC ? 0 : err;
}

/* ---- all of it ---- */

static void look_around(struct mo_bundle *bundle)
{
	struct mo_ctx *ctx = bundle->ctx;

	if (mo_read_text(ctx, bundle->release, sizeof(bundle->release), "/proc/sys/kernel/osrelease") < 0)
		*bundle->release = '\0';
	if (mo_read_text(ctx, bundle->module, sizeof(bundle->module), "/sys/module/memoffline/version") < 0)
		*bundle->module = '\0';
	if (mo_doctor_new(ctx, &bundle->doctor)) {
		mo_bundle_note(bundle, "%s", mo_ctx_error(ctx));
		bundle->doctor = NULL;
	}
}

static int make_manifest(struct mo_bundle *bundle)
{
	char *text;
	int err = mo_manifest_to_json(bundle, &text);

	if (err || !bundle->redactor) {
		bundle->manifest = err ? NULL : text;
		return err;
	}
	err = mo_json_map(text, redact_string, bundle->redactor, &bundle->manifest);
	free(text);
	return err;
}

static int add_manifest(struct mo_bundle *bundle)
{
	int err;

	look_around(bundle);
	err = make_manifest(bundle);
	if (err)
		return mo_error(bundle->ctx, err, "can't write the bundle's manifest: %s; install libjson-c, and see that there is memory",
				strerror(-err));
	return mo_archive_add(bundle->archive, "memoffline/manifest.json", bundle->manifest, strlen(bundle->manifest));
}

static int add_all(struct mo_bundle *bundle, enum mo_bundle_pages pages)
{
	int err = mo_bundle_add_parts(bundle);

	if (!err)
		err = mo_bundle_add_pages(bundle, pages);
	if (!err)
		err = mo_bundle_add_cgroups(bundle);
	if (!err)
		err = mo_bundle_add_why(bundle);
	if (!err)
		err = mo_bundle_add_kept(bundle);
	if (!err)
		err = mo_bundle_add_log(bundle);
	return err ? err : add_manifest(bundle);
}

static int fill(struct mo_bundle *bundle, const struct mo_bundle_request *request, int fd)
{
	int err;

	if (request->redact) {
		bundle->redactor = mo_redactor_new();
		if (!bundle->redactor)
			return mo_bundle_no_memory(bundle);
	}
	err = mo_archive_new(bundle->ctx, fd, &bundle->archive);
	if (err)
		return err;
	err = add_all(bundle, request->pages);
	if (err)
		mo_archive_end(bundle->archive, false);
	return err ? err : mo_archive_end(bundle->archive, true);
}

static int write_file(struct mo_bundle *bundle, const struct mo_bundle_request *request)
{
	struct mo_new_file *file;
	int err = mo_new_file_open(bundle->ctx, request->path, &file), end;

	if (err)
		return err;
	err = fill(bundle, request, mo_new_file_fd(file));
	end = mo_new_file_end(file, !err);
	return err ? err : end;
}

static int check(struct mo_ctx *ctx, const struct mo_bundle_request *request)
{
	if (request->size != sizeof(*request))
		return mo_error(ctx, -EINVAL, "the request is %zu bytes long, this library knows %zu; rebuild the program against it",
				request->size, sizeof(*request));
	if (request->pages > MO_BUNDLE_PAGES_NEVER)
		return mo_error(ctx, -EINVAL, "unknown value %d for the state of pages in the request", (int)request->pages);
	return 0;
}

int mo_bundle_write(struct mo_ctx *ctx, const struct mo_bundle_request *request, struct mo_bundle **out)
{
	struct mo_bundle *bundle;
	int err = check(ctx, request);

	if (err)
		return err;
	bundle = calloc(1, sizeof(*bundle));
	if (!bundle)
		return mo_error(ctx, -ENOMEM, "no memory for the bundle; free some and try again");
	bundle->ctx = mo_ctx_ref(ctx);
	err = request->path ? write_file(bundle, request) : fill(bundle, request, request->fd);
	if (err)
		mo_bundle_unref(bundle);
	else
		*out = bundle;
	return err;
}

struct mo_bundle *mo_bundle_unref(struct mo_bundle *bundle)
{
	if (!bundle)
		return NULL;
	for (size_t i = 0; i < bundle->nr_missing && i < MO_MISSING_MAX; i++)
		free(bundle->missing[i].path);
	for (size_t i = 0; i < bundle->nr_notes; i++)
		free(bundle->notes[i]);
	tdestroy(bundle->seen, free);
	mo_doctor_unref(bundle->doctor);
	mo_redactor_free(bundle->redactor);
	free(bundle->manifest);
	mo_ctx_unref(bundle->ctx);
	free(bundle);
	return NULL;
}

uint64_t mo_bundle_nr_files(const struct mo_bundle *bundle)
{
	return bundle->nr_files;
}

const char *mo_bundle_manifest(const struct mo_bundle *bundle)
{
	return bundle->manifest;
}

const char *mo_bundle_note_text(const struct mo_bundle *bundle, size_t i)
{
	return i < bundle->nr_notes ? bundle->notes[i] : NULL;
}
