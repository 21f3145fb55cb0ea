/* Sizes: defaults, checks, and the two buffers the host allocates for them. */
#include "device/runtime/internal.h"

#include <errno.h>

#define SMALL_TASK_WINDOW 1024u
#define SMALL_DEP_POOL 4096u
#define TASK_WINDOW_MAX (1u << 20)
#define DEP_POOL_MAX (1u << 24)
#define HEAP_BYTES_MAX (1ull << 40)
#define STALL_NS 20000000000ull

static bool is_power_of_two(uint64_t value)
{
	return value && (value & (value - 1)) == 0;
}

static void config_defaults(struct runtime_config *config)
{
	bool small = config->pools == RUNTIME_POOLS_SMALL;

	if (!config->variant)
		config->variant = &runtime_tmr;
	if (!config->task_window)
		config->task_window = small ? SMALL_TASK_WINDOW : RUNTIME_TASK_WINDOW;
	if (!config->heap_bytes)
		config->heap_bytes = RUNTIME_HEAP_BYTES;
	if (!config->dep_pool)
		config->dep_pool = small ? SMALL_DEP_POOL : RUNTIME_DEP_POOL;
	if (!config->stall_ns)
		config->stall_ns = STALL_NS;
}

int runtime_config_resolve(struct runtime_config *config, struct err *err)
{
	config_defaults(config);
	if (config->pools != RUNTIME_POOLS_UPSTREAM && config->pools != RUNTIME_POOLS_SMALL)
		return err_set(err, EINVAL, "unknown pool preset %d", (int)config->pools);
	if (!is_power_of_two(config->task_window) || config->task_window < 4 ||
	    config->task_window > TASK_WINDOW_MAX)
		return err_set(err, EINVAL,
			       "a task window of %llu: it must be a power of two from 4 to %u",
			       (unsigned long long)config->task_window, TASK_WINDOW_MAX);
	if (!is_power_of_two(config->heap_bytes) || config->heap_bytes < RUNTIME_HEAP_ALIGN ||
	    config->heap_bytes > HEAP_BYTES_MAX)
		return err_set(err, EINVAL,
			       "a heap of %llu bytes per ring: it must be a power of two from %u "
			       "to %llu",
			       (unsigned long long)config->heap_bytes, RUNTIME_HEAP_ALIGN,
			       HEAP_BYTES_MAX);
	if (config->dep_pool < 4 || config->dep_pool > DEP_POOL_MAX)
		return err_set(err, EINVAL, "a pool of %llu dependency links: 4 to %u are allowed",
			       (unsigned long long)config->dep_pool, DEP_POOL_MAX);
	if (config->schedulers < 1 || config->schedulers > RUNTIME_SCHEDULERS_MAX)
		return err_set(err, EINVAL, "%u scheduler threads: 1 to %d are allowed",
			       config->schedulers, RUNTIME_SCHEDULERS_MAX);
	return 0;
}

size_t runtime_shared_bytes(const struct runtime_config *config)
{
	return sizeof(struct shared_header) +
	       RUNTIME_RINGS * config->task_window *
		       (sizeof(struct task_descriptor) + config->variant->payload_bytes);
}

size_t runtime_heap_bytes(const struct runtime_config *config)
{
	return RUNTIME_RINGS * config->heap_bytes;
}
