/*
 * A record: the results folder of one run. samples.csv has one row per load, spans.csv one per span
 * of a lane, summary.csv one per metric, run.json the machine and the command. results/README.md
 * says what every column means.
 *
 * Opened before the first round and flushed after each: a kill loses at most the round in flight.
 */
#ifndef SOLOAD_BENCH_RECORD_H
#define SOLOAD_BENCH_RECORD_H

#include "base/err.h"
#include "base/timeline.h"
#include "loaders/loader.h"

#include <stdbool.h>
#include <stdint.h>

#define RECORD_SCHEMA_VERSION 1

/* A number nobody observed: an empty field. */
#define SAMPLE_NONE INT64_MIN

struct json_t; /* jansson */
struct record;

/* One row of samples.csv. Start from sample_empty(): every number SAMPLE_NONE, every text NULL.
 * Texts are only read during record_sample(). */
struct sample {
	int64_t epoch, process, device;
	const char *arm, *scenario, *case_name, *platform, *runtime, *loader, *transport;
	const char *so; /* the label record_object() gave */
	int64_t so_bytes, load_bytes;
	int64_t seq;	  /* the number of the load in this run, from 0 */
	int64_t order;	  /* its place among the arms of its round, from 0 */
	int64_t start_ns; /* CLOCK_MONOTONIC; written relative to the opening of the record */
	int64_t total_ns; /* the sum of the LOAD phases below; set by sample_phases() */
	int64_t phase_ns[PHASE_COUNT]; /* only those of class LOAD are columns */
	int64_t stale;		       /* 0 or 1 */
	const char *staged_at;
	int64_t dma_bytes, dma_ns, dma_model_ns;
	int64_t minflt, majflt, nvcsw, nivcsw, cpu_ns, cpu;
	bool warmup;
	const char *error; /* why the round failed, or NULL */
	int64_t thread;	   /* of those that load at once, from 1 */
	const char *when;  /* the life cycle, or NULL */
	int64_t callable;  /* which object, of those that take turns, from 0 */
	int64_t early_ns;  /* the part of total_ns that was before the invocation */
};

struct sample sample_empty(void);

/* A set of phases, one bit each. */
#define PHASE_BIT(phase) (UINT64_C(1) << (phase))

/*
 * The phases a loader with these caps can tell apart, READ and CALL left out: a caller that reads
 * or calls adds their bits. A phase in the set that took no time is written as 0, one outside as
 * empty.
 */
uint64_t sample_observable(unsigned int caps);

/* Takes the LOAD phases out of `ns` (PHASE_COUNT entries, from timeline_ns()) and adds them up to
 * total_ns. Time in a phase outside `observable` is never lost: it is written all the same. */
void sample_phases(struct sample *sample, const uint64_t *ns, uint64_t observable);

/* Takes load_bytes and staged_at; the texts of the report must outlive the sample. */
void sample_report(struct sample *sample, const struct image_report *report);

/* One row of summary.csv. `value` NaN is an empty field, as are the ends of an unknown interval. */
struct summary {
	const char *scenario, *loader, *transport, *so;
	int64_t so_bytes;
	const char *device; /* its number, or NULL */
	const char *when;   /* the life cycle, or NULL */
	const char *phase;  /* "total", a phase's label, or another subject such as "dma" */
	const char *metric; /* min p10 p50 p90 p99 mean mad count … */
	const char *unit;   /* ns, bytes, count, ratio */
	int64_t n, epochs;
	double value, ci_low, ci_high;
};

struct record_spec {
	const char *out;     /* the folder, made if missing; NULL = results/runs/COMMAND-DATE-PID */
	const char *command; /* "run", "repro" */
	char **argv;	     /* the whole command line, NULL-terminated */
	uint64_t seed;
};

/*
 * Makes the folder and its files; a record that lies there already is replaced. On an error (folder
 * not writable, disk full) nothing was run yet: print the line and exit with 2.
 */
int record_open(struct record **ret_record, const struct record_spec *spec, struct err *err);

const char *record_folder(const struct record *record);

/*
 * Names an object for the `so` column: its file name, or the whole path when that name is taken by
 * another object. Its path, size, xxh64 and build-id go to run.json. NULL when out of memory. The
 * label lives as long as the record.
 */
const char *record_object(struct record *record, const char *path, const void *bytes, size_t size);

/* Adds a member to run.json, written at the next save; takes the reference, NULL is ignored. */
void record_note(struct record *record, const char *key, struct json_t *value);

void record_sample(struct record *record, const struct sample *sample);

/* One row of spans.csv. `start_ns` is CLOCK_MONOTONIC. Origins: timing, ldphase, ldaudit, ldhook,
 * model. */
struct record_span {
	int64_t seq;
	const char *lane, *origin, *phase;
	uint64_t start_ns, dur_ns;
	uint64_t arg;
};

void record_span(struct record *record, const struct record_span *span);

/* Every span of a lane that has ended, origin "timing". */
void record_lane(struct record *record, int64_t seq, const char *lane, const struct timeline *time,
		 const struct clock_map *map);

void record_summary(struct record *record, const struct summary *summary);

/* After each round: everything so far reaches the files. */
int record_flush(struct record *record, struct err *err);

/* Flushes, completes run.json with the exit code, and frees. NULL is fine. */
int record_close(struct record *record, int exit_code, struct err *err);

#endif
