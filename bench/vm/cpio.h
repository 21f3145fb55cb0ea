/* An initramfs as the kernel unpacks it: a cpio archive in the form "newc"
 * (Documentation/driver-api/early-userspace/buffer-format.rst), not compressed. */
#ifndef SOLOAD_BENCH_VM_CPIO_H
#define SOLOAD_BENCH_VM_CPIO_H

#include "base/err.h"

#include <stddef.h>
#include <stdio.h>

struct cpio {
	FILE *file;
	unsigned int entries;
};

/* Creates the archive, and below, adds to it; names are relative to the root, without a slash in
 * front. Parents come before what is in them. 0, or a negative errno with the reason. */
int cpio_open(struct cpio *cpio, const char *path, struct err *err);
int cpio_directory(struct cpio *cpio, const char *name, struct err *err);
int cpio_link(struct cpio *cpio, const char *name, const char *target, struct err *err);
int cpio_device(struct cpio *cpio, const char *name, unsigned int major, unsigned int minor,
		struct err *err); /* a character device */
int cpio_bytes(struct cpio *cpio, const char *name, const void *bytes, size_t size,
	       struct err *err);

/* A copy of the file `path`, executable. */
int cpio_file(struct cpio *cpio, const char *name, const char *path, struct err *err);

/* Ends the archive. Safe on a cpio that is all zero. */
int cpio_close(struct cpio *cpio, struct err *err);

#endif
