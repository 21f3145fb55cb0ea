/*
 * A second thread that spins: a process whose other threads run pays for every page it unmaps or
 * protects on their CPUs too. It rests between batches, so that it disturbs nobody else's.
 */
#ifndef SOLOAD_BENCH_SPINNER_H
#define SOLOAD_BENCH_SPINNER_H

#include "base/err.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

struct spinner {
	pthread_t thread;
	bool open;
	sem_t start, running, resting;
	atomic_bool spin, end;
};

/* `cpu` -1 = wherever the scheduler puts it. */
int spinner_open(struct spinner *spinner, int cpu, struct err *err);
void spinner_start(struct spinner *spinner); /* returns once it spins */
void spinner_stop(struct spinner *spinner);  /* returns once it rests */
void spinner_close(struct spinner *spinner); /* zeroed is fine */

#endif
