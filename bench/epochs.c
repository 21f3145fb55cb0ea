/* Rows of epochs in memory and as epochs.csv. See epochs.h. */
#include "bench/epochs.h"

#include "bench/rows_read.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char epochs_header[] =
	"epoch,loader,scenario,start_ns,phase,quantile,base_ns,head_ns,ln_ratio,order";

/* In that order. */
enum column {
	COLUMN_EPOCH,
	COLUMN_LOADER,
	COLUMN_SCENARIO,
	COLUMN_START,
	COLUMN_PHASE,
	COLUMN_QUANTILE,
	COLUMN_BASE,
	COLUMN_HEAD,
	COLUMN_LN_RATIO,
	COLUMN_ORDER,
	COLUMNS,
};

static const char *const quantiles[EPOCH_QUANTILES] = { "p10", "p50", "p90" };

const char *epoch_subject_name(int subject)
{
	return subject == EPOCH_TOTAL ? "total" : phase_label((enum phase)subject);
}

const char *epoch_quantile_name(int quantile)
{
	return quantiles[quantile];
}

int epoch_row_open(struct epoch_row *row, const char *loader, const char *scenario)
{
	*row = (struct epoch_row){ .loader = strdup(loader), .scenario = strdup(scenario) };
	return row->loader && row->scenario ? 0 : -ENOMEM;
}

void epoch_row_close(struct epoch_row *row)
{
	free(row->loader);
	free(row->scenario);
	free(row->epochs);
	*row = (struct epoch_row){ 0 };
}

int epoch_row_add(struct epoch_row *row, const struct epoch *epoch)
{
	if (row->count == row->capacity) {
		size_t capacity = row->capacity ? 2 * row->capacity : 64;
		struct epoch *epochs = reallocarray(row->epochs, capacity, sizeof(row->epochs[0]));

		if (!epochs)
			return -ENOMEM;
		row->epochs = epochs;
		row->capacity = capacity;
	}
	row->epochs[row->count++] = *epoch;
	return 0;
}

void epochs_write(struct csv *csv, const struct epoch_row *row)
{
	const struct epoch *epoch = &row->epochs[row->count - 1];

	for (int subject = 0; subject < EPOCH_SUBJECTS; subject++) {
		for (int quantile = 0; quantile < EPOCH_QUANTILES; quantile++) {
			const struct epoch_value *value = &epoch->values[subject][quantile];

			if (isnan(value->base_ns) && isnan(value->head_ns))
				continue;
			csv_unsigned(csv, row->count - 1);
			csv_text(csv, row->loader);
			csv_text(csv, row->scenario);
			csv_unsigned(csv, epoch->start_ns);
			csv_text(csv, epoch_subject_name(subject));
			csv_text(csv, quantiles[quantile]);
			csv_double(csv, value->base_ns);
			csv_double(csv, value->head_ns);
			csv_double(csv, value->ln_ratio);
			csv_text(csv, epoch->order);
			csv_row_end(csv);
		}
	}
}

static int name_find(const char *name, const char *(*name_of)(int), int count)
{
	for (int i = 0; i < count; i++) {
		if (strcmp(name_of(i), name) == 0)
			return i;
	}
	return -1;
}

struct reader {
	struct rows_read csv;
	int columns[COLUMNS];
	struct epoch_row *rows;
	size_t count;
};

static const char *text_of(const struct reader *reader, enum column column)
{
	return rows_text(&reader->csv, reader->columns[column]);
}

static bool number_of(const struct reader *reader, enum column column, double *ret_value)
{
	return rows_double(&reader->csv, reader->columns[column], ret_value);
}

static struct epoch_row *row_find(struct reader *reader, const char *loader, const char *scenario)
{
	struct epoch_row *rows;

	for (size_t i = reader->count; i > 0; i--) {
		struct epoch_row *row = &reader->rows[i - 1];

		if (strcmp(row->loader, loader) == 0 && strcmp(row->scenario, scenario) == 0)
			return row;
	}
	if (reader->count == EPOCH_ROWS_MAX)
		return NULL;
	rows = reallocarray(reader->rows, reader->count + 1, sizeof(rows[0]));
	if (!rows)
		return NULL;
	reader->rows = rows;
	if (epoch_row_open(&rows[reader->count], loader, scenario) < 0)
		return NULL;
	return &rows[reader->count++];
}

static void epoch_clear(struct epoch *epoch)
{
	const struct epoch_value none = { (double)NAN, (double)NAN, (double)NAN };

	*epoch = (struct epoch){ 0 };
	for (int subject = 0; subject < EPOCH_SUBJECTS; subject++) {
		for (int quantile = 0; quantile < EPOCH_QUANTILES; quantile++)
			epoch->values[subject][quantile] = none;
	}
}

/* The epoch a line belongs to: the row's last one, or the next. */
static int epoch_find(struct epoch_row *row, size_t wanted, struct epoch **ret_epoch)
{
	struct epoch fresh;

	if (wanted > row->count || wanted + 1 < row->count)
		return -EINVAL;
	epoch_clear(&fresh);
	if (wanted == row->count && epoch_row_add(row, &fresh) < 0)
		return -ENOMEM;
	*ret_epoch = &row->epochs[wanted];
	return 0;
}

static int value_take(struct reader *reader)
{
	int subject = name_find(text_of(reader, COLUMN_PHASE), epoch_subject_name, EPOCH_SUBJECTS);
	int quantile =
		name_find(text_of(reader, COLUMN_QUANTILE), epoch_quantile_name, EPOCH_QUANTILES);
	struct epoch_row *row;
	struct epoch *epoch;
	struct epoch_value value;
	int64_t number;
	double start;
	int r;

	if (subject < 0 || quantile < 0 ||
	    !rows_integer(&reader->csv, reader->columns[COLUMN_EPOCH], &number) || number < 0 ||
	    !number_of(reader, COLUMN_START, &start) || !(start >= 0.0 && start < 1e18) ||
	    !number_of(reader, COLUMN_BASE, &value.base_ns) ||
	    !number_of(reader, COLUMN_HEAD, &value.head_ns) ||
	    !number_of(reader, COLUMN_LN_RATIO, &value.ln_ratio))
		return -EINVAL;
	row = row_find(reader, text_of(reader, COLUMN_LOADER), text_of(reader, COLUMN_SCENARIO));
	if (!row)
		return reader->count == EPOCH_ROWS_MAX ? -E2BIG : -ENOMEM;
	r = epoch_find(row, (size_t)number, &epoch);
	if (r < 0)
		return r;
	epoch->start_ns = (uint64_t)start;
	snprintf(epoch->order, sizeof(epoch->order), "%s", text_of(reader, COLUMN_ORDER));
	epoch->values[subject][quantile] = value;
	return 0;
}

static int values_read(struct reader *reader, const char *path, struct err *err)
{
	int r = rows_columns(&reader->csv, epochs_header, reader->columns, path, err);

	if (r < 0)
		return err_prefix(err, r, "not the epochs of a gate");
	while ((r = rows_next_whole(&reader->csv, path, err)) > 0) {
		r = value_take(reader);
		if (r == -EINVAL)
			return err_set(err, EINVAL, "%s: line %zu makes no sense", path,
				       reader->csv.line);
		if (r == -E2BIG)
			return err_set(err, E2BIG, "%s: line %zu: a gate has at most %d rows", path,
				       reader->csv.line, EPOCH_ROWS_MAX);
		if (r < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	return r;
}

int epochs_read(const char *path, struct epoch_row **ret_rows, size_t *ret_count, struct err *err)
{
	struct reader reader = { 0 };
	int r = rows_open(&reader.csv, path, err);

	if (r == 0)
		r = values_read(&reader, path, err);
	rows_close(&reader.csv);
	if (r < 0) {
		for (size_t i = 0; i < reader.count; i++)
			epoch_row_close(&reader.rows[i]);
		free(reader.rows);
		return r;
	}
	*ret_rows = reader.rows;
	*ret_count = reader.count;
	return 0;
}
