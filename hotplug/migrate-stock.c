// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The memory of a process moved by the kernel alone. migrate_pages(2) takes all of it in one call; then, or instead
 * where addresses are given or a node is source and target at once, move_pages(2) goes through the page tables: it
 * tries what is still on a source, says for each page why it stayed, and never looks at a page twice.
 *
 * A process of its own does it, which can be killed at a deadline. What it found so far stands in memory that both see.
 */
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "migration.h"

#define BATCH_PAGES 16384	/* 64 MiB of addresses in one call */
#define TRIES_MAX 512		/* calls to find out which pages of a batch stayed: each waits for all processors */
#define STAYED_MAX MO_RECORDS_MAX
#define NOT_SAID INT_MIN	/* a status that the kernel did not write */

/* Pages in a row that stayed, for the same cause as far as the kernel said. */
struct stayed {
	uint64_t addr, nr_pages;
	uint64_t pfn;		/* NO_PFN: hidden */
	int status;		/* negative errno, or NOT_SAID */
	bool is_anon;
};

/* What the process leaves. */
struct outcome {
	uint64_t before_pages;	/* on the sources, when migrate_pages(2) began */
	uint64_t moved_pages, shared_pages, swapped_pages;
	uint64_t lost_pages;	/* stayed, and found no room below */
	bool is_hidden;		/* page frames could not be seen */
	size_t nr_stayed;
	struct stayed stayed[STAYED_MAX];
};

struct mo_stock {
	struct outcome *outcome;
	bool told_hidden, told_cpuset;
};

struct page {
	uint64_t addr, pfn;
	bool is_anon;
	bool begins_mapping;
};

struct work {
	struct mo_migration *migration;
	const struct mo_move *move;
	struct outcome *outcome;
	bool at_once;		/* migrate_pages(2) goes first */
	uint64_t page_bytes;
	unsigned int nr_tries;	/* for this batch */
	struct mo_nodeset full;	/* targets that had no room */
	struct page pages[BATCH_PAGES];
	size_t nr;
	uint64_t mapping_start;	/* of the last page */
	void *addrs[BATCH_PAGES];
	int nodes[BATCH_PAGES], status[BATCH_PAGES];
	int errors[BATCH_PAGES];
	int err;
};

/* ---- in the process: one batch ---- */

static bool joins(const struct stayed *last, const struct page *page, int status, uint64_t page_bytes)
{
	bool follows = last->addr + last->nr_pages * page_bytes == page->addr;

	if (!follows || page->begins_mapping || last->status != status || last->is_anon != page->is_anon)
		return false;
	return page->pfn ? last->pfn + last->nr_pages == page->pfn : last->pfn == NO_PFN;
}

static void add_stayed(struct work *work, const struct page *page, int status)
{
	struct outcome *outcome = work->outcome;
	struct stayed *last = outcome->nr_stayed ? &outcome->stayed[outcome->nr_stayed - 1] : NULL;

	if (last && joins(last, page, status, work->page_bytes)) {
		last->nr_pages++;
	} else if (outcome->nr_stayed < STAYED_MAX) {
		outcome->stayed[outcome->nr_stayed] = (struct stayed){
			.addr = page->addr, .nr_pages = 1, .pfn = page->pfn ? page->pfn : NO_PFN, .status = status,
			.is_anon = page->is_anon,
		};
		outcome->nr_stayed++;	/* whoever reads it when we are killed finds it whole */
	} else {
		outcome->lost_pages++;
	}
}

/* Of the call as a whole: a target outside the process's cpuset, which migrate_pages(2) lets root have. */
static bool is_refusal(const struct work *work, int left)
{
	return !work->at_once && (left == -EACCES || left == -EPERM);
}

/* Where the kernel says only that some stayed, halves are tried again until each page has its own answer. */
static void try_pages(struct work *work, size_t first, size_t nr)
{
	const struct mo_migration *migration = work->migration;
	int *status = work->errors + first;
	size_t i;
	int left;

	for (i = 0; i < nr; i++)
		status[i] = NOT_SAID;
	work->nr_tries++;
	left = mo_node_try_pages(work->move->victim->tid, work->addrs + first, nr, work->nodes + first, status,
				 migration->flags & MO_MIGRATE_ALL);
	if (left == -ENOMEM)
		mo_nodeset_add(&work->full, (unsigned int)work->nodes[first]);
	if (is_refusal(work, left)) {
		work->err = left;
		return;
	}
	for (i = 0; left < 0 && i < nr; i++)
		if (status[i] == NOT_SAID)
			status[i] = left;
	if (left <= 0 || nr == 1 || work->nr_tries >= TRIES_MAX)
		return;
	try_pages(work, first, nr / 2);
	if (!work->err)
		try_pages(work, first + nr / 2, nr - nr / 2);
}

/* What stands where is asked again afterwards: parts of a huge page have answers that say nothing of the whole. */
static void conclude(struct work *work, const struct page *page, int source, int now, int error)
{
	if (now >= 0 && now != source)
		work->outcome->moved_pages++;
	else if (now >= 0 && error == -EACCES && !(work->migration->flags & MO_MIGRATE_ALL))
		work->outcome->shared_pages++;
	else if (now >= 0)
		add_stayed(work, page, error < 0 ? error : NOT_SAID);
}

/* Pages that all go from one node to another. */
static void move_group(struct work *work, const struct page *pages, size_t nr, int source, int target)
{
	int32_t tid = work->move->victim->tid;
	bool is_full = mo_nodeset_has(&work->full, (unsigned int)target);
	size_t i;

	for (i = 0; i < nr; i++) {
		work->addrs[i] = (void *)(uintptr_t)pages[i].addr;
		work->nodes[i] = target;
		work->errors[i] = -ENOMEM;
	}
	if (!is_full)
		try_pages(work, 0, nr);
	if (!work->err)
		work->err = mo_node_of_pages(tid, work->addrs, nr, work->status);
	for (i = 0; i < nr && !work->err; i++)
		conclude(work, &pages[i], source, work->status[i], work->errors[i]);
}

/* Pages of the batch that are on SOURCE. */
static size_t take_group(struct work *work, struct page *group, const int *nodes, int source)
{
	size_t nr = 0;

	for (size_t i = 0; i < work->nr; i++)
		if (nodes[i] == source)
			group[nr++] = work->pages[i];
	return nr;
}

static void move_batch(struct work *work)
{
	const struct mo_layout *layout = &work->move->layout;
	struct page *group = calloc(work->nr, sizeof(*group));
	int *nodes = calloc(work->nr, sizeof(*nodes));
	size_t i, nr;

	if (!group || !nodes) {
		work->err = -ENOMEM;
		goto free_both;
	}
	work->nr_tries = 0;
	for (i = 0; i < work->nr; i++)
		work->addrs[i] = (void *)(uintptr_t)work->pages[i].addr;
	work->err = mo_node_of_pages(work->move->victim->tid, work->addrs, work->nr, nodes);
	for (int node = 0; node < MO_NODES_MAX && !work->err; node++) {
		if (layout->targets[node] < 0)
			continue;
		nr = take_group(work, group, nodes, node);
		if (nr)
			move_group(work, group, nr, node, layout->targets[node]);
	}
free_both:
	free(group);
	free(nodes);
}

static int flush(struct work *work)
{
	if (work->nr)
		move_batch(work);
	work->nr = 0;
	return work->err;
}

static int take_page(void *data, const struct mo_mapped_page *page)
{
	struct work *work = data;
	bool begins_mapping = page->mapping_start != work->mapping_start;

	work->mapping_start = page->mapping_start;
	if (page->is_swapped) {
		work->outcome->swapped_pages++;
		return 0;
	}
	work->outcome->is_hidden |= !page->pfn;
	work->pages[work->nr++] = (struct page){ .addr = page->addr, .pfn = page->pfn, .is_anon = page->is_anon,
					       .begins_mapping = begins_mapping };
	return work->nr == BATCH_PAGES ? flush(work) : 0;
}

/* ---- in the process: all of it ---- */

/* With CAP_SYS_NICE, migrate_pages(2) takes pages that others use, too, asked or not; without it, none, in silence. */
static int match_sys_nice(bool also_shared)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	uint32_t *effective = &data[CAP_TO_INDEX(CAP_SYS_NICE)].effective;

	if (syscall(SYS_capget, &header, data))
		return -errno;
	if (also_shared)
		return *effective & CAP_TO_MASK(CAP_SYS_NICE) ? 0 : -EPERM;
	*effective &= ~CAP_TO_MASK(CAP_SYS_NICE);
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

static uint64_t pages_on_sources(const struct mo_migration *migration, const struct mo_move *move)
{
	struct mo_numa_use use;

	return mo_numa_maps_read(migration->ctx, move->victim->tid, &move->layout.sources, &use) ? 0 : use.nr_pages;
}

static int migrate_at_once(struct work *work)
{
	const struct mo_move *move = work->move;
	uint64_t after_pages;
	int err = mo_node_migrate(move->victim->tid, move->from, move->to);

	if (err && err != -ENOMEM)
		return err;
	after_pages = pages_on_sources(work->migration, move);
	if (after_pages < work->outcome->before_pages)
		work->outcome->moved_pages = work->outcome->before_pages - after_pages;
	work->outcome->before_pages = 0;	/* counted */
	return 0;
}

/* Pages that came to a node can't be told from those that stayed there; and cpusets of ours would change the sets. */
static bool can_move_at_once(const struct mo_migration *migration, const struct mo_move *move)
{
	return !migration->request->end_addr && !mo_nodeset_meets(&move->layout.sources, &move->layout.destinations) &&
	       !*mo_worker_cpuset_problem(migration->ctx);
}

static int run_work(void *data)
{
	struct work *work = data;
	const struct mo_migrate_request *request = work->migration->request;
	const struct mo_pagemap_visitor visitor = {
		.wants_all = true, .start_addr = request->start_addr, .end_addr = request->end_addr,
		.page = take_page, .data = work,
	};
	int err;

	mo_worker_leave_cpuset(work->migration->ctx);
	err = match_sys_nice(work->migration->flags & MO_MIGRATE_ALL);
	if (!err && work->at_once)
		err = migrate_at_once(work);
	if (!err)
		err = mo_pagemap_process(work->migration->ctx, work->move->victim->pid, &visitor);
	return err ? err : flush(work);
}

/* ---- watching it ---- */

static void tell(void *data)
{
	const struct work *work = data;

	mo_migration_tell(work->migration, MO_PHASE_MIGRATE, work->outcome->moved_pages, 0);
}

static bool prepare(struct mo_migration *migration)
{
	struct mo_stock *stock = migration->stock;

	if (!stock)
		stock = migration->stock = calloc(1, sizeof(*stock));
	if (!stock)
		return false;
	/* Pages of its own each time: a process that the kernel did not let go writes to the old ones. */
	if (stock->outcome)
		munmap(stock->outcome, sizeof(*stock->outcome));
	stock->outcome = mmap(NULL, sizeof(*stock->outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (stock->outcome == MAP_FAILED)
		stock->outcome = NULL;
	return stock->outcome;
}

bool mo_stock_lacks_room(const struct mo_stock *stock)
{
	const struct outcome *outcome = stock->outcome;

	for (size_t i = 0; i < outcome->nr_stayed; i++)
		if (outcome->stayed[i].status == -ENOMEM)
			return true;
	return false;
}

void mo_stock_free(struct mo_stock *stock)
{
	if (!stock)
		return;
	if (stock->outcome)
		munmap(stock->outcome, sizeof(*stock->outcome));
	free(stock);
}

int mo_stock_move(struct mo_migration *migration, const struct mo_move *move, struct mo_moves *moves)
{
	struct work *work = prepare(migration) ? calloc(1, sizeof(*work)) : NULL;
	struct outcome *outcome;
	uint64_t left_pages;
	int err;

	if (!work)
		return -ENOMEM;
	outcome = migration->stock->outcome;
	*work = (struct work){ .migration = migration, .move = move, .outcome = outcome,
			       .at_once = can_move_at_once(migration, move) };
	work->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	if (work->at_once)
		outcome->before_pages = pages_on_sources(migration, move);
	err = mo_migration_run(work->migration, run_work, work, tell);
	if (outcome->before_pages && migration->ended_by != MO_REASON_NONE) {
		left_pages = pages_on_sources(migration, move);
		if (left_pages < outcome->before_pages)
			outcome->moved_pages = outcome->before_pages - left_pages;
	}
	moves->moved_pages = outcome->moved_pages;
	moves->shared_pages = outcome->shared_pages;
	moves->swapped_pages = outcome->swapped_pages;
	moves->nr_split = UINT64_MAX;
	free(work);
	return err;
}

/* ---- what stayed, and why ---- */

struct teller {
	struct mo_migration *migration;
	const struct mo_victim *victim;
	const struct mo_mappings *mappings;
	struct mo_moves *moves;
	const struct stayed *stayed;
	uint64_t page_bytes;
	struct mo_record record;	/* grows until a page differs */
};

static void end_record(struct teller *teller)
{
	struct mo_record *record = &teller->record, *added;
	const struct stayed *stayed = teller->stayed;
	uint64_t first = record->start_pfn == NO_PFN ? 0 : record->start_pfn - stayed->pfn;
	uint64_t addr = stayed->addr + first * teller->page_bytes;
	const struct mo_mapping *mapping = mo_mappings_find(teller->mappings, addr, addr + 1);
	struct mo_owner owner = { .pid = teller->victim->pid, .addr = addr, .comm = teller->victim->comm,
				  .vma = mapping ? mapping->name : "" };

	if (!record->nr_pages)
		return;
	teller->moves->kept_by_reason[record->reason] += record->nr_pages;
	teller->moves->kept_pages += record->nr_pages;
	added = mo_report_add_record(teller->migration->report, record);
	if (added)
		mo_record_add_owner(added, &owner);
	record->nr_pages = 0;
}

static enum mo_reason reason_of(int status, const struct mo_page *page)
{
	const struct mo_page_facts facts = { .flags = page->flags, .count = page->count };
	int32_t refs_expected;
	enum mo_reason reason;

	switch (status) {
	case -ENOMEM:
		return MO_REASON_NO_TARGET;
	case -EFAULT:
	case -EINVAL:
	case -EIO:
		return MO_REASON_NO_MIGRATE;
	}
	reason = page->pfn == NO_PFN ? MO_REASON_UNKNOWN : mo_reason_of_page(&facts, &refs_expected);
	if (reason == MO_REASON_UNKNOWN && status == -EBUSY)
		return MO_REASON_OFF_LRU;
	/* Its state is usual, and it could not be moved: somebody holds a reference. */
	return reason == MO_REASON_UNKNOWN && page->pfn != NO_PFN && status == NOT_SAID ? MO_REASON_EXTRA_REFS : reason;
}

static bool continues(const struct mo_record *record, const struct mo_page *page, enum mo_reason reason,
		      enum mo_kind kind)
{
	return page->pfn == record->start_pfn + record->nr_pages && record->reason == reason && record->kind == kind &&
	       record->mapcount == (int)page->count && record->cgroup_inode == page->cgroup_inode;
}

static void add_page(struct teller *teller, const struct mo_page *page, uint64_t nr_pages, enum mo_kind kind)
{
	struct mo_record *record = &teller->record;
	enum mo_reason reason = reason_of(teller->stayed->status, page);

	if (record->nr_pages && !continues(record, page, reason, kind))
		end_record(teller);
	if (!record->nr_pages)
		*record = (struct mo_record){
			.start_pfn = page->pfn, .block = UINT32_MAX, .kind = kind, .reason = reason,
			.kpageflags = page->flags, .refs = -1, .refs_expected = -1, .mapcount = (int)page->count,
			.pincount = -1, .cgroup_inode = page->cgroup_inode, .file = "",
		};
	record->nr_pages += nr_pages;
}

static int add_seen(void *data, const struct mo_page *page)
{
	add_page(data, page, 1, mo_page_kind(page->flags));
	return 0;
}

/* "[vdso]", "[vvar]", "[vsyscall]": pages of the kernel that it shows to all, and that are nobody's to move. */
static bool is_kernels(const struct teller *teller, uint64_t addr)
{
	const struct mo_mapping *mapping = mo_mappings_find(teller->mappings, addr, addr + 1);

	return mapping && !strncmp(mapping->name, "[v", 2);
}

static void tell_stayed(struct teller *teller, struct mo_pages *pages)
{
	const struct stayed *stayed = teller->stayed;
	const struct mo_page unknown = { .pfn = NO_PFN, .count = (uint64_t)-1 };

	if (is_kernels(teller, stayed->addr))
		return;
	if (stayed->pfn == NO_PFN || !pages || mo_pages_each(pages, stayed->pfn, stayed->nr_pages, add_seen, teller))
		add_page(teller, &unknown, stayed->nr_pages, stayed->is_anon ? MO_KIND_ANON : MO_KIND_CACHE);
	end_record(teller);
}

static void note_limits(struct mo_migration *migration)
{
	struct mo_stock *stock = migration->stock;

	if (stock->outcome->nr_stayed && stock->outcome->is_hidden && !stock->told_hidden) {
		stock->told_hidden = true;
		mo_report_add_note(migration->report, "page frames are hidden from this user, so why a page stayed is known in "
				   "part only; run it as root");
	}
	if (*mo_worker_cpuset_problem(migration->ctx) && !stock->told_cpuset) {
		stock->told_cpuset = true;
		mo_report_add_note(migration->report, "%s", mo_worker_cpuset_problem(migration->ctx));
	}
}

void mo_stock_records(struct mo_migration *migration, const struct mo_victim *victim,
		      const struct mo_mappings *mappings, struct mo_moves *moves)
{
	const struct outcome *outcome = migration->stock ? migration->stock->outcome : NULL;
	struct teller teller = { .migration = migration, .victim = victim, .mappings = mappings, .moves = moves };
	struct mo_pages *pages = NULL;

	if (!outcome)
		return;
	teller.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	note_limits(migration);
	if (outcome->nr_stayed && mo_pages_open(migration->ctx, &pages))
		pages = NULL;
	for (size_t i = 0; i < outcome->nr_stayed; i++) {
		teller.stayed = &outcome->stayed[i];
		tell_stayed(&teller, pages);
	}
	if (pages)
		mo_pages_close(pages);
	moves->kept_by_reason[MO_REASON_UNKNOWN] += outcome->lost_pages;
	moves->kept_pages += outcome->lost_pages;
	mo_report_count_kept(migration->report, outcome->lost_pages);
}
