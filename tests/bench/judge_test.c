/*
 * What the gate concludes from epochs: its interval against the definition, its error rates under
 * sign flips and shifts, its looks. tests/bench/judge_scipy.sh compares the same with scipy.
 */
#include "base/random.h"
#include "bench/judge.h"
#include "bench/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define EPOCHS 300

static uint64_t seed = 1;

static double uniform(void)
{
	return (double)(random_next(&seed) >> 11) * 0x1p-53;
}

/* Heavy tails, drifting width, random sign: the worst a shared machine has to offer. */
static double noise(size_t i)
{
	double width = 0.002 * (1.0 + 5.0 * fabs(sin((double)i / 40.0)));
	double tail = width * tan(1.5 * uniform());

	return uniform() < 0.5 ? tail : -tail;
}

static int smaller(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void means_are_counted_and_ordered(void **state)
{
	double x[40], means[820];

	(void)state;
	for (size_t n = 1; n <= 40; n++) {
		size_t m = 0;

		for (size_t i = 0; i < n; i++)
			x[i] = n % 3 ? noise(i) : (double)(i / 2); /* ties, too */
		stats_sort(x, n);
		for (size_t i = 0; i < n; i++) {
			for (size_t j = i; j < n; j++)
				means[m++] = (x[i] + x[j]) / 2.0;
		}
		qsort(means, m, sizeof(means[0]), smaller);
		for (size_t k = 0; k < m; k++) {
			double mean = judge_walsh(x, n, k);

			assert_true(fabs(mean - means[k]) <= 1e-15);
			assert_true(judge_walsh_count(x, n, means[k]) > k);
		}
		assert_true(fabs(judge_estimate(x, n) - stats_median(means, m)) <= 1e-15);
	}
	assert_true(isnan(judge_estimate(x, 0)));
}

/* P(T <= c) by trying all signs. */
static void ranks_are_exact(void **state)
{
	(void)state;
	for (unsigned int n = 1; n <= 14; n++) {
		for (double alpha = 0.3; alpha > 1e-4; alpha /= 2.0) {
			int64_t c = judge_rank(n, alpha);
			double low = 0.0, next = 0.0;

			for (unsigned int signs = 0; signs < 1u << n; signs++) {
				int64_t sum = 0;

				for (unsigned int rank = 1; rank <= n; rank++)
					sum += signs >> (rank - 1) & 1u ? (int64_t)rank : 0;
				low += sum <= c;
				next += sum <= c + 1;
			}
			assert_true(low / (double)(1u << n) <= alpha);
			assert_true(next / (double)(1u << n) > alpha);
		}
	}
	assert_int_equal(judge_rank(0, 0.5), -1);
	assert_int_equal(judge_rank(10, 1e-5), -1);
	assert_int_equal(judge_rank(20, 1.3e-5), 5); /* 10 of 2^20: the first look can decide */
}

#define APPROXIMATED_MAX 200
#define RANK_SUMS (APPROXIMATED_MAX * (APPROXIMATED_MAX + 1) / 4 + 1)

/* The largest c with P(T <= c) <= alpha, from the whole distribution. */
static int64_t rank_of(const double *probability, double alpha)
{
	double sum = 0.0;
	int64_t c = -1;

	while (c + 1 < RANK_SUMS && (sum += probability[c + 1]) <= alpha)
		c++;
	return c;
}

/* Above JUDGE_EXACT_MAX values: never a narrower interval than the exact one at the levels a gate
 * works with, a rank at most at those of a 95 % interval, and never wider than a third of a
 * deviation. */
static void approximation_is_wider(void **state)
{
	static const double levels[] = { 0.05, 0.025, 0.01, 1e-3, 1e-3 * 0.8 / 72.0,
					 1e-5, 1e-6,  1e-7 };
	static double probability[RANK_SUMS] = { 1.0 };

	(void)state;
	for (int64_t n = 1; n <= APPROXIMATED_MAX; n++) {
		double count = (double)n;
		double deviation = sqrt(count * (count + 1.0) * (2.0 * count + 1.0) / 24.0);

		/* P of n ranks out of that of n - 1: the last one counts, or not. */
		for (int64_t s = RANK_SUMS - 1; s >= 0; s--)
			probability[s] =
				0.5 * (probability[s] + (s >= n ? probability[s - n] : 0.0));
		for (size_t i = 0; n > JUDGE_EXACT_MAX && i < sizeof(levels) / sizeof(levels[0]);
		     i++) {
			int64_t exact = rank_of(probability, levels[i]);
			int64_t rank = judge_rank((size_t)n, levels[i]);

			if (rank > exact + (levels[i] > 0.01) ||
			    (double)(exact - rank) > deviation / 3.0 + 1.0)
				fail_msg("n %lld, alpha %g: %lld instead of %lld", (long long)n,
					 levels[i], (long long)rank, (long long)exact);
		}
	}
}

static void intervals_move_with_shifts(void **state)
{
	double x[EPOCHS], moved[EPOCHS];

	(void)state;
	for (size_t n = 20; n <= EPOCHS; n += 35) {
		struct judge_interval a, b, wider;

		for (size_t i = 0; i < n; i++)
			x[i] = noise(i);
		stats_sort(x, n);
		for (size_t i = 0; i < n; i++)
			moved[i] = x[i] + 0.05;
		a = judge_interval(x, n, 1e-4);
		b = judge_interval(moved, n, 1e-4);
		wider = judge_interval(x, n, 1e-5);
		assert_true(fabs(b.low - a.low - 0.05) < 1e-12);
		assert_true(fabs(b.high - a.high - 0.05) < 1e-12);
		assert_true(a.low < judge_estimate(x, n) && judge_estimate(x, n) < a.high);
		assert_true(wider.low < a.low && wider.high > a.high);
	}
	assert_true(isinf(judge_interval(x, 5, 1e-3).low));
	assert_true(isinf(judge_interval(x, 0, 0.1).high));
}

/* How often the whole sequence of looks fails noise whose signs are coins, at cut 0. */
static void sign_flips_keep_alpha(void **state)
{
	static double p10[EPOCHS], p50[EPOCHS], scratch[EPOCHS];
	const double alpha = 0.05;
	int failed = 0, passed = 0, gates = 400;

	(void)state;
	for (int gate = 0; gate < gates; gate++) {
		struct judge_series series[] = {
			{ .ln_ratios = p10, .decisive = true },
			{ .ln_ratios = p50, .decisive = true },
		};
		size_t epochs = EPOCHS;
		enum judge_verdict verdict;

		for (size_t i = 0; i < EPOCHS; i++) {
			p10[i] = noise(i);
			p50[i] = 0.5 * p10[i] + noise(i + 7); /* they hang together */
		}
		verdict = judge_sequence(series, 2, &epochs, alpha, scratch);
		failed += verdict == JUDGE_FAIL;
		passed += verdict == JUDGE_PASS;
	}
	/* Twice alpha is seven standard deviations of the count away from it. */
	assert_true(failed <= (int)(2.0 * alpha * gates));
	assert_true(passed <= (int)(2.0 * alpha * gates));
}

static enum judge_verdict shifted_gate(double shift, double cut, size_t *epochs)
{
	static double p10[EPOCHS], p50[EPOCHS], scratch[EPOCHS];
	struct judge_series series[] = {
		{ .ln_ratios = p10, .cut = cut, .decisive = true },
		{ .ln_ratios = p50, .cut = cut, .decisive = true },
	};

	for (size_t i = 0; i < EPOCHS; i++) {
		p10[i] = shift + noise(i);
		p50[i] = shift + noise(i + 3);
	}
	*epochs = EPOCHS;
	return judge_sequence(series, 2, epochs, 0.001, scratch);
}

static void shifts_are_found(void **state)
{
	double cut = log1p(0.025);

	(void)state;
	for (int i = 0; i < 100; i++) {
		size_t epochs;

		assert_int_equal(shifted_gate(0.0, cut, &epochs), JUDGE_PASS);
		assert_int_equal(shifted_gate(log1p(0.05), cut, &epochs), JUDGE_FAIL);
		assert_true(epochs < EPOCHS);
		assert_int_equal(shifted_gate(-0.5, cut, &epochs), JUDGE_PASS);
		assert_int_equal(shifted_gate(cut, cut, &epochs), JUDGE_INCONCLUSIVE);
		assert_int_equal(epochs, EPOCHS);
	}
}

/* What is not decisive can fail, and holds up a pass as long as it is estimated above its cut,
 * proven or not; what has nothing to say does neither. */
static void watchers_need_no_proof(void **state)
{
	static double calm[100], bad[100], wide[100], empty[100], scratch[100];
	struct judge_series series[] = {
		{ .ln_ratios = calm, .cut = 0.02, .decisive = true },
		{ .ln_ratios = bad, .cut = 0.02 },
	};

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		calm[i] = 0.1 * noise(i);
		bad[i] = 0.06 + 0.1 * noise(i);
		wide[i] = i % 2 ? 0.16 + noise(i) : -0.04 + noise(i);
		empty[i] = i % 5 ? bad[i] : (double)NAN;
	}
	assert_int_equal(judge_look(series, 2, 100, 0.001, scratch), JUDGE_FAIL);
	assert_int_equal(series[0].verdict, JUDGE_PASS);
	series[1].ln_ratios = wide; /* about 0.06, between 0.02 and 0.1 */
	series[1].cut = 0.04;
	assert_int_equal(judge_look(series, 2, 100, 0.001, scratch), JUDGE_INCONCLUSIVE);
	assert_int_equal(series[1].verdict, JUDGE_INCONCLUSIVE);
	series[1].cut = 0.08;
	assert_int_equal(judge_look(series, 2, 100, 0.001, scratch), JUDGE_PASS);
	assert_int_equal(series[1].verdict, JUDGE_INCONCLUSIVE);
	series[1].cut = 0.02;
	series[1].ln_ratios = empty;
	assert_int_equal(judge_look(series, 2, 100, 0.001, scratch), JUDGE_PASS);
	assert_false(series[1].judged);
	assert_int_equal(series[1].used, 80);
	series[0].decisive = false;
	assert_int_equal(judge_look(series, 2, 100, 0.001, scratch), JUDGE_INCONCLUSIVE);
}

static void looks_follow_each_other(void **state)
{
	size_t at = 0;
	int looks = 0;

	(void)state;
	assert_int_equal(judge_next_look(0), 20);
	assert_int_equal(judge_next_look(20), 28);
	assert_int_equal(judge_next_look(27), 28);
	for (;;) {
		size_t next = judge_next_look(at);

		if (next == SIZE_MAX)
			break;
		assert_true(next >= at + 8);
		at = next;
		looks++;
	}
	assert_int_equal(looks, JUDGE_LOOKS - 1); /* the last one is the end of the budget */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(means_are_counted_and_ordered),
		cmocka_unit_test(ranks_are_exact),
		cmocka_unit_test(approximation_is_wider),
		cmocka_unit_test(intervals_move_with_shifts),
		cmocka_unit_test(sign_flips_keep_alpha),
		cmocka_unit_test(shifts_are_found),
		cmocka_unit_test(watchers_need_no_proof),
		cmocka_unit_test(looks_follow_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
