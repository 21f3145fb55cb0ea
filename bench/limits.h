/* When enough was measured: a number of loads, a time, or a median that is known well enough. */
#ifndef SOLOAD_BENCH_LIMITS_H
#define SOLOAD_BENCH_LIMITS_H

#include "bench/runner.h"

/*
 * How well the median is known, as a share of it: the farther end of the 95 % interval
 * (stats_median_interval) of the medians of the arm's turns. Turns and not loads, since loads of
 * one turn resemble each other. NaN below LIMITS_TURNS_MIN turns.
 */
#define LIMITS_TURNS_MIN 8
double limits_width(const struct arm *arm);

/* After a round, or in sequential order after each turn of `only`: marks arms that have ended. */
void limits_look(struct runner *runner, struct arm *only);

/* Whether the arm met `until`; always, when there is none. */
bool limits_met(const struct runner *runner, const struct arm *arm);

#endif
