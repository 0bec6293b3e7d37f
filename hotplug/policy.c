// SPDX-License-Identifier: LGPL-2.1-or-later
/* The policy: what the administrator wants done with memory that is to go, or that comes. */
#include <errno.h>
#include <stdlib.h>

#include "private.h"

static const struct mo_policy defaults = {
	.source = MO_POLICY_DEFAULTS,
	.timeout_ms = 120000,
	.stall_ms = MO_STALL_USUAL,
	.swap = MO_SWAP_AUTO,
	.gone_timeout_ms = 30000,
	.requests_per_hour = 4,
	.inhibit = true,
	.hook_timeout_ms = 30000,
	.hooks_dir = "/etc/memoffline/hooks.d",
	.online_zone = MO_ZONE_MOVABLE,
	.movable_ratio = 3,
};

int mo_policy_read(struct mo_ctx *ctx, struct mo_policy **out)
{
	struct mo_policy *policy = malloc(sizeof(*policy));

	if (!policy)
		return mo_error(ctx, -ENOMEM, "no memory for the policy; free some and try again");
	*policy = defaults;
	*out = policy;
	return 0;
}

struct mo_policy *mo_policy_unref(struct mo_policy *policy)
{
	free(policy);
	return NULL;
}

const char *mo_policy_problem(const struct mo_policy *policy, size_t i)
{
	(void)policy;
	(void)i;
	return NULL;
}
