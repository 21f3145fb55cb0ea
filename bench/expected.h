/*
 * Rises of counters that are meant: results/counters.expected, one per line.
 *
 *	LOADER COUNTER +N | +<=N | +<=P%      # LOADER may be *
 */
#ifndef SOLOAD_BENCH_EXPECTED_H
#define SOLOAD_BENCH_EXPECTED_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPECTED_PATH "results/counters.expected"
#define EXPECTED_WORD_BYTES 64

struct expected_rise {
	char loader[EXPECTED_WORD_BYTES], counter[EXPECTED_WORD_BYTES];
	bool at_most, share;
	double amount;
	unsigned int line;
	bool needed; /* it has covered a rise */
};

struct expected {
	struct expected_rise *rises;
	size_t count;
};

/* A file that is not there declares nothing. -EINVAL with the line. */
int expected_read(struct expected *expected, const char *path, struct err *err);
void expected_close(struct expected *expected); /* zeroed is fine */

/* Whether this rise is declared; the line is then marked as needed. */
bool expected_covers(struct expected *expected, const char *loader, const char *counter,
		     uint64_t base, uint64_t head);

#endif
