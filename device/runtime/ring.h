/*
 * A ring: a window of tasks, a heap for their outputs and a pool of dependency links, all handed
 * out in the order of submission and taken back in that order as the oldest tasks are consumed.
 *
 * The orchestrating thread takes, the thread that consumes a task gives back. Heap and links are
 * counted by ever growing numbers; the position is the remainder. A piece of the heap is never
 * split across the end: what is left there is skipped.
 */
#ifndef SOLOAD_DEVICE_RUNTIME_RING_H
#define SOLOAD_DEVICE_RUNTIME_RING_H

#include "base/err.h"
#include "device/runtime/task.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the host may read back of one ring. */
struct ring_flow {
	_Atomic uint32_t current; /* the next task's counter */
	_Atomic uint32_t alive;	  /* the oldest task that is not consumed: last_task_alive */
	_Atomic uint64_t heap_top, heap_tail;
	_Atomic uint64_t dep_tail;
	uint64_t window, heap_bytes;
	uint8_t reserved[16];
};

/* The first 320 bytes of the shared memory; the host copies them back after a run. */
struct shared_header {
	struct ring_flow rings[RUNTIME_RINGS];
	_Atomic uint64_t submitted, executed;
	_Atomic uint32_t done;
	_Atomic int32_t error; /* the fatal error's errno, or 0 */
	uint8_t reserved[40];
};

_Static_assert(sizeof(struct ring_flow) == 64, "one cache line");
_Static_assert(sizeof(struct shared_header) == 320, "as upstream's");

struct ring {
	struct ring_flow *flow;
	struct task_slot *slots;
	struct task_descriptor *descriptors;
	uint8_t *payloads;
	size_t payload_bytes; /* from one to the next */
	struct task_dep *deps;
	uint8_t *heap;
	uint64_t heap_bytes, dep_count;
	uint32_t window;
	uint32_t index;
	/* The orchestrating thread's own. */
	uint32_t next; /* the same as flow->current */
	uint32_t held; /* tasks of open scopes */
	uint64_t heap_top, heap_floor;
	uint64_t dep_head;
	uint64_t heap_live_max, heap_wraps;
	_Alignas(64) _Atomic bool advancing;
};

/* `memory` holds window slots; flow, descriptors, payloads and heap are set by the caller. */
int ring_create(struct ring *ring, struct err *err);
void ring_destroy(struct ring *ring);

static inline struct task_slot *ring_slot(const struct ring *ring, uint32_t counter)
{
	return &ring->slots[counter & (ring->window - 1)];
}

/* One slot of the window always stays empty. */
bool ring_slot_fits(const struct ring *ring);
bool ring_heap_fits(const struct ring *ring, uint64_t bytes);
bool ring_deps_fit(const struct ring *ring, uint64_t count);

/* Those take what fits. The slot is PENDING, with one hold for its scope and one for its
 * completion, and is published with the heap and links taken so far; more links may follow. */
struct task_slot *ring_open(struct ring *ring);
uint8_t *ring_heap_take(struct ring *ring, uint64_t bytes);
/* The link that ring_dep_take() takes; unused it stays the next one. */
struct task_dep *ring_dep_next(const struct ring *ring);
void ring_dep_take(struct ring *ring);

/* Retires the consumed tasks at the old end: true when there were any. Any thread. */
bool ring_advance(struct ring *ring);

#endif
