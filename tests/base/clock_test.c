/* The clock map: exact at its anchors, monotone between and beyond them, and durations add up. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct clock_map map = {
	.ticks0 = 1000000, .ns0 = 5000000, .ticks1 = 8000000, .ns1 = 8333333
};

static void anchors_are_exact(void **state)
{
	(void)state;
	assert_int_equal(clock_map_ns(&map, map.ticks0), map.ns0);
	assert_int_equal(clock_map_ns(&map, map.ticks1), map.ns1);
}

static void the_map_is_monotone(void **state)
{
	uint64_t before = 0;

	(void)state;
	for (uint64_t ticks = 990000; ticks < 9000000; ticks += 17) {
		uint64_t ns = clock_map_ns(&map, ticks);

		assert_true(ns >= before);
		before = ns;
	}
}

/* A program that runs for years has spans that no longer fit 64 bits when multiplied. */
static void long_spans_do_not_overflow(void **state)
{
	const struct clock_map years = {
		.ticks0 = 0, .ns0 = 0, .ticks1 = 3ull << 60, .ns1 = 1ull << 60
	};

	(void)state;
	assert_true(clock_map_ns(&years, 3ull << 59) == 1ull << 59);
	assert_true(clock_map_span_ns(&years, 3ull << 60) == 1ull << 60);
}

static void spans_are_rounded_down(void **state)
{
	const struct clock_map third = { .ticks0 = 0, .ns0 = 0, .ticks1 = 30, .ns1 = 10 };

	(void)state;
	assert_int_equal(clock_map_span_ns(&third, 0), 0);
	assert_int_equal(clock_map_span_ns(&third, 2), 0);
	assert_int_equal(clock_map_span_ns(&third, 3), 1);
	assert_int_equal(clock_map_span_ns(&third, 5), 1);
}

static void ticks_and_back(void **state)
{
	const struct clock_map three = { .ticks0 = 700, .ns0 = 100, .ticks1 = 3700, .ns1 = 1100 };

	(void)state;
	assert_int_equal(clock_map_ticks(&three, 100), 700);
	assert_int_equal(clock_map_ticks(&three, 90), 670);
	assert_int_equal(clock_map_ticks(&three, 5100), 15700);
	assert_int_equal(clock_map_span_ticks(&three, 7), 21);
	for (uint64_t ns = 0; ns < 3000; ns += 7)
		assert_int_equal(clock_map_ns(&three, clock_map_ticks(&three, ns)), ns);
}

/* The last test: there is no way back. */
static void nanoseconds_are_shared(void **state)
{
	uint64_t before = clock_now_ns(), ticks;

	(void)state;
	clock_share();
	ticks = clock_ticks();
	assert_true(ticks >= before && ticks <= clock_now_ns());
	assert_string_equal(clock_name(), "clock_gettime");
}

static void the_counter_runs(void **state)
{
	struct clock_map real;
	uint64_t ticks, before, now, after;

	(void)state;
	clock_start();
	before = clock_now_ns();
	ticks = clock_ticks();
	after = clock_now_ns();
	real = clock_map_now();
	assert_true(real.ticks1 > real.ticks0);
	assert_true(real.ns1 > real.ns0);
	now = clock_map_ns(&real, ticks);
	/* a counter taken between two clock readings lies between them, give or take a
	 * millisecond of calibration */
	assert_true(now + 1000000 >= before);
	assert_true(now <= after + 1000000);
	assert_true(clock_step_ns() > 0.0);
	assert_true(strlen(clock_name()) > 0);
	assert_true(clock_is_raw == (strcmp(clock_name(), "clock_gettime") != 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anchors_are_exact),
		cmocka_unit_test(the_map_is_monotone),
		cmocka_unit_test(long_spans_do_not_overflow),
		cmocka_unit_test(spans_are_rounded_down),
		cmocka_unit_test(ticks_and_back),
		cmocka_unit_test(the_counter_runs),
		cmocka_unit_test(nanoseconds_are_shared),
	};

	return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
