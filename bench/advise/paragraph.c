/* One paragraph that can be pasted into an issue as it is, and what of the advice is recorded. */
#include "bench/advise/advise.h"

#include "bench/command.h"
#include "bench/machine.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

/* The combination all steps lead to. */
static const struct advise_combo *end_of(struct advise *advise)
{
	size_t at[RANK_DIMENSIONS] = { 0 };

	for (size_t i = 0; i < advise->step_count; i++)
		at[advise->steps[i].dimension] = advise->steps[i].rung;
	return advise_at(advise, at);
}

static double model_us(const struct advise *advise, const struct advise_combo *combo)
{
	return advise_median(combo, advise->rounds, VALUE_DMA_MODEL) / 1e3;
}

static void steps_tell(const struct advise *advise)
{
	for (size_t i = 0; i < advise->step_count; i++) {
		const struct rank_step *step = &advise->steps[i];

		printf(" (%zu) %s (%s): ", i + 1, advise_rung_of(advise, step)->words,
		       advise_rung_of(advise, step)->name);
		if (step->added.distinct)
			printf("%+.1f us, 95%% interval %+.1f to %+.1f;", -step->added.ns / 1e3,
			       -step->added.high / 1e3, -step->added.low / 1e3);
		else
			printf("not distinguishable from nothing;");
	}
}

static void together_tell(const struct advise *advise)
{
	const struct rank_gain *gain = &advise->steps[advise->step_count - 1].together;

	if (gain->distinct)
		printf(" together %+.1f us (%+.1f to %+.1f).", -gain->ns / 1e3, -gain->high / 1e3,
		       -gain->low / 1e3);
	else
		printf(" together not distinguishable from nothing.");
}

void advise_paragraph_print(struct advise *advise)
{
	const struct repro *repro = &advise->repro;
	const struct repro_options *options = &advise->options->repro;
	const struct dma_model *model = &options->dma_model;
	const size_t first[RANK_DIMENSIONS] = { 0 };
	const struct advise_combo *start = advise_at(advise, first);
	double cost;
	char machine[256], build[64], name[ADVISE_NAME_BYTES];

	if (!start || start->why[0] || advise->step_count == 0)
		return;
	cost = advise_cost(start, advise->rounds);
	printf("\nTo paste into an issue:\n\n");
	printf("Bringing the orchestration object %s (%zu bytes) to the AICPU, in and out again "
	       "costs "
	       "%.1f us of an invocation of %s %s on %s, %s (%.1f %% of it) with %s, in "
	       "the model of host and device of %s, on %s (medians of %zu interleaved rounds in "
	       "%zu processes; no Ascend hardware).",
	       repro->dies[0].object_label, repro->dies[0].object.so.size, cost / 1e3,
	       repro->workload->name, repro->dies[0].data.which->name, options->platform,
	       options->runtime, 100 * cost / advise_median(start, advise->rounds, VALUE_HOST),
	       advise_name(start, name), machine_build(build, sizeof(build)),
	       machine_line(machine, sizeof(machine)), advise->rounds, advise->processes);
	printf(" Steps in the order of what they save, each over the ones before:");
	steps_tell(advise);
	together_tell(advise);
	printf(" %.1f us are left, with %s.", advise_cost(end_of(advise), advise->rounds) / 1e3,
	       advise_name(end_of(advise), name));
	printf(" The copies alone, modelled as %g us + bytes / %g GB/s each (%s; not measured, "
	       "part "
	       "of no figure above), would take %.1f us at the start and %.1f us after these "
	       "steps. Measured by `soload",
	       model->latency_us, model->gigabytes_per_s, model->name, model_us(advise, start),
	       model_us(advise, end_of(advise)));
	for (char *const *word = command_line ? command_line + 1 : NULL; word && *word; word++)
		printf(" %s", *word);
	printf("`.\n");
}

static void figure_record(const struct advise *advise, struct summary *row, const char *subject,
			  const char *unit, double value)
{
	row->phase = subject;
	row->metric = strcmp(unit, "ns") == 0 ? "p50" : "count";
	row->unit = unit;
	row->value = value;
	record_summary(advise->repro.record, row);
}

static void combo_record(const struct advise *advise, const struct advise_combo *combo)
{
	static const struct {
		const char *subject, *unit;
		int value;
	} medians[] = {
		{ "total", "ns", VALUE_TOTAL },	   { "transfer", "ns", VALUE_TRANSFER },
		{ "dma", "ns", VALUE_DMA },	   { "dma_model", "ns", VALUE_DMA_MODEL },
		{ "host", "ns", VALUE_HOST },	   { "device", "ns", VALUE_DEVICE },
		{ "moved", "bytes", VALUE_MOVED }, { "faults", "count", VALUE_FAULTS },
	};
	struct summary row = { .scenario = "reproduction",
			       .loader = combo->loader,
			       .transport = combo->transport->name,
			       .when = combo->when->name,
			       .so = advise->repro.dies[0].object_label,
			       .so_bytes = (int64_t)advise->repro.dies[0].object.so.size,
			       .device = advise->repro.dies[0].name,
			       .n = (int64_t)advise->rounds,
			       .epochs = (int64_t)advise->processes,
			       .ci_low = (double)NAN,
			       .ci_high = (double)NAN };

	for (size_t i = 0; i < sizeof(medians) / sizeof(medians[0]); i++)
		figure_record(advise, &row, medians[i].subject, medians[i].unit,
			      advise_median(combo, advise->rounds, medians[i].value));
	figure_record(advise, &row, "cost", "ns", advise_cost(combo, advise->rounds));
	figure_record(advise, &row, "first", "ns", advise_first(combo));
	figure_record(advise, &row, "kept", "bytes", advise_kept(combo));
	figure_record(advise, &row, "syscalls", "count", combo->calls);
}

/* Ends of an interval that the rounds were too few for are null. */
static json_t *end_json(double ns)
{
	return isfinite(ns) ? json_real(ns) : json_null();
}

static json_t *gain_json(const struct rank_gain *gain)
{
	if (gain->n == 0)
		return json_null();
	return json_pack("{s:f, s:o, s:o, s:b}", "saves_ns", gain->ns, "low_ns",
			 end_json(gain->low), "high_ns", end_json(gain->high), "distinguishable",
			 gain->distinct);
}

static json_t *advice_json(const struct advise *advise)
{
	json_t *ranking = json_array(), *steps = json_array(), *unranked = json_array();

	for (size_t place = 0; place < advise->ranked; place++) {
		const struct advise_combo *combo = &advise->combos[advise->order[place]];

		json_array_append_new(ranking,
				      json_pack("{s:I, s:s, s:s, s:s, s:f}", "rank",
						(json_int_t)advise->rank[place], "loader",
						combo->loader, "transport", combo->transport->name,
						"when", combo->when->name, "cost_ns",
						advise_cost(combo, advise->rounds)));
	}
	for (size_t i = 0; i < advise->count; i++) {
		const struct advise_combo *combo = &advise->combos[i];

		if (combo->why[0])
			json_array_append_new(
				unranked, json_pack("{s:s, s:s, s:s, s:s}", "loader", combo->loader,
						    "transport", combo->transport->name, "when",
						    combo->when->name, "why", combo->why));
	}
	for (size_t i = 0; i < advise->step_count; i++) {
		const struct rank_step *step = &advise->steps[i];

		json_array_append_new(steps, json_pack("{s:s, s:o, s:o, s:o}", "to",
						       advise_rung_of(advise, step)->name, "added",
						       gain_json(&step->added), "alone",
						       gain_json(&step->alone), "together",
						       gain_json(&step->together)));
	}
	return json_pack("{s:o, s:o, s:o}", "ranking", ranking, "unranked", unranked, "steps",
			 steps);
}

void advise_record(struct advise *advise)
{
	for (size_t i = 0; i < advise->count; i++) {
		if (!advise->combos[i].why[0])
			combo_record(advise, &advise->combos[i]);
	}
	record_note(advise->repro.record, "advise", advice_json(advise));
}
