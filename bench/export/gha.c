/* github-action-benchmark, tool customSmallerIsBetter: name, unit and value of each; range and
 * extra are texts it shows. */
#include "bench/export/export.h"

#include "bench/run/columns.h"

#include <jansson.h>
#include <math.h>

static json_t *arm_json(const struct runner *runner, const struct arm *arm)
{
	struct stats_summary total = column_summary(arm, COLUMN(total_ns));
	char name[512], text[256];
	json_t *json = json_object();

	json_object_set_new(json, "name",
			    export_text(export_name(runner, arm, name, sizeof(name))));
	json_object_set_new(json, "unit", json_string("ns"));
	export_number(json, "value", total.p50);
	if (isfinite(total.p50_interval.low)) {
		snprintf(text, sizeof(text), "%.0f to %.0f", total.p50_interval.low,
			 total.p50_interval.high);
		json_object_set_new(json, "range", json_string(text));
	}
	snprintf(text, sizeof(text),
		 "median of %u loads\np10 %.0f ns\np90 %.0f ns\nstale loads: %u", arm->count,
		 total.p10, total.p90, arm->stale);
	json_object_set_new(json, "extra", json_string(text));
	return json;
}

static json_t *document(const struct export_source *source)
{
	json_t *list = json_array();

	for (size_t i = 0; i < source->runner->arm_count; i++) {
		if (source->runner->arms[i].count)
			json_array_append_new(list,
					      arm_json(source->runner, &source->runner->arms[i]));
	}
	return list;
}

const struct export_format export_gha = { .json = document };
