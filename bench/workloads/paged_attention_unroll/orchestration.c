/*
 * paged_attention_unroll's orchestration: a plain C object that needs nothing but the operations
 * table behind the runtime pointer it is given. Built for each variant of the flow:
 *   (nothing)          a2a3 tensormap_and_ringbuffer: the runtime is bound by a symbol
 *   PA_RUNTIME_PASSED  a5: it is the entry's first argument
 *   PA_GRAPH_GIVEN     aicpu_build_graph: so it is there, and dependencies are given
 *   PA_HOST_BUILDS     host_build_graph: dependencies are given, arrays are host addresses
 *
 * Built as shared objects of their own, and included by linked*.c for the copies in this program.
 */
#include "bench/workloads/paged_attention_unroll/graph.h"

#ifndef PA_EXPORT
#define PA_EXPORT __attribute__((visibility("default")))
#endif

#ifdef PA_HOST_BUILDS
#include "device/graph.h"
#define PA_GRAPH_GIVEN
#endif
#ifdef PA_GRAPH_GIVEN
#define PA_RUNTIME_PASSED
#endif

#ifdef PA_GRAPH_GIVEN
static uint64_t unroll_submit(struct abi_runtime *rt, const struct abi_kernels *kernels,
			      struct abi_param *param)
{
	return abi_graph(rt)->submit_task(rt, kernels, param).raw;
}

static void unroll_depend(struct abi_runtime *rt, uint64_t producer, uint64_t consumer)
{
	abi_graph(rt)->add_dependency(rt, (struct abi_task_id){ producer },
				      (struct abi_task_id){ consumer });
}

static const struct abi_graph_ops *unroll_ops(const struct abi_runtime *rt)
{
	return abi_graph(rt);
}
#else
/* The runtime finds the edges by itself, from the tensors. */
static uint64_t unroll_submit(struct abi_runtime *rt, const struct abi_kernels *kernels,
			      struct abi_param *param)
{
	rt->ops->submit_task(rt, kernels, param);
	return 0;
}

static void unroll_depend(struct abi_runtime *rt, uint64_t producer, uint64_t consumer)
{
	(void)rt;
	(void)producer;
	(void)consumer;
}

static const struct abi_ops *unroll_ops(const struct abi_runtime *rt)
{
	return rt->ops;
}
#endif

static void unroll_build(struct abi_runtime *rt, const uint64_t *args, int orchestrators, int index)
{
	struct pa_builder builder = {
		.rt = rt,
		.submit = unroll_submit,
		.depend = unroll_depend,
		.scope_begin = unroll_ops(rt)->scope_begin,
		.scope_end = unroll_ops(rt)->scope_end,
		.is_fatal = unroll_ops(rt)->is_fatal,
	};

	pa_graph_build(&builder, args, orchestrators, index);
}

#ifdef PA_HOST_BUILDS
PA_EXPORT int build_paged_attention_graph(struct abi_runtime *rt, uint64_t *args, int count);

/* Lengths and configuration are read here, on the host; the rest is for the kernels. */
PA_EXPORT int build_paged_attention_graph(struct abi_runtime *rt, uint64_t *args, int count)
{
	static const int arrays[] = { 0, 1, 2, 3, 5 };
	uint64_t places[PA_GRAPH_ARGS];

	if (count < PA_GRAPH_ARGS) {
		unroll_ops(rt)->log_error(__func__, "%d arguments given, %d needed", count,
					  PA_GRAPH_ARGS);
		return -1;
	}
	for (int i = 0; i < PA_GRAPH_ARGS; i++)
		places[i] = args[i];
	for (unsigned int i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		places[arrays[i]] = graph_host(rt)->device_address(
			rt, (const void *)(uintptr_t)args[arrays[i]]);
	unroll_build(rt, places, 1, 0);
	return unroll_ops(rt)->is_fatal(rt) ? -1 : 0;
}
#else
PA_EXPORT struct abi_config aicpu_orchestration_config(uint64_t *args, int count);

PA_EXPORT struct abi_config aicpu_orchestration_config(uint64_t *args, int count)
{
	struct abi_config config = { .expected_arg_count = PA_GRAPH_ARGS };

	(void)args;
	(void)count;
	return config;
}

#ifdef PA_RUNTIME_PASSED
PA_EXPORT void aicpu_orchestration_entry(struct abi_runtime *rt, uint64_t *args, int count,
					 int orchestrators, int index);

PA_EXPORT void aicpu_orchestration_entry(struct abi_runtime *rt, uint64_t *args, int count,
					 int orchestrators, int index)
{
#else
PA_EXPORT void aicpu_orchestration_entry(uint64_t *args, int count, int orchestrators, int index);
PA_EXPORT void pto2_framework_bind_runtime(struct abi_runtime *rt);

static struct abi_runtime *runtime_bound;

PA_EXPORT void pto2_framework_bind_runtime(struct abi_runtime *rt)
{
	runtime_bound = rt;
}

PA_EXPORT void aicpu_orchestration_entry(uint64_t *args, int count, int orchestrators, int index)
{
	struct abi_runtime *rt = runtime_bound;

#endif
	if (!rt)
		return; /* nobody to submit to, and nobody to tell */
	if (count < PA_GRAPH_ARGS)
		unroll_ops(rt)->log_error(__func__, "%d arguments given, %d needed", count,
					  PA_GRAPH_ARGS);
	else
		unroll_build(rt, args, orchestrators, index);
}
#endif
