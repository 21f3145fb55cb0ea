/*
 * Threads that load at once: N measured cycles with one loader and one object, started together
 * before every load, so that what they share (the dynamic linker's lock, the address space) is
 * fought for in every one of them.
 */
#ifndef SOLOAD_BENCH_CROWD_H
#define SOLOAD_BENCH_CROWD_H

#include "bench/cycle.h"

#include <pthread.h>
#include <stdbool.h>

#define CROWD_MAX 64

struct crowd_thread {
	struct crowd *crowd;
	struct cycle *cycle;
	pthread_t thread;
	int cpu; /* -1 = wherever the scheduler puts it */
	bool started;
};

struct crowd {
	struct crowd_thread threads[CROWD_MAX];
	struct cycle cycles[CROWD_MAX - 1]; /* all but the first thread's */
	uint32_t count;
	pthread_barrier_t batch, load;
	const struct worker_run *run; /* NULL: the threads end */
	volatile uint32_t *begun;     /* or NULL: counts the loads of the first thread */
	bool open;
};

/*
 * Threads beside the calling one, which `first` belongs to. With `spread` every one, the caller
 * among them, is bound to a CPU of its own, from the last one allowed on; when there are too few
 * they are dealt out again. -EINVAL when the loader's loads may not run at once.
 */
int crowd_open(struct crowd *crowd, struct cycle *first, uint32_t threads, bool spread,
	       struct err *err);

/* A batch: run->count loads in every thread. A thread whose load fails stops loading and marks the
 * rest -ECANCELED. */
void crowd_run(struct crowd *crowd, const struct worker_run *run);

/* The cycle of thread `i` from 0, with its loads. */
struct cycle *crowd_cycle(struct crowd *crowd, uint32_t i);

void crowd_close(struct crowd *crowd); /* zeroed is fine; before `first` is closed */

#endif
