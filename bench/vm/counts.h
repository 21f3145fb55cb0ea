/*
 * What loads cost, counted: virtual time and instructions, per load and phase. The guest writes
 * them as CSV (results/README.md, counts.csv), the host reads them back and takes medians.
 */
#ifndef SOLOAD_BENCH_VM_COUNTS_H
#define SOLOAD_BENCH_VM_COUNTS_H

#include "base/err.h"
#include "base/timeline.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum counts_metric { COUNTS_TIME, COUNTS_USER, COUNTS_KERNEL, COUNTS_METRICS };

#define COUNTS_TOTAL PHASE_COUNT /* a column beside the phases */
#define COUNTS_COLUMNS (PHASE_COUNT + 1)
#define COUNTS_ROWS_MAX 100000
#define COUNTS_NAME_BYTES 128
#define COUNTS_ABOUT_BYTES 256

struct counts_row {
	char side[16]; /* "base", "head", or "" */
	char loader[COUNTS_NAME_BYTES];
	char error[ERR_TEXT_BYTES]; /* it does not load here, and why; the rest is 0 then */
	enum counts_metric metric;
	uint64_t values[COUNTS_COLUMNS]; /* by enum phase; phases that are no load's are 0 */
	uint64_t lacking; /* columns its writer did not know, a bit each: another version of soload
			   */
};

struct counts {
	struct counts_row *rows;
	size_t count;
	char about[COUNTS_ABOUT_BYTES]; /* of the last line that begins with #; "" = there is none
					 */
};

const char *counts_metric_name(enum counts_metric metric); /* "time", "user", "kernel" */

void counts_header_print(FILE *out);
void counts_row_print(const struct counts_row *row, FILE *out);

/* Reads what the two above printed, also by another version: columns are taken by their names.
 * -EBADMSG naming the line. A load of no time, or of no instructions of user space, becomes an
 * error of its row. The caller closes `counts`. */
int counts_read(struct counts *counts, const char *text, size_t size, struct err *err);
void counts_close(struct counts *counts); /* zeroed is fine */

/* The rows of `more`, as a side of that name. */
int counts_append(struct counts *counts, const struct counts *more, const char *side,
		  struct err *err);

/* The first row of a side, loader and metric, an error or a load; NULL = there is none. */
const struct counts_row *counts_find(const struct counts *counts, const char *side,
				     const char *loader, enum counts_metric metric);

/* Whether a row is a load of that side, loader and metric that succeeded. */
bool counts_row_is_of(const struct counts_row *row, const struct counts_row *like,
		      enum counts_metric metric);

/* The columns in the order they are written, from COUNTS_TOTAL on: the next, -1 = none. */
int counts_column_next(int column);
const char *counts_column_name(int column);

/* The median of a column over the loads of one side and loader, the lower of two in the middle;
 * UINT64_MAX = there are none. */
uint64_t counts_median(const struct counts *counts, const struct counts_row *like,
		       enum counts_metric metric, int column);

/* Header and one row per loader and metric: the medians, or why there are none. */
void counts_medians_print(const struct counts *counts, FILE *out);

#endif
