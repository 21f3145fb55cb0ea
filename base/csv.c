/* CSV rows, gathered in memory and written whole. See csv.h for the contract. */
#include "base/csv.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *room(struct csv *csv, size_t more)
{
	size_t capacity = csv->capacity ? csv->capacity : 4096;
	char *bytes;

	while (capacity - csv->used < more)
		capacity *= 2;
	if (capacity != csv->capacity) {
		bytes = realloc(csv->bytes, capacity);
		if (!bytes) {
			csv->failed = -ENOMEM;
			return NULL;
		}
		csv->bytes = bytes;
		csv->capacity = capacity;
	}
	return csv->bytes + csv->used;
}

static void bytes_append(struct csv *csv, const char *bytes, size_t size)
{
	char *to = room(csv, size);

	if (!to)
		return;
	memcpy(to, bytes, size);
	csv->used += size;
}

static void field_begin(struct csv *csv)
{
	if (csv->in_row)
		bytes_append(csv, ",", 1);
	csv->in_row = true;
}

static void field_bare(struct csv *csv, const char *text)
{
	field_begin(csv);
	bytes_append(csv, text, strlen(text));
}

int csv_open(struct csv *csv, const char *path, const char *header, struct err *err)
{
	*csv = (struct csv){ .fd = -1, .path = strdup(path) };
	if (!csv->path)
		return err_set(err, ENOMEM, "out of memory");
	csv->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0666);
	if (csv->fd < 0) {
		int r = err_sys(err, "create %s", path);

		csv_close(csv, NULL);
		return r;
	}
	bytes_append(csv, header, strlen(header));
	bytes_append(csv, "\n", 1);
	return csv_flush(csv, err);
}

void csv_text(struct csv *csv, const char *text)
{
	if (!text || !text[strcspn(text, "\",\r\n")]) {
		field_bare(csv, text ? text : "");
		return;
	}
	field_begin(csv);
	bytes_append(csv, "\"", 1);
	for (; *text; text++)
		bytes_append(csv, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
	bytes_append(csv, "\"", 1);
}

void csv_unsigned(struct csv *csv, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	field_bare(csv, digits);
}

void csv_signed(struct csv *csv, int64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, value);
	field_bare(csv, digits);
}

void csv_double(struct csv *csv, double value)
{
	char digits[40] = "";

	if (isfinite(value)) {
		/* The shortest of the two that reads back the same. */
		snprintf(digits, sizeof(digits), "%.15g", value);
		if (strtod(digits, NULL) < value || strtod(digits, NULL) > value)
			snprintf(digits, sizeof(digits), "%.17g", value);
	}
	field_bare(csv, digits);
}

void csv_empty(struct csv *csv)
{
	field_begin(csv);
}

void csv_row_end(struct csv *csv)
{
	bytes_append(csv, "\n", 1);
	csv->in_row = false;
}

int csv_flush(struct csv *csv, struct err *err)
{
	int r = csv->failed;

	csv->failed = 0;
	if (r < 0) {
		csv->used = 0;
		csv->in_row = false;
		return err_set(err, -r, "%s: out of memory, rows are missing", csv->path);
	}
	if (csv->used == 0)
		return 0;
	r = fd_write_all(csv->fd, csv->bytes, csv->used, csv->path, err);
	if (r == 0)
		csv->written += csv->used;
	else if (ftruncate(csv->fd, (off_t)csv->written) < 0)
		err_prefix(err, r, "a row may be cut");
	csv->used = 0;
	return r;
}

int csv_close(struct csv *csv, struct err *err)
{
	int r = 0;

	if (!csv->path)
		return 0;
	if (csv->fd >= 0) {
		r = csv_flush(csv, err);
		if (close(csv->fd) < 0 && r == 0)
			r = err_sys(err, "close %s", csv->path);
	}
	free(csv->path);
	free(csv->bytes);
	*csv = (struct csv){ .fd = -1 };
	return r;
}
