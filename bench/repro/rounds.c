/*
 * The rounds of a reproduction: interleaved at random, each checked against the golden, recorded
 * and flushed before the next begins. Where there are two dies, both are in their round at once,
 * each with a thread of the host.
 */
#include "bench/repro/repro.h"

#include "base/log.h"
#include "bench/command.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* splitmix64: the order depends on the seed alone, on every machine. */
static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void order_shuffle(int *order, int count, uint64_t *random)
{
	for (int i = count - 1; i > 0; i--) {
		int j = (int)(random_next(random) % (uint64_t)(i + 1)), kept = order[i];

		order[i] = order[j];
		order[j] = kept;
	}
}

/* One round as it was: the lanes in ns and what became of it. */
struct outcome {
	struct clock_map map;
	uint64_t start_ns;
	uint64_t host_ns, host[PHASE_COUNT];
	uint64_t lanes[DEVICE_THREADS_MAX][PHASE_COUNT];
	bool ran; /* the device's lanes are there */
	bool warmup;
	int order;
	bool failed;
	struct err why; /* it failed */
};

static void lanes_convert(const struct device_result *result, struct outcome *outcome)
{

	outcome->map = clock_map_now();
	outcome->host_ns =
		timeline_ns(&result->lanes[DEVICE_LANE_HOST].time, &outcome->map, outcome->host);
	outcome->ran = result->failure == DEVICE_OK || result->failure == DEVICE_FAILED;
	for (int i = 0; outcome->ran && i < (int)result->threads; i++)
		timeline_ns(&result->lanes[i].time, &outcome->map, outcome->lanes[i]);
}

/* The lane that loads and orchestrates. */
static const uint64_t *lane_loading(const struct repro *repro, const struct repro_arm *arm,
				    const struct outcome *outcome)
{
	if (repro->options->variant->host_builds)
		return outcome->host;
	return outcome->lanes[arm->result->threads - 1];
}

static int64_t ticks_ns(const struct outcome *outcome, uint64_t ticks)
{
	return (int64_t)clock_map_span_ns(&outcome->map, ticks);
}

static void sample_record(struct repro *repro, const struct repro_arm *arm,
			  const struct outcome *outcome)
{
	const struct device_result *result = arm->result;
	struct sample sample = sample_empty();

	sample.process = device_process(arm->device) ? device_process(arm->device) : SAMPLE_NONE;
	sample.arm = arm->label;
	sample.scenario = "reproduction";
	sample.case_name = repro->dies[0].data.which->name;
	sample.platform = repro->options->platform;
	sample.runtime = repro->options->runtime;
	sample.loader = arm->loader;
	sample.transport = arm->transport->name;
	sample.epoch = repro->epoch;
	sample.device = arm->die->number;
	sample.so = arm->die->object_label;
	sample.so_bytes = (int64_t)arm->die->object.so.size;
	sample.seq = repro->seq;
	sample.order = outcome->order;
	sample.start_ns = (int64_t)outcome->start_ns;
	sample.warmup = outcome->warmup;
	sample.error = outcome->failed ? outcome->why.text : NULL;
	if (outcome->ran)
		sample_phases(&sample, lane_loading(repro, arm, outcome),
			      sample_observable(arm->caps) | PHASE_BIT(PHASE_READ) |
				      PHASE_BIT(PHASE_CALL));
	if (result->verdict.reason[0]) {
		sample_report(&sample, &result->report);
		sample.stale = result->verdict.freshness == FRESHNESS_STALE;
	}
	if (outcome->ran && !outcome->failed)
		sample.minflt = result->minflt;
	sample.dma_bytes = (int64_t)result->dma_object.bytes;
	sample.dma_ns = ticks_ns(outcome, result->dma_object.ticks);
	sample.dma_model_ns = (int64_t)result->dma_object.model_ns;
	record_sample(repro->record, &sample);
}

static void spans_record(struct repro *repro, const struct repro_arm *arm,
			 const struct outcome *outcome)
{
	const struct device_result *result = arm->result;

	record_lane(repro->record, repro->seq, result->lanes[DEVICE_LANE_HOST].name,
		    &result->lanes[DEVICE_LANE_HOST].time, &outcome->map);
	for (int i = 0; outcome->ran && i < (int)result->threads; i++)
		record_lane(repro->record, repro->seq, result->lanes[i].name,
			    &result->lanes[i].time, &outcome->map);
}

/* The harness's own look at what was loaded happens inside the round and is taken out again. */
static void values_take(const struct repro *repro, const struct repro_arm *arm,
			const struct outcome *outcome, double *values)
{
	const struct device_result *result = arm->result;
	const uint64_t *lane = outcome->lanes[result->threads - 1];
	const uint64_t *loading = lane_loading(repro, arm, outcome);
	double check = (double)lane[PHASE_CHECK], load = 0, sched = 0;

	for (int phase = 0; phase < PHASE_COUNT; phase++) {
		bool loads = phase_class((enum phase)phase) == PHASE_CLASS_LOAD;

		values[phase] =
			(double)(loads || phase == PHASE_ORCHESTRATE ? loading : lane)[phase];
		load += loads ? values[phase] : 0;
	}
	for (int i = 0; i < (int)result->threads - 1; i++)
		sched = fmax(sched, (double)outcome->lanes[i][PHASE_SCHEDULE]);
	values[VALUE_HOST] = (double)outcome->host_ns - check - (double)outcome->host[PHASE_CHECK];
	values[VALUE_DEVICE] = (double)ticks_ns(outcome, result->device_ticks) - check;
	values[VALUE_LOAD] = load;
	values[VALUE_SCHED] = sched;
	values[VALUE_DMA] = (double)ticks_ns(outcome, result->dma_object.ticks);
	values[VALUE_DMA_MODEL] = (double)result->dma_object.model_ns;
	values[VALUE_TRANSFER] = (double)(outcome->host[PHASE_SO_COPY] + outcome->host[PHASE_SEND]);
	values[VALUE_MOVED] = (double)(result->dma_object.bytes + result->report.load_bytes);
	values[VALUE_FAULTS] = (double)result->minflt;
}

static void values_keep(const struct repro *repro, struct repro_arm *arm,
			const struct outcome *outcome)
{
	if (arm->rounds_done == 0) {
		values_take(repro, arm, outcome, arm->first);
		arm->first_passed = true;
	}
	if (!outcome->warmup)
		values_take(repro, arm, outcome, arm->values + arm->rounds_passed++ * VALUE_COUNT);
}

const char *repro_round_name(const struct repro *repro, const struct repro_arm *arm, char *buffer,
			     size_t size)
{
	long long warmup = repro->options->warmup, round = arm->rounds_done;

	if (round < warmup)
		snprintf(buffer, size, "warm-up round %lld", round);
	else
		snprintf(buffer, size, "round %lld", round - warmup);
	return buffer;
}

/* Once per arm and reason: a failure that repeats is counted, not repeated. */
static void failure_tell(struct repro *repro, struct repro_arm *arm, const char *text)
{
	char round[REPRO_ROUND_NAME];

	if (strcmp(arm->error, text) == 0)
		return;
	progress_hide(&repro->progress);
	log_error("%s, %s: %s", repro_round_name(repro, arm, round, sizeof(round)), arm->label,
		  text);
	snprintf(arm->error, sizeof(arm->error), "%s", text);
}

static void ahead_keep(struct repro_arm *arm)
{
	if (!arm->result->verdict.reason[0])
		return;
	arm->ahead = arm->result->ahead;
	arm->relatives += arm->result->report.relatives;
}

static void freshness_count(struct repro_arm *arm)
{
	const struct freshness_verdict *verdict = &arm->result->verdict;

	if (!verdict->reason[0])
		return;
	arm->reused += verdict->freshness == FRESHNESS_REUSED;
	if (verdict->freshness != FRESHNESS_STALE)
		return;
	arm->stale++;
	memcpy(arm->stale_reason, verdict->reason, sizeof(arm->stale_reason));
}

/* 0 when the output is right; else the reason in words. */
static int golden_check(struct repro *repro, struct repro_arm *arm, struct err *err)
{
	struct workload_verdict verdict;
	int r = workload_check(&arm->die->data, NULL, &verdict, err);

	if (r < 0)
		return r;
	repro->elements = verdict.elements;
	if (workload_passed(&verdict))
		return 0;
	return err_set(err, ERANGE,
		       "wrong output: %llu of %llu elements within tolerance; element %llu is %g, "
		       "expected %g",
		       (unsigned long long)verdict.within, (unsigned long long)verdict.elements,
		       (unsigned long long)verdict.worst_index, (double)verdict.worst_got,
		       (double)verdict.worst_expected);
}

/* Names the phase: which step of the invocation did not work. */
static void failure_in_words(const struct device_result *result, struct err *err)
{
	char words[ERR_TEXT_BYTES];

	memcpy(words, err->text, sizeof(words));
	err_set(err, 0, "failed in phase %s (%s): %s", phase_label(result->failed_phase),
		phase_text(result->failed_phase), words);
}

/* One die's part of a round, in a thread of its own where there are several. */
struct part {
	struct repro *repro;
	struct repro_arm *arm;
	struct outcome *outcome;
	pthread_barrier_t *start; /* or NULL */
	int code;
};

static void *part_run(void *argument)
{
	struct part *part = argument;
	struct repro_arm *arm = part->arm;
	const struct device_job job = {
		.object = &arm->die->object,
		.args = arm->die->data.args,
		.arg_count = arm->die->data.arg_count,
		.kernels = part->repro->workload->kernels,
	};

	uint64_t before = memory_usage(arm->die->memory).bytes;

	if (part->start)
		pthread_barrier_wait(part->start);
	part->outcome->start_ns = clock_now_ns();
	part->code = device_run(arm->device, &job, arm->result, &part->outcome->why);
	arm->kept_bytes += (int64_t)(memory_usage(arm->die->memory).bytes - before);
	return NULL;
}

/* AICPUs of one chip start one after the other; what cannot start is device_run()'s to tell. */
static void parts_prepare(struct part *parts, int count)
{
	for (int i = 0; i < count; i++) {
		struct err unused;

		workload_reset(&parts[i].arm->die->data);
		if (count > 1)
			device_revive(parts[i].arm->device, &unused);
	}
}

static int parts_run(struct part *parts, int count, struct err *err)
{
	pthread_barrier_t start;
	pthread_t threads[REPRO_DIES_MAX];
	int code, started = 1;

	parts_prepare(parts, count);
	if (count == 1) {
		part_run(&parts[0]);
		return 0;
	}
	pthread_barrier_init(&start, NULL, (unsigned int)count);
	for (int i = 0; i < count; i++)
		parts[i].start = &start;
	for (; started < count; started++) {
		code = pthread_create(&threads[started], NULL, part_run, &parts[started]);
		if (code != 0)
			return err_set(err, code, "a thread for device %s: %s",
				       parts[started].arm->die->name, strerror(code));
	}
	part_run(&parts[0]);
	for (int i = 1; i < count; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
	return 0;
}

static void part_judge(struct part *part)
{
	struct outcome *outcome = part->outcome;
	int r = part->code;

	lanes_convert(part->arm->result, outcome);
	if (r < 0)
		failure_in_words(part->arm->result, &outcome->why);
	else
		r = golden_check(part->repro, part->arm, &outcome->why);
	outcome->failed = r < 0;
}

static void part_record(struct part *part)
{
	struct repro *repro = part->repro;
	struct repro_arm *arm = part->arm;
	struct outcome *outcome = part->outcome;

	if (!outcome->failed && arm->result->restarted) {
		outcome->warmup = true; /* a new process: its first load is a cold one */
		arm->restarts++;
	}
	if (outcome->failed)
		failure_tell(repro, arm, outcome->why.text);
	freshness_count(arm);
	ahead_keep(arm);
	sample_record(repro, arm, outcome);
	spans_record(repro, arm, outcome);
	repro_log_round(repro, arm);
	repro->seq++;
	if (!outcome->failed)
		values_keep(repro, arm, outcome);
	arm->rounds_done++;
	arm->rounds_refused += arm->result->failure == DEVICE_REFUSED;
	arm->golden_passed += !outcome->failed;
}

/* `arms`: those that run at once. */
static int round_once(struct repro *repro, struct repro_arm *arms, const struct outcome *like,
		      struct err *err)
{
	struct outcome outcomes[REPRO_DIES_MAX];
	struct part parts[REPRO_DIES_MAX];
	const char *failed[REPRO_DIES_MAX];
	int r, count = repro->die_count;

	for (int i = 0; i < count; i++) {
		outcomes[i] = *like;
		parts[i] =
			(struct part){ .repro = repro, .arm = &arms[i], .outcome = &outcomes[i] };
	}
	r = parts_run(parts, count, err);
	for (int i = 0; r == 0 && i < count; i++) {
		if (arms[i].result->failure == DEVICE_INTERRUPTED || command_interrupted())
			r = err_set(err, EINTR, "interrupted");
	}
	if (r < 0)
		return r;
	for (int i = 0; i < count; i++) {
		part_judge(&parts[i]);
		failed[i] = outcomes[i].failed ? outcomes[i].why.text : NULL;
	}
	if (count > 1)
		repro_clash_look(arms, count, failed);
	for (int i = 0; i < count; i++)
		part_record(&parts[i]);
	return record_flush(repro->record, err);
}

int repro_rounds(struct repro *repro, struct err *err)
{
	int64_t warmup = repro->options->warmup, rounds = repro->options->rounds + warmup;
	uint64_t random = repro->options->seed, done = 0;
	int order[REPRO_LOADERS_MAX * REPRO_TRANSPORTS_MAX], count = 0, r = 0;

	for (int i = 0; i < repro->arm_count; i += repro->die_count) {
		if (repro->arms[i].device)
			order[count++] = i;
	}
	progress_begin(&repro->progress, "rounds", (uint64_t)(rounds * count));
	for (int64_t round = 0; r == 0 && round < rounds; round++) {
		order_shuffle(order, count, &random);
		for (int i = 0; r == 0 && i < count; i++) {
			struct repro_arm *arm = &repro->arms[order[i]];
			struct outcome outcome = { .warmup = round < warmup, .order = i };

			progress_step(&repro->progress, done++, arm->label);
			r = round_once(repro, arm, &outcome, err);
		}
	}
	progress_end(&repro->progress);
	return r;
}
