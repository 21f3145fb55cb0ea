/* Every device of a run has the same two clocks: the sharpest look at them counts for all. */
#include "bench/clocks.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

static double number_of(const json_t *from, const char *key)
{
	return json_number_value(json_object_get(from, key));
}

struct clocks clocks_read(const json_t *run)
{
	struct clocks clocks = { .known = false };
	const json_t *clock;
	size_t i;

	json_array_foreach(json_object_get(run, "clocks"), i, clock)
	{
		double uncertainty = number_of(clock, "uncertainty_ns");

		if (!(uncertainty > 0.0) || (clocks.known && uncertainty >= clocks.uncertainty_ns))
			continue;
		clocks = (struct clocks){
			.known = true,
			.from_ns = number_of(clock, "from_monotonic_ns"),
			.offset_ns = number_of(clock, "offset_ns"),
			.drift_ppm = number_of(clock, "drift_ppm"),
			.uncertainty_ns = uncertainty,
		};
	}
	return clocks;
}

static double late_ns(const struct clocks *clocks, double ns)
{
	return clocks->offset_ns + clocks->drift_ppm / 1e6 * (ns - clocks->from_ns);
}

bool clocks_are_astray(const struct clocks *clocks, double ns)
{
	return clocks->known && !(fabs(late_ns(clocks, ns)) <= CLOCKS_LATE_MOST_NS);
}

double clocks_late_ns(const struct clocks *clocks, const char *lane, double ns)
{
	double late = late_ns(clocks, ns);

	if (!clocks->known || strncmp(lane, "aicpu", 5) != 0 || clocks_are_astray(clocks, ns) ||
	    fabs(late) <= clocks->uncertainty_ns)
		return 0.0;
	return late;
}

/* What was not taken off may still be there. */
double clocks_error_ns(const struct clocks *clocks)
{
	double left = fabs(clocks->offset_ns);

	if (!clocks->known)
		return (double)NAN;
	return clocks->uncertainty_ns + (left > clocks->uncertainty_ns ? 0.0 : left);
}
