/*
 * Many threads, one arena: 64 threads load, call and unload equal and different objects, more at
 * once than there are slots, while signals arrive and the process forks, and parent and children go
 * on loading. Afterwards nothing is left. Then everything that can run out, does.
 */
#include "base/file.h"
#include "loaders/elf/object.h"
#include "tests/built.h"
#include "tests/elf/elf_rig.h"
#include "tests/loaders/leaks.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define THREADS 64
#define LOADERS 6 /* while libraries come and go */
#define ROUNDS rounds_of(24)
#if defined(__SANITIZE_THREAD__)
#define FORKS 0 /* TSan's own locks do not survive a fork of many threads */
#define SIGNALS false
#else
#define FORKS 12
#define SIGNALS true
#endif

static const struct {
	const char *name;
	long value;
} objects[] = {
	{ "plain", 1001 },	    { "tls_gd", 1066 }, { "tls_desc", 1066 },
	{ "throw", 576 },	    { "hash_gnu", 74 }, { "cxx_nounique", 12344 },
	{ "ifunc", 5555 },	    { "atexit", 31 },	{ "pages_64k", 1001 },
	{ "tls_destructor", 2212 }, { "bare", 1034 },	{ "bare_init", 77 },
};
#define OBJECTS (sizeof(objects) / sizeof(objects[0]))
#define KEPT 4	       /* answers the same again and again */
#define OBJECTS_BARE 2 /* at the end: without the C library's exit lists, see child_run() */

/* SOLOAD_TEST_SHARE=N: an Nth of the repetitions, where each takes N times as long. */
static unsigned int rounds_of(unsigned int all)
{
	const char *share = getenv("SOLOAD_TEST_SHARE");
	int n = share ? atoi(share) : 1;

	return n > 1 ? (all + (unsigned int)n - 1) / (unsigned int)n : all;
}

#define INTERRUPTED 64 /* loads into slots without pages that a signal must meet */
#define GROWTHS_MAX 20000

static struct file_bytes files[OBJECTS], large;
static atomic_uint failures, interrupted;
static atomic_bool growing;

static int files_load(void **state)
{
	(void)state;
	large = built_bytes("objects/gen_4m.so");
	for (size_t i = 0; i < OBJECTS; i++)
		files[i] = built_bytes("fixtures/elf/%s.so", objects[i].name);
	return 0;
}

static struct elf_arena *arena_make(unsigned int slots, bool dualmap)
{
	return rig_arena((struct elf_arena_options){ .slots = slots, .dualmap = dualmap });
}

/* 0, or what went wrong. */
static int cycle(struct elf_arena *arena, size_t i, struct err *err)
{
	const struct elf_source source = { .bytes = files[i].bytes,
					   .size = files[i].size,
					   .fd = -1 };
	struct elf_object *object;
	void *function;
	long value;
	int r = elf_object_load(arena, &source, &object, NULL, err);

	if (r < 0)
		return r;
	r = elf_object_symbol(object, "probe", &function, err);
	value = r < 0 ? 0 : ((long (*)(void))(uintptr_t)function)();
	(void)elf_object_unload(object); /* tls_destructor may stay until the thread ends */
	if (r == 0 && value != objects[i].value)
		r = err_set(err, EINVAL, "%s answers %ld", objects[i].name, value);
	return r;
}

static void *thread_run(void *context)
{
	struct elf_arena *arena = context;
	static atomic_uint numbers;
	unsigned int number = atomic_fetch_add(&numbers, 1);
	struct err err;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		err.text[0] = '\0';
		if (cycle(arena, (number + i) % OBJECTS, &err) < 0) {
			fprintf(stderr, "%s\n", err.text);
			atomic_fetch_add(&failures, 1);
		}
	}
	return NULL;
}

/* The child loads too: equal objects, over the same addresses. After a fork of many threads only
 * `bare` ones: glibc's list of exit functions may be locked for ever (2.36, __exit_funcs_lock). */
static int child_run(struct elf_arena *arena, bool bare)
{
	struct err err = { "" };

	for (size_t i = bare ? OBJECTS - OBJECTS_BARE : 0; i < OBJECTS; i++) {
		if (cycle(arena, i, &err) < 0) {
			fprintf(stderr, "child: %s\n", err.text);
			return 1;
		}
	}
	return 0;
}

static void on_alarm(int number)
{
	void *frames[32];

	(void)number;
	(void)backtrace(frames, 32); /* asks for frame tables, whatever was interrupted */
	if (atomic_load(&growing))
		atomic_fetch_add(&interrupted, 1);
}

static void alarms(bool on)
{
	const struct itimerval every = { { 0, on ? 2000 : 0 }, { 0, on ? 2000 : 0 } };
	void *frames[2];

	(void)backtrace(frames, 2); /* loads what it needs, outside of the handler */
	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &every, NULL);
}

static void threads_at_once(bool dualmap)
{
	struct elf_arena *arena = arena_make(4, dualmap);
	struct leaks before, after;
	pthread_t threads[THREADS];
	int status;

	assert_int_equal(child_run(arena, false), 0); /* loads the libraries they need */
	before = leaks_now();
	assert_true(before.descriptors > 0 && before.executable > 0);
	alarms(SIGNALS);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread_run, arena), 0);
	for (int i = 0; i < FORKS; i++) {
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0)
			_exit(child_run(arena, true));
		while (waitpid(child, &status, 0) < 0)
			assert_int_equal(errno, EINTR);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	alarms(false);
	assert_int_equal(atomic_load(&failures), 0);
	assert_int_equal(cycle(arena, 0, NULL), 0); /* lets pinned ones go */
	after = leaks_now();
	assert_int_equal(after.descriptors, before.descriptors);
	assert_true(after.executable <= before.executable && after.named <= before.named);
	elf_arena_free(arena);
}

static void threads_strict(void **state)
{
	(void)state;
	threads_at_once(false);
}

static void threads_dualmap(void **state)
{
	(void)state;
	threads_at_once(true);
}

/* A slot's first pages are asked for in calls that a signal can cut short. */
static void signals_while_slots_grow(void **state)
{
	struct elf_object *object;

	(void)state;
	if (!SIGNALS)
		skip();
	alarms(true);
	for (int i = 0; i < GROWTHS_MAX && atomic_load(&interrupted) < INTERRUPTED; i++) {
		struct elf_arena *arena = arena_make(1, i & 1);

		atomic_store(&growing, true);
		object = rig_load(arena, &large, NULL);
		atomic_store(&growing, false);
		elf_object_unload(object);
		elf_arena_free(arena);
	}
	alarms(false);
	assert_true(atomic_load(&interrupted) >= INTERRUPTED);
}

/* What was found out about the process's libraries is found out anew, in the middle of loads. */
static void libraries_come_and_go(void **state)
{
	const char *path = built_path("fixtures/answer_1.so");
	struct elf_arena *arena = arena_make(4, false);
	pthread_t threads[LOADERS];
	void *handle;

	(void)state;
	for (size_t i = 0; i < LOADERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread_run, arena), 0);
	for (unsigned int i = 0; i < 8 * ROUNDS; i++) {
		handle = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
		assert_non_null(handle);
		dlclose(handle);
	}
	for (size_t i = 0; i < LOADERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&failures), 0);
	elf_arena_free(arena);
}

/* What is loaded before a fork runs on in both, whatever either loads afterwards. */
static void fork_keeps_both(void **state)
{
	struct elf_arena *arena = arena_make(2, false);
	struct elf_object *object = rig_load(arena, &files[KEPT], NULL);
	void *function = rig_symbol(object, "probe");
	int go[2], done[2], status;
	char byte = 0;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(go) | pipe(done), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		bool fine = ((long (*)(void))(uintptr_t)function)() == objects[KEPT].value &&
			    child_run(arena, false) == 0;

		fine &= write(done[1], &byte, 1) == 1 && read(go[0], &byte, 1) == 1;
		_exit(fine && ((long (*)(void))(uintptr_t)function)() == objects[KEPT].value ? 0
											     : 1);
	}
	assert_int_equal(read(done[0], &byte, 1), 1);
	assert_int_equal(((long (*)(void))(uintptr_t)function)(), objects[KEPT].value);
	elf_object_unload(object);
	assert_int_equal(child_run(arena, false), 0); /* in the slot the child still runs in */
	assert_int_equal(write(go[1], &byte, 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	for (int i = 0; i < 2; i++) {
		close(go[i]);
		close(done[i]);
	}
	elf_arena_free(arena);
}

/* In a child with a limit: loads fail in words or succeed, and succeed again without it. */
static void with_limit(int resource, rlim_t limit, bool fresh)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		const struct elf_arena_options options = { .slots = 2, .fresh = fresh };
		struct rlimit old, low;
		struct elf_arena *arena = NULL;
		struct err err = { "" };
		bool fine = true;

		getrlimit(resource, &old);
		low = (struct rlimit){ limit, old.rlim_max };
		setrlimit(resource, &low);
		if (elf_arena_new(&arena, &options, &err) < 0)
			fine = err.text[0] != '\0';
		for (size_t i = 0; arena && i < OBJECTS; i++) {
			err.text[0] = '\0';
			if (cycle(arena, i, &err) < 0)
				fine &= err.text[0] != '\0';
		}
		setrlimit(resource, &old);
		if (!arena)
			fine &= elf_arena_new(&arena, &options, &err) == 0;
		fine = fine && child_run(arena, false) == 0;
		elf_arena_free(arena);
		_exit(fine ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void descriptors_run_out(void **state)
{
	(void)state;
	for (rlim_t limit = 0; limit < 12; limit++) {
		with_limit(RLIMIT_NOFILE, limit, false);
		with_limit(RLIMIT_NOFILE, limit, true);
	}
}

static void file_size_runs_out(void **state)
{
	(void)state;
	/* The last is room for objects, but not for a slot. */
	for (rlim_t limit = 0; limit < 49152; limit += 8192) {
		with_limit(RLIMIT_FSIZE, limit < 40960 ? limit : 4 << 20, false);
		with_limit(RLIMIT_FSIZE, limit < 40960 ? limit : 4 << 20, true);
	}
}

static void addresses_run_out(void **state)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	(void)state;
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu", &pages), 1);
	fclose(file);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip(); /* their own memory runs out first */
#endif
	for (rlim_t step = 0; step < 24; step++) {
		rlim_t more = step < 12 ? step * 65536 : (step - 11) * (8 << 20);

		with_limit(RLIMIT_AS, pages * 4096 + more, false);
		with_limit(RLIMIT_AS, pages * 4096 + more, true);
	}
}

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

/* Memory-deny-write-execute (systemd's MemoryDenyWriteExecute): nothing this loader does needs it
 * to be otherwise. */
static void works_under_mdwe(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		const struct elf_arena_options options = { .fresh = true };
		struct elf_arena *arena = NULL;

		if (prctl(PR_SET_MDWE, 1UL, 0UL, 0UL, 0UL) < 0)
			_exit(77);
		if (child_run(arena_make(2, false), false) || child_run(arena_make(2, true), false))
			_exit(1);
		_exit(elf_arena_new(&arena, &options, NULL) < 0 || child_run(arena, false));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(); /* Linux before 6.3 */
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	/* Threads that end leave QEMU's user emulation with work of its own, during which a fork
	 * may inherit a lock of it that nobody opens: what forks comes first. */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fork_keeps_both),	 cmocka_unit_test(descriptors_run_out),
		cmocka_unit_test(file_size_runs_out),	 cmocka_unit_test(addresses_run_out),
		cmocka_unit_test(works_under_mdwe),	 cmocka_unit_test(signals_while_slots_grow),
		cmocka_unit_test(threads_strict),	 cmocka_unit_test(threads_dualmap),
		cmocka_unit_test(libraries_come_and_go),
	};

	return cmocka_run_group_tests_name("elf/stress", tests, files_load, NULL);
}
