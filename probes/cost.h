/*
 * What watching costs: nanoseconds that one event adds to the thread it happens in, before and
 * after the moment its time is taken. Measured where there is nothing, or work of a known time, in
 * between (calibrate.h), each time a probe is used.
 */
#ifndef SOLOAD_PROBES_COST_H
#define SOLOAD_PROBES_COST_H

#include <stdint.h>

enum cost_point {
	COST_OPEN, /* entry of a function whose return is watched, too */
	COST_STEP, /* entry of any other */
	COST_RETURN,
	COST_SYS_ENTER,
	COST_SYS_EXIT,
	COST_FAULT,
	COST_POINTS
};

struct probe_cost {
	/* Right after another event, whose path through the kernel is still in the caches … */
	double before_ns[COST_POINTS], after_ns[COST_POINTS];
	/* … and how much more after `cold_gap_ns` of other work and later; in between, a part. */
	double cold_before_ns[COST_POINTS], cold_after_ns[COST_POINTS];
	double cold_gap_ns;
	double spread_ns; /* by how much calibrations have disagreed on the whole of such a hit */

	/* On what has no event of its own, while any probe is attached. */
	double map_ns, unmap_ns; /* of one object's segments */
	/* On mprotect of its RELRO: the first of a row, and [1] any other, whose path would still
	 * be in the caches but for the hit in between. */
	double protect_ns[2];
	double miss_ns; /* on a system call outside every load */
};

/* What a hit of a function costs in all, right after another (cold 0) to after other work (1). */
static inline double cost_hit_ns(const struct probe_cost *cost, double cold)
{
	return cost->before_ns[COST_STEP] + cost->after_ns[COST_STEP] +
	       cold * (cost->cold_before_ns[COST_STEP] + cost->cold_after_ns[COST_STEP]);
}

/* How many mmap map_ns is for: what ld.so does for an object of four segments. */
#define COST_MAPPINGS 4

#endif
