/* Where counts come from: what else than soload decides them. Counts of equal origins compare. */
#ifndef SOLOAD_BENCH_VM_ORIGIN_H
#define SOLOAD_BENCH_VM_ORIGIN_H

#include "bench/vm/guest.h"

#include <stdint.h>
#include <stdio.h>

#define ORIGIN_BYTES 256

struct origin {
	char kernel[64]; /* its release */
	char qemu[32];
	uint64_t object, libc; /* XXH64 of the object that is loaded and of the guest's C library:
				* their compiler is in them */
};

/* All but the kernel, which the guest tells. */
int origin_find(struct origin *ret_origin, const struct guest_options *guest, const char *object,
		struct err *err);

/* "kernel=6.1.0-50 qemu=7.2.22 object=0123456789abcdef libc=0123456789abcdef" */
void origin_print(const struct origin *origin, FILE *out);

/* Whether two such lines differ, and in what: "its qemu is 7.2.11, not 7.2.22". */
bool origin_differs(const char *its, const char *ours, char *ret_words, size_t size);

#endif
