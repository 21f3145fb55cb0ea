/*
 * Threads that wait for each other: a short spin, then a futex.
 *
 * Spinning alone costs milliseconds per turn when there are more threads than CPUs; sleeping at
 * once costs a system call per task. So a waiter spins for sleepers_spins() turns, then announces
 * itself, looks once more, and sleeps. Whoever publishes something looks for announcements
 * afterwards: one of the two always sees the other.
 */
#ifndef SOLOAD_DEVICE_RUNTIME_SLEEPERS_H
#define SOLOAD_DEVICE_RUNTIME_SLEEPERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SLEEPERS_MAX 64
#define SLEEPERS_FOREVER UINT64_MAX

static inline void cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#endif
}

struct sleepers_seat {
	_Alignas(64) _Atomic uint32_t asleep;
};

/* Up to 64 threads with a seat each. Zeroed is empty. */
struct sleepers {
	_Alignas(64) _Atomic uint64_t announced; /* one bit per seat */
	struct sleepers_seat seats[SLEEPERS_MAX];
};

/* The waiter's side: announce, look again, then sleep or withdraw. */
void sleepers_announce(struct sleepers *sleepers, unsigned int seat);
void sleepers_withdraw(struct sleepers *sleepers, unsigned int seat);

/* Returns after a wake, after the timeout, or for no reason; the announcement is over. */
void sleepers_sleep(struct sleepers *sleepers, unsigned int seat, uint64_t timeout_ns);

/* The waker's side, after publishing with sequentially consistent atomics: who is announced. */
static inline uint64_t sleepers_announced(struct sleepers *sleepers)
{
	return atomic_load(&sleepers->announced);
}

/* Wakes one of `seats` that is announced: false when none is. */
bool sleepers_wake(struct sleepers *sleepers, uint64_t seats);
void sleepers_wake_all(struct sleepers *sleepers);

/* The CPUs this process may use, at least 1. */
unsigned int sleepers_cpus(void);

/* How often to look before sleeping: few when `threads` compete for fewer CPUs. */
unsigned int sleepers_spins(unsigned int threads);

/* Futexes of this process. The wait ends on a wake, a changed word, the timeout or a signal. */
void futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns);
void futex_wake(_Atomic uint32_t *word, int count);

#endif
