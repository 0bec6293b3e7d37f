// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Evidence: makes the kernel say why it fails, and listens. Three sources: the message that offline_pages() has for
 * dynamic debug, the kernel's log, and a trace instance of our own, "memoffline-PID". What is switched on is switched
 * off again; an instance without a process is what a killed command left behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "private.h"

#define MESSAGE "func offline_pages format \"failed due to\" "
#define FLAGS "pmlt"		/* on, and decorated as nobody else would: so that it is known as ours */
#define INSTANCE "memoffline-"
#define MAX_READS 4096		/* of one source in one poll, whatever floods it */

struct mo_evidence {
	struct mo_ctx *ctx;
	struct mo_klog *klog;
	int log_fd;
	int instances_fd;	/* folder of the trace instances */
	int trace_fd;
	bool is_traced;		/* it was tried, at least */
	char instance[32];
	const char *control;	/* of dynamic debug, when it is on by us; else NULL */
	char missing[512];
};

static void add_missing(struct mo_evidence *evidence, const char *what, int err)
{
	size_t len = strlen(evidence->missing);

	snprintf(evidence->missing + len, sizeof(evidence->missing) - len, "%s%s (%s)",
		 len ? ", " : "reasons may stay unknown, there is no evidence from ", what, strerror(-err));
	mo_log(evidence->ctx, MO_LOG_INFO, "no evidence from %s: %s", what, strerror(-err));
}

/* ---- dynamic debug ---- */

static const char *const controls[] = { "/proc/dynamic_debug/control", "/sys/kernel/debug/dynamic_debug/control" };

/* mm/memory_hotplug.c:2137 [memory_hotplug]offline_pages =_ "memory offlining [...] failed due to %s\n" */
static const char *flags_of_message(const char *text)
{
	const char *line = text, *end, *equals;

	for (; line; line = *end ? end + 1 : NULL) {
		end = line + strcspn(line, "\n");
		equals = memmem(line, (size_t)(end - line), "]offline_pages =", strlen("]offline_pages ="));
		if (equals && memmem(line, (size_t)(end - line), "failed due to", strlen("failed due to")))
			return equals + strlen("]offline_pages =");
	}
	return NULL;
}

enum message { MESSAGE_OFF, MESSAGE_ON, MESSAGE_OURS };

static enum message message_state(const char *flags)
{
	size_t len = strcspn(flags, " \n");

	for (const char *flag = FLAGS; *flag; flag++)
		if (!memchr(flags, *flag, len))
			return memchr(flags, 'p', len) ? MESSAGE_ON : MESSAGE_OFF;
	return len == strlen(FLAGS) ? MESSAGE_OURS : MESSAGE_ON;
}

/* enum message, or -errno. */
static int read_message(struct mo_ctx *ctx, const char *control)
{
	const char *flags;
	char *text;
	int err = mo_read_file(ctx, &text, NULL, "%s", control);

	if (err)
		return err;
	flags = flags_of_message(text);
	err = flags ? (int)message_state(flags) : -ENOENT;
	free(text);
	return err;
}

/* One of ours that is on already is what a killed command left behind. */
static int start_message(struct mo_evidence *evidence, const char *control)
{
	int state = read_message(evidence->ctx, control);
	int err = state < 0 ? state : 0;

	if (state == MESSAGE_OFF)
		err = mo_write_text(evidence->ctx, MESSAGE "+" FLAGS, "%s", control);
	if (!err && state != MESSAGE_ON)
		evidence->control = control;
	return err;
}

static void start_dynamic_debug(struct mo_evidence *evidence)
{
	int err = -ENOENT;

	for (size_t i = 0; err && i < ARRAY_SIZE(controls); i++)
		err = start_message(evidence, controls[i]);
	if (err)
		add_missing(evidence, "dynamic debug", err);
}

static void stop_dynamic_debug(struct mo_evidence *evidence)
{
	if (evidence->control)
		mo_write_text(evidence->ctx, MESSAGE "-" FLAGS, "%s", evidence->control);
}

/* ---- the log ---- */

static void start_log(struct mo_evidence *evidence)
{
	evidence->log_fd = mo_open(evidence->ctx, O_RDONLY | O_NONBLOCK, "/dev/kmsg");
	if (evidence->log_fd < 0)
		add_missing(evidence, "the kernel's log", evidence->log_fd);
	else
		lseek(evidence->log_fd, 0, SEEK_END);
}

static void read_log(struct mo_evidence *evidence)
{
	char record[8192];	/* the longest there can be */
	ssize_t n;

	for (int i = 0; evidence->log_fd >= 0 && i < MAX_READS; i++) {
		n = read(evidence->log_fd, record, sizeof(record));
		if (n > 0)
			mo_klog_record(evidence->klog, record, (size_t)n);
		else if (!n || (errno != EPIPE && errno != EINTR)) /* EPIPE: some were overwritten, go on after them */
			return;
	}
}

/* ---- the trace ---- */

/* A mount of our own, seen by nobody else, which goes with its last descriptor. */
static int mount_tracefs(void)
{
	int fs_fd = (int)syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC);
	int fd = -1, err = 0;

	if (fs_fd < 0)
		return -errno;
	if (!syscall(SYS_fsconfig, fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		fd = (int)syscall(SYS_fsmount, fs_fd, FSMOUNT_CLOEXEC, 0);
	if (fd < 0)
		err = -errno;
	close(fs_fd);
	return err ? err : fd;
}

static int open_instances(struct mo_ctx *ctx)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	int fd = mo_open(ctx, flags, "/sys/kernel/tracing/instances");
	int mount_fd;

	if (fd == -ENOENT)
		fd = mo_open(ctx, flags, "/sys/kernel/debug/tracing/instances");
	if (fd != -ENOENT)
		return fd;
	mount_fd = mount_tracefs();
	if (mount_fd < 0)
		return mount_fd;
	fd = openat(mount_fd, "instances", flags);
	if (fd < 0)
		fd = -errno;
	close(mount_fd);
	return fd;
}

static int write_trace(const struct mo_evidence *evidence, const char *file, const char *text)
{
	char path[128];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s", evidence->instance, file);
	fd = openat(evidence->instances_fd, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* An instance of ours is left over as well, from another process with our number. */
static bool is_left_behind(const char *name)
{
	char *end;
	long pid;

	if (strncmp(name, INSTANCE, strlen(INSTANCE)))
		return false;
	pid = strtol(name + strlen(INSTANCE), &end, 10);
	if (*end || pid <= 0)
		return false;
	return pid == getpid() || (kill((pid_t)pid, 0) && errno == ESRCH);
}

/* One that is still read can't be removed: its number is of another pid namespace. */
static void remove_left_behind(struct mo_evidence *evidence)
{
	DIR *dir = fdopendir(openat(evidence->instances_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (is_left_behind(entry->d_name))
			unlinkat(evidence->instances_fd, entry->d_name, AT_REMOVEDIR);
	closedir(dir);
}

static int start_instance(struct mo_evidence *evidence)
{
	char path[64];
	int err;

	if (mkdirat(evidence->instances_fd, evidence->instance, 0700))
		return -errno;
	write_trace(evidence, "buffer_size_kb", "128");
	err = write_trace(evidence, "events/page_isolation/test_pages_isolated/enable", "1");
	if (!err)
		err = write_trace(evidence, "events/migrate/mm_migrate_pages/enable", "1");
	snprintf(path, sizeof(path), "%s/trace_pipe", evidence->instance);
	if (!err)
		evidence->trace_fd = openat(evidence->instances_fd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (!err && evidence->trace_fd < 0)
		err = -errno;
	if (err)
		unlinkat(evidence->instances_fd, evidence->instance, AT_REMOVEDIR);
	return err;
}

static void find_instances(struct mo_evidence *evidence)
{
	snprintf(evidence->instance, sizeof(evidence->instance), INSTANCE "%d", (int)getpid());
	evidence->instances_fd = open_instances(evidence->ctx);
	if (evidence->instances_fd < 0)
		add_missing(evidence, "the kernel's trace", evidence->instances_fd);
	else
		remove_left_behind(evidence);
}

void mo_evidence_trace(struct mo_evidence *evidence)
{
	int err;

	if (evidence->instances_fd < 0 || evidence->is_traced)
		return;
	evidence->is_traced = true;
	err = start_instance(evidence);
	if (err)
		add_missing(evidence, "the kernel's trace", err);
}

static void stop_trace(struct mo_evidence *evidence)
{
	if (evidence->trace_fd >= 0) {
		close(evidence->trace_fd);
		unlinkat(evidence->instances_fd, evidence->instance, AT_REMOVEDIR);
	}
	if (evidence->instances_fd >= 0)
		close(evidence->instances_fd);
}

/* The kernel gives whole lines, 8 KiB at most. */
static void read_trace(struct mo_evidence *evidence)
{
	char text[16384], *line, *save;
	ssize_t n;

	for (int i = 0; evidence->trace_fd >= 0 && i < MAX_READS; i++) {
		n = read(evidence->trace_fd, text, sizeof(text) - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text[n] = '\0';
		for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			mo_klog_trace(evidence->klog, line);
	}
}

/* ---- all of it ---- */

int mo_evidence_start(struct mo_ctx *ctx, struct mo_evidence **out)
{
	struct mo_evidence *evidence = calloc(1, sizeof(*evidence));

	if (evidence)
		evidence->klog = mo_klog_new();
	if (!evidence || !evidence->klog) {
		free(evidence);
		return mo_error(ctx, -ENOMEM, "no memory to keep what the kernel says; free some and try again");
	}
	evidence->ctx = mo_ctx_ref(ctx);
	evidence->log_fd = -1;
	evidence->instances_fd = -1;
	evidence->trace_fd = -1;
	if (!mo_ctx_get_sysroot(ctx)) {
		find_instances(evidence);
		start_dynamic_debug(evidence);
		start_log(evidence);
	}
	*out = evidence;
	return 0;
}

void mo_evidence_stop(struct mo_evidence *evidence)
{
	if (!evidence)
		return;
	stop_dynamic_debug(evidence);
	stop_trace(evidence);
	if (evidence->log_fd >= 0)
		close(evidence->log_fd);
	mo_klog_free(evidence->klog);
	mo_ctx_unref(evidence->ctx);
	free(evidence);
}

const char *mo_evidence_missing(const struct mo_evidence *evidence)
{
	return evidence->missing;
}

void mo_evidence_reset(struct mo_evidence *evidence, uint64_t start_pfn, uint64_t nr_pages)
{
	mo_evidence_poll(evidence);
	if (evidence->log_fd >= 0)
		lseek(evidence->log_fd, 0, SEEK_END);
	mo_klog_reset(evidence->klog, start_pfn, nr_pages, (uint64_t)sysconf(_SC_PAGESIZE));
}

/* The log first: a page that failed is told there, and whether the next pass moved it in the trace. */
void mo_evidence_poll(struct mo_evidence *evidence)
{
	read_log(evidence);
	read_trace(evidence);
}

uint64_t mo_evidence_stuck_pfn(const struct mo_evidence *evidence)
{
	return mo_klog_stuck_pfn(evidence->klog);
}

const char *mo_evidence_said(const struct mo_evidence *evidence)
{
	return mo_klog_said(evidence->klog);
}

const struct mo_dump *mo_evidence_dump(const struct mo_evidence *evidence, uint64_t pfn)
{
	return mo_klog_dump(evidence->klog, pfn);
}

const struct mo_dump *mo_evidence_dump_at(const struct mo_evidence *evidence, size_t i)
{
	return mo_klog_dump_at(evidence->klog, i);
}
