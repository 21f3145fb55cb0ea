/* Life cycles in a reproduction: which are asked for, registering before the first round that needs
 * it, unloading after the last. */
#include "bench/repro/repro.h"

#include "base/log.h"
#include "bench/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Where the host loads, the object is there before the bell rings in any case. */
static bool is_meaningless(const struct repro *repro, const struct device_when *when)
{
	return repro->options->variant->host_builds && when->early && !when->kept;
}

static int when_add(struct repro_lists *lists, const struct device_when *when, struct err *err)
{
	for (int i = 0; i < lists->when_count; i++) {
		if (lists->whens[i] == when)
			return err_set(err, EINVAL, "life cycle %s is named twice", when->name);
	}
	lists->whens[lists->when_count++] = when;
	return 0;
}

static int whens_all(struct repro *repro, struct err *err)
{
	int r = 0;

	for (const struct device_when *when = device_whens; r == 0 && when->name; when++) {
		if (is_meaningless(repro, when))
			log_error("life cycle %s means nothing where the host loads: left out",
				  when->name);
		else
			r = when_add(&repro->lists, when, err);
	}
	return r;
}

int repro_whens_choose(struct repro *repro, struct err *err)
{
	char *names[REPRO_WHENS_MAX];
	int count, r = 0;

	if (strcmp(repro->options->whens, "all") == 0)
		return whens_all(repro, err);
	count = options_split(repro->options->whens, names, REPRO_WHENS_MAX);
	if (count < 0)
		return err_set(err, E2BIG, "more than %d life cycles", REPRO_WHENS_MAX);
	for (int i = 0; r == 0 && i < count; i++) {
		const struct device_when *when = device_when_find(names[i], err);

		if (!when)
			return -EINVAL;
		if (is_meaningless(repro, when))
			return err_set(err, EINVAL,
				       "host_build_graph loads before it rings in any case: life "
				       "cycle %s means nothing there",
				       when->name);
		r = when_add(&repro->lists, when, err);
	}
	return r;
}

bool repro_whens_differ(const struct repro *repro)
{
	for (int i = 0; i < repro->arm_count; i++) {
		if (repro->arms[i].when != &device_whens[0])
			return true;
	}
	return false;
}

/* The lane that loaded or unloaded apart from a run. */
static const struct device_lane *lane_apart(const struct repro *repro, const struct repro_arm *arm)
{
	return repro->options->variant->host_builds ? &arm->result->lanes[DEVICE_LANE_HOST]
						    : &arm->result->early;
}

/* What it took besides the load: to send the object, and to see what was sent. */
static double around_load(const struct device_result *result, const uint64_t *lane,
			  const struct clock_map *map)
{
	uint64_t host[PHASE_COUNT];

	timeline_ns(&result->lanes[DEVICE_LANE_HOST].time, map, host);
	return (double)(host[PHASE_SO_COPY] + host[PHASE_SEND] + lane[PHASE_INVALIDATE]);
}

/* A row and its spans; returns the load in ns, and with what is around it. */
static double apart_record(struct repro *repro, struct repro_arm *arm, const char *scenario,
			   struct outcome *outcome, double *ret_all)
{
	const struct device_result *result = arm->result;
	const struct device_lane *lane = lane_apart(repro, arm);
	uint64_t phases[PHASE_COUNT] = { 0 };
	struct sample sample;
	double ns;

	outcome->map = clock_map_now();
	sample = repro_sample(repro, arm, outcome);
	sample.scenario = scenario;
	sample.warmup = true;
	if (lane->time.span_count > 0) {
		timeline_ns(&lane->time, &outcome->map, phases);
		sample_phases(&sample, phases,
			      sample_observable(arm->caps) | PHASE_BIT(PHASE_READ));
		if (strcmp(scenario, "registration") == 0)
			sample.early_ns = sample.total_ns;
	}
	if (!outcome->failed)
		sample.minflt = result->minflt;
	record_sample(repro->record, &sample);
	record_lane(repro->record, repro->seq, result->lanes[DEVICE_LANE_HOST].name,
		    &result->lanes[DEVICE_LANE_HOST].time, &outcome->map);
	if (lane == &result->early)
		record_lane(repro->record, repro->seq, lane->name, &lane->time, &outcome->map);
	repro->seq++;
	ns = sample.total_ns == SAMPLE_NONE ? 0 : (double)sample.total_ns;
	*ret_all = ns + around_load(result, phases, &outcome->map);
	return ns;
}

static void registration_failed(struct repro *repro, const struct repro_arm *arm,
				struct outcome *outcome)
{
	char words[ERR_TEXT_BYTES];

	repro_failure_in_words(arm->result, &outcome->why);
	memcpy(words, outcome->why.text, sizeof(words));
	if (repro_callable_count(repro) > 1)
		err_set(&outcome->why, 0, "registration of object %u %s", outcome->callable, words);
	else
		err_set(&outcome->why, 0, "registration %s", words);
	outcome->failed = true;
}

static int register_one(struct repro *repro, struct repro_arm *arm, unsigned int callable,
			struct outcome *outcome)
{
	struct repro_life *life = &arm->life;
	double ns, all;
	int r;

	outcome->callable = callable;
	outcome->start_ns = clock_now_ns();
	r = device_register(arm->device, repro_callable(arm->die, callable), callable, arm->result,
			    &outcome->why);
	arm->restarts += r == 0 && arm->result->restarted;
	if (r < 0)
		registration_failed(repro, arm, outcome);
	repro_freshness_count(arm);
	ns = apart_record(repro, arm, "registration", outcome, &all);
	if (r == 0 && life->registrations < DEVICE_CALLABLES_MAX) {
		life->brought[life->registrations] = all;
		life->registered[life->registrations++] = ns;
	}
	return r;
}

int repro_register(struct repro *repro, struct repro_arm *arm, struct outcome *outcome)
{
	struct outcome registration = { .order = outcome->order };
	int r = 0;

	if (!arm->when->early || !arm->when->kept)
		return 0;
	for (unsigned int i = 0; r == 0 && i < repro_callable_count(repro); i++) {
		if (device_has(arm->device, repro_callable(arm->die, i), i) ||
		    command_interrupted())
			continue;
		r = register_one(repro, arm, i, &registration);
	}
	if (r < 0) {
		outcome->why = registration.why;
		outcome->failed = true;
	}
	return r;
}

static void unload_one(struct repro *repro, struct repro_arm *arm, unsigned int callable)
{
	struct outcome outcome = { .callable = callable, .start_ns = clock_now_ns() };
	struct repro_life *life = &arm->life;
	double ns, unused;
	int r = device_unregister(arm->device, callable, arm->result, &outcome.why);

	outcome.failed = r < 0;
	if (r < 0)
		log_error("%s: unloading the object: %s", arm->label, outcome.why.text);
	ns = apart_record(repro, arm, "unload", &outcome, &unused);
	if (r == 0 && life->unloads < DEVICE_CALLABLES_MAX)
		life->unloaded[life->unloads++] = ns;
}

void repro_unload(struct repro *repro)
{
	for (int a = 0; a < repro->arm_count; a++) {
		struct repro_arm *arm = &repro->arms[a];

		for (unsigned int i = 0;
		     arm->device && arm->when->kept && i < repro_callable_count(repro); i++) {
			if (device_has(arm->device, repro_callable(arm->die, i), i) &&
			    !command_interrupted())
				unload_one(repro, arm, i);
		}
	}
}
