/* What a reproduction prints and sums up: a table of rounds per arm, one table over all arms,
 * summary.csv, the verdict. */
#include "bench/repro/repro.h"

#include "base/text.h"
#include "bench/command.h"
#include "bench/stats.h"
#include "bench/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TABLES_MAX 6 /* more arms than this: only the summary, unless --tables */

/* Two tables share one list of columns: what a load costs, and what is around it. */
enum { TABLE_LOADS = 1, TABLE_INVOCATIONS = 2 };

static const struct column {
	const char *heading;
	int value;
	int tables;
	bool always; /* else only where some arm spends time in it */
} columns[] = {
	{ "DMA", VALUE_DMA, TABLE_INVOCATIONS, true },
	{ "Modelled", VALUE_DMA_MODEL, TABLE_INVOCATIONS, true },
	{ "Inval", PHASE_INVALIDATE, TABLE_INVOCATIONS, false },
	{ "Read", PHASE_READ, TABLE_LOADS, false },
	{ "Stage", PHASE_STAGE, TABLE_LOADS, false },
	{ "Link", PHASE_LINK, TABLE_LOADS, false },
	{ "Map", PHASE_MAP, TABLE_LOADS, false },
	{ "Reloc", PHASE_RELOCATE, TABLE_LOADS, false },
	{ "Protect", PHASE_PROTECT, TABLE_LOADS, false },
	{ "Init", PHASE_INIT, TABLE_LOADS, false },
	{ "Resolve", PHASE_RESOLVE, TABLE_LOADS, false },
	{ "Call", PHASE_CALL, TABLE_LOADS, false },
	{ "Unload", PHASE_UNLOAD, TABLE_LOADS, false },
	{ "Unstage", PHASE_UNSTAGE, TABLE_LOADS, false },
	{ "Other", PHASE_OTHER, TABLE_LOADS, false },
	{ "Load", VALUE_TOTAL, TABLE_LOADS, true },
	{ "Early", VALUE_EARLY, TABLE_INVOCATIONS, false },
	{ "Load", VALUE_LOAD, TABLE_INVOCATIONS, true },
	{ "Create", PHASE_CREATE, TABLE_INVOCATIONS, true },
	{ "Orch", PHASE_ORCHESTRATE, TABLE_INVOCATIONS, true },
	{ "Sched", VALUE_SCHED, TABLE_INVOCATIONS, false },
	{ "Device", VALUE_DEVICE, TABLE_INVOCATIONS, true },
	{ "Host", VALUE_HOST, TABLE_INVOCATIONS, true },
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))
#define VISIBLE_NS 50.0 /* half of the table's last digit */

/* All rounds of one value, sorted, in a buffer for options->rounds of them. */
static size_t values_take(const struct repro_arm *arm, int value, double *ret_values)
{
	size_t n = (size_t)arm->rounds_passed;

	for (size_t i = 0; i < n; i++)
		ret_values[i] = arm->values[i * VALUE_COUNT + (size_t)value];
	stats_sort(ret_values, n);
	return n;
}

static double value_median(const struct repro_arm *arm, int value, double *buffer)
{
	size_t n = values_take(arm, value, buffer);

	return stats_median(buffer, n);
}

static void object_print(const struct repro *repro, const struct repro_die *die)
{
	const struct device_object *object = &die->object;
	char size[32];

	if (repro->die_count > 1)
		printf("device %s: ", die->name);
	printf("object %s, %s (%zu bytes), registered in %.1f us\n", die->object_label,
	       text_bytes(object->so.size, size, sizeof(size)), object->so.size,
	       (double)object->register_ns / 1e3);
}

void repro_head_print(const struct repro *repro)
{
	const struct repro_options *options = repro->options;
	char moved[32], name[64];

	repro_aicpu_name(&options->aicpu, name, sizeof(name));
	printf("%s %s on %s, %s: %s of arguments, %llu tasks\n", repro->workload->name,
	       repro->dies[0].data.which->name, options->platform, options->runtime,
	       text_bytes(repro->dies[0].data.bytes, moved, sizeof(moved)),
	       (unsigned long long)repro->dies[0].data.tasks);
	for (int i = 0; i < repro->die_count; i++)
		object_print(repro, &repro->dies[i]);
	if (repro->die_count > 1)
		printf("devices %s and %s run at once: two dies of one chip, with one file system "
		       "and one process number in the names of files\n",
		       repro->dies[0].name, repro->dies[1].name);
	for (int i = 0; i < repro->arm_count; i++) {
		if (!repro->arms[i].device)
			continue;
		if (options->variant->host_builds) {
			printf("AICPU: %u threads; the object is loaded in this process, for "
			       "good\n",
			       options->variant->threads);
			break;
		}
		printf("AICPU: %s%s%u threads (%u schedule, 1 loads and orchestrates), staging in "
		       "%s\n",
		       options->aicpu.program ? name : "", options->aicpu.program ? ", " : "",
		       options->variant->threads, device_variant_schedulers(options->variant),
		       device_directories(repro->arms[i].device));
		break;
	}
	if (options->aicpu.emulated)
		printf("AICPU: its times are emulated; they rank no loader and compare with no "
		       "others\n");
	printf("DMA as modelled (%s): %g us + bytes / %g GB/s per copy; source in run.json\n",
	       options->dma_model.name, options->dma_model.latency_us,
	       options->dma_model.gigabytes_per_s);
	fflush(stdout);
}

/* Upstream's shape: Round, then columns in us, then averages. */
static void rounds_print(const struct repro_arm *arm)
{
	static const char *const names[] = { "Host", "Device", "Load", "Create", "Orch", "Sched" };
	static const int values[] = { VALUE_HOST,   VALUE_DEVICE,      VALUE_LOAD,
				      PHASE_CREATE, PHASE_ORCHESTRATE, VALUE_SCHED };
	enum { COUNT = sizeof(values) / sizeof(values[0]) };
	size_t n = (size_t)arm->rounds_passed;
	double *us = calloc(n ? n : 1, COUNT * sizeof(double));
	struct table_rounds rounds = {
		.columns = names, .column_count = COUNT, .values_us = us, .rounds = n
	};

	if (!us)
		return;
	for (size_t i = 0; i < n; i++) {
		for (size_t c = 0; c < COUNT; c++)
			us[i * COUNT + c] = arm->values[i * VALUE_COUNT + (size_t)values[c]] / 1e3;
	}
	printf("\n%s\n", arm->label);
	table_rounds_print(&rounds, stdout);
	free(us);
}

static bool column_shown(const struct repro *repro, const struct column *column, double *buffer)
{
	if (column->always)
		return true;
	for (int i = 0; i < repro->arm_count; i++) {
		if (value_median(&repro->arms[i], column->value, buffer) >= VISIBLE_NS)
			return true;
	}
	return false;
}

static bool value_may_be_absent(int value)
{
	return value < PHASE_COUNT || value == VALUE_EARLY || value == VALUE_EXPOSED;
}

/* "-" where a loader has no such phase: nought would say that it was measured. */
static void value_cell(const struct repro_arm *arm, int value, struct table *table, double *buffer)
{
	size_t n = values_take(arm, value, buffer);
	bool silent = n == 0 || (value_may_be_absent(value) && buffer[n - 1] <= 0);

	table_cell_us(table, silent ? NAN : stats_median(buffer, n));
}

static void judgement_cells(const struct repro *repro, const struct repro_arm *arm,
			    struct table *table, double *buffer)
{
	double load = value_median(arm, VALUE_LOAD, buffer);
	double host = value_median(arm, VALUE_HOST, buffer);
	int64_t rounds = repro->options->rounds + repro->options->warmup;

	if (host > 0)
		table_cell(table, "%.2f", 100 * load / host);
	else
		table_cell(table, "-");
	table_cell(table, "%lld/%lld", (long long)arm->golden_passed, (long long)rounds);
	table_cell(table, arm->told > 0 ? "%lld" : "-", (long long)arm->stale);
}

static void arms_print(const struct repro *repro, int which, double *buffer)
{
	struct table *table = table_new();
	bool shown[COLUMNS];

	table_column_text(table, "Loader");
	table_column_text(table, "Transport");
	if (repro_whens_differ(repro))
		table_column_text(table, "When");
	if (repro->die_count > 1)
		table_column_number(table, "Device");
	for (size_t c = 0; c < COLUMNS; c++) {
		shown[c] = (columns[c].tables & which) && column_shown(repro, &columns[c], buffer);
		if (shown[c])
			table_column_number(table, columns[c].heading);
	}
	if (which == TABLE_INVOCATIONS) {
		table_column_number(table, "Load %");
		table_column_number(table, "Golden");
		table_column_number(table, "Stale");
	}
	for (int i = 0; i < repro->arm_count; i++) {
		const struct repro_arm *arm = &repro->arms[i];

		if (!arm->device)
			continue;
		table_cell(table, "%s", arm->loader);
		table_cell(table, "%s", arm->transport->name);
		if (repro_whens_differ(repro))
			table_cell(table, "%s", arm->when->name);
		if (repro->die_count > 1)
			table_cell(table, "%s", arm->die->name);
		for (size_t c = 0; c < COLUMNS; c++) {
			if (shown[c])
				value_cell(arm, columns[c].value, table, buffer);
		}
		if (which == TABLE_INVOCATIONS)
			judgement_cells(repro, arm, table, buffer);
	}
	table_print(table, stdout);
	table_free(table);
}

static void summary_print(const struct repro *repro, double *buffer)
{
	const char *emulated = repro->options->aicpu.emulated ? " (emulated)" : "";

	if (repro->options->variant->host_builds)
		printf("\nOne load in the host, medians in us of %lld rounds\n",
		       (long long)repro->options->rounds);
	else
		printf("\nOne load on the AICPU%s, medians in us of %lld rounds\n", emulated,
		       (long long)repro->options->rounds);
	arms_print(repro, TABLE_LOADS, buffer);
	printf("\nThe invocation around it%s, medians in us; DMA of Runtime struct and object, as "
	       "measured here and as modelled\n",
	       emulated);
	arms_print(repro, TABLE_INVOCATIONS, buffer);
	printf("Load %% = the load's share of the invocation as the host sees it (Host)\n");
	repro_first_print(repro, buffer);
	repro_switches_print(repro, buffer);
}

/* One line per loader; more where an arm of it has more to say. */
static void ahead_print(const struct repro *repro, int index)
{
	const struct repro_arm *arm = &repro->arms[index];
	const struct device_ahead *ahead = &arm->ahead;
	bool plain = !ahead->reason[0] && arm->relatives == 0;

	if (!ahead->base && !ahead->reason[0])
		return;
	if (plain && index > 0 && strcmp(arm->loader, arm[-1].loader) == 0)
		return;
	if (ahead->base)
		printf("%s: relocated ahead by the host, %llu words for 0x%llx in %.1f us, once "
		       "per object; "
		       "left to the device: %llu%s%s\n",
		       plain ? arm->loader : arm->label, (unsigned long long)ahead->relatives,
		       (unsigned long long)ahead->base, (double)ahead->ns / 1e3,
		       (unsigned long long)arm->relatives, ahead->reason[0] ? "; " : "",
		       ahead->reason);
	else
		printf("%s: not relocated ahead: %s\n", arm->label, ahead->reason);
}

static void clashes_print(const struct repro *repro)
{
	bool clash = false;

	for (int i = 0; repro->die_count > 1 && i < repro->arm_count; i += repro->die_count)
		clash = repro_clash_print(&repro->arms[i], repro->die_count) || clash;
	if (clash)
		printf("That is the collision of simpler #890: dies of one chip share a file "
		       "system, and the name has no device in it.\n"
		       "disk:mended gives every load a name of its own; every other loader does, "
		       "or has none.\n");
}

static void notes_print(const struct repro *repro)
{
	for (int i = 0; i < repro->arm_count; i++) {
		const struct repro_arm *arm = &repro->arms[i];

		ahead_print(repro, i);
		if (arm->stale > 0)
			printf("%s: %lld of %lld loads stale: %s\n", arm->label,
			       (long long)arm->stale, (long long)arm->rounds_done,
			       arm->stale_reason);
		if (arm->reused > 0 && repro->options->variant->host_builds && !arm->when->kept)
			printf("%s: %lld of %lld loads answered by a handle that was never closed: "
			       "the same code, its variables as the last run left them\n",
			       arm->label, (long long)arm->reused, (long long)arm->rounds_done);
		if (arm->restarts > 0)
			printf("%s: the AICPU had ended and was started anew %lld times: the round "
			       "after that "
			       "is a warm-up\n",
			       arm->label, (long long)arm->restarts);
		if (arm->rounds_done > arm->golden_passed)
			printf("%s: %lld of %lld rounds failed, last: %s\n", arm->label,
			       (long long)(arm->rounds_done - arm->golden_passed),
			       (long long)arm->rounds_done, arm->error);
	}
}

static const char *unit_of(int value)
{
	return value == VALUE_MOVED ? "bytes" : value == VALUE_FAULTS ? "count" : "ns";
}

/* The phases by their labels, and the subjects that are none. */
static const char *subject_of(int value)
{
	switch (value) {
	case VALUE_HOST:
		return "host";
	case VALUE_DEVICE:
		return "device";
	case VALUE_TOTAL:
		return "total";
	case VALUE_EARLY:
		return "early";
	case VALUE_LOAD:
		return "within";
	case VALUE_EXPOSED:
		return "exposed";
	case VALUE_SCHED:
		return "sched";
	case VALUE_DMA:
		return "dma";
	case VALUE_DMA_MODEL:
		return "dma_model";
	case VALUE_TRANSFER:
		return "transfer";
	case VALUE_MOVED:
		return "moved";
	case VALUE_FAULTS:
		return "faults";
	default:
		return phase_label((enum phase)value);
	}
}

static void metrics_record(const struct repro *repro, struct summary *row, double *values, size_t n)
{
	struct stats_summary stats = stats_summarise(values, n);
	const struct {
		const char *name;
		double value;
	} metrics[] = {
		{ "min", stats.min },	{ "p10", stats.p10 }, { "p50", stats.p50 },
		{ "p90", stats.p90 },	{ "p99", stats.p99 }, { "max", stats.max },
		{ "mean", stats.mean }, { "mad", stats.mad },
	};

	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		bool is_median = strcmp(metrics[i].name, "p50") == 0;

		row->metric = metrics[i].name;
		row->value = metrics[i].value;
		row->ci_low = is_median ? stats.p50_interval.low : NAN;
		row->ci_high = is_median ? stats.p50_interval.high : NAN;
		record_summary(repro->record, row);
	}
}

/* The first invocation of the process, which is in no median when it is a warm-up. */
static void first_record(const struct repro *repro, const struct repro_arm *arm, struct summary row)
{
	static const int values[] = { VALUE_TOTAL, VALUE_EARLY, VALUE_DEVICE, VALUE_HOST };

	row.metric = "first";
	row.unit = "ns";
	row.n = 1;
	row.ci_low = row.ci_high = NAN;
	for (size_t i = 0; arm->first_passed && i < sizeof(values) / sizeof(values[0]); i++) {
		row.phase = subject_of(values[i]);
		row.value = arm->first[values[i]];
		if (!value_may_be_absent(values[i]) || row.value > 0)
			record_summary(repro->record, &row);
	}
}

static void count_record(const struct repro *repro, struct summary *row, const char *subject,
			 int64_t count)
{
	row->phase = subject;
	row->metric = "count";
	row->unit = "count";
	row->value = (double)count;
	row->ci_low = row->ci_high = NAN;
	record_summary(repro->record, row);
}

static void arm_record(const struct repro *repro, const struct repro_arm *arm, double *buffer)
{
	struct summary row = {
		.scenario = "reproduction",
		.loader = arm->loader,
		.transport = arm->transport->name,
		.so = arm->die->object_label,
		.so_bytes = (int64_t)arm->die->object.so.size,
		.device = arm->die->name,
		.when = arm->when->name,
		.n = arm->rounds_passed,
		.epochs = 1,
	};

	for (int value = 0; value < VALUE_SWITCHED; value++) {
		size_t n = values_take(arm, value, buffer);
		bool silent = n == 0 || (value_may_be_absent(value) && buffer[n - 1] <= 0);

		row.phase = subject_of(value);
		row.unit = unit_of(value);
		if (!silent)
			metrics_record(repro, &row, buffer, n);
	}
	first_record(repro, arm, row);
	row.n = arm->rounds_done;
	count_record(repro, &row, "golden", arm->golden_passed);
	if (arm->told > 0)
		count_record(repro, &row, "stale", arm->stale);
	count_record(repro, &row, "reused", arm->reused);
}

/* The last line of rounds that all passed: claims nothing of loads that nobody could look into. */
static void pass_print(const struct repro *repro, int64_t rounds, int64_t told, int64_t untold)
{
	printf("PASS: %lld of %lld rounds match the golden (%llu of %llu elements each), ",
	       (long long)rounds, (long long)rounds, (unsigned long long)repro->elements,
	       (unsigned long long)repro->elements);
	if (untold == 0)
		printf("no stale load\n");
	else if (told > 0)
		printf("no stale load among the %lld that can be told\n", (long long)told);
	else
		printf("whether a load is stale cannot be told\n");
}

/* The verdict is repeated on the last line. */
static int verdict_print(const struct repro *repro)
{
	int64_t done = 0, passed = 0, stale = 0, refused = 0, told = 0, untold = 0;

	for (int i = 0; i < repro->arm_count; i++) {
		done += repro->arms[i].rounds_done;
		passed += repro->arms[i].golden_passed;
		stale += repro->arms[i].stale;
		told += repro->arms[i].told;
		untold += repro->arms[i].untold;
		refused += repro->arms[i].rounds_refused;
	}
	printf("results in %s\n", record_folder(repro->record));
	if (done > 0 && refused == done) {
		printf("FAIL: nothing could be run\n");
		return EXIT_USAGE;
	}
	if (passed == done && stale == 0 && !repro->arm_missing) {
		pass_print(repro, done, told, untold);
		return EXIT_DONE;
	}
	printf("FAIL: %lld of %lld rounds match the golden, %lld stale loads%s\n",
	       (long long)passed, (long long)done, (long long)stale,
	       repro->arm_missing ? ", a loader that was asked for is missing" : "");
	return EXIT_MEASURED_FAILURE;
}

int repro_tables_print(struct repro *repro)
{
	size_t rounds = (size_t)repro->options->rounds;
	double *buffer = calloc(rounds, sizeof(*buffer));
	bool tables = repro->options->tables || repro->arms_open <= TABLES_MAX;

	if (!buffer)
		return EXIT_USAGE;
	for (int i = 0; i < repro->arm_count; i++) {
		if (repro->arms[i].rounds_passed > 0 && tables)
			rounds_print(&repro->arms[i]);
		arm_record(repro, &repro->arms[i], buffer);
	}
	summary_print(repro, buffer);
	repro_first_record(repro, buffer);
	free(buffer);
	notes_print(repro);
	clashes_print(repro);
	return verdict_print(repro);
}
