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

struct lockstep {
	struct client_options arms[LOCKSTEP_ARMS];
	uint64_t random, start_ns;
	uint32_t rounds, group;
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

/* One epoch with a fresh pair. -EINTR when command_interrupted(). */
int lockstep_epoch(struct lockstep *lockstep, struct epoch *ret_epoch, struct err *err);

void lockstep_close(struct lockstep *lockstep);

#endif
