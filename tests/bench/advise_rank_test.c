/* The arithmetic of advise: gains with their intervals, ranks with ties, and the climb. */
#include "base/random.h"
#include "bench/advise/rank.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define N 20

static double scratch[2 * N];
static size_t ends[N];
static const struct rank_rounds singly = { ends, N }; /* a process for every round */

/* `base` and a little noise, the same for equal seeds. */
static const double *series(double *values, double base, unsigned int seed)
{
	for (size_t i = 0; i < N; i++)
		values[i] = base + (double)((i * 7 + seed * 13) % 11) - 5;
	return values;
}

static void test_gain(void **state)
{
	double from[N], to[N];
	struct rank_gain gain;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		from[i] = 1000 + 50 * (double)(i % 3); /* drifts together with the other */
		to[i] = from[i] - 100;
	}
	gain = rank_gain(from, to, &singly, scratch);
	assert_int_equal(gain.n, N);
	assert_true(gain.distinct);
	assert_float_equal(gain.ns, 100, 1e-9);
	assert_float_equal(gain.low, 100, 1e-9);
	assert_float_equal(gain.high, 100, 1e-9);
	gain = rank_gain(to, from, &singly, scratch);
	assert_true(gain.distinct);
	assert_float_equal(gain.ns, -100, 1e-9);
}

static void test_gain_of_nothing(void **state)
{
	double from[N], to[N];
	struct rank_gain gain;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		from[i] = 1000;
		to[i] = 1000 + (i % 2 ? 7 : -7) * (double)(i + 1);
	}
	gain = rank_gain(from, to, &singly, scratch);
	assert_false(gain.distinct);
	assert_true(gain.low < 0 && gain.high > 0);
}

/* Pairs that did not pass count nowhere; too few are no proof, whatever they say. */
static void test_gain_of_few(void **state)
{
	double from[N], to[N];
	struct rank_gain gain;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		from[i] = 1000;
		to[i] = i < 3 ? 1 : (double)NAN;
	}
	gain = rank_gain(from, to, &singly, scratch);
	assert_int_equal(gain.n, 3);
	assert_float_equal(gain.ns, 999, 1e-9);
	assert_false(gain.distinct);
	assert_true(isinf(gain.low) && isinf(gain.high));
	to[0] = to[1] = to[2] = (double)NAN;
	gain = rank_gain(from, to, &singly, scratch);
	assert_int_equal(gain.n, 0);
	assert_true(isnan(gain.ns));
	assert_false(gain.distinct);
}

#define PROCESSES 8
#define ROUNDS 6
#define DRAWS 1000

static double normal(uint64_t *random)
{
	double u = ((double)(random_next(random) >> 11) + 0.5) / 9007199254740992.0;
	double v = (double)(random_next(random) >> 11) / 9007199254740992.0;

	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* A difference of every process that is no difference of the two: one in twenty may look like one.
 * Were rounds tested, four in ten would. */
static void test_processes_are_the_unit(void **state)
{
	double from[PROCESSES * ROUNDS], to[PROCESSES * ROUNDS], space[2 * PROCESSES * ROUNDS];
	size_t of_process[PROCESSES], of_round[PROCESSES * ROUNDS];
	const struct rank_rounds rounds = { of_process, PROCESSES };
	const struct rank_rounds apart = { of_round, PROCESSES * ROUNDS };
	unsigned int wrong = 0, wrong_apart = 0;
	uint64_t random = 1;

	(void)state;
	for (size_t i = 0; i < PROCESSES * ROUNDS; i++) {
		of_process[i / ROUNDS] = i + 1;
		of_round[i] = i + 1;
	}
	assert_true(rank_scratch(&rounds) <= 2 * PROCESSES * ROUNDS);
	for (int draw = 0; draw < DRAWS; draw++) {
		struct rank_gain gain;

		for (size_t i = 0; i < PROCESSES * ROUNDS; i++) {
			double offset = i % ROUNDS ? to[i - 1] - from[i - 1] : normal(&random);

			from[i] = 100;
			to[i] = 100 + offset;
		}
		for (size_t i = 0; i < PROCESSES * ROUNDS; i++) {
			from[i] += 0.1 * normal(&random);
			to[i] += 0.1 * normal(&random);
		}
		wrong += rank_gain(from, to, &rounds, space).distinct;
		wrong_apart += rank_gain(from, to, &apart, space).distinct;
		for (size_t i = 0; i < PROCESSES * ROUNDS; i++)
			to[i] -= 5;
		gain = rank_gain(from, to, &rounds, space);
		assert_int_equal(gain.n, PROCESSES);
		assert_true(gain.low > 0 && gain.ns > 3 && gain.ns < 7);
	}
	assert_in_range(wrong, DRAWS * 1 / 100, DRAWS * 8 / 100);
	assert_true(wrong_apart > DRAWS * 3 / 10);
}

/* Below six processes there is no interval, however many rounds they have. */
static void test_processes_are_too_few(void **state)
{
	static const size_t five[] = { 4, 8, 12, 16, N }, six[] = { 3, 6, 9, 12, 15, N };
	const struct rank_rounds few = { five, RANK_PROCESSES_LEAST - 1 };
	const struct rank_rounds enough = { six, RANK_PROCESSES_LEAST };
	double from[N], to[N];

	(void)state;
	series(from, 1000, 1);
	series(to, 100, 2);
	assert_false(rank_gain(from, to, &few, scratch).distinct);
	assert_true(isinf(rank_gain(from, to, &few, scratch).low));
	assert_true(rank_gain(from, to, &enough, scratch).distinct);
}

static void test_order(void **state)
{
	double a[N], b[N], c[N], d[N];
	const double *costs[] = { series(a, 500, 1), NULL, series(b, 100, 2), series(c, 500, 3),
				  series(d, 9000, 4) };
	const struct rank_costs all = { costs, 5, singly, scratch };
	size_t order[5], rank[5];

	(void)state;
	assert_int_equal(rank_order(&all, order, rank), 4);
	assert_int_equal(order[0], 2);
	assert_int_equal(rank[0], 1);
	assert_int_equal(order[1] + order[2], 0 + 3);
	assert_int_equal(rank[1], 2);
	assert_int_equal(rank[2], 2); /* not told apart */
	assert_int_equal(order[3], 4);
	assert_int_equal(rank[3], 4);
}

static double costs[4][3][N];

/* Transport 600, 300, 200; loader 500, 100, 90: they add up. */
static struct rank_grid grid_make(void)
{
	static const double transports[] = { 600, 300, 200, 195 };
	static const double loaders[] = { 500, 100, 90 };
	struct rank_grid grid = { .rungs = { 4, 3, 1 }, .rounds = { ends, N } };

	for (size_t t = 0; t < 4; t++) {
		for (size_t l = 0; l < 3; l++)
			grid.costs[t][l][0] = series(costs[t][l], transports[t] + loaders[l], 5);
	}
	return grid;
}

static void test_steps(void **state)
{
	struct rank_grid grid = grid_make();
	struct rank_step steps[3];

	(void)state;
	assert_int_equal(rank_steps(&grid, scratch, steps, 3), 3);
	/* The loader's first rung saves 400, the transport's 300 and then 100. */
	assert_int_equal(steps[0].dimension, 1);
	assert_int_equal(steps[0].rung, 1);
	assert_float_equal(steps[0].added.ns, 400, 1e-9);
	assert_float_equal(steps[0].alone.ns, 400, 1e-9);
	assert_float_equal(steps[0].together.ns, 400, 1e-9);
	assert_int_equal(steps[1].dimension, 0);
	assert_int_equal(steps[1].rung, 1);
	assert_float_equal(steps[1].added.ns, 300, 1e-9);
	assert_float_equal(steps[1].together.ns, 700, 1e-9);
	assert_int_equal(steps[2].dimension, 0);
	assert_int_equal(steps[2].rung, 2);
	assert_float_equal(steps[2].added.ns, 100, 1e-9);
	assert_float_equal(steps[2].alone.ns, 400, 1e-9);
	assert_float_equal(steps[2].together.ns, 800, 1e-9);
	for (int i = 0; i < 3; i++)
		assert_true(steps[i].added.distinct && steps[i].together.distinct);
}

/* A rung that does not work is passed over; without a start there is nothing to say. */
static void test_steps_with_gaps(void **state)
{
	struct rank_grid grid = grid_make();
	struct rank_step steps[9];

	(void)state;
	for (size_t t = 0; t < 4; t++)
		grid.costs[t][1][0] = NULL;
	grid.costs[3][0][0] = NULL;
	assert_int_equal(rank_steps(&grid, scratch, steps, 9), 4);
	assert_int_equal(steps[0].dimension, 1);
	assert_int_equal(steps[0].rung, 2);
	assert_int_equal(steps[3].dimension, 0);
	assert_int_equal(steps[3].rung, 3);
	assert_int_equal(steps[3].alone.n, 0); /* that one alone was not measured */
	assert_true(steps[3].together.distinct);
	grid.costs[0][0][0] = NULL;
	assert_int_equal(rank_steps(&grid, scratch, steps, 9), 0);
}

/* Life cycles are a third ladder: one line, and the climb takes it. */
static void test_third_ladder(void **state)
{
	struct rank_grid grid = grid_make();
	struct rank_step step;
	double early[N];

	(void)state;
	grid.rungs[2] = 2;
	grid.costs[0][0][1] = series(early, 10, 5);
	assert_int_equal(rank_steps(&grid, scratch, &step, 1), 1);
	assert_int_equal(step.dimension, 2);
	assert_float_equal(step.added.ns, 1090, 1e-9);
}

/* A passable rung is a step where the one behind it saves less, and is passed where that saves
 * more. */
static void test_passable(void **state)
{
	struct rank_grid grid = grid_make();
	struct rank_step steps[9];
	double between[N], behind[N];

	(void)state;
	grid.rungs[2] = 3;
	grid.passable[2][1] = true;
	grid.costs[0][0][1] = series(between, 20, 5);
	grid.costs[0][0][2] = series(behind, 10, 5);
	assert_int_equal(rank_steps(&grid, scratch, steps, 9), 1);
	assert_int_equal(steps[0].rung, 2);
	assert_float_equal(steps[0].added.ns, 1090, 1e-9);
	grid.costs[0][0][2] = series(behind, 30, 5);
	assert_int_equal(rank_steps(&grid, scratch, steps, 9), 2);
	assert_int_equal(steps[0].rung, 1);
	assert_int_equal(steps[1].rung, 2);
	grid.passable[2][1] = false;
	grid.costs[0][0][2] = series(behind, 10, 5);
	assert_int_equal(rank_steps(&grid, scratch, steps, 1), 1);
	assert_int_equal(steps[0].rung, 1);
}

/* A step that costs is taken last, and its gain is negative. */
static void test_loss(void **state)
{
	struct rank_grid grid = { .rungs = { 2, 1, 1 }, .rounds = { ends, N } };
	struct rank_step step;

	(void)state;
	grid.costs[0][0][0] = series(costs[0][0], 100, 1);
	grid.costs[1][0][0] = series(costs[1][0], 400, 1);
	assert_int_equal(rank_steps(&grid, scratch, &step, 1), 1);
	assert_true(step.added.distinct);
	assert_float_equal(step.added.ns, -300, 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gain),
		cmocka_unit_test(test_gain_of_nothing),
		cmocka_unit_test(test_processes_are_the_unit),
		cmocka_unit_test(test_processes_are_too_few),
		cmocka_unit_test(test_gain_of_few),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_steps_with_gaps),
		cmocka_unit_test(test_third_ladder),
		cmocka_unit_test(test_passable),
		cmocka_unit_test(test_loss),
	};

	for (size_t i = 0; i < N; i++)
		ends[i] = i + 1;
	return cmocka_run_group_tests_name("advise: order and steps", tests, NULL, NULL);
}
