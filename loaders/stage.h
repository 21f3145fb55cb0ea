/*
 * Staging: writing an object where dlopen can open it.
 *
 * What is written is chosen here once for all loaders (the object as it is, or trimmed), and so is
 * the right way to create a file for it. Which files exist is staged.h's business.
 */
#ifndef SOLOAD_LOADERS_STAGE_H
#define SOLOAD_LOADERS_STAGE_H

#include "base/err.h"
#include "loaders/loader.h"
#include "loaders/staged.h"

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * The bytes that go into a staged file: the object as it is, or trimmed to what a loader maps,
 * that is [0, end of the last segment's file bytes) with the section headers gone from the ELF
 * header.
 */
struct stage_bytes {
	Elf64_Ehdr header;
	struct iovec parts[2]; /* the first may point to `header`: do not copy this struct */
	int part_count;
	size_t size;
};

/*
 * Chooses the bytes. -ENOEXEC with a sentence for an object whose headers cannot be followed (a
 * truncated one would kill the process inside dlopen) or that is for another machine; `bytes` is
 * the whole of it then, for the loaders that are faithful to somebody who did not look.
 */
int stage_bytes_set(struct stage_bytes *bytes, const struct so *so, bool trim, struct err *err);

/* All of it, short writes and EINTR retried. */
int stage_write(int fd, const struct stage_bytes *bytes, const char *what, struct err *err);

/* A file of a name that no process ever used before, created for writing (0700, O_EXCL,
 * O_NOFOLLOW, O_CLOEXEC) and registered. */
struct stage_file {
	dev_t dev;
	ino_t ino;
	bool exists;
	int place; /* in the list of staged files */
	char path[STAGED_PATH_BYTES];
};

/* Creates in `directory`, writes `bytes`, closes. On failure nothing is left behind. */
int stage_create(struct stage_file *file, const char *directory, const struct stage_bytes *bytes,
		 struct err *err);
void stage_delete(struct stage_file *file); /* a zeroed or deleted one is fine */

/* 0 when objects can be loaded from `directory`: absolute, there, writable, not mounted noexec. */
int stage_folder_check(const char *directory, struct err *err);

#endif
