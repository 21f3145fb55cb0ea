/*
 * Calibration on rounds made up with costs that are known: what is solved out of their intervals is
 * what was put in, whether system calls are seen or not, and rounds that were not seen are an
 * error.
 */
#include "probes/calibrate.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WORK 4000.0
#define CALL_BARE 80.0
#define ROUNDS 300

static const struct probe_cost truth = {
	.before_ns = { [COST_OPEN] = 300,
		       [COST_STEP] = 300,
		       [COST_RETURN] = 120,
		       [COST_SYS_ENTER] = 70,
		       [COST_SYS_EXIT] = 150 },
	.after_ns = { [COST_OPEN] = 500,
		      [COST_STEP] = 300,
		      [COST_RETURN] = 40,
		      [COST_SYS_ENTER] = 150,
		      [COST_SYS_EXIT] = 160 },
	.cold_before_ns = { 200, 200, 200 },
	.cold_after_ns = { 130, 130, 130 },
	.cold_gap_ns = WORK,
};

struct script {
	struct probe_event events[ROUNDS * CALIBRATE_EVENTS];
	size_t count;
	double now;
	double owed; /* what the last event costs after its time */
};

static void put(struct script *script, double work, enum cost_point point, unsigned int what,
		double cold)
{
	struct probe_event *event = &script->events[script->count++];

	script->now +=
		script->owed + work + truth.before_ns[point] + cold * truth.cold_before_ns[point];
	script->owed = truth.after_ns[point] + cold * truth.cold_after_ns[point];
	*event = (struct probe_event){ .ts = (uint64_t)script->now,
				       .kind = point == COST_RETURN ? EVENT_RETURN : EVENT_STEP,
				       .what = (unsigned short)what };
}

/* Between its two events a bare system call spends a quarter, before and after them the rest. */
static void call_put(struct script *script)
{
	struct probe_event *event = &script->events[script->count++];
	double inside =
		CALL_BARE / 4 + truth.after_ns[COST_SYS_ENTER] + truth.before_ns[COST_SYS_EXIT];

	script->now += script->owed + WORK + CALL_BARE * 0.375 + truth.before_ns[COST_SYS_ENTER];
	*event = (struct probe_event){ .ts = (uint64_t)script->now,
				       .value = (uint64_t)inside,
				       .kind = EVENT_SYSCALL };
	script->now += (double)(uint64_t)inside;
	script->owed = CALL_BARE * 0.375 + truth.after_ns[COST_SYS_EXIT];
}

static void round_put(struct script *script, bool calls)
{
	put(script, WORK, COST_OPEN, STEP_OPEN, 1.0);
	put(script, 0, COST_STEP, STEP_VERIFY, 0.0);
	put(script, WORK, COST_STEP, STEP_VERIFY, 1.0);
	put(script, 0, COST_STEP, STEP_VERIFY, 0.0);
	put(script, 0, COST_STEP, STEP_VERIFY, 0.0);
	if (calls)
		call_put(script);
	put(script, calls ? 0 : WORK + CALL_BARE, COST_STEP, STEP_VERIFY, 1.0);
	put(script, WORK, COST_RETURN, 0, 1.0);
}

static void near(double is, double should)
{
	if (fabs(is - should) > 2.0) /* times are whole ns */
		fail_msg("%.1f ns, not %.1f", is, should);
}

static void rounds_solve(bool calls)
{
	static struct script script;
	struct calibrate calibrate = { .work_ns = WORK, .bare.call_ns = CALL_BARE };
	struct probe_cost cost;
	struct err err = { "" };

	script = (struct script){ .now = 1e6 };
	for (int i = 0; i < ROUNDS; i++)
		round_put(&script, calls);
	assert_int_equal(calibrate_intervals(&calibrate, script.events, script.count, &err), 0);
	cost = calibrate_cost(&calibrate);
	for (int point = COST_OPEN; point < (calls ? COST_FAULT : COST_SYS_ENTER); point++) {
		near(cost.before_ns[point], truth.before_ns[point]);
		near(cost.after_ns[point], truth.after_ns[point]);
		near(cost.cold_before_ns[point], truth.cold_before_ns[point]);
		near(cost.cold_after_ns[point], truth.cold_after_ns[point]);
	}
	if (!calls)
		assert_true(cost.before_ns[COST_SYS_ENTER] == 0.0);
}

static void hits_come_out_as_put_in(void **state)
{
	(void)state;
	rounds_solve(false);
}

static void calls_come_out_as_put_in(void **state)
{
	(void)state;
	rounds_solve(true);
}

static void mappings_are_what_is_left(void **state)
{
	struct calibrate calibrate = {
		.bare = { .map_ns = 10000, .unmap_ns = 5000, .relocate_ns = { 3000, 3000 } },
		.watched = { .map_ns = 11000, .unmap_ns = 4900, .relocate_ns = { 4000, 4400 } },
	};
	struct probe_cost cost = calibrate_cost(&calibrate);

	(void)state;
	near(cost.map_ns, 1000);
	near(cost.unmap_ns, 0); /* never below */
	near(cost.protect_ns[0], 1000);
	near(cost.protect_ns[1], 1400);
}

static void unseen_rounds_are_an_error(void **state)
{
	static struct script script;
	struct calibrate calibrate = { .work_ns = WORK };
	struct err err = { "" };

	(void)state;
	script = (struct script){ .now = 1e6 };
	round_put(&script, false);
	assert_int_equal(calibrate_intervals(&calibrate, script.events, script.count, &err),
			 -ENODATA);
	assert_int_equal(calibrate_intervals(&calibrate, script.events, 0, &err), -ENODATA);
	assert_non_null(strstr(err.text, "were not seen"));
}

static void the_middle_one_is_taken(void **state)
{
	struct probe_cost costs[3] = { { .before_ns = { [COST_STEP] = 300 } },
				       { .before_ns = { [COST_STEP] = 900 } },
				       { .before_ns = { [COST_STEP] = 350 } } };
	struct probe_cost middle = calibrate_middle(costs, 3);

	(void)state;
	near(middle.before_ns[COST_STEP], 350);
	near(middle.spread_ns, 600);
}

/* It goes where the other process runs, and comes back. */
static void calibration_runs_near(void **state)
{
	cpu_set_t all, one, own, now;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	calibrate_near(getpid(), &own);
	assert_true(CPU_EQUAL(&own, &all));
	CPU_ZERO(&one);
	for (size_t cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++) {
		if (CPU_ISSET(cpu, &all))
			CPU_SET(cpu, &one);
	}
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	calibrate_far(&own);
	assert_int_equal(sched_getaffinity(0, sizeof(now), &now), 0);
	assert_true(CPU_EQUAL(&now, &all));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hits_come_out_as_put_in),
		cmocka_unit_test(calls_come_out_as_put_in),
		cmocka_unit_test(mappings_are_what_is_left),
		cmocka_unit_test(unseen_rounds_are_an_error),
		cmocka_unit_test(the_middle_one_is_taken),
		cmocka_unit_test(calibration_runs_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
