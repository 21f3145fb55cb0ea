/*
 * The speed table: every loader on objects of three sizes and on the workload's object, alone and
 * beside a running thread, all interleaved in one run; and the requirements judged on it.
 */
#ifndef SOLOAD_BENCH_SPEED_SPEED_H
#define SOLOAD_BENCH_SPEED_SPEED_H

#include "base/err.h"
#include "bench/record.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum speed_object { SPEED_16K, SPEED_390K, SPEED_4M, SPEED_WORKLOAD, SPEED_OBJECTS };
enum speed_mode { SPEED_ALONE, SPEED_BESIDE, SPEED_MODES };

enum speed_row {
	SPEED_NULL,
	SPEED_FLOOR,
	SPEED_DISK,
	SPEED_TMPFS,
	SPEED_MEMFD,
	SPEED_CACHED,
	SPEED_ELF,
	SPEED_DUALMAP,
	SPEED_PRELINKED,
	SPEED_ROWS
};

#define SPEED_CELLS (SPEED_OBJECTS * SPEED_MODES * SPEED_ROWS)

static inline int speed_cell_index(enum speed_object object, enum speed_mode mode,
				   enum speed_row row)
{
	return ((int)object * SPEED_MODES + (int)mode) * SPEED_ROWS + (int)row;
}

/* One row on one object in one mode; ns, NaN = not measured. */
struct speed_cell {
	double min, p50, p90;
	double other_share; /* median time in no phase, of the median total */
	double minflt;	    /* median per load */
	uint64_t loads;
};

struct speed_table {
	struct speed_cell cells[SPEED_CELLS];	 /* at speed_cell_index() */
	char absent[SPEED_ROWS][ERR_TEXT_BYTES]; /* why a row could not be measured, or "" */
};

struct speed_options {
	const char *objects; /* the folder of the objects */
	const char *disk;    /* where `disk` stages */
	uint32_t loads;	     /* per row, object and mode */
	uint64_t seed;
};

const char *speed_row_name(enum speed_row row);
const char *speed_object_name(enum speed_object object);

/* 0 when everything that is available was measured; -EINTR when interrupted. */
int speed_measure(const struct speed_options *options, struct record *record,
		  struct speed_table *ret_table, struct err *err);

void speed_print(const struct speed_table *table, FILE *out);

/* What one timeline_enter() and one clock_gettime() cost: medians of many batches, ns. */
void speed_record_cost(double *ret_enter_ns, double *ret_clock_ns);

/* A requirement: a number and the bound it is held to. */
struct speed_check {
	char name[96];
	const char *unit;
	double bound, measured;	  /* NaN = could not be measured */
	double by_minima;	  /* the same ratio of minima; 0 = does not apply */
	bool at_most;		  /* else at least */
	char why[ERR_TEXT_BYTES]; /* it could not be measured */
};

#define SPEED_CHECKS_MAX 48

struct speed_checks {
	struct speed_check list[SPEED_CHECKS_MAX];
	unsigned int count;
};

void speed_check_add(struct speed_checks *checks, const struct speed_check *check);

/* Everything the issues require of the table. */
void speed_checks_collect(struct speed_checks *checks, const struct speed_table *table);

/* Prints them with PASS or FAIL; returns how many did not pass. */
unsigned int speed_checks_print(const struct speed_checks *checks, FILE *out);

#endif
