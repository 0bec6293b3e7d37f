// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where the policy is written: one file after the other, where later values win. Text without a mistake is kept, as it
 * is, and is the policy while there are mistakes.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy.h"

#define FILE_NAME "/etc/memoffline.conf"
#define DIR_NAME "/etc/memoffline.conf.d"
#define KEPT_NAME "policy"		/* in the state directory */
#define KEPT_HEAD "# What " FILE_NAME " and " DIR_NAME " said when they were last right. Written by memoffline.\n"
#define FILE_BYTES_MAX (64u << 10)

/* ---- one file ---- */

struct text {
	char *bytes;
	size_t len;
};

static void add_text(struct policy *policy, struct text *all, const char *bytes, size_t len)
{
	char *more = realloc(all->bytes, all->len + len + 2);

	if (!more) {
		policy->no_memory = true;
		return;
	}
	memcpy(more + all->len, bytes, len);
	all->bytes = more;
	all->len += len;
	if (len && more[all->len - 1] != '\n')
		more[all->len++] = '\n';
	more[all->len] = '\0';
}

/* Who may write the policy decides what root does. Below a sysroot owners mean nothing. */
static void check_access(struct mo_ctx *ctx, struct policy *policy, const char *path, const struct stat *st)
{
	if (st->st_uid && !mo_ctx_get_sysroot(ctx))
		mo_policy_problem_add(policy, "%s: it belongs to user %u, not to root; look at what is in it, then chown root: %s", path,
			    st->st_uid, path);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		mo_policy_problem_add(policy, "%s: others than root may write it; look at what is in it, then chmod go-w %s", path, path);
}

/* -ENOENT: there is none. Other errors are a problem of the policy's. */
static int read_open(struct policy *policy, const char *path, int fd, struct text *text)
{
	FILE *file = fdopen(fd, "r");
	int err = 0;

	text->bytes = malloc(FILE_BYTES_MAX + 1);
	if (!file || !text->bytes) {
		policy->no_memory = true;
		err = -ENOMEM;
	} else {
		text->len = fread(text->bytes, 1, FILE_BYTES_MAX + 1, file);
		err = ferror(file) ? -EIO : text->len > FILE_BYTES_MAX ? -EFBIG : 0;
	}
	if (err == -EFBIG)
		mo_policy_problem_add(policy, "%s: it has more than %u KiB; that is no configuration", path, FILE_BYTES_MAX >> 10);
	else if (err)
		mo_policy_problem_add(policy, "%s: it can't be read: %s", path, strerror(-err));
	if (file)
		fclose(file);
	else
		close(fd);
	return err;
}

static int read_file(struct mo_ctx *ctx, struct policy *policy, const char *path, int fd, struct text *text)
{
	struct stat st;

	if (fd == -ENOENT)
		return fd;
	if (fd < 0) {
		mo_policy_problem_add(policy, "%s: it can't be opened: %s", path, strerror(-fd));
		return fd;
	}
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		mo_policy_problem_add(policy, "%s: it is no regular file; put one in its place", path);
		close(fd);
		return -EINVAL;
	}
	check_access(ctx, policy, path, &st);
	return read_open(policy, path, fd, text);
}

/* Its values count, and its text is added to ALL. */
static int take_file(struct mo_ctx *ctx, struct policy *policy, const char *path, struct text *all)
{
	static const char bom[] = "\xef\xbb\xbf";
	const char *why;
	struct text text = { 0 };
	size_t skip;
	int err = read_file(ctx, policy, path, mo_open(ctx, O_RDONLY | O_NONBLOCK | O_NOCTTY, "%s", path), &text);

	if (!err && mo_policy_can_parse(&why))
		err = mo_error(ctx, -ELIBACC, "libinih can't be used (%s), and so %s can't be read; install libinih (Debian: "
			       "libinih1)", why, path);
	if (!err) {
		skip = text.len >= strlen(bom) && !memcmp(text.bytes, bom, strlen(bom)) ? strlen(bom) : 0;
		mo_policy_parse(policy, path, text.bytes + skip, text.len - skip);
		add_text(policy, all, text.bytes + skip, text.len - skip);
	}
	free(text.bytes);
	return err == -ELIBACC ? err : 0;
}

/* ---- all files ---- */

static bool is_ours(const char *name)
{
	size_t len = strlen(name);

	return *name != '.' && len > strlen(".conf") && !strcmp(name + len - strlen(".conf"), ".conf");
}

static int take_names(struct mo_ctx *ctx, struct policy *policy, const struct mo_names *names, struct text *all)
{
	char path[sizeof(DIR_NAME) + NAME_MAX + 1];
	int err = 0;

	for (size_t i = 0; i < names->nr && !err; i++) {
		snprintf(path, sizeof(path), DIR_NAME "/%s", names->all[i]);
		err = take_file(ctx, policy, path, all);
	}
	return err;
}

static int take_dir(struct mo_ctx *ctx, struct policy *policy, struct text *all)
{
	DIR *dir = mo_opendir(ctx, DIR_NAME);
	struct mo_names names = { 0 };
	struct stat st;
	int err;

	if (!dir) {
		if (errno != ENOENT)
			mo_policy_problem_add(policy, DIR_NAME ": it can't be read: %s", strerror(errno));
		return 0;
	}
	if (!fstat(dirfd(dir), &st))
		check_access(ctx, policy, DIR_NAME, &st);
	err = mo_names_read(&names, dir, is_ours);
	closedir(dir);
	if (!err)
		err = take_names(ctx, policy, &names, all);
	mo_names_clear(&names);
	return err;
}

/* ---- what is kept ---- */

static bool kept_path(struct mo_ctx *ctx, char path[PATH_MAX])
{
	const char *dir = mo_state_dir(ctx);

	return *dir && snprintf(path, PATH_MAX, "%s/" KEPT_NAME, dir) < PATH_MAX;
}

static int open_kept(struct mo_ctx *ctx, const char *path)
{
	int fd;

	if (mo_ctx_get_sysroot(ctx))
		return mo_open(ctx, O_RDONLY | O_NONBLOCK | O_NOCTTY, "%s", path);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Its problems are told as well. */
static int take_kept(struct mo_ctx *ctx, struct policy *policy, struct text *text)
{
	char path[PATH_MAX];
	const char *why;
	int err = kept_path(ctx, path) ? read_file(ctx, policy, path, open_kept(ctx, path), text) : -ENOENT;

	if (!err)
		err = mo_policy_can_parse(&why);
	if (!err)
		mo_policy_parse(policy, path, text->bytes, text->len);
	return err;
}

static bool is_kept(struct mo_ctx *ctx, const struct text *all)
{
	struct policy *ignored = mo_policy_new();
	struct text kept = { 0 };
	char path[PATH_MAX];
	bool is = false;

	if (ignored && kept_path(ctx, path)) {
		int err = read_file(ctx, ignored, path, open_kept(ctx, path), &kept);

		is = err ? err == -ENOENT && all->len == strlen(KEPT_HEAD)
			 : kept.len == all->len && !memcmp(kept.bytes, all->bytes, all->len);
	}
	mo_policy_unref(&ignored->values);
	free(kept.bytes);
	return is;
}

static int write_kept(struct mo_ctx *ctx, const char *path, const struct text *all)
{
	struct mo_new_file *file;
	bool is_whole;
	int err;

	if (mkdir(mo_state_dir(ctx), 0700) && errno != EEXIST)
		return -errno;
	err = mo_new_file_open(ctx, path, &file);
	if (err)
		return err;
	is_whole = write(mo_new_file_fd(file), all->bytes, all->len) == (ssize_t)all->len;
	err = mo_new_file_end(file, is_whole);
	return err ? err : is_whole ? 0 : -EIO;
}

static void keep(struct mo_ctx *ctx, const struct text *all)
{
	char path[PATH_MAX];
	int err;

	if (geteuid() || mo_ctx_get_sysroot(ctx) || !kept_path(ctx, path) || is_kept(ctx, all))
		return;
	err = write_kept(ctx, path, all);
	if (err)
		mo_log(ctx, MO_LOG_WARNING, "the policy can't be kept in %s: %s; after a mistake in " FILE_NAME
		       " an older one counts, or none", path, strerror(-err));
}

/* ---- all of it ---- */

/* What holds while POLICY has problems. */
static int replace(struct mo_ctx *ctx, struct policy *policy)
{
	struct policy *old = mo_policy_new();
	struct text text = { 0 };
	int err;

	if (!old)
		return -ENOMEM;
	err = take_kept(ctx, old, &text);
	free(text.bytes);
	for (size_t i = 0; i < old->nr_problems; i++)
		mo_policy_problem_add(policy, "%s", old->problems[i]);
	policy->no_memory |= old->no_memory;
	old->values.source = MO_POLICY_KEPT;
	mo_policy_take_values(policy, err || old->nr_problems ? NULL : old);
	mo_policy_unref(&old->values);
	return 0;
}

static int take_files(struct mo_ctx *ctx, struct policy *policy, struct text *all)
{
	int err;

	add_text(policy, all, KEPT_HEAD, strlen(KEPT_HEAD));
	err = take_file(ctx, policy, FILE_NAME, all);
	if (!err)
		err = take_dir(ctx, policy, all);
	if (!err && policy->nr_problems)
		err = replace(ctx, policy);
	else if (!err && all->len > strlen(KEPT_HEAD))
		policy->values.source = MO_POLICY_FILES;
	return policy->no_memory ? -ENOMEM : err;
}

static int read_policy(struct mo_ctx *ctx, bool may_keep, struct mo_policy **out)
{
	struct policy *policy = mo_policy_new();
	struct text all = { 0 };
	int err = policy ? take_files(ctx, policy, &all) : -ENOMEM;

	if (err == -ENOMEM)
		mo_error(ctx, err, "no memory for the policy; free some and try again");
	if (!err && may_keep && !policy->nr_problems)
		keep(ctx, &all);
	free(all.bytes);
	if (err)
		mo_policy_unref(&policy->values);
	else
		*out = &policy->values;
	return err;
}

int mo_policy_read(struct mo_ctx *ctx, struct mo_policy **policy)
{
	return read_policy(ctx, true, policy);
}

int mo_policy_look(struct mo_ctx *ctx, struct mo_policy **policy)
{
	return read_policy(ctx, false, policy);
}
