/*
 * The in-memory loaders where a process may have no memory file: by a filter of system calls, as on
 * a kernel without memfd_create(), or by RLIMIT_FSIZE, whose signal must not come. Each test is in
 * a child, because neither goes away again.
 */
#include "tests/emulator.h"
#include "tests/loaders/fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <cmocka.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65 /* linux/prctl.h, Linux 6.3 */
#endif

#define ROUNDS 3

static const struct {
	const char *name;
	long value;
} objects[] = {
	{ "elf/plain", 1001 },	       { "elf/plain_packed", 1001 }, { "elf/relro", 101 },
	{ "elf/ifunc", 5555 },	       { "elf/tls_gd", 1066 },	     { "elf/tls_desc", 1066 },
	{ "elf/throw", 576 },	       { "elf/atexit", 31 },	     { "elf/bss_huge", 231 },
	{ "elf/align_64k", 61 },       { "elf/pages_64k", 1001 },    { "elf/versions", 1012 },
	{ "elf/cxx_nounique", 12344 }, { "elf/bare_none", 1034 },
};
#define OBJECTS (sizeof(objects) / sizeof(objects[0]))

static const char *const specs[] = { "elf", "elf:dualmap", "elf:fresh", "prelinked", "auto" };
#define SPECS (sizeof(specs) / sizeof(specs[0]))

/* The protections of the mapping an address is in, "rwxp" and the like. */
static int mapping_of(const void *address, char *ret_rights)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long begin, end;
	char line[1024];
	int r = -1;

	while (r < 0 && maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %4s", &begin, &end, ret_rights) == 3 &&
		    (unsigned long)address - begin < end - begin)
			r = 0;
	}
	if (maps)
		fclose(maps);
	return r;
}

static int loads(struct image *image, size_t i, const char *note)
{
	struct err err = { "" };
	char rights[8] = "";
	void *probe;

	EXPECT_OK(image_load(image, fixture_so(objects[i].name), NULL, &err));
	EXPECT_OK(image_symbol(image, "probe", &probe, &err));
	EXPECT(((long (*)(void))(uintptr_t)probe)() == objects[i].value);
	EXPECT(mapping_of(probe, rights) == 0);
	EXPECT(strcmp(rights, "r-xp") == 0);
	EXPECT(image->report.note && strstr(image->report.note, note));
	EXPECT(!image->report.staged_at);
	image_unload(image);
	return 0;
}

static int all_load(const char *note)
{
	for (size_t s = 0; s < SPECS; s++) {
		struct err err = { "" };
		struct loader *loader;
		struct image *image;

		EXPECT_OK(loader_open(&loader, specs[s], &err));
		image = image_new(loader);
		for (size_t i = 0; i < ROUNDS * OBJECTS; i++) {
			if (loads(image, i % OBJECTS, note) != 0) {
				fprintf(stderr, "%s, %s\n", specs[s], objects[i % OBJECTS].name);
				return 1;
			}
		}
		image_free(image);
		loader_close(loader);
	}
	return 0;
}

static int without_memfd(void *argument)
{
	const unsigned int *code = argument;
	int r = fixture_memfd_refuse(~0u, *code);

	return r ? r : all_load("no memory file may be had");
}

/* Nothing fits: not a slot, not an object. */
static int without_file_size(void *argument)
{
	const struct rlimit none = { 0, 0 };

	(void)argument;
	EXPECT(setrlimit(RLIMIT_FSIZE, &none) == 0);
	return all_load("no memory file may be had");
}

/* An object fits, a slot does not. */
static int with_little_file_size(void *argument)
{
	const struct rlimit few = { 4 << 20, 4 << 20 };
	struct err err = { "" };
	struct loader *loader;
	struct image *image;

	(void)argument;
	EXPECT(setrlimit(RLIMIT_FSIZE, &few) == 0);
	EXPECT_OK(loader_open(&loader, "elf", &err));
	image = image_new(loader);
	EXPECT(loads(image, 0, "no memory file of a slot's size") == 0);
	image_free(image);
	loader_close(loader);
	return 0;
}

/* Memory that was written must not become executable either: elf says so, auto asks the dynamic
 * linker, whose files were never written through a mapping. */
static int without_any_way(void *argument)
{
	struct err err = { "" };
	struct loader *loader;
	struct image *image;
	int r;

	(void)argument;
	if (prctl(PR_SET_MDWE, 1UL, 0UL, 0UL, 0UL) < 0) {
		fprintf(stderr, "skipped: Linux before 6.3\n");
		return CASE_SKIPPED;
	}
	r = fixture_memfd_refuse(~0u, ENOSYS);
	if (r)
		return r;
	EXPECT_OK(loader_open(&loader, "elf", &err));
	image = image_new(loader);
	EXPECT(image_load(image, fixture_so("elf/plain"), NULL, &err) == -EACCES);
	EXPECT(strstr(err.text, "memfd_create") && strstr(err.text, "PR_SET_MDWE"));
	image_free(image);
	loader_close(loader);

	EXPECT_OK(loader_open(&loader, "auto", &err));
	image = image_new(loader);
	if (image_load(image, fixture_so("elf/plain"), NULL, &err) == 0)
		snprintf(err.text, sizeof(err.text), "%s", image->report.note);
	EXPECT(strstr(err.text, "memfd_create") && strstr(err.text, "PR_SET_MDWE"));
	image_free(image);
	loader_close(loader);
	return 0;
}

static void kernel_without_memfd(void **state)
{
	unsigned int code = ENOSYS;

	(void)state;
	fixture_passes(without_memfd, &code);
}

static void policy_against_memfd(void **state)
{
	unsigned int code = EPERM;

	(void)state;
	fixture_passes(without_memfd, &code);
}

static void no_file_size_at_all(void **state)
{
	(void)state;
	if (emulator_words(NULL)) {
		print_message("skipped: an emulator writes /proc/self/maps into a file\n");
		skip();
	}
	fixture_passes(without_file_size, NULL);
}

static void less_file_size_than_a_slot(void **state)
{
	(void)state;
	fixture_passes(with_little_file_size, NULL);
}

static void no_way_is_said(void **state)
{
	(void)state;
	fixture_passes(without_any_way, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_without_memfd),
		cmocka_unit_test(policy_against_memfd),
		cmocka_unit_test(no_file_size_at_all),
		cmocka_unit_test(no_way_is_said),
		cmocka_unit_test(less_file_size_than_a_slot),
	};

	return cmocka_run_group_tests_name("loaders/refused", tests, NULL, NULL);
}
