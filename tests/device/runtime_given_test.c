/* aicpu_build_graph on the runtime alone: order as given, nothing before the end of its scope, and
 * what is said to an orchestration that gives impossible dependencies. */
#include "tests/device/runtime_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CHAIN 400

static _Atomic int ran;
static int order[4 * CHAIN];

/* Notes when it ran. */
static void kernel_note(int64_t *args)
{
	order[args[0]] = 1 + atomic_fetch_add(&ran, 1);
}

static uint64_t task(struct abi_runtime *rt, int64_t number)
{
	const struct abi_kernels kernels = { -1, 1, -1 };
	struct abi_param param = { .tensor_count = 0 };

	param_scalar(&param, (uint64_t)number);
	return abi_graph(rt)->submit_task(rt, &kernels, &param).raw;
}

static void depend(struct abi_runtime *rt, uint64_t producer, uint64_t consumer)
{
	abi_graph(rt)->add_dependency(rt, (struct abi_task_id){ producer },
				      (struct abi_task_id){ consumer });
}

static int run(void (*orchestrate)(struct abi_runtime *rt, void *context), struct rig *rig)
{
	rig->config.variant = &runtime_abg;
	if (!rig->config.schedulers)
		rig->config = (struct runtime_config){ .variant = &runtime_abg,
						       .schedulers = 3,
						       .pools = RUNTIME_POOLS_SMALL };
	rig->orchestrate = orchestrate;
	rig_set_kernel(rig, 1, kernel_note);
	atomic_store(&ran, 0);
	memset(order, 0, sizeof(order));
	return rig_run(rig);
}

/* Backwards: the last submitted runs first. */
static void orchestrate_backwards(struct abi_runtime *rt, void *context)
{
	uint64_t ids[CHAIN];

	(void)context;
	for (int i = 0; i < CHAIN; i++) {
		ids[i] = task(rt, i);
		if (i > 0)
			depend(rt, ids[i], ids[i - 1]);
	}
}

static void test_backwards(void **state)
{
	struct rig rig = { 0 };

	(void)state;
	assert_int_equal(run(orchestrate_backwards, &rig), 0);
	assert_int_equal(rig.counters.executed, CHAIN);
	assert_int_equal(rig.counters.edges, CHAIN - 1);
	for (int i = 0; i < CHAIN; i++)
		assert_int_equal(order[i], CHAIN - i);
}

/* Until the end of its scope no task runs, however long that takes. */
static void orchestrate_scopes(struct abi_runtime *rt, void *context)
{
	uint64_t outer = task(rt, 0), inner;

	(void)context;
	abi_graph(rt)->scope_begin(rt);
	inner = task(rt, 1);
	depend(rt, inner, outer);
	usleep(20000);
	assert_int_equal(atomic_load(&ran), 0);
	abi_graph(rt)->scope_end(rt);
	while (atomic_load(&ran) == 0)
		usleep(100);
	/* A producer that has finished, and the same twice: fine. */
	depend(rt, inner, outer);
	depend(rt, inner, outer);
	usleep(20000);
	assert_int_equal(atomic_load(&ran), 1);
}

static void test_scopes(void **state)
{
	struct rig rig = { 0 };

	(void)state;
	assert_int_equal(run(orchestrate_scopes, &rig), 0);
	assert_int_equal(order[1], 1);
	assert_int_equal(order[0], 2);
}

/* Layers of sixteen, everybody waits for everybody before; windows that wrap many times. */
static void orchestrate_layers(struct abi_runtime *rt, void *context)
{
	uint64_t before[16], now[16];

	(void)context;
	for (int layer = 0; layer < 90; layer++) {
		abi_graph(rt)->scope_begin(rt);
		for (int i = 0; i < 16; i++) {
			now[i] = task(rt, layer * 16 + i);
			for (int b = 0; layer > 0 && b < 16; b++)
				depend(rt, before[b], now[i]);
		}
		abi_graph(rt)->scope_end(rt);
		memcpy(before, now, sizeof(before));
	}
}

static void test_layers(void **state)
{
	struct rig rig = { .config = { .schedulers = 3,
				       .pools = RUNTIME_POOLS_SMALL,
				       .task_window = 64,
				       .dep_pool = 600 } };

	(void)state;
	assert_int_equal(run(orchestrate_layers, &rig), 0);
	assert_int_equal(rig.counters.executed, 90 * 16);
	for (int i = 16; i < 90 * 16; i++)
		assert_true(order[i] > order[i / 16 * 16 - 1] &&
			    order[i] > order[i / 16 * 16 - 16]);
}

/* Scopes that each use every link there is: those of the one before have come back. */
static void orchestrate_again(struct abi_runtime *rt, void *context)
{
	(void)context;
	for (int scope = 0; scope < 20; scope++) {
		uint64_t before = 0;

		abi_graph(rt)->scope_begin(rt);
		for (int i = 0; i < 5; i++) {
			uint64_t now = task(rt, scope * 5 + i);

			if (i > 0)
				depend(rt, before, now);
			before = now;
		}
		abi_graph(rt)->scope_end(rt);
	}
}

/* All links are those of a task that is not the youngest of its ring. */
static void orchestrate_older(struct abi_runtime *rt, void *context)
{
	(void)context;
	for (int depth = 0; depth < RUNTIME_RINGS; depth++)
		abi_graph(rt)->scope_begin(rt);
	for (int scope = 0; scope < 20; scope++) {
		uint64_t producers[4], last;

		abi_graph(rt)->scope_begin(rt);
		for (int i = 0; i < 4; i++)
			producers[i] = task(rt, scope * 6 + i);
		last = task(rt, scope * 6 + 4);
		abi_graph(rt)->scope_begin(rt);
		task(rt, scope * 6 + 5);
		abi_graph(rt)->scope_end(rt);
		for (int i = 0; i < 4; i++)
			depend(rt, producers[i], last);
		abi_graph(rt)->scope_end(rt);
	}
}

static void test_links_come_back(void **state)
{
	static const struct {
		void (*orchestrate)(struct abi_runtime *rt, void *context);
		uint64_t tasks;
	} scopes[] = { { orchestrate_again, 100 }, { orchestrate_older, 120 } };

	(void)state;
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		struct rig rig = {
			.config = { .schedulers = 2, .pools = RUNTIME_POOLS_SMALL, .dep_pool = 4 }
		};

		if (run(scopes[i].orchestrate, &rig) != 0)
			fail_msg("%zu: %s", i, rig.err.text);
		assert_int_equal(rig.counters.executed, scopes[i].tasks);
	}
}

/* The tensors say the opposite: only what was given counts. */
static void orchestrate_tensors(struct abi_runtime *rt, void *context)
{
	static float buffer[16];
	const struct abi_kernels kernels = { -1, 1, -1 };
	uint64_t ids[2];

	(void)context;
	for (int i = 0; i < 2; i++) {
		struct abi_tensor tensor = rig_tensor(buffer, 16);
		struct abi_param param = { .tensor_count = 0 };

		param_tensor(&param, &tensor, ABI_INOUT);
		ids[i] = abi_graph(rt)->submit_task(rt, &kernels, &param).raw;
	}
	depend(rt, ids[1], ids[0]);
}

static _Atomic int tensor_runs;

static void kernel_count(int64_t *args)
{
	(void)args;
	atomic_fetch_add(&tensor_runs, 1);
}

static void test_tensors(void **state)
{
	struct rig rig = { .config = { .variant = &runtime_abg,
				       .schedulers = 2,
				       .pools = RUNTIME_POOLS_SMALL },
			   .orchestrate = orchestrate_tensors };

	(void)state;
	rig_set_kernel(&rig, 1, kernel_count);
	assert_int_equal(rig_run(&rig), 0);
	assert_int_equal(atomic_load(&tensor_runs), 2);
	assert_int_equal(rig.counters.edges, 1);
	assert_int_equal(rig.counters.map_inserts, 0);
}

static void orchestrate_unknown_consumer(struct abi_runtime *rt, void *context)
{
	(void)context;
	depend(rt, task(rt, 0), 77);
}

static void orchestrate_unknown_producer(struct abi_runtime *rt, void *context)
{
	(void)context;
	depend(rt, UINT64_C(9) << 32, task(rt, 0));
}

static void orchestrate_itself(struct abi_runtime *rt, void *context)
{
	uint64_t id = task(rt, 0);

	(void)context;
	depend(rt, id, id);
}

static void orchestrate_late(struct abi_runtime *rt, void *context)
{
	uint64_t first = task(rt, 0), second;

	(void)context;
	abi_graph(rt)->scope_begin(rt);
	second = task(rt, 1);
	abi_graph(rt)->scope_end(rt);
	depend(rt, first, second);
}

static void orchestrate_many(struct abi_runtime *rt, void *context)
{
	uint64_t last = task(rt, 0);

	(void)context;
	for (int i = 0; i < RUNTIME_FANINS_MAX + 1; i++)
		depend(rt, task(rt, 1 + i), last);
}

static void orchestrate_window(struct abi_runtime *rt, void *context)
{
	(void)context;
	for (int i = 0; i < 40 && !abi_graph(rt)->is_fatal(rt); i++)
		task(rt, i);
}

static void orchestrate_links(struct abi_runtime *rt, void *context)
{
	uint64_t before = task(rt, 0);

	(void)context;
	for (int i = 1; i < 8 && !abi_graph(rt)->is_fatal(rt); i++) {
		uint64_t now = task(rt, i);

		depend(rt, before, now);
		before = now;
	}
}

static void orchestrate_cycle(struct abi_runtime *rt, void *context)
{
	uint64_t a = task(rt, 0), b = task(rt, 1);

	(void)context;
	depend(rt, a, b);
	depend(rt, b, a);
}

static const struct {
	void (*orchestrate)(struct abi_runtime *rt, void *context);
	int code;
	const char *words;
	struct runtime_config config;
} failures[] = {
	{ orchestrate_unknown_consumer, -EINVAL, "task 77, which was never submitted", { 0 } },
	{ orchestrate_unknown_producer, -EINVAL, "which was never submitted", { 0 } },
	{ orchestrate_itself, -EINVAL, "which is itself", { 0 } },
	{ orchestrate_late, -EINVAL, "after the end of its scope", { 0 } },
	{ orchestrate_many, -E2BIG, "more than 16 tasks", { 0 } },
	{ orchestrate_window, -EDEADLK, "deadlock", { .task_window = 8 } },
	{ orchestrate_links, -EDEADLK, "dependency links", { .dep_pool = 4 } },
	{ orchestrate_cycle, -ETIMEDOUT, "", { .stall_ns = 300000000 } },
};

static void test_failures(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		struct rig rig = { .config = failures[i].config };

		rig.config.schedulers = 2;
		rig.config.pools = RUNTIME_POOLS_SMALL;
		if (run(failures[i].orchestrate, &rig) != failures[i].code ||
		    !strstr(rig.err.text, failures[i].words))
			fail_msg("%zu: %d, %s", i, rig.result, rig.err.text);
	}
}

/* What the host allocates for it. */
static void test_sizes(void **state)
{
	static const struct {
		const struct runtime_variant *variant;
		size_t bytes;
	} sizes[] = { { &runtime_tmr, 224919872 },
		      { &runtime_abg, 216531264 },
		      { &runtime_a5_tmr, 216531264 } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct runtime_config config = { .variant = sizes[i].variant, .schedulers = 1 };

		assert_int_equal(runtime_config_resolve(&config, NULL), 0);
		assert_int_equal(runtime_shared_bytes(&config), sizes[i].bytes);
		assert_int_equal(runtime_heap_bytes(&config), 1u << 30);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backwards), cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_layers),	  cmocka_unit_test(test_links_come_back),
		cmocka_unit_test(test_tensors),	  cmocka_unit_test(test_failures),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests_name("given dependencies", tests, NULL, NULL);
}
