/* Loads counted in a guest: one boot, one object, any number of loaders of one or two builds. */
#ifndef SOLOAD_BENCH_VM_MEASURE_H
#define SOLOAD_BENCH_VM_MEASURE_H

#include "bench/vm/counts.h"
#include "bench/vm/guest.h"
#include "bench/vm/origin.h"

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

/* What a boot counted, and where. Zeroed is fine to close. */
struct measured {
	struct counts counts;
	char *text; /* the same, byte for byte as the guest wrote it */
	struct origin origin;
};

/* Boots once: 0, -EINTR, -GUEST_ABSENT, or a negative errno with the reason. */
int measure_run(const struct measure *measure, struct measured *ret_measured, struct err *err);
void measured_close(struct measured *measured);

/* DIR/counts.csv, every load, and DIR/medians.csv: where it was counted, and the counts. */
int measured_write(const struct measured *measured, const char *folder, struct err *err);

#endif
