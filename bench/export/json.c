/* soload's own JSON: all figures of all arms, and the time of every load. results/README.md says
 * what the members mean. */
#include "bench/export/export.h"

#include "bench/limits.h"
#include "bench/machine.h"
#include "bench/run/columns.h"

#include <jansson.h>

#define EXPORT_SCHEMA_VERSION 1

static json_t *summary_json(const struct arm *arm, size_t column)
{
	struct stats_summary stats = column_summary(arm, column);
	json_t *json = json_object();

	export_number(json, "min", stats.min);
	export_number(json, "p10", stats.p10);
	export_number(json, "p50", stats.p50);
	export_number(json, "p50_low", stats.p50_interval.low);
	export_number(json, "p50_high", stats.p50_interval.high);
	export_number(json, "p90", stats.p90);
	export_number(json, "p99", stats.p99);
	export_number(json, "max", stats.max);
	export_number(json, "mean", stats.mean);
	export_number(json, "mad", stats.mad);
	return json;
}

static json_t *phases_json(const struct arm *arm)
{
	json_t *json = json_object();

	for (int i = 0; i < ARM_PHASES; i++) {
		if (column_summary(arm, column_phase(i)).n)
			json_object_set_new(json, phase_label((enum phase)i),
					    summary_json(arm, column_phase(i)));
	}
	return json;
}

static json_t *calls_json(const struct counters *counters)
{
	json_t *json = json_object();

	for (uint32_t i = 0; i < COUNTERS_CALLS; i++) {
		if (counters->calls[i] && counters_name(i))
			json_object_set_new(json, counters_name(i),
					    json_integer(counters->calls[i]));
	}
	return json;
}

static void counters_add(json_t *json, const struct counters *counters)
{
	if (!counters->loads)
		return;
	json_object_set_new(json, "syscalls", calls_json(counters));
	json_object_set_new(json, "bytes_written",
			    json_integer((json_int_t)counters->written_bytes));
	json_object_set_new(json, "bytes_mapped", json_integer((json_int_t)counters->mapped_bytes));
}

/* One entry per load, in the order they were measured in. */
static void loads_add(json_t *json, const struct arm *arm, bool threads)
{
	json_t *times = json_array(), *turns = json_array(), *of = json_array();

	for (uint32_t i = 0; i < arm->count; i++) {
		const struct arm_values *values = &arm->values[i];

		json_array_append_new(times, json_integer((json_int_t)values->total_ns));
		json_array_append_new(turns, json_integer(values->turn));
		json_array_append_new(of, json_integer(values->thread + 1));
	}
	json_object_set_new(json, "times", times);
	json_object_set_new(json, "turns", turns);
	if (threads)
		json_object_set(json, "threads", of);
	json_decref(of);
}

static json_t *arm_json(const struct runner *runner, const struct arm *arm)
{
	json_t *json = json_object();

	json_object_set_new(json, "loader", export_text(arm->loader));
	json_object_set_new(json, "so", export_text(arm->subject->label));
	json_object_set_new(json, "so_bytes", json_integer((json_int_t)arm->subject->file.size));
	json_object_set_new(json, "loads", json_integer(arm->count));
	json_object_set_new(json, "stale", json_integer(arm->stale));
	if (arm->error.text[0])
		json_object_set_new(json, "error", export_text(arm->error.text));
	json_object_set_new(json, "total", summary_json(arm, COLUMN(total_ns)));
	export_number(json, "p50_width", limits_width(arm));
	json_object_set_new(json, "phases", phases_json(arm));
	export_number(json, "cpu", column_summary(arm, COLUMN(cpu_ns)).mean);
	export_number(json, "user", column_summary(arm, COLUMN(user_ns)).mean);
	export_number(json, "system", column_summary(arm, COLUMN(system_ns)).mean);
	export_number(json, "minflt", column_summary(arm, COLUMN(minflt)).p50);
	export_number(json, "majflt", column_summary(arm, COLUMN(majflt)).p50);
	counters_add(json, &arm->counters);
	loads_add(json, arm, runner_threads(runner) > 1);
	return json;
}

static json_t *document(const struct export_source *source)
{
	json_t *json = json_object(), *results = json_array();

	json_object_set_new(json, "schema_version", json_integer(EXPORT_SCHEMA_VERSION));
	json_object_set_new(json, "version", json_string(SOLOAD_VERSION));
	json_object_set_new(json, "unit", json_string("ns"));
	json_object_set_new(json, "seed", json_integer((json_int_t)source->runner->options.seed));
	json_object_set(json, "options", source->options);
	json_object_set_new(json, "machine", machine_json());
	if (source->scan->count)
		json_object_set_new(json, "scan", scan_json(source->scan, source->runner));
	for (size_t i = 0; i < source->runner->arm_count; i++)
		json_array_append_new(results, arm_json(source->runner, &source->runner->arms[i]));
	json_object_set_new(json, "results", results);
	return json;
}

const struct export_format export_json = { .json = document };
