/* The test hook: what a worker is told to inject is what its loads then show, and nothing else. */
#include "base/clock.h"
#include "bench/client.h"
#include "bench/counters.h"
#include "bench/inject.h"
#include "tests/bench/worker_rig.h"
#include "tests/emulator.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define LOADS 200

static struct client_load loads[LOADS];

/* A batch of `loads` with that injected. */
static void batch(const char *inject, uint32_t group)
{
	struct client_options options = worker_options("memfd", LOADS);
	struct worker_run run = { .count = LOADS, .group = group };
	struct client client;
	struct err err = { "" };

	options.inject = inject;
	if (client_open(&client, &options, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(client_run(&client, &run, loads, &err), LOADS);
	client_close(&client);
}

static void words_are_understood(void **state)
{
	struct inject inject;
	struct err err;

	(void)state;
	assert_int_equal(inject_parse(&inject, "", &err), 0);
	assert_int_equal(inject.kind, INJECT_NONE);
	assert_int_equal(inject_parse(&inject, "5%", &err), 0);
	assert_int_equal(inject.kind, INJECT_RATIO);
	assert_true(inject.amount > 0.0499 && inject.amount < 0.0501 && inject.share >= 1.0);
	assert_int_equal(inject.phase, -1);
	assert_int_equal(inject_parse(&inject, "3000:link:30%", &err), 0);
	assert_int_equal(inject.kind, INJECT_NS);
	assert_int_equal(inject.phase, PHASE_LINK);
	assert_true(inject.share > 0.29 && inject.share < 0.31);
	assert_int_equal(inject_parse(&inject, "20%:0.3", &err), 0);
	assert_int_equal(inject.phase, -1);
	assert_true(inject.share > 0.29 && inject.share < 0.31);
	assert_int_equal(inject_parse(&inject, "call", &err), 0);
	assert_int_equal(inject_parse(&inject, "fault:stage", &err), 0);
	assert_int_equal(inject_parse(&inject, "loop=500", &err), 0);
	assert_true(inject.kind == INJECT_LOOP && inject.amount > 499.0);
}

static void nonsense_is_refused(void **state)
{
	static const char *const wrong[] = { "x",
					     "-5%",
					     "5%%",
					     ":",
					     "5%:bogus",
					     "5%:",
					     "loop=",
					     "loop=x",
					     "5%:link:",
					     "nan",
					     "call:2",
					     "5%:link:2",
					     "5%:orchestrate",
					     "5%:link:0.5:1" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct inject inject;
		struct err err = { "" };

		if (inject_parse(&inject, wrong[i], &err) != -EINVAL)
			fail_msg("'%s' was understood", wrong[i]);
		assert_non_null(strstr(err.text, "inject"));
	}
}

static void time_goes_where_it_was_told(void **state)
{
	uint64_t slow = 0;

	(void)state;
	batch("200000:unstage", 1);
	for (int i = 0; i < LOADS; i++)
		assert_true(loads[i].phase_ns[PHASE_UNSTAGE] >= 199000);
	batch("100%:stage", 1);
	for (int i = 0; i < LOADS; i++)
		assert_true(loads[i].phase_ns[PHASE_STAGE] > 0);
	/* A share of the loads: between 15 % and 45 % of 200 are ten standard deviations. */
	batch("10000000:unstage:30%", 1);
	for (int i = 0; i < LOADS; i++)
		slow += loads[i].phase_ns[PHASE_UNSTAGE] >= 9900000;
	assert_in_range(slow, 30, 90);
}

static void faults_are_exact(void **state)
{
	static int32_t plain[LOADS];
	int same = 0;

	(void)state;
	if (emulator_words(NULL)) {
		print_message("# the emulator takes page faults of its own meanwhile\n");
		skip();
	}
	batch(NULL, 1);
	for (int i = 0; i < LOADS; i++)
		plain[i] = loads[i].load.minflt;
	batch("fault", 1);
	for (int i = 10; i < LOADS; i++)
		same += loads[i].load.minflt == plain[i] + 1;
	assert_true(same > LOADS / 2);
}

/* A group is stamped once, and every load of it is made slower. */
static void groups_are_slowed_load_by_load(void **state)
{
	unsigned int counts[5] = { 0 };

	(void)state;
	batch(NULL, 4);
	for (int i = 0; i < LOADS; i++) {
		assert_int_equal(loads[i].load.group, 4);
		assert_int_equal(loads[i].phase_ns[PHASE_LINK], 0);
		assert_true(loads[i].phase_ns[PHASE_OTHER] > 0);
	}
	batch("1000000", 4);
	for (int i = 0; i < LOADS; i++)
		assert_true(loads[i].phase_ns[PHASE_OTHER] >= 3960000);
	/* A share is drawn for each load: of 200 groups of 4 some have one slow load, some two. */
	batch("10000000:unstage:30%", 4);
	for (int i = 0; i < LOADS; i++) {
		uint64_t slow = (loads[i].phase_ns[PHASE_UNSTAGE] + 100000) / 10000000;

		counts[slow < 4 ? slow : 4]++;
	}
	assert_true(counts[0] > 0 && counts[1] > 0 && counts[2] > 0);
	assert_in_range(counts[1] + 2 * counts[2] + 3 * counts[3] + 4 * counts[4], 150, 330);
}

/* A ratio is one of the load alone: were it taken of all the group, this would not come back before
 * the ticks of half a century have passed. */
static void ratios_in_groups_do_not_compound(void **state)
{
	const uint64_t long_ago = UINT64_C(1) << 61;
	struct timeline time = { 0 };
	struct inject inject;
	struct err err;

	(void)state;
	assert_int_equal(inject_parse(&inject, "100%", &err), 0);
	timeline_begin(&time, PHASE_OTHER);
	inject_load_of_group(&inject, &time, true);
	assert_true(inject.before > 0 && inject.before == time.ticks[PHASE_OTHER]);
	time.ticks[PHASE_OTHER] += long_ago;
	inject.before += long_ago;
	inject_load_of_group(&inject, &time, false);
	timeline_end(&time);
	/* What was there before the second load is there once. */
	assert_true(time.ticks[PHASE_OTHER] >= long_ago &&
		    time.ticks[PHASE_OTHER] < long_ago + long_ago / 2);
}

static void workers_refuse_nonsense(void **state)
{
	struct client_options options = worker_options("null", 1);
	struct client client;
	struct err err = { "" };

	(void)state;
	options.inject = "bogus";
	assert_int_equal(client_open(&client, &options, &err), -EINVAL);
	assert_non_null(strstr(err.text, "bogus"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_understood),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(time_goes_where_it_was_told),
		cmocka_unit_test(faults_are_exact),
		cmocka_unit_test(groups_are_slowed_load_by_load),
		cmocka_unit_test(ratios_in_groups_do_not_compound),
		cmocka_unit_test(workers_refuse_nonsense),
	};

	clock_start();
	return cmocka_run_group_tests_name("inject", tests, NULL, NULL);
}
