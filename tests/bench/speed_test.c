/* The judgement of the speed table: a table as required passes whole, and each number that is off
 * fails its own check. */
#include "bench/speed/speed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct speed_table table;

static struct speed_cell *cell(enum speed_object object, enum speed_mode mode, enum speed_row row)
{
	return &table.cells[speed_cell_index(object, mode, row)];
}

/* Everything just as it must be. */
static int table_make(void **state)
{
	static const double us[SPEED_ROWS] = {
		[SPEED_NULL] = 0.1,  [SPEED_FLOOR] = 10,   [SPEED_DISK] = 180,
		[SPEED_TMPFS] = 190, [SPEED_MEMFD] = 240,  [SPEED_CACHED] = 0.2,
		[SPEED_ELF] = 20,    [SPEED_DUALMAP] = 12, [SPEED_PRELINKED] = 1.4,
	};

	(void)state;
	memset(&table, 0, sizeof(table));
	for (int i = 0; i < SPEED_CELLS; i++) {
		table.cells[i].p50 = 1000.0 * us[i % SPEED_ROWS];
		table.cells[i].other_share = 0.01;
	}
	cell(SPEED_WORKLOAD, SPEED_ALONE, SPEED_ELF)->p50 = 7000;
	cell(SPEED_WORKLOAD, SPEED_BESIDE, SPEED_ELF)->p50 = 7000;
	cell(SPEED_WORKLOAD, SPEED_ALONE, SPEED_DUALMAP)->p50 = 2900;
	return 0;
}

/* Collects, prints, and returns how many failed; `said` gets the printed table. */
static unsigned int judged(char **said)
{
	struct speed_checks checks = { .count = 0 };
	unsigned int failed;
	size_t size;
	FILE *out = open_memstream(said, &size);

	speed_checks_collect(&checks, &table);
	failed = speed_checks_print(&checks, out);
	fclose(out);
	assert_true(checks.count < SPEED_CHECKS_MAX);
	return failed;
}

static void as_required_passes(void **state)
{
	char *said;

	(void)state;
	assert_int_equal(judged(&said), 0);
	assert_null(strstr(said, "FAIL"));
	free(said);
}

static void fails_alone(const char *name)
{
	char *said;
	char *line;

	assert_int_equal(judged(&said), 1);
	line = strstr(said, name);
	if (!line)
		fail_msg("no line '%s' in:\n%s", name, said);
	*strchr(line, '\n') = '\0';
	assert_non_null(strstr(line, "FAIL"));
	free(said);
	table_make(NULL);
}

static void each_number_fails_its_check(void **state)
{
	(void)state;
	cell(SPEED_4M, SPEED_ALONE, SPEED_DUALMAP)->p50 = 13100;
	fails_alone("elf:dualmap / floor, 4 MB");
	cell(SPEED_390K, SPEED_ALONE, SPEED_MEMFD)->p50 = 200000;
	fails_alone("memfd / elf:dualmap, 390 KB");
	cell(SPEED_WORKLOAD, SPEED_ALONE, SPEED_ELF)->p50 = 8000;
	fails_alone("disk / elf, workload");
	cell(SPEED_16K, SPEED_BESIDE, SPEED_ELF)->p50 = 31000;
	fails_alone("elf beside a thread / alone, 16 KB");
	cell(SPEED_390K, SPEED_ALONE, SPEED_PRELINKED)->p50 = 1501;
	cell(SPEED_390K, SPEED_ALONE, SPEED_DISK)->p50 = 190000;
	fails_alone("prelinked, same content, 390 KB");
	cell(SPEED_390K, SPEED_ALONE, SPEED_ELF)->minflt = 1;
	fails_alone("page faults per load, elf, 390 KB");
	cell(SPEED_390K, SPEED_ALONE, SPEED_DISK)->other_share = 0.021;
	fails_alone("time in no phase, disk, 390 KB");
}

/* What was not measured has not passed, and says why. */
static void an_absent_row_fails(void **state)
{
	char *said;

	(void)state;
	snprintf(table.absent[SPEED_PRELINKED], sizeof(table.absent[0]), "no such luck");
	assert_int_equal(judged(&said), 4);
	assert_non_null(strstr(said, "FAIL: not measured: no such luck"));
	free(said);
	cell(SPEED_390K, SPEED_ALONE, SPEED_ELF)->p50 = (double)NAN;
	table_make(NULL);
}

static void the_cost_is_a_number(void **state)
{
	double enter = 0.0, clock = 0.0;

	(void)state;
	speed_record_cost(&enter, &clock);
	assert_true(enter > 0.0 && clock > 0.0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(as_required_passes, table_make),
		cmocka_unit_test_setup(each_number_fails_its_check, table_make),
		cmocka_unit_test_setup(an_absent_row_fails, table_make),
		cmocka_unit_test(the_cost_is_a_number),
	};

	clock_start();
	return cmocka_run_group_tests_name("bench/speed", tests, NULL, NULL);
}
