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
	uint64_t deadline_ns;	 /* no gate begins after it */
	struct prove_pool *pool; /* takes the epochs of gates without a difference */
	struct progress *progress;
	uint64_t before; /* gates of other campaigns, for the progress */
};

/*
 * As many gates of the campaign as planned and not yet in `result`, or as the deadline allows; its
 * `seconds` have room for all. A gate whose loads fail is a broken one. -EINTR when
 * command_interrupted(), -ENOMEM, or what kept a job from running, in words.
 */
int prove_gates_run(const struct prove_gates *gates, const struct prove_campaign *campaign,
		    struct prove_result *result, struct err *err);

/*
 * CPUs for `jobs` gates, from the last this process may use downwards; all -1 with GATE_PIN_NONE.
 * -EINVAL when there are fewer CPUs than jobs.
 */
int prove_gates_cpus(struct prove_gates *gates, int pin, struct err *err);

#endif
