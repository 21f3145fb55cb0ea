/*
 * The table behind the first picture: where the time of one load goes, per loader. Samples go in as
 * they are recorded; what comes out is one row per loader (and object, where there are several)
 * with the median of each phase, for reports/phases.gp to draw.
 */
#ifndef SOLOAD_BENCH_FIGURE_H
#define SOLOAD_BENCH_FIGURE_H

#include "base/err.h"
#include "bench/record.h"

struct figure_bar;

/* Zeroed to begin with. */
struct figure {
	struct figure_bar *first, **last;
	bool incomplete; /* out of memory: nothing will be written */
};

/* Warm-up, failed loads and samples without phases are left out. */
void figure_add(struct figure *figure, const struct sample *sample);

/*
 * Writes `path`: tab separated, one header line: loader, loads, stale, one column in us per phase
 * that any loader could tell apart, total (the median of the whole, which medians of parts need not
 * add up to). With no sample nothing is written.
 */
int figure_write(const struct figure *figure, const char *path, struct err *err);

void figure_free(struct figure *figure);

#endif
