/*
 * Files: whole reads and writes through pipes that deliver in pieces, and every refusal of
 * file_load() and file_make_directory() in words.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PIPE_BYTES 300000 /* more than a pipe holds: the writer is cut short and goes on */

static char folder[] = "/tmp/soload-file-XXXXXX";
static char path[128];
static struct err err;

static const char *in_folder(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int folder_make(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state)
{
	char line[64];

	(void)state;
	snprintf(line, sizeof(line), "rm -rf %s", folder);
	return system(line);
}

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 31 + i / 256);
}

static void whole_through_a_pipe(void **state)
{
	unsigned char *bytes = malloc(PIPE_BYTES);
	int ends[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	for (size_t i = 0; i < PIPE_BYTES; i++)
		bytes[i] = byte_at(i);
	child = fork();
	if (child == 0)
		_exit(fd_write_all(ends[1], bytes, PIPE_BYTES, "pipe", NULL) == 0 ? 0 : 1);
	close(ends[1]);
	memset(bytes, 0, PIPE_BYTES);
	assert_int_equal(fd_read_all(ends[0], bytes, PIPE_BYTES, "pipe", &err), PIPE_BYTES);
	for (size_t i = 0; i < PIPE_BYTES; i++)
		assert_int_equal(bytes[i], byte_at(i));
	assert_int_equal(fd_read_all(ends[0], bytes, 10, "pipe", &err), 0); /* the end */
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(ends[0]);
	free(bytes);
}

static void bad_descriptors_are_named(void **state)
{
	char byte = 0;

	(void)state;
	assert_int_equal(fd_write_all(-1, &byte, 1, "the thing", &err), -EBADF);
	assert_string_equal(err.text, "write the thing: Bad file descriptor (EBADF)");
	assert_int_equal(fd_read_all(-1, &byte, 1, "the thing", &err), -EBADF);
	assert_string_equal(err.text, "read the thing: Bad file descriptor (EBADF)");
	assert_int_equal(fd_write_all(-1, &byte, 0, "nothing", &err), 0);
}

static void a_full_disk_is_an_error(void **state)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(fd_write_all(fd, "x", 1, "full", &err), -ENOSPC);
	close(fd);
}

static void file_write(const char *name, const char *text)
{
	FILE *out = fopen(in_folder(name), "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static void a_file_is_loaded_and_private(void **state)
{
	struct file_bytes file = { 0 }, again = { 0 };

	(void)state;
	file_write("some", "content");
	assert_int_equal(file_load(path, &file, &err), 0);
	assert_int_equal(file.size, 7);
	assert_memory_equal(file.bytes, "content", 7);
	memcpy(file.bytes, "CHANGED", 7);
	assert_int_equal(file_load(path, &again, &err), 0);
	assert_memory_equal(again.bytes, "content", 7);
	file_unload(&again);
	file_unload(&file);
	file_unload(&file); /* twice is harmless */
	assert_null(file.bytes);
}

static void refused(const char *name, int code, const char *said)
{
	struct file_bytes file = { .size = 4711 };

	assert_int_equal(file_load(name, &file, &err), code);
	if (!strstr(err.text, said))
		fail_msg("%s says '%s', not '%s'", name, err.text, said);
	assert_int_equal(file.size, 4711); /* untouched on failure */
}

static void what_is_no_object_is_refused(void **state)
{
	int fd;

	(void)state;
	refused("/nonexistent/x", -ENOENT, "open /nonexistent/x: No such file");
	refused(folder, -EINVAL, "not a regular file");
	refused("/dev/null", -EINVAL, "not a regular file");
	fd = open(in_folder("empty"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	refused(path, -EINVAL, "empty file");
	fd = open(in_folder("huge"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, (1ll << 30) + 1), 0);
	close(fd);
	refused(path, -EFBIG, "more than 1 GiB");
}

static void the_first_line_of_a_file(void **state)
{
	char line[8];

	(void)state;
	file_write("line", "one\ntwo\n");
	assert_true(file_line(in_folder("line"), line, sizeof(line)));
	assert_string_equal(line, "one");
	file_write("line", "longer than that");
	assert_true(file_line(path, line, sizeof(line)));
	assert_string_equal(line, "longer ");
	file_write("line", "\ntwo\n");
	assert_false(file_line(path, line, sizeof(line)));
	assert_string_equal(line, "");
	assert_int_equal(errno, ENODATA);
	assert_false(file_line(in_folder("nowhere"), line, sizeof(line)));
	assert_string_equal(line, "");
	assert_int_equal(errno, ENOENT);
}

static void folders_are_made(void **state)
{
	char name[5000];
	struct stat st;

	(void)state;
	assert_int_equal(file_make_directory(in_folder("a/b/c"), &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(file_make_directory(path, &err), 0); /* there already */
	assert_int_equal(file_make_directory("", &err), -EINVAL);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(file_make_directory(name, &err), -EINVAL);
}

static void a_file_in_the_way(void **state)
{
	(void)state;
	fclose(fopen(in_folder("file"), "w"));
	assert_int_equal(file_make_directory(in_folder("file/below"), &err), -ENOTDIR);
	assert_non_null(strstr(err.text, "create folder"));
	assert_int_equal(file_make_directory(in_folder("file"), &err), -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_through_a_pipe),
		cmocka_unit_test(bad_descriptors_are_named),
		cmocka_unit_test(a_full_disk_is_an_error),
		cmocka_unit_test(a_file_is_loaded_and_private),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(the_first_line_of_a_file),
		cmocka_unit_test(folders_are_made),
		cmocka_unit_test(a_file_in_the_way),
	};

	return cmocka_run_group_tests_name("base/file", tests, folder_make, folder_remove);
}
