/* Tables: alignment, units, hidden columns, averages as upstream prints them. */
#include "bench/table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static char *text;
static size_t size;
static FILE *out;

static int setup(void **state)
{
	(void)state;
	out = open_memstream(&text, &size);
	return out ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	fclose(out);
	free(text);
	return 0;
}

static const char *printed(void)
{
	fflush(out);
	return text;
}

static void columns_align(void **state)
{
	struct table *table = table_new();

	(void)state;
	table_column_text(table, "Loader");
	table_column_number(table, "Total (us)");
	table_cell(table, "memfd");
	table_cell_us(table, 213456.0);
	table_cell(table, "disk:mended");
	table_cell_us(table, (double)NAN);
	table_print(table, out);
	table_free(table);
	assert_string_equal(printed(), "  Loader       Total (us)\n"
				       "  -----------------------\n"
				       "  memfd             213.5\n"
				       "  disk:mended           -\n");
}

static void letters_of_two_bytes_align(void **state)
{
	struct table *table = table_new();

	(void)state;
	table_column_text(table, "Name");
	table_column_number(table, "N");
	table_cell(table, "größe");
	table_cell(table, "1");
	table_print(table, out);
	table_free(table);
	assert_non_null(strstr(printed(), "  größe     1\n"));
}

static void rounds_look_like_upstreams(void **state)
{
	static const char *const columns[] = { "Elapsed", "Sched", "Orch" };
	static const double values[] = { 10.0, 0.0, 1.0, 20.0, 0.0, 3.0 };
	struct table_rounds rounds = { columns, 3, values, 2 };

	(void)state;
	table_rounds_print(&rounds, out);
	assert_string_equal(printed(), "  Round     Elapsed (us)     Orch (us)\n"
				       "  ------------------------------------\n"
				       "  0                 10.0           1.0\n"
				       "  1                 20.0           3.0\n"
				       "\n"
				       "  Avg: 15.0 us | Orch Avg: 2.0 us  (2 rounds)\n");
}

static void trimmed_from_21_rounds_on(void **state)
{
	static const char *const columns[] = { "Host" };
	double values[21];
	struct table_rounds rounds = { columns, 1, values, 21 };

	(void)state;
	for (int i = 0; i < 21; i++)
		values[i] = i == 0 ? 1e6 : i < 11 ? 1.0 : 5.0;
	values[20] = 3.0;
	table_rounds_print(&rounds, out);
	assert_non_null(strstr(printed(), "Trimmed Avg: 3.0 us  (1 rounds, 10 low and 10 high "
					  "dropped)\n"));
}

static void twenty_rounds_are_not_trimmed(void **state)
{
	static const char *const columns[] = { "Host" };
	double values[20];
	struct table_rounds rounds = { columns, 1, values, 20 };

	(void)state;
	for (int i = 0; i < 20; i++)
		values[i] = i ? 2.0 : (double)NAN;
	table_rounds_print(&rounds, out);
	assert_null(strstr(printed(), "Trimmed"));
	assert_non_null(strstr(text, "Avg: 2.0 us"));
	assert_non_null(strstr(text, "  0                    -\n"));
}

static void nothing_is_survived(void **state)
{
	struct table_rounds rounds = { NULL, 0, NULL, 0 };

	(void)state;
	table_print(NULL, out);
	table_cell(NULL, "x");
	table_free(NULL);
	table_rounds_print(&rounds, out);
}

#define OUT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OUT(columns_align),
		OUT(letters_of_two_bytes_align),
		OUT(rounds_look_like_upstreams),
		OUT(trimmed_from_21_rounds_on),
		OUT(twenty_rounds_are_not_trimmed),
		OUT(nothing_is_survived),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
