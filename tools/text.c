// SPDX-License-Identifier: GPL-2.0-only
/* Numbers and names as text. */
#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "out.h"

struct text text_bytes(uint64_t len_bytes)
{
	static const char units[] = "BKMGTPE";
	struct text out;
	uint64_t tenths, unit = 1;
	size_t i = 0;

	while (i < 6 && len_bytes / unit >= 1024) {
		unit *= 1024;
		i++;
	}
	tenths = (len_bytes % unit * 10 + unit / 2) / unit;
	len_bytes = len_bytes / unit + tenths / 10;	/* 0.96 is 1.0 */
	tenths %= 10;
	if (tenths)
		snprintf(out.text, sizeof(out.text), "%" PRIu64 ".%" PRIu64 "%c", len_bytes, tenths, units[i]);
	else
		snprintf(out.text, sizeof(out.text), "%" PRIu64 "%c", len_bytes, units[i]);
	return out;
}

struct text text_count(uint64_t count)
{
	struct text out;
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, count);
	char *to = out.text;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return out;
}

struct text text_seconds(uint64_t ms)
{
	struct text out;
	uint64_t seconds = ms / 1000;

	if (ms < 60000)
		snprintf(out.text, sizeof(out.text), "%" PRIu64 ".%" PRIu64 " s", seconds, ms % 1000 / 100);
	else if (seconds < 3600)
		snprintf(out.text, sizeof(out.text), "%" PRIu64 " min %" PRIu64 " s", seconds / 60, seconds % 60);
	else
		snprintf(out.text, sizeof(out.text), "%" PRIu64 " h %" PRIu64 " min", seconds / 3600,
			 seconds % 3600 / 60);
	return out;
}

static struct text counted(uint64_t count, const char *noun)
{
	struct text out;

	snprintf(out.text, sizeof(out.text), "%.40s %s%s", text_count(count).text, noun, count == 1 ? "" : "s");
	return out;
}

struct text text_blocks(uint64_t count)
{
	return counted(count, "block");
}

struct text text_attempts(uint64_t count)
{
	return counted(count, "attempt");
}

struct text text_pages(uint64_t count)
{
	return counted(count, "page");
}

const char *text_error(int err)
{
	return err == -ETIMEDOUT ? "timed out" : err == -EINTR ? "stopped" : strerror(-err);
}

struct text text_time(uint64_t time_s)
{
	time_t time = (time_t)time_s;
	struct text out = { "" };
	struct tm tm;

	if (localtime_r(&time, &tm))
		strftime(out.text, sizeof(out.text), "%Y-%m-%d %H:%M:%S", &tm);
	return out;
}

/* Length of the UTF-8 character at TEXT, and the character; 0 when there is none. */
static size_t utf8_decode(const unsigned char *text, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = 0;

	if (text[0] < 0x80) {
		*code = text[0];
		return 1;
	}
	if (text[0] >= 0xc2 && text[0] < 0xf5)
		len = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	if (!len)
		return 0;
	*code = text[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (text[i] & 0x3f);
	}
	if (*code < least[len] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return len;
}

/* Controls move the cursor; bidirectional marks and separators make a line look like another. */
static bool is_harmless(uint32_t code)
{
	if (code < 0x20 || (code >= 0x7f && code < 0xa0))
		return false;
	return !(code >= 0x200b && code <= 0x200f) && !(code >= 0x2028 && code <= 0x202e) &&
	       !(code >= 0x2060 && code <= 0x2069) && code != 0xfeff;
}

static char *allocate(size_t len_bytes)
{
	char *memory = malloc(len_bytes);

	if (!memory)
		out_of_memory();
	return memory;
}

/* Cells are many: what was allocated for the worst case is given back. */
static char *shrink(char *text)
{
	char *smaller = realloc(text, strlen(text) + 1);

	return smaller ? smaller : text;
}

void text_use_locale(void)
{
	static bool is_used;

	if (!is_used)
		setlocale(LC_CTYPE, "");
	is_used = true;
}

static bool shows_utf8(void)
{
	text_use_locale();
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

/* WIDE: characters beyond ASCII stay as they are. */
static char *escape(const char *text, bool wide)
{
	const unsigned char *from = (const unsigned char *)text;
	char *out = allocate(4 * strlen(text) + 1), *to = out;
	uint32_t code;

	while (*from) {
		size_t len = utf8_decode(from, &code);

		if (len && is_harmless(code) && (len == 1 || wide)) {
			memcpy(to, from, len);
			to += len;
			from += len;
			continue;
		}
		for (len = len ? len : 1; len; len--)
			to += sprintf(to, "\\x%02x", *from++);
	}
	*to = '\0';
	return shrink(out);
}

char *text_escape(const char *text)
{
	bool is_ascii = true;

	for (const char *at = text; *at && is_ascii; at++)
		is_ascii = !(*at & 0x80);
	return escape(text, !is_ascii && shows_utf8());
}

char *text_escape_utf8(const char *text)
{
	return escape(text, true);
}

char *text_markup(const char *text)
{
	char *out = allocate(6 * strlen(text) + 1), *to = out;

	for (; *text; text++) {
		if (strchr("&<>\"'\n", *text))
			to += sprintf(to, "&#%d;", *text);
		else
			*to++ = *text;
	}
	*to = '\0';
	return shrink(out);
}

char *text_utf8(const char *text)
{
	const unsigned char *from = (const unsigned char *)text;
	char *out = allocate(3 * strlen(text) + 1), *to = out;
	uint32_t code;

	while (*from) {
		size_t len = utf8_decode(from, &code);

		memcpy(to, len ? (const char *)from : "\xef\xbf\xbd", len ? len : 3);
		to += len ? len : 3;
		from += len ? len : 1;
	}
	*to = '\0';
	return shrink(out);
}

size_t text_width(const char *text)
{
	mbstate_t state = { 0 };
	size_t width = 0, len;
	wchar_t wide;

	for (; *text; text += len) {
		if (*text == '\033') {	/* colours take no room */
			len = strcspn(text, "m") + 1;
			continue;
		}
		if (*text & 0x80)
			text_use_locale();
		len = mbrtowc(&wide, text, strlen(text), &state);
		if (len == 0 || len > 8) {
			memset(&state, 0, sizeof(state));
			len = 1;
			width++;
			continue;
		}
		width += wcwidth(wide) > 0 ? (size_t)wcwidth(wide) : 0;
	}
	return width;
}
