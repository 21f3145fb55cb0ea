/*
 * The machine a run was made on, as it goes into run.json and above a table. What cannot be found
 * out is left out, never guessed.
 */
#ifndef SOLOAD_BENCH_MACHINE_H
#define SOLOAD_BENCH_MACHINE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct json_t;

/* CPU, kernel, libc, governor, clock, ASLR, THP, hypervisor, mitigations, limits, the revision of
 * this program: a new JSON object. */
struct json_t *machine_json(void);

/* Load average, steal and switches so far: what is worth taking before and after a run. */
struct json_t *machine_state_json(void);

/* "AMD EPYC 9R14, 2 CPUs, Linux 6.18.5, glibc 2.36, KVM": returns `buffer`. */
const char *machine_line(char *buffer, size_t size);

/* "soload 0.1.0 at 3bdd8cd41eae": what a table that is kept was made with; without the revision
 * where it is not known. Returns `buffer`. */
const char *machine_build(char *buffer, size_t size);
/* What /proc/cpuinfo says behind "key<spaces>:" of the first CPU; false where it says nothing. */
bool machine_cpuinfo(const char *key, char *value, size_t size);

/* CPU time of the whole machine since boot, in seconds: all of it, and what the hypervisor gave to
 * others (steal). -ENOENT where /proc/stat cannot tell. */
int machine_steal(double *ret_steal, double *ret_total);

#endif
