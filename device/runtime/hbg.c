/*
 * host_build_graph on the device: no object, no entry. The orchestrating thread takes the tasks out
 * of the Runtime struct in the host's order and has them run as the host said.
 */
#include "device/graph.h"
#include "device/runtime/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HBG_PAYLOAD_BYTES 3264

/* The table lies in memory that others can write: each figure is read once. */
static bool task_take(struct runtime *rt, const struct graph_task *task, uint32_t index,
		      uint64_t *ids)
{
	struct abi_tensor tensors[GRAPH_TENSORS_MAX];
	struct abi_param param = { .tensor_count = task->tensor_count,
				   .scalar_count = task->scalar_count };
	struct abi_kernels kernels = { task->kernels[0], task->kernels[1], task->kernels[2] };
	int producers = task->producer_count;
	struct task_slot *slot;

	if (param.tensor_count < 0 || param.tensor_count > GRAPH_TENSORS_MAX ||
	    param.scalar_count < 0 || param.scalar_count > GRAPH_SCALARS_MAX || producers < 0 ||
	    producers > GRAPH_PRODUCERS_MAX) {
		runtime_fail(rt, EINVAL, "task %u of the Runtime struct is damaged", index);
		return false;
	}
	memcpy(tensors, task->tensors, (size_t)param.tensor_count * sizeof(tensors[0]));
	memcpy(param.scalars, task->scalars, (size_t)param.scalar_count * sizeof(uint64_t));
	for (int i = 0; i < param.tensor_count; i++) {
		param.tensors[i] = &tensors[i];
		param.kinds[i] = task->kinds[i];
	}
	slot = task_submit(rt, &kernels, &param);
	if (!slot)
		return false;
	ids[index] = slot->descriptor->id;
	for (int i = 0; i < producers; i++) {
		uint32_t producer = task->producers[i];

		if (producer >= index) {
			runtime_fail(rt, EINVAL, "task %u of the Runtime struct waits for task %u",
				     index, producer);
			return false;
		}
		if (!given_depend(rt, ids[producer], ids[index]))
			return false;
	}
	return true;
}

/* In pieces that leave half of the window to tasks that still run. */
static void tasks_take(struct runtime *rt, const struct graph_table *table, uint32_t count,
		       uint64_t *ids)
{
	uint32_t piece = (uint32_t)(rt->config.task_window / 4);

	for (uint32_t index = 0; index < count && !runtime_failed(rt);) {
		uint32_t end = count - index > piece ? index + piece : count;

		scope_begin(rt);
		while (index < end && task_take(rt, &table->tasks[index], index, ids))
			index++;
		if (runtime_failed(rt))
			return;
		scope_end(rt);
	}
}

static void hbg_call(struct runtime *rt, const struct runtime_entry *entry)
{
	int32_t count = entry->graph ? entry->graph->task_count : -1;
	uint64_t *ids;

	if (count < 0 || count > GRAPH_TASKS_MAX) {
		runtime_fail(rt, EINVAL, "the Runtime struct claims %d tasks", count);
		return;
	}
	ids = calloc((size_t)count + 1, sizeof(*ids));
	if (!ids) {
		runtime_fail(rt, ENOMEM, "no memory for the names of %d tasks", count);
		return;
	}
	tasks_take(rt, entry->graph, (uint32_t)count, ids);
	free(ids);
}

const struct runtime_variant runtime_hbg = {
	.name = "host_build_graph",
	.payload_bytes = HBG_PAYLOAD_BYTES,
	.graph_is_given = true,
	.call = hbg_call,
};
