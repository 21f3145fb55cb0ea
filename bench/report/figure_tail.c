/* How bad is the tail: the distribution of the total per loader, and what is left beyond each time.
 */
#include "bench/report/figures.h"

#include "bench/report/characters.h"
#include "bench/report/reduce.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_MAX 10
#define LEGEND_CHARACTERS 40
#define POINTS 160 /* per series: evenly over the body, then twenty per decade of the tail */

struct curve {
	double *values;
	size_t n, last;
};

/* The shares of loads at or below the i-th value, and at or above it, written once per value. */
static void point_write(struct plot *plot, struct curve *curve, size_t i)
{
	size_t first = i, last = i;

	if (i >= curve->n)
		return;
	while (last + 1 < curve->n && curve->values[last + 1] == curve->values[i])
		last++;
	while (first > 0 && curve->values[first - 1] == curve->values[i])
		first--;
	if (last == curve->last)
		return;
	curve->last = last;
	plot_field(plot, curve->values[i] / 1000.0);
	plot_field(plot, 100.0 * (double)(last + 1) / (double)curve->n);
	plot_field(plot, 100.0 * (double)(curve->n - first) / (double)curve->n);
	plot_row_end(plot);
}

static void curve_write(struct plot *plot, struct curve *curve)
{
	double left;

	curve->last = SIZE_MAX;
	for (size_t i = 0; i < POINTS; i++)
		point_write(plot, curve, curve->n * i / POINTS);
	for (left = (double)curve->n / POINTS; left >= 1.0; left *= 0.891)
		point_write(plot, curve, curve->n - (size_t)left);
	point_write(plot, curve, curve->n - 1);
	plot_block_end(plot);
}

static void series_write(struct plot *plot, const struct data *data, const struct data_arm *arm,
			 double *limits)
{
	struct curve curve = { 0 };
	char label[600], shown[200], text[120], p50[32], p99[32];
	double at_99;

	curve.values = reduce_values(data, arm, REDUCE_TOTAL, &curve.n);
	if (!curve.values)
		return;
	limits[0] = fmin(limits[0], fmax(curve.values[0], 1.0) / 1000.0);
	limits[1] = fmax(limits[1], curve.values[curve.n - 1] / 1000.0);
	limits[2] = fmin(limits[2], 100.0 / (double)curve.n);
	at_99 = stats_percentile(curve.values, curve.n, 99.0);
	snprintf(text, sizeof(text), "p50 %s, p99 %s",
		 plot_time(stats_median(curve.values, curve.n), p50, sizeof(p50)),
		 curve.n >= 100 ? plot_time(at_99, p99, sizeof(p99)) : "needs 100 loads");
	plot_key(plot,
		 plot_short(reduce_label(arm, label, sizeof(label)), LEGEND_CHARACTERS, shown,
			    sizeof(shown)),
		 plot_loader_colour(arm->loader), text);
	curve_write(plot, &curve);
	free(curve.values);
}

/* The transport most arms share; of several the one whose first arm is fastest. */
static const char *transport_choose(const struct data_arm *const *all, size_t found)
{
	const char *best = "";
	size_t most = 0;

	for (size_t i = 0; i < found; i++) {
		size_t arms = 0;

		for (size_t k = 0; k < found; k++)
			arms += all[k]->transport == all[i]->transport;
		if (arms > most) {
			most = arms;
			best = all[i]->transport;
		}
	}
	return best;
}

/* Of a reproduction one transport: the others would only repeat the colours. */
static size_t arms_choose(const struct data *data, uint32_t set, const struct data_arm **arms)
{
	const struct data_arm *all[DATA_ARMS_MAX];
	size_t found = reduce_arms(data, set, all, DATA_ARMS_MAX), n = 0;
	const char *transport = transport_choose(all, found);

	for (size_t i = 0; i < found && n < SERIES_MAX; i++) {
		if (all[i]->transport == transport)
			arms[n++] = all[i];
	}
	return n;
}

int figure_tail(struct data *data, struct plots *plots, struct err *err)
{
	const struct data_arm *arms[SERIES_MAX];
	double limits[3] = { INFINITY, 0, 100.0 };
	struct plot *plot;
	uint32_t set;
	size_t n;

	if (!reduce_any_set(data, &set))
		return 0;
	plot = plot_open(plots, "tail", "tail", err);
	if (!plot)
		return -EIO;
	n = arms_choose(data, set, arms);
	for (size_t i = 0; i < n; i++)
		series_write(plot, data, arms[i], limits);
	plot_number(plot, "x_low", limits[0]);
	plot_number(plot, "x_high", fmax(limits[1], limits[0] * 1.01));
	plot_number(plot, "y_low", limits[2]);
	plot_title(plot, "How bad is the tail: how often is a load slow, and how slow?");
	plot_subtitle(plot,
		      "loads of %.*s, %zu or more each; left: those that took at most so long, "
		      "right: at least so long",
		      CHARACTERS(arms[0]->so, 60), reduce_least(arms, n));
	plot_text(plot, "x_label", "time of one load, microseconds");
	plot_machine(plot, data, arms[0]->run);
	plot_alt(plot,
		 "Distribution of the time of a load for %zu loaders; the fastest by median is "
		 "%.*s.",
		 n, CHARACTERS(arms[0]->loader, 100));
	return plot_close(plot, err) < 0 ? -EIO : 1;
}
