/* Rows of epochs in memory and as epochs.csv. See epochs.h. */
#include "bench/epochs.h"

#include "base/file.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS 10
#define LINE_BYTES 1024

const char epochs_header[] =
	"epoch,loader,scenario,start_ns,phase,quantile,base_ns,head_ns,ln_ratio,order";

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

static bool number_read(const char *text, double *ret_value)
{
	char *end;

	*ret_value = *text ? strtod(text, &end) : (double)NAN;
	return !*text || *end == '\0';
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
	struct epoch_row *rows;
	size_t count;
};

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
static int epoch_find(struct epoch_row *row, const char *number, struct epoch **ret_epoch)
{
	char *end;
	unsigned long long wanted = strtoull(number, &end, 10);
	struct epoch fresh;

	if (end == number || *end || wanted > row->count || wanted + 1 < row->count)
		return -EINVAL;
	epoch_clear(&fresh);
	if (wanted == row->count && epoch_row_add(row, &fresh) < 0)
		return -ENOMEM;
	*ret_epoch = &row->epochs[wanted];
	return 0;
}

static int line_take(struct reader *reader, char *line)
{
	char *fields[FIELDS];
	struct epoch_row *row;
	struct epoch *epoch;
	struct epoch_value value;
	double start;
	int subject, quantile, r;

	if (csv_split(line, fields, FIELDS) != FIELDS)
		return -EINVAL;
	subject = name_find(fields[4], epoch_subject_name, EPOCH_SUBJECTS);
	quantile = name_find(fields[5], epoch_quantile_name, EPOCH_QUANTILES);
	if (subject < 0 || quantile < 0 || !number_read(fields[3], &start) ||
	    !(start >= 0.0 && start < 1e18) || !number_read(fields[6], &value.base_ns) ||
	    !number_read(fields[7], &value.head_ns) || !number_read(fields[8], &value.ln_ratio))
		return -EINVAL;
	row = row_find(reader, fields[1], fields[2]);
	if (!row)
		return reader->count == EPOCH_ROWS_MAX ? -E2BIG : -ENOMEM;
	r = epoch_find(row, fields[0], &epoch);
	if (r < 0)
		return r;
	epoch->start_ns = (uint64_t)start;
	snprintf(epoch->order, sizeof(epoch->order), "%s", fields[9]);
	epoch->values[subject][quantile] = value;
	return 0;
}

static int lines_read(FILE *file, const char *path, struct reader *reader, struct err *err)
{
	char line[LINE_BYTES];
	unsigned long number = 0;

	while (fgets(line, sizeof(line), file)) {
		int r;

		line[strcspn(line, "\r\n")] = '\0';
		if (++number == 1) {
			if (strcmp(line, epochs_header) == 0)
				continue;
			return err_set(err, EINVAL,
				       "%s: not the epochs of a gate: line 1 is not %s", path,
				       epochs_header);
		}
		r = line_take(reader, line);
		if (r == -EINVAL)
			return err_set(err, EINVAL, "%s: line %lu makes no sense", path, number);
		if (r == -E2BIG)
			return err_set(err, E2BIG, "%s: line %lu: a gate has at most %d rows", path,
				       number, EPOCH_ROWS_MAX);
		if (r < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	if (ferror(file))
		return err_sys(err, "read %s", path);
	return number ? 0 : err_set(err, EINVAL, "%s: not the epochs of a gate: it is empty", path);
}

int epochs_read(const char *path, struct epoch_row **ret_rows, size_t *ret_count, struct err *err)
{
	struct reader reader = { 0 };
	FILE *file = fopen(path, "re");
	int r = file ? lines_read(file, path, &reader, err) : err_sys(err, "open %s", path);

	if (file)
		fclose(file);
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
