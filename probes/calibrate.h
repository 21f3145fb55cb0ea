/*
 * What watching costs, measured in this process with the programs that watch, where and when they
 * do. Null intervals: two functions of soload's own are watched as ld.so's are, with nothing or
 * work of a known time between their events; what an interval is longer than that, the events cost.
 * What probes slow that has no event of its own (faults, mappings, system calls outside every load)
 * is timed without and with them.
 */
#ifndef SOLOAD_PROBES_CALIBRATE_H
#define SOLOAD_PROBES_CALIBRATE_H

#include "base/err.h"
#include "probes/cost.h"
#include "probes/event.h"

#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CALIBRATE_ROUNDS 400
#define CALIBRATE_EVENTS 8 /* of one round */

/* What lies between which two events of a round: see round_body() for their order. */
enum calibrate_interval {
	OPEN_STEP,	/* the OPEN came after work */
	STEP_WORK_STEP, /* work */
	WORK_STEP_STEP, /* the first came after work */
	STEP_STEP,	/* neither did */
	STEP_WORK_CALL,
	CALL, /* the system call itself */
	CALL_STEP,
	STEP_WORK_BACK,
	BACK_WORK_OPEN,
	CALIBRATE_INTERVALS
};

/* The lower tenth of many, ns; 0 = not taken yet. */
struct calibrate_times {
	double call_ns;	 /* the smallest system call */
	double fault_ns; /* a fresh page */
	double map_ns;	 /* the segments of an object mapped as ld.so does */
	double unmap_ns; /* and unmapped */
	/* A hit, a first write and the protection of RELRO: of the first object, of another. */
	double relocate_ns[2];
};

/*
 * Zeroed to begin with. Intervals are those of the last calibration: it meets the same machine as
 * the loads that follow. Times are the least of all, since small differences of large ones are
 * taken, to which other work only adds.
 */
struct calibrate {
	struct calibrate_times bare, watched;
	double work_ns;				 /* of the last calibration, too */
	double interval_ns[CALIBRATE_INTERVALS]; /* lower tenths */
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

/* While probes are attached: faults, mappings, system calls outside every load; and the work that
 * lies between events. */
void calibrate_rest(struct calibrate *calibrate);

/* What each kind of event costs, out of all that was measured. */
struct probe_cost calibrate_cost(const struct calibrate *calibrate);

/* The middle one of several, by the cost of a hit, with their spread. Sorts. */
struct probe_cost calibrate_middle(struct probe_cost *costs, size_t count);

/* Calibration belongs where the watched process runs: the next CPU may have another speed, and
 * other work on it. `ret_own` is what calibrate_far() goes back to. */
void calibrate_near(pid_t pid, cpu_set_t *ret_own);
void calibrate_far(const cpu_set_t *own);

/* The two watched functions, the entry and return of the one that calls `body`, and the entry of
 * the other; and what is done between two events, with the time it takes when nothing watches. */
void soload_calibrate_gate(const char *name, void (*body)(void));
void soload_calibrate_step(void);
void soload_calibrate_work(void);

/* The lower tenth; what is above it is the machine's, not ours. Sorts. */
double calibrate_tenth(double *values, size_t count);

#endif
