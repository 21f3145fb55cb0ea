/* Stacked medians: phases per loader, alone and within the invocation, and the invocation's share.
 */
#include "bench/report/figures.h"

#include "bench/report/reduce.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 64

/* What one bar is drawn from. */
struct bar {
	const struct data_arm *arm;
	struct stats_summary total;
	double phases[DATA_PHASES]; /* medians, ns; NaN = not observable */
	double scale;		    /* of the axis: 1000 for us */
	double host_ns;		    /* of the invocation, median; NaN = not recorded */
	double share;		    /* median of load / invocation, percent */
};

static double bar_sum(const struct bar *bar)
{
	double sum = 0;

	for (int i = 0; i < DATA_PHASES; i++)
		sum += isnan(bar->phases[i]) ? 0 : bar->phases[i];
	return sum / bar->scale;
}

static void bar_fill(struct bar *bar, const struct data *data, const struct data_arm *arm)
{
	*bar = (struct bar){ .arm = arm,
			     .total = reduce_summary(data, arm, REDUCE_TOTAL),
			     .scale = 1000.0,
			     .host_ns = (double)NAN };
	for (int i = 0; i < DATA_PHASES; i++)
		bar->phases[i] = reduce_summary(data, arm, (enum reduce_column)i).p50;
}

static bool phase_is_seen(const struct bar *bars, size_t n, int phase, double longest)
{
	for (size_t i = 0; i < n; i++) {
		if (bars[i].phases[phase] / bars[i].scale > longest * 0.004)
			return true;
	}
	return false;
}

static double longest_of(const struct bar *bars, size_t n)
{
	double longest = 0;

	for (size_t i = 0; i < n; i++)
		longest = fmax(longest, bar_sum(&bars[i]));
	return longest > 0 ? longest : 1.0;
}

/* The phases nobody could see are one segment with those of no name of their own. */
static void legend_write(struct plot *plot, const struct bar *bars, size_t n, bool *ret_seen)
{
	double longest = longest_of(bars, n);

	for (int i = 0; i < DATA_PHASES; i++) {
		const char *label = phase_label((enum phase)i);

		ret_seen[i] = phase_is_seen(bars, n, i, longest);
		if (ret_seen[i])
			plot_key(plot, label, plot_phase_colour(label), "");
	}
}

static void row_write(struct plot *plot, const struct bar *bar, const bool *seen, const char *text)
{
	char label[600];
	double rest = 0;

	plot_field(plot, (double)plot->rows);
	reduce_label(bar->arm, label, sizeof(label) - 16);
	if (bar->arm->stale)
		strcat(label, " (stale)");
	plot_label(plot, label);
	fprintf(plot->table, "%s\t", text);
	plot_field(plot, bar->total.p10 / bar->scale);
	plot_field(plot, bar->total.p90 / bar->scale);
	for (int i = 0; i < DATA_PHASES; i++) {
		double ns = isnan(bar->phases[i]) ? 0 : bar->phases[i];

		if (seen[i])
			plot_field(plot, ns / bar->scale);
		else
			rest += ns;
	}
	plot_field(plot, rest / bar->scale);
	plot_row_end(plot);
}

static void range_write(struct plot *plot, const struct bar *bars, size_t n)
{
	double longest = longest_of(bars, n), whisker = 0;

	for (size_t i = 0; i < n; i++)
		whisker = fmax(whisker, bars[i].total.p90 / bars[i].scale);
	plot_number(plot, "longest", fmin(fmax(longest, whisker), longest * 1.5));
}

static size_t loads_least(const struct bar *bars, size_t n)
{
	size_t least = n ? bars[0].total.n : 0;

	for (size_t i = 1; i < n; i++)
		least = bars[i].total.n < least ? bars[i].total.n : least;
	return least;
}

static void object_describe(const struct data_arm *arm, char *buffer, size_t size)
{
	if (!*arm->so)
		snprintf(buffer, size, "an object without a name");
	else if (arm->so_bytes == SAMPLE_NONE)
		snprintf(buffer, size, "%.60s", arm->so);
	else
		snprintf(buffer, size, "%.60s (%lld bytes)", arm->so, (long long)arm->so_bytes);
}

static int phases_draw(struct data *data, struct plots *plots, uint32_t set, struct plot *plot,
		       struct err *err)
{
	const struct data_arm *arms[ROWS_MAX];
	struct bar bars[ROWS_MAX] = { 0 };
	bool seen[DATA_PHASES];
	char text[64], object[120], fast[32], slow[32];
	size_t n = reduce_arms(data, set, arms, ROWS_MAX);

	(void)plots;
	for (size_t i = 0; i < n; i++)
		bar_fill(&bars[i], data, arms[i]);
	legend_write(plot, bars, n, seen);
	for (size_t i = 0; i < n; i++)
		row_write(plot, &bars[i], seen, plot_time(bars[i].total.p50, text, sizeof(text)));
	range_write(plot, bars, n);
	object_describe(arms[0], object, sizeof(object));
	plot_subtitle(plot, "medians of %zu or more loads of %s; whisker: p10 to p90 of the whole",
		      loads_least(bars, n), object);
	plot_text(plot, "x_label",
		  "sum of phase medians, microseconds; the number is the median of the "
		  "whole");
	plot_text(plot, "rest", "smaller phases");
	plot_machine(plot, data, arms[0]->run);
	plot_alt(plot,
		 "Bars per loader: the fastest is %.100s with %s per load, the slowest %.100s with "
		 "%s.",
		 arms[0]->loader, plot_time(bars[0].total.p50, fast, sizeof(fast)),
		 arms[n - 1]->loader, plot_time(bars[n - 1].total.p50, slow, sizeof(slow)));
	return plot_close(plot, err) < 0 ? -EIO : 1;
}

int figure_phases(struct data *data, struct plots *plots, struct err *err)
{
	struct plot *plot;
	uint32_t set;

	if (!reduce_set(data, false, &set))
		return 0;
	plot = plot_open(plots, "phases", "stack", err);
	if (!plot)
		return -EIO;
	plot_title(plot, "Which loader is fastest, and where does the time of one load go?");
	return phases_draw(data, plots, set, plot, err);
}

int figure_invocation(struct data *data, struct plots *plots, struct err *err)
{
	struct plot *plot;
	uint32_t set;

	if (!reduce_set(data, true, &set))
		return 0;
	plot = plot_open(plots, "invocation", "stack", err);
	if (!plot)
		return -EIO;
	plot_title(plot, "Within a whole invocation: where does the time of the load go?");
	return phases_draw(data, plots, set, plot, err);
}

/* Medians over the arm's loads of the invocation and of the load's part of it. */
static bool share_fill(struct bar *bar, const struct data *data, const struct reduce_hosts *hosts)
{
	const struct data_arm *arm = bar->arm;
	double *host = calloc(arm->measured + 1, sizeof(*host));
	double *share = calloc(arm->measured + 1, sizeof(*share));
	size_t n = 0;

	for (size_t i = arm->first; host && share && i < arm->first + arm->loads; i++) {
		const struct data_load *load = &data->loads.at[i];
		double ns = reduce_host(hosts, arm->run, load->seq);

		if (load->warmup || load->failed || !(ns > 0) || n == arm->measured)
			continue;
		host[n] = ns;
		share[n++] = 100.0 * (double)load->total_ns / ns;
	}
	if (n) {
		bar->host_ns = stats_summarise(host, n).p50;
		bar->total = stats_summarise(share, n);
		bar->share = bar->total.p50;
		bar->scale = bar->host_ns / 100.0;
	}
	free(host);
	free(share);
	return n;
}

static int share_compare(const void *left, const void *right)
{
	const struct bar *a = left, *b = right;

	if (a->share != b->share)
		return a->share < b->share ? -1 : 1;
	return a->arm < b->arm ? -1 : a->arm > b->arm;
}

static size_t share_bars(struct bar *bars, const struct data *data, uint32_t set)
{
	const struct data_arm *arms[ROWS_MAX];
	struct reduce_hosts hosts;
	size_t found = reduce_arms(data, set, arms, ROWS_MAX), n = 0;

	if (reduce_hosts(data, &hosts) < 0)
		return 0;
	for (size_t i = 0; i < found; i++) {
		bar_fill(&bars[n], data, arms[i]);
		n += share_fill(&bars[n], data, &hosts);
	}
	free(hosts.at);
	qsort(bars, n, sizeof(bars[0]), share_compare);
	return n;
}

/* The whisker of a share is in percent already: row_write() divides what it writes by the scale. */
static void share_row(struct plot *plot, struct bar *bar, const bool *seen)
{
	char text[64], time[32];

	snprintf(text, sizeof(text), "%.*f %% of %s",
		 bar->share < 0.995  ? 2
		 : bar->share < 9.95 ? 1
				     : 0,
		 bar->share, plot_time(bar->host_ns, time, sizeof(time)));
	bar->total.p10 *= bar->scale;
	bar->total.p90 *= bar->scale;
	row_write(plot, bar, seen, text);
}

int figure_share(struct data *data, struct plots *plots, struct err *err)
{
	struct bar bars[ROWS_MAX];
	bool seen[DATA_PHASES];
	struct plot *plot;
	uint32_t set;
	size_t n;

	if (!reduce_set(data, true, &set))
		return 0;
	n = share_bars(bars, data, set);
	if (n == 0)
		return 0;
	plot = plot_open(plots, "share", "stack", err);
	if (!plot)
		return -EIO;
	plot_title(plot, "How much of one invocation is spent on loading the object?");
	legend_write(plot, bars, n, seen);
	for (size_t i = 0; i < n; i++)
		share_row(plot, &bars[i], seen);
	range_write(plot, bars, n);
	plot_subtitle(plot,
		      "medians of %zu or more invocations, first to last call of the host; "
		      "whisker: p10 to p90",
		      loads_least(bars, n));
	plot_text(plot, "x_label",
		  "percent of the invocation, by phase; the number is the median share");
	plot_text(plot, "rest", "smaller phases");
	plot_machine(plot, data, bars[0].arm->run);
	plot_alt(plot, "Loading is %.1f %% of an invocation with %.80s and %.1f %% with %.80s.",
		 bars[0].share, bars[0].arm->loader, bars[n - 1].share, bars[n - 1].arm->loader);
	return plot_close(plot, err) < 0 ? -EIO : 1;
}
