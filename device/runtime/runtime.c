/* Creating, running and destroying a runtime. */
#include "device/runtime/internal.h"

#include "device/runtime/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UPSTREAM_POOL 65536u
#define SMALL_POOL 4096u

static int resources_check(const struct runtime_config *config,
			   const struct runtime_resources *resources, struct err *err)
{
	size_t shared = runtime_shared_bytes(config), heap = runtime_heap_bytes(config);
	unsigned int aic;

	if (!resources->shared || (uintptr_t)resources->shared % 64)
		return err_set(err, EINVAL, "the shared memory is missing or not aligned to 64");
	if (resources->shared_bytes < shared)
		return err_set(err, EINVAL, "%zu bytes of shared memory, %zu are needed",
			       resources->shared_bytes, shared);
	if (!resources->heap || (uintptr_t)resources->heap % 64)
		return err_set(err, EINVAL, "the heap is missing or not aligned to 64");
	if (resources->heap_bytes < heap)
		return err_set(err, EINVAL, "%zu bytes of heap, %zu are needed",
			       resources->heap_bytes, heap);
	if (!resources->cores || !resources->functions)
		return err_set(err, EINVAL, "no AI cores or no kernels are given");
	aic = aicore_count_aic(resources->cores);
	if (aic > 64 || aicore_count_aiv(resources->cores) != 2 * aic)
		return err_set(err, EINVAL, "%u AIC and %u AIV cores do not make blocks of 1 and 2",
			       aic, aicore_count_aiv(resources->cores));
	return 0;
}

/* The shared memory: header, descriptors of all rings, payloads of all rings. */
static int rings_create(struct runtime *rt, struct err *err)
{
	const struct runtime_config *config = &rt->config;
	uint8_t *descriptors = (uint8_t *)rt->resources.shared + sizeof(struct shared_header);
	uint8_t *payloads =
		descriptors + RUNTIME_RINGS * config->task_window * sizeof(struct task_descriptor);
	size_t payload_bytes = config->variant->payload_bytes;
	uint32_t i;
	int r;

	memset(rt->header, 0, sizeof(*rt->header));
	for (i = 0; i < RUNTIME_RINGS; i++) {
		struct ring *ring = &rt->rings[i];

		ring->flow = &rt->header->rings[i];
		ring->flow->window = config->task_window;
		ring->flow->heap_bytes = config->heap_bytes;
		ring->descriptors = (void *)(descriptors + i * config->task_window *
								   sizeof(struct task_descriptor));
		ring->payloads = payloads + i * config->task_window * payload_bytes;
		ring->payload_bytes = payload_bytes;
		ring->heap = (uint8_t *)rt->resources.heap + i * config->heap_bytes;
		ring->heap_bytes = config->heap_bytes;
		ring->dep_count = config->dep_pool;
		ring->window = (uint32_t)config->task_window;
		ring->index = i;
		r = ring_create(ring, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int pools_create(struct runtime *rt, struct err *err)
{
	uint32_t pool = rt->config.pools == RUNTIME_POOLS_SMALL ? SMALL_POOL : UPSTREAM_POOL;
	uint32_t tasks = (uint32_t)(RUNTIME_RINGS * rt->config.task_window);
	uint32_t queued = tasks > pool ? tasks : pool;
	unsigned int cores = 3 * rt->blocks;
	struct map_sizes sizes = { .buckets = pool,
				   .entries = pool,
				   .window = (uint32_t)rt->config.task_window };
	int i, r;

	/* Whoever is given the graph looks nothing up: the least there can be. */
	if (rt->config.variant->graph_is_given)
		sizes = (struct map_sizes){ .buckets = 4, .entries = 4, .window = 4 };
	r = map_create(&rt->map, &sizes, err);
	for (i = 0; r == 0 && i < SHAPE_COUNT; i++)
		r = queue_create(&rt->ready[i], queued, err);
	if (r < 0)
		return r;
	rt->scope_slots_max = queued;
	rt->scope_slots = pool_new(queued, sizeof(struct task_slot *));
	rt->runs = pool_new(cores, sizeof(*rt->runs));
	if (!rt->scope_slots || !rt->runs)
		return err_set(err, ENOMEM, "no memory for scopes of %u tasks", queued);
	rt->pool_bytes = map_bytes(&sizes) + SHAPE_COUNT * queued * sizeof(struct queue_cell) +
			 queued * sizeof(struct task_slot *) + cores * sizeof(*rt->runs) +
			 tasks * sizeof(struct task_slot) +
			 RUNTIME_RINGS * rt->config.dep_pool * sizeof(struct task_dep);
	return 0;
}

int runtime_create(const struct runtime_config *config, const struct runtime_resources *resources,
		   struct runtime **ret_rt, struct err *err)
{
	struct runtime_config resolved = *config;
	struct runtime *rt;
	unsigned int i;
	int r;

	r = runtime_config_resolve(&resolved, err);
	if (r == 0)
		r = resources_check(&resolved, resources, err);
	if (r < 0)
		return r;
	rt = pool_new(1, sizeof(*rt));
	if (!rt)
		return err_set(err, ENOMEM, "no memory for a runtime");
	rt->abi.ops = resolved.variant->ops;
	rt->config = resolved;
	rt->resources = *resources;
	rt->header = resources->shared;
	rt->blocks = aicore_count_aic(resources->cores);
	rt->spins = sleepers_spins(resolved.schedulers + 1 + sleepers_cpus());
	pthread_mutex_init(&rt->failure_mutex, NULL);
	for (i = 0; i < resolved.schedulers; i++) {
		rt->schedulers[i].rt = rt;
		rt->schedulers[i].index = i;
	}
	r = rings_create(rt, err);
	if (r == 0)
		r = pools_create(rt, err);
	if (r < 0) {
		runtime_destroy(rt);
		return r;
	}
	*ret_rt = rt;
	return 0;
}

void runtime_destroy(struct runtime *rt)
{
	int i;

	if (!rt)
		return;
	for (i = 0; i < RUNTIME_RINGS; i++)
		ring_destroy(&rt->rings[i]);
	for (i = 0; i < SHAPE_COUNT; i++)
		queue_destroy(&rt->ready[i]);
	map_destroy(&rt->map);
	free(rt->scope_slots);
	free(rt->runs);
	pthread_mutex_destroy(&rt->failure_mutex);
	free(rt);
}

struct abi_runtime *runtime_abi(struct runtime *rt)
{
	return &rt->abi;
}

/* Sleeps in the orchestrator's seat unless `ready` already; false when nothing has moved for long.
 */
static bool orchestrator_await(struct runtime *rt, bool (*ready)(const struct runtime *rt))
{
	struct stall stall;
	unsigned int spin;

	for (spin = 0; spin < rt->spins && !ready(rt) && !runtime_failed(rt); spin++)
		cpu_relax();
	stall_begin(&stall, rt);
	while (!ready(rt) && !runtime_failed(rt)) {
		sleepers_announce(&rt->sleepers, SEAT_ORCHESTRATOR);
		if (ready(rt) || runtime_failed(rt))
			sleepers_withdraw(&rt->sleepers, SEAT_ORCHESTRATOR);
		else
			sleepers_sleep(&rt->sleepers, SEAT_ORCHESTRATOR, NAP_NS);
		if (stall_over(&stall, rt))
			return false;
	}
	return true;
}

static bool schedulers_are_ready(const struct runtime *rt)
{
	return atomic_load(&rt->initialised) == 2;
}

int runtime_orchestrate(struct runtime *rt, const struct runtime_entry *entry, struct err *err)
{
	if (!orchestrator_await(rt, schedulers_are_ready))
		runtime_fail(rt, ETIMEDOUT, "no scheduler thread came to initialise the AI cores");
	if (!runtime_failed(rt)) {
		scope_begin(rt);
		rt->entered = true;
		rt->config.variant->call(rt, entry);
		rt->entered = false;
		while (rt->scope_depth > 0)
			scope_end(rt);
	}
	atomic_store(&rt->header->done, 1);
	atomic_store(&rt->done, true);
	sleepers_wake_all(&rt->sleepers);
	return runtime_failure(rt, err);
}

int runtime_drain(struct runtime *rt, struct err *err)
{
	if (!orchestrator_await(rt, runtime_is_quiet))
		runtime_fail(rt, ETIMEDOUT, "%llu of %llu tasks never completed",
			     (unsigned long long)(atomic_load(&rt->submitted) -
						  atomic_load(&rt->executed)),
			     (unsigned long long)atomic_load(&rt->submitted));
	return runtime_failure(rt, err);
}

void runtime_count(struct runtime *rt, struct runtime_counters *ret_counters)
{
	unsigned int i;

	*ret_counters = rt->counters;
	ret_counters->submitted = atomic_load(&rt->submitted);
	ret_counters->executed = atomic_load(&rt->executed);
	ret_counters->pool_bytes = rt->pool_bytes;
	ret_counters->map_inserts = rt->map.inserts;
	ret_counters->map_removals = rt->map.removals;
	ret_counters->map_swept = rt->map.swept_count;
	ret_counters->map_walked = rt->map.walked;
	for (i = 0; i < RUNTIME_RINGS; i++) {
		ret_counters->heap_wraps += rt->rings[i].heap_wraps;
		if (rt->rings[i].heap_live_max > ret_counters->heap_live_max)
			ret_counters->heap_live_max = rt->rings[i].heap_live_max;
	}
	for (i = 0; i < rt->config.schedulers; i++) {
		ret_counters->schedulers[i].loops = rt->schedulers[i].loops;
		ret_counters->schedulers[i].tasks = rt->schedulers[i].tasks;
		ret_counters->schedulers[i].sleeps = rt->schedulers[i].sleeps;
	}
}
