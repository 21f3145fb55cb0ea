/* How far the AICPU's clock of a record is off the host's: what run.json says in `clocks`, for
 * whoever draws lanes of both. */
#ifndef SOLOAD_BENCH_CLOCKS_H
#define SOLOAD_BENCH_CLOCKS_H

#include <stdbool.h>

struct json_t;

struct clocks {
	bool known;
	double from_ns, offset_ns, drift_ppm, uncertainty_ns; /* CLOCK_MONOTONIC */
};

/* `run` is the whole of run.json, or NULL. */
struct clocks clocks_read(const struct json_t *run);

/* Two clocks of one machine are never further apart: such a record is damaged. */
#define CLOCKS_LATE_MOST_NS 1e9

/* Whether the clocks would be further apart than that at this moment: they are then ignored. */
bool clocks_are_astray(const struct clocks *clocks, double ns);

/* How much later than true a lane shows this moment, at most CLOCKS_LATE_MOST_NS either way; 0 for
 * a lane of the host's, where it is no more than what cannot be told, and where clocks are astray.
 */
double clocks_late_ns(const struct clocks *clocks, const char *lane, double ns);

/* By how much the lanes may still be off after that; NaN = not known. */
double clocks_error_ns(const struct clocks *clocks);

#endif
