/* The smallest window wins: whatever interrupted the others made theirs wider. */
#include "probes/align.h"

#include "base/clock.h"

#include <errno.h>

static const struct align_sample *sample_best(const struct align_sample *samples, size_t count)
{
	const struct align_sample *best = &samples[0];

	for (size_t i = 1; i < count; i++) {
		if (samples[i].after_ns - samples[i].before_ns < best->after_ns - best->before_ns)
			best = &samples[i];
	}
	return best;
}

static double sample_middle(const struct align_sample *sample)
{
	return (double)sample->before_ns + (double)(sample->after_ns - sample->before_ns) / 2.0;
}

int align_make(struct align *ret_align, const struct align_sample *begin,
	       const struct align_sample *end, size_t count, double tick_ns)
{
	const struct align_sample *first, *last;
	double window, other;

	if (!count)
		return -EINVAL;
	first = sample_best(begin, count);
	last = sample_best(end, count);
	if (last->other <= first->other || last->before_ns <= first->after_ns)
		return -EINVAL;
	window = (double)(first->after_ns - first->before_ns);
	other = (double)(last->after_ns - last->before_ns);
	*ret_align = (struct align){
		.other0 = first->other,
		.other1 = last->other,
		.ns0 = sample_middle(first),
		.ns1 = sample_middle(last),
		.uncertainty_ns = (other > window ? other : window) / 2.0 + tick_ns,
	};
	return 0;
}

double align_ns(const struct align *align, uint64_t other)
{
	double slope = (align->ns1 - align->ns0) / (double)(align->other1 - align->other0);

	return align->ns0 + slope * ((double)other - (double)align->other0);
}

double align_counter_error_ns(void)
{
	struct clock_map map = clock_map_now();
	double error = 0.0;
	struct align_sample samples[ALIGN_SAMPLES];
	const struct align_sample *best;

	for (int i = 0; i < ALIGN_SAMPLES; i++) {
		samples[i].before_ns = clock_now_ns();
		samples[i].other = clock_ticks();
		samples[i].after_ns = clock_now_ns();
	}
	best = sample_best(samples, ALIGN_SAMPLES);
	error = (double)clock_map_ns(&map, best->other) - sample_middle(best);
	return (error < 0.0 ? -error : error) + (double)(best->after_ns - best->before_ns) / 2.0 +
	       clock_step_ns();
}
