/* The speed table for people: one block per object, both modes beside each other. */
#include "bench/speed/speed.h"

#include "bench/table.h"

#include <math.h>

static void ratio_cell(struct table *table, double above, double below)
{
	if (isnan(above) || isnan(below) || below <= 0.0)
		table_cell(table, "-");
	else
		table_cell(table, "%.2f", above / below);
}

static void us_cell(struct table *table, double ns)
{
	if (isnan(ns))
		table_cell(table, "-");
	else
		table_cell(table, ns < 10000.0 ? "%.2f" : "%.1f", ns / 1000.0);
}

static void row_print(const struct speed_table *speed, enum speed_object object, enum speed_row row,
		      struct table *table)
{
	const struct speed_cell *cells = speed->cells;
	const struct speed_cell *alone = &cells[speed_cell_index(object, SPEED_ALONE, row)];
	const struct speed_cell *beside = &cells[speed_cell_index(object, SPEED_BESIDE, row)];
	double floor = cells[speed_cell_index(object, SPEED_ALONE, SPEED_FLOOR)].p50;
	double disk = cells[speed_cell_index(object, SPEED_ALONE, SPEED_DISK)].p50;

	table_cell(table, "%s", speed_row_name(row));
	us_cell(table, alone->min);
	us_cell(table, alone->p50);
	us_cell(table, alone->p90);
	ratio_cell(table, alone->p50, floor);
	ratio_cell(table, disk, alone->p50);
	us_cell(table, beside->min);
	us_cell(table, beside->p50);
	ratio_cell(table, beside->p50, alone->p50);
	table_cell(table, "%.0f", alone->minflt);
	table_cell(table, "%.1f", 100.0 * alone->other_share);
}

static void object_print(const struct speed_table *speed, enum speed_object object, FILE *out)
{
	static const char *const headings[] = { "Min (us)", "Median (us)", "p90 (us)", "/ floor",
						"disk /",   "Beside: min", "median",   "/ alone",
						"Faults",   "Other (%)" };
	struct table *table = table_new();

	fprintf(out, "\n%s\n", speed_object_name(object));
	table_column_text(table, "Loader");
	for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
		table_column_number(table, headings[i]);
	for (int row = 0; row < SPEED_ROWS; row++) {
		if (!speed->absent[row][0])
			row_print(speed, object, (enum speed_row)row, table);
	}
	table_print(table, out);
	table_free(table);
}

void speed_print(const struct speed_table *table, FILE *out)
{
	for (int object = 0; object < SPEED_OBJECTS; object++)
		object_print(table, (enum speed_object)object, out);
	fprintf(out,
		"  One cycle is load, lookup, first call and unload. \"Beside\": while another "
		"thread of the process runs.\n");
	for (int row = 0; row < SPEED_ROWS; row++) {
		if (table->absent[row][0])
			fprintf(out, "  %s was not measured: %s\n",
				speed_row_name((enum speed_row)row), table->absent[row]);
	}
}
