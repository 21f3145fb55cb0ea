/*
 * The gate judged by itself, on this very machine: gates of one build against itself, and against
 * itself made slower by a known amount. What comes out is its false alarms and its power, here.
 */
#ifndef SOLOAD_BENCH_PROVE_H
#define SOLOAD_BENCH_PROVE_H

#include "bench/gate_options.h"

/* Runs all campaigns within the budget, prints the table, writes prove.md. 0 when every goal was
 * reached with all its gates, 1 when one was missed, 3 when the time was too short for all gates.
 */
int prove_run(const struct gate_options *options, char **argv);

#endif
