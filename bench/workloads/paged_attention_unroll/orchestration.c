/*
 * paged_attention_unroll's orchestration for tensormap_and_ringbuffer on a2a3: a plain C object
 * that needs nothing but the operations table behind the runtime pointer it is given.
 *
 * Built as a shared object of its own, and included by linked.c for the copy inside this program.
 */
#include "bench/workloads/paged_attention_unroll/graph.h"

#ifndef PA_EXPORT
#define PA_EXPORT __attribute__((visibility("default")))
#endif

PA_EXPORT struct abi_config aicpu_orchestration_config(uint64_t *args, int count);
PA_EXPORT void aicpu_orchestration_entry(uint64_t *args, int count, int orchestrators, int index);
PA_EXPORT void pto2_framework_bind_runtime(struct abi_runtime *rt);

static struct abi_runtime *runtime_bound;

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

PA_EXPORT struct abi_config aicpu_orchestration_config(uint64_t *args, int count)
{
	struct abi_config config = { .expected_arg_count = PA_GRAPH_ARGS };

	(void)args;
	(void)count;
	return config;
}

PA_EXPORT void pto2_framework_bind_runtime(struct abi_runtime *rt)
{
	runtime_bound = rt;
}

PA_EXPORT void aicpu_orchestration_entry(uint64_t *args, int count, int orchestrators, int index)
{
	struct abi_runtime *rt = runtime_bound;
	struct pa_builder builder = {
		.rt = rt,
		.submit = unroll_submit,
		.depend = unroll_depend,
	};

	if (!rt)
		return; /* nobody to submit to, and nobody to tell */
	builder.scope_begin = rt->ops->scope_begin;
	builder.scope_end = rt->ops->scope_end;
	builder.is_fatal = rt->ops->is_fatal;
	if (count < PA_GRAPH_ARGS) {
		rt->ops->log_error(__func__, "%d arguments given, %d needed", count, PA_GRAPH_ARGS);
		return;
	}
	pa_graph_build(&builder, args, orchestrators, index);
}
