/*
 * Transport and loader together, in steady state: stage, send, receive, load, look up, call and
 * unload the workload's object, host and device in one process, so that nothing but the two is in
 * the time. DMA is the copy that is measured here; no model.
 */
#ifndef SOLOAD_BENCH_SPEED_CHAIN_H
#define SOLOAD_BENCH_SPEED_CHAIN_H

#include "bench/speed/speed.h"

enum chain_row {
	CHAIN_SEED, /* inline + disk: simpler at 78f0869 */
	CHAIN_RIGHTSIZE,
	CHAIN_MEMFD,
	CHAIN_TRIMMED, /* + elf:dualmap */
	CHAIN_DEDUP,   /* + prelinked */
	CHAIN_ROWS
};

/* ns of a whole chain and its halves; NaN = not measured, and why. */
struct chain_cell {
	double transfer, load, total, min;
	uint64_t bytes; /* sent in the last round */
	uint64_t loads;
	char why[ERR_TEXT_BYTES];
};

struct chain_table {
	struct chain_cell cells[CHAIN_ROWS];
	uint64_t object_bytes;
};

const char *chain_row_name(enum chain_row row);

/* A row that fails says so in its cell; 0 unless nothing could be tried or it was interrupted. */
int chain_measure(const struct speed_options *options, struct chain_table *ret_table,
		  struct err *err);

/* Rows of summary.csv, scenario "chain". */
void chain_record(struct record *record, const struct chain_table *table);

void chain_print(const struct chain_table *table, FILE *out);

/* Trimmed + elf:dualmap at least 40 times, dedup + prelinked at least 200 times as fast. */
void chain_checks_collect(struct speed_checks *checks, const struct chain_table *table);

#endif
