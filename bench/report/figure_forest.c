/* Did this change it: the ratio head to base with its interval, per loader and phase, as gates
 * recorded it. A gate's own figures (summary.csv) are shown where its record has any; otherwise the
 * median over its epochs with an interval by order statistics. */
#include "bench/report/figures.h"

#include "bench/report/characters.h"
#include "bench/report/forest.h"
#include "bench/report/reduce.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_SHOWN 30
#define OWN_LEVEL 0.95 /* of intervals made here */

static int address_compare(const char *a, const char *b)
{
	return ((uintptr_t)a > (uintptr_t)b) - ((uintptr_t)a < (uintptr_t)b);
}

/* By what a row is about: names that are equal have one address. */
static int subject_compare(const void *left, const void *right)
{
	const struct data_epoch *a = *(const struct data_epoch *const *)left;
	const struct data_epoch *b = *(const struct data_epoch *const *)right;
	int order = (a->run > b->run) - (a->run < b->run);

	order = order ? order : address_compare(a->loader, b->loader);
	order = order ? order : address_compare(a->scenario, b->scenario);
	return order ? order : address_compare(a->phase, b->phase);
}

/* Of n epochs about one thing; `logs` has room for them. False when they have no median. */
static bool row_from_epochs(struct forest_row *row, const struct data_epoch *const *epochs,
			    size_t n, double *logs)
{
	struct stats_interval interval;

	for (size_t i = 0; i < n; i++)
		logs[i] = epochs[i]->ln_ratio;
	stats_sort(logs, n);
	interval = stats_median_interval(logs, n, OWN_LEVEL);
	*row = (struct forest_row){ .run = epochs[0]->run,
				    .loader = epochs[0]->loader,
				    .scenario = epochs[0]->scenario,
				    .phase = epochs[0]->phase,
				    .ratio = exp(stats_median(logs, n)),
				    .low = exp(interval.low),
				    .high = exp(interval.high),
				    .epochs = n,
				    .own = true };
	return isfinite(row->ratio);
}

static bool is_ratio(const struct data_figure *row)
{
	return strcmp(row->metric, "ratio.p50") == 0 && row->value > 0;
}

/* Rows that a finished gate wrote come first: a run with any needs no others. A file may hold any
 * number of subjects: epochs are sorted by theirs, once. */
static void rows_from_epochs(struct forest *forest, const struct data *data)
{
	const struct data_epoch **epochs = calloc(data->epochs.n, sizeof(const void *));
	double *logs = calloc(data->epochs.n, sizeof(*logs));
	bool has_ratios[DATA_RUNS_MAX] = { false };
	size_t n = 0;

	for (size_t i = 0; i < forest->n; i++)
		has_ratios[forest->rows[i].run] = true;
	for (size_t i = 0; epochs && logs && i < data->epochs.n; i++) {
		const struct data_epoch *epoch = &data->epochs.at[i];

		if (!has_ratios[epoch->run] && strcmp(epoch->quantile, "p50") == 0)
			epochs[n++] = epoch;
	}
	if (n)
		qsort(epochs, n, sizeof(const void *), subject_compare);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && subject_compare(&epochs[i], &epochs[end]) == 0;)
			end++;
		forest->n += row_from_epochs(&forest->rows[forest->n], epochs + i, end - i, logs);
	}
	free(epochs);
	free(logs);
}

static void rows_from_summary(struct forest *forest, const struct data *data)
{
	for (size_t i = 0; i < data->figures.n; i++) {
		const struct data_figure *row = &data->figures.at[i];

		if (is_ratio(row))
			forest->rows[forest->n++] = (struct forest_row){
				.run = row->run,
				.loader = row->loader,
				.scenario = row->scenario,
				.phase = row->phase,
				.ratio = row->value,
				.low = row->low,
				.high = row->high,
				.epochs = row->n == SAMPLE_NONE ? 0 : (size_t)row->n,
			};
	}
}

bool forest_is_total(const struct forest_row *row)
{
	return strcmp(row->phase, "total") == 0;
}

enum rank { RANK_SLOWER, RANK_TOTAL, RANK_PHASE };

static enum rank rank_of(const struct forest_row *row)
{
	return forest_verdict(row) == FOREST_SLOWER ? RANK_SLOWER
	       : forest_is_total(row)		    ? RANK_TOTAL
						    : RANK_PHASE;
}

/* To either side. */
static double differs_by(const struct forest_row *row)
{
	return fabs(log(row->ratio));
}

static int row_compare(const void *left, const void *right)
{
	const struct forest_row *a = left, *b = right;
	int order = (int)rank_of(a) - (int)rank_of(b);

	if (order)
		return order;
	if (rank_of(a) == RANK_PHASE && differs_by(a) != differs_by(b))
		return differs_by(a) > differs_by(b) ? -1 : 1;
	if (a->ratio != b->ratio)
		return a->ratio > b->ratio ? -1 : 1;
	order = strcmp(a->loader, b->loader);
	order = order ? order : strcmp(a->phase, b->phase);
	order = order ? order : strcmp(a->scenario, b->scenario);
	return order ? order : (a->run > b->run) - (a->run < b->run);
}

/* No more rows than epochs and figures together. */
void forest_collect(struct forest *forest, const struct data *data)
{
	*forest = (struct forest){
		calloc(data->figures.n + data->epochs.n + 1, sizeof(*forest->rows)), 0
	};
	if (!forest->rows)
		return;
	rows_from_summary(forest, data);
	rows_from_epochs(forest, data);
	qsort(forest->rows, forest->n, sizeof(forest->rows[0]), row_compare);
}

void forest_free(struct forest *forest)
{
	free(forest->rows);
	*forest = (struct forest){ 0 };
}

enum forest_verdict forest_verdict(const struct forest_row *row)
{
	if (!isfinite(row->low) || !isfinite(row->high))
		return FOREST_UNKNOWN;
	return row->low > 1 ? FOREST_SLOWER : row->high < 1 ? FOREST_FASTER : FOREST_SAME;
}

/* The change in percent, without a minus before a zero. */
static double percent(double ratio)
{
	double change = 100.0 * (ratio - 1.0);

	return fabs(change) < 0.05 ? 0.0 : change;
}

static void row_write(struct plot *plot, const struct forest_row *row, double *limits)
{
	static const char *const colours[] = { "#777777", "#0072b2", "#d55e00", "#777777" };
	bool bounded = isfinite(row->low) && isfinite(row->high);
	double low = bounded ? row->low : row->ratio, high = bounded ? row->high : row->ratio;
	char label[600], text[120];

	snprintf(label, sizeof(label), "%s%s%s, %s", row->loader, forest_is_total(row) ? "" : " ",
		 forest_is_total(row) ? "" : row->phase, row->scenario);
	plot_field(plot, (double)plot->rows);
	plot_label(plot, characters_whole(label));
	if (bounded)
		snprintf(text, sizeof(text), "%+.1f %% [%+.1f, %+.1f]  %zu", percent(row->ratio),
			 percent(low), percent(high), row->epochs);
	else
		snprintf(text, sizeof(text), "%+.1f %% [none]  %zu", percent(row->ratio),
			 row->epochs);
	fprintf(plot->table, "%s\t%s\t", text, colours[forest_verdict(row)]);
	plot_field(plot, row->ratio);
	plot_field(plot, low);
	plot_field(plot, high);
	plot_row_end(plot);
	limits[0] = fmin(limits[0], low);
	limits[1] = fmax(limits[1], high);
}

/* What was compared, how sure the intervals are, and what the dashed line is. */
static void forest_describe(struct plot *plot, struct data *data, const struct forest *forest,
			    uint32_t run)
{
	const struct data_run *at = &data->runs[run];
	double alpha = data_number(at, "options.alpha"), delta = data_number(at, "options.delta");
	const char *base = data_text(data, at, "options.base");
	bool cut = isfinite(delta) && delta > 0;
	char level[80], line[80] = "";
	bool own = false, gates = false, none = false;

	for (size_t i = 0; i < forest->n; i++) {
		own |= forest->rows[i].own;
		gates |= !forest->rows[i].own;
		none |= forest_verdict(&forest->rows[i]) == FOREST_UNKNOWN;
	}
	if (gates && isfinite(alpha))
		snprintf(level, sizeof(level), "the gate's, alpha %.3g %%%s", 100 * alpha,
			 own ? ", or of 95 %" : "");
	else
		snprintf(level, sizeof(level), "%s", gates ? "the gate's" : "of 95 %");
	if (cut)
		snprintf(line, sizeof(line), "; dashed: the cut, half of %.3g %%", 100 * delta);
	/* The gate decides between no change and delta in the middle (bench/verdict.h). */
	plot_number(plot, "cut", cut ? 1 + delta / 2 : 0);
	plot_subtitle(plot,
		      "medians, head to base, per loader and phase; interval: %s; last: epochs%s",
		      level, line);
	plot_text(plot, "x_label",
		  "time of head / time of base; vermilion: slower, blue: faster, grey: cannot be "
		  "told");
	plot_text(plot, "note",
		  !none	  ? ""
		  : gates ? "[none]: too few epochs for an interval; phases need more than totals, "
			    "as they share a fifth of the gate's alpha"
			  : "[none]: too few epochs for an interval, which needs six");
	plot_machine(plot, data, run);
	if (*base) {
		size_t used = strlen(plot->noise);

		snprintf(plot->noise + used, sizeof(plot->noise) - used, ". Base: %.*s",
			 CHARACTERS(base, 60));
	}
}

static size_t slower_count(const struct forest_row *rows, size_t n)
{
	size_t slower = 0;

	for (size_t i = 0; i < n; i++)
		slower += forest_verdict(&rows[i]) == FOREST_SLOWER;
	return slower;
}

static int forest_draw(struct data *data, struct plot *plot, const struct forest *forest,
		       struct err *err)
{
	double limits[2] = { 0.9, 1.1 };
	size_t shown = forest->n < ROWS_SHOWN ? forest->n : ROWS_SHOWN;

	for (size_t i = 0; i < shown; i++)
		row_write(plot, &forest->rows[i], limits);
	plot_number(plot, "x_low", fmax(limits[0], 0.25));
	plot_number(plot, "x_high", fmin(limits[1], 4.0));
	plot_title(plot, "Did this change make loading slower?");
	forest_describe(plot, data, forest, forest->rows[0].run);
	plot_alt(plot,
		 "Ratio of head to base with intervals for %zu loads and phases of loads, %zu "
		 "of them slower.",
		 shown, slower_count(forest->rows, shown));
	if (shown < forest->n) {
		data_note(data,
			  "the forest plot shows the worst %zu of %zu rows; %zu of the others are "
			  "slower; the text for a pull request (--pr) lists all",
			  shown, forest->n, slower_count(forest->rows + shown, forest->n - shown));
		plot_alt(plot,
			 "Ratio of head to base with intervals for the worst %zu of %zu loads and "
			 "phases of loads, %zu of them slower.",
			 shown, forest->n, slower_count(forest->rows, forest->n));
	}
	return plot_close(plot, err) < 0 ? -EIO : 1;
}

int figure_forest(struct data *data, struct plots *plots, struct err *err)
{
	struct forest forest;
	struct plot *plot;
	int r = 0;

	forest_collect(&forest, data);
	if (!forest.rows)
		return err_set(err, ENOMEM, "out of memory");
	if (forest.n) {
		plot = plot_open(plots, "forest", "forest", err);
		r = plot ? forest_draw(data, plot, &forest, err) : -EIO;
	}
	forest_free(&forest);
	return r;
}
