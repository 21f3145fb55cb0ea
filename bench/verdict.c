/* Epochs to series, series to a verdict. See verdict.h. */
#include "bench/verdict.h"

#include "bench/stats.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PRESENT_EPOCHS 20 /* a subject that is missing in all of these is not looked at */

static bool is_present(const struct epoch_row *row, int subject, int quantile)
{
	for (size_t i = 0; i < row->count && i < PRESENT_EPOCHS; i++) {
		if (isfinite(row->epochs[i].values[subject][quantile].ln_ratio))
			return true;
	}
	return false;
}

static double delta_of(const struct verdict_rule *rule, int subject, int quantile)
{
	double own = rule->phase_delta[subject];
	double delta = own > 0.0 ? own : rule->delta;

	return quantile == EPOCH_P90 ? VERDICT_P90_FACTOR * delta : delta;
}

/* Phases have no p90 of their own: a tail belongs to whatever was interrupted. */
static bool is_judged(const struct epoch_row *row, const struct verdict_rule *rule, int subject,
		      int quantile)
{
	if (!rule->quantiles[quantile] || (quantile == EPOCH_P90 && subject != EPOCH_TOTAL))
		return false;
	return subject == EPOCH_TOTAL || is_present(row, subject, quantile);
}

static int series_make(struct verdict *verdict, const struct epoch_row *row,
		       const struct verdict_rule *rule)
{
	double *at;

	verdict_close(verdict);
	*verdict = (struct verdict){ .reason = -1 };
	verdict->memory = calloc(row->count * (VERDICT_SERIES + 1) + 1, sizeof(double));
	if (!verdict->memory)
		return -ENOMEM;
	at = verdict->memory + row->count; /* after the scratch */
	for (int subject = EPOCH_SUBJECTS - 1; subject >= 0; subject--) {
		for (int q = 0; q < EPOCH_QUANTILES; q++) {
			if (!is_judged(row, rule, subject, q))
				continue;
			for (size_t i = 0; i < row->count; i++)
				at[i] = row->epochs[i].values[subject][q].ln_ratio;
			verdict->subjects[verdict->count] =
				(struct verdict_subject){ .subject = subject, .quantile = q };
			verdict->series[verdict->count++] = (struct judge_series){
				.ln_ratios = at,
				.cut = log1p(delta_of(rule, subject, q) / 2.0),
				.decisive = subject == EPOCH_TOTAL && q != EPOCH_P90,
			};
			at += row->count;
		}
	}
	return 0;
}

static double median_of(const struct epoch_row *row, struct verdict *verdict, size_t series,
			bool head)
{
	const struct verdict_subject *about = &verdict->subjects[series];
	size_t n = 0;

	for (size_t i = 0; i < verdict->epochs; i++) {
		const struct epoch_value *value =
			&row->epochs[i].values[about->subject][about->quantile];
		double ns = head ? value->head_ns : value->base_ns;

		if (isfinite(ns))
			verdict->memory[n++] = ns;
	}
	stats_sort(verdict->memory, n);
	return stats_median(verdict->memory, n);
}

/* Does it stand against a pass? */
static bool is_open(const struct judge_series *series)
{
	return series->decisive ? series->verdict != JUDGE_PASS
				: series->judged && series->estimate > series->cut;
}

/* The series that decided: of a failure the furthest beyond its cut, else the widest open one. */
static void reason_find(struct verdict *verdict)
{
	const bool failed = verdict->verdict == JUDGE_FAIL;
	double most = -(double)INFINITY;

	for (size_t i = 0; i < verdict->count; i++) {
		const struct judge_series *series = &verdict->series[i];
		double beyond =
			(failed ? series->interval.low : series->interval.high) - series->cut;

		if (!(failed ? series->verdict == JUDGE_FAIL : is_open(series)))
			continue;
		if (series->decisive) /* the whole before its parts */
			beyond += 100.0;
		if (beyond > most || verdict->reason < 0) {
			most = beyond;
			verdict->reason = (int)i;
		}
	}
}

static void verdict_finish(struct verdict *verdict, const struct epoch_row *row)
{
	for (size_t i = 0; i < verdict->count; i++) {
		verdict->subjects[i].base_ns = median_of(row, verdict, i, false);
		verdict->subjects[i].head_ns = median_of(row, verdict, i, true);
	}
	if (verdict->verdict != JUDGE_PASS)
		reason_find(verdict);
}

int verdict_look(struct verdict *verdict, const struct epoch_row *row,
		 const struct verdict_rule *rule, size_t epochs)
{
	int r = series_make(verdict, row, rule);

	if (r < 0)
		return r;
	verdict->epochs = epochs < row->count ? epochs : row->count;
	verdict->verdict = judge_look(verdict->series, verdict->count, verdict->epochs,
				      rule->alpha / (double)rule->rows, verdict->memory);
	verdict_finish(verdict, row);
	return 0;
}

int verdict_replay(struct verdict *verdict, const struct epoch_row *row,
		   const struct verdict_rule *rule)
{
	int r = series_make(verdict, row, rule);

	if (r < 0)
		return r;
	verdict->epochs = row->count;
	verdict->verdict = judge_sequence(verdict->series, verdict->count, &verdict->epochs,
					  rule->alpha / (double)rule->rows, verdict->memory);
	verdict_finish(verdict, row);
	return 0;
}

void verdict_close(struct verdict *verdict)
{
	free(verdict->memory);
	verdict->memory = NULL;
}

double verdict_percent(double ln_ratio)
{
	return 100.0 * expm1(ln_ratio);
}

const char *verdict_reason(const struct verdict *verdict, char *buffer, size_t size)
{
	const struct judge_series *series;
	const struct verdict_subject *about;

	buffer[0] = '\0';
	if (verdict->reason < 0)
		return buffer;
	series = &verdict->series[verdict->reason];
	about = &verdict->subjects[verdict->reason];
	snprintf(buffer, size, "%s %s %+.2f %% [%+.2f, %+.2f], %s %.3g %%",
		 epoch_subject_name(about->subject), epoch_quantile_name(about->quantile),
		 verdict_percent(series->estimate), verdict_percent(series->interval.low),
		 verdict_percent(series->interval.high),
		 verdict->verdict == JUDGE_FAIL ? "more than" : "on neither side of",
		 verdict_percent(series->cut));
	return buffer;
}
