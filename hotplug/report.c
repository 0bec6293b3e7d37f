// SPDX-License-Identifier: LGPL-2.1-or-later
/* The report: what a transaction did to each block or process, and each page that stayed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "private.h"

static const char *const outcome_names[] = {
	[MO_OUTCOME_NOT_TRIED] = "not-tried",
	[MO_OUTCOME_WAS_SO] = "was-so",
	[MO_OUTCOME_DONE] = "done",
	[MO_OUTCOME_FAILED] = "failed",
	[MO_OUTCOME_ROLLED_BACK] = "rolled-back",
	[MO_OUTCOME_ROLLBACK_FAILED] = "rollback-failed",
	[MO_OUTCOME_VANISHED] = "vanished",
	[MO_OUTCOME_OTHER_ZONE] = "other-zone",
};

/* A record as the library's users see it is the head of what is kept. */
struct kept_record {
	struct mo_record record;
	struct mo_owner *owners;	/* MO_OWNERS_MAX of them from the first owner on: lent pointers must stay */
	struct mo_hold holds[MO_HOLDS_MAX];
};

struct mo_report {
	struct mo_ctx *ctx;
	char *action, *engine, *target;
	int result;
	enum mo_reason reason;
	uint64_t start_time_s;
	uint64_t start_ms;
	uint64_t elapsed_ms;
	uint64_t end_time_ms;		/* since the epoch */
	uint64_t moved_pages;
	uint64_t freed_bytes;
	uint64_t wanted_bytes;
	uint64_t nr_pages_kept;
	struct mo_block_result **blocks;
	size_t nr_blocks;
	struct kept_record **records;
	size_t nr_records;
	struct mo_remedy **remedies;
	size_t nr_remedies;
	struct mo_removed **removed;
	size_t nr_removed;
	char **notes;
	size_t nr_notes;
	bool has_moves;			/* it is one on processes */
	struct mo_moves moves;
	struct mo_process_result **processes;
	size_t nr_processes;
};

const char *mo_outcome_name(enum mo_outcome outcome)
{
	return (size_t)outcome < ARRAY_SIZE(outcome_names) ? outcome_names[outcome] : "unknown";
}

const char *mo_status_name(int result)
{
	return result < 0 ? "failed" : result ? "partial" : "done";
}

int mo_report_new(struct mo_ctx *ctx, const char *action, const char *target, struct mo_report **out)
{
	struct mo_report *report = calloc(1, sizeof(*report));

	if (!report)
		return mo_error(ctx, -ENOMEM, "no memory for a report; free some and try again");
	report->ctx = mo_ctx_ref(ctx);
	report->action = strdup(action);
	report->engine = strdup("stock");
	report->target = strdup(target ? target : "");
	report->start_time_s = (uint64_t)time(NULL);
	report->start_ms = mo_now_ms();
	if (!report->action || !report->engine || !report->target) {
		mo_report_unref(report);
		return mo_error(ctx, -ENOMEM, "no memory for a report; free some and try again");
	}
	*out = report;
	return 0;
}

static void free_block(struct mo_block_result *result)
{
	free((char *)result->detail);
	free((char *)result->device);
	free(result);
}

static void free_process(struct mo_process_result *result)
{
	free((char *)result->comm);
	free(result);
}

static void free_record(struct kept_record *kept)
{
	uint32_t i;

	if (!kept)
		return;
	for (i = 0; i < kept->record.nr_owners_kept; i++) {
		free((char *)kept->owners[i].comm);
		free((char *)kept->owners[i].vma);
	}
	free(kept->owners);
	for (i = 0; i < kept->record.nr_holds; i++)
		free((char *)kept->holds[i].comm);
	free((char *)kept->record.stack);
	free((char *)kept->record.file);
	free((char *)kept->record.cgroup);
	free((char *)kept->record.slab);
	free(kept);
}

static void free_removed(struct mo_removed *removed)
{
	free((char *)removed->device);
	free((char *)removed->slots);
	free(removed);
}

static void free_remedy(struct mo_remedy *remedy)
{
	free((char *)remedy->object);
	free(remedy);
}

struct mo_report *mo_report_unref(struct mo_report *report)
{
	size_t i;

	if (!report)
		return NULL;
	for (i = 0; i < report->nr_blocks; i++)
		free_block(report->blocks[i]);
	for (i = 0; i < report->nr_records; i++)
		free_record(report->records[i]);
	for (i = 0; i < report->nr_remedies; i++)
		free_remedy(report->remedies[i]);
	for (i = 0; i < report->nr_removed; i++)
		free_removed(report->removed[i]);
	free(report->removed);
	for (i = 0; i < report->nr_notes; i++)
		free(report->notes[i]);
	for (i = 0; i < report->nr_processes; i++)
		free_process(report->processes[i]);
	free(report->processes);
	free(report->blocks);
	free(report->records);
	free(report->remedies);
	free(report->notes);
	free(report->action);
	free(report->engine);
	free(report->target);
	mo_ctx_unref(report->ctx);
	free(report);
	return NULL;
}

/* Room for one more pointer after NR; grows at powers of two. The array itself moves, what it points to never does. */
static bool make_room(void *array, size_t nr)
{
	void **old, *more;

	if (nr & (nr - 1))
		return true;
	memcpy(&old, array, sizeof(old));
	more = reallocarray(old, nr ? 2 * nr : 1, sizeof(void *));
	if (!more)
		return false;
	memcpy(array, &more, sizeof(more));
	return true;
}

/* ---- what the transaction puts in ---- */

struct mo_block_result *mo_report_add_block(struct mo_report *report, uint32_t block, enum mo_zone zone)
{
	struct mo_block_result *result = calloc(1, sizeof(*result));

	if (!result || !make_room(&report->blocks, report->nr_blocks)) {
		free(result);
		return NULL;
	}
	result->detail = strdup("");
	result->device = strdup("");
	if (!result->detail || !result->device) {
		free_block(result);
		return NULL;
	}
	result->block = block;
	result->zone = zone;
	report->blocks[report->nr_blocks++] = result;
	return result;
}

struct mo_process_result *mo_report_add_process(struct mo_report *report, int32_t pid, const char *comm)
{
	struct mo_process_result *result = calloc(1, sizeof(*result));

	report->has_moves = true;
	if (!result || !make_room(&report->processes, report->nr_processes)) {
		free(result);
		return NULL;
	}
	result->comm = strdup(comm);
	if (!result->comm) {
		free(result);
		return NULL;
	}
	result->pid = pid;
	report->processes[report->nr_processes++] = result;
	return result;
}

void mo_moves_add(struct mo_moves *sum, const struct mo_moves *moves)
{
	sum->moved_pages += moves->moved_pages;
	sum->evicted_pages += moves->evicted_pages;
	sum->kept_pages += moves->kept_pages;
	sum->shared_pages += moves->shared_pages;
	sum->swapped_pages += moves->swapped_pages;
	if (moves->nr_split == UINT64_MAX)
		sum->nr_split = UINT64_MAX;
	else if (sum->nr_split != UINT64_MAX)
		sum->nr_split += moves->nr_split;
	for (size_t i = 0; i < MO_REASON_NR; i++)
		sum->kept_by_reason[i] += moves->kept_by_reason[i];
}

void mo_report_add_moves(struct mo_report *report, const struct mo_moves *moves)
{
	report->has_moves = true;
	mo_moves_add(&report->moves, moves);
	report->moved_pages = report->moves.moved_pages;
	report->nr_pages_kept = report->moves.kept_pages;
}

static int set_text(struct mo_report *report, const struct mo_block_result *result, const char **at, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return mo_error(report->ctx, -ENOMEM, "no memory for what is told of memory%u", result->block);
	free((char *)*at);
	*at = copy;
	return 0;
}

int mo_report_set_detail(struct mo_report *report, struct mo_block_result *result, const char *detail)
{
	return set_text(report, result, &result->detail, detail);
}

int mo_report_set_device(struct mo_report *report, struct mo_block_result *result, const char *device)
{
	return set_text(report, result, &result->device, device);
}

struct mo_record *mo_report_add_record(struct mo_report *report, const struct mo_record *src)
{
	struct kept_record *kept;

	report->nr_pages_kept += src->nr_pages;
	if (report->nr_records >= MO_RECORDS_MAX || !make_room(&report->records, report->nr_records))
		return NULL;
	kept = calloc(1, sizeof(*kept));
	if (!kept)
		return NULL;
	kept->record = *src;
	kept->record.nr_owners = 0;
	kept->record.nr_owners_kept = 0;
	kept->record.nr_holds = 0;
	kept->record.stack = strdup(src->stack ? src->stack : "");
	kept->record.file = strdup(src->file ? src->file : "");
	kept->record.cgroup = strdup(src->cgroup ? src->cgroup : "");
	kept->record.slab = strdup(src->slab ? src->slab : "");
	if (!kept->record.file || !kept->record.cgroup || !kept->record.slab || !kept->record.stack) {
		free_record(kept);
		return NULL;
	}
	report->records[report->nr_records++] = kept;
	return &kept->record;
}

struct mo_report_mark mo_report_mark(const struct mo_report *report)
{
	return (struct mo_report_mark){ report->nr_records, report->nr_pages_kept };
}

void mo_report_rewind(struct mo_report *report, const struct mo_report_mark *mark)
{
	while (report->nr_records > mark->nr_records)
		free_record(report->records[--report->nr_records]);
	report->nr_pages_kept = mark->nr_pages_kept;
}

int mo_report_add_remedy(struct mo_report *report, const struct mo_remedy *src)
{
	struct mo_remedy *remedy = malloc(sizeof(*remedy));

	if (!remedy || !make_room(&report->remedies, report->nr_remedies)) {
		free(remedy);
		return -ENOMEM;
	}
	*remedy = *src;
	remedy->object = strdup(src->object);
	if (!remedy->object) {
		free(remedy);
		return -ENOMEM;
	}
	report->remedies[report->nr_remedies++] = remedy;
	return 0;
}

struct mo_removed *mo_report_add_removed(struct mo_report *report, const char *device, const char *slots)
{
	struct mo_removed *removed = calloc(1, sizeof(*removed));

	if (!removed || !make_room(&report->removed, report->nr_removed)) {
		free(removed);
		return NULL;
	}
	removed->device = strdup(device);
	removed->slots = strdup(slots);
	if (!removed->device || !removed->slots) {
		free_removed(removed);
		return NULL;
	}
	report->removed[report->nr_removed++] = removed;
	return removed;
}

bool mo_report_takes_offline(const struct mo_report *report)
{
	return !strcmp(report->action, "offline") || !strcmp(report->action, "remove");
}

bool mo_report_brings_back(const struct mo_report *report)
{
	return !strcmp(report->action, "undo") || !strcmp(report->action, "recover");
}

void mo_report_set_gone(struct mo_report *report, size_t i)
{
	report->removed[i]->is_gone = true;
}

/* Without memory it goes without. */
void mo_report_name_cgroups(struct mo_report *report)
{
	char path[4096] = "", *copy;
	bool is_unknown = false;
	uint64_t inode = 0;

	for (size_t i = 0; i < report->nr_records; i++) {
		struct mo_record *record = &report->records[i]->record;

		/* Pages of a cgroup come many in a row. */
		if (record->cgroup_inode != inode &&
		    mo_cgroup_path(report->ctx, record->cgroup_inode, path, sizeof(path)))
			*path = '\0';
		inode = record->cgroup_inode;
		is_unknown |= inode && !*path;
		copy = *path ? strdup(path) : NULL;
		if (!copy)
			continue;
		free((char *)record->cgroup);
		record->cgroup = copy;
	}
	if (is_unknown && mo_ctx_get_sysroot(report->ctx) && !mo_exists(report->ctx, MO_CGROUPS_RECORD))
		mo_report_add_note(report, "pages are charged to cgroups of which only the numbers are recorded; a bundle that this "
				   "version writes has their paths");
}

int mo_record_add_owner(struct mo_record *record, const struct mo_owner *owner)
{
	struct kept_record *kept = (struct kept_record *)record;
	struct mo_owner *copy;

	record->nr_owners++;
	if (record->nr_owners_kept == MO_OWNERS_MAX)
		return 0;
	if (!kept->owners)
		kept->owners = calloc(MO_OWNERS_MAX, sizeof(*kept->owners));
	if (!kept->owners)
		return -ENOMEM;
	copy = &kept->owners[record->nr_owners_kept];
	*copy = *owner;
	copy->comm = strdup(owner->comm ? owner->comm : "");
	copy->vma = strdup(owner->vma ? owner->vma : "");
	if (!copy->comm || !copy->vma) {
		free((char *)copy->comm);
		free((char *)copy->vma);
		return -ENOMEM;
	}
	record->nr_owners_kept++;
	return 0;
}

int mo_record_add_hold(struct mo_record *record, const struct mo_hold *hold)
{
	struct mo_hold *copy = &((struct kept_record *)record)->holds[record->nr_holds];

	if (record->nr_holds == MO_HOLDS_MAX)
		return 0;
	*copy = *hold;
	copy->comm = strdup(hold->comm ? hold->comm : "");
	if (!copy->comm)
		return -ENOMEM;
	record->nr_holds++;
	return 0;
}

static int replace_text(const char **text, const char *with)
{
	char *copy = strdup(with);

	if (!copy)
		return -ENOMEM;
	free((char *)*text);
	*text = copy;
	return 0;
}

int mo_record_name_owner(struct mo_record *record, size_t i, const char *vma)
{
	return replace_text(&((struct kept_record *)record)->owners[i].vma, vma);
}

int mo_record_set_file(struct mo_record *record, const char *path)
{
	return replace_text(&record->file, path);
}

int mo_record_set_stack(struct mo_record *record, const char *stack)
{
	return replace_text(&record->stack, stack);
}

void mo_report_count_kept(struct mo_report *report, uint64_t nr_pages)
{
	report->nr_pages_kept += nr_pages;
}

int mo_report_add_note(struct mo_report *report, const char *fmt, ...)
{
	va_list args;
	char *note;
	int len;

	va_start(args, fmt);
	len = vasprintf(&note, fmt, args);
	va_end(args);
	if (len < 0)
		return -ENOMEM;
	if (!make_room(&report->notes, report->nr_notes)) {
		free(note);
		return -ENOMEM;
	}
	report->notes[report->nr_notes++] = note;
	return 0;
}

int mo_report_set_engine(struct mo_report *report, const char *engine)
{
	char *copy = strdup(engine);

	if (!copy)
		return mo_error(report->ctx, -ENOMEM, "no memory for a report; free some and try again");
	free(report->engine);
	report->engine = copy;
	return 0;
}

void mo_report_set_moved(struct mo_report *report, uint64_t moved_pages)
{
	report->moved_pages = moved_pages;
}

void mo_report_set_wanted(struct mo_report *report, uint64_t wanted_bytes)
{
	report->wanted_bytes = wanted_bytes;
}

void mo_report_finish(struct mo_report *report, int result, enum mo_reason reason, uint64_t freed_bytes)
{
	report->result = result;
	report->reason = reason;
	report->freed_bytes = freed_bytes;
	report->elapsed_ms = mo_now_ms() - report->start_ms;
	report->end_time_ms = mo_wall_ms();
}

int mo_report_restore(struct mo_report *report, const struct mo_report_totals *totals)
{
	int err = mo_report_set_engine(report, totals->engine);

	if (err)
		return err;
	report->result = totals->result;
	report->reason = totals->reason;
	report->start_time_s = totals->start_time_s;
	report->elapsed_ms = totals->elapsed_ms;
	report->end_time_ms = totals->end_time_ms;
	report->moved_pages = totals->moved_pages;
	report->freed_bytes = totals->freed_bytes;
	report->wanted_bytes = totals->wanted_bytes;
	report->nr_pages_kept = totals->nr_pages_kept;
	return 0;
}

/* ---- what can be asked ---- */

const char *mo_report_action(const struct mo_report *report)
{
	return report->action;
}

const char *mo_report_engine(const struct mo_report *report)
{
	return report->engine;
}

const char *mo_report_target(const struct mo_report *report)
{
	return report->target;
}

int mo_report_result(const struct mo_report *report)
{
	return report->result;
}

enum mo_reason mo_report_reason(const struct mo_report *report)
{
	return report->reason;
}

uint64_t mo_report_start_time_s(const struct mo_report *report)
{
	return report->start_time_s;
}

uint64_t mo_report_elapsed_ms(const struct mo_report *report)
{
	return report->elapsed_ms;
}

uint64_t mo_report_end_ms(const struct mo_report *report)
{
	return report->end_time_ms;
}

uint64_t mo_report_moved_pages(const struct mo_report *report)
{
	return report->moved_pages;
}

uint64_t mo_report_wanted_bytes(const struct mo_report *report)
{
	return report->wanted_bytes;
}

uint64_t mo_report_freed_bytes(const struct mo_report *report)
{
	return report->freed_bytes;
}

size_t mo_report_nr_blocks(const struct mo_report *report)
{
	return report->nr_blocks;
}

const struct mo_block_result *mo_report_block(const struct mo_report *report, size_t i)
{
	return i < report->nr_blocks ? report->blocks[i] : NULL;
}

size_t mo_report_nr_records(const struct mo_report *report)
{
	return report->nr_records;
}

struct mo_record *mo_report_record_mutable(struct mo_report *report, size_t i)
{
	return i < report->nr_records ? &report->records[i]->record : NULL;
}

const struct mo_record *mo_report_record(const struct mo_report *report, size_t i)
{
	return i < report->nr_records ? &report->records[i]->record : NULL;
}

const struct mo_owner *mo_record_owner(const struct mo_record *record, size_t i)
{
	return i < record->nr_owners_kept ? &((const struct kept_record *)record)->owners[i] : NULL;
}

const struct mo_hold *mo_record_hold(const struct mo_record *record, size_t i)
{
	return i < record->nr_holds ? &((const struct kept_record *)record)->holds[i] : NULL;
}

uint64_t mo_report_nr_pages_kept(const struct mo_report *report)
{
	return report->nr_pages_kept;
}

const struct mo_moves *mo_report_moves(const struct mo_report *report)
{
	return report->has_moves ? &report->moves : NULL;
}

size_t mo_report_nr_processes(const struct mo_report *report)
{
	return report->nr_processes;
}

const struct mo_process_result *mo_report_process(const struct mo_report *report, size_t i)
{
	return i < report->nr_processes ? report->processes[i] : NULL;
}

size_t mo_report_nr_remedies(const struct mo_report *report)
{
	return report->nr_remedies;
}

const struct mo_remedy *mo_report_remedy(const struct mo_report *report, size_t i)
{
	return i < report->nr_remedies ? report->remedies[i] : NULL;
}

size_t mo_report_nr_removed(const struct mo_report *report)
{
	return report->nr_removed;
}

const struct mo_removed *mo_report_removed(const struct mo_report *report, size_t i)
{
	return i < report->nr_removed ? report->removed[i] : NULL;
}

const char *mo_report_note(const struct mo_report *report, size_t i)
{
	return i < report->nr_notes ? report->notes[i] : NULL;
}

/* ---- the run directory: last.json, and memoryN.json for each block; one inode, many names ---- */

static int open_reports_dir(struct mo_ctx *ctx)
{
	char dir[PATH_MAX];
	int fd, err = mo_run_dir_make(ctx);

	if (err)
		return err;
	if (snprintf(dir, sizeof(dir), "%s/reports", mo_run_dir(ctx)) >= (int)sizeof(dir))
		return -ENAMETOOLONG;
	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int write_all(int fd, const char *text, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_file(int dir_fd, const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int err;

	if (fd < 0)
		return -errno;
	err = write_all(fd, text, strlen(text));
	if (close(fd) && !err)
		err = -errno;
	return err;
}

/* Give the file NEW one more name at once: a reader sees the old report or the new one, never half of one. */
static int name_file(int dir_fd, const char *new, const char *name)
{
	char link_name[64];

	snprintf(link_name, sizeof(link_name), ".%s.%d", name, getpid());
	unlinkat(dir_fd, link_name, 0);
	if (linkat(dir_fd, new, dir_fd, link_name, 0))
		return -errno;
	if (renameat(dir_fd, link_name, dir_fd, name)) {
		int err = -errno;

		unlinkat(dir_fd, link_name, 0);
		return err;
	}
	return 0;
}

static int name_all(const struct mo_report *report, int dir_fd, const char *new)
{
	char name[32];
	size_t i;
	int err = 0;

	for (i = 0; i < report->nr_blocks && !err; i++) {
		if (report->blocks[i]->outcome == MO_OUTCOME_NOT_TRIED)
			continue;	/* what was kept of it before says more */
		snprintf(name, sizeof(name), "memory%u.json", report->blocks[i]->block);
		err = name_file(dir_fd, new, name);
	}
	return err ? err : name_file(dir_fd, new, "last.json");
}

static int save_text(const struct mo_report *report, const char *text)
{
	int dir_fd = open_reports_dir(report->ctx);
	char new[32];
	int err;

	if (dir_fd < 0)
		return dir_fd;
	snprintf(new, sizeof(new), ".new.%d", getpid());
	err = write_file(dir_fd, new, text);
	if (!err)
		err = name_all(report, dir_fd, new);
	unlinkat(dir_fd, new, 0);
	close(dir_fd);
	return err;
}

int mo_report_save(struct mo_report *report)
{
	char *text;
	int err = mo_report_to_json(report, &text);

	if (err)
		return mo_error(report->ctx, err, "can't write the report as JSON: %s; install libjson-c, and see that there is memory",
				strerror(-err));
	err = save_text(report, text);
	free(text);
	if (err)
		return mo_error(report->ctx, err,
				"can't keep the report in %s/reports: %s; make room there, or name another run directory",
				mo_run_dir(report->ctx), strerror(-err));
	return 0;
}

/* Up to the first NUL byte, which no report holds. */
static int read_report(struct mo_ctx *ctx, const char *name, char **text)
{
	int fd = mo_run_open(ctx, O_RDONLY, name), err = 0;
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	size_t size = 0;

	*text = NULL;
	if (fd < 0)
		return fd;
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	errno = 0;
	if (getdelim(text, &size, '\0', file) < 0)
		err = errno ? -errno : -EBADMSG;
	fclose(file);
	if (err)
		free(*text);
	return err;
}

static int no_report(struct mo_ctx *ctx, uint32_t block, const char *path)
{
	if (block == UINT32_MAX)
		return mo_error(ctx, -ENOENT, "there is no report yet: %s does not exist; \"memoffline offline\" and "
				"\"memoffline online\" leave one, and it is lost when the machine restarts", path);
	return mo_error(ctx, -ENOENT, "there is no report on memory%u: %s does not exist; \"memoffline report\" without a "
			"block shows the last one of all", block, path);
}

int mo_report_load_saved(struct mo_ctx *ctx, uint32_t block, struct mo_report **report)
{
	char name[64] = "reports/last.json", path[PATH_MAX], why[256] = "it is empty", *text;
	int err;

	if (block != UINT32_MAX)
		snprintf(name, sizeof(name), "reports/memory%u.json", block);
	if (mo_run_path(ctx, path, sizeof(path), name))
		return mo_error(ctx, -ENAMETOOLONG, "the name of the run directory is too long; choose a shorter one");
	err = read_report(ctx, name, &text);
	if (err == -ENOENT)
		return no_report(ctx, block, path);
	if (!err) {
		err = mo_report_parse(ctx, text, report, why, sizeof(why));
		free(text);
	}
	if (err == -EBADMSG)
		return mo_error(ctx, err, "can't read the report %s: %s; remove the file, the next attempt writes a new one",
				path, why);
	if (err)
		return mo_error(ctx, err, "can't read the report %s: %s; %s", path, strerror(-err),
				err == -EACCES || err == -EPERM ? "run this as root" : "check the run directory");
	return 0;
}
