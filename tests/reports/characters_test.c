/* Texts are cut at a character, wherever a count of bytes would have ended. */
#include "bench/report/characters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char text[] = "a\u0416\u20ac\U0001f4a9z"; /* of 1, 2, 3, 4 and 1 bytes */
static const size_t ends[] = { 0, 1, 3, 6, 10, 11 };

static void counted_and_cut(void **state)
{
	char cut[16];

	(void)state;
	assert_int_equal(characters_count(text), 5);
	for (size_t n = 0; n < 6; n++) {
		assert_int_equal(characters_bytes(text, n), ends[n]);
		snprintf(cut, sizeof(cut), "%.*s", CHARACTERS(text, n));
		assert_int_equal(strlen(cut), ends[n]);
		assert_int_equal(characters_count(cut), n);
	}
	assert_int_equal(characters_bytes(text, 100), 11);
	assert_int_equal(characters_bytes("", 1), 0);
}

/* What snprintf() leaves of the text in buffers of every size. */
static void whole_after_a_full_buffer(void **state)
{
	char buffer[sizeof(text)];
	size_t whole = 0;

	(void)state;
	for (size_t room = 0; room < sizeof(text); room++) {
		whole += room == ends[whole + 1];
		memcpy(buffer, text, room);
		buffer[room] = '\0';
		assert_ptr_equal(characters_whole(buffer), buffer);
		assert_int_equal(strlen(buffer), ends[whole]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counted_and_cut),
		cmocka_unit_test(whole_after_a_full_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
