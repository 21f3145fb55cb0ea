/*
 * Epochs: what one pair of fresh workers in lockstep came to, and the file they are published in,
 * from which the verdict can be computed again.
 */
#ifndef SOLOAD_BENCH_EPOCHS_H
#define SOLOAD_BENCH_EPOCHS_H

#include "base/csv.h"
#include "base/err.h"
#include "base/timeline.h"

#include <stddef.h>
#include <stdint.h>

/* What is judged of a load: its phases, and the whole. */
#define EPOCH_SUBJECTS (PHASE_OTHER + 2)
#define EPOCH_TOTAL (PHASE_OTHER + 1)

enum epoch_quantile { EPOCH_P10, EPOCH_P50, EPOCH_P90, EPOCH_QUANTILES };

const char *epoch_subject_name(int subject); /* "total", "link" */
const char *epoch_quantile_name(int quantile);

/* NaN = not observable. `ln_ratio` is also NaN where there is too little of the subject for a
 * verdict of its own. */
struct epoch_value {
	double base_ns, head_ns, ln_ratio;
};

#define EPOCH_ORDER_BYTES 32

struct epoch {
	uint64_t start_ns; /* since the gate began */
	/* Who was started first, then who went first in every round: 'b' or 'h'. */
	char order[EPOCH_ORDER_BYTES];
	struct epoch_value values[EPOCH_SUBJECTS][EPOCH_QUANTILES];
};

/* A row of the gate: one loader with one object, in both arms. */
struct epoch_row {
	char *loader, *scenario;
	struct epoch *epochs;
	size_t count, capacity;
};

/* Copies both names. -ENOMEM. */
int epoch_row_open(struct epoch_row *row, const char *loader, const char *scenario);
void epoch_row_close(struct epoch_row *row); /* zeroed is fine */
int epoch_row_add(struct epoch_row *row, const struct epoch *epoch);

extern const char epochs_header[];

/* The last epoch of a row, one line per subject and quantile. */
void epochs_write(struct csv *csv, const struct epoch_row *row);

#define EPOCH_ROWS_MAX 1024 /* of a file: as many as a gate can have */

/* Reads a whole epochs.csv into rows, which the caller closes and frees; none when no epoch was
 * run. -EINVAL with the line, -E2BIG when there are more rows. */
int epochs_read(const char *path, struct epoch_row **ret_rows, size_t *ret_count, struct err *err);

#endif
