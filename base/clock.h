/*
 * Time: a raw counter that costs one instruction, and its map to CLOCK_MONOTONIC nanoseconds.
 *
 * x86_64 reads the TSC where the CPU calls it invariant, aarch64 reads CNTVCT_EL0; elsewhere a tick
 * is a nanosecond of clock_gettime. BPF, perf and tracefs share the CLOCK_MONOTONIC axis, so spans
 * of different processes and probes line up.
 */
#ifndef SOLOAD_BASE_CLOCK_H
#define SOLOAD_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* True once clock_start() found a counter that may be read raw. Read-only outside clock.c. */
extern bool clock_is_raw;

uint64_t clock_now_ns(void); /* CLOCK_MONOTONIC */

/*
 * Makes a tick one count of `source` (instructions, say) instead of time, NULL = time again, so
 * that timelines count what they otherwise time. Such ticks have no map to nanoseconds.
 */
void clock_count(uint64_t (*source)(void));

uint64_t clock_slow(void); /* a tick where the counter is not read raw */

/* The current counter value. Not ordered against other instructions: right for phases of 100 ns and
 * more. */
static inline uint64_t clock_ticks(void)
{
#if defined(__x86_64__)
	if (__builtin_expect(clock_is_raw, 1))
		return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t ticks;

	if (__builtin_expect(clock_is_raw, 1)) {
		__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
		return ticks;
	}
#endif
	return clock_slow();
}

/* Takes the first anchor. Call once at program start, before any thread; a second call changes
 * nothing. */
void clock_start(void);

/* Counts CLOCK_MONOTONIC nanoseconds instead of the raw counter from here on: for a process whose
 * lanes are read by one with another counter. Call before any thread and any timeline. */
void clock_share(void);

/*
 * A linear map from ticks to CLOCK_MONOTONIC, through the anchor of clock_start() and one taken
 * now. It is monotonic and exact at its anchors: durations converted with one map add up to the
 * nanosecond.
 */
struct clock_map {
	uint64_t ticks0, ns0;
	uint64_t ticks1, ns1;
};

struct clock_map clock_map_now(void);
uint64_t clock_map_ns(const struct clock_map *map, uint64_t ticks);
uint64_t clock_map_span_ns(const struct clock_map *map,
			   uint64_t ticks); /* a duration, rounded down */

/* The other way round: when the counter stood there, and how far it goes in that time. */
uint64_t clock_map_ticks(const struct clock_map *map, uint64_t ns);
uint64_t clock_map_span_ticks(const struct clock_map *map, uint64_t ns);

/* The smallest step the counter was seen to make, in ns, looked for once; and its name ("tsc",
 * "cntvct", "clock_gettime"). */
double clock_step_ns(void);
const char *clock_name(void);

#endif
