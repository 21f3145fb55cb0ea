/*
 * Dependencies that the orchestration gives. A task collects them until the end of its scope. It
 * then counts as many arrivals as it lacks of the most there can be, so that the number to wait for
 * never changes while producers finish.
 */
#include "device/runtime/internal.h"

#include <errno.h>

/* Slots of retired tasks stay as they are until this thread reuses them. NULL: there was no such
 * task, or its slot has another one by now. */
static struct task_slot *task_find(struct runtime *rt, uint64_t id, bool *ret_known)
{
	uint32_t ring = (uint32_t)(id >> 32), counter = task_counter(id);
	struct task_slot *slot;

	*ret_known = ring < RUNTIME_RINGS && counter < rt->rings[ring].next;
	if (!*ret_known)
		return NULL;
	slot = ring_slot(&rt->rings[ring], counter);
	return slot->descriptor->id == id ? slot : NULL;
}

static struct task_slot *consumer_find(struct runtime *rt, uint64_t id)
{
	bool known;
	struct task_slot *slot = task_find(rt, id, &known);

	if (!known)
		runtime_fail(rt, EINVAL, "a dependency of task %llu, which was never submitted",
			     (unsigned long long)id);
	else if (!slot || slot->given == TASK_PUBLISHED)
		runtime_fail(rt, EINVAL,
			     "a dependency of task %llu came after the end of its scope: it may "
			     "have run already",
			     (unsigned long long)id);
	else
		return slot;
	return NULL;
}

static bool producer_is_held(const struct task_slot *consumer, const struct task_slot *producer)
{
	const struct task_payload *payload = consumer->payload;

	for (uint32_t i = 0; i < payload->producer_count; i++)
		if (payload->producers[i] == producer)
			return true;
	return false;
}

static bool link_make(struct runtime *rt, struct task_slot *producer, struct task_slot *consumer)
{
	struct ring *ring = &rt->rings[consumer->ring];
	struct task_payload *payload = consumer->payload;
	int waits;

	if (payload->producer_count == RUNTIME_FANINS_MAX) {
		runtime_fail(rt, E2BIG, "task %llu was given more than %d tasks to wait for",
			     (unsigned long long)consumer->descriptor->id, RUNTIME_FANINS_MAX);
		return false;
	}
	if (!resource_await(rt, ring, RESOURCE_DEPS, 1))
		return false;
	if (!ring_deps_fit(ring, 1)) {
		runtime_fail(rt, EDEADLK,
			     "deadlock in ring %u: its open scopes use all %llu dependency links",
			     ring->index, (unsigned long long)ring->dep_count);
		return false;
	}
	waits = slot_link(producer, consumer, ring_dep_next(ring));
	if (waits == 1) {
		ring_dep_take(ring);
		consumer->given++;
	}
	if (waits >= 0) {
		payload->producers[payload->producer_count++] = producer;
		rt->counters.edges++;
	}
	return true;
}

bool given_depend(struct runtime *rt, uint64_t producer_id, uint64_t consumer_id)
{
	struct task_slot *consumer = consumer_find(rt, consumer_id), *producer;
	bool known;

	if (!consumer)
		return false;
	producer = task_find(rt, producer_id, &known);
	if (!known || producer == consumer) {
		runtime_fail(rt, EINVAL, "task %llu cannot wait for task %llu, %s",
			     (unsigned long long)consumer_id, (unsigned long long)producer_id,
			     known ? "which is itself" : "which was never submitted");
		return false;
	}
	if (!producer || producer_is_held(consumer, producer))
		return true; /* long finished, or given twice */
	return link_make(rt, producer, consumer);
}

/* Every link so far belongs to a task no younger than the youngest of its ring, which retires after
 * them all: with it they come back. Nobody looks at it before `slot` has retired. */
static void links_bound(struct ring *ring)
{
	ring_slot(ring, ring->next - 1)->dep_end = (uint32_t)ring->dep_head;
}

void given_publish(struct runtime *rt, struct task_slot *slot)
{
	uint32_t lacking = RUNTIME_FANINS_MAX - slot->given;

	links_bound(&rt->rings[slot->ring]);
	slot->given = TASK_PUBLISHED;
	atomic_store(&rt->submitted, atomic_load(&rt->submitted) + 1);
	if (slot_arrive(slot, lacking + 1))
		ready_push(rt, slot);
}
