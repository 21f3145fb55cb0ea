/* Counters per phase of a load: read from user space where each phase begins, what they grew by
 * until the next is the phase's. */
#ifndef SOLOAD_PROBES_PERF_PHASES_H
#define SOLOAD_PROBES_PERF_PHASES_H

#include "base/timeline.h"
#include "probes/counter.h"

#include <stdbool.h>
#include <stdint.h>

#define PERF_COUNTERS 6
#define PERF_PHASES (PHASE_OTHER + 1) /* the phases of a load come first (base/phases.def) */

struct perf_phases {
	uint32_t open; /* the phase that is being counted; PERF_PHASES and more: none */
	bool failed;   /* a counter could not be read, or was not counted all the time */
	struct counter_value last[PERF_COUNTERS];
	bool entered[PERF_PHASES];
	uint64_t counts[PERF_PHASES][PERF_COUNTERS];
};

/* Whether `pages` can be read so at all; those without a page are not counted and not asked. */
bool perf_phases_readable(const struct counter_page *pages);

void perf_phases_begin(struct perf_phases *phases);
void perf_phases_enter(struct perf_phases *phases, const struct counter_page *pages,
		       const struct counter_hardware *hardware, uint32_t phase);

/* UINT64_MAX = not observable: the phase did not occur, there is no such counter, or one failed. */
uint64_t perf_phases_count(const struct perf_phases *phases, const struct counter_page *pages,
			   unsigned int phase, unsigned int counter);

struct probe;

/* For tests: a probe `perf` that reads these PERF_COUNTERS pages, made up, and nothing else. */
void perf_give(struct probe *probe, const struct counter_page *pages,
	       const struct counter_hardware *hardware);

#endif
