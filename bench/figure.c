/* Medians of phases per loader, kept in memory while a run records. See figure.h. */
#include "bench/figure.h"

#include "bench/stats.h"
#include "device/when.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The last column is the total. */
#define COLUMNS (PHASE_COUNT + 1)
#define TOTAL PHASE_COUNT

struct figure_bar {
	struct figure_bar *next;
	char *loader, *so;
	size_t count, room;
	size_t stale;
	double *values[COLUMNS]; /* ns; NaN = not observable */
};

static bool text_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static struct figure_bar *bar_find(struct figure *figure, const char *loader, const char *so)
{
	struct figure_bar *bar;

	for (bar = figure->first; bar; bar = bar->next) {
		if (text_equal(bar->loader, loader) && text_equal(bar->so, so))
			return bar;
	}
	bar = calloc(1, sizeof(*bar));
	if (!bar)
		return NULL;
	if (!figure->last)
		figure->last = &figure->first;
	*figure->last = bar;
	figure->last = &bar->next;
	bar->loader = strdup(loader);
	bar->so = so ? strdup(so) : NULL;
	return bar->loader && (bar->so || !so) ? bar : NULL;
}

static bool bar_grow(struct figure_bar *bar)
{
	size_t room = bar->room ? 2 * bar->room : 64;

	for (int i = 0; i < COLUMNS; i++) {
		double *values = realloc(bar->values[i], room * sizeof(*values));

		if (!values)
			return false;
		bar->values[i] = values;
	}
	bar->room = room;
	return true;
}

static double value_of(int64_t ns)
{
	return ns == SAMPLE_NONE ? (double)NAN : (double)ns;
}

/* A life cycle is named where it is not the usual one. */
static const char *bar_name(const struct sample *sample, char *buffer, size_t size)
{
	if (!sample->when || strcmp(sample->when, device_whens[0].name) == 0)
		return sample->loader;
	snprintf(buffer, size, "%s (%s)", sample->loader, sample->when);
	return buffer;
}

void figure_add(struct figure *figure, const struct sample *sample)
{
	struct figure_bar *bar;
	char name[600];

	if (figure->incomplete || sample->warmup || sample->error || !sample->loader ||
	    sample->total_ns == SAMPLE_NONE)
		return;
	bar = bar_find(figure, bar_name(sample, name, sizeof(name)), sample->so);
	if (!bar || (bar->count == bar->room && !bar_grow(bar))) {
		figure->incomplete = true;
		return;
	}
	for (int i = 0; i < PHASE_COUNT; i++)
		bar->values[i][bar->count] = value_of(sample->phase_ns[i]);
	bar->values[TOTAL][bar->count] = value_of(sample->total_ns);
	bar->stale += sample->stale == 1;
	bar->count++;
}

/* The median of what was observed; NaN of nothing. Sorts in place. */
static double bar_median(const struct figure_bar *bar, int column)
{
	size_t n = 0;

	for (size_t i = 0; i < bar->count; i++) {
		if (!isnan(bar->values[column][i]))
			bar->values[column][n++] = bar->values[column][i];
	}
	for (size_t i = n; i < bar->count; i++)
		bar->values[column][i] = (double)NAN;
	stats_sort(bar->values[column], n);
	return stats_median(bar->values[column], n);
}

static bool column_is_used(const struct figure *figure, int column)
{
	if (column == TOTAL)
		return true;
	if (phase_class((enum phase)column) != PHASE_CLASS_LOAD)
		return false;
	for (const struct figure_bar *bar = figure->first; bar; bar = bar->next) {
		if (!isnan(bar_median(bar, column)))
			return true;
	}
	return false;
}

/* The object is named where the loader alone would name two rows. */
static bool objects_differ(const struct figure *figure)
{
	for (const struct figure_bar *bar = figure->first; bar; bar = bar->next) {
		if (!text_equal(bar->so, figure->first->so))
			return true;
	}
	return false;
}

static void row_write(const struct figure *figure, const struct figure_bar *bar, FILE *out)
{
	fprintf(out, "%s%s%s\t%zu\t%zu", bar->loader, objects_differ(figure) ? " " : "",
		objects_differ(figure) && bar->so ? bar->so : "", bar->count, bar->stale);
	for (int i = 0; i < COLUMNS; i++) {
		double ns;

		if (!column_is_used(figure, i))
			continue;
		ns = bar_median(bar, i);
		fprintf(out, "\t%.3f", isnan(ns) ? 0.0 : ns / 1000.0);
	}
	fputc('\n', out);
}

/* In the order of loaders.def, whatever order the turns had. */
static size_t bar_rank(const struct figure_bar *bar)
{
	const struct loader_type *type = loader_find(bar->loader, strcspn(bar->loader, ": "));
	size_t rank = 0;

	while (loader_types[rank] && loader_types[rank] != type)
		rank++;
	return rank;
}

static void rows_write(const struct figure *figure, FILE *out)
{
	for (size_t rank = 0; rank == 0 || loader_types[rank - 1]; rank++) {
		for (const struct figure_bar *bar = figure->first; bar; bar = bar->next) {
			if (bar_rank(bar) == rank)
				row_write(figure, bar, out);
		}
	}
}

int figure_write(const struct figure *figure, const char *path, struct err *err)
{
	FILE *out;
	bool bad;

	if (figure->incomplete)
		return err_set(err, ENOMEM, "out of memory");
	if (!figure->first)
		return 0;
	out = fopen(path, "we");
	if (!out)
		return err_sys(err, "write %s", path);
	fputs("loader\tloads\tstale", out);
	for (int i = 0; i < COLUMNS; i++) {
		if (column_is_used(figure, i))
			fprintf(out, "\t%s", i == TOTAL ? "total" : phase_label((enum phase)i));
	}
	fputc('\n', out);
	rows_write(figure, out);
	bad = ferror(out);
	if (fclose(out) != 0 || bad)
		return err_sys(err, "write %s", path);
	return 0;
}

void figure_free(struct figure *figure)
{
	while (figure->first) {
		struct figure_bar *bar = figure->first;

		figure->first = bar->next;
		free(bar->loader);
		free(bar->so);
		for (int i = 0; i < COLUMNS; i++)
			free(bar->values[i]);
		free(bar);
	}
	figure->last = NULL;
}
