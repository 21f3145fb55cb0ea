/*
 * Timelines: a lane is in exactly one phase, phases add up to the wall time to the nanosecond,
 * spans begin where the last one ended, and a full span array drops and counts.
 */
#include "base/timeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void phases_add_up_exactly(void **state)
{
	struct timeline time = { 0 };
	uint64_t ns[PHASE_COUNT];
	uint64_t sum = 0;
	uint64_t ticks = 0;
	struct clock_map map;

	(void)state;
	timeline_begin(&time, PHASE_OTHER);
	for (unsigned int i = 0; i < 10007; i++)
		timeline_enter(&time, (enum phase)(i * 7 % PHASE_COUNT));
	timeline_end(&time);
	map = clock_map_now();
	for (int phase = 0; phase < PHASE_COUNT; phase++)
		ticks += time.ticks[phase];
	assert_true(ticks == time.mark - time.begin);
	assert_true(timeline_ns(&time, &map, ns) == clock_map_span_ns(&map, ticks));
	for (int phase = 0; phase < PHASE_COUNT; phase++)
		sum += ns[phase];
	assert_true(sum == clock_map_span_ns(&map, ticks));
}

/* Rounding goes to OTHER: with a map of 3 ticks a nanosecond, no phase may be rounded up. */
static void rounding_goes_to_other(void **state)
{
	const struct clock_map map = { .ticks0 = 0, .ns0 = 0, .ticks1 = 3000, .ns1 = 1000 };
	struct timeline time = { .begin = 100, .mark = 100 + 2 + 5 + 3 };
	uint64_t ns[PHASE_COUNT];

	(void)state;
	time.ticks[PHASE_MAP] = 2;
	time.ticks[PHASE_LINK] = 5;
	time.ticks[PHASE_OTHER] = 3;
	assert_int_equal(timeline_ns(&time, &map, ns), 3);
	assert_int_equal(ns[PHASE_MAP], 0);
	assert_int_equal(ns[PHASE_LINK], 1);
	assert_int_equal(ns[PHASE_OTHER], 2);
}

/* Another process counted nanoseconds; here a counter of 5 ticks in 2 ns ran past 100 at 1000. */
static void a_lane_is_imported(void **state)
{
	const struct clock_map map = { .ticks0 = 100, .ns0 = 1000, .ticks1 = 600, .ns1 = 1200 };
	struct span spans[2] = { { .ticks = 1010 }, { .ticks = 1017 } };
	struct timeline time = { .begin = 1010, .mark = 1030, .spans = spans, .span_count = 2 };
	uint64_t ns[PHASE_COUNT];

	(void)state;
	time.ticks[PHASE_MAP] = 7;
	time.ticks[PHASE_LINK] = 13;
	timeline_import(&time, &map);
	assert_int_equal(time.begin, 125);
	assert_int_equal(time.mark, 175);
	assert_int_equal(spans[0].ticks, 125);
	assert_int_equal(spans[1].ticks, 142);
	assert_int_equal(time.ticks[PHASE_MAP], 17);
	assert_int_equal(time.ticks[PHASE_LINK], 32);
	assert_int_equal(time.ticks[PHASE_OTHER], 1);
	assert_int_equal(timeline_ns(&time, &map, ns), 20);
	assert_int_equal(ns[PHASE_MAP] + ns[PHASE_LINK] + ns[PHASE_OTHER], 20);
}

static void spans_follow_each_other(void **state)
{
	struct span spans[4];
	struct timeline time = { .spans = spans, .span_capacity = 4 };

	(void)state;
	timeline_begin(&time, PHASE_READ);
	timeline_enter_arg(&time, PHASE_STAGE, 42);
	timeline_enter(&time, PHASE_LINK);
	timeline_end(&time);
	assert_int_equal(time.span_count, 3);
	assert_int_equal(time.spans_dropped, 0);
	assert_int_equal(spans[0].phase, PHASE_READ);
	assert_int_equal(spans[1].phase, PHASE_STAGE);
	assert_int_equal(spans[1].arg, 42);
	assert_int_equal(spans[2].arg, 0);
	assert_true(spans[0].ticks == time.begin);
	assert_true(spans[1].ticks - spans[0].ticks == time.ticks[PHASE_READ]);
	assert_true(spans[2].ticks - spans[1].ticks == time.ticks[PHASE_STAGE]);
	assert_true(time.mark - spans[2].ticks == time.ticks[PHASE_LINK]);
}

static void a_full_array_drops_and_counts(void **state)
{
	struct span spans[3];
	struct timeline time = { .spans = spans, .span_capacity = 2 };
	uint64_t sum = 0;

	(void)state;
	memset(spans, 0x55, sizeof(spans));
	timeline_begin(&time, PHASE_READ);
	for (int i = 0; i < 5; i++)
		timeline_enter(&time, PHASE_CALL);
	timeline_end(&time);
	assert_int_equal(time.span_count, 2);
	assert_int_equal(time.spans_dropped, 4);
	assert_int_equal(spans[2].phase, 0x55555555); /* nothing is written behind the end */
	for (int phase = 0; phase < PHASE_COUNT; phase++)
		sum += time.ticks[phase];
	assert_true(sum == time.mark - time.begin); /* totals stay whole */
	timeline_begin(&time, PHASE_READ);
	assert_int_equal(time.spans_dropped, 0);
	assert_int_equal(time.span_count, 1);
}

static void another_process_sees_the_phase(void **state)
{
	uint32_t shared = 99;
	struct timeline time = { .watch = &shared };

	(void)state;
	timeline_begin(&time, PHASE_READ);
	assert_int_equal(shared, PHASE_READ);
	timeline_enter(&time, PHASE_INIT);
	assert_int_equal(shared, PHASE_INIT);
}

static void nobody_measures(void **state)
{
	(void)state;
	timeline_enter(NULL, PHASE_LINK);
	timeline_enter_arg(NULL, PHASE_LINK, 1);
}

/* What is paused between end and the next begin belongs to no phase. */
static void a_lane_stands_still(void **state)
{
	struct timeline time = { 0 };
	uint64_t mark;

	(void)state;
	timeline_begin(&time, PHASE_READ);
	timeline_end(&time);
	mark = time.mark;
	while (clock_ticks() == mark)
		;
	assert_true(time.ticks[PHASE_READ] == time.mark - time.begin);
	assert_true(time.mark == mark);
}

static void every_phase_has_its_words(void **state)
{
	(void)state;
	for (int a = 0; a < PHASE_COUNT; a++) {
		assert_true(strlen(phase_label((enum phase)a)) > 0);
		assert_true(strlen(phase_text((enum phase)a)) > 0);
		for (int b = 0; b < a; b++)
			assert_string_not_equal(phase_label((enum phase)a),
						phase_label((enum phase)b));
	}
	assert_int_equal(phase_class(PHASE_LINK), PHASE_CLASS_LOAD);
	assert_int_equal(phase_class(PHASE_CHECK), PHASE_CLASS_HARNESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(phases_add_up_exactly),
		cmocka_unit_test(rounding_goes_to_other),
		cmocka_unit_test(a_lane_is_imported),
		cmocka_unit_test(spans_follow_each_other),
		cmocka_unit_test(a_full_array_drops_and_counts),
		cmocka_unit_test(another_process_sees_the_phase),
		cmocka_unit_test(nobody_measures),
		cmocka_unit_test(a_lane_stands_still),
		cmocka_unit_test(every_phase_has_its_words),
	};

	clock_start();
	return cmocka_run_group_tests_name("base/timeline", tests, NULL, NULL);
}
