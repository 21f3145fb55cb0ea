/*
 * The columns of a record's tables: their headers, and how one row is written. results/README.md
 * says what they mean; a test compares the two.
 */
#ifndef SOLOAD_BENCH_ROWS_H
#define SOLOAD_BENCH_ROWS_H

#include "base/csv.h"
#include "bench/record.h"

extern const char rows_samples_header[];
extern const char rows_spans_header[];
extern const char rows_summary_header[];
extern const char rows_machine_header[];

/* What every row of a record begins with, and what its times count from (CLOCK_MONOTONIC). */
struct rows_run {
	const char *id;
	uint64_t start_ns;
};

/* The machine at one moment; NaN = it does not say. */
struct rows_machine {
	uint64_t at_ns; /* CLOCK_MONOTONIC */
	double load_average, steal_seconds, cpu_seconds;
};

void rows_sample(struct csv *csv, const struct rows_run *run, const struct sample *sample);
void rows_span(struct csv *csv, const struct rows_run *run, const struct record_span *span);
void rows_summary(struct csv *csv, const struct rows_run *run, const struct summary *summary);
void rows_machine(struct csv *csv, const struct rows_run *run, const struct rows_machine *row);

#endif
