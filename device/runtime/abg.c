/*
 * aicpu_build_graph: eleven operations. submit_task names its task, add_dependency says who waits
 * for whom, and what was submitted in a scope may run from the end of that scope on. The entry gets
 * the runtime as its first argument.
 */
#include "device/runtime/internal.h"

#define ABG_PAYLOAD_BYTES 3264

_Static_assert(sizeof(struct task_payload) <= ABG_PAYLOAD_BYTES, "fits upstream's payload");

/* After a fatal error nobody looks at the name any more. */
static struct abi_task_id abg_submit_task(struct abi_runtime *abi,
					  const struct abi_kernels *kernels,
					  struct abi_param *param)
{
	struct runtime *rt = operation_runtime(abi);
	struct task_slot *slot = runtime_failed(rt) ? NULL : task_submit(rt, kernels, param);

	return (struct abi_task_id){ .raw = slot ? slot->descriptor->id : UINT64_MAX };
}

static void abg_add_dependency(struct abi_runtime *abi, struct abi_task_id producer,
			       struct abi_task_id consumer)
{
	if (!runtime_failed(operation_runtime(abi)))
		given_depend(operation_runtime(abi), producer.raw, consumer.raw);
}

static const struct abi_graph_ops abg_ops = {
	.submit_task = abg_submit_task,
	.add_dependency = abg_add_dependency,
	OPERATIONS_SHARED,
};

static void abg_call(struct runtime *rt, const struct runtime_entry *entry)
{
	operation_speaks(rt);
	entry->entry_rt(&rt->abi, entry->args, entry->arg_count, 1, 0);
	operation_speaks(NULL);
}

const struct runtime_variant runtime_abg = {
	.name = "aicpu_build_graph",
	.ops = &abg_ops,
	.payload_bytes = ABG_PAYLOAD_BYTES,
	.graph_is_given = true,
	.call = abg_call,
};
