// SPDX-License-Identifier: LGPL-2.1-or-later
/* How long a plan will take, by what the last attempts on this machine took. Reads only. */
#include <errno.h>
#include <string.h>

#include "private.h"

#define ATTEMPTS_MAX 32		/* looked at; older ones say little of how it is now */
#define BYTES_MIN (8u << 20)	/* moved in all of them; from less no rate can be told */

/* One attempt that went as it should. */
struct sample {
	double ms;
	double nr_blocks;
	double bytes;
	double least_ms;	/* that any of its blocks took */
};

struct samples {
	const char *engine;		/* NULL: that of the newest */
	uint64_t block_bytes;
	enum mo_engine found;
	struct sample all[ATTEMPTS_MAX];
	unsigned int nr;
	double bytes;			/* of all */
};

/* ---- which attempts tell something ---- */

/* False: it did not go. */
static bool add_block(struct sample *sample, const struct mo_block_result *result)
{
	if (result->outcome == MO_OUTCOME_WAS_SO)
		return true;
	if (result->outcome != MO_OUTCOME_DONE)
		return false;
	if (!sample->nr_blocks++ || (double)result->elapsed_ms < sample->least_ms)
		sample->least_ms = (double)result->elapsed_ms;
	return true;
}

/* Whole, without a limit on its rate, and of blocks as they are now. */
static bool is_sample(const struct samples *samples, const struct mo_line *line)
{
	return line->report && mo_report_takes_offline(line->report) && !mo_report_result(line->report) &&
	       !line->max_mib_s && line->block_bytes == samples->block_bytes;
}

static int add_line(void *data, const struct mo_line *line)
{
	struct samples *samples = data;
	const struct mo_block_result *result;
	struct sample sample = { .nr_blocks = 0 };
	const char *engine;

	if (!is_sample(samples, line))
		return 0;
	engine = mo_report_engine(line->report);
	sample.ms = (double)mo_report_elapsed_ms(line->report);
	sample.bytes = (double)line->move_bytes;
	if (samples->engine && strcmp(engine, samples->engine))
		return 0;
	for (size_t i = 0; (result = mo_report_block(line->report, i)); i++)
		if (!add_block(&sample, result))
			return 0;
	if (!sample.nr_blocks || mo_engine_parse(engine, &samples->found))
		return 0;
	samples->engine = mo_engine_name(samples->found);
	samples->bytes += sample.bytes;
	samples->all[samples->nr++] = sample;
	return samples->nr == ATTEMPTS_MAX;
}

/* ---- the rates that fit them best ---- */

/*
 * ms = block_ms * nr_blocks + byte_ms * bytes, by least squares of what each is off in relation to its length. False:
 * they do not tell the two apart, or not with a meaning.
 */
static bool fit(const struct samples *samples, double *block_ms, double *byte_ms)
{
	double nn = 0, nb = 0, bb = 0, n = 0, b = 0, det;

	for (unsigned int i = 0; i < samples->nr; i++) {
		const struct sample *sample = &samples->all[i];
		double ms = sample->ms < 1 ? 1 : sample->ms, x = sample->nr_blocks / ms, y = sample->bytes / ms;

		nn += x * x;
		nb += x * y;
		bb += y * y;
		n += x;
		b += y;
	}
	det = nn * bb - nb * nb;
	if (det < 0.01 * nn * bb || det <= 0)
		return false;
	*block_ms = (n * bb - b * nb) / det;
	*byte_ms = (b * nn - n * nb) / det;
	return *block_ms >= 0 && *byte_ms > 0;
}

/* All took about as much for a byte: what the quickest block took is its own, and the rest was moving. */
static void divide(const struct samples *samples, double *block_ms, double *byte_ms)
{
	double rest_ms = 0, nr_blocks = 0;

	*block_ms = samples->all[0].least_ms;
	for (unsigned int i = 0; i < samples->nr; i++) {
		rest_ms += samples->all[i].ms;
		nr_blocks += samples->all[i].nr_blocks;
		if (samples->all[i].least_ms < *block_ms)
			*block_ms = samples->all[i].least_ms;
	}
	if (*block_ms * nr_blocks > rest_ms / 2)
		*block_ms = rest_ms / 2 / nr_blocks;
	*byte_ms = (rest_ms - *block_ms * nr_blocks) / samples->bytes;
}

static double mean_block_ms(const struct samples *samples)
{
	double ms = 0, nr_blocks = 0;

	for (unsigned int i = 0; i < samples->nr; i++) {
		ms += samples->all[i].ms;
		nr_blocks += samples->all[i].nr_blocks;
	}
	return ms / nr_blocks;
}

static int no_rates(struct mo_ctx *ctx, int err)
{
	if (err == -ENOENT || err == -ENODATA)
		return mo_error(ctx, -ENODATA, "no attempt yet on this machine to go by");
	if (err == -EACCES || err == -EPERM)
		return mo_error(ctx, err, "only root may read what earlier attempts took, in %s", mo_state_dir(ctx));
	return mo_error(ctx, err, "can't read the history in %s: %s; see whether it is a folder with plain files, and whether "
			"libjson-c is installed", mo_state_dir(ctx), strerror(-err));
}

int mo_history_rates(struct mo_ctx *ctx, enum mo_engine engine, uint64_t block_bytes, struct mo_rates *rates)
{
	struct samples samples = { .block_bytes = block_bytes };
	double block_ms, byte_ms = 0;
	int err;

	if (engine != MO_ENGINE_AUTO)
		samples.engine = mo_engine_name(engine);
	err = mo_history_each(ctx, add_line, &samples, NULL);
	if (err < 0 || !samples.nr)
		return no_rates(ctx, err < 0 ? err : -ENODATA);
	if (samples.bytes < BYTES_MIN)
		block_ms = mean_block_ms(&samples);
	else if (!fit(&samples, &block_ms, &byte_ms))
		divide(&samples, &block_ms, &byte_ms);
	*rates = (struct mo_rates){ .engine = samples.found, .nr_attempts = samples.nr,
				    .block_us = (uint64_t)(block_ms * 1000 + 0.5),
				    .bytes_s = byte_ms > 0 ? (uint64_t)(1000 / byte_ms + 0.5) : 0 };
	return 0;
}

/* ---- of a plan ---- */

/* Whether the module can be loaded is not looked into: what was there the last time will be there again. */
int mo_plan_rates(const struct mo_plan *plan, const struct mo_request *request, struct mo_rates *rates)
{
	struct mo_ctx *ctx = plan->memory->ctx;
	enum mo_engine engine = request->engine;

	if (engine == MO_ENGINE_AUTO && mo_module_is_loaded(ctx))
		engine = MO_ENGINE_CORE;
	return mo_history_rates(ctx, engine, plan->memory->block_bytes, rates);
}

static bool is_to_go(const struct mo_step *step)
{
	return step->verdict != MO_VERDICT_DONE && step->verdict != MO_VERDICT_NEVER;
}

static bool can_tell(const struct mo_step *step, const struct mo_rates *rates)
{
	return step->content_known && (!step->content.move_pages || rates->bytes_s);
}

static double step_ms(const struct mo_plan *plan, const struct mo_step *step, const struct mo_rates *rates)
{
	double bytes = (double)(step->content.move_pages * plan->memory->page_bytes);

	return (double)rates->block_us / 1000 + (bytes > 0 ? bytes * 1000 / (double)rates->bytes_s : 0);
}

uint64_t mo_plan_step_time_ms(const struct mo_plan *plan, const struct mo_step *step, const struct mo_rates *rates)
{
	if (!is_to_go(step))
		return 0;
	return can_tell(step, rates) ? (uint64_t)(step_ms(plan, step, rates) + 0.5) : UINT64_MAX;
}

uint64_t mo_plan_time_ms(const struct mo_plan *plan, const struct mo_rates *rates)
{
	double ms = 0;

	for (size_t i = 0; i < plan->nr_steps; i++) {
		if (!is_to_go(&plan->steps[i]))
			continue;
		if (!can_tell(&plan->steps[i], rates))
			return UINT64_MAX;
		ms += step_ms(plan, &plan->steps[i], rates);
	}
	return (uint64_t)(ms + 0.5);
}
