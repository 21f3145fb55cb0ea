/* A process per job, a report per gate through a pipe. See prove_gates.h. */
#include "bench/prove_gates.h"

#include "bench/command.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUSY_MAX 8

/* What a job says of one gate; `epochs` pairs of doubles follow. */
struct report {
	int status;  /* of the job: below 0 it ends with this report */
	bool broken; /* this gate, for the reason in `error` */
	bool found_by_p10;
	enum judge_verdict verdict;
	double seconds, load;
	size_t epochs;
	struct err error;
};

struct job {
	pid_t pid;
	int pipe; /* -1 = has ended */
};

static int epochs_collect(const struct epoch_row *row, struct prove_pool *pool)
{
	double(*epochs)[2] =
		reallocarray(pool->epochs, pool->count + row->count, sizeof(epochs[0]));

	if (!epochs && row->count)
		return -ENOMEM;
	pool->epochs = epochs;
	for (size_t i = 0; i < row->count; i++) {
		const struct epoch_value *total = row->epochs[i].values[EPOCH_TOTAL];

		if (!isfinite(total[EPOCH_P10].ln_ratio) || !isfinite(total[EPOCH_P50].ln_ratio))
			continue;
		epochs[pool->count][0] = total[EPOCH_P10].ln_ratio;
		epochs[pool->count++][1] = total[EPOCH_P50].ln_ratio;
	}
	return 0;
}

/* Would p10 have found it, had nothing else been looked at? Loads that are stamped in groups have
 * no p10 of their own: some slow ones make all groups slower. */
static int p10_judge(const struct gate_row *row, const struct verdict_rule *rule, bool *ret_found)
{
	struct verdict_rule alone = *rule;
	struct verdict verdict = { .count = 0 };
	int r;

	memset(alone.quantiles, 0, sizeof(alone.quantiles));
	alone.quantiles[EPOCH_P10] = true;
	r = verdict_replay(&verdict, &row->epochs, &alone);
	*ret_found = r == 0 && row->group == 1 && verdict.verdict == JUDGE_FAIL;
	verdict_close(&verdict);
	return r;
}

/* One gate, and its report into the pipe. */
static int gate_run(const struct prove_gates *gates, const struct prove_campaign *campaign,
		    uint64_t number, int cpu, int out)
{
	struct client_options arm = gates->arm;
	struct gate_rules rules = gates->rules;
	struct prove_pool pool = { NULL, 0 };
	struct report report = { .status = 0 };
	struct gate_row row = { .group = 0 };

	arm.cpu = cpu;
	row.arms[LOCKSTEP_BASE] = row.arms[LOCKSTEP_HEAD] = arm;
	row.arms[LOCKSTEP_HEAD].inject = campaign->inject;
	rules.verdict.delta = campaign->delta;
	rules.seed += number;
	report.status = epoch_row_open(&row.epochs, gates->loader, "prove");
	if (report.status == 0)
		report.status = gate_row_run(&row, &rules, NULL, NULL, &report.error);
	report.broken = report.status == 0 && row.state != GATE_JUDGED;
	if (report.broken)
		report.error = row.error;
	if (report.status == 0 && campaign->not_by_p10)
		report.status = p10_judge(&row, &rules.verdict, &report.found_by_p10);
	if (report.status == 0 && !campaign->inject)
		report.status = epochs_collect(&row.epochs, &pool);
	report.verdict = row.verdict.verdict;
	report.seconds = row.seconds;
	report.epochs = pool.count;
	if (getloadavg(&report.load, 1) != 1)
		report.load = NAN;
	if (fd_write_all(out, &report, sizeof(report), "the report of a gate", &report.error) < 0 ||
	    fd_write_all(out, pool.epochs, pool.count * sizeof(pool.epochs[0]),
			 "the report of a gate", &report.error) < 0)
		report.status = -EIO;
	gate_row_close(&row);
	free(pool.epochs);
	return report.status;
}

/* The index-th job's share of the gates that are still to be run. */
static void job_main(const struct prove_gates *gates, const struct prove_campaign *campaign,
		     const struct prove_result *result, int index, int out)
{
	struct err ignored;
	int cpu = -1;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	gate_cpus_release();
	if (gates->cpus[index] >= 0)
		gate_cpu_take(gates->cpus[index], &cpu, &ignored);
	for (unsigned int k = result->gates + (unsigned int)index;
	     k < result->planned && clock_now_ns() < gates->deadline_ns;
	     k += (unsigned int)gates->jobs) {
		if (gate_run(gates, campaign, k, cpu, out) < 0)
			break;
	}
	_exit(0);
}

static int jobs_start(struct job *jobs, const struct prove_gates *gates,
		      const struct prove_campaign *campaign, const struct prove_result *result,
		      struct err *err)
{
	for (int i = 0; i < gates->jobs; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) < 0)
			return err_sys(err, "a pipe to a gate");
		jobs[i].pid = fork();
		if (jobs[i].pid == 0)
			job_main(gates, campaign, result, i, ends[1]);
		close(ends[1]);
		jobs[i].pipe = ends[0];
		if (jobs[i].pid < 0)
			return err_sys(err, "a process for a gate");
	}
	return 0;
}

static void jobs_stop(struct job *jobs, int count)
{
	for (int i = 0; i < count; i++) {
		if (jobs[i].pid > 0 && jobs[i].pipe >= 0)
			kill(jobs[i].pid, SIGTERM);
		if (jobs[i].pipe >= 0)
			close(jobs[i].pipe);
		while (jobs[i].pid > 0 && waitpid(jobs[i].pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
}

/* 0 with the pipe closed when the job has ended. */
static int report_read(struct job *job, struct prove_result *result, struct prove_pool *pool,
		       struct err *err)
{
	struct report report;
	double(*epochs)[2];
	long r = fd_read_all(job->pipe, &report, sizeof(report), "the report of a gate", err);

	if (r == 0) {
		close(job->pipe);
		job->pipe = -1;
		return 0;
	}
	if (r != (long)sizeof(report))
		return r < 0 ? (int)r : err_set(err, EIO, "a gate ended in its report");
	if (report.status < 0) {
		*err = report.error;
		return report.status;
	}
	epochs = reallocarray(pool->epochs, pool->count + report.epochs + 1, sizeof(epochs[0]));
	if (!epochs)
		return err_set(err, ENOMEM, "out of memory");
	pool->epochs = epochs;
	r = fd_read_all(job->pipe, epochs + pool->count, report.epochs * sizeof(epochs[0]),
			"the report of a gate", err);
	if (r != (long)(report.epochs * sizeof(epochs[0])))
		return r < 0 ? (int)r : err_set(err, EIO, "a gate ended in its report");
	pool->count += report.epochs;
	result->load_low = result->gates ? fmin(result->load_low, report.load) : report.load;
	result->load_high = fmax(result->load_high, report.load);
	result->seconds[result->gates++] = report.seconds;
	result->found_by_p10 += report.found_by_p10;
	if (report.broken && !result->broken++)
		result->error = report.error;
	else if (!report.broken)
		result->verdicts[report.verdict]++;
	return 0;
}

static int reports_read(struct job *jobs, const struct prove_gates *gates, const char *what,
			struct prove_result *result, struct err *err)
{
	const int count = gates->jobs;
	int r = 0;

	for (int open = 1; r == 0 && open;) {
		struct pollfd polls[PROVE_JOBS_MAX];

		open = 0;
		progress_step(gates->progress, gates->before + result->gates, what);
		for (int i = 0; i < count; i++) {
			polls[i] = (struct pollfd){ .fd = jobs[i].pipe, .events = POLLIN };
			open |= jobs[i].pipe >= 0;
		}
		if (open && poll(polls, (nfds_t)count, 1000) < 0 && errno != EINTR)
			r = err_sys(err, "waiting for gates");
		if (r == 0 && command_interrupted())
			r = -EINTR;
		for (int i = 0; r == 0 && open && i < count; i++) {
			if (polls[i].revents)
				r = report_read(&jobs[i], result, gates->pool, err);
		}
	}
	return r;
}

static void busy_start(pid_t *busy, unsigned int loops)
{
	for (unsigned int i = 0; i < loops; i++) {
		busy[i] = fork();
		if (busy[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			signal(SIGTERM, SIG_DFL);
			signal(SIGINT, SIG_DFL);
			gate_cpus_release();
			for (volatile unsigned int turn = 0;; turn = turn + 1)
				;
		}
	}
}

static void busy_stop(const pid_t *busy, unsigned int loops)
{
	for (unsigned int i = 0; i < loops; i++) {
		if (busy[i] <= 0)
			continue;
		kill(busy[i], SIGKILL);
		waitpid(busy[i], NULL, 0);
	}
}

int prove_gates_run(const struct prove_gates *gates, const struct prove_campaign *campaign,
		    struct prove_result *result, struct err *err)
{
	struct job jobs[PROVE_JOBS_MAX];
	pid_t busy[BUSY_MAX];
	int r;

	for (int i = 0; i < PROVE_JOBS_MAX; i++)
		jobs[i] = (struct job){ .pid = -1, .pipe = -1 };
	busy_start(busy, campaign->busy);
	r = jobs_start(jobs, gates, campaign, result, err);
	if (r == 0)
		r = reports_read(jobs, gates, campaign->text, result, err);
	jobs_stop(jobs, gates->jobs);
	busy_stop(busy, campaign->busy);
	return r;
}

int prove_gates_cpus(struct prove_gates *gates, int pin, struct err *err)
{
	cpu_set_t allowed;
	int found = 0;

	for (int i = 0; i < PROVE_JOBS_MAX; i++)
		gates->cpus[i] = -1;
	if (pin == GATE_PIN_NONE || sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return 0;
	if (pin >= 0 && gates->jobs == 1) {
		gates->cpus[0] = pin;
		return 0;
	}
	for (int i = CPU_SETSIZE - 1; i >= 0 && found < gates->jobs; i--) {
		if (CPU_ISSET((size_t)i, &allowed))
			gates->cpus[found++] = i;
	}
	if (found < gates->jobs)
		return err_set(err, EINVAL, "--jobs %d: there are %d CPUs to use", gates->jobs,
			       found);
	return 0;
}
