// SPDX-License-Identifier: LGPL-2.1-or-later
/* NUMA nodes: which blocks are theirs, how far they are from each other, how full they are. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define FOLDER "/sys/devices/system/node"

static struct mo_node *add_node(struct mo_memory *memory, uint32_t number)
{
	struct mo_node *more = realloc(memory->nodes, (memory->nr_nodes + 1) * sizeof(*more));

	if (!more)
		return NULL;
	memory->nodes = more;
	more += memory->nr_nodes++;
	*more = (struct mo_node){ .number = (int32_t)number };
	return more;
}

static int compare_nodes(const void *a, const void *b)
{
	const struct mo_node *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static int no_memory(struct mo_memory *memory)
{
	return mo_error(memory->ctx, -ENOMEM, "no memory for the list of nodes; free some and try again");
}

/* A kernel without CONFIG_NUMA has no folder, and no nodes. */
static int list_nodes(struct mo_memory *memory)
{
	DIR *dir = mo_opendir(memory->ctx, FOLDER);
	struct dirent *entry;
	uint32_t number;
	int err = 0;

	if (!dir)
		return errno == ENOENT ? 0 : mo_error(memory->ctx, -errno, "can't open " FOLDER ": %s; run it as root",
						       strerror(errno));
	while (!err && (entry = readdir(dir)))
		if (mo_name_number(entry->d_name, "node", &number) && !add_node(memory, number))
			err = no_memory(memory);
	closedir(dir);
	if (!err && memory->nr_nodes)
		qsort(memory->nodes, memory->nr_nodes, sizeof(*memory->nodes), compare_nodes);
	return err;
}

static void add_block_to_node(struct mo_block *block, int32_t node)
{
	if (!block->nr_nodes++ || node < block->node)
		block->node = node;
}

/* One readdir a node says it for all of its blocks; a mixed block is linked from each of its nodes. */
static void read_blocks(struct mo_memory *memory, struct mo_node *node)
{
	DIR *dir = mo_opendir(memory->ctx, FOLDER "/node%d", node->number);
	struct dirent *entry;
	uint32_t number;
	size_t i;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (!mo_name_number(entry->d_name, "memory", &number))
			continue;
		i = mo_memory_lower_bound(memory, number);
		if (i == memory->nr_blocks || memory->blocks[i].number != number)
			continue;
		add_block_to_node(&memory->blocks[i], node->number);
		node->has_memory |= memory->blocks[i].state == MO_STATE_ONLINE;
	}
	closedir(dir);
}

/* KB of a line like "Node 0 MemFree:   123 kB", in bytes. */
static uint64_t meminfo_value(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	uint64_t kib = 0;

	if (!at || sscanf(at + strlen(key), "%" SCNu64, &kib) != 1)
		return 0;
	return kib * 1024;
}

static void read_meminfo(struct mo_memory *memory, struct mo_node *node)
{
	uint64_t file_bytes, shmem_bytes;
	char text[8192];

	if (mo_read_text(memory->ctx, text, sizeof(text), FOLDER "/node%d/meminfo", node->number) <= 0)
		return;
	node->total_bytes = meminfo_value(text, " MemTotal:");
	node->free_bytes = meminfo_value(text, " MemFree:");
	file_bytes = meminfo_value(text, " FilePages:");
	shmem_bytes = meminfo_value(text, " Shmem:");
	node->file_bytes = file_bytes > shmem_bytes ? file_bytes - shmem_bytes : 0;
	node->has_memory = node->total_bytes != 0;
}

static void read_node(struct mo_memory *memory, struct mo_node *node)
{
	char cpus[256];

	node->has_cpus = mo_read_text(memory->ctx, cpus, sizeof(cpus), FOLDER "/node%d/cpulist", node->number) > 0;
	read_blocks(memory, node);
	read_meminfo(memory, node);
}

static struct mo_node *find_node(const struct mo_memory *memory, int number)
{
	struct mo_node key = { .number = number };

	return memory->nr_nodes ? bsearch(&key, memory->nodes, memory->nr_nodes, sizeof(key), compare_nodes) : NULL;
}

/* A tree recorded without the node folder (lsmem's are) has the links of the other direction: memoryN/nodeM. */
static int read_links_of_block(struct mo_memory *memory, struct mo_block *block)
{
	DIR *dir = mo_opendir(memory->ctx, "/sys/devices/system/memory/memory%u", block->number);
	struct dirent *entry;
	uint32_t number;
	int err = 0;

	if (!dir)
		return 0;
	while (!err && (entry = readdir(dir))) {
		if (!mo_name_number(entry->d_name, "node", &number))
			continue;
		add_block_to_node(block, (int32_t)number);
		if (find_node(memory, (int)number))
			continue;
		if (!add_node(memory, number))
			err = no_memory(memory);
		else
			qsort(memory->nodes, memory->nr_nodes, sizeof(*memory->nodes), compare_nodes);
	}
	closedir(dir);
	return err;
}

static int nodes_from_blocks(struct mo_memory *memory)
{
	struct mo_block *block;
	struct mo_node *node;
	int err;

	for (size_t i = 0; i < memory->nr_blocks; i++) {
		block = &memory->blocks[i];
		err = read_links_of_block(memory, block);
		if (err)
			return err;
		node = find_node(memory, block->node);
		if (!node && !i)
			return 0;	/* no NUMA: nor has any other block a link */
		if (node)
			node->has_memory |= block->state == MO_STATE_ONLINE;
	}
	return 0;
}

/* Row FROM of the matrix: one number a node, in ascending order of nodes. 0: not known. */
static void read_distances(struct mo_memory *memory, size_t from)
{
	uint8_t *row = (uint8_t *)memory->distances + from * memory->nr_nodes;
	char *text, *at, *end;
	unsigned long value;

	if (mo_read_file(memory->ctx, &text, NULL, FOLDER "/node%d/distance", memory->nodes[from].number))
		return;
	at = text;
	for (size_t to = 0; to < memory->nr_nodes; to++, at = end) {
		value = strtoul(at, &end, 10);
		if (end == at)
			break;
		row[to] = value > UINT8_MAX ? UINT8_MAX : (uint8_t)value;
	}
	free(text);
}

int mo_nodes_read(struct mo_memory *memory)
{
	int err = list_nodes(memory);

	if (err)
		return err;
	if (!memory->nr_nodes)
		return nodes_from_blocks(memory);
	memory->distances = calloc(memory->nr_nodes, memory->nr_nodes);
	if (!memory->distances)
		return no_memory(memory);
	for (size_t i = 0; i < memory->nr_nodes; i++) {
		read_node(memory, &memory->nodes[i]);
		read_distances(memory, i);
	}
	return 0;
}

static int check_target(struct mo_memory *memory, unsigned int number)
{
	const struct mo_node *node = find_node(memory, (int32_t)number);

	if (node && node->has_memory)
		return 0;
	return mo_error(memory->ctx, -ENOENT, "nothing can move to node %u: it %s; name nodes that have memory", number,
			node ? "has no memory" : "does not exist");
}

int mo_nodes_parse(struct mo_memory *memory, const char *list, uint64_t *words, uint32_t *nr_words)
{
	struct mo_nodeset set;
	int err = mo_nodeset_parse(list, &set);

	if (err)
		return mo_error(memory->ctx, err, "'%s' is no list of nodes; write it as 0,2-3", list);
	for (unsigned int i = 0; i < MO_NODES_MAX && !err; i++)
		if (mo_nodeset_has(&set, i))
			err = check_target(memory, i);
	if (err)
		return err;
	memcpy(words, set.words, sizeof(set.words));
	*nr_words = mo_nodeset_nr_words(&set);
	return 0;
}

void mo_nodes_free(struct mo_memory *memory)
{
	free(memory->distances);
	free(memory->nodes);
}

int mo_memory_distance(const struct mo_memory *memory, int from, int to)
{
	const struct mo_node *row = find_node(memory, from), *column = find_node(memory, to);
	const uint8_t *distances = memory->distances;
	int distance = 0;

	if (!row || !column)
		return mo_error(memory->ctx, -ENOENT, "there is no distance from node %d to node %d: the machine has no node %d; "
				"list the memory to see its nodes", from, to, row ? to : from);
	if (distances)
		distance =
			distances[(size_t)(row - memory->nodes) * memory->nr_nodes + (size_t)(column - memory->nodes)];
	if (distance <= 0)
		return mo_error(memory->ctx, -ENOENT, "the machine does not say how far node %d is from node %d; "
				"look at " FOLDER "/node%d/distance", to, from, from);
	return distance;
}
