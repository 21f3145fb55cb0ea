/* The option grammar NAME[:KEY[=VALUE]]…: splitting, escapes, kinds, bounds, and what an error
 * says. */
#include "base/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const colours[] = { "red", "green", "blue", NULL };

struct sample {
	bool flag;
	uint64_t size;
	const char *text;
	struct option_list list;
	int colour;
};

static const struct option_def table[] = {
	{ "flag", OPTION_FLAG, offsetof(struct sample, flag), NULL, "a switch", NULL },
	{ "size", OPTION_SIZE, offsetof(struct sample, size), "SIZE", "how much", NULL },
	{ "text", OPTION_TEXT, offsetof(struct sample, text), "TEXT", "a word", NULL },
	{ "list", OPTION_LIST, offsetof(struct sample, list), "A+B", "words", NULL },
	{ "colour", OPTION_CHOICE, offsetof(struct sample, colour), "NAME", "one of", colours },
	{ .name = NULL },
};

/* The text is parsed in place and the struct points into it: both live until the next call. */
static char text[4096];
static struct sample sample;
static struct err err;

static int parse(const char *given)
{
	sample = (struct sample){ .size = 11, .colour = 2 };
	err.text[0] = '\0';
	snprintf(text, sizeof(text), "%s", given);
	return options_parse(table, &sample, text, &err);
}

static void refuse(const char *given, const char *said)
{
	assert_int_equal(parse(given), -EINVAL);
	if (!strstr(err.text, said))
		fail_msg("'%s' says '%s', not '%s'", given, err.text, said);
}

static void nothing_keeps_the_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	assert_int_equal(sample.size, 11);
	assert_int_equal(sample.colour, 2);
	assert_false(sample.flag);
}

static void every_kind_is_parsed(void **state)
{
	(void)state;
	assert_int_equal(parse(":flag:size=4K:text=hello:list=a+b+c:colour=green"), 0);
	assert_true(sample.flag);
	assert_int_equal(sample.size, 4096);
	assert_string_equal(sample.text, "hello");
	assert_int_equal(sample.list.count, 3);
	assert_string_equal(sample.list.items[0], "a");
	assert_string_equal(sample.list.items[2], "c");
	assert_int_equal(sample.colour, 1);
}

static void a_backslash_takes_the_meaning(void **state)
{
	(void)state;
	assert_int_equal(parse(":text=a\\:b\\\\c=d"), 0);
	assert_string_equal(sample.text, "a:b\\c=d");
	assert_int_equal(parse(":list=a\\+b+c\\,d"), 0);
	assert_int_equal(sample.list.count, 2);
	assert_string_equal(sample.list.items[0], "a+b");
	assert_string_equal(sample.list.items[1], "c,d");
	assert_int_equal(parse(":text=end\\"), 0); /* nothing follows: stands for itself */
	assert_string_equal(sample.text, "end\\");
}

static void errors_help(void **state)
{
	(void)state;
	refuse(":colr=red", "did you mean 'colour'?");
	refuse(":zzzzzzzz", "has no option 'zzzzzzzz'");
	refuse(":colour=gren", "did you mean 'green'?");
	refuse(":flag=1", "takes no value");
	refuse(":size", "size=SIZE");
	refuse(":size=", "needs a value");
	refuse(":text", "needs a value");
	refuse(":list=a++b", "empty element");
	refuse(":list=+", "empty element");
	refuse(":", "has no option ''");
	refuse(":size=12Q", "'12Q' is not a size");
	assert_null(strstr((parse(":zzzzzzzz"), err.text), "did you mean"));
	refuse(":colour=zzzzzzzz", "no choice 'zzzzzzzz'");
	assert_null(strstr(err.text, "did you mean"));
}

static void no_table_takes_nothing(void **state)
{
	char none[] = "", some[] = ":x";

	(void)state;
	assert_int_equal(options_parse(NULL, NULL, none, &err), 0);
	assert_int_equal(options_parse(NULL, NULL, some, &err), -EINVAL);
	assert_non_null(strstr(err.text, "takes no options"));
}

static void lists_are_bounded(void **state)
{
	char given[256] = ":list=a";

	(void)state;
	for (int i = 1; i < OPTION_LIST_MAX; i++)
		strcat(given, "+a");
	assert_int_equal(parse(given), 0);
	assert_int_equal(sample.list.count, OPTION_LIST_MAX);
	strcat(given, "+a");
	refuse(given, "at most 16");
}

static void split_at_unescaped_commas(void **state)
{
	char given[] = "a:x=1,b\\,c,,d\\\\,e";
	char *items[5];
	char few[] = "a,b,c", one[] = "";

	(void)state;
	assert_int_equal(options_split(given, items, 5), 5);
	assert_string_equal(items[0], "a:x=1");
	assert_string_equal(items[1], "b\\,c"); /* still escaped, for options_parse() */
	assert_string_equal(items[2], "");
	assert_string_equal(items[3], "d\\\\");
	assert_string_equal(items[4], "e");
	assert_int_equal(options_split(few, items, 2), -E2BIG);
	assert_int_equal(options_split(one, items, 2), 1);
}

static void what_is_named_twice_is_found(void **state)
{
	static const char *const items[] = { "elf", "memfd", "elf:map", "memfd", "elf" };

	(void)state;
	assert_null(options_repeated(items, 0));
	assert_null(options_repeated(items, 3));
	assert_string_equal(options_repeated(items, 5), "memfd");
}

static void name_ends_at_the_colon(void **state)
{
	(void)state;
	assert_int_equal(options_name_length("disk:a:b"), 4);
	assert_int_equal(options_name_length("disk"), 4);
	assert_int_equal(options_name_length(":a"), 0);
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t size;
	} good[] = {
		{ "0", 0 },
		{ "1k", 1024 },
		{ "0x10", 16 },
		{ "2M", 2u << 20 },
		{ "3G", 3ull << 30 },
		{ "18446744073709551615", UINT64_MAX },
		{ "17179869183G", 17179869183ull << 30 },
	};
	static const char *const bad[] = { "",
					   " 1",
					   "-1",
					   "+1",
					   "K",
					   "1KB",
					   "1T",
					   "1 ",
					   "1.5",
					   "1%",
					   "0x",
					   "18446744073709551616",
					   "17179869184G" };
	uint64_t size = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(options_size(good[i].text, &size), 0);
		assert_true(size == good[i].size);
	}
	size = 77;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (options_size(bad[i], &size) != -EINVAL)
			fail_msg("'%s' was taken for a size", bad[i]);
		assert_int_equal(size, 77);
	}
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = { { "5", 5000000000 },      { "500ms", 500000000 },	{ "1.5s", 1500000000 },
		     { "2m", 120000000000 },   { "1h", 3600000000000 }, { "1ms", 1000000 },
		     { "24h", 86400000000000 } };
	static const char *const bad[] = { "",	    "s",     " 5",  "-5",  "+5",   "0",
					   "0.1ms", "25h",   "5 s", "5S",  "5min", "nan",
					   "inf",   "1e999", "5us", "5ss", ".5s",  "x5" };
	uint64_t ns = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(options_duration(good[i].text, &ns), 0);
		assert_true(ns == good[i].ns);
	}
	ns = 77;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (options_duration(bad[i], &ns) != -EINVAL)
			fail_msg("'%s' was taken for a time", bad[i]);
		assert_int_equal(ns, 77);
	}
}

static void help_lists_every_option(void **state)
{
	char *out;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	(void)state;
	options_help(table, file);
	fclose(file);
	for (const struct option_def *def = table; def->name; def++)
		assert_non_null(strstr(out, def->help));
	assert_non_null(strstr(out, "    :list=A+B"));
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_keeps_the_defaults),
		cmocka_unit_test(every_kind_is_parsed),
		cmocka_unit_test(a_backslash_takes_the_meaning),
		cmocka_unit_test(errors_help),
		cmocka_unit_test(no_table_takes_nothing),
		cmocka_unit_test(lists_are_bounded),
		cmocka_unit_test(split_at_unescaped_commas),
		cmocka_unit_test(what_is_named_twice_is_found),
		cmocka_unit_test(name_ends_at_the_colon),
		cmocka_unit_test(sizes),
		cmocka_unit_test(durations),
		cmocka_unit_test(help_lists_every_option),
	};

	return cmocka_run_group_tests_name("base/options", tests, NULL, NULL);
}
