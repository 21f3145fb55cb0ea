/* Conformance, the ordinary day: what is loaded is there, complete and in order, and is gone after.
 */
#include "tests/loaders/fixture.h"
#include "tests/loaders/leaks.h"
#include "tests/loaders/trial.h"

#include <errno.h>
#include <string.h>

static int case_answers(struct trial *trial)
{
	const struct so *so = fixture_so("answer_1");
	struct image *image = image_new(trial->loader);
	struct err err = { { 0 } };
	int result;

	EXPECT(image);
	EXPECT_OK(image_load(image, so, NULL, &err));
	EXPECT(image->report.base != 0);
	EXPECT(!image->report.hit && !image->report.known_before);
	EXPECT(fixture_call(image, "answer", 0, &result) == 0 && result == 1);
	for (int i = 0, power = 1; i < 4; i++, power *= 10)
		EXPECT(fixture_call(image, "answer_entry", i, &result) == 0 && result == power);
	EXPECT(fixture_call(image, "answer_bss", 1000, &result) == 0 && result == 1);
	EXPECT(fixture_call(image, "answer_bss", 1000, &result) == 0 && result == 2);
	image_free(image);
	return 0;
}

static int case_symbol_absent(struct trial *trial)
{
	struct image *image = image_new(trial->loader);
	void *address = trial, *before = address;
	struct err err = { { 0 } };

	EXPECT(image_symbol(image, "answer", &address, &err) == -EINVAL && err.text[0]);
	EXPECT_OK(image_load(image, fixture_so("answer_1"), NULL, &err));
	EXPECT(image_symbol(image, "no_such_symbol", &address, &err) == -ENOENT);
	EXPECT(strstr(err.text, "no_such_symbol"));
	EXPECT(address == before);
	EXPECT(image_symbol(image, "table", &address, &err) == -ENOENT); /* static: not exported */
	EXPECT_OK(image_symbol(image, "answer", &address, &err));
	image_free(image);
	return 0;
}

static int case_calling_order(struct trial *trial)
{
	struct image *image = image_new(trial->loader);
	const struct so *so = fixture_so("answer_1");
	struct err err = { { 0 } };

	image_unload(image);
	EXPECT_OK(image_load(image, so, NULL, &err));
	EXPECT(image_load(image, so, NULL, &err) == -EBUSY && err.text[0]);
	image_unload(image);
	image_unload(image);
	EXPECT_OK(image_load(image, so, NULL, &err));
	image_free(image);
	image_free(NULL);
	return 0;
}

/* Constructors by priority, destructors the other way round; a loader that keeps images runs them
 * when it closes. */
static int case_constructors(struct trial *trial)
{
	struct image *image = image_new(trial->loader);
	struct err err = { { 0 } };
	char out[8] = "";
	void *address;

	EXPECT_OK(image_load(image, fixture_so("order"), NULL, &err));
	EXPECT_OK(image_symbol(image, "order_trail", &address, &err));
	EXPECT(strcmp(((const char *(*)(void))(uintptr_t)address)(), "abc") == 0);
	EXPECT_OK(image_symbol(image, "order_sink", &address, &err));
	((void (*)(char *))(uintptr_t)address)(out);
	EXPECT(out[0] == '\0');
	image_free(image);
	if (trial->loader->caps & LOADER_FRESH_EVERY_LOAD)
		EXPECT(strcmp(out, "xyz") == 0);
	loader_close(trial->loader);
	trial->loader = NULL;
	EXPECT(strcmp(out, "xyz") == 0);
	return 0;
}

static int imports_call(struct image *image)
{
	struct err err = { { 0 } };
	void *address;

	EXPECT_OK(image_symbol(image, "imports_work", &address, &err));
	EXPECT(((int (*)(double))(uintptr_t)address)(2.0) == 1);
	return 0;
}

static int case_imports(struct trial *trial)
{
	struct image *image = image_new(trial->loader);
	struct err err = { { 0 } };

	EXPECT_OK(image_load(image, fixture_so("imports"), NULL, &err));
	EXPECT(imports_call(image) == 0);
	image_free(image);
	return 0;
}

static int case_exceptions(struct trial *trial)
{
	struct image *image = image_new(trial->loader);
	struct err err = { { 0 } };
	int result;

	EXPECT_OK(image_load(image, fixture_so("throws"), NULL, &err));
	EXPECT(fixture_call(image, "throws_caught", 10, &result) == 0 && result == 0);
	EXPECT(fixture_call(image, "throws_caught", 0, &result) == 0 && result == 0);
	image_free(image);
	return 0;
}

/* One page for several segments: permissions are decided per page, bytes per segment. */
static int case_packed(struct trial *trial)
{
	struct image *image = image_new(trial->loader);
	struct err err = { { 0 } };
	int result;

	EXPECT_OK(image_load(image, fixture_so("answer_1_packed"), NULL, &err));
	EXPECT(fixture_call(image, "answer_entry", 3, &result) == 0 && result == 1000);
	EXPECT(fixture_call(image, "answer_bss", 0, &result) == 0 && result == 1);
	image_free(image);
	return 0;
}

/* The bytes may lie anywhere, and may be gone once the image is. */
static int case_unaligned_bytes(struct trial *trial)
{
	static char bytes[1 << 20];
	const struct so *given = fixture_so("answer_1");
	struct image *image = image_new(trial->loader);
	struct err err = { { 0 } };
	struct so so = *given;
	int result;

	EXPECT(so.size < sizeof(bytes) - 1);
	so.bytes = memcpy(bytes + 1, given->bytes, so.size);
	EXPECT_OK(image_load(image, &so, NULL, &err));
	EXPECT(fixture_call(image, "answer_entry", 2, &result) == 0 && result == 100);
	image_unload(image);
	memset(bytes, 0xff, sizeof(bytes));
	EXPECT_OK(image_load(image, given, NULL, &err));
	EXPECT(fixture_call(image, "answer_entry", 2, &result) == 0 && result == 100);
	image_free(image);
	return 0;
}

/* Every instant of a load is in a phase, and the phases are those the caps promise. */
static int case_phases(struct trial *trial)
{
	bool parts, split = trial->loader->caps & LOADER_SPLIT_PHASES;
	struct image *image = image_new(trial->loader);
	uint64_t ns[PHASE_COUNT], sum = 0, wall;
	bool seen[PHASE_COUNT] = { false };
	struct err err = { { 0 } };
	struct clock_map map;
	struct span spans[64];
	struct timeline time = { .spans = spans, .span_capacity = 64 };
	void *address;

	timeline_begin(&time, PHASE_OTHER);
	EXPECT_OK(image_load(image, fixture_so("imports"), &time, &err));
	EXPECT_OK(image_symbol(image, "imports_work", &address, &err));
	image_unload(image);
	timeline_end(&time);
	map = clock_map_now();
	wall = timeline_ns(&time, &map, ns);
	for (int i = 0; i < PHASE_COUNT; i++)
		sum += ns[i];
	EXPECT(sum == wall && wall > 0);
	EXPECT(time.spans_dropped == 0);
	for (unsigned int i = 0; i < time.span_count; i++)
		seen[spans[i].phase] = true;
	EXPECT(seen[PHASE_RESOLVE] && seen[PHASE_UNLOAD]);
	parts = seen[PHASE_MAP] && seen[PHASE_RELOCATE] && seen[PHASE_INIT];
	EXPECT(parts || (!split && seen[PHASE_LINK]));
	EXPECT(!image->report.staged_at || seen[PHASE_STAGE]);
	image_free(image);
	return 0;
}

static const struct trial_case cases[] = {
	{ "answers", LOADER_EXECUTES, case_answers },
	{ "symbol_absent", LOADER_EXECUTES, case_symbol_absent },
	{ "calling_order", 0, case_calling_order },
	{ "constructors", LOADER_EXECUTES, case_constructors },
	{ "imports", LOADER_EXECUTES, case_imports },
	{ "exceptions", LOADER_EXECUTES, case_exceptions },
	{ "packed", LOADER_EXECUTES, case_packed },
	{ "unaligned_bytes", LOADER_EXECUTES, case_unaligned_bytes },
	{ "phases", 0, case_phases },
	{ 0 },
};

int main(void)
{
	return trial_run("loaders", cases);
}
