/* Reduces a history to the tables of its two figures. See figures.h. */
#include "bench/history/figures.h"

#include "bench/report/characters.h"
#include "bench/tally.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PANELS_MAX 12
#define TICKS_SHOWN 24
#define COLUMNS_MAX 16 /* of the grid: more do not fit their numbers */
#define CHANGES_MAX 100
#define PANEL_CHARACTERS 14
#define ROW_CHARACTERS 12
#define LABEL_ROOM 0.1 /* of a panel */

/* What is drawn beside both figures. */
static void surroundings_write(struct plot *plot, const struct history_view *view)
{
	const struct history_line *last = view->lines[view->count - 1];
	size_t elsewhere = 0;
	char others[96] = "";

	for (size_t i = 0; i < view->count; i++)
		elsewhere += strcmp(history_text(view->lines[i], "machine.cpu"),
				    history_text(last, "machine.cpu")) != 0 ||
			     !history_same_system(view->lines[i], last);
	if (elsewhere)
		snprintf(others, sizeof(others),
			 "; %zu of %zu lines from other machines or kernels", elsewhere,
			 view->count);
	snprintf(plot->machine, sizeof(plot->machine), "Machine: %.*s, Linux %.*s, %.*s%s",
		 CHARACTERS(history_text(last, "machine.cpu"), 40),
		 CHARACTERS(history_text(last, "machine.kernel"), 30),
		 CHARACTERS(history_text(last, "machine.libc"), 20), others);
}

static void ticks_write(struct plot *plot, const struct history_view *view, size_t first)
{
	size_t count = view->count - first, step = (count + TICKS_SHOWN - 1) / TICKS_SHOWN;
	char name[32], text[8];

	fprintf(plot->settings, "array tick[%zu]\n", count);
	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "tick[%zu]", i + 1);
		snprintf(text, sizeof(text), "%.7s",
			 history_text(view->lines[first + i], "revision"));
		plot_text(plot, name, (count - 1 - i) % step == 0 ? text : "");
	}
	plot_number(plot, "ticks", (double)count);
}

/* The nearest round ratio outwards, so that an axis ends in a number that can be read. */
static double ratio_round(double value, bool up)
{
	static const double round[] = { 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
					0.7,   0.8,   0.9,   0.95, 1.05, 1.1,  1.2, 1.5, 2,
					3,     5,     10,    20,   50,	 100,  200, 500, 1000 };
	size_t n = sizeof(round) / sizeof(round[0]);

	for (size_t i = 0; up && i < n; i++) {
		if (round[i] >= value)
			return round[i];
	}
	for (size_t i = n; !up && i > 0; i--) {
		if (round[i - 1] <= value)
			return round[i - 1];
	}
	return up ? round[n - 1] : round[0];
}

static void range_write(struct plot *plot, const struct history_series *series, size_t count)
{
	double low = 1.0, high = 1.0;
	char name[32];

	for (size_t i = 0; i < count; i++) {
		const struct history_ratio *ratio = &series->ratios[i];

		if (!isfinite(ratio->value))
			continue;
		low = fmin(low, isfinite(ratio->low) ? ratio->low : ratio->value);
		high = fmax(high, isfinite(ratio->high) ? ratio->high : ratio->value);
	}
	snprintf(name, sizeof(name), "y_low[%zu]", plot->keys);
	plot_number(plot, name, ratio_round(fmin(low, 0.96), false));
	snprintf(name, sizeof(name), "y_high[%zu]", plot->keys);
	plot_number(plot, name, ratio_round(fmax(high, 1.04), true));
}

struct change_list {
	size_t n;
	double labelled; /* where the last one of the panel is */
};

static void changes_write(struct plot *plot, struct change_list *list,
			  const struct history_series *series, size_t count)
{
	list->labelled = -INFINITY;
	for (size_t i = 1; i < count && list->n < CHANGES_MAX; i++) {
		size_t before = history_series_before(series, i);
		double change;
		char name[32], text[32];

		if (before == SIZE_MAX)
			continue;
		change = series->levels[i] / series->levels[before] - 1.0;
		list->n++;
		snprintf(name, sizeof(name), "change_panel[%zu]", list->n);
		plot_number(plot, name, (double)plot->keys);
		snprintf(name, sizeof(name), "change_x[%zu]", list->n);
		plot_number(plot, name, (double)(before + 1 + i + 1) / 2.0);
		snprintf(name, sizeof(name), "change_text[%zu]", list->n);
		snprintf(text, sizeof(text), "%+.*f %%", fabs(change) < 0.0995 ? 1 : 0,
			 100.0 * change);
		if ((double)i - list->labelled < LABEL_ROOM * (double)count)
			*text = '\0'; /* the line alone: its number would lie on the last one */
		else
			list->labelled = (double)i;
		plot_text(plot, name, text);
		snprintf(name, sizeof(name), "change_colour[%zu]", list->n);
		plot_text(plot, name, change > 0 ? "#d55e00" : "#0072b2");
	}
}

/* A loader need not be in the last line. */
static size_t last_known(const struct history_series *series, size_t count)
{
	size_t i = count - 1;

	while (i > 0 && !isfinite(series->ratios[i].value))
		i--;
	return i;
}

static void panel_write(struct plot *plot, struct change_list *list,
			const struct history_series *series, const struct history_view *view,
			const char *loader)
{
	size_t at = last_known(series, view->count);
	const struct history_ratio *last = &series->ratios[at];
	char text[64] = "no ratio", label[100];
	int digits = last->high < 2.0 ? 1 : 0;

	if (isfinite(last->value) && at + 1 < view->count)
		snprintf(text, sizeof(text), "%+.*f %% at %.7s", digits,
			 100.0 * (last->value - 1.0), history_text(view->lines[at], "revision"));
	else if (isfinite(last->low) && isfinite(last->high))
		snprintf(text, sizeof(text), "%+.*f %% [%+.*f, %+.*f]", digits,
			 100.0 * (last->value - 1.0), digits, 100.0 * (last->low - 1.0), digits,
			 100.0 * (last->high - 1.0));
	else if (isfinite(last->value))
		snprintf(text, sizeof(text), "%+.*f %%", digits, 100.0 * (last->value - 1.0));
	plot_key(plot, plot_short(loader, PANEL_CHARACTERS, label, sizeof(label)),
		 plot_loader_colour(loader), text);
	range_write(plot, series, view->count);
	changes_write(plot, list, series, view->count);
	for (size_t i = 0; i < view->count; i++) {
		const struct history_ratio *ratio = &series->ratios[i];

		plot_field(plot, (double)(i + 1));
		plot_field(plot, ratio->value);
		plot_field(plot, isfinite(ratio->low) ? ratio->low : ratio->value);
		plot_field(plot, isfinite(ratio->high) ? ratio->high : ratio->value);
		plot_field(plot, series->levels[i]);
		plot_row_end(plot);
	}
	plot_block_end(plot);
}

static void ratios_describe(struct plot *plot, const struct history_view *view,
			    const char *quantile, size_t changes)
{
	const struct history_line *last = view->lines[view->count - 1];
	double least = INFINITY, most = 0.0;

	for (size_t i = 0; i < view->count; i++) {
		double load = history_real(view->lines[i], "load_average");

		least = fmin(least, load);
		most = fmax(most, load);
	}
	plot_title(plot, "Did loading become slower over the revisions?");
	plot_subtitle(plot,
		      "%s of a load of %.*s over that of %.7s; right: the last, 95 %% interval "
		      "with layout of code; dashed: new level",
		      strcmp(quantile, "p50") == 0 ? "median" : "p10",
		      CHARACTERS(history_text(last, "object.name"), 40),
		      history_text(last, "reference"));
	surroundings_write(plot, view);
	snprintf(plot->noise, sizeof(plot->noise),
		 "Noise: load average %.1f to %.1f while measured. n: %lld epochs of a loader and "
		 "revision, %zu revisions",
		 least, most, (long long)history_epochs(last), view->count);
	plot_text(plot, "x_label", "revision");
	plot_alt(plot, "Ratios of load time over %zu revisions for %zu loaders; %zu changes.",
		 view->count, plot->keys, changes);
}

int history_figure_ratios(const struct history_view *view, const char *quantile,
			  struct plots *plots, struct err *err)
{
	struct plot *plot = plot_open(plots, "history", "history", err);
	struct change_list list = { 0 };
	int r = 0;

	if (!plot)
		return -EIO;
	fprintf(plot->settings,
		"array y_low[%d]\narray y_high[%d]\narray change_panel[%d]\narray change_x[%d]\n"
		"array change_text[%d]\narray change_colour[%d]\n",
		PANELS_MAX, PANELS_MAX, CHANGES_MAX, CHANGES_MAX, CHANGES_MAX, CHANGES_MAX);
	ticks_write(plot, view, 0);
	for (size_t i = 0; r == 0 && i < view->loader_count && i < PANELS_MAX; i++) {
		struct history_series series;

		r = history_series_open(&series, view, view->loaders[i], quantile);
		if (r == 0)
			panel_write(plot, &list, &series, view, view->loaders[i]);
		history_series_close(&series);
	}
	plot_number(plot, "changes", (double)list.n);
	ratios_describe(plot, view, quantile, list.n);
	if (plot_close(plot, err) < 0)
		return -EIO;
	return r < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* Three digits and what they count: a cell is narrow. */
static const char *count_text(char *buffer, size_t size, double count)
{
	if (count < 9999.5)
		snprintf(buffer, size, "%.0f", count);
	else if (count < 999500.0)
		snprintf(buffer, size, "%.*fk", count < 99950.0 ? 1 : 0, count / 1e3);
	else
		snprintf(buffer, size, "%.*fM", count < 99.95e6 ? 1 : 0, count / 1e6);
	return buffer;
}

static void cell_write(struct plot *plot, const struct history_view *view, size_t i,
		       const char *loader, const char *counter)
{
	uint64_t value = 0, before = 0;
	bool known = history_work(view->lines[i], loader, counter, &value), compared = false;
	double loads = strcmp(counter, "instructions") == 0 ? TALLY_LOADS : 1.0;
	const char *colour = "#f4f4f4";
	char text[32], was[32];

	/* Another kernel or C library counts other work: no change of the revision's. */
	for (size_t k = i; known && !compared && k > 0; k--)
		compared = history_same_system(view->lines[k - 1], view->lines[i]) &&
			   history_work(view->lines[k - 1], loader, counter, &before);
	count_text(text, sizeof(text), (double)value / loads);
	count_text(was, sizeof(was), (double)before / loads);
	/* Names of folders and process ids, of some digits more or less, are work, too; and what
	 * cannot be read off is not coloured. */
	if (compared && fabs((double)value - (double)before) >= 0.001 * (double)before &&
	    strcmp(text, was) != 0)
		colour = value > before ? "#f6c59f" : "#a9d3ee";
	fprintf(plot->table, "%s\t%s\t", known ? text : "\u2013", known ? colour : "#ffffff");
}

static void grid_write(struct plot *plot, const struct history_view *view, size_t first,
		       const char *counter)
{
	for (size_t row = 0; row < view->loader_count && row < PANELS_MAX; row++) {
		for (size_t i = first; i < view->count; i++) {
			plot_field(plot, (double)(i - first + 1));
			plot_field(plot, (double)row);
			cell_write(plot, view, i, view->loaders[row], counter);
			plot_row_end(plot);
		}
	}
	plot_block_end(plot);
}

int history_figure_work(const struct history_view *view, struct plots *plots, struct err *err)
{
	static const struct {
		const char *counter, *title;
	} panels[3] = {
		{ "syscalls", "system calls of a load" },
		{ "faults", "page faults of a load" },
		{ "instructions",
		  "instructions of a load outside the kernel (one per byte of a large memcpy)" }
	};
	const struct history_line *last = view->lines[view->count - 1];
	size_t first = view->count > COLUMNS_MAX ? view->count - COLUMNS_MAX : 0;
	struct plot *plot = plot_open(plots, "work", "grid", err);
	char name[32], label[100];

	if (!plot)
		return -EIO;
	ticks_write(plot, view, first);
	fprintf(plot->settings, "array panel[3]\n");
	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "panel[%zu]", i + 1);
		plot_text(plot, name, panels[i].title);
		grid_write(plot, view, first, panels[i].counter);
	}
	for (size_t i = 0; i < view->loader_count && i < PANELS_MAX; i++)
		plot_key(plot, plot_short(view->loaders[i], ROW_CHARACTERS, label, sizeof(label)),
			 plot_loader_colour(view->loaders[i]), "");
	plot_number(plot, "panels", 3);
	plot_title(plot, "Does a load do more than it did?");
	plot_subtitle(plot, "blue: less than before on the same kernel and C library, orange: more "
			    "(instructions: by 0.1 %%); \u2013: not counted, not repeatable");
	plot_text(plot, "x_label", "revision");
	surroundings_write(plot, view);
	snprintf(plot->noise, sizeof(plot->noise),
		 "Noise: none, each number was the same three times. Object: %.*s. n: %d loads; "
		 "%zu of %zu revisions",
		 CHARACTERS(history_text(last, "object.name"), 40), TALLY_LOADS * TALLY_TIMES,
		 view->count - first, view->count);
	plot_alt(plot,
		 "System calls, page faults and instructions per load of %zu loaders over "
		 "%zu revisions.",
		 plot->keys, view->count - first);
	return plot_close(plot, err) < 0 ? -EIO : 0;
}
