/* What the loads of an arm have in common: one number of each, summed up. */
#ifndef SOLOAD_BENCH_RUN_COLUMNS_H
#define SOLOAD_BENCH_RUN_COLUMNS_H

#include "bench/runner.h"
#include "bench/stats.h"

#include <stddef.h>

/* Which number: an offset into struct arm_values, and the loads of which thread. */
#define COLUMN(field) offsetof(struct arm_values, field)
size_t column_phase(int phase);

#define COLUMN_ALL_THREADS (-1)

/* Over the measured loads of one thread (from 0) or all; loads in which it was not observable left
 * out. */
struct stats_summary column_of_thread(const struct arm *arm, size_t column, int thread);
struct stats_summary column_summary(const struct arm *arm, size_t column);

#endif
