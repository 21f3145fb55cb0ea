/*
 * As Google Benchmark writes it (docs/user_guide.md of that project, "Output Formats"). A
 * repetition is a turn: its iterations are loads of one process that resemble each other, so
 * real_time is their mean, and compare.py's test is over turns.
 */
#include "bench/export/export.h"

#include "base/file.h"
#include "bench/machine.h"
#include "bench/run/columns.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAME_BYTES 512

static bool cpu_scales(void)
{
	char word[64];

	return file_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", word,
			 sizeof(word)) &&
	       strcmp(word, "performance") != 0;
}

static json_t *context(void)
{
	json_t *json = json_object(), *averages = json_array();
	char host[256] = "", date[64], mhz[32];
	double load[3];
	time_t now = time(NULL);
	struct tm local;
	int count = getloadavg(load, 3);

	gethostname(host, sizeof(host) - 1);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S%z", localtime_r(&now, &local));
	for (int i = 0; i < count; i++)
		json_array_append_new(averages, json_real(load[i]));
	json_object_set_new(json, "date", json_string(date));
	json_object_set_new(json, "host_name", export_text(host));
	json_object_set_new(json, "executable", json_string("soload"));
	json_object_set_new(json, "num_cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	if (machine_cpuinfo("cpu MHz", mhz, sizeof(mhz)))
		json_object_set_new(json, "mhz_per_cpu", json_integer(lround(strtod(mhz, NULL))));
	json_object_set_new(json, "cpu_scaling_enabled", json_boolean(cpu_scales()));
	json_object_set_new(json, "caches", json_array());
	json_object_set_new(json, "load_avg", averages);
	json_object_set_new(json, "library_build_type", json_string("release"));
	return json;
}

struct entry {
	const struct runner *runner;
	const struct arm *arm;
	size_t family;
	char name[NAME_BYTES];
};

static json_t *entry_begin(const struct entry *entry, const char *suffix, const char *type)
{
	json_t *json = json_object();
	char name[NAME_BYTES + 16];

	snprintf(name, sizeof(name), "%s%s", entry->name, suffix);
	json_object_set_new(json, "name", export_text(name));
	json_object_set_new(json, "family_index", json_integer((json_int_t)entry->family));
	json_object_set_new(json, "per_family_instance_index", json_integer(0));
	json_object_set_new(json, "run_name", export_text(entry->name));
	json_object_set_new(json, "run_type", json_string(type));
	json_object_set_new(json, "repetitions", json_integer(entry->arm->turn_count));
	json_object_set_new(json, "threads", json_integer(runner_threads(entry->runner)));
	return json;
}

static void times_add(json_t *json, uint32_t iterations, double real_ns, double cpu_ns)
{
	json_object_set_new(json, "iterations", json_integer(iterations));
	json_object_set_new(json, "real_time", json_real(real_ns));
	json_object_set_new(json, "cpu_time", json_real(cpu_ns));
	json_object_set_new(json, "time_unit", json_string("ns"));
}

static void turns_add(json_t *list, const struct entry *entry)
{
	for (uint32_t i = 0; i < entry->arm->turn_count; i++) {
		const struct arm_turn *turn = &entry->arm->turns[i];
		json_t *json = entry_begin(entry, "", "iteration");

		json_object_set_new(json, "repetition_index", json_integer(i));
		times_add(json, turn->loads, turn->mean_ns, turn->cpu_ns);
		json_array_append_new(list, json);
	}
}

struct spread {
	double mean, median, stddev;
};

static struct spread turns_spread(const struct arm *arm, bool cpu)
{
	double *values = calloc(arm->turn_count, sizeof(values[0]));
	struct spread spread = { 0 };

	for (uint32_t i = 0; values && i < arm->turn_count; i++)
		values[i] = cpu ? arm->turns[i].cpu_ns : arm->turns[i].mean_ns;
	if (values) {
		stats_sort(values, arm->turn_count);
		spread.mean = stats_mean(values, arm->turn_count);
		spread.median = stats_median(values, arm->turn_count);
		spread.stddev = stats_stddev(values, arm->turn_count);
	}
	free(values);
	return spread;
}

/* What Google Benchmark adds as soon as there are repetitions. */
static void aggregates_add(json_t *list, const struct entry *entry)
{
	struct spread real = turns_spread(entry->arm, false), cpu = turns_spread(entry->arm, true);
	const struct {
		const char *name;
		double real, cpu;
	} aggregates[] = {
		{ "mean", real.mean, cpu.mean },
		{ "median", real.median, cpu.median },
		{ "stddev", real.stddev, cpu.stddev },
	};

	for (size_t i = 0; i < sizeof(aggregates) / sizeof(aggregates[0]); i++) {
		char suffix[16];
		json_t *json;

		snprintf(suffix, sizeof(suffix), "_%s", aggregates[i].name);
		json = entry_begin(entry, suffix, "aggregate");
		json_object_set_new(json, "aggregate_name", json_string(aggregates[i].name));
		json_object_set_new(json, "aggregate_unit", json_string("time"));
		times_add(json, entry->arm->turn_count, aggregates[i].real, aggregates[i].cpu);
		json_array_append_new(list, json);
	}
}

static void arm_add(json_t *list, const struct entry *entry)
{
	turns_add(list, entry);
	if (entry->arm->turn_count > 1)
		aggregates_add(list, entry);
	if (entry->arm->error.text[0]) {
		json_t *json = entry_begin(entry, "", "iteration");

		json_object_set_new(json, "repetition_index", json_integer(entry->arm->turn_count));
		json_object_set_new(json, "error_occurred", json_true());
		json_object_set_new(json, "error_message", export_text(entry->arm->error.text));
		times_add(json, 0, 0.0, 0.0);
		json_array_append_new(list, json);
	}
}

static json_t *document(const struct export_source *source)
{
	json_t *list = json_array();

	for (size_t i = 0; i < source->runner->arm_count; i++) {
		struct entry entry = { .runner = source->runner,
				       .arm = &source->runner->arms[i],
				       .family = i };

		export_name(entry.runner, entry.arm, entry.name, sizeof(entry.name));
		arm_add(list, &entry);
	}
	return json_pack("{s:o,s:o}", "context", context(), "benchmarks", list);
}

const struct export_format export_gbench = { .json = document };
