/* `soload run --probe`: after the measurement, every arm once more under probes. */
#ifndef SOLOAD_BENCH_RUN_PROBE_H
#define SOLOAD_BENCH_RUN_PROBE_H

#include "bench/runner.h"

#include <stdio.h>

/* Checks the list of probes, and says on stderr what is missing here, what is lost and what to do:
 * 0, or a negative errno with the reason in words. */
int run_probe_check(const char *probes, struct err *err);

/* Blocks of unprobed and probed loads for every arm that is still alive; prints and records what
 * came out. An arm that fails says so. 0, -EINTR, or a negative errno when any failed. */
int run_probe(struct runner *runner, const char *probes, FILE *out);

#endif
