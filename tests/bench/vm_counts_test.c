/* Counts as CSV and back, malformed ones refused by line, and the arithmetic and the verdict of the
 * gate on them. */
#include "bench/command.h"
#include "bench/vm/compare.h"
#include "bench/vm/counts.h"
#include "bench/vm/origin.h"

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

static struct counts counts_of(const char *csv)
{
	struct counts counts;
	struct err err = { "" };

	if (counts_read(&counts, csv, strlen(csv), &err) < 0)
		fail_msg("%s: %s", err.text, csv);
	return counts;
}

/* A version with other phases: what both know is compared, what one lacks is not, and nothing fails
 * for it. */
static void columns_go_by_their_names(void **state)
{
	static const char csv[] = "# kernel=6.1 qemu=7\n"
				  "side,loader,metric,total,map,novelty,other,error\n"
				  "base,\"elf\",user,1000,300,500,200,\n"
				  "side,loader,metric,other,stage,map,total,error\n"
				  "head,\"elf\",user,200,500,300,1000,\n";
	struct counts counts = counts_of(csv);
	const struct counts_row *base = &counts.rows[0], *head = &counts.rows[1];

	(void)state;
	assert_int_equal(counts.count, 2);
	assert_string_equal(counts.about, " kernel=6.1 qemu=7");
	assert_int_equal(base->values[PHASE_MAP], 300);
	assert_int_equal(head->values[PHASE_MAP], 300);
	assert_int_equal(head->values[COUNTS_TOTAL], 1000);
	for (int column = COUNTS_TOTAL; column >= 0; column = counts_column_next(column)) {
		bool both = column == COUNTS_TOTAL || column == PHASE_MAP || column == PHASE_OTHER;

		assert_int_equal(compare_judge(&counts, base, head, COUNTS_USER, column).verdict,
				 both ? COMPARE_SAME : COMPARE_NOTHING);
	}
	counts_close(&counts);
}

static void hostile_headers_are_refused(void **state)
{
	static const char *const headers[] = {
		"side,loader,metric\n",
		"side,loader,metric,total\n",
		"side,loader,metric,total,error,\n",
		"side,loader,metric,,error\n",
		"side,loader,metric,total,total,error\n",
		"side,metric,loader,total,error\n",
		"total,error\n",
		"# nothing but words\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct counts counts;
		struct err err = { "" };

		assert_int_equal(counts_read(&counts, headers[i], strlen(headers[i]), &err),
				 -EBADMSG);
		counts_close(&counts);
	}
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

static void judged_in(int column, enum counts_metric metric, const uint64_t *values,
		      enum compare_verdict verdict)
{
	struct counts counts = pair_make(metric, values[0], values[1], values[2]);
	struct compare_cell cell =
		compare_judge(&counts, &counts.rows[0], &counts.rows[1], metric, column);

	assert_int_equal(cell.verdict, verdict);
	assert_int_equal(cell.base, values[0] + 4 * values[2]);
	counts_close(&counts);
}

static void judged(enum counts_metric metric, const uint64_t *values, enum compare_verdict verdict)
{
	judged_in(COUNTS_TOTAL, metric, values, verdict);
}

static void limits_are_where_they_are_said_to_be(void **state)
{
	(void)state;
	/* 0.1 % of user instructions, and 2 of a load or 16 of a phase */
	judged(COUNTS_USER, (uint64_t[]){ 100000, 100100, 0 }, COMPARE_SAME);
	judged(COUNTS_USER, (uint64_t[]){ 100000, 100101, 0 }, COMPARE_MORE);
	judged(COUNTS_USER, (uint64_t[]){ 100000, 99899, 0 }, COMPARE_LESS);
	judged(COUNTS_USER, (uint64_t[]){ 40, 42, 0 }, COMPARE_SAME);
	judged(COUNTS_USER, (uint64_t[]){ 40, 43, 0 }, COMPARE_MORE);
	judged_in(PHASE_STAGE, COUNTS_USER, (uint64_t[]){ 40, 56, 0 }, COMPARE_SAME);
	judged_in(PHASE_STAGE, COUNTS_USER, (uint64_t[]){ 40, 57, 0 }, COMPARE_MORE);
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

/* Rows of `metrics` of base and of head, "tuk" being all; a capital letter is an error. */
static struct counts sides_make(const char *base, const char *head)
{
	struct counts counts = { .rows = calloc(6, sizeof(struct counts_row)) };

	for (int i = 0; i < 2; i++) {
		for (const char *letter = i ? head : base; *letter; letter++) {
			size_t metric = (size_t)(strchr("tukTUK", *letter) - "tukTUK");
			struct counts_row *row = &counts.rows[counts.count++];

			*row = row_make(i ? "head" : "base", (enum counts_metric)(metric % 3), 100);
			if (metric > 2)
				snprintf(row->error, sizeof(row->error), "no counter");
		}
	}
	return counts;
}

static int verdict_of(const char *base, const char *head, const char *says)
{
	struct counts counts = sides_make(base, head);
	struct compare_side sides[] = { { "base", "disk:dirs=/a,\"b\"" },
					{ "head", "disk:dirs=/a,\"b\"" } };
	struct compare_outcome outcome = { .judged = 0 };
	char said[512];
	int code;

	compare_states_add(&outcome, &counts, &sides[0], &sides[1]);
	for (int m = 0; m < COUNTS_METRICS; m++) {
		const char *why;

		if (compare_state(&counts, &sides[0], &sides[1], (enum counts_metric)m, &why) ==
		    COMPARE_BOTH)
			outcome.judged++;
		else
			assert_true(why[0]);
	}
	code = compare_verdict(&outcome, said, sizeof(said));
	if (!strstr(said, says))
		fail_msg("no '%s' in '%s'", says, said);
	counts_close(&counts);
	return code;
}

/* Head has to count what base counts, each metric of it; what base cannot is not head's fault. */
static void what_head_cannot_count_fails(void **state)
{
	(void)state;
	assert_int_equal(verdict_of("tuk", "tuk", "verdict=pass"), EXIT_DONE);
	assert_int_equal(verdict_of("tuk", "", ":time fails in head"), EXIT_MEASURED_FAILURE);
	assert_int_equal(verdict_of("tuk", "t", ":user fails in head"), EXIT_MEASURED_FAILURE);
	assert_int_equal(verdict_of("tuk", "tUk", ":user fails in head"), EXIT_MEASURED_FAILURE);
	assert_int_equal(verdict_of("TUK", "tuk", "verdict=skipped"), EXIT_SKIPPED);
	assert_int_equal(verdict_of("", "", "verdict=skipped"), EXIT_SKIPPED);
	assert_int_equal(verdict_of("tUK", "tUK", "verdict=inconclusive"), EXIT_INCONCLUSIVE);
	assert_int_equal(verdict_of("tUk", "tUK", ":kernel fails in head"), EXIT_MEASURED_FAILURE);
}

/* Nor is there a load of nothing, which a process that ended early once left: only a kernel may
 * have had nothing to do. */
static void a_load_of_nothing_is_none(void **state)
{
	struct counts counts = counts_of("side,loader,metric,total,other,error\n"
					 "base,\"elf\",user,9000,9000,\n"
					 "head,\"elf\",user,0,0,\n"
					 "head,\"elf\",time,0,0,\n"
					 "head,\"elf\",kernel,0,0,\n"
					 "side,loader,metric,other,error\n"
					 "none,\"elf\",user,9,\n");
	struct compare_side base = { "base", "elf" }, head = { "head", "elf" };
	const char *why;

	(void)state;
	for (size_t i = 0; i < counts.count; i++)
		assert_int_equal(!counts.rows[i].error[0], i != 1 && i != 2);
	assert_int_equal(compare_state(&counts, &base, &head, COUNTS_USER, &why), COMPARE_NO_HEAD);
	assert_int_equal(
		compare_judge(&counts, &counts.rows[0], &counts.rows[1], COUNTS_USER, COUNTS_TOTAL)
			.verdict,
		COMPARE_NOTHING);
	counts_close(&counts);
}

/* What base cannot count, but the ceiling did, head has to. */
static void what_the_ceiling_counted_is_asked_of_head(void **state)
{
	struct counts counts = sides_make("TUK", "TUK"), kept = sides_make("tuk", "");
	const char *loader = kept.rows[0].loader;
	struct compare_side base = { "base", loader }, head = { "head", loader };
	struct compare_side ceiling = { "ceiling", loader };
	struct compare_outcome outcome = { .judged = 0 };
	struct err err = { "" };
	char said[512];

	(void)state;
	assert_int_equal(counts_append(&counts, &kept, ceiling.side, &err), 0);
	compare_states_add(&outcome, &counts, &base, &head);
	assert_int_equal(compare_verdict(&outcome, said, sizeof(said)), EXIT_SKIPPED);
	compare_states_add(&outcome, &counts, &ceiling, &head);
	assert_int_equal(compare_verdict(&outcome, said, sizeof(said)), EXIT_MEASURED_FAILURE);
	assert_non_null(strstr(said, ":time fails in head"));
	counts_close(&kept);
	counts_close(&counts);
}

static void a_rise_is_named(void **state)
{
	struct compare_outcome outcome = { .judged = 0 };
	const struct compare_cell rose = { 1, 2, COMPARE_MORE }, fell = { 2, 1, COMPARE_LESS };
	char said[512];

	(void)state;
	compare_cell_add(&outcome, &fell, "a", COUNTS_USER, PHASE_MAP);
	assert_int_equal(compare_verdict(&outcome, said, sizeof(said)), EXIT_DONE);
	compare_cell_add(&outcome, &rose, "b", COUNTS_KERNEL, PHASE_STAGE);
	compare_cell_add(&outcome, &rose, "c", COUNTS_TIME, COUNTS_TOTAL);
	assert_int_equal(compare_verdict(&outcome, said, sizeof(said)), EXIT_MEASURED_FAILURE);
	assert_non_null(strstr(said, "reason=b:kernel.stage (2 of 3 cells rose)"));
}

/* Two boots that differ in one digit judge nothing, whatever they counted. */
static void boots_that_differ_are_inconclusive(void **state)
{
	static const char one[] = "side\nelf,100\nelf,200\n", other[] = "side\nelf,100\nelf,201\n";
	struct compare_outcome outcome = { .judged = 3, .more = 1, .reason = "elf:user.map" };
	char said[512];

	(void)state;
	assert_int_equal(compare_difference(one, one), 0);
	assert_int_equal(compare_difference(one, other), 3);
	assert_int_equal(compare_difference(one, "side\nelf,100\n"), 3);
	assert_int_equal(compare_difference("", one), 1);
	outcome.differs = compare_difference(one, other);
	assert_int_equal(compare_verdict(&outcome, said, sizeof(said)), EXIT_INCONCLUSIVE);
	assert_non_null(strstr(said, "from line 3 on"));
}

/* A committed median is one value: head's interval is held against it. */
static void medians_are_a_ceiling(void **state)
{
	struct counts counts = pair_make(COUNTS_KERNEL, 100000, 100000, 1000);
	struct counts ceiling, other = { .rows = NULL };
	struct compare_cell cell;
	struct err err = { "" };
	FILE *file;

	(void)state;
	free(text);
	text = NULL;
	file = open_memstream(&text, &text_size);
	assert_non_null(file);
	counts_medians_print(&counts, file);
	fclose(file);
	ceiling = counts_of(text);
	assert_int_equal(ceiling.count, 2);
	assert_int_equal(ceiling.rows[0].values[PHASE_STAGE], 104000);
	for (uint64_t rise = 0; rise < 2; rise++) {
		other = pair_make(COUNTS_KERNEL, 0, 100000 + 5000 * rise, 1000);
		assert_int_equal(counts_append(&other, &ceiling, "ceiling", &err), 0);
		cell = compare_judge(&other, &other.rows[other.count - 1], &other.rows[1],
				     COUNTS_KERNEL, COUNTS_TOTAL);
		assert_int_equal(cell.base, 104000);
		assert_int_equal(cell.verdict, rise ? COMPARE_MORE : COMPARE_SAME);
		counts_close(&other);
	}
	counts_close(&ceiling);
	counts_close(&counts);
}

static void origins_differ_in_words(void **state)
{
	const struct origin origin = { "6.1.0-50", "7.2.22", 0x1234, 0xabcd };
	static const char *const others[][2] = {
		{ "kernel=6.1.0-49 qemu=7.2.22", "its kernel is 6.1.0-49, not 6.1.0-50" },
		{ "kernel=6.1.0-50 qemu=10.0", "its qemu is 10.0, not 7.2.22" },
		{ "kernel=6.1.0-50 qemu=7.2.22", "does not say" },
		{ "", "does not say" },
		{ "qemu=7.2.22", "does not say its kernel" },
	};
	char ours[ORIGIN_BYTES] = "", words[ORIGIN_BYTES];
	FILE *file = fmemopen(ours, sizeof(ours), "w");

	(void)state;
	assert_non_null(file);
	origin_print(&origin, file);
	fclose(file);
	assert_string_equal(
		ours, "kernel=6.1.0-50 qemu=7.2.22 object=0000000000001234 libc=000000000000abcd");
	assert_false(origin_differs(ours, ours, words, sizeof(words)));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_true(origin_differs(others[i][0], ours, words, sizeof(words)));
		if (!strstr(words, others[i][1]))
			fail_msg("no '%s' in '%s'", others[i][1], words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_go_by_their_names),
		cmocka_unit_test(hostile_headers_are_refused),
		cmocka_unit_test(what_head_cannot_count_fails),
		cmocka_unit_test(a_load_of_nothing_is_none),
		cmocka_unit_test(what_the_ceiling_counted_is_asked_of_head),
		cmocka_unit_test(a_rise_is_named),
		cmocka_unit_test(boots_that_differ_are_inconclusive),
		cmocka_unit_test(medians_are_a_ceiling),
		cmocka_unit_test(origins_differ_in_words),
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
