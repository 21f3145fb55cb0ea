/*
 * What the loader tests share: the objects built from tests/fixtures, expectations that work in any
 * thread and any process, and a child process per case, so that a crash, a pinned object or a
 * lowered limit is nobody else's.
 */
#ifndef SOLOAD_TESTS_LOADERS_FIXTURE_H
#define SOLOAD_TESTS_LOADERS_FIXTURE_H

#include "loaders/loader.h"

#include <stdint.h>
#include <stdio.h>

/* In a function that returns 0 for passed and -1 for failed. */
#define EXPECT(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			return -1; \
		} \
	} while (0)

/* As EXPECT, for calls that return 0 or a negative errno and fill in `err`. */
#define EXPECT_OK(call) \
	do { \
		if ((call) < 0) { \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, err.text); \
			return -1; \
		} \
	} while (0)

/* Returned by a case that cannot be judged here; the reason was printed. */
#define CASE_SKIPPED 77

/* The built object of that name, with an identity of its own, and as a file (`fd`). Owned here,
 * valid to the end; a missing one ends the program. */
const struct so *fixture_so(const char *name);

/* A symbol of a loaded image as a number-returning function; 0 for one that takes no argument. */
int fixture_call(struct image *image, const char *name, int argument, int *ret_result);

/* Runs `body` in a child: what it returned, or minus the signal that ended it. */
int fixture_child(int (*body)(void *), void *argument);

/* A new folder under /tmp, removed with all it holds by fixture_folder_remove(). */
void fixture_folder(char *ret_path, size_t size);
void fixture_folder_remove(const char *path);

/* Root of namespaces of its own (CLONE_NEW…), as root or as a user who may become it there. */
int fixture_namespace(int flags);

#endif
