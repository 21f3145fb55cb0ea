/*
 * Statistics over plain arrays: pure functions, no state, no allocation. Wherever a parameter is
 * called `sorted`, the array must be in ascending order without NaN (stats_sort). A figure that
 * does not exist (of no values, or of too few) is NaN.
 */
#ifndef SOLOAD_BENCH_STATS_H
#define SOLOAD_BENCH_STATS_H

#include <stdbool.h>
#include <stddef.h>

struct stats_interval {
	double low, high;
};

void stats_sort(double *values, size_t n);

double stats_mean(const double *values, size_t n);

/* Of a sample: divided by n - 1. NaN below two values. */
double stats_stddev(const double *values, size_t n);

/*
 * The p-th percentile, p from 0 to 100: linear interpolation between the two order statistics
 * around position (n - 1) p / 100. Hyndman and Fan 1996, type 7; numpy's and R's default.
 */
double stats_percentile(const double *sorted, size_t n, double p);
double stats_median(const double *sorted, size_t n);

/* The median of what is not NaN among n values, each `stride` after the one before. `scratch` has
 * room for n, and may be `values` where those are no longer needed and lie side by side. */
double stats_median_known(const double *values, size_t n, size_t stride, double *scratch);

/* The median of |x - median|, not scaled to a standard deviation. */
double stats_mad(const double *sorted, size_t n);

/* The mean without the `drop` lowest and the `drop` highest; NaN unless n > 2 drop. */
double stats_trimmed_mean(const double *sorted, size_t n, size_t drop);

/*
 * The power of x that y grows with: the slope of the least squares of ln y over ln x. 1 = in
 * proportion, 0 = no matter what x is. Pairs that are not both above 0 are left out; NaN when fewer
 * than two different x are left.
 */
double stats_power(const double *x, const double *y, size_t n);

/*
 * Are these of two kinds? The cut into a low and a high class that explains most of the variance of
 * the logarithms (Otsu 1979), accepted when each class has a fifth of the values, the classes'
 * medians are a factor of STATS_KINDS_APART apart, and it explains STATS_KINDS_CLEAR of the
 * variance (a normal distribution: 0.64, a uniform one: 0.75). Positive values only.
 */
#define STATS_KINDS_APART 1.15
#define STATS_KINDS_CLEAR 0.85
struct stats_kinds {
	bool two;
	double low, high;  /* medians of the classes */
	double high_share; /* of the values */
};
struct stats_kinds stats_kinds(const double *sorted, size_t n);

/* What upstream's table calls "Trimmed Avg": ten dropped at either end, from 21 rounds on. */
#define STATS_TRIM 10

/*
 * An interval that covers the median with at least `confidence` whatever the distribution: two
 * order statistics, by the binomial distribution (David and Nagaraja, Order Statistics, 7.1). It
 * assumes independent values. NaN when n is too small for that confidence (n < 6 at 0.95).
 */
struct stats_interval stats_median_interval(const double *sorted, size_t n, double confidence);

struct stats_summary {
	size_t n;
	double min, p10, p50, p90, p99, max, mean, stddev, mad, trimmed;
	struct stats_interval p50_interval; /* 95 % */
};

/* Sorts `values` in place. */
struct stats_summary stats_summarise(double *values, size_t n);

#endif
