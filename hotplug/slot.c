// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What people call a memory device: the slots of its modules and their serial numbers. SMBIOS tells which addresses a
 * module serves (type 20) and how it is named (type 17); a label that EDAC's driver has for the same slot is told, too.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define ENTRIES "/sys/firmware/dmi/entries"
#define EDAC "/sys/devices/system/edac/mc"
#define EXTENDED UINT32_MAX	/* in a field of 32 bits: the one of 64 bits counts */

/* Where in a table of type 20, */
enum { MAPPED_START = 0x04, MAPPED_END = 0x08, MAPPED_DEVICE = 0x0c, MAPPED_LONG_START = 0x13, MAPPED_LONG_END = 0x1b };
/* and of type 17, each of these is. */
enum { DEVICE_HANDLE = 0x02, DEVICE_LOCATOR = 0x10, DEVICE_SERIAL = 0x18 };

struct naming {
	struct mo_memory *memory;
	uint32_t device;
	uint16_t handles[256];	/* of modules that were told */
	size_t nr_handles;
	char *text;
	size_t size;
};

static uint64_t number_at(const unsigned char *table, size_t at, size_t nr_bytes)
{
	uint64_t number = 0;

	while (nr_bytes--)
		number = number << 8 | table[at + nr_bytes];
	return number;
}

/* The bytes of an entry; NULL: it can't be read, or is shorter than it says. */
static unsigned char *read_entry(struct mo_ctx *ctx, const char *name, size_t *len_bytes)
{
	char *table;

	if (mo_read_file(ctx, &table, len_bytes, ENTRIES "/%s/raw", name))
		return NULL;
	if (*len_bytes >= 4 && (unsigned char)table[1] >= 4 && (unsigned char)table[1] <= *len_bytes)
		return (unsigned char *)table;
	free(table);
	return NULL;
}

typedef void entry_fn(void *data, const unsigned char *table, size_t len_bytes);

/* Tables of TYPE. */
static void each_entry(struct mo_ctx *ctx, unsigned int type, entry_fn *fn, void *data)
{
	DIR *dir = mo_opendir(ctx, ENTRIES);
	struct dirent *entry;
	unsigned int found;
	int end;

	while (dir && (entry = readdir(dir))) {
		unsigned char *table;
		size_t len;

		end = 0;
		if (sscanf(entry->d_name, "%u-%*u%n", &found, &end) != 1 || found != type || !end || entry->d_name[end])
			continue;
		table = read_entry(ctx, entry->d_name, &len);
		if (table)
			fn(data, table, len);
		free(table);
	}
	if (dir)
		closedir(dir);
}

/* ---- addresses -> modules ---- */

static bool mapped_range(const unsigned char *table, uint64_t *start, uint64_t *last)
{
	if (table[1] < MAPPED_DEVICE + 2)
		return false;
	*start = number_at(table, MAPPED_START, 4);
	*last = number_at(table, MAPPED_END, 4);
	if (*start != EXTENDED) {	/* KiB, of which the last belongs to it */
		*start <<= 10;
		*last = (*last << 10) + 1023;
		return *start <= *last;
	}
	if (table[1] < MAPPED_LONG_END + 8)
		return false;
	*start = number_at(table, MAPPED_LONG_START, 8);
	*last = number_at(table, MAPPED_LONG_END, 8);
	return *start <= *last;
}

static bool holds_block(const struct naming *naming, uint64_t start, uint64_t last)
{
	uint64_t block_bytes = mo_memory_block_bytes(naming->memory);
	const struct mo_block *block;

	for (size_t i = 0; (block = mo_memory_block(naming->memory, i)); i++)
		if (block->device == naming->device && block->number * block_bytes <= last &&
		    (block->number + UINT64_C(1)) * block_bytes > start)
			return true;
	return false;
}

static void note_module(void *data, const unsigned char *table, size_t len_bytes)
{
	struct naming *naming = data;
	uint64_t start, last;
	uint16_t handle;

	(void)len_bytes;
	if (!mapped_range(table, &start, &last) || !holds_block(naming, start, last))
		return;
	handle = (uint16_t)number_at(table, MAPPED_DEVICE, 2);
	for (size_t i = 0; i < naming->nr_handles; i++)
		if (naming->handles[i] == handle)
			return;
	if (naming->nr_handles < ARRAY_SIZE(naming->handles))
		naming->handles[naming->nr_handles++] = handle;
}

/* ---- modules -> names ---- */

/* Spaces at its end are the firmware's. */
static void trim(char *text)
{
	size_t len = strlen(text);

	while (len && text[len - 1] == ' ')
		text[--len] = '\0';
}

/* "" when there is none. */
static void string_at(const unsigned char *table, size_t len_bytes, size_t at, char *text, size_t size)
{
	const char *string = (const char *)table + table[1], *end = (const char *)table + len_bytes;
	unsigned int number = at < table[1] ? table[at] : 0;

	*text = '\0';
	for (; number && string < end && *string; number--, string += strlen(string) + 1) {
		if (!memchr(string, '\0', (size_t)(end - string)))
			return;
		if (number == 1)
			snprintf(text, size, "%s", string);
	}
	trim(text);
}

/* Firmware writes these where nothing is known. */
static bool says_nothing(const char *serial)
{
	static const char *const words[] = {
		"", "Unknown", "Not Specified", "None", "NO DIMM", "To Be Filled By O.E.M.",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcasecmp(serial, words[i]))
			return true;
	return !serial[strspn(serial, "0")];
}

/* EDAC has labels of its own, which a file of the board's maker or the driver gives: those that hold the slot's name. */
static bool find_label(struct mo_ctx *ctx, const char *controller, const char *slot, char *label, size_t size)
{
	DIR *dir = mo_opendir(ctx, EDAC "/%s", controller);
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir)))
		found = (!strncmp(entry->d_name, "dimm", 4) || !strncmp(entry->d_name, "rank", 4)) &&
			mo_read_text(ctx, label, size, EDAC "/%s/%s/dimm_label", controller, entry->d_name) > 0 &&
			strstr(label, slot) && strcmp(label, slot);
	if (dir)
		closedir(dir);
	return found;
}

static void read_label(struct mo_ctx *ctx, const char *slot, char *label, size_t size)
{
	DIR *dir = mo_opendir(ctx, EDAC);
	struct dirent *entry;
	bool found = false;

	while (dir && *slot && !found && (entry = readdir(dir)))
		found = !strncmp(entry->d_name, "mc", 2) && find_label(ctx, entry->d_name, slot, label, size);
	if (!found)
		*label = '\0';
	if (dir)
		closedir(dir);
}

static void append(struct naming *naming, const char *before, const char *text)
{
	size_t len = strlen(naming->text);

	snprintf(naming->text + len, naming->size - len, "%s%s", before, text);
}

static void name_module(void *data, const unsigned char *table, size_t len_bytes)
{
	char slot[128], serial[128], label[128];
	struct naming *naming = data;
	bool is_ours = false;

	for (size_t i = 0; i < naming->nr_handles; i++)
		is_ours |= naming->handles[i] == number_at(table, DEVICE_HANDLE, 2);
	if (!is_ours)
		return;
	string_at(table, len_bytes, DEVICE_LOCATOR, slot, sizeof(slot));
	string_at(table, len_bytes, DEVICE_SERIAL, serial, sizeof(serial));
	read_label(mo_memory_ctx(naming->memory), slot, label, sizeof(label));
	append(naming, *naming->text ? ", " : "", *slot ? slot : "a slot without a name");
	if (*label)
		append(naming, " = ", label);
	if (!says_nothing(serial)) {
		append(naming, " (serial ", serial);
		append(naming, ")", "");
	}
}

void mo_device_slots(struct mo_memory *memory, uint32_t device, char *text, size_t size)
{
	struct naming naming = { .memory = memory, .device = device, .text = text, .size = size };

	*text = '\0';
	each_entry(mo_memory_ctx(memory), 20, note_module, &naming);
	if (naming.nr_handles)
		each_entry(mo_memory_ctx(memory), 17, name_module, &naming);
}
