/* Revisions of the repository this is run in, as git knows them, and their builds. */
#ifndef SOLOAD_BENCH_HISTORY_REVISION_H
#define SOLOAD_BENCH_HISTORY_REVISION_H

#include "base/err.h"
#include "bench/history/line.h"

#include <stddef.h>
#include <stdint.h>

struct revision {
	char hash[HISTORY_HASH + 1];
	char time[32];	 /* committed, UTC */
	char title[201]; /* printable */
	int64_t number;	 /* of commits up to this one: its place in the history */
};

/* What a person calls a revision. -ENOENT in words: no git, no repository, no such revision, or a
 * shallow clone, in which nothing has a place. */
int revision_find(const char *name, struct revision *ret_revision, struct err *err);

/* The name in `path` (comments begin with #). -ENOENT in words when there is none. */
int revision_pinned(const char *path, char *ret_name, size_t size, struct err *err);

/* Builds its program below `folder` (tools/build-revision), or finds it built. -ENOEXEC in words
 * when it does not build, -EINTR. */
int revision_build(const struct revision *revision, const char *folder, char *ret_program,
		   size_t size, struct err *err);

#endif
