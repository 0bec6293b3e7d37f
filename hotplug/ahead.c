// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Without the core, the kernel empties one block after the other and holds its hotplug lock meanwhile. Where a node is
 * to stay and has room, anonymous memory of all blocks that are wanted moves there before the first one's turn, by
 * move_pages(2), process by process. It is a help, not a condition: whatever it leaves is the kernel's, as usual.
 *
 * A process of its own does it, which is given up in time: whoever looks into a process that hangs may wait for ever.
 * It allocates memory, which the C library of Linux allows after a fork also beside other threads.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "transaction.h"

#define BATCH_PAGES 1024
#define LIMIT_MS 30000
#define TIME_SHARE 4		/* of the time till the deadline, this part of it at most */
#define RESERVE_SHARE 16	/* of the target's memory, this part stays free */

struct ahead {
	struct mo_transaction *txn;
	uint32_t *blocks;	/* that are to go, ascending */
	size_t nr_blocks;
	int32_t node;		/* target */
	uint64_t room_pages;	/* there */
	uint64_t *moved_pages;	/* both processes see it */
	int32_t pid;		/* whose pages wait for their turn */
	size_t nr;
	void *addrs[BATCH_PAGES];
};

/* ---- what goes, and where to ---- */

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool list_blocks(struct ahead *ahead)
{
	const struct mo_transaction *txn = ahead->txn;

	ahead->blocks = calloc(txn->nr_wanted + 1, sizeof(*ahead->blocks));
	if (!ahead->blocks)
		return false;
	for (size_t i = 0; i < txn->nr_wanted; i++)
		if (mo_item_is_to_go(&txn->items[i]))
			ahead->blocks[ahead->nr_blocks++] = txn->items[i].block;
	qsort(ahead->blocks, ahead->nr_blocks, sizeof(*ahead->blocks), by_number);
	return true;
}

static bool is_source(const struct ahead *ahead, int32_t node)
{
	for (size_t i = 0; i < ahead->nr_blocks; i++)
		if (mo_memory_find(ahead->txn->memory, ahead->blocks[i])->node == node)
			return true;
	return false;
}

static uint64_t room_bytes(const struct mo_node *node)
{
	uint64_t reserve_bytes = node->total_bytes / RESERVE_SHARE;

	return node->has_memory && node->free_bytes > reserve_bytes ? node->free_bytes - reserve_bytes : 0;
}

static int distance(const struct ahead *ahead, const struct mo_node *node)
{
	const struct mo_memory *memory = ahead->txn->memory;
	int value = mo_memory_distance(memory, mo_memory_find(memory, ahead->blocks[0])->node, node->number);

	return value < 0 ? INT_MAX : value;
}

/* The nearest node of which no block goes, and which has room; among equals the emptiest. */
static bool choose_node(struct ahead *ahead)
{
	const struct mo_memory *memory = ahead->txn->memory;
	const struct mo_node *node, *best = NULL;
	size_t i;

	for (i = 0; (node = mo_memory_node(memory, i)); i++) {
		if (!room_bytes(node) || is_source(ahead, node->number))
			continue;
		if (!best || distance(ahead, node) < distance(ahead, best) ||
		    (distance(ahead, node) == distance(ahead, best) && room_bytes(node) > room_bytes(best)))
			best = node;
	}
	if (!best)
		return false;
	ahead->node = best->number;
	ahead->room_pages = room_bytes(best) / mo_memory_page_bytes(memory);
	return true;
}

/* ---- the process that moves ---- */

static void flush(struct ahead *ahead)
{
	if (ahead->nr)
		*ahead->moved_pages += mo_node_move_pages(ahead->pid, ahead->addrs, ahead->nr, ahead->node);
	ahead->nr = 0;
}

static int take_page(void *data, const struct mo_mapped_page *page)
{
	struct ahead *ahead = data;
	uint32_t block = (uint32_t)(page->pfn / mo_memory_block_pages(ahead->txn->memory));

	if (!page->is_anon || !bsearch(&block, ahead->blocks, ahead->nr_blocks, sizeof(block), by_number))
		return 0;
	if (page->pid != ahead->pid || ahead->nr == BATCH_PAGES)
		flush(ahead);
	if (*ahead->moved_pages + ahead->nr >= ahead->room_pages)
		return -ENOSPC;
	ahead->pid = page->pid;
	ahead->addrs[ahead->nr++] = (void *)(uintptr_t)page->addr;
	return 0;
}

static int work(void *data)
{
	struct ahead *ahead = data;
	uint64_t block_pages = mo_memory_block_pages(ahead->txn->memory), nr_hidden;
	const struct mo_pagemap_visitor visitor = {
		.start_pfn = ahead->blocks[0] * block_pages,
		.end_pfn = (ahead->blocks[ahead->nr_blocks - 1] + UINT64_C(1)) * block_pages,
		.page = take_page, .data = ahead,
	};
	int err;

	mo_worker_leave_cpuset(ahead->txn->ctx);
	err = mo_pagemap_each(ahead->txn->ctx, &visitor, &nr_hidden);
	flush(ahead);
	return err;
}

/* ---- watching it ---- */

static uint64_t end_ms(const struct mo_transaction *txn)
{
	uint64_t now_ms = mo_now_ms(), share_ms = LIMIT_MS;

	if (txn->deadline_ms)
		share_ms = txn->deadline_ms > now_ms ? (txn->deadline_ms - now_ms) / TIME_SHARE : 0;
	return now_ms + (share_ms < LIMIT_MS ? share_ms : LIMIT_MS);
}

static void tell(void *data)
{
	const struct ahead *ahead = data;
	uint64_t todo = ahead->txn->pages_todo, moved = *ahead->moved_pages;

	mo_transaction_tell(ahead->txn, todo > moved ? todo - moved : 0, NO_PFN);
}

static int run(struct ahead *ahead)
{
	struct mo_transaction *txn = ahead->txn;
	struct mo_worker *worker;
	enum mo_reason reason;

	if (mo_node_open(txn->ctx) || mo_worker_run(work, ahead, &worker))
		return 0;
	reason = mo_transaction_watch(txn, worker, end_ms(txn), tell, ahead);
	if (reason == MO_REASON_NONE) {
		mo_worker_finish(worker);
		return 0;
	}
	mo_worker_drop(worker);
	if (reason != MO_REASON_INTERRUPTED)
		return 0;
	txn->ended_by = reason;
	return -EINTR;
}

static void set_left(struct mo_item *item, uint64_t pages)
{
	item->pages_ahead = item->pages > pages ? item->pages - pages : 0;
	item->pages = pages;
}

static void conclude(const struct ahead *ahead)
{
	struct mo_transaction *txn = ahead->txn;
	uint64_t block_pages = mo_memory_block_pages(txn->memory), left, first_pfn, moved = *ahead->moved_pages;
	size_t i;

	if (!moved)
		return;
	mo_report_add_note(txn->report, "%llu anonymous pages went to node %d before the first block's turn",
			   (unsigned long long)moved, ahead->node);
	for (i = 0; txn->pages && i < txn->nr_wanted; i++)
		if (mo_item_is_to_go(&txn->items[i]) &&
		    !mo_pages_left(txn->pages, txn->items[i].block * block_pages, block_pages, &left, &first_pfn))
			set_left(&txn->items[i], left);
	mo_transaction_want(txn, txn->nr_wanted);
}

int mo_move_ahead(struct mo_transaction *txn)
{
	struct ahead *ahead = calloc(1, sizeof(*ahead));
	int err = 0;

	if (!ahead)
		return 0;
	ahead->txn = txn;
	ahead->moved_pages = mmap(NULL, sizeof(*ahead->moved_pages), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ahead->moved_pages != MAP_FAILED) {
		if (!txn->session && list_blocks(ahead) && ahead->nr_blocks > 1 && choose_node(ahead)) {
			err = run(ahead);
			conclude(ahead);
		}
		munmap(ahead->moved_pages, sizeof(*ahead->moved_pages));
	}
	free(ahead->blocks);
	free(ahead);
	return err;
}
