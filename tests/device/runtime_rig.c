/* The rig: memory, cores and threads around one runtime. */
#include "tests/device/runtime_rig.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define RELEASE_NS 20000000000ull

/* The entry has no context of its own; one rig runs at a time on a thread. */
static _Thread_local struct rig *running;

static void rig_entry(uint64_t *args, int count, int orchestrators, int index)
{
	(void)args;
	(void)count;
	assert_int_equal(orchestrators, 1);
	assert_int_equal(index, 0);
	running->orchestrate(runtime_abi(running->rt), running->context);
}

static void rig_entry_rt(struct abi_runtime *rt, uint64_t *args, int count, int orchestrators,
			 int index)
{
	assert_ptr_equal(rt, runtime_abi(running->rt));
	rig_entry(args, count, orchestrators, index);
}

void rig_set_kernel(struct rig *rig, int id, abi_kernel_function function)
{
	rig->functions[id] = (uintptr_t)function;
}

static void *rig_map(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}

struct rig_scheduler {
	struct rig *rig;
	unsigned int index;
};

static void *rig_schedule(void *argument)
{
	struct rig_scheduler *scheduler = argument;
	struct rig *rig = scheduler->rig;
	struct runtime *rt;
	int r = runtime_gate_wait(&rig->gate, &rt, NULL);

	if (r == 0)
		r = runtime_schedule(rt, scheduler->index, NULL);
	rig->scheduler_results[scheduler->index] = r;
	free(scheduler);
	return NULL;
}

static void rig_open_cores(struct rig *rig)
{
	unsigned int count;

	if (rig->cores_config.aic == 0) {
		rig->cores_config.aic = AICORE_A2A3_AIC;
		rig->cores_config.aiv = AICORE_A2A3_AIV;
	}
	count = rig->cores_config.aic + rig->cores_config.aiv;
	assert_int_equal(aicore_start(&rig->cores_config, &rig->cores, &rig->err), 0);
	rig->handshakes = aligned_alloc(64, count * sizeof(*rig->handshakes));
	assert_non_null(rig->handshakes);
	memset(rig->handshakes, 0, count * sizeof(*rig->handshakes));
	assert_int_equal(aicore_greet(rig->cores, rig->handshakes, count, &rig->err), 0);
}

void rig_open(struct rig *rig)
{
	struct runtime_resources resources;
	uint64_t start;
	unsigned int i;

	if (!rig->config.schedulers) {
		rig->config.schedulers = 3;
		rig->config.pools = RUNTIME_POOLS_SMALL;
	}
	assert_int_equal(runtime_config_resolve(&rig->config, &rig->err), 0);
	rig->shared = rig_map(runtime_shared_bytes(&rig->config));
	rig->heap = rig_map(runtime_heap_bytes(&rig->config));
	rig_open_cores(rig);
	assert_int_equal(runtime_gate_init(&rig->gate, &rig->err), 0);
	for (i = 0; i < rig->config.schedulers; i++) {
		struct rig_scheduler *scheduler = malloc(sizeof(*scheduler));

		*scheduler = (struct rig_scheduler){ rig, i };
		assert_int_equal(pthread_create(&rig->threads[i], NULL, rig_schedule, scheduler),
				 0);
	}
	resources = (struct runtime_resources){
		.shared = rig->shared,
		.shared_bytes = runtime_shared_bytes(&rig->config),
		.heap = rig->heap,
		.heap_bytes = runtime_heap_bytes(&rig->config),
		.functions = rig->functions,
		.cores = rig->cores,
		.log = rig->log,
		.log_context = rig->context,
	};
	start = clock_now_ns();
	assert_int_equal(runtime_create(&rig->config, &resources, &rig->rt, &rig->err), 0);
	rig->create_ns = clock_now_ns() - start;
}

void rig_close(struct rig *rig)
{
	unsigned int i;

	for (i = 0; i < rig->config.schedulers; i++)
		assert_int_equal(pthread_join(rig->threads[i], NULL), 0);
	runtime_count(rig->rt, &rig->counters);
	assert_int_equal(aicore_release(rig->cores, RELEASE_NS, NULL), 0);
	runtime_destroy(rig->rt);
	assert_int_equal(aicore_stop(rig->cores, RELEASE_NS, NULL), 0);
	runtime_gate_fini(&rig->gate);
	free(rig->handshakes);
	munmap(rig->shared, runtime_shared_bytes(&rig->config));
	munmap(rig->heap, runtime_heap_bytes(&rig->config));
}

int rig_run(struct rig *rig)
{
	struct runtime_entry entry = { .entry = rig_entry, .entry_rt = rig_entry_rt };
	uint64_t start;

	rig_open(rig);
	running = rig;
	start = clock_now_ns();
	runtime_gate_open(&rig->gate, rig->rt);
	rig->result = runtime_orchestrate(rig->rt, &entry, &rig->err);
	if (rig->result == 0)
		rig->result = runtime_drain(rig->rt, &rig->err);
	rig->run_ns = clock_now_ns() - start;
	rig_close(rig);
	return rig->result;
}

struct abi_tensor rig_tensor(const void *addr, uint32_t count)
{
	struct abi_tensor tensor = {
		.addr = (uintptr_t)addr,
		.size = (uint64_t)count * sizeof(float),
		.dtype = ABI_F32,
		.ndims = 1,
		.is_all_offset_zero = true,
		.is_raw_eq_shapes = true,
		.shapes = { count },
	};

	return tensor;
}

struct abi_tensor rig_view(const struct abi_tensor *tensor, uint32_t offset, uint32_t count)
{
	struct abi_tensor view = *tensor;

	view.raw_shapes[0] = tensor->shapes[0];
	view.shapes[0] = count;
	view.offsets[0] = offset;
	view.is_all_offset_zero = offset == 0;
	view.is_raw_eq_shapes = false;
	return view;
}

void param_tensor(struct abi_param *param, struct abi_tensor *tensor, enum abi_kind kind)
{
	param->tensors[param->tensor_count] = tensor;
	param->kinds[param->tensor_count++] = (int32_t)kind;
}

void param_scalar(struct abi_param *param, uint64_t scalar)
{
	param->scalars[param->scalar_count++] = scalar;
}

void rig_submit(struct abi_runtime *rt, struct abi_kernels kernels, struct abi_param *param)
{
	rt->ops->submit_task(rt, &kernels, param);
}
