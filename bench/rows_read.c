/* CSV out of bytes that may be anything. Fields are taken out of their quotes in place. */
#include "bench/rows_read.h"

#include "bench/record.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum field_end { FIELD_COMMA, FIELD_ROW, FIELD_CUT };

/* One field: *ret_text is NUL-terminated where its delimiter was. A quote opens at the beginning of
 * a field only (RFC 4180); elsewhere it is a character, and hides no row behind it. */
static enum field_end field_read(struct rows_read *rows, char **ret_text)
{
	char *in = rows->at, *out = rows->at;
	bool quoted = false;

	*ret_text = out;
	for (; in < rows->end; in++) {
		rows->next_line += *in == '\n';
		rows->torn |= *in == '\0';
		if (*in == '"' && (quoted || in == rows->at)) {
			if (quoted && in + 1 < rows->end && in[1] == '"')
				*out++ = *in++;
			else
				quoted = !quoted;
		} else if (!quoted && (*in == ',' || *in == '\n')) {
			enum field_end end = *in == ',' ? FIELD_COMMA : FIELD_ROW;

			if (end == FIELD_ROW && out > *ret_text && out[-1] == '\r')
				out--;
			*out = '\0';
			rows->at = in + 1;
			return end;
		} else {
			*out++ = *in;
		}
	}
	rows->at = rows->end;
	return FIELD_CUT;
}

/* The fields of one row into `fields`: how many, or -1 when the file ends within the row or it
 * holds what no text does. */
static long row_read(struct rows_read *rows, char **fields)
{
	size_t n = 0;

	rows->line = rows->next_line;
	rows->torn = false;
	for (;;) {
		char *text;
		enum field_end end = field_read(rows, &text);

		if (end == FIELD_CUT)
			return -1;
		if (n < ROWS_COLUMNS_MAX)
			fields[n] = text;
		n++;
		if (end == FIELD_ROW)
			return rows->torn ? -1 : (long)n;
	}
}

int rows_open(struct rows_read *rows, const char *path, struct err *err)
{
	struct stat status;
	long n;
	int r;

	memset(rows, 0, sizeof(*rows));
	rows->next_line = 1;
	if (stat(path, &status) < 0)
		return err_sys(err, "open %s", path);
	if (S_ISREG(status.st_mode) && status.st_size == 0)
		return 0;
	r = file_load(path, &rows->file, err);
	if (r < 0)
		return r;
	rows->at = rows->file.bytes;
	rows->end = rows->at + rows->file.size;
	n = row_read(rows, rows->header);
	if (n > ROWS_COLUMNS_MAX) {
		rows_close(rows);
		return err_set(err, EINVAL, "%s: %ld columns, more than any record has", path, n);
	}
	if (n < 0)
		rows->lost++;
	rows->columns = n < 0 ? 0 : (size_t)n;
	return 0;
}

void rows_close(struct rows_read *rows)
{
	if (rows->file.bytes)
		file_unload(&rows->file);
	memset(rows, 0, sizeof(*rows));
}

/* 1 when the next row is whole, -1 when it is not, 0 at the end. */
static int row_next(struct rows_read *rows)
{
	if (!rows->columns || rows->at == rows->end)
		return 0;
	if (row_read(rows, rows->fields) != (long)rows->columns) {
		rows->lost++;
		return -1;
	}
	rows->rows++;
	return 1;
}

bool rows_next(struct rows_read *rows)
{
	int r;

	do
		r = row_next(rows);
	while (r < 0);
	return r > 0;
}

int rows_next_whole(struct rows_read *rows, const char *path, struct err *err)
{
	int r = row_next(rows);

	return r < 0 ? err_set(err, EINVAL, "%s: line %zu is no whole row", path, rows->line) : r;
}

int rows_column(const struct rows_read *rows, const char *name)
{
	for (size_t i = 0; i < rows->columns; i++) {
		if (strcmp(rows->header[i], name) == 0)
			return (int)i;
	}
	return -1;
}

int rows_columns(const struct rows_read *rows, const char *names, int *ret_columns,
		 const char *path, struct err *err)
{
	for (size_t length; *names; names += length + (names[length] == ',')) {
		char name[64];

		length = strcspn(names, ",");
		snprintf(name, sizeof(name), "%.*s", (int)length, names);
		*ret_columns = rows_column(rows, name);
		if (*ret_columns++ < 0)
			return err_set(err, EINVAL, "%s: line 1 has no column %s", path, name);
	}
	return 0;
}

const char *rows_text(const struct rows_read *rows, int column)
{
	return column < 0 ? "" : rows->fields[column];
}

bool rows_integer(const struct rows_read *rows, int column, int64_t *ret_value)
{
	const char *text = rows_text(rows, column);
	int64_t value = 0;

	*ret_value = SAMPLE_NONE;
	if (!*text)
		return true;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (*text - '0');
		if (value >= INT64_C(1) << 53)
			return false;
	}
	*ret_value = value;
	return true;
}

bool rows_double(const struct rows_read *rows, int column, double *ret_value)
{
	const char *text = rows_text(rows, column);
	char *end;

	*ret_value = (double)NAN;
	if (!*text)
		return true;
	*ret_value = strtod(text, &end);
	return !*end && isfinite(*ret_value);
}

void rows_drop(struct rows_read *rows)
{
	rows->rows--;
	rows->lost++;
}
