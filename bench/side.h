/*
 * The A and B of a command: two builds of soload, two objects or two loaders. A word with a slash
 * is a file, a program (a build) or a shared object; any other is a loader.
 */
#ifndef SOLOAD_BENCH_SIDE_H
#define SOLOAD_BENCH_SIDE_H

#include "base/err.h"

enum side_kind { SIDE_LOADER, SIDE_OBJECT, SIDE_BUILD };

const char *side_kind_word(enum side_kind kind); /* "loader" */

/* The kind of both, which must be one: -EINVAL in words. */
int side_kind_both(const char *a, const char *b, enum side_kind *ret_kind, struct err *err);

#endif
