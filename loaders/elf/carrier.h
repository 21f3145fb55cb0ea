/*
 * Static TLS for objects with initial-exec variables. Only the dynamic linker can give every
 * thread, present and future, a block at one offset from the thread pointer; so it is handed a tiny
 * object, made here in memory, that consists of the variables' initial image and one relocation
 * asking for that offset.
 */
#ifndef SOLOAD_LOADERS_ELF_CARRIER_H
#define SOLOAD_LOADERS_ELF_CARRIER_H

#include "base/err.h"
#include "loaders/elf/file.h"

struct elf_carrier {
	void *handle; /* NULL = none */
	int fd;
	int64_t offset;		    /* of the block from the thread pointer, in every thread */
	const unsigned char *image; /* the initial bytes, as the linker mapped them */
};

/* A block for the object's PT_TLS that starts as `image`, file->tls.file_bytes bytes. -ENOTSUP when
 * the linker has no room for it. */
int elf_carrier_load(const struct elf_file *file, const void *image,
		     struct elf_carrier *ret_carrier, struct err *err);
void elf_carrier_unload(struct elf_carrier *carrier);

#endif
