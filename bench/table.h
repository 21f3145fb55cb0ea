/*
 * Tables for people: aligned columns, units in the headings, two spaces of indent, as upstream's
 * tools print them.
 */
#ifndef SOLOAD_BENCH_TABLE_H
#define SOLOAD_BENCH_TABLE_H

#include <stddef.h>
#include <stdio.h>

struct table;

/* NULL when out of memory; every other function accepts that and does nothing. */
struct table *table_new(void);
void table_free(struct table *table);

/* Columns come before the first cell. Text is aligned left, numbers right; units belong into the
 * heading: "Total (us)". */
void table_column_text(struct table *table, const char *heading);
void table_column_number(struct table *table, const char *heading);

/* The next cell; a row that is full is followed by the next. */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Microseconds with one decimal from nanoseconds; NaN or no value is "-". */
void table_cell_us(struct table *table, double ns);

void table_rule(struct table *table); /* a line before the next row */
void table_print(const struct table *table, FILE *out);

/*
 * The table of rounds: one row per round, then "Avg" and, above 20 rounds, "Trimmed Avg" without
 * the ten lowest and ten highest of each column. Columns whose values are all zero or NaN are
 * hidden. `values_us[round * column_count + column]`; NaN prints as "-" and counts nowhere.
 */
struct table_rounds {
	const char *const *columns; /* "Elapsed", "Load": the unit is added */
	size_t column_count;
	const double *values_us;
	size_t rounds;
};

void table_rounds_print(const struct table_rounds *rounds, FILE *out);

#endif
