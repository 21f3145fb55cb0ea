/* Chains of transport and loader: every row really runs, sends what its transport sends, and the
 * judgement tells a pass from a failure from nothing measured. */
#include "bench/speed/chain.h"

#include "base/clock.h"
#include "tests/built.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct chain_table table;

static void measure(const char *objects, const char *disk, struct err *err, int expected)
{
	const struct speed_options options = { .objects = objects, .disk = disk, .loads = 20 };

	assert_int_equal(chain_measure(&options, &table, err), expected);
}

static void test_measures(void **state)
{
	char folder[] = "/var/tmp/soload-chain-XXXXXX";
	struct err err = { "" };

	(void)state;
	assert_non_null(mkdtemp(folder));
	measure(built_path("objects"), folder, &err, 0);
	for (int row = 0; row < CHAIN_ROWS; row++) {
		const struct chain_cell *cell = &table.cells[row];

		if (cell->why[0])
			fail_msg("%s: %s", chain_row_name((enum chain_row)row), cell->why);
		assert_true(cell->total > 0 && cell->min > 0 && cell->min <= cell->total);
	}
	assert_true(table.cells[CHAIN_SEED].bytes > 4202048);
	assert_true(table.cells[CHAIN_TRIMMED].bytes < table.cells[CHAIN_RIGHTSIZE].bytes);
	assert_int_equal(table.cells[CHAIN_DEDUP].bytes, 7744);
	assert_int_equal(rmdir(folder), 0); /* nothing was left in it */
}

/* What cannot be measured says why, the others are measured. */
static void test_absent(void **state)
{
	struct speed_checks checks = { .count = 0 };
	struct err err = { "" };

	(void)state;
	measure(built_path("objects"), "/nonexistent", &err, 0);
	assert_non_null(strstr(table.cells[CHAIN_SEED].why, "/nonexistent"));
	assert_true(isnan(table.cells[CHAIN_SEED].total));
	assert_true(table.cells[CHAIN_TRIMMED].total > 0);
	chain_checks_collect(&checks, &table);
	assert_int_equal(checks.count, 2);
	for (unsigned int i = 0; i < checks.count; i++) {
		assert_true(isnan(checks.list[i].measured));
		assert_true(checks.list[i].why[0] != '\0');
	}
	measure("/nonexistent", "/tmp", &err, -2);
	assert_non_null(strstr(err.text, "/nonexistent"));
}

static void test_judgement(void **state)
{
	struct speed_checks checks = { .count = 0 };

	(void)state;
	memset(&table, 0, sizeof(table));
	for (int row = 0; row < CHAIN_ROWS; row++)
		table.cells[row].total = table.cells[row].min = 1000000;
	table.cells[CHAIN_TRIMMED].total = 25000;
	table.cells[CHAIN_DEDUP].total = 5001;
	chain_checks_collect(&checks, &table);
	assert_int_equal(checks.count, 2);
	assert_true(checks.list[0].measured >= checks.list[0].bound);
	assert_true(checks.list[1].measured < checks.list[1].bound);
	assert_false(checks.list[0].at_most || checks.list[1].at_most);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_measures),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_judgement),
	};

	clock_start();
	return cmocka_run_group_tests_name("chains", tests, NULL, NULL);
}
