// SPDX-License-Identifier: GPL-2.0-only
/* Options and arguments become a request, a request becomes a plan. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "command.h"
#include "out.h"

static enum mo_zone parse_zone(const struct call *call, const char *text)
{
	static const enum mo_zone zones[] = {
		MO_ZONE_MOVABLE, MO_ZONE_NORMAL, MO_ZONE_DMA32, MO_ZONE_DMA, MO_ZONE_DEVICE,
	};

	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
		if (!strcasecmp(text, mo_zone_name(zones[i])))
			return zones[i];
	usage_error(call, "--zone takes Movable, Normal, DMA32, DMA or Device, not '%s'", text);
}

enum mo_engine parse_engine(const struct call *call, const char *text)
{
	enum mo_engine engine;

	if (mo_engine_parse(text, &engine))
		usage_error(call, "--engine takes auto, stock or core, not '%s'", text);
	return engine;
}

static enum mo_prefer parse_preference(const struct call *call, const char *text)
{
	enum mo_prefer prefer;

	if (mo_prefer_parse(text, &prefer))
		usage_error(call, "--prefer takes cheapest or whole-devices, not '%s'", text);
	return prefer;
}

bool request_option(const struct call *call, struct mo_request *request, int id, const char *arg)
{
	switch (id) {
	case OPTION_SIZE:
		request->len_bytes = parse_size(call, "size", arg);
		return true;
	case OPTION_NODE:
		request->node = (int32_t)parse_number(call, "--node", arg, INT32_MAX);
		return true;
	case OPTION_ENGINE:
		request->engine = parse_engine(call, arg);
		return true;
	case OPTION_PREFER:
		request->prefer = parse_preference(call, arg);
		return true;
	case OPTION_KEEP_HUGETLB:
		request->flags |= MO_REQUEST_KEEP_HUGETLB;
		return true;
	case 'z':
		request->zone = parse_zone(call, arg);
		return true;
	}
	return false;
}

static enum mo_swap parse_swap(const struct call *call, const char *text)
{
	enum mo_swap swap;

	if (mo_swap_parse(text, &swap))
		usage_error(call, "--swap takes never, fallback or evict, not '%s'", text);
	return swap;
}

static uint32_t parse_rate(const struct call *call, const char *text)
{
	uint64_t mib = parse_size(call, "max-rate", text) >> 20;

	if (!mib || mib > UINT32_MAX)
		usage_error(call, "--max-rate takes 1m to 4095t, in a second, not '%s'", text);
	return (uint32_t)mib;
}

static uint32_t parse_remedies(const struct call *call, const char *text)
{
	uint32_t remedies;

	if (mo_remedies_parse(text, &remedies))
		usage_error(call, "--remedy takes cache, pageout, slab and cgroup, with commas between them, all, or none, not '%s'",
			    text);
	return remedies;
}

bool leave_option(const struct call *call, struct mo_request *request, int id, const char *arg)
{
	switch (id) {
	case 't':
		request->timeout_ms = parse_seconds(call, "timeout", arg);
		return true;
	case OPTION_STALL:
		request->stall_ms = parse_seconds(call, "stall", arg);
		return true;
	case OPTION_WAIT:
		request->flags |= MO_REQUEST_WAIT;
		return true;
	case OPTION_TO:
		request->to_nodes = arg;
		return true;
	case OPTION_SWAP:
		request->swap = parse_swap(call, arg);
		return true;
	case OPTION_MAX_RATE:
		request->max_mib_s = parse_rate(call, arg);
		return true;
	case OPTION_REMEDY:
		request->remedies = parse_remedies(call, arg);
		return true;
	}
	return false;
}

char *request_target(const struct call *call, struct mo_request *request)
{
	size_t len_bytes = 1;
	char *target;

	for (int i = 0; i < call->argc; i++) {
		if (!call->argv[i][strspn(call->argv[i], ", ")])
			usage_error(call, "the target '%s' is empty", call->argv[i]);
		len_bytes += strlen(call->argv[i]) + 1;
	}
	if (!call->argc && !request->len_bytes)
		usage_error(call, "which memory? Name a target (32, 32-35, node1, PNP0C80:00, 4g) or a --size");
	if (!call->argc)
		return NULL;
	target = malloc(len_bytes);
	if (!target)
		out_of_memory();
	*target = '\0';
	for (int i = 0; i < call->argc; i++) {
		if (i)
			strcat(target, ",");
		strcat(target, call->argv[i]);
	}
	request->target = target;
	return target;
}

int request_plan(struct call *call, const struct mo_request *request, struct mo_plan **plan)
{
	struct mo_memory *memory;
	int err = mo_memory_read(call->ctx, &memory);

	if (err)
		return tell_error(call, err);
	err = mo_plan_new(memory, request, plan);
	mo_memory_unref(memory);	/* the plan keeps it */
	if (!err)
		return EXIT_SUCCESS;
	tell_error(call, err);
	if (err == -EINVAL)
		return EXIT_USAGE;
	return EXIT_FAILURE;
}

int policy_read(const struct call *call, struct mo_policy **policy)
{
	const char *problem;
	int err = mo_policy_read(call->ctx, policy);

	for (size_t i = 0; !err && (problem = mo_policy_problem(*policy, i)); i++)
		tell("%s", problem);
	return err;
}

void print_targets(void)
{
	puts("\nTargets, also several, with commas or spaces between them:\n"
	     "  32, memory32, 32-35      blocks by number\n"
	     "  0x100000000-0x107ffffff  addresses, aligned to blocks, last byte included\n"
	     "  node1                    all blocks of a NUMA node\n"
	     "  PNP0C80:00, dax0.0       all blocks of a device\n"
	     "  4g                       as much, from the blocks that cost least");
}
