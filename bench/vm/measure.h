/* Loads counted in a guest: one boot, one object, any number of loaders of one or two builds. */
#ifndef SOLOAD_BENCH_VM_MEASURE_H
#define SOLOAD_BENCH_VM_MEASURE_H

#include "bench/vm/counts.h"
#include "bench/vm/guest.h"

#define MEASURE_SIDES 2

struct measure_side {
	const char *name;    /* "base", "head", or "" */
	const char *program; /* soload for aarch64 */
	const char *loaders; /* "A,B" */
	const char *inject;  /* bench/inject.h, NULL = nothing */
};

struct measure {
	struct guest_options guest; /* command, files, take and to are set here */
	struct measure_side sides[MEASURE_SIDES];
	size_t side_count;
	const char *object;
	uint32_t loads;
};

/* Boots once: 0, -EINTR, -ENOENT (no guest here), or a negative errno with the reason. `ret_text`
 * is what the guest counted, byte for byte, malloc'd, or NULL for who does not want it. */
int measure_run(const struct measure *measure, struct counts *counts, char **ret_text,
		struct err *err);

#endif
