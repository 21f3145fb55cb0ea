/* What a guest prints and leaves, taken by its host: kept in memory, or passed on as it comes. */
#ifndef SOLOAD_BENCH_VM_TAKE_H
#define SOLOAD_BENCH_VM_TAKE_H

#include "bench/vm/frames.h"

#include <stdio.h>

#define TAKE_KEPT_MAX (64u << 20)

struct take {
	FILE *out;	     /* where OUT goes, NULL = it is kept below */
	const char *results; /* the folder FILEs go to; NULL = they are dropped */
	char *kept;	     /* `kept_size` bytes and a NUL */
	size_t kept_size, kept_capacity;
	int file; /* the one being written, -1 = none */
	uint64_t file_bytes;
	unsigned int files;
	char release[64]; /* of the guest's kernel */
};

/* A frame_take; `to` is a struct take whose `file` is -1 at first. */
int take_frame(void *to, enum frame_type type, const void *bytes, size_t size, struct err *err);
void take_close(struct take *take);

#endif
