/* No system call and no memory but its own: what this costs is in the phase that begins. */
#include "probes/perf_phases.h"

#include <linux/perf_event.h>
#include <string.h>

bool perf_phases_readable(const struct counter_page *pages)
{
	bool any = false;

	for (int i = 0; i < PERF_COUNTERS; i++) {
		if (!pages[i].page)
			continue;
		if (!pages[i].page->cap_user_rdpmc)
			return false;
		any = true;
	}
	return any;
}

void perf_phases_begin(struct perf_phases *phases)
{
	memset(phases, 0, sizeof(*phases));
	phases->open = PERF_PHASES;
}

static void interval_add(struct perf_phases *phases, int counter, const struct counter_value *now)
{
	const struct counter_value *last = &phases->last[counter];

	phases->counts[phases->open][counter] += now->count - last->count;
	if (now->enabled_ns - last->enabled_ns != now->running_ns - last->running_ns)
		phases->failed = true;
}

void perf_phases_enter(struct perf_phases *phases, const struct counter_page *pages,
		       const struct counter_hardware *hardware, uint32_t phase)
{
	for (int i = 0; i < PERF_COUNTERS && !phases->failed; i++) {
		struct counter_value now;

		if (!pages[i].page)
			continue;
		if (counter_page_read(pages[i].page, hardware, &now) < 0) {
			phases->failed = true;
			return;
		}
		if (phases->open < PERF_PHASES)
			interval_add(phases, i, &now);
		phases->last[i] = now;
	}
	phases->open = phase;
	if (phase < PERF_PHASES)
		phases->entered[phase] = true;
}

uint64_t perf_phases_count(const struct perf_phases *phases, const struct counter_page *pages,
			   unsigned int phase, unsigned int counter)
{
	if (phases->failed || phase >= PERF_PHASES || !phases->entered[phase] ||
	    !pages[counter].page)
		return UINT64_MAX;
	return phases->counts[phase][counter];
}
