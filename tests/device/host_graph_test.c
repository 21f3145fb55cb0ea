/* host_build_graph: what the host writes down is what the device runs; and each way it can go
 * wrong, which here is an error of the round and never a device that hangs. */
#include "device/host_graph.h"
#include "device/runtime/runtime.h"
#include "tests/device/runtime_rig.h"

#include "base/file.h"
#include "tests/built.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#define HEAP UINT64_C(0x100000)
#define HEAP_BYTES 65536
#define TASKS 3000
#define FAR 1000 /* a little less than a window of 1024 */

static struct graph_table *table;

static int table_up(void **state)
{
	(void)state;
	table = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return table == MAP_FAILED ? -1 : 0;
}

static int table_down(void **state)
{
	(void)state;
	return munmap(table, sizeof(*table));
}

static int32_t array[16];
static struct device_arg args[] = {
	{ .kind = DEVICE_ARG_INOUT, .bytes = array, .size = sizeof(array) },
	{ .kind = DEVICE_ARG_SCALAR, .scalar = 41 },
};
static const uint64_t addresses[] = { 0x7000, 0 };

static int build(graph_entry_function entry, struct err *err)
{
	const struct graph_input input = { .table = table,
					   .heap = HEAP,
					   .heap_bytes = HEAP_BYTES,
					   .args = args,
					   .addresses = addresses,
					   .arg_count = 2 };

	return graph_call(entry, &input, err);
}

static uint64_t task(struct abi_runtime *rt, struct abi_tensor *tensor, uint64_t scalar)
{
	const struct abi_kernels kernels = { -1, 1, -1 };
	struct abi_param param = { .tensor_count = 0 };

	if (tensor)
		param_tensor(&param, tensor, ABI_OUT);
	param_scalar(&param, scalar);
	return abi_graph(rt)->submit_task(rt, &kernels, &param).raw;
}

static void depend(struct abi_runtime *rt, uint64_t producer, uint64_t consumer)
{
	abi_graph(rt)->add_dependency(rt, (struct abi_task_id){ producer },
				      (struct abi_task_id){ consumer });
}

static int entry_plain(struct abi_runtime *rt, uint64_t *values, int count)
{
	struct abi_tensor given = rig_tensor(NULL, 16), fresh[2] = { given, given };

	assert_int_equal(count, 2);
	assert_ptr_equal((void *)(uintptr_t)values[0], array);
	assert_int_equal(values[1], 41);
	given.addr = graph_host(rt)->device_address(rt, array);
	assert_int_equal(given.addr, 0x7000);
	assert_int_equal(graph_host(rt)->device_address(rt, array + 1), 0);
	assert_int_equal(graph_host(rt)->device_address(rt, NULL), 0);
	abi_graph(rt)->scope_begin(rt);
	assert_int_equal(task(rt, &given, 1), 0);
	assert_int_equal(task(rt, &fresh[0], 2), 1);
	assert_int_equal(task(rt, &fresh[1], 3), 2);
	depend(rt, 0, 2);
	depend(rt, 1, 2);
	depend(rt, 1, 2);
	abi_graph(rt)->scope_end(rt);
	assert_int_equal(fresh[0].addr, HEAP);
	assert_int_equal(fresh[1].addr, HEAP + 1024);
	return 0;
}

static void test_record(void **state)
{
	struct abi_tensor tensor;

	(void)state;
	assert_int_equal(build(entry_plain, NULL), 0);
	assert_int_equal(table->task_count, 3);
	assert_int_equal(table->tasks[2].producer_count, 2);
	assert_int_equal(table->tasks[2].producers[1], 1);
	assert_int_equal(table->tasks[2].scalars[0], 3);
	memcpy(&tensor, table->tasks[2].tensors[0], sizeof(tensor));
	assert_int_equal(tensor.addr, HEAP + 1024);
}

static int entry_backwards(struct abi_runtime *rt, uint64_t *values, int count)
{
	(void)values;
	(void)count;
	depend(rt, task(rt, NULL, 1), 0);
	return 0;
}

static int entry_many(struct abi_runtime *rt, uint64_t *values, int count)
{
	(void)values;
	(void)count;
	for (uint64_t i = 0; i < GRAPH_PRODUCERS_MAX + 2; i++)
		task(rt, NULL, i);
	for (uint64_t i = 0; i < GRAPH_PRODUCERS_MAX + 1; i++)
		depend(rt, i, GRAPH_PRODUCERS_MAX + 1);
	return 0;
}

static int entry_heap(struct abi_runtime *rt, uint64_t *values, int count)
{
	(void)values;
	(void)count;
	for (uint64_t i = 0; i < 100; i++) {
		struct abi_tensor tensor = rig_tensor(NULL, 1000);

		task(rt, &tensor, i);
	}
	return 0;
}

static int entry_tensors(struct abi_runtime *rt, uint64_t *values, int count)
{
	const struct abi_kernels kernels = { -1, 1, -1 };
	struct abi_param param = { .tensor_count = GRAPH_TENSORS_MAX + 1 };

	(void)values;
	(void)count;
	abi_graph(rt)->submit_task(rt, &kernels, &param);
	return abi_graph(rt)->is_fatal(rt) ? 0 : -1;
}

static int entry_scope(struct abi_runtime *rt, uint64_t *values, int count)
{
	(void)values;
	(void)count;
	abi_graph(rt)->scope_end(rt);
	return 0;
}

static int entry_says(struct abi_runtime *rt, uint64_t *values, int count)
{
	(void)values;
	abi_graph(rt)->log_error("entry", "%d arguments", count);
	return 0;
}

static int entry_minus(struct abi_runtime *rt, uint64_t *values, int count)
{
	(void)rt;
	(void)values;
	(void)count;
	return -1;
}

static int entry_full(struct abi_runtime *rt, uint64_t *values, int count)
{
	(void)values;
	(void)count;
	for (uint64_t i = 0; i < 20; i++)
		task(rt, NULL, i);
	table->task_count = GRAPH_TASKS_MAX;
	task(rt, NULL, 0);
	table->task_count = 0;
	return 0;
}

static void test_failures(void **state)
{
	static const struct {
		graph_entry_function entry;
		int code;
		const char *words;
	} failures[] = {
		{ entry_backwards, -EINVAL, "only for one built before it" },
		{ entry_many, -E2BIG, "more than 16 tasks" },
		{ entry_heap, -ENOMEM, "do not fit into 65536 bytes" },
		{ entry_tensors, -EINVAL, "at most 12 and 64" },
		{ entry_scope, -EINVAL, "a scope it had not begun" },
		{ entry_says, -EINVAL, "entry: 2 arguments" },
		{ entry_minus, -EINVAL, "returned -1" },
		{ entry_full, -ENOSPC, "131072 tasks" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		struct err err = { "" };

		if (build(failures[i].entry, &err) != failures[i].code ||
		    !strstr(err.text, failures[i].words))
			fail_msg("%zu: %s", i, err.text);
	}
}

static _Atomic uint32_t ran;
static uint32_t order[TASKS];

static void kernel_note(int64_t *values)
{
	order[values[0]] = 1 + atomic_fetch_add(&ran, 1);
}

/* A comb: each waits for the last but two and for one far back. */
static int entry_comb(struct abi_runtime *rt, uint64_t *values, int count)
{
	(void)values;
	(void)count;
	for (uint64_t i = 0; i < TASKS; i++) {
		task(rt, NULL, i);
		if (i >= 3)
			depend(rt, i - 3, i);
		if (i >= FAR)
			depend(rt, i - FAR, i);
	}
	return 0;
}

static int replay(struct rig *rig)
{
	struct runtime_entry entry = { .graph = table };

	rig->config.variant = &runtime_hbg;
	rig_set_kernel(rig, 1, kernel_note);
	atomic_store(&ran, 0);
	rig_open(rig);
	runtime_gate_open(&rig->gate, rig->rt);
	rig->result = runtime_orchestrate(rig->rt, &entry, &rig->err);
	if (rig->result == 0)
		rig->result = runtime_drain(rig->rt, &rig->err);
	rig_close(rig);
	return rig->result;
}

/* Windows and pools of links far smaller than the graph, and links far fewer than a window's. */
static void test_replay(void **state)
{
	static const struct {
		uint64_t window, links;
	} pools[] = {
		{ 16, 0 }, { 256, 0 }, { 16384, 0 }, { 1024, 0 }, { 16384, 1000 }, { 64, 4 }
	};

	(void)state;
	assert_int_equal(build(entry_comb, NULL), 0);
	for (size_t p = 0; p < sizeof(pools) / sizeof(pools[0]); p++) {
		struct rig rig = { .config = { .task_window = pools[p].window,
					       .dep_pool = pools[p].links,
					       .schedulers = 2 } };

		if (replay(&rig) < 0)
			fail_msg("%zu: %s", p, rig.err.text);
		assert_int_equal(rig.counters.executed, TASKS);
		for (int i = 3; i < TASKS; i++)
			assert_true(order[i] > order[i - 3] &&
				    (i < FAR || order[i] > order[i - FAR]));
	}
}

/* What lies in the struct is not believed. */
static void test_damage(void **state)
{
	struct graph_task *damaged = &table->tasks[5];

	(void)state;
	for (int what = 0; what < 5; what++) {
		struct rig rig = { .config = { .schedulers = 2, .pools = RUNTIME_POOLS_SMALL } };

		assert_int_equal(build(entry_comb, NULL), 0);
		if (what == 0)
			damaged->tensor_count = GRAPH_TENSORS_MAX + 1;
		else if (what == 1)
			damaged->scalar_count = -1;
		else if (what == 2)
			damaged->producer_count = 1000;
		else if (what == 3)
			damaged->producers[0] = 5;
		else
			table->task_count = GRAPH_TASKS_MAX + 1;
		assert_int_equal(replay(&rig), -EINVAL);
		assert_true(rig.err.text[0] != '\0');
	}
}

static int object_try(const char *name, struct err *err)
{
	const struct graph_input input = { .table = table,
					   .heap = HEAP,
					   .heap_bytes = HEAP_BYTES,
					   .args = args,
					   .addresses = addresses,
					   .arg_count = 2 };
	struct graph_load load = { .staged_at = "" };
	struct graph_object object = { .kept = false };
	struct file_bytes bytes = built_bytes("%s", name);
	const struct so so = { .bytes = bytes.bytes, .size = bytes.size, .fd = -1 };
	int r;

	r = graph_object_open(&object, &so, NULL, &load, err);
	if (r == 0) {
		r = graph_call(object.entry, &input, err);
	}
	if (r < 0)
		graph_object_close(&object, NULL);
	assert_int_equal(access(load.staged_at, F_OK), -1);
	file_unload(&bytes);
	return r;
}

/* Wrong objects end the round, and nothing stays in /tmp. */
static void test_objects(void **state)
{
	struct err err = { "" };

	(void)state;
	assert_int_equal(object_try("objects/pa_unroll_abg.so", &err), -ENOENT);
	assert_non_null(strstr(err.text, "not an orchestration object for host_build_graph"));
	assert_true(object_try("fixtures/unresolved_data.so", &err) < 0);
	assert_true(object_try("soload.pc", &err) < 0);
	/* The last, because it stays: two arguments are not ten. */
	assert_int_equal(object_try("objects/pa_unroll_hbg.so", &err), -EINVAL);
	assert_non_null(strstr(err.text, "2 arguments given, 10 needed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),	cmocka_unit_test(test_failures),
		cmocka_unit_test(test_replay),	cmocka_unit_test(test_damage),
		cmocka_unit_test(test_objects),
	};

	return cmocka_run_group_tests_name("host_build_graph", tests, table_up, table_down);
}
