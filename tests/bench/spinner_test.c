/* The spinning thread starts and rests on command, however quickly the commands follow. */
#include "bench/spinner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>

/* On one CPU the spinner is nearly always preempted between two commands: a start that comes before
 * it has noticed the stop must not be lost. */
static void quick_commands_are_not_lost(void **state)
{
	struct spinner spinner = { 0 };
	struct err err;
	cpu_set_t one;

	(void)state;
	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(spinner_open(&spinner, sched_getcpu(), &err), 0);
	for (int i = 0; i < 300; i++) {
		spinner_start(&spinner);
		spinner_stop(&spinner);
	}
	spinner_close(&spinner);
	spinner_close(&spinner);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quick_commands_are_not_lost),
	};

	return cmocka_run_group_tests_name("spinner", tests, NULL, NULL);
}
