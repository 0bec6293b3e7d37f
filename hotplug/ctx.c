// SPDX-License-Identifier: LGPL-2.1-or-later
/* The context: where to look, whom to tell, why the last call failed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "private.h"

#define RUN_DIR "/run/memoffline"
#define STATE_DIR "/var/lib/memoffline"

struct mo_ctx {
	unsigned int nr_refs;
	int root_fd;
	char *sysroot;		/* NULL on the running machine */
	char *run_dir;
	char *state_dir;	/* "": no history is kept */
	char *module;		/* NULL: the one in /lib/modules */
	mo_log_fn *log_fn;
	void *log_data;
	enum mo_log_level max_level;
	char error[1024];
};

int mo_ctx_new(struct mo_ctx **out)
{
	struct mo_ctx *ctx = calloc(1, sizeof(*ctx));
	int err = -ENOMEM;

	if (!ctx)
		return err;
	ctx->nr_refs = 1;
	ctx->run_dir = strdup(RUN_DIR);
	ctx->state_dir = strdup(STATE_DIR);
	if (!ctx->run_dir || !ctx->state_dir)
		goto free_dirs;
	ctx->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (ctx->root_fd < 0) {
		err = -errno;
		goto free_dirs;
	}
	*out = ctx;
	return 0;

free_dirs:
	free(ctx->state_dir);
	free(ctx->run_dir);
	free(ctx);
	return err;
}

struct mo_ctx *mo_ctx_ref(struct mo_ctx *ctx)
{
	ctx->nr_refs++;
	return ctx;
}

struct mo_ctx *mo_ctx_unref(struct mo_ctx *ctx)
{
	if (!ctx || --ctx->nr_refs)
		return NULL;
	close(ctx->root_fd);
	free(ctx->sysroot);
	free(ctx->run_dir);
	free(ctx->state_dir);
	free(ctx->module);
	free(ctx);
	return NULL;
}

int mo_ctx_set_sysroot(struct mo_ctx *ctx, const char *dir)
{
	char *copy = strdup(dir);
	int fd, err;

	if (!copy)
		return mo_error(ctx, -ENOMEM, "no memory for the sysroot's name");
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		free(copy);
		return mo_error(ctx, err, "can't use %s as sysroot: %s; name a directory that holds a copy of /sys and /proc",
				dir, strerror(-err));
	}
	close(ctx->root_fd);
	free(ctx->sysroot);
	ctx->root_fd = fd;
	ctx->sysroot = copy;
	return 0;
}

const char *mo_ctx_get_sysroot(const struct mo_ctx *ctx)
{
	return ctx->sysroot;
}

int mo_ctx_set_run_dir(struct mo_ctx *ctx, const char *dir)
{
	char *copy = strdup(dir);

	if (!copy)
		return mo_error(ctx, -ENOMEM, "no memory for the run directory's name");
	free(ctx->run_dir);
	ctx->run_dir = copy;
	return 0;
}

int mo_ctx_set_state_dir(struct mo_ctx *ctx, const char *dir)
{
	char *copy = strdup(dir);

	if (!copy)
		return mo_error(ctx, -ENOMEM, "no memory for the state directory's name");
	free(ctx->state_dir);
	ctx->state_dir = copy;
	return 0;
}

int mo_ctx_set_module(struct mo_ctx *ctx, const char *path)
{
	char *copy = strdup(path);

	if (!copy)
		return mo_error(ctx, -ENOMEM, "no memory for the module's name");
	free(ctx->module);
	ctx->module = copy;
	return 0;
}

const char *mo_ctx_module(const struct mo_ctx *ctx)
{
	return ctx->module;
}

void mo_ctx_set_log(struct mo_ctx *ctx, mo_log_fn *fn, void *data, enum mo_log_level max_level)
{
	ctx->log_fn = fn;
	ctx->log_data = data;
	ctx->max_level = max_level;
}

const char *mo_ctx_error(const struct mo_ctx *ctx)
{
	return ctx->error;
}

static void log_line(struct mo_ctx *ctx, enum mo_log_level level, const char *line)
{
	if (ctx->log_fn && level <= ctx->max_level)
		ctx->log_fn(ctx->log_data, level, line);
}

int mo_error(struct mo_ctx *ctx, int err, const char *fmt, ...)
{
	char line[sizeof(ctx->error)];	/* the arguments may quote the last error */
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	memcpy(ctx->error, line, sizeof(line));
	log_line(ctx, MO_LOG_DEBUG, ctx->error);
	return err;
}

void mo_log(struct mo_ctx *ctx, enum mo_log_level level, const char *fmt, ...)
{
	char line[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	log_line(ctx, level, line);
}

const char *mo_run_dir(const struct mo_ctx *ctx)
{
	return ctx->run_dir;
}

const char *mo_state_dir(const struct mo_ctx *ctx)
{
	return ctx->state_dir;
}

int mo_root_fd(const struct mo_ctx *ctx)
{
	return ctx->root_fd;
}

static uint64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t mo_now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

uint64_t mo_wall_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}
