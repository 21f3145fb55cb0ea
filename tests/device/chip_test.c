/*
 * Two dies of one chip: their AICPUs share a file system and the process number in names, so that
 * upstream's loader gives both files one name and every other loader does not; and each goes on
 * when the other ends.
 */
#include "tests/device/device_rig.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define CHIP 4711

static struct die {
	struct memory *memory;
	struct dma *dma;
	struct device *device;
} dies[2];

static void die_open(struct die *die, const char *loader, struct device *beside)
{
	struct err err = { "" };
	struct device_options options = {
		.loader = loader,
		.program = program.name,
		.command = aicpu_command(),
		.transport = transport_find("separate", NULL),
		.variant = rig.variant,
		.pools = RUNTIME_POOLS_SMALL,
		.chip = CHIP,
		.beside = beside,
	};

	assert_int_equal(memory_open(&die->memory, memory_bytes(rig.memory), &err), 0);
	assert_int_equal(dma_open(&die->dma, die->memory, &dma_models[0], &err), 0);
	options.dma = die->dma;
	if (device_open(&die->device, die->memory, &options, &err) < 0)
		fail_msg("%s", err.text);
}

static void chip_open(const char *loader)
{
	die_open(&dies[0], loader, NULL);
	die_open(&dies[1], loader, dies[0].device);
}

static void chip_close(void)
{
	for (int i = 0; i < 2; i++) {
		device_close(dies[i].device);
		dma_close(dies[i].dma);
		memory_close(dies[i].memory);
	}
	rig.device = NULL;
}

static void die_works(int die)
{
	rig.device = dies[die].device;
	works();
	assert_int_not_equal(rig.result->verdict.freshness, FRESHNESS_STALE);
}

/* Where each die staged, one after the other. */
static void names_take(const char *loader, char (*ret_names)[STAGED_PATH_BYTES])
{
	chip_open(loader);
	for (int i = 0; i < 2; i++) {
		die_works(i);
		memcpy(ret_names[i], rig.result->staged_at, STAGED_PATH_BYTES);
		assert_true(ret_names[i][0] != '\0');
	}
	assert_string_equal(device_directories(dies[0].device), device_directories(dies[1].device));
	chip_close();
}

static void test_names(void **state)
{
	char names[2][STAGED_PATH_BYTES];

	(void)state;
	names_take("disk", names);
	assert_string_equal(names[0], names[1]);
	assert_non_null(strstr(names[0], "/libdevice_orch_4711.so"));
	names_take("disk:mended", names);
	assert_string_not_equal(names[0], names[1]);
	names_take("tmpfs", names);
	assert_string_not_equal(names[0], names[1]);
}

/* Killed, an AICPU leaves the folder to the other one, and comes back into it. */
static void test_one_ends(void **state)
{
	(void)state;
	chip_open("disk");
	for (int i = 0; i < 2; i++) {
		pid_t pid = device_process(dies[i].device);

		assert_true(pid > 0);
		kill(pid, SIGKILL);
		usleep(50000);
		die_works(1 - i);
		assert_false(rig.result->restarted);
		die_works(i);
		assert_true(rig.result->restarted);
		die_works(1 - i);
	}
	chip_close();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_one_ends),
	};

	if (is_aicpu(argc, argv))
		return aicpu_be(argv);
	return cmocka_run_group_tests_name("the dies of a chip", tests, rig_up, rig_down);
}
