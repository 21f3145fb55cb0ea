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

struct sock_filter;

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

/* As a test of cmocka: passes when `body` returns 0 in a child, is skipped when it returns
 * CASE_SKIPPED, and else fails, naming the signal if one ended it. */
void fixture_passes(int (*body)(void *), void *argument);

/* An opened loader, the caller's to close; the test fails where there is none. */
struct loader *fixture_loader(const char *spec);

/* A new folder under /tmp, removed with all it holds by fixture_folder_remove(). */
void fixture_folder(char *ret_path, size_t size);
void fixture_folder_remove(const char *path);

/* Root of namespaces of its own (CLONE_NEW…), as root or as a user who may become it there. */
int fixture_namespace(int flags);

/* Puts all later system calls of this process, for good, through the `count` statements of a filter
 * (linux/filter.h): 0, or CASE_SKIPPED where the kernel has none, which is said. */
int fixture_filter(struct sock_filter *program, unsigned short count);

/* As fixture_filter(): memfd_create() fails with `code` when one of `flags` is asked for (~0: any).
 */
int fixture_memfd_refuse(unsigned int flags, unsigned int code);

#endif
