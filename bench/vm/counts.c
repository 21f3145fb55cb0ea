/* Counted loads as CSV, and their medians. See counts.h. */
#include "bench/vm/counts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[COUNTS_METRICS] = {
	[COUNTS_TIME] = "time",
	[COUNTS_USER] = "user",
	[COUNTS_KERNEL] = "kernel",
};

const char *counts_metric_name(enum counts_metric metric)
{
	return names[metric];
}

const char *counts_metric_unit(enum counts_metric metric)
{
	return metric == COUNTS_TIME ? "ns" : "instructions";
}

static bool column_is_load(int column)
{
	return column == COUNTS_TOTAL || phase_class((enum phase)column) == PHASE_CLASS_LOAD;
}

int counts_column_next(int column)
{
	for (column = column == COUNTS_TOTAL ? 0 : column + 1; column < PHASE_COUNT; column++) {
		if (column_is_load(column))
			return column;
	}
	return -1;
}

const char *counts_column_name(int column)
{
	return column == COUNTS_TOTAL ? "total" : phase_label((enum phase)column);
}

void counts_header_print(FILE *out)
{
	fputs("side,loader,metric", out);
	for (int column = COUNTS_TOTAL; column >= 0; column = counts_column_next(column))
		fprintf(out, ",%s", counts_column_name(column));
	fputs(",error\n", out);
}

/* A field in quotes; ones inside are doubled (RFC 4180). */
static void text_print(const char *text, FILE *out)
{
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			putc('"', out);
		putc(*text == '\n' ? ' ' : *text, out);
	}
	putc('"', out);
}

void counts_row_print(const struct counts_row *row, FILE *out)
{
	fprintf(out, "%s,", row->side);
	text_print(row->loader, out);
	fprintf(out, ",%s", names[row->metric]);
	for (int column = COUNTS_TOTAL; column >= 0; column = counts_column_next(column))
		fprintf(out, ",%llu", (unsigned long long)row->values[column]);
	putc(',', out);
	if (row->error[0])
		text_print(row->error, out);
	putc('\n', out);
}

/* The next field of a line into `into`, unquoted; false when it does not fit or is malformed. */
static bool field_take(const char **at, const char *end, char *into, size_t size)
{
	const char *p = *at;
	bool quoted = p < end && *p == '"';
	size_t used = 0;

	p += quoted;
	for (;; p++) {
		if (p >= end) {
			if (quoted)
				return false;
			break;
		}
		if (quoted && *p == '"') {
			if (p + 1 >= end || p[1] != '"') {
				p++;
				break;
			}
			p++;
		} else if (!quoted && *p == ',') {
			break;
		}
		if (used + 1 >= size)
			return false;
		into[used++] = *p;
	}
	into[used] = '\0';
	if (p < end && *p != ',')
		return false;
	*at = p;
	return true;
}

static bool comma_take(const char **at, const char *end)
{
	return *at < end && *(*at)++ == ',';
}

static bool number_take(const char **at, const char *end, uint64_t *ret_value)
{
	char text[24], *stop;

	if (!field_take(at, end, text, sizeof(text)) || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*ret_value = strtoull(text, &stop, 10);
	return errno == 0 && *stop == '\0' && comma_take(at, end);
}

static bool metric_take(const char **at, const char *end, enum counts_metric *ret_metric)
{
	char text[16];

	if (!field_take(at, end, text, sizeof(text)))
		return false;
	for (int i = 0; i < COUNTS_METRICS; i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret_metric = (enum counts_metric)i;
			return comma_take(at, end);
		}
	}
	return false;
}

static bool row_take(const char *at, const char *end, struct counts_row *row)
{
	*row = (struct counts_row){ 0 };
	if (memchr(at, '\0', (size_t)(end - at)) ||
	    !field_take(&at, end, row->side, sizeof(row->side)) || !comma_take(&at, end) ||
	    !field_take(&at, end, row->loader, sizeof(row->loader)) || !comma_take(&at, end) ||
	    !metric_take(&at, end, &row->metric))
		return false;
	for (int column = COUNTS_TOTAL; column >= 0; column = counts_column_next(column)) {
		if (!number_take(&at, end, &row->values[column]))
			return false;
	}
	return field_take(&at, end, row->error, sizeof(row->error)) && at == end;
}

static bool header_matches(const char *at, const char *end)
{
	char *wanted = NULL;
	size_t size = 0;
	FILE *file;
	bool matches;

	if (end - at < 5 || memcmp(at, "side,", 5) != 0)
		return false;
	file = open_memstream(&wanted, &size);
	if (!file)
		return false;
	counts_header_print(file);
	fclose(file);
	matches = wanted && (size_t)(end - at) == size - 1 && memcmp(at, wanted, size - 1) == 0;
	free(wanted);
	return matches;
}

int counts_read(struct counts *counts, const char *text, size_t size, struct err *err)
{
	const char *at = text, *end = text + size;
	size_t line = 0, capacity = 0;

	*counts = (struct counts){ 0 };
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		line++;
		if (!stop)
			return err_set(err, EBADMSG, "counts: line %zu is cut short", line);
		if (line == 1 && !header_matches(at, stop))
			return err_set(err, EBADMSG,
				       "counts: line 1 is not the header of this version");
		if (counts->count == capacity) {
			struct counts_row *rows;

			capacity = capacity ? 2 * capacity : 64;
			rows = realloc(counts->rows, capacity * sizeof(rows[0]));
			if (!rows || capacity > 2 * COUNTS_ROWS_MAX)
				return err_set(err, ENOMEM, "counts: line %zu is one too many",
					       line);
			counts->rows = rows;
		}
		if (!header_matches(at, stop)) { /* each side begins with one */
			if (!row_take(at, stop, &counts->rows[counts->count++]))
				return err_set(err, EBADMSG, "counts: line %zu is not a row", line);
		}
		at = stop + 1;
	}
	return line ? 0 : err_set(err, EBADMSG, "counts: nothing was counted");
}

void counts_close(struct counts *counts)
{
	free(counts->rows);
	*counts = (struct counts){ 0 };
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

bool counts_row_is_of(const struct counts_row *row, const struct counts_row *like,
		      enum counts_metric metric)
{
	return row->metric == metric && !row->error[0] && strcmp(row->side, like->side) == 0 &&
	       strcmp(row->loader, like->loader) == 0;
}

uint64_t counts_median(const struct counts *counts, const struct counts_row *like,
		       enum counts_metric metric, int column)
{
	uint64_t *values = calloc(counts->count + 1, sizeof(values[0])), median = UINT64_MAX;
	size_t n = 0;

	for (size_t i = 0; values && i < counts->count; i++) {
		const struct counts_row *row = &counts->rows[i];

		if (counts_row_is_of(row, like, metric))
			values[n++] = row->values[column];
	}
	if (n) {
		qsort(values, n, sizeof(values[0]), ascending);
		median = values[(n - 1) / 2];
	}
	free(values);
	return median;
}
