/* Cases times specs as one cmocka group. See trial.h. */
#include "tests/loaders/trial.h"

#include "base/clock.h"
#include "tests/loaders/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SPECS_MAX 96
#define SPEC_BYTES 256

static char specs[SPECS_MAX][SPEC_BYTES];
static unsigned int spec_count;
static char folder[64];

static void spec_add(const char *format)
{
	const char *hole = strstr(format, "%s");
	int before = hole ? (int)(hole - format) : (int)strlen(format);

	if (spec_count == SPECS_MAX)
		return;
	snprintf(specs[spec_count++], SPEC_BYTES, "%.*s%s%s", before, format, hole ? folder : "",
		 hole ? hole + 2 : "");
}

static bool type_listed(const char *name)
{
	size_t length = strlen(name);

	for (unsigned int i = 0; i < spec_count; i++) {
		if (strncmp(specs[i], name, length) == 0 &&
		    (specs[i][length] == ':' || !specs[i][length]))
			return true;
	}
	return false;
}

static void specs_make(void)
{
#define SPEC(text) spec_add(text);
#include "tests/loaders/specs.def"
#undef SPEC
	for (int i = 0; loader_types[i]; i++) {
		if (!type_listed(loader_types[i]->name))
			spec_add(loader_types[i]->name);
	}
}

static int trial_body(void *argument)
{
	struct trial *trial = argument;
	struct err err = { { 0 } };
	int r;

	clock_start();
	if (loader_open(&trial->loader, trial->spec, &err) < 0) {
		fprintf(stderr, "%s: %s\n", trial->spec, err.text);
		return 1;
	}
	r = trial->tried->run(trial);
	loader_close(trial->loader);
	return r == 0 || r == CASE_SKIPPED ? r : 1;
}

static void trial_test(void **state)
{
	fixture_passes(trial_body, *state);
}

/* What a loader with these options promises, asked in a child: opening one may leave its mark. */
static int caps_body(void *argument)
{
	const char *spec = argument;
	struct err err = { { 0 } };
	struct loader *loader;
	unsigned int caps;

	if (loader_open(&loader, spec, &err) < 0) {
		fprintf(stderr, "not tried: %s: %s\n", spec, err.text);
		return 0;
	}
	caps = loader->caps;
	if (caps & ~loader->type->caps) {
		fprintf(stderr, "%s: promises more than its type\n", spec);
		exit(1);
	}
	loader_close(loader);
	return (int)caps;
}

static struct CMUnitTest test_make(char *spec, const struct trial_case *tried)
{
	struct trial *trial = calloc(1, sizeof(*trial));
	char *name = malloc(SPEC_BYTES);

	if (!trial || !name)
		abort();
	snprintf(name, SPEC_BYTES, "%s %.*s", tried->name, SPEC_BYTES / 2, spec);
	trial->spec = spec;
	trial->folder = folder;
	trial->tried = tried;
	return (struct CMUnitTest){ .name = name, .test_func = trial_test, .initial_state = trial };
}

int trial_run(const char *group, const struct trial_case *cases)
{
	struct CMUnitTest *tests;
	size_t case_count = 0, count = 0;
	int failed;

	while (cases[case_count].name)
		case_count++;
	fixture_folder(folder, sizeof(folder));
	specs_make();
	tests = calloc(spec_count * case_count, sizeof(*tests));
	if (!tests)
		abort();
	for (unsigned int i = 0; i < spec_count; i++) {
		int caps = fixture_child(caps_body, specs[i]);

		for (size_t k = 0; k < case_count && caps > 0; k++) {
			if ((cases[k].needs & ~(unsigned int)caps) == 0)
				tests[count++] = test_make(specs[i], &cases[k]);
		}
	}
	failed = _cmocka_run_group_tests(group, tests, count, NULL, NULL);
	for (size_t i = 0; i < count; i++) {
		free((void *)(uintptr_t)tests[i].name);
		free(tests[i].initial_state);
	}
	free(tests);
	fixture_folder_remove(folder);
	return failed;
}
