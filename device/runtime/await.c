/* Waiting for what comes back as tasks are consumed: slots, heap, links, tensormap entries. */
#include "device/runtime/internal.h"

#include <errno.h>

void resource_sync(struct runtime *rt, bool now)
{
	uint32_t i;

	for (i = 0; i < RUNTIME_RINGS; i++)
		map_retire(&rt->map, i, atomic_load(&rt->rings[i].flow->alive), now);
}

static bool resource_fits(struct runtime *rt, const struct ring *ring, enum resource resource,
			  uint64_t amount)
{
	switch (resource) {
	case RESOURCE_SLOT:
		return ring_slot_fits(ring);
	case RESOURCE_HEAP:
		return ring_heap_fits(ring, amount);
	case RESOURCE_DEPS:
		return ring_deps_fit(ring, amount);
	default:
		if (rt->map.free_count < amount)
			resource_sync(rt, true);
		return rt->map.free_count >= amount;
	}
}

/* Every submitted task has completed and it still does not fit: only the end of a scope can help,
 * and this thread would have to reach it. */
static void resource_deadlock(struct runtime *rt, const struct ring *ring, enum resource resource,
			      uint64_t amount)
{
	unsigned long long want = amount;

	switch (resource) {
	case RESOURCE_SLOT:
		runtime_fail(rt, EDEADLK,
			     "deadlock in ring %u: its open scopes hold %u tasks, the task window "
			     "of %u takes no more; end a scope earlier or raise the window",
			     ring->index, ring->held, ring->window);
		return;
	case RESOURCE_HEAP:
		runtime_fail(rt, EDEADLK,
			     "deadlock in ring %u: %llu bytes of outputs do not fit into its heap "
			     "of %llu beside what its open scopes hold (%u tasks)",
			     ring->index, want, (unsigned long long)ring->heap_bytes, ring->held);
		return;
	default:
		runtime_fail(rt, EDEADLK,
			     "deadlock: %llu more tensormap entries do not fit into the pool of %u "
			     "beside those of the open scopes",
			     want, rt->map.sizes.entries);
	}
}

static void resource_nap(struct runtime *rt, const struct ring *ring, enum resource resource,
			 uint64_t amount)
{
	sleepers_announce(&rt->sleepers, SEAT_ORCHESTRATOR);
	if (resource_fits(rt, ring, resource, amount) || runtime_failed(rt) || runtime_is_quiet(rt))
		sleepers_withdraw(&rt->sleepers, SEAT_ORCHESTRATOR);
	else
		sleepers_sleep(&rt->sleepers, SEAT_ORCHESTRATOR, NAP_NS);
}

static const char *resource_name(enum resource resource)
{
	static const char *const names[] = { "a free task slot", "heap", "dependency links",
					     "tensormap entries" };

	return names[resource];
}

bool resource_await(struct runtime *rt, struct ring *ring, enum resource resource, uint64_t amount)
{
	struct stall stall;
	unsigned int spin;

	if (resource == RESOURCE_SLOT && ring->held >= ring->window - 1) {
		resource_deadlock(rt, ring, resource, amount);
		return false;
	}
	if (resource_fits(rt, ring, resource, amount))
		return true;
	rt->counters.waits++;
	stall_begin(&stall, rt);
	for (spin = 0; !runtime_failed(rt); spin++) {
		/* Quiet first: a task that completes in between frees what is looked for next. */
		bool quiet = runtime_is_quiet(rt);

		if (resource_fits(rt, ring, resource, amount))
			return true;
		if (quiet && resource == RESOURCE_DEPS)
			return true; /* every producer has finished: none is needed */
		if (quiet) {
			resource_deadlock(rt, ring, resource, amount);
		} else if (spin < rt->spins) {
			cpu_relax();
		} else {
			resource_nap(rt, ring, resource, amount);
			if (stall_over(&stall, rt))
				runtime_fail(rt, ETIMEDOUT,
					     "ring %u: waiting for %s, but no task has completed "
					     "for %.1f s",
					     ring->index, resource_name(resource),
					     (double)rt->config.stall_ns * 1e-9);
		}
	}
	return false;
}
