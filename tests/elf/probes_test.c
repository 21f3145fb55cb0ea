/*
 * One object per feature (tests/fixtures/elf), through dlopen from a memory file, which is the
 * oracle, and through every in-memory loader there is. Each runs in a process of its own, so a
 * crash is an answer too; each is loaded several times, so a state that survives shows.
 */
#include "base/file.h"
#include "device/parcel.h"
#include "loaders/loader.h"
#include "tests/built.h"
#include "tests/elf/patch.h"

#include <dlfcn.h>
#include <errno.h>
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

#define LOADS 3
#define HANGS_AFTER_S 60

enum loads { EVERYWHERE, LINKER_ONLY, IN_PLACE };

static const struct probe {
	const char *name;
	long value, trace;
	enum loads loads;
	const char *feature;
	bool optional; /* not every linker can make it */
} probes[] = {
#define PROBE(name, value, trace, loads, feature) { #name, value, trace, loads, feature, false },
#define PROBE_OPTIONAL(name, value, trace, loads, feature) \
	{ #name, value, trace, loads, feature, true },
#include "tests/fixtures/elf/probes.def"
#undef PROBE
#undef PROBE_OPTIONAL
};

/* `strict` refuse what LINKER_ONLY says; the others load all of it. Those that give the dynamic
 * linker a copy refuse what is IN_PLACE; `auto` does not. What `shares` answers the second load
 * with what the first one left, on purpose or by its flaw: it is loaded once. */
static const struct spec {
	const char *spec;
	bool strict;
	bool trimmed; /* as transport trimmed brings it */
	bool shares;
} specs[] = {
	{ "memfd", false, false, false },	  { "elf", true, false, false },
	{ "elf:dualmap", true, false, false },	  { "elf:fresh", true, false, false },
	{ "elf:map", true, false, false },	  { "prelinked", true, false, false },
	{ "auto", false, false, false },	  { "disk", false, true, true },
	{ "disk:mended", false, true, false },	  { "disk:trim", false, true, true },
	{ "tmpfs", false, true, false },	  { "memfd", false, true, false },
	{ "memfd:trim", false, true, false },	  { "cached", false, true, true },
	{ "cached:inner=elf", true, true, true }, { "elf", true, true, false },
	{ "elf:dualmap", true, true, false },	  { "elf:fresh", true, true, false },
	{ "elf:map", true, true, false },	  { "elf:agreed", true, true, false },
	{ "prelinked", true, true, false },	  { "prelinked:agreed", true, true, false },
	{ "auto", false, true, false },
};

static unsigned int loads_of(const struct spec *spec)
{
	return spec->shares ? 1 : LOADS;
}

/* What the child found; shared memory. */
struct answer {
	int r; /* of the first step that failed */
	long values[LOADS], traces[LOADS];
	unsigned int loads; /* that came to their end */
	struct err err;
};

static struct answer *answer;

/* Lets the object's constructors and functions be called from code the sanitizers instrumented. */
static long call(void *function)
{
	long (*probe)(void) = (long (*)(void))(uintptr_t)function;

	return probe();
}

static void observe(struct image *image, long *trace)
{
	void *function;

	if (image_symbol(image, "probe_observe", &function, NULL) == 0)
		((void (*)(long *))(uintptr_t)function)(trace);
}

/* The hash probes: every name is found and is the right one; others are not found. */
static int names_check(struct image *image, struct err *err)
{
	char name[] = "probe_hash_10";
	void *function;

	if (image_symbol(image, "probe_hash_60", &function, err) != -ENOENT)
		return err_set(err, EINVAL, "a symbol was found that does not exist");
	if (image_symbol(image, name, &function, NULL) < 0)
		return 0;
	for (int i = 0; i < 40; i++) {
		long number = (i / 8 + 1) * 10 + i % 8;

		snprintf(name + 11, 3, "%ld", number);
		if (image_symbol(image, name, &function, err) < 0 || call(function) != number)
			return err_set(err, EINVAL, "%s is not found or another's", name);
	}
	err->text[0] = '\0';
	return 0;
}

static int load_once(struct image *image, const struct so *so, long *ret_value, long *trace)
{
	void *function;
	int r;

	r = image_load(image, so, NULL, &answer->err);
	if (r < 0)
		return r;
	r = image_symbol(image, "probe", &function, &answer->err);
	if (r == 0) {
		observe(image, trace);
		*ret_value = call(function);
		r = names_check(image, &answer->err);
	}
	image_unload(image);
	return r;
}

static int child_loads(const struct spec *spec, const struct so *given)
{
	struct loader *loader;
	struct image *image;
	struct so so = *given;
	int r;

	r = loader_open(&loader, spec->spec, &answer->err);
	if (r < 0)
		return r;
	so.id = 1; /* the same content every time: `prelinked` keeps it */
	image = image_new(loader);
	for (unsigned int i = 0; i < loads_of(spec) && r == 0; i++) {
		r = load_once(image, &so, &answer->values[i], &answer->traces[i]);
		answer->loads += r == 0;
	}
	image_free(image);
	loader_close(loader);
	return r;
}

/* How the child ended when it did not end by itself, in words; NULL when it did. */
static const char *child_run(const struct spec *spec, const struct so *so)
{
	int status;
	pid_t pid;

	memset(answer, 0, sizeof(*answer));
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(HANGS_AFTER_S);
		/* cmocka turns signals into long jumps into a test of the parent. */
		signal(SIGSEGV, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		answer->r = child_loads(spec, so);
		fflush(NULL);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGALRM ? "hangs" : strsignal(WTERMSIG(status));
	return WEXITSTATUS(status) ? "ends the process" : NULL;
}

static bool said(const char *spec, const char *name, const char *feature, const char *what)
{
	print_error("%s, %s (%s): %s\n", spec, name, feature, what);
	return false;
}

static bool answer_is_right(const struct spec *how, const struct probe *probe)
{
	const char *spec = how->spec;
	char text[ERR_TEXT_BYTES + 64];

	if (answer->r < 0)
		return said(spec, probe->name, probe->feature, answer->err.text);
	for (unsigned int i = 0; i < loads_of(how); i++) {
		if (answer->values[i] == probe->value && answer->traces[i] == probe->trace)
			continue;
		snprintf(text, sizeof(text),
			 "load %u answers %ld and leaves %ld, expected %ld and %ld", i + 1,
			 answer->values[i], answer->traces[i], probe->value, probe->trace);
		return said(spec, probe->name, probe->feature, text);
	}
	return true;
}

static bool refusal_is_right(const char *spec, const struct probe *probe)
{
	if (answer->r == 0)
		return said(spec, probe->name, probe->feature, "loads, but should be refused");
	if (answer->r != -ENOEXEC && answer->r != -ENOTSUP && answer->r != -ENOENT)
		return said(spec, probe->name, probe->feature,
			    "fails, but not with ENOEXEC, ENOTSUP or ENOENT");
	return answer->err.text[0] ? true : said(spec, probe->name, probe->feature, "says nothing");
}

/* In place: what comes out of a parcel is never longer than what went in. */
static void object_trim(struct so *so)
{
	void *parcel = malloc(parcel_bytes_max(so->size));
	struct parcel_size size;

	assert_non_null(parcel);
	assert_int_equal(parcel_pack(so->bytes, so->size, parcel, &size, NULL), 0);
	assert_int_equal(parcel_unpack(parcel, size.bytes, (void *)(uintptr_t)so->bytes,
				       size.object_bytes, NULL),
			 0);
	so->size = size.object_bytes;
	free(parcel);
}

/* 0 right, 1 wrong, -1 not there. */
static int probe_try(const struct spec *spec, const struct probe *probe)
{
	const char *path = built_path("fixtures/elf/%s.so", probe->name), *ended;
	struct so so = { .fd = -1, .generation = 1 };
	struct file_bytes file;
	bool right;

	if (probe->optional && access(path, R_OK) < 0)
		return -1;
	assert_int_equal(file_load(path, &file, &answer->err), 0);
	so.bytes = file.bytes;
	so.size = file.size;
	so.path = path;
	if (spec->trimmed)
		object_trim(&so);
	ended = child_run(spec, &so);
	file_unload(&file);
	if (ended)
		right = said(spec->spec, probe->name, probe->feature, ended);
	else if ((probe->loads == LINKER_ONLY && spec->strict) ||
		 (probe->loads == IN_PLACE && !spec->strict && strcmp(spec->spec, "auto") != 0))
		right = refusal_is_right(spec->spec, probe);
	else
		right = answer_is_right(spec, probe);
	return right ? 0 : 1;
}

/* The reason why a loader cannot be tried here, or false. */
static bool spec_is_absent(const char *spec)
{
	struct err err = { "" };
	struct loader *loader;

	if (!loader_find(spec, strcspn(spec, ":"))) {
		print_message("%s: not in this build\n", spec);
		return true;
	}
	if (loader_open(&loader, spec, &err) < 0) {
		print_message("%s: %s\n", spec, err.text);
		return true;
	}
	loader_close(loader);
	return false;
}

static void features(void **state)
{
	const struct spec *spec = *state;
	unsigned int wrong = 0, absent = 0;

	if (spec_is_absent(spec->spec))
		skip();
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		int r = probe_try(spec, &probes[i]);

		wrong += r > 0;
		absent += r < 0;
	}
	if (absent)
		print_message("%s: %u probes could not be built by this linker\n", spec->spec,
			      absent);
	assert_int_equal(wrong, 0);
}

/* Objects changed after they were built: what must load still does, the rest is refused by name. */
static void patched(void **state)
{
	const struct spec *spec = *state;
	unsigned int wrong = 0;

	if (!spec->strict || spec->trimmed || spec_is_absent(spec->spec))
		skip();
	for (const struct patch *patch = patches; patch->name; patch++) {
		struct probe probe = { patch->name, patch->value,   0,
				       EVERYWHERE,  patch->feature, false };
		struct so so = { .fd = -1, .generation = 1 };
		struct file_bytes file = built_bytes("fixtures/elf/%s.so", patch->base);
		const char *ended;

		patch->apply(file.bytes, file.size);
		so.bytes = file.bytes;
		so.size = file.size;
		ended = child_run(spec, &so);
		if (ended)
			wrong += !said(spec->spec, probe.name, probe.feature, ended);
		else if (!patch->says)
			wrong += !answer_is_right(spec, &probe);
		else if (!refusal_is_right(spec->spec, &probe))
			wrong++;
		else if (!strstr(answer->err.text, patch->says))
			wrong += !said(spec->spec, probe.name, patch->says, answer->err.text);
		file_unload(&file);
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	struct CMUnitTest tests[2 * sizeof(specs) / sizeof(specs[0])];
	size_t count = 0;

	answer = mmap(NULL, sizeof(*answer), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (answer == MAP_FAILED)
		return 1;
	/* As a host of C++ objects has them: loaded once, so that no child waits for them. */
	dlopen("libstdc++.so.6", RTLD_NOW | RTLD_GLOBAL);
	dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_GLOBAL);
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		tests[count++] = (struct CMUnitTest){ specs[i].spec, features, NULL, NULL,
						      (void *)(uintptr_t)&specs[i] };
		if (specs[i].strict && !specs[i].trimmed)
			tests[count++] = (struct CMUnitTest){ "patched", patched, NULL, NULL,
							      (void *)(uintptr_t)&specs[i] };
	}
	return _cmocka_run_group_tests("probes", tests, count, NULL, NULL);
}
