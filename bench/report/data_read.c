/* Reads a results folder as far as it is whole: samples, spans, summary and epochs by column names,
 * whatever version wrote them. */
#include "bench/report/data.h"

#include "bench/rows_read.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SPANS_MAX 2000000 /* more than ten thousand invocations have */

/* One file of the record being read. */
struct reading {
	struct data *data;
	struct data_run *run;
	struct rows_read rows;
	size_t beyond; /* whole rows that a report has no room for */
	bool astray;   /* its clocks moved lanes to where nothing was */
	bool no_memory;
};

static bool name_take(struct reading *reading, const char *column, const char **ret_name)
{
	*ret_name = data_name(reading->data,
			      rows_text(&reading->rows, rows_column(&reading->rows, column)));
	reading->no_memory |= !*ret_name;
	return *ret_name;
}

static bool integer_take(struct reading *reading, const char *column, int64_t *ret_value)
{
	return rows_integer(&reading->rows, rows_column(&reading->rows, column), ret_value);
}

static uint32_t run_index(const struct reading *reading)
{
	return (uint32_t)(reading->run - reading->data->runs);
}

static bool phases_take(struct reading *reading, struct data_load *load)
{
	char column[32];

	for (int i = 0; i < DATA_PHASES; i++) {
		snprintf(column, sizeof(column), "%s_ns", phase_label((enum phase)i));
		if (!integer_take(reading, column, &load->phase_ns[i]))
			return false;
	}
	return true;
}

static bool load_take(struct reading *reading, struct data_load *load, struct data_arm *arm)
{
	int64_t warmup;

	*arm = (struct data_arm){ .run = run_index(reading) };
	if (!name_take(reading, "scenario", &arm->scenario) ||
	    !name_take(reading, "loader", &arm->loader) ||
	    !name_take(reading, "transport", &arm->transport) ||
	    !name_take(reading, "device", &arm->device) || !name_take(reading, "so", &arm->so) ||
	    !name_take(reading, "when", &arm->when) || !name_take(reading, "case", &arm->case_name))
		return false;
	if (!*arm->loader || !integer_take(reading, "so_bytes", &arm->so_bytes) ||
	    !integer_take(reading, "seq", &load->seq) ||
	    !integer_take(reading, "start_ns", &load->start_ns) ||
	    !integer_take(reading, "total_ns", &load->total_ns) ||
	    !integer_take(reading, "minflt", &load->minflt) ||
	    !integer_take(reading, "nivcsw", &load->nivcsw) ||
	    !integer_take(reading, "dma_ns", &load->dma_ns) ||
	    !integer_take(reading, "stale", &load->stale) ||
	    !integer_take(reading, "warmup", &warmup))
		return false;
	load->warmup = warmup == 1 || strcmp(arm->scenario, "probe") == 0;
	load->failed = *rows_text(&reading->rows, rows_column(&reading->rows, "error")) ||
		       load->total_ns == SAMPLE_NONE;
	return phases_take(reading, load);
}

static void samples_row(struct reading *reading)
{
	struct data *data = reading->data;
	struct data_load load = { 0 }, *place;
	struct data_arm like, *arm;

	if (!load_take(reading, &load, &like)) {
		rows_drop(&reading->rows);
		return;
	}
	arm = data_arm(data, &like);
	if (!arm) {
		reading->beyond++;
		return;
	}
	place = data_push(&data->loads);
	if (!place) {
		reading->no_memory = true;
		return;
	}
	load.arm = (uint32_t)(arm - data->arms);
	*place = load;
	reading->run->loads++;
	arm->loads++;
	arm->failed += load.failed;
	arm->stale += load.stale == 1 && !load.failed;
	arm->told += load.stale != SAMPLE_NONE && !load.failed;
	arm->measured += !load.warmup && !load.failed;
	data->sets[arm->set].measured += !load.warmup && !load.failed;
}

/* Lanes are drawn on the host's clock. */
static int64_t lane_late_ns(struct reading *reading, const struct data_span *span)
{
	const struct clocks *clocks = &reading->run->clocks;
	double start_ns = data_number(reading->run, "start_monotonic_ns") + (double)span->start_ns;

	if (isnan(start_ns))
		return 0;
	reading->astray |= clocks_are_astray(clocks, start_ns);
	return (int64_t)clocks_late_ns(clocks, span->lane, start_ns);
}

static void spans_row(struct reading *reading)
{
	struct data_span span = { .run = run_index(reading) }, *place;

	if (reading->data->spans.n >= SPANS_MAX) {
		reading->beyond++;
		return;
	}
	if (!name_take(reading, "lane", &span.lane) || !name_take(reading, "phase", &span.phase) ||
	    !name_take(reading, "origin", &span.origin) ||
	    !integer_take(reading, "seq", &span.seq) ||
	    !integer_take(reading, "start_ns", &span.start_ns) ||
	    !integer_take(reading, "dur_ns", &span.dur_ns) || span.seq == SAMPLE_NONE ||
	    span.start_ns == SAMPLE_NONE || span.dur_ns == SAMPLE_NONE) {
		rows_drop(&reading->rows);
		return;
	}
	span.start_ns -= lane_late_ns(reading, &span);
	place = data_push(&reading->data->spans);
	if (place)
		*place = span;
	reading->no_memory |= !place;
}

static bool double_take(struct reading *reading, const char *column, double *ret_value)
{
	return rows_double(&reading->rows, rows_column(&reading->rows, column), ret_value);
}

static void summary_row(struct reading *reading)
{
	struct data_figure row = { .run = run_index(reading) }, *place;

	if (!name_take(reading, "scenario", &row.scenario) ||
	    !name_take(reading, "loader", &row.loader) ||
	    !name_take(reading, "transport", &row.transport) ||
	    !name_take(reading, "so", &row.so) || !name_take(reading, "phase", &row.phase) ||
	    !name_take(reading, "metric", &row.metric) || !name_take(reading, "unit", &row.unit) ||
	    !integer_take(reading, "n", &row.n) || !double_take(reading, "value", &row.value) ||
	    !double_take(reading, "ci_low", &row.low) ||
	    !double_take(reading, "ci_high", &row.high)) {
		rows_drop(&reading->rows);
		return;
	}
	place = data_push(&reading->data->figures);
	if (place)
		*place = row;
	reading->no_memory |= !place;
}

static void epochs_row(struct reading *reading)
{
	struct data_epoch row = { .run = run_index(reading) }, *place;

	if (!name_take(reading, "loader", &row.loader) ||
	    !name_take(reading, "scenario", &row.scenario) ||
	    !name_take(reading, "phase", &row.phase) ||
	    !name_take(reading, "quantile", &row.quantile) ||
	    !double_take(reading, "base_ns", &row.base_ns) ||
	    !double_take(reading, "head_ns", &row.head_ns) ||
	    !double_take(reading, "ln_ratio", &row.ln_ratio)) {
		rows_drop(&reading->rows);
		return;
	}
	if (isnan(row.ln_ratio))
		return; /* an epoch in which a phase took no time has no ratio */
	place = data_push(&reading->data->epochs);
	if (place)
		*place = row;
	reading->no_memory |= !place;
}

static void machine_row(struct reading *reading)
{
	struct data_moment row = { .run = run_index(reading) }, *place;

	if (!integer_take(reading, "at_ns", &row.at_ns) || row.at_ns == SAMPLE_NONE ||
	    !double_take(reading, "load_average", &row.load_average) ||
	    !double_take(reading, "steal_seconds", &row.steal_seconds) ||
	    !double_take(reading, "cpu_seconds", &row.cpu_seconds)) {
		rows_drop(&reading->rows);
		return;
	}
	place = data_push(&reading->data->moments);
	if (place)
		*place = row;
	reading->no_memory |= !place;
}

#define TEXT_OF(number) #number
#define LIMIT(number) TEXT_OF(number)

struct reading_table {
	const char *file;
	void (*row)(struct reading *reading);
	const char *limit;    /* of what a report holds; NULL = all */
	const char *needs[6]; /* columns without which it is another table */
};

static const struct reading_table tables[] = {
	{ "samples.csv",
	  samples_row,
	  LIMIT(DATA_ARMS_MAX) " combinations of loader, transport and object",
	  { "loader", "total_ns" } },
	{ "spans.csv",
	  spans_row,
	  LIMIT(SPANS_MAX) " spans",
	  { "seq", "lane", "phase", "start_ns", "dur_ns" } },
	{ "summary.csv", summary_row, NULL, { "loader", "phase", "metric", "value" } },
	{ "epochs.csv", epochs_row, NULL, { "loader", "phase", "quantile", "ln_ratio" } },
	{ "machine.csv", machine_row, NULL, { "at_ns", "load_average" } },
};

/* Reads all rows of an open table and says what was lost. */
static void rows_take(struct reading *reading, const struct reading_table *table)
{
	size_t used;

	for (const char *const *need = table->needs; reading->rows.columns && *need; need++) {
		if (rows_column(&reading->rows, *need) >= 0)
			continue;
		data_note(reading->data, "%s of %s has no column %s and was left out", table->file,
			  reading->run->name, *need);
		return;
	}
	while (!reading->no_memory && rows_next(&reading->rows))
		table->row(reading);
	used = reading->rows.rows - reading->beyond;
	if (reading->rows.lost)
		data_note(reading->data,
			  "%s of %s: %zu row%s damaged or cut short and left out; %zu whole row%s "
			  "used",
			  table->file, reading->run->name, reading->rows.lost,
			  reading->rows.lost == 1 ? " was" : "s were", used,
			  used == 1 ? " is" : "s are");
	if (reading->beyond)
		data_note(reading->data,
			  "%s of %s: %zu whole row%s left out: a report holds %s, those that come "
			  "first",
			  table->file, reading->run->name, reading->beyond,
			  reading->beyond == 1 ? " was" : "s were", table->limit);
	if (reading->astray)
		data_note(reading->data,
			  "run.json of %s has clocks that are more than a second apart: they were "
			  "ignored, lanes are where they were recorded",
			  reading->run->name);
	reading->run->lost += reading->rows.lost;
	reading->beyond = 0;
	reading->astray = false;
}

/* 1 when the table is there, 0 when it is not. */
static int table_read(struct reading *reading, const struct reading_table *table, struct err *err)
{
	char path[4096];
	int r;

	if (snprintf(path, sizeof(path), "%s/%s", reading->run->folder, table->file) >=
	    (int)sizeof(path))
		return err_set(err, ENAMETOOLONG, "%s: the path is too long", reading->run->folder);
	r = rows_open(&reading->rows, path, err);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	rows_take(reading, table);
	rows_close(&reading->rows);
	return reading->no_memory ? err_set(err, ENOMEM, "out of memory") : 1;
}

int data_read(struct data *data, const char *folder, struct err *err)
{
	struct reading reading = { .data = data };
	int found = 0;

	if (data->run_count == DATA_RUNS_MAX)
		return err_set(err, E2BIG, "more than %d records", DATA_RUNS_MAX);
	reading.run = &data->runs[data->run_count++];
	*reading.run = (struct data_run){ .folder = strdup(folder) };
	if (!reading.run->folder)
		return err_set(err, ENOMEM, "out of memory");
	data_read_json(data, reading.run);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		int r = table_read(&reading, &tables[i], err);

		if (r < 0)
			return r;
		found += r;
	}
	if (!found)
		return err_set(err, ENOENT,
			       "%s is no results folder: it has neither samples.csv nor epochs.csv",
			       folder);
	return 0;
}
