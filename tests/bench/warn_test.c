/* The warnings of a run, each from loads that are made up: it is there where its cause is, names
 * the row and the flag, and is not there where it is not. */
#include "base/clock.h"
#include "bench/run/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define LOADS 200
#define TURN 10
#define TURNS (LOADS / TURN)

/* Two arms, the first with loads of its own, the second quiet ones of 100 us. */
struct scene {
	struct arm_values values[2][LOADS];
	struct arm_turn turns[2][TURNS];
	struct arm arms[2];
	struct runner runner;
	struct run_machine machine;
};

static char first[] = "memfd@x.so", second[] = "elf@x.so";

/* 0 to 1, the same ones every time. */
static double noise(uint32_t i)
{
	return (double)(i * 7919u % 101u) / 100.0;
}

static void quiet(struct scene *scene)
{
	*scene = (struct scene){
		.runner = { .options = { .loads = LOADS, .batch = TURN, .cpu = 1, .threads = 1 },
			    .arms = scene->arms,
			    .arm_count = 2 },
		.machine = { .steal = 0.0, .load = 0.5, .cpus = 2 },
	};
	for (int arm = 0; arm < 2; arm++) {
		scene->arms[arm] = (struct arm){
			.name = arm ? second : first,
			.alive = true,
			.values = scene->values[arm],
			.count = LOADS,
			.turns = scene->turns[arm],
			.turn_count = TURNS,
			.client = { .ready = { .caps = LOADER_EXECUTES, .locked = 1 } },
		};
		for (uint32_t i = 0; i < LOADS; i++)
			scene->values[arm][i] = (struct arm_values){
				.total_ns = 100e3 + 2e3 * noise(i), .cpu = 1, .turn = i / TURN
			};
		for (uint32_t i = 0; i < TURNS; i++)
			scene->turns[arm][i] = (struct arm_turn){ .p50_ns = 100e3 + 1e3 * noise(i),
								  .loads = TURN };
	}
}

/* Exactly one warning, with these words; or none at all for NULL. */
static void expect(const struct scene *scene, const char *cause, const char *also)
{
	json_t *list = run_report_warnings(&scene->runner, &scene->machine);
	const char *text = json_string_value(json_array_get(list, 0));

	if (json_array_size(list) != (cause ? 1u : 0u))
		fail_msg("%zu warnings, the first: %s", json_array_size(list), text ? text : "-");
	if (cause && (!strstr(text, cause) || !strstr(text, also)))
		fail_msg("'%s' and '%s' are not in: %s", cause, also, text);
	json_decref(list);
}

static void quiet_runs_say_nothing(void **state)
{
	static struct scene scene;

	(void)state;
	quiet(&scene);
	expect(&scene, NULL, NULL);
	/* What does not run the object is not judged. */
	for (uint32_t i = 0; i < LOADS; i++)
		scene.values[0][i].total_ns = i % 2 ? 50e3 : 100e3;
	scene.arms[0].client.ready.caps = 0;
	expect(&scene, NULL, NULL);
	scene.arms[0].client.ready.caps = LOADER_EXECUTES;
	scene.arms[0].count = 0;
	expect(&scene, NULL, NULL);
}

static void two_kinds_are_bimodal(void **state)
{
	static struct scene scene;

	(void)state;
	quiet(&scene);
	for (uint32_t i = 0; i < LOADS; i += 2)
		scene.values[0][i].total_ns *= 1.5;
	expect(&scene, "memfd@x.so: bimodal", "one takes 1.5 times the other");
	expect(&scene, "--isolate", "--pin auto");
}

static void drifts_have_a_direction(void **state)
{
	static struct scene scene;

	(void)state;
	quiet(&scene);
	for (uint32_t i = TURNS / 2; i < TURNS; i++)
		scene.turns[0][i].p50_ns *= 1.10;
	expect(&scene, "memfd@x.so: drift: the second half", "10 % longer than the first");
	for (uint32_t i = 0; i < TURNS; i++)
		scene.turns[0][i].p50_ns *= i < TURNS / 2 ? 1.21 : 1.0;
	expect(&scene, "drift: the first half", "--warmup");
	/* 1 % is none, and neither is what so few turns show. */
	quiet(&scene);
	for (uint32_t i = TURNS / 2; i < TURNS; i++)
		scene.turns[0][i].p50_ns *= 1.01;
	expect(&scene, NULL, NULL);
	quiet(&scene);
	scene.turns[0][0].p50_ns *= 2.0;
	expect(&scene, NULL, NULL);
}

static void short_loads_are_too_short_for_the_clock(void **state)
{
	static struct scene scene;

	(void)state;
	quiet(&scene);
	/* Of two kinds, too: but that says nothing of so short ones. */
	for (uint32_t i = 0; i < LOADS; i++)
		scene.values[0][i].total_ns = i % 2 ? 300.0 : 200.0;
	expect(&scene, "memfd@x.so: timer too coarse: a load takes 250 ns", "soload gate");
}

static void interruptions_are_a_busy_cpu(void **state)
{
	static struct scene scene;

	(void)state;
	quiet(&scene);
	for (uint32_t i = 0; i < 4; i++) /* 2 % are still fine */
		scene.values[1][i].nivcsw = 1.0;
	expect(&scene, NULL, NULL);
	for (uint32_t i = 0; i < 20; i++)
		scene.values[1][i].nivcsw = 1.0;
	expect(&scene, "elf@x.so: CPU busy: 10 %", "--pin CPU");
	/* One line for all rows, about the worst. */
	for (uint32_t i = 0; i < 40; i++)
		scene.values[0][i].nivcsw = 1.0;
	expect(&scene, "memfd@x.so: CPU busy: 20 %", "(1 more rows, less)");
}

static void slow_tails_are_told(void **state)
{
	static struct scene scene;

	(void)state;
	quiet(&scene);
	for (uint32_t i = 0; i < LOADS; i += 8)
		scene.values[0][i].total_ns = 400e3 + 1e4 * i;
	expect(&scene, "one load in ten takes", "raise -n");
}

static void moves_are_told_where_nothing_is_pinned(void **state)
{
	static struct scene scene;

	(void)state;
	quiet(&scene);
	for (uint32_t i = 0; i < LOADS; i += 20)
		scene.values[0][i].cpu = 0;
	expect(&scene, NULL, NULL);
	scene.runner.options.cpu = -1;
	expect(&scene, "memfd@x.so: not pinned: its loads moved between CPUs 19 times",
	       "--pin auto");
}

static void the_machine_is_told(void **state)
{
	static struct scene scene;

	(void)state;
	quiet(&scene);
	scene.machine.steal = 0.01;
	expect(&scene, NULL, NULL);
	scene.machine.steal = 0.034;
	expect(&scene, "steal: the hypervisor took 3.4 %", "another machine");
	scene.machine.steal = -1.0; /* not known */
	scene.machine.load = 2.5;
	expect(&scene, "load average 2.5 on 2 CPUs", "raise -n");
	scene.machine.load = 2.0;
	expect(&scene, NULL, NULL);
	scene.arms[1].client.ready.locked = 0;
	expect(&scene, "not locked", "ulimit -l");
}

static void limits_that_were_missed_are_told(void **state)
{
	static struct scene scene;

	(void)state;
	quiet(&scene);
	scene.runner.options.until = 0.01;
	scene.arms[0].within = scene.arms[1].within = 2;
	expect(&scene, NULL, NULL);
	scene.arms[1].within = 1;
	expect(&scene, "--until: 1 of 2 rows did not get there", "raise -n");
	scene.runner.options.time_ns = 1;
	expect(&scene, "--until", "raise --time");
	quiet(&scene);
	scene.runner.options.loads = 10;
	expect(&scene, "10 loads say little", "-n 20");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quiet_runs_say_nothing),
		cmocka_unit_test(two_kinds_are_bimodal),
		cmocka_unit_test(drifts_have_a_direction),
		cmocka_unit_test(short_loads_are_too_short_for_the_clock),
		cmocka_unit_test(interruptions_are_a_busy_cpu),
		cmocka_unit_test(slow_tails_are_told),
		cmocka_unit_test(moves_are_told_where_nothing_is_pinned),
		cmocka_unit_test(the_machine_is_told),
		cmocka_unit_test(limits_that_were_missed_are_told),
	};

	clock_start();
	return cmocka_run_group_tests_name("warn", tests, NULL, NULL);
}
