/*
 * Null intervals: what watching costs where nothing but work of a known time happens in between.
 * Two functions of soload's own are watched by the same programs as ld.so's, and the times between
 * their events are taken for what the events themselves cost.
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

#define CALIBRATE_INTERVALS 7

/* The least that was seen so far; 0 = not yet. */
struct calibrate_times {
	double call_ns;	 /* the smallest system call */
	double fault_ns; /* a fresh page */
	double map_ns;	 /* a file mapped and unmapped */
};

/* Zeroed to begin with. Measured again and again, it only gets better: a minute in which other work
 * ran is forgotten. */
struct calibrate {
	struct calibrate_times bare, watched;
	double work_ns; /* what is done between two events */
	double interval_ns[CALIBRATE_INTERVALS];
};

/* Where the two functions are: offsets in the file `path`. */
struct calibrate_sites {
	char path[64];
	uint64_t gate, step;
};

int calibrate_sites(struct calibrate_sites *ret_sites, struct err *err);

/* Before anything is attached: what things take without probes. */
void calibrate_bare(struct calibrate *calibrate);

/* Makes the events of CALIBRATE_ROUNDS rounds; the caller reads them afterwards. */
void calibrate_rounds(void);

/* Takes what was read of the rounds: this thread's events, in order. -ENODATA when some are
 * missing. */
int calibrate_intervals(struct calibrate *calibrate, const struct probe_event *events, size_t count,
			struct err *err);

/* While probes are attached: faults, file mappings, and system calls outside every load. */
void calibrate_rest(struct calibrate *calibrate);

/* What each kind of event costs, out of all that was measured. */
struct probe_cost calibrate_cost(const struct calibrate *calibrate);

#endif
