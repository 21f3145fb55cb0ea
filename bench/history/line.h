/*
 * One line of the history: a revision, the time of its loads as ratios to those of a reference
 * revision that ran beside it, and their work, counted. A JSON object on a line of its own;
 * results/README.md says what its members mean. There are no absolute times in it.
 */
#ifndef SOLOAD_BENCH_HISTORY_LINE_H
#define SOLOAD_BENCH_HISTORY_LINE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_SCHEMA 1
#define HISTORY_LINE_MAX 65536 /* bytes */
#define HISTORY_HASH 40	       /* digits of a revision */

struct json_t;

struct history_line {
	char *text; /* as it stands in the file, without the end of the line */
	struct json_t *json;
};

/* Takes a copy and checks every member. -EINVAL in words, -ENOMEM. */
int history_line_parse(struct history_line *line, const char *text, size_t size, struct err *err);

/* Of a new object, whose reference it takes; checked as above. */
int history_line_make(struct history_line *line, struct json_t *json, struct err *err);
void history_line_close(struct history_line *line); /* zeroed is fine */

/* A member by path: "revision", "machine.kernel"; "" when it is not there. */
const char *history_text(const struct history_line *line, const char *path);
int64_t history_number(const struct history_line *line, const char *path);
double history_real(const struct history_line *line, const char *path);

/* The fewest epochs one of its ratios was made from. */
int64_t history_epochs(const struct history_line *line);

/* The loaders in it, one by one, the next after NULL or `loader`; NULL at the end. */
const char *history_loader(const struct history_line *line, const char *loader);

/* Head's time over that of the reference, and its 95 % interval: the ends are NaN when there is
 * none. */
struct history_ratio {
	double value, low, high;
};
bool history_ratio(const struct history_line *line, const char *loader, const char *quantile,
		   struct history_ratio *ret_ratio);

/* How many loads were stamped as one. */
int64_t history_group(const struct history_line *line, const char *loader);

/* A counter by the name `soload count` gives it; false where it was not counted, or did not repeat.
 */
bool history_work(const struct history_line *line, const char *loader, const char *counter,
		  uint64_t *ret_value);

#endif
