/*
 * What a report is made of: the rows of one or several records in memory, names once each, loads
 * sorted into arms. Read by data_read(); everything else only looks.
 */
#ifndef SOLOAD_BENCH_REPORT_DATA_H
#define SOLOAD_BENCH_REPORT_DATA_H

#include "base/err.h"
#include "base/timeline.h"
#include "bench/clocks.h"
#include "bench/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define DATA_ARMS_MAX 1024
#define DATA_RUNS_MAX 64
#define DATA_NAMES_MAX 8192	      /* a record has some dozens; more must not take for ever */
#define DATA_PHASES (PHASE_OTHER + 1) /* the LOAD phases, which come first */

struct json_t;

struct data_load {
	uint32_t arm;
	int64_t seq, start_ns, total_ns;
	int64_t phase_ns[DATA_PHASES];
	int64_t minflt, nivcsw, dma_ns, stale;
	bool warmup, failed;
};

/* Loads that can be compared with one another differ only in loader and transport: one set. */
struct data_arm {
	uint32_t run, set;
	const char *scenario, *loader, *transport, *so, *case_name;
	const char *device; /* its number; "" = none, as in older records */
	const char *when;   /* the life cycle; "" = none or unknown */
	int64_t so_bytes;
	size_t first; /* of its loads, once sorted */
	size_t loads, measured, failed, stale;
	size_t told; /* of those that did not fail: is known to be stale or not */
};

struct data_set {
	uint32_t run;
	const char *scenario, *so;
	int64_t so_bytes;
	size_t arms, measured;
};

struct data_run {
	char *folder;
	struct json_t *json; /* run.json, or NULL */
	const char *name;
	struct clocks clocks; /* what its lanes of the AICPU are off */
	size_t loads, lost;
	double load_before, load_after; /* one-minute load average, NaN = not recorded */
};

struct data_span {
	uint32_t run;
	int64_t seq, start_ns, dur_ns;
	const char *lane, *phase, *origin;
};

/* A row of summary.csv. */
struct data_figure {
	uint32_t run;
	const char *scenario, *loader, *transport, *so, *phase, *metric, *unit;
	int64_t n;
	double value, low, high;
};

/* The machine at one moment of a run; NaN = it does not say. */
struct data_moment {
	uint32_t run;
	int64_t at_ns;
	double load_average, steal_seconds, cpu_seconds;
};

struct data_epoch {
	uint32_t run;
	const char *loader, *scenario, *phase, *quantile;
	double base_ns, head_ns, ln_ratio;
};

#define DATA_VECTOR(type) \
	struct { \
		type *at; \
		size_t n, room; \
	}

struct data {
	struct data_run runs[DATA_RUNS_MAX];
	size_t run_count;
	struct data_arm arms[DATA_ARMS_MAX];
	size_t arm_count;
	struct data_set sets[DATA_ARMS_MAX];
	size_t set_count;
	DATA_VECTOR(struct data_load) loads;
	DATA_VECTOR(struct data_span) spans;
	DATA_VECTOR(struct data_figure) figures;
	DATA_VECTOR(struct data_epoch) epochs;
	DATA_VECTOR(struct data_moment) moments;
	DATA_VECTOR(char *) names;
	uint32_t names_by_hash[2 * DATA_NAMES_MAX]; /* place in `names`, from 1 */
	DATA_VECTOR(const char *) gaps;		    /* figures the records do not hold, and why */
	DATA_VECTOR(char *) notes; /* what the reader has to know: losses, versions */
};

/* Room for one more in a vector: its address, or NULL when out of memory. */
#define data_push(vector) \
	((vector)->n < (vector)->room || \
			 data_grow((void **)&(vector)->at, &(vector)->room, sizeof(*(vector)->at)) \
		 ? &(vector)->at[(vector)->n++] \
		 : NULL)
bool data_grow(void **at, size_t *room, size_t size);

/* The name as it may be shown: valid UTF-8, one line, no control characters. Equal names have equal
 * addresses; "" is never NULL. NULL when out of memory. */
const char *data_name(struct data *data, const char *text);

/* One sentence for the reader of the report. */
void data_note(struct data *data, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The arm of these names, made when there is none; NULL when there are too many. */
struct data_arm *data_arm(struct data *data, const struct data_arm *like);

/* Adds the record in `folder`. Damaged rows are left out and noted; -errno only when there is
 * nothing to read, or no memory. */
int data_read(struct data *data, const char *folder, struct err *err);
/* The part of data_read() about run.json. */
void data_read_json(struct data *data, struct data_run *run);

/* A member of run.json by path ("machine.cpu"), as text; "" when it is not there. */
const char *data_text(struct data *data, const struct data_run *run, const char *path);
double data_number(const struct data_run *run, const char *path); /* NaN when not there */
bool data_true(const struct data_run *run, const char *path);

/* Once everything is read: loads by arm, and within an arm by time. */
void data_sort(struct data *data);

void data_free(struct data *data);

#endif
