/*
 * The figures of a report: each reduces the data to one small table (plot.h). A figure whose data
 * the records do not hold is not made, and figures_make() says why.
 */
#ifndef SOLOAD_BENCH_REPORT_FIGURES_H
#define SOLOAD_BENCH_REPORT_FIGURES_H

#include "bench/report/data.h"
#include "bench/report/plot.h"

/* 1 = made, 0 = nothing to show, or -errno. */
typedef int figure_make(struct data *data, struct plots *plots, struct err *err);

figure_make figure_phases, figure_invocation, figure_share, figure_tail, figure_size,
	figure_relocations, figure_imports, figure_exports, figure_first, figure_calm,
	figure_kernel, figure_swimlane, figure_forest;

/* All of them in the order of the report, in place of those that lie there; what could not be made
 * is noted in `data`. */
int figures_make(struct data *data, struct plots *plots, struct err *err);

#endif
