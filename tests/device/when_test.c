/*
 * Life cycles: when an object is loaded and for how long, with every transport, several loaders and
 * every variant; and random sequences of changed objects in many places, in which always the object
 * of the round must run, whatever was there before.
 */
#include "bench/repro/mark.h"
#include "tests/device/device_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <cmocka.h>

#define LOAD_MARKS 6

static const char *const loaders[] = { "disk",	      "tmpfs",	 "memfd",     "cached", "elf",
				       "elf:dualmap", "elf:map", "prelinked", "auto" };

static void when_set(const char *name)
{
	rig.when = device_when_find(name, NULL);
	assert_non_null(rig.when);
}

/* The object that works, as another one. */
static void marked_open(struct device_object *ret_object, unsigned int number)
{
	struct device_object plain;
	struct so so;
	void *bytes;

	object_open(&plain, "works");
	bytes = malloc(plain.so.size);
	assert_non_null(bytes);
	memcpy(bytes, plain.so.bytes, plain.so.size);
	so = (struct so){ .bytes = bytes, .size = plain.so.size, .fd = -1 };
	assert_int_equal(mark_object(bytes, plain.so.size, number, NULL), 1);
	assert_int_equal(device_object_register(ret_object, &so, NULL), 0);
	device_object_release(&plain);
	free(bytes);
}

static void must_run(const struct device_object *object, unsigned int callable)
{
	struct err err = { "" };

	if (run_object(object, callable, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(rig.result->tasks, PAIRS);
	outputs_check();
}

static void must_register(const struct device_object *object, unsigned int callable)
{
	struct err err = { "" };

	if (device_register(rig.device, object, callable, rig.result, &err) < 0)
		fail_msg("%s", err.text);
}

static bool lane_has(const struct device_lane *lane, enum phase phase)
{
	for (uint32_t i = 0; i < lane->time.span_count; i++) {
		if (lane->spans[i].phase == phase)
			return true;
	}
	return false;
}

static const struct device_lane *loading_lane(void)
{
	return &rig.result->lanes[rig.result->threads - 1];
}

/* Where the object was read and where it was unloaded in that round. */
static void loads_check(bool ahead, bool within, bool unloads)
{
	assert_int_equal(lane_has(&rig.result->early, PHASE_READ), ahead);
	assert_int_equal(lane_has(loading_lane(), PHASE_READ), within);
	assert_int_equal(lane_has(loading_lane(), PHASE_UNLOAD), unloads);
	assert_true(lane_has(loading_lane(), PHASE_CALL));
	assert_int_not_equal(rig.result->verdict.freshness, FRESHNESS_STALE);
	assert_true(rig.result->verdict.reason[0] != '\0');
}

static uint64_t bytes_bare(const struct transport *transport)
{
	const struct transport_host bare = { .workers = rig.variant->workers };
	size_t bytes = 0;

	assert_int_equal(transport->host_bytes(&bare, &bytes, NULL), 0);
	assert_int_equal(bytes,
			 transport_runtime_bytes(rig.variant->workers) +
				 (strcmp(transport->name, "inline") == 0 ? ABI_SO_BYTES_MAX : 0));
	return bytes;
}

static void per_run_check(const struct device_object *object)
{
	for (int round = 0; round < 2; round++) {
		must_run(object, 0);
		loads_check(false, true, true);
		assert_false(device_has(rig.device, object, 0));
	}
}

/* The first loads; later ones send no object and find it. */
static void once_check(const struct device_object *object)
{
	for (int round = 0; round < 3; round++) {
		must_run(object, 0);
		loads_check(false, round == 0, false);
		assert_true(device_has(rig.device, object, 0));
		if (round == 0)
			continue;
		assert_int_equal(rig.result->verdict.freshness, FRESHNESS_REUSED);
		assert_int_equal(rig.result->report.load_bytes, 0);
		assert_int_equal(rig.result->dma_object.bytes, bytes_bare(rig.transport));
	}
}

static void register_check(const struct device_object *object)
{
	struct err err = { "" };

	assert_int_equal(run_object(object, 0, &err), -ENOENT);
	assert_int_equal(rig.result->failure, DEVICE_REFUSED);
	assert_non_null(strstr(err.text, "not registered"));
	must_register(object, 0);
	assert_true(lane_has(&rig.result->early, PHASE_READ));
	assert_int_not_equal(rig.result->verdict.freshness, FRESHNESS_STALE);
	assert_true(rig.result->dma_object.bytes >= bytes_bare(rig.transport));
	for (int round = 0; round < 3; round++) {
		must_run(object, 0);
		loads_check(false, false, false);
		assert_int_equal(rig.result->dma_object.bytes, bytes_bare(rig.transport));
	}
	assert_int_equal(device_unregister(rig.device, 0, rig.result, &err), 0);
	assert_true(lane_has(&rig.result->early, PHASE_UNLOAD));
	assert_int_equal(run_object(object, 0, &err), -ENOENT);
}

static void prewarm_check(const struct device_object *object)
{
	for (int round = 0; round < 3; round++) {
		must_run(object, 0);
		loads_check(true, false, true);
		assert_false(lane_has(&rig.result->early, PHASE_UNLOAD));
		assert_false(device_has(rig.device, object, 0));
	}
}

static const struct {
	const char *name;
	void (*check)(const struct device_object *object);
} checks[] = {
	{ "per-run", per_run_check },
	{ "once", once_check },
	{ "register", register_check },
	{ "prewarm", prewarm_check },
};

static void checks_run(const char *loader, const struct transport *transport)
{
	struct device_object object;

	rig.transport = transport;
	object_open(&object, "works");
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		when_set(checks[i].name);
		device_up(loader, transport->name, 0);
		checks[i].check(&object);
		device_down();
	}
	device_object_release(&object);
	rig.when = NULL;
}

static void test_loaders(void **state)
{
	(void)state;
	for (size_t l = 0; l < sizeof(loaders) / sizeof(loaders[0]); l++) {
		checks_run(loaders[l], transport_find("separate", NULL));
		checks_run(loaders[l], transport_find("dedup", NULL));
	}
}

static void test_variants(void **state)
{
	(void)state;
	for (rig.variant = device_variants; rig.variant->platform; rig.variant++) {
		for (const struct transport *const *t = transports; *t && !rig.variant->host_builds;
		     t++)
			checks_run("memfd", *t);
	}
	rig.variant = &device_variants[0];
}

/* A random walk over places and contents. A place is sometimes given another content, the device
 * is sometimes killed, a round sometimes fails: what runs is always what was asked for. */
static void walk(const char *loader, const char *transport, unsigned int places, int steps)
{
	struct device_object marked[LOAD_MARKS];
	unsigned int content[DEVICE_CALLABLES_MAX] = { 0 };
	uint64_t random = 11;
	siginfo_t end;
	struct err err = { "" };

	for (unsigned int i = 0; i < LOAD_MARKS; i++)
		marked_open(&marked[i], i);
	device_up(loader, transport, 0);
	for (int step = 0; step < steps; step++) {
		unsigned int place, chance;

		random = random * 6364136223846793005u + 1442695040888963407u;
		place = (unsigned int)(random >> 33) % places;
		chance = (unsigned int)(random >> 40) % 32;
		if (chance < 8)
			content[place] = (content[place] + 1) % LOAD_MARKS;
		if (chance == 9) {
			kill(device_process(rig.device), SIGKILL);
			waitid(P_PID, (id_t)device_process(rig.device), &end, WEXITED | WNOWAIT);
		}
		if (rig.when->early && rig.when->kept &&
		    !device_has(rig.device, &marked[content[place]], place))
			must_register(&marked[content[place]], place);
		must_run(&marked[content[place]], place);
		assert_int_equal(rig.result->expected_args, mark_answer(content[place]));
		assert_int_not_equal(rig.result->verdict.freshness, FRESHNESS_STALE);
		assert_int_equal(device_has(rig.device, &marked[content[place]], place),
				 rig.when->kept);
		if (chance == 10) {
			struct device_job none = { .object = &marked[0], .kernels = kernels };

			none.arg_count = ABI_HOST_ARGS_MAX + 1;
			assert_true(device_run(rig.device, &none, rig.result, &err) < 0);
			assert_true(rig.when->kept || !device_has(rig.device, &marked[0], 0));
		}
	}
	device_down();
	for (unsigned int i = 0; i < LOAD_MARKS; i++)
		device_object_release(&marked[i]);
}

static void test_changes(void **state)
{
	static const char *const many[] = {
		"memfd",       "tmpfs",	 "elf", "prelinked:entries=2", "cached:entries=3",
		"disk:mended", "elf:map"
	};

	(void)state;
	for (const struct device_when *when = device_whens; when->name; when++) {
		rig.when = when;
		for (size_t l = 0; l < sizeof(many) / sizeof(many[0]); l++) {
			walk(many[l], l % 2 ? "dedup" : "trimmed", 5, 40);
			walk(many[l], "rightsize", 1, 15);
		}
		walk("disk", "separate", 1, 15);
	}
	rig.when = NULL;
}

/* As many objects as a device has places for, each switched to twice, and not one more. */
static void test_places(void **state)
{
	struct device_object objects[DEVICE_CALLABLES_MAX];
	struct err err = { "" };

	(void)state;
	when_set("register");
	device_up("elf", "dedup", 0);
	for (unsigned int place = 0; place < DEVICE_CALLABLES_MAX; place++) {
		marked_open(&objects[place], place);
		must_register(&objects[place], place);
	}
	for (unsigned int i = 0; i < 2 * DEVICE_CALLABLES_MAX; i++) {
		unsigned int place = i * 37 % DEVICE_CALLABLES_MAX;

		must_run(&objects[place], place);
		assert_int_equal(rig.result->expected_args, mark_answer(place));
	}
	assert_int_equal(
		device_register(rig.device, &objects[0], DEVICE_CALLABLES_MAX, rig.result, &err),
		-EINVAL);
	assert_non_null(strstr(err.text, "places for 64"));
	assert_false(device_has(rig.device, &objects[0], DEVICE_CALLABLES_MAX));
	device_down();
	for (unsigned int place = 0; place < DEVICE_CALLABLES_MAX; place++)
		device_object_release(&objects[place]);
	rig.when = NULL;
}

static void register_fails(const char *name, enum device_failure failure, enum phase phase,
			   const char *words)
{
	struct device_object object, good;
	struct err err = { "" };

	object_open(&object, name);
	object_open(&good, "works");
	assert_true(device_register(rig.device, &object, 3, rig.result, &err) < 0);
	assert_int_equal(rig.result->failure, failure);
	assert_int_equal(rig.result->failed_phase, phase);
	if (!strstr(err.text, words))
		fail_msg("%s: %s", name, err.text);
	assert_false(device_has(rig.device, &object, 3));
	assert_int_equal(run_object(&object, 3, &err), -ENOENT);
	must_register(&good, 3);
	must_run(&good, 3);
	device_object_release(&object);
	device_object_release(&good);
}

/* What fails at registration is told there and then, and the device goes on. */
static void test_register_failures(void **state)
{
	(void)state;
	when_set("register");
	device_up("memfd", "separate", 1000000000);
	register_fails("no_entry", DEVICE_FAILED, PHASE_RESOLVE, "aicpu_orchestration_entry");
	register_fails("constructor_crashes", DEVICE_CRASHED, PHASE_LINK, "SIGSEGV");
	register_fails("constructor_exits", DEVICE_CRASHED, PHASE_LINK, "status 7");
	register_fails("constructor_endless", DEVICE_TIMEOUT, PHASE_LINK, "no progress");
	device_down();
	rig.when = NULL;
}

/* The object was loaded, and then the host refuses the run: nothing stays loaded. */
static void refused_after_load(void)
{
	static struct device_arg many[ABI_HOST_ARGS_MAX + 1];
	struct device_object object;
	struct device_job job = { .object = &object, .args = many, .kernels = kernels };
	struct err err = { "" };

	object_open(&object, "works");
	for (int i = 0; i < 2; i++) {
		job.arg_count = i ? 1 : ABI_HOST_ARGS_MAX + 1;
		many[0] = (struct device_arg){ .kind = i ? DEVICE_ARG_OUTPUT : DEVICE_ARG_SCALAR,
					       .size = i ? MEMORY_BYTES + 1 : 0 };
		assert_int_equal(device_run(rig.device, &job, rig.result, &err),
				 i ? -ENOMEM : -EINVAL);
		assert_int_equal(rig.result->failure, DEVICE_REFUSED);
		assert_int_equal(rig.result->failed_phase, PHASE_ARGS);
		assert_true(lane_has(&rig.result->early, PHASE_READ));
		assert_false(device_has(rig.device, &object, 0));
		must_run(&object, 0);
		assert_false(rig.result->restarted);
		assert_false(lane_has(&rig.result->early, PHASE_UNLOAD));
	}
	device_object_release(&object);
}

/* The same while the host prepares a run: the run is not begun. */
static void test_prewarm_failures(void **state)
{
	struct device_object object;
	struct err err = { "" };

	(void)state;
	when_set("prewarm");
	device_up("memfd", "separate", 1000000000);
	assert_true(run("no_entry", &err) < 0);
	assert_int_equal(rig.result->failure, DEVICE_FAILED);
	assert_int_equal(rig.result->failed_phase, PHASE_RESOLVE);
	works();
	assert_true(run("constructor_crashes", &err) < 0);
	assert_int_equal(rig.result->failure, DEVICE_CRASHED);
	works();
	assert_true(run("constructor_endless", &err) < 0);
	assert_int_equal(rig.result->failure, DEVICE_TIMEOUT);
	works();
	assert_true(run("few_args", &err) < 0);
	assert_int_equal(rig.result->failed_phase, PHASE_CALL);
	works();
	object_open(&object, "works");
	assert_false(device_has(rig.device, &object, 0));
	device_object_release(&object);
	refused_after_load();
	device_down();
	rig.when = NULL;
}

static void test_names(void **state)
{
	struct device_options options = { .program = program.name,
					  .loader = "null",
					  .transport = transport_find("inline", NULL) };
	struct device *device = NULL;
	struct err err = { "" };

	(void)state;
	assert_null(device_when_find("prewarn", &err));
	assert_non_null(strstr(err.text, "did you mean 'prewarm'"));
	assert_null(device_when_find("", &err));
	for (const struct device_when *when = device_whens; when->name; when++)
		assert_ptr_equal(device_when_find(when->name, NULL), when);
	/* Without meaning where the host loads. */
	options.dma = rig.dma;
	options.variant = device_variant_find("a2a3", "host_build_graph", NULL);
	options.when = device_when_find("prewarm", NULL);
	assert_int_equal(device_open(&device, rig.memory, &options, &err), -EINVAL);
	assert_non_null(strstr(err.text, "before it rings in any case"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loaders),
		cmocka_unit_test(test_variants),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_register_failures),
		cmocka_unit_test(test_prewarm_failures),
		cmocka_unit_test(test_names),
	};

	if (is_aicpu(argc, argv))
		return aicpu_be(argv);
	return cmocka_run_group_tests_name("life cycles", tests, rig_up, rig_down);
}
