/*
 * soload advise: which change to the way an orchestration object reaches the device is worth
 * making, for a given object and case. Combinations of loader, transport and life cycle run
 * interleaved through the whole invocation (bench/repro/), in several fresh processes each.
 *
 * Internal to bench/advise.c and bench/advise/.
 */
#ifndef SOLOAD_BENCH_ADVISE_ADVISE_H
#define SOLOAD_BENCH_ADVISE_ADVISE_H

#include "bench/advise/rank.h"
#include "bench/repro/repro.h"

#define ADVISE_COMBOS_MAX 48
#define ADVISE_EPOCHS 7	      /* fresh processes of every combination, after a short first one */
#define ADVISE_ROUNDS_MAX 512 /* of one combination, all epochs together */
#define ADVISE_STEPS 3

struct advise_options {
	struct repro_options repro;
	double seconds;
	int64_t rounds; /* per epoch, 0 = as many as fit the seconds */
};

/* Parses or ends the program: wrong usage is one line and exit code 2. */
void advise_options_parse(struct advise_options *options, int argc, char **argv);

/* One loader with one transport and life cycle, over all epochs. */
struct advise_combo {
	char *loader;
	const struct transport *transport;
	const struct device_when *when;
	double *values; /* [round][VALUE_COUNT], NaN where a round did not pass */
	double *cost;	/* [round], ns: what bringing the object in and out costs an invocation */
	double first[ADVISE_EPOCHS + 1]; /* ns, of the first round of each process */
	size_t firsts;
	int64_t done, passed, stale, refused, restarts;
	int64_t kept_device_bytes;
	double calls, kept_bytes;      /* of the loader, counted in a worker; NaN = unknown */
	char why[ERR_TEXT_BYTES + 64]; /* it does not work, or "" */
};

struct advise {
	struct advise_options *options;
	struct repro repro;
	struct repro_pick picks[ADVISE_COMBOS_MAX];
	struct advise_combo combos[ADVISE_COMBOS_MAX];
	size_t count;
	size_t rounds;			/* of every combination so far */
	size_t processes;		/* of every combination */
	size_t ends[ADVISE_EPOCHS + 1]; /* of the rounds of each process */
	char uncounted[ERR_TEXT_BYTES]; /* why system calls are not known, or "" */

	/* The judgement. */
	size_t order[ADVISE_COMBOS_MAX], rank[ADVISE_COMBOS_MAX], ranked;
	struct rank_grid grid;
	const struct advise_rung *rungs[RANK_DIMENSIONS][RANK_RUNGS_MAX];
	struct rank_step steps[ADVISE_STEPS];
	size_t step_count;
};

/* A rung of a ladder: what it is called in a combination, and what the step to it means. */
struct advise_rung {
	const char *name, *words;
	bool passable; /* no step on the way to the next one: that can be made without it */
};

enum { ADVISE_TRANSPORT, ADVISE_LOADER, ADVISE_WHEN };

/* Where a step leads to. */
static inline const struct advise_rung *advise_rung_of(const struct advise *advise,
						       const struct rank_step *step)
{
	return advise->rungs[step->dimension][step->rung];
}

/* Which rounds ran in which process. */
static inline struct rank_rounds advise_rounds(const struct advise *advise)
{
	return (struct rank_rounds){ advise->ends, advise->processes };
}

/* What stays between two runs: in the AICPU's process, and in device memory. */
static inline double advise_kept(const struct advise_combo *combo)
{
	return combo->kept_bytes + (double)combo->kept_device_bytes;
}

/* Chooses the combinations. */
void advise_plan(struct advise *advise);

/* The ladders begin at the first combination that works of those one would call upstream's flow. */
void advise_ladders(struct advise *advise);

/* The combination at these rungs, or NULL when it is not among those that are tried. */
struct advise_combo *advise_at(struct advise *advise, const size_t *rungs);

/* "disk + inline", and the life cycle where it is not upstream's. Returns `buffer`. */
#define ADVISE_NAME_BYTES 128
const char *advise_name(const struct advise_combo *combo, char *buffer);

/* Opens, runs and collects. 0, or a negative errno in words; -EINTR. */
int advise_measure(struct advise *advise, char **argv, struct err *err);

/* Counts system calls and memory kept, per loader; what cannot be counted stays unknown. */
int advise_count(struct advise *advise, struct err *err);

/* From values to costs, order and steps. */
int advise_judge(struct advise *advise, struct err *err);

/* The median of a value over all rounds; NaN when there is none. */
double advise_median(const struct advise_combo *combo, size_t rounds, int value);
double advise_cost(const struct advise_combo *combo, size_t rounds);
double advise_first(const struct advise_combo *combo);

/* Table, steps and paragraph on stdout. */
void advise_print(struct advise *advise);
void advise_paragraph_print(struct advise *advise);

/* Everything judged goes to summary.csv and run.json. */
void advise_record(struct advise *advise);

void advise_close(struct advise *advise);

#endif
