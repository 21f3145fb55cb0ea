/* BPF programs onto functions of a file and onto the kernel's tracepoints: by uprobe_multi where
 * the kernel has it (6.6), by perf events where not. */
#ifndef SOLOAD_PROBES_ATTACH_H
#define SOLOAD_PROBES_ATTACH_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* linux/bpf.h of kernel 6.6: headers may be older than the kernel. */
#define ATTACH_UPROBE_MULTI 48

enum attach_way { ATTACH_AUTO, ATTACH_MULTI, ATTACH_PERF };

struct attach_sites {
	const char *path;
	pid_t pid; /* 0 = every process */
	unsigned int count;
	const uint64_t *offsets, *cookies;
};

#define ATTACH_MAX 64

/* What is attached: descriptors, whose closing undoes it. */
struct attach {
	int fds[ATTACH_MAX];
	unsigned int count;
	enum attach_way way; /* tried and found, once AUTO has been settled */
};

int attach_uprobes(struct attach *attach, int program, bool returns,
		   const struct attach_sites *sites, struct err *err);
int attach_tracepoint(struct attach *attach, int program, const char *name, struct err *err);
/* What a counter that each CPU has for itself has come to, in the first entry of a map. */
uint64_t attach_counter(int map);

void attach_close(struct attach *attach);

#endif
