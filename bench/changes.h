/*
 * Where a series of measured values changes its level: the cut into segments of one level each that
 * fits best, every further cut at a fixed price (optimal partitioning, Jackson et al. 2005; PELT,
 * Killick et al. 2012, finds the same cut in less time). Pure functions over arrays.
 */
#ifndef SOLOAD_BENCH_CHANGES_H
#define SOLOAD_BENCH_CHANGES_H

#include <stddef.h>

/* A value and its standard deviation, above 0, in the same unit. Values are taken to be normal. */
struct change_value {
	double value, sigma;
};

/*
 * The price of a cut into n values: chance alone, if nothing changed, explains more than this at
 * one of the n - 1 places with a probability of at most `alpha`.
 */
double changes_price(size_t n, double alpha);

/*
 * ret_level[i] is the level of the segment value i belongs to: its mean, weighted by 1 / sigma^2.
 * A segment ends where the level differs from the next one's. Returns how many segments there are,
 * 0 of no values, or -ENOMEM. Work grows with the square of n.
 */
long changes_find(const struct change_value *values, size_t n, double price, double *ret_level);

/* What a cut into segments is worth, the smaller the better: squares in units of sigma. */
double changes_cost(const struct change_value *values, size_t n, double level);

#endif
