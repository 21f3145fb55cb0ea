/* What `soload run` says at its end: a table per object, warnings that name the cause and the flag
 * to use, and the rows of summary.csv. */
#ifndef SOLOAD_BENCH_RUN_REPORT_H
#define SOLOAD_BENCH_RUN_REPORT_H

#include "bench/run/scan.h"
#include "bench/runner.h"

#include <stdio.h>

/* The table of the scan, then one for the arms of every other object; those that failed, went stale
 * or are not known well enough say so below it. */
void run_report_print(const struct runner *runner, const struct scan *scan, FILE *out);

/* On stderr and in run.json; `steal` is the share of CPU time the hypervisor took meanwhile, or
 * negative. */
void run_report_warn(const struct runner *runner, double steal);

/* How busy it is. */
struct run_machine {
	double steal, load; /* as above; the load average */
	long cpus;
};

/* On stderr alone, and what they were: of what was measured and of that, nothing else is looked at.
 * The caller takes the reference. */
struct json_t *run_report_warnings(const struct runner *runner, const struct run_machine *machine);

void run_report_summary(const struct runner *runner);

#endif
