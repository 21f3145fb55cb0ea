/*
 * The probed part of a measurement: blocks of unprobed and of probed loads in turns, so that both
 * meet the same machine. What comes out is what the probe saw, what it cost, and how well its
 * corrected numbers meet the unprobed ones. Headline times never come from here.
 */
#ifndef SOLOAD_BENCH_WATCH_PROBED_H
#define SOLOAD_BENCH_WATCH_PROBED_H

#include "base/err.h"
#include "bench/client.h"
#include "bench/record.h"
#include "probes/probe.h"
#include "probes/split.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PROBED_COUNTING_MAX 4
#define PROBED_COUNTING_BYTES 128

/* "auto,perf,rusage": at most one that sees events, and any that count. */
struct probed_choice {
	struct probe *probe; /* NULL = none that sees events */
	char counting[PROBED_COUNTING_BYTES];
	const struct probe_type *counters[PROBED_COUNTING_MAX];
	size_t counter_count;
};

int probed_choose(struct probed_choice *choice, const char *text, struct err *err);
void probed_choice_close(struct probed_choice *choice);

/* One load under the probe. */
struct probed_load {
	double total_ns, cost_ns;	/* TIMING's total, and what the events in it cost */
	double observed_ns[STEP_COUNT]; /* summed over the dlopens and dlcloses in it */
	double corrected_ns[STEP_COUNT];
	double calls, call_ns, faults, kernel_faults, offcpu_ns, events, loads;
	/* Of each counting probe: the whole load, then its parts. NaN = not observable. */
	double values[PROBED_COUNTING_MAX][PROBE_PARTS_MAX + 1][PROBE_METRICS_MAX];
};

struct probed {
	const struct probed_choice *choice;
	uint32_t blocks, block_loads;
	double *base_ns; /* unprobed totals */
	size_t base_count;
	struct probed_load *loads;
	size_t load_count;
	uint32_t lead_count; /* loads before those of a block, run and discarded */
	uint32_t warm_count; /* and before the first block */
	uint64_t events, drops, gaps, unmatched;
	struct probe_cost cost;
	unsigned int foreign; /* probes on this machine that are not ours */
};

/* Where the rows of a record go, and how its arm is called. `record` NULL = nowhere. */
struct probed_record {
	struct record *record;
	const char *name, *loader, *so;
	int64_t *seq; /* of the next row; counted on */
	int64_t so_bytes;
};

struct probed_plan {
	uint32_t blocks, block_loads, warmup;
	struct client_options client; /* its capacity: blocks and warm-up, and one more */
	struct probed_record to;
};

/* -EINTR when command_interrupted(), else the reason why it could not be done in words. */
int probed_run(struct probed *probed, const struct probed_choice *choice,
	       const struct probed_plan *plan, struct err *err);
void probed_free(struct probed *probed);

/* Room for the loads of all blocks; what counting probes have told about those of the next block
 * is taken in. Parts of probed_run(). */
int probed_room(struct probed *probed, struct err *err);
void probed_values_take(struct probed *probed, const struct split_events *events);

/* The p10 and the median of a column: `offset` is that of a double in struct probed_load. */
void probed_column(const struct probed *probed, size_t offset, double *ret_p10, double *ret_p50);

struct probed_verdict {
	double base_p10, base_p50, probed_p10, corrected_p10;
	double inflation; /* probed over base, p10 */
	double ratio;	  /* corrected over base, p10 */
};

struct probed_verdict probed_judge(const struct probed *probed);

void probed_print(const struct probed *probed, const char *name, FILE *out);
void probed_summary(const struct probed *probed, const struct probed_record *to);

#endif
