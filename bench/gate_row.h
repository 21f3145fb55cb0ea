/*
 * The rows of a gate, live: each is one loader with one object, base against head in lockstep until
 * there is a verdict or the budget is spent.
 */
#ifndef SOLOAD_BENCH_GATE_ROW_H
#define SOLOAD_BENCH_GATE_ROW_H

#include "base/csv.h"
#include "base/err.h"
#include "bench/client.h"
#include "bench/epochs.h"
#include "bench/lockstep.h"
#include "bench/progress.h"
#include "bench/verdict.h"

#include <stdbool.h>
#include <stdint.h>

enum gate_state {
	GATE_JUDGED,  /* `verdict` holds it */
	GATE_BROKEN,  /* head's loads fail where base's do not */
	GATE_SKIPPED, /* base cannot do it: nothing to compare with */
};

struct gate_count;

struct gate_row {
	struct client_options arms[LOCKSTEP_ARMS];
	struct epoch_row epochs;
	struct verdict verdict;
	enum gate_state state;
	struct err error; /* why it is broken or was skipped */
	double seconds;
	struct gate_count *count; /* NULL = not counted; freed with the row */
	uint64_t place;		  /* among the rows, for the progress line */
	uint32_t group;		  /* loads stamped as one, 1 = each */
};

struct gate_rules {
	struct verdict_rule verdict;
	uint64_t budget_ns; /* for a row */
	uint64_t seed;
};

/*
 * Runs a row to its end. Every epoch is appended to `csv`, if not NULL, at once. 0 with the state
 * set; -EINTR when command_interrupted(), -ENOMEM, or an error of the file, in words.
 */
int gate_row_run(struct gate_row *row, const struct gate_rules *rules, struct csv *csv,
		 struct progress *progress, struct err *err);

/* Of a row that was not skipped: what was measured and what was counted. */
enum judge_verdict gate_row_verdict(const struct gate_row *row);

void gate_row_close(struct gate_row *row);

#define GATE_PIN_AUTO (-2) /* the last CPU this process may use: interrupts go to the first */
#define GATE_PIN_NONE (-1)

/*
 * Moves this process to the CPU its workers will be pinned to: what commands a worker must not wake
 * up elsewhere. Gives -1 for GATE_PIN_NONE.
 */
int gate_cpu_take(int pin, int *ret_cpu, struct err *err);

/* Back to all CPUs, as before. */
void gate_cpus_release(void);

#endif
