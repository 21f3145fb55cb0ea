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
	/* All links or none: the first ones could keep those that the others wait for. */
	if (!resource_await(rt, &rt->rings[slot->ring], RESOURCE_DEPS, (uint64_t)producers))
		return false;
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

/* A damaged figure is refused where the task is taken. */
static uint32_t links_of(const struct graph_task *task)
{
	int producers = task->producer_count;

	return producers > 0 && producers <= GRAPH_PRODUCERS_MAX ? (uint32_t)producers : 0;
}

static bool task_fits(struct runtime *rt, const struct graph_task *task)
{
	const struct ring *ring = scope_ring(rt);

	return ring_slot_fits(ring) && ring_deps_fit(ring, links_of(task));
}

/* A piece of the tasks, which run from its end on: before there is no more room, since whom they
 * wait for stays as long as they have not run. Returns where the next one begins. */
static uint32_t piece_take(struct runtime *rt, const struct graph_table *table, uint32_t count,
			   uint32_t begin, uint64_t *ids)
{
	uint32_t piece = (uint32_t)(rt->config.task_window / 4), index = begin;

	scope_begin(rt);
	do {
		if (!task_take(rt, &table->tasks[index], index, ids))
			return index;
		index++;
	} while (index < count && index - begin < piece && task_fits(rt, &table->tasks[index]));
	scope_end(rt);
	return index;
}

static void tasks_take(struct runtime *rt, const struct graph_table *table, uint32_t count,
		       uint64_t *ids)
{
	uint32_t index = 0;

	while (index < count && !runtime_failed(rt))
		index = piece_take(rt, table, count, index, ids);
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
