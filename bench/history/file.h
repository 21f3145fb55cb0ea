/* The history as a file: lines in the order of the revisions, one for each. */
#ifndef SOLOAD_BENCH_HISTORY_FILE_H
#define SOLOAD_BENCH_HISTORY_FILE_H

#include "bench/history/line.h"

struct history {
	struct history_line *lines; /* ascending by "number" */
	size_t count;
};

/* Reads and checks all of it: -EINVAL with the line, -ENOENT in words. An empty file has no lines.
 */
int history_read(struct history *history, const char *path, struct err *err);
void history_close(struct history *history); /* zeroed is fine */

/* The line of a revision, or NULL. */
struct history_line *history_find(const struct history *history, const char *revision);

/* Puts a line where it belongs, in place of one of the same revision; takes what it holds. -EINVAL
 * when another revision has its number: two branches are two histories. */
int history_insert(struct history *history, struct history_line *line, struct err *err);

/* Replaces the file as a whole: who reads meanwhile sees all of the old one or of the new one. */
int history_write(const struct history *history, const char *path, struct err *err);

#endif
