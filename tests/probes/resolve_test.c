/*
 * Where the functions of an ld.so are: every source of names in its order, build-ids that must
 * agree, first instructions that are refused, files that are no ELF files.
 */
#include "probes/resolve.h"
#include "probes/ldphase_sites.h"
#include "probes/probe.h"
#include "tests/built.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOWHERE "/nonexistent/debug"

static void names_of(const char *file, const char *root, struct resolved *ret_resolved)
{
	struct err err = { "" };

	if (resolve_steps(built_path("fixtures/%s", file), root, ret_resolved, &err) < 0)
		fail_msg("%s", err.text);
}

static void symtab_is_read(void **state)
{
	struct resolved resolved;

	(void)state;
	names_of("probe_names.so", NOWHERE, &resolved);
	assert_int_equal(resolved.sites[STEP_OPEN].source, RESOLVE_SYMTAB);
	assert_int_equal(resolved.sites[STEP_VERIFY].source, RESOLVE_SYMTAB); /* a .constprop */
	assert_true(resolved.sites[STEP_OPEN].offset > 0);
	assert_int_equal(resolved.sites[STEP_UNMAP].offset, 0);
	assert_int_equal(strlen(resolved.build_id), 40);
#ifdef __x86_64__
	assert_int_equal(resolved.found, 4);
#endif
}

static void stepped_instructions_are_refused(void **state)
{
	struct resolved resolved;

	(void)state;
#ifdef __x86_64__
	names_of("probe_names.so", NOWHERE, &resolved);
	assert_true(resolved.sites[STEP_INIT].offset && resolved.sites[STEP_INIT].stepped);
	assert_int_equal(resolved.stepped, 1);
	assert_true(resolve_emulated((const unsigned char *)"\x41\x57", 2));
	assert_true(resolve_emulated((const unsigned char *)"\x55\x48", 2));
	assert_true(resolve_emulated((const unsigned char *)"\x90\x90", 2));
	assert_false(resolve_emulated((const unsigned char *)"\xc3\x00", 2));
	assert_false(resolve_emulated((const unsigned char *)"\xf3\x0f", 2));
	assert_false(resolve_emulated((const unsigned char *)"\x48\x89", 2));
	assert_false(resolve_emulated((const unsigned char *)"\x55", 0));
#else
	(void)resolved;
	skip();
#endif
}

static void stripped_files_name_nothing(void **state)
{
	struct resolved resolved;

	(void)state;
	names_of("probe_bare.so", NOWHERE, &resolved);
	assert_int_equal(resolved.found, 0);
}

static void debugdata_is_unpacked(void **state)
{
	struct resolved resolved;

	(void)state;
#ifdef HAVE_LZMA
	if (access(built_path("fixtures/probe_debugdata.so"), R_OK) < 0) {
		print_message("no xz on this machine: .gnu_debugdata not tested\n");
		skip();
	}
	names_of("probe_debugdata.so", NOWHERE, &resolved);
	assert_int_equal(resolved.sites[STEP_OPEN].source, RESOLVE_DEBUGDATA);
#else
	(void)resolved;
	print_message("built without liblzma: .gnu_debugdata not tested\n");
	skip();
#endif
}

static void markers_give_coarse_steps(void **state)
{
	struct resolved resolved;

	(void)state;
#ifdef HAVE_SDT
	names_of("probe_markers.so", NOWHERE, &resolved);
	assert_int_equal(resolved.sites[STEP_FIND].source, RESOLVE_STAPSDT);
	assert_int_equal(resolved.sites[STEP_BIND].source, RESOLVE_STAPSDT);
	assert_int_equal(resolved.sites[STEP_INIT].source, RESOLVE_STAPSDT);
	assert_int_equal(resolved.sites[STEP_UNMAP].source, RESOLVE_STAPSDT);
	assert_int_equal(resolved.sites[STEP_OPEN].offset, 0);
	assert_int_equal(resolved.stepped, 0); /* a nop of one byte */
#else
	(void)resolved;
	print_message("built without sys/sdt.h: markers not tested\n");
	skip();
#endif
}

static void copy(const char *from, const char *to)
{
	char command[8 * PATH_MAX];

	snprintf(command, sizeof(command), "cp '%s' '%s'", from, to);
	assert_int_equal(system(command), 0); /* NOLINT: names of our own */
}

/* The debug file of the same build names what the object does not; that of another build, under the
 * same name, is worse than none. */
static void debug_files_must_be_of_the_same_build(void **state)
{
	char root[] = "/tmp/soload-debug-XXXXXX", folder[PATH_MAX], path[2 * PATH_MAX];
	struct resolved bare, found, whole;

	(void)state;
	assert_non_null(mkdtemp(root));
	names_of("probe_split.so", NOWHERE, &bare);
	assert_int_equal(bare.found, 0);
	assert_int_equal(strlen(bare.build_id), 40);
	snprintf(folder, sizeof(folder), "%s/.build-id", root);
	assert_int_equal(mkdir(folder, 0700), 0);
	snprintf(folder, sizeof(folder), "%s/.build-id/%.2s", root, bare.build_id);
	assert_int_equal(mkdir(folder, 0700), 0);
	snprintf(path, sizeof(path), "%s/%s.debug", folder, bare.build_id + 2);
	copy(built_path("fixtures/answer_1.so"), path);
	names_of("probe_split.so", root, &found);
	assert_int_equal(found.found, 0);
	copy(built_path("fixtures/probe_split.debug"), path);
	names_of("probe_split.so", root, &found);
	names_of("probe_names.so", NOWHERE, &whole);
	assert_string_equal(found.build_id, whole.build_id);
	assert_int_equal(found.found, whole.found);
	for (int step = 0; step < STEP_COUNT; step++) {
		if (whole.sites[step].offset)
			assert_int_equal(found.sites[step].source, RESOLVE_DEBUG_FILE);
		assert_int_equal(found.sites[step].offset, whole.sites[step].offset);
	}
	unlink(path);
	rmdir(folder);
	snprintf(folder, sizeof(folder), "%s/.build-id", root);
	rmdir(folder);
	rmdir(root);
}

static void exports_are_found(void **state)
{
	const char *path = built_path("fixtures/probe_bare.so");
	struct resolve_site site;
	struct err err = { "" };

	(void)state;
	assert_int_equal(resolve_export(path, "probe_names", &site, &err), 0);
	assert_int_equal(site.source, RESOLVE_DYNSYM);
	assert_int_equal(resolve_export(path, "nothing", &site, &err), -2);
}

/* Truncated at every 16th byte: an error or fewer names, never a crash. */
static void cut_files_do_no_harm(void **state)
{
	char path[] = "/tmp/soload-cut-XXXXXX";
	int fd = mkstemp(path);
	FILE *from = fopen(built_path("fixtures/probe_names.so"), "re");
	static char bytes[1 << 20];
	size_t size;

	(void)state;
	assert_true(fd >= 0 && from);
	size = fread(bytes, 1, sizeof(bytes), from);
	fclose(from);
	for (size_t cut = 16; cut < size; cut += 16) {
		struct resolved resolved;

		assert_int_equal(pwrite(fd, bytes, cut, 0), (ssize_t)cut);
		assert_int_equal(ftruncate(fd, (off_t)cut), 0);
		resolve_steps(path, NOWHERE, &resolved, NULL);
	}
	close(fd);
	unlink(path);
}

/* Where ld.so has no names, dlopen is watched in the libc beside it: the process's own, reached
 * through its root, whatever this process would find under that name. */
static void libc_stays_inside_the_root(void **state)
{
	char linker[PATH_MAX], root[64];
	struct ldphase_sites sites = { 0 };
	struct err err = { "" };

	(void)state;
	assert_int_equal(resolve_linker_of_process(getpid(), linker, sizeof(linker), &err), 0);
	assert_int_equal(ldphase_sites_find(&sites, linker, NOWHERE, &err), 0);
	if (sites.named) {
		print_message("this ld.so has its names with it: nothing to test\n");
		skip();
	}
	snprintf(root, sizeof(root), "/proc/%d/root/", (int)getpid());
	assert_memory_equal(sites.library, root, strlen(root));
	assert_true(sites.dlopen.offset > 0);
}

static void linkers_are_found(void **state)
{
	char by_program[PATH_MAX], by_process[PATH_MAX];
	struct stat a, b;
	struct err err = { "" };

	(void)state;
	assert_int_equal(
		resolve_linker_of_program("/proc/self/exe", by_program, sizeof(by_program), &err),
		0);
	assert_int_equal(resolve_linker_of_process(getpid(), by_process, sizeof(by_process), &err),
			 0);
	assert_int_equal(stat(by_program, &a), 0);
	assert_int_equal(stat(by_process, &b), 0);
	assert_true(a.st_ino == b.st_ino);
	assert_true(resolve_linker_of_program("/etc/passwd", by_program, sizeof(by_program), &err) <
		    0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(symtab_is_read),
		cmocka_unit_test(stepped_instructions_are_refused),
		cmocka_unit_test(stripped_files_name_nothing),
		cmocka_unit_test(debugdata_is_unpacked),
		cmocka_unit_test(markers_give_coarse_steps),
		cmocka_unit_test(debug_files_must_be_of_the_same_build),
		cmocka_unit_test(exports_are_found),
		cmocka_unit_test(cut_files_do_no_harm),
		cmocka_unit_test(libc_stays_inside_the_root),
		cmocka_unit_test(linkers_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
