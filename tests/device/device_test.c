/*
 * Host and AICPU together, on objects built for this test: rounds that work through every
 * transport, each failure of simpler at 78f0869 (which hangs on most of them) with the answer it
 * gets here, and the device that goes on afterwards. The AICPU is this program, executed again.
 */
#include "tests/device/device_rig.h"

#include "base/clock.h"
#include "probes/align.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void stamps_take(struct align_sample *ret_samples)
{
	struct device_stamp stamps[DEVICE_STAMPS];
	struct err err = { "" };

	if (device_stamps(rig.device, stamps, &err) < 0)
		fail_msg("%s", err.text);
	for (int i = 0; i < DEVICE_STAMPS; i++) {
		assert_true(stamps[i].before_ns <= stamps[i].after_ns);
		assert_true(!i || (stamps[i].before_ns >= stamps[i - 1].after_ns &&
				   stamps[i].device > stamps[i - 1].device));
		ret_samples[i] = (struct align_sample){ stamps[i].before_ns, stamps[i].device,
							stamps[i].after_ns };
	}
}

/* The AICPU's clock is this machine's: by its stamps alone it is found to be, within what they
 * claim. */
static void test_stamps(void **state)
{
	struct align_sample begin[DEVICE_STAMPS], end[DEVICE_STAMPS];
	struct device_stamp unused[DEVICE_STAMPS];
	struct clock_map map;
	struct align align;
	bool is_ns;

	(void)state;
	device_up("disk", "inline", 0);
	stamps_take(begin);
	works();
	stamps_take(end);
	works();
	is_ns = device_clock_is_ns(rig.device);
	assert_int_equal(align_make(&align, begin, end, DEVICE_STAMPS, 1.0), 0);
	map = clock_map_now();
	for (int i = 0; i < 2; i++) {
		uint64_t device = i ? align.other1 : align.other0;
		double off = (is_ns ? (double)device : (double)clock_map_ns(&map, device)) -
			     (i ? align.ns1 : align.ns0);

		assert_true(off <= align.uncertainty_ns + align_counter_error_ns());
		assert_true(-off <= align.uncertainty_ns + align_counter_error_ns());
	}
	kill(device_process(rig.device), SIGKILL);
	waitid(P_PID, (id_t)device_process(rig.device), &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
	assert_true(device_stamps(rig.device, unused, NULL) < 0);
	works();
	device_down();
}

static const char *const loaders[] = { "disk", "tmpfs", "memfd", "cached" };
#define LOADERS (sizeof(loaders) / sizeof(loaders[0]))

static void test_rounds(void **state)
{
	(void)state;
	for (size_t l = 0; l < LOADERS; l++) {
		for (const struct transport *const *t = transports; *t; t++) {
			device_up(loaders[l], (*t)->name, 0);
			for (int round = 0; round < 3; round++) {
				works();
				assert_true(rig.result->verdict.reason[0] != '\0');
				assert_int_not_equal(rig.result->verdict.freshness,
						     FRESHNESS_STALE);
				assert_false(rig.result->restarted);
			}
			device_down();
		}
	}
}

/* The phases a lane went through, without the harness's looks and without repetitions. */
static size_t phases_take(const struct device_lane *lane, enum phase *ret_phases)
{
	size_t count = 0;

	assert_int_equal(lane->time.spans_dropped, 0);
	for (uint32_t i = 0; i < lane->time.span_count; i++) {
		enum phase phase = (enum phase)lane->spans[i].phase;

		if (phase != PHASE_CHECK && (count == 0 || ret_phases[count - 1] != phase))
			ret_phases[count++] = phase;
	}
	return count;
}

static void lane_check(int lane, const enum phase *expected, size_t count)
{
	enum phase phases[DEVICE_SPANS_MAX];
	size_t seen = phases_take(&rig.result->lanes[lane], phases);

	assert_int_equal(seen, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(phase_label(phases[i]), phase_label(expected[i]));
}

/* Upstream's order, on both sides. */
static void test_order(void **state)
{
	static const enum phase loads[] = { PHASE_OTHER,  PHASE_HANDSHAKE, PHASE_READ,
					    PHASE_STAGE,  PHASE_LINK,	   PHASE_RESOLVE,
					    PHASE_CALL,	  PHASE_CREATE,	   PHASE_ORCHESTRATE,
					    PHASE_DRAIN,  PHASE_DESTROY,   PHASE_UNLOAD,
					    PHASE_UNSTAGE };
	static const enum phase schedules[] = { PHASE_READY, PHASE_SCHEDULE };
	static const enum phase host[] = { PHASE_KERNELS,   PHASE_ARGS,	  PHASE_SO_COPY, PHASE_HEAP,
					   PHASE_SHARED,    PHASE_SEND,	  PHASE_LAUNCH,	 PHASE_WAIT,
					   PHASE_COPY_BACK, PHASE_RELEASE };

	(void)state;
	device_up("disk", "inline", 0);
	works();
	lane_check((int)rig.result->threads - 1, loads, sizeof(loads) / sizeof(loads[0]));
	lane_check(DEVICE_LANE_HOST, host, sizeof(host) / sizeof(host[0]));
	for (int i = 0; i < (int)rig.result->threads - 1; i++)
		lane_check(i, schedules, sizeof(schedules) / sizeof(schedules[0]));
	device_down();
}

static void test_failures(void **state)
{
	(void)state;
	failures_check(DEVICE_FAILED, 0);
	failures_check(DEVICE_CRASHED, 0);
}

static void test_timeouts(void **state)
{
	(void)state;
	failures_check(DEVICE_TIMEOUT, 1500000000);
}

static void *killer(void *argument)
{
	const pid_t *process = argument;

	usleep(200000);
	kill(*process, SIGKILL);
	return NULL;
}

/* Somebody kills the AICPU: between rounds the next one starts another, within one it is told. */
static void test_killed(void **state)
{
	struct err err = { "" };
	siginfo_t end;
	pid_t process;
	pthread_t thread;

	(void)state;
	device_up("tmpfs", "rightsize", 0);
	works();
	kill(device_process(rig.device), SIGKILL);
	/* WNOWAIT: its end is the host's to collect. */
	assert_int_equal(waitid(P_PID, (id_t)device_process(rig.device), &end, WEXITED | WNOWAIT),
			 0);
	works();
	process = device_process(rig.device);
	assert_int_equal(pthread_create(&thread, NULL, killer, &process), 0);
	assert_int_equal(run("constructor_endless", &err), -EPIPE);
	pthread_join(thread, NULL);
	assert_int_equal(rig.result->failure, DEVICE_CRASHED);
	assert_non_null(strstr(err.text, "SIGKILL"));
	works();
	device_down();
}

/* Bytes that are no object at all: an error of the load, and the device goes on. */
static void test_garbage(void **state)
{
	static const char garbage[5000] = "#!/bin/sh";
	const struct so so = { .bytes = garbage, .size = sizeof(garbage), .fd = -1 };
	struct device_object object;
	struct device_job job = { .object = &object, .args = rig.args, .kernels = kernels };
	struct err err;

	(void)state;
	assert_int_equal(device_object_register(&object, &so, &err), 0);
	for (rig.variant = device_variants; rig.variant->platform; rig.variant++) {
		for (size_t l = 0; !rig.variant->host_builds && l < LOADERS; l++) {
			device_up(loaders[l], "separate", 0);
			err.text[0] = '\0';
			assert_true(device_run(rig.device, &job, rig.result, &err) < 0);
			assert_int_equal(rig.result->failure, DEVICE_FAILED);
			assert_true(err.text[0] != '\0');
			works();
			device_down();
		}
	}
	rig.variant = &device_variants[0];
	device_object_release(&object);
}

static int is_interrupted;

static int interrupted(void)
{
	return is_interrupted;
}

static void test_interrupt(void **state)
{
	const struct device_options options = {
		.loader = "memfd",
		.program = program.name,
		.command = aicpu_command(),
		.transport = transport_find("rightsize", NULL),
		.dma = rig.dma,
		.pools = RUNTIME_POOLS_SMALL,
		.interrupted = interrupted,
	};
	struct err err = { "" };

	(void)state;
	is_interrupted = 0;
	assert_int_equal(device_open(&rig.device, rig.memory, &options, &err), 0);
	is_interrupted = 1;
	assert_int_equal(run("constructor_endless", &err), -EINTR);
	assert_int_equal(rig.result->failure, DEVICE_INTERRUPTED);
	assert_int_equal(device_process(rig.device), 0);
	is_interrupted = 0;
	works();
	device_down();
}

/* A loader this machine does not have is an error at the start, with the reason. */
static void test_bad_loader(void **state)
{
	struct device_options options = { .program = program.name,
					  .command = aicpu_command(),
					  .transport = transport_find("inline", NULL),
					  .dma = rig.dma };
	struct device *device = NULL;
	struct err err = { "" };

	(void)state;
	options.loader = "disc";
	assert_int_equal(device_open(&device, rig.memory, &options, &err), -EINVAL);
	assert_non_null(strstr(err.text, "did you mean 'disk'"));
	options.loader = "disk:dirs=/nonexistent";
	assert_true(device_open(&device, rig.memory, &options, &err) < 0);
	assert_non_null(strstr(err.text, "/nonexistent"));
	assert_null(device);
}

/* More arguments than upstream's host takes, and a copy that does not fit device memory. */
static void test_host_refuses(void **state)
{
	static struct device_arg many[ABI_HOST_ARGS_MAX + 1];
	struct device_object object;
	struct device_job job = { .object = &object, .args = many, .kernels = kernels };
	struct err err = { "" };

	(void)state;
	object_open(&object, "works");
	device_up("memfd", "separate", 0);
	job.arg_count = ABI_HOST_ARGS_MAX + 1;
	assert_int_equal(device_run(rig.device, &job, rig.result, &err), -EINVAL);
	assert_int_equal(rig.result->failure, DEVICE_REFUSED);
	assert_int_equal(rig.result->failed_phase, PHASE_ARGS);
	many[0] = (struct device_arg){ .kind = DEVICE_ARG_OUTPUT, .size = MEMORY_BYTES + 1 };
	job.arg_count = 1;
	assert_int_equal(device_run(rig.device, &job, rig.result, &err), -ENOMEM);
	assert_int_equal(memory_usage(rig.memory).blocks, 0);
	works();
	device_down();
	device_object_release(&object);
}

static void test_identity(void **state)
{
	struct device_object a, b, c;
	struct so so = { .fd = -1 };

	(void)state;
	so.bytes = "1234";
	so.size = 4;
	assert_int_equal(device_object_register(&a, &so, NULL), 0);
	assert_int_equal(device_object_register(&b, &so, NULL), 0);
	so.bytes = "1235";
	assert_int_equal(device_object_register(&c, &so, NULL), 0);
	assert_true(a.so.id != 0 && a.so.generation != 0);
	assert_true(a.so.id == b.so.id && a.so.generation == b.so.generation);
	assert_true(a.so.id != c.so.id || a.so.generation != c.so.generation);
	device_object_release(&a);
	device_object_release(&b);
	device_object_release(&c);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stamps),	   cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_order),	   cmocka_unit_test(test_failures),
		cmocka_unit_test(test_timeouts),   cmocka_unit_test(test_killed),
		cmocka_unit_test(test_garbage),	   cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_bad_loader), cmocka_unit_test(test_host_refuses),
		cmocka_unit_test(test_identity),
	};

	if (is_aicpu(argc, argv))
		return aicpu_be(argv);
	return cmocka_run_group_tests_name("host and AICPU", tests, rig_up, rig_down);
}
