/* Arms in turns. See runner.h for why. */
#include "bench/runner.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "bench/command.h"
#include "bench/limits.h"
#include "bench/turn.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_WARMUP 3 /* loads */
#define NS_PER_MS 1000000u

static void turns_shuffle(struct runner *runner)
{
	for (size_t i = 0; i < runner->arm_count; i++)
		runner->turns[i] = i;
	if (runner->options.order != RUNNER_RANDOM)
		return;
	for (size_t i = runner->arm_count; i > 1; i--) {
		size_t j = (size_t)(random_next(&runner->random) % i);
		size_t swapped = runner->turns[i - 1];

		runner->turns[i - 1] = runner->turns[j];
		runner->turns[j] = swapped;
	}
}

uint32_t runner_threads(const struct runner *runner)
{
	return runner->options.threads > 1 ? runner->options.threads : 1;
}

int runner_open(struct runner *runner, const struct runner_options *options, struct record *record,
		struct arm *arms, size_t arm_count)
{
	size_t batch = options->batch + RUNNER_LEAD;

	*runner = (struct runner){
		.options = *options,
		.record = record,
		.arms = arms,
		.arm_count = arm_count,
		.random = options->seed,
	};
	runner->turns = calloc(arm_count, sizeof(runner->turns[0]));
	runner->loads = calloc(batch * runner_threads(runner), sizeof(runner->loads[0]));
	for (size_t i = 0; i < arm_count; i++) {
		arms[i].left = options->loads;
		arms[i].warmup_left = options->warmup;
		arms[i].width = (double)NAN;
		if (asprintf(&arms[i].name, "%s@%s", arms[i].loader, arms[i].subject->label) < 0)
			arms[i].name = NULL;
		if (!arms[i].name)
			return -ENOMEM;
	}
	return runner->turns && runner->loads ? 0 : -ENOMEM;
}

struct client_options runner_arm_options(const struct runner *runner, const struct arm *arm)
{
	return (struct client_options){
		.loader = arm->loader,
		.path = arm->subject->path,
		.symbol = arm->subject->symbol,
		.call = arm->subject->call,
		.cpu = runner->options.cpu,
		.spinner = runner->options.spinner,
		.spinner_cpu = runner->options.spinner_cpu,
		.threads = runner->options.threads,
		.spread = runner->options.spread,
		.cold = runner->options.cold,
		.capacity = runner->options.isolate ? 1 : runner->options.batch + RUNNER_LEAD,
		.check_every = runner->options.check_every,
		.private_directories = arm->stages && !runner->options.machine_directories,
		.timeout_ns = runner->options.timeout_ns,
	};
}

/* In loads, or where time decides in seconds. */
static void progress_show(struct runner *runner, const struct arm *arm)
{
	uint64_t done = 0;
	char now[128];

	if (runner->options.time_ns) {
		done = (clock_now_ns() - runner->begin_ns) / NS_PER_MS;
	} else {
		for (size_t i = 0; i < runner->arm_count; i++)
			done += runner->arms[i].alive
					? runner->arms[i].count / runner_threads(runner)
					: runner->options.loads;
	}
	snprintf(now, sizeof(now), "%.80s", arm->name);
	if (runner->options.until && isfinite(arm->width))
		snprintf(now, sizeof(now), "%.80s, known to %.1f %%", arm->name,
			 100.0 * arm->width);
	progress_step(&runner->progress, done, now);
}

static bool arm_has_work(const struct arm *arm)
{
	return arm->alive && !arm->ended && (arm->left || arm->warmup_left);
}

/* One turn for every arm, or all turns of each in sequence. False when nothing was left to do. */
static int round_run(struct runner *runner, bool *ret_worked, struct err *err)
{
	bool random = runner->options.order == RUNNER_RANDOM;

	turns_shuffle(runner);
	*ret_worked = false;
	for (size_t i = 0; i < runner->arm_count; i++) {
		struct arm *arm = &runner->arms[runner->turns[i]];

		runner->place = i;
		while (arm_has_work(arm)) {
			int r;

			progress_show(runner, arm);
			r = command_interrupted() ? -EINTR : turn_run(runner, arm, err);
			if (r < 0)
				return r;
			*ret_worked = true;
			if (random)
				break;
			limits_look(runner, arm);
		}
	}
	if (random)
		limits_look(runner, NULL);
	runner->epoch++;
	return 0;
}

int runner_run(struct runner *runner, struct err *err)
{
	bool working = true;
	int r = 0;

	runner->begin_ns = clock_now_ns();
	progress_begin(&runner->progress, "loads",
		       (uint64_t)runner->arm_count * runner->options.loads);
	if (runner->options.time_ns) {
		progress_begin(&runner->progress, "s", runner->options.time_ns / NS_PER_MS);
		runner->progress.shown_as_one = 1000;
	}
	for (size_t i = 0; i < runner->arm_count && !command_interrupted(); i++)
		turn_open(runner, &runner->arms[i]);
	while (r == 0 && working)
		r = command_interrupted() ? -EINTR : round_run(runner, &working, err);
	progress_end(&runner->progress);
	return r;
}

/* Untraced loads first: what a loader does once is not what it does every time. */
static int arm_count(struct runner *runner, struct arm *arm, struct err *err)
{
	struct client_options options = runner_arm_options(runner, arm);
	struct worker_run run = { .count = RUNNER_LEAD };
	struct client client;
	int r;

	options.spinner = false;
	options.threads = 1;
	options.spread = false;
	options.cold = COLD_NONE;
	options.check_every = 0;
	if (options.capacity < runner->options.counted)
		options.capacity = runner->options.counted;
	r = client_open(&client, &options, err);
	for (int i = 0; r >= 0 && i < COUNT_WARMUP; i++)
		r = client_run(&client, &run, runner->loads, err);
	if (r >= 0)
		r = counters_take(&client, runner->options.counted, &arm->counters, err);
	client_close(&client);
	return r;
}

int runner_count(struct runner *runner)
{
	int result = 0;

	for (size_t i = 0; runner->options.counted && i < runner->arm_count; i++) {
		struct arm *arm = &runner->arms[i];
		struct err err = { "" };
		int r;

		if (command_interrupted())
			return -EINTR;
		if (!arm->alive)
			continue;
		r = arm_count(runner, arm, &err);
		if (r == -EINTR)
			return r;
		if (r < 0)
			log_error("loader %s, object %s: %s", arm->loader, arm->subject->path,
				  err.text);
		if (result == 0)
			result = r;
	}
	return result;
}

void runner_close(struct runner *runner)
{
	for (size_t i = 0; i < runner->arm_count; i++) {
		client_close(&runner->arms[i].client);
		free(runner->arms[i].values);
		free(runner->arms[i].turns);
		free(runner->arms[i].name);
	}
	free(runner->arms);
	free(runner->turns);
	free(runner->loads);
}
