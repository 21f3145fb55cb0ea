/* Counts of two sides, held against each other, and the verdict. Pure: no guest, no output. */
#ifndef SOLOAD_BENCH_VM_COMPARE_H
#define SOLOAD_BENCH_VM_COMPARE_H

#include "bench/vm/counts.h"

#include <stdbool.h>

/* The least rise that counts: a share of base, and so much at all. User instructions repeat
 * exactly, so of a whole load hardly any is allowed; a phase of 40 moves by 5 % when the compiler
 * spills one register. */
struct compare_limit {
	double share;
	uint64_t least, least_total; /* of a phase, of all of them */
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
 * NOTHING: one side counted nothing, or does not know the column.
 */
struct compare_cell compare_judge(const struct counts *counts, const struct counts_row *base,
				  const struct counts_row *head, enum counts_metric metric,
				  int column);

/* Whether a metric of a loader can be compared: both sides counted it, base did not, or base did
 * and head did not. */
enum compare_state { COMPARE_BOTH, COMPARE_NO_BASE, COMPARE_NO_HEAD };

/* What is compared: a side's name in the counts, and its loader. */
struct compare_side {
	const char *side, *loader;
};

struct compare_outcome {
	size_t judged, more, less;
	size_t failed;	  /* metrics base counted and head did not */
	size_t partial;	  /* metrics base did not count of a loader it counted otherwise */
	size_t differs;	  /* compare_difference() of two boots */
	char reason[256]; /* the first that failed, else the first rise */
};

/* `ret_why` is static text, or of `counts`: an error, or that there is no row. */
enum compare_state compare_state(const struct counts *counts, const struct compare_side *base,
				 const struct compare_side *head, enum counts_metric metric,
				 const char **ret_why);

/* Adds what the states of a loader's metrics come to. */
void compare_states_add(struct compare_outcome *outcome, const struct counts *counts,
			const struct compare_side *base, const struct compare_side *head);

/* Adds a cell; `name` stands before the metric in a reason. */
void compare_cell_add(struct compare_outcome *outcome, const struct compare_cell *cell,
		      const char *name, enum counts_metric metric, int column);

/* The first line in which two texts differ, from 1; 0 = they do not. */
size_t compare_difference(const char *a, const char *b);

/* An exit code (bench/command.h) and the sentence for it, "verdict=…". */
int compare_verdict(const struct compare_outcome *outcome, char *ret_text, size_t size);

#endif
