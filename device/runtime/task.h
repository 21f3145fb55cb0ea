/*
 * A task's three parts: its slot (state and dependencies, in the runtime's own memory), its
 * descriptor and its payload (both in the memory shared with the host).
 */
#ifndef SOLOAD_DEVICE_RUNTIME_TASK_H
#define SOLOAD_DEVICE_RUNTIME_TASK_H

#include "device/abi.h"
#include "device/runtime/runtime.h"

#include <stdatomic.h>
#include <stdint.h>

/* RETIRING and CONSUMED: nobody refers to the task any more. Only a CONSUMED slot may be reused;
 * RETIRING lasts while the last to let go still holds the lock. */
enum task_state {
	TASK_CONSUMED,
	TASK_PENDING,
	TASK_READY,
	TASK_RUNNING,
	TASK_COMPLETED,
	TASK_RETIRING,
};

/* What a task needs of a block of one AIC and two AIV cores. */
enum task_shape { SHAPE_AIC, SHAPE_AIV, SHAPE_AIV2, SHAPE_AIC_AIV, SHAPE_AIC_AIV2, SHAPE_COUNT };

enum task_part { PART_AIC, PART_AIV0, PART_AIV1, PART_COUNT };

struct task_slot;

/* A link in a producer's list of consumers; from the pool of the consumer's ring. */
struct task_dep {
	struct task_slot *consumer;
	struct task_dep *next;
};

struct task_descriptor {
	uint64_t id;
	int32_t kernels[PART_COUNT];
	uint32_t shape;
	uint64_t outputs, outputs_end; /* what the runtime allocated, packed */
};

struct task_payload {
	struct abi_tensor tensors[ABI_TENSORS_MAX];
	uint64_t scalars[ABI_SCALARS_MAX];
	struct task_slot *producers[RUNTIME_FANINS_MAX]; /* held until this task completes */
	uint32_t tensor_count, scalar_count, producer_count;
	uint32_t reserved;
};

struct task_slot {
	_Atomic uint32_t lock; /* guards the fanout fields and state from COMPLETED on */
	_Atomic uint32_t state;
	_Atomic uint32_t fanin_done; /* finished producers, and submit itself */
	uint32_t fanin_count;
	uint32_t fanout_done;  /* who has let go, of */
	uint32_t fanout_count; /* its scope, its own completion and every consumer */
	struct task_dep *fanout;
	struct task_payload *payload;
	struct task_descriptor *descriptor;
	uint64_t heap_end; /* the ring's heap is free up to here once this task retires */
	uint32_t dep_end;  /* so are its links */
	uint8_t ring;
	uint8_t shape;
	uint8_t parts; /* kernels still running; owned by the scheduler that started it */
	uint8_t given; /* links added to it so far, or TASK_PUBLISHED; the orchestrating thread's */
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct task_slot) == 64, "one cache line, as upstream's");
_Static_assert(sizeof(struct task_descriptor) == 40, "as upstream's");

#define TASK_PUBLISHED 255

struct ring;

/*
 * Makes `consumer` wait for `producer`: 1 when it has to, 0 when the producer has finished but is
 * held until the consumer completes, -1 when the producer is gone. `dep` is used for 1 only.
 */
int slot_link(struct task_slot *producer, struct task_slot *consumer, struct task_dep *dep);

/* Lets go of a task: true when that was the last hold and the slot is CONSUMED now. */
bool slot_release(struct task_slot *slot);

/* Marks the task completed and returns the consumers that wait for it. */
struct task_dep *slot_complete(struct task_slot *slot);

/* Counts finished producers (or submit itself) of a task: true when it became ready. */
bool slot_arrive(struct task_slot *slot, uint32_t count);

#endif
