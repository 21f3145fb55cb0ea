/* Objects under test, child processes, folders. See fixture.h. */
#include "tests/loaders/fixture.h"

#include "base/file.h"
#include "tests/built.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define FIXTURES_MAX 64
#define CHILD_SECONDS 120
#define FD_LEAST 200

static struct {
	char name[64];
	struct file_bytes file;
	struct so so;
} fixtures[FIXTURES_MAX];

/* Out of the way of low numbers, which some loaders' flaws depend on. */
static int file_open(const char *path)
{
	int low = open(path, O_RDONLY | O_CLOEXEC), fd = fcntl(low, F_DUPFD_CLOEXEC, FD_LEAST);

	close(low);
	return fd;
}

const struct so *fixture_so(const char *name)
{
	const char *path;
	struct err err = { { 0 } };
	unsigned int i = 0;

	for (; i < FIXTURES_MAX && fixtures[i].name[0]; i++) {
		if (strcmp(fixtures[i].name, name) == 0)
			return &fixtures[i].so;
	}
	path = built_path("fixtures/%s.so", name);
	if (i == FIXTURES_MAX || file_load(path, &fixtures[i].file, &err) < 0) {
		fprintf(stderr, "fixture %s: %s\n", path, err.text);
		exit(1);
	}
	snprintf(fixtures[i].name, sizeof(fixtures[i].name), "%s", name);
	fixtures[i].so = (struct so){ .bytes = fixtures[i].file.bytes,
				      .size = fixtures[i].file.size,
				      .path = fixtures[i].name,
				      .fd = file_open(path),
				      .id = i + 1,
				      .generation = 1 };
	return &fixtures[i].so;
}

int fixture_call(struct image *image, const char *name, int argument, int *ret_result)
{
	struct err err = { { 0 } };
	int (*function)(int);
	void *address;

	EXPECT_OK(image_symbol(image, name, &address, &err));
	function = (int (*)(int))(uintptr_t)address;
	*ret_result = function(argument);
	return 0;
}

/* A crash must end the child: neither the test framework's handlers nor a core file. */
static void crash_plainly(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS };
	struct rlimit none = { 0, 0 };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_DFL);
	setrlimit(RLIMIT_CORE, &none);
}

int fixture_child(int (*body)(void *), void *argument)
{
	int status = 0;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		crash_plainly();
		alarm(CHILD_SECONDS);
		exit(body(argument) & 0xff);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void fixture_passes(int (*body)(void *), void *argument)
{
	int r = fixture_child(body, argument);

	if (r == CASE_SKIPPED)
		skip();
	if (r < 0)
		fail_msg("ended by signal %d (%s)", -r, strsignal(-r));
	assert_int_equal(r, 0);
}

struct loader *fixture_loader(const char *spec)
{
	struct err err = { "" };
	struct loader *loader;

	if (loader_open(&loader, spec, &err) < 0)
		fail_msg("%s: %s", spec, err.text);
	return loader;
}

void fixture_folder(char *ret_path, size_t size)
{
	snprintf(ret_path, size, "/tmp/soload_test_XXXXXX");
	if (!mkdtemp(ret_path)) {
		perror(ret_path);
		exit(1);
	}
}

static int entry_remove(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void fixture_folder_remove(const char *path)
{
	nftw(path, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

int fixture_namespace(int flags)
{
	unsigned int uid = getuid(), gid = getgid();
	char users[64], groups[64];

	if (uid == 0)
		return unshare(flags);
	if (unshare(CLONE_NEWUSER | flags) < 0)
		return -1;
	snprintf(users, sizeof(users), "0 %u 1", uid);
	snprintf(groups, sizeof(groups), "0 %u 1", gid);
	if (file_write("/proc/self/uid_map", users) < 0 ||
	    file_write("/proc/self/setgroups", "deny") < 0)
		return -1;
	return file_write("/proc/self/gid_map", groups);
}

int fixture_filter(struct sock_filter *program, unsigned short count)
{
	const struct sock_fprog filter = { .len = count, .filter = program };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0)
		return 0;
	fprintf(stderr, "skipped: no system call filter: %s\n", strerror(errno));
	return CASE_SKIPPED;
}

int fixture_memfd_refuse(unsigned int flags, unsigned int code)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flags, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return fixture_filter(program, sizeof(program) / sizeof(program[0]));
}
