/*
 * The bell. A sleeper counts itself before its last look at the counter and a ringer looks for
 * sleepers after it has counted up, both sequentially consistent: one of them sees the other, so a
 * ring without a system call never leaves anybody asleep.
 */
#include "device/channel.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Without it an emulator's other core waits for its time slice, and a sibling thread starves. */
static inline void cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

uint32_t bell_count(const struct bell *bell)
{
	return __atomic_load_n(&bell->rung, __ATOMIC_ACQUIRE);
}

void bell_ring(struct bell *bell)
{
	int saved = errno;

	__atomic_add_fetch(&bell->rung, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&bell->sleepers, __ATOMIC_SEQ_CST) > 0)
		syscall(SYS_futex, &bell->rung, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	errno = saved;
}

static bool spin(const struct bell *bell, uint32_t seen)
{
	for (int i = 0; i < BELL_SPINS; i++) {
		if (bell_count(bell) != seen)
			return true;
		cpu_relax();
	}
	return false;
}

/* One sleep until the deadline; 0 after any wake-up. */
static int sleep_once(struct bell *bell, uint32_t seen, uint64_t deadline_ns)
{
	struct timespec until = { .tv_sec = (time_t)(deadline_ns / 1000000000u),
				  .tv_nsec = (long)(deadline_ns % 1000000000u) };
	long r;

	__atomic_add_fetch(&bell->sleepers, 1, __ATOMIC_SEQ_CST);
	/* BITSET takes an absolute CLOCK_MONOTONIC time; the kernel compares the counter itself. */
	r = syscall(SYS_futex, &bell->rung, FUTEX_WAIT_BITSET, seen,
		    deadline_ns == UINT64_MAX ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
	__atomic_sub_fetch(&bell->sleepers, 1, __ATOMIC_SEQ_CST);
	if (r == 0 || errno == EAGAIN)
		return 0;
	return errno == EINTR ? -EINTR : -ETIMEDOUT;
}

int bell_wait(struct bell *bell, uint32_t seen, uint64_t timeout_ns)
{
	uint64_t now, deadline;
	int r = 0;

	if (bell_count(bell) != seen)
		return 0;
	if (timeout_ns == 0)
		return -ETIMEDOUT;
	if (spin(bell, seen))
		return 0;
	now = clock_now_ns();
	deadline = timeout_ns >= UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
	while (r == 0 && bell_count(bell) == seen)
		r = sleep_once(bell, seen, deadline);
	return bell_count(bell) != seen ? 0 : r;
}
