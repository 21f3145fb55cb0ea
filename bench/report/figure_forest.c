/* Did this change it: the ratio head to base with its interval, per loader and phase, as a gate
 * recorded it. The gate's own figures (summary.csv) are shown where there are any; otherwise the
 * median over epochs with an interval by order statistics. */
#include "bench/report/figures.h"

#include "bench/report/forest.h"
#include "bench/report/reduce.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool row_is_new(const struct forest *forest, const struct data_epoch *epoch)
{
	for (size_t i = 0; i < forest->n; i++) {
		const struct forest_row *row = &forest->rows[i];

		if (row->run == epoch->run && row->loader == epoch->loader &&
		    row->scenario == epoch->scenario && row->phase == epoch->phase)
			return false;
	}
	return true;
}

static bool row_from_epochs(struct forest_row *row, const struct data *data)
{
	double *logs = calloc(data->epochs.n, sizeof(*logs));
	struct stats_interval interval;
	size_t n = 0;

	for (size_t i = 0; logs && i < data->epochs.n; i++) {
		const struct data_epoch *epoch = &data->epochs.at[i];

		if (epoch->run == row->run && epoch->loader == row->loader &&
		    epoch->scenario == row->scenario && epoch->phase == row->phase &&
		    strcmp(epoch->quantile, "p50") == 0)
			logs[n++] = epoch->ln_ratio;
	}
	if (n) {
		stats_sort(logs, n);
		interval = stats_median_interval(logs, n, 0.95);
		row->ratio = exp(stats_median(logs, n));
		row->low = exp(interval.low);
		row->high = exp(interval.high);
		row->epochs = n;
	}
	free(logs);
	return n && isfinite(row->ratio);
}

static void rows_from_epochs(struct forest *forest, const struct data *data)
{
	for (size_t i = 0; i < data->epochs.n && forest->n < FOREST_ROWS_MAX; i++) {
		const struct data_epoch *epoch = &data->epochs.at[i];
		struct forest_row *row = &forest->rows[forest->n];

		if (strcmp(epoch->phase, "total") != 0 || !row_is_new(forest, epoch))
			continue;
		*row = (struct forest_row){ .run = epoch->run,
					    .loader = epoch->loader,
					    .scenario = epoch->scenario,
					    .phase = epoch->phase };
		forest->n += row_from_epochs(row, data);
	}
}

static void rows_from_summary(struct forest *forest, const struct data *data)
{
	for (size_t i = 0; i < data->figures.n && forest->n < FOREST_ROWS_MAX; i++) {
		const struct data_figure *row = &data->figures.at[i];

		if (strcmp(row->metric, "ratio.p50") != 0 || strcmp(row->phase, "total") != 0 ||
		    !(row->value > 0))
			continue;
		forest->rows[forest->n++] = (struct forest_row){
			row->run,      row->loader,
			row->scenario, row->phase,
			row->value,    row->low,
			row->high,     row->n == SAMPLE_NONE ? 0 : (size_t)row->n
		};
	}
}

static int row_compare(const void *left, const void *right)
{
	const struct forest_row *a = left, *b = right;

	if (a->ratio != b->ratio)
		return a->ratio > b->ratio ? -1 : 1;
	return strcmp(a->loader, b->loader);
}

void forest_collect(struct forest *forest, const struct data *data)
{
	forest->n = 0;
	rows_from_summary(forest, data);
	if (forest->n == 0)
		rows_from_epochs(forest, data);
	qsort(forest->rows, forest->n, sizeof(forest->rows[0]), row_compare);
}

enum forest_verdict forest_verdict(const struct forest_row *row)
{
	if (!isfinite(row->low) || !isfinite(row->high))
		return FOREST_UNKNOWN;
	return row->low > 1 ? FOREST_SLOWER : row->high < 1 ? FOREST_FASTER : FOREST_SAME;
}

static void row_write(struct plot *plot, const struct forest_row *row, double *limits)
{
	static const char *const colours[] = { "#777777", "#0072b2", "#d55e00", "#bbbbbb" };
	bool bounded = isfinite(row->low) && isfinite(row->high);
	double low = bounded ? row->low : row->ratio, high = bounded ? row->high : row->ratio;
	char label[600], text[80];

	snprintf(label, sizeof(label), "%s, %s", row->loader, row->scenario);
	plot_field(plot, (double)plot->rows);
	plot_label(plot, label);
	if (bounded)
		snprintf(text, sizeof(text), "%+.1f %% [%+.1f, %+.1f]", 100 * (row->ratio - 1),
			 100 * (low - 1), 100 * (high - 1));
	else
		snprintf(text, sizeof(text), "%+.1f %% [too few]", 100 * (row->ratio - 1));
	fprintf(plot->table, "%s\t%s\t", text, colours[forest_verdict(row)]);
	plot_field(plot, row->ratio);
	plot_field(plot, low);
	plot_field(plot, high);
	plot_row_end(plot);
	limits[0] = fmin(limits[0], low);
	limits[1] = fmax(limits[1], high);
}

int figure_forest(struct data *data, struct plots *plots, struct err *err)
{
	struct forest *forest = calloc(1, sizeof(*forest));
	double limits[2] = { 0.9, 1.1 }, cut;
	struct plot *plot = NULL;
	uint32_t run = 0;
	size_t n;

	if (!forest)
		return err_set(err, ENOMEM, "out of memory");
	forest_collect(forest, data);
	n = forest->n;
	if (n)
		plot = plot_open(plots, "forest", "forest", err);
	for (size_t i = 0; plot && i < n; i++) {
		row_write(plot, &forest->rows[i], limits);
	}
	if (n)
		run = forest->rows[0].run;
	free(forest);
	if (!plot)
		return n ? -EIO : 0;
	cut = data_number(&data->runs[run], "options.delta");
	plot_number(plot, "cut", isfinite(cut) && cut > 0 ? 1 + cut : 0);
	plot_number(plot, "x_low", fmax(limits[0], 0.25));
	plot_number(plot, "x_high", fmin(limits[1], 4.0));
	plot_title(plot, "Did this change make loading slower?");
	plot_subtitle(plot,
		      "ratio of medians, head to base, with its interval; vermilion: slower, blue: "
		      "faster, grey: cannot be told");
	plot_text(plot, "x_label", "time of head / time of base");
	plot_machine(plot, data, run);
	plot_alt(plot, "Ratio of head to base with intervals for %zu rows.", n);
	return plot_close(plot, err) < 0 ? -EIO : 1;
}
