/* Ranges of soload run --scan: what they mean, and that their objects differ in one number alone.
 */
#include "bench/gen/plan.h"
#include "bench/run/scan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void ranges_are_points(void **state)
{
	static const struct {
		const char *text;
		enum scan_what what;
		size_t count;
		uint64_t first, last;
	} good[] = {
		{ "size=4K:16M:x2", SCAN_SIZE, 13, 4096, 16 << 20 },
		{ "size=4K:10K:x2", SCAN_SIZE, 2, 4096, 8192 },
		{ "relocs=0:1000:+250", SCAN_RELOCS, 5, 0, 1000 },
		{ "imports=3,30,300", SCAN_IMPORTS, 3, 3, 300 },
		{ "symbols=1:1:+1", SCAN_SYMBOLS, 1, 1, 1 },
		{ "relocs=7", SCAN_RELOCS, 1, 7, 7 },
		{ "relocs=5:9:+18446744073709551615", SCAN_RELOCS, 1, 5, 5 },
		{ "size=16K:1G:x1G", SCAN_SIZE, 1, 16384, 16384 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct scan scan = { 0 };
		struct err err = { "" };

		if (scan_parse(&scan, good[i].text, &err) < 0)
			fail_msg("'%s': %s", good[i].text, err.text);
		assert_int_equal(scan.what, good[i].what);
		assert_int_equal(scan.count, good[i].count);
		assert_int_equal(scan.points[0], good[i].first);
		assert_int_equal(scan.points[scan.count - 1], good[i].last);
	}
}

static void nonsense_is_refused(void **state)
{
	static const struct {
		const char *text, *said;
	} bad[] = {
		{ "", "none of size, relocs, imports, symbols" },
		{ "sise=1K,2K", "did you mean 'size'" },
		{ "size", "size of what" },
		{ "size=", "size of what" },
		{ "size=,", "no points" },
		{ "size=x", "'x' is not a number" },
		{ "size=0", "from 1 to" },
		{ "size=4K:2K:x2", "below" },
		{ "size=4K:16K", "FROM:TO:xN" },
		{ "size=4K:16K:2", "FROM:TO:xN" },
		{ "size=4K:16K:x1", "never gets" },
		{ "size=4K:16K:x0", "never gets" },
		{ "size=4K:16K:+0", "never gets" },
		{ "size=4K:16K:x", "not a number" },
		{ "size=4K:16K:x2:x2", "not a number" },
		{ "size=4K:2G:x2", "goes" },
		{ "relocs=0:100:x2", "never gets" },
		{ "relocs=0:1000:+1", "more than 64 points" },
		{ "relocs=5,5", "in order" },
		{ "relocs=9,5", "in order" },
		{ "symbols=0", "from 1 to" },
		{ "imports=1000000", "goes" },
		{ "size=-1", "not a number" },
		{ "size=99999999999999999999", "not a number" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct scan scan = { 0 };
		struct err err = { "" };

		if (scan_parse(&scan, bad[i].text, &err) != -EINVAL)
			fail_msg("'%s' was taken", bad[i].text);
		if (!strstr(err.text, bad[i].said))
			fail_msg("'%s': %s", bad[i].text, err.text);
	}
}

/* Counts of the objects of a scan, in a folder of their own. */
static void made(const char *text, struct gen_counts *counts, size_t n)
{
	char folder[] = "/tmp/soload-scan-XXXXXX", path[PATH_MAX];
	struct scan scan = { 0 };
	struct err err = { "" };

	assert_int_equal(scan_parse(&scan, text, &err), 0);
	assert_int_equal(scan.count, n);
	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < n; i++) {
		if (scan_make(&scan, i, folder, path, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(gen_count_file(path, &counts[i], &err), 0);
		unlink(path);
	}
	rmdir(folder);
}

static void objects_differ_in_one_number(void **state)
{
	struct gen_counts counts[3];

	(void)state;
	made("size=4K,64K,1M", counts, 3);
	for (int i = 0; i < 3; i++)
		assert_in_range(counts[i].file_bytes, (4096u << 4 * i) - 64, (4096u << 4 * i) + 64);
	for (int i = 0; i < GEN_COUNTS; i++)
		assert_true(counts[0].have[i] == counts[2].have[i]);
	made("relocs=0,1000", counts, 2);
	assert_int_equal(counts[0].have[GEN_RELATIVE], 0);
	assert_int_equal(counts[1].have[GEN_RELATIVE], 1000);
	made("imports=1,50", counts, 2);
	assert_int_equal(counts[1].have[GEN_IMPORTS], 50);
	assert_int_equal(counts[1].have[GEN_SYMBOLS], counts[0].have[GEN_SYMBOLS]);
	made("symbols=1,200", counts, 2);
	assert_int_equal(counts[0].have[GEN_SYMBOLS], 1);
	assert_int_equal(counts[1].have[GEN_SYMBOLS], 200);
	assert_int_equal(counts[1].have[GEN_RELATIVE], counts[0].have[GEN_RELATIVE]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_points),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(objects_differ_in_one_number),
	};

	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
