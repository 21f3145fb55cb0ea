/* Statistics against values worked out by hand or by another program. */
#include "bench/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#define assert_close(a, b) assert_true(fabs((a) - (b)) < 1e-9)

static void percentiles_interpolate(void **state)
{
	/* numpy.percentile([1, 2, 4, 8], [0, 10, 50, 90, 100]) */
	const double values[] = { 1, 2, 4, 8 };

	(void)state;
	assert_close(stats_percentile(values, 4, 0), 1.0);
	assert_close(stats_percentile(values, 4, 10), 1.3);
	assert_close(stats_percentile(values, 4, 50), 3.0);
	assert_close(stats_percentile(values, 4, 90), 6.8);
	assert_close(stats_percentile(values, 4, 100), 8.0);
	assert_close(stats_median(values, 3), 2.0);
	assert_close(stats_median(values, 1), 1.0);
	assert_true(isnan(stats_median(values, 0)));
}

static void medians_of_what_is_known(void **state)
{
	/* rows of two values; the first of the third row is not known */
	double rows[] = { 9, 1, 3, 2, NAN, 3, 5, NAN }, scratch[4];

	(void)state;
	assert_close(stats_median_known(rows, 4, 2, scratch), 5.0);
	assert_close(stats_median_known(rows + 1, 4, 2, scratch), 2.0);
	assert_close(stats_median_known(rows, 8, 1, rows), 3.0);
	scratch[0] = scratch[1] = NAN;
	assert_true(isnan(stats_median_known(scratch, 2, 1, scratch)));
	assert_true(isnan(stats_median_known(scratch, 0, 1, scratch)));
}

static void mad_is_the_median_distance(void **state)
{
	const double odd[] = { 1, 1, 2, 2, 4, 6, 9 }; /* distances 0 0 1 1 2 4 7 */
	const double even[] = { 0, 10, 20, 40 };      /* median 15: 5 5 15 25 */

	(void)state;
	assert_close(stats_mad(odd, 7), 1.0);
	assert_close(stats_mad(even, 4), 10.0);
	assert_close(stats_mad(even, 1), 0.0);
	assert_true(isnan(stats_mad(even, 0)));
}

static int compare(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) -
	       (*(const double *)a < *(const double *)b);
}

/* The walk from both ends must give what sorting the distances gives. */
static void mad_equals_the_slow_way(void **state)
{
	(void)state;
	srand(7);
	for (int round = 0; round < 200; round++) {
		double values[40], distances[40];
		size_t n = 1 + (size_t)(rand() % 40);
		double centre;

		for (size_t i = 0; i < n; i++)
			values[i] = rand() % 50;
		stats_sort(values, n);
		centre = stats_median(values, n);
		for (size_t i = 0; i < n; i++)
			distances[i] = fabs(values[i] - centre);
		qsort(distances, n, sizeof(distances[0]), compare);
		assert_close(stats_mad(values, n), stats_median(distances, n));
	}
}

static void trimmed_mean_drops_ten_and_ten(void **state)
{
	double values[21];

	(void)state;
	for (int i = 0; i < 21; i++)
		values[i] = i < 10 ? -1e9 : i > 10 ? 1e9 : 5.0;
	assert_close(stats_trimmed_mean(values, 21, STATS_TRIM), 5.0);
	assert_true(isnan(stats_trimmed_mean(values, 20, STATS_TRIM)));
	assert_close(stats_trimmed_mean(values, 1, 0), -1e9);
	assert_true(isnan(stats_trimmed_mean(values, 0, 0)));
}

static void interval_matches_the_tables(void **state)
{
	/* 95 % order statistics of the median (Conover, Practical Nonparametric Statistics): n = 6:
	 * 1st and 6th; n = 10: 2nd and 9th; n = 25: 8th and 18th; n = 100: 40th and 61st. */
	static const struct {
		size_t n, low;
	} cases[] = { { 6, 1 }, { 10, 2 }, { 25, 8 }, { 100, 40 } };
	double values[100];

	(void)state;
	for (int i = 0; i < 100; i++)
		values[i] = i + 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stats_interval interval = stats_median_interval(values, cases[i].n, 0.95);

		assert_close(interval.low, (double)cases[i].low);
		assert_close(interval.high, (double)(cases[i].n + 1 - cases[i].low));
	}
	assert_true(isnan(stats_median_interval(values, 5, 0.95).low));
	assert_true(isnan(stats_median_interval(values, 0, 0.95).low));
}

/* The promise itself: of many samples with a known median, at least 95 % of the intervals hold it.
 */
static void interval_covers(void **state)
{
	int covered = 0, rounds = 4000;

	(void)state;
	srand(11);
	for (int round = 0; round < rounds; round++) {
		double values[31];
		struct stats_interval interval;

		for (int i = 0; i < 31; i++)
			values[i] = -log((rand() + 1.0) / (RAND_MAX + 2.0));
		stats_sort(values, 31);
		interval = stats_median_interval(values, 31, 0.95);
		covered += interval.low <= log(2.0) && log(2.0) <= interval.high;
	}
	assert_true(covered > rounds * 945 / 1000);
}

static void summary_sorts(void **state)
{
	double values[] = { 5, 1, 4, 2, 3 };
	struct stats_summary summary = stats_summarise(values, 5);

	(void)state;
	assert_int_equal(summary.n, 5);
	assert_close(summary.min, 1.0);
	assert_close(summary.p50, 3.0);
	assert_close(summary.max, 5.0);
	assert_close(summary.mean, 3.0);
	assert_close(summary.mad, 1.0);
	summary = stats_summarise(values, 0);
	assert_true(isnan(summary.min) && isnan(summary.max) && isnan(summary.mean));
}

static void powers_are_found(void **state)
{
	double x[20], y[20];

	(void)state;
	for (int i = 0; i < 20; i++) {
		x[i] = 3.0 * (i + 1);
		y[i] = 7.0 * pow(x[i], 1.25);
	}
	assert_close(stats_power(x, y, 20), 1.25);
	y[4] = (double)NAN; /* an arm that failed, a point at 0: left out */
	x[9] = 0.0;
	assert_close(stats_power(x, y, 20), 1.25);
	for (int i = 0; i < 20; i++)
		y[i] = 5.0;
	assert_close(stats_power(x, y, 20), 0.0);
	assert_true(isnan(stats_power(x, y, 1)));
	x[1] = x[0];
	assert_true(isnan(stats_power(x, y, 2)));
	assert_true(isnan(stats_power(x, y, 0)));
}

/* Box and Muller 1958. */
static double normal(void)
{
	double u = (rand() + 1.0) / (RAND_MAX + 2.0), v = (rand() + 1.0) / (RAND_MAX + 2.0);

	return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

static struct stats_kinds kinds_of(double share, double factor, double width)
{
	double values[400];

	for (int i = 0; i < 400; i++)
		values[i] = (i < share * 400 ? factor : 1.0) * 1000.0 * exp(width * normal());
	stats_sort(values, 400);
	return stats_kinds(values, 400);
}

static void two_kinds_are_told_from_one(void **state)
{
	const double equal[] = { 5, 5, 5, 5, 5, 5 }, two[] = { 1, 1, 1, 2, 2, 2 };
	struct stats_kinds kinds;

	(void)state;
	srand(3);
	for (int i = 0; i < 100; i++) {
		assert_false(kinds_of(0.0, 1.0, 0.02).two);
		assert_false(kinds_of(0.0, 1.0, 0.5).two);    /* wide, but one */
		assert_false(kinds_of(0.1, 3.0, 0.05).two);   /* a tail, no second kind */
		assert_false(kinds_of(0.5, 1.05, 0.002).two); /* too near to matter */
		kinds = kinds_of(0.3, 1.6, 0.05);
		assert_true(kinds.two);
		assert_true(fabs(kinds.high / kinds.low - 1.6) < 0.1);
		assert_true(fabs(kinds.high_share - 0.3) < 0.01);
		assert_true(kinds_of(0.7, 1.3, 0.03).two);
	}
	assert_false(stats_kinds(equal, 6).two);
	assert_true(stats_kinds(two, 6).two);
	assert_false(stats_kinds(two, 1).two);
	assert_false(stats_kinds(two, 0).two);
}

/* Whatever is added to all values is added to every place, and nothing else; the same for factors
 * and widths; a mirrored sample has mirrored intervals. */
static void shifts_and_flips_carry_over(void **state)
{
	(void)state;
	srand(19);
	for (size_t n = 6; n < 200; n += 7) {
		double x[200], moved[200], flipped[200];
		struct stats_summary a, b, c;

		for (size_t i = 0; i < n; i++) {
			x[i] = 100.0 * exp(normal());
			moved[i] = 3.0 * x[i] + 50.0;
			flipped[i] = -x[i];
		}
		a = stats_summarise(x, n);
		b = stats_summarise(moved, n);
		c = stats_summarise(flipped, n);
		assert_true(fabs(b.p50 - 3.0 * a.p50 - 50.0) < 1e-6);
		assert_true(fabs(b.p10 - 3.0 * a.p10 - 50.0) < 1e-6);
		assert_true(fabs(b.mad - 3.0 * a.mad) < 1e-6);
		assert_true(fabs(b.p50_interval.low - 3.0 * a.p50_interval.low - 50.0) < 1e-6);
		assert_true(fabs(b.p50_interval.high - 3.0 * a.p50_interval.high - 50.0) < 1e-6);
		assert_true(fabs(c.p50 + a.p50) < 1e-9 && fabs(c.p90 + a.p10) < 1e-6);
		assert_true(fabs(c.p50_interval.low + a.p50_interval.high) < 1e-9);
		assert_true(fabs(c.mad - a.mad) < 1e-9);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles_interpolate),
		cmocka_unit_test(medians_of_what_is_known),
		cmocka_unit_test(mad_is_the_median_distance),
		cmocka_unit_test(mad_equals_the_slow_way),
		cmocka_unit_test(trimmed_mean_drops_ten_and_ten),
		cmocka_unit_test(interval_matches_the_tables),
		cmocka_unit_test(interval_covers),
		cmocka_unit_test(summary_sorts),
		cmocka_unit_test(powers_are_found),
		cmocka_unit_test(two_kinds_are_told_from_one),
		cmocka_unit_test(shifts_and_flips_carry_over),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
