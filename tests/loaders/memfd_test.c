/* memfd: names that never come twice, whoever forks and however many threads load; seals; and the
 * kernels that know less, or allow less, than this one. */
#include "base/clock.h"
#include "tests/loaders/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define THREADS 8
#define LOADS 100
#define CHILDREN 20
#define NAME_BYTES 192
#define FLAG_NOEXEC_SEAL 8u /* MFD_NOEXEC_SEAL, linux/memfd.h */

static int answered(struct image *image, const char *name, int expected)
{
	struct err err = { { 0 } };
	int result;

	EXPECT_OK(image_load(image, fixture_so(name), NULL, &err));
	EXPECT(fixture_call(image, "answer", 0, &result) == 0 && result == expected);
	EXPECT(!image->report.known_before);
	return 0;
}

static int opened(const char *spec, struct image **ret_image)
{
	struct err err = { { 0 } };
	struct loader *loader;

	EXPECT_OK(loader_open(&loader, spec, &err));
	*ret_image = image_new(loader);
	return 0;
}

static void closed(struct image *image)
{
	struct loader *loader = image->loader;

	image_free(image);
	loader_close(loader);
}

struct crowd {
	struct loader *loader;
	char (*names)[NAME_BYTES];
	unsigned int first;
};

/* Objects that stay pinned, so that a repeated name would be answered by an old one. */
static void *crowd_thread(void *argument)
{
	struct crowd *crowd = argument;
	struct image *image = image_new(crowd->loader);
	int r = 0;

	for (unsigned int i = 0; i < LOADS && r == 0; i++) {
		r = answered(image, i & 1 ? "unique_2" : "unique_1", (int)(i & 1) + 1);
		if (r == 0)
			snprintf(crowd->names[crowd->first + i], NAME_BYTES, "%s",
				 image->report.staged_at);
		image_unload(image);
	}
	image_free(image);
	return r == 0 ? NULL : crowd;
}

static int child_loads(void *argument)
{
	struct image *image = image_new(argument);

	for (int i = 0; i < 10; i++) {
		EXPECT(answered(image, i & 1 ? "unique_1" : "unique_2", 2 - (i & 1)) == 0);
		image_unload(image);
	}
	image_free(image);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* What the threads loaded is pinned when the children come: fork() copies it with its names, the
 * free descriptor numbers and the count. */
static int names_in_threads_and_children(void *argument)
{
	static char names[THREADS * LOADS][NAME_BYTES];
	struct crowd crowds[THREADS];
	pthread_t threads[THREADS];
	struct image *image;
	void *failed;

	(void)argument;
	EXPECT(opened("memfd", &image) == 0);
	fixture_so("unique_1"), fixture_so("unique_2");
	for (unsigned int i = 0; i < THREADS; i++) {
		crowds[i] = (struct crowd){ image->loader, names, i * LOADS };
		EXPECT(pthread_create(&threads[i], NULL, crowd_thread, &crowds[i]) == 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &failed);
		EXPECT(!failed);
	}
	for (int i = 0; i < CHILDREN; i++)
		EXPECT(fixture_child(child_loads, image->loader) == 0);
	qsort(names, THREADS * LOADS, NAME_BYTES, by_name);
	for (int i = 1; i < THREADS * LOADS; i++)
		EXPECT(strcmp(names[i - 1], names[i]) != 0);
	closed(image);
	return 0;
}

static int sealed(void *argument)
{
	int all = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct image *image;
	struct stat st;
	int fd;

	(void)argument;
	EXPECT(opened("memfd", &image) == 0);
	EXPECT(answered(image, "answer_1", 1) == 0);
	fd = atoi(strrchr(image->report.staged_at, '/') + 1);
	EXPECT(fstat(fd, &st) == 0 && st.st_ino == image->report.staged_ino);
	EXPECT((fcntl(fd, F_GET_SEALS) & all) == all);
	EXPECT(pwrite(fd, "x", 1, 0) < 0 && errno == EPERM);
	EXPECT(ftruncate(fd, 0) < 0 && errno == EPERM);
	EXPECT(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	image_unload(image);
	EXPECT(fstat(fd, &st) < 0 && errno == EBADF);
	closed(image);
	return 0;
}

/* Linux before 6.3, when MFD_NOEXEC_SEAL was not known: asked once, then left out. */
static int old_kernel(void *argument)
{
	struct image *image;
	int r = fixture_memfd_refuse(FLAG_NOEXEC_SEAL, EINVAL);

	(void)argument;
	if (r != 0)
		return r;
	EXPECT(opened("memfd", &image) == 0);
	for (int i = 0; i < 3; i++) {
		EXPECT(answered(image, "answer_1", 1) == 0);
		image_unload(image);
	}
	closed(image);
	return 0;
}

static int refused_is_said(void *argument)
{
	struct err err = { { 0 } };
	struct loader *loader;
	int r = fixture_memfd_refuse(~0u, ENOSYS);

	(void)argument;
	if (r != 0)
		return r;
	EXPECT(loader_open(&loader, "memfd", &err) == -ENOSYS);
	EXPECT(strstr(err.text, "memfd_create") && strstr(err.text, "ENOSYS"));
	return 0;
}

/* LeakSanitizer cannot look at a process whose /proc is not its own, nor at one whose children go
 * to another pid namespace: leave without it. */
static int leave(int r)
{
	fflush(NULL);
	_exit(r & 0xff);
}

static int no_proc_is_said(void *argument)
{
	struct err err = { { 0 } };
	struct loader *loader;

	(void)argument;
	if (fixture_namespace(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/proc", "tmpfs", 0, NULL) < 0) {
		fprintf(stderr, "skipped: this user may not mount (%s)\n", strerror(errno));
		return CASE_SKIPPED;
	}
	EXPECT(loader_open(&loader, "memfd", &err) == -ENOENT);
	EXPECT(strstr(err.text, "/proc"));
	return leave(0);
}

static int loads_a_few(void *argument)
{
	struct image *image;

	EXPECT(opened("memfd", &image) == 0);
	for (int i = 0; i < 4; i++) {
		EXPECT(answered(image, i & 1 ? "unique_2" : "unique_1", (i & 1) + 1) == 0);
		EXPECT(!argument ||
		       strncmp(image->report.staged_at, argument, strlen(argument)) == 0);
		image_unload(image);
	}
	closed(image);
	return 0;
}

static int loads_and_leaves(void *argument)
{
	return leave(loads_a_few(argument));
}

/* A pid of 1 in here, but another process's under the outer /proc: only "self" is this one. */
static int pid_namespace(void *argument)
{
	static char self[] = "/proc/self/fd/";

	(void)argument;
	if (fixture_namespace(CLONE_NEWPID) < 0) {
		fprintf(stderr, "skipped: no pid namespace (%s)\n", strerror(errno));
		return CASE_SKIPPED;
	}
	return leave(fixture_child(loads_and_leaves, self));
}

/* The strictest setting: files that could be executed may not be made at all. */
static int noexec_body(void *argument)
{
	int fd = open("/proc/sys/vm/memfd_noexec", O_WRONLY | O_CLOEXEC);
	bool set = fd >= 0 && write(fd, "2", 1) == 1;

	if (fd >= 0)
		close(fd);
	if (!set) {
		fprintf(stderr, "skipped: vm.memfd_noexec cannot be set (%s)\n", strerror(errno));
		return leave(CASE_SKIPPED);
	}
	EXPECT(memfd_create("x", MFD_CLOEXEC | 0x10u) < 0); /* MFD_EXEC is refused now */
	return loads_and_leaves(argument);
}

static int noexec_policy(void *argument)
{
	if (fixture_namespace(CLONE_NEWPID) < 0) {
		fprintf(stderr, "skipped: no pid namespace (%s)\n", strerror(errno));
		return CASE_SKIPPED;
	}
	return leave(fixture_child(noexec_body, argument));
}

struct trial_of_memfd {
	const char *name;
	int (*run)(void *);
};

static const struct trial_of_memfd trials[] = {
	{ "names in threads and children", names_in_threads_and_children },
	{ "sealed", sealed },
	{ "old kernel", old_kernel },
	{ "refused is said", refused_is_said },
	{ "no /proc is said", no_proc_is_said },
	{ "pid namespace", pid_namespace },
	{ "vm.memfd_noexec=2", noexec_policy },
	{ "plain", loads_a_few },
};

static void trial_test(void **state)
{
	const struct trial_of_memfd *trial = *state;

	fixture_passes(trial->run, NULL);
}

int main(void)
{
	struct CMUnitTest tests[sizeof(trials) / sizeof(trials[0])];
	size_t count = 0;

	clock_start();
	for (; count < sizeof(trials) / sizeof(trials[0]); count++)
		tests[count] =
			(struct CMUnitTest){ .name = trials[count].name,
					     .test_func = trial_test,
					     .initial_state = (void *)(uintptr_t)&trials[count] };
	return _cmocka_run_group_tests("loaders: memfd", tests, count, NULL, NULL);
}
