/*
 * The AICPU's own staging directories: what the machine has there stays visible, what is written
 * stays inside, and nothing is left. Each case runs in a child, because a mount namespace is for
 * life.
 */
#include "device/directories.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define REFUSED 77

/* A number for each check that can fail: the child has no assertions. */
#define CHECK(number, condition) \
	do { \
		if (!(condition)) \
			_exit(number); \
	} while (0)

static int file_create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

/* The name upstream would use, of a process that is not there. */
static void staged_name(const char *directory, char *path)
{
	snprintf(path, PATH_MAX, "%s/libdevice_orch_test%d.so", directory, (int)getppid());
}

static void inside(const char *folder, const char *witness)
{
	static const char *const directories[] = { "/usr/lib64", "/var/tmp", "/tmp" };
	char path[PATH_MAX];
	struct err err = { "" };

	if (directories_enter(folder, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		_exit(REFUSED);
	}
	CHECK(1, access(witness, R_OK) == 0);
	if (access("/usr/lib64", X_OK) == 0) {
		staged_name("/usr/lib64/aicpu_kernels/0/aicpu_kernels_device", path);
		CHECK(2, file_create(path) == 0);
	}
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		staged_name(directories[i], path);
		if (access(directories[i], X_OK) == 0)
			CHECK(3 + (int)i, file_create(path) == 0);
	}
	directories_leave();
	_exit(0);
}

static int child_wait(pid_t child)
{
	int status = 0;

	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void test_private(void **state)
{
	static const char *const directories[] = { "/usr/lib64", "/var/tmp", "/tmp" };
	char folder[256], witness[] = "/tmp/soload-witness-XXXXXX", path[PATH_MAX];
	bool has_linker = access("/lib64/ld-linux-x86-64.so.2", R_OK) == 0;
	struct err err = { "" };
	int code, fd = mkstemp(witness);
	pid_t child;

	(void)state;
	assert_true(fd >= 0);
	assert_true(directories_create(folder, sizeof(folder), &err) >= 0);
	child = fork();
	if (child == 0)
		inside(folder, has_linker ? "/lib64/ld-linux-x86-64.so.2" : witness);
	code = child_wait(child);
	directories_remove(folder);
	if (code == REFUSED) {
		unlink(witness);
		skip();
	}
	assert_int_equal(code, 0);
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		snprintf(path, sizeof(path), "%s/libdevice_orch_test%d.so", directories[i],
			 (int)getpid());
		assert_int_not_equal(access(path, F_OK), 0);
	}
	assert_int_not_equal(access(folder, F_OK), 0);
	/* The links lead to the machine's files, and removing them removed nothing. */
	assert_int_equal(access(witness, F_OK), 0);
	close(fd);
	unlink(witness);
}

/* A file given by its path in /tmp, as in disk:dirs=/tmp/mine, is found inside, too. */
static void test_entries_visible(void **state)
{
	char folder[256], mine[] = "/tmp/soload-mine-XXXXXX", path[PATH_MAX];
	struct err err = { "" };
	int code;
	pid_t child;

	(void)state;
	assert_non_null(mkdtemp(mine));
	snprintf(path, sizeof(path), "%s/file", mine);
	assert_true(directories_create(folder, sizeof(folder), &err) >= 0);
	child = fork();
	if (child == 0) {
		if (directories_enter(folder, &err) < 0)
			_exit(REFUSED);
		CHECK(1, file_create(path) == 0);
		directories_leave();
		_exit(0);
	}
	code = child_wait(child);
	directories_remove(folder);
	if (code != REFUSED) {
		assert_int_equal(code, 0);
		assert_int_equal(access(path, F_OK), 0);
	}
	unlink(path);
	rmdir(mine);
	if (code == REFUSED)
		skip();
}

static void test_remove(void **state)
{
	char folder[256], path[PATH_MAX];
	struct err err = { "" };

	(void)state;
	assert_true(directories_create(folder, sizeof(folder), &err) >= 0);
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "%s/%d", folder, i);
		assert_int_equal(i % 3 ? file_create(path) : mkdir(path, 0755), 0);
	}
	snprintf(path, sizeof(path), "%s/link", folder);
	assert_int_equal(symlink("/", path), 0);
	directories_remove(folder);
	assert_int_not_equal(access(folder, F_OK), 0);
	directories_remove(folder);
	directories_remove("");
}

/* A folder whose processes were killed goes when the next one is made; one in use stays. */
static void test_abandoned(void **state)
{
	const struct timespec old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	char used[256], abandoned[256], next[256];
	struct err err = { "" };
	int used_fd, fd;

	(void)state;
	used_fd = directories_create(used, sizeof(used), &err);
	fd = directories_create(abandoned, sizeof(abandoned), &err);
	assert_true(used_fd >= 0 && fd >= 0);
	assert_int_equal(futimens(used_fd, old), 0);
	assert_int_equal(futimens(fd, old), 0);
	close(fd);
	fd = directories_create(next, sizeof(next), &err);
	assert_true(fd >= 0);
	assert_int_equal(access(used, F_OK), 0);
	assert_int_not_equal(access(abandoned, F_OK), 0);
	directories_remove(used);
	directories_remove(next);
	close(used_fd);
	close(fd);
}

static void test_refusals(void **state)
{
	struct err err = { "" };
	char folder[8];
	pid_t child;

	(void)state;
	assert_int_equal(directories_create(folder, sizeof(folder), &err), -EACCES);
	child = fork();
	if (child == 0)
		_exit(directories_enter("/nonexistent/soload-folder", &err) < 0 && err.text[0] ? 0
											       : 1);
	assert_int_equal(child_wait(child), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_private),	 cmocka_unit_test(test_entries_visible),
		cmocka_unit_test(test_remove),	 cmocka_unit_test(test_abandoned),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests_name("private directories", tests, NULL, NULL);
}
