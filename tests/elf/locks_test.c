/*
 * Who loads or forks in a constructor that dlopen() runs holds the dynamic linker's lock. Another
 * thread's load waits for that lock meanwhile, and must hold none that the first one needs.
 */
#include "loaders/elf/object.h"
#include "loaders/loader.h"
#include "tests/built.h"
#include "tests/loaders/fixture.h"

#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#if defined(__SANITIZE_THREAD__)
#define SANITIZED_THREADS true
#else
#define SANITIZED_THREADS false
#endif

#define HANGS_AFTER_S 30
#define SLEEPS_AFTER 20 /* looks at a thread, a millisecond apart, that all find it asleep */

static struct elf_arena *arena;
static struct loader *keeper; /* a cached loader that has the object already */
static int (*cycle)(void);    /* what both threads do */
static pthread_t other;
static atomic_int waiter; /* the other thread, once it is about to load */
static atomic_bool waiter_done;
static atomic_int failures;
static bool reached; /* the constructor ran, and the other thread */

void constructor_reached(void);

/* Without imports: the first thing it asks the dynamic linker for is the unwinder. 0, or 1. */
static int elf_cycle(void)
{
	const struct so *so = fixture_so("elf/bare");
	const struct elf_source source = { .bytes = so->bytes, .size = so->size, .fd = -1 };
	struct elf_object *object;
	struct err err = { "" };
	void *function;
	long value = 0;

	if (elf_object_load(arena, &source, &object, NULL, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	if (elf_object_symbol(object, "probe", &function, &err) == 0)
		value = ((long (*)(void))(uintptr_t)function)();
	return elf_object_unload(object) != ELF_UNLOADED || value != 1034;
}

/* One image of the cached loader, whose symbol the dynamic linker looks up. 0, or 1. */
static int cached_cycle(void)
{
	struct image *image = image_new(keeper);
	struct err err = { "" };
	int result = 0;

	EXPECT_OK(image_load(image, fixture_so("answer_1"), NULL, &err));
	EXPECT(fixture_call(image, "answer", 0, &result) == 0);
	image_free(image);
	return result != 1;
}

static void *waiter_run(void *context)
{
	atomic_store(&waiter, (int)syscall(SYS_gettid));
	atomic_fetch_add(&failures, cycle());
	atomic_store(&waiter_done, true);
	return context;
}

static bool waiter_sleeps(void)
{
	char path[64], state = '?';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", atomic_load(&waiter));
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	fclose(file);
	return state == 'S';
}

static void waiter_await(void)
{
	const struct timespec millisecond = { 0, 1000000 };

	for (int asleep = 0; asleep < SLEEPS_AFTER && !atomic_load(&waiter_done);) {
		nanosleep(&millisecond, NULL);
		asleep = waiter_sleeps() ? asleep + 1 : 0;
	}
}

/* 0, or 1. A sanitizer's own locks do not survive a fork of many threads. */
static int fork_once(void)
{
	int status;
	pid_t child;

	if (SANITIZED_THREADS)
		return 0;
	child = fork();
	if (child == 0)
		_exit(0);
	return child < 0 || waitpid(child, &status, 0) != child || status != 0;
}

/* Called by the dynamic linker, by way of tests/fixtures/constructor.c. */
void constructor_reached(void)
{
	reached = pthread_create(&other, NULL, waiter_run, NULL) == 0;
	if (!reached)
		return;
	waiter_await();
	atomic_fetch_add(&failures, cycle());
	atomic_fetch_add(&failures, fork_once());
}

/* The first cycle: the unwinder is known until dlopen() has mapped something, the object is kept.
 */
static int opens_while_another_works(void)
{
	alarm(HANGS_AFTER_S);
	EXPECT(cycle() == 0);
	if (!dlopen(built_path("fixtures/constructor.so"), RTLD_NOW)) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	EXPECT(reached);
	pthread_join(other, NULL);
	EXPECT(atomic_load(&failures) == 0);
	return 0;
}

static int elf_works(void *context)
{
	const struct elf_arena_options options = { .dualmap = false };
	int r;

	(void)context;
	cycle = elf_cycle;
	EXPECT(elf_arena_new(&arena, &options, NULL) == 0);
	r = opens_while_another_works();
	elf_arena_free(arena);
	return r;
}

static int cached_works(void *context)
{
	struct err err = { "" };
	int r;

	cycle = cached_cycle;
	EXPECT_OK(loader_open(&keeper, context, &err));
	r = opens_while_another_works();
	loader_close(keeper);
	return r;
}

static void in_memory(void **state)
{
	(void)state;
	assert_int_equal(fixture_child(elf_works, NULL), 0);
}

static void kept(void **state)
{
	(void)state;
	assert_int_equal(fixture_child(cached_works, (void *)(uintptr_t) "cached"), 0);
	assert_int_equal(fixture_child(cached_works, (void *)(uintptr_t) "cached:inner=auto"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_memory),
		cmocka_unit_test(kept),
	};

	return cmocka_run_group_tests_name("elf/locks", tests, NULL, NULL);
}
