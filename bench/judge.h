/*
 * The gate's judgement: what epochs of two arms in lockstep prove. Pure functions over arrays.
 *
 * An epoch gives one ln(head / base) per quantile. Its order was decided by a coin, so under "no
 * difference" its sign is a fair coin whatever the machine does, and the signed-rank test is exact
 * (Wilcoxon 1945; the interval: Hodges and Lehmann 1963). Loads are never tested, epochs are.
 */
#ifndef SOLOAD_BENCH_JUDGE_H
#define SOLOAD_BENCH_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum judge_verdict { JUDGE_PASS, JUDGE_FAIL, JUDGE_INCONCLUSIVE };

/* The z with P(Z > z) = alpha of the normal distribution. */
double judge_normal(double alpha);

/*
 * The largest c with P(T <= c) <= alpha, T the signed-rank statistic of n values; -1 when even 0 is
 * likelier than that. Exact up to JUDGE_EXACT_MAX values, above by the normal distribution, which
 * errs on the side of a wider interval for an alpha of 0.01 and less, and by one rank at most
 * above.
 */
#define JUDGE_EXACT_MAX 64
int64_t judge_rank(size_t n, double alpha);

/* How many of the n (n + 1) / 2 means of two values (each also with itself) are at most `value`. */
uint64_t judge_walsh_count(const double *sorted, size_t n, double value);

/* The k-th smallest of these means, k from 0. */
double judge_walsh(const double *sorted, size_t n, uint64_t k);

/* The Hodges-Lehmann estimate: their median. NaN of no values. */
double judge_estimate(const double *sorted, size_t n);

struct judge_interval {
	double low, high; /* -INFINITY and INFINITY when n is too small for alpha */
};

/* Each end is wrong with a probability of at most alpha. */
struct judge_interval judge_interval(const double *sorted, size_t n, double alpha);

/* One thing that is judged: a quantile of the whole load, or of one phase. */
struct judge_series {
	const double *ln_ratios; /* per epoch; NaN = nothing to say in that one */
	double cut;		 /* ln; what lies above it is a regression */
	bool decisive; /* its interval must lie below its cut for a PASS; of others the estimate */

	/* Filled in by judge_look(). */
	size_t used; /* epochs that counted */
	bool judged; /* enough of them had something to say */
	double estimate;
	struct judge_interval interval;
	enum judge_verdict verdict;
};

/* The share of all epochs that must have had something to say. */
#define JUDGE_USED_MIN 0.9

/*
 * Looks at the first `epochs` of every series: FAIL when an interval lies above its cut, PASS when
 * those of all decisive ones lie below (and there is one) and no series is estimated above its cut,
 * else INCONCLUSIVE: what looks like a regression is waited for, until it is one or is not. `alpha`
 * is that of the whole sequence of JUDGE_LOOKS looks: the decisive series share four fifths of it,
 * the others the rest. `scratch` holds `epochs` doubles.
 */
#define JUDGE_LOOKS 36
enum judge_verdict judge_look(struct judge_series *series, size_t count, size_t epochs,
			      double alpha, double *scratch);

/* After how many epochs the next look is due: the 20th, then every 8 epochs or every 8 %, whichever
 * is more; SIZE_MAX when all but the last look, at the end of the budget, have been taken. */
size_t judge_next_look(size_t epochs);

/* All looks in turn, the last one at the end: the verdict, and after how many epochs. */
enum judge_verdict judge_sequence(struct judge_series *series, size_t count, size_t *epochs,
				  double alpha, double *scratch);

#endif
