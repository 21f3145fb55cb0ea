/* disk and tmpfs against folders that are full, noexec, read-only or not there: which one is taken,
 * in which order, and what is said when none will do. Needs a mount namespace of its own. */
#include "base/clock.h"
#include "tests/emulator.h"
#include "tests/loaders/fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64];

static const char *inside(const char *name)
{
	static char path[4][128];
	static unsigned int turn;

	turn = (turn + 1) & 3;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
	return path[turn];
}

static int tmpfs_mount(const char *name, unsigned long flags, const char *options)
{
	if (mkdir(inside(name), 0755) < 0 && errno != EEXIST)
		return -1;
	return mount("tmpfs", inside(name), "tmpfs", flags, options);
}

/* "good", "full", "noexec" and "readonly" in the test's folder. CASE_SKIPPED where it may not. */
static int folders_mount(void)
{
	if (fixture_namespace(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    tmpfs_mount("good", 0, "size=8m") < 0 || tmpfs_mount("full", 0, "size=8k") < 0 ||
	    tmpfs_mount("noexec", MS_NOEXEC, "size=8m") < 0 ||
	    tmpfs_mount("readonly", MS_RDONLY, "size=8m") < 0) {
		fprintf(stderr, "skipped: this user may not mount (%s)\n", strerror(errno));
		return CASE_SKIPPED;
	}
	return 0;
}

static int entries(const char *name)
{
	DIR *list = opendir(inside(name));
	int count = -2;

	while (list && readdir(list))
		count++;
	if (list)
		closedir(list);
	return count;
}

/* "F" stands for the test's folder. */
static int opened(const char *pattern, struct loader **ret_loader, struct err *err)
{
	char spec[512];
	size_t length = 0;

	for (; *pattern && length < sizeof(spec) - sizeof(folder); pattern++) {
		if (*pattern == 'F')
			length += (size_t)snprintf(spec + length, sizeof(spec) - length, "%s",
						   folder);
		else
			spec[length++] = *pattern;
	}
	spec[length] = '\0';
	return loader_open(ret_loader, spec, err);
}

struct choice {
	const char *spec;
	const char *taken; /* the folder, or NULL: the load fails, */
	const char *word;  /* saying this */
};

static int choice_body(void *argument)
{
	const struct choice *choice = argument;
	struct err err = { { 0 } };
	struct loader *loader;
	struct image *image;
	int result, r = folders_mount();

	if (r != 0)
		return r;
	r = opened(choice->spec, &loader, &err);
	if (r == 0) {
		image = image_new(loader);
		r = image_load(image, fixture_so("answer_1"), NULL, &err);
		if (r == 0 && choice->taken) {
			const char *path = inside(choice->taken);

			EXPECT(strncmp(image->report.staged_at, path, strlen(path)) == 0);
			EXPECT(fixture_call(image, "answer", 0, &result) == 0 && result == 1);
		}
		image_free(image);
		loader_close(loader);
	}
	if (choice->taken)
		EXPECT_OK(r);
	else
		EXPECT(r < 0 && strstr(err.text, choice->word));
	EXPECT(entries("good") + entries("full") + entries("noexec") + entries("readonly") == 0);
	return 0;
}

/* Where a spec is refused when it is opened or when it loads is the loader's business. */
static const struct choice choices[] = {
	{ "disk:dirs=F/good", "good", NULL },
	{ "disk:dirs=F/absent+F/good", "good", NULL },
	{ "disk:dirs=F/full+F/good", "good", NULL },
	{ "disk:dirs=F/readonly+F/good", "good", NULL },
	{ "disk:dirs=F/full", NULL, "only 8192 of" },
	{ "disk:dirs=F/readonly", NULL, "Read-only" },
	{ "disk:dirs=F/noexec+F/good", NULL, "failed to map segment" },
	{ "disk:dirs=F/absent", NULL, "No such file" },
	{ "disk:dirs=here", NULL, "absolute" },
	{ "disk:dirs=F/noexec+F/good:mended", "good", NULL },
	{ "disk:dirs=F/full+F/readonly+F/absent+F/noexec+F/good:mended", "good", NULL },
	{ "disk:dirs=F/full:mended", NULL, "ENOSPC" },
	{ "disk:dirs=F/noexec:mended", NULL, "failed to map segment" },
	{ "tmpfs:dir=F/good", "good", NULL },
	{ "tmpfs:dir=F/good:trim", "good", NULL },
	{ "tmpfs:dir=F/full", NULL, "ENOSPC" },
	{ "tmpfs:dir=F/readonly", NULL, "Read-only" },
	{ "tmpfs:dir=F/noexec", NULL, "noexec" },
	{ "tmpfs:dir=F/absent", NULL, "No such file" },
};

static void choice_test(void **state)
{
	const struct choice *choice = *state;

	if (emulator_words(NULL) && strncmp(choice->spec, "disk:", 5) == 0 &&
	    strstr(choice->spec, "noexec")) {
		print_message("QEMU maps code as data: noexec is nothing to it\n");
		skip();
	}
	fixture_passes(choice_body, *state);
}

/* The seed's own list, in a namespace where its folders are empty ones of the test. */
static int seed_body(void *argument)
{
	char expected[64];
	struct err err = { { 0 } };
	struct loader *loader;
	struct image *image;
	struct stat st;

	(void)argument;
	if (folders_mount() != 0)
		return CASE_SKIPPED;
	if (mount("tmpfs", "/usr/lib64", "tmpfs", 0, "size=8m") < 0) {
		fprintf(stderr, "skipped: /usr/lib64: %s\n", strerror(errno));
		return CASE_SKIPPED;
	}
	umask(022);
	snprintf(expected, sizeof(expected), "/usr/lib64/libdevice_orch_%d.so", (int)getpid());
	EXPECT_OK(loader_open(&loader, "disk", &err));
	image = image_new(loader);
	for (int i = 0; i < 3; i++) {
		EXPECT_OK(image_load(image, fixture_so("answer_1"), NULL, &err));
		EXPECT(strcmp(image->report.staged_at, expected) == 0);
		EXPECT(stat(expected, &st) == 0); /* stays until the object is closed */
		EXPECT((st.st_mode & 07777) == 0755);
		EXPECT((size_t)st.st_size == fixture_so("answer_1")->size);
		EXPECT(st.st_ino == image->report.staged_ino);
		image_unload(image);
		EXPECT(stat(expected, &st) < 0);
	}
	EXPECT(mkdir("/usr/lib64/aicpu_kernels", 0755) == 0);
	EXPECT(mkdir("/usr/lib64/aicpu_kernels/0", 0755) == 0);
	EXPECT(mkdir("/usr/lib64/aicpu_kernels/0/aicpu_kernels_device", 0755) == 0);
	EXPECT_OK(image_load(image, fixture_so("answer_1"), NULL, &err));
	EXPECT(strstr(image->report.staged_at, "aicpu_kernels_device/libdevice_orch_"));
	image_free(image);
	loader_close(loader);
	return 0;
}

static void seed_test(void **state)
{
	(void)state;
	fixture_passes(seed_body, NULL);
}

/* A write cut short by a limit is a failure for the seed, and said as one by the mended flow. */
static int short_write_body(void *argument)
{
	struct rlimit limit = { 8192, RLIM_INFINITY };
	struct err err = { { 0 } };
	struct loader *loader;
	struct image *image;

	signal(SIGXFSZ, SIG_IGN);
	EXPECT(mkdir(inside("a"), 0755) == 0 || errno == EEXIST);
	EXPECT(mkdir(inside("b"), 0755) == 0 || errno == EEXIST);
	EXPECT_OK(opened(argument, &loader, &err));
	image = image_new(loader);
	EXPECT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	EXPECT(image_load(image, fixture_so("answer_1"), NULL, &err) < 0);
	EXPECT(strstr(err.text, loader->caps & LOADER_FRESH_EVERY_LOAD ? "EFBIG" : "only 8192"));
	EXPECT(strstr(err.text, inside("b"))); /* after "a", the last */
	EXPECT(entries("a") + entries("b") == 0);
	image_free(image);
	loader_close(loader);
	return 0;
}

static void short_write_test(void **state)
{
	static char seed[] = "disk:dirs=F/a+F/b", mended[] = "disk:dirs=F/a+F/b:mended";

	(void)state;
	assert_int_equal(fixture_child(short_write_body, seed), 0);
	assert_int_equal(fixture_child(short_write_body, mended), 0);
}

/* Files that are created without O_EXCL, O_NOFOLLOW and O_CLOEXEC are refused from here on. */
static int careless_refuse(void)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_CREAT, 0, 3),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, O_EXCL | O_NOFOLLOW | O_CLOEXEC),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, O_EXCL | O_NOFOLLOW | O_CLOEXEC, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return fixture_filter(program, sizeof(program) / sizeof(program[0]));
}

static int careful_body(void *argument)
{
	struct err err = { { 0 } };
	struct loader *loader;
	struct image *image;
	bool careful;
	int r;

	fixture_so("answer_1");
	EXPECT_OK(opened(argument, &loader, &err));
	careful = loader->caps & LOADER_FRESH_EVERY_LOAD;
	image = image_new(loader);
	r = careless_refuse();
	if (r == CASE_SKIPPED)
		return r;
	r = image_load(image, fixture_so("answer_1"), NULL, &err);
	EXPECT(careful ? r == 0 : r == -EPERM);
	image_free(image);
	loader_close(loader);
	return 0;
}

static void careful_test(void **state)
{
	static char specs[][24] = { "disk:dirs=F", "disk:dirs=F:mended", "tmpfs:dir=F" };

	(void)state;
	for (int i = 0; i < 3; i++)
		fixture_passes(careful_body, specs[i]);
}

int main(void)
{
	struct CMUnitTest tests[sizeof(choices) / sizeof(choices[0]) + 3];
	size_t count = 0;
	int failed;

	clock_start();
	fixture_folder(folder, sizeof(folder));
	for (; count < sizeof(choices) / sizeof(choices[0]); count++)
		tests[count] =
			(struct CMUnitTest){ .name = choices[count].spec,
					     .test_func = choice_test,
					     .initial_state = (void *)(uintptr_t)&choices[count] };
	tests[count++] =
		(struct CMUnitTest){ .name = "the seed's folders", .test_func = seed_test };
	tests[count++] =
		(struct CMUnitTest){ .name = "short write", .test_func = short_write_test };
	tests[count++] =
		(struct CMUnitTest){ .name = "careful creation", .test_func = careful_test };
	failed = _cmocka_run_group_tests("loaders: folders", tests, count, NULL, NULL);
	fixture_folder_remove(folder);
	return failed;
}
