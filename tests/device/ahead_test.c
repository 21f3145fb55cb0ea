/*
 * Objects relocated ahead: the device tells where they will lie, the host computes the relative
 * words once, and the device computes none. Where it cannot lie there it computes them itself and
 * says so; what the object answers is the same either way.
 */
#include "tests/device/device_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <cmocka.h>

/* The round was right, what runs is what was sent, and nothing was left to relocate. */
static void ahead_check(void)
{
	const struct device_result *result = rig.result;

	assert_true(result->ahead.base != 0 && result->ahead.relatives > 0);
	if (result->report.base != result->ahead.base)
		fail_msg("for 0x%llx, at 0x%llx: %s", (unsigned long long)result->ahead.base,
			 (unsigned long long)result->report.base, result->report.note);
	assert_true(result->report.relatives == 0);
	assert_null(result->report.note);
	assert_int_equal(result->verdict.freshness,
			 result->report.hit ? FRESHNESS_REUSED : FRESHNESS_FRESH);
}

static void test_every_transport(void **state)
{
	static const char *const loaders[] = { "elf:agreed", "elf:agreed:dualmap",
					       "prelinked:agreed" };

	(void)state;
	for (size_t l = 0; l < sizeof(loaders) / sizeof(loaders[0]); l++) {
		for (const struct transport *const *t = transports; *t; t++) {
			uint64_t ns = 0;

			device_up(loaders[l], (*t)->name, 0);
			for (int round = 0; round < 3; round++) {
				works();
				ahead_check();
				assert_string_equal(rig.result->ahead.reason, "");
				assert_int_equal(rig.result->report.hit,
						 round > 0 && strncmp(loaders[l], "elf", 3) != 0);
				/* Once: every later round tells of the same one. */
				assert_true(round == 0 || rig.result->ahead.ns == ns);
				ns = rig.result->ahead.ns;
			}
			device_down();
		}
	}
}

/* What the host computes is what the device would have. */
static void test_as_many_words(void **state)
{
	uint64_t ahead;

	(void)state;
	device_up("elf:agreed", "rightsize", 0);
	works();
	ahead = rig.result->ahead.relatives;
	device_down();
	device_up("elf", "rightsize", 0);
	works();
	assert_true(rig.result->ahead.base == 0);
	assert_string_equal(rig.result->ahead.reason, "");
	assert_true(ahead > 0 && rig.result->report.relatives == ahead);
	device_down();
}

/* The object with another build-id: content of its own that computes the same. */
static void object_vary(struct device_object *ret_object, unsigned int number)
{
	static const unsigned char note[16] = {
		4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U'
	};
	struct device_object plain;
	unsigned char *at;

	object_open(&plain, "works");
	at = memmem(plain.so.bytes, plain.so.size, note, sizeof(note));
	assert_non_null(at);
	memcpy(at + sizeof(note), &number, sizeof(number));
	assert_int_equal(device_object_register(ret_object, &plain.so, NULL), 0);
	device_object_release(&plain);
}

/* Twice as many contents as are kept, each twice in a row and all of them twice. */
#define CONTENTS 16
static void changed_objects(const char *loader, const char *transport)
{
	struct device_object objects[CONTENTS];
	struct err err = { "" };

	device_up(loader, transport, 0);
	for (unsigned int i = 0; i < CONTENTS; i++)
		object_vary(&objects[i], i + 1);
	for (unsigned int i = 0; i < 4 * CONTENTS; i++) {
		struct device_object *object = &objects[i / 2 % CONTENTS];
		struct device_job job = { .object = object,
					  .args = rig.args,
					  .arg_count = 2 * PAIRS,
					  .kernels = kernels };

		args_set();
		if (device_run(rig.device, &job, rig.result, &err) < 0)
			fail_msg("%s", err.text);
		outputs_check();
		ahead_check();
	}
	for (unsigned int i = 0; i < CONTENTS; i++)
		device_object_release(&objects[i]);
	device_down();
}

static void test_changed_objects(void **state)
{
	(void)state;
	changed_objects("elf:agreed", "dedup");
	changed_objects("elf:agreed", "trimmed");
	changed_objects("prelinked:agreed", "rightsize");
}

/* Somebody else is where the slots were to be: the device says where they are instead. */
static void test_address_taken(void **state)
{
	char loader[64];

	(void)state;
	device_up("elf:agreed", "separate", 0);
	works();
	device_down();
	snprintf(loader, sizeof(loader), "elf:agreed:at=0x%llx",
		 (unsigned long long)memory_base(rig.memory));
	device_up(loader, "separate", 0);
	works();
	ahead_check();
	assert_non_null(strstr(rig.result->ahead.reason, "is taken on the device"));
	device_down();
}

/* An object that never leaves has the slot: the next one lies elsewhere, and is right there. */
static void test_slot_taken(void **state)
{
	const struct device_result *result = rig.result;
	struct err err = { "" };

	(void)state;
	device_up("elf:agreed", "rightsize", 0);
	assert_int_equal(run("stays", &err), 0);
	ahead_check();
	works();
	assert_true(result->report.base != result->ahead.base);
	assert_true(result->report.relatives == result->ahead.relatives);
	assert_non_null(result->report.note);
	assert_non_null(strstr(result->report.note, "taken: relocated here"));
	assert_int_equal(result->verdict.freshness, FRESHNESS_FRESH);
	device_down();
}

/* The process that follows is to put them where the first one did. */
static void test_restart(void **state)
{
	uint64_t base;
	siginfo_t end;

	(void)state;
	device_up("elf:agreed", "dedup", 0);
	works();
	base = rig.result->ahead.base;
	kill(device_process(rig.device), SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)device_process(rig.device), &end, WEXITED | WNOWAIT),
			 0);
	works();
	assert_true(rig.result->restarted);
	ahead_check();
	/* Its own libraries may happen to lie there. */
	assert_int_equal(rig.result->ahead.base == base, rig.result->ahead.reason[0] == '\0');
	device_down();
}

/* What is no object goes to the device as it is, which refuses it; one that agrees on nothing gets
 * nothing. */
static void test_left_as_it_is(void **state)
{
	static const char garbage[5000] = "#!/bin/sh";
	const struct so so = { .bytes = garbage, .size = sizeof(garbage), .fd = -1 };
	struct device_object object;
	struct device_job job = { .object = &object, .args = rig.args, .kernels = kernels };
	struct err err = { "" };

	(void)state;
	assert_int_equal(device_object_register(&object, &so, &err), 0);
	device_up("elf:agreed", "separate", 0);
	assert_true(device_run(rig.device, &job, rig.result, &err) < 0);
	assert_int_equal(rig.result->failure, DEVICE_FAILED);
	assert_true(rig.result->ahead.base == 0 && rig.result->ahead.reason[0]);
	works();
	ahead_check();
	device_down();
	device_object_release(&object);
}

static void test_refusals(void **state)
{
	struct device_options options = { .program = program.name,
					  .command = aicpu_command(),
					  .transport = transport_find("inline", NULL),
					  .dma = rig.dma };
	struct device *device = NULL;
	struct err err = { "" };

	(void)state;
	options.loader = "elf:fresh:agreed";
	assert_int_equal(device_open(&device, rig.memory, &options, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "no address can be agreed"));
	options.loader = "elf:at=4097";
	assert_int_equal(device_open(&device, rig.memory, &options, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no multiple of 2 MB"));
	assert_null(device);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_transport), cmocka_unit_test(test_as_many_words),
		cmocka_unit_test(test_changed_objects), cmocka_unit_test(test_address_taken),
		cmocka_unit_test(test_slot_taken),	cmocka_unit_test(test_restart),
		cmocka_unit_test(test_left_as_it_is),	cmocka_unit_test(test_refusals),
	};

	if (is_aicpu(argc, argv))
		return aicpu_be(argv);
	return cmocka_run_group_tests_name("relocated ahead", tests, rig_up, rig_down);
}
