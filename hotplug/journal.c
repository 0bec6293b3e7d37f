// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The journal of a transaction, in the run directory.
 *
 * It is text: a header line, the target, then one line of fixed width for each block. It appears whole, by
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
#define JOURNAL_VERSION 2	/* 1 did not know what would do: it has no flags and no len_bytes */
#define LINE_FORMAT "%10" PRIu32 " %-8s %5" PRId32 " %c\n"
#define LINE_BYTES 28
#define MARK_OFFSET 26

struct mo_journal {
	struct mo_ctx *ctx;
	int fd;
	off_t first_line;	/* offset of the first block's line */
	struct mo_journal_entry *entries;
	size_t nr_entries;
	struct mo_journal_terms terms;
	int32_t pid;
	uint64_t start_time_s;
	char target[512];
};

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
	const struct mo_journal_entry *entry;
	size_t i;

	fprintf(file, MAGIC "%d %d %" PRIu64 " %zu %zu %" PRIu32 " %" PRIu64 "\n%s\n", JOURNAL_VERSION, journal->pid,
		journal->start_time_s, journal->nr_entries, journal->terms.nr_wanted, journal->terms.flags,
		journal->terms.len_bytes, journal->target);
	journal->first_line = ftello(file);
	for (i = 0; i < journal->nr_entries; i++) {
		entry = &journal->entries[i];
		fprintf(file, LINE_FORMAT, entry->block, mo_zone_name(entry->zone), entry->node, entry->mark);
	}
	if (fflush(file) || ferror(file) || fsync(fileno(file)))
		return errno ? -errno : -EIO;
	return 0;
}

static int write_journal(struct mo_journal *journal, const char *path, const char *temp_path)
{
	FILE *file = fopen(temp_path, "wxe");
	int err;

	if (!file)
		return -errno;
	err = write_entries(journal, file);
	if (fclose(file) && !err)
		err = -errno;
	if (!err && rename(temp_path, path))
		err = -errno;
	if (err) {
		unlink(temp_path);
		return err;
	}
	journal->fd = open(path, O_RDWR | O_CLOEXEC);
	return journal->fd < 0 ? -errno : 0;
}

int mo_journal_create(struct mo_ctx *ctx, const char *target, const struct mo_journal_entry *entries, size_t nr,
		      const struct mo_journal_terms *terms, struct mo_journal **out)
{
	char path[512], temp_path[512];
	struct mo_journal *journal;
	int err;

	if (mo_run_path(ctx, path, sizeof(path), "journal") || mo_run_path(ctx, temp_path, sizeof(temp_path), "journal.new"))
		return mo_error(ctx, -ENAMETOOLONG, "the run directory's name is too long: %s", mo_run_dir(ctx));
	err = journal_alloc(ctx, nr, &journal);
	if (err)
		return err;
	memcpy(journal->entries, entries, nr * sizeof(*entries));
	copy_printable(journal->target, sizeof(journal->target), target);
	journal->terms = *terms;
	journal->pid = getpid();
	journal->start_time_s = (uint64_t)time(NULL);
	unlink(temp_path);	/* of a command that was killed; we hold the lock */
	err = write_journal(journal, path, temp_path);
	if (err) {
		mo_journal_close(journal);
		return mo_error(ctx, err, "can't write the journal %s: %s; nothing was changed; make room in %s and try again",
				path, strerror(-err), mo_run_dir(ctx));
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
	    !strchr(".bdfu", mark))
		return false;
	entry->zone = zone_from_name(zone);
	entry->mark = (enum mo_journal_mark)mark;
	return true;
}

struct header {
	int32_t pid;
	uint64_t start_time_s;
	size_t nr_entries;
	struct mo_journal_terms terms;
	int len_bytes;		/* of its line */
};

static int parse_header(const char *text, struct header *header)
{
	struct mo_journal_terms *terms = &header->terms;
	int version, used = 0, n;

	memset(header, 0, sizeof(*header));
	if (sscanf(text, MAGIC "%d%n", &version, &used) != 1 || !used || version < 1)
		return -EBADMSG;
	if (version > JOURNAL_VERSION)
		return -EPROTONOSUPPORT;
	text += used;
	n = sscanf(text, "%" SCNd32 " %" SCNu64 " %zu %zu%n", &header->pid, &header->start_time_s, &header->nr_entries,
		   &terms->nr_wanted, &header->len_bytes);
	if (n != 4)
		return -EBADMSG;
	if (version > 1) {
		text += header->len_bytes;
		used += header->len_bytes;
		if (sscanf(text, " %" SCNu32 " %" SCNu64 "%n", &terms->flags, &terms->len_bytes, &header->len_bytes) != 2)
			return -EBADMSG;
	}
	if (text[header->len_bytes] != '\n')
		return -EBADMSG;
	header->len_bytes += used + 1;
	return 0;
}

/* TEXT is the whole file. Everything must fit exactly: half a journal is worse than none. */
static int parse_journal(struct mo_ctx *ctx, const char *text, size_t len, struct mo_journal **out)
{
	struct mo_journal *journal;
	struct header header;
	int err = parse_header(text, &header);
	size_t i;

	if (err)
		return err;
	if (header.terms.nr_wanted > header.nr_entries || header.nr_entries > len / LINE_BYTES ||
	    journal_alloc(ctx, header.nr_entries, &journal))
		return -EBADMSG;
	journal->terms = header.terms;
	journal->pid = header.pid;
	journal->start_time_s = header.start_time_s;
	i = strcspn(text + header.len_bytes, "\n");
	copy_printable(journal->target, sizeof(journal->target), text + header.len_bytes);
	journal->target[i < sizeof(journal->target) ? i : sizeof(journal->target) - 1] = '\0';
	journal->first_line = header.len_bytes + (off_t)i + 1;
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

int mo_journal_load(struct mo_ctx *ctx, struct mo_journal **out)
{
	char path[512], *text;
	size_t len;
	int fd, err;

	if (mo_run_path(ctx, path, sizeof(path), "journal"))
		return mo_error(ctx, -ENAMETOOLONG, "the run directory's name is too long: %s", mo_run_dir(ctx));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return mo_error(ctx, -ENOENT, "there is no unfinished journal in %s: nothing to resume or to undo", mo_run_dir(ctx));
	if (fd < 0)
		return mo_error(ctx, -errno, "can't open the journal %s: %s; run it as root", path, strerror(errno));
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

int mo_journal_set(struct mo_journal *journal, size_t i, enum mo_journal_mark mark)
{
	char byte = (char)mark;

	journal->entries[i].mark = mark;
	if (pwrite(journal->fd, &byte, 1, journal->first_line + (off_t)i * LINE_BYTES + MARK_OFFSET) == 1)
		return 0;
	return mo_error(journal->ctx, -errno, "can't write to the journal in %s: %s", mo_run_dir(journal->ctx),
			strerror(errno));
}

int mo_journal_end(struct mo_journal *journal)
{
	char path[512];
	int err = mo_run_path(journal->ctx, path, sizeof(path), "journal");

	if (!err && unlink(path) && errno != ENOENT)
		err = mo_error(journal->ctx, -errno, "can't remove the journal %s: %s; remove it by hand", path, strerror(errno));
	mo_journal_close(journal);
	return err;
}

void mo_journal_close(struct mo_journal *journal)
{
	if (!journal)
		return;
	if (journal->fd >= 0)
		close(journal->fd);
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
	info->nr_blocks = (uint32_t)journal->nr_entries;
	for (i = 0; i < journal->nr_entries; i++)
		if (journal->entries[i].mark == MO_MARK_DONE)
			info->nr_done++;
	copy_printable(info->target, sizeof(info->target), journal->target);
	mo_journal_close(journal);
	return 0;
}
