/* CSV that may be anything: what is whole is read, what is not is counted, nothing else happens. */
#include "bench/rows_read.h"

#include "bench/record.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/soload-rows-XXXXXX";

static void rows_of(struct rows_read *rows, const char *bytes, size_t size)
{
	struct err err = { "" };
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rows_open(rows, path, &err), 0);
}

static void whole_rows_and_quotes(void **state)
{
	struct rows_read rows;
	const char text[] = "a,b\n1,\"x,\"\"y\"\"\nz\"\r\n,\n";

	(void)state;
	rows_of(&rows, text, sizeof(text) - 1);
	assert_true(rows_next(&rows));
	assert_string_equal(rows_text(&rows, rows_column(&rows, "b")), "x,\"y\"\nz");
	assert_true(rows_next(&rows));
	assert_string_equal(rows_text(&rows, 0), "");
	assert_false(rows_next(&rows));
	assert_int_equal(rows.rows, 2);
	assert_int_equal(rows.lost, 0);
	assert_int_equal(rows_column(&rows, "c"), -1);
	assert_string_equal(rows_text(&rows, -1), "");
	rows_close(&rows);
}

/* A good table cut at every byte: the rows before the cut and no other, at most one lost. */
static void cut_anywhere(void **state)
{
	const char text[] = "a,b\n1,2\n3,\"4\n\"\n5,6\n";
	static const size_t ends[] = { 8, 15, 19 };

	(void)state;
	for (size_t size = 1; size < sizeof(text); size++) {
		struct rows_read rows;
		size_t whole = 0, read = 0;

		for (size_t i = 0; i < 3; i++)
			whole += size >= ends[i];
		rows_of(&rows, text, size);
		while (rows_next(&rows))
			read++;
		assert_int_equal(read, whole);
		assert_int_equal(rows.rows, whole);
		assert_int_equal(rows.lost,
				 size == 4 || size == 8 || size == 15 || size == 19 ? 0 : 1);
		rows_close(&rows);
	}
}

static void damaged_rows_are_counted(void **state)
{
	struct rows_read rows;
	const char text[] = "a,b\n1\n1,2,3\n7,8\n";

	(void)state;
	rows_of(&rows, text, sizeof(text) - 1);
	assert_true(rows_next(&rows));
	assert_string_equal(rows_text(&rows, 0), "7");
	assert_false(rows_next(&rows));
	assert_int_equal(rows.lost, 2);
	rows_drop(&rows);
	assert_int_equal(rows.rows, 0);
	assert_int_equal(rows.lost, 3);
	rows_close(&rows);
}

/* A stray quote costs nothing, wherever in an unquoted field it stands. */
static void quotes_open_at_the_beginning(void **state)
{
	struct rows_read rows;
	const char text[] = "a,b\n1\"x,2\n3\",\"4,\"\n\"5\"y,6\"\n7,8\n";
	static const char *const fields[][2] = {
		{ "1\"x", "2" }, { "3\"", "4," }, { "5y", "6\"" }, { "7", "8" }
	};

	(void)state;
	rows_of(&rows, text, sizeof(text) - 1);
	for (size_t i = 0; i < 4; i++) {
		assert_true(rows_next(&rows));
		assert_string_equal(rows_text(&rows, 0), fields[i][0]);
		assert_string_equal(rows_text(&rows, 1), fields[i][1]);
	}
	assert_false(rows_next(&rows));
	assert_int_equal(rows.lost, 0);
	rows_close(&rows);
}

/* Who takes all or nothing is told the line, counted as an editor does. */
static void the_line_is_told(void **state)
{
	static const struct {
		const char *text;
		size_t size, whole, line;
	} cases[] = {
		{ "a,b\n1,\"x\ny\"\n3,4,5\n5,6\n", 22, 1, 4 },
		{ "a,b\n1,2\n3,4", 11, 1, 3 },
		{ "a,b\n1,\0002\n3,4\n", 13, 0, 2 },
		{ "a,b\n\n3,4\n", 9, 0, 2 },
		{ "a,b\n1,\"2\n3,4\n", 13, 0, 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rows_read rows;
		struct err err = { "" };
		char said[32];
		size_t whole = 0;
		int r;

		rows_of(&rows, cases[i].text, cases[i].size);
		while ((r = rows_next_whole(&rows, "x.csv", &err)) > 0)
			whole++;
		assert_int_equal(r, -EINVAL);
		assert_int_equal(whole, cases[i].whole);
		snprintf(said, sizeof(said), "x.csv: line %zu is no", cases[i].line);
		if (!strstr(err.text, said))
			fail_msg("case %zu: '%s', not '%s'", i, err.text, said);
		rows_close(&rows);
	}
}

static void columns_go_by_name(void **state)
{
	struct rows_read rows;
	struct err err = { "" };
	int columns[2];

	(void)state;
	rows_of(&rows, "z,b,a\n0,2,1\n", 12);
	assert_int_equal(rows_columns(&rows, "a,b", columns, "x.csv", &err), 0);
	assert_int_equal(rows_next_whole(&rows, "x.csv", &err), 1);
	assert_string_equal(rows_text(&rows, columns[0]), "1");
	assert_string_equal(rows_text(&rows, columns[1]), "2");
	assert_int_equal(rows_next_whole(&rows, "x.csv", &err), 0);
	assert_int_equal(rows_columns(&rows, "a,c", columns, "x.csv", &err), -EINVAL);
	assert_string_equal(err.text, "x.csv: line 1 has no column c");
	rows_close(&rows);
}

static void numbers(void **state)
{
	static const char *const bad[] = {
		"-1", "1.5", "nan", "0x10", " 1", "9007199254740992", "99999999999999999999999"
	};
	struct rows_read rows;
	int64_t integer;
	double number;
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "a\n%s\n", bad[i]);
		rows_of(&rows, text, strlen(text));
		assert_true(rows_next(&rows));
		assert_false(rows_integer(&rows, 0, &integer));
		rows_close(&rows);
	}
	rows_of(&rows, "a,b,c\n9007199254740991,,inf\n", 29);
	assert_true(rows_next(&rows));
	assert_true(rows_integer(&rows, 0, &integer));
	assert_int_equal(integer, INT64_C(9007199254740991));
	assert_true(rows_integer(&rows, 1, &integer));
	assert_true(integer == SAMPLE_NONE);
	assert_true(rows_double(&rows, 1, &number));
	assert_true(isnan(number));
	assert_false(rows_double(&rows, 2, &number));
	rows_close(&rows);
}

static void nothing_and_noise(void **state)
{
	struct rows_read rows;
	struct err err = { "" };
	char noise[4096];

	(void)state;
	rows_of(&rows, "", 0);
	assert_false(rows_next(&rows));
	rows_close(&rows);
	srand(1);
	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = ",\"\n\r\0ab9\xff"[rand() % 9];
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		assert_int_equal(fwrite(noise, 1, sizeof(noise), file), sizeof(noise));
		fclose(file);
		if (rows_open(&rows, path, &err) < 0)
			continue;
		while (rows_next(&rows))
			assert_non_null(rows_text(&rows, 0));
		rows_close(&rows);
	}
	assert_int_equal(rows_open(&rows, "/nowhere/at/all", &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_rows_and_quotes),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(damaged_rows_are_counted),
		cmocka_unit_test(numbers),
		cmocka_unit_test(the_line_is_told),
		cmocka_unit_test(columns_go_by_name),
		cmocka_unit_test(nothing_and_noise),
		cmocka_unit_test(quotes_open_at_the_beginning),
	};
	int fd = mkstemp(path), r;

	if (fd < 0)
		return 1;
	close(fd);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return r;
}
