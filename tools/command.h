/* SPDX-License-Identifier: GPL-2.0-only */
/* What a command is, how it gets its options, and how options become a request to the library. */
#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>	/* EXIT_SUCCESS, EXIT_FAILURE */

#include "libmemoffline.h"

/* Besides EXIT_SUCCESS and EXIT_FAILURE; 64 is what chmem uses. */
#define EXIT_USAGE 2
#define EXIT_PARTLY 64

#define OPTIONS_MAX 40

/* One option: getopt's tables and the help are made from it. */
struct option_text {
	int id;			/* its letter, or a number from OPTION_FIRST when it has none */
	const char *name;
	const char *arg;	/* "SECONDS"; "[WHEN]" when it may be left out; NULL when it takes none */
	const char *text;
};

enum {
	OPTION_RUN_DIR = 256,
	OPTION_STATE_DIR,
	OPTION_SIZE,
	OPTION_NODE,
	OPTION_ENGINE,
	OPTION_PREFER,
	OPTION_KEEP_HUGETLB,
	OPTION_SWAP,
	OPTION_WORKERS,
	OPTION_STALL,
	OPTION_WAIT,
	OPTION_TO,
	OPTION_MAX_RATE,
	OPTION_REMEDY,
	OPTION_FIRST,		/* for a command's own */
};

struct call;

/* A command: each cmd-*.c ends with its own. */
struct command {
	const char *name;
	const char *summary;	/* one line for the list of commands */
	const char *args;	/* for the usage line, "" when there are none */
	const char *about;	/* paragraphs for the help */
	const struct option_text *options;	/* ends with a NULL name */
	void (*help)(void);	/* prints more sections of the help, NULL when there are none */
	const char *exits;	/* exit status */
	const char *examples;
	int (*run)(struct call *call);	/* returns the exit status */
};

extern const struct command cmd_list, cmd_show, cmd_map, cmd_plan, cmd_why, cmd_offline, cmd_online, cmd_report,
	cmd_monitor, cmd_doctor, cmd_migrate, cmd_drain, cmd_bundle, cmd_remove, cmd_recover, cmd_retire;

/* One run of a command. */
struct call {
	const struct command *command;	/* NULL before it is known */
	struct mo_ctx *ctx;
	int argc;		/* what is left after the options */
	char **argv;
	bool json;
	bool quiet;
	unsigned int verbose;	/* how often -v was given */
	struct option longs[OPTIONS_MAX];
	char shorts[3 * OPTIONS_MAX];
};

/* ---- options.c ---- */
/* Ready to scan ARGV, whose first word is skipped. */
void call_begin(struct call *call, const struct command *command, int argc, char **argv);
/* The id of the next option of the command's own (its argument is in optarg), or -1. Global ones are done here. */
int call_option(struct call *call);
/* The only argument left; NULL when there is none. */
const char *call_one_arg(struct call *call, const char *what);
void call_no_args(struct call *call);
void print_options(const struct option_text *options);
void print_global_options(void);
/* The help of the whole: commands and global options. */
_Noreturn void cmd_help(void);
_Noreturn void print_help(const struct call *call);
/* "memoffline: MESSAGE; try 'memoffline CMD --help'" and exit status 2. */
_Noreturn void usage_error(const struct call *call, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Usage errors when TEXT is not one. NAME is the option's. */
uint64_t parse_size(const struct call *call, const char *name, const char *text);
uint32_t parse_seconds(const struct call *call, const char *name, const char *text);	/* in milliseconds */
uint32_t parse_number(const struct call *call, const char *name, const char *text, uint32_t max);
const char *parse_nodes(const struct call *call, const char *name, const char *text);	/* TEXT */

/* ---- request.c ---- */
#define REQUEST_OPTIONS \
	{ OPTION_SIZE, "size", "SIZE", "take SIZE (4g, 512m) from the blocks that cost least" }, \
	{ OPTION_NODE, "node", "N", "only blocks of NUMA node N" }, \
	{ 'z', "zone", "ZONE", "only blocks in ZONE: Movable, Normal, DMA32, DMA, Device" }

#define ENGINE_OPTION \
	{ OPTION_ENGINE, "engine", "ENGINE", "core: the kernel module; stock: the kernel alone; auto, the usual: core where it can be loaded" }

#define PREFER_OPTION \
	{ OPTION_PREFER, "prefer", "WHAT", "of a size: cheapest, the usual, or whole-devices, so that modules can be removed" }

#define HUGETLB_OPTION \
	{ OPTION_KEEP_HUGETLB, "keep-hugetlb", NULL, "huge pages that go with the blocks are made anew on other nodes" }

/* How memory leaves. */
#define LEAVE_OPTIONS \
	{ OPTION_STALL, "stall", "SECONDS", "give up when no page moved for that long; 0: never; the usual: 10, with the core 0.3" }, \
	{ OPTION_WAIT, "wait", NULL, "wait for another memoffline till the timeout, rather than fail" }, \
	{ OPTION_TO, "to", "NODES", "what leaves goes to these NUMA nodes alone: 0,2-3; takes the core" }, \
	{ OPTION_SWAP, "swap", "MODE", "never: what finds no room stays; fallback, the usual: it goes to swap; evict: all does; takes " \
	  "the core" }, \
	{ OPTION_MAX_RATE, "max-rate", "SIZE", "move SIZE (200m) in a second at most; takes the core" }, \
	{ OPTION_REMEDY, "remedy", "LIST", "what may be tried on what keeps a block, and on that alone: cache, pageout, slab, cgroup; " \
	  "all; none, the usual" }

/* One of LEAVE_OPTIONS, or -t? Then it is stored. */
bool leave_option(const struct call *call, struct mo_request *request, int id, const char *arg);
/* One of REQUEST_OPTIONS, ENGINE_OPTION, PREFER_OPTION or HUGETLB_OPTION? Then it is stored. */
bool request_option(const struct call *call, struct mo_request *request, int id, const char *arg);
enum mo_engine parse_engine(const struct call *call, const char *text);
/* The help on targets. */
void print_targets(void);
/* Arguments joined to one target; it must be there unless a size is. Freed by the caller after the request. */
char *request_target(const struct call *call, struct mo_request *request);
/* Memory and plan for the request. 0, or the exit status after the error was told. */
int request_plan(struct call *call, const struct mo_request *request, struct mo_plan **plan);

/* The policy; what is wrong with the configuration is told. Errors as mo_policy_read(). */
int policy_read(const struct call *call, struct mo_policy **policy);

/* ---- migration.c ---- */
#define MIGRATION_OPTIONS \
	{ 't', "timeout", "SECONDS", "give up after that long; what moved stays moved; 0: never; the usual: 300" }, \
	{ OPTION_SWAP, "swap", "MODE", "never, the usual: what finds no room stays; fallback: it goes to swap, which takes the core" }, \
	{ OPTION_WORKERS, "workers", "N", "threads that the core moves pages with; the usual: as many as help" }

/* One of MIGRATION_OPTIONS or ENGINE_OPTION? Then it is stored. */
bool migration_option(const struct call *call, struct mo_migrate_request *request, int id, const char *arg);
typedef int migration_fn(void *data, const struct mo_migrate_request *request, struct mo_report **report);
/* As transaction_run(). */
int migration_run(struct call *call, struct mo_migrate_request *request, migration_fn *fn, void *data);

/* ---- signals.c ---- */
/* From here on a signal that would kill the command waits in the descriptor, and the signal ALSO, unless it is 0. */
int signals_catch(int also, sigset_t *old);
int signals_next(int fd);	/* 0: there is none */
/* Those that wait were obeyed: they are taken out, so that they do not kill the command before its result is told. */
void signals_release(int fd, const sigset_t *old);

/* ---- transaction.c ---- */
typedef int stoppable_fn(void *data, int stop_fd, struct mo_report **report);
/* Run FN, which ends early when the descriptor becomes readable, and tell its result. Returns the exit status. */
int stoppable_run(struct call *call, stoppable_fn *fn, void *data, uint64_t page_bytes);
typedef int transaction_fn(void *data, const struct mo_request *request, struct mo_report **report);
/* Run FN with progress shown and signals turned into a stop, tell its result. Returns the exit status. */
int transaction_run(struct call *call, struct mo_request *request, transaction_fn *fn, void *data, uint64_t page_bytes);

#endif
