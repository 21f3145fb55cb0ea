/*
 * The AICPU's runtime, tensormap_and_ringbuffer: what an orchestration object submits tasks to.
 *
 * One thread orchestrates: it submits tasks, whose dependencies the runtime finds by the overlap of
 * their tensors. Scheduler threads hand tasks whose producers have finished to AI cores
 * (device/aicore.h). The runtime lives for one run: the AICPU creates it after the object is
 * loaded, in the shared memory and the heap the host allocated, and destroys it when every thread
 * has left.
 *
 * Nothing here waits for ever: a wait ends with progress, with a fatal error of any thread, or with
 * an error of its own in words. The first fatal error wins and every thread returns it.
 *
 *   scheduler threads                  orchestrating thread
 *   runtime_gate_wait(gate)            load the object; on failure runtime_gate_stop(gate)
 *                                      runtime_create(), runtime_gate_open(gate)
 *   runtime_schedule(rt, i)            runtime_orchestrate(rt, entry), runtime_drain(rt)
 *   ... the last thread to leave: runtime_destroy(rt)
 */
#ifndef SOLOAD_DEVICE_RUNTIME_RUNTIME_H
#define SOLOAD_DEVICE_RUNTIME_RUNTIME_H

#include "base/err.h"
#include "base/log.h"
#include "device/abi.h"
#include "device/aicore.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUNTIME_RINGS 4
#define RUNTIME_SCOPE_DEPTH_MAX 64
#define RUNTIME_SCHEDULERS_MAX 6
#define RUNTIME_FANINS_MAX 16

/* simpler at 78f0869: sizes per ring. */
#define RUNTIME_TASK_WINDOW 16384u
#define RUNTIME_HEAP_BYTES (256ull << 20)
#define RUNTIME_DEP_POOL 16384u
#define RUNTIME_HEAP_ALIGN 1024u

/* How large the runtime's own pools are; they are cleared and initialised by runtime_create(). */
enum runtime_pools {
	RUNTIME_POOLS_UPSTREAM, /* about 20 MiB touched per creation, as at 78f0869 */
	RUNTIME_POOLS_SMALL,	/* a task window of 1024 and pools to match: about 1.5 MiB */
};

/* A runtime's flavour: operations table and the way its entry is called. */
struct runtime_variant;
extern const struct runtime_variant runtime_tmr;    /* a2a3 tensormap_and_ringbuffer */
extern const struct runtime_variant runtime_a5_tmr; /* the same on a5 */
extern const struct runtime_variant runtime_abg;    /* a2a3 aicpu_build_graph */
extern const struct runtime_variant runtime_hbg;    /* host_build_graph */

struct runtime_config {
	const struct runtime_variant *variant; /* NULL: runtime_tmr */
	enum runtime_pools pools;
	uint64_t task_window;	 /* tasks per ring, a power of two >= 4; 0: the default */
	uint64_t heap_bytes;	 /* per ring, a power of two >= 1024; 0: the default */
	uint64_t dep_pool;	 /* dependency links per ring, >= 4; 0: the default */
	unsigned int schedulers; /* scheduler threads, 1 to RUNTIME_SCHEDULERS_MAX */
	uint64_t stall_ns;	 /* tasks in flight, none completed for so long: fatal; 0: 20 s */
};

/* Fills the zeroes with defaults and checks the rest: -EINVAL in words. Host and AICPU both call
 * it, so that they agree on sizes. */
int runtime_config_resolve(struct runtime_config *config, struct err *err);

/* Bytes of the two buffers a resolved config needs: 224,919,872 (216,531,264 for aicpu_build_graph
 * and a5) and 1 GiB by default. */
size_t runtime_shared_bytes(const struct runtime_config *config);
size_t runtime_heap_bytes(const struct runtime_config *config);

/* What the runtime works with; all of it outlives the runtime. */
struct runtime_resources {
	void *shared; /* task descriptors and payloads, aligned to 64 bytes; need not be zeroed */
	size_t shared_bytes;
	void *heap; /* outputs of tasks, aligned to 64 bytes */
	size_t heap_bytes;
	const uint64_t *functions; /* ABI_KERNELS_MAX kernel addresses by id, 0 = none */
	struct aicore *cores;	   /* greeted: aicore_greet() */
	uint64_t *beats; /* shows the tasks executed so far to whoever watches from outside, or NULL
			  */
	/* What the orchestration object says through the log operations, one call per line, or
	 * NULL. Called on the orchestrating thread. */
	void (*log)(void *context, enum log_level level, const char *function, const char *text);
	void *log_context;
};

struct runtime;
struct graph_table;

/* `config` is resolved here if it was not. On failure nothing is left. */
int runtime_create(const struct runtime_config *config, const struct runtime_resources *resources,
		   struct runtime **ret_rt, struct err *err);

/* Every thread has left, and after a failed run aicore_release() has succeeded: a kernel that still
 * runs uses this memory. NULL is fine. */
void runtime_destroy(struct runtime *rt);

/* What the orchestration object sees: the first word points to the operations table. */
struct abi_runtime *runtime_abi(struct runtime *rt);

/* The orchestration object's functions and arguments. */
struct runtime_entry {
	abi_entry_function entry;	 /* of a variant with a bind symbol, */
	abi_entry_rt_function entry_rt;	 /* and of one without */
	abi_bind_function bind;		 /* NULL: the object has none */
	const struct graph_table *graph; /* of host_build_graph, instead of all that */
	uint64_t *args;
	int arg_count;
};

/*
 * Waits for the schedulers' one-time initialisation, binds the runtime, opens the outer scope, runs
 * the entry, closes the scope, binds NULL and marks the orchestration done: 0 or the fatal error.
 */
int runtime_orchestrate(struct runtime *rt, const struct runtime_entry *entry, struct err *err);

/* Waits until every submitted task has completed: 0 or the fatal error. */
int runtime_drain(struct runtime *rt, struct err *err);

/*
 * Scheduler `index` works until the orchestration is done and every task has completed: 0 or the
 * fatal error. The first to come initialises what all share. Each owns a share of the blocks of one
 * AIC and two AIV cores.
 */
int runtime_schedule(struct runtime *rt, unsigned int index, struct err *err);

/* Reports a fatal error (the first wins) and ends every wait: the orchestration object crashed,
 * somebody pressed ^C. Any thread. `code` is a positive errno. */
void runtime_fail(struct runtime *rt, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* 0, or the negative errno of the fatal error with its words. */
int runtime_failure(struct runtime *rt, struct err *err);

struct runtime_counters {
	uint64_t submitted, executed;
	uint64_t edges;		/* dependencies on producers not yet consumed */
	uint64_t live_max;	/* tasks submitted and not yet retired, at most */
	uint64_t heap_live_max; /* bytes of one ring's heap in use, at most */
	uint64_t heap_wraps;
	uint64_t waits;	     /* the orchestrator waited for a slot, the heap or a pool */
	uint64_t pool_bytes; /* cleared by runtime_create() */
	uint64_t map_inserts, map_removals, map_swept, map_walked;
	struct {
		uint64_t loops, tasks, sleeps;
	} schedulers[RUNTIME_SCHEDULERS_MAX];
};

/* Exact once every thread has left or the run is drained. */
void runtime_count(struct runtime *rt, struct runtime_counters *ret_counters);

/*
 * Where scheduler threads wait while the object is loaded and the runtime created, and where a
 * failed load sends them home.
 */
struct runtime_gate {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct runtime *rt;
	int code;
	struct err err;
};

int runtime_gate_init(struct runtime_gate *gate, struct err *err);
void runtime_gate_fini(struct runtime_gate *gate);
void runtime_gate_reset(struct runtime_gate *gate); /* for the next run; nobody waits */
void runtime_gate_open(struct runtime_gate *gate, struct runtime *rt);
void runtime_gate_stop(struct runtime_gate *gate, int code, const struct err *why);

/* 0 with the runtime, or the negative errno given to runtime_gate_stop() with its words. */
int runtime_gate_wait(struct runtime_gate *gate, struct runtime **ret_rt, struct err *err);

#endif
