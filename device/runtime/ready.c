/*
 * From "its producers have finished" to a scheduler, and from "its kernels have finished" to
 * whoever waited for it.
 */
#include "device/runtime/internal.h"

#include <errno.h>

static uint64_t schedulers_serving(const struct runtime *rt, uint32_t shapes)
{
	uint64_t seats = 0;
	unsigned int i;

	for (i = 0; i < rt->config.schedulers; i++)
		if (atomic_load(&rt->schedulers[i].serves) & shapes)
			seats |= 1ull << i;
	return seats;
}

void ready_push(struct runtime *rt, struct task_slot *slot)
{
	uint64_t all = (1ull << rt->config.schedulers) - 1, asleep;
	uint32_t shape = slot->shape;

	atomic_store_explicit(&slot->state, TASK_READY, memory_order_relaxed);
	if (!queue_push(&rt->ready[shape], slot)) {
		runtime_fail(rt, EOVERFLOW, "the ready queue of shape %u is full", shape);
		return;
	}
	/* A scheduler that is awake looks at the queues before it sleeps, and hands over what it
	 * has no core for. So one is enough. */
	asleep = sleepers_announced(&rt->sleepers) & all;
	if (asleep == all)
		sleepers_wake(&rt->sleepers, schedulers_serving(rt, 1u << shape));
}

void ready_hand_over(struct runtime *rt, uint32_t served)
{
	uint64_t asleep = sleepers_announced(&rt->sleepers) & SEATS_SCHEDULERS;
	uint32_t shapes = 0;
	int i;

	if (!asleep)
		return;
	for (i = 0; i < SHAPE_COUNT; i++)
		if (!(served & 1u << i) && !queue_is_empty(&rt->ready[i]))
			shapes |= 1u << i;
	if (shapes)
		sleepers_wake(&rt->sleepers, asleep & schedulers_serving(rt, shapes));
}

void task_let_go(struct runtime *rt, struct task_slot *slot)
{
	struct ring *ring = &rt->rings[slot->ring];

	if (slot_release(slot) && ring_advance(ring) &&
	    sleepers_announced(&rt->sleepers) & 1ull << SEAT_ORCHESTRATOR)
		sleepers_wake(&rt->sleepers, 1ull << SEAT_ORCHESTRATOR);
}

void task_finish(struct runtime *rt, struct task_slot *slot)
{
	struct task_payload *payload = slot->payload;
	struct task_dep *dep = slot_complete(slot);
	uint64_t executed;
	uint32_t i;

	while (dep) {
		/* With the arrival the consumer may run and retire, and its link be reused. */
		struct task_slot *consumer = dep->consumer;

		dep = dep->next;
		if (slot_arrive(consumer, 1))
			ready_push(rt, consumer);
	}
	for (i = 0; i < payload->producer_count; i++)
		task_let_go(rt, payload->producers[i]);
	task_let_go(rt, slot);

	executed = atomic_fetch_add(&rt->executed, 1) + 1;
	if (rt->resources.beats)
		__atomic_store_n(rt->resources.beats, executed, __ATOMIC_RELAXED);
	if (!runtime_is_quiet(rt))
		return;
	if (atomic_load(&rt->done))
		sleepers_wake_all(&rt->sleepers);
	else if (sleepers_announced(&rt->sleepers) & 1ull << SEAT_ORCHESTRATOR)
		sleepers_wake(&rt->sleepers, 1ull << SEAT_ORCHESTRATOR);
}
