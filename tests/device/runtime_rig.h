/*
 * A small AICPU for the runtime's tests: cores, memory, scheduler threads and an orchestration
 * function that is a C function of the test.
 */
#ifndef SOLOAD_TESTS_DEVICE_RUNTIME_RIG_H
#define SOLOAD_TESTS_DEVICE_RUNTIME_RIG_H

#include "device/runtime/runtime.h"

#include <pthread.h>

struct rig {
	struct runtime_config config; /* zeroes: small pools, 3 schedulers */
	struct aicore_config cores_config;
	uint64_t functions[ABI_KERNELS_MAX];
	void (*orchestrate)(struct abi_runtime *rt, void *context);
	void *context;
	void (*log)(void *context, enum log_level level, const char *function, const char *text);

	/* What happened. */
	int result;
	struct err err;
	int scheduler_results[RUNTIME_SCHEDULERS_MAX];
	struct runtime_counters counters;
	uint64_t create_ns, run_ns;

	/* The machine. */
	struct aicore *cores;
	struct abi_handshake *handshakes;
	void *shared, *heap;
	struct runtime *rt;
	struct runtime_gate gate;
	pthread_t threads[RUNTIME_SCHEDULERS_MAX];
};

void rig_set_kernel(struct rig *rig, int id, abi_kernel_function function);

/* One whole run; returns rig->result: that of the orchestration, or of the drain. */
int rig_run(struct rig *rig);

/* The same in pieces. */
void rig_open(struct rig *rig);
void rig_close(struct rig *rig);

/* A one-dimensional tensor of `count` floats; `addr` may be NULL. */
struct abi_tensor rig_tensor(const void *addr, uint32_t count);
/* A part of it. */
struct abi_tensor rig_view(const struct abi_tensor *tensor, uint32_t offset, uint32_t count);

void param_tensor(struct abi_param *param, struct abi_tensor *tensor, enum abi_kind kind);
void param_scalar(struct abi_param *param, uint64_t scalar);

void rig_submit(struct abi_runtime *rt, struct abi_kernels kernels, struct abi_param *param);

#endif
