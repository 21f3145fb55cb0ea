/*
 * User instructions of another process, by the processor's own counter (perf_event_open): nearly
 * free, of the program as it is, and with its cached bytes and addresses where they are. Not every
 * machine offers it (few virtual ones do), and not every one repeats: who counts must look.
 */
#ifndef SOLOAD_BENCH_PMU_H
#define SOLOAD_BENCH_PMU_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct perf_event_attr;

struct pmu {
	int fd; /* 0 or below = not open */
};

/* -ENOENT without a PMU, -EACCES without the right to it, and others, in words. */
int pmu_open(struct pmu *pmu, pid_t pid, struct err *err);

/* Instructions since it was opened. False when the counter was not there all the time: other
 * counters took turns with it, and scaling would guess. */
bool pmu_read(const struct pmu *pmu, uint64_t *ret_count);

void pmu_close(struct pmu *pmu); /* zeroed is fine */

/* The system call, for tests that must see it fail, or count something else. */
extern int (*pmu_event_open)(struct perf_event_attr *attr, pid_t pid);

#endif
