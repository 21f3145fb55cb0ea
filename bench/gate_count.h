/*
 * The second half of a gate: the work of a load, counted in both arms and compared without any
 * tolerance. A rise that nobody declared fails; a fall is told.
 */
#ifndef SOLOAD_BENCH_GATE_COUNT_H
#define SOLOAD_BENCH_GATE_COUNT_H

#include "bench/expected.h"
#include "bench/gate_row.h"
#include "bench/tally.h"

#include <stdio.h>

/* Of one row. */
struct gate_count {
	struct tally tallies[LOCKSTEP_ARMS];
	char rise[128];		       /* the first undeclared one, "syscalls.mmap 4 -> 5", or "" */
	bool declared[TALLY_COUNTERS]; /* a rise, and one that is meant */
	struct err error;	       /* why this row was not counted, or "" */
};

/*
 * Counts the row's arms, head's alone without `base`. Allocates row->count; a row of which only
 * head's loads fail meanwhile is GATE_BROKEN from then on. -EINTR, -ENOMEM.
 */
int gate_count_run(struct gate_row *row, bool base, enum tally_by by, struct err *err);

/* Compares them; fills in what is declared, and row->count->rise. */
void gate_count_judge(struct gate_row *row, struct expected *expected);

/* Fills in row->count->rise alone, of what is declared already. */
void gate_count_rise(struct gate_row *row);

/* What differs, a line each, or one line that says nothing does. */
void gate_count_print(const struct gate_row *row, FILE *out);

/* The same as rows of a table in Markdown. */
void gate_count_markdown(const struct gate_row *row, FILE *out);

/* Everything head does, for a row without base. */
void gate_count_list(const struct gate_row *row, FILE *out);

/* Declarations that covered nothing. */
void gate_count_unneeded(const struct expected *expected, const char *path, FILE *out);

#endif
