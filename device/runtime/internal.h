/*
 * The runtime from inside: what its files share. Who may touch what:
 *   the orchestrating thread    map, scopes, the taking side of the rings, counters
 *   a scheduler                 its own struct scheduler and the runs of its cores
 *   everybody                   slots (under their lock), queues, atomics
 */
#ifndef SOLOAD_DEVICE_RUNTIME_INTERNAL_H
#define SOLOAD_DEVICE_RUNTIME_INTERNAL_H

#include "device/runtime/map.h"
#include "device/runtime/queue.h"
#include "device/runtime/ring.h"
#include "device/runtime/runtime.h"
#include "device/runtime/sleepers.h"

#define SEAT_ORCHESTRATOR RUNTIME_SCHEDULERS_MAX
#define SEATS_SCHEDULERS ((1ull << RUNTIME_SCHEDULERS_MAX) - 1)
#define NAP_NS 10000000ull /* a sleeper looks around so often, whatever happens */

struct runtime_variant {
	const char *name;
	const void *ops;
	size_t payload_bytes; /* of a task, in the shared memory */
	bool graph_is_given;  /* no tensormap: dependencies are added, tasks run from scope's end */
	void (*call)(struct runtime *rt, const struct runtime_entry *entry);
};

/* What one core has been given. */
struct core_run {
	_Alignas(64) struct aicore_payload payload;
	struct task_slot *slot;
	uint32_t number;
	unsigned int scheduler;
	struct runtime *rt;
	int64_t args[ABI_TENSORS_MAX + ABI_SCALARS_MAX];
};

/* Nothing moves although tasks are in flight: over after a time and a number of looks, so that
 * neither a busy nor a suspended machine is taken for a standstill. */
struct stall {
	uint64_t executed, since_ns;
	unsigned int looks;
};

/* A scheduler thread; its blocks are bits. A set bit in `free` is an idle core. */
struct scheduler {
	_Alignas(64) struct runtime *rt;
	unsigned int index;
	unsigned int next; /* blocks are taken in turn from here */
	uint64_t own;
	uint64_t free[PART_COUNT];
	_Atomic uint32_t serves; /* shapes there is room for; while announced */
	uint64_t loops, tasks, sleeps;
	struct stall stall;
};

struct scope {
	uint32_t begin; /* in `scope_slots` */
};

struct runtime {
	struct abi_runtime abi; /* first: the object's view */
	struct runtime_config config;
	struct runtime_resources resources;
	struct shared_header *header;
	size_t pool_bytes;
	unsigned int blocks, spins;

	struct ring rings[RUNTIME_RINGS];
	struct map map;
	struct task_slot **scope_slots;
	struct scope scopes[RUNTIME_SCOPE_DEPTH_MAX];
	uint32_t scope_slots_count, scope_slots_max, scope_depth;
	bool entered; /* the object's code is running: the outer scope is not its to close */
	struct runtime_counters counters;

	struct queue ready[SHAPE_COUNT];
	struct scheduler schedulers[RUNTIME_SCHEDULERS_MAX];
	struct core_run *runs;
	_Alignas(64) _Atomic uint64_t submitted;
	_Atomic uint32_t initialised; /* 0 no, 1 somebody is at it, 2 yes */
	_Atomic bool done;
	_Atomic int failed; /* the fatal error's errno */
	_Alignas(64) _Atomic uint64_t executed;
	struct sleepers sleepers;

	pthread_mutex_t failure_mutex;
	struct err failure;
};

static inline bool runtime_failed(const struct runtime *rt)
{
	return atomic_load(&rt->failed) != 0;
}

/* Everything submitted so far has been executed and let go. */
static inline bool runtime_is_quiet(const struct runtime *rt)
{
	return atomic_load(&rt->executed) == atomic_load(&rt->submitted);
}

static inline bool runtime_is_finished(const struct runtime *rt)
{
	return atomic_load(&rt->done) && runtime_is_quiet(rt);
}

void stall_begin(struct stall *stall, const struct runtime *rt);
bool stall_over(struct stall *stall, const struct runtime *rt);

/* await.c: resources that come back as tasks are consumed. */
enum resource { RESOURCE_SLOT, RESOURCE_HEAP, RESOURCE_DEPS, RESOURCE_ENTRIES };

/* Waits until `amount` can be had: false after a fatal error, also one of its own. */
bool resource_await(struct runtime *rt, struct ring *ring, enum resource resource, uint64_t amount);
/* Tells the tensormap which tasks have retired. */
void resource_sync(struct runtime *rt, bool now);

/* submit.c: the slot, or NULL after a fatal error. */
struct task_slot *task_submit(struct runtime *rt, const struct abi_kernels *kernels,
			      struct abi_param *param);

/* param.c */
bool param_check(struct runtime *rt, const struct abi_kernels *kernels,
		 const struct abi_param *param);

/* operations.c: what all operations tables share. */
struct runtime *operation_runtime(struct abi_runtime *abi);
void operation_scope_begin(struct abi_runtime *abi);
void operation_scope_end(struct abi_runtime *abi);
void operation_done(struct abi_runtime *abi);
bool operation_is_fatal(struct abi_runtime *abi);
/* The log operations are given no runtime: they speak for this one, on this thread. NULL: nobody.
 */
void operation_speaks(struct runtime *rt);
void operation_log_error(const char *function, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void operation_log_warn(const char *function, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void operation_log_info(const char *function, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void operation_log_debug(const char *function, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void operation_log_always(const char *function, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define OPERATIONS_SHARED \
	.scope_begin = operation_scope_begin, .scope_end = operation_scope_end, \
	.orchestration_done = operation_done, .is_fatal = operation_is_fatal, \
	.log_error = operation_log_error, .log_warn = operation_log_warn, \
	.log_info = operation_log_info, .log_debug = operation_log_debug, \
	.log_always = operation_log_always

/* given.c: dependencies that the orchestration gives. False after a fatal error. */
bool given_depend(struct runtime *rt, uint64_t producer, uint64_t consumer);
/* The task may run once what it was given to wait for has finished. */
void given_publish(struct runtime *rt, struct task_slot *slot);

/* scope.c */
void scope_begin(struct runtime *rt);
void scope_end(struct runtime *rt);
void scope_add(struct runtime *rt, struct task_slot *slot);
/* The ring of the innermost scope; NULL outside of any. */
struct ring *scope_ring(struct runtime *rt);

/* ready.c: between submit, completion and the schedulers. */
void ready_push(struct runtime *rt, struct task_slot *slot);
void ready_hand_over(struct runtime *rt, uint32_t served); /* shapes the caller takes itself */
/* Lets go of a task; retires what can be retired. */
void task_let_go(struct runtime *rt, struct task_slot *slot);
/* The task's last kernel has finished. */
void task_finish(struct runtime *rt, struct task_slot *slot);

/* dispatch.c: a scheduler's cores. */
void dispatch_init(struct runtime *rt);
bool dispatch_poll(struct scheduler *self); /* true when something finished */
bool dispatch_start(struct scheduler *self);
uint32_t dispatch_serves(const struct scheduler *self);
bool dispatch_has_finished(const struct scheduler *self);
/* The core that has been at it when nothing moves, or -1. */
int dispatch_busy_core(const struct scheduler *self);

#endif
