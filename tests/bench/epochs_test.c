/* Epochs written, read again and judged again; and what a file that makes no sense is told. */
#include "bench/epochs.h"
#include "bench/verdict.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EPOCHS 60

static char path[] = "/tmp/soload-epochs-XXXXXX";

static const struct verdict_rule rule = {
	.delta = 0.05,
	.alpha = 0.001,
	.quantiles = { true, true, true },
	.rows = 1,
};

static struct epoch epoch_of(double total, double link)
{
	struct epoch epoch = { .start_ns = 7, .order = "bhhb" };

	for (int subject = 0; subject < EPOCH_SUBJECTS; subject++) {
		for (int q = 0; q < EPOCH_QUANTILES; q++) {
			struct epoch_value *value = &epoch.values[subject][q];
			double ln = subject == EPOCH_TOTAL ? total : link;
			bool there = subject == EPOCH_TOTAL || subject == PHASE_LINK;

			value->base_ns = there ? 1000.0 : (double)NAN;
			value->head_ns = there ? 1000.0 * exp(ln) : (double)NAN;
			value->ln_ratio = there ? ln : (double)NAN;
		}
	}
	return epoch;
}

static void row_fill(struct epoch_row *row, double total, double link)
{
	assert_int_equal(epoch_row_open(row, "disk:dirs=/a+/b,\"x\"", "cycle@a,b.so"), 0);
	for (int i = 0; i < EPOCHS; i++) {
		double wobble = 0.001 * (i % 7 - 3);
		struct epoch epoch = epoch_of(total + wobble, link + wobble);

		assert_int_equal(epoch_row_add(row, &epoch), 0);
	}
}

static void written_epochs_are_read(void **state)
{
	struct epoch_row row, second, *rows;
	struct csv csv;
	size_t count;
	struct err err = { "" };

	(void)state;
	row_fill(&row, 0.04, 0.001);
	row_fill(&second, 0.0, 0.0);
	free(second.loader);
	second.loader = strdup("memfd");
	assert_int_equal(csv_open(&csv, path, epochs_header, &err), 0);
	for (size_t n = EPOCHS; n > 0; n--) {
		/* Rows are written while they grow. */
		row.count = second.count = EPOCHS + 1 - n;
		epochs_write(&csv, &row);
		epochs_write(&csv, &second);
	}
	assert_int_equal(csv_close(&csv, &err), 0);
	if (epochs_read(path, &rows, &count, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(count, 2);
	assert_string_equal(rows[0].loader, row.loader);
	assert_string_equal(rows[0].scenario, row.scenario);
	assert_string_equal(rows[1].loader, "memfd");
	assert_int_equal(rows[0].count, EPOCHS);
	for (size_t i = 0; i < EPOCHS; i++)
		assert_memory_equal(&rows[0].epochs[i].values[EPOCH_TOTAL],
				    &row.epochs[i].values[EPOCH_TOTAL],
				    sizeof(row.epochs[i].values[EPOCH_TOTAL]));
	for (size_t i = 0; i < count; i++)
		epoch_row_close(&rows[i]);
	free(rows);
	epoch_row_close(&row);
	epoch_row_close(&second);
}

static void verdict_expect(double total, double link, enum judge_verdict expected,
			   const char *reason)
{
	struct verdict verdict = { 0 }, again = { 0 };
	struct epoch_row row;
	char text[256];

	row_fill(&row, total, link);
	assert_int_equal(verdict_replay(&verdict, &row, &rule), 0);
	assert_int_equal(verdict.verdict, expected);
	verdict_reason(&verdict, text, sizeof(text));
	if (!strstr(text, reason) || (!*reason && *text))
		fail_msg("'%s' is not about '%s'", text, reason);
	/* A look after as many epochs says the same. */
	assert_int_equal(verdict_look(&again, &row, &rule, verdict.epochs), 0);
	assert_int_equal(again.verdict, expected);
	assert_int_equal(again.reason, verdict.reason);
	verdict_close(&verdict);
	verdict_close(&again);
	epoch_row_close(&row);
}

static void rows_are_judged(void **state)
{
	(void)state;
	verdict_expect(0.0, 0.0, JUDGE_PASS, "");
	verdict_expect(-0.3, 0.0, JUDGE_PASS, "");
	verdict_expect(0.05, 0.0, JUDGE_FAIL, "total p");
	verdict_expect(0.05, 0.5, JUDGE_FAIL, "total p"); /* the whole before its parts */
	verdict_expect(0.0, 0.08, JUDGE_FAIL, "link p");
	verdict_expect(log1p(0.025), 0.0, JUDGE_INCONCLUSIVE, "on neither side");
	verdict_expect(0.0, log1p(0.025) + 1e-4, JUDGE_INCONCLUSIVE, "link p");
}

static void phases_have_deltas_of_their_own(void **state)
{
	struct verdict_rule loose = rule;
	struct verdict verdict = { 0 };
	struct epoch_row row;

	(void)state;
	loose.phase_delta[PHASE_LINK] = 0.5;
	row_fill(&row, 0.0, 0.08);
	assert_int_equal(verdict_replay(&verdict, &row, &loose), 0);
	assert_int_equal(verdict.verdict, JUDGE_PASS);
	verdict_close(&verdict);
	epoch_row_close(&row);
}

static void too_few_epochs_are_inconclusive(void **state)
{
	struct verdict verdict = { 0 };
	struct epoch_row row;

	(void)state;
	row_fill(&row, 0.5, 0.5);
	row.count = 8;
	assert_int_equal(verdict_replay(&verdict, &row, &rule), 0);
	assert_int_equal(verdict.verdict, JUDGE_INCONCLUSIVE);
	assert_int_equal(verdict.epochs, 8);
	row.count = 0;
	assert_int_equal(verdict_replay(&verdict, &row, &rule), 0);
	assert_int_equal(verdict.verdict, JUDGE_INCONCLUSIVE);
	verdict_close(&verdict);
	epoch_row_close(&row);
}

static void nonsense_is_refused(void **state)
{
	static const char good[] = "0,memfd,cycle,1,total,p10,1,2,0.5,b\n";
	static const char *const wrong[] = {
		"0,memfd,cycle,1,total,p10,1,2,0.5\n",
		"0,memfd,cycle,1,total,p10,1,2,0.5,b,c\n",
		"5,memfd,cycle,1,total,p10,1,2,0.5,b\n",
		"x,memfd,cycle,1,total,p10,1,2,0.5,b\n",
		"0,memfd,cycle,-1,total,p10,1,2,0.5,b\n",
		"0,memfd,cycle,nan,total,p10,1,2,0.5,b\n",
		"0,memfd,cycle,1,bogus,p10,1,2,0.5,b\n",
		"0,memfd,cycle,1,total,p11,1,2,0.5,b\n",
		"0,memfd,cycle,1,total,p10,1,2,0.5x,b\n",
		"0,\"memfd,cycle,1,total,p10,1,2,0.5,b\n",
		"18446744073709551615,memfd,cycle,1,total,p10,1,2,0.5,b\n",
		",memfd,cycle,1,total,p10,1,2,0.5,b\n",
		"0,memfd,cycle,1,total,p10,1,2,0.5,b", /* cut: there may have been more of it */
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct epoch_row *rows;
		struct err err = { "" };
		size_t count;
		FILE *file = fopen(path, "we");

		assert_non_null(file);
		/* Alone, and after a good line. */
		fprintf(file, "%s\n%s%s", epochs_header, i % 2 ? good : "", wrong[i / 2]);
		fclose(file);
		if (epochs_read(path, &rows, &count, &err) != -EINVAL)
			fail_msg("'%s' was read", wrong[i / 2]);
		assert_true(err.text[0] != '\0');
	}
}

static void other_files_are_refused(void **state)
{
	struct epoch_row *rows;
	struct err err = { "" };
	size_t count;
	FILE *file = fopen(path, "we");

	(void)state;
	assert_non_null(file);
	fputs("run,epoch\n", file);
	fclose(file);
	assert_int_equal(epochs_read(path, &rows, &count, &err), -EINVAL);
	assert_non_null(strstr(err.text, "not the epochs of a gate"));
	file = fopen(path, "we");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(epochs_read(path, &rows, &count, &err), -EINVAL);
	assert_int_equal(epochs_read("/nonexistent/epochs.csv", &rows, &count, &err), -ENOENT);
	/* A gate whose loads all fail has a header and no epoch. */
	file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file, "%s\n", epochs_header);
	fclose(file);
	assert_int_equal(epochs_read(path, &rows, &count, &err), 0);
	assert_int_equal(count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_epochs_are_read),
		cmocka_unit_test(rows_are_judged),
		cmocka_unit_test(phases_have_deltas_of_their_own),
		cmocka_unit_test(too_few_epochs_are_inconclusive),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(other_files_are_refused),
	};
	int fd = mkstemp(path), failed;

	if (fd < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests_name("epochs", tests, NULL, NULL);
	unlink(path);
	return failed;
}
