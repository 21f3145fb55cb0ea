/* A plan as it was written is the plan that is read: empty words, many of them, and hostile bytes.
 */
#include "bench/vm/plan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *bytes;
static size_t size;

static struct plan plan_of(const char *const *settings, char *const *command)
{
	FILE *out = open_memstream(&bytes, &size);
	struct plan plan = { .words = NULL };
	struct err err = { "" };

	assert_non_null(out);
	plan_print(settings, command, out);
	fclose(out);
	if (plan_take(bytes, size, &plan, &err) < 0)
		fail_msg("%s", err.text);
	return plan;
}

static void plan_end(struct plan *plan)
{
	free(plan->words);
	free(bytes);
	bytes = NULL;
}

static void empty_words_stay_where_they_are(void **state)
{
	static char empty[] = "", a[] = "a", b[] = "b";
	static const char *const settings[] = { "noexec", "mdwe", NULL };
	char *const commands[][5] = { { a, empty, b, NULL }, { a, b, empty, empty, NULL } };

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct plan plan = plan_of(i ? settings : NULL, commands[i]);
		size_t at = 0;

		for (; commands[i][at]; at++)
			assert_string_equal(plan.command[at], commands[i][at]);
		assert_null(plan.command[at]);
		for (at = 0; i && settings[at]; at++)
			assert_string_equal(plan.words[at], settings[at]);
		assert_null(plan.words[at]);
		plan_end(&plan);
	}
}

static void no_word_is_dropped(void **state)
{
	static char word[] = "word", last[] = "last";
	char *command[3001];
	struct plan plan;

	(void)state;
	for (size_t i = 0; i < 2999; i++)
		command[i] = word;
	command[2999] = last;
	command[3000] = NULL;
	plan = plan_of(NULL, command);
	assert_string_equal(plan.command[2999], last);
	assert_null(plan.command[3000]);
	plan_end(&plan);
}

static void what_is_no_plan_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		const char *says;
	} plans[] = {
		{ "", 0, "cut short" },
		{ "\0a", 2, "cut short" },
		{ "\0", 1, "no command" },
		{ "noexec\0", 7, "no command" },
		{ "noexec\0\0", 8, "no command" },
		{ "\0\0a", 4, "no command" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		char *copy = malloc(plans[i].size + 1);
		struct plan plan;
		struct err err = { "" };

		assert_non_null(copy);
		memcpy(copy, plans[i].bytes, plans[i].size);
		assert_int_equal(plan_take(copy, plans[i].size, &plan, &err), -EINVAL);
		assert_non_null(strstr(err.text, plans[i].says));
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_words_stay_where_they_are),
		cmocka_unit_test(no_word_is_dropped),
		cmocka_unit_test(what_is_no_plan_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
