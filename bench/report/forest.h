/* What a gate recorded, row by row: for the forest plot, and for the words of a pull request. */
#ifndef SOLOAD_BENCH_REPORT_FOREST_H
#define SOLOAD_BENCH_REPORT_FOREST_H

#include "bench/report/data.h"

#define FOREST_ROWS_MAX 40

struct forest_row {
	uint32_t run;
	const char *loader, *scenario, *phase;
	double ratio, low, high; /* head / base; NaN ends = no interval */
	size_t epochs;
};

struct forest {
	struct forest_row rows[FOREST_ROWS_MAX];
	size_t n;
};

/* By what the interval says alone; whether it matters is the gate's to judge. */
enum forest_verdict { FOREST_SAME, FOREST_FASTER, FOREST_SLOWER, FOREST_UNKNOWN };

/* The totals, the worst first. */
void forest_collect(struct forest *forest, const struct data *data);
enum forest_verdict forest_verdict(const struct forest_row *row);

#endif
