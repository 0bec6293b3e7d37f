// SPDX-License-Identifier: LGPL-2.1-or-later
/* Zones of each node, as /proc/zoneinfo tells of them: what is free there, what could be, and what has to stay free. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

static bool begin_zone(const char *line, struct mo_zone_use *use)
{
	char name[16];

	if (sscanf(line, "Node %" SCNd32 ", zone %15s", &use->node, name) != 2)
		return false;
	for (use->zone = MO_ZONE_DMA; use->zone <= MO_ZONE_DEVICE; use->zone++)
		if (!strcmp(name, mo_zone_name(use->zone)))
			return true;
	use->zone = MO_ZONE_UNKNOWN;
	return true;
}

/* "protection: (0, 1857, 1857, 1857, 1857)": kept back from allocations that would do with the n-th zone of a node. */
static void read_protection(const char *text, struct mo_zone_use *use)
{
	size_t nr = 0;
	char *end;

	for (text = strchr(text, '('); text && nr < ARRAY_SIZE(use->protected_pages); nr++) {
		use->protected_pages[nr] = strtoull(text + 1, &end, 10);
		text = *end == ',' ? end : NULL;
	}
}

static void read_line(const char *line, struct mo_zone_use *use)
{
	uint64_t value;
	char key[40];

	if (strstr(line, " protection:"))
		return read_protection(line, use);
	if (sscanf(line, " pages free %" SCNu64, &value) == 1)
		use->free_pages = value;
	if (sscanf(line, " %39s %" SCNu64, key, &value) != 2)
		return;
	if (!strcmp(key, "present"))
		use->present_pages = value;
	else if (!strcmp(key, "min"))
		use->min_pages = value;
	else if (!strcmp(key, "count:"))
		use->listed_pages += value;
	else if (!strcmp(key, "nr_zone_inactive_file") || !strcmp(key, "nr_zone_active_file"))
		use->file_pages += value;
	else if (!strcmp(key, "nr_zone_inactive_anon") || !strcmp(key, "nr_zone_active_anon"))
		use->anon_pages += value;
}

static struct mo_zone_use *add_zone(struct mo_zones *zones, const struct mo_zone_use *use)
{
	struct mo_zone_use *more = reallocarray(zones->all, zones->nr + 1, sizeof(*more));

	if (!more)
		return NULL;
	zones->all = more;
	more += zones->nr++;
	*more = *use;
	return more;
}

static int parse(char *text, struct mo_zones *zones)
{
	struct mo_zone_use *use = NULL;
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n"))) {
		struct mo_zone_use begun = { 0 };

		if (begin_zone(line, &begun)) {
			begun.index = zones->nr && zones->all[zones->nr - 1].node == begun.node ?
				      zones->all[zones->nr - 1].index + 1 : 0;
			use = add_zone(zones, &begun);
			if (!use)
				return -ENOMEM;
		} else if (use) {
			read_line(line, use);
		}
	}
	return zones->nr ? 0 : -ENODATA;
}

int mo_zones_read(struct mo_ctx *ctx, struct mo_zones *zones)
{
	char *text;
	int err = mo_read_file(ctx, &text, NULL, "/proc/zoneinfo");

	*zones = (struct mo_zones){ 0 };
	if (err)
		return err;
	err = parse(text, zones);
	free(text);
	if (err)
		mo_zones_free(zones);
	return err;
}

void mo_zones_free(struct mo_zones *zones)
{
	free(zones->all);
	*zones = (struct mo_zones){ 0 };
}
