/*
 * The inputs the fuzzer kept (tests/fuzz/corpus): the smallest that reach each place in the loader,
 * and those that once broke it. Run in this process, so a crash, a leak under the sanitizers or a
 * hang fails the test.
 */
#include "base/file.h"
#include "tests/built.h"
#include "tests/fuzz/target.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define HANGS_AFTER_S 120

static void corpus(void **state)
{
	static const char folder[] = "tests/fuzz/corpus";
	unsigned int count = 0, accepted = 0;
	struct dirent *entry;
	DIR *directory = opendir(folder);

	(void)state;
	assert_non_null(directory);
	alarm(HANGS_AFTER_S);
	while ((entry = readdir(directory))) {
		struct file_bytes file;
		struct err err;
		uint8_t *exact;
		char path[PATH_MAX];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (file_load(path, &file, &err) < 0)
			fail_msg("%s", err.text);
		exact = malloc(file.size); /* where a sanitizer sees its end */
		assert_non_null(exact);
		memcpy(exact, file.bytes, file.size);
		accepted += (unsigned int)fuzz_object(exact, file.size);
		count++;
		free(exact);
		file_unload(&file);
	}
	closedir(directory);
	alarm(0);
	print_message("%u inputs, %u accepted\n", count, accepted);
	assert_true(count >= 50);
	assert_true(accepted < count);
#if defined(__x86_64__) /* the machine of those that are sound */
	assert_true(accepted >= 5);
#endif
}

/* The probe objects of this build in every way the target knows, by a byte behind their end: what
 * is refused for damage above must be gone through here. */
static void sound_objects(void **state)
{
	unsigned int accepted[FUZZ_MODES] = { 0 };
	struct dirent *entry;
	DIR *directory;

	(void)state;
	directory = opendir(built_path("fixtures/elf"));
	assert_non_null(directory);
	alarm(HANGS_AFTER_S);
	while ((entry = readdir(directory))) {
		struct file_bytes file;
		uint8_t *longer;

		if (!strstr(entry->d_name, ".so"))
			continue;
		file = built_bytes("fixtures/elf/%s", entry->d_name);
		longer = malloc(file.size + 1);
		assert_non_null(longer);
		memcpy(longer, file.bytes, file.size);
		for (unsigned int mode = 0; mode < FUZZ_MODES; mode++) {
			longer[file.size] =
				(uint8_t)(mode + FUZZ_MODES - (file.size + 1) % FUZZ_MODES);
			accepted[mode] += (unsigned int)fuzz_object(longer, file.size + 1);
		}
		free(longer);
		file_unload(&file);
	}
	closedir(directory);
	alarm(0);
	for (unsigned int mode = 0; mode < FUZZ_MODES; mode++)
		assert_int_equal(accepted[mode], accepted[0]);
	print_message("%u probe objects, in %d ways\n", accepted[0], FUZZ_MODES);
	assert_true(accepted[0] >= 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corpus),
		cmocka_unit_test(sound_objects),
	};

	/* As in the fuzzer: more names to bind to, more of the dynamic linker to meet. */
	(void)dlopen("libstdc++.so.6", RTLD_NOW | RTLD_GLOBAL);
	(void)dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_GLOBAL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
