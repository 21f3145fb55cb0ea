/*
 * Between two loads of a batch the worker asks the kernel for nothing but clocks and counts, and
 * touches no page for the first time: looked at over whole batches, and outside of the loads.
 */
#include "base/clock.h"
#include "bench/client.h"
#include "bench/counters.h"
#include "tests/bench/worker_rig.h"
#include "tests/emulator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define BATCH 16

static struct client_load loads[BATCH];

/* Page faults of the whole worker so far, of proc(5)'s stat, or -1. */
static long faults_of(pid_t pid)
{
	char path[64];
	unsigned long faults;
	FILE *file;
	int got;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return -1;
	got = fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %lu", &faults);
	fclose(file);
	return got == 1 ? (long)faults : -1;
}

/* Over whole batches: every fault of the worker is one of a load, none between two of them. */
static void no_fault_is_between_loads(void **state)
{
	struct client_options options = worker_options("memfd", BATCH);
	struct worker_run run = { .count = BATCH };
	struct client client;
	struct err err = { "" };
	int clean = 0;

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip();
#endif
	if (emulator_words(NULL)) {
		print_message("# the emulator takes page faults of its own meanwhile\n");
		skip();
	}
	assert_int_equal(client_open(&client, &options, &err), 0);
	for (int batch = 0; batch < 10; batch++) {
		long before = faults_of(client.pid), own = 0;

		assert_true(before > 0);
		assert_int_equal(client_run(&client, &run, loads, &err), BATCH);
		for (int i = 0; i < BATCH; i++)
			own += loads[i].load.minflt;
		assert_true(own > BATCH);
		clean += faults_of(client.pid) - before == own;
	}
	client_close(&client);
	/* What is touched between loads would be new in every batch; the kernel takes a page back
	 * now and then. The first batch warms up. */
	assert_true(clean >= 7);
}

/* The only calls the worker makes on its own account read clocks and its own counts. */
static void nothing_is_asked_for_between_loads(void **state)
{
	static const char *const allowed[] = { "getrusage", "clock_gettime", "getcpu" };
	struct client_options options = worker_options("memfd", BATCH);
	struct worker_run run = { .count = 3 };
	struct client client;
	struct counters counters;
	struct err err = { "" };
	uint32_t calls = 0;

	(void)state;
	if (emulator_words(NULL)) {
		print_message("# the emulator makes calls of its own meanwhile\n");
		skip();
	}
	assert_int_equal(client_open(&client, &options, &err), 0);
	assert_int_equal(client_run(&client, &run, loads, &err), 3);
	if (counters_take(&client, BATCH, &counters, &err) < 0) {
		print_message("not counted: %s\n", err.text);
		client_close(&client);
		skip();
	}
	for (uint32_t i = 0; i < COUNTERS_CALLS; i++) {
		const char *name = counters_name(i);
		bool known = false;

		for (size_t k = 0; name && k < sizeof(allowed) / sizeof(allowed[0]); k++)
			known |= strcmp(name, allowed[k]) == 0;
		if (counters.between[i] && !known)
			fail_msg("%u times %s between %d loads", counters.between[i],
				 name ? name : "a call without a name", BATCH);
		calls += counters.between[i];
	}
	assert_true(calls >= BATCH); /* it was looked at all */
	client_close(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_fault_is_between_loads),
		cmocka_unit_test(nothing_is_asked_for_between_loads),
	};

	clock_start();
	return cmocka_run_group_tests_name("between", tests, NULL, NULL);
}
