/*
 * Cold loads: what the linker is about to open is on the disk alone, as after a start of the
 * machine. Loaders take their bytes from memory, so cold is the file they have staged.
 *
 * Dropping takes time of the harness, none of the load's: it happens before the load, or in
 * PHASE_CHECK.
 */
#ifndef SOLOAD_BENCH_COLD_H
#define SOLOAD_BENCH_COLD_H

#include "base/err.h"

#include <stdbool.h>

/* FILE: the staged file, written out and dropped from the page cache. ALL: before that, everything
 * the machine has cached (drop_caches), libraries and directories among it. */
enum cold { COLD_NONE, COLD_FILE, COLD_ALL };

/* 0, or a negative errno with the reason in words why this machine does not let us. */
int cold_check(enum cold cold, struct err *err);

/* From now on files are dropped before they are opened (loaders/dl.h). Before a second thread. */
void cold_open(enum cold cold);

/* Before a load of this thread. */
void cold_begin(enum cold cold);

/* Since cold_begin(): a file was opened by the linker and no page of it was cached. */
bool cold_was(void);

#endif
