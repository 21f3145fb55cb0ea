/* Whole runs of the runtime: what tasks see, in which order they run, and what a run counts. */
#include "tests/device/runtime_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define AIC(id) ((struct abi_kernels){ (id), -1, -1 })
#define AIV(id) ((struct abi_kernels){ -1, (id), -1 })

static float *kernel_floats(int64_t arg)
{
	const struct abi_tensor *tensor = (const void *)(uintptr_t)arg;

	return (float *)(uintptr_t)tensor->addr + tensor->start_offset;
}

static void kernel_empty(int64_t *args)
{
	(void)args;
}

/* tensor 0 = scalar */
static void kernel_fill(int64_t *args)
{
	const struct abi_tensor *tensor = (const void *)(uintptr_t)args[0];
	uint32_t i;

	for (i = 0; i < tensor->shapes[0]; i++)
		kernel_floats(args[0])[i] = (float)args[1];
}

/* tensor 1 += tensor 0 */
static void kernel_add(int64_t *args)
{
	const struct abi_tensor *tensor = (const void *)(uintptr_t)args[1];
	uint32_t i;

	for (i = 0; i < tensor->shapes[0]; i++)
		kernel_floats(args[1])[i] += kernel_floats(args[0])[i];
}

#define TASKS 3000

static void orchestrate_empty(struct abi_runtime *rt, void *context)
{
	int i;

	for (i = 0; i < *(int *)context; i++) {
		struct abi_param param = { 0 };

		rig_submit(rt, i % 2 ? AIC(0) : AIV(0), &param);
	}
}

static void test_empty_tasks(void **state)
{
	int count = TASKS;
	struct rig rig = { .orchestrate = orchestrate_empty, .context = &count };

	(void)state;
	rig_set_kernel(&rig, 0, kernel_empty);
	rig.config.task_window = 16384;
	assert_int_equal(rig_run(&rig), 0);
	assert_int_equal(rig.counters.submitted, TASKS);
	assert_int_equal(rig.counters.executed, TASKS);
	assert_int_equal(rig.counters.edges, 0);
}

struct chain {
	float out[16];
	int count;
};

/* A chain through one buffer: fill, then many additions of another one. */
static void orchestrate_chain(struct abi_runtime *rt, void *context)
{
	struct chain *chain = context;
	struct abi_tensor out = rig_tensor(chain->out, 16), one = rig_tensor(NULL, 16);
	struct abi_param fill = { 0 };
	int i;

	rt->ops->scope_begin(rt);
	param_tensor(&fill, &one, ABI_OUT);
	param_scalar(&fill, 1);
	rig_submit(rt, AIV(1), &fill);
	assert_int_not_equal(one.addr, 0);
	for (i = 0; i < chain->count; i++) {
		struct abi_param add = { 0 };

		param_tensor(&add, &one, ABI_IN);
		param_tensor(&add, &out, ABI_INOUT);
		rig_submit(rt, AIC(2), &add);
	}
	rt->ops->scope_end(rt);
}

static void test_chain(void **state)
{
	struct chain chain = { .count = 1000 };
	struct rig rig = { .orchestrate = orchestrate_chain, .context = &chain };
	int i;

	(void)state;
	rig_set_kernel(&rig, 1, kernel_fill);
	rig_set_kernel(&rig, 2, kernel_add);
	assert_int_equal(rig_run(&rig), 0);
	for (i = 0; i < 16; i++)
		assert_true(chain.out[i] == (float)chain.count);
	assert_int_equal(rig.counters.executed, chain.count + 1);
	/* An in-out that covers its predecessor replaces it: one entry is met, never two. */
	assert_int_equal(rig.counters.map_removals, chain.count - 1);
}

static void bench_report(const char *name, struct rig *rig)
{
	int i;
	uint64_t sleeps = 0;

	for (i = 0; i < RUNTIME_SCHEDULERS_MAX; i++)
		sleeps += rig->counters.schedulers[i].sleeps;
	print_message("%s: create %.1f us, %.2f us per task, %llu sleeps, %llu waits\n", name,
		      (double)rig->create_ns * 1e-3,
		      (double)rig->run_ns * 1e-3 / (double)rig->counters.executed,
		      (unsigned long long)sleeps, (unsigned long long)rig->counters.waits);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_tasks),
		cmocka_unit_test(test_chain),
	};

	if (argc > 1 && strcmp(argv[1], "bench") == 0) {
		int count = argc > 2 ? atoi(argv[2]) : 100000, turn;

		for (turn = 0; turn < 5; turn++) {
			struct chain chain = { .count = 15000 };
			struct rig empty = { .orchestrate = orchestrate_empty, .context = &count };
			struct rig links = { .orchestrate = orchestrate_chain, .context = &chain };

			empty.config.schedulers = links.config.schedulers = 3;
			rig_set_kernel(&empty, 0, kernel_empty);
			rig_set_kernel(&links, 1, kernel_fill);
			rig_set_kernel(&links, 2, kernel_add);
			rig_run(&empty);
			bench_report("independent", &empty);
			rig_run(&links);
			bench_report("chain", &links);
		}
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
