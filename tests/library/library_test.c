/* The public functions as a host program calls them: errors in words, outputs untouched on failure,
 * images used again, several threads. */
#include "base/file.h"
#include "include/soload.h"
#include "tests/built.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define THREADS 4
#define ROUNDS 50

#define FORKS 200
#define HANGS_AFTER_S 30

static struct file_bytes object;

static int object_open(void **state)
{
	(void)state;
	object = built_bytes("fixtures/elf/plain.so");
	return 0;
}

static int object_close(void **state)
{
	(void)state;
	file_unload(&object);
	return 0;
}

static struct soload_loader *opened(const char *spec)
{
	struct soload_error error = { "" };
	struct soload_loader *loader = NULL;

	if (soload_open(&loader, spec, &error) < 0)
		fail_msg("%s", error.text);
	return loader;
}

/* 0, or the number of the step that failed; runs in threads, so nothing is asserted here. */
static long round_run(struct soload_loader *loader)
{
	struct soload_error error = { "" };
	struct soload_image *image;
	void *probe;
	long value;

	if (soload_load(loader, object.bytes, object.size, &image, &error) < 0)
		return 1;
	if (soload_symbol(image, "probe", &probe, &error) < 0)
		return 2;
	value = ((long (*)(void))(uintptr_t)probe)();
	soload_unload(image);
	return value == 1001 ? 0 : 3;
}

static void loads_calls_unloads(void **state)
{
	struct soload_loader *loader = opened("auto");
	struct soload_image *image;

	(void)state;
	for (int i = 0; i < ROUNDS; i++)
		assert_int_equal(round_run(loader), 0);
	assert_int_equal(soload_load(loader, object.bytes, object.size, &image, NULL), 0);
	assert_true(soload_base(image) != 0);
	soload_unload(image);
	soload_unload(NULL);
	soload_close(loader);
	soload_close(NULL);
}

static void failures_are_told(void **state)
{
	const struct soload_object nothing = SOLOAD_OBJECT(NULL, 0);
	struct soload_loader *loader = NULL;
	struct soload_image *image = NULL;
	struct soload_error error = { "" };
	void *address = &loader;

	(void)state;
	assert_int_equal(soload_open(&loader, "memdf", &error), -EINVAL);
	assert_non_null(strstr(error.text, "memfd"));
	assert_int_equal(soload_open(&loader, "memfd:no=1", NULL), -EINVAL);
	assert_null(loader);
	loader = opened("auto");
	assert_int_equal(soload_load(loader, "no object at all", 17, &image, &error), -ENOEXEC);
	assert_true(error.text[0] && !strchr(error.text, '\n'));
	assert_int_equal(soload_load_object(loader, &nothing, &image, &error), -EINVAL);
	assert_null(image);
	assert_int_equal(soload_load(loader, object.bytes, object.size, &image, &error), 0);
	assert_int_equal(soload_symbol(image, "nobody", &address, &error), -ENOENT);
	assert_non_null(strstr(error.text, "nobody"));
	assert_ptr_equal(address, &loader);
	soload_unload(image);
	soload_close(loader);
}

static void steps_down_are_told(void **state)
{
	struct soload_loader *loader = opened("auto:steps=tmpfs\\:dir=/nowhere/at/all+memfd");
	struct soload_object given = SOLOAD_OBJECT(object.bytes, object.size);
	struct soload_image *image;

	(void)state;
	given.name = "plain.so";
	assert_int_equal(soload_load_object(loader, &given, &image, NULL), 0);
	assert_non_null(strstr(soload_note(image), "/nowhere/at/all"));
	soload_unload(image);
	soload_close(loader);
}

static void several_images_live_at_once(void **state)
{
	struct soload_loader *loader = opened("auto");
	struct soload_image *images[8];

	(void)state;
	for (int i = 0; i < 8; i++)
		assert_int_equal(soload_load(loader, object.bytes, object.size, &images[i], NULL),
				 0);
	for (int i = 1; i < 8; i++)
		assert_true(soload_base(images[i]) != soload_base(images[0]));
	for (int i = 0; i < 8; i++)
		soload_unload(images[i]);
	soload_close(loader);
}

static void *in_thread(void *loader)
{
	long failed = 0;

	for (int i = 0; i < ROUNDS && !failed; i++)
		failed = round_run(loader);
	return (void *)(intptr_t)failed;
}

static void threads_share_a_loader(void **state)
{
	struct soload_loader *loader = opened("auto");
	pthread_t threads[THREADS];
	void *failed;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, in_thread, loader), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	soload_close(loader);
}

struct forked {
	struct soload_loader *loader;
	struct file_bytes
		bare; /* nothing of the C library, whose own locks a fork may leave held */
	uint64_t id;
	atomic_bool stop;
};

static int bare_load(struct forked *forked)
{
	struct soload_object given = SOLOAD_OBJECT(forked->bare.bytes, forked->bare.size);
	struct soload_image *image;

	given.id = forked->id;
	if (soload_load_object(forked->loader, &given, &image, NULL) < 0)
		return 1;
	soload_unload(image);
	return 0;
}

static void *until_stopped(void *context)
{
	struct forked *forked = context;
	long failed = 0;

	while (!atomic_load(&forked->stop))
		failed += bare_load(forked);
	return (void *)(intptr_t)failed;
}

/* A child has the loader as it was between two loads, whatever other threads were doing. */
static void forks_with(const char *spec, uint64_t id)
{
	struct forked forked = { .loader = opened(spec), .id = id };
	pthread_t threads[THREADS];
	void *failed;
	int status;

	forked.bare = built_bytes("fixtures/elf/bare.so");
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, until_stopped, &forked), 0);
	for (int i = 0; i < FORKS; i++) {
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0) {
			alarm(HANGS_AFTER_S);
			_exit(bare_load(&forked));
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
	atomic_store(&forked.stop, true);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	soload_close(forked.loader);
	file_unload(&forked.bare);
}

static void forks_meanwhile(void **state)
{
	(void)state;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
	skip(); /* their own locks (LeakSanitizer's, of root regions) survive no fork of many
		   threads */
#endif
	forks_with("elf", 0);
	forks_with("prelinked", 1);
}

static struct soload_place place;
static volatile int found;
static void *volatile asked;

static void on_signal(int number)
{
	(void)number;
	found = soload_where(asked, &place);
}

static void addresses_are_told(void **state)
{
	static const char *const told[] = { "elf", "elf:fresh", "prelinked", "auto" };
	struct soload_object given = SOLOAD_OBJECT(object.bytes, object.size);
	int on_stack = 0;

	(void)state;
	given.name = "/somewhere/plain.so";
	given.id = 1;
	signal(SIGUSR1, on_signal);
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		struct soload_loader *loader = opened(told[i]);
		struct soload_image *image;
		void *probe;

		assert_int_equal(soload_load_object(loader, &given, &image, NULL), 0);
		assert_int_equal(soload_symbol(image, "probe", &probe, NULL), 0);
		asked = (unsigned char *)probe + 3;
		raise(SIGUSR1);
		assert_int_equal(found, 0);
		assert_string_equal(place.object, given.name);
		assert_string_equal(place.symbol, "probe");
		assert_true(place.symbol_address == (uintptr_t)probe);
		assert_true(place.base == soload_base(image));
		assert_int_equal(soload_where((void *)place.base, &place), 0); /* its ELF header */
		assert_null(place.symbol);
		asked = probe;
		soload_unload(image);
		soload_close(loader);
		assert_int_equal(soload_where(asked, &place), -ENOENT);
	}
	assert_int_equal(soload_where(&on_stack, &place), -ENOENT);
	assert_int_equal(soload_where(NULL, &place), -ENOENT);
	signal(SIGUSR1, SIG_DFL);
}

static void version_is_the_programs(void **state)
{
	(void)state;
	assert_string_equal(soload_version(), SOLOAD_VERSION);
}

/* One loader tells, the bytes are relocated for it, and it need not; another takes them as well. */
static void relocated_ahead(void **state)
{
	struct soload_loader *told = opened("elf:agreed"), *other = opened("elf");
	struct soload_object given = SOLOAD_OBJECT(malloc(object.size), object.size);
	struct soload_target target, none = { 0 };
	struct soload_error error = { "" };
	struct soload_image *image;
	void *probe;

	(void)state;
	assert_non_null(given.bytes);
	memcpy((void *)(uintptr_t)given.bytes, object.bytes, object.size);
	assert_int_equal(soload_agreed(other, &target, &error), -ENOTSUP);
	assert_non_null(strstr(error.text, "agreed"));
	assert_int_equal(soload_agreed(told, &target, &error), 0);
	assert_int_equal(target.slots, 1);
	assert_int_equal(soload_prelink(&none, 0, (void *)(uintptr_t)given.bytes, given.size,
					&given.linked_at, &error),
			 -EINVAL);
	assert_int_equal(soload_prelink(&target, 0, (void *)(uintptr_t)given.bytes, 100,
					&given.linked_at, &error),
			 -ENOEXEC);
	assert_true(given.linked_at == 0);
	assert_int_equal(soload_prelink(&target, 0, (void *)(uintptr_t)given.bytes, given.size,
					&given.linked_at, &error),
			 0);
	assert_memory_not_equal(given.bytes, object.bytes, object.size);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(soload_load_object(i ? other : told, &given, &image, &error), 0);
		assert_int_equal(soload_base(image) == given.linked_at, i == 0);
		assert_int_equal(soload_note(image) == NULL, i == 0);
		assert_int_equal(soload_symbol(image, "probe", &probe, &error), 0);
		assert_int_equal(((long (*)(void))(uintptr_t)probe)(), 1001);
		soload_unload(image);
	}
	soload_close(told);
	soload_close(other);
	free((void *)(uintptr_t)given.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relocated_ahead),
		cmocka_unit_test(loads_calls_unloads),
		cmocka_unit_test(failures_are_told),
		cmocka_unit_test(steps_down_are_told),
		cmocka_unit_test(several_images_live_at_once),
		cmocka_unit_test(threads_share_a_loader),
		cmocka_unit_test(forks_meanwhile),
		cmocka_unit_test(addresses_are_told),
		cmocka_unit_test(version_is_the_programs),
	};

	return cmocka_run_group_tests(tests, object_open, object_close);
}
