/* The flaws of the modes that are faithful to somebody, each shown: old code that answers for new,
 * an image overwritten under its caller, a planted link followed. Freshness must name each. */
#include "base/clock.h"
#include "loaders/freshness.h"
#include "tests/loaders/fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64];

static struct loader *open_spec(const char *format)
{
	struct err err = { { 0 } };
	struct loader *loader = NULL;
	const char *hole = strstr(format, "%s");
	char spec[256];

	snprintf(spec, sizeof(spec), "%.*s%s%s", hole ? (int)(hole - format) : 200, format,
		 hole ? folder : "", hole ? hole + 2 : "");
	if (loader_open(&loader, spec, &err) < 0)
		fprintf(stderr, "%s: %s\n", spec, err.text);
	return loader;
}

/* Loads, calls, judges: the answer, or -1. The image stays loaded. */
static int answer_judged(struct image *image, const char *name, enum freshness *ret_freshness)
{
	struct freshness_verdict verdict, quick;
	struct err err = { { 0 } };
	int result;

	EXPECT_OK(image_load(image, fixture_so(name), NULL, &err));
	EXPECT(fixture_call(image, "answer", 0, &result) == 0);
	freshness_check(image, &verdict);
	freshness_check_quick(image, &quick);
	EXPECT(verdict.freshness == quick.freshness);
	EXPECT(strlen(verdict.reason) > 10);
	*ret_freshness = verdict.freshness;
	return result;
}

/* What the first object pinned answers for the second. */
static int unique_is_stale(struct loader *loader)
{
	struct image *image = image_new(loader);
	enum freshness freshness;

	EXPECT(answer_judged(image, "unique_1", &freshness) == 1);
	EXPECT(freshness == FRESHNESS_FRESH);
	image_unload(image);
	EXPECT(answer_judged(image, "unique_2", &freshness) == 1); /* 2 was sent */
	EXPECT(freshness == FRESHNESS_STALE);
	EXPECT(image->report.known_before);
	image_unload(image);
	EXPECT(answer_judged(image, "unique_1", &freshness) == 1); /* the same bytes, not loaded */
	EXPECT(freshness == FRESHNESS_STALE);
	image_free(image);
	return 0;
}

/* Without the unique symbol dlclose works, and with it the reuse of the name. */
static int nounique_is_fresh(struct loader *loader)
{
	struct image *image = image_new(loader);
	enum freshness freshness;

	for (int i = 0; i < 6; i++) {
		EXPECT(answer_judged(image, i & 1 ? "nounique_2" : "nounique_1", &freshness) ==
		       (i & 1) + 1);
		EXPECT(freshness == FRESHNESS_FRESH);
		EXPECT(!image->report.known_before);
		image_unload(image);
	}
	image_free(image);
	return 0;
}

static int mended_is_fresh(struct loader *loader)
{
	struct image *image = image_new(loader);
	enum freshness freshness;

	for (int i = 0; i < 6; i++) {
		EXPECT(answer_judged(image, i & 1 ? "unique_2" : "unique_1", &freshness) ==
		       (i & 1) + 1);
		EXPECT(freshness == FRESHNESS_FRESH);
		image_unload(image);
	}
	image_free(image);
	return 0;
}

/*
 * Two at once: one file, truncated and written over while the first image runs from it. Truncation
 * drops the pages the linker had relocated too, so what follows is other code or a crash, but never
 * two images.
 */
static int disk_overwrites(struct loader *loader)
{
	struct image *one = image_new(loader), *two = image_new(loader);
	enum freshness freshness;
	int result;

	EXPECT(answer_judged(one, "answer_1", &freshness) == 1);
	EXPECT(freshness == FRESHNESS_FRESH);
	result = answer_judged(two, "answer_2", &freshness);
	EXPECT(result < 0 || freshness == FRESHNESS_STALE);
	EXPECT(fixture_call(one, "answer", 0, &result) == 0);
	EXPECT(result != 1);
	image_free(one);
	image_free(two);
	return 0;
}

/* Two at once: the descriptor's number comes again, and the linker compares names. */
static int naive_confuses(struct loader *loader)
{
	struct image *one = image_new(loader), *two = image_new(loader);
	enum freshness freshness;

	EXPECT(answer_judged(one, "answer_1", &freshness) == 1);
	EXPECT(answer_judged(two, "answer_2", &freshness) == 1); /* 2 was sent */
	EXPECT(freshness == FRESHNESS_STALE);
	image_free(one);
	image_free(two);
	return 0;
}

static int first_answers_for_all(struct loader *loader)
{
	struct image *image = image_new(loader);
	enum freshness freshness;

	EXPECT(answer_judged(image, "answer_1", &freshness) == 1);
	EXPECT(freshness == FRESHNESS_FRESH);
	image_unload(image);
	EXPECT(answer_judged(image, "answer_2", &freshness) == 1);
	EXPECT(freshness == FRESHNESS_STALE && image->report.hit);
	image_unload(image);
	EXPECT(answer_judged(image, "answer_1", &freshness) == 1);
	EXPECT(freshness == FRESHNESS_REUSED);
	image_free(image);
	return 0;
}

static int build_id_is_trusted(struct loader *loader)
{
	struct image *image = image_new(loader);
	enum freshness freshness;

	EXPECT(answer_judged(image, "answer_1_same_id", &freshness) == 1);
	image_unload(image);
	EXPECT(answer_judged(image, "answer_2_same_id", &freshness) == 1);
	EXPECT(freshness == FRESHNESS_STALE && image->report.hit);
	image_unload(image);
	EXPECT(answer_judged(image, "answer_2", &freshness) == 2);
	EXPECT(freshness == FRESHNESS_FRESH);
	image_free(image);
	return 0;
}

/* The name can be guessed, and links are followed: another user's file is written over. */
static int link_is_followed(struct loader *loader)
{
	enum freshness freshness;
	char victim[128], link[128];
	struct stat st;
	struct image *image;

	snprintf(victim, sizeof(victim), "%s/victim", folder);
	snprintf(link, sizeof(link), "%s/libdevice_orch_%d.so", folder, (int)getpid());
	fclose(fopen(victim, "we"));
	EXPECT(symlink(victim, link) == 0);
	image = image_new(loader);
	EXPECT(answer_judged(image, "answer_1", &freshness) == 1);
	EXPECT(stat(victim, &st) == 0);
	EXPECT((size_t)st.st_size ==
	       (strstr(loader->spec, "mended") ? 0 : fixture_so("answer_1")->size));
	image_free(image);
	unlink(link);
	return 0;
}

/* What a killed process leaves: upstream's file for good, the others nothing. */
static int killed_while_loaded(struct loader *loader)
{
	struct image *image = image_new(loader);
	enum freshness freshness;

	EXPECT(answer_judged(image, "answer_1", &freshness) == 1);
	raise(SIGKILL);
	return -1;
}

struct flaw {
	const char *name;
	int (*run)(struct loader *loader);
	const char *spec;
};

static int flaw_body(void *argument)
{
	const struct flaw *flaw = argument;
	struct loader *loader = open_spec(flaw->spec);
	int r;

	if (!loader)
		return -1;
	r = flaw->run(loader);
	loader_close(loader);
	return r;
}

static const struct flaw flaws[] = {
	{ "disk: a pinned object answers", unique_is_stale, "disk:dirs=%s" },
	{ "disk:trim: a pinned object answers", unique_is_stale, "disk:dirs=%s:trim" },
	{ "disk: nothing pinned, nothing stale", nounique_is_fresh, "disk:dirs=%s" },
	{ "disk: a planted link is followed", link_is_followed, "disk:dirs=%s" },
	{ "disk:mended: fresh", mended_is_fresh, "disk:dirs=%s:mended" },
	{ "disk:mended: a planted link is not followed", link_is_followed, "disk:dirs=%s:mended" },
	{ "tmpfs: fresh", mended_is_fresh, "tmpfs" },
	{ "memfd: fresh", mended_is_fresh, "memfd" },
	{ "memfd:naive: a pinned object answers", unique_is_stale, "memfd:naive" },
	{ "memfd:naive: nothing pinned, nothing stale", nounique_is_fresh, "memfd:naive" },
	{ "memfd:naive: two at once are one", naive_confuses, "memfd:naive" },
	{ "cached:policy=first: answers for all", first_answers_for_all, "cached:policy=first" },
	{ "cached:key=build-id: is trust", build_id_is_trusted, "cached:key=build-id" },
};

static void flaw_test(void **state)
{
	const struct flaw *flaw = *state;

	assert_int_equal(fixture_child(flaw_body, (void *)(uintptr_t)flaw), 0);
}

static void overwrite_test(void **state)
{
	struct flaw flaw = { .run = disk_overwrites, .spec = "disk:dirs=%s" };
	int r = fixture_child(flaw_body, &flaw);

	(void)state;
	assert_true(r == 0 || r == -SIGSEGV || r == -SIGBUS);
}

static int folder_entries(const char *spec)
{
	struct flaw flaw = { .run = killed_while_loaded, .spec = spec };
	char here[64];
	int r;

	fixture_folder(here, sizeof(here));
	memcpy(folder, here, sizeof(folder));
	assert_int_equal(fixture_child(flaw_body, &flaw), -SIGKILL);
	r = rmdir(here);
	fixture_folder_remove(here);
	return r == 0 ? 0 : 1;
}

static void kill_test(void **state)
{
	char old[64];

	(void)state;
	memcpy(old, folder, sizeof(old));
	assert_int_equal(folder_entries("disk:dirs=%s"), 1);
	assert_int_equal(folder_entries("disk:dirs=%s:mended"), 0);
	assert_int_equal(folder_entries("tmpfs:dir=%s"), 0);
	memcpy(folder, old, sizeof(folder));
}

int main(void)
{
	struct CMUnitTest tests[sizeof(flaws) / sizeof(flaws[0]) + 2];
	size_t count = 0;
	int failed;

	clock_start();
	fixture_folder(folder, sizeof(folder));
	for (; count < sizeof(flaws) / sizeof(flaws[0]); count++)
		tests[count] =
			(struct CMUnitTest){ .name = flaws[count].name,
					     .test_func = flaw_test,
					     .initial_state = (void *)(uintptr_t)&flaws[count] };
	tests[count++] = (struct CMUnitTest){ .name = "disk: two at once are not two",
					      .test_func = overwrite_test };
	tests[count++] =
		(struct CMUnitTest){ .name = "killed while loaded", .test_func = kill_test };
	failed = _cmocka_run_group_tests("loaders: flaws", tests, count, NULL, NULL);
	fixture_folder_remove(folder);
	return failed;
}
