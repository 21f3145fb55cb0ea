/* The variants of the flow, from the host to the AI cores: each with its own threads, sizes and
 * entry, and every failure told as on the first. */
#include "device/cache.h"
#include "tests/built.h"
#include "tests/device/device_rig.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define ROOM_FOR_OBJECT (512u << 10) /* and not for the small pools' 1.5 MiB */

/* A sanitizer's allocator does not survive a limit. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_IS_OURS false
#else
#define MEMORY_IS_OURS true
#endif

static void test_failures(void **state)
{
	(void)state;
	for (rig.variant = &device_variants[1]; rig.variant->platform; rig.variant++) {
		if (rig.variant->host_builds)
			continue;
		failures_check(DEVICE_FAILED, 0);
		failures_check(DEVICE_CRASHED, 0);
		failures_check(DEVICE_TIMEOUT, 1000000000);
	}
	rig.variant = &device_variants[0];
}

/* That round fails in that phase, and the process goes on. */
static void fails_once(enum phase phase, const char *words, void (*mend)(const void *context),
		       const void *context)
{
	struct err err = { "" };

	assert_true(run("works", &err) < 0);
	if (!strstr(err.text, words) || rig.result->failed_phase != phase ||
	    rig.result->failure != DEVICE_FAILED)
		fail_msg("%s: failure %d in phase %s: %s", rig.variant->runtime,
			 rig.result->failure, phase_label(rig.result->failed_phase), err.text);
	assert_int_equal(memory_usage(rig.memory).blocks, 0);
	mend(context);
	works();
	assert_false(rig.result->restarted);
	device_down();
}

static void folder_make(const void *path)
{
	assert_int_equal(mkdir(path, 0700), 0);
}

/* Every directory the file could go to has become impossible. */
static void directories_fail(void)
{
	char path[PATH_MAX], loader[PATH_MAX + 16];

	assert_non_null(realpath(built_path("."), path));
	strcat(path, "/staging-XXXXXX");
	assert_non_null(mkdtemp(path));
	snprintf(loader, sizeof(loader), "disk:dirs=%s", path);
	device_up(loader, "separate", 0);
	assert_int_equal(rmdir(path), 0);
	fails_once(PHASE_STAGE, path, folder_make, path);
	assert_int_equal(rmdir(path), 0);
}

static void limit_lift(const void *before)
{
	assert_int_equal(prlimit(device_process(rig.device), RLIMIT_AS, before, NULL), 0);
}

/* Memory enough for the object, but not for the runtime's pools. */
static void runtime_fails(void)
{
	struct rlimit before, limit;
	unsigned long pages = 0;
	char path[64];
	FILE *file;
	pid_t process;

	device_up("memfd", "separate", 0);
	process = device_process(rig.device);
	snprintf(path, sizeof(path), "/proc/%d/statm", (int)process);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	assert_int_equal(prlimit(process, RLIMIT_AS, NULL, &before), 0);
	limit = before;
	limit.rlim_cur = pages * (unsigned long)sysconf(_SC_PAGESIZE) + ROOM_FOR_OBJECT;
	assert_int_equal(prlimit(process, RLIMIT_AS, &limit, NULL), 0);
	fails_once(PHASE_CREATE, "no memory for", limit_lift, &before);
}

static void test_surroundings(void **state)
{
	(void)state;
	for (rig.variant = device_variants; rig.variant->platform; rig.variant++) {
		if (rig.variant->host_builds)
			continue;
		directories_fail();
		if (MEMORY_IS_OURS && !aicpu_command())
			runtime_fails();
		else
			print_message("the runtime's creation: not judged with another allocator "
				      "or an emulator\n");
	}
	rig.variant = &device_variants[0];
}

static const struct device_variant *variant_of(const char *platform, const char *runtime)
{
	const struct device_variant *variant = device_variant_find(platform, runtime, NULL);

	assert_non_null(variant);
	return variant;
}

/* Every variant through every transport: threads, lanes and bytes are its own. */
static void test_variants(void **state)
{
	(void)state;
	for (rig.variant = device_variants; rig.variant->platform; rig.variant++) {
		if (rig.variant->host_builds)
			continue;
		for (const struct transport *const *t = transports; *t; t++) {
			device_up("memfd", (*t)->name, 0);
			works();
			works();
			assert_int_equal(rig.result->threads, rig.variant->threads);
			for (unsigned int i = 0; i < DEVICE_THREADS_MAX; i++)
				assert_true((rig.result->lanes[i].time.span_count > 0) ==
					    (i < rig.variant->threads));
			if (strcmp((*t)->name, "dedup") == 0)
				assert_int_equal(rig.result->dma_object.bytes,
						 transport_runtime_bytes(rig.variant->workers));
			device_down();
		}
	}
	rig.variant = &device_variants[0];
}

/* An object that shares no header with this program: layouts and tables are where they must be. */
static void test_offsets(void **state)
{
	struct err err = { "" };

	(void)state;
	for (rig.variant = device_variants; rig.variant->platform; rig.variant++) {
		if (rig.variant->host_builds)
			continue;
		device_up("elf", "separate", 0);
		if (run("offsets", &err) < 0)
			fail_msg("%s: %s", rig.variant->runtime, err.text);
		assert_int_equal(rig.result->tasks, PAIRS);
		assert_int_equal(rig.result->expected_args, 2);
		assert_int_equal(rig.result->counters.edges,
				 rig.variant->operations == &runtime_abg ? PAIRS - 1 : 0);
		outputs_check();
		device_down();
	}
	rig.variant = &device_variants[0];
}

static uint64_t kernels_count(void)
{
	uint64_t count = 0;

	while (kernels[count].name)
		count++;
	return count;
}

/* What a round invalidated: every line that was sent and is read, once. A run that finds its object
 * there reads the struct up to where it would be. */
static void lines_check(const struct transport *transport, uint64_t brought)
{
	uint64_t bytes = rig.result->dma_object.bytes;

	if (strcmp(transport->name, "inline") == 0)
		bytes = brought ? bytes - brought : transport_runtime_bytes(rig.variant->workers);
	if (!rig.incoherent)
		bytes = 0;
	assert_int_equal(rig.result->lines,
			 cache_lines(NULL, bytes) + (rig.incoherent ? kernels_count() : 0));
}

static void test_lines(void **state)
{
	struct device_object object;

	(void)state;
	for (rig.variant = device_variants; rig.variant->platform; rig.variant++) {
		if (rig.variant->host_builds)
			continue;
		object_open(&object, "works");
		for (const struct transport *const *t = transports; *t; t++) {
			for (int kind = 0; kind < 3; kind++) {
				rig.incoherent = kind > 0;
				rig.when = device_when_find(kind == 2 ? "once" : "per-run", NULL);
				device_up("memfd", (*t)->name, 0);
				works();
				lines_check(*t, object.so.size);
				works();
				lines_check(*t, kind == 2 ? 0 : object.so.size);
				device_down();
			}
		}
		device_object_release(&object);
	}
	rig.variant = &device_variants[0];
	rig.incoherent = false;
	rig.when = NULL;
}

/* A round that fails before it looks at its object has invalidated no line of it; the next one, to
 * which it is not sent, does. */
static void test_lines_of_a_failed_round(void **state)
{
	const struct device_kernel unknown[] = { { .id = 1, .name = "nowhere" }, { .name = NULL } };
	const uint64_t alone = transport_runtime_bytes(ABI_A2A3_WORKERS);
	struct device_object object;
	struct err err = { "" };
	struct device_job job = { .object = &object, .args = rig.args, .arg_count = 2 * PAIRS };
	uint64_t sent;

	(void)state;
	rig.incoherent = true;
	object_open(&object, "works");
	device_up("memfd", "dedup", 0);
	args_set();
	job.kernels = unknown;
	assert_true(device_run(rig.device, &job, rig.result, &err) < 0);
	assert_int_equal(rig.result->failure, DEVICE_FAILED);
	assert_non_null(strstr(err.text, "'nowhere' is not known"));
	sent = rig.result->dma_object.bytes;
	assert_true(sent > alone + object.so.size);
	works();
	assert_int_equal(rig.result->dma_object.bytes, alone);
	assert_int_equal(rig.result->lines, cache_lines(NULL, sent) + kernels_count());
	works();
	assert_int_equal(rig.result->lines, cache_lines(NULL, alone) + kernels_count());
	device_down();
	device_object_release(&object);
	rig.incoherent = false;
}

/* A new process has nothing: what was kept is sent again. */
static void test_reset(void **state)
{
	const uint64_t alone = transport_runtime_bytes(ABI_A2A3_WORKERS);
	struct err err = { "" };

	(void)state;
	device_up("memfd", "dedup", 0);
	works();
	assert_true(rig.result->dma_object.bytes > alone);
	works();
	assert_int_equal(rig.result->dma_object.bytes, alone);
	assert_true(run("entry_crashes", &err) < 0);
	works();
	assert_true(rig.result->restarted);
	assert_true(rig.result->dma_object.bytes > alone);
	works();
	assert_int_equal(rig.result->dma_object.bytes, alone);
	device_down();
}

static void test_variant_names(void **state)
{
	struct err err = { "" };

	(void)state;
	assert_int_equal(variant_of("a2a3", "aicpu_build_graph")->workers, 72);
	assert_int_equal(variant_of("a5", "tensormap_and_ringbuffer")->workers, 108);
	assert_null(device_variant_find("a5", "aicpu_build_graph", &err));
	assert_non_null(strstr(err.text, "simpler has no aicpu_build_graph for a5"));
	assert_null(device_variant_find("a2a", "aicpu_build_graph", &err));
	assert_non_null(strstr(err.text, "did you mean 'a2a3'"));
	assert_null(device_variant_find("a2a3", "aicpu_built_graph", &err));
	assert_non_null(strstr(err.text, "did you mean 'aicpu_build_graph'"));
	for (int i = 0; device_variants[i].platform; i++) {
		assert_ptr_equal(device_variant_at(i), &device_variants[i]);
		assert_int_equal(device_variant_index(&device_variants[i]), i);
		assert_null(device_variant_at(-1));
		assert_in_range(device_variants[i].threads, 2, DEVICE_THREADS_MAX);
	}
	assert_null(device_variant_at(1000));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failures),     cmocka_unit_test(test_variants),
		cmocka_unit_test(test_surroundings), cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_lines),	     cmocka_unit_test(test_lines_of_a_failed_round),
		cmocka_unit_test(test_reset),	     cmocka_unit_test(test_variant_names),
	};

	if (is_aicpu(argc, argv))
		return aicpu_be(argv);
	return cmocka_run_group_tests_name("variants", tests, rig_up, rig_down);
}
