// SPDX-License-Identifier: GPL-2.0-only
/* memoffline online: the way back. */
#include <stdlib.h>
#include <strings.h>

#include "command.h"
#include "out.h"

#define TIMEOUT_MS 300000

enum { OPTION_BY_UDEV = OPTION_FIRST };

static const struct option_text options[] = {
	{ OPTION_SIZE, "size", "SIZE", "only as much (4g, 512m)" },
	{ OPTION_NODE, "node", "N", "only blocks of NUMA node N" },
	{ 'z', "zone", "ZONE", "movable: it can go again; kernel: for any use; auto, the usual: as the kernel decides" },
	{ 't', "timeout", "SECONDS", "give up after that long; 0: never; the usual: 300" },
	{ OPTION_WAIT, "wait", NULL, "wait for another memoffline till the timeout, rather than fail" },
	{ OPTION_BY_UDEV, "by-udev", NULL, "an event says that it was added: only where memoffline.conf wants that, and in its zone" },
	{ 0 }
};

struct online {
	struct mo_plan *plan;
	enum mo_zone zone;
	bool has_zone, by_udev;
	const struct call *call;
	const struct mo_policy *policy;
};

static enum mo_zone parse_zone(const struct call *call, const char *text)
{
	if (!strcasecmp(text, "movable"))
		return MO_ZONE_MOVABLE;
	if (!strcasecmp(text, "kernel"))
		return MO_ZONE_NORMAL;
	if (!strcasecmp(text, "auto"))
		return MO_ZONE_UNKNOWN;
	usage_error(call, "--zone takes movable, kernel or auto, not '%s'", text);
}

static int go_online(void *data, const struct mo_request *request, struct mo_report **report)
{
	struct online *online = data;

	return mo_online(online->plan, online->zone, request, report);
}

static void parse_options(struct call *call, struct mo_request *request, struct online *online)
{
	int id;

	while ((id = call_option(call)) != -1) {
		switch (id) {
		case 'z':
			online->zone = parse_zone(call, optarg);
			online->has_zone = true;
			break;
		case OPTION_BY_UDEV:
			online->by_udev = true;
			request->flags |= MO_REQUEST_WAIT;
			break;
		case 't':
			request->timeout_ms = parse_seconds(call, "timeout", optarg);
			break;
		case OPTION_WAIT:
			request->flags |= MO_REQUEST_WAIT;
			break;
		default:
			request_option(call, request, id, optarg);
		}
	}
}

static int go_by_udev(void *data, const struct mo_request *request, struct mo_report **report)
{
	const struct online *online = data;

	return mo_online_added(online->call->ctx, online->policy, request, report);
}

static int run_by_udev(struct call *call, struct mo_request *request)
{
	struct online online = { .call = call };
	struct mo_policy *policy;
	int status, err = policy_read(call, &policy);

	if (err)
		return tell_error(call, err);
	online.policy = policy;
	status = transaction_run(call, request, go_by_udev, &online, 0);
	mo_policy_unref(policy);
	return status;
}

static int run_plan(struct call *call, struct mo_request *request, struct online *online)
{
	int status = request_plan(call, request, &online->plan);

	if (status != EXIT_SUCCESS)
		return status;
	if (!call->json)
		table_open();
	status = transaction_run(call, request, go_online, online,
				 mo_memory_page_bytes(mo_plan_memory(online->plan)));
	mo_plan_unref(online->plan);
	return status;
}

static int run(struct call *call)
{
	struct mo_request request = MO_REQUEST_INIT;
	struct online online = { .zone = MO_ZONE_UNKNOWN };
	char *target;
	int status;

	request.timeout_ms = TIMEOUT_MS;
	request.flags = MO_REQUEST_NO_CONTENT | MO_REQUEST_ONLINE;
	parse_options(call, &request, &online);
	if (online.by_udev && (online.has_zone || request.len_bytes || request.node >= 0))
		usage_error(call, "with --by-udev the zone is that of memoffline.conf, and blocks are named: leave --zone, --size and --node out");
	target = request_target(call, &request);
	status = online.by_udev ? run_by_udev(call, &request) : run_plan(call, &request, &online);
	free(target);
	return status;
}

const struct command cmd_online = {
	.name = "online",
	.summary = "bring memory online, into the zone that you name",
	.args = "TARGET...",
	.about = "Brings blocks of memory online. What is online already counts as done. Memory that shall be able to go "
		 "again belongs into zone movable. Units call it with --by-udev when memory is added: then memoffline.conf(5) says "
		 "whether it comes online, and where.",
	.options = options,
	.help = print_targets,
	.exits = "  0   done\n  1   failed; what came went back\n  2   wrong options or target\n  64  done in part\n",
	.examples = "  memoffline online 32-35 --zone movable\n  memoffline online node1\n",
	.run = run,
};
