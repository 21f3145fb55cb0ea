/*
 * What elf_sound_check() lets pass, ld.so survives: thousands of damaged objects, those it calls
 * sound each through dlopen in a child process. The objects have no code that would run, and damage
 * that gives them some is left out. SOLOAD_MUTANTS sets how many, SOLOAD_SEED the first seed.
 */
#include "loaders/elf/sound.h"

#include "base/file.h"
#include "tests/elf/mutate.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define MUTANTS_DEFAULT 4000
#define HANGS_AFTER_S 20
#define OBJECTS 5

static const char *const names[OBJECTS] = { "sound_plain", "sound_versions", "sound_tls", "bare",
					    "relr" };
static struct file_bytes objects[OBJECTS];

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static int objects_read(void **state)
{
	const char *build = getenv("SOLOAD_BUILD");
	char path[PATH_MAX];
	struct err err;

	(void)state;
	for (int i = 0; i < OBJECTS; i++) {
		snprintf(path, sizeof(path), "%s/fixtures/elf/%s.so", build ? build : "build",
			 names[i]);
		if (file_load(path, &objects[i], &err) < 0 && i < OBJECTS - 1)
			return -1; /* relr is not built everywhere */
	}
	return 0;
}

static int objects_drop(void **state)
{
	(void)state;
	for (int i = 0; i < OBJECTS; i++)
		file_unload(&objects[i]);
	return 0;
}

/* ld.so would run some of the bytes. */
static bool code_runs(const struct elf_file *file)
{
	const struct elf_dynamic *dynamic = &file->dynamic;
	size_t count = elf_symbol_count(file);

	if (dynamic->init || dynamic->fini || dynamic->init_array.bytes ||
	    dynamic->fini_array.bytes)
		return true;
	for (size_t i = 0; i < count; i++) {
		if (ELF64_ST_TYPE(dynamic->symbols[i].st_info) == STT_GNU_IFUNC)
			return true;
	}
	return false;
}

/* "" for what loads or is refused; else how it ended. */
static const char *linker_try(const void *bytes, size_t size)
{
	char path[64];
	int status, fd = memfd_create("sound", MFD_CLOEXEC);
	struct err err;
	pid_t child;

	assert_true(fd >= 0);
	if (fd_write_all(fd, bytes, size, "a mutant", &err) < 0)
		fail_msg("%s", err.text);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS };
		void *handle;

		for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
			signal(faults[i], SIG_DFL); /* cmocka's would go on */
		alarm(HANGS_AFTER_S);
		handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		if (handle) {
			(void)dlsym(handle, "probe");
			(void)dlsym(handle, "no such name");
			dlclose(handle);
		}
		_exit(0);
	}
	close(fd);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		return strsignal(WTERMSIG(status));
	return WEXITSTATUS(status) ? "it ended the process" : "";
}

/* For whoever looks into it. */
static void mutant_keep(const void *bytes, size_t size)
{
	FILE *file = fopen("sound_mutant.so", "we");

	if (file)
		fwrite(bytes, 1, size, file);
	if (file)
		fclose(file);
}

static void what_is_sound_is_survived(void **state)
{
	uint64_t count = setting("SOLOAD_MUTANTS", MUTANTS_DEFAULT);
	uint64_t seed = setting("SOLOAD_SEED", 1), sound = 0, unsound = 0;
	unsigned char *copy = malloc(1 << 20);
	struct elf_file file;

	(void)state;
	assert_non_null(copy);
	for (uint64_t i = 0; i < count; i++) {
		const struct file_bytes *object = &objects[i % OBJECTS];
		size_t size = object->size;
		const char *end;

		if (!object->bytes)
			continue;
		assert_true(size <= 1 << 20);
		memcpy(copy, object->bytes, size);
		elf_mutate(copy, &size, seed + i);
		if (elf_file_check(&file, copy, size, NULL) < 0 ||
		    elf_sound_check(&file, NULL) < 0) {
			unsound++;
			continue;
		}
		if (code_runs(&file))
			continue;
		sound++;
		end = linker_try(copy, size);
		if (*end) {
			mutant_keep(copy, size);
			fail_msg("%s, seed %llu: %s; it is in sound_mutant.so", names[i % OBJECTS],
				 (unsigned long long)(seed + i), end);
		}
	}
	free(copy);
	printf("%llu mutants refused, %llu tried\n", (unsigned long long)unsound,
	       (unsigned long long)sound);
	assert_true(sound > count / 20 && unsound > count / 20);
}

/* Every object there is to test with, but those whose damage a test needs. */
static void what_linkers_make_is_sound(void **state)
{
	struct elf_file file;
	struct err err = { "" };

	(void)state;
	for (int i = 0; i < OBJECTS; i++) {
		if (!objects[i].bytes)
			continue;
		assert_int_equal(elf_file_check(&file, objects[i].bytes, objects[i].size, &err), 0);
		if (elf_sound_check(&file, &err) < 0)
			fail_msg("%s: %s", names[i], err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_linkers_make_is_sound),
		cmocka_unit_test(what_is_sound_is_survived),
	};

	return cmocka_run_group_tests_name("elf/sound", tests, objects_read, objects_drop);
}
