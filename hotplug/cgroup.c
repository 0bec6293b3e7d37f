// SPDX-License-Identifier: LGPL-2.1-or-later
/* The memory of the processes in a cgroup and below it. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migration.h"

#define ROOT "/sys/fs/cgroup"
#define DEPTH_MAX 64

/* Of version 1 each controller has a tree of its own; where both versions are mounted, the second is "unified". */
static const char *const trees[] = { "", "/cpuset", "/memory", "/unified" };

/* A part "." or "..": what is meant then is for the shell to find out. */
static bool has_dots(const char *name)
{
	size_t len;

	for (; *name; name += len + strspn(name + len, "/")) {
		len = strcspn(name, "/");
		if (len <= 2 && strspn(name, ".") == len)
			return true;
	}
	return false;
}

static const char *name_of(const char *path)
{
	size_t len = strlen(ROOT);

	if (!strncmp(path, ROOT, len) && (!path[len] || path[len] == '/'))
		path += len;
	return path + strspn(path, "/");
}

int mo_cgroup_find(struct mo_ctx *ctx, const char *path, char *folder, size_t size)
{
	const char *name = name_of(path);
	int len;

	if (!*path || has_dots(name))
		return mo_error(ctx, -EINVAL, "'%s' is no name of a cgroup; name one as in /proc/PID/cgroup, and all of them as /", path);
	for (size_t i = 0; i < ARRAY_SIZE(trees); i++) {
		len = snprintf(folder, size, ROOT "%s/%s", trees[i], name);
		if (len < 0 || (size_t)len >= size)
			return mo_error(ctx, -ENAMETOOLONG, "the name of the cgroup is too long; give it below " ROOT);
		while (folder[len - 1] == '/')
			folder[--len] = '\0';
		if (mo_exists(ctx, "%s/cgroup.procs", folder))
			return 0;
	}
	return mo_error(ctx, -ENOENT, "there is no cgroup '%s': " ROOT "/%s has no cgroup.procs, nor has it in the trees of version 1; "
			"name one as in /proc/PID/cgroup, see systemd-cgls(1)", path, name);
}

/* ---- which processes ---- */

static int add_thread(struct mo_ctx *ctx, struct mo_pids *pids, int32_t tid)
{
	int32_t pid = mo_process_of_thread(ctx, tid);

	/* One that ended since is none; threads of one process stand together as a rule. */
	if (!pid || (pids->nr && pids->all[pids->nr - 1] == pid))
		return 0;
	return mo_pids_add(pids, pid);
}

static int add_number(struct mo_ctx *ctx, int32_t number, bool by_threads, struct mo_pids *pids)
{
	pids->nr_hidden += number <= 0;
	if (number <= 0)
		return 0;
	return by_threads ? add_thread(ctx, pids, number) : mo_pids_add(pids, number);
}

/* A number a line; 0 is a process of a pid namespace that we do not see. */
static int read_pids(struct mo_ctx *ctx, const char *folder, const char *file, bool by_threads, struct mo_pids *pids)
{
	char *text, *line, *rest;
	int err = mo_read_file(ctx, &text, NULL, "%s/%s", folder, file);

	if (err)
		return err;
	for (line = strtok_r(text, "\n", &rest); line && !err; line = strtok_r(NULL, "\n", &rest))
		err = add_number(ctx, atoi(line), by_threads, pids);
	free(text);
	return err;
}

/* Version 1 calls them tasks. */
static int read_threads(struct mo_ctx *ctx, const char *folder, struct mo_pids *pids)
{
	int err = read_pids(ctx, folder, "cgroup.threads", true, pids);

	return err == -ENOENT ? read_pids(ctx, folder, "tasks", true, pids) : err;
}

/* Of a threaded cgroup the kernel lists threads alone. */
static int read_cgroup(struct mo_ctx *ctx, const char *folder, bool by_threads, struct mo_pids *pids)
{
	int err = by_threads ? read_threads(ctx, folder, pids) : read_pids(ctx, folder, "cgroup.procs", false, pids);

	return err == -EOPNOTSUPP && !by_threads ? read_threads(ctx, folder, pids) : err;
}

static int list_below(struct mo_ctx *ctx, const char *folder, bool by_threads, unsigned int depth, struct mo_pids *pids)
{
	int err = read_cgroup(ctx, folder, by_threads, pids);
	DIR *dir = err ? NULL : mo_opendir(ctx, "%s", folder);
	struct dirent *entry;
	char below[PATH_MAX];

	/* A cgroup that was removed meanwhile had no process. */
	if (depth && (err == -ENOENT || err == -ENODEV))
		return 0;
	while (dir && !err && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || entry->d_type != DT_DIR || depth == DEPTH_MAX)
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", folder, entry->d_name) < (int)sizeof(below))
			err = list_below(ctx, below, by_threads, depth + 1, pids);
	}
	if (dir)
		closedir(dir);
	return err;
}

int mo_cgroup_list(struct mo_ctx *ctx, const char *folder, bool by_threads, struct mo_pids *pids)
{
	int err = list_below(ctx, folder, by_threads, 0, pids);

	if (!err)
		return 0;
	return mo_error(ctx, err, "can't list the processes of the cgroup %s: %s; %s", folder, strerror(-err),
			err == -EACCES || err == -EPERM ? "run it as root" : "see whether it is still there");
}

/* ---- its nodes ---- */

static int no_mems(struct mo_ctx *ctx, const char *folder, const char *nodes, int err)
{
	switch (err) {
	case -ENOENT:
		return mo_error(ctx, err, "the cgroup %s has no cpuset.mems; %s", folder,
				mo_exists(ctx, "%s/tasks", folder) ?
				"name one of the controller cpuset, as " ROOT "/cpuset/NAME" :
				"enable the controller in the cgroup above it (echo +cpuset > cgroup.subtree_control)");
	case -EACCES:
	case -EPERM:
		return mo_error(ctx, err, "no permission to write %s/cpuset.mems; run it as root", folder);
	default:
		return mo_error(ctx, err, "the kernel does not take nodes %s for %s/cpuset.mems: %s; the cgroup above may not allow "
				"them, see its cpuset.mems.effective", nodes, folder, strerror(-err));
	}
}

/* The kernel moves memory while they are written, for minutes: a process of its own waits for it. */
struct writing {
	struct mo_migration *migration;
	const char *folder;
};

static int write_mems(void *data)
{
	const struct writing *writing = data;
	const struct mo_migration *migration = writing->migration;

	return mo_write_text(migration->ctx, migration->request->to_nodes, "%s/cpuset.mems", writing->folder);
}

/* There is nothing to tell before a process has its turn. */
static void tick(void *data)
{
	(void)data;
}

/* They stay so, however this ends. */
static void note_mems(struct mo_migration *migration, const char *folder, const char *before)
{
	char now[4096];

	if (mo_read_text(migration->ctx, now, sizeof(now), "%s/cpuset.mems", folder) < 0 || !strcmp(now, before))
		return;
	migration->has_changed = true;
	mo_report_add_note(migration->report, "%s/cpuset.mems was '%s', and is '%s'", folder, before, now);
}

static int set_mems(struct mo_migration *migration, const char *folder)
{
	struct writing writing = { migration, folder };
	char before[4096] = "";
	int err;

	if (mo_migration_is_over(migration))
		return 0;
	mo_read_text(migration->ctx, before, sizeof(before), "%s/cpuset.mems", folder);
	err = mo_migration_run(migration, write_mems, &writing, tick);
	if (err)
		return no_mems(migration->ctx, folder, migration->request->to_nodes, err);
	note_mems(migration, folder, before);
	return 0;
}

/* ---- the call ---- */

struct list {
	struct mo_ctx *ctx;
	const char *folder;
	bool by_threads;
};

static int list_cgroup(void *data, struct mo_pids *pids)
{
	const struct list *list = data;

	return mo_cgroup_list(list->ctx, list->folder, list->by_threads, pids);
}

static int move_cgroup(struct mo_migration *migration, const char *folder)
{
	struct list list = { migration->ctx, folder, migration->flags & MO_MIGRATE_THREADS };

	return mo_migration_move_all(migration, list_cgroup, &list, &migration->to, 1);
}

int mo_migrate_cgroup(struct mo_ctx *ctx, const char *path, const struct mo_migrate_request *request,
		      struct mo_report **report)
{
	struct mo_migration migration;
	char folder[PATH_MAX];
	int err = mo_migration_check_several(ctx, request);

	if (!err)
		err = mo_cgroup_find(ctx, path, folder, sizeof(folder));
	if (!err)
		err = mo_migration_begin(&migration, ctx, request, "migrate", path);
	if (err)
		return err;
	if (request->flags & MO_MIGRATE_SET_MEMS)
		err = set_mems(&migration, folder);
	if (err)
		return mo_migration_abort(&migration, err);
	return mo_migration_end(&migration, move_cgroup(&migration, folder), report);
}
