/*
 * Staged files: every path a loader has written and not yet removed. A process that dies by a
 * signal empties the list in its handler, and a parent that shares the list's memory can do the
 * same after SIGKILL, so no staged file outlives a crash.
 *
 * Adding and removing take no lock and no allocation; both are cheap enough for a timed region.
 */
#ifndef SOLOAD_LOADERS_STAGED_H
#define SOLOAD_LOADERS_STAGED_H

#include <stdint.h>

#define STAGED_PATH_BYTES 256
#define STAGED_FILES_MAX 64

/* Zeroed is empty. May live in memory shared between processes; paths are absolute. */
struct staged_file {
	uint32_t state;
	int32_t owner; /* getpid() of who staged it: a child owns nothing of what it inherits */
	char path[STAGED_PATH_BYTES];
};

struct staged_list {
	struct staged_file files[STAGED_FILES_MAX];
};

/* Keeps the list in `list` from now on, instead of in memory of this module's own. Call before the
 * first staged_add(). */
void staged_place(struct staged_list *list);

/*
 * The process number that names of staged files carry: this process's, or the one that was set. Two
 * AICPUs that are to share a file system, as the dies of one chip do, are given the same, which
 * every loader must stand. Set it before the first load.
 */
int staged_number(void);
void staged_number_set(int number);

/*
 * Remembers a path before its file is created: a place in the list, for staged_remove(). A list
 * that is full, or a path that is too long, forgets (negative): the file is then only removed by
 * its loader.
 */
int staged_add(const char *path);

/* Forgets a path after its file was removed. Negative places are fine. */
void staged_remove(int place);

/* Unlinks every path this process has left and forgets it. Async-signal-safe. */
void staged_unlink_all(void);

/* Unlinks every path in the list, whoever left it: for a parent after its child's death. */
void staged_unlink_list(struct staged_list *list);

#endif
