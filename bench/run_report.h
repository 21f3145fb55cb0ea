/* What `soload run` says at its end: a table per object, warnings that name the cause and the flag
 * to use, and the rows of summary.csv. */
#ifndef SOLOAD_BENCH_RUN_REPORT_H
#define SOLOAD_BENCH_RUN_REPORT_H

#include "bench/runner.h"

#include <stdio.h>

/* One table for the arms of every object; those that failed or went stale say so below it. */
void run_report_print(const struct runner *runner, FILE *out);

/* On stderr; `steal` is the share of CPU time the hypervisor took meanwhile, or negative. */
void run_report_warn(const struct runner *runner, double steal);

void run_report_summary(const struct runner *runner);

#endif
