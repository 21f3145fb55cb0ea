/* A record as a timeline for ui.perfetto.dev and chrome://tracing: the Trace Event Format. */
#ifndef SOLOAD_BENCH_REPORT_CHROME_H
#define SOLOAD_BENCH_REPORT_CHROME_H

#include "bench/report/data.h"

/*
 * One process per record, one thread per lane: host, AICPU threads, and above them the loads, named
 * by loader. Records without spans show their loads, one thread per arm, with the phases as
 * arguments.
 */
int chrome_write(struct data *data, const char *path, struct err *err);

#endif
