/*
 * From events to loads: which step took how long, corrected for what watching cost. Every interval
 * between two events of a thread belongs to the step entered last, so that steps and rest add up to
 * the total, always.
 */
#ifndef SOLOAD_PROBES_SPLIT_H
#define SOLOAD_PROBES_SPLIT_H

#include "base/err.h"
#include "probes/cost.h"
#include "probes/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPLIT_NAME_BYTES EVENT_NAME_BYTES

enum split_what { SPLIT_OPEN, SPLIT_CLOSE, SPLIT_LOADER };

/* One dlopen, one dlclose, or what a loader of soload did between the worker's marks. */
struct split_load {
	enum split_what what;
	char name[SPLIT_NAME_BYTES]; /* that was asked for, or "" */
	uint32_t pid, tid;
	uint32_t depth;		   /* 0 = not inside another */
	bool named;		   /* the name is known: "" is then the program itself */
	uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC */
	uint64_t paused_ns;	   /* between its ends, but not its time */
	uint64_t total_ns; /* from end to end without pauses: observed_ns and nested_ns add up to it
			    */
	uint64_t nested_ns; /* in loads inside this one */
	uint64_t observed_ns[STEP_COUNT];
	double corrected_ns[STEP_COUNT]; /* never below 0 */
	uint32_t entered[STEP_COUNT];
	uint32_t calls, faults, kernel_faults;
	uint64_t call_ns, offcpu_ns; /* observed, parts of the steps they happen in */
	uint32_t events;
	double cost_ns;	   /* of the events in it: what correcting took away */
	double outside_ns; /* of its two ends, before and after it: in nobody's steps */
	bool failed;	   /* left by an error */
	bool open_ended; /* its end was not observable: it ends with its last event, or the next */
};

/* One step, system call, fault or wait, as it was seen: for timelines. */
struct split_span {
	uint64_t start_ns, dur_ns; /* dur 0 for a fault: its end is not observable */
	uint32_t pid, tid, depth;
	enum event_kind kind;
	uint32_t what; /* enum step, number of the call, error code of the fault */
	uint64_t value, extra;
	enum step step; /* in which it happened */
	size_t load;	/* its index in loads */
};

struct split {
	struct split_load *loads;
	size_t load_count, load_room;
	struct split_span *spans; /* sorted by start, the wider first */
	size_t span_count, span_room;
	uint64_t gaps;	    /* sequence numbers that never came */
	uint64_t unmatched; /* returns without an entry, loads without an end */
};

/* Events as they come in, in any order. Zeroed is empty. */
struct split_events {
	struct split_event {
		struct probe_event event;
		char *name;
	} * items;
	size_t count, room;
	bool failed; /* out of memory: the rest is lost */
};

/* A probe_take; `to` is a struct split_events. */
void split_take(void *to, const struct probe_event *event, const char *name);
void split_events_clear(struct split_events *events);
void split_events_free(struct split_events *events);

/*
 * Sorts the events and splits them. `cost` may be NULL: nothing is corrected. `from_calls` tells
 * steps by the system calls in between, where no names were to be had. -ENOMEM.
 */
int split_make(struct split *split, struct split_events *events, const struct probe_cost *cost,
	       bool from_calls, struct err *err);
void split_free(struct split *split);

#endif
