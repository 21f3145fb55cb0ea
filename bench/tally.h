/*
 * What one load of a loader does, counted: system calls by number, bytes written and mapped, page
 * faults, user instructions. Counted three times; what does not repeat is demoted to advisory, so
 * that a new kernel cannot turn a gate red by itself. Page faults are the fewest of every way the
 * object can stand in memory. Times play no part in it.
 */
#ifndef SOLOAD_BENCH_TALLY_H
#define SOLOAD_BENCH_TALLY_H

#include "base/err.h"
#include "bench/client.h"
#include "bench/counters.h"

#include <stdbool.h>
#include <stdint.h>

enum tally_counter {
	/* Below COUNTERS_CALLS: system calls by number. */
	TALLY_CALLS = COUNTERS_CALLS, /* all of them */
	TALLY_WRITTEN,
	TALLY_MAPPED,
	TALLY_FAULTS,
	TALLY_INSTRUCTIONS, /* of TALLY_LOADS loads */
	TALLY_COUNTERS
};

#define TALLY_LOADS 5
#define TALLY_TIMES 3

/* Who counts the instructions. AUTO: the PMU where there is one that repeats, else callgrind. */
enum tally_by { TALLY_BY_NOBODY, TALLY_BY_AUTO, TALLY_BY_PMU, TALLY_BY_CALLGRIND };

struct tally {
	uint64_t values[TALLY_COUNTERS];
	bool known[TALLY_COUNTERS];
	bool exact[TALLY_COUNTERS];   /* the same three times */
	enum tally_by by;	      /* who counted the instructions; of PMU and CALLGRIND one */
	char unknown[ERR_TEXT_BYTES]; /* why instructions are not known, or "" */
};

const char *tally_by_word(enum tally_by by); /* "pmu", "callgrind"; for both sides of a choice */

/* "syscalls.mmap", "instructions". Returns `buffer`. */
const char *tally_name(int counter, char *buffer, unsigned long size);

/* The counter of that name, or -1. */
int tally_find(const char *name);

/*
 * Counts the arm's loads. System calls need ptrace, instructions a PMU or valgrind: without they
 * are unknown, with the reason. -EIO and others in words when loads fail; -EINTR.
 */
int tally_take(const struct client_options *arm, enum tally_by by, struct tally *ret_tally,
	       struct err *err);

/* Instructions anew, by callgrind: what two counted differently cannot be compared. -EINTR. */
int tally_callgrind(const struct client_options *arm, struct tally *tally, struct err *err);

enum tally_change { TALLY_SAME, TALLY_FEWER, TALLY_MORE, TALLY_ADVISORY };

/* Of one counter from base to head. ADVISORY: different, but not exact or not known on both sides.
 */
enum tally_change tally_compare(const struct tally *base, const struct tally *head, int counter);

#endif
