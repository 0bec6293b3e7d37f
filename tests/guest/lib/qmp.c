// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

#define ANSWER_WAIT_MS 30000

static void keep_event(struct qmp *q, struct json_object *event)
{
	if (q->nr_events == MAX_EVENTS) {
		json_object_put(q->events[0]);
		memmove(q->events, q->events + 1, --q->nr_events * sizeof(q->events[0]));
	}
	q->events[q->nr_events++] = event;
}

/* Returns the next message that is no event, a new reference, or NULL. */
static struct json_object *next_answer(struct qmp *q)
{
	struct json_object *message;
	char *end;

	while (buffer_len(&q->in)) {
		end = memchr(q->in.data + q->in.head, '\n', buffer_len(&q->in));
		if (!end)
			return NULL;
		*end = 0;
		message = json_tokener_parse(q->in.data + q->in.head);
		q->in.head = end + 1 - q->in.data;
		if (!message)
			continue;
		if (!json_object_object_get_ex(message, "event", NULL))
			return message;
		keep_event(q, message);
	}
	return NULL;
}

static int await_answer(struct qmp *q, struct json_object **answer)
{
	struct pollfd pfd = { .fd = q->fd, .events = POLLIN };
	int64_t deadline_ms = now_ms() + ANSWER_WAIT_MS;
	int n;

	while (!(*answer = next_answer(q))) {
		if (poll(&pfd, 1, deadline_ms - now_ms()) == 0)
			return -ETIMEDOUT;
		n = buffer_fill(&q->in, q->fd);
		if (n == 0 || n == -ECONNRESET)
			return -EPIPE;
		if (now_ms() > deadline_ms)
			return -ETIMEDOUT;
	}
	return 0;
}

int qmp_command(struct qmp *q, const char *text, struct json_object **answer)
{
	struct buffer out = { 0 };
	int ret;

	buffer_append(&out, text, strlen(text));
	buffer_append(&out, "\n", 1);
	ret = buffer_drain(&out, q->fd);
	buffer_free(&out);
	return ret ? ret : await_answer(q, answer);
}

int qmp_greet(struct qmp *q)
{
	struct json_object *answer;
	int ret;

	ret = await_answer(q, &answer);
	if (ret)
		return ret;
	json_object_put(answer);
	ret = qmp_command(q, "{\"execute\":\"qmp_capabilities\"}", &answer);
	if (ret)
		return ret;
	json_object_put(answer);
	return 0;
}

int qmp_poll(struct qmp *q)
{
	struct pollfd pfd = { .fd = q->fd, .events = POLLIN };

	while (poll(&pfd, 1, 0) > 0)
		if (buffer_fill(&q->in, q->fd) <= 0)
			return -EPIPE;
	/* Nobody waits for an answer here: what next_answer() finds has no reader. */
	json_object_put(next_answer(q));
	return 0;
}

/* match: MEMBER=VALUE, or MEMBER.MEMBER=VALUE for a member of a member */
static int event_matches(struct json_object *event, const char *match)
{
	const char *eq = strchr(match, '=');
	struct json_object *value;
	char path[128], *name, *rest = path;

	if (!eq || !json_object_object_get_ex(event, "data", &value))
		return 0;
	snprintf(path, sizeof(path), "%.*s", (int)(eq - match), match);
	while ((name = strsep(&rest, ".")))
		if (!json_object_object_get_ex(value, name, &value))
			return 0;
	return !strcmp(json_object_get_string(value), eq + 1);
}

static int event_is(struct json_object *event, const char *name, char **match, int nr_match)
{
	struct json_object *value;
	int i;

	json_object_object_get_ex(event, "event", &value);
	if (strcmp(json_object_get_string(value), name))
		return 0;
	for (i = 0; i < nr_match; i++)
		if (!event_matches(event, match[i]))
			return 0;
	return 1;
}

struct json_object *qmp_take_event(struct qmp *q, const char *name, char **match, int nr_match)
{
	struct json_object *event;
	int i;

	for (i = 0; i < q->nr_events; i++) {
		event = q->events[i];
		if (!event_is(event, name, match, nr_match))
			continue;
		q->nr_events--;
		memmove(q->events + i, q->events + i + 1, (q->nr_events - i) * sizeof(event));
		return event;
	}
	return NULL;
}

void qmp_drop_events(struct qmp *q)
{
	while (q->nr_events)
		json_object_put(q->events[--q->nr_events]);
}
