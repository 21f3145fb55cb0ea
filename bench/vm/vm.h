/* The commands of soload vm, and the options they share. */
#ifndef SOLOAD_BENCH_VM_VM_H
#define SOLOAD_BENCH_VM_VM_H

#include "bench/vm/guest.h"
#include "bench/vm/measure.h"
#include "bench/vm/plan.h"

#include <argp.h>

int vm_run(int argc, char **argv);
int vm_bench(int argc, char **argv);
int vm_gate(int argc, char **argv);

/* --kernel, --with, --cpus, --memory, --parts, --program: a child parser; its input is this. */
struct vm_options {
	struct guest_options guest;
	const char *settings[GUEST_SETTINGS + 1];
	char parts[PATH_MAX], program[PATH_MAX]; /* beside this program, unless given */
	char *words;				 /* in settings[] */
};

extern const struct argp vm_argp;

/* What bench and gate share: the object, --loader, --loads, --out, and the guest's; a child parser,
 * whose input is this. */
struct vm_loads {
	struct vm_options vm;
	const char *object, *loaders, *out; /* `loaders` and `out` NULL unless given */
	char default_object[PATH_MAX];
	uint32_t loads;
};

extern const struct argp vm_loads_argp;

/* After parsing: a measurement with nothing but sides to set. */
struct measure vm_loads_measure(struct vm_loads *loads);

/* One line: kernel, emulator and object of what was counted; and the record, where --out asks for
 * one. */
int vm_loads_tell(const struct vm_loads *loads, const struct measured *measured, struct err *err);

/* The exit code for `r`, which is one already or a negative errno; says the latter. */
int vm_loads_end(struct vm_loads *loads, int r, const struct err *err);

#endif
