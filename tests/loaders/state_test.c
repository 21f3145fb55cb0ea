/* Conformance, what is new and what is old: whose code and whose variables answer, with one image
 * after another, several at once, in threads and in a child. */
#include "loaders/freshness.h"
#include "tests/loaders/fixture.h"
#include "tests/loaders/trial.h"

#include <pthread.h>
#include <string.h>

static int answer_of(struct image *image, const struct so *so)
{
	struct err err = { { 0 } };
	int result;

	EXPECT_OK(image_load(image, so, NULL, &err));
	EXPECT(fixture_call(image, "answer", 0, &result) == 0);
	return result;
}

/* The same caller, the same memory, the same name: only the content and its identity change. */
static int case_content_changes(struct trial *trial)
{
	static char bytes[1 << 20];
	struct image *image = image_new(trial->loader);

	for (unsigned int i = 0; i < 6; i++) {
		const struct so *given = fixture_so(i & 1 ? "answer_2" : "answer_1");
		struct so so = *given;

		EXPECT(so.size <= sizeof(bytes));
		so.bytes = memcpy(bytes, given->bytes, so.size);
		so.path = "orchestration.so";
		so.id = 77;
		so.generation = i + 1;
		EXPECT(answer_of(image, &so) == (int)(i & 1) + 1);
		image_unload(image);
	}
	image_free(image);
	return 0;
}

/* A name inside the object (DT_SONAME) identifies nothing. */
static int case_soname_repeats(struct trial *trial)
{
	struct image *one = image_new(trial->loader), *two = image_new(trial->loader);

	EXPECT(answer_of(one, fixture_so("answer_1_named")) == 1);
	EXPECT(answer_of(two, fixture_so("answer_2_named")) == 2);
	image_free(one);
	image_free(two);
	return 0;
}

/* Also for a loader that keeps images (report.hit): nothing of the last life may show. */
static int case_state_is_fresh(struct trial *trial)
{
	struct image *image = image_new(trial->loader);
	struct err err = { { 0 } };
	int result;

	for (int i = 0; i < 5; i++) {
		EXPECT_OK(image_load(image, fixture_so("state"), NULL, &err));
		EXPECT(fixture_call(image, "state_next", 0, &result) == 0 && result == 42);
		EXPECT(fixture_call(image, "state_next", 0, &result) == 0 && result == 43);
		EXPECT(fixture_call(image, "state_calls", 0, &result) == 0 && result == 2);
		image_unload(image);
	}
	image_free(image);
	return 0;
}

/* GNU-unique symbols keep the object that owns them in the process for ever; the next object must
 * answer with its own code all the same. */
static int case_unique_is_fresh(struct trial *trial)
{
	struct image *image = image_new(trial->loader);
	int result;

	for (int i = 0; i < 6; i++) {
		EXPECT(answer_of(image, fixture_so(i & 1 ? "unique_2" : "unique_1")) ==
		       (i & 1) + 1);
		EXPECT(!image->report.known_before);
		EXPECT(fixture_call(image, "unique_next", 0, &result) == 0 && result >= 1);
		image_unload(image);
	}
	image_free(image);
	return 0;
}

static int case_many_objects(struct trial *trial)
{
	struct image *one = image_new(trial->loader), *two = image_new(trial->loader);
	int result;

	EXPECT(answer_of(one, fixture_so("answer_1")) == 1);
	EXPECT(answer_of(two, fixture_so("answer_2")) == 2);
	EXPECT(fixture_call(one, "answer_entry", 1, &result) == 0 && result == 10);
	EXPECT(fixture_call(two, "answer_entry", 1, &result) == 0 && result == 20);
	image_unload(one);
	EXPECT(fixture_call(two, "answer_entry", 2, &result) == 0 && result == 200);
	EXPECT(answer_of(one, fixture_so("answer_1")) == 1);
	image_unload(two);
	EXPECT(fixture_call(one, "answer_entry", 2, &result) == 0 && result == 100);
	image_free(one);
	image_free(two);
	return 0;
}

/* Several loads of one object: as many states as loads where every load is fresh, else a shared one
 * that lives until the last user has gone. */
static int case_many_loads(struct trial *trial)
{
	bool fresh = trial->loader->caps & LOADER_FRESH_EVERY_LOAD;
	struct err err = { { 0 } };
	struct image *images[20];
	int result;

	for (int i = 0; i < 20; i++) {
		images[i] = image_new(trial->loader);
		EXPECT_OK(image_load(images[i], fixture_so("state"), NULL, &err));
		EXPECT(fixture_call(images[i], "state_next", 0, &result) == 0);
		EXPECT(result == (fresh || i == 0 || !images[i]->report.hit ? 42 : 42 + i));
	}
	for (int i = 0; i < 19; i++)
		image_free(images[i]);
	EXPECT(fixture_call(images[19], "state_next", 0, &result) == 0);
	EXPECT(result == (fresh ? 43 : 62));
	image_free(images[19]);
	return 0;
}

static void *tls_thread(void *argument)
{
	struct image *image = argument;
	int result, failed = 0;

	for (int i = 0; i < 3; i++)
		failed |= fixture_call(image, "tls_next", 0, &result) < 0 || result != 18 + 3 * i;
	return failed ? image : NULL;
}

static int tls_in_new_threads(struct image *image)
{
	for (int i = 0; i < 3; i++) {
		pthread_t thread;
		void *failed;

		EXPECT(pthread_create(&thread, NULL, tls_thread, image) == 0);
		EXPECT(pthread_join(thread, &failed) == 0);
		EXPECT(!failed);
	}
	return 0;
}

static int case_thread_local(struct trial *trial)
{
	bool fresh = trial->loader->caps & LOADER_FRESH_EVERY_LOAD;
	struct image *image = image_new(trial->loader);
	struct err err = { { 0 } };
	int result;

	for (int i = 0; i < 4; i++) {
		EXPECT_OK(image_load(image, fixture_so("tls"), NULL, &err));
		EXPECT(fixture_call(image, "tls_next", 0, &result) == 0);
		EXPECT(!fresh || result == 18);
		EXPECT(tls_in_new_threads(image) == 0);
		image_unload(image);
	}
	image_free(image);
	return 0;
}

/* A thread that lives on while the object comes, goes and comes again. */
struct survivor {
	struct image *image;
	pthread_barrier_t turn;
	int failed;
};

static void *survivor_thread(void *argument)
{
	struct survivor *survivor = argument;
	int result;

	for (int i = 0; i < 4; i++) {
		pthread_barrier_wait(&survivor->turn); /* loaded */
		survivor->failed |= fixture_call(survivor->image, "tls_next", 0, &result) < 0;
		survivor->failed |= result != 18;
		pthread_barrier_wait(&survivor->turn); /* used */
	}
	return NULL;
}

static int case_thread_local_fresh(struct trial *trial)
{
	struct survivor survivor = { .image = image_new(trial->loader) };
	struct err err = { { 0 } };
	pthread_t thread;

	pthread_barrier_init(&survivor.turn, NULL, 2);
	EXPECT(pthread_create(&thread, NULL, survivor_thread, &survivor) == 0);
	for (int i = 0; i < 4; i++) {
		EXPECT_OK(image_load(survivor.image, fixture_so("tls"), NULL, &err));
		pthread_barrier_wait(&survivor.turn);
		pthread_barrier_wait(&survivor.turn);
		image_unload(survivor.image);
	}
	pthread_join(thread, NULL);
	EXPECT(!survivor.failed);
	image_free(survivor.image);
	return 0;
}

/* The judge agrees with what the loader says of itself, for every load and in both depths. */
static int case_judged(struct trial *trial)
{
	static const char *const names[] = { "answer_1", "tls", "answer_1", "throws", "answer_1" };
	bool fresh = trial->loader->caps & LOADER_FRESH_EVERY_LOAD;
	bool first = !fresh && !(trial->loader->caps & LOADER_MANY_IMAGES);
	struct image *image = image_new(trial->loader);
	struct err err = { { 0 } };

	for (int i = 0; i < 5; i++) {
		struct freshness_verdict verdict, quick;

		EXPECT_OK(image_load(image, fixture_so(first ? "answer_1" : names[i]), NULL, &err));
		freshness_check_quick(image, &quick);
		freshness_check(image, &verdict);
		EXPECT(verdict.freshness ==
		       (image->report.hit ? FRESHNESS_REUSED : FRESHNESS_FRESH));
		EXPECT(quick.freshness == verdict.freshness);
		EXPECT(verdict.compared_bytes > 200);
		image_unload(image);
	}
	image_free(image);
	return 0;
}

static int in_child(void *argument)
{
	struct trial *trial = argument;
	struct image *image = image_new(trial->loader);

	for (int i = 0; i < 4; i++) {
		EXPECT(answer_of(image, fixture_so(i & 1 ? "answer_1" : "answer_2")) ==
		       (i & 1 ? 1 : 2));
		EXPECT(!image->report.known_before);
		image_unload(image);
	}
	image_free(image);
	return 0;
}

/* A child inherits what is loaded, with every name and every descriptor; its own loads must not
 * meet them. */
static int case_fork(struct trial *trial)
{
	struct image *one = image_new(trial->loader), *pinned = image_new(trial->loader);
	int result;

	EXPECT(answer_of(one, fixture_so("answer_1")) == 1);
	EXPECT(answer_of(pinned, fixture_so("unique_1")) == 1);
	image_free(pinned);
	EXPECT(fixture_child(in_child, trial) == 0);
	EXPECT(fixture_call(one, "answer", 0, &result) == 0 && result == 1);
	image_unload(one);
	EXPECT(in_child(trial) == 0); /* and the parent goes on as well */
	image_free(one);
	return 0;
}

static const struct trial_case cases[] = {
	{ "content_changes", LOADER_EXECUTES | LOADER_MANY_IMAGES, case_content_changes },
	{ "content_changes_fresh", LOADER_EXECUTES | LOADER_FRESH_EVERY_LOAD,
	  case_content_changes },
	{ "soname_repeats", LOADER_EXECUTES | LOADER_MANY_IMAGES, case_soname_repeats },
	{ "state_is_fresh", LOADER_EXECUTES | LOADER_FRESH_EVERY_LOAD, case_state_is_fresh },
	{ "unique_is_fresh", LOADER_EXECUTES | LOADER_FRESH_EVERY_LOAD, case_unique_is_fresh },
	{ "many_objects", LOADER_EXECUTES | LOADER_MANY_IMAGES, case_many_objects },
	{ "many_loads", LOADER_EXECUTES | LOADER_MANY_IMAGES, case_many_loads },
	{ "thread_local", LOADER_EXECUTES | LOADER_THREAD_LOCAL, case_thread_local },
	{ "thread_local_fresh", LOADER_EXECUTES | LOADER_THREAD_LOCAL | LOADER_FRESH_EVERY_LOAD,
	  case_thread_local_fresh },
	{ "judged", LOADER_EXECUTES, case_judged },
	{ "fork", LOADER_EXECUTES | LOADER_MANY_IMAGES, case_fork },
	{ 0 },
};

int main(void)
{
	return trial_run("loaders: state", cases);
}
