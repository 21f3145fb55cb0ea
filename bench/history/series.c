/* Ratios of one loader over the revisions, and where they change. See figures.h. */
#include "bench/changes.h"
#include "bench/history/figures.h"
#include "bench/history/history.h"
#include "bench/judge.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static struct change_value value_of(const struct history_ratio *ratio, double layout)
{
	double z = judge_normal(0.025);
	double sigma = (log(ratio->high) - log(ratio->low)) / (2.0 * z);

	return (struct change_value){ log(ratio->value), sqrt(sigma * sigma + layout * layout) };
}

/* Builds from before loads were stamped in groups show what theirs are like by the others. */
static bool is_short(const struct history_view *view, const char *loader)
{
	for (size_t i = 0; i < view->count; i++) {
		if (history_group(view->lines[i], loader) > 1)
			return true;
	}
	return false;
}

static double layout_of(const struct history_view *view, const char *loader)
{
	return is_short(view, loader) ? HISTORY_LAYOUT_SHORT : HISTORY_LAYOUT;
}

/* As wide as what the levels are found with. */
static void interval_widen(struct history_ratio *ratio, double layout)
{
	double z = judge_normal(0.025) * layout;

	if (!isfinite(ratio->low) || !isfinite(ratio->high))
		return;
	ratio->low = ratio->value * exp(-hypot(log(ratio->value / ratio->low), z));
	ratio->high = ratio->value * exp(hypot(log(ratio->high / ratio->value), z));
}

static int levels_find(struct history_series *series, const struct history_view *view,
		       const char *loader)
{
	double layout = layout_of(view, loader);
	size_t count = view->count;
	struct change_value *values = calloc(count + 1, sizeof(values[0]));
	double *levels = calloc(count + 1, sizeof(levels[0]));
	long r = values && levels ? 0 : -ENOMEM;
	size_t n = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		if (isfinite(series->ratios[i].low) && isfinite(series->ratios[i].high))
			values[n++] = value_of(&series->ratios[i], layout);
	}
	if (r == 0)
		r = changes_find(values, n, changes_price(n, HISTORY_ALPHA), levels);
	n = 0;
	for (size_t i = 0; r >= 0 && i < count; i++) {
		bool known = isfinite(series->ratios[i].low) && isfinite(series->ratios[i].high);

		series->levels[i] = known ? exp(levels[n]) : (double)NAN;
		n += known;
	}
	free(values);
	free(levels);
	return r < 0 ? (int)r : 0;
}

int history_series_open(struct history_series *series, const struct history_view *view,
			const char *loader, const char *quantile)
{
	int r;

	series->ratios = calloc(view->count + 1, sizeof(series->ratios[0]));
	series->levels = calloc(view->count + 1, sizeof(series->levels[0]));
	if (!series->ratios || !series->levels)
		return -ENOMEM;
	for (size_t i = 0; i < view->count; i++) {
		if (!history_ratio(view->lines[i], loader, quantile, &series->ratios[i]))
			series->ratios[i] =
				(struct history_ratio){ (double)NAN, (double)NAN, (double)NAN };
	}
	r = levels_find(series, view, loader);
	for (size_t i = 0; i < view->count; i++)
		interval_widen(&series->ratios[i], layout_of(view, loader));
	return r;
}

void history_series_close(struct history_series *series)
{
	free(series->ratios);
	free(series->levels);
	*series = (struct history_series){ 0 };
}

size_t history_series_before(const struct history_series *series, size_t i)
{
	size_t before = i;

	while (before > 0 && isfinite(series->levels[i])) {
		before--;
		if (isfinite(series->levels[before]))
			return series->levels[before] != series->levels[i] ? before : SIZE_MAX;
	}
	return SIZE_MAX;
}
