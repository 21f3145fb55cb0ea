/* What a round was in figures: its row and spans in the record, and the values its arm keeps. */
#include "bench/repro/repro.h"

#include <math.h>
#include <string.h>

void repro_lanes_convert(const struct device_result *result, struct outcome *outcome)
{

	outcome->map = clock_map_now();
	outcome->host_ns =
		timeline_ns(&result->lanes[DEVICE_LANE_HOST].time, &outcome->map, outcome->host);
	outcome->ran = result->failure == DEVICE_OK || result->failure == DEVICE_FAILED;
	for (int i = 0; outcome->ran && i < (int)result->threads; i++)
		timeline_ns(&result->lanes[i].time, &outcome->map, outcome->lanes[i]);
	if (result->early.time.span_count > 0)
		timeline_ns(&result->early.time, &outcome->map, outcome->early);
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

struct sample repro_sample(const struct repro *repro, const struct repro_arm *arm,
			   const struct outcome *outcome)
{
	const struct freshness_verdict *verdict = &arm->result->verdict;
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
	sample.when = arm->when->name;
	if (arm->die->callables)
		sample.callable = outcome->callable;
	sample.dma_bytes = (int64_t)arm->result->dma_object.bytes;
	sample.dma_ns = ticks_ns(outcome, arm->result->dma_object.ticks);
	sample.dma_model_ns = (int64_t)arm->result->dma_object.model_ns;
	if (verdict->reason[0])
		sample_report(&sample, &arm->result->report);
	if (verdict->reason[0] && verdict->freshness != FRESHNESS_UNKNOWN)
		sample.stale = verdict->freshness == FRESHNESS_STALE;
	return sample;
}

static bool is_load(int phase)
{
	return phase_class((enum phase)phase) == PHASE_CLASS_LOAD;
}

/* The load, wherever it was; returns the part before the invocation. */
static uint64_t load_sum(const uint64_t *within, const struct outcome *outcome, uint64_t *ret_sum)
{
	uint64_t early = 0;

	for (int phase = 0; phase < PHASE_COUNT; phase++) {
		ret_sum[phase] = within[phase] + (is_load(phase) ? outcome->early[phase] : 0);
		early += is_load(phase) ? outcome->early[phase] : 0;
	}
	return early;
}

static void sample_record(struct repro *repro, const struct repro_arm *arm,
			  const struct outcome *outcome)
{
	const struct device_result *result = arm->result;
	struct sample sample = repro_sample(repro, arm, outcome);
	uint64_t phases[PHASE_COUNT], early;

	if (outcome->ran) {
		early = load_sum(lane_loading(repro, arm, outcome), outcome, phases);
		sample_phases(&sample, phases,
			      sample_observable(arm->caps) | PHASE_BIT(PHASE_READ) |
				      PHASE_BIT(PHASE_CALL));
		if (early > 0)
			sample.early_ns = (int64_t)early;
	}
	if (outcome->ran && !outcome->failed)
		sample.minflt = result->minflt;
	record_sample(repro->record, &sample);
}

static void spans_record(struct repro *repro, const struct repro_arm *arm,
			 const struct outcome *outcome)
{
	const struct device_result *result = arm->result;

	record_lane(repro->record, repro->seq, result->lanes[DEVICE_LANE_HOST].name,
		    &result->lanes[DEVICE_LANE_HOST].time, &outcome->map);
	if (result->early.time.span_count > 0)
		record_lane(repro->record, repro->seq, result->early.name, &result->early.time,
			    &outcome->map);
	for (int i = 0; outcome->ran && i < (int)result->threads; i++)
		record_lane(repro->record, repro->seq, result->lanes[i].name,
			    &result->lanes[i].time, &outcome->map);
}

void repro_round_record(struct repro *repro, const struct repro_arm *arm,
			const struct outcome *outcome)
{
	sample_record(repro, arm, outcome);
	spans_record(repro, arm, outcome);
}

/* How long the host waited for what was loaded early, in ns; of that `check` for the harness's own
 * look at it: not at all where the look was over before the host came. */
static double early_wait(const struct device_result *result, const struct outcome *outcome,
			 double *ret_check)
{
	const struct device_lane *host = &result->lanes[DEVICE_LANE_HOST];

	*ret_check = 0;
	for (uint32_t i = 0; result->early.time.span_count > 0 && i + 1 < host->time.span_count;
	     i++) {
		uint64_t begin = host->spans[i].ticks;

		if (host->spans[i].phase != PHASE_WAIT)
			continue;
		if (result->early.time.mark > begin)
			*ret_check =
				fmin((double)outcome->early[PHASE_CHECK],
				     (double)ticks_ns(outcome, result->early.time.mark - begin));
		return (double)ticks_ns(outcome, host->spans[i + 1].ticks - begin);
	}
	return 0;
}

/* The harness's own look at what was loaded happens inside the round and is taken out again. */
static void values_make(struct repro *repro, struct repro_arm *arm, const struct outcome *outcome,
			double *values)
{
	const struct device_result *result = arm->result;
	const uint64_t *lane = outcome->lanes[result->threads - 1];
	const uint64_t *loading = lane_loading(repro, arm, outcome);
	double check = (double)lane[PHASE_CHECK], total = 0, sched = 0, early_check;
	double waited = early_wait(result, outcome, &early_check);
	uint64_t loads[PHASE_COUNT];

	values[VALUE_EARLY] = (double)load_sum(loading, outcome, loads);
	for (int phase = 0; phase < PHASE_COUNT; phase++) {
		values[phase] =
			(double)(is_load(phase) || phase == PHASE_ORCHESTRATE ? loads
									      : lane)[phase];
		total += is_load(phase) ? values[phase] : 0;
	}
	for (int i = 0; i < (int)result->threads - 1; i++)
		sched = fmax(sched, (double)outcome->lanes[i][PHASE_SCHEDULE]);
	values[VALUE_HOST] =
		(double)outcome->host_ns - check - (double)outcome->host[PHASE_CHECK] - early_check;
	values[VALUE_DEVICE] = (double)ticks_ns(outcome, result->device_ticks) - check;
	values[VALUE_TOTAL] = total;
	values[VALUE_LOAD] = total - values[VALUE_EARLY];
	values[VALUE_EXPOSED] = fmax(0, waited - early_check);
	values[VALUE_SCHED] = sched;
	values[VALUE_DMA] = (double)ticks_ns(outcome, result->dma_object.ticks);
	values[VALUE_DMA_MODEL] = (double)result->dma_object.model_ns;
	values[VALUE_TRANSFER] = (double)(outcome->host[PHASE_SO_COPY] + outcome->host[PHASE_SEND]);
	values[VALUE_MOVED] = (double)(result->dma_object.bytes + result->report.load_bytes);
	values[VALUE_FAULTS] = (double)result->minflt;
	values[VALUE_SWITCHED] = outcome->switched;
}

void repro_values_keep(struct repro *repro, struct repro_arm *arm, const struct outcome *outcome)
{
	double values[VALUE_COUNT];

	if (outcome->failed)
		return;
	values_make(repro, arm, outcome, values);
	if (arm->rounds_done == 0) {
		memcpy(arm->first, values, sizeof(values));
		arm->first_passed = true;
		arm->life.first_counts = !outcome->warmup;
	}
	if (outcome->warmup)
		return;
	memcpy(arm->values + arm->rounds_passed * VALUE_COUNT, values, sizeof(values));
	arm->rounds_passed++;
}
