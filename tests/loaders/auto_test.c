/* auto: which step does the work, and what it says about the steps above. */
#include "loaders/elf/file.h"
#include "tests/loaders/fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void answers(struct image *image, const struct so *so)
{
	struct err err = { "" };
	int result;

	if (image_load(image, so, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(fixture_call(image, "answer", 0, &result), 0);
	assert_int_equal(result, 1);
}

static void first_step_says_nothing(void **state)
{
	struct loader *loader = fixture_loader("auto:steps=memfd+tmpfs");
	struct image *image = image_new(loader);

	(void)state;
	answers(image, fixture_so("answer_1"));
	assert_null(image->report.note);
	assert_true(image->report.base != 0);
	assert_non_null(image->report.staged_at);
	assert_false(loader->caps & LOADER_FILELESS); /* tmpfs is not: the weaker promise holds */
	image_free(image);
	loader_close(loader);
}

/* A load's timeline may be gone when symbols are asked for: the image's own counts. */
static void symbols_know_no_old_timeline(void **state)
{
	struct loader *loader = fixture_loader("auto");
	struct image *image = image_new(loader);
	struct timeline time = { .spans = NULL }, before;
	struct err err = { "" };
	int result;

	(void)state;
	timeline_begin(&time, PHASE_OTHER);
	if (image_load(image, fixture_so("answer_1"), &time, &err) < 0)
		fail_msg("%s", err.text);
	timeline_end(&time);
	before = time;
	image->time = NULL;
	assert_int_equal(fixture_call(image, "answer", 0, &result), 0);
	image_unload(image);
	assert_memory_equal(&time, &before, sizeof(time));
	image_free(image);
	loader_close(loader);
}

static void unavailable_steps_are_named(void **state)
{
	struct loader *loader = fixture_loader("auto:steps=tmpfs\\:dir=/nowhere/at/all+memfd");
	struct image *image = image_new(loader);

	(void)state;
	for (int i = 0; i < 3; i++) {
		answers(image, fixture_so("answer_1"));
		assert_non_null(image->report.note);
		assert_non_null(strstr(image->report.note, "/nowhere/at/all"));
		assert_non_null(strstr(image->report.note, "loaded by memfd"));
		image_unload(image);
	}
	image_free(image);
	loader_close(loader);
}

/* disk with no folder to write to opens, and refuses each load. */
static void refusals_are_named(void **state)
{
	struct loader *loader =
		fixture_loader("auto:steps=disk\\:dirs=/nowhere/at/all\\:mended+memfd");
	struct image *image = image_new(loader);

	(void)state;
	answers(image, fixture_so("answer_1"));
	assert_non_null(strstr(image->report.note, "/nowhere/at/all"));
	assert_non_null(strstr(image->report.note, "loaded by memfd"));
	image_free(image);
	loader_close(loader);
}

static void what_elf_refuses_is_loaded_by_another(void **state)
{
	struct loader *loader;
	struct err err = { "" };
	struct image *image;

	(void)state;
	if (!loader_find("elf", 3) || loader_open(&loader, "elf", &err) < 0) {
		print_message("elf is not available: %s\n", err.text);
		skip();
	}
	loader_close(loader);
	loader = fixture_loader("auto");
	image = image_new(loader);
	answers(image, fixture_so("answer_1"));
	assert_null(image->report.note);
	assert_null(image->report.staged_at);
	image_unload(image);
	if (image_load(image, fixture_so("textrel"), NULL, &err) == 0) {
		assert_int_equal(strncmp(image->report.note, "elf: ", 5), 0);
		assert_non_null(strstr(image->report.note, "loaded by memfd"));
	}
	image_free(image);
	loader_close(loader);
}

/* The names of the versions it needs lie far outside. */
static void versions_break(unsigned char *bytes, size_t size)
{
	const uint32_t outside = 0x7ffffff0;
	struct elf_file file;
	struct err err = { "" };

	assert_int_equal(elf_file_check(&file, bytes, size, &err), 0);
	assert_non_null(file.dynamic.version_needs);
	memcpy(bytes + (file.dynamic.version_needs - bytes) + offsetof(Elf64_Verneed, vn_aux),
	       &outside, sizeof(outside));
}

/* A word of another's memory. */
static void reloc_break(unsigned char *bytes, size_t size)
{
	const uint64_t outside = UINT64_C(1) << 40;
	struct elf_file file;
	struct err err = { "" };

	assert_int_equal(elf_file_check(&file, bytes, size, &err), 0);
	assert_true(file.dynamic.rela_count > 0);
	memcpy(bytes + ((const unsigned char *)file.dynamic.rela - bytes), &outside,
	       sizeof(outside));
}

/* Also when the first step is one that would believe them. */
static void unsound_bytes_go_to_nobody(void **state)
{
	const struct so *good = fixture_so("imports");
	struct loader *loader = fixture_loader("auto:steps=memfd+tmpfs");
	struct image *image = image_new(loader);
	unsigned char *bytes = malloc(good->size);
	struct so so = *good;
	struct err err = { "" };

	(void)state;
	assert_non_null(bytes);
	memcpy(bytes, good->bytes, good->size);
	memset(bytes + 64, 0xff, 56); /* the first program header */
	so.bytes = bytes;
	assert_int_equal(image_load(image, &so, NULL, &err), -ENOEXEC);
	assert_null(strstr(err.text, "tmpfs"));
	so.size = 40;
	assert_int_equal(image_load(image, &so, NULL, &err), -ENOEXEC);
	so.size = good->size;
	memcpy(bytes, good->bytes, good->size);
	versions_break(bytes, good->size);
	assert_int_equal(image_load(image, &so, NULL, &err), -ENOEXEC);
	assert_non_null(strstr(err.text, "DT_VERNEED"));
	assert_null(strstr(err.text, "tmpfs"));
	memcpy(bytes, good->bytes, good->size);
	reloc_break(bytes, good->size);
	assert_int_equal(image_load(image, &so, NULL, &err), -ENOEXEC);
	assert_non_null(strstr(err.text, "a relocation writes to"));
	free(bytes);
	answers(image, fixture_so("answer_1"));
	image_free(image);
	loader_close(loader);
}

/* Sound, but nobody can bind it: every reason is told, the code is the first one's. */
static void all_refuse(void **state)
{
	struct loader *loader = fixture_loader("auto:steps=memfd+tmpfs");
	struct image *image = image_new(loader);
	struct err err = { "" };

	(void)state;
	assert_true(image_load(image, fixture_so("unresolved_data"), NULL, &err) < 0);
	assert_non_null(strstr(err.text, "memfd: "));
	assert_non_null(strstr(err.text, "tmpfs: "));
	answers(image, fixture_so("answer_1"));
	image_free(image);
	loader_close(loader);
}

/* A function nobody defines is found out before it is called. */
static void what_is_undefined_is_refused(void **state)
{
	struct loader *loader = fixture_loader("auto");
	struct image *image = image_new(loader);
	struct err err = { "" };

	(void)state;
	assert_true(image_load(image, fixture_so("unresolved_call"), NULL, &err) < 0);
	assert_non_null(strstr(err.text, "memfd:now: "));
	image_free(image);
	loader_close(loader);
}

static void no_step_at_all(void **state)
{
	struct loader *loader;
	struct err err = { "" };

	(void)state;
	assert_true(loader_open(&loader, "auto:steps=tmpfs\\:dir=/nowhere/at/all+nobody", &err) <
		    0);
	assert_non_null(strstr(err.text, "/nowhere/at/all"));
	assert_non_null(strstr(err.text, "nobody"));
	assert_true(loader_open(&loader, "auto:steps=null+null+null+null+null+null+null+null+null",
				&err) == -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_step_says_nothing),
		cmocka_unit_test(symbols_know_no_old_timeline),
		cmocka_unit_test(unavailable_steps_are_named),
		cmocka_unit_test(refusals_are_named),
		cmocka_unit_test(what_elf_refuses_is_loaded_by_another),
		cmocka_unit_test(unsound_bytes_go_to_nobody),
		cmocka_unit_test(all_refuse),
		cmocka_unit_test(what_is_undefined_is_refused),
		cmocka_unit_test(no_step_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
