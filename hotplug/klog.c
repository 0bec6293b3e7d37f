// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the kernel says while it takes memory offline: lines of its log and of its trace, as Linux 6.1 and later write
 * them. Nothing here reads a file.
 *
 * A page that fails is told in several lines: which one and the batch's result ("migrating pfn 100000 failed ret:1"),
 * then the page, from its references ("page: refcount:3 ...") to the cause ("page dumped because: ...").
 * Other lines may stand between them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define MAX_DUMPS 1024		/* the kernel dumps ten pages in five seconds at most */

struct mo_klog {
	uint64_t start_pfn;
	uint64_t end_pfn;
	uint64_t page_bytes;
	char said[64];
	uint64_t stuck_pfn;
	bool moving;		/* the last pass of the migration left nothing behind */
	uint64_t failed_pfn;	/* of the line before a dump */
	int32_t failed_ret;
	struct mo_dump open;	/* its cause has not come yet; pfn is NO_PFN when there is none */
	int32_t entire_mapcount, nr_pages_mapped;	/* of it, -1 when not said */
	struct mo_dump *dumps;
	size_t nr_dumps;
};

struct mo_klog *mo_klog_new(void)
{
	struct mo_klog *klog = calloc(1, sizeof(*klog));

	if (klog)
		mo_klog_reset(klog, 0, 0, 1);
	return klog;
}

void mo_klog_free(struct mo_klog *klog)
{
	if (!klog)
		return;
	free(klog->dumps);
	free(klog);
}

void mo_klog_reset(struct mo_klog *klog, uint64_t start_pfn, uint64_t nr_pages, uint64_t page_bytes)
{
	klog->start_pfn = start_pfn;
	klog->end_pfn = start_pfn + nr_pages;
	klog->page_bytes = page_bytes;
	klog->said[0] = '\0';
	klog->stuck_pfn = NO_PFN;
	klog->moving = false;
	klog->failed_pfn = NO_PFN;
	klog->open.pfn = NO_PFN;
	klog->nr_dumps = 0;
}

uint64_t mo_klog_stuck_pfn(const struct mo_klog *klog)
{
	return klog->moving ? NO_PFN : klog->stuck_pfn;
}

const char *mo_klog_said(const struct mo_klog *klog)
{
	return klog->said;
}

const struct mo_dump *mo_klog_dump_at(const struct mo_klog *klog, size_t i)
{
	return i < klog->nr_dumps ? &klog->dumps[i] : NULL;
}

/* A compound page is aligned to its size, and dumped once for all of its parts. */
static bool covers(const struct mo_dump *dump, uint64_t pfn)
{
	return pfn >> dump->order == dump->pfn >> dump->order;
}

const struct mo_dump *mo_klog_dump(const struct mo_klog *klog, uint64_t pfn)
{
	for (size_t i = 0; i < klog->nr_dumps; i++)
		if (covers(&klog->dumps[i], pfn))
			return &klog->dumps[i];
	return NULL;
}

/* ---- words and numbers in a line ---- */

/* Where the value of KEY begins, a word of its own ("mapcount:" is no part of "entire_mapcount:"). */
static const char *value_of(const char *line, const char *key)
{
	const char *at = line;

	while ((at = strstr(at, key))) {
		if (at == line || at[-1] == ' ')
			return at + strlen(key);
		at++;
	}
	return NULL;
}

static int32_t number_of(const char *line, const char *key)
{
	const char *value = value_of(line, key);

	return value ? (int32_t)strtol(value, NULL, 10) : -1;
}

static uint64_t hex_of(const char *line, const char *key, uint64_t otherwise)
{
	const char *value = value_of(line, key);
	char *end;
	uint64_t number;

	if (!value)
		return otherwise;
	number = strtoull(value, &end, 16);
	return end == value ? otherwise : number;
}

static void copy_word(char *to, size_t size, const char *from, size_t len)
{
	if (len >= size)
		len = size - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

static bool in_range(const struct mo_klog *klog, uint64_t pfn)
{
	return pfn >= klog->start_pfn && pfn < klog->end_pfn;
}

static void set_stuck(struct mo_klog *klog, uint64_t pfn)
{
	klog->stuck_pfn = pfn;
	klog->moving = false;
}

/* ---- lines of the log ---- */

static void on_failed(struct mo_klog *klog, const char *line)
{
	klog->failed_pfn = hex_of(line, "pfn ", NO_PFN);
	klog->failed_ret = value_of(line, "ret:") ? number_of(line, "ret:") : 0;
	if (in_range(klog, klog->failed_pfn))
		set_stuck(klog, klog->failed_pfn);
}

static void on_page(struct mo_klog *klog, const char *line)
{
	if (!value_of(line, "refcount:"))
		return;
	memset(&klog->open, 0, sizeof(klog->open));
	klog->open.pfn = hex_of(line, "pfn:", NO_PFN);
	klog->open.refs = number_of(line, "refcount:");
	klog->open.mapcount = number_of(line, "mapcount:");
	klog->open.pincount = -1;
	klog->open.folio_mapcount = -1;
	klog->entire_mapcount = -1;
	klog->nr_pages_mapped = -1;
}

/* Older kernels name the counts of a compound page in another way; raw words have "head: " before them as well. */
static void on_head(struct mo_klog *klog, const char *line)
{
	struct mo_dump *open = &klog->open;

	if (!value_of(line, "order:"))
		return;
	open->order = number_of(line, "order:");
	if (open->order < 0 || open->order > 32)
		open->order = 0;
	open->folio_mapcount = number_of(line, "mapcount:");
	open->pincount = number_of(line, value_of(line, "pincount:") ? "pincount:" : "compound_pincount:");
	klog->entire_mapcount =
		number_of(line, value_of(line, "entire_mapcount:") ? "entire_mapcount:" : "compound_mapcount:");
	klog->nr_pages_mapped = number_of(line, "nr_pages_mapped:");
}

/* aops:ext4_da_aops [ext4] ino:c dentry name(?):"any bytes, quotes too" */
static void on_mapping(struct mo_klog *klog, const char *line)
{
	const char *aops = value_of(line, "aops:");
	const char *name = strstr(line, "dentry name");
	const char *end = strrchr(line, '"');

	copy_word(klog->open.aops, sizeof(klog->open.aops), aops, strcspn(aops, " "));
	klog->open.ino = hex_of(line, "ino:", 0);
	name = name ? strchr(name, '"') : NULL;
	if (name && end > name)
		copy_word(klog->open.name, sizeof(klog->open.name), name + 1, (size_t)(end - name - 1));
}

static void on_flags(struct mo_klog *klog, const char *line)
{
	size_t len = strlen(line);

	klog->open.cma = len > 4 && !strcmp(line + len - 4, " CMA");
}

/* Without the sum over all parts only a page that is mapped as a whole, and in no other way, is certain. */
static void complete_mapcount(struct mo_klog *klog)
{
	struct mo_dump *open = &klog->open;

	if (!open->order)
		return;
	if (open->folio_mapcount < 0 && klog->entire_mapcount > 0 &&
	    (klog->nr_pages_mapped == 0 || (klog->nr_pages_mapped < 0 && open->mapcount == klog->entire_mapcount)))
		open->folio_mapcount = klog->entire_mapcount;
	if (open->folio_mapcount >= 0)
		open->mapcount = open->folio_mapcount;
}

/* The newest dump of a page is the one that counts. */
static void keep_dump(struct mo_klog *klog)
{
	struct mo_dump *more, *known = (struct mo_dump *)mo_klog_dump(klog, klog->open.pfn);

	if (known) {
		*known = klog->open;
		return;
	}
	if (klog->nr_dumps == MAX_DUMPS)
		return;
	more = realloc(klog->dumps, (klog->nr_dumps + 1) * sizeof(*more));
	if (!more)
		return;
	klog->dumps = more;
	klog->dumps[klog->nr_dumps++] = klog->open;
}

static void on_cause(struct mo_klog *klog, const char *line)
{
	struct mo_dump *open = &klog->open;
	const char *cause = value_of(line, "because: ");

	if (!cause || open->pfn == NO_PFN)
		return;
	copy_word(open->cause, sizeof(open->cause), cause, strlen(cause));
	open->movable_failed = !strcmp(open->cause, "migration failure");
	if (open->movable_failed && klog->failed_pfn == open->pfn)
		open->ret = klog->failed_ret;
	complete_mapcount(klog);
	if (in_range(klog, open->pfn)) {
		keep_dump(klog);
		set_stuck(klog, open->pfn);
	}
	open->pfn = NO_PFN;
}

/* memory offlining [mem 0x100000000-0x107ffffff] failed due to signal backoff */
static void on_refused(struct mo_klog *klog, const char *line)
{
	uint64_t start_addr = hex_of(line, "[mem ", UINT64_MAX);
	const char *why = strstr(line, "failed due to ");

	if (why && in_range(klog, start_addr / klog->page_bytes))
		copy_word(klog->said, sizeof(klog->said), why + strlen("failed due to "),
			  strlen(why) - strlen("failed due to "));
}

static const struct {
	const char *begin;
	void (*act)(struct mo_klog *klog, const char *line);
} log_lines[] = {
	{ "migrating pfn ", on_failed },
	{ "failed to isolate pfn ", on_failed },
	{ "page dumped because: ", on_cause },
	{ "page:", on_page },
	{ "head:", on_head },
	{ "aops:", on_mapping },
	{ "flags: ", on_flags },
	{ "anon flags: ", on_flags },
	{ "ksm flags: ", on_flags },
};

static void on_line(struct mo_klog *klog, const char *line)
{
	/* dynamic debug may have put names before it */
	const char *refused = strstr(line, "memory offlining [mem ");

	if (refused) {
		on_refused(klog, refused);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(log_lines); i++) {
		if (!strncmp(line, log_lines[i].begin, strlen(log_lines[i].begin))) {
			log_lines[i].act(klog, line);
			return;
		}
	}
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \xNN, which the log makes of each byte that is not printable, and of the backslash. */
static void unescape(char *text)
{
	char *to = text;
	int high, low;

	for (; *text; text++) {
		high = text[0] == '\\' && text[1] == 'x' ? hex_digit(text[2]) : -1;
		low = high < 0 ? -1 : hex_digit(text[3]);
		if (low >= 0 && (high || low)) {
			*to++ = (char)(high << 4 | low);
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

/* "6,1234,5678,-;text" and lines of key and value that begin with a blank. */
void mo_klog_record(struct mo_klog *klog, const char *record, size_t len_bytes)
{
	const char *text = memchr(record, ';', len_bytes), *end;
	char line[4096];

	if (!text++)
		return;
	len_bytes -= (size_t)(text - record);
	end = memchr(text, '\n', len_bytes);
	copy_word(line, sizeof(line), text, end ? (size_t)(end - text) : len_bytes);
	unescape(line);
	on_line(klog, line);
}

/* ---- lines of the trace ---- */

/* The first page that is neither free nor may be skipped: the only sign of a page that is on no list. */
static void on_tested(struct mo_klog *klog, const char *line)
{
	uint64_t start_pfn = hex_of(line, "start_pfn=", NO_PFN);
	uint64_t fin_pfn = hex_of(line, "fin_pfn=", NO_PFN);

	if (strstr(line, "ret=fail") && in_range(klog, start_pfn) && in_range(klog, fin_pfn))
		set_stuck(klog, fin_pfn);
}

static void on_migrated(struct mo_klog *klog, const char *line)
{
	if (strstr(line, "reason=memory_hotplug"))
		klog->moving = number_of(line, "nr_failed=") == 0;
}

void mo_klog_trace(struct mo_klog *klog, const char *line)
{
	const char *tested = value_of(line, "test_pages_isolated:");
	const char *migrated = value_of(line, "mm_migrate_pages:");

	if (tested)
		on_tested(klog, tested);
	else if (migrated)
		on_migrated(klog, migrated);
}
