/* Inside split: events as points in time, thread by thread. */
#ifndef SOLOAD_PROBES_SPLIT_SORT_H
#define SOLOAD_PROBES_SPLIT_SORT_H

#include "probes/split.h"

struct split_point {
	uint64_t ts;
	const struct probe_event *event;
	const char *name;
	bool end; /* of a system call */
};

/* Leaves the events sorted by thread and sequence, and counts the numbers that are missing. */
uint64_t split_gaps(struct split_events *events);

/* Every event, system calls twice: by thread, then time. The caller frees them. */
int split_points(const struct split_events *events, struct split_point **ret_points,
		 size_t *ret_count);

#endif
