/* Order statistics and what is built from them. See stats.h for the definitions. */
#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void stats_sort(double *values, size_t n)
{
	if (n > 1)
		qsort(values, n, sizeof(values[0]), compare);
}

double stats_mean(const double *values, size_t n)
{
	double sum = 0.0;

	for (size_t i = 0; i < n; i++)
		sum += values[i];
	return n ? sum / (double)n : (double)NAN;
}

double stats_percentile(const double *sorted, size_t n, double p)
{
	double position, below;
	size_t i;

	if (n == 0)
		return (double)NAN;
	position = (double)(n - 1) * p / 100.0;
	below = floor(position);
	i = (size_t)below;
	if (i + 1 >= n)
		return sorted[n - 1];
	return sorted[i] + (position - below) * (sorted[i + 1] - sorted[i]);
}

double stats_median(const double *sorted, size_t n)
{
	return stats_percentile(sorted, n, 50.0);
}

/*
 * The k-th smallest (k from 0) distance from `centre`. The distances fall towards the centre and
 * rise after it, so the k + 1 nearest values are a window of the sorted array: no copy, no second
 * sort.
 */
static double distance_nearest(const double *sorted, size_t n, double centre, size_t k)
{
	size_t low = 0, high = n - 1;

	while (high - low > k) {
		if (centre - sorted[low] > sorted[high] - centre)
			low++;
		else
			high--;
	}
	return fmax(centre - sorted[low], sorted[high] - centre);
}

double stats_mad(const double *sorted, size_t n)
{
	double centre = stats_median(sorted, n);

	if (n == 0)
		return (double)NAN;
	return 0.5 * (distance_nearest(sorted, n, centre, (n - 1) / 2) +
		      distance_nearest(sorted, n, centre, n / 2));
}

double stats_trimmed_mean(const double *sorted, size_t n, size_t drop)
{
	if (n <= 2 * drop)
		return (double)NAN;
	return stats_mean(sorted + drop, n - 2 * drop);
}

/* P(X <= k) for X binomial(n, 1/2), summed in logarithms so that no n is too large. */
static double binomial_half_cdf(size_t k, size_t n)
{
	double log_term = -(double)n * log(2.0);
	double sum = 0.0;

	for (size_t i = 0; i <= k; i++) {
		sum += exp(log_term);
		log_term += log((double)(n - i)) - log((double)(i + 1));
	}
	return sum;
}

struct stats_interval stats_median_interval(const double *sorted, size_t n, double confidence)
{
	struct stats_interval interval = { (double)NAN, (double)NAN };
	double tail = (1.0 - confidence) / 2.0;
	size_t low = 0, high = n / 2;

	if (n == 0 || binomial_half_cdf(0, n) > tail)
		return interval;
	/* The largest k with P(X <= k) <= tail: the interval is [x(k), x(n-1-k)], k from 0. */
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (binomial_half_cdf(middle, n) <= tail)
			low = middle;
		else
			high = middle;
	}
	interval.low = sorted[low];
	interval.high = sorted[n - 1 - low];
	return interval;
}

struct stats_summary stats_summarise(double *values, size_t n)
{
	stats_sort(values, n);
	return (struct stats_summary){
		.n = n,
		.min = n ? values[0] : (double)NAN,
		.p10 = stats_percentile(values, n, 10.0),
		.p50 = stats_median(values, n),
		.p90 = stats_percentile(values, n, 90.0),
		.p99 = stats_percentile(values, n, 99.0),
		.max = n ? values[n - 1] : (double)NAN,
		.mean = stats_mean(values, n),
		.mad = stats_mad(values, n),
		.trimmed = stats_trimmed_mean(values, n, STATS_TRIM),
		.p50_interval = stats_median_interval(values, n, 0.95),
	};
}
