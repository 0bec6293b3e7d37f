// SPDX-License-Identifier: LGPL-2.1-or-later
/* The context: where to look, whom to tell, why the last call failed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "private.h"

#define RUN_DIR "/run/memoffline"
#define STATE_DIR "/var/lib/memoffline"

struct mo_ctx {
	unsigned int nr_refs;
	int root_fd;
	char *sysroot;		/* NULL on the running machine */
	struct mo_unpacked *unpacked;	/* where that is an archive */
	char *run_dir;		/* NULL: RUN_DIR, below the sysroot */
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
	ctx->state_dir = strdup(STATE_DIR);
	if (!ctx->state_dir)
		goto free_ctx;
	ctx->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (ctx->root_fd < 0) {
		err = -errno;
		goto free_ctx;
	}
	*out = ctx;
	return 0;

free_ctx:
	free(ctx->state_dir);
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
	mo_unpacked_remove(ctx->unpacked);
	free(ctx->sysroot);
	free(ctx->run_dir);
	free(ctx->state_dir);
	free(ctx->module);
	free(ctx);
	return NULL;
}

static int open_error(struct mo_ctx *ctx, const char *name, int err)
{
	return mo_error(ctx, err, "can't use %s as sysroot: %s; name a directory that holds a copy of /sys and /proc, or what "
			"'memoffline bundle' wrote", name, strerror(-err));
}

/* The handle of the directory, or of the one that the archive went to. */
static int open_sysroot(struct mo_ctx *ctx, const char *name, struct mo_unpacked **unpacked)
{
	struct stat file;
	int fd = open(name, O_PATH | O_CLOEXEC), err;

	if (fd < 0)
		return open_error(ctx, name, -errno);
	if (fstat(fd, &file) || S_ISDIR(file.st_mode))
		return fd;
	close(fd);
	if (!S_ISREG(file.st_mode))
		return open_error(ctx, name, -ENOTDIR);
	err = mo_unpacked_new(ctx, name, unpacked);
	if (err)
		return err;
	fd = open(mo_unpacked_dir(*unpacked), O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? open_error(ctx, mo_unpacked_dir(*unpacked), -errno) : fd;
}

int mo_ctx_set_sysroot(struct mo_ctx *ctx, const char *name)
{
	struct mo_unpacked *unpacked = NULL;
	char *copy = strdup(name);
	int fd;

	if (!copy)
		return mo_error(ctx, -ENOMEM, "no memory for the sysroot's name");
	fd = open_sysroot(ctx, name, &unpacked);
	if (fd < 0) {
		mo_unpacked_remove(unpacked);
		free(copy);
		return fd;
	}
	close(ctx->root_fd);
	mo_unpacked_remove(ctx->unpacked);
	free(ctx->sysroot);
	ctx->root_fd = fd;
	ctx->unpacked = unpacked;
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
	return ctx->run_dir ? ctx->run_dir : RUN_DIR;
}

bool mo_run_dir_is_recorded(const struct mo_ctx *ctx)
{
	return !ctx->run_dir && ctx->sysroot;
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
