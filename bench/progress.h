/*
 * One line on a terminal that says how far the work is and how long it will still take. Silent when
 * stderr is no terminal, and for the first two seconds.
 */
#ifndef SOLOAD_BENCH_PROGRESS_H
#define SOLOAD_BENCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what; /* "loads", "rounds" */
	uint64_t total;
	uint64_t shown_as_one; /* done and total are shown divided by this; 1 */
	uint64_t begin_ns, shown_ns;
	bool terminal, visible;
};

void progress_begin(struct progress *progress, const char *what, uint64_t total);

/* Call between rounds, never inside one. `now` names what comes next ("memfd, inline") or is NULL.
 */
void progress_step(struct progress *progress, uint64_t done, const char *now);

/* Takes the line away, so that something else can be printed; the next step brings it back. */
void progress_hide(struct progress *progress);
void progress_end(struct progress *progress);

#endif
