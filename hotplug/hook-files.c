// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which files of the policy's directory are hooks, and which of these root may run. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "private.h"

/* As run-parts(8) has it: what editors and packages leave behind is no program to run. */
static bool is_plain_name(const char *name)
{
	return *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")];
}

bool mo_hook_is_visible(const char *name)
{
	return *name != '.';
}

const char *mo_hook_distrust(const struct stat *st)
{
	if (st->st_uid && st->st_uid != geteuid())
		return "does not belong to root and is not run; look at what it does, then chown root";
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return "can be written by others and is not run; look at what it does, then chmod go-w";
	return NULL;
}

static enum mo_hook_fate decide(enum mo_hook_fate fate, const char *text, char why[MO_HOOK_WHY_BYTES])
{
	snprintf(why, MO_HOOK_WHY_BYTES, "%s", text);
	return fate;
}

enum mo_hook_fate mo_hook_judge(int dir_fd, const char *name, char why[MO_HOOK_WHY_BYTES])
{
	const char *distrust;
	struct stat st;

	if (!is_plain_name(name))
		return decide(MO_HOOK_NONE, "is passed over: names of hooks have letters, digits, _ and - alone", why);
	if (fstatat(dir_fd, name, &st, 0)) {
		snprintf(why, MO_HOOK_WHY_BYTES, "can't be looked at: %s; mend it, or take it away", strerror(errno));
		return MO_HOOK_REFUSED;
	}
	if (S_ISDIR(st.st_mode))
		return decide(MO_HOOK_NONE, "is passed over: it is a directory", why);
	if (!S_ISREG(st.st_mode))
		return decide(MO_HOOK_REFUSED, "is no regular file; mend it, or take it away", why);
	if (!(st.st_mode & 0111))
		return decide(MO_HOOK_OFF, "is not run, since it is not executable", why);
	distrust = mo_hook_distrust(&st);
	return distrust ? decide(MO_HOOK_REFUSED, distrust, why) : decide(MO_HOOK_RUN, "", why);
}

int mo_hooks_each(struct mo_ctx *ctx, const struct mo_policy *policy, mo_hook_fn *fn, void *data)
{
	char why[MO_HOOK_WHY_BYTES];
	struct mo_names names = { 0 };
	DIR *dir;
	int err;

	if (mo_ctx_get_sysroot(ctx))
		return 0;
	dir = opendir(policy->hooks_dir);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	err = mo_names_read(&names, dir, mo_hook_is_visible);
	for (size_t i = 0; i < names.nr && !err; i++)
		fn(data, names.all[i], mo_hook_judge(dirfd(dir), names.all[i], why), why);
	mo_names_clear(&names);
	closedir(dir);
	return err;
}
