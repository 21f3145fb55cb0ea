/* Bencher Metric Format (bencher.dev, "Bencher Metric Format"): benchmark → measure → value, and
 * the ends of its interval. `latency` is their built-in measure and in nanoseconds. */
#include "bench/export/export.h"

#include "bench/run/columns.h"

#include <jansson.h>
#include <math.h>

static json_t *metric(double value, struct stats_interval interval)
{
	json_t *json = json_object();

	export_number(json, "value", value);
	export_number(json, "lower_value", interval.low);
	export_number(json, "upper_value", interval.high);
	return json;
}

static json_t *arm_json(const struct arm *arm)
{
	static const struct stats_interval none = { (double)NAN, (double)NAN };
	struct stats_summary total = column_summary(arm, COLUMN(total_ns));
	json_t *json = json_object();

	json_object_set_new(json, "latency", metric(total.p50, total.p50_interval));
	json_object_set_new(json, "minor-faults",
			    metric(column_summary(arm, COLUMN(minflt)).p50, none));
	if (arm->counters.loads)
		json_object_set_new(json, "syscalls", metric(arm->counters.total, none));
	return json;
}

static json_t *document(const struct export_source *source)
{
	json_t *json = json_object();

	for (size_t i = 0; i < source->runner->arm_count; i++) {
		const struct arm *arm = &source->runner->arms[i];
		char name[512];

		/* A name that is not UTF-8 cannot be a key: its arm is left out. */
		if (arm->count)
			json_object_set_new(json,
					    export_name(source->runner, arm, name, sizeof(name)),
					    arm_json(arm));
	}
	return json;
}

const struct export_format export_bmf = { .json = document };
