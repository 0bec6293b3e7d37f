// SPDX-License-Identifier: LGPL-2.1-or-later
/* /dev/memoffline: requests to the module, and its records as the library's own. */
#include <errno.h>
#include <fcntl.h>
#include <linux/memoffline.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "private.h"

#define DEVICE "/dev/memoffline"

/* ---- one enum on both sides ---- */

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #ours " differs from " #theirs)
#define SAME_REASON(name) SAME(MO_REASON_##name, MEMOFFLINE_REASON_##name)
#define SAME_KIND(name) SAME(MO_KIND_##name, MEMOFFLINE_KIND_##name)

SAME_REASON(NONE);
SAME_REASON(EXTRA_REFS);
SAME_REASON(DMA_PINNED);
SAME_REASON(WRITEBACK);
SAME_REASON(LOCKED);
SAME_REASON(NO_TARGET);
SAME_REASON(NO_MIGRATE);
SAME_REASON(VMA_REFUSED);
SAME_REASON(SLAB);
SAME_REASON(PGTABLE);
SAME_REASON(RESERVED);
SAME_REASON(KERNEL);
SAME_REASON(GIGANTIC);
SAME_REASON(HUGETLB_RESERVED);
SAME_REASON(PAGE_OFFLINE);
SAME_REASON(POISONED);
SAME_REASON(SPANS_EDGE);
SAME_REASON(CMA);
SAME_REASON(OFF_LRU);
SAME_REASON(DEADLINE);
SAME_REASON(STALL);
SAME_REASON(INTERRUPTED);
SAME_REASON(LOCK_WAIT);
SAME_REASON(ZONE_NONE);
SAME_REASON(HOLES);
SAME_REASON(ISOLATION);
SAME_REASON(NOTIFIER);
SAME_REASON(VANISHED);
SAME_REASON(NO_PERMISSION);
SAME_REASON(UNKNOWN);
SAME_REASON(NR);
SAME_KIND(FREE);
SAME_KIND(ANON);
SAME_KIND(THP);
SAME_KIND(CACHE);
SAME_KIND(SHMEM);
SAME_KIND(HUGETLB);
SAME_KIND(SLAB);
SAME_KIND(PGTABLE);
SAME_KIND(RESERVED);
SAME_KIND(OFFLINE);
SAME_KIND(POISONED);
SAME_KIND(KERNEL);
SAME_KIND(NR);

/* ---- the device ---- */

struct place {
	uint64_t addr, nr_pages, vma_start;
};

struct mo_session {
	struct mo_ctx *ctx;
	int fd;
	struct memoffline_record *records;	/* MO_RECORDS_MAX of them */
	struct place *places;			/* of the same, in a process */
	size_t nr_read;				/* records of an evacuation that are there already */
};

static int no_device(struct mo_ctx *ctx, int err)
{
	if (err == -ENOENT && !mo_module_is_loaded(ctx))
		return mo_error(ctx, err, "the module memoffline is not loaded; load it (modprobe memoffline)");
	if (err == -EPERM || err == -EACCES)
		return mo_error(ctx, err, "can't open " DEVICE ": %s; run it as root, with CAP_SYS_ADMIN", strerror(-err));
	return mo_error(ctx, err, "can't open " DEVICE ", although the module is loaded: %s; is devtmpfs mounted at /dev?",
			strerror(-err));
}

int mo_session_open(struct mo_ctx *ctx, struct mo_session **out)
{
	struct mo_session *session = calloc(1, sizeof(*session));
	int err = -ENOMEM;

	if (!session)
		return mo_error(ctx, err, "no memory to talk to the module");
	session->records = calloc(MO_RECORDS_MAX, sizeof(*session->records));
	session->places = calloc(MO_RECORDS_MAX, sizeof(*session->places));
	if (!session->records || !session->places) {
		mo_error(ctx, err, "no memory for the module's records");
		goto free_records;
	}
	session->fd = mo_open(ctx, O_RDWR, DEVICE);
	if (session->fd < 0) {
		err = no_device(ctx, session->fd);
		goto free_records;
	}
	session->ctx = mo_ctx_ref(ctx);
	*out = session;
	return 0;

free_records:
	free(session->records);
	free(session->places);
	free(session);
	return err;
}

void mo_session_close(struct mo_session *session)
{
	if (!session)
		return;
	close(session->fd);
	free(session->records);
	free(session->places);
	mo_ctx_unref(session->ctx);
	free(session);
}

/* ARG begins with its size. Sets no error text for -ENOENT. */
static int request(struct mo_session *session, unsigned long number, const char *name, void *arg)
{
	int err = ioctl(session->fd, number, arg) ? -errno : 0;

	if (!err || err == -ENOENT)
		return err;
	if (err == -ENOTTY || err == -EINVAL || err == -E2BIG)
		return mo_error(session->ctx, err, "the module does not know the request %s as this library makes it (%s): they are of "
				"different versions; install both from the same release", name, strerror(-err));
	return mo_error(session->ctx, err, "the module failed to answer %s: %s", name, strerror(-err));
}

#define REQUEST(session, name, arg) request(session, MEMOFFLINE_##name, #name, arg)

/* ---- INFO ---- */

static void list_missing(uint64_t features, char *text, size_t size)
{
	static const struct { uint64_t feature; const char *what; } parts[] = {
		{ MEMOFFLINE_FEATURE_EVACUATE, "moving pages" },
		{ MEMOFFLINE_FEATURE_SPLIT, "splitting of huge pages" },
		{ MEMOFFLINE_FEATURE_KERNEL_OPS, "hugetlb, balloon and zsmalloc pages" },
		{ MEMOFFLINE_FEATURE_SWAPOUT, "eviction to swap" },
		{ MEMOFFLINE_FEATURE_OWNERS, "names of owners" },
		{ MEMOFFLINE_FEATURE_ISOLATION, "reports of failed isolation" },
		{ MEMOFFLINE_FEATURE_POLICY, "memory policies of owners" },
		{ MEMOFFLINE_FEATURE_KPAGEFLAGS, "page flags in records" },
		{ MEMOFFLINE_FEATURE_TIERS, "memory tiers" },
		{ MEMOFFLINE_FEATURE_POOLS, "free huge pages" },
		{ MEMOFFLINE_FEATURE_CMA, "pages of CMA" },
		{ MEMOFFLINE_FEATURE_PARTIAL, "huge pages mapped in part" },
		{ MEMOFFLINE_FEATURE_LRU_CACHES, "per-cpu lists while pages move" },
		{ MEMOFFLINE_FEATURE_QUARANTINE, "several blocks at once" },
		{ MEMOFFLINE_FEATURE_PROCESS, "moving the memory of processes" },
		{ MEMOFFLINE_FEATURE_SLAB_NAMES, "names of slab caches" },
		{ MEMOFFLINE_FEATURE_EJECT, "ejected devices as a whole" },
	};
	size_t len = 0;

	*text = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(parts) && len < size; i++)
		if (!(features & parts[i].feature))
			len += (size_t)snprintf(text + len, size - len, "%s%s", len ? ", " : "", parts[i].what);
}

int mo_session_info(struct mo_session *session, struct mo_core_info *info)
{
	struct memoffline_info arg = { .size = sizeof(arg) };
	int err = REQUEST(session, INFO, &arg);

	if (err)
		return err;
	info->version = arg.out_version;
	info->nr_workers = arg.out_nr_workers;
	info->deadline_ms = arg.out_deadline_ms;
	info->stall_ms = arg.out_stall_ms;
	info->sees_isolation = arg.out_features & MEMOFFLINE_FEATURE_ISOLATION;
	info->has_sessions = arg.out_features & MEMOFFLINE_FEATURE_QUARANTINE;
	info->moves_processes = arg.out_features & MEMOFFLINE_FEATURE_PROCESS;
	info->names_owners = arg.out_features & MEMOFFLINE_FEATURE_OWNERS;
	list_missing(arg.out_features, info->missing, sizeof(info->missing));
	return 0;
}

/* ---- records ---- */

static bool is_known(uint32_t number, uint32_t nr)
{
	return number < nr;
}

static enum mo_reason reason_of(uint32_t reason)
{
	return is_known(reason, MO_REASON_NR) ? (enum mo_reason)reason : MO_REASON_UNKNOWN;
}

static enum mo_kind kind_of(uint32_t kind)
{
	return is_known(kind, MO_KIND_NR) ? (enum mo_kind)kind : MO_KIND_KERNEL;
}

/* A text of the kernel's ends in its array; trust nothing. */
static void copy_text(char *copy, const char *text, size_t size)
{
	memcpy(copy, text, size);
	copy[size - 1] = '\0';
}

static uint64_t nr_pages_of(const struct memoffline_record *record)
{
	return 1ULL << (record->order < 64 ? record->order : 0);
}

static struct mo_record record_of(const struct memoffline_record *theirs, uint32_t block, char *name)
{
	copy_text(name, theirs->name, sizeof(theirs->name));
	return (struct mo_record){
		.start_pfn = theirs->pfn,
		.nr_pages = nr_pages_of(theirs),
		.block = block,
		.kind = kind_of(theirs->kind),
		.reason = reason_of(theirs->reason),
		.kpageflags = theirs->kpageflags,
		.refs = theirs->refs,
		.refs_expected = theirs->refs_expected,
		.mapcount = theirs->mapcount,
		.pincount = theirs->pincount,
		.cgroup_inode = theirs->cgroup_inode,
		.file_inode = theirs->file_inode,
		.file = theirs->kind == MEMOFFLINE_KIND_SLAB ? "" : name,
		.file_major = theirs->file_dev >> 20,
		.file_minor = theirs->file_dev & 0xfffff,
		.slab = theirs->kind == MEMOFFLINE_KIND_SLAB ? name : "",
	};
}

static void add_owners(struct mo_record *record, const struct memoffline_record *theirs)
{
	char comm[MEMOFFLINE_COMM_LEN];

	for (uint32_t i = 0; i < theirs->nr_mappers && i < MEMOFFLINE_MAPPERS_KEPT; i++) {
		const struct memoffline_mapper *mapper = &theirs->mappers[i];
		struct mo_owner owner = { .pid = mapper->pid, .addr = mapper->addr, .comm = comm, .vma = "" };

		copy_text(comm, mapper->comm, sizeof(comm));
		if (mo_record_add_owner(record, &owner))
			break;
	}
	record->nr_owners = theirs->nr_mappers;
}

/* Of these neither the flags nor the references say more. */
static bool is_kernels(const struct memoffline_record *record)
{
	return record->kind == MEMOFFLINE_KIND_SLAB || record->kind == MEMOFFLINE_KIND_PGTABLE ||
	       record->kind == MEMOFFLINE_KIND_KERNEL || record->kind == MEMOFFLINE_KIND_RESERVED;
}

static bool has_same_facts(const struct memoffline_record *a, const struct memoffline_record *b)
{
	return !a->order && !b->order && a->kpageflags == b->kpageflags && a->refs == b->refs &&
	       a->refs_expected == b->refs_expected && a->mapcount == b->mapcount && a->pincount == b->pincount &&
	       a->file_inode == b->file_inode;
}

/* The same processes map both, as far apart as the pages are. */
static bool has_same_mappers(const struct memoffline_record *a, const struct memoffline_record *b)
{
	uint64_t distance = (b->pfn - a->pfn) * (uint64_t)sysconf(_SC_PAGESIZE);

	if (a->nr_mappers != b->nr_mappers || a->nr_mappers > MEMOFFLINE_MAPPERS_KEPT)
		return false;
	for (uint32_t i = 0; i < a->nr_mappers; i++)
		if (a->mappers[i].pid != b->mappers[i].pid || a->mappers[i].addr + distance != b->mappers[i].addr)
			return false;
	return true;
}

/* They differ in nothing that matters but their number. */
static bool is_alike(const struct memoffline_record *a, const struct memoffline_record *b)
{
	return a->reason == b->reason && a->kind == b->kind && a->cgroup_inode == b->cgroup_inode &&
	       !strncmp(a->name, b->name, sizeof(a->name)) && (is_kernels(a) || has_same_facts(a, b)) &&
	       has_same_mappers(a, b);
}

/* How many in a row are one run, and its pages. */
static size_t run_length(const struct memoffline_record *records, size_t nr, uint64_t *nr_pages)
{
	size_t len = 1;

	*nr_pages = nr_pages_of(&records[0]);
	while (len < nr && records[len].pfn == records[0].pfn + *nr_pages && is_alike(&records[0], &records[len]))
		*nr_pages += nr_pages_of(&records[len++]);
	return len;
}

static uint64_t add_records(struct mo_report *report, uint32_t block, const struct memoffline_record *records,
			    size_t nr)
{
	char name[MEMOFFLINE_NAME_LEN];
	struct mo_record record, *added;
	uint64_t nr_pages = 0;

	for (size_t i = 0, len; i < nr; i += len) {
		record = record_of(&records[i], block, name);
		len = run_length(&records[i], nr - i, &record.nr_pages);
		nr_pages += record.nr_pages;
		added = mo_report_add_record(report, &record);
		if (added)
			add_owners(added, &records[i]);
	}
	return nr_pages;
}

/* ---- REPORT ---- */

static void fill_attempt(struct mo_core_attempt *attempt, const struct memoffline_report *arg)
{
	attempt->start_pfn = arg->out_start_pfn;
	attempt->nr_pages = arg->out_nr_pages;
	attempt->nr_moved = arg->out_nr_moved;
	attempt->nr_evicted = arg->out_nr_evicted;
	attempt->nr_kept = arg->out_nr_kept;
	attempt->nr_policy_violated = arg->out_nr_policy_violated;
	attempt->start_ms = arg->out_start_ns / 1000000;
	attempt->elapsed_ms = arg->out_elapsed_ns / 1000000;
	attempt->error = arg->out_error;
	attempt->reason = reason_of(arg->out_reason);
	attempt->pid = arg->out_pid;
	copy_text(attempt->comm, arg->out_comm, sizeof(attempt->comm));
}

int mo_session_last(struct mo_session *session, uint64_t pfn, struct mo_core_attempt *attempt)
{
	struct memoffline_report arg = {
		.size = sizeof(arg),
		.start_pfn = pfn == NO_PFN ? MEMOFFLINE_PFN_LAST : pfn,
		.records = (uintptr_t)session->records,
		.nr_records = MO_RECORDS_MAX,
	};
	int err = REQUEST(session, REPORT, &arg);

	if (err)
		return err;
	_Static_assert(sizeof(attempt->comm) == sizeof(arg.out_comm), "names of processes differ in length");
	fill_attempt(attempt, &arg);
	attempt->nr_records = arg.out_nr_records < MO_RECORDS_MAX ? arg.out_nr_records : MO_RECORDS_MAX;
	return 0;
}

void mo_session_add_records(struct mo_session *session, const struct mo_core_attempt *attempt, uint32_t block,
			    struct mo_report *report)
{
	uint64_t nr_told = add_records(report, block, session->records, attempt->nr_records);

	if (attempt->nr_kept > nr_told)
		mo_report_count_kept(report, attempt->nr_kept - nr_told);
}

/* ---- SCAN ---- */

/* What is gone a moment later as a rule. */
static bool is_passing(uint32_t reason)
{
	return reason == MEMOFFLINE_REASON_LOCKED || reason == MEMOFFLINE_REASON_WRITEBACK;
}

static void sum_up(const struct memoffline_record *records, size_t nr, struct mo_core_scan *scan)
{
	uint64_t nr_pages[MO_REASON_NR] = { 0 };
	size_t i;

	scan->told_pages = 0;
	for (i = 0; i < nr; i++) {
		scan->told_pages += nr_pages_of(&records[i]);
		if (!is_passing(records[i].reason))
			nr_pages[reason_of(records[i].reason)] += nr_pages_of(&records[i]);
	}
	scan->reason = mo_reason_of_most(nr_pages);
	scan->reason_pfn = NO_PFN;
	scan->reason_pages = nr_pages[scan->reason];
	for (i = 0; i < nr && scan->reason_pfn == NO_PFN; i++)
		if (scan->reason != MO_REASON_NONE && reason_of(records[i].reason) == scan->reason)
			scan->reason_pfn = records[i].pfn;
}

int mo_session_scan(struct mo_session *session, uint64_t start_pfn, uint64_t nr_pages, struct mo_core_scan *scan)
{
	struct memoffline_scan arg = {
		.size = sizeof(arg),
		.start_pfn = start_pfn,
		.nr_pages = nr_pages,
		.records = (uintptr_t)session->records,
		.nr_records = MO_RECORDS_MAX,
	};
	int err = REQUEST(session, SCAN, &arg);

	if (err)
		return err;
	scan->nr_records = arg.out_nr_records < MO_RECORDS_MAX ? arg.out_nr_records : MO_RECORDS_MAX;
	scan->kept_pages = arg.out_nr_kept;
	sum_up(session->records, scan->nr_records, scan);
	return 0;
}

static uint64_t add_scan(struct mo_session *session, const struct mo_core_scan *scan, uint32_t block,
			 struct mo_report *report)
{
	uint64_t nr_told;
	size_t nr = 0;

	for (size_t i = 0; i < scan->nr_records; i++)
		if (!is_passing(session->records[i].reason))
			session->records[nr++] = session->records[i];
	nr_told = add_records(report, block, session->records, nr);
	if (scan->kept_pages <= scan->told_pages)
		return nr_told;
	mo_report_count_kept(report, scan->kept_pages - scan->told_pages);	/* whatever they are */
	return nr_told + scan->kept_pages - scan->told_pages;
}

/* There are more records than one answer has room for, and no more in each part than it has pages. */
static int scan_in_parts(struct mo_session *session, uint32_t block, uint64_t nr_pages, struct mo_report *report,
			 uint64_t *pages)
{
	struct mo_core_scan scan;

	*pages = 0;
	for (uint64_t done = 0, nr; done < nr_pages; done += nr) {
		int err;

		nr = nr_pages - done < MO_RECORDS_MAX ? nr_pages - done : MO_RECORDS_MAX;
		err = mo_session_scan(session, block * nr_pages + done, nr, &scan);
		if (err)
			return err;
		*pages += add_scan(session, &scan, block, report);
	}
	return 0;
}

int mo_session_scan_block(struct mo_session *session, uint32_t block, uint64_t nr_pages, struct mo_report *report,
			  enum mo_reason *reason, uint64_t *pages)
{
	struct mo_core_scan scan;
	int err = mo_session_scan(session, block * nr_pages, nr_pages, &scan);

	if (err)
		return err;
	*reason = scan.reason;
	if (scan.kept_pages > scan.told_pages)
		return scan_in_parts(session, block, nr_pages, report, pages);
	*pages = add_scan(session, &scan, block, report);
	return 0;
}

/* ---- sessions ---- */

int mo_session_quarantine(struct mo_session *session, uint64_t start_pfn, uint64_t nr_pages, struct mo_core_room *room)
{
	struct memoffline_quarantine arg = { .size = sizeof(arg), .start_pfn = start_pfn, .nr_pages = nr_pages };
	int err = ioctl(session->fd, MEMOFFLINE_QUARANTINE, &arg) ? -errno : 0;

	room->used_pages = arg.out_nr_used;
	room->room_pages = arg.out_nr_room;
	return err;
}

int mo_session_release(struct mo_session *session, uint64_t start_pfn, uint64_t nr_pages)
{
	struct memoffline_release arg = { .size = sizeof(arg), .start_pfn = start_pfn, .nr_pages = nr_pages };

	return REQUEST(session, RELEASE, &arg);
}

int mo_session_evacuate(struct mo_session *session, const struct mo_core_terms *terms,
			struct mo_core_evacuated *evacuated)
{
	static const uint32_t flags[] = {
		[MO_SWAP_AUTO] = MEMOFFLINE_EVACUATE_FALLBACK,
		[MO_SWAP_FALLBACK] = MEMOFFLINE_EVACUATE_FALLBACK,
		[MO_SWAP_EVICT] = MEMOFFLINE_EVACUATE_EVICT,
	};
	struct memoffline_evacuate arg = {
		.size = sizeof(arg),
		.flags = terms->swap < sizeof(flags) / sizeof(*flags) ? flags[terms->swap] : 0,
		.nodes = (uintptr_t)terms->nodes,
		.nr_node_words = terms->nr_node_words,
		.deadline_ms = terms->deadline_ms,
		.stall_ms = terms->stall_ms,
		.max_mib_s = terms->max_mib_s,
		.max_records = MO_RECORDS_MAX,
	};

	if (ioctl(session->fd, MEMOFFLINE_EVACUATE, &arg))
		return -errno;
	evacuated->moved_pages = arg.out_nr_moved;
	evacuated->evicted_pages = arg.out_nr_evicted;
	evacuated->kept_pages = arg.out_nr_kept;
	evacuated->violated_pages = arg.out_nr_policy_violated;
	evacuated->reason = reason_of(arg.out_reason);
	return 0;
}

static void keep(struct mo_session *session, const struct memoffline_event *event)
{
	session->records[session->nr_read] = event->record;
	session->places[session->nr_read++] = (struct place){ event->place.addr, event->place.nr_pages,
							      event->place.vma_start };
}

bool mo_session_progress(struct mo_session *session, struct mo_core_progress *progress)
{
	struct pollfd pollfd = { .fd = session->fd, .events = POLLIN };
	struct memoffline_event event;

	if (poll(&pollfd, 1, 0) != 1 || read(session->fd, &event, sizeof(event)) != sizeof(event))
		return false;
	if (event.type == MEMOFFLINE_EVENT_RECORD && session->nr_read < MO_RECORDS_MAX)
		keep(session, &event);	/* it ended since we looked */
	if (event.type != MEMOFFLINE_EVENT_PROGRESS)
		return false;
	progress->done_pages = event.progress.nr_done;
	progress->stuck_pfn = event.progress.stuck_pfn ? event.progress.stuck_pfn : NO_PFN;
	return true;
}

/* Into the session's own array, behind those that came with the progress. */
static size_t read_records(struct mo_session *session)
{
	struct memoffline_event event;
	size_t nr;

	while (session->nr_read < MO_RECORDS_MAX && read(session->fd, &event, sizeof(event)) == sizeof(event))
		if (event.type == MEMOFFLINE_EVENT_RECORD)
			keep(session, &event);
	nr = session->nr_read;
	session->nr_read = 0;
	return nr;
}

static enum mo_reason main_reason(const struct memoffline_record *records, size_t nr)
{
	uint64_t nr_pages[MO_REASON_NR] = { 0 };

	for (size_t i = 0; i < nr; i++)
		nr_pages[reason_of(records[i].reason)] += nr_pages_of(&records[i]);
	return mo_reason_of_most(nr_pages);
}

void mo_session_kept(struct mo_session *session, uint64_t block_pages, uint64_t nr_kept, struct mo_report *report,
		     mo_kept_fn *fn, void *data)
{
	const struct memoffline_record *records = session->records;
	size_t nr = read_records(session), len;
	uint64_t nr_told = 0, nr_pages;

	for (size_t i = 0; i < nr; i += len) {
		uint64_t block = records[i].pfn / block_pages;

		for (len = 1; i + len < nr && records[i + len].pfn / block_pages == block; )
			len++;
		nr_pages = add_records(report, (uint32_t)block, &records[i], len);
		fn(data, (uint32_t)block, main_reason(&records[i], len), nr_pages);
		nr_told += nr_pages;
	}
	if (nr_kept > nr_told)
		mo_report_count_kept(report, nr_kept - nr_told);
}

/* ---- processes ---- */

static void fill_moves(struct mo_moves *moves, const struct memoffline_migrate_process *arg)
{
	moves->moved_pages = arg->out_nr_moved;
	moves->evicted_pages = arg->out_nr_evicted;
	moves->kept_pages = arg->out_nr_kept;
	moves->shared_pages = arg->out_nr_shared;
	moves->swapped_pages = arg->out_nr_swapped;
	moves->nr_split = arg->out_nr_split;
	for (size_t i = 0; i < MEMOFFLINE_REASON_NR; i++)
		moves->kept_by_reason[i] = arg->out_kept_by_reason[i];
}

int mo_session_migrate(struct mo_session *session, const struct mo_core_migrate *terms,
		       struct mo_core_migrated *migrated)
{
	struct memoffline_migrate_process arg = {
		.size = sizeof(arg),
		.flags = (terms->also_shared ? MEMOFFLINE_PROCESS_MOVE_ALL : 0) |
			 (terms->may_evict ? MEMOFFLINE_PROCESS_FALLBACK : 0) |
			 (terms->pidfd >= 0 ? MEMOFFLINE_PROCESS_PIDFD : 0),
		.pid = terms->pidfd >= 0 ? terms->pidfd : terms->pid,
		.nr_node_words = MO_NODE_WORDS,
		.nodes_from = (uintptr_t)terms->from->words,
		.nodes_to = (uintptr_t)terms->to->words,
		.start_addr = terms->start_addr,
		.end_addr = terms->end_addr,
		.deadline_ms = terms->deadline_ms,
		.nr_workers = terms->nr_workers,
		.max_records = MO_RECORDS_MAX,
	};

	if (ioctl(session->fd, MEMOFFLINE_MIGRATE_PROCESS, &arg))
		return -errno;
	fill_moves(&migrated->moves, &arg);
	migrated->reason = reason_of(arg.out_reason);
	return 0;
}

void mo_session_drop_records(struct mo_session *session)
{
	session->nr_read = 0;	/* the module forgets its own with the next request */
}

int mo_session_stop(struct mo_session *session)
{
	struct memoffline_stop arg = { .size = sizeof(arg) };

	return REQUEST(session, STOP, &arg);
}

/* A run of equal pages, or a mapping that can't move, of whose frames nothing is known. */
static struct mo_record stayed_record(const struct memoffline_record *theirs, const struct place *place, char *name)
{
	struct mo_record record = record_of(theirs, UINT32_MAX, name);

	if (place->nr_pages)
		record.nr_pages = place->nr_pages;
	return record;	/* ~0 of theirs is NO_PFN of ours */
}

void mo_session_stayed(struct mo_session *session, struct mo_report *report, mo_stayed_fn *fn, void *data)
{
	size_t nr = read_records(session);
	char name[MEMOFFLINE_NAME_LEN];
	struct mo_record record, *added;

	for (size_t i = 0; i < nr; i++) {
		record = stayed_record(&session->records[i], &session->places[i], name);
		added = mo_report_add_record(report, &record);
		if (!added)
			continue;
		fn(data, added, session->places[i].addr);
		if (session->records[i].nr_mappers > 1)
			added->nr_owners = session->records[i].nr_mappers;
	}
}

void mo_session_note(struct mo_report *report, uint64_t nr_evicted, uint64_t nr_violated)
{
	if (nr_evicted)
		mo_report_add_note(report, "%llu pages were evicted, to swap or from the page cache, since no other memory had room",
				   (unsigned long long)nr_evicted);
	if (nr_violated)
		mo_report_add_note(report, "%llu pages went to nodes that their owner's memory policy or cpuset does not allow, since "
				   "the others had no room", (unsigned long long)nr_violated);
}
