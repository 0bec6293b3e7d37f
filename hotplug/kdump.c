// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The crash kernel has to know which memory there is, and distributions have udev load it anew with each block that
 * goes or comes. While devices are removed, their rules are hidden by copies that leave memory out; then one event has
 * it loaded anew once. The copies are in /run: a restart forgets them.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "private.h"

#define FOLDER "/run/udev/rules.d"
#define CONTROL "/run/udev/control"
#define MEMORY "/sys/devices/system/memory"
#define OURS "# Made by memoffline(8), which takes it away when the removal of memory has ended.\n"
#define HELD "# held: "
#define CONTROL_MS 5000
#define SETTLE_MS 15000

/* ---- udev ---- */

static int run_udevadm(const char *verb, const char *option, uint32_t limit_ms)
{
	char path[] = "PATH=/usr/bin:/bin", *const environment[] = { path, NULL };
	struct mo_program udevadm = {
		.path = "/usr/bin/udevadm", .words = { verb, option }, .environment = environment, .input = "",
		.limit_ms = limit_ms, .stop_fd = -1,
	};
	int err = mo_program_run(&udevadm);

	if (err)
		return err;
	if (udevadm.ended_by != MO_REASON_NONE)
		return -ETIMEDOUT;
	return udevadm.status ? -EIO : 0;
}

static int read_rules_again(void)
{
	return run_udevadm("control", "--reload", CONTROL_MS);
}

/* ---- the copies ---- */

struct holding {
	struct mo_ctx *ctx;
	struct mo_report *report;
	unsigned int nr;	/* files that are held */
};

static bool is_of_kdump(const struct mo_rule_file *file)
{
	return strstr(file->name, "kdump") || strstr(file->name, "kexec") || strstr(file->text, "kdump");
}

static bool is_of_memory(const char *line)
{
	char subsystem[64];

	return *line != '#' && mo_rule_value(line, "SUBSYSTEM", "==", subsystem, sizeof(subsystem)) && !strcmp(subsystem, "memory");
}

/* How many lines are held. */
static int write_copy(int fd, char *text)
{
	char *line, *rest;
	int nr = 0;

	if (dprintf(fd, OURS) < 0)
		return -errno;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		bool is_held = is_of_memory(line + strspn(line, " \t"));

		if (dprintf(fd, "%s%s\n", is_held ? HELD : "", line) < 0)
			return -errno;
		nr += is_held;
	}
	return nr;
}

/* 1: it is held; 0: there was nothing to hold. */
static int make_copy(struct holding *holding, const struct mo_rule_file *file)
{
	struct mo_new_file *copy;
	char path[PATH_MAX];
	int nr, err;

	snprintf(path, sizeof(path), FOLDER "/%s", file->name);
	if (mkdir(FOLDER, 0755) && errno != EEXIST)
		return mo_error(holding->ctx, -errno, "can't make " FOLDER ": %s", strerror(errno));
	err = mo_new_file_open(holding->ctx, path, &copy);
	if (err)
		return err;
	nr = write_copy(mo_new_file_fd(copy), file->text);
	err = mo_new_file_end(copy, nr > 0);
	return nr < 0 ? nr : nr && err ? err : nr > 0;
}

static int hold_file(void *data, const struct mo_rule_file *file)
{
	struct holding *holding = data;
	int err;

	if (!is_of_kdump(file) || !strncmp(file->text, OURS, strlen(OURS)))
		return 0;
	if (!strncmp(file->path, "/etc/", 5) || !strncmp(file->path, FOLDER, strlen(FOLDER))) {
		mo_report_add_note(holding->report, "%s can't be held back: the crash kernel may be loaded anew for each block",
				   file->path);
		return 0;
	}
	err = make_copy(holding, file);
	if (err < 0)
		return err;
	holding->nr += (unsigned int)err;
	return 0;
}

void mo_kdump_hold(struct mo_ctx *ctx, struct mo_report *report)
{
	struct holding holding = { .ctx = ctx, .report = report };
	int err;

	if (mo_ctx_get_sysroot(ctx) || !mo_exists(ctx, CONTROL))
		return;
	err = mo_rule_files_each(ctx, hold_file, &holding);
	if (!err && holding.nr)
		err = read_rules_again();
	if (err)
		mo_report_add_note(report, "udev could not be told to wait (%s): the crash kernel may be loaded anew for each block",
				   strerror(-err));
}

/* ---- and the end of them ---- */

struct release {
	struct mo_ctx *ctx;
	struct mo_names held;
	const char *action;	/* that the rules wait for */
	int err;
};

/* Some wait for blocks that change, others for those that come. To be told so of a block that stays harms nobody. */
static void note_action(struct release *release, const char *line)
{
	char actions[64];

	if (!mo_rule_value(line, "ACTION", "==", actions, sizeof(actions)))
		return;
	if (strstr(actions, "online"))
		release->action = "online";
	else if (strstr(actions, "add") && !release->action)
		release->action = "add";
}

static int find_held(void *data, const struct mo_rule_file *file)
{
	struct release *release = data;
	char *line, *rest;

	if (strncmp(file->text, OURS, strlen(OURS)))
		return 0;
	for (line = strtok_r(file->text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!strncmp(line, HELD, strlen(HELD)))
			note_action(release, line);
	return mo_names_add(&release->held, file->path);
}

static void tell_udev(struct release *release)
{
	const char *action = release->action ? release->action : "change";
	DIR *dir = mo_opendir(release->ctx, MEMORY);
	struct dirent *entry;
	char state[32];
	uint32_t block;
	int err = -ENOENT;

	while (dir && err && (entry = readdir(dir)))
		if (mo_name_number(entry->d_name, "memory", &block) &&
		    mo_read_text(release->ctx, state, sizeof(state), MEMORY "/%s/state", entry->d_name) > 0 &&
		    !strcmp(state, "online"))
			err = mo_write_text(release->ctx, action, MEMORY "/%s/uevent", entry->d_name);
	if (dir)
		closedir(dir);
	release->err = release->err ? release->err : err;
}

/* Events that wait still, of blocks that went, are of the time when the copies held. */
static void release_all(struct release *release)
{
	release->err = run_udevadm("settle", "--timeout=10", SETTLE_MS);
	for (size_t i = 0; i < release->held.nr; i++)
		if (unlink(release->held.all[i]) && errno != ENOENT)
			release->err = -errno;
	if (!release->err)
		release->err = read_rules_again();
	tell_udev(release);
}

void mo_kdump_release(struct mo_ctx *ctx, struct mo_report *report)
{
	struct release release = { .ctx = ctx };

	if (mo_ctx_get_sysroot(ctx) || !mo_exists(ctx, CONTROL))
		return;
	release.err = mo_rule_files_each(ctx, find_held, &release);
	if (!release.err && release.held.nr)
		release_all(&release);
	mo_names_clear(&release.held);
	if (release.err)
		mo_report_add_note(report, "whether the crash kernel was loaded anew is not known (%s); do so, as by 'kdump-config "
				   "reload'", strerror(-release.err));
}
