/*
 * Two arms in lockstep: a fresh worker each, on one CPU, commanded in small batches whose order
 * coins decide. One epoch is one pair of workers; it gives one ratio per quantile and subject, and
 * both workers end with it: a layout, a page or a moment that is lucky counts once.
 */
#ifndef SOLOAD_BENCH_LOCKSTEP_H
#define SOLOAD_BENCH_LOCKSTEP_H

#include "base/err.h"
#include "bench/client.h"
#include "bench/epochs.h"

#define LOCKSTEP_WARMUP 5  /* loads of each arm, discarded */
#define LOCKSTEP_ROUNDS 17 /* at most, fewer where loads are long */
#define LOCKSTEP_BATCH 7   /* the first load of each is discarded */

enum lockstep_arm { LOCKSTEP_BASE, LOCKSTEP_HEAD, LOCKSTEP_ARMS };

/* Of an epoch: rounds of one batch of each arm, and loads that are stamped as one. */
struct lockstep_shape {
	uint32_t rounds, group;
};

struct lockstep {
	struct client_options arms[LOCKSTEP_ARMS];
	uint64_t random, start_ns;
	struct lockstep_shape shape;
	struct client_load *loads; /* of one batch */
	double *values[LOCKSTEP_ARMS][EPOCH_SUBJECTS];
	size_t counts[LOCKSTEP_ARMS];
	double total_ns[LOCKSTEP_ARMS]; /* medians of the pilot */
	enum lockstep_arm failed;	/* the arm an error is about */
	bool grouping;			/* allowed: both builds can */
};

/*
 * Takes a copy of the options, runs each arm a little and decides how many rounds an epoch has
 * (about 80 ms) and whether loads are stamped in groups (below 5 us). -EIO and others in words, of
 * the arm `failed`.
 */
int lockstep_open(struct lockstep *lockstep, const struct client_options arms[LOCKSTEP_ARMS],
		  uint64_t seed, struct err *err);

/* One epoch with a fresh pair, added to the row. -EINTR when command_interrupted(), -ENOMEM. */
int lockstep_epoch(struct lockstep *lockstep, struct epoch_row *row, struct err *err);

void lockstep_close(struct lockstep *lockstep);

/* What fits loads that take so long; one by one without `grouping`. */
struct lockstep_shape lockstep_shape(double base_ns, double head_ns, bool grouping);

/*
 * Whether a phase is long enough for a verdict of its own: 100 steps of the clock, 1 us at least,
 * and 5 % of the load, for less is no regression of a load. The rule looks at both arms alike: one
 * that favoured either would break the symmetry the test stands on.
 */
bool lockstep_phase_counts(double base_ns, double head_ns, double total_ns);

#endif
