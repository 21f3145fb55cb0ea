/* Counted loads as CSV, and their medians. See counts.h. */
#include "bench/vm/counts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(COUNTS_COLUMNS <= 64, "a row knows its columns by bits");

/* The columns between `metric` and `error`, as a header names them; -1 = not one of ours. */
struct columns {
	int at[64];
	size_t count;
	uint64_t lacking;
};

static const char *const names[COUNTS_METRICS] = {
	[COUNTS_TIME] = "time",
	[COUNTS_USER] = "user",
	[COUNTS_KERNEL] = "kernel",
};

const char *counts_metric_name(enum counts_metric metric)
{
	return names[metric];
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

static bool row_take(const char *at, const char *end, const struct columns *columns,
		     struct counts_row *row)
{
	*row = (struct counts_row){ .lacking = columns->lacking };
	if (memchr(at, '\0', (size_t)(end - at)) ||
	    !field_take(&at, end, row->side, sizeof(row->side)) || !comma_take(&at, end) ||
	    !field_take(&at, end, row->loader, sizeof(row->loader)) || !comma_take(&at, end) ||
	    !metric_take(&at, end, &row->metric))
		return false;
	for (size_t i = 0; i < columns->count; i++) {
		uint64_t value;

		if (!number_take(&at, end, &value))
			return false;
		if (columns->at[i] >= 0)
			row->values[columns->at[i]] = value;
	}
	return field_take(&at, end, row->error, sizeof(row->error)) && at == end;
}

/* Every load takes time, and instructions of user space: none of them is a load not counted. */
static void row_doubt(struct counts_row *row)
{
	if (!row->error[0] && row->metric != COUNTS_KERNEL && row->values[COUNTS_TOTAL] == 0 &&
	    !(row->lacking >> COUNTS_TOTAL & 1))
		snprintf(row->error, sizeof(row->error), "a load of 0 was counted, which is none");
}

static int column_find(const char *name)
{
	for (int column = COUNTS_TOTAL; column >= 0; column = counts_column_next(column)) {
		if (strcmp(name, counts_column_name(column)) == 0)
			return column;
	}
	return -1;
}

static bool line_is_header(const char *at, const char *end)
{
	return end - at > 5 && memcmp(at, "side,", 5) == 0;
}

static bool header_take(const char *at, const char *end, struct columns *columns)
{
	static const char first[] = "side,loader,metric,";
	char name[32];

	*columns = (struct columns){ 0 };
	for (int column = COUNTS_TOTAL; column >= 0; column = counts_column_next(column))
		columns->lacking |= UINT64_C(1) << column;
	if ((size_t)(end - at) < strlen(first) || memcmp(at, first, strlen(first)) != 0 ||
	    memchr(at, '\0', (size_t)(end - at)))
		return false;
	at += strlen(first);
	while (field_take(&at, end, name, sizeof(name))) {
		int column = column_find(name);

		if (at == end)
			return strcmp(name, "error") == 0;
		if (!comma_take(&at, end) || !name[0] || columns->count == 64 ||
		    (column >= 0 && !(columns->lacking >> column & 1)))
			return false;
		columns->at[columns->count++] = column;
		if (column >= 0)
			columns->lacking &= ~(UINT64_C(1) << column);
	}
	return false;
}

static struct counts_row *row_add(struct counts *counts, size_t *capacity)
{
	if (counts->count == *capacity) {
		size_t more = *capacity ? 2 * *capacity : 64;
		struct counts_row *rows = NULL;

		if (more <= 2 * COUNTS_ROWS_MAX)
			rows = realloc(counts->rows, more * sizeof(rows[0]));
		if (!rows)
			return NULL;
		counts->rows = rows;
		*capacity = more;
	}
	return &counts->rows[counts->count++];
}

int counts_read(struct counts *counts, const char *text, size_t size, struct err *err)
{
	const char *at = text, *end = text + size, *stop;
	struct columns columns = { .count = 0 };
	size_t line = 0, capacity = 0;
	bool headed = false;

	*counts = (struct counts){ 0 };
	for (; at < end; at = stop + 1) {
		struct counts_row *row;

		stop = memchr(at, '\n', (size_t)(end - at));
		line++;
		if (!stop)
			return err_set(err, EBADMSG, "counts: line %zu is cut short", line);
		if (*at == '#') {
			if (memchr(at, '\0', (size_t)(stop - at)) ||
			    stop - at >= COUNTS_ABOUT_BYTES)
				return err_set(err, EBADMSG, "counts: line %zu is no comment",
					       line);
			snprintf(counts->about, sizeof(counts->about), "%.*s", (int)(stop - at - 1),
				 at + 1);
			continue;
		}
		if (!headed || line_is_header(at, stop)) { /* each side begins with one */
			headed = header_take(at, stop, &columns);
			if (!headed)
				return err_set(err, EBADMSG, "counts: line %zu is not a header",
					       line);
			continue;
		}
		row = row_add(counts, &capacity);
		if (!row)
			return err_set(err, ENOMEM, "counts: line %zu is one too many", line);
		if (!row_take(at, stop, &columns, row))
			return err_set(err, EBADMSG, "counts: line %zu is not a row", line);
		row_doubt(row);
	}
	return headed ? 0 : err_set(err, EBADMSG, "counts: nothing was counted");
}

int counts_append(struct counts *counts, const struct counts *more, const char *side,
		  struct err *err)
{
	size_t count = counts->count + more->count;
	struct counts_row *rows = realloc(counts->rows, (count + 1) * sizeof(rows[0]));

	if (!rows)
		return err_set(err, ENOMEM, "out of memory");
	counts->rows = rows;
	for (size_t i = 0; i < more->count; i++) {
		struct counts_row *row = &counts->rows[counts->count++];

		*row = more->rows[i];
		snprintf(row->side, sizeof(row->side), "%s", side);
	}
	return 0;
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

const struct counts_row *counts_find(const struct counts *counts, const char *side,
				     const char *loader, enum counts_metric metric)
{
	for (size_t i = 0; i < counts->count; i++) {
		const struct counts_row *row = &counts->rows[i];

		if (row->metric == metric && strcmp(row->side, side) == 0 &&
		    strcmp(row->loader, loader) == 0)
			return row;
	}
	return NULL;
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

void counts_medians_print(const struct counts *counts, FILE *out)
{
	counts_header_print(out);
	for (size_t i = 0; i < counts->count; i++) {
		struct counts_row row = counts->rows[i];

		if (counts_find(counts, row.side, row.loader, row.metric) != &counts->rows[i])
			continue;
		for (int column = COUNTS_TOTAL; column >= 0 && !row.error[0];
		     column = counts_column_next(column))
			row.values[column] =
				counts_median(counts, &counts->rows[i], row.metric, column);
		counts_row_print(&row, out);
	}
}
