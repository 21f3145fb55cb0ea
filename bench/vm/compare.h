/* Counts of two sides, held against each other. Pure: no guest, no output. */
#ifndef SOLOAD_BENCH_VM_COMPARE_H
#define SOLOAD_BENCH_VM_COMPARE_H

#include "bench/vm/counts.h"

#include <stdbool.h>

/* The least rise that counts: a share of base, and so much at all (a phase of 40 instructions moves
 * by 5 % when the compiler spills one register). */
struct compare_limit {
	double share;
	uint64_t least;
};

extern const struct compare_limit compare_limits[COUNTS_METRICS];

enum compare_verdict { COMPARE_SAME, COMPARE_LESS, COMPARE_MORE, COMPARE_NOTHING };

struct compare_cell {
	uint64_t base, head; /* medians */
	enum compare_verdict verdict;
};

/*
 * One metric and column of a loader of base against one of head. MORE and LESS: the medians are
 * further apart than the limit, and their 99.9 % intervals do not meet. User instructions have no
 * width at all; a kernel's own bookkeeping (page and slab lists) does, a few percent of a phase.
 * NOTHING: one side counted nothing.
 */
struct compare_cell compare_judge(const struct counts *counts, const struct counts_row *base,
				  const struct counts_row *head, enum counts_metric metric,
				  int column);

#endif
