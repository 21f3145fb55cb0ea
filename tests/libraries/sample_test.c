/*
 * A sample of real libraries: what the packages this project needs bring along. Each is judged
 * against dlopen (see judge.h). make test-libraries does the same for a thousand.
 */
#include "tests/libraries/judge.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SAMPLE 40
#define SAMPLE_LEAST 20 /* what gcc, gnuplot and python3 bring along alone is more */

static const char *const names[] = {
	"libz.so.1",	     "libsqlite3.so.0",	   "libcrypto.so.3",	  "libssl.so.3",
	"libstdc++.so.6",    "libgcc_s.so.1",	   "libexpat.so.1",	  "libffi.so.8",
	"libbz2.so.1.0",     "liblzma.so.5",	   "libzstd.so.1",	  "libcairo.so.2",
	"libpango-1.0.so.0", "libglib-2.0.so.0",   "libgobject-2.0.so.0", "libgio-2.0.so.0",
	"libfreetype.so.6",  "libfontconfig.so.1", "libpng16.so.16",	  "libjpeg.so.62",
	"libtiff.so.6",	     "libwebp.so.7",	   "libharfbuzz.so.0",	  "libfribidi.so.0",
	"libthai.so.0",	     "libdatrie.so.1",	   "libpixman-1.so.0",	  "libX11.so.6",
	"libxcb.so.1",	     "libXext.so.6",	   "libXrender.so.1",	  "libgd.so.3",
	"liblua5.4.so.0",    "libedit.so.2",	   "libgmp.so.10",	  "libmpfr.so.6",
	"libgomp.so.1",	     "libatomic.so.1",	   "libgfortran.so.5",	  "libquadmath.so.0",
	"libblas.so.3",	     "liblapack.so.3",	   "libncursesw.so.6",	  "libtinfo.so.6",
	"libreadline.so.8",  "libuuid.so.1",	   "libbrotlidec.so.1",	  "libdeflate.so.0",
	"libbsd.so.0",	     "libmd.so.0",	   "libpcre2-8.so.0",	  "libxml2.so.2",
	"libjansson.so.4",   "libelf.so.1",	   "libselinux.so.1",
};

static const char *const folders[] = { "/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu",
				       "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib" };

static bool library_find(const char *name, char *path, size_t size)
{
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, size, "%s/%s", folders[i], name);
		if (access(path, R_OK) == 0)
			return true;
	}
	return false;
}

static void absent_note(const char *name, char *names_absent, size_t size)
{
	size_t used = strlen(names_absent);

	snprintf(names_absent + used, size - used, " %s", name);
}

static void a_sample_loads_the_same(void **state)
{
	const char *loader = *state;
	unsigned int judged = 0, wrong = 0;
	char names_absent[2048] = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && judged < SAMPLE; i++) {
		struct verdict verdict;
		char path[256];

		if (!library_find(names[i], path, sizeof(path))) {
			absent_note(names[i], names_absent, sizeof(names_absent));
			continue;
		}
		library_judge(path, loader, &verdict);
		if (verdict.judgement == JUDGED_DECLINED)
			continue;
		judged++;
		if (verdict.judgement == JUDGED_SAME)
			continue;
		wrong++;
		print_error("%s %s: %s\n", path, judgement_name(verdict.judgement), verdict.reason);
	}
	print_message("%s: %u of %u libraries load as with dlopen\n", loader, judged - wrong,
		      judged);
	if (judged < SAMPLE)
		print_message("%u of the %d wanted; not here:%s\n", judged, SAMPLE, names_absent);
	assert_int_equal(wrong, 0);
	assert_true(judged >= SAMPLE_LEAST);
}

/* The judge itself must be able to tell: a loader that does not execute is not taken for one. */
static void the_judge_can_tell(void **state)
{
	struct verdict verdict;
	char path[256];

	(void)state;
	if (!library_find("libz.so.1", path, sizeof(path)))
		skip();
	library_judge(path, "floor", &verdict);
	assert_int_not_equal(verdict.judgement, JUDGED_SAME);
	library_judge(path, "no-such-loader", &verdict);
	assert_int_equal(verdict.judgement, JUDGED_REFUSED);
	library_judge("/nonexistent.so", "elf", &verdict);
	assert_int_equal(verdict.judgement, JUDGED_REFUSED);
	library_judge(path, "memfd", &verdict);
	if (verdict.judgement == JUDGED_DIFFERS)
		print_message("memfd: %s\n", verdict.reason);
}

int main(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	/* A second libstdc++ or libgcc meets the sanitizer's functions in the place of its own. */
	puts("skipped: the sanitizer stands between the libraries and the program");
	return 77;
#endif
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(a_sample_loads_the_same, (void *)(uintptr_t) "elf"),
		cmocka_unit_test_prestate(a_sample_loads_the_same,
					  (void *)(uintptr_t) "elf:dualmap"),
		cmocka_unit_test(the_judge_can_tell),
	};

	clock_start();
	return cmocka_run_group_tests_name("libraries/sample", tests, NULL, NULL);
}
