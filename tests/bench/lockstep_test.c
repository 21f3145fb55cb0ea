/* How many loads make an epoch, and which phases are long enough for a verdict of their own. */
#include "base/clock.h"
#include "bench/lockstep.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void shape_expect(double base_ns, double head_ns, bool grouping, uint32_t rounds,
			 uint32_t group)
{
	struct lockstep_shape shape = lockstep_shape(base_ns, head_ns, grouping);
	struct lockstep_shape other = lockstep_shape(head_ns, base_ns, grouping);

	if (shape.rounds != rounds || shape.group != group)
		fail_msg("%g and %g ns: %u rounds of groups of %u, not %u of %u", base_ns, head_ns,
			 shape.rounds, shape.group, rounds, group);
	/* Neither arm is favoured. */
	assert_int_equal(other.rounds, rounds);
	assert_int_equal(other.group, group);
}

static void epochs_have_a_shape(void **state)
{
	(void)state;
	/* 80 ms of 14 loads a round: as many rounds as fit, 3 to 17. */
	shape_expect(400e3, 400e3, true, 14, 1);
	shape_expect(400e3, 800e3, true, 7, 1);
	shape_expect(100e3, 100e3, true, LOCKSTEP_ROUNDS, 1);
	shape_expect(50e6, 50e6, true, 3, 1);
	shape_expect(1e12, 1e12, true, 3, 1);
	/* Below 5 us in groups of 50 us, by the shorter arm; of 1000 at most. */
	shape_expect(5000.0, 5000.0, true, LOCKSTEP_ROUNDS, 1);
	shape_expect(4999.0, 5000.0, true, LOCKSTEP_ROUNDS, 11);
	shape_expect(200.0, 250.0, true, LOCKSTEP_ROUNDS, 250);
	shape_expect(10.0, 10.0, true, LOCKSTEP_ROUNDS, 1000);
	shape_expect(0.0, 0.0, true, LOCKSTEP_ROUNDS, 1000);
	/* One arm short and one long: a group of the long ones fills the epoch. */
	shape_expect(500.0, 400e3, true, 3, 100);
	/* A build that cannot group. */
	shape_expect(200.0, 250.0, false, LOCKSTEP_ROUNDS, 1);
}

static void phases_have_a_least_length(void **state)
{
	const double least = 100.0 * fmax(clock_step_ns(), 10.0);

	(void)state;
	assert_true(lockstep_phase_counts(least, least, least));
	assert_true(lockstep_phase_counts(least, 3.0 * least, 19.9 * least));
	assert_true(lockstep_phase_counts(3.0 * least, least, 19.9 * least));
	/* Too few steps of the clock, in either arm. */
	assert_false(lockstep_phase_counts(0.99 * least, 3.0 * least, least));
	assert_false(lockstep_phase_counts(3.0 * least, 0.99 * least, least));
	/* Less than 5 % of the load. */
	assert_false(lockstep_phase_counts(least, least, 20.1 * least));
	assert_true(lockstep_phase_counts(1.01 * least, 1.01 * least, 20.1 * least));
	/* Not observable. */
	assert_false(lockstep_phase_counts((double)NAN, (double)NAN, least));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(epochs_have_a_shape),
		cmocka_unit_test(phases_have_a_least_length),
	};

	clock_start();
	return cmocka_run_group_tests_name("lockstep", tests, NULL, NULL);
}
