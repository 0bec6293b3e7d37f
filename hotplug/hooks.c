// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Hooks: programs of the administrator that are asked before memory is removed, and told what came of it. One that
 * can't be asked counts as a veto: it may be what keeps the machine from harm.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "private.h"

#define BEGUN_NAME "hooks"		/* in the state directory */
#define LINES_MAX 16			/* of its output, in the report */
#define LINE_BYTES_MAX 300
#define STATUS_MAX 125			/* shells have a meaning of their own for those above */

struct mo_hooks {
	struct mo_ctx *ctx;
	const struct mo_policy *policy;
	struct mo_names begun;	/* whose PRE was, in this order */
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

/* ---- whose PRE was begun, for a later process ---- */

static bool begun_path(struct mo_ctx *ctx, char path[PATH_MAX])
{
	const char *dir = mo_state_dir(ctx);

	return *dir && !mo_ctx_get_sysroot(ctx) && snprintf(path, PATH_MAX, "%s/" BEGUN_NAME, dir) < PATH_MAX;
}

static int load_begun(struct mo_hooks *hooks)
{
	char path[PATH_MAX], *text, *line, *rest;
	int fd, err;

	if (!begun_path(hooks->ctx, path))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return 0;
	err = mo_read_open(fd, &text, NULL);
	close(fd);
	if (err)
		return err == -ENOMEM ? err : 0;
	for (line = strtok_r(text, "\n", &rest); line && !err; line = strtok_r(NULL, "\n", &rest))
		err = mo_names_add(&hooks->begun, line);
	free(text);
	return err;
}

static int write_names(int fd, const struct mo_names *names)
{
	for (size_t i = 0; i < names->nr; i++)
		if (dprintf(fd, "%s\n", names->all[i]) < 0)
			return -errno;
	return 0;
}

static int write_begun(const struct mo_hooks *hooks, const char *path)
{
	struct mo_new_file *file;
	int err, end;

	if (mkdir(mo_state_dir(hooks->ctx), 0700) && errno != EEXIST)
		return -errno;
	err = mo_new_file_open(hooks->ctx, path, &file);
	if (err)
		return err;
	err = write_names(mo_new_file_fd(file), &hooks->begun);
	end = mo_new_file_end(file, !err);
	return err ? err : end;
}

static void save_begun(const struct mo_hooks *hooks)
{
	char path[PATH_MAX];
	int err;

	if (!begun_path(hooks->ctx, path))
		return;
	if (hooks->begun.nr)
		err = write_begun(hooks, path);
	else
		err = unlink(path) && errno != ENOENT ? -errno : 0;
	if (err)
		mo_log(hooks->ctx, MO_LOG_WARNING, "%s can't be written: %s; if this process is killed, hooks are not told to undo "
		       "what they did", path, strerror(-err));
}

static void forget_begun(struct mo_hooks *hooks)
{
	mo_names_clear(&hooks->begun);
	save_begun(hooks);
}

int mo_hooks_new(struct mo_ctx *ctx, const struct mo_policy *policy, struct mo_hooks **out)
{
	struct mo_hooks *hooks = calloc(1, sizeof(*hooks));

	if (!hooks)
		return mo_error(ctx, -ENOMEM, "no memory for the hooks; free some and try again");
	hooks->ctx = mo_ctx_ref(ctx);
	hooks->policy = policy;
	if (load_begun(hooks)) {
		mo_hooks_free(hooks);
		return mo_error(ctx, -ENOMEM, "no memory for the hooks; free some and try again");
	}
	*out = hooks;
	return 0;
}

void mo_hooks_free(struct mo_hooks *hooks)
{
	if (!hooks)
		return;
	mo_names_clear(&hooks->begun);
	mo_ctx_unref(hooks->ctx);
	free(hooks);
}

/* ---- one phase ---- */

struct phase {
	struct mo_hooks *hooks;
	enum mo_hook_phase number;
	int stop_fd;
	struct mo_report *report;
	const struct mo_hook_facts *facts;
	struct mo_environment env;
	char *json;
};

static void PRINTF(2, 3) note(struct phase *phase, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	if (!text)
		return;
	mo_log(phase->hooks->ctx, MO_LOG_INFO, "%s", text);
	mo_report_add_note(phase->report, "%s", text);
	free(text);
}

/* In check, a veto; else a note, and the next one's turn. NAME: "" for their folder. What follows is of it. */
static int PRINTF(3, 4) refuse(struct phase *phase, const char *name, const char *fmt, ...)
{
	const char *what = *name ? "hook" : "folder of hooks", *dir = phase->hooks->policy->hooks_dir;
	char why[2 * LINE_BYTES_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	if (phase->number == MO_HOOK_CHECK)
		return mo_error(phase->hooks->ctx, -ECANCELED, "the %s %s/%s %s", what, dir, name, why);
	note(phase, "%s %s (%s): it %s", what, *name ? name : dir, mo_hook_phase_name(phase->number), why);
	return 0;
}

/* ---- its output ---- */

/* One line of it, as text: controls move cursors and forge other lines. False: there is none left. */
static bool next_line(const char **at, const char *end, char line[LINE_BYTES_MAX])
{
	const char *newline = memchr(*at, '\n', (size_t)(end - *at));
	const char *stop = newline ? newline : end;
	size_t len = 0;

	if (*at == end)
		return false;
	for (const char *byte = *at; byte < stop && len < LINE_BYTES_MAX - 5; byte++) {
		bool is_plain = (unsigned char)*byte >= ' ' && *byte != '\x7f';

		if (*byte == '\r' && byte + 1 == stop)
			break;
		len += (size_t)sprintf(line + len, is_plain ? "%c" : "\\x%02x", is_plain ? *byte : (unsigned char)*byte);
	}
	line[len] = '\0';
	*at = newline ? newline + 1 : end;
	return true;
}

static void tell_output(struct phase *phase, const char *name, const struct mo_program *program)
{
	const char *at = program->output, *end = at + program->len;
	char line[LINE_BYTES_MAX];
	unsigned int nr = 0;

	while (next_line(&at, end, line) && nr < LINES_MAX) {
		if (!*line)
			continue;
		note(phase, "hook %s (%s): %s", name, mo_hook_phase_name(phase->number), line);
		nr++;
	}
	if (at < end || program->is_cut)
		note(phase, "hook %s (%s): it said more than is kept here", name, mo_hook_phase_name(phase->number));
}

/* The first line that is not empty. */
static void first_line(const struct mo_program *program, char line[LINE_BYTES_MAX])
{
	const char *at = program->output;

	*line = '\0';
	while (!*line && next_line(&at, program->output + program->len, line))
		;
}

/* ---- one hook ---- */

static int judge_end(struct phase *phase, const char *name, const struct mo_program *program)
{
	char line[LINE_BYTES_MAX];

	if (program->ended_by == MO_REASON_INTERRUPTED)
		return mo_error(phase->hooks->ctx, -EINTR, "stopped in the phase %s of the hook %s", mo_hook_phase_name(phase->number), name);
	if (program->ended_by == MO_REASON_DEADLINE)
		return refuse(phase, name, "did not end within %" PRIu32 " s and was killed; mend it, or raise timeout in [hooks] of "
			      "/etc/memoffline.conf", phase->hooks->policy->hook_timeout_ms / 1000);
	if (program->signal)
		return refuse(phase, name, "was killed by signal %d (%s); mend it, or take it away", program->signal,
			      strsignal(program->signal));
	if (!program->status)
		return 0;
	first_line(program, line);
	if (phase->number == MO_HOOK_CHECK && program->status > 0 && program->status <= STATUS_MAX)
		return refuse(phase, name, "vetoes: %s", *line ? line : "it does not say why");
	return refuse(phase, name, "failed with status %d%s%s; mend it, or take it away", program->status, *line ? ": " : "", line);
}

static int run_hook(struct phase *phase, const char *name)
{
	const struct mo_policy *policy = phase->hooks->policy;
	char path[PATH_MAX];
	struct mo_program program = {
		.path = path, .words = { mo_hook_phase_name(phase->number) }, .environment = phase->env.variables,
		.input = phase->json, .limit_ms = policy->hook_timeout_ms, .stop_fd = phase->stop_fd,
	};
	int err;

	snprintf(path, sizeof(path), "%s/%s", policy->hooks_dir, name);
	mo_log(phase->hooks->ctx, MO_LOG_DEBUG, "hook %s begins", path);
	err = mo_program_run(&program);
	if (err)
		return refuse(phase, name, "can't be run: %s; mend it, or take it away", strerror(-err));
	tell_output(phase, name, &program);
	return judge_end(phase, name, &program);
}

/* ---- which of them ---- */

/* 1: run it. 0: pass on. */
static int look_at(struct phase *phase, int dir_fd, const char *name)
{
	char why[MO_HOOK_WHY_BYTES];

	switch (mo_hook_judge(dir_fd, name, why)) {
	case MO_HOOK_RUN: return 1;
	case MO_HOOK_REFUSED: return refuse(phase, name, "%s", why);
	case MO_HOOK_OFF:
		note(phase, "hook %s (%s): it %s", name, mo_hook_phase_name(phase->number), why);
		return 0;
	default:
		mo_log(phase->hooks->ctx, MO_LOG_DEBUG, "hook %s %s", name, why);
		return 0;
	}
}

/* Those of NAMES that were begun, the last of them first. */
static int keep_begun(const struct mo_hooks *hooks, struct mo_names *names)
{
	struct mo_names begun = { 0 };
	int err = 0;

	for (size_t i = hooks->begun.nr; i-- && !err;)
		for (size_t j = 0; j < names->nr && !err; j++)
			if (!strcmp(names->all[j], hooks->begun.all[i]))
				err = mo_names_add(&begun, names->all[j]);
	mo_names_clear(names);
	*names = begun;
	return err;
}

static int remember(struct mo_hooks *hooks, const char *name)
{
	int err = mo_names_add(&hooks->begun, name);

	if (!err)
		save_begun(hooks);
	return err;
}

static int run_names(struct phase *phase, int dir_fd, const struct mo_names *names)
{
	int err = 0;

	for (size_t i = 0; i < names->nr && !err; i++) {
		const char *name = names->all[i];

		err = look_at(phase, dir_fd, name);
		if (err <= 0)
			continue;
		err = phase->number == MO_HOOK_PRE ? remember(phase->hooks, name) : 0;
		if (!err)
			err = run_hook(phase, name);
	}
	return err;
}

/* What they are told is made once there is somebody to tell. */
static int tell_names(struct phase *phase, int dir_fd, const struct mo_names *names)
{
	int err;

	if (!names->nr)
		return 0;
	err = mo_environment_make(&phase->env, phase->number, phase->facts) ?
	      mo_hook_to_json(phase->number, phase->facts, &phase->json) : -ENOMEM;
	if (err == -ELIBACC)
		err = refuse(phase, names->all[0], "can't be told anything, since libjson-c can't be used; install libjson-c "
			     "(Debian: libjson-c5)");
	else if (!err)
		err = run_names(phase, dir_fd, names);
	free(phase->json);
	mo_environment_clear(&phase->env);
	return err;
}

static int run_dir(struct phase *phase, DIR *dir)
{
	struct mo_names names = { 0 };
	const char *why;
	struct stat st;
	int err;

	if (fstat(dirfd(dir), &st))
		return -errno;
	why = mo_hook_distrust(&st);
	if (why)
		return refuse(phase, "", "%s", why);
	err = mo_names_read(&names, dir, mo_hook_is_visible);
	if (!err && phase->number == MO_HOOK_UNDO)
		err = keep_begun(phase->hooks, &names);
	if (!err)
		err = tell_names(phase, dirfd(dir), &names);
	mo_names_clear(&names);
	return err;
}

static int run_phase(struct phase *phase)
{
	DIR *dir = opendir(phase->hooks->policy->hooks_dir);
	int err;

	if (!dir)
		return errno == ENOENT ? 0 : refuse(phase, "", "can't be read: %s; mend it, or name another in /etc/memoffline.conf", strerror(errno));
	err = run_dir(phase, dir);
	closedir(dir);
	return err;
}

int mo_hooks_run(struct mo_hooks *hooks, enum mo_hook_phase number, const struct mo_hook_facts *facts, int stop_fd,
		 struct mo_report *report)
{
	struct phase phase = {
		.hooks = hooks, .number = number, .facts = facts, .stop_fd = stop_fd, .report = report,
	};
	int err;

	if (mo_ctx_get_sysroot(hooks->ctx))
		return mo_error(hooks->ctx, -EROFS, "hooks are not run for a recorded machine; leave out --sysroot");
	if (number <= MO_HOOK_PRE)
		forget_begun(hooks);	/* also what a removal told of whose journal was lost */
	err = run_phase(&phase);
	if (!err && (number == MO_HOOK_POST || number == MO_HOOK_UNDO))
		forget_begun(hooks);
	if (err == -ENOMEM)
		mo_error(hooks->ctx, err, "no memory for the hooks; free some and try again");
	return err;
}
