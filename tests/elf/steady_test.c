/*
 * Steady state: once an arena has seen objects of a kind, a load of new bytes takes no page fault,
 * and one system call (strict) or none (dual map): look-up, first call and unload included; of one
 * object again and again, and of objects of different shapes in turn. A
 * tracer counts the system calls between two marks; a load before the arena is warm must be
 * counted, too, or the counter is broken.
 */
#include "base/file.h"
#include "loaders/loader.h"
#include "tests/built.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

#define LOADS 60
#define MARK 0x50adL /* argument of a getpgid() that means: count from here, or up to here */

/* How often a strict load writes: a gap between segments that is longer than copying it is worth is
 * passed over, which 64 KB pages make on purpose. */
static const struct {
	const char *name;
	long writes;
} objects[] = {
	{ "fixtures/elf/plain.so", 1 },	       { "objects/gen_390k.so", 1 },
	{ "fixtures/elf/cxx_nounique.so", 1 }, { "fixtures/elf/bss.so", 1 },
	{ "fixtures/elf/pages_64k.so", 2 },    { "fixtures/elf/hash_both.so", 1 },
};
#define OBJECTS (sizeof(objects) / sizeof(objects[0]))
#define IN_TURN OBJECTS /* as an object: all of them, one after the other */
static struct file_bytes files[OBJECTS];

/* What the child found; shared memory. */
static struct {
	long faults;
	int r;
	struct err err;
} * report;

static int files_load(void **state)
{
	(void)state;
	for (size_t i = 0; i < OBJECTS; i++)
		files[i] = built_bytes("%s", objects[i].name);
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	return report == MAP_FAILED ? -1 : 0;
}

static int cycle(struct image *image, size_t i)
{
	const char *entry = strstr(objects[i].name, "gen_") ? "soload_entry" : "probe";
	const struct so so = { .bytes = files[i].bytes, .size = files[i].size, .fd = -1 };
	void *function;
	int r = image_load(image, &so, NULL, &report->err);

	if (r < 0)
		return r;
	r = image_symbol(image, entry, &function, &report->err);
	if (r == 0)
		((long (*)(void))(uintptr_t)function)();
	image_unload(image);
	return r;
}

static long faults_now(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

static void mark(void)
{
	syscall(SYS_getpgid, MARK);
}

static const char *name_of(size_t object)
{
	return object == IN_TURN ? "all in turn" : objects[object].name;
}

static size_t turn_of(size_t object, unsigned int i)
{
	return object == IN_TURN ? i % OBJECTS : object;
}

static int child_loads(const char *spec, size_t object, unsigned int warm)
{
	struct loader *loader;
	struct image *image;
	long before;
	int r = loader_open(&loader, spec, &report->err);

	if (r < 0)
		return r;
	image = image_new(loader);
	for (unsigned int i = 0; i < warm && r == 0; i++)
		r = cycle(image, turn_of(object, i));
	before = faults_now();
	mark();
	for (unsigned int i = 0; i < LOADS && r == 0; i++)
		r = cycle(image, turn_of(object, i));
	mark();
	report->faults = faults_now() - before;
	image_free(image);
	loader_close(loader);
	return r;
}

/* Runs the child from call to call: the calls it made between its marks, or -1 when it died. */
static long calls_count(pid_t child)
{
	struct __ptrace_syscall_info call;
	bool counting = false;
	long calls = 0;
	int status;

	waitpid(child, &status, 0);
	ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	while (ptrace(PTRACE_SYSCALL, child, 0, 0) == 0 && waitpid(child, &status, 0) == child) {
		if (WIFEXITED(status))
			return WEXITSTATUS(status) == 0 ? calls : -1;
		if (!WIFSTOPPED(status) || WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(call), &call) < 0 ||
		    call.op != PTRACE_SYSCALL_INFO_ENTRY)
			continue;
		if (call.entry.nr == SYS_getpgid && call.entry.args[0] == MARK)
			counting = !counting;
		else
			calls += counting;
	}
	return -1;
}

static long calls_of(const char *spec, size_t object, unsigned int warm)
{
	pid_t child;
	long calls;

	memset(report, 0, sizeof(*report));
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0)
			_exit(1);
		raise(SIGSTOP);
		report->r = child_loads(spec, object, warm);
		_exit(0);
	}
	calls = calls_count(child);
	if (report->r < 0)
		fail_msg("%s, %s: %s", spec, name_of(object), report->err.text);
	return calls;
}

static long writes_of(size_t object)
{
	long writes = 0;

	for (unsigned int i = 0; i < LOADS; i++)
		writes += objects[turn_of(object, i)].writes;
	return writes;
}

static void steady(const char *spec, bool writes)
{
	for (size_t i = 0; i <= IN_TURN; i++) {
		long calls = calls_of(spec, i, i == IN_TURN ? 3 * OBJECTS : 3);

		print_message("%s, %s: %ld system calls and %ld faults in %d loads\n", spec,
			      name_of(i), calls, report->faults, LOADS);
		assert_int_equal(calls, writes ? writes_of(i) : 0);
		if (!SANITIZED)
			assert_int_equal(report->faults, 0);
	}
}

static void strict(void **state)
{
	(void)state;
	steady("elf", true);
}

static void dualmap(void **state)
{
	(void)state;
	steady("elf:dualmap", false);
}

/* The counter counts: memfd's dlopen makes more than ten calls a load, a cold arena more than none.
 */
static void counter_counts(void **state)
{
	(void)state;
	assert_true(calls_of("memfd", 0, 3) > 10 * LOADS);
	assert_true(calls_of("elf:dualmap", 0, 0) > 0);
	assert_true(report->faults > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict),
		cmocka_unit_test(dualmap),
		cmocka_unit_test(counter_counts),
	};

#if !defined(__x86_64__)
	/* Other machines have instruction caches to publish code to, and fault on what they like.
	 */
	printf("steady state is promised on x86_64 only\n");
	return 77;
#endif
	return cmocka_run_group_tests_name("elf/steady", tests, files_load, NULL);
}
