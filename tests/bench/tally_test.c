/* Counters by name, what a change of one means, and the file that declares rises. */
#include "base/clock.h"
#include "bench/expected.h"
#include "bench/tally.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char path[] = "/tmp/soload-expected-XXXXXX";

static void names_are_found(void **state)
{
	char name[64];

	(void)state;
	for (int i = 0; i < TALLY_COUNTERS; i++)
		assert_int_equal(tally_find(tally_name(i, name, sizeof(name))), i);
	assert_int_equal(tally_find("syscalls.mmap"), SYS_mmap);
	assert_int_equal(tally_find("syscalls"), TALLY_CALLS);
	assert_int_equal(tally_find("instructions"), TALLY_INSTRUCTIONS);
	assert_int_equal(tally_find("bogus"), -1);
}

static void changes_are_told(void **state)
{
	static struct tally base, head;
	const int i = TALLY_FAULTS;

	(void)state;
	assert_int_equal(tally_compare(&base, &head, i), TALLY_SAME);
	base.known[i] = true;
	assert_int_equal(tally_compare(&base, &head, i), TALLY_ADVISORY);
	head.known[i] = base.exact[i] = head.exact[i] = true;
	base.values[i] = head.values[i] = 5;
	assert_int_equal(tally_compare(&base, &head, i), TALLY_SAME);
	head.values[i] = 6;
	assert_int_equal(tally_compare(&base, &head, i), TALLY_MORE);
	head.values[i] = 4;
	assert_int_equal(tally_compare(&base, &head, i), TALLY_FEWER);
	/* What does not repeat proves nothing. */
	base.exact[i] = false;
	assert_int_equal(tally_compare(&base, &head, i), TALLY_ADVISORY);
	head.values[i] = 5;
	assert_int_equal(tally_compare(&base, &head, i), TALLY_SAME);
}

static int expected_from(struct expected *expected, const char *text, struct err *err)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	return expected_read(expected, path, err);
}

static void rises_are_declared(void **state)
{
	struct expected expected;
	struct err err = { "" };

	(void)state;
	assert_int_equal(expected_from(&expected,
				       "# a comment\n\nmemfd syscalls.mmap +1 # why\n"
				       "* instructions +<=0.5%\nelf faults +<=2\n",
				       &err),
			 0);
	assert_int_equal(expected.count, 3);
	assert_int_equal(expected.rises[1].line, 4);
	assert_true(expected_covers(&expected, "memfd", "syscalls.mmap", 4, 5));
	assert_false(expected_covers(&expected, "memfd", "syscalls.mmap", 4, 6));
	assert_false(expected_covers(&expected, "disk", "syscalls.mmap", 4, 5));
	assert_true(expected_covers(&expected, "disk", "instructions", 1000, 1005));
	assert_false(expected_covers(&expected, "disk", "instructions", 1000, 1006));
	assert_false(expected_covers(&expected, "memfd", "faults", 1, 2));
	assert_true(expected.rises[0].needed && expected.rises[1].needed);
	assert_false(expected.rises[2].needed);
	assert_true(expected_covers(&expected, "elf", "faults", 1, 3));
	expected_close(&expected);
	assert_int_equal(expected_read(&expected, "/nonexistent/file", &err), 0);
	assert_int_equal(expected.count, 0);
}

/* A long line is one line, whatever it would say if it were cut. */
static void long_lines_are_one(void **state)
{
	struct expected expected;
	struct err err = { "" };
	char text[2048];

	(void)state;
	snprintf(text, sizeof(text), "# %0600d memfd faults +1\n%600s elf faults +2\n", 0, "");
	assert_int_equal(expected_from(&expected, text, &err), 0);
	assert_int_equal(expected.count, 1);
	assert_int_equal(expected.rises[0].line, 2);
	assert_string_equal(expected.rises[0].loader, "elf");
	expected_close(&expected);
	snprintf(text, sizeof(text), "# %0600d\nmemfd bogus +1\n", 0);
	assert_int_equal(expected_from(&expected, text, &err), -EINVAL);
	assert_non_null(strstr(err.text, "line 2"));
}

static void nonsense_is_refused(void **state)
{
	static const char *const wrong[] = {
		"memfd\n",
		"memfd faults\n",
		"memfd faults 1\n",
		"memfd faults +\n",
		"memfd faults +0\n",
		"memfd faults +-1\n",
		"memfd faults +1 2\n",
		"memfd bogus +1\n",
		"memfd faults +1%\n",
		"memfd faults +<=\n",
		"memfd faults +<=1%%\n",
		"memfd faults +nan\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct expected expected;
		struct err err = { "" };

		if (expected_from(&expected, wrong[i], &err) != -EINVAL)
			fail_msg("'%s' was read", wrong[i]);
		assert_non_null(strstr(err.text, "line 1"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found),     cmocka_unit_test(changes_are_told),
		cmocka_unit_test(rises_are_declared),  cmocka_unit_test(long_lines_are_one),
		cmocka_unit_test(nonsense_is_refused),
	};
	int fd = mkstemp(path), failed;

	if (fd < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests_name("tally", tests, NULL, NULL);
	unlink(path);
	return failed;
}
