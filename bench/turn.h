/* One turn of one arm: its loads, in the worker it has or in a fresh one each, their rows in the
 * record and their values in memory. */
#ifndef SOLOAD_BENCH_TURN_H
#define SOLOAD_BENCH_TURN_H

#include "bench/runner.h"

/* Starts the arm's worker. One that cannot be says so, and the arm is not alive. */
void turn_open(struct runner *runner, struct arm *arm);

/*
 * Warm-up loads while there are any left, else measured ones. An arm that fails says so on stderr
 * and is not alive any more. 0, -EINTR, or a negative errno when the record cannot be written.
 */
int turn_run(struct runner *runner, struct arm *arm, struct err *err);

#endif
