/*
 * Null intervals: what watching costs where nothing happens in between. Two functions of soload's
 * own are watched by the same programs as ld.so's, and the times between their events are taken
 * for what the events themselves cost.
 */
#ifndef SOLOAD_PROBES_CALIBRATE_H
#define SOLOAD_PROBES_CALIBRATE_H

#include "base/err.h"
#include "probes/cost.h"
#include "probes/event.h"

#include <stddef.h>
#include <stdint.h>

#define CALIBRATE_ROUNDS 400
#define CALIBRATE_EVENTS 6 /* of one round: open, step, step, system call, step, return */

/* What things cost without probes: measured before any is attached. */
struct calibrate_bare {
	double call_ns;	 /* the smallest system call */
	double fault_ns; /* a fresh page */
	double map_ns;	 /* a file mapped and unmapped */
};

/* Where the two functions are: offsets in the file `path`. */
struct calibrate_sites {
	char path[64];
	uint64_t gate, step;
};

int calibrate_sites(struct calibrate_sites *ret_sites, struct err *err);
void calibrate_bare(struct calibrate_bare *ret_bare);

/* Makes the events of CALIBRATE_ROUNDS rounds; the caller reads them afterwards. */
void calibrate_rounds(void);

/* The cost of each kind of event, out of what was read of the rounds (any order of threads apart:
 * only this thread's). -ENODATA when events are missing. */
int calibrate_cost(const struct probe_event *events, size_t count, struct probe_cost *ret_cost,
		   const struct calibrate_bare *bare, struct err *err);

/* Now that probes are attached: faults, file mappings and missed system calls. `mark` is the
 * worker's mark that opens the gate. */
void calibrate_rest(struct probe_cost *cost, const struct calibrate_bare *bare);

#endif
