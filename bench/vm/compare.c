/* Medians and their intervals, the limit between them, and what it comes to. See compare.h. */
#include "bench/vm/compare.h"

#include "bench/command.h"
#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct compare_limit compare_limits[COUNTS_METRICS] = {
	[COUNTS_TIME] = { 0.01, 64, 64 }, /* four ticks of the counter */
	[COUNTS_USER] = { 0.001, 16, 2 },
	[COUNTS_KERNEL] = { 0.01, 64, 64 },
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

/* Of too few for an interval: all of them. */
static struct stats_interval interval_of(const double *values, size_t n)
{
	struct stats_interval interval = stats_median_interval(values, n, 0.999);

	if (isnan(interval.low) || isnan(interval.high))
		return (struct stats_interval){ values[0], values[n - 1] };
	return interval;
}

static bool apart(const double *low, size_t low_n, const double *high, size_t high_n)
{
	return interval_of(low, low_n).high < interval_of(high, high_n).low;
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

	if (cell.base == UINT64_MAX || cell.head == UINT64_MAX ||
	    (base->lacking | head->lacking) >> column & 1)
		return cell;
	cell.verdict = COMPARE_SAME;
	step = fmax(limit->share * (double)cell.base,
		    (double)(column == COUNTS_TOTAL ? limit->least_total : limit->least));
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

enum compare_state compare_state(const struct counts *counts, const struct compare_side *base,
				 const struct compare_side *head, enum counts_metric metric,
				 const char **ret_why)
{
	const struct counts_row *was = counts_find(counts, base->side, base->loader, metric);
	const struct counts_row *is = counts_find(counts, head->side, head->loader, metric);

	*ret_why = "";
	if (!was || was->error[0]) {
		*ret_why = was ? was->error : "nothing was counted";
		return COMPARE_NO_BASE;
	}
	if (!is || is->error[0]) {
		*ret_why = is ? is->error : "nothing was counted";
		return COMPARE_NO_HEAD;
	}
	return COMPARE_BOTH;
}

void compare_states_add(struct compare_outcome *outcome, const struct counts *counts,
			const struct compare_side *base, const struct compare_side *head)
{
	size_t absent = 0;

	for (int i = 0; i < COUNTS_METRICS; i++) {
		enum counts_metric metric = (enum counts_metric)i;
		const char *why;
		enum compare_state state = compare_state(counts, base, head, metric, &why);

		absent += state == COMPARE_NO_BASE;
		if (state != COMPARE_NO_HEAD)
			continue;
		if (!outcome->failed++)
			snprintf(outcome->reason, sizeof(outcome->reason), "%.100s:%s fails in %s",
				 head->loader, counts_metric_name(metric), head->side);
	}
	if (absent < COUNTS_METRICS)
		outcome->partial += absent;
}

void compare_cell_add(struct compare_outcome *outcome, const struct compare_cell *cell,
		      const char *name, enum counts_metric metric, int column)
{
	outcome->judged += cell->verdict != COMPARE_NOTHING;
	outcome->less += cell->verdict == COMPARE_LESS;
	outcome->more += cell->verdict == COMPARE_MORE;
	if (cell->verdict == COMPARE_MORE && !outcome->reason[0])
		snprintf(outcome->reason, sizeof(outcome->reason), "%.200s:%s.%s", name,
			 counts_metric_name(metric), counts_column_name(column));
}

size_t compare_difference(const char *a, const char *b)
{
	size_t line = 1;

	for (; *a && *a == *b; a++, b++)
		line += *a == '\n';
	return *a == *b ? 0 : line;
}

int compare_verdict(const struct compare_outcome *outcome, char *ret_text, size_t size)
{
	if (outcome->failed) {
		snprintf(ret_text, size, "verdict=fail reason=%s", outcome->reason);
		return EXIT_MEASURED_FAILURE;
	}
	if (outcome->differs) {
		snprintf(ret_text, size,
			 "verdict=inconclusive (two boots of the same builds differ from line %zu "
			 "on: nothing can be judged here)",
			 outcome->differs);
		return EXIT_INCONCLUSIVE;
	}
	if (outcome->more) {
		snprintf(ret_text, size, "verdict=fail reason=%s (%zu of %zu cells rose)",
			 outcome->reason, outcome->more, outcome->judged);
		return EXIT_MEASURED_FAILURE;
	}
	if (!outcome->judged) {
		snprintf(ret_text, size, "verdict=skipped (BASE counts nothing)");
		return EXIT_SKIPPED;
	}
	if (outcome->partial) {
		snprintf(
			ret_text, size,
			"verdict=inconclusive (none of %zu cells rose, but BASE did not count all)",
			outcome->judged);
		return EXIT_INCONCLUSIVE;
	}
	snprintf(ret_text, size,
		 "verdict=pass (%zu cells, none rose, %zu fell; two boots identical)",
		 outcome->judged, outcome->less);
	return EXIT_DONE;
}
