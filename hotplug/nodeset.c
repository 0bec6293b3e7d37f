// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sets of nodes: as text, and how one is laid upon another. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

bool mo_nodeset_has(const struct mo_nodeset *set, unsigned int node)
{
	return node < MO_NODES_MAX && set->words[node / 64] >> (node % 64) & 1;
}

void mo_nodeset_add(struct mo_nodeset *set, unsigned int node)
{
	set->words[node / 64] |= 1ULL << (node % 64);
}

unsigned int mo_nodeset_weight(const struct mo_nodeset *set)
{
	unsigned int weight = 0;

	for (size_t i = 0; i < MO_NODE_WORDS; i++)
		weight += (unsigned int)__builtin_popcountll(set->words[i]);
	return weight;
}

bool mo_nodeset_is_subset(const struct mo_nodeset *set, const struct mo_nodeset *of)
{
	for (size_t i = 0; i < MO_NODE_WORDS; i++)
		if (set->words[i] & ~of->words[i])
			return false;
	return true;
}

bool mo_nodeset_meets(const struct mo_nodeset *a, const struct mo_nodeset *b)
{
	for (size_t i = 0; i < MO_NODE_WORDS; i++)
		if (a->words[i] & b->words[i])
			return true;
	return false;
}

uint32_t mo_nodeset_nr_words(const struct mo_nodeset *set)
{
	uint32_t nr = MO_NODE_WORDS;

	while (nr > 1 && !set->words[nr - 1])
		nr--;
	return nr;
}

/* ---- text ---- */

/* Moves *AT behind the number. False: there is none, or it is too large. */
static bool read_number(const char **at, unsigned int *number)
{
	unsigned long value;
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	value = strtoul(*at, &end, 10);
	*at = end;
	*number = (unsigned int)value;
	return value < MO_NODES_MAX;
}

static bool read_range(const char **at, struct mo_nodeset *set)
{
	unsigned int first, last;

	if (!read_number(at, &first))
		return false;
	last = first;
	if (**at == '-' && (++*at, !read_number(at, &last)))
		return false;
	for (unsigned int i = first; i <= last; i++)
		mo_nodeset_add(set, i);
	return first <= last;
}

int mo_nodeset_parse(const char *list, struct mo_nodeset *set)
{
	struct mo_nodeset parsed = { { 0 } };

	for (const char *at = list; read_range(&at, &parsed); at++) {
		if (!*at) {
			*set = parsed;
			return 0;
		}
		if (*at != ',')
			break;
	}
	return -EINVAL;
}

struct mo_nodes_text mo_nodeset_text(const struct mo_nodeset *set)
{
	struct mo_nodes_text out = { "" };
	unsigned int first, last;
	size_t len = 0;

	for (first = 0; first < MO_NODES_MAX && len < sizeof(out.text) - 16; first = last + 1) {
		last = first;
		if (!mo_nodeset_has(set, first))
			continue;
		while (mo_nodeset_has(set, last + 1))
			last++;
		len += (size_t)snprintf(out.text + len, sizeof(out.text) - len, "%s%u", len ? "," : "", first);
		if (last > first)
			len += (size_t)snprintf(out.text + len, sizeof(out.text) - len, "-%u", last);
	}
	return out;
}

int mo_nodeset_read(struct mo_ctx *ctx, const char *name, struct mo_nodeset *set)
{
	char list[4096];
	ssize_t len = mo_read_text(ctx, list, sizeof(list), "/sys/devices/system/node/%s", name);

	return len < 0 ? (int)len : mo_nodeset_parse(list, set);
}

int mo_nodeset_allowed(struct mo_ctx *ctx, const char *process, struct mo_nodeset *set)
{
	static const char key[] = "\nMems_allowed_list:";
	char *status, *line;
	int err = mo_read_file(ctx, &status, NULL, "/proc/%s/status", process);

	if (err)
		return err;
	line = strstr(status, key);
	if (line) {
		line += strlen(key) + strspn(line + strlen(key), " \t");
		line[strcspn(line, "\n")] = '\0';
	}
	err = line ? mo_nodeset_parse(line, set) : -ENODATA;
	free(status);
	return err;
}

/* ---- one set upon another ---- */

static unsigned int nth_node(const struct mo_nodeset *set, unsigned int n)
{
	unsigned int node = 0;

	for (;; node++)
		if (mo_nodeset_has(set, node) && !n--)
			return node;
}

void mo_layout_make(const struct mo_nodeset *from, const struct mo_nodeset *to, struct mo_layout *layout)
{
	unsigned int weight = mo_nodeset_weight(to), n = 0;
	bool keeps_both = mo_nodeset_weight(from) != weight;

	memset(layout, 0, sizeof(*layout));
	for (unsigned int node = 0; node < MO_NODES_MAX; node++) {
		unsigned int target;

		layout->targets[node] = -1;
		if (!mo_nodeset_has(from, node))
			continue;
		target = nth_node(to, n++ % weight);
		if (target == node || (keeps_both && mo_nodeset_has(to, node)))
			continue;
		layout->targets[node] = (int16_t)target;
		mo_nodeset_add(&layout->sources, node);
		mo_nodeset_add(&layout->destinations, target);
	}
}
