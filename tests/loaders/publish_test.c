/*
 * Two objects, one slot, in turns: what was loaded last answers, because its code was published to
 * the instruction caches. And that this can be seen here at all: in a child that publishes nothing,
 * old code answers. A processor may keep old code or not; QEMU 10 always does.
 */
#include "loaders/elf/map.h"
#include "tests/emulator.h"
#include "tests/loaders/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TURNS 6
#define QEMU_MODELS 10 /* its first version that keeps translated code until it is told */

/* What the linker puts in the loader's place (tests/fixtures/fixtures.mk). */
void __real_code_publish(const struct code_range *ranges, size_t count);
void __wrap_code_publish(const struct code_range *ranges, size_t count);

static bool publishing = true;
static unsigned int asked; /* to publish */
static struct code_range published_last[ELF_RUNS_MAX];
static size_t published_count;

void __wrap_code_publish(const struct code_range *ranges, size_t count)
{
	asked++;
	memcpy(published_last, ranges, count * sizeof(*ranges));
	published_count = count;
	if (publishing)
		__real_code_publish(ranges, count);
}

/* How many of TURNS loads answered with the other object's code; -1 = something else is wrong. */
static int turns_run(const char *spec)
{
	struct err err = { { 0 } };
	struct loader *loader;
	struct image *image;
	uintptr_t base = 0;
	int stale = 0;

	EXPECT_OK(loader_open(&loader, spec, &err));
	image = image_new(loader);
	for (int i = 0; i < TURNS; i++) {
		int expected = 1 + i % 2, result;

		EXPECT_OK(
			image_load(image, fixture_so(i % 2 ? "answer_2" : "answer_1"), NULL, &err));
		EXPECT(i == 0 || image->report.base == base);
		base = image->report.base;
		EXPECT(fixture_call(image, "answer", 0, &result) == 0);
		EXPECT(result == 1 || result == 2);
		stale += result != expected;
		/* Constants are data: they are always right. */
		EXPECT(fixture_call(image, "answer_entry", 0, &result) == 0 && result == expected);
		image_unload(image);
	}
	image_free(image);
	loader_close(loader);
	EXPECT(asked >= TURNS);
	return stale;
}

static int published(void *spec)
{
	return turns_run(spec) == 0 ? 0 : 1;
}

static int unpublished(void *spec)
{
	publishing = false;
	return turns_run(spec) > 0 ? 0 : 1;
}

static const char *const specs[] = { "elf:slots=1:slot=4M", "elf:dualmap:slots=1:slot=4M" };

#define SPECS (sizeof(specs) / sizeof(specs[0]))

static void what_was_published_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < SPECS; i++)
		assert_int_equal(fixture_child(published, (void *)(uintptr_t)specs[i]), 0);
}

/* Each segment of code, to whole pages, is published for itself: what lies between two of them may
 * be mapped or not, and a machine may have to read what it publishes. */
static int apart(void *spec)
{
	const struct so *so = fixture_so("elf/apart");
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct err err = { "" };
	struct elf_file file;
	struct loader *loader;
	struct image *image;
	size_t codes = 0;
	int result;

	EXPECT_OK(elf_file_check(&file, so->bytes, so->size, &err));
	EXPECT_OK(loader_open(&loader, spec, &err));
	image = image_new(loader);
	EXPECT_OK(image_load(image, so, NULL, &err));
	EXPECT(published_count == 2);
	for (size_t i = 0; i < file.load_count; i++) {
		const struct elf_segment *load = &file.loads[i];
		uintptr_t begin = image->report.base + load->address;

		if (!(load->flags & PF_X))
			continue;
		EXPECT(published_last[codes].begin == (begin & ~(page - 1)));
		EXPECT(published_last[codes].end ==
		       ((begin + load->memory_bytes + page - 1) & ~(page - 1)));
		codes++;
	}
	EXPECT(codes == published_count);
	EXPECT(fixture_call(image, "probe", 0, &result) == 0 && result == 12);
	image_free(image);
	loader_close(loader);
	return 0;
}

static void holes_are_not_published(void **state)
{
	static const char *const placed[] = { "elf:fresh", "elf", "elf:dualmap", "elf:map" };

	(void)state;
	for (size_t i = 0; i < sizeof(placed) / sizeof(placed[0]); i++)
		assert_int_equal(fixture_child(apart, (void *)(uintptr_t)placed[i]), 0);
}

/* The major version of the QEMU this runs in; 0 = none. */
static int qemu_version(void)
{
	const char *const *words = emulator_words(NULL);
	char command[512], line[256] = "";
	const char *at = NULL;
	FILE *out;

	if (!words)
		return 0;
	snprintf(command, sizeof(command), "%s --version", words[0]);
	out = popen(command, "r");
	if (out && fgets(line, sizeof(line), out))
		at = strstr(line, "version ");
	if (out)
		pclose(out);
	return at ? (int)strtol(at + strlen("version "), NULL, 10) : 0;
}

static void old_code_answers_without(void **state)
{
	int version = qemu_version();

	(void)state;
	if (version < QEMU_MODELS) {
		if (version)
			print_message("QEMU %d does not model the instruction cache, %d does\n",
				      version, QEMU_MODELS);
		else
			print_message(
				"no QEMU: whether old code answers is the processor's affair\n");
		skip();
	}
	for (size_t i = 0; i < SPECS; i++)
		assert_int_equal(fixture_child(unpublished, (void *)(uintptr_t)specs[i]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_published_answers),
		cmocka_unit_test(holes_are_not_published),
		cmocka_unit_test(old_code_answers_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
