/*
 * Branch protection of aarch64 (BTI): on a processor that has it, code of an object that is marked
 * cannot be entered where it is not; elsewhere, and in an object that is not marked, it can.
 */
#include "base/file.h"
#include "loaders/loader.h"
#include "tests/built.h"
#include "tests/emulator.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define AGAIN "SOLOAD_TEST_AGAIN" /* set in the second of two runs */
#define HWCAP2_OF_BTI (1UL << 17) /* asm/hwcap.h */

static const char *program;

static bool guards(void)
{
#if defined(__aarch64__)
	return getauxval(AT_HWCAP2) & HWCAP2_OF_BTI;
#else
	return false;
#endif
}

static int child_calls(const char *spec, const char *object, const char *name)
{
	struct so so = { .fd = -1 };
	struct file_bytes file;
	struct loader *loader;
	struct image *image;
	struct err err = { "" };
	void *function;
	int r;

	signal(SIGILL, SIG_DFL); /* cmocka turns it into a long jump */
	r = file_load(built_path("fixtures/elf/%s.so", object), &file, &err);
	if (r == 0)
		r = loader_open(&loader, spec, &err);
	if (r < 0)
		return fprintf(stderr, "%s\n", err.text), 255;
	so.bytes = file.bytes;
	so.size = file.size;
	image = image_new(loader);
	if (image_load(image, &so, NULL, &err) < 0 ||
	    image_symbol(image, name, &function, &err) < 0)
		return fprintf(stderr, "%s\n", err.text), 255;
	return (int)((long (*)(void))(uintptr_t)function)();
}

/* What the function answers in a process of its own, or minus the signal that ended it. */
static int answer(const char *spec, const char *object, const char *name)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(child_calls(spec, object, name));
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void marked_code_is_guarded(void **state)
{
	static const char *const specs[] = { "elf", "elf:dualmap", "elf:fresh", "prelinked" };
	int unmarked = guards() ? -SIGILL : 5;

	(void)state;
	print_message("this processor %s\n", guards() ? "has BTI" : "has no BTI");
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		assert_int_equal(answer(specs[i], "branches", "probe"), 44);
		assert_int_equal(answer(specs[i], "branches", "probe_unmarked"), unmarked);
		assert_int_equal(answer(specs[i], "branches_unmarked", "probe"), 44);
		assert_int_equal(answer(specs[i], "branches_unmarked", "probe_unmarked"), 5);
	}
}

/* Again where the emulator has everything there is: the processor of the other tests has no BTI. */
static void on_a_processor_with_bti(void **state)
{
	const char *const *words = emulator_words(NULL);
	const char *again[EMULATOR_WORDS_MAX + 4];
	size_t count = 0;
	int status;
	pid_t child;

	(void)state;
	if (!words || getenv(AGAIN))
		skip();
	while (words[count]) {
		again[count] = words[count];
		count++;
	}
	again[count++] = "-cpu";
	again[count++] = "max";
	again[count++] = program;
	again[count] = NULL;
	setenv(AGAIN, "1", 1);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		execv(again[0], (char *const *)(uintptr_t)again);
		_exit(254);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* What was started again must have been started on the processor that was asked for. */
static void has_what_was_asked_for(void **state)
{
	(void)state;
	if (!getenv(AGAIN))
		skip();
	assert_true(guards());
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_what_was_asked_for),
		cmocka_unit_test(marked_code_is_guarded),
		cmocka_unit_test(on_a_processor_with_bti),
	};

	program = argc > 0 ? argv[0] : "";

	return cmocka_run_group_tests_name("elf/guarded", tests, NULL, NULL);
}
