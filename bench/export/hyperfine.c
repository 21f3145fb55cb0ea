/* As hyperfine's --export-json writes it, in seconds. A command is an arm, a run one of its loads;
 * user and system time are the kernel's division of the thread's CPU time, which is exact in the
 * mean only. */
#include "bench/export/export.h"

#include "bench/run/columns.h"

#include <inttypes.h>
#include <jansson.h>

#define SECONDS(ns) ((ns) / 1e9)

static void loads_add(json_t *json, const struct arm *arm)
{
	json_t *times = json_array(), *codes = json_array();

	for (uint32_t i = 0; i < arm->count; i++) {
		json_array_append_new(times, json_real(SECONDS(arm->values[i].total_ns)));
		json_array_append_new(codes, json_integer(0));
	}
	json_object_set_new(json, "times", times);
	json_object_set_new(json, "exit_codes", codes);
}

/* hyperfine's are texts, and there are none without a scan. */
static void parameter_add(json_t *json, const struct scan *scan, size_t point)
{
	char value[32];

	if (point >= scan->count)
		return;
	snprintf(value, sizeof(value), "%" PRIu64, scan->points[point]);
	json_object_set_new(json, "parameters", json_pack("{s:s}", scan_word(scan->what), value));
}

static json_t *arm_json(const struct export_source *source, const struct arm *arm)
{
	struct stats_summary total = column_summary(arm, COLUMN(total_ns));
	json_t *json = json_object();
	char name[512];

	json_object_set_new(json, "command",
			    export_text(export_name(source->runner, arm, name, sizeof(name))));
	export_number(json, "mean", SECONDS(total.mean));
	if (arm->count > 1)
		export_number(json, "stddev", SECONDS(total.stddev));
	else
		json_object_set_new(json, "stddev", json_null());
	export_number(json, "median", SECONDS(total.p50));
	export_number(json, "user", SECONDS(column_summary(arm, COLUMN(user_ns)).mean));
	export_number(json, "system", SECONDS(column_summary(arm, COLUMN(system_ns)).mean));
	export_number(json, "min", SECONDS(total.min));
	export_number(json, "max", SECONDS(total.max));
	loads_add(json, arm);
	parameter_add(json, source->scan, (size_t)(arm->subject - source->runner->arms[0].subject));
	return json;
}

static json_t *document(const struct export_source *source)
{
	json_t *results = json_array();

	for (size_t i = 0; i < source->runner->arm_count; i++) {
		if (source->runner->arms[i].count)
			json_array_append_new(results, arm_json(source, &source->runner->arms[i]));
	}
	return json_pack("{s:o}", "results", results);
}

const struct export_format export_hyperfine = { .json = document };
