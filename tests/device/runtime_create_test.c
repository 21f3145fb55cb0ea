/* Creating a runtime: sizes that are refused, resources that are missing, memory that runs out. */
#include "tests/device/runtime_rig.h"
#include "tests/emulator.h"

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static void expect_config(struct runtime_config config, const char *words)
{
	struct err err = { "" };

	if (!config.schedulers)
		config.schedulers = 1;
	assert_int_equal(runtime_config_resolve(&config, &err), -EINVAL);
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
}

static void test_config(void **state)
{
	(void)state;
	expect_config((struct runtime_config){ .task_window = 2 }, "task window of 2");
	expect_config((struct runtime_config){ .task_window = 24 }, "task window of 24");
	expect_config((struct runtime_config){ .task_window = UINT64_MAX }, "task window");
	expect_config((struct runtime_config){ .heap_bytes = 512 }, "heap of 512");
	expect_config((struct runtime_config){ .heap_bytes = 1ull << 60 }, "heap of");
	expect_config((struct runtime_config){ .dep_pool = 3 }, "pool of 3");
	expect_config((struct runtime_config){ .schedulers = 7 }, "7 scheduler");
	expect_config((struct runtime_config){ .pools = (enum runtime_pools)5 }, "preset 5");
}

static void test_resources(void **state)
{
	struct aicore_config cores_config = { .aic = 2, .aiv = 3, .threads = 1 };
	struct runtime_config config = { .schedulers = 1, .task_window = 4, .heap_bytes = 1024 };
	_Alignas(64) static uint8_t shared[65536], heap[4096];
	uint64_t functions[ABI_KERNELS_MAX] = { 0 };
	struct runtime_resources resources = { .shared = shared, .shared_bytes = sizeof(shared) };
	struct runtime *rt = NULL;
	struct err err;

	(void)state;
	resources.shared_bytes = 1000;
	assert_int_equal(runtime_create(&config, &resources, &rt, &err), -EINVAL);
	assert_non_null(strstr(err.text, "1000 bytes of shared memory"));
	resources.shared_bytes = sizeof(shared);
	assert_int_equal(runtime_create(&config, &resources, &rt, &err), -EINVAL);
	assert_non_null(strstr(err.text, "heap is missing"));
	resources.heap = heap;
	resources.heap_bytes = 1024;
	assert_int_equal(runtime_create(&config, &resources, &rt, &err), -EINVAL);
	assert_non_null(strstr(err.text, "1024 bytes of heap"));
	resources.heap_bytes = sizeof(heap);
	assert_int_equal(runtime_create(&config, &resources, &rt, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no AI cores"));
	resources.functions = functions;
	assert_int_equal(aicore_start(&cores_config, &resources.cores, &err), 0);
	assert_int_equal(runtime_create(&config, &resources, &rt, &err), -EINVAL);
	assert_non_null(strstr(err.text, "2 AIC and 3 AIV"));
	assert_int_equal(aicore_stop(resources.cores, 1000000000, NULL), 0);
	assert_null(rt);
}

static rlim_t address_space_used(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Memory runs out at every step of the creation in turn: an error in words, and nothing is kept. */
static void test_out_of_memory(void **state)
{
	struct rig rig = { 0 };
	struct runtime_resources resources;
	struct rlimit before, limit;
	unsigned int step, refused = 0;
	rlim_t used;

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	print_message("sanitizers need address space of their own: not limited here\n");
	skip();
#endif
	if (emulator_words(NULL)) {
		print_message("QEMU passes no limit of the address space on\n");
		skip();
	}
	/* Pools in mappings of their own: not in memory freed before, so this test is the first,
	 * and not in what glibc reserves per thread. */
	mallopt(M_MMAP_THRESHOLD, 16384);
	mallopt(M_ARENA_MAX, 1);
	rig_open(&rig);
	runtime_gate_stop(&rig.gate, ECANCELED, NULL);
	resources = (struct runtime_resources){ .shared = rig.shared,
						.shared_bytes = runtime_shared_bytes(&rig.config),
						.heap = rig.heap,
						.heap_bytes = runtime_heap_bytes(&rig.config),
						.functions = rig.functions,
						.cores = rig.cores };
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	used = address_space_used();
	for (step = 0; step < 40; step++) {
		struct runtime *rt = NULL;
		int r;

		limit = (struct rlimit){ used + step * (64u << 10), before.rlim_max };
		assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
		r = runtime_create(&rig.config, &resources, &rt, &rig.err);
		assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
		if (r == 0) {
			runtime_destroy(rt);
			continue;
		}
		assert_int_equal(r, -ENOMEM);
		assert_non_null(strstr(rig.err.text, "no memory for"));
		assert_null(rt);
		refused++;
	}
	assert_true(refused > 10 && refused < step);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_resources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
