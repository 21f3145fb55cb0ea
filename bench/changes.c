/* The cheapest cut, by dynamic programming over where the last segment begins. See changes.h. */
#include "bench/changes.h"

#include "bench/judge.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Sums over the values before a place; values count from the first, so that large ones that hardly
 * differ keep their digits. */
struct sums {
	double weight, value, square;
};

struct cut {
	struct sums sums;
	double cost;  /* of the best cut of the values before this place */
	size_t start; /* of its last segment */
};

double changes_price(size_t n, double alpha)
{
	double z = judge_normal(alpha / (2.0 * (double)(n > 2 ? n - 1 : 1)));

	return z * z;
}

double changes_cost(const struct change_value *values, size_t n, double level)
{
	double cost = 0.0;

	for (size_t i = 0; i < n; i++) {
		double far = (values[i].value - level) / values[i].sigma;

		cost += far * far;
	}
	return cost;
}

static struct sums sums_between(const struct cut *from, const struct cut *to)
{
	return (struct sums){ to->sums.weight - from->sums.weight,
			      to->sums.value - from->sums.value,
			      to->sums.square - from->sums.square };
}

static double segment_cost(const struct cut *from, const struct cut *to)
{
	struct sums sums = sums_between(from, to);

	return fmax(sums.square - sums.value * sums.value / sums.weight, 0.0);
}

static void sums_fill(struct cut *cuts, const struct change_value *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double weight = 1.0 / (values[i].sigma * values[i].sigma);
		double value = values[i].value - values[0].value;

		cuts[i + 1].sums = (struct sums){ cuts[i].sums.weight + weight,
						  cuts[i].sums.value + weight * value,
						  cuts[i].sums.square + weight * value * value };
	}
}

/* Of two cuts that cost the same the one with the longer last segment: fewer changes. */
static void cut_best(struct cut *cuts, size_t end, double price)
{
	cuts[end].cost = INFINITY;
	for (size_t start = 0; start < end; start++) {
		double cost = cuts[start].cost + segment_cost(&cuts[start], &cuts[end]) +
			      (start ? price : 0.0);

		if (cost < cuts[end].cost) {
			cuts[end].cost = cost;
			cuts[end].start = start;
		}
	}
}

long changes_find(const struct change_value *values, size_t n, double price, double *ret_level)
{
	struct cut *cuts = calloc(n + 1, sizeof(cuts[0]));
	long segments = 0;

	if (!cuts)
		return -ENOMEM;
	sums_fill(cuts, values, n);
	for (size_t end = 1; end <= n; end++)
		cut_best(cuts, end, price);
	for (size_t end = n; end > 0; end = cuts[end].start) {
		struct sums sums = sums_between(&cuts[cuts[end].start], &cuts[end]);

		for (size_t i = cuts[end].start; i < end; i++)
			ret_level[i] = values[0].value + sums.value / sums.weight;
		segments++;
	}
	free(cuts);
	return segments;
}
