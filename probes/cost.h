/*
 * What watching costs: nanoseconds that one event adds to the thread it happens in, before and
 * after the moment its time is taken. Measured where there is nothing in between (null intervals),
 * each time a probe is used.
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
	double before_ns[COST_POINTS], after_ns[COST_POINTS];
	double map_ns;	/* on every mapping of a file, while any probe is attached */
	double miss_ns; /* on a system call outside every load */
};

#endif
