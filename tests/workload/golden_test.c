/*
 * The golden itself, against a dense attention in numpy: this program writes small shapes to files,
 * golden_numpy.py judges them. Skipped where numpy is missing.
 */
#include "bench/workloads/paged_attention_unroll/pa.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"

static const char *const names[] = {
	[PA_QUERY] = "query",	    [PA_KEY_CACHE] = "key",	   [PA_VALUE_CACHE] = "value",
	[PA_BLOCK_TABLE] = "table", [PA_CONTEXT_LENS] = "lengths", [PA_OUT] = "golden",
	[PA_CONFIG] = "config",
};

static void write_array(const char *folder, const char *name, const void *bytes, size_t size)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, bytes, size, path, NULL), 0);
	close(fd);
}

static void remove_arrays(const char *folder)
{
	char path[256];

	for (int i = PA_QUERY; i <= PA_CONFIG; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(folder);
}

/* The script's exit code for one case; `wrong` is added to one element of the golden. */
static int judge(const char *name, const uint32_t *lengths, uint32_t count, float wrong)
{
	struct workload_request request = {
		.case_name = name, .context_lens = lengths, .context_count = count, .seed = 9
	};
	char folder[] = "/tmp/soload-golden-XXXXXX", command[512];
	struct workload_verdict verdict;
	struct workload_data data;
	int status;

	assert_int_equal(workload_build(&data, workloads[0], &request, NULL), 0);
	assert_int_equal(workload_check(&data, NULL, &verdict, NULL), 0);
	data.expected[verdict.elements / 2] += wrong;
	assert_non_null(mkdtemp(folder));
	for (int i = PA_QUERY; i <= PA_CONFIG; i++)
		write_array(folder, names[i], i == PA_OUT ? data.expected : data.args[i].bytes,
			    data.args[i].size);
	workload_free(&data);
	snprintf(command, sizeof(command), "/usr/bin/python3 tests/workload/golden_numpy.py %s",
		 folder);
	(void)fflush(stdout);
	status = system(command);
	remove_arrays(folder);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_golden(void **state)
{
	static const uint32_t narrow[] = { 1, 130, 700, 128 }, wide[] = { 3, 65, 1, 200 };

	(void)state;
	assert_int_equal(judge("small", narrow, 4, 0), 0);
	assert_int_equal(judge("small", NULL, 0, 0), 0);
	assert_int_equal(judge("Case2", wide, 4, 0), 0);
	assert_int_equal(judge("Case3", wide, 4, 0), 0);
}

static void test_golden_can_fail(void **state)
{
	static const uint32_t lengths[] = { 300 };

	(void)state;
	assert_int_equal(judge("small", lengths, 1, 0.01f), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_golden_can_fail),
	};

	if (access("/usr/bin/python3", X_OK) < 0) {
		printf("skipped: /usr/bin/python3 is missing\n");
		return 77;
	}
	if (system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") != 0) {
		printf("skipped: numpy is missing (Debian: python3-numpy)\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
