/* What the events of one thread have cost it, while they are walked through: split.c's view of
 * cost.h. */
#ifndef SOLOAD_PROBES_SPLIT_COST_H
#define SOLOAD_PROBES_SPLIT_COST_H

#include "probes/cost.h"
#include "probes/split_sort.h"

#include <stdbool.h>
#include <stdint.h>

struct split_meter {
	const struct probe_cost *cost; /* NULL = nothing is corrected: all is 0 */
	bool calls_seen;
	/* Of the point taken last, and of the one before: how cold the caches were (0 to 1), and
	 * whether it hit the same function as the hit before it. */
	double cold, last_cold;
	bool again, last_again;
	uint64_t hit_ts; /* of the last hit of a function, 0 = none yet */
	unsigned int hit_step;
};

void split_meter_reset(struct split_meter *meter); /* another thread's events follow */
void split_meter_take(struct split_meter *meter, const struct split_point *point);

/* The part of the interval that watching has added; `to` was taken last, `from` before. */
double split_meter_interval(const struct split_meter *meter, const struct split_point *from,
			    const struct split_point *to);

/* What the point taken last costs before and after its time, were it of this kind. */
double split_meter_before(const struct split_meter *meter, enum cost_point kind);
double split_meter_after(const struct split_meter *meter, enum cost_point kind);

#endif
