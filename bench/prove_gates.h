/*
 * The gates of one campaign, several at once: each job is a process of its own on a CPU of its own,
 * so that the gates differ in nothing from the one a user runs.
 */
#ifndef SOLOAD_BENCH_PROVE_GATES_H
#define SOLOAD_BENCH_PROVE_GATES_H

#include "bench/client.h"
#include "bench/gate_row.h"
#include "bench/progress.h"
#include "bench/prove_report.h"

#define PROVE_JOBS_MAX 8

/* ln ratios of total p10 and p50, of epochs without a difference. */
struct prove_pool {
	double (*epochs)[2];
	size_t count;
};

struct prove_gates {
	const char *loader;
	struct client_options arm; /* both arms; the CPU is the job's */
	struct gate_rules rules;   /* of one gate; the seed is varied */
	int cpus[PROVE_JOBS_MAX];  /* one per job; -1 = wherever the kernel likes */
	int jobs;
};

/*
 * As many gates of the campaign as planned, or as begin before `deadline_ns`, into `result`, whose
 * `seconds` has room for all; the epochs of gates without a difference are added to `pool`.
 * -EINTR when command_interrupted(), -ENOMEM, or what kept a gate from running, in words.
 */
int prove_gates_run(const struct prove_gates *gates, const struct prove_campaign *campaign,
		    uint64_t deadline_ns, struct prove_result *result, struct prove_pool *pool,
		    struct progress *progress, struct err *err);

/*
 * CPUs for `jobs` gates, from the last this process may use downwards; all -1 with GATE_PIN_NONE.
 * -EINVAL when there are fewer CPUs than jobs.
 */
int prove_gates_cpus(struct prove_gates *gates, int pin, struct err *err);

#endif
