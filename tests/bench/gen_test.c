/*
 * soload gen: objects hold exactly what was asked for, run and return the predicted value, are
 * equal for equal seeds, and what cannot be is refused in words, leaving no file.
 */
#include "bench/gen/plan.h"

#include "base/file.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/soload-gentest-XXXXXX";
static char path[128];
static struct err err;

static const char *in_folder(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int folder_make(void **state)
{
	(void)state;
	return mkdtemp(folder) && setenv("TMPDIR", folder, 1) == 0 ? 0 : -1;
}

static int folder_remove(void **state)
{
	char line[64];

	(void)state;
	snprintf(line, sizeof(line), "rm -rf %s", folder);
	return system(line);
}

static int files_here(void)
{
	DIR *dir = opendir(folder);
	int count = 0;

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* Builds, checks every count that was asked for, and lets the object answer three times. */
static struct gen_counts built(const struct gen_plan *plan, const char *name)
{
	struct gen_counts counts = { 0 };
	long (*entry)(void);
	void *handle, *address;

	if (gen_build(plan, in_folder(name), &counts, &err) < 0)
		fail_msg("%s: %s", name, err.text);
	for (int i = 0; i < GEN_COUNTS; i++) {
		if (plan->given[i])
			assert_int_equal(counts.have[i], plan->want[i]);
	}
	assert_int_equal(counts.other, 0);
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		fail_msg("%s", dlerror());
	address = dlsym(handle, GEN_ENTRY);
	assert_non_null(address);
	entry = (long (*)(void))(uintptr_t)address;
	for (long i = 0; i < 3; i++)
		assert_int_equal(entry(), gen_value(plan->seed) + i);
	dlclose(handle);
	return counts;
}

static void plan_set(struct gen_plan *plan, enum gen_count which, uint64_t number)
{
	plan->given[which] = true;
	plan->want[which] = number;
}

static void the_least_there_is(void **state)
{
	struct gen_plan plan = { .seed = 3 };

	(void)state;
	built(&plan, "plain.so");
	plan.bare = true;
	plan_set(&plan, GEN_RELATIVE, 0);
	plan_set(&plan, GEN_IMPORTS, 0);
	plan_set(&plan, GEN_GLOBS, 0);
	plan_set(&plan, GEN_SYMBOLS, 1);
	built(&plan, "bare.so");
}

static void everything_at_once(void **state)
{
	struct gen_plan plan = { .seed = 4711, .size = 200000, .ctors = 5, .unloaded = 30000 };
	struct gen_counts counts;

	(void)state;
	plan_set(&plan, GEN_RELATIVE, 321);
	plan_set(&plan, GEN_IMPORTS, 77);
	plan_set(&plan, GEN_GLOBS, 11);
	plan_set(&plan, GEN_ABSOLUTE, 23);
	plan_set(&plan, GEN_IRELATIVE, 3);
	plan_set(&plan, GEN_TLS, 4);
	plan_set(&plan, GEN_SYMBOLS, 50);
	plan_set(&plan, GEN_NEEDED, 4);
	counts = built(&plan, "all.so");
	assert_in_range(counts.file_bytes, 230000 - 64, 230000 + 64);
	assert_in_range(counts.load_bytes, 150000, 200000);
}

static void every_tls_model(void **state)
{
	(void)state;
	for (enum gen_tls_model model = GEN_TLS_GD; model <= GEN_TLS_IE; model++) {
		struct gen_plan plan = { .seed = 5, .tls_model = model };
		char name[16];

		snprintf(name, sizeof(name), "tls%d.so", (int)model);
		plan_set(&plan, GEN_TLS, 3);
		built(&plan, name);
	}
}

static void every_variant(void **state)
{
	struct gen_plan relr = { .seed = 6, .relr = true, .bare = true };
	struct gen_plan unique = { .seed = 7, .unique = true, .now = true, .sysv = true };
	struct gen_plan wide = { .seed = 8, .page_bytes = 65536 };

	(void)state;
	plan_set(&relr, GEN_RELATIVE, 200);
	built(&relr, "relr.so");
	plan_set(&unique, GEN_SYMBOLS, 9);
	built(&unique, "unique.so");
	built(&wide, "wide.so");
}

static void the_seed_decides(void **state)
{
	struct gen_plan plan = { .seed = 9, .size = 40000 };
	struct file_bytes first = { 0 }, again = { 0 }, other = { 0 };

	(void)state;
	plan_set(&plan, GEN_RELATIVE, 40);
	built(&plan, "first.so");
	assert_int_equal(file_load(path, &first, &err), 0);
	built(&plan, "again.so");
	assert_int_equal(file_load(path, &again, &err), 0);
	assert_int_equal(first.size, again.size);
	assert_memory_equal(first.bytes, again.bytes, first.size);
	plan.seed = 10;
	built(&plan, "other.so");
	assert_int_equal(file_load(path, &other, &err), 0);
	assert_true(other.size != first.size || memcmp(other.bytes, first.bytes, other.size) != 0);
	assert_int_not_equal(gen_value(9), gen_value(10));
	file_unload(&first);
	file_unload(&again);
	file_unload(&other);
}

static void refused(const struct gen_plan *plan, const char *said)
{
	struct gen_counts counts;
	int before = files_here();

	assert_true(gen_build(plan, in_folder("refused.so"), &counts, &err) < 0);
	if (!strstr(err.text, said))
		fail_msg("says '%s', not '%s'", err.text, said);
	assert_int_equal(files_here(), before);
}

static void what_cannot_be_is_refused(void **state)
{
	struct gen_plan few = { 0 }, many = { 0 }, small = { .size = 2000 };
	struct gen_plan none = { 0 }, crooked = { .page_bytes = 5000 };

	(void)state;
	plan_set(&few, GEN_RELATIVE, 1);
	refused(&few, "the toolchain alone brings 3 (fewer with --bare)");
	plan_set(&many, GEN_IMPORTS, gen_imports_max + 1);
	refused(&many, "imports and GLOB_DAT together");
	refused(&small, "is too small: the contents alone take");
	plan_set(&none, GEN_SYMBOLS, 0);
	refused(&none, "the entry is one of them");
	refused(&crooked, "power of two");
}

static void no_compiler_is_told(void **state)
{
	struct gen_plan plan = { 0 };

	(void)state;
	setenv("CC", "/nonexistent/cc -v", 1);
	refused(&plan, "/nonexistent/cc: No such file or directory; install a C compiler");
	setenv("CC", "cc -fno-such-option-at-all", 1);
	refused(&plan, "cc failed: ");
	unsetenv("CC");
}

static void an_unwritable_target_is_told(void **state)
{
	struct gen_plan plan = { 0 };
	struct gen_counts counts;

	(void)state;
	assert_int_equal(gen_build(&plan, "/nonexistent/x.so", &counts, &err), -ENOENT);
	assert_non_null(strstr(err.text, "create /nonexistent/x.so"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_there_is),
		cmocka_unit_test(everything_at_once),
		cmocka_unit_test(every_tls_model),
		cmocka_unit_test(every_variant),
		cmocka_unit_test(the_seed_decides),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(no_compiler_is_told),
		cmocka_unit_test(an_unwritable_target_is_told),
	};

	return cmocka_run_group_tests_name("bench/gen", tests, folder_make, folder_remove);
}
