/*
 * The machine a run was made on, as it goes into run.json and above a table. What cannot be found
 * out is left out, never guessed.
 */
#ifndef SOLOAD_BENCH_MACHINE_H
#define SOLOAD_BENCH_MACHINE_H

#include "base/err.h"

#include <stddef.h>

struct json_t;

/* CPU, kernel, libc, governor, clock, ASLR, THP, hypervisor, mitigations, limits, the revision of
 * this program: a new JSON object. */
struct json_t *machine_json(void);

/* Load average, steal and switches so far: what is worth taking before and after a run. */
struct json_t *machine_state_json(void);

/* "AMD EPYC 9R14, 2 CPUs, Linux 6.18.5, glibc 2.36, KVM": returns `buffer`. */
const char *machine_line(char *buffer, size_t size);

/* The share of CPU time the hypervisor took since boot, 0 to 1 is never scaled: two readings give
 * the share between them. 0, or a negative errno where /proc/stat has none. */
int machine_steal(double *ret_steal_seconds, double *ret_total_seconds);

#endif
