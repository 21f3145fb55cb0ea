/* What gates recorded, row by row: for the forest plot, and for the words of a pull request. */
#ifndef SOLOAD_BENCH_REPORT_FOREST_H
#define SOLOAD_BENCH_REPORT_FOREST_H

#include "bench/report/data.h"

struct forest_row {
	uint32_t run;
	const char *loader, *scenario, *phase;
	double ratio, low, high; /* head / base; NaN ends = no interval */
	size_t epochs;
	bool own; /* made here from epochs: the gate was cut short */
};

struct forest {
	struct forest_row *rows;
	size_t n;
};

/* By what the interval says alone; whether it matters is the gate's to judge. */
enum forest_verdict { FOREST_SAME, FOREST_FASTER, FOREST_SLOWER, FOREST_UNKNOWN };

/* Totals and phases of all records: the slower ones first, then totals, each the worst first, then
 * phases, those that differ most first. Without memory there are no rows. */
void forest_collect(struct forest *forest, const struct data *data);
void forest_free(struct forest *forest);

enum forest_verdict forest_verdict(const struct forest_row *row);
bool forest_is_total(const struct forest_row *row);

#endif
