/*
 * host_build_graph's failures: the object runs in the host, so a crash or a loop without end in it
 * is the host's own. Each case in a process of its own, because what was opened once stays, and
 * after a crash nothing else may be loaded.
 */
#include "tests/device/device_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define TIMEOUT_NS 1000000000

/* Nothing ever says that a thread that hangs is done with the memory it has read. */
#ifdef __SANITIZE_THREAD__
#define HANGS_ARE_JUDGED false
#else
#define HANGS_ARE_JUDGED true
#endif

/* In a child an assertion is this: a line, and the exit code. */
static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", what);
	_exit(1);
}

/* It leaves as programs do: through exit(), which may not hang either. */
static void in_child(void (*check)(const void *context), const void *context)
{
	int status = 0;
	pid_t child;

	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		alarm(60);
		check(context);
		exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("the child ended with status 0x%x", status);
}

static const struct failure {
	const char *object;
	enum device_failure kind;
	enum phase phase;
	const char *words;
	bool stays; /* in the process, where nothing else is loaded then */
} failures[] = {
	{ "no_entry", DEVICE_REFUSED, PHASE_RESOLVE, "build_paged_attention_graph", false },
	{ "few_args", DEVICE_REFUSED, PHASE_ORCHESTRATE, "returned -1", false },
	{ "kernel_unknown", DEVICE_FAILED, PHASE_ORCHESTRATE, "9", false },
	{ "kernel_crashes", DEVICE_CRASHED, PHASE_SCHEDULE, "in a kernel", false },
	{ "kernel_endless", DEVICE_TIMEOUT, PHASE_DRAIN, "", false },
	{ "constructor_crashes", DEVICE_CRASHED, PHASE_LINK, "SIGSEGV at address 0x10", true },
	{ "constructor_aborts", DEVICE_CRASHED, PHASE_LINK, "SIGABRT", true },
	{ "constructor_overflows", DEVICE_CRASHED, PHASE_LINK, "SIGSEGV", true },
	{ "constructor_endless", DEVICE_TIMEOUT, PHASE_LINK, "did not return", true },
	{ "constructor_deaf", DEVICE_TIMEOUT, PHASE_LINK, "did not return", true },
	{ "entry_crashes", DEVICE_CRASHED, PHASE_ORCHESTRATE, "SIGSEGV at address 0x10", true },
	{ "entry_endless", DEVICE_TIMEOUT, PHASE_ORCHESTRATE, "did not return", true },
	{ "entry_submits", DEVICE_TIMEOUT, PHASE_ORCHESTRATE, "did not return", true },
	{ "entry_exits", DEVICE_CRASHED, PHASE_ORCHESTRATE, "called exit(3) in the host", true },
};

/* One sentence and the phase; nothing stays in /tmp; what comes after works or is refused. */
static void failure_check(const void *context)
{
	const struct failure *failure = context;
	struct err err = { "" };
	char path[64];

	device_up("null", "", TIMEOUT_NS);
	must(run(failure->object, &err) < 0, "it does not fail");
	if (!strstr(err.text, failure->words) || !failure_phase_is(failure->phase) ||
	    rig.result->failure != failure->kind) {
		fprintf(stderr, "failure %d in phase %s: %s\n", rig.result->failure,
			phase_label(rig.result->failed_phase), err.text);
		_exit(1);
	}
	snprintf(path, sizeof(path), "/tmp/orch_so_%d.so", (int)getpid());
	must(access(path, F_OK) < 0, "a file stays in /tmp");
	must(memory_usage(rig.memory).blocks == 0, "device memory stays");
	if (failure->stays) {
		must(run("works", &err) == -ENOTRECOVERABLE, "another is loaded");
		must(rig.result->failure == DEVICE_REFUSED, "and not refused");
	} else if (strncmp(failure->object, "kernel", 6) != 0) {
		must(run("works", &err) == 0, err.text);
	}
	device_close(rig.device);
	/* What was given up goes on meanwhile, and finds what it was given. */
	if (failure->stays && failure->kind == DEVICE_TIMEOUT)
		usleep(100000);
}

static void test_failures(void **state)
{
	(void)state;
	for (int platform = 0; platform < 2; platform++) {
		rig.variant =
			device_variant_find(platform ? "a5" : "a2a3", "host_build_graph", NULL);
		for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
			bool hangs = failures[i].kind == DEVICE_TIMEOUT;

			if (hangs && platform)
				continue; /* the same code; each costs its patience */
			if (hangs && failures[i].stays && !HANGS_ARE_JUDGED) {
				print_message("%s: not judged under TSan\n", failures[i].object);
				continue;
			}
			print_message("%s\n", failures[i].object);
			in_child(failure_check, &failures[i]);
		}
	}
}

/* The handle that is never closed answers for the same bytes, which is right, and for others. */
static void per_run_check(const void *context)
{
	struct err err = { "" };

	(void)context;
	device_up("null", "", 0);
	must(run("works", &err) == 0, err.text);
	must(rig.result->verdict.freshness == FRESHNESS_FRESH, "the first is not fresh");
	must(run("works", &err) == 0, err.text);
	must(rig.result->verdict.freshness == FRESHNESS_REUSED, "the second is not reused");
	must(run("few_args", &err) == 0, err.text);
	must(rig.result->verdict.freshness == FRESHNESS_STALE, "the third is not stale");
	device_close(rig.device);
}

/* A place that keeps its object loads another one when it changes. */
static void once_check(const void *context)
{
	struct err err = { "" };

	(void)context;
	device_up("null", "", TIMEOUT_NS);
	for (int round = 0; round < (HANGS_ARE_JUDGED ? 2 : 1); round++) {
		int r = run(round % 2 ? "entry_endless" : "works", &err);

		if (round % 2) {
			/* It hangs: so it is what was asked for. */
			must(r == -ETIMEDOUT, "a change is not loaded");
			return;
		}
		must(r == 0, err.text);
		must(rig.result->verdict.freshness == FRESHNESS_FRESH, "the first is not loaded");
		must(run("works", &err) == 0, err.text);
		must(rig.result->verdict.freshness == FRESHNESS_REUSED, "not kept");
	}
}

static void register_check(const void *context)
{
	struct device_object object, other;
	struct err err = { "" };

	(void)context;
	device_up("null", "", TIMEOUT_NS);
	object_open(&object, "works");
	object_open(&other, "no_entry");
	must(run_object(&object, 5, &err) == -ENOENT, "not registered, and runs");
	must(device_register(rig.device, &object, 5, rig.result, &err) == 0, err.text);
	must(device_has(rig.device, &object, 5), "registered, and not there");
	must(run_object(&object, 5, &err) == 0, err.text);
	must(rig.result->verdict.freshness == FRESHNESS_REUSED, "loaded by a run");
	must(device_register(rig.device, &other, 5, rig.result, &err) == -ENOENT, "no entry");
	must(rig.result->failed_phase == PHASE_RESOLVE, "another phase");
	must(!device_has(rig.device, &object, 5), "the old one is still there");
	must(device_register(rig.device, &object, 5, rig.result, &err) == 0, err.text);
	must(device_unregister(rig.device, 5, rig.result, &err) == 0, err.text);
	must(!device_has(rig.device, &object, 5), "unregistered, and there");
	device_object_release(&object);
	device_object_release(&other);
	device_close(rig.device);
}

/* Destructors run in the host, too: when the place is emptied, or in the end. */
static void destructor_check(const void *context)
{
	struct device_object object;
	struct err err = { "" };

	device_up("null", "", TIMEOUT_NS);
	object_open(&object, "destructor_crashes");
	must(device_register(rig.device, &object, 0, rig.result, &err) == 0, err.text);
	must(run_object(&object, 0, &err) == 0, err.text);
	if (!context) {
		must(device_unregister(rig.device, 0, rig.result, &err) == -EPIPE,
		     "it is not told");
		must(rig.result->failure == DEVICE_CRASHED, "as another failure");
		must(rig.result->failed_phase == PHASE_UNLOAD, "in another phase");
		must(strstr(err.text, "SIGSEGV at address 0x10") != NULL, err.text);
	}
	device_close(rig.device);
}

static void test_life_cycles(void **state)
{
	(void)state;
	rig.variant = device_variant_find("a2a3", "host_build_graph", NULL);
	in_child(per_run_check, NULL);
	rig.when = device_when_find("once", NULL);
	in_child(once_check, NULL);
	rig.when = device_when_find("register", NULL);
	in_child(register_check, NULL);
	in_child(destructor_check, NULL);
	in_child(destructor_check, "in the end");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_life_cycles),
	};

	if (is_aicpu(argc, argv))
		return aicpu_be(argv);
	return cmocka_run_group_tests_name("the host builds", tests, rig_up, rig_down);
}
