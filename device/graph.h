/*
 * host_build_graph: the host runs the orchestration, which writes every task into the Runtime
 * struct, and the whole struct of 293,083,648 bytes (293,085,952 on a5) is copied to the device in
 * every run. Sizes and flow are simpler's; the record of a task and the operations are this
 * project's own, since no binary interface of it is known.
 *
 * Includes nothing but abi.h and is valid C++: orchestration sources may include it.
 */
#ifndef SOLOAD_DEVICE_GRAPH_H
#define SOLOAD_DEVICE_GRAPH_H

#include "device/abi.h"

#define GRAPH_TASKS_MAX 131072
#define GRAPH_TENSORS_MAX 12
#define GRAPH_SCALARS_MAX 64
#define GRAPH_PRODUCERS_MAX 16
#define GRAPH_RESERVED_BYTES 523196 /* upstream's other fields, as one */

/* `int NAME(rt, args, count)`, the name by agreement of workload and host; 0 or -1. Array arguments
 * are host addresses. */
typedef int (*graph_entry_function)(struct abi_runtime *rt, uint64_t *args, int count);

#define GRAPH_ENTRY_SYMBOL "build_paged_attention_graph"

/* aicpu_build_graph's operations, and one more. A task's name is its place in the table. */
struct graph_ops {
	struct abi_graph_ops graph;
	/* Where an array argument is on the device; 0 when it is none. */
	uint64_t (*device_address)(struct abi_runtime *rt, const void *host);
};

static inline const struct graph_ops *graph_host(const struct abi_runtime *rt)
{
	return (const struct graph_ops *)(const void *)rt->ops;
}

/* Tensors are copied in and out: the record keeps no alignment of theirs. */
struct graph_task {
	uint64_t number; /* its place, for whoever reads a dump */
	int32_t kernels[3];
	int32_t tensor_count, scalar_count, producer_count;
	int32_t kinds[GRAPH_TENSORS_MAX];
	uint32_t producers[GRAPH_PRODUCERS_MAX]; /* places of tasks before it */
	uint64_t scalars[GRAPH_SCALARS_MAX];
	uint8_t tensors[GRAPH_TENSORS_MAX][sizeof(struct abi_tensor)];
	uint8_t reserved[40];
};

/* Behind the fields of the Runtime struct. */
struct graph_table {
	int32_t task_count;
	uint8_t reserved[GRAPH_RESERVED_BYTES];
	struct graph_task tasks[GRAPH_TASKS_MAX];
};

ABI_ASSERT(sizeof(struct graph_task) == 2232);
ABI_ASSERT(ABI_A2A3_WORKERS * sizeof(struct abi_handshake) + sizeof(struct abi_fields) +
		   sizeof(struct graph_table) ==
	   293083648);
ABI_ASSERT(ABI_A5_WORKERS * sizeof(struct abi_handshake) + sizeof(struct abi_fields) +
		   sizeof(struct graph_table) ==
	   293085952);

#endif
