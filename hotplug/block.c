// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory blocks as sysfs shows them: memoryN/state and memoryN/valid_zones.
 * Two files are never read: "online" waits for an offline in progress, and "removable" is a constant.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

#define FOLDER "/sys/devices/system/memory"

static const char *const state_names[] = {
	[MO_STATE_UNKNOWN] = "unknown",
	[MO_STATE_ONLINE] = "online",
	[MO_STATE_OFFLINE] = "offline",
	[MO_STATE_GOING_OFFLINE] = "going-offline",
};

static const char *const zone_names[] = {
	[MO_ZONE_UNKNOWN] = "unknown",
	[MO_ZONE_NONE] = "none",
	[MO_ZONE_DMA] = "DMA",
	[MO_ZONE_DMA32] = "DMA32",
	[MO_ZONE_NORMAL] = "Normal",
	[MO_ZONE_MOVABLE] = "Movable",
	[MO_ZONE_DEVICE] = "Device",
};

const char *mo_state_name(enum mo_state state)
{
	return (size_t)state < ARRAY_SIZE(state_names) ? state_names[state] : state_names[MO_STATE_UNKNOWN];
}

const char *mo_zone_name(enum mo_zone zone)
{
	return (size_t)zone < ARRAY_SIZE(zone_names) ? zone_names[zone] : zone_names[MO_ZONE_UNKNOWN];
}

static unsigned int find_word(const char *const *names, size_t nr_names, const char *word, size_t len)
{
	for (size_t i = 1; i < nr_names; i++)
		if (strlen(names[i]) == len && !memcmp(names[i], word, len))
			return (unsigned int)i;
	return 0;
}

/* The first word goes to *FIRST, all words to the bits of *ZONES; returns how many there are. */
static unsigned int parse_zones(const char *text, enum mo_zone *first, uint32_t *zones)
{
	unsigned int nr_words = 0;
	enum mo_zone zone;
	size_t len;

	*first = MO_ZONE_UNKNOWN;
	*zones = 0;
	for (text += strspn(text, " \n"); *text; text += len, text += strspn(text, " \n")) {
		len = strcspn(text, " \n");
		zone = find_word(zone_names, ARRAY_SIZE(zone_names), text, len);
		*zones |= 1u << zone;
		if (!nr_words++)
			*first = zone;
	}
	return nr_words;
}

/* Length of the text without the white space at its end. A block that goes while it is read gives ENODEV. */
static ssize_t read_file(int folder_fd, uint32_t number, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "memory%u/%s", number, name);
	fd = openat(folder_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENODEV ? -ENOENT : -errno;
	len = read(fd, text, size - 1);
	if (len < 0)
		len = errno == ENODEV ? -ENOENT : -errno;
	close(fd);
	if (len < 0)
		return len;
	while (len && strchr(" \n", text[len - 1]))
		len--;
	text[len] = '\0';
	return len;
}

static int read_state(int folder_fd, struct mo_block *block)
{
	char text[32];
	ssize_t len = read_file(folder_fd, block->number, "state", text, sizeof(text));

	if (len < 0)
		return (int)len;
	block->state = find_word(state_names, ARRAY_SIZE(state_names), text, (size_t)len);
	return 0;
}

/*
 * valid_zones has two forms: one word, the zone that an online block is in, or at least two words, the zones that are
 * open to an offline block. A block that is going offline already shows the second, which says nothing about where it
 * is: what was known before stays. *OTHER_FORM: the form does not fit the state.
 */
static int read_zones(int folder_fd, struct mo_block *block, bool *other_form)
{
	char text[128];
	enum mo_zone first;
	uint32_t zones;
	ssize_t len = read_file(folder_fd, block->number, "valid_zones", text, sizeof(text));

	if (len < 0)
		return (int)len;
	*other_form = parse_zones(text, &first, &zones) > 1 && block->state != MO_STATE_OFFLINE;
	if (*other_form)
		return 0;
	block->zone = first;
	block->zones = zones;
	return 0;
}

/* A block that starts to go offline between the two reads is seen by its zones: look at its state again. */
static int read_block(int folder_fd, struct mo_block *block)
{
	bool other_form = false;
	int err = read_state(folder_fd, block);

	if (err)
		return err;
	err = read_zones(folder_fd, block, &other_form);
	if (!err && other_form && block->state == MO_STATE_ONLINE) {
		err = read_state(folder_fd, block);
		if (!err)
			err = read_zones(folder_fd, block, &other_form);
	}
	/* Kernels before 4.2 have no valid_zones; a block that vanished has no state either. */
	return err == -ENOENT ? read_state(folder_fd, block) : err;
}

int mo_block_refresh(struct mo_memory *memory, struct mo_block *block)
{
	struct mo_block copy = *block;
	int folder_fd = mo_open(memory->ctx, O_PATH | O_DIRECTORY, FOLDER);
	int err;

	if (folder_fd < 0)
		return folder_fd;
	err = read_block(folder_fd, &copy);
	close(folder_fd);
	if (!err)
		*block = copy;
	return err;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The folder's entries come in no order at all, and as text memory10 precedes memory2. */
static int read_numbers(DIR *dir, uint32_t **numbers, size_t *nr)
{
	size_t room = 0;
	struct dirent *entry;
	uint32_t number, *more;

	while ((entry = readdir(dir))) {
		if (!mo_name_number(entry->d_name, "memory", &number))
			continue;
		if (*nr == room) {
			room = room ? room * 2 : 256;
			more = realloc(*numbers, room * sizeof(*more));
			if (!more)
				return -ENOMEM;
			*numbers = more;
		}
		(*numbers)[(*nr)++] = number;
	}
	if (*nr)
		qsort(*numbers, *nr, sizeof(**numbers), compare_numbers);
	return 0;
}

int mo_blocks_count(struct mo_ctx *ctx, size_t *nr)
{
	DIR *dir = mo_opendir(ctx, FOLDER);
	uint32_t *numbers = NULL;
	int err;

	if (!dir)
		return -errno;
	*nr = 0;
	err = read_numbers(dir, &numbers, nr);
	free(numbers);
	closedir(dir);
	return err;
}

static int read_blocks(struct mo_memory *memory, int folder_fd, const uint32_t *numbers, size_t nr)
{
	struct mo_block *block;
	int err;

	memory->blocks = calloc(nr ? nr : 1, sizeof(*memory->blocks));
	if (!memory->blocks)
		return mo_error(memory->ctx, -ENOMEM, "no memory for a list of %zu memory blocks; free some and try again", nr);
	for (size_t i = 0; i < nr; i++) {
		block = &memory->blocks[memory->nr_blocks];
		*block = (struct mo_block){ .number = numbers[i], .node = -1 };
		err = read_block(folder_fd, block);
		if (err == -ENOENT) {
			mo_log(memory->ctx, MO_LOG_INFO, "memory block %u vanished while it was read: left out", numbers[i]);
			continue;
		}
		if (err)
			return mo_error(memory->ctx, err, "can't read " FOLDER "/memory%u/state: %s; %s", numbers[i],
					strerror(-err), err == -EACCES ? "run it as root" : "check that sysfs is mounted and readable");
		memory->nr_blocks++;
	}
	return 0;
}

int mo_blocks_read(struct mo_memory *memory)
{
	DIR *dir = mo_opendir(memory->ctx, FOLDER);
	uint32_t *numbers = NULL;
	size_t nr = 0;
	int err;

	if (!dir)
		return mo_error(memory->ctx, -errno, "can't open " FOLDER ": %s; check that sysfs is mounted and readable",
				strerror(errno));
	err = read_numbers(dir, &numbers, &nr);
	if (err)
		mo_error(memory->ctx, err, "no memory for the numbers of memory blocks; free some and try again");
	else
		err = read_blocks(memory, dirfd(dir), numbers, nr);
	free(numbers);
	closedir(dir);
	return err;
}
