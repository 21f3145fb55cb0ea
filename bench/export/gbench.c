/*
 * As Google Benchmark writes it (docs/user_guide.md of that project, "Output Formats"). A
 * repetition is a turn: its iterations are loads of one process that resemble each other, so
 * real_time is their mean, and compare.py's test is over turns.
 */
#include "bench/export/export.h"

#include "bench/run/columns.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAME_BYTES 512

/* The first number behind "cpu MHz" of /proc/cpuinfo; NaN where there is none. */
static double cpu_mhz(void)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[512];
	double mhz = (double)NAN;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "cpu MHz : %lf", &mhz) == 1)
			break;
	}
	if (file)
		fclose(file);
	return mhz;
}

static bool cpu_scales(void)
{
	FILE *file = fopen("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "re");
	char word[64] = "performance";
	bool scales;

	scales = file && fscanf(file, "%63s", word) == 1 && strcmp(word, "performance") != 0;
	if (file)
		fclose(file);
	return scales;
}

static json_t *context(void)
{
	json_t *json = json_object(), *averages = json_array();
	char host[256] = "", date[64];
	double load[3], mhz = cpu_mhz();
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
	if (isfinite(mhz))
		json_object_set_new(json, "mhz_per_cpu", json_integer((json_int_t)lround(mhz)));
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
