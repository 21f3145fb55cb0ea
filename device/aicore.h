/*
 * AI cores, modelled: logical cores with upstream's two register words each, run by as many threads
 * as this process may use CPUs.
 *
 * A task is handed over by writing DATA_MAIN_BASE with a number that differs from the last one; the
 * core then reads its payload (whose address its handshake holds), calls the kernel, and answers in
 * COND: the number alone when it has begun, the number with bit 31 when it has finished. Idle
 * threads spin for a moment, then sleep; a write wakes one. A thread serves its own share of the
 * cores first, in turn, and then those others have not come to.
 *
 * Cores 0 … aic-1 are AIC, the rest AIV. Started once per process; aicore_greet() and
 * aicore_release() bracket each run.
 */
#ifndef SOLOAD_DEVICE_AICORE_H
#define SOLOAD_DEVICE_AICORE_H

#include "base/err.h"
#include "device/abi.h"
#include "device/args.h"

#include <stddef.h>
#include <stdint.h>

#define AICORE_CORES_MAX 128
#define AICORE_A2A3_AIC 24
#define AICORE_A2A3_AIV 48
#define AICORE_A5_AIC 36

#define AICORE_FINISHED 0x80000000u   /* in COND */
#define AICORE_NUMBER_MAX 0x7fffffefu /* numbers written to DATA_MAIN_BASE are 1 to this */

/* What the scheduler prepares for one core; at handshake.task. */
struct aicore_payload {
	uint64_t function; /* abi_kernel_function */
	uint64_t args;	   /* int64_t *: tensors, then scalars */
	uint64_t task_id;  /* for the record */
	int32_t func_id;   /* for the record */
};

/* One kernel execution, for a swimlane. */
struct aicore_span {
	uint64_t task_id;
	uint64_t start, end; /* clock_ticks() */
	int32_t func_id;
	uint32_t core;
};

struct aicore_config {
	unsigned int aic, aiv; /* logical cores, together at most AICORE_CORES_MAX */
	unsigned int threads;  /* 0: as many as sched_getaffinity() grants */
};

struct aicore;

int aicore_start(const struct aicore_config *config, struct aicore **ret_cores, struct err *err);

/*
 * Ends the threads, from any state, and frees. -ETIMEDOUT when a kernel does not return within
 * `timeout_ns`: the threads are left behind, nothing is freed, and the process should end.
 */
int aicore_stop(struct aicore *cores, uint64_t timeout_ns, struct err *err);

/*
 * A new run: marks every handshake ready (aicpu_ready) and waits until its core has answered
 * (core_type: enum device_core, aicore_done: core + 1). The handshakes stay in use until
 * aicore_release().
 */
int aicore_greet(struct aicore *cores, struct abi_handshake *handshakes, unsigned int count,
		 struct err *err);

/*
 * Takes back what was handed over and not begun, waits for kernels that run, and forgets the
 * handshakes: afterwards the run's memory may go. -ETIMEDOUT, naming core and kernel, when one does
 * not return in time; its memory is then still in use.
 */
int aicore_release(struct aicore *cores, uint64_t timeout_ns, struct err *err);

unsigned int aicore_count_aic(const struct aicore *cores);
unsigned int aicore_count_aiv(const struct aicore *cores);

/* The core's payload: sets handshake.task. Before the first aicore_write(). */
void aicore_set_payload(struct aicore *cores, unsigned int core, struct aicore_payload *payload);

/* The registers. aicore_write() wakes a sleeping thread; the core must have finished its last. */
void aicore_write(struct aicore *cores, unsigned int core, uint32_t number);
uint32_t aicore_cond(const struct aicore *cores, unsigned int core);

/* Called by the core's thread right after COND says finished: wakes whoever polls it. NULL: nobody.
 */
void aicore_notify(struct aicore *cores, unsigned int core, void (*notify)(void *context),
		   void *context);

/* Records every kernel from now on into `spans` (touched beforehand; NULL: no more). While no
 * kernel runs. */
void aicore_record(struct aicore *cores, struct aicore_span *spans, size_t capacity);

/* How many spans were wanted: more than the capacity means that the rest was dropped. */
size_t aicore_recorded(const struct aicore *cores);

#endif
