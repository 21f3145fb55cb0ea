/* What a probed part of a measurement says: the protocol's figures first, then the steps. */
#include "bench/watch/probed.h"

#include "bench/stats.h"
#include "bench/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_US 1000.0

static double *column_take(const struct probed *probed, size_t offset,
			   struct stats_summary *ret_summary)
{
	double *values = calloc(probed->load_count ? probed->load_count : 1, sizeof(values[0]));
	size_t n = 0;

	for (size_t i = 0; values && i < probed->load_count; i++) {
		const char *row = (const char *)&probed->loads[i];
		double value = *(const double *)(const void *)(row + offset);

		if (isfinite(value))
			values[n++] = value;
	}
	*ret_summary = stats_summarise(values, values ? n : 0);
	return values;
}

void probed_column(const struct probed *probed, size_t offset, double *ret_p10, double *ret_p50)
{
	struct stats_summary summary;

	free(column_take(probed, offset, &summary));
	*ret_p10 = summary.p10;
	*ret_p50 = summary.p50;
}

struct probed_verdict probed_judge(const struct probed *probed)
{
	double *base = calloc(probed->base_count ? probed->base_count : 1, sizeof(base[0]));
	double *corrected = calloc(probed->load_count ? probed->load_count : 1, sizeof(base[0]));
	struct probed_verdict verdict = { 0 };
	struct stats_summary summary;
	double p50;

	if (base && corrected) {
		memcpy(base, probed->base_ns, probed->base_count * sizeof(base[0]));
		summary = stats_summarise(base, probed->base_count);
		verdict.base_p10 = summary.p10;
		verdict.base_p50 = summary.p50;
		for (size_t i = 0; i < probed->load_count; i++)
			corrected[i] = probed->loads[i].total_ns - probed->loads[i].cost_ns;
		verdict.corrected_p10 = stats_summarise(corrected, probed->load_count).p10;
		probed_column(probed, offsetof(struct probed_load, total_ns), &verdict.probed_p10,
			      &p50);
		verdict.inflation = verdict.probed_p10 / verdict.base_p10;
		verdict.ratio = verdict.corrected_p10 / verdict.base_p10;
	}
	free(base);
	free(corrected);
	return verdict;
}

static void median_cell(struct table *table, const struct probed *probed, size_t offset)
{
	double p10, p50;

	probed_column(probed, offset, &p10, &p50);
	table_cell(table, isfinite(p50) ? "%.2f" : "-", p50 / NS_PER_US);
}

static size_t step_offset(size_t column, int step)
{
	return column + (size_t)step * sizeof(double);
}

#define OBSERVED offsetof(struct probed_load, observed_ns)
#define CORRECTED offsetof(struct probed_load, corrected_ns)

/* Shares are of the steps' own sum, and scale the unprobed time: see docs/probes.md. */
static void steps_print(const struct probed *probed, const struct probed_verdict *verdict,
			FILE *out)
{
	struct table *table = table_new();
	double sum = 0.0, p10, p50;

	for (int step = 0; step < STEP_COUNT; step++) {
		probed_column(probed, step_offset(CORRECTED, step), &p10, &p50);
		sum += isfinite(p50) ? p50 : 0.0;
	}
	table_column_text(table, "Step");
	table_column_number(table, "Observed");
	table_column_number(table, "Corrected");
	table_column_number(table, "Share");
	table_column_number(table, "Of the unprobed");
	table_column_text(table, "");
	for (int step = 0; step < STEP_COUNT && sum > 0.0; step++) {
		double seen;

		probed_column(probed, step_offset(OBSERVED, step), &p10, &seen);
		probed_column(probed, step_offset(CORRECTED, step), &p10, &p50);
		if (!(seen > 0.0))
			continue;
		table_cell(table, "%s", step_label((enum step)step));
		median_cell(table, probed, step_offset(OBSERVED, step));
		median_cell(table, probed, step_offset(CORRECTED, step));
		table_cell(table, "%.1f %%", p50 / sum * 100.0);
		table_cell(table, "%.2f", p50 / sum * verdict->base_p50 / NS_PER_US);
		table_cell(table, "%s", step_text((enum step)step));
	}
	table_print(table, out);
	table_free(table);
	fputs("  us per load: medians; the last number is the step's share of the unprobed "
	      "median\n",
	      out);
}

static double median_of(const struct probed *probed, size_t offset)
{
	double p10, p50;

	probed_column(probed, offset, &p10, &p50);
	return isfinite(p50) ? p50 : 0.0;
}

static void kernel_print(const struct probed *probed, FILE *out)
{
	unsigned int sight = probed->choice->probe->sight;

	if (sight & PROBE_SYSCALLS)
		fprintf(out, "  system calls %.0f (%.2f us observed)",
			median_of(probed, offsetof(struct probed_load, calls)),
			median_of(probed, offsetof(struct probed_load, call_ns)) / NS_PER_US);
	if (sight & PROBE_FAULTS)
		fprintf(out, ", page faults %.0f, of them %.0f by the kernel",
			median_of(probed, offsetof(struct probed_load, faults)),
			median_of(probed, offsetof(struct probed_load, kernel_faults)));
	if (sight & PROBE_OFFCPU)
		fprintf(out, ", off the CPU %.2f us",
			median_of(probed, offsetof(struct probed_load, offcpu_ns)) / NS_PER_US);
	if (sight & PROBE_SYSCALLS)
		fputs(", median per load\n", out);
}

/* Part 0 is the whole load. */
static size_t value_offset(size_t counter, size_t part, size_t metric)
{
	size_t place = (counter * (PROBE_PARTS_MAX + 1) + part) * PROBE_METRICS_MAX + metric;

	return offsetof(struct probed_load, values) + place * sizeof(double);
}

static double value_median(const struct probed *probed, size_t counter, size_t part, size_t metric)
{
	double p10, p50;

	probed_column(probed, value_offset(counter, part, metric), &p10, &p50);
	return p50;
}

/* Whether any load has told anything of it. */
static bool part_known(const struct probed *probed, size_t counter, size_t part)
{
	const struct probe_metric *metrics = probed->choice->counters[counter]->metrics;
	bool known = false;

	for (size_t i = 0; metrics[i].name; i++)
		known = known || isfinite(value_median(probed, counter, part, i));
	return known;
}

/* A row per part: a phase, a mapping. */
static void parts_print(const struct probed *probed, size_t counter, FILE *out)
{
	const struct probe_type *type = probed->choice->counters[counter];
	struct table *table = table_new();
	bool any = false;

	table_column_text(table, type->name);
	for (size_t i = 0; type->metrics[i].name; i++)
		table_column_number(table, type->metrics[i].name);
	for (size_t part = 0; type->parts[part]; part++) {
		if (!part_known(probed, counter, part + 1))
			continue;
		any = true;
		table_cell(table, "%s", type->parts[part]);
		for (size_t i = 0; type->metrics[i].name; i++) {
			double value = value_median(probed, counter, part + 1, i);

			table_cell(table, isfinite(value) ? "%.0f" : "-", value);
		}
	}
	if (any)
		table_print(table, out);
	table_free(table);
}

static void counters_print(const struct probed *probed, FILE *out)
{
	for (size_t i = 0; i < probed->choice->counter_count; i++) {
		const struct probe_type *type = probed->choice->counters[i];

		fprintf(out, "  %s:", type->name);
		for (size_t j = 0; type->metrics[j].name; j++) {
			double p50 = value_median(probed, i, 0, j);

			if (isfinite(p50))
				fprintf(out, "%s %s %.0f", j ? "," : "", type->metrics[j].name,
					p50);
			else
				fprintf(out, "%s %s -", j ? "," : "", type->metrics[j].name);
		}
		fputs(" (medians)\n", out);
		if (type->parts)
			parts_print(probed, i, out);
	}
}

static void protocol_print(const struct probed *probed, const struct probed_verdict *verdict,
			   FILE *out)
{
	if (!probed->choice->probe) {
		fprintf(out,
			"  unprobed p10 %.2f us, p50 %.2f us; beside counting p10 %.2f us "
			"(%.2fx)\n",
			verdict->base_p10 / NS_PER_US, verdict->base_p50 / NS_PER_US,
			verdict->probed_p10 / NS_PER_US, verdict->inflation);
		return;
	}
	fprintf(out,
		"  unprobed p10 %.2f us, p50 %.2f us; probed p10 %.2f us: inflation %.2fx; "
		"corrected "
		"%.2f us: %.3f of unprobed%s\n"
		"  events %" PRIu64 " (%.0f per load), drops %" PRIu64 ", gaps %" PRIu64
		", unmatched %" PRIu64 ", skipped functions %u\n",
		verdict->base_p10 / NS_PER_US, verdict->base_p50 / NS_PER_US,
		verdict->probed_p10 / NS_PER_US, verdict->inflation,
		verdict->corrected_p10 / NS_PER_US, verdict->ratio,
		fabs(verdict->ratio - 1.0) > 0.10 ? " (more than 10 % off: trust the shares less)"
						  : "",
		probed->events, (double)probed->events / (double)probed->load_count, probed->drops,
		probed->gaps, probed->unmatched, probed->choice->probe->skipped);
}

/* What was subtracted, and how sure it is. */
static void cost_print(const struct probed *probed, FILE *out)
{
	const struct probe_cost *cost = &probed->cost;
	double calls = cost->before_ns[COST_SYS_ENTER] + cost->after_ns[COST_SYS_ENTER] +
		       cost->before_ns[COST_SYS_EXIT] + cost->after_ns[COST_SYS_EXIT];

	if (!(cost_hit_ns(cost, 1.0) > 0.0))
		return;
	fprintf(out,
		"  subtracted: a function %.2f us right after another, %.2f us after other work "
		"(calibrations within %.2f us)",
		cost_hit_ns(cost, 0.0) / NS_PER_US, cost_hit_ns(cost, 1.0) / NS_PER_US,
		cost->spread_ns / NS_PER_US);
	if (calls > 0.0)
		fprintf(out, ", a system call %.2f us", calls / NS_PER_US);
	fprintf(out, ", an object's mappings %.2f us\n",
		(cost->map_ns + cost->unmap_ns + cost->protect_ns[0]) / NS_PER_US);
}

void probed_print(const struct probed *probed, const char *name, FILE *out)
{
	struct probed_verdict verdict = probed_judge(probed);
	const struct probe *probe = probed->choice->probe;

	fprintf(out,
		"\nProbe %s%s%s on %s: %u blocks of %u unprobed and %u probed loads in turns\n",
		probe ? probe->type->name : "", probe && probed->choice->counting[0] ? "," : "",
		probed->choice->counting, name, probed->blocks, probed->block_loads,
		probed->block_loads);
	if (!probed->load_count)
		return;
	protocol_print(probed, &verdict, out);
	cost_print(probed, out);
	if (probed->foreign)
		fprintf(out,
			"  %u uprobes of others are on this machine: no unprobed number is one\n",
			probed->foreign);
	if (probe && probe->sight & (PROBE_STEPS | PROBE_COARSE)) {
		steps_print(probed, &verdict, out);
		kernel_print(probed, out);
	}
	counters_print(probed, out);
}

static void summary_row(const struct probed_record *to, const char *phase, const char *unit,
			const struct stats_summary *from)
{
	const struct {
		const char *metric;
		double value;
	} metrics[] = { { "p10", from->p10 }, { "p50", from->p50 }, { "p90", from->p90 } };

	for (size_t i = 0; from->n && i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		struct summary row = {
			.scenario = "probe",
			.loader = to->loader,
			.so = to->so,
			.so_bytes = to->so_bytes,
			.phase = phase,
			.metric = metrics[i].metric,
			.unit = unit,
			.n = (int64_t)from->n,
			.value = metrics[i].value,
			.ci_low = (double)NAN,
			.ci_high = (double)NAN,
		};

		record_summary(to->record, &row);
	}
}

/* "perf.cycles", and of a part "perf.cycles.map". */
static void part_summary(const struct probed *probed, const struct probed_record *to,
			 size_t counter, size_t part)
{
	const struct probe_type *type = probed->choice->counters[counter];

	for (size_t i = 0; type->metrics[i].name; i++) {
		struct stats_summary summary;
		char phase[64];

		free(column_take(probed, value_offset(counter, part, i), &summary));
		snprintf(phase, sizeof(phase), "%s.%s%s%s", type->name, type->metrics[i].name,
			 part ? "." : "", part ? type->parts[part - 1] : "");
		summary_row(to, phase, type->metrics[i].unit, &summary);
	}
}

void probed_summary(const struct probed *probed, const struct probed_record *to)
{
	struct stats_summary summary;
	char phase[64];

	for (int step = 0; step < STEP_COUNT; step++) {
		free(column_take(probed, step_offset(CORRECTED, step), &summary));
		snprintf(phase, sizeof(phase), "ld.%s", step_label((enum step)step));
		if (summary.max > 0.0)
			summary_row(to, phase, "ns", &summary);
	}
	for (size_t i = 0; i < probed->choice->counter_count; i++) {
		part_summary(probed, to, i, 0);
		for (size_t part = 1; probed->choice->counters[i]->parts &&
				      probed->choice->counters[i]->parts[part - 1];
		     part++)
			part_summary(probed, to, i, part);
	}
}
