/* The history as figures: ratios over the revisions, and a grid of what a load does. */
#ifndef SOLOAD_BENCH_HISTORY_FIGURES_H
#define SOLOAD_BENCH_HISTORY_FIGURES_H

#include "bench/history/file.h"
#include "bench/report/plot.h"

#include <stdbool.h>
#include <stddef.h>

#define HISTORY_LOADERS_MAX 64

/* The lines that can be compared, those with the last one's reference and object, and the loaders
 * that any of them has: the last one's first. */
struct history_view {
	const struct history_line **lines;
	size_t count;
	const char *loaders[HISTORY_LOADERS_MAX];
	size_t loader_count;
};

/* Of a history with at least one line, which must outlive the view. -ENOMEM. */
int history_view_open(struct history_view *view, const struct history *history);
void history_view_close(struct history_view *view);

/* Are counters of these two lines the work of one machine's kernel and C library? */
bool history_same_system(const struct history_line *line, const struct history_line *other);

/* A loader's ratios, their intervals as wide as the layout of code makes them; `level` is that of
 * the segment they belong to, NaN where there is no ratio with an interval. */
struct history_series {
	struct history_ratio *ratios;
	double *levels; /* a ratio, too */
};

/* Finds the segments. -ENOMEM. */
int history_series_open(struct history_series *series, const struct history_view *view,
			const char *loader, const char *quantile);
void history_series_close(struct history_series *series);

/* The place of the level before i, when it changes at i; else SIZE_MAX. */
size_t history_series_before(const struct history_series *series, size_t i);

int history_figure_ratios(const struct history_view *view, const char *quantile,
			  struct plots *plots, struct err *err);
int history_figure_work(const struct history_view *view, struct plots *plots, struct err *err);

/* Writes otava.csv: time, commit, and p10, p50 (ratios) and instructions of every loader; a series
 * that a line does not have is empty there. */
int history_otava(const struct history_view *view, const char *folder, struct err *err);

#endif
