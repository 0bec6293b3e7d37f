// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The journal of a transaction: in the run directory, or, of a removal, in the state directory, since that is to be
 * finished or taken back after the machine was restarted as well.
 *
 * It is text: a header line, the target, a line for each pool of huge pages that is to keep its size, then one line of
 * fixed width for each block. It appears whole, by
 * rename, before the first block is touched, so that a full file system is found out in time; afterwards only
 * single bytes change in place, which needs no new space.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "private.h"

#define MAGIC "memoffline-journal "
/* 1 did not know what would do: it has no flags and no len_bytes; 2 has no stage, no boot and no pools */
#define JOURNAL_VERSION 3
#define STAGE_OFFSET 21		/* in the header line */
#define LINE_FORMAT "%10" PRIu32 " %-8s %5" PRId32 " %c\n"
#define LINE_BYTES 28
#define MARK_OFFSET 26
#define BOOT_BYTES 40		/* a UUID */
#define POOL_FORMAT "%" PRId32 " %" PRIu32 " %" PRIu64 "\n"

struct mo_journal {
	struct mo_ctx *ctx;
	int fd;
	off_t first_line;	/* offset of the first block's line */
	struct mo_journal_entry *entries;
	size_t nr_entries;
	struct mo_journal_terms terms;
	enum mo_journal_stage stage;
	int32_t pid;
	uint64_t start_time_s;
	char boot[BOOT_BYTES];
	char target[512];
	char path[512];
};

/* Of the running kernel; "-" where it is not told. */
static void read_boot(struct mo_ctx *ctx, char boot[BOOT_BYTES])
{
	if (mo_read_text(ctx, boot, BOOT_BYTES, "/proc/sys/kernel/random/boot_id") <= 0 || strchr(boot, ' '))
		strcpy(boot, "-");
}

static int journal_alloc(struct mo_ctx *ctx, size_t nr, struct mo_journal **out)
{
	struct mo_journal *journal = calloc(1, sizeof(*journal));

	if (!journal)
		return mo_error(ctx, -ENOMEM, "no memory for the journal");
	journal->entries = calloc(nr ? nr : 1, sizeof(*journal->entries));
	if (!journal->entries) {
		free(journal);
		return mo_error(ctx, -ENOMEM, "no memory for a journal of %zu blocks", nr);
	}
	journal->ctx = ctx;
	journal->nr_entries = nr;
	journal->fd = -1;
	*out = journal;
	return 0;
}

static void copy_printable(char *to, size_t size, const char *from)
{
	size_t i;

	for (i = 0; from[i] && i < size - 1; i++)
		to[i] = isprint((unsigned char)from[i]) ? from[i] : ' ';
	to[i] = '\0';
}

static int write_entries(struct mo_journal *journal, FILE *file)
{
	const struct mo_journal_terms *terms = &journal->terms;
	const struct mo_journal_entry *entry;
	size_t i;

	fprintf(file, MAGIC "%d %c %d %" PRIu64 " %zu %zu %" PRIu32 " %" PRIu64 " %s %zu\n%s\n", JOURNAL_VERSION,
		journal->stage, journal->pid, journal->start_time_s, journal->nr_entries, terms->nr_wanted,
		terms->flags, terms->len_bytes, journal->boot, terms->pools.nr, journal->target);
	for (i = 0; i < terms->pools.nr; i++)
		fprintf(file, POOL_FORMAT, terms->pools.all[i].node, terms->pools.all[i].size_kib,
			mo_pool_own_pages(&terms->pools.all[i]));
	journal->first_line = ftello(file);
	for (i = 0; i < journal->nr_entries; i++) {
		entry = &journal->entries[i];
		fprintf(file, LINE_FORMAT, entry->block, mo_zone_name(entry->zone), entry->node, entry->mark);
	}
	if (fflush(file) || ferror(file) || fsync(fileno(file)))
		return errno ? -errno : -EIO;
	return 0;
}

static int write_journal(struct mo_journal *journal)
{
	char temp_path[sizeof(journal->path) + 4];
	FILE *file;
	int err;

	snprintf(temp_path, sizeof(temp_path), "%s.new", journal->path);
	unlink(temp_path);	/* of a command that was killed; we hold the lock */
	file = fopen(temp_path, "wxe");
	if (!file)
		return -errno;
	err = write_entries(journal, file);
	if (fclose(file) && !err)
		err = -errno;
	if (!err && rename(temp_path, journal->path))
		err = -errno;
	if (err) {
		unlink(temp_path);
		return err;
	}
	journal->fd = open(journal->path, O_RDWR | O_CLOEXEC);
	return journal->fd < 0 ? -errno : 0;
}

static int set_terms(struct mo_journal *journal, const struct mo_journal_terms *terms)
{
	int err = 0;

	journal->terms = *terms;
	journal->terms.pools = (struct mo_pools){ 0 };
	for (size_t i = 0; i < terms->pools.nr && !err; i++)
		err = mo_pools_add(&journal->terms.pools, &terms->pools.all[i]);
	return err;
}

/* A new name must be on disk, too: the machine may lose its power while a device goes. */
static int sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = fsync(fd) ? -errno : 0;
	close(fd);
	return err;
}

static int run_path(struct mo_ctx *ctx, char *path, size_t size)
{
	if (!mo_run_path(ctx, path, size, "journal"))
		return 0;
	return mo_error(ctx, -ENAMETOOLONG, "the run directory's name is too long: %s", mo_run_dir(ctx));
}

/* False: no state directory is wanted, or its name is too long. */
static bool state_path(struct mo_ctx *ctx, char *path, size_t size)
{
	const char *dir = mo_state_dir(ctx);

	return *dir && !mo_ctx_get_sysroot(ctx) && snprintf(path, size, "%s/removal", dir) < (int)size;
}

static int explain_write(struct mo_journal *journal, int err)
{
	return mo_error(journal->ctx, err, "can't write the journal %s: %s; nothing was changed; make room there and try again",
			journal->path, strerror(-err));
}

static int write_to_run_dir(struct mo_journal *journal)
{
	int err = run_path(journal->ctx, journal->path, sizeof(journal->path));

	if (err)
		return err;
	err = write_journal(journal);
	return err ? explain_write(journal, err) : 0;
}

/* Where it lasts if that can be had, else where it lasts till the machine is restarted. */
static int write_to_state_dir(struct mo_journal *journal)
{
	const char *dir = mo_state_dir(journal->ctx);
	int err;

	if (!state_path(journal->ctx, journal->path, sizeof(journal->path)))
		return write_to_run_dir(journal);
	err = mkdir(dir, 0700) && errno != EEXIST ? -errno : write_journal(journal);
	if (!err)
		err = sync_dir(dir);
	if (err == -ENOSPC || err == -EDQUOT)
		return explain_write(journal, err);
	if (!err)
		return 0;
	mo_log(journal->ctx, MO_LOG_WARNING, "%s can't be written (%s): if the machine is restarted in the middle of this removal, "
	       "nothing will finish it or take it back", journal->path, strerror(-err));
	return write_to_run_dir(journal);
}

int mo_journal_create(struct mo_ctx *ctx, const char *target, const struct mo_journal_entry *entries, size_t nr,
		      const struct mo_journal_terms *terms, enum mo_journal_stage stage, struct mo_journal **out)
{
	struct mo_journal *journal;
	int err = journal_alloc(ctx, nr, &journal);

	if (err)
		return err;
	memcpy(journal->entries, entries, nr * sizeof(*entries));
	copy_printable(journal->target, sizeof(journal->target), target);
	err = set_terms(journal, terms);
	journal->stage = stage;
	journal->pid = getpid();
	journal->start_time_s = (uint64_t)time(NULL);
	read_boot(ctx, journal->boot);
	if (err)
		mo_error(ctx, err, "no memory for the journal");
	else
		err = stage == MO_STAGE_OFFLINE ? write_to_run_dir(journal) : write_to_state_dir(journal);
	if (err) {
		mo_journal_close(journal);
		return err;
	}
	*out = journal;
	return 0;
}

static enum mo_zone zone_from_name(const char *name)
{
	enum mo_zone zone;

	for (zone = MO_ZONE_UNKNOWN; zone <= MO_ZONE_DEVICE; zone++)
		if (!strcmp(name, mo_zone_name(zone)))
			return zone;
	return MO_ZONE_UNKNOWN;
}

static bool parse_entry(const char *line, struct mo_journal_entry *entry)
{
	char zone[16], mark;

	if (sscanf(line, "%" SCNu32 " %15s %" SCNd32 " %c", &entry->block, zone, &entry->node, &mark) != 4 ||
	    !strchr(".bdfu-", mark))
		return false;
	entry->zone = zone_from_name(zone);
	entry->mark = (enum mo_journal_mark)mark;
	return true;
}

struct header {
	int32_t pid;
	uint64_t start_time_s;
	size_t nr_entries, nr_pools;
	struct mo_journal_terms terms;
	enum mo_journal_stage stage;
	char boot[BOOT_BYTES];
	int len_bytes;		/* of its line */
};

static int parse_header(const char *text, struct header *header)
{
	struct mo_journal_terms *terms = &header->terms;
	int version, used = 0;
	const char *at;
	char stage;

	memset(header, 0, sizeof(*header));
	strcpy(header->boot, "-");
	header->stage = MO_STAGE_OFFLINE;
	if (sscanf(text, MAGIC "%d%n", &version, &used) != 1 || !used || version < 1)
		return -EBADMSG;
	if (version > JOURNAL_VERSION)
		return -EPROTONOSUPPORT;
	at = text + used;
	if (version > 2) {
		if (sscanf(at, " %c%n", &stage, &used) != 1 || !strchr("-reg", stage))
			return -EBADMSG;
		header->stage = (enum mo_journal_stage)stage;
		at += used;
	}
	if (sscanf(at, "%" SCNd32 " %" SCNu64 " %zu %zu%n", &header->pid, &header->start_time_s, &header->nr_entries,
		   &terms->nr_wanted, &used) != 4)
		return -EBADMSG;
	at += used;
	if (version > 1) {
		if (sscanf(at, " %" SCNu32 " %" SCNu64 "%n", &terms->flags, &terms->len_bytes, &used) != 2)
			return -EBADMSG;
		at += used;
	}
	if (version > 2) {
		if (sscanf(at, " %39s %zu%n", header->boot, &header->nr_pools, &used) != 2)
			return -EBADMSG;
		at += used;
	}
	if (*at != '\n')
		return -EBADMSG;
	header->len_bytes = (int)(at - text) + 1;
	return 0;
}

/* *AT comes to stand behind them. */
static bool parse_pools(const char **at, size_t nr, struct mo_pools *pools)
{
	for (size_t i = 0; i < nr; i++) {
		struct mo_pool pool = { 0 };
		int len = 0;

		if (sscanf(*at, "%" SCNd32 " %" SCNu32 " %" SCNu64 "%n", &pool.node, &pool.size_kib, &pool.nr_pages, &len) != 3 ||
		    (*at)[len] != '\n' || mo_pools_add(pools, &pool))
			return false;
		*at += len + 1;
	}
	return true;
}

/* TEXT is the whole file. Everything must fit exactly: half a journal is worse than none. */
static int parse_journal(struct mo_ctx *ctx, const char *text, size_t len, struct mo_journal **out)
{
	struct mo_journal *journal;
	struct header header;
	int err = parse_header(text, &header);
	const char *at;
	size_t i;

	if (err)
		return err;
	if (header.terms.nr_wanted > header.nr_entries || header.nr_entries > len / LINE_BYTES ||
	    journal_alloc(ctx, header.nr_entries, &journal))
		return -EBADMSG;
	journal->terms = header.terms;
	journal->stage = header.stage;
	journal->pid = header.pid;
	journal->start_time_s = header.start_time_s;
	memcpy(journal->boot, header.boot, sizeof(journal->boot));
	i = strcspn(text + header.len_bytes, "\n");
	copy_printable(journal->target, sizeof(journal->target), text + header.len_bytes);
	journal->target[i < sizeof(journal->target) ? i : sizeof(journal->target) - 1] = '\0';
	at = text + header.len_bytes + i;
	at += *at == '\n';
	if (!parse_pools(&at, header.nr_pools, &journal->terms.pools))
		goto damaged;
	journal->first_line = at - text;
	if ((size_t)journal->first_line + header.nr_entries * LINE_BYTES != len)
		goto damaged;
	for (i = 0; i < header.nr_entries; i++)
		if (!parse_entry(text + journal->first_line + i * LINE_BYTES, &journal->entries[i]))
			goto damaged;
	*out = journal;
	return 0;

damaged:
	mo_journal_close(journal);
	return -EBADMSG;
}

/* NULL and errno on failure. */
static char *read_fd(int fd, size_t *len)
{
	struct stat st;
	char *text;
	ssize_t n;

	if (fstat(fd, &st))
		return NULL;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return NULL;
	n = pread(fd, text, (size_t)st.st_size, 0);
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	*len = (size_t)n;
	return text;
}

/* What began last comes first: there is a removal of before only where that was cut short. */
static int open_journal(struct mo_ctx *ctx, char *path, size_t size)
{
	int err = run_path(ctx, path, size), fd;

	if (err)
		return err;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && state_path(ctx, path, size))
		fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		return mo_error(ctx, -ENOENT, "there is no unfinished journal in %s: nothing to resume or to undo", mo_run_dir(ctx));
	return mo_error(ctx, -errno, "can't open the journal %s: %s; run it as root", path, strerror(errno));
}

int mo_journal_load(struct mo_ctx *ctx, struct mo_journal **out)
{
	char path[512], *text;
	size_t len;
	int fd = open_journal(ctx, path, sizeof(path)), err;

	if (fd < 0)
		return fd;
	text = read_fd(fd, &len);
	err = text ? parse_journal(ctx, text, len, out) : -errno;
	free(text);
	if (err)
		close(fd);
	if (err == -EPROTONOSUPPORT)
		return mo_error(ctx, err, "the journal %s was written by a newer memoffline; use that one, or bring blocks back "
				"with 'memoffline online', then remove the file", path);
	if (err)
		return mo_error(ctx, err, "the journal %s is damaged; look at 'memoffline list', bring blocks back with "
				"'memoffline online', then remove the file", path);
	(*out)->fd = fd;
	(*out)->ctx = ctx;
	memcpy((*out)->path, path, sizeof(path));
	return 0;
}

size_t mo_journal_nr(const struct mo_journal *journal)
{
	return journal->nr_entries;
}

const struct mo_journal_terms *mo_journal_terms(const struct mo_journal *journal)
{
	return &journal->terms;
}

const struct mo_journal_entry *mo_journal_entry(const struct mo_journal *journal, size_t i)
{
	return i < journal->nr_entries ? &journal->entries[i] : NULL;
}

const char *mo_journal_target(const struct mo_journal *journal)
{
	return journal->target;
}

enum mo_journal_stage mo_journal_stage(const struct mo_journal *journal)
{
	return journal->stage;
}

bool mo_journal_is_of_this_boot(const struct mo_journal *journal)
{
	char boot[BOOT_BYTES];

	read_boot(journal->ctx, boot);
	return !strcmp(boot, journal->boot) || !strcmp(journal->boot, "-");
}

static int write_byte(struct mo_journal *journal, char byte, off_t at)
{
	if (pwrite(journal->fd, &byte, 1, at) == 1)
		return 0;
	return mo_error(journal->ctx, -errno, "can't write to the journal %s: %s", journal->path, strerror(errno));
}

/* Unlike marks, which mean nothing once the machine was restarted, it must be on disk. */
int mo_journal_enter(struct mo_journal *journal, enum mo_journal_stage stage)
{
	int err = write_byte(journal, (char)stage, STAGE_OFFSET);

	journal->stage = stage;
	if (!err && fdatasync(journal->fd))
		err = mo_error(journal->ctx, -errno, "can't write to the journal %s: %s", journal->path,
			       strerror(errno));
	return err;
}

int mo_journal_set(struct mo_journal *journal, size_t i, enum mo_journal_mark mark)
{
	journal->entries[i].mark = mark;
	return write_byte(journal, (char)mark, journal->first_line + (off_t)i * LINE_BYTES + MARK_OFFSET);
}

int mo_journal_end(struct mo_journal *journal)
{
	int err = 0;

	if (unlink(journal->path) && errno != ENOENT)
		err = mo_error(journal->ctx, -errno, "can't remove the journal %s: %s; remove it by hand", journal->path,
			       strerror(errno));
	mo_journal_close(journal);
	return err;
}

void mo_journal_close(struct mo_journal *journal)
{
	if (!journal)
		return;
	if (journal->fd >= 0)
		close(journal->fd);
	mo_pools_free(&journal->terms.pools);
	free(journal->entries);
	free(journal);
}

int mo_journal_read(struct mo_ctx *ctx, struct mo_journal_info *info)
{
	struct mo_journal *journal;
	size_t i;
	int err = mo_journal_load(ctx, &journal);

	if (err)
		return err;
	memset(info, 0, sizeof(*info));
	info->pid = journal->pid;
	info->start_time_s = journal->start_time_s;
	info->running = mo_lock_is_held(ctx);
	info->removes = journal->stage != MO_STAGE_OFFLINE;
	info->is_of_this_boot = mo_journal_is_of_this_boot(journal);
	info->nr_blocks = (uint32_t)journal->nr_entries;
	for (i = 0; i < journal->nr_entries; i++)
		if (journal->entries[i].mark == MO_MARK_DONE)
			info->nr_done++;
	copy_printable(info->target, sizeof(info->target), journal->target);
	mo_journal_close(journal);
	return 0;
}
