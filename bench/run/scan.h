/*
 * Objects that differ in one number alone, made for a run to see how the time of a load grows with
 * it.
 *
 *	WHAT=FROM:TO:STEP     size=4K:16M:x2   relocs=0:1000:+100
 *	WHAT=A,B,C            imports=10,100
 */
#ifndef SOLOAD_BENCH_RUN_SCAN_H
#define SOLOAD_BENCH_RUN_SCAN_H

#include "base/err.h"
#include "bench/gen/plan.h"
#include "bench/runner.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SCAN_POINTS_MAX 64

enum scan_what { SCAN_SIZE, SCAN_RELOCS, SCAN_IMPORTS, SCAN_SYMBOLS };

struct json_t;

struct scan {
	enum scan_what what;
	uint64_t points[SCAN_POINTS_MAX]; /* ascending, without repetition */
	size_t count;
};

const char *scan_word(enum scan_what what); /* "size" */

/* -EINVAL in words. */
int scan_parse(struct scan *scan, const char *text, struct err *err);

/*
 * Makes the object of point `i` in `folder`, which exists; `path` (PATH_MAX) gets its name,
 * FOLDER/WHAT_POINT.so. -EINVAL in words when there is no such object.
 */
int scan_make(const struct scan *scan, size_t i, const char *folder, char *path, struct err *err);

/* One row per point, one column per loader, and the slope of each. The objects of the scan are the
 * first scan->count subjects of the run. */
void scan_print(const struct scan *scan, const struct runner *runner, FILE *out);

/* For run.json: what was scanned, and the slope of every loader. */
struct json_t *scan_json(const struct scan *scan, const struct runner *runner);

#endif
