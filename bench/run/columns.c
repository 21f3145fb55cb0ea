/* Columns of measured loads. See columns.h. */
#include "bench/run/columns.h"

#include <math.h>
#include <stdlib.h>

size_t column_phase(int phase)
{
	return COLUMN(phase_ns) + (size_t)phase * sizeof(double);
}

struct stats_summary column_of_thread(const struct arm *arm, size_t column, int thread)
{
	double *values = calloc(arm->count ? arm->count : 1, sizeof(values[0]));
	struct stats_summary summary;
	size_t n = 0;

	for (uint32_t i = 0; values && i < arm->count; i++) {
		const char *row = (const char *)&arm->values[i];
		double value = *(const double *)(const void *)(row + column);

		if (isfinite(value) &&
		    (thread == COLUMN_ALL_THREADS || arm->values[i].thread == (uint32_t)thread))
			values[n++] = value;
	}
	summary = stats_summarise(values, n);
	free(values);
	return summary;
}

struct stats_summary column_summary(const struct arm *arm, size_t column)
{
	return column_of_thread(arm, column, COLUMN_ALL_THREADS);
}
