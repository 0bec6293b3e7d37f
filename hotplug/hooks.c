// SPDX-License-Identifier: LGPL-2.1-or-later
/* Hooks: programs of the administrator that are asked before memory is removed, and told what came of it. */
#include <errno.h>
#include <stdlib.h>

#include "private.h"

struct mo_hooks {
	struct mo_ctx *ctx;
};

static const char *const phase_names[] = {
	[MO_HOOK_CHECK] = "check",
	[MO_HOOK_PRE] = "pre",
	[MO_HOOK_POST] = "post",
	[MO_HOOK_UNDO] = "undo",
};

const char *mo_hook_phase_name(enum mo_hook_phase phase)
{
	return (size_t)phase < ARRAY_SIZE(phase_names) ? phase_names[phase] : "unknown";
}

int mo_hooks_new(struct mo_ctx *ctx, const struct mo_policy *policy, struct mo_hooks **out)
{
	struct mo_hooks *hooks = calloc(1, sizeof(*hooks));

	(void)policy;
	if (!hooks)
		return mo_error(ctx, -ENOMEM, "no memory for the hooks; free some and try again");
	hooks->ctx = mo_ctx_ref(ctx);
	*out = hooks;
	return 0;
}

void mo_hooks_free(struct mo_hooks *hooks)
{
	if (hooks)
		mo_ctx_unref(hooks->ctx);
	free(hooks);
}

int mo_hooks_run(struct mo_hooks *hooks, enum mo_hook_phase phase, const struct mo_hook_facts *facts, int stop_fd,
		 struct mo_report *report)
{
	(void)hooks;
	(void)phase;
	(void)facts;
	(void)stop_fd;
	(void)report;
	return 0;
}
