/*
 * Random graphs against a sequential oracle. Every task has an in-out view of a buffer outside,
 * reads outputs of earlier tasks and may have an output of its own; its kernels mix what they read
 * into what they write, so any missing or wrong dependency changes the result. The oracle does the
 * same while the graph is submitted, one task after the other.
 */
#include "tests/device/runtime_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BUFFERS 12
#define ELEMENTS 64
#define BLOCK 16
#define TASKS_PER_SCOPE 6
#define DEPTH_MAX 6
#define OUTPUT_MAX 512
#define VISIBLE_MAX (TASKS_PER_SCOPE * (DEPTH_MAX + 1))

struct output {
	struct abi_tensor tensor;
	uint32_t values[OUTPUT_MAX]; /* the oracle's */
};

struct graph {
	unsigned int seed;
	int tasks_left;
	uint32_t buffers[BUFFERS][ELEMENTS];
	uint32_t expected[BUFFERS][ELEMENTS];
	struct output visible[VISIBLE_MAX];
	int visible_count;
	uint64_t submitted;
};

static _Atomic uint64_t kernels_run;

static uint32_t graph_below(struct graph *graph, uint32_t limit)
{
	return (uint32_t)rand_r(&graph->seed) % limit;
}

static uint32_t mix(uint32_t hash, const uint32_t *values, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		hash = hash * 31 + values[i];
	return hash;
}

static void inout_update(uint32_t *values, uint32_t count, uint32_t hash)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		values[i] = values[i] * 17 + hash + i;
}

static void output_fill(uint32_t *values, uint32_t count, uint32_t hash)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		values[i] = hash ^ i * 2654435761u;
}

/* Arguments: in-out, inputs, output or nothing; then scalars: task, inputs, outputs, delay. */
struct task_args {
	const struct abi_tensor *tensors[ABI_TENSORS_MAX];
	uint32_t inputs, outputs, hash;
};

static uint32_t *tensor_values(const struct abi_tensor *tensor)
{
	return (uint32_t *)(uintptr_t)tensor->addr + tensor->start_offset;
}

static struct task_args args_read(const int64_t *args, uint32_t scalars)
{
	struct task_args read = { .inputs = (uint32_t)args[scalars + 1],
				  .outputs = (uint32_t)args[scalars + 2],
				  .hash = (uint32_t)args[scalars] };
	volatile uint32_t delay = (uint32_t)args[scalars + 3];
	uint32_t i;

	for (i = 0; i < 1 + read.inputs + read.outputs; i++)
		read.tensors[i] = (const void *)(uintptr_t)args[i];
	for (i = 1; i <= read.inputs; i++)
		read.hash =
			mix(read.hash, tensor_values(read.tensors[i]), read.tensors[i]->shapes[0]);
	while (delay > 0)
		delay = delay - 1;
	atomic_fetch_add(&kernels_run, 1);
	return read;
}

/* The tensors come first, so kernels are told their number by which one they are. */
static void kernel_run(const int64_t *args, uint32_t tensors, bool update, bool fill)
{
	struct task_args read = args_read(args, tensors);
	const struct abi_tensor *output = read.tensors[read.inputs + 1];

	if (update)
		inout_update(tensor_values(read.tensors[0]), read.tensors[0]->shapes[0], read.hash);
	if (fill && read.outputs)
		output_fill(tensor_values(output), output->shapes[0], read.hash);
}

#define KERNELS(n) \
	static void kernel_both_##n(int64_t *args) \
	{ \
		kernel_run(args, n, true, true); \
	} \
	static void kernel_update_##n(int64_t *args) \
	{ \
		kernel_run(args, n, true, false); \
	} \
	static void kernel_fill_##n(int64_t *args) \
	{ \
		kernel_run(args, n, false, true); \
	}
KERNELS(1)
KERNELS(2)
KERNELS(3)
KERNELS(4)
KERNELS(5)

#define KERNEL_BOTH(n) ((int32_t)(3 * (n)))
#define KERNEL_UPDATE(n) ((int32_t)(3 * (n) + 1))
#define KERNEL_FILL(n) ((int32_t)(3 * (n) + 2))

static void kernels_set(struct rig *rig)
{
#define SET(n) \
	rig_set_kernel(rig, KERNEL_BOTH(n), kernel_both_##n); \
	rig_set_kernel(rig, KERNEL_UPDATE(n), kernel_update_##n); \
	rig_set_kernel(rig, KERNEL_FILL(n), kernel_fill_##n);
	SET(1)
	SET(2)
	SET(3)
	SET(4)
	SET(5)
}

static struct abi_kernels shape_kernels(struct graph *graph, int n)
{
	switch (graph_below(graph, 5)) {
	case 0:
		return (struct abi_kernels){ KERNEL_BOTH(n), -1, -1 };
	case 1:
		return (struct abi_kernels){ -1, KERNEL_BOTH(n), -1 };
	case 2:
		return (struct abi_kernels){ -1, KERNEL_UPDATE(n), KERNEL_FILL(n) };
	case 3:
		return (struct abi_kernels){ KERNEL_UPDATE(n), -1, KERNEL_FILL(n) };
	default:
		return (struct abi_kernels){ KERNEL_FILL(n), KERNEL_FILL(n) - 1, KERNEL_FILL(n) };
	}
}

/* The third kernel of a full block fills what the first filled, with the same values: not allowed
 * to race, so full blocks go without an output. */
static bool kernels_full(struct abi_kernels kernels)
{
	return kernels.aic >= 0 && kernels.aiv0 >= 0 && kernels.aiv1 >= 0;
}

static void graph_task(struct graph *graph, struct abi_runtime *rt)
{
	uint32_t buffer = graph_below(graph, BUFFERS), begin = graph_below(graph, 4);
	uint32_t blocks = 1 + graph_below(graph, 4 - begin), hash = graph_below(graph, 1u << 30);
	struct abi_tensor whole = rig_tensor(graph->buffers[buffer], ELEMENTS);
	struct abi_tensor view = rig_view(&whole, begin * BLOCK, blocks * BLOCK);
	struct output *output = &graph->visible[graph->visible_count];
	struct abi_param param = { 0 };
	uint32_t inputs = graph_below(graph, 4), outputs = graph_below(graph, 2), i;
	uint32_t scalar = hash;
	struct abi_kernels kernels;

	if (graph->visible_count == 0)
		inputs = 0;
	kernels = shape_kernels(graph, (int)(1 + inputs + outputs));
	if (outputs && kernels_full(kernels))
		kernels.aic = -1;
	param_tensor(&param, &view, ABI_INOUT);
	for (i = 0; i < inputs; i++) {
		uint32_t which = graph_below(graph, (uint32_t)graph->visible_count);
		struct output *input = &graph->visible[which];

		hash = mix(hash, input->values, input->tensor.shapes[0]);
		param_tensor(&param, &input->tensor, ABI_IN);
	}
	inout_update(graph->expected[buffer] + begin * BLOCK, blocks * BLOCK, hash);
	if (outputs) {
		output->tensor = rig_tensor(NULL, 1 + graph_below(graph, OUTPUT_MAX));
		output_fill(output->values, output->tensor.shapes[0], hash);
		param_tensor(&param, &output->tensor, ABI_OUT);
		graph->visible_count++;
	}
	param_scalar(&param, scalar);
	param_scalar(&param, inputs);
	param_scalar(&param, outputs);
	param_scalar(&param, graph_below(graph, 2000));
	rig_submit(rt, kernels, &param);
	graph->submitted++;
	graph->tasks_left--;
}

static void graph_scope(struct graph *graph, struct abi_runtime *rt, int depth)
{
	int visible = graph->visible_count, i;

	rt->ops->scope_begin(rt);
	for (i = 0; i < TASKS_PER_SCOPE; i++) {
		if (graph_below(graph, 3) && graph->tasks_left > 0)
			graph_task(graph, rt);
		else if (depth < DEPTH_MAX && graph_below(graph, 2))
			graph_scope(graph, rt, depth + 1);
	}
	rt->ops->scope_end(rt);
	graph->visible_count = visible;
}

static void graph_orchestrate(struct abi_runtime *rt, void *context)
{
	struct graph *graph = context;

	while (graph->tasks_left > 0 && !rt->ops->is_fatal(rt))
		graph_scope(graph, rt, 1);
}

struct trial {
	unsigned int seed, schedulers, blocks, threads;
	uint64_t window, heap, deps;
	int tasks;
};

static void trial_run(const struct trial *trial)
{
	struct graph *graph = aligned_alloc(64, sizeof(*graph));
	struct rig rig = { .orchestrate = graph_orchestrate, .context = graph };

	assert_non_null(graph);
	memset(graph, 0, sizeof(*graph));
	graph->seed = trial->seed;
	graph->tasks_left = trial->tasks;
	rig.config.pools = RUNTIME_POOLS_SMALL;
	rig.config.schedulers = trial->schedulers;
	rig.config.task_window = trial->window;
	rig.config.heap_bytes = trial->heap;
	rig.config.dep_pool = trial->deps;
	rig.cores_config = (struct aicore_config){ .aic = trial->blocks,
						   .aiv = 2 * trial->blocks,
						   .threads = trial->threads };
	kernels_set(&rig);
	rig_run(&rig);
	assert_string_equal(rig.err.text, "");
	assert_int_equal(rig.result, 0);
	assert_int_equal(rig.counters.submitted, graph->submitted);
	assert_int_equal(rig.counters.executed, graph->submitted);
	assert_memory_equal(graph->buffers, graph->expected, sizeof(graph->buffers));
	free(graph);
}

static void test_roomy(void **state)
{
	(void)state;
	trial_run(&(struct trial){ .seed = 1, .schedulers = 3, .blocks = 24, .tasks = 4000 });
	trial_run(&(struct trial){ .seed = 2, .schedulers = 1, .blocks = 24, .tasks = 2000 });
}

/* Thousands of tasks through windows of 64 and heaps of 128 KiB. */
static void test_tiny(void **state)
{
	unsigned int seed;

	(void)state;
	for (seed = 10; seed < 16; seed++)
		trial_run(&(struct trial){ .seed = seed,
					   .schedulers = 1 + seed % 4,
					   .blocks = 1 + seed % 3,
					   .window = 64,
					   .heap = 128 << 10,
					   .deps = 40,
					   .tasks = 2000 });
}

/* More schedulers than blocks, more threads than cores. */
static void test_odd_machines(void **state)
{
	(void)state;
	trial_run(&(struct trial){
		.seed = 20, .schedulers = 6, .blocks = 1, .threads = 5, .tasks = 1000 });
	trial_run(&(struct trial){
		.seed = 21, .schedulers = 4, .blocks = 40, .threads = 1, .tasks = 1000 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roomy),
		cmocka_unit_test(test_tiny),
		cmocka_unit_test(test_odd_machines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
