/* Records read again. See stored.h. */
#include "bench/stored.h"

#include "bench/rows_read.h"
#include "bench/stats.h"
#include "bench/table.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char names[] = "arm,total_ns,warmup,error";
enum { COLUMN_ARM, COLUMN_TOTAL, COLUMN_WARMUP, COLUMN_ERROR, COLUMNS };

static struct stored_arm *arm_find(struct stored *stored, const char *name)
{
	struct stored_arm *arms;

	for (size_t i = 0; i < stored->count; i++) {
		if (strcmp(stored->arms[i].name, name) == 0)
			return &stored->arms[i];
	}
	arms = reallocarray(stored->arms, stored->count + 1, sizeof(arms[0]));
	if (!arms)
		return NULL;
	stored->arms = arms;
	arms[stored->count] = (struct stored_arm){ .name = strdup(name) };
	return arms[stored->count].name ? &arms[stored->count++] : NULL;
}

static int load_add(struct stored *stored, const char *name, double total_ns)
{
	struct stored_arm *arm = arm_find(stored, name);

	if (!arm)
		return -ENOMEM;
	if (arm->count == arm->capacity) {
		size_t capacity = arm->capacity ? 2 * arm->capacity : 256;
		double *values = reallocarray(arm->total_ns, capacity, sizeof(values[0]));

		if (!values)
			return -ENOMEM;
		arm->total_ns = values;
		arm->capacity = capacity;
	}
	arm->total_ns[arm->count++] = total_ns;
	return 0;
}

static int load_take(struct stored *stored, const struct rows_read *rows, const int *columns)
{
	double total;

	if (strcmp(rows_text(rows, columns[COLUMN_WARMUP]), "1") == 0 ||
	    *rows_text(rows, columns[COLUMN_ERROR]))
		return 0;
	if (!rows_double(rows, columns[COLUMN_TOTAL], &total) || !(total >= 0.0 && total < 1e18))
		return -EINVAL;
	return load_add(stored, rows_text(rows, columns[COLUMN_ARM]), total);
}

static int samples_read(struct stored *stored, struct rows_read *rows, const char *path,
			struct err *err)
{
	int columns[COLUMNS];
	int r = rows_columns(rows, names, columns, path, err);

	if (r < 0)
		return r;
	while ((r = rows_next_whole(rows, path, err)) > 0) {
		r = load_take(stored, rows, columns);
		if (r == -EINVAL)
			return err_set(err, EINVAL, "%s: line %zu is none of a record's", path,
				       rows->line);
		if (r < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	if (r < 0)
		return r;
	return stored->count ? 0 : err_set(err, EINVAL, "%s: no measured loads in it", path);
}

/* Which CPU the record is from; a record without run.json does not say. */
static void cpu_read(struct stored *stored, const char *folder)
{
	char path[PATH_MAX];
	json_t *json;
	const char *cpu = NULL;

	if (snprintf(path, sizeof(path), "%s/run.json", folder) >= (int)sizeof(path))
		return;
	json = json_load_file(path, 0, NULL);
	if (json_unpack(json, "{s:{s:s}}", "machine", "cpu", &cpu) == 0)
		snprintf(stored->cpu, sizeof(stored->cpu), "%s", cpu);
	json_decref(json);
}

int stored_read(struct stored *stored, const char *folder, struct err *err)
{
	struct rows_read rows;
	char path[PATH_MAX];
	int r;

	*stored = (struct stored){ 0 };
	if (snprintf(path, sizeof(path), "%s/samples.csv", folder) >= (int)sizeof(path))
		return err_set(err, ENAMETOOLONG, "%s: name too long", folder);
	r = rows_open(&rows, path, err);
	if (r == 0)
		r = samples_read(stored, &rows, path, err);
	rows_close(&rows);
	if (r == 0)
		cpu_read(stored, folder);
	else
		stored_close(stored);
	return r;
}

void stored_close(struct stored *stored)
{
	for (size_t i = 0; i < stored->count; i++) {
		free(stored->arms[i].name);
		free(stored->arms[i].total_ns);
	}
	free(stored->arms);
	*stored = (struct stored){ 0 };
}

static struct stored_arm *arm_of(struct stored *stored, const char *name)
{
	for (size_t i = 0; i < stored->count; i++) {
		if (strcmp(stored->arms[i].name, name) == 0)
			return &stored->arms[i];
	}
	return NULL;
}

size_t stored_print(struct stored *a, struct stored *b, FILE *out)
{
	struct table *table = table_new();
	size_t common = 0;

	table_column_text(table, "Arm");
	table_column_number(table, "Loads of A");
	table_column_number(table, "Loads of B");
	table_column_number(table, "A p10 (us)");
	table_column_number(table, "B p10 (us)");
	table_column_number(table, "p10 (%)");
	table_column_number(table, "p50 (%)");
	for (size_t i = 0; i < a->count; i++) {
		struct stored_arm *x = &a->arms[i], *y = arm_of(b, x->name);
		double p10[2], p50[2];

		if (!y)
			continue;
		stats_sort(x->total_ns, x->count);
		stats_sort(y->total_ns, y->count);
		p10[0] = stats_percentile(x->total_ns, x->count, 10.0);
		p10[1] = stats_percentile(y->total_ns, y->count, 10.0);
		p50[0] = stats_median(x->total_ns, x->count);
		p50[1] = stats_median(y->total_ns, y->count);
		table_cell(table, "%s", x->name);
		table_cell(table, "%zu", x->count);
		table_cell(table, "%zu", y->count);
		table_cell_us(table, p10[0]);
		table_cell_us(table, p10[1]);
		table_cell(table, "%+.1f", 100.0 * (p10[1] / p10[0] - 1.0));
		table_cell(table, "%+.1f", 100.0 * (p50[1] / p50[0] - 1.0));
		common++;
	}
	table_print(table, out);
	table_free(table);
	return common;
}
