/* Medians and their intervals, and the limit between them. See compare.h. */
#include "bench/vm/compare.h"

#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct compare_limit compare_limits[COUNTS_METRICS] = {
	[COUNTS_TIME] = { 0.01, 64 }, /* four ticks of the counter */
	[COUNTS_USER] = { 0.001, 16 },
	[COUNTS_KERNEL] = { 0.01, 64 },
};

/* Sorted; the caller frees it. NULL = none, or no memory. */
static double *values_take(const struct counts *counts, const struct counts_row *like,
			   enum counts_metric metric, int column, size_t *ret_n)
{
	double *values = calloc(counts->count + 1, sizeof(values[0]));
	size_t n = 0;

	for (size_t i = 0; values && i < counts->count; i++) {
		const struct counts_row *row = &counts->rows[i];

		if (counts_row_is_of(row, like, metric))
			values[n++] = (double)row->values[column];
	}
	if (values)
		stats_sort(values, n);
	*ret_n = n;
	return values;
}

static bool apart(const double *low, size_t low_n, const double *high, size_t high_n)
{
	struct stats_interval a = stats_median_interval(low, low_n, 0.999);
	struct stats_interval b = stats_median_interval(high, high_n, 0.999);

	/* Too few for an interval: all of them must be on their side. */
	if (isnan(a.high) || isnan(b.low))
		return low[low_n - 1] < high[0];
	return a.high < b.low;
}

struct compare_cell compare_judge(const struct counts *counts, const struct counts_row *base,
				  const struct counts_row *head, enum counts_metric metric,
				  int column)
{
	struct compare_cell cell = {
		.base = counts_median(counts, base, metric, column),
		.head = counts_median(counts, head, metric, column),
		.verdict = COMPARE_NOTHING,
	};
	const struct compare_limit *limit = &compare_limits[metric];
	size_t base_n, head_n;
	double *a, *b, step;

	if (cell.base == UINT64_MAX || cell.head == UINT64_MAX)
		return cell;
	cell.verdict = COMPARE_SAME;
	step = fmax(limit->share * (double)cell.base, (double)limit->least);
	if (fabs((double)cell.head - (double)cell.base) <= step)
		return cell;
	a = values_take(counts, base, metric, column, &base_n);
	b = values_take(counts, head, metric, column, &head_n);
	if (a && b && cell.head > cell.base && apart(a, base_n, b, head_n))
		cell.verdict = COMPARE_MORE;
	if (a && b && cell.head < cell.base && apart(b, head_n, a, base_n))
		cell.verdict = COMPARE_LESS;
	free(a);
	free(b);
	return cell;
}
