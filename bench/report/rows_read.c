/* CSV out of bytes that may be anything. Fields are taken out of their quotes in place. */
#include "bench/report/rows_read.h"

#include "bench/record.h"

#include <errno.h>
#include <math.h>
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

/* The fields of one row into `fields`: how many, or -1 when the file ends within the row. */
static long row_read(struct rows_read *rows, char **fields)
{
	size_t n = 0;

	for (;;) {
		char *text;
		enum field_end end = field_read(rows, &text);

		if (end == FIELD_CUT)
			return -1;
		if (n < ROWS_COLUMNS_MAX)
			fields[n] = text;
		n++;
		if (end == FIELD_ROW)
			return (long)n;
	}
}

int rows_open(struct rows_read *rows, const char *path, struct err *err)
{
	struct stat status;
	long n;
	int r;

	memset(rows, 0, sizeof(*rows));
	if (stat(path, &status) < 0)
		return errno == ENOENT ? -ENOENT : err_sys(err, "read %s", path);
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

bool rows_next(struct rows_read *rows)
{
	while (rows->columns && rows->at < rows->end) {
		long n = row_read(rows, rows->fields);

		if (n == (long)rows->columns) {
			rows->rows++;
			return true;
		}
		rows->lost++;
	}
	return false;
}

int rows_column(const struct rows_read *rows, const char *name)
{
	for (size_t i = 0; i < rows->columns; i++) {
		if (strcmp(rows->header[i], name) == 0)
			return (int)i;
	}
	return -1;
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
