/* What host and guest of a virtual AICPU agree on: names inside it, and the settings it may be
 * started with. */
#ifndef SOLOAD_BENCH_VM_PLAN_H
#define SOLOAD_BENCH_VM_PLAN_H

#define GUEST_FOLDER "soload" /* in the root: the program, objects/, and the plan */
#define GUEST_OBJECTS "soload/objects"
#define GUEST_PROGRAM "/" GUEST_FOLDER "/soload"
#define GUEST_PLAN \
	"/" GUEST_FOLDER "/plan" /* settings, an empty word, the command: each with NUL */
#define GUEST_RESULTS "/results" /* regular files below it are sent back */
#define GUEST_LINE "/dev/ttyS0"	 /* frames.h */

enum guest_setting {
#define SETTING(name, function, text) GUEST_##name,
#include "bench/vm/settings.def"
#undef SETTING
	GUEST_SETTINGS
};

#endif
