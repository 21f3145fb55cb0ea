/* What host and guest of a virtual AICPU agree on: names inside it, and the settings it may be
 * started with. */
#ifndef SOLOAD_BENCH_VM_PLAN_H
#define SOLOAD_BENCH_VM_PLAN_H

#include "base/err.h"

#include <stddef.h>
#include <stdio.h>

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

/* Words of a plan, which the bytes they were taken from outlive. */
struct plan {
	char **words;	/* settings, NULL, the command, NULL: to be freed */
	char **command; /* in `words` */
};

/* Writes a plan: settings (NULL = none) and a command, each ending in NULL. Words of a command may
 * be empty, settings not. */
void plan_print(const char *const *settings, char *const *command, FILE *out);

/* Reads it, however many words it has. -EINVAL when it is cut short or names no command. */
int plan_take(char *bytes, size_t size, struct plan *ret_plan, struct err *err);

#endif
