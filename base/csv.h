/*
 * Writes CSV as RFC 4180 quotes it, with "\n" at the end of a row. bench/rows_read.h reads it.
 *
 * Rows gather in memory and reach the file in one write per csv_flush(), so a program that is
 * killed leaves whole rows. The first failure is kept and returned by the next csv_flush().
 */
#ifndef SOLOAD_BASE_CSV_H
#define SOLOAD_BASE_CSV_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Private to csv.c, but for whoever embeds it. */
struct csv {
	int fd;
	char *path;
	char *bytes;
	size_t used, capacity;
	uint64_t written; /* of the file, whole rows all */
	bool in_row;
	int failed; /* a negative errno, until csv_flush() has told it */
};

/* Creates `path`, or empties it, and writes `header` (names with commas between, no newline). */
int csv_open(struct csv *csv, const char *path, const char *header, struct err *err);

/* One field each; `text` may be NULL, which is an empty field. A double is written with as many
 * digits as it takes to read the same value back; NaN is an empty field. */
void csv_text(struct csv *csv, const char *text);
void csv_unsigned(struct csv *csv, uint64_t value);
void csv_signed(struct csv *csv, int64_t value);
void csv_double(struct csv *csv, double value);
void csv_empty(struct csv *csv);
void csv_row_end(struct csv *csv);

/* Writes what has gathered. 0, or the first error since the last call; rows that did not fit are
 * not left in part. */
int csv_flush(struct csv *csv, struct err *err);

/* Flushes and closes; safe on a csv that is all zero or was closed before. */
int csv_close(struct csv *csv, struct err *err);

#endif
