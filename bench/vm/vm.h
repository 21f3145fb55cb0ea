/* The commands of soload vm, and the options they share. */
#ifndef SOLOAD_BENCH_VM_VM_H
#define SOLOAD_BENCH_VM_VM_H

#include "bench/vm/guest.h"
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

#endif
