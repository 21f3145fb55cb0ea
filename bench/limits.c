/* Ends of a measurement. See limits.h. */
#include "bench/limits.h"

#include "base/clock.h"
#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>

/* One look that happens to be narrow ends nothing: it takes as many in a row. */
#define LOOKS 2
/* A look sorts all turns: when there are many, not after each. */
#define LOOK_SHARE 16

double limits_width(const struct arm *arm)
{
	double *medians, median, width;
	struct stats_interval interval;

	if (arm->turn_count < LIMITS_TURNS_MIN)
		return (double)NAN;
	medians = calloc(arm->turn_count, sizeof(medians[0]));
	if (!medians)
		return (double)NAN;
	for (uint32_t i = 0; i < arm->turn_count; i++)
		medians[i] = arm->turns[i].p50_ns;
	stats_sort(medians, arm->turn_count);
	median = stats_median(medians, arm->turn_count);
	interval = stats_median_interval(medians, arm->turn_count, 0.95);
	width = fmax(interval.high - median, median - interval.low) / median;
	free(medians);
	return width;
}

static bool look_due(const struct arm *arm)
{
	uint32_t step = arm->turn_count / LOOK_SHARE;

	return arm->turn_count >= LIMITS_TURNS_MIN && (step < 2 || arm->turn_count % step == 0);
}

static void arm_look(const struct runner *runner, struct arm *arm)
{
	if (!runner->options.until || !look_due(arm))
		return;
	arm->width = limits_width(arm);
	arm->within = arm->width <= runner->options.until ? arm->within + 1 : 0;
}

bool limits_met(const struct runner *runner, const struct arm *arm)
{
	return !runner->options.until || arm->within >= LOOKS;
}

/* In sequence every arm has its share of the time. */
static bool time_over(const struct runner *runner, const struct arm *only)
{
	uint64_t limit = runner->options.time_ns;

	if (only)
		limit = limit / runner->arm_count * (runner->place + 1);
	return limit && clock_now_ns() - runner->begin_ns >= limit;
}

static void all_look(struct runner *runner)
{
	bool over = time_over(runner, NULL), met = runner->options.until > 0.0;

	for (size_t i = 0; i < runner->arm_count; i++) {
		struct arm *arm = &runner->arms[i];

		if (!arm->alive)
			continue;
		arm_look(runner, arm);
		met &= limits_met(runner, arm);
		over &= arm->count > 0; /* every arm has one turn at least */
	}
	for (size_t i = 0; i < runner->arm_count; i++)
		runner->arms[i].ended |= over || met;
}

void limits_look(struct runner *runner, struct arm *only)
{
	if (!only) {
		all_look(runner);
		return;
	}
	arm_look(runner, only);
	only->ended |= only->count && (time_over(runner, only) ||
				       (runner->options.until > 0.0 && limits_met(runner, only)));
}
