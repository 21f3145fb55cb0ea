/*
 * What a gate compares: BASE and HEAD read, objects opened, and a row for every loader and object
 * with the two arms it will run. `soload count` counts the same rows.
 */
#ifndef SOLOAD_BENCH_GATE_SIDES_H
#define SOLOAD_BENCH_GATE_SIDES_H

#include "bench/gate_options.h"
#include "bench/side.h"
#include "bench/subject.h"

#include <limits.h>

#define GATE_LOADERS_MAX 64

struct gate {
	struct gate_options options;
	char **argv;
	enum side_kind kind;
	char default_path[PATH_MAX];
	char *loader_copy;
	const char *loaders[GATE_LOADERS_MAX];
	size_t loader_count;
	struct subject subjects[GATE_OBJECTS_MAX]; /* objects as sides: base and head */
	size_t subject_count;
	struct gate_row *rows;
	size_t row_count;
	int cpu;
};

/* Options and argv are set, the rest is zero. Without a base only the arms of head are made. */
int gate_open(struct gate *gate, struct err *err);
void gate_close(struct gate *gate);

#endif
