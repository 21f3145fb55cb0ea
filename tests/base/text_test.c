/* Words: the nearest name is suggested when it is near, and nothing when nothing is; sizes in
 * words. */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = { "disk", "tmpfs", "memfd", "cached", "elf", "prelinked", NULL };

static const char *nearest(const char *word)
{
	return text_nearest(word, strlen(word), names);
}

static void near_names_are_found(void **state)
{
	(void)state;
	assert_string_equal(nearest("disc"), "disk");
	assert_string_equal(nearest("mefmd"), "memfd");
	assert_string_equal(nearest("efl"), "elf"); /* two letters swapped are one slip */
	assert_string_equal(nearest("prelink"), "prelinked");
	assert_string_equal(nearest("cache"), "cached");
	assert_string_equal(nearest("elf"), "elf");
}

static void far_names_are_not(void **state)
{
	(void)state;
	assert_null(nearest("zzzzzz"));
	assert_null(nearest(""));
	assert_null(text_nearest("disk", 4, names + 6));
}

static void only_the_length_counts(void **state)
{
	(void)state;
	assert_string_equal(text_nearest("dskXXXXXXXXXX", 3, names), "disk");
}

static void long_words_are_harmless(void **state)
{
	char word[5000];
	const char *const longest[] = { word, NULL };

	(void)state;
	memset(word, 'd', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	assert_null(text_nearest(word, sizeof(word) - 1, (const char *const[]){ NULL }));
	assert_string_equal(text_nearest(word, sizeof(word) - 1, longest), word);
}

static void what_is_near_becomes_a_clause(void **state)
{
	char clause[32], tight[23];

	(void)state;
	assert_string_equal(text_suggest("dskXXXX", 3, names, clause, sizeof(clause)),
			    " (did you mean 'disk'?)");
	assert_string_equal(text_suggest("zzzzzz", 6, names, clause, sizeof(clause)), "");
	assert_string_equal(text_suggest("disc", 4, names, tight, sizeof(tight)), "");
	assert_string_equal(text_suggest("efl", 3, names, tight, sizeof(tight)),
			    " (did you mean 'elf'?)");
}

static void sizes_in_words(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },
		{ 999, "999 B" },
		{ 1000, "1.0 KB" },
		{ 4202048, "4.2 MB" },
		{ 7744, "7.7 KB" },
		{ 1ull << 40, "1.1 TB" },
		{ UINT64_MAX, "18446744.1 TB" },
	};
	char buffer[32], tiny[4];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(text_bytes(cases[i].bytes, buffer, sizeof(buffer)),
				    cases[i].text);
	assert_string_equal(text_bytes(4202048, tiny, sizeof(tiny)), "4.2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(near_names_are_found),
		cmocka_unit_test(far_names_are_not),
		cmocka_unit_test(only_the_length_counts),
		cmocka_unit_test(long_words_are_harmless),
		cmocka_unit_test(what_is_near_becomes_a_clause),
		cmocka_unit_test(sizes_in_words),
	};

	return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
