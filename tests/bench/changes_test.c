/*
 * Change points: against every possible cut of short series, against what must not matter (order,
 * offset, unit), against planted steps, and how often noise alone is taken for a change.
 */
#include "base/random.h"
#include "bench/changes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define MOST 60

static uint64_t seed = 1;

static double uniform(void)
{
	return ((double)(random_next(&seed) >> 11) + 0.5) * 0x1p-53;
}

static double normal(void)
{
	return sqrt(-2.0 * log(uniform())) * cos(2.0 * 3.14159265358979323846 * uniform());
}

/* Noise of uneven width around a level that rises by `step` at `place`. */
static void series_make(struct change_value *values, size_t n, size_t place, double step)
{
	for (size_t i = 0; i < n; i++) {
		values[i].sigma = 0.002 + 0.02 * uniform();
		values[i].value = (i >= place ? step : 0.0) + values[i].sigma * normal();
	}
}

static double mean_of(const struct change_value *values, size_t n)
{
	double weight = 0.0, sum = 0.0;

	for (size_t i = 0; i < n; i++) {
		weight += 1.0 / (values[i].sigma * values[i].sigma);
		sum += values[i].value / (values[i].sigma * values[i].sigma);
	}
	return sum / weight;
}

/* The cost of a cut: bit i set = a new segment begins at i + 1. */
static double cut_cost(const struct change_value *values, size_t n, unsigned int cut, double price)
{
	double cost = 0.0;
	size_t start = 0;

	for (size_t i = 1; i <= n; i++) {
		if (i < n && !(cut >> (i - 1) & 1))
			continue;
		cost += changes_cost(values + start, i - start,
				     mean_of(values + start, i - start)) +
			(start ? price : 0.0);
		start = i;
	}
	return cost;
}

static double found_cost(const struct change_value *values, size_t n, const double *level,
			 double price, long segments)
{
	double cost = price * (double)(segments - 1);

	for (size_t i = 0; i < n; i++)
		cost += changes_cost(&values[i], 1, level[i]);
	return cost;
}

static void no_cut_of_a_short_series_is_better(void **state)
{
	struct change_value values[10];
	double level[10];

	(void)state;
	for (int round = 0; round < 300; round++) {
		size_t n = 1 + (size_t)(uniform() * 10.0);
		double price = 20.0 * uniform(), best = INFINITY;
		long segments;

		series_make(values, n, n / 2, 0.05 * normal());
		segments = changes_find(values, n, price, level);
		for (unsigned int cut = 0; cut < 1U << (n - 1); cut++)
			best = fmin(best, cut_cost(values, n, cut, price));
		assert_true(segments >= 1 && segments <= (long)n);
		assert_true(fabs(found_cost(values, n, level, price, segments) - best) <
			    1e-6 * (1.0 + best));
	}
}

static void a_step_is_found_where_it_is(void **state)
{
	struct change_value values[MOST];
	double level[MOST];

	(void)state;
	for (size_t place = 1; place < MOST; place++) {
		series_make(values, MOST, place, 0.5);
		assert_int_equal(changes_find(values, MOST, changes_price(MOST, 0.001), level), 2);
		assert_true(fabs(level[place - 1]) < 0.05 && fabs(level[place] - 0.5) < 0.05);
		assert_true(level[0] == level[place - 1] && level[place] == level[MOST - 1]);
	}
}

/* Backwards, from another zero, in another unit: the same segments. */
static void what_must_not_matter(void **state)
{
	struct change_value values[MOST], other[MOST];
	double level[MOST], moved[MOST];

	(void)state;
	for (int round = 0; round < 100; round++) {
		double price = changes_price(MOST, 0.05), offset = 100.0 * normal();
		long segments;

		series_make(values, MOST, (size_t)(uniform() * MOST), 0.1 * normal());
		segments = changes_find(values, MOST, price, level);
		for (size_t i = 0; i < MOST; i++)
			other[i] = (struct change_value){ 8.0 * values[MOST - 1 - i].value + offset,
							  8.0 * values[MOST - 1 - i].sigma };
		assert_int_equal(changes_find(other, MOST, price, moved), segments);
		for (size_t i = 0; i < MOST; i++)
			assert_true(fabs(8.0 * level[MOST - 1 - i] + offset - moved[i]) < 1e-9);
	}
}

/* One of noise alone in a hundred may be cut; here 2000 series make 20 of the most expected, and
 * 45 would come once in a million. */
static void noise_alone_is_rarely_cut(void **state)
{
	struct change_value values[MOST];
	double level[MOST];
	int cut = 0;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		size_t n = 2 + (size_t)(uniform() * (MOST - 2));

		series_make(values, n, n, 0.0);
		cut += changes_find(values, n, changes_price(n, 0.01), level) > 1;
	}
	assert_in_range(cut, 0, 45);
}

/* A dearer cut never gives more segments; one that costs nothing tells all different values apart.
 */
static void price_orders(void **state)
{
	struct change_value values[MOST];
	double level[MOST];

	(void)state;
	for (int round = 0; round < 50; round++) {
		long before = MOST + 1;

		series_make(values, MOST, MOST / 3, 0.05);
		for (double price = 0.0; price < 200.0; price = price * 2.0 + 0.5) {
			long segments = changes_find(values, MOST, price, level);

			assert_true(segments <= before);
			before = segments;
		}
	}
	assert_int_equal(changes_find(values, MOST, 0.0, level), MOST);
	assert_int_equal(changes_find(values, MOST, 1e12, level), 1);
	assert_int_equal(changes_find(values, 0, 1.0, level), 0);
	assert_true(changes_price(2, 0.01) > 6.6 && changes_price(2, 0.01) < 6.7); /* 2.576^2 */
	assert_true(changes_price(100, 0.01) > changes_price(10, 0.01));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_cut_of_a_short_series_is_better),
		cmocka_unit_test(a_step_is_found_where_it_is),
		cmocka_unit_test(what_must_not_matter),
		cmocka_unit_test(noise_alone_is_rarely_cut),
		cmocka_unit_test(price_orders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
