/* Differences of pairs, order and steps. See rank.h. */
#include "bench/advise/rank.h"

#include "bench/judge.h"
#include "bench/stats.h"

#include <math.h>
#include <string.h>

#define ALPHA 0.025 /* of each end of an interval */

static size_t rounds_count(const struct rank_rounds *rounds)
{
	return rounds->processes ? rounds->ends[rounds->processes - 1] : 0;
}

size_t rank_scratch(const struct rank_rounds *rounds)
{
	return rounds->processes + rounds_count(rounds);
}

struct rank_gain rank_gain(const double *from, const double *to, const struct rank_rounds *rounds,
			   double *scratch)
{
	struct rank_gain gain = { .ns = (double)NAN };
	struct judge_interval interval;
	double *differences = scratch + rounds->processes;

	for (size_t process = 0, i = 0; process < rounds->processes; process++) {
		size_t used = 0;

		for (; i < rounds->ends[process]; i++) {
			if (!isnan(from[i]) && !isnan(to[i]))
				differences[used++] = from[i] - to[i];
		}
		stats_sort(differences, used);
		if (used > 0)
			scratch[gain.n++] = stats_median(differences, used);
	}
	gain.low = -(double)INFINITY;
	gain.high = (double)INFINITY;
	if (gain.n == 0)
		return gain;
	stats_sort(scratch, gain.n);
	gain.ns = judge_estimate(scratch, gain.n);
	interval = judge_interval(scratch, gain.n, ALPHA);
	gain.low = interval.low;
	gain.high = interval.high;
	gain.distinct = gain.low > 0 || gain.high < 0;
	return gain;
}

size_t rank_order(const struct rank_costs *all, size_t *ret_order, size_t *ret_rank)
{
	const double *const *costs = all->costs;
	const size_t n = rounds_count(&all->rounds);
	size_t used = 0, first = 0;

	for (size_t i = 0; i < all->count; i++) {
		size_t place = used;
		double own;

		if (!costs[i])
			continue;
		own = stats_median_known(costs[i], n, 1, all->scratch);
		while (place > 0 &&
		       stats_median_known(costs[ret_order[place - 1]], n, 1, all->scratch) > own) {
			ret_order[place] = ret_order[place - 1];
			place--;
		}
		ret_order[place] = i;
		used++;
	}
	for (size_t place = 0; place < used; place++) {
		const double *own = costs[ret_order[place]], *best = costs[ret_order[first]];

		if (place == 0 || rank_gain(own, best, &all->rounds, all->scratch).distinct)
			first = place;
		ret_rank[place] = first + 1;
	}
	return used;
}

static const double *cost_at(const struct rank_grid *grid, const size_t *at)
{
	return grid->costs[at[0]][at[1]][at[2]];
}

/* The next rung of a ladder that works from here: false when there is none. */
static bool rung_next(const struct rank_grid *grid, size_t *at, size_t dimension)
{
	while (++at[dimension] < grid->rungs[dimension]) {
		if (cost_at(grid, at))
			return true;
	}
	return false;
}

static struct rank_gain alone(const struct rank_grid *grid, size_t dimension, size_t rung,
			      double *scratch)
{
	size_t start[RANK_DIMENSIONS] = { 0 }, at[RANK_DIMENSIONS] = { 0 };

	at[dimension] = rung;
	if (!cost_at(grid, at))
		return (struct rank_gain){ .ns = (double)NAN };
	return rank_gain(cost_at(grid, start), cost_at(grid, at), &grid->rounds, scratch);
}

/* The best single step from `at`: false when no ladder goes on. */
static bool step_choose(const struct rank_grid *grid, const size_t *at, double *scratch,
			struct rank_step *ret_step)
{
	bool found = false;

	for (size_t dimension = 0; dimension < RANK_DIMENSIONS; dimension++) {
		size_t next[RANK_DIMENSIONS];
		bool passes = true;

		memcpy(next, at, sizeof(next));
		while (passes && rung_next(grid, next, dimension)) {
			struct rank_gain added = rank_gain(cost_at(grid, at), cost_at(grid, next),
							   &grid->rounds, scratch);

			passes = grid->passable[dimension][next[dimension]];
			if (found && !(added.ns > ret_step->added.ns))
				continue;
			*ret_step = (struct rank_step){ .dimension = dimension,
							.rung = next[dimension],
							.added = added };
			found = true;
		}
	}
	return found;
}

size_t rank_steps(const struct rank_grid *grid, double *scratch, struct rank_step *ret_steps,
		  size_t room)
{
	const size_t start[RANK_DIMENSIONS] = { 0 };
	size_t at[RANK_DIMENSIONS] = { 0 }, count = 0;

	if (!cost_at(grid, start))
		return 0;
	while (count < room && step_choose(grid, at, scratch, &ret_steps[count])) {
		struct rank_step *step = &ret_steps[count++];

		at[step->dimension] = step->rung;
		step->alone = alone(grid, step->dimension, step->rung, scratch);
		step->together =
			rank_gain(cost_at(grid, start), cost_at(grid, at), &grid->rounds, scratch);
	}
	return count;
}
