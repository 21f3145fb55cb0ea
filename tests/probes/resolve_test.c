/*
 * Where the functions of an ld.so are: every source of names in its order, build-ids that must
 * agree, first instructions that are refused or stepped over, files that are no ELF files.
 */
#include "probes/resolve.h"
#include "probes/ldphase_sites.h"
#include "probes/probe.h"
#include "tests/built.h"
#include "tests/emulator.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

/* An ld.so and the libc beside it, made of two fixtures. */
static int pair_find(const char *linker, const char *library, struct ldphase_sites *ret_sites,
		     struct err *err)
{
	char folder[] = "/tmp/soload-pair-XXXXXX", as_linker[PATH_MAX], as_library[PATH_MAX];
	int r;

	assert_non_null(mkdtemp(folder));
	snprintf(as_linker, sizeof(as_linker), "%s/ld.so", folder);
	snprintf(as_library, sizeof(as_library), "%s/libc.so.6", folder);
	copy(built_path("fixtures/%s", linker), as_linker);
	if (library)
		copy(built_path("fixtures/%s", library), as_library);
	r = ldphase_sites_find(ret_sites, as_linker, NOWHERE, err);
	unlink(as_linker);
	unlink(as_library);
	rmdir(folder);
	return r;
}

#ifdef __x86_64__
static bool site_behind_endbr64(const char *file, const struct resolve_site *site)
{
	static const unsigned char wanted[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0x55 };
	unsigned char bytes[sizeof(wanted)] = { 0 };
	FILE *from = fopen(built_path("fixtures/%s", file), "re");

	assert_non_null(from);
	assert_int_equal(fseek(from, (long)site->offset - 4, SEEK_SET), 0);
	assert_int_equal(fread(bytes, 1, sizeof(bytes), from), sizeof(bytes));
	fclose(from);
	return memcmp(bytes, wanted, sizeof(wanted)) == 0;
}
#endif

/* An ld.so and a libc built with CET, as most distributions do: the push behind endbr64. */
static void functions_are_watched_behind_endbr64(void **state)
{
#ifdef __x86_64__
	uint64_t offsets[STEP_COUNT], steps[STEP_COUNT];
	struct ldphase_sites sites;
	struct resolve_site site;
	struct err err = { "" };

	(void)state;
	assert_int_equal(pair_find("probe_endbr.so", NULL, &sites, &err), 0);
	assert_true(sites.named && sites.inner);
	assert_int_equal(sites.linker.stepped, 0);
	assert_int_equal(ldphase_sites_pick(&sites, false, true, offsets, steps), 2);
	assert_int_equal(steps[0], STEP_OPEN);
	assert_int_equal(steps[1], STEP_RELOCATE);
	assert_true(site_behind_endbr64("probe_endbr.so", &sites.linker.sites[STEP_OPEN]));
	assert_int_equal(ldphase_sites_pick(&sites, true, true, offsets, steps), 1);
	assert_int_equal(offsets[0], sites.linker.sites[STEP_OPEN].offset);
	assert_int_equal(
		resolve_export(built_path("fixtures/probe_endbr.so"), "dlopen", &site, &err), 0);
	assert_true(!site.stepped && site_behind_endbr64("probe_endbr.so", &site));
#else
	(void)state;
	skip();
#endif
}

/* Neither ld.so's dlopen nor libc's can be watched: in words, and not a trace of nothing. */
static void what_opens_no_load_is_refused(void **state)
{
	static const char *const linkers[] = { "probe_endbr_stepped.so", "probe_bare.so" };
	struct ldphase_sites sites;
	struct err err;

	(void)state;
	for (int i = 0; i < 2; i++) {
#ifdef __x86_64__
		assert_int_equal(pair_find(linkers[i], "probe_endbr_stepped.so", &sites, &err),
				 -ENOTSUP);
		assert_non_null(strstr(err.text, "dlopen of "));
		assert_non_null(strstr(err.text, i ? "no symbols for " : "_dl_open of "));
		assert_string_equal(sites.linker.path, ""); /* the next looks again */
#endif
	}
	assert_int_equal(pair_find(linkers[1], NULL, &sites, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "libc.so.6"));
}

/* libc's dlopen opens the load, ld.so tells the steps as far as it can: functions, else markers. */
static void steps_stay_beside_dlopen(void **state)
{
	uint64_t offsets[STEP_COUNT], steps[STEP_COUNT];
	struct ldphase_sites sites;
	struct err err = { "" };

	(void)state;
	assert_int_equal(pair_find("probe_bare.so", "probe_endbr.so", &sites, &err), 0);
	assert_true(!sites.named && !sites.inner && sites.dlopen.offset);
	assert_int_equal(ldphase_sites_pick(&sites, false, true, offsets, steps), 0);
#ifdef __x86_64__
	assert_int_equal(pair_find("probe_endbr_stepped.so", "probe_endbr.so", &sites, &err), 0);
	assert_true(!sites.named && sites.inner && sites.dlopen.offset);
	assert_int_equal(ldphase_sites_pick(&sites, false, true, offsets, steps), 1);
	assert_int_equal(steps[0], STEP_RELOCATE);
	assert_int_equal(ldphase_sites_pick(&sites, true, true, offsets, steps), 0);
#endif
#ifdef HAVE_SDT
	assert_int_equal(pair_find("probe_markers.so", "probe_endbr.so", &sites, &err), 0);
	assert_true(!sites.named && sites.inner && sites.dlopen.offset);
	assert_int_equal(ldphase_sites_pick(&sites, false, true, offsets, steps), 4);
	assert_int_equal(steps[0], STEP_INIT);
	assert_int_equal(steps[1], STEP_UNMAP);
	assert_int_equal(steps[2], STEP_FIND);
	assert_int_equal(steps[3], STEP_BIND);
	assert_int_equal(ldphase_sites_pick(&sites, false, false, offsets, steps), 0);
#ifdef __x86_64__
	assert_int_equal(pair_find("probe_endbr_markers.so", "probe_endbr.so", &sites, &err), 0);
	assert_int_equal(ldphase_sites_pick(&sites, false, true, offsets, steps), 2);
	assert_int_equal(steps[0], STEP_INIT);
	assert_int_equal(steps[1], STEP_BIND);
#endif
#endif
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
	assert_memory_equal(sites.libc, root, strlen(root));
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

/* A program with an ld.so of its own, in the folder it is started in. */
static pid_t linked_start(const char *folder)
{
	char program[PATH_MAX], object[PATH_MAX];
	pid_t pid;

	assert_non_null(realpath(built_path("fixtures/probe_linked"), program));
	assert_non_null(realpath(built_path("fixtures/answer_1.so"), object));
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (chdir(folder) == 0)
			execl(program, program, object, "100000000", (char *)NULL);
		_exit(1);
	}
	return pid;
}

/* Until it is that program, and has mapped it. */
static int linked_await(pid_t pid, char *ret_linker, struct err *err)
{
	int r = -1;

	for (int i = 0; i < 1000; i++) {
		r = resolve_linker_of_process(pid, ret_linker, PATH_MAX, err);
		if (r == -ESTALE || (r == 0 && strstr(ret_linker, "probe_ld.so")))
			break;
		usleep(10000);
	}
	return r;
}

/* An upgrade of libc under a daemon: the new file has its functions in other places. */
static void what_has_been_replaced_is_refused(void **state)
{
	char folder[] = "/tmp/soload linked-XXXXXX", linker[PATH_MAX], path[PATH_MAX];
	char other[PATH_MAX], found[PATH_MAX] = "";
	struct err err = { "" };
	pid_t pid;

	(void)state;
	if (emulator_words(NULL)) {
		print_message("emulated: the ld.so of a process is the emulator's\n");
		skip();
	}
	assert_int_equal(resolve_linker_of_program("/proc/self/exe", linker, sizeof(linker), &err),
			 0);
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/probe_ld.so", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	copy(linker, path);
	copy(linker, other);
	pid = linked_start(folder);
	assert_true(pid > 0);
	assert_int_equal(linked_await(pid, found, &err), 0);
	assert_non_null(strstr(found, path)); /* the space, too */
	assert_int_equal(resolve_current(found, &err), 0);
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(resolve_current(found, &err), -ESTALE);
	assert_int_equal(linked_await(pid, found, &err), -ESTALE);
	assert_non_null(strstr(err.text, "replaced"));
	assert_int_equal(resolve_current(path, &err), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(symtab_is_read),
		cmocka_unit_test(stepped_instructions_are_refused),
		cmocka_unit_test(stripped_files_name_nothing),
		cmocka_unit_test(debugdata_is_unpacked),
		cmocka_unit_test(markers_give_coarse_steps),
		cmocka_unit_test(functions_are_watched_behind_endbr64),
		cmocka_unit_test(what_opens_no_load_is_refused),
		cmocka_unit_test(steps_stay_beside_dlopen),
		cmocka_unit_test(debug_files_must_be_of_the_same_build),
		cmocka_unit_test(exports_are_found),
		cmocka_unit_test(cut_files_do_no_harm),
		cmocka_unit_test(libc_stays_inside_the_root),
		cmocka_unit_test(linkers_are_found),
		cmocka_unit_test(what_has_been_replaced_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
