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

struct seen {
	uint64_t count, offset, scalar, tensors;
};

/* tensor 0: a view into a matrix of ours; scalar: where to write what was seen. */
static void kernel_look(int64_t *args)
{
	const struct abi_tensor *view = (const void *)(uintptr_t)args[0];
	struct seen *seen = (void *)(uintptr_t)args[2];

	seen->count++;
	seen->offset = view->start_offset;
	seen->tensors = (uintptr_t)args[0] % 64 == 0 && (uintptr_t)args[1] % 64 == 0;
	seen->scalar = (uint64_t)args[3];
}

static float matrix[6 * 8];

static void orchestrate_args(struct abi_runtime *rt, void *context)
{
	struct abi_tensor view = {
		.addr = (uintptr_t)matrix,
		.size = sizeof(matrix),
		.start_offset = 999, /* the runtime's to compute */
		.dtype = ABI_F32,
		.ndims = 2,
		.shapes = { 2, 3 },
		.raw_shapes = { 6, 8 },
		.offsets = { 4, 5 },
	};
	struct abi_tensor out = rig_tensor(NULL, 4);
	struct abi_param param = { 0 };

	param_tensor(&param, &view, ABI_IN);
	param_tensor(&param, &out, ABI_OUT);
	param_scalar(&param, (uintptr_t)context);
	param_scalar(&param, 0xfedcba9876543210);
	rig_submit(rt, AIC(3), &param);
	assert_int_equal(view.start_offset, 999); /* the task has a copy */
}

static void test_arguments(void **state)
{
	struct seen seen = { 0 };
	struct rig rig = { .orchestrate = orchestrate_args, .context = &seen };

	(void)state;
	rig_set_kernel(&rig, 3, kernel_look);
	assert_int_equal(rig_run(&rig), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.offset, 4 * 8 + 5);
	assert_true(seen.scalar == 0xfedcba9876543210);
	assert_true(seen.tensors);
}

struct packing {
	uint64_t first, second, third, later;
};

static void orchestrate_packing(struct abi_runtime *rt, void *context)
{
	struct packing *packing = context;
	struct abi_tensor outs[3] = { rig_tensor(NULL, 1), rig_tensor(NULL, 257),
				      rig_tensor(NULL, 256) };
	struct abi_tensor later = rig_tensor(NULL, 1);
	struct abi_param param = { 0 }, next = { 0 };
	int i;

	for (i = 0; i < 3; i++)
		param_tensor(&param, &outs[i], ABI_OUT);
	rig_submit(rt, AIC(0), &param);
	param_tensor(&next, &later, ABI_OUT);
	rig_submit(rt, AIC(0), &next);
	*packing = (struct packing){ outs[0].addr, outs[1].addr, outs[2].addr, later.addr };
}

static void test_outputs_are_packed(void **state)
{
	struct packing packing;
	struct rig rig = { .orchestrate = orchestrate_packing, .context = &packing };

	(void)state;
	rig_set_kernel(&rig, 0, kernel_empty);
	assert_int_equal(rig_run(&rig), 0);
	assert_int_equal(packing.second - packing.first, 1024);
	assert_int_equal(packing.third - packing.second, 2048);
	assert_int_equal(packing.later - packing.third, 1024);
	assert_int_equal(rig.counters.heap_live_max, 5 * 1024);
}

/* In a scope, memory is not given back; after it, it is: the same heap serves many scopes. */
static void orchestrate_scopes(struct abi_runtime *rt, void *context)
{
	uint64_t *addresses = context;
	int scope, i;

	for (scope = 0; scope < 500; scope++) {
		rt->ops->scope_begin(rt);
		for (i = 0; i < 4; i++) {
			struct abi_tensor out = rig_tensor(NULL, 1024);
			struct abi_param param = { 0 };

			param_tensor(&param, &out, ABI_OUT);
			rig_submit(rt, AIV(0), &param);
			addresses[i] = out.addr;
		}
		for (i = 0; i < 4; i++)
			assert_false(i && addresses[i] == addresses[i - 1]);
		rt->ops->scope_end(rt);
	}
}

static void test_scopes_give_back(void **state)
{
	uint64_t addresses[4];
	struct rig rig = { .orchestrate = orchestrate_scopes, .context = addresses };

	(void)state;
	rig.config.schedulers = 2;
	rig.config.pools = RUNTIME_POOLS_SMALL;
	rig.config.task_window = 16;
	rig.config.heap_bytes = 32768;
	rig_set_kernel(&rig, 0, kernel_empty);
	assert_int_equal(rig_run(&rig), 0);
	assert_int_equal(rig.counters.executed, 2000);
	assert_true(rig.counters.heap_wraps >= 2000 * 4096 / 32768 - 1);
	assert_true(rig.counters.live_max <= 15);
}

/* manual_dep: neither looked up nor inserted. */
static void orchestrate_manual(struct abi_runtime *rt, void *context)
{
	struct abi_tensor tensor = rig_tensor(matrix, 16);
	int i;

	tensor.manual_dep = *(bool *)context;
	for (i = 0; i < 10; i++) {
		struct abi_param param = { 0 };

		param_tensor(&param, &tensor, ABI_INOUT);
		rig_submit(rt, AIV(0), &param);
	}
}

static void test_manual_dependencies(void **state)
{
	bool manual = true;
	struct rig rig = { .orchestrate = orchestrate_manual, .context = &manual };

	(void)state;
	rig_set_kernel(&rig, 0, kernel_empty);
	assert_int_equal(rig_run(&rig), 0);
	assert_int_equal(rig.counters.edges, 0);
	assert_int_equal(rig.counters.map_inserts, 0);
	manual = false;
	assert_int_equal(rig_run(&rig), 0);
	assert_int_equal(rig.counters.edges, 9);
	assert_int_equal(rig.counters.map_inserts, 10);
}

/* The owner of a buffer stays in the map when an in-out covers it: later users hold it. */
static void orchestrate_owner(struct abi_runtime *rt, void *context)
{
	struct abi_tensor tensor = rig_tensor(NULL, 16);
	struct abi_param own = { 0 };
	int i;

	(void)context;
	param_tensor(&own, &tensor, ABI_OUT);
	rig_submit(rt, AIV(0), &own);
	for (i = 0; i < 10; i++) {
		struct abi_param param = { 0 };

		param_tensor(&param, &tensor, ABI_INOUT);
		rig_submit(rt, AIV(0), &param);
	}
}

static void test_owner_stays(void **state)
{
	struct rig rig = { .orchestrate = orchestrate_owner };

	(void)state;
	rig_set_kernel(&rig, 0, kernel_empty);
	assert_int_equal(rig_run(&rig), 0);
	assert_int_equal(rig.counters.edges, 1 + 9 * 2); /* the owner, and the last writer */
	assert_int_equal(rig.counters.map_removals, 9);
}

static char logged[200];

static void on_log(void *context, enum log_level level, const char *function, const char *text)
{
	(void)context;
	snprintf(logged + strlen(logged), sizeof(logged) - strlen(logged), "%d %s %s;", (int)level,
		 function, text);
}

static void orchestrate_log(struct abi_runtime *rt, void *context)
{
	(void)context;
	rt->ops->log_error("f", "%s is %d\n", "x", 1);
	rt->ops->log_warn("g", "w");
	rt->ops->log_info(NULL, "i");
	rt->ops->log_debug("h", "d");
	rt->ops->log_always("a", "%%");
	rt->ops->orchestration_done(rt);
}

static void test_log(void **state)
{
	struct rig rig = { .orchestrate = orchestrate_log, .log = on_log };

	(void)state;
	assert_int_equal(rig_run(&rig), 0);
	assert_string_equal(logged, "0 f x is 1;1 g w;2 ? i;3 h d;2 a %;");
}

/* Upstream's sizes are the default, and creation touches about 20 MiB. */
static void test_upstream_sizes(void **state)
{
	struct chain chain = { .count = 10 };
	struct rig rig = { .orchestrate = orchestrate_chain, .context = &chain };

	(void)state;
	rig.config.schedulers = 3;
	rig_set_kernel(&rig, 1, kernel_fill);
	rig_set_kernel(&rig, 2, kernel_add);
	assert_int_equal(rig_run(&rig), 0);
	assert_true(chain.out[3] == 10);
	assert_int_equal(runtime_shared_bytes(&rig.config), 224919872);
	assert_int_equal(runtime_heap_bytes(&rig.config), 1ull << 30);
	assert_in_range(rig.counters.pool_bytes, 19ull << 20, 21ull << 20);
}

/* The shape of paged attention: per scope a chain of five tasks through buffers of its own. */
static void orchestrate_rows(struct abi_runtime *rt, void *context)
{
	struct abi_tensor query = rig_tensor(matrix, 16);
	int row, i;

	for (row = 0; row < *(int *)context; row++) {
		struct abi_tensor outs[5];

		rt->ops->scope_begin(rt);
		for (i = 0; i < 5; i++) {
			struct abi_param param = { 0 };

			outs[i] = rig_tensor(NULL, 1024);
			param_tensor(&param, i ? &outs[i - 1] : &query, ABI_IN);
			param_tensor(&param, &outs[i], ABI_OUT);
			rig_submit(rt, i % 2 ? AIC(0) : AIV(0), &param);
		}
		rt->ops->scope_end(rt);
	}
}

static void speed_report(const char *name, struct rig *rig)
{
	uint64_t sleeps = 0;
	int i;

	for (i = 0; i < RUNTIME_SCHEDULERS_MAX; i++)
		sleeps += rig->counters.schedulers[i].sleeps;
	print_message("%-12s create %8.1f us  %6.2f us per task  %llu sleeps  %llu waits\n", name,
		      (double)rig->create_ns * 1e-3,
		      (double)rig->run_ns * 1e-3 / (double)rig->counters.executed,
		      (unsigned long long)sleeps, (unsigned long long)rig->counters.waits);
}

/* `runtime_test speed`: what submitting, dispatching and completing an empty task takes. */
static int speed(void)
{
	int count = 10000, rows = 2000, turn;

	for (turn = 0; turn < 5; turn++) {
		struct chain chain = { .count = 10000 };
		struct rig rigs[3] = {
			{ .orchestrate = orchestrate_empty, .context = &count },
			{ .orchestrate = orchestrate_chain, .context = &chain },
			{ .orchestrate = orchestrate_rows, .context = &rows },
		};
		static const char *const names[3] = { "independent", "chain", "rows" };
		int i;

		for (i = 0; i < 3; i++) {
			rigs[i].config.schedulers = 3;
			rig_set_kernel(&rigs[i], 0, kernel_empty);
			rig_set_kernel(&rigs[i], 1, kernel_fill);
			rig_set_kernel(&rigs[i], 2, kernel_add);
			assert_int_equal(rig_run(&rigs[i]), 0);
			speed_report(names[i], &rigs[i]);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_tasks),	 cmocka_unit_test(test_chain),
		cmocka_unit_test(test_arguments),	 cmocka_unit_test(test_outputs_are_packed),
		cmocka_unit_test(test_scopes_give_back), cmocka_unit_test(test_manual_dependencies),
		cmocka_unit_test(test_owner_stays),	 cmocka_unit_test(test_log),
		cmocka_unit_test(test_upstream_sizes),
	};

	if (argc > 1 && strcmp(argv[1], "speed") == 0)
		return speed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
