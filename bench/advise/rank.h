/*
 * The arithmetic of soload advise: what one combination saves over another, their order, and which
 * change to make first. Pure functions over costs that were measured in turns: element i of every
 * array is of the same round.
 *
 * How a process is laid out moves all its rounds alike, so rounds of one process say nothing about
 * the next one: a process gives one value, and processes are what is tested.
 */
#ifndef SOLOAD_BENCH_ADVISE_RANK_H
#define SOLOAD_BENCH_ADVISE_RANK_H

#include <stdbool.h>
#include <stddef.h>

/* The rounds of process p end before round ends[p]; those of the next begin there. */
struct rank_rounds {
	const size_t *ends;
	size_t processes;
};

/* How many values the functions below want in `scratch`. */
size_t rank_scratch(const struct rank_rounds *rounds);

/*
 * What `to` costs less than `from`: of every process the median of its paired differences; the
 * Hodges-Lehmann estimate of these and its 95 % interval (bench/judge.h). Ends are infinite when
 * the processes are too few for one: below RANK_PROCESSES_LEAST.
 */
struct rank_gain {
	double ns, low, high;
	size_t n;      /* processes */
	bool distinct; /* the interval leaves zero out */
};

#define RANK_PROCESSES_LEAST 6

/* A pair with a NaN counts nowhere. */
struct rank_gain rank_gain(const double *from, const double *to, const struct rank_rounds *rounds,
			   double *scratch);

/* Combinations side by side: costs[i] is NULL where there is none. */
struct rank_costs {
	const double *const *costs;
	size_t count;
	struct rank_rounds rounds;
	double *scratch;
};

/*
 * Orders combinations by the median of their costs; those without are left out. ret_order[place] is
 * an index, ret_rank[place] its rank from 1: that of the combination before when the two cannot be
 * told apart from the first of that rank. Returns how many were ordered.
 */
size_t rank_order(const struct rank_costs *all, size_t *ret_order, size_t *ret_rank);

#define RANK_DIMENSIONS 3 /* transport, loader, life cycle */
#define RANK_RUNGS_MAX 6

/*
 * Ladders: per dimension, rungs from where one starts (0) to what can be reached, and what each
 * combination of rungs costs, NULL where it does not work or was not measured.
 */
struct rank_grid {
	size_t rungs[RANK_DIMENSIONS]; /* at least 1 each */
	const double *costs[RANK_RUNGS_MAX][RANK_RUNGS_MAX][RANK_RUNGS_MAX];
	bool passable[RANK_DIMENSIONS][RANK_RUNGS_MAX]; /* a step may lead past that rung */
	struct rank_rounds rounds;
};

/* A step up one ladder, from wherever the steps before have led. */
struct rank_step {
	size_t dimension, rung;
	struct rank_gain alone;	   /* this change of the start, and no other */
	struct rank_gain added;	   /* over the steps before it */
	struct rank_gain together; /* all steps up to this one, over the start */
};

/*
 * Climbs: each time to the next rung that works, or past a passable one to the rung behind, where
 * that saves most. Returns how
 * many steps there are, at most `room`; 0 when the start does not work. `alone.n` is 0 where that
 * combination was not measured.
 */
size_t rank_steps(const struct rank_grid *grid, double *scratch, struct rank_step *ret_steps,
		  size_t room);

#endif
