/* A gate's rules, rows and counters, written and read. See gate_record.h. */
#include "bench/gate_record.h"

#include "bench/gate_count.h"
#include "bench/record.h"
#include "bench/rows_read.h"

#include "base/csv.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char gate_counters_header[] = "loader,scenario,counter,base,head,exact,expected";

/* In that order. */
enum {
	COLUMN_LOADER,
	COLUMN_SCENARIO,
	COLUMN_COUNTER,
	COLUMN_BASE,
	COLUMN_HEAD,
	COLUMN_EXACT,
	COLUMN_EXPECTED,
	COLUMNS,
};

static const char *const states[] = {
	[GATE_JUDGED] = "judged", [GATE_BROKEN] = "broken", [GATE_SKIPPED] = "skipped"
};

json_t *gate_record_rules(const struct verdict_rule *rule)
{
	json_t *phases = json_object(), *metrics = json_array();

	for (int subject = 0; subject < EPOCH_SUBJECTS; subject++) {
		if (rule->phase_delta[subject] > 0.0)
			json_object_set_new(phases, epoch_subject_name(subject),
					    json_real(rule->phase_delta[subject]));
	}
	for (int q = 0; q < EPOCH_QUANTILES; q++) {
		if (rule->quantiles[q])
			json_array_append_new(metrics, json_string(epoch_quantile_name(q)));
	}
	return json_pack("{s:f,s:f,s:o,s:o}", "delta", rule->delta, "alpha", rule->alpha,
			 "phase_delta", phases, "metrics", metrics);
}

json_t *gate_record_rows(const struct gate_row *rows, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(
			list, json_pack("{s:s,s:s,s:s,s:f,s:s}", "loader", rows[i].epochs.loader,
					"scenario", rows[i].epochs.scenario, "state",
					states[rows[i].state], "seconds", rows[i].seconds, "error",
					rows[i].state == GATE_JUDGED ? "" : rows[i].error.text));
	return list;
}

static void counter_write(struct csv *csv, const struct gate_row *row, int i)
{
	const struct tally *base = &row->count->tallies[LOCKSTEP_BASE];
	const struct tally *head = &row->count->tallies[LOCKSTEP_HEAD];
	bool alike = i != TALLY_INSTRUCTIONS || base->by == head->by;
	char name[64];

	if ((!base->known[i] || !base->values[i]) && (!head->known[i] || !head->values[i]))
		return;
	csv_text(csv, row->epochs.loader);
	csv_text(csv, row->epochs.scenario);
	csv_text(csv, tally_name(i, name, sizeof(name)));
	if (base->known[i])
		csv_unsigned(csv, base->values[i]);
	else
		csv_empty(csv);
	if (head->known[i])
		csv_unsigned(csv, head->values[i]);
	else
		csv_empty(csv);
	csv_unsigned(csv, base->exact[i] && head->exact[i] && alike);
	csv_unsigned(csv, row->count->declared[i]);
	csv_row_end(csv);
}

int gate_record_counters(const struct gate_row *rows, size_t count, const char *folder,
			 struct err *err)
{
	struct csv csv = { .fd = -1 };
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/counters.csv", folder);
	r = csv_open(&csv, path, gate_counters_header, err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (!rows[i].count || rows[i].count->error.text[0])
			continue;
		for (int k = 0; k < TALLY_COUNTERS; k++)
			counter_write(&csv, &rows[i], k);
	}
	if (r < 0)
		return r;
	return csv_close(&csv, err);
}

struct reader {
	struct gate_row *rows;
	size_t count;
	struct epoch_row *recorded; /* those that were taken by a row are zeroed */
	size_t recorded_count;
	size_t planned;	  /* rows, 0 = not known */
	bool interrupted; /* before its end, or it runs yet */
};

static struct gate_row *row_add(struct reader *reader)
{
	struct gate_row *rows =
		reallocarray(reader->rows, reader->count + 1, sizeof(reader->rows[0]));

	if (!rows)
		return NULL;
	reader->rows = rows;
	rows[reader->count] = (struct gate_row){ .state = GATE_JUDGED };
	return &rows[reader->count++];
}

static bool is_named(const struct epoch_row *row, const char *loader, const char *scenario)
{
	return row->loader && strcmp(row->loader, loader) == 0 &&
	       strcmp(row->scenario, scenario) == 0;
}

/* A row as run.json has it, with its epochs if it came to any. */
static int row_take(struct reader *reader, json_t *json)
{
	const char *loader, *scenario, *state, *error;
	struct gate_row *row;
	size_t i = 0;

	if (json_unpack(json, "{s:s,s:s,s:s,s:s}", "loader", &loader, "scenario", &scenario,
			"state", &state, "error", &error) < 0)
		return -EINVAL;
	row = row_add(reader);
	if (!row)
		return -ENOMEM;
	row->state = strcmp(state, states[GATE_BROKEN]) == 0	? GATE_BROKEN
		     : strcmp(state, states[GATE_SKIPPED]) == 0 ? GATE_SKIPPED
								: GATE_JUDGED;
	json_unpack(json, "{s:F}", "seconds", &row->seconds);
	err_set(&row->error, 0, "%s", error);
	while (i < reader->recorded_count && !is_named(&reader->recorded[i], loader, scenario))
		i++;
	if (i == reader->recorded_count)
		return epoch_row_open(&row->epochs, loader, scenario);
	row->epochs = reader->recorded[i];
	reader->recorded[i] = (struct epoch_row){ 0 };
	return 0;
}

static void rules_take(struct verdict_rule *rule, json_t *json)
{
	struct verdict_rule known = { 0 };
	json_t *item;
	size_t i;
	bool chosen = false;

	known.delta = json_number_value(json_object_get(json, "delta"));
	known.alpha = json_number_value(json_object_get(json, "alpha"));
	if (!(rule->delta > 0.0))
		rule->delta = known.delta;
	if (!(rule->alpha > 0.0))
		rule->alpha = known.alpha;
	for (int subject = 0; subject < EPOCH_SUBJECTS; subject++) {
		if (!(rule->phase_delta[subject] > 0.0))
			rule->phase_delta[subject] = json_number_value(json_object_get(
				json_object_get(json, "phase_delta"), epoch_subject_name(subject)));
	}
	for (int q = 0; q < EPOCH_QUANTILES; q++)
		chosen |= rule->quantiles[q];
	json_array_foreach(json_object_get(json, "metrics"), i, item)
	{
		for (int q = 0; q < EPOCH_QUANTILES && !chosen; q++)
			known.quantiles[q] |=
				json_is_string(item) &&
				strcmp(json_string_value(item), epoch_quantile_name(q)) == 0;
	}
	for (int q = 0; q < EPOCH_QUANTILES; q++)
		rule->quantiles[q] |= known.quantiles[q];
}

/* An interrupted gate says how many rows were planned, and not which. */
static int run_read(struct reader *reader, const char *path, struct verdict_rule *rule,
		    struct err *err)
{
	json_error_t error;
	json_t *json = json_load_file(path, 0, &error), *rows, *item;
	const char *state;
	size_t i;
	int r = 0;

	if (!json && json_error_code(&error) == json_error_cannot_open_file)
		return 0;
	if (!json)
		return err_set(err, EINVAL, "%s: %s", path, error.text);
	rules_take(rule, json_object_get(json, "rules"));
	reader->planned = (size_t)json_integer_value(json_object_get(json, "rows_planned"));
	rows = json_object_get(json, "rows");
	state = json_string_value(json_object_get(json, "state"));
	reader->interrupted =
		(reader->planned && !rows) ||
		(state && (strcmp(state, "interrupted") == 0 || strcmp(state, "running") == 0));
	json_array_foreach(rows, i, item)
	{
		if (r == 0)
			r = row_take(reader, item);
	}
	json_decref(json);
	if (r == -EINVAL)
		return err_set(err, EINVAL, "%s: its rows are none of a gate", path);
	return r < 0 ? err_set(err, -r, "out of memory") : 0;
}

static int counter_take(struct reader *reader, const struct rows_read *rows, const int *columns)
{
	static const int sides[] = { [LOCKSTEP_BASE] = COLUMN_BASE, [LOCKSTEP_HEAD] = COLUMN_HEAD };
	const char *loader = rows_text(rows, columns[COLUMN_LOADER]);
	const char *scenario = rows_text(rows, columns[COLUMN_SCENARIO]);
	int i = tally_find(rows_text(rows, columns[COLUMN_COUNTER]));
	struct gate_count *count;
	int64_t exact, expected, value;
	size_t row = 0;

	while (row < reader->count && !is_named(&reader->rows[row].epochs, loader, scenario))
		row++;
	if (i < 0 || row == reader->count || !rows_integer(rows, columns[COLUMN_EXACT], &exact) ||
	    !rows_integer(rows, columns[COLUMN_EXPECTED], &expected) || exact < 0 || expected < 0)
		return -EINVAL;
	if (!reader->rows[row].count)
		reader->rows[row].count = calloc(1, sizeof(*count));
	count = reader->rows[row].count;
	if (!count)
		return -ENOMEM;
	for (int arm = 0; arm < LOCKSTEP_ARMS; arm++) {
		if (!rows_integer(rows, columns[sides[arm]], &value))
			return -EINVAL;
		count->tallies[arm].known[i] = value != SAMPLE_NONE;
		count->tallies[arm].values[i] = value != SAMPLE_NONE ? (uint64_t)value : 0;
		count->tallies[arm].exact[i] = exact != 0;
	}
	count->declared[i] = expected != 0;
	return 0;
}

static int recorded_take(struct reader *reader, struct rows_read *rows, const char *path,
			 struct err *err)
{
	int columns[COLUMNS];
	int r = rows_columns(rows, gate_counters_header, columns, path, err);

	if (r < 0)
		return r;
	while ((r = rows_next_whole(rows, path, err)) > 0) {
		r = counter_take(reader, rows, columns);
		if (r == -EINVAL)
			return err_set(err, EINVAL, "%s: line %zu is none of a gate's counters",
				       path, rows->line);
		if (r < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	return r;
}

static int counters_read(struct reader *reader, const char *path, struct err *err)
{
	struct rows_read rows;
	int r = rows_open(&rows, path, err);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = recorded_take(reader, &rows, path, err);
	rows_close(&rows);
	for (size_t i = 0; r == 0 && i < reader->count; i++) {
		if (reader->rows[i].count)
			gate_count_rise(&reader->rows[i]);
	}
	return r;
}

/* Epochs that no row of run.json has taken: all, where there is none. */
static int rest_take(struct reader *reader)
{
	for (size_t i = 0; i < reader->recorded_count; i++) {
		struct gate_row *row = reader->recorded[i].loader ? row_add(reader) : NULL;

		if (reader->recorded[i].loader && !row)
			return -ENOMEM;
		if (row) {
			row->epochs = reader->recorded[i];
			reader->recorded[i] = (struct epoch_row){ 0 };
		}
	}
	return 0;
}

int gate_record_read(const char *epochs_path, struct verdict_rule *rule,
		     struct gate_recorded *ret_recorded, struct err *err)
{
	const char *slash = strrchr(epochs_path, '/');
	int length = slash ? (int)(slash + 1 - epochs_path) : 0;
	struct reader reader = { 0 };
	char path[PATH_MAX];
	int r = epochs_read(epochs_path, &reader.recorded, &reader.recorded_count, err);

	snprintf(path, sizeof(path), "%.*srun.json", length, epochs_path);
	if (r == 0)
		r = run_read(&reader, path, rule, err);
	if (r == 0 && rest_take(&reader) < 0)
		r = err_set(err, ENOMEM, "out of memory");
	snprintf(path, sizeof(path), "%.*scounters.csv", length, epochs_path);
	if (r == 0)
		r = counters_read(&reader, path, err);
	if (r == 0 && !reader.count)
		r = err_set(err, EINVAL, "%s: no epochs in it", epochs_path);
	rule->rows = reader.planned > reader.count ? reader.planned : reader.count;
	for (size_t i = 0; i < reader.recorded_count; i++)
		epoch_row_close(&reader.recorded[i]);
	free(reader.recorded);
	*ret_recorded = (struct gate_recorded){ .rows = reader.rows, .count = reader.count };
	if (reader.interrupted || rule->rows > reader.count)
		snprintf(ret_recorded->incomplete, sizeof(ret_recorded->incomplete),
			 "the gate was interrupted: %zu of %zu rows", reader.count, rule->rows);
	return r;
}
