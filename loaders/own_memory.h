/*
 * Reading this process's own memory through the kernel: what is not mapped, or no longer in its
 * file, is an error and no signal.
 */
#ifndef SOLOAD_LOADERS_OWN_MEMORY_H
#define SOLOAD_LOADERS_OWN_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define OWN_MEMORY_BYTES_MAX 4096 /* of one read */

/* As read(2): the bytes that could be read, or -1 with errno; EFAULT where there are none. */
ssize_t own_memory_read(uintptr_t address, void *bytes, size_t size);

#endif
