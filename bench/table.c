/* Aligned tables: cells are kept as text until the widths are known. See table.h. */
#include "bench/table.h"

#include "bench/stats.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 32
#define CELL_BYTES 256
#define FIRST_WIDTH 8	/* upstream: %-8 */
#define NUMBER_WIDTH 12 /* upstream: %12.1f */
#define GAP 2
#define INDENT "  "

struct column {
	char *heading;
	bool number;
	int width;
};

struct table {
	struct column columns[COLUMNS_MAX];
	size_t column_count;
	char **cells;
	size_t cell_count, cell_capacity;
	size_t *rules; /* numbers of the cells a line is drawn before */
	size_t rule_count;
};

struct table *table_new(void)
{
	return calloc(1, sizeof(struct table));
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->column_count; i++)
		free(table->columns[i].heading);
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table->rules);
	free(table);
}

/* Columns a terminal gives to the text: UTF-8 continuation bytes take none. */
static int text_width(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

static void column_add(struct table *table, const char *heading, bool number, int width)
{
	struct column *column;

	if (!table || table->column_count == COLUMNS_MAX)
		return;
	column = &table->columns[table->column_count++];
	column->heading = strdup(heading);
	column->number = number;
	column->width = text_width(heading) > width ? text_width(heading) : width;
}

void table_column_text(struct table *table, const char *heading)
{
	column_add(table, heading, false, table && table->column_count == 0 ? FIRST_WIDTH : 0);
}

void table_column_number(struct table *table, const char *heading)
{
	column_add(table, heading, true, 0);
}

static bool cell_room(struct table *table)
{
	size_t capacity = table->cell_capacity ? 2 * table->cell_capacity : 64;
	char **cells;

	if (table->cell_count < table->cell_capacity)
		return true;
	cells = realloc(table->cells, capacity * sizeof(cells[0]));
	if (!cells)
		return false;
	table->cells = cells;
	table->cell_capacity = capacity;
	return true;
}

void table_cell(struct table *table, const char *format, ...)
{
	char text[CELL_BYTES];
	struct column *column;
	va_list args;
	int width;

	if (!table || table->column_count == 0 || !cell_room(table))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	column = &table->columns[table->cell_count % table->column_count];
	width = text_width(text);
	if (width > column->width)
		column->width = width;
	table->cells[table->cell_count++] = strdup(text);
}

void table_cell_us(struct table *table, double ns)
{
	if (isfinite(ns))
		table_cell(table, "%.1f", ns / 1000.0);
	else
		table_cell(table, "-");
}

void table_rule(struct table *table)
{
	size_t *rules;

	if (!table)
		return;
	rules = realloc(table->rules, (table->rule_count + 1) * sizeof(rules[0]));
	if (!rules)
		return;
	table->rules = rules;
	table->rules[table->rule_count++] = table->cell_count;
}

static void text_print(const struct column *column, const char *text, bool last, FILE *out)
{
	int pad = column->width - text_width(text ? text : "");

	if (pad < 0)
		pad = 0;
	if (column->number)
		fprintf(out, "%*s%s", pad, "", text ? text : "");
	else
		fprintf(out, "%s%*s", text ? text : "", last ? 0 : pad, "");
	fprintf(out, "%*s", last ? 0 : GAP, "");
}

static void rule_print(const struct table *table, FILE *out)
{
	int width = -GAP;

	for (size_t i = 0; i < table->column_count; i++)
		width += table->columns[i].width + GAP;
	fputs(INDENT, out);
	for (; width > 0; width--)
		fputc('-', out);
	fputc('\n', out);
}

void table_print(const struct table *table, FILE *out)
{
	size_t columns = table ? table->column_count : 0;
	size_t rule = 0;

	if (columns == 0)
		return;
	fputs(INDENT, out);
	for (size_t i = 0; i < columns; i++)
		text_print(&table->columns[i], table->columns[i].heading, i + 1 == columns, out);
	fputc('\n', out);
	rule_print(table, out);
	for (size_t i = 0; i < table->cell_count; i++) {
		size_t place = i % columns;

		if (place == 0) {
			for (; rule < table->rule_count && table->rules[rule] <= i; rule++)
				rule_print(table, out);
			fputs(INDENT, out);
		}
		text_print(&table->columns[place], table->cells[i], place + 1 == columns, out);
		if (place + 1 == columns || i + 1 == table->cell_count)
			fputc('\n', out);
	}
}

/* The values of one column that exist, sorted, in memory of the caller's. */
static size_t rounds_column(const struct table_rounds *rounds, size_t column, double *values)
{
	size_t n = 0;

	for (size_t i = 0; i < rounds->rounds; i++) {
		double value = rounds->values_us[i * rounds->column_count + column];

		if (isfinite(value))
			values[n++] = value;
	}
	stats_sort(values, n);
	return n;
}

static bool rounds_shown(const struct table_rounds *rounds, size_t column)
{
	for (size_t i = 0; i < rounds->rounds; i++) {
		double value = rounds->values_us[i * rounds->column_count + column];

		if (isfinite(value) && fabs(value) > 0.0)
			return true;
	}
	return false;
}

/* "Avg: 1.0 us | Load Avg: 2.0 us (5 rounds)": the first column needs no name, as upstream prints
 * it. */
static void average_print(const struct table_rounds *rounds, size_t drop, double *values, FILE *out)
{
	const char *title = drop ? "Trimmed Avg" : "Avg";
	bool first = true;

	fputs(INDENT, out);
	for (size_t i = 0; i < rounds->column_count; i++) {
		size_t n;
		double mean;

		if (!rounds_shown(rounds, i))
			continue;
		n = rounds_column(rounds, i, values);
		mean = stats_trimmed_mean(values, n, drop);
		if (first)
			fprintf(out, "%s:", title);
		else
			fprintf(out, " | %s %s:", rounds->columns[i], title);
		if (isfinite(mean))
			fprintf(out, " %.1f us", mean);
		else
			fputs(" -", out);
		first = false;
	}
	if (drop)
		fprintf(out, "  (%zu rounds, %zu low and %zu high dropped)\n",
			rounds->rounds - 2 * drop, drop, drop);
	else
		fprintf(out, "  (%zu rounds)\n", rounds->rounds);
}

static void rounds_heading(const struct table_rounds *rounds, FILE *out)
{
	int width = FIRST_WIDTH;

	fprintf(out, INDENT "%-*s", FIRST_WIDTH, "Round");
	for (size_t i = 0; i < rounds->column_count; i++) {
		char heading[64];

		if (!rounds_shown(rounds, i))
			continue;
		snprintf(heading, sizeof(heading), "%s (us)", rounds->columns[i]);
		fprintf(out, "  %*s", NUMBER_WIDTH, heading);
		width += GAP +
			 (text_width(heading) > NUMBER_WIDTH ? text_width(heading) : NUMBER_WIDTH);
	}
	fputs("\n" INDENT, out);
	for (; width > 0; width--)
		fputc('-', out);
	fputc('\n', out);
}

void table_rounds_print(const struct table_rounds *rounds, FILE *out)
{
	double *values = calloc(rounds->rounds ? rounds->rounds : 1, sizeof(values[0]));

	rounds_heading(rounds, out);
	for (size_t i = 0; i < rounds->rounds; i++) {
		fprintf(out, INDENT "%-*zu", FIRST_WIDTH, i);
		for (size_t j = 0; j < rounds->column_count; j++) {
			double value = rounds->values_us[i * rounds->column_count + j];
			int width = text_width(rounds->columns[j]) + (int)sizeof(" (us)") - 1;

			if (!rounds_shown(rounds, j))
				continue;
			if (width < NUMBER_WIDTH)
				width = NUMBER_WIDTH;
			if (isfinite(value))
				fprintf(out, "  %*.1f", width, value);
			else
				fprintf(out, "  %*s", width, "-");
		}
		fputc('\n', out);
	}
	if (values && rounds->rounds) {
		fputc('\n', out);
		average_print(rounds, 0, values, out);
		if (rounds->rounds > 2 * STATS_TRIM)
			average_print(rounds, STATS_TRIM, values, out);
	}
	free(values);
}
