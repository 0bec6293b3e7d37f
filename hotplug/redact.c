// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names become other words. What is known to be a name always does. In free text each word does that is no number and
 * stands in no list of words that kernel and memoffline use (vocabulary.c): a name that nobody thought of is no leak.
 *
 * The same name becomes the same word. Words are numbered as names are met: nothing of the name is in them, and whom
 * they stood for is forgotten with the redactor.
 */
#include <ctype.h>
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define WORD "name"

struct known {
	char word[24];		/* "" in the vocabulary */
	char name[];
};

struct mo_redactor {
	void *names;		/* tsearch(3) */
	void *words;		/* of the vocabulary */
	unsigned int nr_names;
	bool no_memory;
};

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct known *)a)->name, ((const struct known *)b)->name);
}

/* The entry of NAME; made when it is missing. NULL: no memory. */
static struct known *get_entry(void **root, const char *name, size_t len)
{
	struct known *entry = calloc(1, sizeof(*entry) + len + 1), **found;

	if (!entry)
		return NULL;
	memcpy(entry->name, name, len);
	found = tsearch(entry, root, compare_entries);
	if (!found || *found != entry)
		free(entry);
	return found ? *found : NULL;
}

/* ---- the vocabulary ---- */

/* Words are of letters alone, and without regard to case. */
static void learn(struct mo_redactor *redactor, const char *text)
{
	char word[64];
	size_t len;

	for (; *text; text += len) {
		for (len = 0; isalpha((unsigned char)text[len]); len++)
			if (len < sizeof(word) - 1)
				word[len] = (char)tolower((unsigned char)text[len]);
		if (len && len < sizeof(word) && !get_entry(&redactor->words, word, len))
			redactor->no_memory = true;
		len += !len;
	}
}

static bool is_word(const struct mo_redactor *redactor, const char *text, size_t len)
{
	union { struct known known; char space[sizeof(struct known) + 64]; } key = { 0 };

	if (len >= 64)
		return false;
	for (size_t i = 0; i < len; i++)
		key.known.name[i] = (char)tolower((unsigned char)text[i]);
	return tfind(&key.known, &redactor->words, compare_entries);
}

static size_t span(const char *text, size_t len, int (*is)(int))
{
	size_t i;

	for (i = 0; i < len && is((unsigned char)text[i]); i++)
		;
	return i;
}

/* A pointer, as %p and the raw words of a page print it, or 0x and a number. */
static bool is_hex(const char *text, size_t len)
{
	if (len > 2 && len <= 18 && text[0] == '0' && (text[1] | 0x20) == 'x')
		return span(text + 2, len - 2, isxdigit) == len - 2;
	return len == 16 && span(text, len, isxdigit) == len;
}

/* "4711", "memory32", "8k", "PNP0C80": digits, a word, digits; each may be missing. */
static bool is_part_known(const struct mo_redactor *redactor, const char *text, size_t len)
{
	size_t before = span(text, len, isdigit), word = span(text + before, len - before, isalpha);
	size_t after = span(text + before + word, len - before - word, isdigit);

	if (is_hex(text, len) || (len == 7 && !memcmp(text, "PNP0C80", 7)))
		return true;
	return before + word + after == len && (!word || is_word(redactor, text + before, word));
}

/* All that is between marks, such as "6.1.0-18-amd64". Bytes that are not ASCII are no marks. */
static bool is_known(const struct mo_redactor *redactor, const char *text, size_t len)
{
	size_t n;

	for (; len; text += n, len -= n) {
		for (n = 0; n < len && !(isascii(text[n]) && ispunct((unsigned char)text[n])); n++)
			;
		if (n && !is_part_known(redactor, text, n))
			return false;
		n += !n;
	}
	return true;
}

/* ---- names ---- */

struct mo_redactor *mo_redactor_new(void)
{
	struct mo_redactor *redactor = calloc(1, sizeof(*redactor));

	if (!redactor)
		return NULL;
	learn(redactor, mo_vocabulary);
	learn(redactor, WORD);
	for (unsigned int i = 0; i < MO_REASON_NR; i++) {
		learn(redactor, mo_reason_text((enum mo_reason)i));
		learn(redactor, mo_reason_remedy((enum mo_reason)i));
		learn(redactor, mo_reason_name((enum mo_reason)i));
		learn(redactor, mo_reason_key((enum mo_reason)i));
	}
	for (unsigned int i = 0; i < MO_KIND_NR; i++)
		learn(redactor, mo_kind_key((enum mo_kind)i));
	if (!redactor->no_memory)
		return redactor;
	mo_redactor_free(redactor);
	return NULL;
}

void mo_redactor_free(struct mo_redactor *redactor)
{
	if (!redactor)
		return;
	tdestroy(redactor->names, free);
	tdestroy(redactor->words, free);
	free(redactor);
}

static bool is_mark(char c)
{
	return isascii(c) && !isalnum((unsigned char)c);
}

/* The marks around a name stay: "name." at the end of a sentence is the same name. */
static void put_name(struct mo_redactor *redactor, FILE *out, const char *text, size_t len)
{
	struct known *entry;
	size_t start = 0, end = len;

	while (start < end && is_mark(text[start]))
		start++;
	while (end > start && is_mark(text[end - 1]))
		end--;
	fwrite(text, 1, start, out);
	if (end > start) {
		entry = get_entry(&redactor->names, text + start, end - start);
		if (entry && !*entry->word)
			snprintf(entry->word, sizeof(entry->word), WORD "%u", ++redactor->nr_names);
		fputs(entry ? entry->word : WORD, out);
	}
	fwrite(text + end, 1, len - end, out);
}

/* What " (deleted)" and "memfd:" say is no name. */
static void put_path(struct mo_redactor *redactor, FILE *out, const char *path, size_t len)
{
	static const char deleted[] = " (deleted)", memfd[] = "memfd:";
	const char *slash;
	size_t n, before;
	bool is_deleted = len > strlen(deleted) && !strcmp(path + len - strlen(deleted), deleted);

	len -= is_deleted ? strlen(deleted) : 0;
	for (; len; path += n, len -= n) {
		slash = memchr(path, '/', len);
		n = slash ? (size_t)(slash - path) : len;
		before = n > strlen(memfd) && !strncmp(path, memfd, strlen(memfd)) ? strlen(memfd) : 0;
		fwrite(path, 1, before, out);
		put_name(redactor, out, path + before, n - before);
		if (n < len)
			fputc(path[n++], out);
	}
	fputs(is_deleted ? deleted : "", out);
}

/* ---- free text ---- */

static bool ends_word(char c)
{
	return isascii(c) && (c <= ' ' || strchr("\"'`(){}[]<>,;=|\177", c));
}

static size_t word_len(const char *text, size_t len)
{
	size_t n;

	for (n = 0; n < len && !ends_word(text[n]); n++)
		;
	return n;
}

/* Of "comm:name" and "a/b" each. In a path from the root what begins with a digit is a name, too. */
static void put_word(struct mo_redactor *redactor, FILE *out, const char *word, size_t len)
{
	bool is_path = len && *word == '/';
	size_t n;

	for (; len; word += n, len -= n) {
		for (n = 0; n < len && word[n] != '/' && word[n] != ':'; n++)
			;
		if (is_known(redactor, word, n) && !(is_path && n && isdigit((unsigned char)*word)))
			fwrite(word, 1, n, out);
		else
			put_name(redactor, out, word, n);
		if (n < len)
			fputc(word[n++], out);
	}
}

/* Of an option that nobody here knows the value may be anything: a serial number, say. */
static void put_text(struct mo_redactor *redactor, FILE *out, const char *text, size_t len)
{
	size_t n;

	for (; len; text += n, len -= n) {
		n = word_len(text, len);
		if (n && n < len && text[n] == '=' && !is_known(redactor, text, n)) {
			n = strcspn(text, " \t\n");
			n = n < len ? n : len;
			put_name(redactor, out, text, n);
		} else {
			put_word(redactor, out, text, n);
		}
		if (n < len)
			fputc(text[n++], out);
	}
}

/* "00001000-0009fbff : System RAM" */
static void put_iomem_line(struct mo_redactor *redactor, FILE *out, const char *line, size_t len)
{
	size_t n = strspn(line, " 0123456789abcdef-:");

	n = n < len ? n : len;
	fwrite(line, 1, n, out);
	put_text(redactor, out, line + n, len - n);
}

static bool changes(struct mo_redactor *redactor, const char *line, size_t len)
{
	for (size_t n; len; line += n, len -= n) {
		n = word_len(line, len);
		if (!is_known(redactor, line, n))
			return true;
		n += n < len;
	}
	return false;
}

typedef void put_fn(struct mo_redactor *redactor, FILE *out, const char *line, size_t len);

static void put_as_it_is(struct mo_redactor *redactor, FILE *out, const char *line, size_t len)
{
	(void)redactor;
	fwrite(line, 1, len, out);
}

/* ---- what others see ---- */

static char *end_stream(FILE *out, char **text)
{
	if (!fclose(out))
		return *text;
	free(*text);
	return NULL;
}

/* A path, or what the kernel says in place of one: "[heap]", "anon_inode:[io_uring]". */
static void put_path_or_kind(struct mo_redactor *redactor, FILE *out, const char *text, size_t len)
{
	if (*text == '/')
		put_path(redactor, out, text, len);
	else
		put_text(redactor, out, text, len);
}

static char *redact(struct mo_redactor *redactor, const char *text, put_fn *put)
{
	char *result = NULL;
	size_t size;
	FILE *out;

	if (!redactor)
		return strdup(text);
	out = open_memstream(&result, &size);
	if (!out)
		return NULL;
	put(redactor, out, text, strlen(text));
	return end_stream(out, &result);
}

char *mo_redact_name(struct mo_redactor *redactor, const char *name)
{
	return redact(redactor, name, put_name);
}

char *mo_redact_path(struct mo_redactor *redactor, const char *path)
{
	return redact(redactor, path, put_path_or_kind);
}

/* Of lines that have a name in them nothing stays. */
static void put_known_lines(struct mo_redactor *redactor, FILE *out, const char *text, size_t len)
{
	size_t n;

	for (; len; text += n, len -= n) {
		n = strcspn(text, "\n");
		n += text[n] == '\n';
		if (!changes(redactor, text, n))
			fwrite(text, 1, n, out);
	}
}

static void put_iomem(struct mo_redactor *redactor, FILE *out, const char *text, size_t len)
{
	size_t n;

	for (; len; text += n, len -= n) {
		n = strcspn(text, "\n");
		n += text[n] == '\n';
		put_iomem_line(redactor, out, text, n);
	}
}

char *mo_redact_text(struct mo_redactor *redactor, enum mo_text_kind kind, const char *text)
{
	static put_fn *const puts[] = {
		[MO_TEXT_KERNEL] = put_as_it_is, [MO_TEXT_FREE] = put_text, [MO_TEXT_IOMEM] = put_iomem,
		[MO_TEXT_KNOWN] = put_known_lines,
	};

	return redact(redactor, text, puts[kind]);
}
