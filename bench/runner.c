/* Arms in turns. See runner.h for why. */
#include "bench/runner.h"

#include "base/log.h"
#include "bench/command.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_WARMUP 3 /* loads */

/* splitmix64 (Steele, Lea and Flood 2014): small, and equal seeds give equal orders everywhere. */
static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

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
	runner->loads = calloc(batch, sizeof(runner->loads[0]));
	for (size_t i = 0; i < arm_count; i++) {
		arms[i].left = options->loads;
		arms[i].warmup_left = options->warmup;
		arms[i].values = calloc(options->loads, sizeof(arms[i].values[0]));
		if (!arms[i].values)
			return -ENOMEM;
		if (asprintf(&arms[i].name, "%s@%s", arms[i].loader, arms[i].subject->label) < 0)
			arms[i].name = NULL;
		if (!arms[i].name)
			return -ENOMEM;
	}
	return runner->turns && runner->loads ? 0 : -ENOMEM;
}

static void arm_fail(struct runner *runner, struct arm *arm, const char *text)
{
	err_set(&arm->error, EIO, "%s", text);
	arm->alive = false;
	progress_hide(&runner->progress);
	log_error("loader %s, object %s: %s", arm->loader, arm->subject->path, text);
	client_close(&arm->client);
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
		.capacity = runner->options.batch + RUNNER_LEAD,
		.check_every = runner->options.check_every,
		.private_directories = arm->stages && !runner->options.machine_directories,
		.timeout_ns = runner->options.timeout_ns,
	};
}

static void arm_open(struct runner *runner, struct arm *arm)
{
	struct client_options options = runner_arm_options(runner, arm);
	struct err err = { "" };
	int r = client_open(&arm->client, &options, &err);

	arm->alive = r == 0;
	if (r < 0 && r != -EINTR)
		arm_fail(runner, arm, err.text);
	else if (arm->client.ready.note[0])
		log_warn("%s: stages in this machine's own directories: %s", arm->name,
			 arm->client.ready.note);
}

/* 0, 1, or SAMPLE_NONE when nothing is known. */
static int64_t load_stale(const struct worker_load *load)
{
	if (load->flags & WORKER_CHECKED) {
		if (load->freshness == FRESHNESS_UNKNOWN)
			return SAMPLE_NONE;
		return load->freshness == FRESHNESS_STALE;
	}
	return (load->flags & WORKER_KNOWN_BEFORE) && !(load->flags & WORKER_HIT);
}

static uint64_t observable(const struct arm *arm, const struct worker_load *load)
{
	uint64_t set = sample_observable(arm->client.ready.split ? LOADER_SPLIT_PHASES : 0u);

	if (load->flags & WORKER_CALLED)
		set |= PHASE_BIT(PHASE_CALL);
	if (!arm->subject->symbol[0])
		set &= ~PHASE_BIT(PHASE_RESOLVE);
	return set;
}

static struct sample sample_make(const struct runner *runner, const struct arm *arm,
				 const struct client_load *from)
{
	const struct worker_load *load = &from->load;
	struct sample sample = sample_empty();

	sample.epoch = runner->epoch;
	sample.process = arm->client.ready.pid;
	sample.arm = arm->name;
	sample.scenario = "cycle";
	sample.loader = arm->loader;
	sample.so = arm->subject->label;
	sample.so_bytes = (int64_t)arm->subject->file.size;
	sample.load_bytes = (int64_t)load->load_bytes;
	sample.start_ns = (int64_t)load->start_ns;
	sample_phases(&sample, from->phase_ns, observable(arm, load));
	sample.stale = load->result < 0 ? SAMPLE_NONE : load_stale(load);
	sample.staged_at = load->staged_at[0] ? load->staged_at : NULL;
	sample.minflt = load->minflt;
	sample.majflt = load->majflt;
	sample.nvcsw = load->nvcsw;
	sample.nivcsw = load->nivcsw;
	sample.cpu_ns = (int64_t)load->cpu_ns;
	sample.cpu = load->cpu;
	sample.error = load->result < 0 ? load->text : NULL;
	return sample;
}

static void value_keep(struct arm *arm, const struct sample *sample)
{
	struct arm_values *values = &arm->values[arm->count++];

	values->total_ns = (double)sample->total_ns;
	values->cpu_ns = (double)sample->cpu_ns;
	values->minflt = (double)sample->minflt;
	values->majflt = (double)sample->majflt;
	values->nvcsw = (double)sample->nvcsw;
	values->nivcsw = (double)sample->nivcsw;
	for (int i = 0; i < ARM_PHASES; i++)
		values->phase_ns[i] = sample->phase_ns[i] == SAMPLE_NONE
					      ? (double)NAN
					      : (double)sample->phase_ns[i];
}

static void load_judge(struct arm *arm, const struct sample *sample, const struct worker_load *load)
{
	arm->proven += (load->flags & WORKER_CHECKED) && load->freshness != FRESHNESS_UNKNOWN;
	if (sample->stale == 1) {
		arm->stale++;
		snprintf(arm->stale_reason, sizeof(arm->stale_reason), "%s",
			 load->text[0] ? load->text
				       : "the dynamic linker knew the object and gave back its "
					 "old image");
	} else if (load->text[0] && (arm->client.ready.caps & LOADER_EXECUTES)) {
		memcpy(arm->note, load->text, sizeof(arm->note));
	}
	arm->load_bytes = load->load_bytes;
}

/* The rows of one turn: `discard` of them first that are not measured. */
static void batch_take(struct runner *runner, struct arm *arm, uint32_t count, uint32_t discard)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct client_load *load = &runner->loads[i];
		struct sample sample = sample_make(runner, arm, load);

		sample.seq = runner->seq++;
		sample.order = (int64_t)runner->place;
		sample.warmup = i < discard;
		record_sample(runner->record, &sample);
		if (load->load.result < 0) {
			struct err err;

			err_set(&err, EIO, "%s", load->load.text);
			err_prefix(&err, -EIO, "phase %s",
				   phase_label((enum phase)load->load.phase));
			arm_fail(runner, arm, err.text);
			return;
		}
		load_judge(arm, &sample, &load->load);
		if (!sample.warmup)
			value_keep(arm, &sample);
	}
}

/* A load that never came back has a row, too: what is known of it is why. */
static void crash_take(struct runner *runner, struct arm *arm, const struct err *err)
{
	struct sample sample = sample_empty();

	sample.epoch = runner->epoch;
	sample.process = arm->client.ready.pid;
	sample.arm = arm->name;
	sample.scenario = "cycle";
	sample.loader = arm->loader;
	sample.so = arm->subject->label;
	sample.so_bytes = (int64_t)arm->subject->file.size;
	sample.seq = runner->seq++;
	sample.order = (int64_t)runner->place;
	sample.error = err->text;
	record_sample(runner->record, &sample);
	arm_fail(runner, arm, err->text);
}

/* One turn of one arm: warm-up loads while there are any left, else measured ones. */
static int arm_turn(struct runner *runner, struct arm *arm, struct err *err)
{
	uint32_t discard = RUNNER_LEAD, wanted = runner->options.batch;
	struct worker_run run = { .proofs = RUNNER_LEAD };
	struct err lost;
	int r;

	if (arm->warmup_left) {
		discard = arm->warmup_left < wanted ? arm->warmup_left : wanted;
		arm->warmup_left -= discard;
		wanted = 0;
		run.proofs = discard;
	} else {
		wanted = arm->left < wanted ? arm->left : wanted;
		arm->left -= wanted;
	}
	run.count = discard + wanted;
	r = client_run(&arm->client, &run, runner->loads, &lost);
	if (r == -EINTR)
		return r;
	if (r < 0)
		crash_take(runner, arm, &lost);
	else
		batch_take(runner, arm, (uint32_t)r, discard);
	return record_flush(runner->record, err);
}

static uint64_t loads_done(const struct runner *runner)
{
	uint64_t done = 0;

	for (size_t i = 0; i < runner->arm_count; i++)
		done += runner->arms[i].alive ? runner->arms[i].count : runner->options.loads;
	return done;
}

static bool arm_has_work(const struct arm *arm)
{
	return arm->alive && (arm->left || arm->warmup_left);
}

/* One turn for every arm, or all turns of each in sequence. False when nothing was left to do. */
static int round_run(struct runner *runner, bool *ret_worked, struct err *err)
{
	turns_shuffle(runner);
	*ret_worked = false;
	for (size_t i = 0; i < runner->arm_count; i++) {
		struct arm *arm = &runner->arms[runner->turns[i]];

		runner->place = i;
		while (arm_has_work(arm)) {
			int r;

			progress_step(&runner->progress, loads_done(runner), arm->name);
			r = command_interrupted() ? -EINTR : arm_turn(runner, arm, err);
			if (r < 0)
				return r;
			*ret_worked = true;
			if (runner->options.order == RUNNER_RANDOM)
				break;
		}
	}
	runner->epoch++;
	return 0;
}

int runner_run(struct runner *runner, struct err *err)
{
	bool working = true;
	int r = 0;

	progress_begin(&runner->progress, "loads",
		       (uint64_t)runner->arm_count * runner->options.loads);
	for (size_t i = 0; i < runner->arm_count && !command_interrupted(); i++)
		arm_open(runner, &runner->arms[i]);
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
		free(runner->arms[i].name);
	}
	free(runner->arms);
	free(runner->turns);
	free(runner->loads);
}
