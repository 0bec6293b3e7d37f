// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

#define DEFAULT_WAIT_S 60

enum outcome { DONE, FAILED, USAGE, WAIT };

struct request {
	const char *name;
	const char *usage;
	const char *what;
	int min_args;
	int max_args;
	/* Appends text to out. A request that returns WAIT is run again on each event. */
	enum outcome (*run)(struct requests *r, struct waiter *w, struct buffer *out);
};

static void say(struct buffer *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct buffer *out, const char *format, ...)
{
	char *text;
	va_list ap;
	int len;

	va_start(ap, format);
	len = vasprintf(&text, format, ap);
	va_end(ap);
	if (len < 0)
		abort();
	buffer_append(out, text, len);
	free(text);
}

uint64_t parse_size(const char *text)
{
	static const char units[] = "KMGT";
	uint64_t value;
	const char *unit;
	char *end;

	if (*text < '0' || *text > '9')
		return 0;
	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno)
		return 0;
	if (!*end)
		return value;
	unit = strchr(units, *end & ~0x20);
	if (!unit || end[1])
		return 0;
	return value << (10 * (unit - units + 1));
}

/* Runs a QMP command. On success *result is a new reference, unless result is NULL. */
static enum outcome run_qmp(struct requests *r, const char *text, struct json_object **result,
			    struct buffer *out)
{
	struct json_object *answer, *value;
	enum outcome outcome = DONE;
	int ret;

	ret = qmp_command(r->qmp, text, &answer);
	if (ret) {
		say(out, "host: QEMU's monitor gave no answer: %s\n", strerror(-ret));
		return FAILED;
	}
	if (json_object_object_get_ex(answer, "error", &value)) {
		json_object_object_get_ex(value, "desc", &value);
		say(out, "host: QEMU refused: %s\n", json_object_get_string(value));
		outcome = FAILED;
	} else if (result && json_object_object_get_ex(answer, "return", &value)) {
		*result = json_object_get(value);
	}
	json_object_put(answer);
	return outcome;
}

/* Builds {"execute": command, "arguments": arguments} and runs it; takes arguments. */
static enum outcome run_command(struct requests *r, const char *command,
				struct json_object *arguments, struct json_object **result,
				struct buffer *out)
{
	struct json_object *text = json_object_new_object();
	enum outcome outcome;

	json_object_object_add(text, "execute", json_object_new_string(command));
	json_object_object_add(text, "arguments", arguments);
	outcome = run_qmp(r, json_object_to_json_string_ext(text, JSON_C_TO_STRING_PLAIN), result,
			  out);
	json_object_put(text);
	return outcome;
}

static struct json_object *strings(const char *name, const char *value, ...)
{
	struct json_object *object = json_object_new_object();
	va_list ap;

	va_start(ap, value);
	while (name) {
		json_object_object_add(object, name, json_object_new_string(value));
		name = va_arg(ap, const char *);
		value = name ? va_arg(ap, const char *) : NULL;
	}
	va_end(ap);
	return object;
}

/* A line for the human monitor, which takes options as the command line of QEMU does. */
static enum outcome run_line(struct requests *r, const char *line, int silence_is_success,
			     struct buffer *out)
{
	struct json_object *result = NULL;
	enum outcome outcome;
	const char *text;

	outcome = run_command(r, "human-monitor-command", strings("command-line", line, NULL),
			      &result, out);
	text = result ? json_object_get_string(result) : "";
	if (outcome == DONE && *text) {
		say(out, "%s", text);
		outcome = silence_is_success ? FAILED : DONE;
	}
	json_object_put(result);
	return outcome;
}

static enum outcome add_by_line(struct requests *r, const char *verb, const char *what,
				struct buffer *out)
{
	enum outcome outcome;
	char *line;

	if (asprintf(&line, "%s %s", verb, what) < 0)
		abort();
	outcome = run_line(r, line, 1, out);
	free(line);
	return outcome;
}

static enum outcome ask_device_add(struct requests *r, struct waiter *w, struct buffer *out)
{
	return add_by_line(r, "device_add", w->argv[0], out);
}

static enum outcome ask_object_add(struct requests *r, struct waiter *w, struct buffer *out)
{
	return add_by_line(r, "object_add", w->argv[0], out);
}

static enum outcome ask_device_del(struct requests *r, struct waiter *w, struct buffer *out)
{
	return run_command(r, "device_del", strings("id", w->argv[0], NULL), NULL, out);
}

static enum outcome ask_object_del(struct requests *r, struct waiter *w, struct buffer *out)
{
	return run_command(r, "object-del", strings("id", w->argv[0], NULL), NULL, out);
}

static enum outcome ask_dimm_add(struct requests *r, struct waiter *w, struct buffer *out)
{
	char what[256];

	if (!parse_size(w->argv[1])) {
		say(out, "host: %s is no size; write 512M or 1G\n", w->argv[1]);
		return USAGE;
	}
	snprintf(what, sizeof(what), "memory-backend-ram,id=mem-%s,size=%s", w->argv[0], w->argv[1]);
	if (add_by_line(r, "object_add", what, out))
		return FAILED;
	snprintf(what, sizeof(what), "pc-dimm,id=%s,memdev=mem-%s,node=%s", w->argv[0], w->argv[0],
		 w->argv[2]);
	if (!add_by_line(r, "device_add", what, out))
		return DONE;
	snprintf(what, sizeof(what), "mem-%s", w->argv[0]);
	run_command(r, "object-del", strings("id", what, NULL), NULL, out);
	return FAILED;
}

static enum outcome ask_resize(struct requests *r, struct waiter *w, struct buffer *out)
{
	struct json_object *arguments;
	char path[128];

	if (strcmp(w->argv[1], "0") && !parse_size(w->argv[1])) {
		say(out, "host: %s is no size; write 0, 512M or 1G\n", w->argv[1]);
		return USAGE;
	}
	snprintf(path, sizeof(path), "/machine/peripheral/%s", w->argv[0]);
	arguments = strings("path", path, "property", "requested-size", NULL);
	json_object_object_add(arguments, "value", json_object_new_int64(parse_size(w->argv[1])));
	return run_command(r, "qom-set", arguments, NULL, out);
}

static enum outcome ask_wait_size(struct requests *r, struct waiter *w, struct buffer *out)
{
	struct json_object *size = NULL;
	uint64_t wanted = parse_size(w->argv[1]);
	enum outcome outcome;
	char path[128];

	if (strcmp(w->argv[1], "0") && !wanted) {
		say(out, "host: %s is no size; write 0, 512M or 1G\n", w->argv[1]);
		return USAGE;
	}
	snprintf(path, sizeof(path), "/machine/peripheral/%s", w->argv[0]);
	outcome = run_command(r, "qom-get", strings("path", path, "property", "size", NULL), &size,
			      out);
	if (outcome == DONE && (uint64_t)json_object_get_int64(size) != wanted)
		outcome = WAIT;
	json_object_put(size);
	return outcome;
}

static enum outcome ask_wait_event(struct requests *r, struct waiter *w, struct buffer *out)
{
	struct json_object *event;

	event = qmp_take_event(r->qmp, w->argv[0], w->argv + 1, w->argc - 1);
	if (!event)
		return WAIT;
	say(out, "%s\n", json_object_to_json_string_ext(event, JSON_C_TO_STRING_PLAIN));
	json_object_put(event);
	return DONE;
}

static enum outcome ask_events(struct requests *r, struct waiter *w, struct buffer *out)
{
	int i;

	(void)w;
	for (i = 0; i < r->qmp->nr_events; i++)
		say(out, "%s\n", json_object_to_json_string_ext(r->qmp->events[i],
								JSON_C_TO_STRING_PLAIN));
	return DONE;
}

static enum outcome ask_clear_events(struct requests *r, struct waiter *w,
				     struct buffer *out)
{
	(void)w;
	(void)out;
	qmp_drop_events(r->qmp);
	return DONE;
}

/* There is no answer: nobody is left to read it. */
static enum outcome ask_power_cut(struct requests *r, struct waiter *w, struct buffer *out)
{
	(void)w;
	(void)out;
	r->cuts_power = 1;
	return WAIT;
}

static enum outcome ask_dimm_del(struct requests *r, struct waiter *w, struct buffer *out)
{
	struct json_object *event;
	char match[128], *matches[] = { match };
	char object[128];

	if (!w->started && run_command(r, "device_del", strings("id", w->argv[0], NULL), NULL, out))
		return FAILED;
	w->started = 1;
	snprintf(match, sizeof(match), "device=%s", w->argv[0]);
	event = qmp_take_event(r->qmp, "MEM_UNPLUG_ERROR", matches, 1);
	if (event) {
		json_object_put(event);
		say(out, "host: the guest did not give %s back; its kernel log says why\n", w->argv[0]);
		return FAILED;
	}
	event = qmp_take_event(r->qmp, "DEVICE_DELETED", matches, 1);
	if (!event)
		return WAIT;
	json_object_put(event);
	snprintf(object, sizeof(object), "mem-%s", w->argv[0]);
	return run_command(r, "object-del", strings("id", object, NULL), NULL, out);
}

static enum outcome ask_qmp(struct requests *r, struct waiter *w, struct buffer *out)
{
	struct json_object *command, *result = NULL;
	enum outcome outcome;

	command = json_tokener_parse(w->argv[0]);
	if (!command) {
		say(out, "host: this is no JSON: %s\n", w->argv[0]);
		return USAGE;
	}
	outcome = run_qmp(r, json_object_to_json_string_ext(command, JSON_C_TO_STRING_PLAIN),
			  &result, out);
	if (outcome == DONE)
		say(out, "%s\n", json_object_to_json_string_ext(result, JSON_C_TO_STRING_PLAIN));
	json_object_put(result);
	json_object_put(command);
	return outcome;
}

static enum outcome ask_monitor(struct requests *r, struct waiter *w, struct buffer *out)
{
	struct buffer line = { 0 };
	enum outcome outcome;
	int i;

	for (i = 0; i < w->argc; i++)
		say(&line, "%s%s", i ? " " : "", w->argv[i]);
	buffer_append(&line, "", 1);
	outcome = run_line(r, line.data, 0, out);
	buffer_free(&line);
	return outcome;
}

static enum outcome ask_help(struct requests *r, struct waiter *w, struct buffer *out);

static const struct request table[] = {
	{ "dimm-add", "ID SIZE NODE", "plug a DIMM in", 3, 3, ask_dimm_add },
	{ "dimm-del", "ID", "ask the guest for a DIMM and wait until it gave it back", 1, 1, ask_dimm_del },
	{ "resize", "ID SIZE", "set the requested size of a virtio-mem device", 2, 2, ask_resize },
	{ "wait-size", "ID SIZE", "wait until a virtio-mem device has that size", 2, 2, ask_wait_size },
	{ "wait-event", "NAME [MEMBER=VALUE...]", "wait for an event of QEMU, print it and forget it",
	  1, 30, ask_wait_event },
	{ "events", "", "print the events that nobody waited for yet", 0, 0, ask_events },
	{ "clear-events", "", "forget them", 0, 0, ask_clear_events },
	{ "device_add", "DRIVER,PROP=VALUE...", "as QEMU's -device", 1, 1, ask_device_add },
	{ "device_del", "ID", "ask the guest to release a device (returns at once)", 1, 1, ask_device_del },
	{ "object_add", "TYPE,PROP=VALUE...", "as QEMU's -object", 1, 1, ask_object_add },
	{ "object_del", "ID", "delete an object that no device uses", 1, 1, ask_object_del },
	{ "qmp", "JSON", "any command of QEMU's machine monitor; prints what it returns", 1, 1, ask_qmp },
	{ "monitor", "WORD...", "any line of QEMU's human monitor", 1, 30, ask_monitor },
	{ "power-cut", "", "end the machine at once, as a power cut does; the run is a success", 0, 0, ask_power_cut },
	{ "help", "", "print this", 0, 0, ask_help },
};

#define NR_REQUESTS (sizeof(table) / sizeof(table[0]))

static enum outcome ask_help(struct requests *r, struct waiter *w, struct buffer *out)
{
	char left[64];
	size_t i;

	(void)r;
	(void)w;
	say(out, "Usage: host [--timeout SECONDS] REQUEST [ARG...]\n"
		 "Asks the host of this guest. Requests that wait do so for %d seconds unless told otherwise.\n",
	    DEFAULT_WAIT_S);
	for (i = 0; i < NR_REQUESTS; i++) {
		snprintf(left, sizeof(left), "%s %s", table[i].name, table[i].usage);
		say(out, "  %-36s %s\n", left, table[i].what);
	}
	return DONE;
}

static const struct request *find(const char *name)
{
	size_t i;

	for (i = 0; i < NR_REQUESTS; i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}

static enum outcome run(struct requests *r, struct waiter *w, struct buffer *out)
{
	const struct request *request = find(w->name);

	if (!request) {
		say(out, "host: unknown request '%s'; `host help` lists the requests\n", w->name);
		return USAGE;
	}
	if (w->argc < request->min_args || w->argc > request->max_args) {
		say(out, "Usage: host %s %s\n", request->name, request->usage);
		return USAGE;
	}
	return request->run(r, w, out);
}

static void answer(struct requests *r, struct waiter *w, int32_t status, struct buffer *text)
{
	struct buffer out = { 0 };

	buffer_append(&out, &w->ticket, sizeof(w->ticket));
	buffer_append(&out, &status, sizeof(status));
	buffer_append(&out, text->data + text->head, buffer_len(text));
	frame_put(r->out, FRAME_ANSWER, out.data, buffer_len(&out));
	buffer_free(&out);
	free(w->words);
	memset(w, 0, sizeof(*w));
}

static void try_once(struct requests *r, struct waiter *w)
{
	static const int32_t statuses[] = { [DONE] = 0, [FAILED] = 1, [USAGE] = 2 };
	struct buffer out = { 0 };
	enum outcome outcome;

	outcome = run(r, w, &out);
	if (outcome != WAIT) {
		answer(r, w, statuses[outcome], &out);
	} else if (now_ms() >= w->deadline_ms) {
		say(&out, "host: %s %s: it did not happen in time\n", w->name, w->argc ? w->argv[0] : "");
		answer(r, w, 1, &out);
	}
	buffer_free(&out);
}

static void split_words(struct waiter *w, const char *data, size_t len)
{
	char *at;

	w->words = malloc(len + 1);
	if (!w->words)
		abort();
	memcpy(w->words, data, len);
	w->words[len] = 0;
	for (at = w->words; at < w->words + len && w->argc < 32; at += strlen(at) + 1)
		w->argv[w->argc++] = at;
}

/* Takes --timeout S from wherever it stands, then the name of the request. Returns 0, or -EINVAL. */
static int take_timeout(struct waiter *w)
{
	double seconds = DEFAULT_WAIT_S;
	char *end;
	int i;

	for (i = 0; i + 1 < w->argc; i++) {
		if (strcmp(w->argv[i], "--timeout"))
			continue;
		seconds = strtod(w->argv[i + 1], &end);
		if (*end || end == w->argv[i + 1] || seconds < 0)
			return -EINVAL;
		w->argc -= 2;
		memmove(w->argv + i, w->argv + i + 2, (w->argc - i) * sizeof(w->argv[0]));
		break;
	}
	w->deadline_ms = now_ms() + (int64_t)(seconds * 1000);
	w->name = w->argc ? w->argv[0] : "";
	if (w->argc)
		memmove(w->argv, w->argv + 1, --w->argc * sizeof(w->argv[0]));
	return 0;
}

void requests_take(struct requests *r, const char *data, size_t len)
{
	struct waiter *w = r->waiters;
	struct buffer out = { 0 };

	while (w < r->waiters + MAX_WAITERS && w->used)
		w++;
	if (len < sizeof(w->ticket) || w == r->waiters + MAX_WAITERS)
		return;
	w->used = 1;
	memcpy(&w->ticket, data, sizeof(w->ticket));
	split_words(w, data + sizeof(w->ticket), len - sizeof(w->ticket));
	if (!take_timeout(w)) {
		try_once(r, w);
		return;
	}
	say(&out, "host: --timeout takes a number of seconds\n");
	answer(r, w, 2, &out);
	buffer_free(&out);
}

void requests_poll(struct requests *r)
{
	int i;

	for (i = 0; i < MAX_WAITERS; i++)
		if (r->waiters[i].used)
			try_once(r, &r->waiters[i]);
}

int64_t requests_deadline_ms(const struct requests *r)
{
	int64_t first = INT64_MAX;
	int i;

	for (i = 0; i < MAX_WAITERS; i++)
		if (r->waiters[i].used && r->waiters[i].deadline_ms < first)
			first = r->waiters[i].deadline_ms;
	return first;
}
