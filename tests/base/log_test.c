/* Lines on stderr: levels are obeyed, each line is one write, an overlong one is cut and still
 * ends. */
#include "base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int ends[2], saved;

/* Packet mode: one read returns exactly one write. */
static int stderr_take(void **state)
{
	(void)state;
	saved = dup(STDERR_FILENO);
	return pipe2(ends, O_DIRECT | O_NONBLOCK) < 0 || dup2(ends[1], STDERR_FILENO) < 0 ? -1 : 0;
}

static int stderr_give_back(void **state)
{
	(void)state;
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[0]);
	close(ends[1]);
	log_level = LOG_LEVEL_WARN;
	return 0;
}

static const char *written(void)
{
	static char line[4096];
	ssize_t n = read(ends[0], line, sizeof(line) - 1);

	line[n > 0 ? n : 0] = '\0';
	return line;
}

static void levels_are_obeyed(void **state)
{
	(void)state;
	log_level = LOG_LEVEL_ERROR;
	log_warn("no");
	log_line("no");
	assert_string_equal(written(), "");
	log_error("e%d", 1);
	assert_string_equal(written(), "soload: e1\n");
	log_level = LOG_LEVEL_WARN;
	log_line("no");
	log_warn("w");
	assert_string_equal(written(), "soload: w\n");
	log_level = LOG_LEVEL_INFO;
	log_line("plain %s", "line");
	assert_string_equal(written(), "plain line\n");
}

static void long_lines_are_cut_and_end(void **state)
{
	char text[5000];
	const char *line;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_error("%s", text);
	line = written();
	assert_true(strlen(line) > 500 && strlen(line) < sizeof(text));
	assert_int_equal(line[strlen(line) - 1], '\n');
	assert_string_equal(written(), ""); /* and it was one write */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(levels_are_obeyed, stderr_take, stderr_give_back),
		cmocka_unit_test_setup_teardown(long_lines_are_cut_and_end, stderr_take,
						stderr_give_back),
	};

	return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
