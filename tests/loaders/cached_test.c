/* cached: what is kept, what is not, and who is given up for whom. */
#include "base/clock.h"
#include "loaders/cached.h"
#include "loaders/elf/where.h"
#include "tests/loaders/fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void load(struct image *image, const char *name, uint64_t id, uint64_t generation)
{
	struct so so = *fixture_so(name);
	struct err err = { { 0 } };
	int result;

	so.id = id;
	so.generation = generation;
	if (image_load(image, &so, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(fixture_call(image, "answer", 0, &result), 0);
	image->so = NULL; /* `so` ends here; a kept image must not need it */
}

static struct cached_counts counts(struct loader *loader)
{
	struct cached_counts now;

	assert_int_equal(cached_counts(loader, &now), 0);
	return now;
}

/* Of a kept image the caller's name may be gone. */
static void names_are_kept(void **state)
{
	struct loader *loader = fixture_loader("cached:inner=elf");
	struct image *image = image_new(loader);
	struct so so = *fixture_so("answer_1");
	char name[] = "named.so";
	struct elf_where where;
	void *address;

	(void)state;
	so.id = so.generation = 1;
	so.path = name;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(image_load(image, &so, NULL, NULL), 0);
		assert_int_equal(image->report.hit, i);
		assert_int_equal(image_symbol(image, "answer", &address, NULL), 0);
		assert_true(elf_where((uintptr_t)address, &where));
		assert_string_equal(where.object, "named.so");
		image_unload(image);
		memset(name, 'x', strlen(name));
	}
	image_free(image);
	loader_close(loader);
}

static void hits_and_misses(void **state)
{
	struct loader *loader = fixture_loader("cached");
	struct image *image = image_new(loader);
	uintptr_t base;

	(void)state;
	load(image, "answer_1", 1, 1);
	assert_false(image->report.hit);
	assert_non_null(image->report.staged_at);
	assert_true(image->report.load_bytes > 0);
	base = image->report.base;
	image_unload(image);
	load(image, "answer_1", 1, 1);
	assert_true(image->report.hit);
	assert_true(image->report.base == base);
	assert_int_equal(image->report.load_bytes, 0);
	image_unload(image);
	load(image, "answer_1", 1, 2);
	assert_false(image->report.hit); /* a new generation is new content */
	image_unload(image);
	load(image, "answer_2", 2, 1);
	assert_false(image->report.hit);
	assert_int_equal(counts(loader).in_use, 1);
	image_free(image);
	assert_int_equal(counts(loader).hits, 1);
	assert_int_equal(counts(loader).misses, 3);
	assert_int_equal(counts(loader).kept, 3);
	assert_int_equal(counts(loader).in_use, 0);
	assert_int_equal(counts(loader).uncached, 0);
	loader_close(loader);
}

static void no_identity_is_never_kept(void **state)
{
	struct loader *loader = fixture_loader("cached");
	struct image *image = image_new(loader);

	(void)state;
	for (int i = 0; i < 3; i++) {
		load(image, i & 1 ? "answer_2" : "answer_1", 0, 7);
		assert_false(image->report.hit);
		assert_non_null(image->report.note);
		image_unload(image);
	}
	assert_int_equal(counts(loader).misses, 3);
	assert_int_equal(counts(loader).uncached, 3);
	assert_int_equal(counts(loader).kept, 0);
	image_free(image);
	loader_close(loader);
}

static void no_build_id_is_never_kept(void **state)
{
	struct loader *loader = fixture_loader("cached:key=build-id");
	struct image *image = image_new(loader);

	(void)state;
	for (int i = 0; i < 2; i++) {
		load(image, "answer_1_no_id", 5, 5);
		assert_false(image->report.hit);
		image_unload(image);
	}
	for (int i = 0; i < 2; i++) {
		load(image, "answer_1", 0, (uint64_t)i); /* the caller's identity is not asked */
		assert_true(image->report.hit == (i == 1));
		image_unload(image);
	}
	assert_int_equal(counts(loader).kept, 1);
	image_free(image);
	loader_close(loader);
}

static void longest_unused_goes_first(void **state)
{
	struct loader *loader = fixture_loader("cached:entries=2");
	struct image *image = image_new(loader);

	(void)state;
	load(image, "answer_1", 1, 1), image_unload(image);
	load(image, "answer_2", 2, 1), image_unload(image);
	load(image, "answer_1", 1, 1), image_unload(image); /* 2 is the older now */
	load(image, "answer_2_named", 3, 1), image_unload(image);
	assert_int_equal(counts(loader).evictions, 1);
	load(image, "answer_1", 1, 1);
	assert_true(image->report.hit);
	image_unload(image);
	load(image, "answer_2", 2, 1);
	assert_false(image->report.hit);
	image_unload(image);
	assert_int_equal(counts(loader).evictions, 2);
	assert_int_equal(counts(loader).kept, 2);
	image_free(image);
	loader_close(loader);
}

/* What is in use is not given up: the one too many is loaded for its caller alone. */
static void in_use_is_not_given_up(void **state)
{
	struct loader *loader = fixture_loader("cached:entries=1");
	struct image *one = image_new(loader), *two = image_new(loader), *again = image_new(loader);
	int result;

	(void)state;
	load(one, "answer_1", 1, 1);
	load(two, "answer_2", 2, 1);
	assert_non_null(two->report.note);
	assert_int_equal(counts(loader).uncached, 1);
	assert_int_equal(counts(loader).evictions, 0);
	load(again, "answer_1", 1, 1);
	assert_true(again->report.hit);
	image_unload(one);
	image_unload(two);
	assert_int_equal(counts(loader).in_use, 1);
	assert_int_equal(fixture_call(again, "answer", 0, &result), 0);
	assert_int_equal(result, 1);
	image_unload(again);
	load(two, "answer_2", 2, 1);
	assert_int_equal(counts(loader).evictions, 1);
	image_free(one);
	image_free(two);
	image_free(again);
	loader_close(loader);
}

/* A load that failed is not remembered as anything. */
static void failure_is_not_kept(void **state)
{
	struct loader *loader = fixture_loader("cached:entries=1");
	struct image *image = image_new(loader);
	struct so so = *fixture_so("unresolved_data");
	struct err err = { { 0 } };

	(void)state;
	so.id = 9;
	for (int i = 0; i < 2; i++) {
		assert_true(image_load(image, &so, NULL, &err) < 0);
		assert_non_null(strstr(err.text, "soload_nobody_defines_this"));
	}
	assert_int_equal(counts(loader).misses, 2);
	assert_int_equal(counts(loader).kept, 0);
	load(image, "answer_1", 9, 0);
	assert_false(image->report.hit);
	image_free(image);
	loader_close(loader);
}

static void refused(const char *spec, const char *word)
{
	struct err err = { { 0 } };
	struct loader *loader;

	assert_int_equal(loader_open(&loader, spec, &err), -EINVAL);
	if (!strstr(err.text, word))
		fail_msg("%s: '%s' does not say '%s'", spec, err.text, word);
}

static void options_are_checked(void **state)
{
	struct loader *loader = fixture_loader("memfd");
	struct cached_counts now;

	(void)state;
	refused("cached:inner=cached", "cache of a cache");
	refused("cached:inner=memfd\\:naive", "several images");
	refused("cached:inner=memfdd", "did you mean 'memfd'");
	refused("cached:entries=5000", "at most");
	refused("cached:key=name", "key");
	assert_int_equal(cached_counts(loader, &now), -EINVAL);
	loader_close(loader);
	loader = fixture_loader("cached:inner=tmpfs\\:trim");
	assert_false(loader->caps & LOADER_FILELESS);
	assert_false(loader->caps & LOADER_FRESH_EVERY_LOAD);
	loader_close(loader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_kept),
		cmocka_unit_test(hits_and_misses),
		cmocka_unit_test(no_identity_is_never_kept),
		cmocka_unit_test(no_build_id_is_never_kept),
		cmocka_unit_test(longest_unused_goes_first),
		cmocka_unit_test(in_use_is_not_given_up),
		cmocka_unit_test(failure_is_not_kept),
		cmocka_unit_test(options_are_checked),
	};

	clock_start();
	return cmocka_run_group_tests_name("loaders: cached", tests, NULL, NULL);
}
