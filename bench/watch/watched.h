/*
 * A worker process under a probe: what `run --probe` and `trace` share. The probe is attached for a
 * batch and detached after it, so that batches without it, in between, run on a machine where
 * nothing is watched.
 */
#ifndef SOLOAD_BENCH_WATCH_WATCHED_H
#define SOLOAD_BENCH_WATCH_WATCHED_H

#include "base/err.h"
#include "bench/client.h"
#include "probes/probe.h"
#include "probes/split.h"
#include "probes/watch.h"

#include <limits.h>

struct watched {
	struct probe *probe; /* the caller's; NULL = counters and TIMING only */
	struct watch own;    /* what the worker itself tells */
	struct probe_environment environment;
	struct client client;
	struct probe_cost cost;
	struct split_events events; /* of the batches since split_events_clear() */
	uint64_t event_count;	    /* of all batches */
	uint64_t drops;
	char linker[PATH_MAX];
};

/* `counting` is a list of counting probes for the worker to open, or NULL. `options->environment`
 * is set here. */
int watched_open(struct watched *watched, struct probe *probe, const char *counting,
		 struct client_options *options, struct err *err);

/* Attaches, runs a batch with marks, takes the events, detaches: the number of loads, as
 * client_run(). */
int watched_run(struct watched *watched, uint32_t count, struct client_load *loads,
		struct err *err);

void watched_close(struct watched *watched); /* zeroed is fine; the probe stays the caller's */

#endif
