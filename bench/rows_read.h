/*
 * Reads CSV as base/csv.c writes it, by the names of its columns, out of bytes that may be
 * anything: a run that was killed, a disk that was full, a file somebody edited. A row that is not
 * whole is never returned: reports leave it out and say so, the gate and whoever compares take all
 * or nothing.
 */
#ifndef SOLOAD_BENCH_ROWS_READ_H
#define SOLOAD_BENCH_ROWS_READ_H

#include "base/err.h"
#include "base/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROWS_COLUMNS_MAX 128

struct rows_read {
	struct file_bytes file;
	char *at, *end;
	char *header[ROWS_COLUMNS_MAX];
	char *fields[ROWS_COLUMNS_MAX]; /* of the row read last */
	size_t columns;
	size_t rows, lost; /* whole rows returned; rows left out because they were not whole */
	size_t line;	   /* of the file, from 1: where the row read last begins */
	size_t next_line;  /* private: where the next one does */
	bool torn;	   /* private: the row read last holds a NUL */
};

/* Opens `path` and reads its header. -ENOENT when there is no such file; an empty file has no
 * columns and no rows. */
int rows_open(struct rows_read *rows, const char *path, struct err *err);
void rows_close(struct rows_read *rows);

/* The next whole row into rows->fields; false at the end. Damaged ones are counted in rows->lost.
 */
bool rows_next(struct rows_read *rows);

/* The same for who takes all or nothing: 1, 0 at the end, or -EINVAL with `path` and the line of a
 * row that is not whole. */
int rows_next_whole(struct rows_read *rows, const char *path, struct err *err);

/* The column of this name, or -1. */
int rows_column(const struct rows_read *rows, const char *name);

/* The columns of all these names, which have commas between them; -EINVAL with `path` and the first
 * that is missing. */
int rows_columns(const struct rows_read *rows, const char *names, int *ret_columns,
		 const char *path, struct err *err);

/* The text of a column of the current row; "" for column -1. */
const char *rows_text(const struct rows_read *rows, int column);

/* A whole number >= 0 below 2^53; an empty field is SAMPLE_NONE. False when it is neither. */
bool rows_integer(const struct rows_read *rows, int column, int64_t *ret_value);

/* A finite number; an empty field is NaN. False when it is neither. */
bool rows_double(const struct rows_read *rows, int column, double *ret_value);

/* The current row is of no use after all: counted as lost instead. */
void rows_drop(struct rows_read *rows);

#endif
