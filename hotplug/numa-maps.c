// SPDX-License-Identifier: LGPL-2.1-or-later
/* /proc/PID/numa_maps: how many pages of a process are on which node, and which policies its memory has. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "migration.h"

/* " N0=12 N1=3 kernelpagesize_kB=4": counts of one mapping, in pages of its own size. */
static uint64_t pages_on(const char *line, const struct mo_nodeset *nodes)
{
	unsigned long long sum = 0, count, page_kib = 0;
	const char *at = line;
	unsigned int node;

	while ((at = strstr(at, " N"))) {
		at += 2;
		if (sscanf(at, "%u=%llu", &node, &count) == 2 && mo_nodeset_has(nodes, node))
			sum += count;
	}
	at = strstr(line, " kernelpagesize_kB=");
	if (at)
		page_kib = strtoull(strchr(at, '=') + 1, NULL, 10);
	return page_kib ? sum * page_kib * 1024 / (uint64_t)sysconf(_SC_PAGESIZE) : sum;
}

/* "7f00 bind:0-1 anon=...", "7f00 prefer (many):1 ...", "7f00 interleave=static:1 ..." name nodes; others name none. */
static bool names_node(const char *line, const struct mo_nodeset *nodes, char *policy, size_t size)
{
	static const char *const modes[] = { "bind", "prefer", "interleave", "weighted interleave" };
	const char *mode = strchr(line, ' '), *list, *end;
	struct mo_nodeset named;
	char text[256];

	for (size_t i = 0; mode && i < ARRAY_SIZE(modes); i++) {
		if (strncmp(mode + 1, modes[i], strlen(modes[i])))
			continue;
		list = strchr(mode + 1, ':');
		end = list ? list + strcspn(list, " \n") : NULL;
		if (!list || (size_t)(end - list) >= sizeof(text))
			return false;
		snprintf(text, sizeof(text), "%.*s", (int)(end - list - 1), list + 1);
		if (mo_nodeset_parse(text, &named) || !mo_nodeset_meets(&named, nodes))
			return false;
		snprintf(policy, size, "%.*s", (int)(end - mode - 1), mode + 1);
		return true;
	}
	return false;
}

int mo_numa_maps_read(struct mo_ctx *ctx, int32_t tid, const struct mo_nodeset *nodes, struct mo_numa_use *use)
{
	char *text, *line, *rest;
	int err = mo_read_file(ctx, &text, NULL, "/proc/%d/numa_maps", tid);

	if (err)
		return err;
	memset(use, 0, sizeof(*use));
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		use->nr_pages += pages_on(line, nodes);
		if (!*use->policy)
			names_node(line, nodes, use->policy, sizeof(use->policy));
	}
	free(text);
	return 0;
}

/* The first mapping, of the program's file, hardly has a policy of its own. No more is read: the kernel counts pages. */
void mo_numa_maps_thread(struct mo_ctx *ctx, int32_t pid, int32_t tid, const struct mo_nodeset *nodes,
			 struct mo_numa_use *use)
{
	char line[128];

	if (mo_read_text(ctx, line, sizeof(line), "/proc/%d/task/%d/numa_maps", pid, tid) < 0)
		return;
	line[strcspn(line, "\n")] = '\0';
	names_node(line, nodes, use->policy, sizeof(use->policy));
}
