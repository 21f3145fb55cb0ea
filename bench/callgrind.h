/*
 * User instructions of loads, counted by valgrind's callgrind inside CYCLE_COUNTED alone: exact,
 * whatever else the machine does, and blind to the kernel's share of the work.
 */
#ifndef SOLOAD_BENCH_CALLGRIND_H
#define SOLOAD_BENCH_CALLGRIND_H

#include "base/err.h"
#include "bench/client.h"

#include <stdint.h>

/*
 * Of `loads` loads together, after `warmup` that do not count. -ENOENT without valgrind, -ENOTSUP
 * when the build has nothing to count inside, -EIO when it dies under valgrind, in words; -EINTR.
 */
int callgrind_count(const struct client_options *arm, uint32_t warmup, uint32_t loads,
		    uint64_t *ret_count, struct err *err);

#endif
