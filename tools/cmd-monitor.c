// SPDX-License-Identifier: GPL-2.0-only
/* memoffline monitor: events of memory, nodes and their devices, as lines. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "out.h"

static const struct option_text options[] = {
	{ 'c', "count", "N", "end after N events" },
	{ 't', "timeout", "SECONDS", "end after that long; the usual: never" },
	{ 0 }
};

struct monitor {
	struct call *call;
	uint32_t count;		/* 0: no end */
	uint32_t timeout_ms;	/* 0: never */
	uint32_t nr_events;
	struct timespec end;	/* monotonic clock */
};

static bool write_event(const struct monitor *monitor, const struct mo_event *event)
{
	struct timespec now;
	struct json_object *object;

	clock_gettime(CLOCK_REALTIME, &now);
	if (monitor->call->json) {
		object = json_new();
		json_number(object, "time_ms", now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000);
		json_text(object, "action", event->action);
		json_text(object, "subsystem", event->subsystem);
		json_text(object, "name", event->name);
		json_text(object, "path", event->path);
		json_text(object, "reason", event->reason);
		json_print(object, true);
	} else {
		say("%s %s %s%s%s", text_time((uint64_t)now.tv_sec).text, event->action, event->name,
		    *event->reason ? " " : "", event->reason);
	}
	return fflush(stdout) == 0;
}

static int timeout_left(const struct monitor *monitor)
{
	struct timespec now;
	int64_t left_ms;

	if (!monitor->timeout_ms)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	left_ms = (monitor->end.tv_sec - now.tv_sec) * INT64_C(1000) + (monitor->end.tv_nsec - now.tv_nsec) / 1000000;
	return left_ms < 0 ? 0 : left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}

/* 1: goes on, 0: enough, negative errno. */
static int drain(struct monitor *monitor, struct mo_monitor *source)
{
	const struct mo_event *event;
	int got;

	while ((got = mo_monitor_next(source, &event)) > 0) {
		if (!write_event(monitor, event))
			return 0;	/* the reader is gone, or the disk is full: out_close() knows */
		if (monitor->count && ++monitor->nr_events == monitor->count)
			return 0;
	}
	return got < 0 ? got : 1;
}

static int watch(struct monitor *monitor, struct mo_monitor *source, int signal_fd)
{
	struct pollfd fds[] = {
		{ mo_monitor_fd(source), POLLIN, 0 }, { signal_fd, POLLIN, 0 },
		{ STDOUT_FILENO, 0, 0 },	/* POLLERR: the reader of the pipe has gone */
	};
	int goes_on = 1;

	while (goes_on > 0) {
		int nr = poll(fds, 3, timeout_left(monitor));

		if (nr == 0 || (nr > 0 && (fds[1].revents || fds[2].revents & POLLERR)))
			return 0;
		if (nr > 0)
			goes_on = drain(monitor, source);
		else if (errno != EINTR)
			return -errno;
	}
	return goes_on;
}

static void set_end(struct monitor *monitor)
{
	clock_gettime(CLOCK_MONOTONIC, &monitor->end);
	monitor->end.tv_sec += monitor->timeout_ms / 1000;
	monitor->end.tv_nsec += monitor->timeout_ms % 1000 * 1000000L;
}

static int run(struct call *call)
{
	struct monitor monitor = { .call = call };
	struct mo_monitor *source;
	int id, err, signal_fd;
	sigset_t old;

	while ((id = call_option(call)) != -1) {
		if (id == 'c')
			monitor.count = parse_number(call, "--count", optarg, UINT32_MAX);
		else
			monitor.timeout_ms = parse_seconds(call, "timeout", optarg);
	}
	call_no_args(call);
	err = mo_monitor_new(call->ctx, &source);
	if (err)
		return tell_error(call, err);
	signal_fd = signals_catch(0, &old);
	set_end(&monitor);
	err = watch(&monitor, source, signal_fd);
	mo_monitor_unref(source);
	signals_release(signal_fd, &old);
	return err < 0 ? tell_error(call, err) : EXIT_SUCCESS;
}

const struct command cmd_monitor = {
	.name = "monitor",
	.summary = "follow what happens to memory, nodes and their devices",
	.args = "",
	.about = "Prints a line for each event of memory blocks, nodes and memory devices, until a signal comes, the reader "
		 "of its output goes, or the time is over. With --json, each line is an object. Writes nothing.",
	.options = options,
	.exits = "  0  ended as asked, also by SIGINT and SIGTERM\n  1  failed\n  2  wrong options\n",
	.examples = "  memoffline monitor\n  memoffline monitor --json --count 1 --timeout 60\n",
	.run = run,
};
