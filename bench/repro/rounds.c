/*
 * The rounds of a reproduction: interleaved at random, each checked against the golden, recorded
 * and flushed before the next begins. Where there are two dies, both are in their round at once,
 * each with a thread of the host.
 */
#include "bench/repro/repro.h"

#include "base/log.h"
#include "base/random.h"
#include "bench/command.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void order_shuffle(int *order, int count, uint64_t *random)
{
	for (int i = count - 1; i > 0; i--) {
		int j = (int)(random_next(random) % (uint64_t)(i + 1)), kept = order[i];

		order[i] = order[j];
		order[j] = kept;
	}
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
	if (!repro->quiet) {
		progress_hide(&repro->progress);
		log_error("%s, %s: %s", repro_round_name(repro, arm, round, sizeof(round)),
			  arm->label, text);
	}
	snprintf(arm->error, sizeof(arm->error), "%s", text);
}

static void ahead_keep(struct repro_arm *arm)
{
	if (!arm->result->verdict.reason[0])
		return;
	arm->ahead = arm->result->ahead;
	arm->relatives += arm->result->report.relatives;
}

void repro_freshness_count(struct repro_arm *arm)
{
	const struct freshness_verdict *verdict = &arm->result->verdict;

	if (!verdict->reason[0])
		return;
	arm->untold += verdict->freshness == FRESHNESS_UNKNOWN;
	arm->told += verdict->freshness != FRESHNESS_UNKNOWN;
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

void repro_failure_in_words(const struct device_result *result, struct err *err)
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
		.object = repro_callable(arm->die, part->outcome->callable),
		.callable = part->outcome->callable,
		.args = arm->die->data.args,
		.arg_count = arm->die->data.arg_count,
		.kernels = part->repro->workload->kernels,
	};

	uint64_t before = memory_usage(arm->die->memory).bytes;

	if (part->start)
		pthread_barrier_wait(part->start);
	if (part->code < 0)
		return NULL;
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
		parts[i].code = repro_register(parts[i].repro, parts[i].arm, parts[i].outcome);
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

	repro_lanes_convert(part->arm->result, outcome);
	if (r < 0 && !outcome->failed)
		repro_failure_in_words(part->arm->result, &outcome->why);
	if (r == 0)
		r = repro_callable_check(part->repro, part->arm, outcome->callable, &outcome->why);
	if (r == 0)
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
	repro_freshness_count(arm);
	arm->reused += arm->result->verdict.reason[0] &&
		       arm->result->verdict.freshness == FRESHNESS_REUSED;
	ahead_keep(arm);
	repro_round_record(repro, arm, outcome);
	repro_log_round(repro, arm);
	repro->seq++;
	repro_values_keep(repro, arm, outcome);
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
		outcomes[i].switched =
			arms[i].rounds_done > 0 && arms[i].life.callable != like->callable;
		arms[i].life.callable = like->callable;
		arms[i].life.switches += outcomes[i].switched;
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
	int order[REPRO_LOADERS_MAX * REPRO_TRANSPORTS_MAX * REPRO_WHENS_MAX], count = 0, r = 0;

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

			if (repro_callable_count(repro) > 1)
				outcome.callable = (unsigned int)(random_next(&random) %
								  repro_callable_count(repro));
			progress_step(&repro->progress, done++, arm->label);
			r = round_once(repro, arm, &outcome, err);
		}
	}
	progress_end(&repro->progress);
	if (r == 0) {
		repro_unload(repro);
		r = record_flush(repro->record, err);
	}
	return r;
}
