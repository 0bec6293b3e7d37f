/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libmemoffline: take memory out of a running Linux machine, and say why when it can't go.
 *
 * This header is the manual. What holds for every call:
 *
 * Result.	0 or a count on success, a negative errno on failure. After a failure mo_ctx_error()
 *		is one sentence that says what happened, to what, why, and what to do. A failed
 *		call changes nothing that its arguments point to.
 * Ownership.	_new, _read and _load give a new object, released by _unref (accepts NULL,
 *		returns NULL). Getters lend: what they return belongs to the object asked
 *		and lives as long as it does.
 * Structs.	Objects are opaque. Plain structs that the library hands out are read only and may grow
 *		at their end: reach them by their getters, never by array arithmetic. The caller's own
 *		plain structs (mo_request, mo_migrate_request) begin with their size.
 * Units.	_bytes, _pages (of the base page size), _ms (milliseconds, monotonic clock). A page frame
 *		number is _pfn. A range of frames is start_pfn and nr_pages.
 * Threads.	No global state. A context and the objects made from it belong to one thread at a time. Processes and
 *		threads of the library's own wait for the kernel while a call lasts; these threads take no signals.
 * Signals.	The library installs no handlers. Long calls end early when the request's stop_fd
 *		becomes readable (a signalfd, say).
 * Source.	Everything is read below the context's sysroot: /sys/devices/system/memory and
 *		/node, /sys/bus/acpi and /dax, /sys/fs/cgroup, /proc/iomem, /proc/kpageflags, /proc/kpagecount,
 *		/proc/kpagecgroup, /proc/PID.
 */
#ifndef LIBMEMOFFLINE_H
#define LIBMEMOFFLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- context: where to look, whom to tell ------------------------------------------------ */

struct mo_ctx;

/* Severities of a log line, as in syslog(3). */
enum mo_log_level { MO_LOG_ERR = 3, MO_LOG_WARNING = 4, MO_LOG_INFO = 6, MO_LOG_DEBUG = 7 };

typedef void mo_log_fn(void *data, enum mo_log_level level, const char *line);

/* A context on the running machine ("/"), run directory /run/memoffline, silent. -ENOMEM. */
int mo_ctx_new(struct mo_ctx **ctx);
struct mo_ctx *mo_ctx_ref(struct mo_ctx *ctx);
struct mo_ctx *mo_ctx_unref(struct mo_ctx *ctx);

/*
 * Look below NAME instead of "/": a folder that is a recorded tree of another machine, or what mo_bundle_write() wrote,
 * which is unpacked (to TMPDIR or /var/tmp, and removed with the context, also when the process is killed). Links
 * lead nowhere else. Calls that write then fail with -EROFS. -ENOENT, -ENOTDIR, -EACCES: NAME can't be opened;
 * -EBADMSG: it is no bundle, or one that wants to leave its folder; -ELIBACC: no libarchive. The old root stays.
 */
int mo_ctx_set_sysroot(struct mo_ctx *ctx, const char *name);
/* NULL on the running machine. */
const char *mo_ctx_get_sysroot(const struct mo_ctx *ctx);

/*
 * Where lock, journal and reports live; copied. Made (0700) by the first call that needs it. Unless it is set, reports
 * of a recorded tree are those in its own /run/memoffline.
 */
int mo_ctx_set_run_dir(struct mo_ctx *ctx, const char *dir);

/*
 * Where the history of attempts lives, "/var/lib/memoffline" unless set; copied. Below the sysroot where there is one,
 * and only read there. Made (0700) by the first attempt. "": no history is kept, and systemd's journal is told nothing.
 */
int mo_ctx_set_state_dir(struct mo_ctx *ctx, const char *dir);

/* The file of the kernel module to load when one is wanted, rather than the one in /lib/modules; copied. */
int mo_ctx_set_module(struct mo_ctx *ctx, const char *path);

/* FN gets each line up to MAX_LEVEL, without a newline; NULL silences. */
void mo_ctx_set_log(struct mo_ctx *ctx, mo_log_fn *fn, void *data, enum mo_log_level max_level);

/* Why the last failing call on CTX or an object made from it failed; "" when none did. */
const char *mo_ctx_error(const struct mo_ctx *ctx);

/* ---- memory: blocks, devices and nodes at one moment ------------------------------------- */

struct mo_memory;

enum mo_state {
	MO_STATE_UNKNOWN,	/* the state file held a word this library does not know */
	MO_STATE_ONLINE,	/* in use */
	MO_STATE_OFFLINE,	/* known to the kernel, not in use */
	MO_STATE_GOING_OFFLINE,	/* somebody is taking it offline now */
};

enum mo_zone {
	MO_ZONE_UNKNOWN,	/* not read, or a word this library does not know */
	MO_ZONE_NONE,		/* the block spans zones or nodes, or has holes: it can never go offline */
	MO_ZONE_DMA,
	MO_ZONE_DMA32,
	MO_ZONE_NORMAL,
	MO_ZONE_MOVABLE,
	MO_ZONE_DEVICE,
};

enum mo_device_kind {
	MO_DEVICE_BOOT,		/* present at boot, or of no device that can be found */
	MO_DEVICE_ACPI,		/* a memory module (PNP0C80) */
	MO_DEVICE_DAX,		/* dax device driven by kmem: CXL, persistent memory */
	MO_DEVICE_VIRTIO_MEM,	/* paravirtual memory */
};

/* One memory block: the unit that Linux takes online and offline. */
struct mo_block {
	uint32_t number;	/* N of memoryN; its memory starts at N * block_bytes */
	int32_t node;		/* first node it belongs to, -1 when none is known */
	uint32_t nr_nodes;	/* more than one: the block is mixed and can't go */
	uint32_t device;	/* argument for mo_memory_device() */
	enum mo_state state;
	enum mo_zone zone;	/* online: the zone it is in; offline: where "online" would put it */
	uint32_t zones;		/* bit 1 << enum mo_zone for each zone in valid_zones */
};

struct mo_device {
	enum mo_device_kind kind;
	const char *name;	/* "PNP0C80:00", "dax0.0", "virtio0", "boot" */
	const char *path;	/* sysfs path of the device below the sysroot, "" for boot memory */
	uint32_t nr_blocks;
	uint32_t nr_online;	/* of them */
	uint64_t len_bytes;
};

struct mo_node {
	int32_t number;
	bool has_memory;
	bool has_cpus;
	uint64_t total_bytes;	/* MemTotal of the node, 0 when not known */
	uint64_t free_bytes;	/* MemFree */
	uint64_t file_bytes;	/* clean and dirty page cache that could be reclaimed (FilePages - Shmem) */
};

/*
 * Read all of it. -ENOENT: there is no memory folder in sysfs, and the error says whether the
 * kernel lacks memory hotplug or the machine does. -EACCES, -ENOMEM. A block that vanishes
 * meanwhile is left out.
 */
int mo_memory_read(struct mo_ctx *ctx, struct mo_memory **memory);
struct mo_memory *mo_memory_ref(struct mo_memory *memory);
struct mo_memory *mo_memory_unref(struct mo_memory *memory);
struct mo_ctx *mo_memory_ctx(const struct mo_memory *memory);

/* Length of a memory block, and of a base page. */
uint64_t mo_memory_block_bytes(const struct mo_memory *memory);
uint64_t mo_memory_block_pages(const struct mo_memory *memory);
uint64_t mo_memory_page_bytes(const struct mo_memory *memory);

/* In ascending order of their numbers; NULL past the end. */
size_t mo_memory_nr_blocks(const struct mo_memory *memory);
const struct mo_block *mo_memory_block(const struct mo_memory *memory, size_t i);
/* The block with that number, or NULL. */
const struct mo_block *mo_memory_find(const struct mo_memory *memory, uint32_t number);
/* Read state and zones of one block again. -ENOENT: it is gone. Never blocks on an offline in progress. */
int mo_memory_refresh(struct mo_memory *memory, uint32_t number);

/* Device 0 is the boot memory, also when it has no block. NULL past the end. */
size_t mo_memory_nr_devices(const struct mo_memory *memory);
const struct mo_device *mo_memory_device(const struct mo_memory *memory, size_t i);

/*
 * What people call the memory modules of a device, by SMBIOS and EDAC: "DIMM_A2 (serial 20471147)", with commas
 * between several; "" when the firmware does not tell, or to others than root. TEXT is the caller's; may hold any byte.
 */
void mo_device_slots(struct mo_memory *memory, uint32_t device, char *text, size_t size);

/* In ascending order of their numbers, those without memory too; NULL past the end. */
size_t mo_memory_nr_nodes(const struct mo_memory *memory);
const struct mo_node *mo_memory_node(const struct mo_memory *memory, size_t i);
/* NUMA distance of two nodes by number (10 = the same); -ENOENT when the machine does not say. */
int mo_memory_distance(const struct mo_memory *memory, int from, int to);

/* The words of sysfs: "online", "going-offline"; "Movable", "none"; "acpi"... Never NULL. */
const char *mo_state_name(enum mo_state state);
const char *mo_zone_name(enum mo_zone zone);
const char *mo_device_kind_name(enum mo_device_kind kind);

/* ---- content: what a range of memory holds ------------------------------------------------ */

enum mo_kind {
	MO_KIND_FREE,		/* in the buddy allocator */
	MO_KIND_ANON,		/* anonymous, base pages; swap cache and KSM count here */
	MO_KIND_THP,		/* part of an anonymous transparent huge page */
	MO_KIND_CACHE,		/* page cache, in folios of any size */
	MO_KIND_SHMEM,		/* shared memory, tmpfs, memfd, in folios of any size */
	MO_KIND_HUGETLB,
	MO_KIND_SLAB,
	MO_KIND_PGTABLE,
	MO_KIND_RESERVED,	/* PG_reserved: firmware, kernel image, memmap */
	MO_KIND_OFFLINE,	/* logically offline: balloon, virtio-mem; or no page at all */
	MO_KIND_POISONED,	/* hardware poison */
	MO_KIND_KERNEL,		/* any other allocation of the kernel */
	MO_KIND_NR,
};

struct mo_content {
	uint64_t nr_pages[MO_KIND_NR];	/* adds up to the length of the range */
	uint64_t mapped_pages;		/* of them mapped at least once */
	uint64_t dirty_pages;
	uint64_t writeback_pages;
	uint64_t unevictable_pages;	/* mlocked */
	uint64_t locked_pages;
	uint64_t unmovable_pages;	/* slab, page tables, reserved, other kernel */
	uint64_t move_pages;		/* to move before the range can go: neither free, offline nor poisoned */
	uint64_t flagless_pages;		/* of the kernel's: free on a per-cpu list, or allocated; in zone Movable the former */
	uint64_t free_hugetlb_pages;	/* of huge pages that no process maps: the kernel gives up free ones */
	uint64_t held_offline_pages;	/* logically offline, and a driver's to let go */
	uint64_t first_pfn[MO_KIND_NR];	/* of each kind of which there are pages */
};

/* "free", "anonymous", "page cache"... and the word used in JSON: "free", "anon", "cache"... */
const char *mo_kind_name(enum mo_kind kind);
const char *mo_kind_key(enum mo_kind kind);

/*
 * Count a range. CONTENT is the caller's, cleared first. Takes no lock of memory hotplug, so it is safe
 * while an offline runs. -EACCES or -EPERM: needs CAP_SYS_ADMIN; -ENOENT: the kernel
 * lacks CONFIG_PROC_PAGE_MONITOR.
 */
int mo_content_read(struct mo_ctx *ctx, uint64_t start_pfn, uint64_t nr_pages, struct mo_content *content);

/* ---- map: what each block holds ------------------------------------------------------------ */

struct mo_map;

/* One block. Of one that is offline nothing is read: all its pages are MO_KIND_OFFLINE. */
struct mo_area {
	uint32_t block;			/* number */
	bool content_known;
	struct mo_content content;
	uint64_t cgroup_inode;		/* the memory cgroup that holds most of it; 0: none, or not known */
	uint64_t cgroup_pages;		/* pages that are charged to it */
};

#define MO_MAP_OWNERS		(1u << 0)  /* find out the cgroups, too: takes nearly twice as long */

/*
 * What all blocks of MEMORY hold. Where that can't be read the map is made all the same, and mo_map_problem() says
 * why. Takes no lock of memory hotplug, writes nothing. -ENOMEM; -EINVAL: unknown flags.
 */
int mo_map_new(struct mo_memory *memory, uint32_t flags, struct mo_map **map);
struct mo_map *mo_map_unref(struct mo_map *map);
struct mo_memory *mo_map_memory(const struct mo_map *map);
/* Of the block that mo_memory_block() gives for the same number. NULL past the end. */
const struct mo_area *mo_map_area(const struct mo_map *map, size_t i);
/* Why contents are not known, or owners where they were asked for; "" when nothing is missing. */
const char *mo_map_problem(const struct mo_map *map);
/*
 * Look again: at the state of each block, and at what the blocks hold, those first that are going offline, until
 * LIMIT_MS have passed; the next call goes on where this one ended. 1: blocks came or went, so that mo_memory_read()
 * and a new map are needed to see them; 0: none did.
 */
int mo_map_refresh(struct mo_map *map, uint32_t limit_ms);
/*
 * The path of a cgroup from the root of cgroups, "/" for the root itself. A sysroot knows it if it is
 * a bundle. Takes CAP_DAC_READ_SEARCH. -ENOENT, -ESTALE: it was removed, or the sysroot does not know it; -EPERM;
 * mo_ctx_error() stays as it was.
 */
int mo_cgroup_path(struct mo_ctx *ctx, uint64_t inode, char *path, size_t size);

/* ---- reasons and records: why a page stayed ----------------------------------------------- */

enum mo_reason {
	MO_REASON_NONE,
	/* about pages */
	MO_REASON_EXTRA_REFS,		/* somebody holds references beyond mappings and cache: a pin */
	MO_REASON_DMA_PINNED,
	MO_REASON_WRITEBACK,
	MO_REASON_LOCKED,
	MO_REASON_NO_TARGET,		/* no target memory */
	MO_REASON_NO_MIGRATE,		/* the file system can't migrate it */
	MO_REASON_VMA_REFUSED,		/* the VMA's hook refused */
	MO_REASON_SLAB,
	MO_REASON_PGTABLE,
	MO_REASON_RESERVED,
	MO_REASON_KERNEL,		/* other kernel allocation */
	MO_REASON_GIGANTIC,
	MO_REASON_HUGETLB_RESERVED,	/* free huge page promised to a reservation */
	MO_REASON_PAGE_OFFLINE,		/* balloon, virtio-mem */
	MO_REASON_POISONED,
	MO_REASON_SPANS_EDGE,		/* compound page across the edge of the range */
	MO_REASON_CMA,
	MO_REASON_OFF_LRU,		/* in use, but on no list that migration looks at */
	/* about the attempt */
	MO_REASON_DEADLINE,
	MO_REASON_STALL,
	MO_REASON_INTERRUPTED,
	MO_REASON_LOCK_WAIT,		/* another hotplug operation held the lock till the deadline */
	/* about the block */
	MO_REASON_ZONE_NONE,		/* spans zones or nodes */
	MO_REASON_HOLES,		/* not all of it is System RAM */
	MO_REASON_ISOLATION,		/* could not be isolated, the page is not known */
	MO_REASON_NOTIFIER,		/* a driver or subsystem vetoed */
	MO_REASON_VANISHED,		/* the block went away */
	MO_REASON_NO_PERMISSION,
	MO_REASON_UNKNOWN,
	MO_REASON_NR,
};

/* "extra references"; "extra-refs" in JSON; one sentence on what it is; one on what can be done. Never NULL. */
const char *mo_reason_name(enum mo_reason reason);
const char *mo_reason_key(enum mo_reason reason);
const char *mo_reason_text(enum mo_reason reason);
const char *mo_reason_remedy(enum mo_reason reason);

/* A process that maps a page. */
struct mo_owner {
	int32_t pid;
	uint64_t addr;		/* virtual address of the page in it */
	const char *comm;	/* as the kernel gives it: may hold any byte, escape before printing */
	const char *vma;	/* name of the mapping: a path, "[heap]", "" for anonymous memory */
};

/*
 * One page, or one run of equal pages, that stayed. Of a process, start_pfn is UINT64_MAX and block UINT32_MAX where
 * the frames are not known, and the first owner is the process, with the address of the first page and its mapping.
 */
struct mo_record {
	uint64_t start_pfn;
	uint64_t nr_pages;
	uint32_t block;		/* number */
	enum mo_kind kind;
	enum mo_reason reason;
	uint64_t kpageflags;	/* of the first page, KPF_ bits of linux/kernel-page-flags.h */
	int32_t refs;		/* references found, -1 when not known */
	int32_t refs_expected;	/* references that mappings and caches explain, -1 when not known */
	int32_t mapcount;	/* -1 when not known */
	int32_t pincount;	/* -1 when not known */
	uint64_t cgroup_inode;	/* 0 when none or not known */
	uint64_t file_inode;	/* 0 when none or not known */
	const char *file;	/* path or dentry name, "" when not known */
	uint32_t nr_owners;	/* processes that map it, all of them */
	uint32_t nr_owners_kept;/* how many mo_record_owner() can give */
	const char *cgroup;	/* path of cgroup_inode, from the root of cgroups; "" when not known */
	const char *slab;	/* name of the slab cache, by the core alone; "" when none or not known */
	uint32_t file_major;	/* device of the file system that file_inode is of; 0 and 0 when not known */
	uint32_t file_minor;
	uint32_t nr_holds;	/* what may hold it beside mappings, as mo_record_hold() gives it */
	const char *stack;	/* what allocated it, a function in each line, the innermost first; "" when not known */
	uint64_t since_s;	/* when that was, seconds since the epoch; 0 when not known */
};

/* What may hold a page beside mappings. */
enum mo_hold_kind {
	MO_HOLD_IO_URING,	/* a registered buffer */
	MO_HOLD_VFIO,
	MO_HOLD_IOMMUFD,
	MO_HOLD_RDMA,
	MO_HOLD_DMA_BUF,
	MO_HOLD_PIPE,		/* with data in it, as of vmsplice(2) */
	MO_HOLD_PINNED,		/* the process has pinned memory (VmPin), by what is not known */
	MO_HOLD_OPEN,		/* the file is open */
	MO_HOLD_NR
};

/* Something of a process that holds a page, or is all that could. */
struct mo_hold {
	int32_t pid;
	int32_t fd;		/* descriptor in the process, -1: none */
	enum mo_hold_kind kind;
	bool is_sure;		/* the kernel tells the address, or the file */
	const char *comm;	/* as of struct mo_owner */
};

/* "a buffer of io_uring"; "io-uring" in JSON. Never NULL. */
const char *mo_hold_name(enum mo_hold_kind kind);
const char *mo_hold_key(enum mo_hold_kind kind);

/* ---- remedies: what may be tried on what keeps a block, and on nothing else -------------------- */

/*
 * In this order, each only where the one before did not do. None of them loses data: what was dropped is read again,
 * what was paged out comes back when it is used.
 */
#define MO_REMEDY_CACHE		(1u << 0)  /* drop clean page cache of the files: posix_fadvise(2) */
#define MO_REMEDY_PAGEOUT	(1u << 1)  /* page out where processes map the pages: process_madvise(2) */
#define MO_REMEDY_SLAB		(1u << 2)  /* shrink the slab caches: shrink of /sys/kernel/slab/NAME */
#define MO_REMEDY_CGROUP	(1u << 3)  /* reclaim as much from the cgroups that are charged: their memory.reclaim */
#define MO_REMEDY_ALL		((1u << 4) - 1)
/* "cache", "pageout", "slab", "cgroup"; NULL: REMEDY is none of these bits. */
const char *mo_remedy_name(uint32_t remedy);
/* A list as "cache,slab", "all" or "none". -EINVAL: a word of it is none of these; REMEDIES stays as it was. */
int mo_remedies_parse(const char *list, uint32_t *remedies);
/* Which of them find something of the record to be tried on, and may help. */
uint32_t mo_record_remedies(const struct mo_record *record);

/* ---- request: one plain struct that travels down ------------------------------------------ */

enum mo_phase {
	MO_PHASE_LOCK,		/* waits for another memoffline, or for the kernel's hotplug lock */
	MO_PHASE_ISOLATE,	/* the kernel was asked and has not begun, or not for long */
	MO_PHASE_MIGRATE,	/* pages leave */
	MO_PHASE_DONE,		/* this block ended, see error */
	MO_PHASE_ROLLBACK,	/* this block is being put back */
	MO_PHASE_REMEDY,	/* what kept this block is being freed, see remedy */
};

struct mo_progress {
	enum mo_phase phase;
	uint32_t block;		/* number of the block that is being worked on */
	uint32_t nr_done;	/* blocks ended */
	uint32_t nr_blocks;	/* blocks in the plan */
	uint64_t pages_left;	/* in use in blocks not yet gone; includes the one being worked on */
	uint64_t pages_total;	/* in use in all blocks when the transaction began */
	uint64_t elapsed_ms;	/* since the transaction began */
	uint64_t eta_ms;	/* at the rate so far, UINT64_MAX when not known */
	uint64_t stuck_pfn;	/* page that holds it up, UINT64_MAX when none is known */
	int error;		/* MO_PHASE_DONE: 0 or negative errno */
	/* Of the stuck page, once it has been that for more than a second. Valid while progress is told. */
	enum mo_kind stuck_kind;	/* MO_KIND_NR: not known */
	const struct mo_owner *stuck_owner; /* a process that maps it; NULL: none is known */
	/*
	 * Where the memory of processes moves: the one that is worked on. nr_done and nr_blocks count processes then,
	 * pages_left, pages_total and elapsed_ms are of this one, and block means nothing. 0: blocks are worked on.
	 */
	int32_t pid;
	uint32_t remedy;	/* MO_PHASE_REMEDY: which, a bit MO_REMEDY_ */
};

/* Called from the caller's thread, at least at each change of phase and about five times a second. */
typedef void mo_progress_fn(void *data, const struct mo_progress *progress);

#define MO_REQUEST_PARTIAL	(1u << 0)  /* keep the blocks that went when others fail */
#define MO_REQUEST_ALL_OR_NOTHING (1u << 1)/* roll back when one fails; the default unless len_bytes is set */
#define MO_REQUEST_WAIT		(1u << 2)  /* wait for another memoffline till the deadline, rather than fail */
#define MO_REQUEST_FORCE	(1u << 3)  /* try blocks whose verdict is "never", too */
#define MO_REQUEST_KEEP_ORDER	(1u << 4)  /* the order as given, not the cheapest */
#define MO_REQUEST_NO_CONTENT	(1u << 5)  /* plan without reading page flags */
#define MO_REQUEST_ONLINE	(1u << 6)  /* plan for mo_online(): len_bytes is taken from blocks that are offline */
#define MO_REQUEST_AT_ONCE	(1u << 7)  /* plan for mo_offline() right away: the core may find out what stays */
#define MO_REQUEST_KEEP_HUGETLB	(1u << 8)  /* huge pages that go with the blocks are made anew on other nodes */

/* Who moves the pages, and explains those that stay. */
enum mo_engine {
	MO_ENGINE_AUTO,		/* the core when it is loaded or can be, else the kernel alone */
	MO_ENGINE_STOCK,	/* the kernel alone; the module is set aside meanwhile */
	MO_ENGINE_CORE,		/* the kernel module memoffline, or fail */
};
/* "auto", "stock", "core". Never NULL. */
const char *mo_engine_name(enum mo_engine engine);
/* The engine of that name. -EINVAL: there is none. */
int mo_engine_parse(const char *name, enum mo_engine *engine);

/* What becomes of pages that find no room in other memory. */
enum mo_swap {
	MO_SWAP_AUTO,		/* as fallback, and where there is no core, what the kernel does */
	MO_SWAP_NEVER,		/* they stay */
	MO_SWAP_FALLBACK,	/* they are evicted, to swap or by dropping cache */
	MO_SWAP_EVICT,		/* all pages are, and none is moved */
};
/* "never", "fallback", "evict". -EINVAL: it is none of them. */
int mo_swap_parse(const char *name, enum mo_swap *swap);

#define MO_STALL_USUAL UINT32_MAX	/* 10 s; with the core, what its parameter stall_ms says */

/* Which blocks make up a size. */
enum mo_prefer {
	MO_PREFER_CHEAPEST,	/* those from which fewest pages have to move */
	/*
	 * All blocks of those memory devices (ACPI modules, dax devices) that fit into it, cheapest device first, so
	 * that they can be removed; then the cheapest blocks, of devices that are partly offline before others.
	 */
	MO_PREFER_WHOLE_DEVICES,
};
/* "cheapest", "whole-devices". -EINVAL: it is none of them. */
int mo_prefer_parse(const char *name, enum mo_prefer *prefer);

struct mo_request {
	size_t size;		/* sizeof(struct mo_request) */
	const char *target;	/* see mo_plan_new(); may be NULL when len_bytes is set */
	uint64_t len_bytes;	/* take that much, from the cheapest blocks; 0: all of target */
	int32_t node;		/* only blocks of this node; -1: any */
	enum mo_zone zone;	/* only blocks in this zone; MO_ZONE_UNKNOWN: any */
	uint32_t flags;		/* MO_REQUEST_; unknown bits are refused with -EINVAL */
	uint32_t timeout_ms;	/* for the whole transaction without its rollback; 0: none */
	uint32_t stall_ms;	/* for no page moved; 0: none; MO_STALL_USUAL */
	int stop_fd;		/* readable: stop and roll back; -1: none */
	mo_progress_fn *progress;
	void *data;
	enum mo_engine engine;
	/* What only the core can keep to: without it they are refused with -EOPNOTSUPP. */
	const char *to_nodes;	/* "0,2-3": what leaves goes to these nodes alone; NULL: to any */
	enum mo_swap swap;
	uint32_t max_mib_s;	/* MiB moved in a second; 0: no limit */
	enum mo_prefer prefer;	/* for a size; with MO_REQUEST_KEEP_ORDER or _ONLINE only MO_PREFER_CHEAPEST */
	uint32_t remedies;	/* MO_REMEDY_ that may be tried on what keeps a block; unknown ones: -EINVAL */
};
#define MO_REQUEST_INIT \
	{ sizeof(struct mo_request), NULL, 0, -1, MO_ZONE_UNKNOWN, 0, 0, 0, -1, NULL, NULL, MO_ENGINE_AUTO, NULL, \
	  MO_SWAP_AUTO, 0, MO_PREFER_CHEAPEST, 0 }

/* ---- plan: what would be done; reads, never writes ---------------------------------------- */

struct mo_plan;

enum mo_verdict {
	MO_VERDICT_DONE,	/* already offline */
	MO_VERDICT_FREE,	/* nothing to move */
	MO_VERDICT_LIKELY,	/* everything in it can move */
	MO_VERDICT_UNLIKELY,	/* something in it is known to resist, or targets are short */
	MO_VERDICT_NEVER,	/* the kernel will refuse */
};
/* "likely", "never"... Never NULL. */
const char *mo_verdict_name(enum mo_verdict verdict);

struct mo_step {
	uint32_t block;			/* number */
	enum mo_verdict verdict;
	enum mo_reason reason;		/* why not FREE or LIKELY */
	uint64_t reason_pfn;		/* first page concerned, UINT64_MAX when none */
	uint64_t reason_pages;		/* how many of them */
	bool content_known;
	struct mo_content content;
};

/*
 * Choose blocks and put them into the order that moves the fewest pages.
 *
 * request->target is a comma-separated list of
 *	32, memory32, 32-35		blocks by number
 *	0x100000000-0x107ffffff		bytes, aligned to blocks, the last byte included
 *	node1				all blocks of a node
 *	PNP0C80:00, dax0.0, virtio0	all blocks of a device
 *	4g				a size (k m g t, powers of 1024): the same as len_bytes
 * -EINVAL: not of this grammar, not aligned, a size that is no multiple of the block size, unknown flags, a preference
 * for whole devices without a size or beside flags that exclude it;
 * -ENOENT: no such block, node or device; -ENODATA: nothing matches (an empty target, or no
 * block passes the filters); -ERANGE: less memory matches than len_bytes. Blocks that are offline already
 * stay in the plan as MO_VERDICT_DONE, but never count for len_bytes. Where the module is loaded (and
 * request->engine is not MO_ENGINE_STOCK) it is asked which pages would stay. With MO_REQUEST_AT_ONCE and blocks that
 * are named, nobody looks into blocks that it will empty together: their content is not known then. MO_ENGINE_CORE
 * loads it; what fails then is as in mo_offline().
 */
int mo_plan_new(struct mo_memory *memory, const struct mo_request *request, struct mo_plan **plan);
struct mo_plan *mo_plan_unref(struct mo_plan *plan);

/* The snapshot that the plan was made from. */
struct mo_memory *mo_plan_memory(const struct mo_plan *plan);
/* In the order in which they will be tried. NULL past the end. */
size_t mo_plan_nr_steps(const struct mo_plan *plan);
const struct mo_step *mo_plan_step(const struct mo_plan *plan, size_t i);
/* Memory asked for; pages to move; room for them outside the plan: free, and free plus page cache. */
uint64_t mo_plan_len_bytes(const struct mo_plan *plan);
uint64_t mo_plan_move_bytes(const struct mo_plan *plan);
uint64_t mo_plan_free_bytes(const struct mo_plan *plan);
uint64_t mo_plan_room_bytes(const struct mo_plan *plan);
/* What else could go to swap to make room for them, where zones are known. */
uint64_t mo_plan_swap_bytes(const struct mo_plan *plan);
/* The worst verdict that matters for the request as a whole. */
enum mo_verdict mo_plan_verdict(const struct mo_plan *plan);
/* Full sentences to warn of before it starts: zone ratio, room, cpuset. NULL past the end. */
const char *mo_plan_note(const struct mo_plan *plan, size_t i);

/* How fast the last attempts on this machine were that took blocks offline, wholly and without a limit on the rate. */
struct mo_rates {
	enum mo_engine engine;		/* that moved the pages */
	unsigned int nr_attempts;	/* from which the rates come */
	uint64_t block_us;		/* microseconds for a block, whatever is in it */
	uint64_t bytes_s;		/* of what has to move, in a second; 0: too little moved to tell */
};
/*
 * Of attempts on blocks of BLOCK_BYTES; MO_ENGINE_AUTO: of the engine that the last one had. -ENODATA: there was none,
 * as far as the history tells; -EACCES: only root may read it; -ELIBACC: libjson-c is not installed, and others.
 */
int mo_history_rates(struct mo_ctx *ctx, enum mo_engine engine, uint64_t block_bytes, struct mo_rates *rates);
/* Of the engine that would be used for REQUEST. Errors as above. */
int mo_plan_rates(const struct mo_plan *plan, const struct mo_request *request, struct mo_rates *rates);
/* At these rates; of a step, what it adds. UINT64_MAX: not known, as for content that is not, or a rate that is not. */
uint64_t mo_plan_time_ms(const struct mo_plan *plan, const struct mo_rates *rates);
uint64_t mo_plan_step_time_ms(const struct mo_plan *plan, const struct mo_step *step, const struct mo_rates *rates);

/* ---- transaction ---------------------------------------------------------------------------- */

struct mo_report;

/*
 * Take the blocks of PLAN offline, in its order, as one transaction with a journal in the run directory.
 * A worker process writes to sysfs, so that deadlines hold also where no signal is looked at; it runs in
 * the root cpuset. On failure, stop or deadline the blocks that went come back online in the zone where they were,
 * unless partial results are wanted. REPORT is set whenever the transaction began, also on failure.
 *
 * With request->remedies, what kept a block is treated before it counts as failed: one remedy after the other, on those
 * objects alone that the records name, and after each that freed something the block is tried again. Remedies keep to
 * timeout_ms and stop_fd like the rest; that one fails is told in the report, and changes nothing else.
 * -EBUSY: a block could not go; -ETIMEDOUT: a deadline passed; -EINTR: stop_fd; -EALREADY:
 * another memoffline is at work (the error names it); -EROFS: the context has a sysroot; -EACCES,
 * -EPERM: not root; -ENOSPC: no room for the journal; -EUCLEAN: an unfinished journal is
 * there, see mo_resume() and mo_undo(). 1: done in part. -EXDEV, of mo_undo(): all came back, but some to another zone.
 * With MO_ENGINE_CORE: -ENOENT: there is no module for this kernel, or the kernel lacks what it needs; -EPERM,
 * -EKEYREJECTED, -ENOEXEC and others: the kernel does not take it; -EOPNOTSUPP: it is loaded but set aside. Also
 * -EOPNOTSUPP: to_nodes, swap or max_mib_s without the core. The error says what to do.
 */
int mo_offline(struct mo_plan *plan, const struct mo_request *request, struct mo_report **report);

/*
 * Why the blocks of PLAN, which was made for REQUEST, can't go offline or would not: REPORT (action "why") has a record
 * for each run of pages that stands against it now, with the processes that map them, and a reason for each block.
 * Pages that are locked or written back for a moment don't count. Writes nothing, and takes no lock of memoffline; the
 * report is not kept. With the module (engine "core", which is loaded where request->engine asks for it alone) pins are
 * known, and files; else what flags of pages tell. -ENOMEM; what the module says when it can't look, as -ENOTTY of
 * another version (MO_ENGINE_STOCK does without it); with MO_ENGINE_CORE also what mo_offline() says of that.
 */
int mo_why(struct mo_plan *plan, const struct mo_request *request, struct mo_report **report);

/*
 * Bring the blocks of PLAN online. Zone request->zone, or where the kernel's policy puts them.
 * Blocks that are online already are fine. Errors as mo_offline().
 */
int mo_online(struct mo_plan *plan, enum mo_zone zone, const struct mo_request *request, struct mo_report **report);

struct mo_policy;

/*
 * For an event that says that request->target, blocks, was added: where policy->online_by_udev says so, it comes online
 * in policy->online_zone, or in a kernel zone instead where movable memory would be more than policy->movable_ratio
 * times the kernel's. Memory of no device that can be removed is left to the kernel; a module's is waited for, some
 * seconds, until it shows that it is its own. The log is warned where the zone is not the policy's, be it for the ratio
 * or since somebody else brought the block online first. 0 also where nothing is to be done or the block is gone
 * again; REPORT is set where blocks of a device are named. Errors as mo_online().
 */
int mo_online_added(struct mo_ctx *ctx, const struct mo_policy *policy, const struct mo_request *request,
		    struct mo_report **report);

/* An unfinished journal: what a killed command left behind. */
struct mo_journal_info {
	int32_t pid;		/* of the command */
	bool running;		/* it still is */
	uint32_t nr_blocks;
	uint32_t nr_done;	/* blocks that it took offline */
	uint64_t start_time_s;	/* seconds since the epoch */
	char target[256];
	bool removes;		/* devices of it were to go: see mo_recover() */
	bool is_of_this_boot;	/* the machine was not restarted since */
};
/* INFO is the caller's. -ENOENT: there is none. -EBADMSG: it is damaged. -EPROTONOSUPPORT: of a newer version. */
int mo_journal_read(struct mo_ctx *ctx, struct mo_journal_info *info);
/*
 * Finish, or take back, what the journal says. What will do is what would have done for the command that left it,
 * unless request->flags has MO_REQUEST_PARTIAL or MO_REQUEST_ALL_OR_NOTHING. -ENOENT: there is none. Errors as
 * mo_journal_read() and mo_offline().
 */
int mo_resume(struct mo_ctx *ctx, const struct mo_request *request, struct mo_report **report);
int mo_undo(struct mo_ctx *ctx, const struct mo_request *request, struct mo_report **report);

/* ---- removal: whole devices -------------------------------------------------------------------- */

/*
 * Remove the devices whose blocks PLAN has, all of them: hooks are asked (policy->hooks_dir), the blocks go offline as
 * by mo_offline(), each device is ejected (ACPI), unbound from kmem (dax), or left to its driver, which gives it back
 * when the hypervisor asks for it (virtio-mem), and must be gone within policy->gone_timeout_ms. One transaction:
 * whatever fails, the blocks come back into their zones. Of POLICY else nothing counts: REQUEST has its own deadline,
 * nodes and remedies. ORIGIN: "command", "udev", "firmware" or "errors"; hooks are told. The journal is in the state directory, so
 * that mo_recover() works after a restart, too.
 *
 * -EINVAL: a size, or MO_REQUEST_PARTIAL, or the plan has boot memory, or a part of a device; -EOPNOTSUPP: the firmware
 * offers no eject; -EPERM: it is switched off; -EDEADLK: a udev rule brings memory online that goes offline;
 * -ECANCELED: a hook vetoed; -ETIMEDOUT: it did not go in time; -EIO: its memory is gone, but the firmware keeps the
 * device. Else as mo_offline(). mo_report_removed() has the devices.
 */
int mo_remove(struct mo_plan *plan, const struct mo_request *request, const struct mo_policy *policy,
	      const char *origin, struct mo_report **report);
/* Would mo_remove() begin? Of its errors, those that the plan and the machine's configuration give; writes nothing. */
int mo_remove_check(struct mo_plan *plan);
/*
 * May an event ask for the removal of TARGET now? -EPERM: the policy does not allow events to; -EDQUOT: they asked for
 * it policy->requests_per_hour times in the last hour, as far as the history tells.
 */
int mo_policy_allows_udev(struct mo_ctx *ctx, const struct mo_policy *policy, const char *target);
/*
 * A removal that was cut short, by a signal or a restart, is finished where the device is gone, and taken back else:
 * blocks that are offline by it come back into their zones. 0: either was done; mo_report_removed() tells which.
 * -ENOENT: there is none. Errors as mo_undo(); then it can be tried again.
 */
int mo_recover(struct mo_ctx *ctx, const struct mo_request *request, const struct mo_policy *policy,
	       struct mo_report **report);

/* ---- errors: memory in which the hardware corrected errors, and which goes step by step ---------- */

struct mo_retire_request {
	size_t size;		/* sizeof(struct mo_retire_request) */
	const uint64_t *addrs;	/* physical addresses, in bytes, at which errors were seen */
	size_t nr_addrs;
	uint32_t nr_errors;	/* at each of them */
	bool dry_run;		/* say what would be done: nothing is written, nothing counts */
	int stop_fd;		/* as of struct mo_request */
};
#define MO_RETIRE_REQUEST_INIT { sizeof(struct mo_retire_request), NULL, 0, 1, false, -1 }

enum mo_retire_what { MO_RETIRE_PAGE, MO_RETIRE_BLOCK, MO_RETIRE_DEVICE };

enum mo_retire_outcome {
	MO_RETIRE_COUNTED,	/* there were too few for it */
	MO_RETIRE_DONE,
	MO_RETIRE_WAS_SO,	/* retired, or offline, already */
	MO_RETIRE_WOULD,	/* of a dry run */
	MO_RETIRE_FAILED,	/* the count stays, and the next error has it tried again */
};

/* One thing that was looked at: a page, then its block, then its device. */
struct mo_retire_step {
	enum mo_retire_what what;
	enum mo_retire_outcome outcome;
	int error;		/* 0 or negative errno */
	uint64_t addr;		/* of the page's first byte; UINT64_MAX: it is no page */
	uint32_t block;		/* number; UINT32_MAX: it is a device, or no memory */
	const char *device;	/* "" when not known */
	uint64_t count;		/* errors in the page, retired pages of the block, blocks of the device that went */
	uint32_t limit;		/* at which it goes; 0: never */
	const char *text;	/* what was done and why, or what failed and what to do: full sentences */
};

/* "page", "block", "device"; "counted", "done", "was-so", "would", "failed". Never NULL. */
const char *mo_retire_what_name(enum mo_retire_what what);
const char *mo_retire_outcome_name(enum mo_retire_outcome outcome);

struct mo_retirement;

/*
 * Errors were corrected at these addresses. They are counted, in the state directory, and then, as policy->error_page,
 * _block and _device say: a page that had so many is retired (soft-offlined: its content moves, and nobody gets it
 * again till the machine is restarted); a block of which so many pages were retired goes offline, as by mo_offline()
 * with the policy's limits; a device of which so many blocks went is removed, as by mo_remove(), where the policy lets events
 * ask for that (mo_policy_allows_udev()), and what was counted of it is forgotten. What is no System RAM is neither
 * counted nor touched. 0: all that was due was done; 1: a step failed, which the others don't mind. -EINVAL: a wrong
 * request; -EACCES: not root; -EROFS: the context has a sysroot, and it is no dry run; what the file system says when
 * the count can't be kept: then nothing was done; and as mo_memory_read().
 */
int mo_retire(struct mo_ctx *ctx, const struct mo_policy *policy, const struct mo_retire_request *request,
	      struct mo_retirement **retirement);
struct mo_retirement *mo_retirement_unref(struct mo_retirement *retirement);
/* In the order in which they were done. NULL past the end. */
const struct mo_retire_step *mo_retirement_step(const struct mo_retirement *retirement, size_t i);

/* What was counted so far. */
struct mo_errors;
struct mo_error_page {
	uint64_t addr;		/* of its first byte */
	uint64_t nr_errors;
	uint64_t last_time_s;	/* since the epoch */
	bool is_retired;	/* or was, before the machine was restarted */
	uint32_t block;		/* number */
	const char *device;	/* "" when there is no such block now */
};
struct mo_error_block {
	uint32_t block;		/* number */
	const char *device;	/* likewise, unless it went: the one that it belonged to then */
	uint64_t nr_errors;
	uint64_t nr_retired;	/* pages */
	uint64_t gone_time_s;	/* when it went offline for errors; 0: it did not */
};
struct mo_error_device {
	const char *name;
	const char *slots;	/* as mo_device_slots() */
	uint64_t nr_errors;
	uint64_t nr_retired;	/* pages */
	uint64_t nr_gone;	/* blocks */
};
/* -EACCES: only root may read it; -EBADMSG: it is none of ours; and as mo_memory_read(). */
int mo_errors_read(struct mo_ctx *ctx, struct mo_errors **errors);
struct mo_errors *mo_errors_unref(struct mo_errors *errors);
/* Pages: the one with the oldest error first. Blocks: by their numbers. Devices: of these. NULL past the end. */
const struct mo_error_page *mo_errors_page(const struct mo_errors *errors, size_t i);
const struct mo_error_block *mo_errors_block(const struct mo_errors *errors, size_t i);
const struct mo_error_device *mo_errors_device(const struct mo_errors *errors, size_t i);
/* Begin anew, as after modules were replaced. Errors as mo_retire(). */
int mo_errors_forget(struct mo_ctx *ctx);

/* ---- report: what was done, and each page that stayed -------------------------------------- */

enum mo_outcome {
	MO_OUTCOME_NOT_TRIED,
	MO_OUTCOME_WAS_SO,	/* offline (online) already */
	MO_OUTCOME_DONE,
	MO_OUTCOME_FAILED,	/* the block is as it was */
	MO_OUTCOME_ROLLED_BACK,	/* went, and came back to its zone */
	MO_OUTCOME_ROLLBACK_FAILED, /* went, and could not come back: it is offline */
	MO_OUTCOME_VANISHED,
	MO_OUTCOME_OTHER_ZONE,	/* went, and came back to another zone, which its detail names; error is -EXDEV */
	MO_OUTCOME_NR
};
/* "done", "rolled-back"...: the words of the JSON. Never NULL. */
const char *mo_outcome_name(enum mo_outcome outcome);

struct mo_block_result {
	uint32_t block;		/* number */
	enum mo_outcome outcome;
	int error;		/* 0 or negative errno of the last step */
	enum mo_reason reason;
	enum mo_zone zone;	/* where it was */
	uint64_t pages_before;	/* in use when its turn came, 0 when not known */
	uint64_t pages_left;	/* in use when it failed */
	uint64_t elapsed_ms;
	const char *detail;	/* what the kernel said, "" when nothing */
	const char *device;	/* that it belongs to: "PNP0C80:00", "boot"; "" when not known */
};

/* Accepts NULL, returns NULL. */
struct mo_report *mo_report_unref(struct mo_report *report);
/* "offline", "online", "undo", "remove", "recover", "why", "migrate" or "drain"; "stock" or "core"; the target. */
const char *mo_report_action(const struct mo_report *report);
const char *mo_report_engine(const struct mo_report *report);
const char *mo_report_target(const struct mo_report *report);
/* 0, 1 (in part) or negative errno: as the transaction returned it. */
int mo_report_result(const struct mo_report *report);
/* Why the transaction as a whole did not succeed. */
enum mo_reason mo_report_reason(const struct mo_report *report);
uint64_t mo_report_start_time_s(const struct mo_report *report);	/* since the epoch */
uint64_t mo_report_elapsed_ms(const struct mo_report *report);
/* By the core, as it counts them; else pgmigrate_success of the machine. */
uint64_t mo_report_moved_pages(const struct mo_report *report);
uint64_t mo_report_freed_bytes(const struct mo_report *report);	/* memory that is offline by this */
uint64_t mo_report_wanted_bytes(const struct mo_report *report);	/* memory that was to change; 0: not known */

/* In the order in which they were tried. NULL past the end. */
size_t mo_report_nr_blocks(const struct mo_report *report);
const struct mo_block_result *mo_report_block(const struct mo_report *report, size_t i);
/* Bounded; nr_pages_kept counts beyond the bound. NULL past the end. */
size_t mo_report_nr_records(const struct mo_report *report);
const struct mo_record *mo_report_record(const struct mo_report *report, size_t i);
const struct mo_owner *mo_record_owner(const struct mo_record *record, size_t i);
const struct mo_hold *mo_record_hold(const struct mo_record *record, size_t i);
/* NAME, the caller's, becomes the function of record->stack that asked the allocator for memory; "" when not known. */
void mo_record_allocator(const struct mo_record *record, char *name, size_t size);
uint64_t mo_report_nr_pages_kept(const struct mo_report *report);
/* What a remedy did to one object. */
struct mo_remedy {
	uint32_t remedy;	/* one bit MO_REMEDY_ */
	const char *object;	/* path of a file or cgroup, "pid 4711 (name)", name of a slab cache; may hold any byte */
	uint64_t asked_bytes;	/* of it that kept blocks, and so was to go; 0 when not known */
	/*
	 * That went, as it was measured before and after: page cache of the file; memory that kept blocks and that the
	 * process maps; slabs of the cache; memory charged to the cgroup. UINT64_MAX: could not be measured.
	 */
	uint64_t freed_bytes;
	int error;		/* 0 or negative errno */
};
/* In the order in which they were tried. NULL past the end. */
size_t mo_report_nr_remedies(const struct mo_report *report);
const struct mo_remedy *mo_report_remedy(const struct mo_report *report, size_t i);
/* A device that was to be removed. */
struct mo_removed {
	const char *device;	/* "PNP0C80:00" */
	const char *slots;	/* as mo_device_slots() */
	bool is_gone;		/* it can be pulled, or its memory belongs to the hypervisor again */
};
/* NULL past the end. */
size_t mo_report_nr_removed(const struct mo_report *report);
const struct mo_removed *mo_report_removed(const struct mo_report *report, size_t i);
/* Sentences on what could not be done or seen (no dynamic debug, a limited cpuset). NULL past the end. */
const char *mo_report_note(const struct mo_report *report, size_t i);

/* The report as JSON text (docs/json.md); freed with free(3). -ENOMEM; -ELIBACC: libjson-c is not installed. */
int mo_report_to_json(const struct mo_report *report, char **text);
/*
 * The last report that concerns the block; the last of all for UINT32_MAX. It is what mo_offline() and mo_online()
 * saved, or what the module saw of a later attempt by anybody else, where it is loaded. -ENOENT, -EBADMSG.
 */
int mo_report_load(struct mo_ctx *ctx, uint32_t block, struct mo_report **report);

/* ---- history: what attempts came to, also before the machine was restarted ------------------ */

struct mo_history;

/* Of one block, in the attempts that the history still has. */
struct mo_block_history {
	uint32_t block;		/* number; it may be gone by now */
	const char *device;	/* that it belonged to at the last attempt, "" when not known */
	uint64_t nr_done;	/* times it went offline, and stayed so */
	uint64_t nr_failed;
	uint64_t nr_back;	/* it went, and was to come back since others failed */
	/* Of nr_done; with a share, by pages, of the time in which blocks were emptied together. 0: it never went. */
	uint64_t best_ms, mean_ms, worst_ms;
	uint64_t last_time_s;	/* when the last attempt on it began, since the epoch */
	enum mo_reason last_reason;	/* of the last failure; MO_REASON_NONE: it never failed */
	uint64_t nr_online, nr_online_failed;	/* brought online, or tried */
};

/* Of all attempts of one kind, since the history began: these never shrink. */
struct mo_history_total {
	const char *action, *engine, *status;	/* the words of the JSON: "offline", "core", "done"... */
	uint64_t nr_attempts;
	uint64_t elapsed_ms;
	uint64_t moved_bytes;
	uint64_t freed_bytes;
	uint64_t last_time_s;	/* when the last one began */
	uint64_t nr_blocks[MO_OUTCOME_NR];
	uint64_t nr_failed[MO_REASON_NR];	/* blocks with MO_OUTCOME_FAILED */
};

/*
 * Read it. TARGET: blocks of it alone, a list as mo_plan_new() takes it, without sizes; blocks and devices may be gone
 * by now. NULL: all. It is empty where no attempt was made yet. -EACCES: only root may read it; -ELIBACC: libjson-c is
 * not installed; -EINVAL, -ENOENT of TARGET as mo_plan_new(); -ENOMEM and others.
 */
int mo_history_read(struct mo_ctx *ctx, const char *target, struct mo_history **history);
struct mo_history *mo_history_unref(struct mo_history *history);
/* In ascending order of their numbers; NULL past the end. */
size_t mo_history_nr_blocks(const struct mo_history *history);
const struct mo_block_history *mo_history_block(const struct mo_history *history, size_t i);
/* One for each action, engine and end that occurred, whatever the target; NULL past the end. */
size_t mo_history_nr_totals(const struct mo_history *history);
const struct mo_history_total *mo_history_total(const struct mo_history *history, size_t i);
uint64_t mo_history_since_s(const struct mo_history *history);	/* the first attempt; 0: there was none */
uint64_t mo_history_nr_skipped(const struct mo_history *history);	/* lines that could not be read */

/* ---- processes: their memory goes from one set of nodes to another ------------------------ */

#define MO_MIGRATE_ALL		(1u << 0)  /* also pages that other processes use; needs CAP_SYS_NICE */
#define MO_MIGRATE_THREADS	(1u << 1)  /* pid may be of any thread; of a cgroup, its threads say which processes */
#define MO_MIGRATE_SET_MEMS	(1u << 2)  /* mo_migrate_cgroup(): write to_nodes to cpuset.mems first */

/* How a process is bound to a node that is to be drained: pages that it takes from now on come from there again. */
enum mo_binding {
	MO_BINDING_MEMPOLICY,	/* a policy of its memory names the node: set_mempolicy(2), mbind(2), numactl */
	MO_BINDING_CPUSET,	/* its cpuset allows none of the target nodes */
};
struct mo_bound {
	int32_t pid;
	const char *comm;	/* may hold any byte */
	enum mo_binding binding;
	const char *nodes;	/* the policy as numa_maps has it ("bind:1"), or the nodes that the cpuset allows ("1") */
	uint64_t nr_pages;	/* of it on the node; 0 when it has none there now */
};
typedef void mo_bound_fn(void *data, const struct mo_bound *bound);

struct mo_migrate_request {
	size_t size;		/* sizeof(struct mo_migrate_request) */
	int32_t pid;		/* in the caller's pid namespace; 0: the caller */
	int pidfd;		/* as pidfd_open(2) gives it; then pid says nothing. -1: none */
	/*
	 * "0,2-3". The n-th node of from_nodes goes to the n-th of to_nodes, which begin again where they are fewer; a
	 * node that is in both stays as it is unless both have as many.
	 */
	const char *from_nodes;
	const char *to_nodes;
	uint64_t start_addr;	/* bytes [start_addr, end_addr) of the process alone, both multiples of the page size */
	uint64_t end_addr;	/* 0 with start_addr 0: all */
	uint32_t flags;		/* MO_MIGRATE_; unknown bits are refused with -EINVAL */
	enum mo_swap swap;	/* of pages without room: MO_SWAP_NEVER, and so _AUTO; with the core also _FALLBACK */
	uint32_t timeout_ms;	/* for all of it; 0: none */
	uint32_t nr_workers;	/* threads that the core moves with; 0: as many as help. The stock engine has one */
	int stop_fd;		/* readable: stop; -1: none */
	enum mo_engine engine;
	mo_progress_fn *progress;	/* NULL: not wanted */
	mo_bound_fn *bound;	/* mo_drain_node(): hears of bound processes before anything moves; NULL: not wanted */
	void *data;		/* for both */
};
#define MO_MIGRATE_REQUEST_INIT \
	{ sizeof(struct mo_migrate_request), 0, -1, NULL, NULL, 0, 0, 0, MO_SWAP_AUTO, 0, 0, -1, MO_ENGINE_AUTO, \
	  NULL, NULL, NULL }

/* What came of it, in base pages. */
struct mo_moves {
	uint64_t moved_pages;
	uint64_t evicted_pages;	/* to swap, for lack of room */
	uint64_t kept_pages;	/* were to go, and stayed */
	uint64_t shared_pages;	/* left alone since other processes use them, too, without MO_MIGRATE_ALL */
	uint64_t swapped_pages;	/* in swap, where they are left */
	uint64_t nr_split;	/* huge folios that had to be split; UINT64_MAX: the engine does not know */
	uint64_t kept_by_reason[MO_REASON_NR];	/* pages; adds up to kept_pages */
};

struct mo_process_result {
	int32_t pid;
	const char *comm;	/* may hold any byte */
	int error;		/* 0, or the negative errno for which nothing could be done with it */
	enum mo_reason reason;	/* why not all went */
	uint64_t elapsed_ms;
	struct mo_moves moves;
};

/*
 * Move the memory of one process. Its policies and cpuset are left alone: what it takes from now on comes from where
 * they say. Pages go to their node or stay; what moved stays moved, whatever happens. REPORT (action "migrate") is set
 * whenever something was tried, also on failure; it is not kept for mo_report_load(). Takes no lock of memoffline.
 *
 * The core (MEMOFFLINE_MIGRATE_PROCESS) knows each page that stayed. The stock engine, migrate_pages(2) and
 * move_pages(2), counts moved pages by /proc/PID/numa_maps before and after, does not see memory without struct pages,
 * can't end migrate_pages(2) before it returns, and knows page frames as root alone; notes of the report say so.
 *
 * Where the kernel does not end what it has begun, 10 s after it was told to, the call returns without it: a note says
 * so, and the process can't exit before the kernel lets go.
 *
 * 1: in part, since pages stayed. -EBUSY: all that was to go stayed; -ETIMEDOUT, -EINTR: timeout_ms passed, or
 * stop_fd, before anything moved. -ESRCH: no such process, or without memory of its own: a thread of the kernel, or
 * exiting. -EBADF: pidfd is none. -EINVAL: unknown flags, a set that is empty or no list of nodes, addresses that are
 * not aligned or in the wrong order; -ENOENT: a node that does not exist, or one of to_nodes without memory;
 * -EFAULT: nothing of the process is mapped there; -EPERM: no right to trace the process, to_nodes outside its cpuset
 * without CAP_SYS_NICE, or MO_MIGRATE_ALL without it; -EROFS: the context has a sysroot; -EOPNOTSUPP: swap without the
 * core, or a core that can't do this; -ELIBACC: no libnuma, which the stock engine needs. With MO_ENGINE_CORE also what
 * mo_offline() says of that.
 */
int mo_migrate_process(struct mo_ctx *ctx, const struct mo_migrate_request *request, struct mo_report **report);

/*
 * The same for each process in the cgroup PATH ("/sys/fs/cgroup/a", "/a" or "a"; of version 1 the tree of cpuset or
 * memory is meant, unless PATH names one) and those below it, and for those that appear meanwhile, until a pass over
 * them finds none that is new. A process that ends before or in its turn counts as done; one with which nothing can be
 * done has its error in mo_report_process(), and the others go on. pid, pidfd and addresses must not be set. With
 * MO_MIGRATE_SET_MEMS the kernel moves memory of the processes in PATH, when it can, as the new nodes are written; this
 * call then completes what it left. What was moved by then is not counted. Child cgroups with a cpuset.mems of
 * their own keep it. Once written it stays so, and a note says what it was; then 1 stands for all failures after it.
 *
 * As above; also -EINVAL: PATH is "", or has parts "." or ".."; -ENOENT: no such cgroup, or it has no cpuset.mems;
 * -EPERM, -EACCES, -EINVAL and others: cpuset.mems could not be written. 0 also when there is no process.
 */
int mo_migrate_cgroup(struct mo_ctx *ctx, const char *path, const struct mo_migrate_request *request,
		      struct mo_report **report);

/*
 * The same for all processes that have memory on NODE, the largest first, until a pass finds none that is new. pid,
 * pidfd and addresses must not be set, from_nodes says nothing. to_nodes NULL: all others with memory. Of them the
 * nearest is used; what has no room there goes to the next nearest. MO_MIGRATE_ALL is implied. Page cache that nobody
 * maps, and the kernel's own memory, stay: mo_offline() takes what can move of these. -EINVAL also: NODE is a target.
 *
 * request->bound hears of each process that a policy, of any of its threads, or its cpuset binds to the node, before
 * anything moves. 1, or -EPERM where nothing moved: there are processes that could not be looked at; a note says so.
 */
int mo_drain_node(struct mo_ctx *ctx, int32_t node, const struct mo_migrate_request *request,
		  struct mo_report **report);

/* Totals of a report on processes; NULL: it is one on blocks. */
const struct mo_moves *mo_report_moves(const struct mo_report *report);
/* In the order in which they were tried. NULL past the end. */
size_t mo_report_nr_processes(const struct mo_report *report);
const struct mo_process_result *mo_report_process(const struct mo_report *report, size_t i);

/* ---- events ----------------------------------------------------------------------------------- */

struct mo_monitor;

struct mo_event {
	const char *action;	/* "online", "offline", "add", "remove", "change" */
	const char *subsystem;	/* "memory", "node", "acpi", "dax" */
	const char *name;	/* "memory32", "node1", "PNP0C80:00", "dax0.0" */
	const char *path;	/* below /sys */
	const char *reason;	/* EVENT= or SYNTH_ARG_MEMOFFLINE=, "" when none */
};

/* Events of memory, nodes and their devices from now on. -EROFS with a sysroot. */
int mo_monitor_new(struct mo_ctx *ctx, struct mo_monitor **monitor);
struct mo_monitor *mo_monitor_unref(struct mo_monitor *monitor);
/* Readable (poll(2)) when an event waits. Belongs to the monitor. */
int mo_monitor_fd(const struct mo_monitor *monitor);
/* 1 and an event that lives till the next call; 0: none waits. */
int mo_monitor_next(struct mo_monitor *monitor, const struct mo_event **event);

/* ---- policy: what /etc/memoffline.conf says of removal and of memory that is added ---------- */

enum mo_policy_source {
	MO_POLICY_DEFAULTS,	/* nothing is configured, or only wrongly: what it says is in memoffline.conf(5) */
	MO_POLICY_FILES,	/* /etc/memoffline.conf and /etc/memoffline.conf.d, files that end with .conf */
	MO_POLICY_KEPT,		/* there are problems: the last policy that had none */
};

/* Keys are named as in memoffline.conf(5). */
struct mo_policy {
	enum mo_policy_source source;
	/* [remove] */
	bool remove_by_udev;		/* "udev": requests by events are carried out; false unless configured */
	uint32_t timeout_ms;		/* as of struct mo_request */
	uint32_t stall_ms;		/* likewise; MO_STALL_USUAL unless configured */
	enum mo_swap swap;		/* likewise; MO_SWAP_AUTO unless configured */
	uint32_t remedies;		/* MO_REMEDY_ */
	const char *to_nodes;		/* "nodes": as of struct mo_request; NULL: any */
	uint32_t max_mib_s;		/* "max-rate"; 0: no limit */
	uint32_t gone_timeout_ms;	/* from the eject until the device must be gone */
	uint32_t requests_per_hour;	/* "requests": by events, for one device; 0: no limit */
	bool wall;			/* tell all users before it begins */
	bool inhibit;			/* hold off shutdown and sleep meanwhile */
	/* [hooks] */
	uint32_t hook_timeout_ms;	/* for each of them */
	const char *hooks_dir;
	/* [online] */
	bool online_by_udev;
	enum mo_zone online_zone;	/* MO_ZONE_MOVABLE, MO_ZONE_NORMAL ("kernel"), MO_ZONE_UNKNOWN ("auto") */
	uint32_t movable_ratio;		/* "ratio": times the kernel's memory that movable memory may be; 0: no limit */
	/* [errors]; 0: never */
	uint32_t error_page;		/* corrected errors after which a page is retired */
	uint32_t error_block;		/* pages retired after which their block goes */
	uint32_t error_device;		/* blocks gone after which their device goes */
};

/*
 * Read it. What is wrong, all of it, is told by mo_policy_problem(), and is no failure: what holds then is the last
 * policy that was right, which is kept in the state directory (by root, and not with a sysroot), or else the defaults,
 * which remove nothing by events. A file that is not there is fine. -ELIBACC: there are files, and libinih is not
 * installed; -ENOMEM.
 */
int mo_policy_read(struct mo_ctx *ctx, struct mo_policy **policy);
struct mo_policy *mo_policy_unref(struct mo_policy *policy);
/* "/etc/memoffline.conf:12: ...", a full sentence each, in the order in which they were found. NULL past the end. */
const char *mo_policy_problem(const struct mo_policy *policy, size_t i);

/* ---- doctor: what will get in the way --------------------------------------------------------- */

struct mo_doctor;

enum mo_health { MO_HEALTH_OK, MO_HEALTH_NOTE, MO_HEALTH_WARNING, MO_HEALTH_PROBLEM };
/* "ok", "note", "warning", "problem". Never NULL. */
const char *mo_health_name(enum mo_health health);

struct mo_finding {
	enum mo_health health;
	const char *key;	/* stable word: "hotremove", "auto-online", "cpuset"... */
	const char *text;	/* what was found */
	const char *remedy;	/* what to do, "" when nothing is wrong */
};

/* Look at kernel configuration, boot options, udev rules and permissions. Writes nothing. */
int mo_doctor_new(struct mo_ctx *ctx, struct mo_doctor **doctor);
struct mo_doctor *mo_doctor_unref(struct mo_doctor *doctor);
size_t mo_doctor_nr_findings(const struct mo_doctor *doctor);
const struct mo_finding *mo_doctor_finding(const struct mo_doctor *doctor, size_t i);

/* ---- bundle: all that a report of a problem needs ------------------------------------------- */

enum mo_bundle_pages {
	MO_BUNDLE_PAGES_AUTO,	/* the state of each page, of up to 1 TiB of memory */
	MO_BUNDLE_PAGES_ALWAYS,	/* of all memory; 24 bytes a page before they are compressed */
	MO_BUNDLE_PAGES_NEVER,	/* then nobody sees what its blocks hold */
};

struct mo_bundle_request {
	size_t size;		/* sizeof(struct mo_bundle_request) */
	const char *path;	/* replaced when the bundle is complete, mode 0600; NULL: it is written to fd */
	int fd;
	bool redact;		/* names of processes, files, cgroups and others become other words */
	enum mo_bundle_pages pages;
};
#define MO_BUNDLE_REQUEST_INIT { sizeof(struct mo_bundle_request), NULL, -1, false, MO_BUNDLE_PAGES_AUTO }

struct mo_bundle;

/*
 * Write a tar archive, compressed by gzip, of what the library reads of the machine, of what keeps its memory now, and
 * of reports, history and kernel log. mo_ctx_set_sysroot() takes it. What can't be read is left out, and the manifest
 * says so. Changes nothing else; no content of memory is in it. -EINVAL: a wrong request; -ELIBACC: no libarchive, or
 * no libjson-c; what open(2) and write(2) say, as -ENOSPC and -EPIPE (SIGPIPE is the caller's business); -ENOMEM.
 */
int mo_bundle_write(struct mo_ctx *ctx, const struct mo_bundle_request *request, struct mo_bundle **bundle);
struct mo_bundle *mo_bundle_unref(struct mo_bundle *bundle);
uint64_t mo_bundle_nr_files(const struct mo_bundle *bundle);	/* that are in it */
/* What is in it, what is not and why, as JSON text (docs/json.md). */
const char *mo_bundle_manifest(const struct mo_bundle *bundle);
/* Sentences on what was left out. NULL past the end. */
const char *mo_bundle_note_text(const struct mo_bundle *bundle, size_t i);

#ifdef __cplusplus
}
#endif
#endif
