/*
 * Two records compared from their files: weak evidence. Moments, machines and layouts differ
 * between them, so there is no interval and no verdict, only what was written down.
 */
#ifndef SOLOAD_BENCH_STORED_H
#define SOLOAD_BENCH_STORED_H

#include "base/err.h"

#include <stddef.h>
#include <stdio.h>

/* Loads of one loader with one object, as a record has them. */
struct stored_arm {
	char *name; /* LOADER@OBJECT */
	double *total_ns;
	size_t count, capacity;
};

struct stored {
	char cpu[128]; /* of run.json, "" = not known */
	struct stored_arm *arms;
	size_t count;
};

/* Reads samples.csv and run.json of a results folder; measured loads without an error only. */
int stored_read(struct stored *stored, const char *folder, struct err *err);
void stored_close(struct stored *stored); /* zeroed is fine */

/* p10 and p50 of the arms that both have: how many those are. */
size_t stored_print(struct stored *a, struct stored *b, FILE *out);

#endif
