/* How does the time of a load grow with the object: against its size, relocations, imports and
 * exports. */
#include "bench/report/figures.h"

#include "bench/report/characters.h"
#include "bench/report/reduce.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_MAX 10
#define POINTS_MAX 64
#define FAMILIES_MAX 200
#define LEGEND_CHARACTERS 15

struct scaling {
	const char *name, *member; /* of the figure; of an object in run.json, NULL = its size */
	const char *what;	   /* the scan of soload run that this figure is about */
	const char *title, *x_label;
};

struct point {
	double x, p10, p50, p90;
};

struct series {
	const char *loader;
	struct point points[POINTS_MAX];
	size_t n, loads;
};

/* A count about an object, as run.json says it; NaN when it does not. */
static double object_number(const struct data *data, const struct data_arm *arm, const char *member)
{
	const json_t *objects = json_object_get(data->runs[arm->run].json, "objects"), *object;
	size_t i;

	if (!member)
		return arm->so_bytes == SAMPLE_NONE ? (double)NAN : (double)arm->so_bytes;
	json_array_foreach(objects, i, object)
	{
		const json_t *name = json_object_get(object, "so");
		const json_t *value = json_object_get(object, member);

		if (json_is_string(name) && strcmp(json_string_value(name), arm->so) == 0 &&
		    json_is_number(value))
			return json_number_value(value);
	}
	return (double)NAN;
}

static int point_compare(const void *left, const void *right)
{
	const struct point *a = left, *b = right;

	return a->x < b->x ? -1 : a->x > b->x;
}

static void series_add(struct series *series, const struct data *data, const struct data_arm *arm,
		       double x)
{
	struct stats_summary total = reduce_summary(data, arm, REDUCE_TOTAL);

	if (series->n == POINTS_MAX || !(x > 0) || !(total.p10 > 0))
		return;
	series->loader = arm->loader;
	series->loads += total.n;
	series->points[series->n++] = (struct point){ x, total.p10, total.p50, total.p90 };
}

/* Time grows with x to the power of this. */
static double slope_of(const struct series *series)
{
	double x[POINTS_MAX], p50[POINTS_MAX];

	for (size_t i = 0; i < series->n; i++) {
		x[i] = series->points[i].x;
		p50[i] = series->points[i].p50;
	}
	return stats_power(x, p50, series->n);
}

/* What can be compared: objects of one make, which differ in little but x. Told by the letters
 * their names begin with (gen_16k.so, gen_4m.so). */
static bool same_family(const char *so, const char *other)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t n = strspn(so, letters);

	return n == strspn(other, letters) && memcmp(so, other, n) == 0;
}

/* The loads alone of one run and family, one series per loader. */
static size_t series_collect(struct series *all, const struct data *data,
			     const struct data_arm *like, const char *member)
{
	size_t n = 0;

	for (size_t i = 0; i < data->arm_count; i++) {
		const struct data_arm *arm = &data->arms[i];
		size_t at = 0;

		if (arm->run != like->run || !arm->measured || *arm->transport ||
		    !same_family(arm->so, like->so))
			continue;
		while (at < n && all[at].loader != arm->loader)
			at++;
		if (at == SERIES_MAX)
			continue;
		series_add(&all[at], data, arm, object_number(data, arm, member));
		n += at == n && all[at].n;
	}
	for (size_t i = 0; i < n; i++)
		qsort(all[i].points, all[i].n, sizeof(all[i].points[0]), point_compare);
	return n;
}

static int series_compare(const void *left, const void *right)
{
	const struct series *a = left, *b = right;
	double last_a = a->n ? a->points[a->n - 1].p50 : 0,
	       last_b = b->n ? b->points[b->n - 1].p50 : 0;

	return last_a < last_b ? 1 : last_a > last_b ? -1 : 0;
}

static size_t places_of(const struct series *series)
{
	size_t places = series->n > 0;

	for (size_t i = 1; i < series->n; i++)
		places += series->points[i].x > 1.1 * series->points[i - 1].x;
	return places;
}

static void series_write(struct plot *plot, const struct series *series, double *limits)
{
	double slope = slope_of(series);
	char text[80] = "", label[100];

	for (size_t i = 0; i < series->n; i++) {
		const struct point *point = &series->points[i];

		plot_field(plot, point->x);
		plot_field(plot, point->p50 / 1000.0);
		plot_field(plot, point->p10 / 1000.0);
		plot_field(plot, point->p90 / 1000.0);
		plot_row_end(plot);
		limits[0] = fmin(limits[0], point->x);
		limits[1] = fmax(limits[1], point->x);
		limits[2] = fmin(limits[2], point->p10 / 1000.0);
		limits[3] = fmax(limits[3], point->p90 / 1000.0);
	}
	plot_block_end(plot);
	if (isfinite(slope))
		snprintf(text, sizeof(text), "slope %.2f", fabs(slope) < 0.005 ? 0.0 : slope);
	plot_key(plot, plot_short(series->loader, LEGEND_CHARACTERS, label, sizeof(label)),
		 plot_loader_colour(series->loader), text);
}

static const struct data_arm *arm_of(const struct data *data, uint32_t set)
{
	size_t i = 0;

	while (data->arms[i].set != set)
		i++;
	return &data->arms[i];
}

/* One arm of the run and family whose loads cover the most places on the x axis, or NULL. */
static const struct data_arm *family_choose(struct data *data, struct series *all,
					    const struct scaling *scaling)
{
	const struct data_arm *chosen = NULL;
	size_t best = 1;

	for (uint32_t set = 0; set < data->set_count && set < FAMILIES_MAX; set++) {
		const struct data_arm *like = arm_of(data, set);
		const char *what = data_text(data, &data->runs[like->run], "scan.what");
		size_t n;

		/* In a scan of something else, what grows here is only what came with it. */
		if (*what && strcmp(what, scaling->what) != 0)
			continue;
		memset(all, 0, SERIES_MAX * sizeof(*all));
		n = series_collect(all, data, like, scaling->member);
		for (size_t i = 0; i < n; i++) {
			if (places_of(&all[i]) <= best)
				continue;
			best = places_of(&all[i]);
			chosen = like;
		}
	}
	return chosen;
}

static void scaling_write(struct plot *plot, struct series *all, size_t n)
{
	double limits[4] = { INFINITY, 0, INFINITY, 0 };
	size_t loads = 0, points = 0;

	qsort(all, n, sizeof(*all), series_compare);
	for (size_t i = 0; i < n; i++) {
		series_write(plot, &all[i], limits);
		loads += all[i].loads;
		points += all[i].n;
	}
	plot_number(plot, "x_low", limits[0]);
	plot_number(plot, "x_high", limits[1]);
	plot_number(plot, "y_low", limits[2]);
	plot_number(plot, "y_high", limits[3]);
	plot_subtitle(plot,
		      "line: median, ribbon: p10 to p90; %zu loads in %zu points; slope 1 = in "
		      "proportion, 0 = no matter how large",
		      loads, points);
	plot_alt(plot,
		 "Median time of a load for %zu loaders, both axes logarithmic; at the right end "
		 "%.*s takes longest and %.*s shortest.",
		 n, CHARACTERS(all[0].loader, 100), CHARACTERS(all[n - 1].loader, 100));
}

static int scaling_make(struct data *data, struct plots *plots, const struct scaling *scaling,
			struct err *err)
{
	struct series *all = calloc(SERIES_MAX, sizeof(*all));
	const struct data_arm *like;
	struct plot *plot = NULL;
	int r = 0;

	if (!all)
		return err_set(err, ENOMEM, "out of memory");
	like = family_choose(data, all, scaling);
	if (like) {
		size_t n;

		memset(all, 0, SERIES_MAX * sizeof(*all));
		n = series_collect(all, data, like, scaling->member);
		plot = plot_open(plots, scaling->name, "scaling", err);
		if (plot)
			scaling_write(plot, all, n);
		else
			r = -EIO;
	}
	free(all);
	if (!plot)
		return r;
	plot_title(plot, scaling->title);
	plot_text(plot, "x_label", scaling->x_label);
	plot_text(plot, "y_label", "time of one load, microseconds");
	plot_machine(plot, data, like->run);
	return plot_close(plot, err) < 0 ? -EIO : 1;
}

int figure_size(struct data *data, struct plots *plots, struct err *err)
{
	static const struct scaling scaling = {
		"size", NULL, "size",
		"How does the time of a load grow with the size of the object?",
		"size of the object's file, bytes"
	};

	return scaling_make(data, plots, &scaling, err);
}

int figure_relocations(struct data *data, struct plots *plots, struct err *err)
{
	static const struct scaling scaling = {
		"relocations", "relocations", "relocs",
		"How does the time of a load grow with the object's relocations?",
		"relocations in the object"
	};

	return scaling_make(data, plots, &scaling, err);
}

int figure_imports(struct data *data, struct plots *plots, struct err *err)
{
	static const struct scaling scaling = {
		"imports", "imports", "imports",
		"How does the time of a load grow with the object's imports?",
		"symbols the object imports"
	};

	return scaling_make(data, plots, &scaling, err);
}

int figure_exports(struct data *data, struct plots *plots, struct err *err)
{
	static const struct scaling scaling = {
		"exports", "exports", "symbols",
		"How does the time of a load grow with the object's exports?",
		"symbols the object exports"
	};

	return scaling_make(data, plots, &scaling, err);
}
