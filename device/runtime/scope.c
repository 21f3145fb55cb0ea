/*
 * Scopes. A scope holds every task submitted in it until it ends, so outputs stay where they are
 * while the orchestration may still name them. Its depth chooses the ring.
 */
#include "device/runtime/internal.h"

#include <errno.h>

struct ring *scope_ring(struct runtime *rt)
{
	uint32_t depth = rt->scope_depth;

	if (depth == 0)
		return NULL;
	return &rt->rings[depth - 1 < RUNTIME_RINGS - 1 ? depth - 1 : RUNTIME_RINGS - 1];
}

void scope_begin(struct runtime *rt)
{
	if (rt->scope_depth == RUNTIME_SCOPE_DEPTH_MAX) {
		runtime_fail(rt, EOVERFLOW, "scopes are nested more than %d deep",
			     RUNTIME_SCOPE_DEPTH_MAX);
		return;
	}
	rt->scopes[rt->scope_depth++].begin = rt->scope_slots_count;
}

/* Always fits: a task held by an open scope occupies a slot, and there are as many places. */
void scope_add(struct runtime *rt, struct task_slot *slot)
{
	rt->scope_slots[rt->scope_slots_count++] = slot;
}

void scope_end(struct runtime *rt)
{
	uint32_t begin;

	if (rt->scope_depth <= (rt->entered ? 1u : 0u)) {
		runtime_fail(rt, EINVAL, "the orchestration ended a scope it had not begun");
		return;
	}
	begin = rt->scopes[--rt->scope_depth].begin;
	for (uint32_t i = begin; rt->config.variant->graph_is_given && i < rt->scope_slots_count;
	     i++)
		given_publish(rt, rt->scope_slots[i]);
	while (rt->scope_slots_count > begin) {
		struct task_slot *slot = rt->scope_slots[--rt->scope_slots_count];

		rt->rings[slot->ring].held--;
		task_let_go(rt, slot);
	}
}
