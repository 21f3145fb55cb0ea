/*
 * Marks: copies of one orchestration object that do the same and can be told apart, for whoever
 * needs many. The code of `aicpu_orchestration_config` is replaced by code that answers a number,
 * below zero, where the runtime does not take it for a count of arguments; and the build-id ends in
 * that number. So a run says by itself whose code it was.
 */
#ifndef SOLOAD_BENCH_REPRO_MARK_H
#define SOLOAD_BENCH_REPRO_MARK_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define MARK_MAX 1000 /* numbers from 0 */

/* What the code of a marked object answers. */
static inline int32_t mark_answer(unsigned int number)
{
	return -1000 - (int32_t)number;
}

/*
 * Marks an object in place. 1 when its code answers, 0 when it has no such function
 * (host_build_graph) and only its build-id tells; -ENOTSUP in words when neither can, or it is no
 * object.
 */
int mark_object(void *bytes, size_t size, unsigned int number, struct err *err);

#endif
