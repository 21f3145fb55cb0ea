/*
 * What the parts of `soload trace` share: what was seen, and how it is shown. All times are
 * CLOCK_MONOTONIC, whatever counter they were taken with.
 */
#ifndef SOLOAD_BENCH_TRACE_TRACE_H
#define SOLOAD_BENCH_TRACE_TRACE_H

#include "base/err.h"
#include "bench/rows_read.h"
#include "probes/probe.h"
#include "probes/split.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct trace_options {
	const char *path, *loader; /* one load of a file … */
	char **command;		   /* … or a program and its arguments, NULL-terminated … */
	pid_t pid;		   /* … or a process that runs, 0 = none */
	const char *record;	   /* a results folder whose lanes are shown with it, or alone */
	const char *probe, *symbol;
	const char *json; /* where to write the timeline for Chrome and Perfetto */
	uint32_t loads;	  /* of the file; the last is shown */
	uint64_t time_ns; /* how long to watch a process, 0 = until it ends */
};

/* A span of a lane that no probe saw: TIMING's phases, lanes of a record. */
struct trace_lane_span {
	char lane[32];
	const char *name;
	uint64_t start_ns, dur_ns, arg;
	uint32_t pid;
};

struct trace {
	struct split_events events;
	struct split split;
	struct probe_cost cost;
	struct trace_lane_span *lanes;
	size_t lane_count, lane_room;
	uint64_t drops;
	char title[256];
	struct rows_read record; /* where names of lane spans out of a file live */
	pid_t pid;
	double clock_error_ns;
	double record_error_ns; /* of the AICPU's lanes of a record; below 0 = not told */
	unsigned int sight;
	const char *origin;
};

int trace_lane_add(struct trace *trace, const struct trace_lane_span *span);
void trace_free(struct trace *trace);

/* Each fills `trace` with what it watched; an error is in words. -EINTR when interrupted before
 * there was anything. */
int trace_file(struct trace *trace, struct probe *probe, const struct trace_options *options,
	       struct err *err);
int trace_program(struct trace *trace, struct probe *probe, const struct trace_options *options,
		  int *ret_status, struct err *err);
int trace_process(struct trace *trace, struct probe *probe, const struct trace_options *options,
		  struct err *err);

/* Adds the lanes of a results folder (spans.csv), placed by its run.json. */
int trace_record(struct trace *trace, const char *folder, struct err *err);

/* What the access was that faulted: "exec", "write" or "read". */
const char *trace_fault_word(uint32_t code);

/* The timeline of one load, line by line; the table of all dlopens of a program. */
void trace_timeline_print(const struct trace *trace, FILE *out);
void trace_table_print(const struct trace *trace, FILE *out);

/* The JSON of chrome://tracing and ui.perfetto.dev. */
int trace_json_write(const struct trace *trace, const char *path, struct err *err);

#endif
