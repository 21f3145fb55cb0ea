/*
 * Lines of the history: what a good one says, and that nothing else is taken for one, cut, edited
 * or hostile; their order in the file; and where a loader's ratios change.
 */
#include "bench/history/figures.h"
#include "bench/history/file.h"

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

static const char form[] =
	"{\"schema\": 1, \"revision\": \"%040x\", \"number\": %d, \"time\": "
	"\"2026-11-22T10:12:45Z\", \"title\": \"Größer, \\\"besser\\\"\", \"reference\": "
	"\"00000000000000000000000000000000000000ff\", \"object\": {\"name\": \"gen.so\", "
	"\"bytes\": "
	"9, \"xxh64\": \"0123456789abcdef\"}, \"machine\": {\"cpu\": \"c\", \"kernel\": \"6.1\", "
	"\"libc\": \"glibc 2.36\"}, \"load_average\": 0.5, \"loaders\": {\"disk\": {\"epochs\": 9, "
	"\"p10\": [1.01, 1.0, 1.02], \"p50\": [%.4f, %.4f, %.4f], \"work\": {\"syscalls\": 17, "
	"\"syscalls.mmap\": 4}}, \"elf:dualmap\": {\"epochs\": 7, \"p50\": [0.5, null, null]}}}";

static const char *line_text(int number, double ratio)
{
	static char text[4096];

	snprintf(text, sizeof(text), form, (unsigned int)number * 7919U, number, ratio,
		 ratio * 0.99, ratio * 1.01);
	return text;
}

/* Parses `good` with its first `from` replaced by `to`. */
static int parse_with(const char *from, const char *to, struct err *err)
{
	char text[8192];
	const char *good = line_text(3, 1.5), *at = strstr(good, from);
	struct history_line line;
	int r;

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
	r = history_line_parse(&line, text, strlen(text), err);
	if (r == 0)
		history_line_close(&line);
	return r;
}

static void a_good_line_says_what_it_holds(void **state)
{
	const char *text = line_text(3, 1.5);
	struct history_line line;
	struct history_ratio ratio;
	struct err err;
	uint64_t value;

	(void)state;
	assert_int_equal(history_line_parse(&line, text, strlen(text), &err), 0);
	assert_string_equal(history_text(&line, "machine.libc"), "glibc 2.36");
	assert_string_equal(history_text(&line, "machine.nothing"), "");
	assert_string_equal(history_text(&line, "title.deeper"), "");
	assert_int_equal(history_number(&line, "number"), 3);
	assert_int_equal(history_epochs(&line), 7);
	assert_string_equal(history_loader(&line, NULL), "disk");
	assert_string_equal(history_loader(&line, "disk"), "elf:dualmap");
	assert_null(history_loader(&line, "elf:dualmap"));
	assert_true(history_ratio(&line, "disk", "p50", &ratio));
	assert_true(ratio.value == 1.5 && ratio.low == 1.485 && ratio.high == 1.515);
	assert_true(history_ratio(&line, "elf:dualmap", "p50", &ratio));
	assert_true(ratio.value == 0.5 && isnan(ratio.low) && isnan(ratio.high));
	assert_false(history_ratio(&line, "elf:dualmap", "p10", &ratio));
	assert_false(history_ratio(&line, "tmpfs", "p50", &ratio));
	assert_true(history_work(&line, "disk", "syscalls.mmap", &value) && value == 4);
	assert_false(history_work(&line, "disk", "faults", &value));
	assert_false(history_work(&line, "elf:dualmap", "syscalls", &value));
	history_line_close(&line);
}

static void other_lines_are_refused_in_words(void **state)
{
	static const struct {
		const char *from, *to, *word;
	} wrong[] = {
		{ "\"schema\": 1", "\"schema\": 2", "schema 2" },
		{ "\"schema\": 1", "\"schema\": \"1\"", "schema" },
		{ "\"schema\": 1, ", "", "schema" },
		{ "{\"schema\": 1", "{\"schema\": 1, \"schema\": 1", "no JSON" },
		{ "\"revision\": \"0", "\"revision\": \"g", "revision" },
		{ "\"revision\": \"0", "\"revision\": \"", "revision" },
		{ "\"reference\": \"0", "\"reference\": \"-", "reference" },
		{ "\"number\": 3", "\"number\": -3", "number" },
		{ "\"number\": 3", "\"number\": 3.5", "number" },
		{ "\"number\": 3", "\"number\": 99999999999999999999", "no JSON" },
		{ "T10:12:45Z", "T10:12:45", "time" },
		{ "T10:12:45Z", " 10:12:45Z", "time" },
		{ "Größer", "\\u001b[31m", "title" },
		{ "Größer", "\\u009b31m", "title" },
		{ "Größer", "\\u0000", "no JSON" },
		{ "Größer", "\xff", "no JSON" },
		{ "\"title\"", "\"tattle\"", "title" },
		{ "\"xxh64\": \"0", "\"xxh64\": \"", "xxh64" },
		{ "\"kernel\": \"6.1\"", "\"kernel\": 6.1", "machine.kernel" },
		{ "[1.5000", "[-1.5000", "p50" },
		{ "[1.5000", "[1e9", "p50" },
		{ "[1.5000", "[NaN", "no JSON" },
		{ "[1.5000", "[1.6", "p50" },
		{ "[1.5000, ", "[", "p50" },
		{ "[1.01, 1.0,", "[1.01, \"1.0\",", "p10" },
		{ "[1.01, 1.0,", "[1.01, 0.0,", "p10" },
		{ "\"syscalls\": 17", "\"syscalls\": -17", "syscalls" },
		{ "\"syscalls\": 17", "\"syscalls\": 1.7", "syscalls" },
		{ "\"work\": {\"syscalls\": 17, \"syscalls.mmap\": 4}", "\"work\": 4", "disk" },
		{ "\"disk\": {", "\"\": {", "name" },
		{ "\"disk\": {", "\"d\\u0007k\": {", "name" },
		{ "\"loaders\": {", "\"ladders\": {", "loaders" },
		{ "}}}", "}}} trailing", "no JSON" },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(parse_with(wrong[i].from, wrong[i].to, &err), -EINVAL);
		if (!strstr(err.text, wrong[i].word))
			fail_msg("'%s' is not about %s", err.text, wrong[i].word);
	}
	assert_int_equal(parse_with("\"schema\": 1", "\"schema\": 1, \"later\": [1]", &err), 0);
}

/* Cut at every byte, one byte changed at every place, nested without end, too long. */
static void no_bytes_harm(void **state)
{
	struct history_line line;
	const char *good = line_text(3, 1.5);
	size_t size = strlen(good);
	char *text = malloc(HISTORY_LINE_MAX + 2);
	struct err err;
	uint32_t random = 1;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(history_line_parse(&line, good, i, &err), -EINVAL);
	for (size_t i = 0; i < size * 8; i++) {
		memcpy(text, good, size);
		random = random * 1664525U + 1013904223U;
		text[i % size] = (char)(random >> 24);
		if (history_line_parse(&line, text, size, &err) == 0)
			history_line_close(&line);
	}
	memset(text, '[', HISTORY_LINE_MAX + 1);
	assert_int_equal(history_line_parse(&line, text, HISTORY_LINE_MAX, &err), -EINVAL);
	assert_int_equal(history_line_parse(&line, text, HISTORY_LINE_MAX + 1, &err), -EINVAL);
	free(text);
}

static void insert(struct history *history, int number, double ratio, int expected)
{
	const char *text = line_text(number, ratio);
	struct history_line line;
	struct err err;

	assert_int_equal(history_line_parse(&line, text, strlen(text), &err), 0);
	assert_int_equal(history_insert(history, &line, &err), expected);
}

static void a_file_is_in_order_however_it_is_filled(void **state)
{
	static const int order[] = { 5, 2, 9, 1, 7 }, sorted[] = { 1, 2, 5, 7, 9 };
	char path[] = "/tmp/soload-history-XXXXXX";
	struct history history = { 0 }, again;
	struct history_line other;
	struct err err;
	char text[4096];

	(void)state;
	close(mkstemp(path));
	assert_int_equal(history_read(&history, path, &err), 0);
	for (size_t i = 0; i < 5; i++)
		insert(&history, order[i], 1.0, 0);
	insert(&history, 7, 2.0, 0); /* in place of the first one */
	assert_int_equal(history_write(&history, path, &err), 0);
	assert_int_equal(history_read(&again, path, &err), 0);
	assert_int_equal(again.count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(history_number(&again.lines[i], "number"), sorted[i]);
	assert_true(strstr(again.lines[3].text, "[2.0000,"));

	/* Another revision of the same number is one of another branch. */
	snprintf(text, sizeof(text), "%s", line_text(7, 1.0));
	strstr(text, "\"revision\": \"")[13] = 'e';
	assert_int_equal(history_line_parse(&other, text, strlen(text), &err), 0);
	assert_int_equal(history_insert(&history, &other, &err), -EINVAL);
	assert_non_null(strstr(err.text, "branches"));
	assert_int_equal(history.count, 5);
	history_close(&history);
	history_close(&again);
	unlink(path);
	assert_true(history_read(&history, path, &err) == -ENOENT);
}

/* Lines without an interval take no part, and are not where a change is. */
static void a_change_is_between_values_that_are_known(void **state)
{
	enum { LINES = 8 };
	const struct history_line *pointers[LINES];
	struct history history = { 0 };
	struct history_view view = { .lines = pointers, .count = LINES };
	struct history_series series;

	(void)state;
	for (int i = 0; i < LINES; i++)
		insert(&history, i + 1, i < 5 ? 1.0 : 1.5, 0);
	for (size_t i = 0; i < LINES; i++)
		pointers[i] = &history.lines[i];
	assert_int_equal(history_series_open(&series, &view, "disk", "p50"), 0);
	for (size_t i = 0; i < LINES; i++)
		assert_int_equal(history_series_before(&series, i), i == 5 ? 4 : SIZE_MAX);
	assert_true(fabs(series.levels[7] - 1.5) < 1e-6);
	history_series_close(&series);
	assert_int_equal(history_series_open(&series, &view, "elf:dualmap", "p50"), 0);
	for (size_t i = 0; i < LINES; i++)
		assert_true(isnan(series.levels[i]) && series.ratios[i].value == 0.5 &&
			    history_series_before(&series, i) == SIZE_MAX);
	history_series_close(&series);
	history_close(&history);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_line_says_what_it_holds),
		cmocka_unit_test(other_lines_are_refused_in_words),
		cmocka_unit_test(no_bytes_harm),
		cmocka_unit_test(a_file_is_in_order_however_it_is_filled),
		cmocka_unit_test(a_change_is_between_values_that_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
