/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of libmemoffline offer each other. Calls go down:
 *	removal > offline, online, added, why, eject, hooks > policy, slot, inhibit >
 *	ladder > engine, plan, map, evidence, journal, writer > prefer, holder, remedy > memory,
 *	pages, owner, session, report, worker > pagemap, module, isolation, hugetlb, kernel > sysfs > ctx
 */
#ifndef MEMOFFLINE_PRIVATE_H
#define MEMOFFLINE_PRIVATE_H

#include <dirent.h>
#include <stdarg.h>
#include <sys/types.h>

#include "libmemoffline.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define NO_PFN UINT64_MAX

/* Bits of /proc/kpageflags that linux/kernel-page-flags.h does not name; the same since Linux 2.6.31. */
#define MO_KPF_RESERVED (1ULL << 32)
#define MO_KPF_MLOCKED (1ULL << 33)
#define MO_KPF_PRIVATE (1ULL << 35)

/* ---- ctx.c ---- */
/* Remember a full sentence for mo_ctx_error(), log it, return ERR (negative errno). */
int mo_error(struct mo_ctx *ctx, int err, const char *fmt, ...) PRINTF(3, 4);
void mo_log(struct mo_ctx *ctx, enum mo_log_level level, const char *fmt, ...) PRINTF(3, 4);
const char *mo_run_dir(const struct mo_ctx *ctx);
const char *mo_state_dir(const struct mo_ctx *ctx);	/* "": none */
bool mo_run_dir_is_recorded(const struct mo_ctx *ctx);	/* it is below the sysroot */
/* Directory handle of the sysroot; belongs to CTX. */
int mo_root_fd(const struct mo_ctx *ctx);
const char *mo_ctx_module(const struct mo_ctx *ctx);	/* NULL: the one in /lib/modules */
uint64_t mo_now_ms(void);	/* CLOCK_MONOTONIC */
uint64_t mo_wall_ms(void);	/* since the epoch */

/* ---- sysfs.c: each access to sysfs and proc goes through the sysroot's handle ----
 * Paths are absolute as on the running machine ("/sys/..."), built by printf.
 * These return a negative errno and set no error text: only the caller knows what it was for.
 */
int mo_open(struct mo_ctx *ctx, int flags, const char *fmt, ...) PRINTF(3, 4);
DIR *mo_opendir(struct mo_ctx *ctx, const char *fmt, ...) PRINTF(2, 3);	/* NULL and errno */
/* NAME is PREFIX and a decimal number as the kernel writes it ("memory32"). */
bool mo_name_number(const char *name, const char *prefix, uint32_t *number);
/* Each number that is a name in a folder. Stops at non-zero and returns it; an error also where there is no folder. */
typedef int mo_number_fn(void *data, uint32_t number);
int mo_numbers_each(struct mo_ctx *ctx, mo_number_fn *fn, void *data, const char *fmt, ...) PRINTF(4, 5);
int mo_pid_each(struct mo_ctx *ctx, mo_number_fn *fn, void *data);	/* the same for all processes */
bool mo_exists(struct mo_ctx *ctx, const char *fmt, ...) PRINTF(2, 3);
/* Length of the text, cut to SIZE - 1, white space at its end removed. */
ssize_t mo_read_text(struct mo_ctx *ctx, char *text, size_t size, const char *fmt, ...) PRINTF(4, 5);
int mo_read_u64(struct mo_ctx *ctx, int base, uint64_t *value, const char *fmt, ...) PRINTF(4, 5);
/* Whole file of any length, NUL-terminated; freed by the caller. */
int mo_read_file(struct mo_ctx *ctx, char **text, size_t *len_bytes, const char *fmt, ...) PRINTF(4, 5);
int mo_read_open(int fd, char **text, size_t *len_bytes);	/* the same for what is open */
/* Bytes read, fewer than LEN only at the end of the file. */
ssize_t mo_read_at(int fd, void *bytes, size_t len, uint64_t at);
/* The number in the line of a file such as /proc/meminfo that begins with KEY. -ENODATA: there is none. */
int mo_read_field(struct mo_ctx *ctx, const char *path, const char *key, uint64_t *value);
ssize_t mo_read_link(struct mo_ctx *ctx, char *text, size_t size, const char *fmt, ...) PRINTF(4, 5);
/* One write(2). -EROFS with a sysroot. */
int mo_write_text(struct mo_ctx *ctx, const char *text, const char *fmt, ...) PRINTF(3, 4);

/* ---- unpacked.c: an archive as a folder, which is removed in the end, also when this process is killed ---- */
struct mo_unpacked;
/* -EBADMSG: it is no archive that 'memoffline bundle' could have written. */
int mo_unpacked_new(struct mo_ctx *ctx, const char *path, struct mo_unpacked **unpacked);
const char *mo_unpacked_dir(const struct mo_unpacked *unpacked);
void mo_unpacked_remove(struct mo_unpacked *unpacked);	/* accepts NULL */

/* ---- archive.c: tar, compressed by gzip ---- */
struct mo_archive;
/* To FD, which stays the caller's. Errors have a text. */
int mo_archive_new(struct mo_ctx *ctx, int fd, struct mo_archive **archive);
/* PATH does not begin with "/". */
int mo_archive_add(struct mo_archive *archive, const char *path, const void *bytes, size_t len_bytes);
int mo_archive_add_link(struct mo_archive *archive, const char *path, const char *target);
/*
 * A file of LEN_BYTES with holes: its extents ascend, do not overlap, and begin at multiples of 512. FN gives the bytes
 * of a part of one, which are zero before; an error of it ends it all.
 */
struct mo_extent { uint64_t start, len; };	/* bytes */
typedef int mo_extent_fn(void *data, uint64_t start, void *bytes, size_t len);
int mo_archive_add_sparse(struct mo_archive *archive, const char *path, uint64_t len_bytes,
			  const struct mo_extent *extents, size_t nr, mo_extent_fn *fn, void *data);
/* Frees as well. COMPLETE false: what was written is for nothing. */
int mo_archive_end(struct mo_archive *archive, bool complete);
/* What is in it goes below DIR_FD, where nothing was. -EBADMSG and WHY, the rest of a sentence: it is none of ours. */
int mo_archive_unpack(struct mo_ctx *ctx, int fd, int dir_fd, char *why, size_t size);

/* ---- redact.c: names become other words, the same name the same word. With NULL they stay ---- */
extern const char mo_vocabulary[];	/* vocabulary.c: what may stay in free text */
struct mo_redactor;
struct mo_redactor *mo_redactor_new(void);	/* NULL: no memory */
void mo_redactor_free(struct mo_redactor *redactor);	/* accepts NULL */
/* These return a new text, freed by the caller; NULL: no memory. */
char *mo_redact_name(struct mo_redactor *redactor, const char *name);
char *mo_redact_path(struct mo_redactor *redactor, const char *path);	/* each part of it; also of a mapping */
enum mo_text_kind {
	MO_TEXT_KERNEL,		/* its words are the kernel's own: stays */
	MO_TEXT_FREE,		/* numbers and words of the vocabulary stay; of "other=value" nothing does */
	MO_TEXT_KNOWN,		/* only lines stay that hold nothing else */
	MO_TEXT_IOMEM,		/* /proc/iomem */
};
char *mo_redact_text(struct mo_redactor *redactor, enum mo_text_kind kind, const char *text);

/* ---- dmi.c: memory devices of SMBIOS ---- */
/* Serial number and asset tag become other words. The table is made anew. -EBADMSG: it is none; -ENOMEM. */
int mo_dmi_redact(struct mo_redactor *redactor, char **table, size_t *len_bytes);

/* ---- new-file.c: a file that is there as a whole, or not at all; mode 0600 ---- */
struct mo_new_file;
/* For PATH, which may exist. What is no regular file is written as it stands. Errors have a text. */
int mo_new_file_open(struct mo_ctx *ctx, const char *path, struct mo_new_file **file);
int mo_new_file_fd(const struct mo_new_file *file);
/* On disk, and then under its name. Frees as well; COMPLETE false: nothing is left of it. */
int mo_new_file_end(struct mo_new_file *file, bool complete);

/* ---- nodeset.c: sets of nodes ---- */
#define MO_NODE_WORDS 16	/* of 64 nodes each */
#define MO_NODES_MAX (64 * MO_NODE_WORDS)
struct mo_nodeset {
	uint64_t words[MO_NODE_WORDS];	/* a bit for each node */
};
bool mo_nodeset_has(const struct mo_nodeset *set, unsigned int node);
void mo_nodeset_add(struct mo_nodeset *set, unsigned int node);
unsigned int mo_nodeset_weight(const struct mo_nodeset *set);
bool mo_nodeset_is_subset(const struct mo_nodeset *set, const struct mo_nodeset *of);
bool mo_nodeset_meets(const struct mo_nodeset *a, const struct mo_nodeset *b);
uint32_t mo_nodeset_nr_words(const struct mo_nodeset *set);	/* that hold them all; at least 1 */
/* A list as "0,2-3". -EINVAL: not of this grammar, or empty; SET stays as it was, and no error text is set. */
int mo_nodeset_parse(const char *list, struct mo_nodeset *set);
struct mo_nodes_text { char text[4096]; };	/* the longest, each other node of MO_NODES_MAX, has 2.5 KiB */
struct mo_nodes_text mo_nodeset_text(const struct mo_nodeset *set);
/* "online", "has_memory" and others that the kernel tells. Sets no error text. */
int mo_nodeset_read(struct mo_ctx *ctx, const char *name, struct mo_nodeset *set);
/* Nodes that the cpuset of a process allows; PROCESS is its number, or "self". Sets no error text. */
int mo_nodeset_allowed(struct mo_ctx *ctx, const char *process, struct mo_nodeset *set);
/* Where the pages of each node go, as struct mo_migrate_request says. */
struct mo_layout {
	int16_t targets[MO_NODES_MAX];		/* -1: they stay */
	struct mo_nodeset sources, destinations;	/* of those that do not */
};
/* Neither set is empty. */
void mo_layout_make(const struct mo_nodeset *from, const struct mo_nodeset *to, struct mo_layout *layout);

/* ---- kernel.c: what differs between kernels; no other file looks at their release ---- */
struct mo_kernel {
	bool minds_last_edge;	/* a compound page across the end of a range keeps it from isolation, hugetlb's too */
	bool minds_poison;	/* a block with poisoned pages does not come online again */
	bool keeps_boot_memory;	/* the platform vetoes for what was there at boot */
};
struct mo_kernel mo_kernel_read(struct mo_ctx *ctx);
struct mo_kernel mo_kernel_of(const char *release, const char *arch);	/* pure; "": not known */

/* ---- memory.c, block.c, device.c, node.c: the snapshot ---- */
struct mo_memory {
	struct mo_ctx *ctx;
	unsigned int nr_refs;
	uint64_t block_bytes;
	uint64_t page_bytes;
	struct mo_block *blocks;
	size_t nr_blocks;
	struct mo_device *devices;
	size_t nr_devices;
	struct mo_node *nodes;
	size_t nr_nodes;
	void *distances;	/* node.c's own */
	struct mo_ram *ram;	/* iomem.c's own */
	struct mo_usage *usage;	/* usage.c's own */
	struct mo_kernel kernel;
};
/* Is the block wholly System RAM? As mo_ram_covers(). */
int mo_memory_is_ram(const struct mo_memory *memory, uint32_t block);
/* Index of the first block with that number or a higher one. */
size_t mo_memory_lower_bound(const struct mo_memory *memory, uint64_t number);
int mo_blocks_read(struct mo_memory *memory);	/* block.c: numbers, states, zones */
int mo_blocks_count(struct mo_ctx *ctx, size_t *nr);	/* that there are now; sets no error text */
int mo_block_refresh(struct mo_memory *memory, struct mo_block *block);	/* sets no error text; -ENOENT: gone */
int mo_nodes_read(struct mo_memory *memory);	/* node.c: nodes, and blocks[].node from nodeN/memoryM links */
void mo_nodes_free(struct mo_memory *memory);
/*
 * A list as "0,2-3" becomes a bit for each node, in the first *NR_WORDS of MO_NODE_WORDS words. -EINVAL: not of this
 * grammar; -ENOENT: one has no memory.
 */
int mo_nodes_parse(struct mo_memory *memory, const char *list, uint64_t *words, uint32_t *nr_words);
int mo_devices_read(struct mo_memory *memory);	/* device.c: devices, and blocks[].device */
void mo_devices_free(struct mo_memory *memory);

/* ---- numa.c: the kernel moves memory of processes ---- */
/* Before any of these, and before the fork of whoever calls them: libnuma is opened. 0, or -ELIBACC and a sentence. */
int mo_node_open(struct mo_ctx *ctx);
/* Move pages of a process, also those that it shares, to NODE. Returns how many are there now, 0 on failure. */
uint64_t mo_node_move_pages(int32_t pid, void **addrs, size_t nr, int32_t node);
/*
 * migrate_pages(2). 0, also where pages stayed, or negative errno. It moves pages that others share, too, where the
 * caller has CAP_SYS_NICE.
 */
int mo_node_migrate(int32_t pid, const struct mo_nodeset *from, const struct mo_nodeset *to);
/* STATUS becomes the node of each page, or why it has none. */
int mo_node_of_pages(int32_t pid, void **addrs, size_t nr, int *status);
/*
 * move_pages(2), each page to its node: 0 and a status for each page, a positive number when pages stayed of which the
 * kernel does not say which, or negative errno. A status that was not written is as it was.
 */
int mo_node_try_pages(int32_t pid, void **addrs, size_t nr, const int *nodes, int *status, bool also_shared);

/* ---- drain.c ---- */
/*
 * FN hears of each process that a policy or its cpuset binds to one of NODES, which are to go; TARGETS stay. May block
 * for as long as any process hangs. Sets no error text.
 */
int mo_bound_each(struct mo_ctx *ctx, const struct mo_nodeset *nodes, const struct mo_nodeset *targets, mo_bound_fn *fn,
		  void *data, size_t *nr_hidden);

/* ---- iomem.c: /proc/iomem; -EACCES when it shows zeros only ---- */
struct mo_iomem {
	uint64_t start_addr, last_addr;
	unsigned int depth;
	const char *name;
};
/* Calls FN for each line, parents before children; stops at non-zero and returns it. */
typedef int mo_iomem_fn(void *data, const struct mo_iomem *range);
int mo_iomem_each(struct mo_ctx *ctx, mo_iomem_fn *fn, void *data);
bool mo_iomem_is_system_ram(const char *name);
/* System RAM as it was when it was first asked for. */
struct mo_ram;
struct mo_ram *mo_ram_new(void);	/* NULL: no memory */
void mo_ram_free(struct mo_ram *ram);	/* accepts NULL */
/* Is [start_addr, start_addr + len_bytes) wholly System RAM? 1, 0, or -errno when hidden. */
int mo_ram_covers(struct mo_ram *ram, struct mo_ctx *ctx, uint64_t start_addr, uint64_t len_bytes);

/* ---- hugetlb.c: pools of huge pages ---- */
struct mo_pool {
	int32_t node;			/* -1: of a machine without NUMA */
	uint32_t size_kib;		/* of a huge page */
	uint64_t nr_pages;		/* huge pages, surplus ones too */
	uint64_t surplus_pages;		/* of them, beyond the size that the pool was given */
	uint64_t free_pages;		/* of them */
	uint64_t promised_pages;	/* in the machine: reserved by processes that have not used them yet */
};
struct mo_pools {
	struct mo_pool *all;	/* one for each size and node */
	size_t nr;
};
/* These two: -ENOMEM, without an error text. A kernel without them has none. */
int mo_pools_read(const struct mo_memory *memory, struct mo_pools *pools);
int mo_pools_add(struct mo_pools *pools, const struct mo_pool *pool);
void mo_pools_free(struct mo_pools *pools);
/* Those of one size, on all nodes. */
struct mo_pool mo_pools_sum(const struct mo_pools *pools, uint32_t size_kib);
uint64_t mo_pool_own_pages(const struct mo_pool *pool);	/* without surplus pages, which come and go by themselves */
/*
 * Pools that are smaller than in BEFORE grow on nodes that have memory, until the machine has as many huge pages again,
 * or there is no room. REPORT gets a note of each size.
 */
void mo_pools_refill(struct mo_memory *memory, const struct mo_pools *before, struct mo_report *report);
/* Each pool is of the size that it had in BEFORE. */
void mo_pools_restore(const struct mo_memory *memory, const struct mo_pools *before, struct mo_report *report);

/* ---- zones.c: /proc/zoneinfo ---- */
#define MO_ZONES_MAX 8			/* of a node */
struct mo_zone_use {
	int32_t node;
	enum mo_zone zone;
	size_t index;			/* among the zones of the node, in their order */
	/* base pages */
	uint64_t present_pages;		/* all that are online */
	uint64_t free_pages;
	uint64_t listed_pages;		/* free as well, on lists of processors */
	uint64_t min_pages;		/* the lowest watermark */
	uint64_t protected_pages[MO_ZONES_MAX];	/* from allocations that may come from the zone of that index */
	uint64_t file_pages, anon_pages;/* on the LRU lists */
};
struct mo_zones {
	struct mo_zone_use *all;
	size_t nr;
};
/* -ENODATA: there are none; sets no error text. */
int mo_zones_read(struct mo_ctx *ctx, struct mo_zones *zones);
void mo_zones_free(struct mo_zones *zones);

/* ---- usage.c: both, as they were when it was first asked; none where they can't be read ---- */
struct mo_usage *mo_usage_new(void);	/* NULL: no memory */
void mo_usage_free(struct mo_usage *usage);	/* accepts NULL */
const struct mo_zones *mo_memory_zones(const struct mo_memory *memory);
const struct mo_pools *mo_memory_pools(const struct mo_memory *memory);

/* ---- inhibit.c: while a device goes ---- */
/* Shutdown and sleep wait till it is dropped. NULL: nobody can be asked; the log says why. */
struct mo_inhibit;
struct mo_inhibit *mo_inhibit_take(struct mo_ctx *ctx, const char *target);
void mo_inhibit_drop(struct mo_inhibit *inhibit);	/* accepts NULL */
/* All users who are logged in read it. */
void mo_wall(struct mo_ctx *ctx, const char *message);

/* ---- kconfig.c: the option CONFIG_NAME of the kernel: "y", "m", "n" (not set), another first letter, or 0 when not known ---- */
char mo_kernel_option(struct mo_ctx *ctx, const char *name);
/* All of it, as text; freed by the caller. Sets no error text. */
int mo_kernel_config(struct mo_ctx *ctx, char **text);

/* ---- kdump.c: what loads the crash kernel anew for each block that goes waits until all of them are gone ---- */
/* Both tell in REPORT what they could not do. */
void mo_kdump_hold(struct mo_ctx *ctx, struct mo_report *report);
/* Also what a killed process held; then it is loaded anew, once. */
void mo_kdump_release(struct mo_ctx *ctx, struct mo_report *report);

/* ---- rule-files.c: the rules of udev ---- */
/* NAME: its last part. TEXT, which FN may change: lines that end with a backslash are joined with what follows. */
struct mo_rule_file {
	const char *path, *name;
	char *text;
};
/* Those that are not hidden by one of the same name. Stops at non-zero and returns it. */
typedef int mo_rule_file_fn(void *data, const struct mo_rule_file *file);
int mo_rule_files_each(struct mo_ctx *ctx, mo_rule_file_fn *fn, void *data);
/* The value of KEY OPERATOR "VALUE" in a rule, or NULL. Operator "=" is not found in "==" nor in "!=". */
const char *mo_rule_value(const char *rule, const char *key, const char *operator, char *value, size_t size);

/* ---- rules.c: udev rules that bring memory online ---- */
struct mo_online_rule {
	const char *path;	/* of the file */
	const char *word;	/* what it writes to state: "online", "online_movable" */
	bool at_offline;	/* also when a block was taken offline, not only when one is added */
};
/* Calls FN for each such rule; stops at non-zero and returns it. */
typedef int mo_online_rule_fn(void *data, const struct mo_online_rule *rule);
int mo_online_rules_each(struct mo_ctx *ctx, mo_online_rule_fn *fn, void *data);

/* ---- target.c: the grammar of targets ---- */
struct mo_selection {
	uint32_t *numbers;	/* of blocks, ascending, each once, unless KEEP_ORDER */
	size_t nr_numbers;
	uint64_t len_bytes;	/* from a size in the target or the request; 0: all of them */
};
/* Applies request->node and ->zone as well. Errors as mo_plan_new(). */
int mo_target_select(struct mo_memory *memory, const struct mo_request *request, struct mo_selection *selection);
void mo_selection_free(struct mo_selection *selection);

/* ---- pages.c: kpageflags, kpagecount, kpagecgroup ---- */
struct mo_pages;
int mo_pages_open(struct mo_ctx *ctx, struct mo_pages **pages);	/* errors as mo_content_read() */
void mo_pages_close(struct mo_pages *pages);
enum mo_kind mo_page_kind(uint64_t kpageflags);			/* pure */
bool mo_page_in_use(uint64_t kpageflags);			/* pure: has to move or go before the range can */
/* mo_content_read() for many ranges. */
int mo_pages_content(struct mo_pages *pages, uint64_t start_pfn, uint64_t nr_pages, struct mo_content *content);
/* The same, and the cgroup that most of the pages in use are charged to; inode 0: none is known. */
struct mo_charge {
	uint64_t cgroup_inode;
	uint64_t nr_pages;
};
int mo_pages_content_charged(struct mo_pages *pages, uint64_t start_pfn, uint64_t nr_pages, struct mo_content *content,
			     struct mo_charge *most);
bool mo_pages_have_cgroups(const struct mo_pages *pages);
/* Pages in use in the range, and the first of them (NO_PFN when none). Cheap: five times a second. */
int mo_pages_left(struct mo_pages *pages, uint64_t start_pfn, uint64_t nr_pages, uint64_t *left, uint64_t *first_pfn);
struct mo_page {
	uint64_t pfn;
	uint64_t flags;		/* kpageflags */
	uint64_t count;		/* kpagecount: times mapped */
	uint64_t cgroup_inode;
};
/* Is the page part of the same compound page as the one before it? */
bool mo_pages_are_joined(struct mo_pages *pages, uint64_t pfn);
#define MO_BUDDY_PAGES_MAX 1024		/* no free list holds more in one: huge pages that are larger are gigantic */
/* Gigantic pages that processes map and that have a part in the range. */
uint64_t mo_pages_gigantic(struct mo_pages *pages, uint64_t start_pfn, uint64_t nr_pages);
/* Calls FN for each page in use; stops at non-zero and returns it. */
typedef int mo_page_fn(void *data, const struct mo_page *page);
int mo_pages_each(struct mo_pages *pages, uint64_t start_pfn, uint64_t nr_pages, mo_page_fn *fn, void *data);

/* ---- report.c ---- */
#define MO_RECORDS_MAX 4096	/* records kept; pages beyond are counted only */
#define MO_OWNERS_MAX 8		/* owners kept for a record */
const char *mo_status_name(int result);	/* of a report: "done", "partial", "failed" */
int mo_report_new(struct mo_ctx *ctx, const char *action, const char *target, struct mo_report **report);
/* Pointers stay valid while the report lives. NULL: no memory. */
struct mo_block_result *mo_report_add_block(struct mo_report *report, uint32_t block, enum mo_zone zone);
struct mo_process_result *mo_report_add_process(struct mo_report *report, int32_t pid, const char *comm);
/* To its totals; those of pages count for all records, whether they were added or not. */
void mo_report_add_moves(struct mo_report *report, const struct mo_moves *moves);
void mo_moves_add(struct mo_moves *sum, const struct mo_moves *moves);
int mo_report_set_detail(struct mo_report *report, struct mo_block_result *result, const char *detail);
int mo_report_set_device(struct mo_report *report, struct mo_block_result *result, const char *device);
/* Copies strings of SRC; owners are added after. NULL: no memory, or the bound is reached (pages are counted). */
struct mo_record *mo_report_add_record(struct mo_report *report, const struct mo_record *src);
int mo_record_add_owner(struct mo_record *record, const struct mo_owner *owner); /* copies; counts beyond the bound */
int mo_record_name_owner(struct mo_record *record, size_t i, const char *vma);	/* copies */
#define MO_HOLDS_MAX 4	/* holds kept for a record; more are not told */
int mo_record_add_hold(struct mo_record *record, const struct mo_hold *hold);	/* copies */
int mo_record_set_file(struct mo_record *record, const char *path);		/* copies */
int mo_record_set_stack(struct mo_record *record, const char *stack);		/* copies */
void mo_report_name_cgroups(struct mo_report *report);	/* fills the paths of those whose number is known */
struct mo_record *mo_report_record_mutable(struct mo_report *report, size_t i);
int mo_report_add_note(struct mo_report *report, const char *fmt, ...) PRINTF(2, 3);
/* Copies. NULL: no memory. */
struct mo_removed *mo_report_add_removed(struct mo_report *report, const char *device, const char *slots);
bool mo_report_takes_offline(const struct mo_report *report);	/* for itself, or to remove a device */
bool mo_report_brings_back(const struct mo_report *report);	/* what another attempt left behind */
void mo_report_set_gone(struct mo_report *report, size_t i);	/* the device of that number */
int mo_report_add_remedy(struct mo_report *report, const struct mo_remedy *remedy);	/* copies */
/* Forget the records that came since the mark: the same pages are looked at anew. */
struct mo_report_mark {
	size_t nr_records;
	uint64_t nr_pages_kept;
};
struct mo_report_mark mo_report_mark(const struct mo_report *report);
void mo_report_rewind(struct mo_report *report, const struct mo_report_mark *mark);
int mo_report_set_engine(struct mo_report *report, const char *engine);
/* Pages that stayed and have no record. */
void mo_report_count_kept(struct mo_report *report, uint64_t nr_pages);
/* When it ended, in milliseconds since the epoch. */
uint64_t mo_report_end_ms(const struct mo_report *report);
void mo_report_set_moved(struct mo_report *report, uint64_t moved_pages);
void mo_report_set_wanted(struct mo_report *report, uint64_t wanted_bytes);
void mo_report_finish(struct mo_report *report, int result, enum mo_reason reason, uint64_t freed_bytes);
/* Keep it in the run directory for mo_report_load(): as the last one, and for each of its blocks that was tried. */
int mo_report_save(struct mo_report *report);
/* What a report that was read back knows and a new one would measure. */
struct mo_report_totals {
	const char *engine;
	int result;
	enum mo_reason reason;
	uint64_t start_time_s, elapsed_ms, end_time_ms, moved_pages, freed_bytes, wanted_bytes, nr_pages_kept;
};
int mo_report_restore(struct mo_report *report, const struct mo_report_totals *totals);
/* What was saved, as mo_report_load(). */
int mo_report_load_saved(struct mo_ctx *ctx, uint32_t block, struct mo_report **report);

/* ---- json-report.c: the report as JSON and back ---- */
/* -EBADMSG: WHY is the rest of a sentence ("it ends too early"). Sets no error text then. */
int mo_report_parse(struct mo_ctx *ctx, const char *text, struct mo_report **report, char *why, size_t size);

/* ---- state-dir.c ---- */
/* A descriptor; -ENOENT: there is none, or none is wanted. MAKE it where it is missing. These set no error text. */
int mo_state_dir_open(struct mo_ctx *ctx, bool make);
/* LOCK_SH or LOCK_EX, for a look or a write: who has it for longer is stopped, and is waited for 5 s at most. */
int mo_state_dir_lock(int dir_fd, int how);

/* ---- history.c: each attempt is a line of a file that outlives the machine's restart ---- */
#define MO_LINE_BLOCKS_MAX 4096	/* blocks in a line; those beyond are counted only */
#define MO_HISTORY_BYTES (1u << 20)	/* a file longer than that is not added to, unless it is empty */
#define MO_HISTORY_OLD 3		/* files kept beside the one that is written */
struct mo_totals {
	struct mo_history_total *all;
	size_t nr;
	uint64_t since_s;	/* when the first attempt began */
};
struct mo_line {
	struct mo_report *report;	/* without records and notes; NULL: it holds totals, and nothing else */
	struct mo_totals totals;	/* of all lines before */
	uint64_t block_bytes;		/* 0: it is about processes */
	uint64_t page_bytes;
	uint64_t move_bytes;		/* in use at its beginning in blocks that went */
	uint32_t max_mib_s;		/* limit that it was given; 0: none */
	char kernel[65];		/* release */
};
/*
 * Add one, and tell systemd's journal: all but the kernel is the caller's. Never fails: what could not be kept is told
 * in the report's notes, or, where this user may not, in the log. Waits five seconds at most.
 */
void mo_history_add(struct mo_ctx *ctx, struct mo_line *line);
/* Tells of each line that can be read, the newest first; stops at non-zero and returns it. */
typedef int mo_line_fn(void *data, const struct mo_line *line);
/* -ENOENT: there is none. Counts what could not be read in *nr_skipped. Sets no error text. */
int mo_history_each(struct mo_ctx *ctx, mo_line_fn *fn, void *data, uint64_t *nr_skipped);

/* ---- totals.c ---- */
/* Add a line's. True: it is one of totals, and older lines are in it. Without memory it goes without. */
bool mo_totals_add(struct mo_totals *totals, const struct mo_line *line);
/* Made where it is missing, in a fixed order; valid till the next is found. NULL: words not known, or no memory. */
struct mo_history_total *mo_totals_find(struct mo_totals *totals, const char *action, const char *engine,
					const char *status);

/* ---- journald.c ---- */
/* The same in systemd's journal. Nothing where there is none, or no libsystemd. */
void mo_journald_tell(struct mo_ctx *ctx, const struct mo_report *report);

/* ---- json-line.c: a line without its newline, and back. -EBADMSG: it is none, or of a later version ---- */
/* These set no error text. */
int mo_line_to_json(const struct mo_line *line, char **text);
int mo_line_parse(struct mo_ctx *ctx, const char *text, struct mo_line *line);

/* ---- pagemap.c: one pass over /proc/PID/pagemap, of one process or of all ---- */
struct mo_mapping {
	uint64_t start_addr;
	uint64_t end_addr;
	uint64_t resident_kib;	/* from smaps */
	char *name;
};
/* A line of maps, or a header in smaps. MAPPING's name is freed and made anew. LINE changes. */
bool mo_mapping_parse(char *line, struct mo_mapping *mapping);
struct mo_mapped_page {
	int32_t pid;
	const char *comm;
	const char *mapping;	/* its name */
	uint64_t mapping_start;	/* its first address */
	uint64_t addr;
	uint64_t pfn;
	bool is_anon;		/* neither of a file nor shared memory */
	bool is_swapped;	/* it is not in memory */
};
struct mo_pagemap_visitor {
	uint64_t start_pfn, end_pfn;	/* tell of present pages in [start_pfn, end_pfn) alone */
	bool wants_all;			/* or of all, swapped ones too, and with pfn 0 where the kernel hides it */
	uint64_t start_addr, end_addr;	/* look at [start_addr, end_addr) alone; end_addr 0: at all */
	void (*enter)(void *data, int32_t pid);	/* from here on it looks into that process; may be NULL */
	int (*page)(void *data, const struct mo_mapped_page *page);	/* negative errno ends the pass */
	void *data;
};
/*
 * Each process is looked at once. Counts what could not be seen (processes that exited are not counted) in *nr_hidden.
 * May block for as long as any process hangs. Sets no error text.
 */
int mo_pagemap_each(struct mo_ctx *ctx, const struct mo_pagemap_visitor *visitor, uint64_t *nr_hidden);
/* The same for one process. -EACCES: it can't be seen. 0 when it has exited. */
int mo_pagemap_process(struct mo_ctx *ctx, int32_t pid, const struct mo_pagemap_visitor *visitor);
#define MO_THREAD_FOLDER_SIZE 48	/* "/proc/PID/task/TID" */
/* One page of what the open pagemap is of. False: it is not there, or hidden. */
bool mo_pagemap_entry(int pagemap_fd, uint64_t addr, uint64_t *pfn);
/* A thread of the process by which its memory can be reached, and its folder below /proc; 0: it has none. */
int32_t mo_thread_with_memory(struct mo_ctx *ctx, int32_t pid, char folder[MO_THREAD_FOLDER_SIZE]);

/* ---- cgroup-path.c ---- */
#define MO_CGROUPS_RECORD "/memoffline/cgroups"	/* of a bundle: "INODE PATH" in each line, for no name holds a newline */
/* Each of those that memory is charged to, or of that record. Stops at non-zero and returns it. Sets no error text. */
typedef int mo_cgroup_fn(void *data, uint64_t inode, const char *path);
int mo_cgroups_each(struct mo_ctx *ctx, mo_cgroup_fn *fn, void *data);

/* ---- owner.c: which processes map a page ---- */
struct mo_owner_sink {
	void (*enter)(void *data, int32_t pid);		/* from here on it looks into that process */
	/* RECORD: index among those asked for. The owner's strings are lent. Negative errno ends the search. */
	int (*found)(void *data, size_t record, const struct mo_owner *owner);
	int (*name)(void *data, size_t record, size_t owner, const char *vma);	/* indexes in the report */
	void *data;
};
/* Tell the owners of the NR records, as mo_pagemap_each() finds them. */
int mo_owners_find(struct mo_ctx *ctx, struct mo_record **records, size_t nr, const struct mo_owner_sink *sink,
		   uint64_t *nr_hidden);
/* Names the mappings of the report's owners that have none yet, as far as they can be seen. May block likewise. */
void mo_owners_name(struct mo_ctx *ctx, const struct mo_report *report, const struct mo_owner_sink *sink);

/* ---- owner-search.c: both in a process of their own, which is given up after LIMIT_MS ---- */
#define MO_OWNERS_LIMIT_MS 2000
/*
 * Name the owners that have no mapping's name, and with FIND look for those of records that have none. What is found
 * in time goes into REPORT, and so does a note on what is missing and why: -ETIMEDOUT, or what made it fail.
 */
int mo_owners_search(struct mo_ctx *ctx, struct mo_report *report, bool find, uint32_t limit_ms);

/* And then what holds their pages, the paths of their files, and what allocated them. */
int mo_owners_tell(struct mo_ctx *ctx, struct mo_report *report, bool find);

/* The same for all records of REPORT, without waiting: what is found so far goes into it with each poll. */
struct mo_owner_search;
int mo_owner_search_begin(struct mo_ctx *ctx, struct mo_report *report, struct mo_owner_search **search);
bool mo_owner_search_poll(struct mo_owner_search *search);	/* false: nothing more will come */
void mo_owner_search_end(struct mo_owner_search *search);	/* accepts NULL */

/* ---- descriptors.c: the open files of all processes ---- */
struct mo_descriptor {
	int32_t pid;
	int32_t fd;
	char comm[16];
	const char *target;	/* what the link in /proc/PID/fd says */
};
/* Stops at non-zero and returns it. */
typedef int mo_descriptor_fn(void *data, const struct mo_descriptor *descriptor);
/* Counts processes whose files can't be seen. -ETIMEDOUT: not all were looked at. Sets no error text. */
int mo_descriptors_each(struct mo_ctx *ctx, uint32_t limit_ms, mo_descriptor_fn *fn, void *data, uint64_t *nr_hidden);
int mo_descriptor_info(struct mo_ctx *ctx, const struct mo_descriptor *descriptor, char **text);	/* its fdinfo */

/* ---- ring.c: rings of io_uring ---- */
struct mo_range {
	uint64_t start_addr, end_addr;
};
struct mo_ring {
	struct mo_range *buffers;	/* registered with it, of the memory of who did; freed by the caller */
	size_t nr_buffers;
};
/* The ring that the descriptor is. Sets no error text. */
int mo_ring_read(struct mo_ctx *ctx, const struct mo_descriptor *descriptor, struct mo_ring *ring);

/* ---- memory-file.c: files of file systems that have no place but memory, and from it no way out: ramfs ---- */
struct mo_memory_file {
	int32_t pid;		/* has it open, */
	int32_t fd;		/* as this */
	uint64_t inode;
	uint32_t major, minor;	/* of its file system */
};
struct mo_memory_mounts;
/* NULL: there are none, nothing can be seen of them, or no memory. */
struct mo_memory_mounts *mo_memory_mounts_read(struct mo_ctx *ctx);
void mo_memory_mounts_free(struct mo_memory_mounts *mounts);	/* accepts NULL */
bool mo_memory_file_look(struct mo_ctx *ctx, const struct mo_memory_mounts *mounts,
			 const struct mo_descriptor *descriptor, struct mo_memory_file *file);
/*
 * Calls FN for each page frame that holds a part of the file. It is mapped for that, which may block, where somebody
 * listens to its being opened.
 */
typedef void mo_memory_file_fn(void *data, uint64_t pfn);
void mo_memory_file_pages(struct mo_ctx *ctx, const struct mo_memory_file *file, mo_memory_file_fn *fn, void *data);

/* ---- immovable.c: pages that user space made unmovable, as far as that is to be seen without the module ---- */
struct mo_cause {
	enum mo_reason reason;
	uint64_t needs_flags;	/* kpageflags that the page has as well, or it is not the cause */
	uint64_t file_inode;	/* the file that it is of, as in struct mo_record; 0: none is known */
	uint32_t file_major, file_minor;
	char *file;		/* its name; NULL: not known */
};
struct mo_immovable;
int mo_immovable_new(struct mo_memory *memory, struct mo_immovable **immovable);
void mo_immovable_free(struct mo_immovable *immovable);		/* accepts NULL */
/* The block is to be looked at. */
void mo_immovable_ask(struct mo_immovable *immovable, const struct mo_block *block);
/*
 * Look into each process that has something pinned or locked, once, in a process that is given up after LIMIT_MS.
 * REPORT gets notes on what could not be seen, and on pins of which it is not known where they are. May be asked once.
 */
void mo_immovable_look(struct mo_immovable *immovable, struct mo_report *report, uint32_t limit_ms);
/* What was found of a page, 0: nothing. Pages of the same owner and cause have the same mark. IMMOVABLE may be NULL. */
uint16_t mo_immovable_mark(const struct mo_immovable *immovable, uint64_t pfn);
const struct mo_cause *mo_immovable_cause(const struct mo_immovable *immovable, uint16_t mark);	/* NULL: mark 0 */

/* ---- hold.c, file-path.c: what holds pages of REPORT; the paths of their files. Both complete its records ---- */
enum mo_hold_kind mo_descriptor_kind(const struct mo_descriptor *descriptor);	/* MO_HOLD_NR: it can hold no pages */
int mo_holds_search(struct mo_ctx *ctx, struct mo_report *report, uint32_t limit_ms);
int mo_files_name(struct mo_ctx *ctx, struct mo_report *report, uint32_t limit_ms);
/* "/a/b" and "b", also when it was deleted, and when NAME is cut, as the module cuts it; "" is the name of all. */
bool mo_path_has_name(const char *path, const char *name);

/* ---- page-owner.c: what allocated the kernel's pages of REPORT, where the kernel was booted with page_owner=on ---- */
int mo_stacks_read(struct mo_ctx *ctx, struct mo_report *report);
/* One answer of page_owner; pure. False: it is of no such form, or of another page. STACK has SIZE bytes. */
bool mo_stack_parse(const char *text, uint64_t pfn, char *stack, size_t size, uint64_t *since_ns);

/* ---- holder.c: whose the page is that holds things up ---- */
struct mo_holder;
struct mo_holder *mo_holder_new(struct mo_ctx *ctx);	/* NULL: no memory */
void mo_holder_free(struct mo_holder *holder);		/* accepts NULL */
/* PFN holds it up now (NO_PFN: none). PAGES may be NULL. After a second, looks for its owner. Never waits. */
void mo_holder_look(struct mo_holder *holder, struct mo_pages *pages, uint64_t pfn);
/* As far as they are known: NULL, and MO_KIND_NR. Belongs to the holder, till it looks at another page. */
const struct mo_owner *mo_holder_owner(const struct mo_holder *holder);
enum mo_kind mo_holder_kind(const struct mo_holder *holder);

/* ---- module.c: the kernel module ---- */
bool mo_module_is_loaded(struct mo_ctx *ctx);
/* Its parameter: N leaves attempts to the kernel alone. */
bool mo_module_is_enabled(struct mo_ctx *ctx);
int mo_module_enable(struct mo_ctx *ctx, bool enabled);
/* 0 when it is loaded already. Errors as mo_offline() has them. */
int mo_module_load(struct mo_ctx *ctx);
int mo_module_find(struct mo_ctx *ctx);	/* -ENOENT: there is none that could be loaded */

/* ---- session.c: /dev/memoffline ---- */
struct mo_session;
int mo_session_open(struct mo_ctx *ctx, struct mo_session **session);
void mo_session_close(struct mo_session *session);	/* accepts NULL */
struct mo_core_info {
	uint32_t version;
	uint32_t nr_workers;
	uint32_t deadline_ms, stall_ms;	/* 0: none */
	bool sees_isolation;		/* also attempts that fail before any notifier is called have a report */
	bool names_owners;
	bool moves_processes;
	bool has_sessions;		/* several blocks can be emptied at once */
	char missing[512];		/* what it can't do in this kernel, "" when nothing */
};
int mo_session_info(struct mo_session *session, struct mo_core_info *info);
/* An attempt to take a block offline, as the module saw it. */
struct mo_core_attempt {
	uint64_t start_pfn, nr_pages;
	uint64_t nr_moved, nr_evicted, nr_kept, nr_policy_violated;	/* pages */
	uint64_t start_ms;		/* since the epoch */
	uint64_t elapsed_ms;
	int error;			/* 0 or negative errno */
	enum mo_reason reason;
	int32_t pid;			/* of the thread that asked */
	char comm[16];			/* its name, any byte */
	size_t nr_records;
};
/* The last one on the block of PFN, or of all for NO_PFN. -ENOENT: none, without an error text. */
int mo_session_last(struct mo_session *session, uint64_t pfn, struct mo_core_attempt *attempt);
/* Its pages that stayed; nothing else was asked of the session since. */
void mo_session_add_records(struct mo_session *session, const struct mo_core_attempt *attempt, uint32_t block,
			    struct mo_report *report);
/* What the core counted of all attempts, in words. */
void mo_session_note(struct mo_report *report, uint64_t nr_evicted, uint64_t nr_violated);
/* Pages of a range that would stay, by what holds most of them; locks and writeback pass. */
struct mo_core_scan {
	enum mo_reason reason;
	uint64_t reason_pages;
	uint64_t reason_pfn;		/* the first one, NO_PFN when none */
	uint64_t kept_pages;		/* also those whose lock or writeback passes */
	uint64_t told_pages;		/* of them, those that have a record */
	size_t nr_records;
};
int mo_session_scan(struct mo_session *session, uint64_t start_pfn, uint64_t nr_pages, struct mo_core_scan *scan);
/*
 * The same for a block, of which all that was found, but for what passes, goes into REPORT. Fills what holds most, and
 * how many pages there are.
 */
int mo_session_scan_block(struct mo_session *session, uint32_t block, uint64_t nr_pages, struct mo_report *report,
			  enum mo_reason *reason, uint64_t *pages);

/* Sessions: an open device owns what it has quarantined. Closing it, or the end of the process, gives all back. */
struct mo_core_room {
	uint64_t used_pages;		/* in all that is quarantined */
	uint64_t room_pages;		/* for them in other memory and swap */
};
/* -ENOSPC: other memory has no room, see ROOM. Sets no error text: its caller is a process of its own. */
int mo_session_quarantine(struct mo_session *session, uint64_t start_pfn, uint64_t nr_pages, struct mo_core_room *room);
int mo_session_release(struct mo_session *session, uint64_t start_pfn, uint64_t nr_pages);
struct mo_core_terms {
	uint32_t deadline_ms, stall_ms;	/* 0: none */
	uint32_t max_mib_s;		/* 0: no limit */
	enum mo_swap swap;
	uint64_t nodes[MO_NODE_WORDS];	/* a bit for each target */
	uint32_t nr_node_words;		/* 0: any node */
};
struct mo_core_evacuated {
	uint64_t moved_pages, evicted_pages, kept_pages, violated_pages;
	enum mo_reason reason;		/* NONE: nothing is left */
	int error;
};
/* Empty all that is quarantined; waits till that is done. Sets no error text: its caller is a process of its own. */
int mo_session_evacuate(struct mo_session *session, const struct mo_core_terms *terms,
			struct mo_core_evacuated *evacuated);
struct mo_core_progress {
	uint64_t done_pages;		/* moved or evicted */
	uint64_t stuck_pfn;		/* NO_PFN: none */
};
/*
 * What the last evacuation left behind goes to the report, and FN hears of each block: for what most of its pages
 * stayed, and how many did. Pages that the module has no record of are counted alone.
 */
typedef void mo_kept_fn(void *data, uint32_t block, enum mo_reason reason, uint64_t nr_pages);
void mo_session_kept(struct mo_session *session, uint64_t block_pages, uint64_t nr_kept, struct mo_report *report,
		     mo_kept_fn *fn, void *data);
/* News of the evacuation that runs in another process of this session. False: none. Never waits. */
bool mo_session_progress(struct mo_session *session, struct mo_core_progress *progress);

/* The memory of a process. */
struct mo_core_migrate {
	int32_t pid;
	int pidfd;			/* -1: none, pid says which */
	const struct mo_nodeset *from, *to;
	uint64_t start_addr, end_addr;	/* end_addr 0: all */
	bool also_shared, may_evict;
	uint32_t deadline_ms;		/* 0: none */
	uint32_t nr_workers;		/* 0: as many as help */
};
struct mo_core_migrated {
	struct mo_moves moves;
	enum mo_reason reason;		/* NONE: nothing is left that was to go */
};
/* Waits till that is done. Sets no error text: its caller is a thread of its own. */
int mo_session_migrate(struct mo_session *session, const struct mo_core_migrate *terms,
		       struct mo_core_migrated *migrated);
/* Of one that ended, which were not asked for. */
void mo_session_drop_records(struct mo_session *session);
/* What is under way in another thread ends soon, and tells what it did; nothing else moves in this session. */
int mo_session_stop(struct mo_session *session);
/* What it left behind goes to the report, and FN hears of each record with the address of its first page. */
typedef void mo_stayed_fn(void *data, struct mo_record *record, uint64_t addr);
void mo_session_stayed(struct mo_session *session, struct mo_report *report, mo_stayed_fn *fn, void *data);

struct mo_dump;

/* ---- klog.c: lines of the kernel's log and trace -> what was said; reads no file ---- */
struct mo_klog;
struct mo_klog *mo_klog_new(void);	/* NULL: no memory */
void mo_klog_free(struct mo_klog *klog);
/* Forget all; only pages of this range count from now on. */
void mo_klog_reset(struct mo_klog *klog, uint64_t start_pfn, uint64_t nr_pages, uint64_t page_bytes);
void mo_klog_record(struct mo_klog *klog, const char *record, size_t len_bytes);	/* as /dev/kmsg gives it */
void mo_klog_trace(struct mo_klog *klog, const char *line);	/* of trace_pipe */
uint64_t mo_klog_stuck_pfn(const struct mo_klog *klog);
const char *mo_klog_said(const struct mo_klog *klog);
const struct mo_dump *mo_klog_dump(const struct mo_klog *klog, uint64_t pfn);
const struct mo_dump *mo_klog_dump_at(const struct mo_klog *klog, size_t i);

/* ---- evidence.c: what the kernel says while it fails: log, dynamic debug, trace ---- */
struct mo_evidence;
/*
 * Switch on what there is: dynamic debug of offline_pages, a private trace instance, a reader at the end of the
 * kernel log. Never fails for lack of them: mo_evidence_missing() says what could not be had.
 */
int mo_evidence_start(struct mo_ctx *ctx, struct mo_evidence **evidence);
/* Switch off, remove the instance; also removes what a killed command left behind. */
void mo_evidence_stop(struct mo_evidence *evidence);
/* A sentence for the report's notes, "" when all could be had. */
const char *mo_evidence_missing(const struct mo_evidence *evidence);
/* Forget what was said so far: a new block begins. */
void mo_evidence_reset(struct mo_evidence *evidence, uint64_t start_pfn, uint64_t nr_pages);
/* No page leaves any more: listen to the trace, too, which costs the whole machine a little. Once is enough. */
void mo_evidence_trace(struct mo_evidence *evidence);
/* Read on. Cheap, never blocks. */
void mo_evidence_poll(struct mo_evidence *evidence);
/* The page that holds it up now, NO_PFN when none is known. */
uint64_t mo_evidence_stuck_pfn(const struct mo_evidence *evidence);
/* The kernel's word for why ("failure to isolate range"), "" when none was said. */
const char *mo_evidence_said(const struct mo_evidence *evidence);
/* What dump_page() said of a page. -1 and "" for what it did not say. */
struct mo_dump {
	uint64_t pfn;
	int32_t refs, mapcount, pincount;
	int32_t order;		/* of a compound page, else 0 */
	int32_t folio_mapcount;	/* of all parts of a compound page together */
	int32_t ret;		/* what migration returned for the batch: errno, or how many failed; 0: not said */
	uint64_t ino;
	char aops[64];
	char name[256];		/* dentry */
	char cause[64];		/* "unmovable page", "migration failure", "isolation failed" */
	bool movable_failed;	/* migration was tried and failed */
	bool cma;
};
/* Of the page, or of the compound page that it is part of; NULL: none. */
const struct mo_dump *mo_evidence_dump(const struct mo_evidence *evidence, uint64_t pfn);
const struct mo_dump *mo_evidence_dump_at(const struct mo_evidence *evidence, size_t i);	/* NULL past the end */

/* ---- reason.c: names and texts; facts about one page -> its reason (pure) ---- */
struct mo_page_facts {
	uint64_t flags;		/* kpageflags */
	uint64_t count;		/* times mapped */
	const struct mo_dump *dump;	/* or NULL */
	bool zone_movable;
	enum mo_reason shown;	/* what somebody is seen to do with it; MO_REASON_NONE: nothing */
};
/* That of most pages; MO_REASON_NONE only where there is no other. */
enum mo_reason mo_reason_of_most(const uint64_t nr_pages[MO_REASON_NR]);
/* Fills refs_expected when it can be known. */
enum mo_reason mo_reason_of_page(const struct mo_page_facts *facts, int32_t *refs_expected);
/* Facts about a block that failed -> its reason. SAID as mo_evidence_said(). */
enum mo_reason mo_reason_of_block(int error, const char *said, const struct mo_block *before, int is_ram);

/* ---- worker.c: a call of the kernel that can be ended: in a process, or where that is enough, in a thread ---- */
struct mo_worker;
/* Returns 0 or negative errno. It may run beside other threads: async-signal-safe calls alone. */
typedef int mo_worker_fn(void *data);
/* Fork a process that calls FN. */
int mo_worker_run(mo_worker_fn *fn, void *data, struct mo_worker **worker);
/* A thread that does. STOP is to make FN return soon. If that fails the thread is abandoned, and DATA with it. */
int mo_worker_run_thread(mo_worker_fn *fn, void (*stop)(void *data), void *data, struct mo_worker **worker);
/* Readable when it ended. Belongs to the worker. */
int mo_worker_fd(const struct mo_worker *worker);
/*
 * Till it ends (NONE), or why it has to be ended: a stop was asked for, or UNTIL_MS (0: never) passed. Calls TICK,
 * unless it is NULL, five times a second.
 */
enum mo_reason mo_worker_watch(const struct mo_worker *worker, int stop_fd, uint64_t until_ms, void (*tick)(void *data),
			       void *data);
/* Waits for the end and frees. 0, the function's negative errno, -EINTR when it was killed. */
int mo_worker_finish(struct mo_worker *worker);
/*
 * SIGKILL, which also ends the wait for the hotplug lock; a thread is asked to stop. Then as above. ABANDONED: the
 * kernel keeps it.
 */
int mo_worker_end(struct mo_worker *worker, bool *abandoned);
/* SIGKILL for one that has nothing in its hands: hardly waits, and leaves one that hangs to itself. */
void mo_worker_drop(struct mo_worker *worker);
/* Where writing "0" moves the writer into the root cpuset; -1: it need not, or it can't. */
int mo_worker_open_cpuset(struct mo_ctx *ctx);
/* Of a worker: close all but the standard streams and these two (-1: none), so that what it hangs in holds no lock. */
void mo_worker_keep_only(int a, int b);
/* Of a worker: into the root cpuset, where it can. */
void mo_worker_leave_cpuset(struct mo_ctx *ctx);
/* Nodes with memory that a worker may not use, "" when none: why the root cpuset could not be entered. */
const char *mo_worker_cpuset_problem(struct mo_ctx *ctx);

/* ---- writer.c: writes to sysfs by such a process, in the root cpuset where it can ---- */
struct mo_writer;
struct mo_order {
	char path[64];
	char text[24];
	struct mo_session *holder;	/* gives these pages back just before, so late that nobody uses them; or NULL */
	uint64_t start_pfn, nr_pages;
};
struct mo_writer *mo_writer_new(struct mo_ctx *ctx);	/* NULL: no memory */
void mo_writer_free(struct mo_writer *writer);		/* accepts NULL; waits for nothing that was ended */
/* Forks the process if there is none. HOLDER was opened before the first order. */
int mo_writer_start(struct mo_writer *writer, const struct mo_order *order);
/* Readable when it is done. Belongs to the writer. */
int mo_writer_fd(const struct mo_writer *writer);
/* Waits for the end. 0, the negative errno of the write, -EINTR when the process was killed. */
int mo_writer_finish(struct mo_writer *writer);
/* As mo_worker_end(). */
int mo_writer_end(struct mo_writer *writer, bool *abandoned);

/* ---- names.c: names of files ---- */
struct mo_names {
	char **all;
	size_t nr;
};
/* These return 0 or -ENOMEM; what was added by then stays. */
int mo_names_add(struct mo_names *names, const char *name);	/* behind the others */
int mo_names_read(struct mo_names *names, DIR *dir, bool (*is_wanted)(const char *name));	/* and sort them all */
void mo_names_clear(struct mo_names *names);

/* ---- added.c ---- */
/* Where NR_PAGES that are added go: as the policy says, unless movable memory would be too much then. Pure. */
enum mo_zone mo_added_zone(const struct mo_policy *policy, const struct mo_zones *zones, uint64_t nr_pages);

/* ---- error-counts.c: corrected errors, in the state directory ---- */
#define MO_ERROR_PAGES_MAX 65536	/* pages kept; those that had no error for longest go */
struct mo_page_count {
	uint64_t addr;			/* of its first byte */
	uint64_t nr_errors;
	uint64_t last_time_s;
	bool is_retired;		/* now, or before the machine was restarted */
};
struct mo_block_gone {
	uint32_t block;
	char device[64];
	uint64_t time_s;
};
struct mo_error_counts {
	struct mo_page_count *pages;	/* the one with the oldest error first */
	size_t nr_pages;
	struct mo_block_gone *blocks;	/* that went offline for errors */
	size_t nr_blocks;
};
/* No file: none. -EBADMSG: it is none of ours. Errors have a text. */
int mo_error_counts_load(struct mo_ctx *ctx, struct mo_error_counts *counts);
void mo_error_counts_free(struct mo_error_counts *counts);
/* Load them, let FN change them, and save them, below a lock. COUNTS is what they are then. Errors have a text. */
typedef int mo_error_counts_fn(void *data, struct mo_error_counts *counts);
int mo_error_counts_change(struct mo_ctx *ctx, mo_error_counts_fn *fn, void *data, struct mo_error_counts *counts);
/* These two: -ENOMEM, without an error text. */
int mo_error_counts_add(struct mo_error_counts *counts, const struct mo_page_count *more);
int mo_error_counts_add_gone(struct mo_error_counts *counts, const struct mo_block_gone *gone);
const struct mo_page_count *mo_error_counts_find(const struct mo_error_counts *counts, uint64_t addr);
/* Of the pages in a block of BLOCK_BYTES: how many were retired. */
uint64_t mo_error_counts_retired(const struct mo_error_counts *counts, uint32_t block, uint64_t block_bytes);
uint64_t mo_error_counts_gone(const struct mo_error_counts *counts, const char *device);	/* blocks of it */

/* ---- policy-files.c ---- */
/* As mo_policy_read(), and writes nothing. */
int mo_policy_look(struct mo_ctx *ctx, struct mo_policy **policy);

/* ---- program.c: another program, in limited time ---- */
#define MO_OUTPUT_BYTES 4096
struct mo_program {
	const char *path;
	const char *words[2];		/* its arguments; NULL: none */
	char *const *environment;	/* all of it */
	const char *input;		/* its standard input */
	uint32_t limit_ms;
	int stop_fd;			/* -1: none */
	/* out */
	char output[MO_OUTPUT_BYTES];	/* the beginning of what it wrote, to both streams: any byte */
	size_t len;
	bool is_cut;			/* there was more */
	enum mo_reason ended_by;	/* DEADLINE, INTERRUPTED, or NONE where it ended by itself */
	int status;			/* its exit status, -1: none */
	int signal;			/* that ended it, or 0 */
};
/* Runs it to its end, or ends it. Negative errno: it could not be run. Sets no error text. */
int mo_program_run(struct mo_program *program);

/* ---- hook-files.c: which files are hooks ---- */
enum mo_hook_fate {
	MO_HOOK_RUN,
	MO_HOOK_NONE,		/* it is no hook */
	MO_HOOK_OFF,		/* it was one, and is not executable */
	MO_HOOK_REFUSED,	/* root must not run it, or can't: a veto */
};
#define MO_HOOK_WHY_BYTES 160
/* WHY: the rest of a sentence that begins with its name. */
enum mo_hook_fate mo_hook_judge(int dir_fd, const char *name, char why[MO_HOOK_WHY_BYTES]);
struct stat;
const char *mo_hook_distrust(const struct stat *st);	/* why root must not run it, likewise; NULL: it may */
bool mo_hook_is_visible(const char *name);
/* All that is visible in the policy's directory. None for a recorded machine. Sets no error text. */
typedef void mo_hook_fn(void *data, const char *name, enum mo_hook_fate fate, const char *why);
int mo_hooks_each(struct mo_ctx *ctx, const struct mo_policy *policy, mo_hook_fn *fn, void *data);

/* ---- hooks.c: programs of the policy's directory, asked and told of a removal ---- */
enum mo_hook_phase {
	MO_HOOK_CHECK,	/* before anything changes: may veto */
	MO_HOOK_PRE,	/* it begins: let go of it */
	MO_HOOK_POST,	/* it is gone */
	MO_HOOK_UNDO,	/* it stays after all: take back what PRE did */
	MO_HOOK_NR
};
/* "check", "pre", "post", "undo". Never NULL. */
const char *mo_hook_phase_name(enum mo_hook_phase phase);
/* What hooks are told (memoffline-hooks(7)). All is lent; names may hold any byte. */
struct mo_hook_facts {
	const char *target;		/* as it was asked for */
	const char *origin;		/* "command", "udev", "firmware", "errors" or "recover" */
	const char *const *devices;
	size_t nr_devices;
	const char *const *slots;	/* as people know them: "DIMM_A2" */
	size_t nr_slots;
	const uint32_t *blocks;		/* numbers, ascending */
	size_t nr_blocks;
	const int32_t *nodes;
	size_t nr_nodes;
	uint64_t len_bytes;
	const struct mo_report *against;/* check, pre: what stands against it, of mo_why(); NULL: not known */
	int result;			/* post, undo: 0, 1 or negative errno, and why: */
	enum mo_reason reason;
};
/*
 * The hooks of one removal. Whose PRE was begun stands in the state directory until POST or UNDO were run, so that a
 * later process can run their UNDO.
 */
struct mo_hooks;
/* POLICY is lent till the end. What is in the directory is looked at in each phase. -ENOMEM. */
int mo_hooks_new(struct mo_ctx *ctx, const struct mo_policy *policy, struct mo_hooks **hooks);
void mo_hooks_free(struct mo_hooks *hooks);	/* accepts NULL */
/*
 * Run them one after the other, in order of name; for UNDO only those whose PRE was begun, in reverse order. What they
 * print goes to REPORT's notes and to the log, and so does what went wrong with one. CHECK: -ECANCELED where one vetoes,
 * or can't be asked; the error has its reason, and none is asked after it. In other phases all are run, and nothing
 * stops it but STOP_FD (-1: none), which ends the one that runs: -EINTR. -EROFS with a sysroot.
 */
int mo_hooks_run(struct mo_hooks *hooks, enum mo_hook_phase phase, const struct mo_hook_facts *facts, int stop_fd,
		 struct mo_report *report);
/* hook-facts.c: its environment, ended by NULL. False: no memory; it is cleared all the same. */
struct mo_environment {
	char *variables[16];
	size_t nr;
	bool no_memory;
};
bool mo_environment_make(struct mo_environment *env, enum mo_hook_phase phase, const struct mo_hook_facts *facts);
void mo_environment_clear(struct mo_environment *env);
/* json.c: what it reads. Errors as mo_report_to_json(). */
int mo_hook_to_json(enum mo_hook_phase phase, const struct mo_hook_facts *facts, char **text);

/* ---- lock.c: the run directory, one memoffline at a time ---- */
int mo_run_dir_make(struct mo_ctx *ctx);
int mo_run_path(struct mo_ctx *ctx, char *path, size_t size, const char *name);
/* A file, or folder, in the run directory, wherever that is. Sets no error text. */
int mo_run_open(struct mo_ctx *ctx, int flags, const char *name);
bool mo_lock_is_held(struct mo_ctx *ctx);
struct mo_lock;
/* One memoffline at a time. -EALREADY: the error names who. WAIT_MS: UINT32_MAX for ever, 0 not at all. */
int mo_lock_take(struct mo_ctx *ctx, const char *what, uint32_t wait_ms, int stop_fd, struct mo_lock **lock);
void mo_lock_drop(struct mo_lock *lock);

/* ---- journal.c ---- */
struct mo_journal;
enum mo_journal_mark {
	MO_MARK_TODO = '.', MO_MARK_BEGUN = 'b', MO_MARK_DONE = 'd', MO_MARK_FAILED = 'f', MO_MARK_UNDONE = 'u',
	MO_MARK_WAS_OFFLINE = '-',	/* and will be */
};
struct mo_journal_entry { uint32_t block; enum mo_zone zone; int32_t node; enum mo_journal_mark mark; };
/* What has to come of it. */
struct mo_journal_terms {
	size_t nr_wanted;	/* entries: the first ones; the others are second choice */
	uint32_t flags;		/* of the request */
	uint64_t len_bytes;	/* of the request */
	struct mo_pools pools;	/* of huge pages, as they were; none, where they need not stay */
};
/* How far it is, beside its blocks. */
enum mo_journal_stage {
	MO_STAGE_OFFLINE = '-',	/* Blocks go offline, and no more. */
	MO_STAGE_REMOVAL = 'r',	/* Hooks are told that a device will go, then its blocks go offline. */
	MO_STAGE_EJECT = 'e',	/* All blocks are offline, and the device was asked to go. */
	MO_STAGE_GONE = 'g',	/* It is gone, and hooks are told. */
};
/* What it is given is copied. Unless STAGE is MO_STAGE_OFFLINE it will be there when the machine was restarted. */
int mo_journal_create(struct mo_ctx *ctx, const char *target, const struct mo_journal_entry *entries, size_t nr,
		      const struct mo_journal_terms *terms, enum mo_journal_stage stage, struct mo_journal **journal);
/* -EBADMSG: damaged. -EPROTONOSUPPORT: of a newer version. An older one reads as all or nothing. */
int mo_journal_load(struct mo_ctx *ctx, struct mo_journal **journal);
size_t mo_journal_nr(const struct mo_journal *journal);
const struct mo_journal_terms *mo_journal_terms(const struct mo_journal *journal);
const struct mo_journal_entry *mo_journal_entry(const struct mo_journal *journal, size_t i);
const char *mo_journal_target(const struct mo_journal *journal);
enum mo_journal_stage mo_journal_stage(const struct mo_journal *journal);
/* Else the marks say nothing about the blocks as they are now. */
bool mo_journal_is_of_this_boot(const struct mo_journal *journal);
int mo_journal_set(struct mo_journal *journal, size_t i, enum mo_journal_mark mark);
int mo_journal_enter(struct mo_journal *journal, enum mo_journal_stage stage);
/* The transaction is complete: remove the journal. */
int mo_journal_end(struct mo_journal *journal);
/* Free memory, leave the file. */
void mo_journal_close(struct mo_journal *journal);


/* ---- isolation.c: what is known of a block -> whether the kernel would isolate and empty it. Pure. ---- */
struct mo_isolation {
	struct mo_kernel kernel;
	enum mo_zone zone;
	uint32_t nr_nodes;
	int is_ram;			/* as mo_memory_is_ram() */
	bool is_boot;			/* of no device that can be removed */
	bool is_virtio_mem;
	bool balloon_moves;		/* the balloon that holds pages can move them */
	uint64_t nr_pages;
	uint64_t memmap_pages;		/* reserved, for its own struct pages */
	uint64_t listed_pages;		/* of its zone, free on lists of processors, which show no flags */
	bool spans_end;			/* a compound page goes on behind it */
	uint64_t nr_gigantic;		/* gigantic pages in use, all or a part of them in the block */
	uint64_t nr_gigantic_free;	/* in the pools of the machine, and not promised */
	/* Base pages of smaller huge pages in the pools of the machine: */
	uint64_t pool_free_pages;
	uint64_t pool_promised_pages;
	const struct mo_content *content;	/* NULL: not known */
};
struct mo_ruling {
	enum mo_verdict verdict;
	enum mo_reason reason;
	uint64_t nr_pages;	/* for that reason */
	bool is_by_flags;	/* of pages: the module, which sees more, may know better */
};
struct mo_ruling mo_isolation_judge(const struct mo_isolation *facts);

/* ---- verdict.c, foresight.c, bound.c, prefer.c, plan.c ---- */
struct mo_plan {
	struct mo_memory *memory;
	struct mo_step *steps;
	size_t nr_candidates;	/* steps that may be tried when others fail */
	size_t nr_steps;	/* steps wanted */
	uint64_t len_bytes;
	uint64_t move_bytes;
	uint64_t free_bytes;
	uint64_t room_bytes;
	uint64_t swap_bytes;
	struct mo_nodeset targets;	/* nodes to which pages may go, as the request has it */
	bool is_by_core;		/* the core is to move them */
	enum mo_verdict verdict;
	char **notes;
	size_t nr_notes;
};
/* Judge one block. PAGES may be NULL: then its content stays unknown. SESSION may be NULL: the module is not asked. */
void mo_step_judge(const struct mo_memory *memory, struct mo_pages *pages, struct mo_session *session,
		   struct mo_step *step);
/* Sum up the room and add the notes. PAGES_ERR: why content could not be read, -ECANCELED: it was not wanted. */
int mo_plan_foresee(struct mo_plan *plan, const struct mo_request *request, int pages_err);
/* ---- room.c: where there is room for what a plan moves ---- */
struct mo_room {
	uint64_t free_bytes;	/* above the watermarks */
	uint64_t file_bytes;	/* page cache that could give way */
	uint64_t swap_bytes;	/* what could go to swap */
};
struct mo_rooms {
	uint64_t move_kernel_bytes, move_any_bytes;	/* from the kernel's zones; from zone Movable */
	struct mo_room kernel, any;			/* for the one, and for all of it together */
	bool are_known;
};
struct mo_rooms mo_plan_rooms(const struct mo_plan *plan);
/* For qsort(): the cheapest step first. */
int mo_step_compare_cost(const void *a, const void *b);
/* Sort the candidates: those to choose for a size of NR_WANTED blocks come first, and the next best after them. */
int mo_plan_prefer(struct mo_plan *plan, enum mo_prefer prefer, uint64_t nr_wanted);
/* NULL: without the module, which is loaded where MO_ENGINE_CORE was asked for alone. Errors of that with a text. */
int mo_plan_open_session(const struct mo_plan *plan, const struct mo_request *request, struct mo_session **session);
/* A full sentence for mo_plan_note(). -ENOMEM. */
int mo_plan_add_note(struct mo_plan *plan, const char *fmt, ...) PRINTF(2, 3);
/* A note of processes that are bound to nodes that go as a whole. Waits for them a second at most, or ten. */
int mo_plan_note_bound(struct mo_plan *plan, const struct mo_request *request);
int mo_request_check(struct mo_ctx *ctx, const struct mo_request *request);
/* The steps wanted, and behind them those to try instead of one that fails. */
size_t mo_plan_nr_candidates(const struct mo_plan *plan);
const struct mo_step *mo_plan_candidate(const struct mo_plan *plan, size_t i);

/* ---- attempt.c: one write to the state of one block, watched ---- */
struct mo_kept_pages {
	struct mo_page *pages;
	size_t nr_pages;
};
struct mo_attempt {
	/* in */
	struct mo_memory *memory;
	struct mo_pages *pages;		/* NULL: content can't be seen */
	struct mo_evidence *evidence;	/* or NULL */
	bool is_emptied;		/* its pages are looked at when it fails all the same */
	struct mo_writer *writer;
	struct mo_session *holder;	/* the block is in its quarantine until it is written to; or NULL */
	uint32_t block;			/* number */
	const char *word;		/* what to write */
	uint64_t deadline_ms;		/* on mo_now_ms()'s clock; 0: none */
	uint32_t stall_ms;		/* 0: none */
	int stop_fd;			/* -1: none */
	void (*tick)(void *data, const struct mo_attempt *attempt);	/* at each change, and five times a second */
	void *data;
	/* out */
	uint64_t wall_ms;		/* when it began, since the epoch */
	enum mo_phase phase;
	int error;			/* 0, or negative errno: of the write, -ETIMEDOUT, -EINTR */
	enum mo_reason ended_by;	/* DEADLINE, STALL, INTERRUPTED, LOCK_WAIT, or NONE when the kernel answered */
	bool abandoned;			/* the kernel holds the worker in a wait that no signal ends */
	uint64_t pages_before;
	uint64_t pages_left;
	uint64_t stuck_pfn;
	uint64_t elapsed_ms;
	struct mo_kept_pages kept;	/* in use when it was given up or failed */
};
void mo_attempt_run(struct mo_attempt *attempt);
/* The kernel is at work on the block for us, rather than for another. Pure. */
bool mo_attempt_has_lock(const struct mo_attempt *attempt, enum mo_state state);
/* The block is in the state that was to be written: are we who brought it there? Pure. */
bool mo_attempt_did_it(const struct mo_attempt *attempt);
/* Fill the pages kept of a block that is not even tried. */
void mo_attempt_look(struct mo_attempt *attempt);
void mo_attempt_clear(struct mo_attempt *attempt);	/* frees what is kept */

/* ---- kept.c: the pages that an attempt left behind, and why -> records, result ---- */
/* By its flags and, unless they are NULL, what the kernel told of it and what is known else; their names are lent. */
struct mo_record mo_record_of_page(const struct mo_page *page, const struct mo_dump *dump, const struct mo_cause *cause,
				   const struct mo_block *block);
/* RUN is of pages in a row that are alike. PAGE is added to it, or else the report gets it and PAGE begins another. */
void mo_run_add(struct mo_report *report, struct mo_record *run, const struct mo_record *page);
void mo_run_end(struct mo_report *report, struct mo_record *run);
void mo_kept_report(struct mo_report *report, struct mo_block_result *result, const struct mo_block *before,
		    const struct mo_attempt *attempt);

#endif
