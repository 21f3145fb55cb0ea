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

double stats_stddev(const double *values, size_t n)
{
	double mean = stats_mean(values, n), sum = 0.0;

	for (size_t i = 0; i < n; i++)
		sum += (values[i] - mean) * (values[i] - mean);
	return n > 1 ? sqrt(sum / (double)(n - 1)) : (double)NAN;
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

double stats_median_known(const double *values, size_t n, size_t stride, double *scratch)
{
	size_t known = 0;

	for (size_t i = 0; i < n; i++) {
		if (!isnan(values[i * stride]))
			scratch[known++] = values[i * stride];
	}
	stats_sort(scratch, known);
	return stats_median(scratch, known);
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

double stats_power(const double *x, const double *y, size_t n)
{
	double count = 0.0, sx = 0.0, sy = 0.0, sxx = 0.0, sxy = 0.0, below;

	for (size_t i = 0; i < n; i++) {
		double u, v;

		if (!(x[i] > 0.0 && y[i] > 0.0))
			continue;
		u = log(x[i]);
		v = log(y[i]);
		count += 1.0;
		sx += u;
		sy += v;
		sxx += u * u;
		sxy += u * v;
	}
	below = count * sxx - sx * sx;
	return below > 1e-9 ? (count * sxy - sx * sy) / below : (double)NAN;
}

struct stats_kinds stats_kinds(const double *sorted, size_t n)
{
	struct stats_kinds kinds = { 0 };
	double sum = 0.0, squares = 0.0, below = 0.0, best = 0.0;
	size_t cut = 0;

	for (size_t i = 0; i < n; i++) {
		double ln = log(sorted[i] / sorted[0]);

		sum += ln;
		squares += ln * ln;
	}
	/* Between the classes: n1 n2 / n (mean1 - mean2)^2, as a share of all variance. */
	for (size_t i = 1; i < n; i++) {
		double apart, between;

		below += log(sorted[i - 1] / sorted[0]);
		apart = below / (double)i - (sum - below) / (double)(n - i);
		between = (double)i * (double)(n - i) / (double)n * apart * apart;
		if (between > best && sorted[i] > sorted[i - 1]) {
			best = between;
			cut = i;
		}
	}
	if (!cut || 5 * cut < n || 5 * (n - cut) < n)
		return kinds;
	kinds.low = stats_median(sorted, cut);
	kinds.high = stats_median(sorted + cut, n - cut);
	kinds.high_share = (double)(n - cut) / (double)n;
	kinds.two = kinds.high >= STATS_KINDS_APART * kinds.low &&
		    best >= STATS_KINDS_CLEAR * (squares - sum * sum / (double)n);
	return kinds;
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
		.stddev = stats_stddev(values, n),
		.mad = stats_mad(values, n),
		.trimmed = stats_trimmed_mean(values, n, STATS_TRIM),
		.p50_interval = stats_median_interval(values, n, 0.95),
	};
}
