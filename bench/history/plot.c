/* soload history plot: the figures, and the changes as a table. */
#include "bench/history/history.h"

#include "base/file.h"
#include "base/log.h"
#include "bench/command.h"
#include "bench/history/figures.h"
#include "bench/table.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static size_t loader_changes(struct table *table, const struct history_view *view,
			     const char *loader)
{
	struct history_series series;
	size_t changes = 0;

	if (history_series_open(&series, view, loader, HISTORY_QUANTILE) == 0) {
		for (size_t i = 1; i < view->count; i++) {
			size_t before = history_series_before(&series, i);

			if (before == SIZE_MAX)
				continue;
			changes++;
			table_cell(table, "%s", loader);
			table_cell(table, "%+.1f",
				   100.0 * (series.levels[i] / series.levels[before] - 1.0));
			table_cell(table, "%.3f", series.levels[before]);
			table_cell(table, "%.3f", series.levels[i]);
			table_cell(table, "%.12s", history_text(view->lines[i], "revision"));
			table_cell(table, "%.60s", history_text(view->lines[i], "title"));
		}
	}
	history_series_close(&series);
	return changes;
}

/* Two neighbours in the history may be many commits apart: the change came with one of them. */
static void changes_print(const struct history_view *view)
{
	const struct history_line *last = view->lines[view->count - 1];
	struct table *table = table_new();
	size_t changes = 0;

	table_column_text(table, "Loader");
	table_column_number(table, "Change (%)");
	table_column_number(table, "From");
	table_column_number(table, "To");
	table_column_text(table, "Up to");
	table_column_text(table, "Title");
	for (size_t i = 0; i < view->loader_count; i++)
		changes += loader_changes(table, view, view->loaders[i]);
	if (changes) {
		printf("Changes of level, as ratios to %.12s (by chance alone: in at most %.0f %% "
		       "of the rows of loaders)\n",
		       history_text(last, "reference"), 100.0 * HISTORY_ALPHA);
		table_print(table, stdout);
	} else {
		puts("no change of level beyond the noise");
	}
	table_free(table);
}

static int view_draw(const struct history_options *options, const struct history_view *view,
		     struct err *err)
{
	struct plots plots = { .folder = options->out };
	int r = file_make_directory(options->out, err);

	if (r == 0)
		r = history_figure_ratios(view, HISTORY_QUANTILE, &plots, err);
	if (r == 0)
		r = history_figure_work(view, &plots, err);
	if (r == 0)
		r = history_otava(view, options->out, err);
	if (r < 0 || !options->draw)
		return r;
	r = draw_figures(&plots, options->engine, NULL, err);
	if (r == 0)
		printf("figures: %s/history.svg, %s/work.svg\n", options->out, options->out);
	if (r == -ENOENT && options->engine == DRAW_AUTO) {
		log_warn("no pictures: %s", err->text);
		return 0;
	}
	return r;
}

int history_plot(const struct history_options *options)
{
	struct history_view view = { 0 };
	struct history history;
	struct err err = { "" };
	int r = history_read(&history, options->path, &err);

	if (r == 0 && history.count == 0)
		r = err_set(&err, EINVAL, "%s: no lines", options->path);
	if (r == 0)
		r = history_view_open(&view, &history) < 0 ? err_set(&err, ENOMEM, "out of memory")
							   : 0;
	if (r == 0) {
		changes_print(&view);
		r = view_draw(options, &view, &err);
	}
	if (r < 0)
		log_error("%s", err.text);
	history_view_close(&view);
	history_close(&history);
	return r < 0 ? EXIT_USAGE : EXIT_DONE;
}
