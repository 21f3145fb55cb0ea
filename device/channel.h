/*
 * A bell between processes: a counter in shared memory that one side rings and others wait for. A
 * waiter spins for a bounded number of looks and then sleeps in the kernel, so that neither a busy
 * core nor an idle one is wasted.
 *
 * Everything written before bell_ring() is visible after the bell_wait() that saw it.
 */
#ifndef SOLOAD_DEVICE_CHANNEL_H
#define SOLOAD_DEVICE_CHANNEL_H

#include <stdint.h>

#define BELL_SPINS 2000 /* some microseconds: about what a sleep and a wake-up cost */

/* Zeroed is a bell that was never rung. May lie in memory shared between processes. */
struct bell {
	uint32_t rung;	   /* how often; wraps around */
	uint32_t sleepers; /* how many sleep or are about to */
};

/* The current count, to be given to bell_wait(). */
uint32_t bell_count(const struct bell *bell);

/* Counts one up and wakes every sleeper. Async-signal-safe. */
void bell_ring(struct bell *bell);

/*
 * Waits until the count differs from `seen`. 0, -ETIMEDOUT after `timeout_ns`, or -EINTR when a
 * signal came first. UINT64_MAX waits for ever, 0 looks once.
 */
int bell_wait(struct bell *bell, uint32_t seen, uint64_t timeout_ns);

#endif
