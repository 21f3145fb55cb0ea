/* Taking from a ring and giving back to it. */
#include "device/runtime/ring.h"

#include "device/runtime/pool.h"

#include <errno.h>
#include <stdlib.h>

int ring_create(struct ring *ring, struct err *err)
{
	ring->slots = pool_new(ring->window, sizeof(struct task_slot));
	ring->deps = pool_new(ring->dep_count, sizeof(struct task_dep));
	if (!ring->slots || !ring->deps) {
		ring_destroy(ring);
		return err_set(err, ENOMEM, "no memory for a ring of %u tasks", ring->window);
	}
	return 0;
}

void ring_destroy(struct ring *ring)
{
	free(ring->slots);
	free(ring->deps);
	ring->slots = NULL;
	ring->deps = NULL;
}

bool ring_slot_fits(const struct ring *ring)
{
	return ring->next - atomic_load(&ring->flow->alive) < ring->window - 1;
}

/* Where the next piece of the heap begins: here, or at the start when it does not fit here. */
static uint64_t heap_begin(const struct ring *ring, uint64_t bytes)
{
	uint64_t position = ring->heap_top % ring->heap_bytes;
	uint64_t rest = ring->heap_bytes - position;

	return bytes <= rest ? ring->heap_top : ring->heap_top + rest;
}

/* The heap is in use from here on. An empty heap is free as a whole, also the part to be skipped,
 * which no task will give back. */
static uint64_t heap_tail(const struct ring *ring, uint64_t begin)
{
	uint64_t tail = atomic_load(&ring->flow->heap_tail);

	if (tail == ring->heap_top)
		return begin;
	return tail > ring->heap_floor ? tail : ring->heap_floor;
}

bool ring_heap_fits(const struct ring *ring, uint64_t bytes)
{
	uint64_t begin = heap_begin(ring, bytes);

	return bytes <= ring->heap_bytes &&
	       begin + bytes - heap_tail(ring, begin) <= ring->heap_bytes;
}

uint8_t *ring_heap_take(struct ring *ring, uint64_t bytes)
{
	uint64_t begin = heap_begin(ring, bytes);
	uint64_t tail = heap_tail(ring, begin);

	if (begin && begin % ring->heap_bytes == 0)
		ring->heap_wraps++;
	ring->heap_floor = tail;
	ring->heap_top = begin + bytes;
	if (ring->heap_top - tail > ring->heap_live_max)
		ring->heap_live_max = ring->heap_top - tail;
	atomic_store_explicit(&ring->flow->heap_top, ring->heap_top, memory_order_relaxed);
	return ring->heap + begin % ring->heap_bytes;
}

bool ring_deps_fit(const struct ring *ring, uint64_t count)
{
	return ring->dep_head + count - atomic_load(&ring->flow->dep_tail) <= ring->dep_count;
}

struct task_dep *ring_dep_next(const struct ring *ring)
{
	return &ring->deps[ring->dep_head % ring->dep_count];
}

void ring_dep_take(struct ring *ring)
{
	ring->dep_head++;
}

struct task_slot *ring_open(struct ring *ring)
{
	uint32_t at = ring->next & (ring->window - 1);
	struct task_slot *slot = &ring->slots[at];

	atomic_store_explicit(&slot->fanin_done, 0, memory_order_relaxed);
	slot->fanin_count = 0;
	slot->fanout_done = 0;
	slot->fanout_count = 2;
	slot->fanout = NULL;
	slot->payload = (void *)(ring->payloads + at * ring->payload_bytes);
	slot->descriptor = &ring->descriptors[at];
	slot->heap_end = ring->heap_top;
	slot->dep_end = (uint32_t)ring->dep_head;
	slot->ring = (uint8_t)ring->index;
	atomic_store_explicit(&slot->state, TASK_PENDING, memory_order_relaxed);
	ring->next++;
	ring->held++;
	atomic_store(&ring->flow->current, ring->next);
	return slot;
}

/* One look at the old end; the caller holds `advancing`. */
static bool ring_retire(struct ring *ring)
{
	uint32_t alive = atomic_load_explicit(&ring->flow->alive, memory_order_relaxed);
	uint32_t current = atomic_load(&ring->flow->current);
	uint64_t deps = atomic_load_explicit(&ring->flow->dep_tail, memory_order_relaxed);
	uint64_t heap = 0;
	uint32_t before = alive;

	for (; alive != current; alive++) {
		struct task_slot *slot = ring_slot(ring, alive);

		if (atomic_load(&slot->state) != TASK_CONSUMED)
			break;
		heap = slot->heap_end;
		deps += (uint32_t)(slot->dep_end - (uint32_t)deps);
	}
	if (alive == before)
		return false;
	atomic_store_explicit(&ring->flow->heap_tail, heap, memory_order_release);
	atomic_store_explicit(&ring->flow->dep_tail, deps, memory_order_release);
	/* The slots are the orchestrating thread's from here on. */
	atomic_store(&ring->flow->alive, alive);
	return true;
}

static bool ring_has_consumed(const struct ring *ring)
{
	uint32_t alive = atomic_load(&ring->flow->alive);

	return alive != atomic_load(&ring->flow->current) &&
	       atomic_load(&ring_slot(ring, alive)->state) == TASK_CONSUMED;
}

bool ring_advance(struct ring *ring)
{
	bool moved = false;

	/* Whoever consumed a task while another thread looked went away in vain: look again. */
	while (ring_has_consumed(ring)) {
		if (atomic_exchange(&ring->advancing, true))
			return moved;
		moved |= ring_retire(ring);
		atomic_store(&ring->advancing, false);
	}
	return moved;
}
