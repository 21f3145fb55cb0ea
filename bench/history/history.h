/* What the parts of `soload history` share: the options, and a function for each of its words. */
#ifndef SOLOAD_BENCH_HISTORY_HISTORY_H
#define SOLOAD_BENCH_HISTORY_HISTORY_H

#include "bench/history/file.h"
#include "bench/history/revision.h"
#include "bench/report/draw.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_PATH "results/baseline/history.jsonl"
#define HISTORY_REFERENCE "results/baseline/REVISION"
#define HISTORY_QUANTILE "p50"

/* Of noise alone, a series is cut somewhere with at most this probability. */
#define HISTORY_ALPHA 0.01

/*
 * Two builds of the same source differ by where code and data happen to lie; an interval does not
 * know that. Added to every deviation, squared: some tenths of a percent, and for loads so short
 * that they are stamped in groups (below 5 us) some percent of them.
 */
#define HISTORY_LAYOUT 0.004
#define HISTORY_LAYOUT_SHORT 0.05

/* Texts point into argv. */
struct history_options {
	const char *path, *object, *loaders, *reference; /* NULL = the default */
	const char *builds;				 /* the folder of built revisions */
	uint64_t time_ns;				 /* for a loader of a revision */
	uint64_t seed;
	int pin;
	bool again, instructions, count;
	char *const *revisions;
	size_t revision_count;
	const char *out;
	enum draw_engine engine;
	bool draw;
	char **argv;
};

/* A revision and what it is compared with, both built. */
struct history_pair {
	const struct revision *reference, *revision;
	const char *base, *head; /* their programs */
};

/* Measures what both load, and makes a line of it. -EINTR, or an error in words. */
int history_measure(const struct history_options *options, const struct history_pair *pair,
		    struct history_line *ret_line, struct err *err);

/* An exit code each; errors are said. */
int history_add(const struct history_options *options);
int history_check(const struct history_options *options);
int history_plot(const struct history_options *options);

#endif
