/*
 * Two clocks laid over each other: samples of the other clock taken between two reads of ours, at
 * the beginning and at the end. The other's read lies inside its window, so the error of the whole
 * map is bounded by the windows, and the bound is part of the result.
 */
#ifndef SOLOAD_PROBES_ALIGN_H
#define SOLOAD_PROBES_ALIGN_H

#include <stddef.h>
#include <stdint.h>

#define ALIGN_SAMPLES 64 /* at either end; more do not make the smallest window smaller */

struct align_sample {
	uint64_t before_ns, other, after_ns;
};

struct align {
	uint64_t other0, other1;
	double ns0, ns1;
	double uncertainty_ns; /* no mapped moment between the ends is further off than this */
};

/* Keeps the sample with the smallest window of each list. `tick_ns` is what one tick of the other
 * clock lasts, about. -EINVAL when a list is empty or time does not go forward. */
int align_make(struct align *ret_align, const struct align_sample *begin,
	       const struct align_sample *end, size_t count, double tick_ns);

double align_ns(const struct align *align, uint64_t other);

/* How well the counter of base/clock.h is mapped to CLOCK_MONOTONIC here and now: the largest
 * distance between a mapped moment and the clock itself, half a window included. */
double align_counter_error_ns(void);

#endif
