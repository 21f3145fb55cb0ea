/*
 * What loads ask of the kernel, counted and not timed: system calls by number and the bytes they
 * write and map, through a tracer that looks between the worker's marks. Unprivileged; repeats
 * exactly where the loader's work does.
 */
#ifndef SOLOAD_BENCH_COUNTERS_H
#define SOLOAD_BENCH_COUNTERS_H

#include "base/err.h"
#include "bench/client.h"

#include <stdbool.h>
#include <stdint.h>

#define COUNTERS_CALLS 512 /* numbers above are counted as the last */

/* Of one load. */
struct counters {
	uint32_t calls[COUNTERS_CALLS];	  /* by number */
	uint32_t between[COUNTERS_CALLS]; /* the harness's own, after the first mark of a batch */
	uint32_t total;
	uint64_t written_bytes, mapped_bytes;
	double loaded_bytes; /* counters_memory() while the object is loaded */
	bool exact;	     /* every load that was traced did the same */
	uint32_t loads;
	uint64_t instructions; /* in user space, of all the loads, by the PMU; may vary */
	bool instructions_known;
	char no_pmu[ERR_TEXT_BYTES]; /* why not, or "" */
};

/*
 * Traces `loads` loads of a worker that is otherwise idle; its times are worth nothing. Gives the
 * counts of the last one. -EPERM with the reason where tracing is forbidden, -EIO when the worker
 * died of it, -EINTR when command_interrupted().
 */
int counters_take(struct client *client, uint32_t loads, struct counters *ret_counters,
		  struct err *err);

/* Anonymous and shared memory of a process, each page once, in bytes; NaN where the kernel does not
 * say (smaps_rollup has Pss_Anon since Linux 5.4). */
double counters_memory(pid_t pid);

const char *counters_name(uint32_t number); /* "openat", NULL = no such call here */

#endif
