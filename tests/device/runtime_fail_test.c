/*
 * Everything that goes wrong ends every thread with one sentence: wrong parameters, resources that
 * cannot come back, kernels that do not return, a load that failed. Nothing hangs: every test here
 * would.
 */
#include "tests/device/runtime_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define AIV(id) ((struct abi_kernels){ -1, (id), -1 })

static float buffer[4096];

static void kernel_empty(int64_t *args)
{
	(void)args;
}

static struct abi_runtime *_Atomic stuck_in;

/* Returns only after the run has failed. */
static void kernel_stuck(int64_t *args)
{
	struct abi_runtime *rt = atomic_load(&stuck_in);

	(void)args;
	while (!rt->ops->is_fatal(rt)) {
		struct timespec step = { .tv_nsec = 1000000 };

		nanosleep(&step, NULL);
	}
}

/* The error of an orchestration; its text contains `words`. */
static void expect(void (*orchestrate)(struct abi_runtime *, void *), void *context, int code,
		   const char *words)
{
	struct rig rig = { .orchestrate = orchestrate, .context = context };
	unsigned int i;

	rig.config.pools = RUNTIME_POOLS_SMALL;
	rig.config.schedulers = 3;
	rig.config.task_window = 16;
	rig.config.heap_bytes = 16384;
	rig.config.dep_pool = 64;
	rig_set_kernel(&rig, 0, kernel_empty);
	assert_int_equal(rig_run(&rig), -code);
	if (!strstr(rig.err.text, words))
		fail_msg("'%s' does not say '%s'", rig.err.text, words);
	for (i = 0; i < rig.config.schedulers; i++)
		assert_int_equal(rig.scheduler_results[i], -code);
}

/* One task with whatever the context says. */
struct one {
	struct abi_kernels kernels;
	struct abi_param param;
	bool no_param;
};

static void orchestrate_one(struct abi_runtime *rt, void *context)
{
	struct one *one = context;

	rt->ops->submit_task(rt, &one->kernels, one->no_param ? NULL : &one->param);
	assert_true(rt->ops->is_fatal(rt));
	/* Afterwards nothing does anything. */
	rt->ops->submit_task(rt, NULL, NULL);
	rt->ops->scope_begin(rt);
	rt->ops->scope_end(rt);
	rt->ops->scope_end(rt);
}

static void expect_one(struct one one, const char *words)
{
	expect(orchestrate_one, &one, EINVAL, words);
}

static struct one one_tensor(struct abi_tensor *tensor, int32_t kind)
{
	struct one one = { .kernels = AIV(0) };

	one.param.tensors[0] = tensor;
	one.param.kinds[0] = kind;
	one.param.tensor_count = 1;
	return one;
}

static void test_parameters(void **state)
{
	struct abi_tensor good = rig_tensor(buffer, 16), bad = good;
	_Alignas(64) uint8_t odd[sizeof(struct abi_tensor) + 64];
	struct one one = { .kernels = AIV(0) };

	(void)state;
	bad.addr = 0;
	expect_one(one_tensor(&bad, ABI_IN), "tensor 0 is an input without an address");
	expect_one(one_tensor(&bad, ABI_INOUT), "tensor 0 is an in-out without an address");
	expect_one(one_tensor(&good, 3), "unknown kind");
	expect_one(one_tensor(&good, -1), "unknown kind");
	expect_one(one_tensor(NULL, ABI_IN), "null pointer");
	expect_one(one_tensor((void *)(odd + 8), ABI_IN), "not aligned");
	bad = good;
	bad.ndims = 6;
	expect_one(one_tensor(&bad, ABI_IN), "more than 5 dimensions");
	bad = good;
	bad.dtype = 9;
	expect_one(one_tensor(&bad, ABI_OUT), "unknown data type");
	one.no_param = true;
	expect_one(one, "no parameters");
	one.no_param = false;
	one.param.tensor_count = 17;
	expect_one(one, "17 tensors");
	one.param.tensor_count = -1;
	expect_one(one, "-1 tensors");
	one.param.tensor_count = 0;
	one.param.scalar_count = 129;
	expect_one(one, "129 scalars");
	one.param.has_error = true;
	one.param.error_msg = "a scalar came before a tensor";
	expect_one(one, "task 0: a scalar came before a tensor");
}

static void test_kernels(void **state)
{
	(void)state;
	expect_one((struct one){ .kernels = { -1, -1, -1 } }, "names no kernel");
	expect_one((struct one){ .kernels = AIV(1) }, "no kernel has the id 1");
	expect_one((struct one){ .kernels = { 32, 0, 0 } }, "no kernel has the id 32");
	expect_one((struct one){ .kernels = { 0, 0, -2 } }, "no kernel has the id -2");
}

static void orchestrate_window(struct abi_runtime *rt, void *context)
{
	int i;

	for (i = 0; i < *(int *)context; i++) {
		struct abi_param param = { 0 };

		rig_submit(rt, AIV(0), &param);
	}
}

static void test_window_deadlock(void **state)
{
	int count = 15;
	struct rig rig = { .orchestrate = orchestrate_window, .context = &count };

	(void)state;
	rig.config.schedulers = 2;
	rig.config.task_window = 16;
	rig_set_kernel(&rig, 0, kernel_empty);
	assert_int_equal(rig_run(&rig), 0); /* 15 of 16 can be used */
	count = 16;
	expect(orchestrate_window, &count, EDEADLK, "hold 15 tasks");
}

static void orchestrate_heap(struct abi_runtime *rt, void *context)
{
	int i;

	for (i = 0; i < 9; i++) {
		struct abi_tensor out = rig_tensor(NULL, 512);
		struct abi_param param = { 0 };

		out.size = *(uint64_t *)context;
		param_tensor(&param, &out, ABI_OUT);
		rig_submit(rt, AIV(0), &param);
	}
}

static void test_heap_deadlock(void **state)
{
	uint64_t bytes = 2000;

	(void)state;
	expect(orchestrate_heap, &bytes, EDEADLK, "2048 bytes of outputs do not fit");
	bytes = 16385;
	expect(orchestrate_heap, &bytes, ENOMEM, "wants 17408 bytes");
	bytes = UINT64_MAX;
	expect(orchestrate_heap, &bytes, ENOMEM, "a ring's heap has 16384");
}

/* `count` tasks that each wrote a part, then one that reads all parts. */
static void orchestrate_fanin(struct abi_runtime *rt, void *context)
{
	struct abi_tensor whole[2] = { rig_tensor(buffer, 1024), rig_tensor(buffer + 2048, 1024) };
	struct abi_param param = { 0 };
	int i, count = *(int *)context;

	for (i = 0; i < count; i++) {
		struct abi_tensor part = rig_view(&whole[i % 2], (uint32_t)i * 8, 8);
		struct abi_param write = { 0 };

		param_tensor(&write, &part, ABI_OUT);
		rig_submit(rt, AIV(0), &write);
	}
	param_tensor(&param, &whole[0], ABI_IN);
	param_tensor(&param, &whole[1], ABI_IN);
	rig_submit(rt, AIV(0), &param);
}

static void test_fanin_limit(void **state)
{
	int count = 16;
	struct rig rig = { .orchestrate = orchestrate_fanin, .context = &count };

	(void)state;
	rig_set_kernel(&rig, 0, kernel_empty);
	rig.config.schedulers = 2;
	rig.config.task_window = 64;
	assert_int_equal(rig_run(&rig), 0);
	assert_int_equal(rig.counters.edges, 16);
	count = 17;
	assert_int_equal(rig_run(&rig), -E2BIG);
	assert_non_null(strstr(rig.err.text, "depends on more than 16 tasks"));
	count = 34;
	assert_int_equal(rig_run(&rig), -E2BIG);
	assert_non_null(strstr(rig.err.text, "overlaps the outputs of more than 16 writes"));
}

/* Links that do not fit are waited for; once every producer has finished none is needed. */
static void test_links_never_deadlock(void **state)
{
	int count = 12;
	struct rig rig = { .orchestrate = orchestrate_fanin, .context = &count };

	(void)state;
	rig_set_kernel(&rig, 0, kernel_empty);
	rig.config.schedulers = 1;
	rig.config.task_window = 64;
	rig.config.dep_pool = 8;
	assert_int_equal(rig_run(&rig), 0);
	assert_int_equal(rig.counters.edges, 12);
}

static void orchestrate_entries(struct abi_runtime *rt, void *context)
{
	struct abi_tensor tensor = rig_tensor(buffer, 8);
	int i, k;

	(void)context;
	for (i = 0; i < 4096 / 16 + 1; i++) {
		struct abi_param param = { 0 };

		for (k = 0; k < 16; k++)
			param_tensor(&param, &tensor, ABI_OUT);
		rig_submit(rt, AIV(0), &param);
	}
}

static void test_entries_deadlock(void **state)
{
	struct rig rig = { .orchestrate = orchestrate_entries };

	(void)state;
	rig_set_kernel(&rig, 0, kernel_empty);
	assert_int_equal(rig_run(&rig), -EDEADLK);
	assert_non_null(strstr(rig.err.text, "tensormap entries do not fit"));
}

static void orchestrate_scopes(struct abi_runtime *rt, void *context)
{
	int i;

	for (i = 0; i < *(int *)context; i++)
		rt->ops->scope_begin(rt);
	for (i = 0; i > *(int *)context; i--)
		rt->ops->scope_end(rt);
}

static void test_scope_misuse(void **state)
{
	int count = -1;

	(void)state;
	expect(orchestrate_scopes, &count, EINVAL, "ended a scope it had not begun");
	count = RUNTIME_SCOPE_DEPTH_MAX;
	expect(orchestrate_scopes, &count, EOVERFLOW, "nested more than 64 deep");
}

static void orchestrate_stuck(struct abi_runtime *rt, void *context)
{
	struct abi_param param = { 0 };

	(void)context;
	atomic_store(&stuck_in, rt);
	rig_submit(rt, AIV(3), &param);
}

/* A kernel that does not return fails the run; once it does return, everything can be freed. */
static void test_stuck_kernel(void **state)
{
	struct rig rig = { .orchestrate = orchestrate_stuck };

	(void)state;
	rig.config.schedulers = 3;
	rig.config.pools = RUNTIME_POOLS_SMALL;
	rig.config.stall_ns = 1000000;
	rig_set_kernel(&rig, 3, kernel_stuck);
	assert_int_equal(rig_run(&rig), -ETIMEDOUT);
	assert_true(strstr(rig.err.text, "never completed") ||
		    strstr(rig.err.text, "none completed"));
}

static void test_failed_load(void **state)
{
	struct rig rig = { .orchestrate = orchestrate_one };
	struct err why;
	unsigned int i;

	(void)state;
	rig_open(&rig);
	err_set(&why, ENOEXEC, "the object is not an ELF file");
	runtime_gate_stop(&rig.gate, -ENOEXEC, &why);
	rig_close(&rig);
	for (i = 0; i < rig.config.schedulers; i++)
		assert_int_equal(rig.scheduler_results[i], -ENOEXEC);
}

/* Somebody else reports a failure while schedulers wait for work that never comes. */
static void test_failure_from_outside(void **state)
{
	struct rig rig = { .orchestrate = orchestrate_one };
	unsigned int i;

	(void)state;
	rig_open(&rig);
	runtime_gate_open(&rig.gate, rig.rt);
	runtime_fail(rig.rt, EINTR, "interrupted by %s", "a signal");
	runtime_fail(rig.rt, EIO, "too late: the first error wins");
	assert_int_equal(runtime_failure(rig.rt, &rig.err), -EINTR);
	assert_string_equal(rig.err.text, "interrupted by a signal");
	assert_int_equal(runtime_drain(rig.rt, NULL), -EINTR);
	rig_close(&rig);
	for (i = 0; i < rig.config.schedulers; i++)
		assert_int_equal(rig.scheduler_results[i], -EINTR);
}

static void test_no_scheduler(void **state)
{
	struct rig rig = { .config = { .stall_ns = 1000000, .schedulers = 2 } };
	struct runtime_entry entry = { 0 };

	(void)state;
	rig_open(&rig);
	assert_int_equal(runtime_orchestrate(rig.rt, &entry, &rig.err), -ETIMEDOUT);
	assert_non_null(strstr(rig.err.text, "no scheduler"));
	runtime_gate_open(&rig.gate, rig.rt);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_kernels),
		cmocka_unit_test(test_window_deadlock),
		cmocka_unit_test(test_heap_deadlock),
		cmocka_unit_test(test_fanin_limit),
		cmocka_unit_test(test_links_never_deadlock),
		cmocka_unit_test(test_entries_deadlock),
		cmocka_unit_test(test_scope_misuse),
		cmocka_unit_test(test_stuck_kernel),
		cmocka_unit_test(test_failed_load),
		cmocka_unit_test(test_failure_from_outside),
		cmocka_unit_test(test_no_scheduler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
