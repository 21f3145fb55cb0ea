/* The rows of summary.csv of a finished run. See report.h. */
#include "bench/run/report.h"

#include "bench/limits.h"
#include "bench/run/columns.h"

#include <math.h>
#include <string.h>

static void metric_rows(const struct runner *runner, struct summary *row,
			const struct stats_summary *stats, const char *suffix)
{
	const struct {
		const char *metric;
		double value;
	} metrics[] = {
		{ "min", stats->min }, { "p10", stats->p10 },	      { "p50", stats->p50 },
		{ "p90", stats->p90 }, { "p99", stats->p99 },	      { "mean", stats->mean },
		{ "mad", stats->mad }, { "trimmed", stats->trimmed },
	};

	for (size_t i = 0; stats->n && i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		bool median = strcmp(metrics[i].metric, "p50") == 0;
		char metric[64];

		snprintf(metric, sizeof(metric), "%s%s", metrics[i].metric, suffix);
		row->metric = metric;
		row->n = (int64_t)stats->n;
		row->value = metrics[i].value;
		row->ci_low = median ? stats->p50_interval.low : (double)NAN;
		row->ci_high = median ? stats->p50_interval.high : (double)NAN;
		record_summary(runner->record, row);
	}
}

static void summary_rows(const struct runner *runner, const struct arm *arm, const char *phase,
			 size_t column)
{
	struct stats_summary stats = column_summary(arm, column);
	struct summary row = {
		.scenario = "cycle",
		.loader = arm->loader,
		.so = arm->subject->label,
		.so_bytes = (int64_t)arm->subject->file.size,
		.phase = phase,
		.epochs = runner->epoch,
		.unit = "ns",
	};

	metric_rows(runner, &row, &stats, "");
	for (uint32_t i = 0; runner_threads(runner) > 1 && i < runner_threads(runner); i++) {
		char suffix[32];

		stats = column_of_thread(arm, column, (int)i);
		snprintf(suffix, sizeof(suffix), ".thread%u", i + 1);
		metric_rows(runner, &row, &stats, suffix);
	}
}

/* How well the median is known, over turns: the column CI of the table. */
static void width_row(const struct runner *runner, const struct arm *arm)
{
	double width = limits_width(arm);

	if (isfinite(width))
		record_summary(runner->record, &(struct summary){
						       .scenario = "cycle",
						       .loader = arm->loader,
						       .so = arm->subject->label,
						       .so_bytes = (int64_t)arm->subject->file.size,
						       .phase = "total",
						       .metric = "p50_width",
						       .unit = "ratio",
						       .n = arm->turn_count,
						       .epochs = runner->epoch,
						       .value = width,
						       .ci_low = (double)NAN,
						       .ci_high = (double)NAN,
					       });
}

static void count_row(const struct runner *runner, const struct arm *arm, const char *metric,
		      double value)
{
	bool bytes = strncmp(metric, "bytes", 5) == 0;

	record_summary(runner->record, &(struct summary){
					       .scenario = "cycle",
					       .loader = arm->loader,
					       .so = arm->subject->label,
					       .so_bytes = (int64_t)arm->subject->file.size,
					       .phase = "total",
					       .metric = metric,
					       .unit = bytes ? "bytes" : "count",
					       .n = arm->count,
					       .epochs = runner->epoch,
					       .value = value,
					       .ci_low = (double)NAN,
					       .ci_high = (double)NAN,
				       });
}

static void counters_rows(const struct runner *runner, const struct arm *arm)
{
	const struct counters *c = &arm->counters;

	if (!c->loads)
		return;
	count_row(runner, arm, "syscalls", c->total);
	for (uint32_t i = 0; i < COUNTERS_CALLS; i++) {
		char metric[64];

		if (!c->calls[i] || !counters_name(i))
			continue;
		snprintf(metric, sizeof(metric), "syscalls.%s", counters_name(i));
		count_row(runner, arm, metric, c->calls[i]);
	}
	count_row(runner, arm, "bytes_written", (double)c->written_bytes);
	count_row(runner, arm, "bytes_mapped", (double)c->mapped_bytes);
}

void run_report_summary(const struct runner *runner)
{
	for (size_t i = 0; i < runner->arm_count; i++) {
		const struct arm *arm = &runner->arms[i];

		summary_rows(runner, arm, "total", COLUMN(total_ns));
		for (int phase = 0; phase < ARM_PHASES; phase++)
			summary_rows(runner, arm, phase_label((enum phase)phase),
				     column_phase(phase));
		width_row(runner, arm);
		counters_rows(runner, arm);
		count_row(runner, arm, "count", arm->count);
		count_row(runner, arm, "stale", arm->stale);
		if (arm->count)
			count_row(runner, arm, "minflt", column_summary(arm, COLUMN(minflt)).p50);
	}
}
