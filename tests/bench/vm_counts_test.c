/* Counts as CSV and back, malformed ones refused by line, and the arithmetic of the gate on them.
 */
#include "bench/vm/compare.h"
#include "bench/vm/counts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *text;
static size_t text_size;

static void text_begin(FILE **ret_file)
{
	free(text);
	text = NULL;
	*ret_file = open_memstream(&text, &text_size);
	assert_non_null(*ret_file);
	counts_header_print(*ret_file);
}

static struct counts_row row_make(const char *side, enum counts_metric metric, uint64_t value)
{
	struct counts_row row = { .metric = metric };

	snprintf(row.side, sizeof(row.side), "%s", side);
	snprintf(row.loader, sizeof(row.loader), "disk:dirs=/a,\"b\"");
	row.values[PHASE_STAGE] = value;
	row.values[COUNTS_TOTAL] = value;
	return row;
}

static void rows_come_back(void **state)
{
	struct counts_row row = row_make("base", COUNTS_KERNEL, 42), failed = row;
	struct counts counts;
	struct err err = { "" };
	FILE *file;

	(void)state;
	text_begin(&file);
	counts_row_print(&row, file);
	snprintf(failed.error, sizeof(failed.error), "no, \"never\"");
	counts_row_print(&failed, file);
	counts_header_print(file); /* of the other side */
	counts_row_print(&row, file);
	fclose(file);
	assert_int_equal(counts_read(&counts, text, text_size, &err), 0);
	assert_int_equal(counts.count, 3);
	assert_string_equal(counts.rows[0].loader, row.loader);
	assert_int_equal(counts.rows[0].values[PHASE_STAGE], 42);
	assert_int_equal(counts.rows[0].values[COUNTS_TOTAL], 42);
	assert_int_equal(counts.rows[0].metric, COUNTS_KERNEL);
	assert_string_equal(counts.rows[1].error, failed.error);
	assert_int_equal(counts_median(&counts, &row, COUNTS_KERNEL, PHASE_STAGE), 42);
	assert_true(counts_median(&counts, &row, COUNTS_USER, PHASE_STAGE) == UINT64_MAX);
	counts_close(&counts);
}

/* Whole lines are rows; anything else is refused, whatever byte it ends or is spoilt at. */
static void cut_and_spoilt_texts_are_refused(void **state)
{
	struct counts_row row = row_make("base", COUNTS_USER, 42);
	struct counts counts;
	struct err err = { "" };
	FILE *file;

	(void)state;
	text_begin(&file);
	counts_row_print(&row, file);
	fclose(file);
	for (size_t size = 0; size < text_size; size++) {
		int r = counts_read(&counts, text, size, &err);

		assert_int_equal(r, size && text[size - 1] == '\n' ? 0 : -EBADMSG);
		counts_close(&counts);
	}
	for (size_t at = 0; at < text_size; at++) {
		char kept = text[at];

		text[at] = '\0';
		assert_int_equal(counts_read(&counts, text, text_size, &err), -EBADMSG);
		counts_close(&counts);
		text[at] = kept;
	}
}

static void hostile_rows_are_refused(void **state)
{
	static const char *const rows[] = {
		"\n",
		"base,elf,user,1\n",
		"base,elf,users,1,1,1,1,1,1,1,1,1,1,1,1,1,\n",
		"base,elf,user,-1,1,1,1,1,1,1,1,1,1,1,1,1,\n",
		"base,elf,user,99999999999999999999,1,1,1,1,1,1,1,1,1,1,1,1,\n",
		"base,elf,user,1x,1,1,1,1,1,1,1,1,1,1,1,1,\n",
		"base,elf,user,1,1,1,1,1,1,1,1,1,1,1,1,1,,\n",
		"base,\"elf,user,1,1,1,1,1,1,1,1,1,1,1,1,1,\n",
		"a side that is longer than one,elf,user,1,1,1,1,1,1,1,1,1,1,1,1,1,\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct counts counts;
		struct err err = { "" };
		FILE *file;

		text_begin(&file);
		fputs(rows[i], file);
		fclose(file);
		assert_int_equal(counts_read(&counts, text, text_size, &err), -EBADMSG);
		assert_non_null(strstr(err.text, "line 2"));
		counts_close(&counts);
	}
}

static struct counts pair_make(enum counts_metric metric, uint64_t base, uint64_t head,
			       uint64_t spread)
{
	struct counts counts = { .rows = calloc(82, sizeof(struct counts_row)) };

	for (uint64_t i = 0; i < 41; i++) {
		counts.rows[counts.count++] = row_make("base", metric, base + i % 9 * spread);
		counts.rows[counts.count++] = row_make("head", metric, head + i % 9 * spread);
	}
	return counts;
}

static void judged(enum counts_metric metric, const uint64_t *values, enum compare_verdict verdict)
{
	struct counts counts = pair_make(metric, values[0], values[1], values[2]);
	struct compare_cell cell =
		compare_judge(&counts, &counts.rows[0], &counts.rows[1], metric, COUNTS_TOTAL);

	assert_int_equal(cell.verdict, verdict);
	assert_int_equal(cell.base, values[0] + 4 * values[2]);
	counts_close(&counts);
}

static void limits_are_where_they_are_said_to_be(void **state)
{
	(void)state;
	/* 0.1 % and 16 of user instructions */
	judged(COUNTS_USER, (uint64_t[]){ 100000, 100100, 0 }, COMPARE_SAME);
	judged(COUNTS_USER, (uint64_t[]){ 100000, 100101, 0 }, COMPARE_MORE);
	judged(COUNTS_USER, (uint64_t[]){ 100000, 99899, 0 }, COMPARE_LESS);
	judged(COUNTS_USER, (uint64_t[]){ 40, 56, 0 }, COMPARE_SAME);
	judged(COUNTS_USER, (uint64_t[]){ 40, 57, 0 }, COMPARE_MORE);
	/* 1 % and 64 of the others */
	judged(COUNTS_KERNEL, (uint64_t[]){ 100000, 101000, 0 }, COMPARE_SAME);
	judged(COUNTS_KERNEL, (uint64_t[]){ 100000, 101001, 0 }, COMPARE_MORE);
	judged(COUNTS_TIME, (uint64_t[]){ 256, 320, 0 }, COMPARE_SAME);
	judged(COUNTS_TIME, (uint64_t[]){ 256, 336, 0 }, COMPARE_MORE);
}

static void medians_whose_intervals_meet_are_the_same(void **state)
{
	(void)state;
	judged(COUNTS_KERNEL, (uint64_t[]){ 100000, 102000, 1000 }, COMPARE_SAME);
	judged(COUNTS_KERNEL, (uint64_t[]){ 100000, 120000, 1000 }, COMPARE_MORE);
}

static void nothing_counted_is_nothing_judged(void **state)
{
	struct counts counts = pair_make(COUNTS_USER, 1, 2, 0);

	(void)state;
	assert_int_equal(compare_judge(&counts, &counts.rows[0], &counts.rows[1], COUNTS_KERNEL,
				       COUNTS_TOTAL)
				 .verdict,
			 COMPARE_NOTHING);
	counts_close(&counts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_come_back),
		cmocka_unit_test(cut_and_spoilt_texts_are_refused),
		cmocka_unit_test(hostile_rows_are_refused),
		cmocka_unit_test(limits_are_where_they_are_said_to_be),
		cmocka_unit_test(medians_whose_intervals_meet_are_the_same),
		cmocka_unit_test(nothing_counted_is_nothing_judged),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(text);
	return failed;
}
