/* Staged files: remembered, forgotten, and removed by whoever is left. Also what is written to
 * them: the whole object or what the linker maps. */
#include "base/clock.h"
#include "loaders/elf/file.h"
#include "loaders/stage.h"
#include "loaders/staged.h"
#include "tests/loaders/fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64];

static int folder_setup(void **state)
{
	(void)state;
	fixture_folder(folder, sizeof(folder));
	return 0;
}

static int folder_teardown(void **state)
{
	(void)state;
	fixture_folder_remove(folder);
	return 0;
}

static int folder_count(void)
{
	DIR *entries = opendir(folder);
	int count = -2; /* "." and ".." */

	assert_non_null(entries);
	while (readdir(entries))
		count++;
	closedir(entries);
	return count;
}

static int file_new(const char *name)
{
	char path[128];
	int place, fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	place = staged_add(path);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : place;
}

static void remembered_until_forgotten(void **state)
{
	int a = file_new("a"), b = file_new("b");

	(void)state;
	assert_true(a >= 0 && b >= 0 && a != b);
	staged_remove(a);
	staged_remove(a);
	staged_remove(-1);
	staged_remove(STAGED_FILES_MAX);
	staged_unlink_all();
	assert_int_equal(folder_count(), 1); /* "a" is not ours any more */
	staged_unlink_all();
	assert_int_equal(folder_count(), 1);
}

static void full_or_too_long_is_forgotten(void **state)
{
	char name[STAGED_PATH_BYTES + 8];
	int places[STAGED_FILES_MAX];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	assert_true(staged_add(name) < 0);
	for (int i = 0; i < STAGED_FILES_MAX; i++) {
		places[i] = staged_add("/nowhere/at/all");
		assert_true(places[i] >= 0);
	}
	assert_true(staged_add("/nowhere/at/all") < 0);
	staged_remove(places[17]);
	assert_int_equal(staged_add("/nowhere/at/all"), places[17]);
	staged_unlink_all();
	for (int i = 0; i < STAGED_FILES_MAX; i++)
		assert_int_equal(staged_add("/nowhere/at/all"), i);
	staged_unlink_all();
}

static int child_unlinks(void *argument)
{
	(void)argument;
	staged_unlink_all();
	EXPECT(file_new("of the child") >= 0);
	staged_unlink_all();
	return 0;
}

static void child_removes_nothing_of_its_parent(void **state)
{
	(void)state;
	assert_true(file_new("of the parent") >= 0);
	assert_int_equal(fixture_child(child_unlinks, NULL), 0);
	assert_int_equal(folder_count(), 1);
	staged_unlink_all();
	assert_int_equal(folder_count(), 0);
}

static void on_signal(int number)
{
	staged_unlink_all();
	_exit(128 + number);
}

static int ended_by_signal(void *argument)
{
	char spec[128];
	struct err err = { { 0 } };
	struct loader *loader;

	(void)argument;
	signal(SIGTERM, on_signal);
	snprintf(spec, sizeof(spec), "disk:dirs=%s", folder);
	EXPECT_OK(loader_open(&loader, spec, &err));
	EXPECT_OK(image_load(image_new(loader), fixture_so("answer_1"), NULL, &err));
	EXPECT(folder_count() == 1);
	raise(SIGTERM);
	return -1;
}

static void signal_removes_staged_files(void **state)
{
	(void)state;
	assert_int_equal(fixture_child(ended_by_signal, NULL), 128 + SIGTERM);
	assert_int_equal(folder_count(), 0);
}

static int killed(void *argument)
{
	staged_place(argument);
	file_new("left");
	raise(SIGKILL);
	return -1;
}

static void parent_removes_what_the_killed_left(void **state)
{
	struct staged_list *list = mmap(NULL, sizeof(*list), PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(list, MAP_FAILED);
	assert_int_equal(fixture_child(killed, list), -SIGKILL);
	assert_int_equal(folder_count(), 1);
	staged_unlink_list(list);
	assert_int_equal(folder_count(), 0);
	munmap(list, sizeof(*list));
}

static void created_with_care(void **state)
{
	const struct so *so = fixture_so("answer_1");
	struct stage_file one, two, none;
	struct stage_bytes bytes;
	struct err err = { { 0 } };
	struct stat st;

	(void)state;
	assert_int_equal(stage_bytes_set(&bytes, so, false, &err), 0);
	assert_int_equal(stage_create(&one, folder, &bytes, &err), 0);
	assert_int_equal(stage_create(&two, folder, &bytes, &err), 0);
	assert_string_not_equal(one.path, two.path);
	assert_int_equal(stat(one.path, &st), 0);
	assert_int_equal(st.st_size, so->size);
	assert_int_equal(st.st_mode & 077, 0);
	assert_true(st.st_ino == one.ino && st.st_dev == one.dev);
	stage_delete(&one);
	stage_delete(&one);
	assert_int_equal(folder_count(), 1);
	staged_unlink_all();
	assert_int_equal(folder_count(), 0);
	assert_int_equal(stage_create(&none, "/nowhere/at/all", &bytes, &err), -ENOENT);
	stage_delete(&none);
	assert_non_null(strstr(err.text, "/nowhere/at/all"));
}

/* What is trimmed is what no program header names; the copy has no section headers to look for. */
static void trimmed_to_what_is_mapped(void **state)
{
	const struct so *so = fixture_so("throws");
	struct stage_bytes whole, trimmed;
	struct err err = { { 0 } };
	struct elf_file file;
	unsigned char *copy;
	Elf64_Ehdr header;

	(void)state;
	assert_int_equal(stage_bytes_set(&whole, so, false, &err), 0);
	assert_int_equal(stage_bytes_set(&trimmed, so, true, &err), 0);
	assert_int_equal(whole.size, so->size);
	assert_true(trimmed.size < so->size / 2); /* the rest is debug information */
	copy = malloc(trimmed.size);
	memcpy(copy, trimmed.parts[0].iov_base, trimmed.parts[0].iov_len);
	memcpy(copy + trimmed.parts[0].iov_len, trimmed.parts[1].iov_base,
	       trimmed.parts[1].iov_len);
	assert_int_equal(elf_file_check(&file, copy, trimmed.size, &err), 0);
	assert_int_equal(elf_loadable_bytes(&file), trimmed.size);
	memcpy(&header, copy, sizeof(header));
	assert_int_equal(header.e_shoff, 0);
	assert_int_equal(header.e_shnum, 0);
	free(copy);
	memcpy(&header, so->bytes, sizeof(header));
	assert_int_not_equal(header.e_shoff, 0); /* the caller's bytes are as they were */
}

static void refused_is_left_whole(void **state)
{
	struct so so = { .bytes = "no object at all, by any means, and longer than a header......",
			 .size = 62 };
	struct stage_bytes bytes;
	struct err err = { { 0 } };

	(void)state;
	assert_int_equal(stage_bytes_set(&bytes, &so, true, &err), -ENOEXEC);
	assert_true(err.text[0]);
	assert_int_equal(bytes.size, so.size);
	assert_int_equal(bytes.part_count, 1);
	assert_ptr_equal(bytes.parts[0].iov_base, so.bytes);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(remembered_until_forgotten),	   CASE(full_or_too_long_is_forgotten),
		CASE(child_removes_nothing_of_its_parent), CASE(signal_removes_staged_files),
		CASE(parent_removes_what_the_killed_left), CASE(created_with_care),
		CASE(trimmed_to_what_is_mapped),	   CASE(refused_is_left_whole),
	};

	clock_start();
	return cmocka_run_group_tests_name("loaders: staged", tests, NULL, NULL);
}
