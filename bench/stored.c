/* Records read again. See stored.h. */
#include "bench/stored.h"

#include "base/csv.h"
#include "bench/stats.h"
#include "bench/table.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 64
#define LINE_BYTES 8192

enum column { COLUMN_ARM, COLUMN_TOTAL, COLUMN_WARMUP, COLUMN_ERROR, COLUMN_COUNT };

static int columns_find(char *header, size_t columns[COLUMN_COUNT])
{
	static const char *const names[] = { "arm", "total_ns", "warmup", "error" };
	char *fields[FIELDS_MAX];
	size_t count = csv_split(header, fields, FIELDS_MAX);

	for (int i = 0; i < COLUMN_COUNT; i++) {
		size_t at = 0;

		while (at < count && strcmp(fields[at], names[i]) != 0)
			at++;
		if (at == count)
			return -EINVAL;
		columns[i] = at;
	}
	return 0;
}

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

static int line_take(struct stored *stored, char *line, const size_t columns[COLUMN_COUNT])
{
	char *fields[FIELDS_MAX], *end;
	size_t count = csv_split(line, fields, FIELDS_MAX);
	double total;

	for (int i = 0; i < COLUMN_COUNT; i++) {
		if (columns[i] >= count)
			return -EINVAL;
	}
	if (strcmp(fields[columns[COLUMN_WARMUP]], "1") == 0 || *fields[columns[COLUMN_ERROR]])
		return 0;
	total = strtod(fields[columns[COLUMN_TOTAL]], &end);
	if (end == fields[columns[COLUMN_TOTAL]] || *end || !(total >= 0.0 && total < 1e18))
		return -EINVAL;
	return load_add(stored, fields[columns[COLUMN_ARM]], total);
}

static int samples_read(struct stored *stored, FILE *file, const char *path, struct err *err)
{
	size_t columns[COLUMN_COUNT];
	char line[LINE_BYTES];
	unsigned long number = 0;

	while (fgets(line, sizeof(line), file)) {
		int r;

		line[strcspn(line, "\r\n")] = '\0';
		r = ++number == 1 ? columns_find(line, columns) : line_take(stored, line, columns);
		if (r == -EINVAL)
			return err_set(err, EINVAL, "%s: line %lu is none of a record's", path,
				       number);
		if (r < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	if (ferror(file))
		return err_sys(err, "read %s", path);
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
	char path[PATH_MAX];
	FILE *file;
	int r;

	*stored = (struct stored){ 0 };
	if (snprintf(path, sizeof(path), "%s/samples.csv", folder) >= (int)sizeof(path))
		return err_set(err, ENAMETOOLONG, "%s: name too long", folder);
	file = fopen(path, "re");
	if (!file)
		return err_sys(err, "open %s", path);
	r = samples_read(stored, file, path, err);
	fclose(file);
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
