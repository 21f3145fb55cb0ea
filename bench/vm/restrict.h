/* What settings.def asks for, applied to this process and all it starts. 0, or a negative errno
 * with the reason: the kernel has no such thing. */
#ifndef SOLOAD_BENCH_VM_RESTRICT_H
#define SOLOAD_BENCH_VM_RESTRICT_H

#include "base/err.h"

#define SETTING(name, function, text) int function(struct err *err);
#include "bench/vm/settings.def"
#undef SETTING

#endif
