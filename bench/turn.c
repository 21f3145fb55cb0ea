/* Loads of an arm, taken into the record and into memory. See turn.h. */
#include "bench/turn.h"

#include "base/log.h"
#include "bench/command.h"
#include "bench/stats.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RENEWED_WARMUP 5 /* loads of a worker that takes another's place */
#define ROOM 256	 /* values to begin with; doubled when full */

static void arm_fail(struct runner *runner, struct arm *arm, const char *text)
{
	err_set(&arm->error, EIO, "%s", text);
	arm->alive = false;
	progress_hide(&runner->progress);
	log_error("loader %s, object %s: %s", arm->loader, arm->subject->path, text);
	client_close(&arm->client);
}

void turn_open(struct runner *runner, struct arm *arm)
{
	struct client_options options = runner_arm_options(runner, arm);
	struct err err = { "" };
	int r = client_open(&arm->client, &options, &err);

	arm->alive = r == 0;
	if (r < 0 && r != -EINTR)
		arm_fail(runner, arm, err.text);
	else if (arm->client.ready.note[0] && !arm->noted)
		log_warn("%s: stages in this machine's own directories: %s", arm->name,
			 arm->client.ready.note);
	arm->noted |= arm->client.ready.note[0] != '\0';
}

/* 0, 1, or SAMPLE_NONE when nothing is known. */
static int64_t load_stale(const struct worker_load *load)
{
	if ((load->flags & WORKER_CHECKED) && load->freshness == FRESHNESS_UNKNOWN)
		return SAMPLE_NONE;
	return client_load_stale(load) != NULL;
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

/* Room for one more in a list of the client's own; the worker, which is measured, knows nothing of
 * it. */
static bool room_make(void **list, uint32_t count, uint32_t *capacity, size_t size)
{
	uint32_t more = *capacity ? 2 * *capacity : ROOM;
	void *grown;

	if (count < *capacity)
		return true;
	grown = reallocarray(*list, more, size);
	if (!grown)
		return false;
	*list = grown;
	*capacity = more;
	return true;
}

static bool value_keep(struct arm *arm, const struct sample *sample, const struct worker_load *load)
{
	struct arm_values *values;

	if (!room_make((void **)&arm->values, arm->count, &arm->capacity, sizeof(*values)))
		return false;
	values = &arm->values[arm->count++];
	*values = (struct arm_values){
		.total_ns = (double)sample->total_ns,
		.cpu_ns = (double)sample->cpu_ns,
		.user_ns = (double)load->user_ns,
		.system_ns = (double)load->system_ns,
		.minflt = load->minflt,
		.majflt = load->majflt,
		.nvcsw = load->nvcsw,
		.nivcsw = load->nivcsw,
		.cpu = load->cpu,
		.turn = arm->turn_count,
		.thread = sample->thread == SAMPLE_NONE ? 0 : (uint32_t)sample->thread - 1,
	};
	for (int i = 0; i < ARM_PHASES; i++)
		values->phase_ns[i] = sample->phase_ns[i] == SAMPLE_NONE
					      ? (double)NAN
					      : (double)sample->phase_ns[i];
	return true;
}

/* What the measured loads since `first` were together. */
static bool turn_keep(struct arm *arm, uint32_t first)
{
	uint32_t n = arm->count - first;
	double *totals, cpu_ns = 0.0;
	struct stats_summary summary;

	if (n == 0)
		return true;
	totals = calloc(n, sizeof(totals[0]));
	if (!totals || !room_make((void **)&arm->turns, arm->turn_count, &arm->turn_capacity,
				  sizeof(arm->turns[0]))) {
		free(totals);
		return false;
	}
	for (uint32_t i = 0; i < n; i++) {
		totals[i] = arm->values[first + i].total_ns;
		cpu_ns += arm->values[first + i].cpu_ns;
	}
	summary = stats_summarise(totals, n);
	free(totals);
	arm->turns[arm->turn_count++] = (struct arm_turn){
		.p10_ns = summary.p10,
		.p50_ns = summary.p50,
		.mean_ns = summary.mean,
		.cpu_ns = cpu_ns / n,
		.loads = n,
	};
	return true;
}

static void load_judge(struct arm *arm, const struct sample *sample, const struct worker_load *load)
{
	arm->proven += (load->flags & WORKER_CHECKED) && load->freshness != FRESHNESS_UNKNOWN;
	if (sample->stale == 1) {
		arm->stale++;
		snprintf(arm->stale_reason, sizeof(arm->stale_reason), "%s",
			 client_load_stale(load));
	} else if (load->text[0] && (arm->client.ready.caps & LOADER_EXECUTES)) {
		memcpy(arm->note, load->text, sizeof(arm->note));
	}
	arm->load_bytes = load->load_bytes;
}

static void load_fail(struct runner *runner, struct arm *arm, const struct worker_load *load)
{
	struct err err;

	err_set(&err, EIO, "%s", load->text);
	err_prefix(&err, -EIO, "phase %s", phase_label((enum phase)load->phase));
	arm_fail(runner, arm, err.text);
}

/* One load's row, and its values when it is a measured one that succeeded. */
static void load_take(struct runner *runner, struct arm *arm, const struct client_load *load,
		      uint32_t thread, bool warmup)
{
	struct sample sample = sample_make(runner, arm, load);

	sample.seq = runner->seq++;
	sample.order = (int64_t)runner->place;
	sample.warmup = warmup;
	if (runner_threads(runner) > 1)
		sample.thread = thread + 1;
	record_sample(runner->record, &sample);
	if (load->load.result < 0)
		return;
	load_judge(arm, &sample, &load->load);
	arm->warm += runner->options.cold && arm->stages && !(load->load.flags & WORKER_COLD);
	if (!warmup && !value_keep(arm, &sample, &load->load))
		arm_fail(runner, arm, "out of memory for its loads: use a smaller -n or --time");
}

/* The rows of `count` loads; the first `discard` of every thread are not measured. */
static void batch_take(struct runner *runner, struct arm *arm, uint32_t count, uint32_t discard)
{
	uint32_t threads = runner_threads(runner);
	const struct worker_load *failed = NULL;

	for (uint32_t i = 0; i < count && arm->alive; i++) {
		const struct client_load *load = &runner->loads[i];

		if (load->load.result == -ECANCELED)
			continue;
		load_take(runner, arm, load, i % threads, i / threads < discard);
		if (load->load.result < 0 && !failed)
			failed = &load->load;
	}
	if (failed)
		load_fail(runner, arm, failed);
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

/* Loads in the worker the arm has; -EINTR. */
static int batch_run(struct runner *runner, struct arm *arm, const struct worker_run *run,
		     uint32_t discard)
{
	struct err lost;
	int r = client_run(&arm->client, run, runner->loads, &lost);

	if (r == -EINTR)
		return r;
	if (r < 0)
		crash_take(runner, arm, &lost);
	else
		batch_take(runner, arm, (uint32_t)r, discard);
	return 0;
}

/* As many loads, each in a process of its own that has loaded nothing before. */
static int isolated_run(struct runner *runner, struct arm *arm, uint32_t count, bool warmup)
{
	struct worker_run run = { .count = 1, .proofs = 1 };
	int r = 0;

	for (uint32_t i = 0; r == 0 && arm->alive && i < count; i++) {
		client_close(&arm->client);
		turn_open(runner, arm);
		if (arm->alive)
			r = batch_run(runner, arm, &run, warmup);
		if (command_interrupted())
			r = -EINTR;
	}
	client_close(&arm->client);
	return r;
}

/*
 * Another worker for the arm, settled: where a process is laid out moves its loads by half a per
 * cent, and what is to be known to one must not be known of one process alone. -EINTR.
 */
static int worker_renew(struct runner *runner, struct arm *arm)
{
	uint32_t most = runner->options.batch + RUNNER_LEAD;
	struct worker_run run = { .proofs = RUNNER_LEAD };

	run.count = most < RENEWED_WARMUP ? most : RENEWED_WARMUP;
	client_close(&arm->client);
	turn_open(runner, arm);
	return arm->alive ? batch_run(runner, arm, &run, run.count) : 0;
}

int turn_run(struct runner *runner, struct arm *arm, struct err *err)
{
	uint32_t discard = RUNNER_LEAD, wanted = runner->options.batch, first = arm->count;
	bool warmup = arm->warmup_left > 0;
	uint32_t *left = warmup ? &arm->warmup_left : &arm->left;
	struct worker_run run = { .proofs = RUNNER_LEAD };
	int r = 0;

	if (runner->options.until > 0.0 && !runner->options.isolate && arm->turn_count)
		r = worker_renew(runner, arm);
	if (r < 0 || !arm->alive)
		return r;
	wanted = *left < wanted ? *left : wanted;
	*left -= wanted;
	if (warmup) {
		run.proofs = discard = wanted;
		wanted = 0;
	}
	run.count = discard + wanted;
	r = runner->options.isolate ? isolated_run(runner, arm, warmup ? discard : wanted, warmup)
				    : batch_run(runner, arm, &run, discard);
	if (!turn_keep(arm, first) && arm->alive)
		arm_fail(runner, arm, "out of memory for its turns");
	return r < 0 ? r : record_flush(runner->record, err);
}
