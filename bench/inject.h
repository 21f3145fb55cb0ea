/*
 * The test hook of the worker: makes its loads slower, or makes them do more, by a known amount, so
 * that a gate can be seen to find it. A gate never seen red is not a gate.
 *
 *	AMOUNT[:PHASE][:SHARE]
 *
 * AMOUNT: "5%" of the load's time, or of PHASE's; "3000", nanoseconds; "call", a system call;
 * "fault", a page fault; "loop=500", a loop of so many turns. PHASE: what it counts as, default
 * other. SHARE: of the loads, "30%", default all, drawn at random.
 */
#ifndef SOLOAD_BENCH_INJECT_H
#define SOLOAD_BENCH_INJECT_H

#include "base/err.h"
#include "base/timeline.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum inject_kind { INJECT_NONE, INJECT_NS, INJECT_RATIO, INJECT_CALL, INJECT_FAULT, INJECT_LOOP };

struct inject {
	enum inject_kind kind;
	double amount; /* nanoseconds, the ratio, or turns */
	int phase;     /* -1 = the whole load, counted as OTHER */
	double share;
	uint64_t random;
	volatile unsigned char *pages; /* INJECT_FAULT: one more is touched each time */
	size_t page, page_count, page_bytes;
	uint64_t before; /* ticks of the loads before, in the lane of a group; else 0 */
};

/* "" is INJECT_NONE. -EINVAL in words. */
int inject_parse(struct inject *inject, const char *spec, struct err *err);

/* Reserves what inject_load() will use; `seed` draws the share. */
int inject_open(struct inject *inject, uint64_t seed, struct err *err);
void inject_close(struct inject *inject);

/* At the end of a load, before its lane ends. */
void inject_load(struct inject *inject, struct timeline *time);

/* The same at the end of each load of a group, which share a lane; `first` of them or not. */
void inject_load_of_group(struct inject *inject, struct timeline *time, bool first);

#endif
