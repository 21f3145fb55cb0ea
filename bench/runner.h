/*
 * Interleaves arms: each is one loader with one object in a worker process of its own, and their
 * batches take turns in random order, so that whatever the machine does meanwhile hits all alike.
 */
#ifndef SOLOAD_BENCH_RUNNER_H
#define SOLOAD_BENCH_RUNNER_H

#include "base/err.h"
#include "bench/client.h"
#include "bench/counters.h"
#include "bench/progress.h"
#include "bench/record.h"
#include "bench/subject.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before the measured loads of every batch, one is run and discarded: it pays for the caches that
 * the other arms have filled. */
#define RUNNER_LEAD 1

enum runner_order { RUNNER_RANDOM, RUNNER_SEQUENTIAL };

struct runner_options {
	uint32_t loads;	  /* measured, per arm and thread */
	uint32_t warmup;  /* before them, recorded as such */
	uint32_t batch;	  /* loads in a turn, the lead not counted */
	uint64_t time_ns; /* for everything, then it ends; 0 = no limit */
	double until; /* ends once limits_width() of every arm is within this, a process per turn;
			 0 = does not */
	bool isolate; /* a fresh process for every load, without a lead */
	uint32_t threads; /* that load at once, 0 = 1 */
	bool spread;	  /* each of them on a CPU of its own */
	enum cold cold;
	uint64_t seed;
	enum runner_order order;
	int cpu; /* -1 = any */
	bool spinner;
	int spinner_cpu;
	uint32_t check_every; /* as in struct client_options */
	uint64_t timeout_ns;
	bool machine_directories; /* stage in the machine's own directories, as root even /usr */
	uint32_t counted;	  /* loads whose system calls are counted afterwards, 0 = none */
};

/* The phases of class LOAD, which come first in phases.def. */
#define ARM_PHASES (PHASE_OTHER + 1)

/* One value per measured load. */
struct arm_values {
	double total_ns, cpu_ns, user_ns, system_ns;
	double phase_ns[ARM_PHASES]; /* NaN = not observable */
	double minflt, majflt, nvcsw, nivcsw;
	int32_t cpu;
	uint32_t turn, thread; /* from 0 */
};

/* One turn of an arm. */
struct arm_turn {
	double p10_ns, p50_ns, mean_ns, cpu_ns; /* of its measured loads; the last two are means */
	uint32_t loads;
};

struct arm {
	const char *loader;
	const struct subject *subject;
	bool stages; /* on a disk: the loader is not DISKLESS */
	char *name;  /* "loader@object" */
	struct client client;
	bool alive;
	bool noted; /* what its worker has to say was said */
	struct arm_values *values;
	uint32_t count, capacity; /* measured so far, and room */
	struct arm_turn *turns;
	uint32_t turn_count, turn_capacity;
	uint32_t left, warmup_left; /* per thread */
	bool ended;		    /* by a limit */
	double width;		    /* limits_width() when last looked at, NaN = not yet */
	uint32_t within;	    /* looks in a row that found it within `until` */
	uint32_t stale, proven;	    /* of all loads, warm-up included */
	uint32_t warm;		    /* loads that were to be cold and were not */
	uint64_t load_bytes;
	struct err error; /* what ended it early, with its phase; "" = nothing */
	char stale_reason[WORKER_TEXT_BYTES];
	char note[WORKER_TEXT_BYTES];
	struct counters counters; /* loads 0 = not counted */
};

struct runner {
	struct runner_options options;
	struct record *record;
	struct arm *arms;
	size_t arm_count;
	struct client_load *loads; /* of one batch */
	size_t *turns;		   /* the arms in the order of this round */
	size_t place;		   /* in it, now */
	uint64_t random;
	uint64_t begin_ns;
	int64_t seq, epoch;
	struct progress progress;
};

/* Takes over `arms` (loader, subject and stages set, the rest zero), which runner_close() frees. */
int runner_open(struct runner *runner, const struct runner_options *options, struct record *record,
		struct arm *arms, size_t arm_count);

/*
 * Runs everything. An arm that fails says so once on stderr and is left out from then on. 0, -EINTR
 * when command_interrupted(), or another negative errno when the record cannot be written.
 */
int runner_run(struct runner *runner, struct err *err);

/* Counts what the loads of every arm that is left ask of the kernel, each in a worker of its own.
 */
int runner_count(struct runner *runner);

/* Loads that run at once in a worker. */
uint32_t runner_threads(const struct runner *runner);

/* How the worker of an arm is started: for who starts another one like it. */
struct client_options runner_arm_options(const struct runner *runner, const struct arm *arm);

void runner_close(struct runner *runner);

#endif
