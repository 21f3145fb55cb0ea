/*
 * What this build has made, for the tests: in the folder that tools/run-tests names in
 * SOLOAD_BUILD, or, of a test started by hand, in the one it was built into.
 */
#ifndef SOLOAD_TESTS_BUILT_H
#define SOLOAD_TESTS_BUILT_H

#include "base/file.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

__attribute__((format(printf, 1, 0))) static inline const char *built_path_of(const char *format,
									      va_list list)
{
	static char path[PATH_MAX];
	const char *build = getenv("SOLOAD_BUILD");
	size_t length;

	snprintf(path, sizeof(path), "%s/", build ? build : SOLOAD_BUILD_DEFAULT);
	length = strlen(path);
	vsnprintf(path + length, sizeof(path) - length, format, list);
	return path;
}

/* The path of "soload", of "fixtures/elf/plain.so" … Static: the next call of either function
 * overwrites it. */
__attribute__((format(printf, 1, 2))) static inline const char *built_path(const char *format, ...)
{
	const char *path;
	va_list list;

	va_start(list, format);
	path = built_path_of(format, list);
	va_end(list);
	return path;
}

/* What is in such a file, the caller's to unload; the test, or its group's setup, fails in words
 * where it cannot be read. */
__attribute__((format(printf, 1, 2))) static inline struct file_bytes built_bytes(
	const char *format, ...)
{
	struct file_bytes bytes = { NULL, 0 };
	struct err err = { "" };
	va_list list;

	va_start(list, format);
	if (file_load(built_path_of(format, list), &bytes, &err) < 0)
		fail_msg("%s", err.text);
	va_end(list);
	return bytes;
}

#endif
