/* Signed ranks, their interval, and the sequence of looks. See judge.h for the contract. */
#include "bench/judge.h"

#include "bench/stats.h"

#include <math.h>
#include <string.h>

#define LOOK_FIRST 20
#define LOOK_STEP 8
#define LOOK_GROWTH 0.08
#define DECISIVE_SHARE 0.8

/* By bisection. */
double judge_normal(double alpha)
{
	double low = -40.0, high = 40.0;

	for (int i = 0; i < 100; i++) {
		double middle = (low + high) / 2.0;

		if (0.5 * erfc(middle / sqrt(2.0)) > alpha)
			low = middle;
		else
			high = middle;
	}
	return high;
}

/* P(T = s) for all s up to half the largest sum, by adding one rank after the other. */
static int64_t rank_exact(size_t n, double alpha)
{
	double at[JUDGE_EXACT_MAX * (JUDGE_EXACT_MAX + 1) / 4 + 1] = { ldexp(1.0, -(int)n) };
	size_t half = n * (n + 1) / 4;
	double sum = 0.0;

	for (size_t rank = 1; rank <= n; rank++) {
		for (size_t s = half; s >= rank; s--)
			at[s] += at[s - rank];
	}
	for (size_t s = 0; s <= half; s++) {
		sum += at[s];
		if (sum > alpha)
			return (int64_t)s - 1;
	}
	return (int64_t)half;
}

int64_t judge_rank(size_t n, double alpha)
{
	double count = (double)n, mean, deviation, rank;

	if (n == 0)
		return -1;
	if (n <= JUDGE_EXACT_MAX)
		return rank_exact(n, alpha);
	mean = count * (count + 1.0) / 4.0;
	deviation = sqrt(count * (count + 1.0) * (2.0 * count + 1.0) / 24.0);
	rank = floor(mean - judge_normal(alpha) * deviation);
	return rank < 0.0 ? -1 : (int64_t)rank;
}

uint64_t judge_walsh_count(const double *sorted, size_t n, double value)
{
	uint64_t count = 0;
	size_t partner = n; /* the first one that is too large for sorted[i] */

	for (size_t i = 0; i < n; i++) {
		while (partner > 0 && (sorted[i] + sorted[partner - 1]) / 2.0 > value)
			partner--;
		if (partner <= i)
			break;
		count += partner - i;
	}
	return count;
}

/* Bisection over the values, down to neighbouring doubles: no memory for n squared means. */
double judge_walsh(const double *sorted, size_t n, uint64_t k)
{
	double low = sorted[0], high = sorted[n - 1];

	if (judge_walsh_count(sorted, n, low) > k)
		return low;
	for (;;) {
		double middle = low + (high - low) / 2.0;

		if (middle <= low || middle >= high)
			return high;
		if (judge_walsh_count(sorted, n, middle) > k)
			high = middle;
		else
			low = middle;
	}
}

double judge_estimate(const double *sorted, size_t n)
{
	uint64_t means = (uint64_t)n * (n + 1) / 2;

	if (n == 0)
		return (double)NAN;
	return (judge_walsh(sorted, n, (means - 1) / 2) + judge_walsh(sorted, n, means / 2)) / 2.0;
}

struct judge_interval judge_interval(const double *sorted, size_t n, double alpha)
{
	struct judge_interval interval = { -(double)INFINITY, (double)INFINITY };
	uint64_t means = (uint64_t)n * (n + 1) / 2;
	int64_t rank = judge_rank(n, alpha);

	if (rank < 0)
		return interval;
	interval.low = judge_walsh(sorted, n, (uint64_t)rank);
	interval.high = judge_walsh(sorted, n, means - 1 - (uint64_t)rank);
	return interval;
}

static void series_judge(struct judge_series *series, size_t epochs, double alpha, double *scratch)
{
	size_t n = 0;

	for (size_t i = 0; i < epochs; i++) {
		if (isfinite(series->ln_ratios[i]))
			scratch[n++] = series->ln_ratios[i];
	}
	stats_sort(scratch, n);
	series->used = n;
	series->judged = n > 0 && (double)n >= JUDGE_USED_MIN * (double)epochs;
	series->estimate = judge_estimate(scratch, n);
	series->interval = judge_interval(scratch, n, alpha);
	series->verdict = JUDGE_INCONCLUSIVE;
	if (!series->judged)
		return;
	if (series->interval.low > series->cut)
		series->verdict = JUDGE_FAIL;
	else if (series->interval.high < series->cut)
		series->verdict = JUDGE_PASS;
}

enum judge_verdict judge_look(struct judge_series *series, size_t count, size_t epochs,
			      double alpha, double *scratch)
{
	size_t decisive = 0, passed = 0;
	bool failed = false, doubtful = false;

	for (size_t i = 0; i < count; i++)
		decisive += series[i].decisive;
	for (size_t i = 0; i < count; i++) {
		double share = series[i].decisive ? DECISIVE_SHARE : 1.0 - DECISIVE_SHARE;
		size_t sharers = series[i].decisive ? decisive : count - decisive;

		series_judge(&series[i], epochs, alpha * share / (double)(sharers * JUDGE_LOOKS),
			     scratch);
		failed |= series[i].verdict == JUDGE_FAIL;
		doubtful |= series[i].judged && series[i].estimate > series[i].cut;
		passed += series[i].decisive && series[i].verdict == JUDGE_PASS;
	}
	if (failed)
		return JUDGE_FAIL;
	return decisive && passed == decisive && !doubtful ? JUDGE_PASS : JUDGE_INCONCLUSIVE;
}

size_t judge_next_look(size_t epochs)
{
	size_t at = LOOK_FIRST;

	for (int look = 1; look < JUDGE_LOOKS; look++) {
		size_t grown = (size_t)((double)at * LOOK_GROWTH);

		if (at > epochs)
			return at;
		at += grown > LOOK_STEP ? grown : LOOK_STEP;
	}
	return SIZE_MAX;
}

enum judge_verdict judge_sequence(struct judge_series *series, size_t count, size_t *epochs,
				  double alpha, double *scratch)
{
	size_t end = *epochs, at = 0;

	for (;;) {
		enum judge_verdict verdict;

		at = judge_next_look(at);
		if (at > end)
			at = end;
		verdict = judge_look(series, count, at, alpha, scratch);
		*epochs = at;
		if (verdict != JUDGE_INCONCLUSIVE || at == end)
			return verdict;
	}
}
