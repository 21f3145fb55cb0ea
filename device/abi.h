/*
 * What host, AICPU and orchestration objects share in memory: the binary interface of simpler at
 * 78f0869, LP64, identical on x86_64 and aarch64. An unmodified orchestration object of that
 * revision runs against these layouts.
 *
 * Offsets and sizes were read from compiled objects and are asserted below. This header includes no
 * other of ours and is valid C and C++, so orchestration sources may include it.
 */
#ifndef SOLOAD_DEVICE_ABI_H
#define SOLOAD_DEVICE_ABI_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ABI_DIMS_MAX 5
#define ABI_TENSORS_MAX 16
#define ABI_SCALARS_MAX 128
#define ABI_ARGS_MAX 128     /* the Runtime struct's storage */
#define ABI_HOST_ARGS_MAX 32 /* what the host accepts */
#define ABI_TENSOR_PAIRS_MAX 64
#define ABI_KERNELS_MAX 32
#define ABI_SO_BYTES_MAX (4u * 1024 * 1024)
#define ABI_A2A3_WORKERS 72
#define ABI_A5_WORKERS 108

enum abi_dtype {
	ABI_F32,
	ABI_F16,
	ABI_I32,
	ABI_I16,
	ABI_I8,
	ABI_U8,
	ABI_BF16,
	ABI_I64,
	ABI_U64,
};

enum abi_kind { ABI_IN, ABI_OUT, ABI_INOUT };

/* A view of device memory. All extents in elements; the runtime computes start_offset just before
 * dispatch. */
struct abi_tensor {
	uint64_t addr;
	uint64_t size; /* of the buffer, in bytes */
	uint64_t start_offset;
	int32_t version;
	uint32_t dtype; /* enum abi_dtype */
	uint32_t ndims;
	bool is_all_offset_zero; /* offsets may be unset */
	bool is_raw_eq_shapes;	 /* raw_shapes may be unset */
	bool manual_dep;	 /* neither looked up nor inserted in the tensormap */
	uint32_t shapes[ABI_DIMS_MAX];
	uint32_t padding;
	uint32_t raw_shapes[ABI_DIMS_MAX];
	uint32_t offsets[ABI_DIMS_MAX];
	uint8_t reserved[24];
} __attribute__((aligned(64)));

/* The parameters of one task: tensors first, then scalars. */
struct abi_param {
	struct abi_tensor *tensors[ABI_TENSORS_MAX];
	int32_t kinds[ABI_TENSORS_MAX]; /* enum abi_kind */
	uint64_t scalars[ABI_SCALARS_MAX];
	int32_t tensor_count;
	int32_t scalar_count;
	bool has_error;
	const char *error_msg;
};

/* Which kernel runs on which core of a block; -1 = none. */
struct abi_kernels {
	int32_t aic, aiv0, aiv1;
};

struct abi_config {
	int32_t expected_arg_count;
};

/* aicpu_build_graph only. */
struct abi_task_id {
	uint64_t raw;
};

/* tensormap_and_ringbuffer's operations, on a2a3 and a5. The runtime object's first word points to
 * such a table. */
struct abi_runtime;

struct abi_ops {
	void (*submit_task)(struct abi_runtime *rt, const struct abi_kernels *kernels,
			    struct abi_param *param);
	void (*scope_begin)(struct abi_runtime *rt);
	void (*scope_end)(struct abi_runtime *rt);
	void (*orchestration_done)(struct abi_runtime *rt);
	bool (*is_fatal)(struct abi_runtime *rt);
	void (*log_error)(const char *function, const char *format, ...);
	void (*log_warn)(const char *function, const char *format, ...);
	void (*log_info)(const char *function, const char *format, ...);
	void (*log_debug)(const char *function, const char *format, ...);
	void (*log_always)(const char *function, const char *format, ...);
};

struct abi_runtime {
	const struct abi_ops *ops;
};

/* aicpu_build_graph's eleven operations: tasks have names, and dependencies are given. */
struct abi_graph_ops {
	struct abi_task_id (*submit_task)(struct abi_runtime *rt, const struct abi_kernels *kernels,
					  struct abi_param *param);
	void (*add_dependency)(struct abi_runtime *rt, struct abi_task_id producer,
			       struct abi_task_id consumer);
	void (*scope_begin)(struct abi_runtime *rt);
	void (*scope_end)(struct abi_runtime *rt);
	void (*orchestration_done)(struct abi_runtime *rt);
	bool (*is_fatal)(struct abi_runtime *rt);
	void (*log_error)(const char *function, const char *format, ...);
	void (*log_warn)(const char *function, const char *format, ...);
	void (*log_info)(const char *function, const char *format, ...);
	void (*log_debug)(const char *function, const char *format, ...);
	void (*log_always)(const char *function, const char *format, ...);
};

/* The table of an aicpu_build_graph runtime: its first word, as any runtime's. */
static inline const struct abi_graph_ops *abi_graph(const struct abi_runtime *rt)
{
	return (const struct abi_graph_ops *)(const void *)rt->ops;
}

/* Exports of an orchestration object for a2a3 tensormap_and_ringbuffer. */
#define ABI_CONFIG_SYMBOL "aicpu_orchestration_config" /* optional */
#define ABI_ENTRY_SYMBOL "aicpu_orchestration_entry"   /* required */
#define ABI_BIND_SYMBOL "pto2_framework_bind_runtime"  /* optional */
typedef struct abi_config (*abi_config_function)(uint64_t *args, int count);
typedef void (*abi_entry_function)(uint64_t *args, int count, int orchestrators, int index);
/* The same symbol where the runtime is the first argument and there is no bind symbol:
 * aicpu_build_graph, and everything on a5. */
typedef void (*abi_entry_rt_function)(struct abi_runtime *rt, uint64_t *args, int count,
				      int orchestrators, int index);
typedef void (*abi_bind_function)(struct abi_runtime *rt);

/* Entry of a kernel on an AI core: pointers to struct abi_tensor first, then the scalars, in the
 * order added. */
typedef void (*abi_kernel_function)(int64_t *args);

/* One AI core's mailbox in the Runtime struct. */
struct abi_handshake {
	volatile uint32_t aicpu_ready;
	volatile uint32_t aicore_done;
	volatile uint64_t task;
	volatile int32_t task_status;
	volatile int32_t control;
	volatile int32_t core_type;
	uint8_t reserved[36];
} __attribute__((aligned(64)));

struct abi_tensor_pair {
	uint64_t host, device, bytes;
};

/* Function pointers for the host only; travel with the struct and mean nothing on the device. */
struct abi_host_api {
	uint64_t functions[6];
};

/*
 * The Runtime struct: a mailbox per AI core (72 on a2a3, 108 on a5), then fields that are the same
 * everywhere, with the object's 4 MiB inside (4,202,048 bytes on a2a3) or without (7,744: every
 * field up to so_storage, then so_size and the host API). Fields keep upstream's order.
 */
#define ABI_FIELDS \
	int32_t worker_count, sche_cpu_num, orch_thread_num, ready_queue_shards; \
	uint64_t task_window, heap_bytes, dep_pool; /* 0 = the default */ \
	uint64_t func_id_to_addr[ABI_KERNELS_MAX]; \
	bool enable_profiling, orch_to_sched; \
	uint64_t perf_data_base; \
	struct abi_tensor_pair tensor_pairs[ABI_TENSOR_PAIRS_MAX]; \
	int32_t tensor_pair_count; \
	int32_t kernel_ids[ABI_KERNELS_MAX]; \
	int32_t kernel_id_count; \
	bool orch_built_on_host; \
	uint64_t sm_ptr, heap_ptr, slot_states_ptr; \
	uint64_t orch_args_ptr; \
	int32_t orch_arg_count; \
	uint64_t orch_args[ABI_ARGS_MAX]

/* What follows the mailboxes, in the struct without the buffer and in the one with it. */
struct abi_fields {
	ABI_FIELDS;
	uint64_t so_size;
	struct abi_host_api host_api;
} __attribute__((aligned(64)));

struct abi_fields_inline {
	ABI_FIELDS;
	uint8_t so_storage[ABI_SO_BYTES_MAX];
	uint64_t so_size;
	struct abi_host_api host_api;
} __attribute__((aligned(64)));

#define ABI_RUNTIME(name, workers_count, fields_type) \
	struct name { \
		struct abi_handshake workers[workers_count]; \
		struct fields_type fields; \
	}

ABI_RUNTIME(abi_runtime_inline, ABI_A2A3_WORKERS, abi_fields_inline);
ABI_RUNTIME(abi_runtime_separate, ABI_A2A3_WORKERS, abi_fields);
ABI_RUNTIME(abi_runtime_a5_inline, ABI_A5_WORKERS, abi_fields_inline);
ABI_RUNTIME(abi_runtime_a5_separate, ABI_A5_WORKERS, abi_fields);

#ifdef __cplusplus
#define ABI_ASSERT(what) static_assert(what, #what)
#else
#define ABI_ASSERT(what) _Static_assert(what, #what)
#endif
#define ABI_SLOT(type, slot, index) ABI_ASSERT(offsetof(struct type, slot) == 8 * (index))
ABI_ASSERT(sizeof(struct abi_tensor) == 128);
ABI_ASSERT(offsetof(struct abi_tensor, version) == 24);
ABI_ASSERT(offsetof(struct abi_tensor, is_all_offset_zero) == 36);
ABI_ASSERT(offsetof(struct abi_tensor, shapes) == 40);
ABI_ASSERT(offsetof(struct abi_tensor, raw_shapes) == 64);
ABI_ASSERT(offsetof(struct abi_tensor, offsets) == 84);
ABI_ASSERT(sizeof(struct abi_param) == 1240);
ABI_ASSERT(offsetof(struct abi_param, kinds) == 128);
ABI_ASSERT(offsetof(struct abi_param, scalars) == 192);
ABI_ASSERT(offsetof(struct abi_param, tensor_count) == 1216);
ABI_ASSERT(offsetof(struct abi_param, has_error) == 1224);
ABI_ASSERT(offsetof(struct abi_param, error_msg) == 1232);
ABI_ASSERT(sizeof(struct abi_kernels) == 12);
ABI_ASSERT(sizeof(struct abi_config) == 4);
ABI_ASSERT(sizeof(struct abi_ops) == 80);
ABI_SLOT(abi_ops, submit_task, 0);
ABI_SLOT(abi_ops, scope_begin, 1);
ABI_SLOT(abi_ops, scope_end, 2);
ABI_SLOT(abi_ops, orchestration_done, 3);
ABI_SLOT(abi_ops, is_fatal, 4);
ABI_SLOT(abi_ops, log_error, 5);
ABI_SLOT(abi_ops, log_warn, 6);
ABI_SLOT(abi_ops, log_info, 7);
ABI_SLOT(abi_ops, log_debug, 8);
ABI_SLOT(abi_ops, log_always, 9);
ABI_ASSERT(sizeof(struct abi_graph_ops) == 88);
ABI_SLOT(abi_graph_ops, submit_task, 0);
ABI_SLOT(abi_graph_ops, add_dependency, 1);
ABI_SLOT(abi_graph_ops, scope_begin, 2);
ABI_SLOT(abi_graph_ops, scope_end, 3);
ABI_SLOT(abi_graph_ops, orchestration_done, 4);
ABI_SLOT(abi_graph_ops, is_fatal, 5);
ABI_SLOT(abi_graph_ops, log_error, 6);
ABI_SLOT(abi_graph_ops, log_warn, 7);
ABI_SLOT(abi_graph_ops, log_info, 8);
ABI_SLOT(abi_graph_ops, log_debug, 9);
ABI_SLOT(abi_graph_ops, log_always, 10);
ABI_ASSERT(sizeof(struct abi_task_id) == 8);
ABI_ASSERT(sizeof(struct abi_handshake) == 64);
ABI_ASSERT(sizeof(struct abi_runtime_inline) == 4202048);
ABI_ASSERT(sizeof(struct abi_runtime_separate) == 7744);
ABI_ASSERT(offsetof(struct abi_runtime_inline, fields) == 4608);
ABI_ASSERT(offsetof(struct abi_runtime_a5_inline, fields) == 6912);
ABI_ASSERT(sizeof(struct abi_runtime_a5_inline) == 4204352);
ABI_ASSERT(sizeof(struct abi_runtime_a5_separate) == 10048);

#endif
