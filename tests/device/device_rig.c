/* What the tests of host and AICPU share. */
#include "tests/device/device_rig.h"

#include "base/clock.h"
#include "base/file.h"
#include "device/host_graph.h"
#include "tests/built.h"
#include "tests/emulator.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* Adds the scalar to every element. */
static void kernel_store(int64_t *args)
{
	const struct abi_tensor *tensor = (const struct abi_tensor *)args[0];
	int32_t *out = (int32_t *)(uintptr_t)tensor->addr;

	for (uint32_t i = 0; i < tensor->shapes[0]; i++)
		out[i] += (int32_t)args[1];
}

/* Two cores may crash at once, which is no race worth telling. */
__attribute__((no_sanitize("thread"))) static void kernel_crash(int64_t *args)
{
	int *volatile nowhere = (int *)16;

	(void)args;
	*nowhere = 1;
}

static void kernel_hang(int64_t *args)
{
	(void)args;
	for (;;)
		pause();
}

const struct device_kernel kernels[] = {
	{ 0, "store", DEVICE_CORE_AIV, kernel_store },
	{ 1, "crash", DEVICE_CORE_AIV, kernel_crash },
	{ 2, "hang", DEVICE_CORE_AIV, kernel_hang },
	{ 0, NULL, DEVICE_CORE_AIC, NULL },
};

const struct aicpu_program program = { .name = "device_test", .kernels = kernels };

struct rig rig;

void object_open(struct device_object *ret_object, const char *name)
{
	struct file_bytes bytes =
		built_bytes("fixtures/orch_%s%s.so", name, rig.variant->object_suffix);
	const struct so so = { .bytes = bytes.bytes, .size = bytes.size, .fd = -1 };
	struct err err = { "" };

	assert_int_equal(device_object_register(ret_object, &so, &err), 0);
	file_unload(&bytes);
}

int rig_up(void **state)
{
	(void)state;
	rig.variant = &device_variants[0];
	rig.result = calloc(1, sizeof(*rig.result));
	if (!rig.result || memory_open(&rig.memory, MEMORY_BYTES, NULL) < 0)
		return -1;
	return dma_open(&rig.dma, rig.memory, &dma_models[0], NULL);
}

int rig_down(void **state)
{
	(void)state;
	dma_close(rig.dma);
	memory_close(rig.memory);
	free(rig.result);
	return 0;
}

const char *const *aicpu_command(void)
{
	static char self[PATH_MAX];

	return realpath("/proc/self/exe", self) ? emulator_words(self) : NULL;
}

void device_up(const char *loader, const char *transport, uint64_t timeout_ns)
{
	struct err err = { "" };
	const struct device_options options = {
		.loader = loader,
		.program = program.name,
		.command = aicpu_command(),
		.transport = rig.variant->host_builds ? &transport_graph
						      : transport_find(transport, NULL),
		.variant = rig.variant,
		.when = rig.when,
		.incoherent = rig.incoherent,
		.dma = rig.dma,
		.pools = RUNTIME_POOLS_SMALL,
		.timeout_ns = timeout_ns,
	};

	if (device_open(&rig.device, rig.memory, &options, &err) < 0)
		fail_msg("%s", err.text);
}

void device_down(void)
{
	device_close(rig.device);
	rig.device = NULL;
	assert_int_equal(memory_usage(rig.memory).blocks, 0);
}

void args_set(void)
{
	memset(rig.outputs, 0, sizeof(rig.outputs));
	for (int i = 0; i < PAIRS; i++) {
		rig.outputs[i][0] = 1000 * i;
		rig.args[2 * i] = (struct device_arg){ .kind = DEVICE_ARG_INOUT,
						       .bytes = rig.outputs[i],
						       .size = sizeof(rig.outputs[i]) };
		rig.args[2 * i + 1] =
			(struct device_arg){ .kind = DEVICE_ARG_SCALAR, .scalar = 7 + (uint64_t)i };
	}
}

int run_object(const struct device_object *object, unsigned int callable, struct err *err)
{
	const struct device_job job = { .object = object,
					.callable = callable,
					.args = rig.args,
					.arg_count = 2 * PAIRS,
					.kernels = kernels };

	args_set();
	return device_run(rig.device, &job, rig.result, err);
}

int run(const char *object_name, struct err *err)
{
	struct device_object object;
	int r;

	object_open(&object, object_name);
	r = run_object(&object, 0, err);
	device_object_release(&object);
	return r;
}

void outputs_check(void)
{
	for (int i = 0; i < PAIRS; i++) {
		assert_int_equal(rig.outputs[i][0], 1000 * i + 7 + i);
		assert_int_equal(rig.outputs[i][15], 7 + i);
	}
}

void works(void)
{
	struct err err = { "" };

	if (run("works", &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(rig.result->failure, DEVICE_OK);
	assert_int_equal(rig.result->tasks, PAIRS);
	outputs_check();
}

struct failure {
	const char *object;
	enum device_failure kind;
	enum phase phase;
	const char *words;
};

static const struct failure failures[] = {
	{ "no_entry", DEVICE_FAILED, PHASE_RESOLVE, "aicpu_orchestration_entry" },
	{ "few_args", DEVICE_FAILED, PHASE_CALL, "expects 100 arguments and got 6" },
	{ "kernel_unknown", DEVICE_FAILED, PHASE_ORCHESTRATE, "9" },
	{ "constructor_crashes", DEVICE_CRASHED, PHASE_LINK, "SIGSEGV at address 0x10" },
	{ "constructor_aborts", DEVICE_CRASHED, PHASE_LINK, "SIGABRT" },
	{ "constructor_exits", DEVICE_CRASHED, PHASE_LINK, "status 7" },
	{ "constructor_overflows", DEVICE_CRASHED, PHASE_LINK, "SIGSEGV" },
	{ "config_crashes", DEVICE_CRASHED, PHASE_CALL, "SIGSEGV" },
	{ "entry_crashes", DEVICE_CRASHED, PHASE_ORCHESTRATE, "SIGSEGV" },
	{ "destructor_crashes", DEVICE_CRASHED, PHASE_UNLOAD, "SIGSEGV" },
	{ "constructor_endless", DEVICE_TIMEOUT, PHASE_LINK, "no progress" },
	{ "constructor_deaf", DEVICE_TIMEOUT, PHASE_LINK, "no progress" },
	{ "kernel_crashes", DEVICE_CRASHED, PHASE_SCHEDULE,
	  "SIGSEGV at address 0x10, in a kernel" },
	{ "kernel_endless", DEVICE_TIMEOUT, PHASE_DRAIN, "" },
	{ "entry_endless", DEVICE_TIMEOUT, PHASE_ORCHESTRATE, "no progress" },
};

bool failure_phase_is(enum phase expected)
{
	enum phase phase = rig.result->failed_phase;

	return phase == expected || (expected == PHASE_DRAIN && phase == PHASE_ORCHESTRATE);
}

/* One sentence and the phase; and the round after it works. */
static void failure_check(const struct failure *failure)
{
	struct err err = { "" };

	assert_true(run(failure->object, &err) < 0);
	if (!strstr(err.text, failure->words))
		fail_msg("%s: '%s' does not say '%s'", failure->object, err.text, failure->words);
	if (!failure_phase_is(failure->phase) || rig.result->failure != failure->kind)
		fail_msg("%s: failure %d in phase %s: %s", failure->object, rig.result->failure,
			 phase_label(rig.result->failed_phase), err.text);
	assert_int_equal(memory_usage(rig.memory).blocks, 0);
	works();
	assert_int_equal(rig.result->restarted, failure->kind != DEVICE_FAILED);
}

void failures_check(enum device_failure kind, uint64_t timeout_ns)
{
	device_up("disk", "separate", timeout_ns);
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		if (failures[i].kind == kind)
			failure_check(&failures[i]);
	}
	device_down();
}

bool is_aicpu(int argc, char **argv)
{
	clock_start();
	return argc == 4 && strcmp(argv[1], "aicpu") == 0;
}

int aicpu_be(char **argv)
{
	return aicpu_main(atoi(argv[3]), &program);
}
