/* Two clocks: every mapped moment lies within the claimed uncertainty, however the samples are
 * disturbed, for a clock of 50 MHz that drifts by 20 ppm. */
#include "probes/align.h"

#include "base/clock.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START_NS UINT64_C(1000000000000)
#define SPAN_NS UINT64_C(100000000)
#define TICK_NS 20.0

static uint64_t seed = 42;

static uint64_t device_ticks(uint64_t ns)
{
	return (uint64_t)((double)(ns - START_NS) * 1.00002 / TICK_NS) + 12345;
}

/* Delays of request and answer, and now and then a preemption of up to 2 ms in one of them. */
/* Returns when it was done. */
static uint64_t samples_take(struct align_sample *samples, uint64_t at, uint64_t request,
			     uint64_t answer)
{
	for (int i = 0; i < ALIGN_SAMPLES; i++) {
		uint64_t to = 30 + random_next(&seed) % (request + 1),
			 from = 30 + random_next(&seed) % (answer + 1);

		if (random_next(&seed) % 4 == 0)
			to += random_next(&seed) % 2000000;
		samples[i].before_ns = at;
		samples[i].other = device_ticks(at + to);
		samples[i].after_ns = at + to + from;
		at += to + from + 1000;
	}
	return at;
}

static void errors_stay_inside_the_claim(void **state)
{
	static const uint64_t delays[][2] = {
		{ 0, 0 }, { 0, 5000 }, { 5000, 5000 }, { 20000, 2000 }
	};

	(void)state;
	for (int round = 0; round < 400; round++) {
		struct align_sample begin[ALIGN_SAMPLES], end[ALIGN_SAMPLES];
		const uint64_t *delay = delays[round & 3];
		uint64_t from = samples_take(begin, START_NS, delay[0], delay[1]);
		struct align align;

		samples_take(end, from + SPAN_NS, delay[0], delay[1]);
		assert_int_equal(align_make(&align, begin, end, ALIGN_SAMPLES, TICK_NS), 0);
		for (uint64_t i = 0; i < 50; i++) {
			uint64_t ns = from + SPAN_NS / 50 * i;
			double error = align_ns(&align, device_ticks(ns)) - (double)ns;

			assert_true(error <= align.uncertainty_ns &&
				    error >= -align.uncertainty_ns);
		}
	}
}

static void clocks_that_stand_are_refused(void **state)
{
	struct align_sample sample = { 10, 5, 20 };
	struct align align;

	(void)state;
	assert_true(align_make(&align, &sample, &sample, 1, 1.0) < 0);
	assert_true(align_make(&align, &sample, &sample, 0, 1.0) < 0);
}

/* The counter, mapped, lies in any window around it that is as much wider as the claim says; and
 * the claim is no wider than all the looking for it took. */
static void the_counter_is_mapped(void **state)
{
	(void)state;
	clock_start();
	for (int i = 0; i < 200; i++) {
		uint64_t begin = clock_now_ns();
		double error = align_counter_error_ns();
		uint64_t end = clock_now_ns(), before, ticks, after;
		struct clock_map map;
		double mapped;

		before = clock_now_ns();
		ticks = clock_ticks();
		after = clock_now_ns();
		map = clock_map_now();
		mapped = (double)clock_map_ns(&map, ticks);
		assert_true(error > 0.0 && error <= (double)(end - begin));
		assert_true(mapped >= (double)before - error && mapped <= (double)after + error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_stay_inside_the_claim),
		cmocka_unit_test(clocks_that_stand_are_refused),
		cmocka_unit_test(the_counter_is_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
