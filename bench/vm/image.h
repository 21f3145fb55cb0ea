/* The initramfs of a guest: its root, with the program, the libraries, the objects and the plan. */
#ifndef SOLOAD_BENCH_VM_IMAGE_H
#define SOLOAD_BENCH_VM_IMAGE_H

#include "bench/vm/guest.h"

int image_write(const char *path, const struct guest_options *options, struct err *err);

#endif
