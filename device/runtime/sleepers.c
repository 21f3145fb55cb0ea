/* Seats, announcements and the futex behind them. */
#include "device/runtime/sleepers.h"

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SPINS_CROWDED 20 /* more costs more: with 6 threads on 2 CPUs, 2000 is 20 times slower */
#define SPINS_ROOMY 2000

void futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns)
{
	struct timespec timeout = { .tv_sec = (time_t)(timeout_ns / 1000000000u),
				    .tv_nsec = (long)(timeout_ns % 1000000000u) };

	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected,
		timeout_ns == SLEEPERS_FOREVER ? NULL : &timeout, NULL, 0);
}

void futex_wake(_Atomic uint32_t *word, int count)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

void sleepers_announce(struct sleepers *sleepers, unsigned int seat)
{
	atomic_store_explicit(&sleepers->seats[seat].asleep, 1, memory_order_relaxed);
	atomic_fetch_or(&sleepers->announced, 1ull << seat);
}

void sleepers_withdraw(struct sleepers *sleepers, unsigned int seat)
{
	atomic_fetch_and(&sleepers->announced, ~(1ull << seat));
}

/* A waker that took the announcement of an earlier sleep may still clear `asleep` now: that ends
 * this sleep early, which every caller expects. */
void sleepers_sleep(struct sleepers *sleepers, unsigned int seat, uint64_t timeout_ns)
{
	if (atomic_load_explicit(&sleepers->seats[seat].asleep, memory_order_acquire))
		futex_wait(&sleepers->seats[seat].asleep, 1, timeout_ns);
	sleepers_withdraw(sleepers, seat);
}

bool sleepers_wake(struct sleepers *sleepers, uint64_t seats)
{
	uint64_t announced = atomic_load(&sleepers->announced) & seats;

	while (announced) {
		unsigned int seat = (unsigned int)__builtin_ctzll(announced);
		uint64_t bit = 1ull << seat;

		/* Taking the bit makes two wakers choose two sleepers. */
		if (atomic_fetch_and(&sleepers->announced, ~bit) & bit) {
			atomic_store_explicit(&sleepers->seats[seat].asleep, 0,
					      memory_order_release);
			futex_wake(&sleepers->seats[seat].asleep, 1);
			return true;
		}
		announced &= ~bit;
	}
	return false;
}

void sleepers_wake_all(struct sleepers *sleepers)
{
	while (sleepers_wake(sleepers, UINT64_MAX))
		;
}

unsigned int sleepers_cpus(void)
{
	cpu_set_t cpus;
	int count;

	CPU_ZERO(&cpus);
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return 1; /* more than 1024 CPUs, or a seccomp filter: be modest */
	count = CPU_COUNT(&cpus);
	return count > 0 ? (unsigned int)count : 1;
}

unsigned int sleepers_spins(unsigned int threads)
{
	return sleepers_cpus() >= threads ? SPINS_ROOMY : SPINS_CROWDED;
}
