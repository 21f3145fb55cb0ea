/* Errors: codes are negative, the errno's words are there, context goes in front, long texts are
 * cut. */
#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void set_returns_negative(void **state)
{
	struct err err = { "" };

	(void)state;
	assert_int_equal(err_set(&err, ENOENT, "no %s in %d", "symbol", 7), -ENOENT);
	assert_string_equal(err.text, "no symbol in 7");
}

static void sys_names_errno(void **state)
{
	struct err err = { "" };

	(void)state;
	errno = EACCES;
	assert_int_equal(err_sys(&err, "open %s", "/x"), -EACCES);
	assert_string_equal(err.text, "open /x: Permission denied (EACCES)");
}

static void sys_without_errno_is_still_an_error(void **state)
{
	struct err err = { "" };

	(void)state;
	errno = 0;
	assert_int_equal(err_sys(&err, "read"), -EIO);
	errno = 123456;
	assert_int_equal(err_sys(&err, "read"), -123456);
	assert_non_null(strstr(err.text, "(?)"));
}

static void prefix_keeps_code_and_order(void **state)
{
	struct err err = { "inner" };

	(void)state;
	assert_int_equal(err_prefix(&err, -EIO, "outer %d", 1), -EIO);
	assert_string_equal(err.text, "outer 1: inner");
}

static void nobody_listens(void **state)
{
	(void)state;
	errno = EPERM;
	assert_int_equal(err_set(NULL, EINVAL, "x"), -EINVAL);
	assert_int_equal(err_sys(NULL, "x"), -EPERM);
	assert_int_equal(err_prefix(NULL, -ENOMEM, "x"), -ENOMEM);
}

static void long_text_is_cut_visibly(void **state)
{
	char text[2 * ERR_TEXT_BYTES];
	struct err err = { "" };

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, EINVAL, "%s", text);
	assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
	assert_string_equal(err.text + ERR_TEXT_BYTES - 4, "...");

	errno = EACCES;
	assert_int_equal(err_sys(&err, "%s", text), -EACCES);
	assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
	assert_int_equal(err_prefix(&err, -EIO, "%s", text), -EIO);
	assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
}

/* A text that just fits is not cut; one byte more is. */
static void the_edge_is_exact(void **state)
{
	char text[ERR_TEXT_BYTES + 1];
	struct err err = { "" };

	(void)state;
	memset(text, 'b', sizeof(text));
	text[ERR_TEXT_BYTES - 1] = '\0';
	err_set(&err, EINVAL, "%s", text);
	assert_string_equal(err.text, text);
	text[ERR_TEXT_BYTES - 1] = 'b';
	text[ERR_TEXT_BYTES] = '\0';
	err_set(&err, EINVAL, "%s", text);
	assert_string_equal(err.text + ERR_TEXT_BYTES - 4, "...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_returns_negative),
		cmocka_unit_test(sys_names_errno),
		cmocka_unit_test(sys_without_errno_is_still_an_error),
		cmocka_unit_test(prefix_keeps_code_and_order),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(long_text_is_cut_visibly),
		cmocka_unit_test(the_edge_is_exact),
	};

	return cmocka_run_group_tests_name("base/err", tests, NULL, NULL);
}
