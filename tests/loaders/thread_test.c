/* Threads: everything that claims to be CONCURRENT loaded from eight at once, and what they share
 * (a cache, the list of staged files). */
#include "base/clock.h"
#include "loaders/cached.h"
#include "loaders/staged.h"
#include "tests/loaders/fixture.h"
#include "tests/loaders/leaks.h"
#include "tests/loaders/trial.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define THREADS 8
#define THREAD_CYCLES 40

static int answered(struct image *image, const char *name, int expected)
{
	struct err err = { { 0 } };
	int result;

	EXPECT_OK(image_load(image, fixture_so(name), NULL, &err));
	EXPECT(fixture_call(image, "answer_entry", 1, &result) == 0 && result == 10 * expected);
	image_unload(image);
	return 0;
}

struct crowd {
	struct loader *loader;
	pthread_barrier_t start;
	bool fresh, many;
};

static int crowd_cycle(struct crowd *crowd, struct image *image)
{
	struct err err = { { 0 } };
	int result;

	EXPECT(answered(image, "answer_1", 1) == 0);
	EXPECT(!crowd->many || answered(image, "answer_2", 2) == 0);
	EXPECT_OK(image_load(image, fixture_so("state"), NULL, &err));
	if (crowd->fresh)
		EXPECT(fixture_call(image, "state_next", 0, &result) == 0 && result == 42);
	image_unload(image);
	return 0;
}

static void *crowd_thread(void *argument)
{
	struct crowd *crowd = argument;
	struct image *image = image_new(crowd->loader);
	int r = 0;

	pthread_barrier_wait(&crowd->start);
	for (int i = 0; i < THREAD_CYCLES && r == 0; i++)
		r = crowd_cycle(crowd, image);
	image_free(image);
	return r == 0 ? NULL : crowd;
}

static int crowd_run(struct crowd *crowd)
{
	pthread_t threads[THREADS];
	void *failed = NULL;
	int failures = 0;

	pthread_barrier_init(&crowd->start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		EXPECT(pthread_create(&threads[i], NULL, crowd_thread, crowd) == 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &failed);
		failures += failed != NULL;
	}
	pthread_barrier_destroy(&crowd->start);
	EXPECT(failures == 0);
	return 0;
}

static int case_threads(struct trial *trial)
{
	struct crowd crowd = { .loader = trial->loader,
			       .fresh = trial->loader->caps & LOADER_FRESH_EVERY_LOAD,
			       .many = trial->loader->caps & LOADER_MANY_IMAGES };
	unsigned int files = leaks_files(trial->folder);
	struct leaks before;

	fixture_so("answer_1");
	fixture_so("answer_2");
	fixture_so("state");
	EXPECT(crowd_run(&crowd) == 0);
	before = leaks_now();
	before.anonymous += THREADS; /* stacks and arenas of threads that come and go */
	EXPECT(crowd_run(&crowd) == 0);
	EXPECT(leaks_none(&before) == 0);
	EXPECT(leaks_files(trial->folder) == files);
	return 0;
}

struct flight {
	struct loader *loader;
	pthread_barrier_t start;
};

static void *fly(void *argument)
{
	struct flight *flight = argument;
	struct image *image = image_new(flight->loader);
	struct err err = { { 0 } };
	int result, failed = 0;

	for (int i = 0; i < 50; i++) {
		pthread_barrier_wait(&flight->start);
		failed |= image_load(image, fixture_so(i & 1 ? "answer_1" : "answer_2"), NULL,
				     &err) < 0;
		failed |= fixture_call(image, "answer", 0, &result) < 0 || result != 2 - (i & 1);
		image_unload(image);
	}
	image_free(image);
	return failed ? flight : NULL;
}

/* Eight who want the same at once: one loads, seven wait for it. */
static void loaded_once_for_all(void **state)
{
	struct flight flight = { .loader = NULL };
	struct cached_counts counts;
	struct err err = { { 0 } };
	pthread_t threads[THREADS];
	void *failed;

	(void)state;
	assert_int_equal(loader_open(&flight.loader, "cached", &err), 0);
	fixture_so("answer_1"), fixture_so("answer_2");
	pthread_barrier_init(&flight.start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, fly, &flight), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(cached_counts(flight.loader, &counts), 0);
	assert_int_equal(counts.misses, 2);
	assert_int_equal(counts.hits, THREADS * 50 - 2);
	loader_close(flight.loader);
}

static void *add_and_remove(void *argument)
{
	int failed = 0;

	for (int i = 0; i < 2000; i++) {
		int place = staged_add(argument);

		failed |= place < 0;
		staged_remove(place);
	}
	return failed ? argument : NULL;
}

static void threads_share_the_list(void **state)
{
	static char path[] = "/nowhere/at/all";
	pthread_t threads[THREADS];
	void *failed;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_and_remove, path), 0);
	for (int i = 0; i < THREADS; i++) {
		staged_unlink_all();
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(staged_add(path), 0); /* all places are free again */
	staged_unlink_all();
}

static const struct trial_case cases[] = {
	{ "threads", LOADER_EXECUTES | LOADER_CONCURRENT, case_threads },
	{ 0 },
};

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loaded_once_for_all),
		cmocka_unit_test(threads_share_the_list),
	};

	clock_start();
	return trial_run("loaders: threads", cases) +
	       cmocka_run_group_tests_name("loaders: shared by threads", tests, NULL, NULL);
}
