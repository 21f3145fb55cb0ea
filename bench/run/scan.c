/* Ranges, their objects, and what is printed about them. See scan.h. */
#include "bench/run/scan.h"

#include "base/options.h"
#include "base/text.h"
#include "bench/run/columns.h"
#include "bench/table.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEED 7
/* Nothing smaller has code and constants in segments of their own, each on pages of its own. */
#define APART_BYTES 16384

static const struct {
	const char *word, *heading;
	uint64_t least, most;
	int count; /* enum gen_count, -1 = the size */
} whats[] = {
	[SCAN_SIZE] = { "size", "Size", 1, 1u << 30, -1 },
	[SCAN_RELOCS] = { "relocs", "Relocations", 0, 1000000, GEN_RELATIVE },
	[SCAN_IMPORTS] = { "imports", "Imports", 0, 1000000, GEN_IMPORTS },
	[SCAN_SYMBOLS] = { "symbols", "Symbols", 1, 1000000, GEN_SYMBOLS },
};

#define WHATS (sizeof(whats) / sizeof(whats[0]))

const char *scan_word(enum scan_what what)
{
	return whats[what].word;
}

static int point_add(struct scan *scan, uint64_t point, struct err *err)
{
	uint64_t most = whats[scan->what].most;

	if (scan->what == SCAN_IMPORTS)
		most = gen_imports_max;
	if (point < whats[scan->what].least || point > most)
		return err_set(err, EINVAL, "%s=%" PRIu64 ": from %" PRIu64 " to %" PRIu64 " goes",
			       scan_word(scan->what), point, whats[scan->what].least, most);
	if (scan->count && point <= scan->points[scan->count - 1])
		return err_set(err, EINVAL, "%" PRIu64 " does not come after %" PRIu64 " in order",
			       point, scan->points[scan->count - 1]);
	if (scan->count == SCAN_POINTS_MAX)
		return err_set(err, EINVAL, "more than %d points", SCAN_POINTS_MAX);
	scan->points[scan->count++] = point;
	return 0;
}

static int number_read(const char *text, uint64_t *ret_value, struct err *err)
{
	return options_size(text, ret_value) == 0
		       ? 0
		       : err_set(err, EINVAL, "'%s' is not a number such as 100 or 64K", text);
}

static int list_parse(struct scan *scan, char *text, struct err *err)
{
	char *rest = NULL;
	int r = 0;

	for (char *word = strtok_r(text, ",", &rest); r == 0 && word;
	     word = strtok_r(NULL, ",", &rest)) {
		uint64_t point;

		r = number_read(word, &point, err);
		if (r == 0)
			r = point_add(scan, point, err);
	}
	return r;
}

/* FROM:TO:STEP; `text` begins behind FROM. */
static int range_parse(struct scan *scan, uint64_t from, char *text, struct err *err)
{
	char *step = strchr(text, ':');
	uint64_t to, by = 0;
	int r;

	if (!step || (step[1] != 'x' && step[1] != '+'))
		return err_set(err, EINVAL, "a range is FROM:TO:xN or FROM:TO:+N");
	*step++ = '\0';
	r = number_read(text, &to, err);
	if (r == 0)
		r = number_read(step + 1, &by, err);
	if (r == 0 && (by < 1 || (*step == 'x' && (by < 2 || from == 0))))
		r = err_set(err, EINVAL, "'%s' never gets from %" PRIu64 " to %" PRIu64, step, from,
			    to);
	if (r == 0 && to < from)
		r = err_set(err, EINVAL, "%" PRIu64 " is below %" PRIu64, to, from);
	for (uint64_t point = from; r == 0 && point <= to;
	     point = *step == 'x' ? point * by : point + by) {
		r = point_add(scan, point, err);
		if (by > to)
			break;
	}
	return r;
}

static int what_parse(struct scan *scan, const char *text, struct err *err)
{
	const char *words[WHATS + 1] = { NULL };
	char hint[80];
	size_t length = strcspn(text, "=");

	for (size_t i = 0; i < WHATS; i++) {
		words[i] = whats[i].word;
		if (strlen(words[i]) == length && memcmp(words[i], text, length) == 0) {
			scan->what = (enum scan_what)i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "'%.*s' is none of size, relocs, imports, symbols%s",
		       (int)(length > 40 ? 40 : length), text,
		       text_suggest(text, length, words, hint, sizeof(hint)));
}

int scan_parse(struct scan *scan, const char *text, struct err *err)
{
	const char *values = strchr(text, '=');
	char *copy, *colon;
	uint64_t from;
	int r = what_parse(scan, text, err);

	scan->count = 0;
	if (r < 0)
		return r;
	if (!values || !values[1])
		return err_set(err, EINVAL, "%s of what? %s=16K:4M:x4, or %s=1K,2K",
			       scan_word(scan->what), scan_word(scan->what), scan_word(scan->what));
	copy = strdup(values + 1);
	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	colon = strchr(copy, ':');
	if (colon) {
		*colon = '\0';
		r = number_read(copy, &from, err);
		if (r == 0)
			r = range_parse(scan, from, colon + 1, err);
	} else {
		r = list_parse(scan, copy, err);
	}
	free(copy);
	if (r == 0 && scan->count == 0)
		r = err_set(err, EINVAL, "no points in '%s'", text);
	return r;
}

/* All of one make: nothing but the number that is scanned differs. */
int scan_make(const struct scan *scan, size_t i, const char *folder, char *path, struct err *err)
{
	struct gen_plan plan = { .seed = SEED, .bare = true };
	struct gen_counts counts;
	int count = whats[scan->what].count;

	if (count < 0) {
		plan.size = scan->points[i];
		plan.compact = scan->points[0] < APART_BYTES;
	} else {
		plan.want[count] = scan->points[i];
		plan.given[count] = true;
	}
	if (snprintf(path, PATH_MAX, "%s/%s_%" PRIu64 ".so", folder, scan_word(scan->what),
		     scan->points[i]) >= PATH_MAX)
		return err_set(err, ENAMETOOLONG, "%s: name too long", folder);
	return gen_build(&plan, path, &counts, err);
}

/* The arms of one object stand together. */
static size_t loaders_of(const struct runner *runner)
{
	size_t n = 0;

	while (n < runner->arm_count && runner->arms[n].subject == runner->arms[0].subject)
		n++;
	return n;
}

/* The medians of loader `k` at every point. */
static void medians_take(const struct scan *scan, const struct runner *runner, size_t k,
			 double p50[SCAN_POINTS_MAX])
{
	size_t loaders = loaders_of(runner);

	for (size_t i = 0; i < scan->count; i++)
		p50[i] = column_summary(&runner->arms[i * loaders + k], COLUMN(total_ns)).p50;
}

static double column_slope(const struct scan *scan, const double *p50)
{
	double x[SCAN_POINTS_MAX];

	for (size_t i = 0; i < scan->count; i++)
		x[i] = (double)scan->points[i];
	return stats_power(x, p50, scan->count);
}

static void point_cell(struct table *table, const struct scan *scan, size_t i)
{
	uint64_t point = scan->points[i];
	bool size = scan->what == SCAN_SIZE && point;

	if (size && point % (1u << 20) == 0)
		table_cell(table, "%" PRIu64 "M", point >> 20);
	else if (size && point % 1024 == 0)
		table_cell(table, "%" PRIu64 "K", point >> 10);
	else
		table_cell(table, "%" PRIu64, point);
}

void scan_print(const struct scan *scan, const struct runner *runner, FILE *out)
{
	size_t loaders = loaders_of(runner);
	double(*p50)[SCAN_POINTS_MAX] = calloc(loaders + 1, sizeof(*p50));
	struct table *table = table_new();

	table_column_number(table, whats[scan->what].heading);
	for (size_t k = 0; p50 && k < loaders; k++) {
		table_column_number(table, runner->arms[k].loader);
		medians_take(scan, runner, k, p50[k]);
	}
	for (size_t i = 0; p50 && i < scan->count; i++) {
		point_cell(table, scan, i);
		for (size_t k = 0; k < loaders; k++)
			table_cell_us(table, p50[k][i]);
	}
	table_rule(table);
	table_cell(table, "slope");
	for (size_t k = 0; p50 && k < loaders; k++) {
		double slope = column_slope(scan, p50[k]);

		if (isfinite(slope))
			table_cell(table, "%.2f", fabs(slope) < 0.005 ? 0.0 : slope);
		else
			table_cell(table, "-");
	}
	table_print(table, out);
	table_free(table);
	free(p50);
	fprintf(out,
		"  us per load: median; slope: time grows with %s to the power of it, 1 = in "
		"proportion, 0 = no matter how many\n",
		scan->what == SCAN_SIZE ? "the size" : "the number");
}

json_t *scan_json(const struct scan *scan, const struct runner *runner)
{
	json_t *points = json_array(), *slopes = json_object();

	for (size_t i = 0; i < scan->count; i++)
		json_array_append_new(points, json_integer((json_int_t)scan->points[i]));
	for (size_t k = 0; runner && k < loaders_of(runner); k++) {
		double p50[SCAN_POINTS_MAX], slope;

		medians_take(scan, runner, k, p50);
		slope = column_slope(scan, p50);
		if (isfinite(slope))
			json_object_set_new(slopes, runner->arms[k].loader, json_real(slope));
	}
	return json_pack("{s:s,s:o,s:o}", "what", scan_word(scan->what), "points", points, "slopes",
			 slopes);
}
