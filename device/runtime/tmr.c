/*
 * tensormap_and_ringbuffer: its ten operations, and how its entry is called: on a2a3 with the
 * runtime bound by a symbol, on a5 with the runtime as first argument. Another variant is another
 * file like this one: a table, a call, and what its operations add to task_submit().
 */
#include "device/runtime/internal.h"

#define TMR_PAYLOAD_BYTES 3392
#define TMR_A5_PAYLOAD_BYTES 3264

_Static_assert(sizeof(struct task_payload) <= TMR_A5_PAYLOAD_BYTES, "fits upstream's payload");

static void tmr_submit_task(struct abi_runtime *abi, const struct abi_kernels *kernels,
			    struct abi_param *param)
{
	if (!runtime_failed(operation_runtime(abi)))
		task_submit(operation_runtime(abi), kernels, param);
}

static const struct abi_ops tmr_ops = {
	.submit_task = tmr_submit_task,
	OPERATIONS_SHARED,
};

static void tmr_call(struct runtime *rt, const struct runtime_entry *entry)
{
	operation_speaks(rt);
	if (entry->bind)
		entry->bind(&rt->abi);
	entry->entry(entry->args, entry->arg_count, 1, 0);
	if (entry->bind)
		entry->bind(NULL);
	operation_speaks(NULL);
}

static void tmr_a5_call(struct runtime *rt, const struct runtime_entry *entry)
{
	operation_speaks(rt);
	entry->entry_rt(&rt->abi, entry->args, entry->arg_count, 1, 0);
	operation_speaks(NULL);
}

const struct runtime_variant runtime_tmr = {
	.name = "tensormap_and_ringbuffer",
	.ops = &tmr_ops,
	.payload_bytes = TMR_PAYLOAD_BYTES,
	.call = tmr_call,
};

const struct runtime_variant runtime_a5_tmr = {
	.name = "tensormap_and_ringbuffer on a5",
	.ops = &tmr_ops,
	.payload_bytes = TMR_A5_PAYLOAD_BYTES,
	.call = tmr_a5_call,
};
