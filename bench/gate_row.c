/* One row after another look until it is decided. See gate_row.h. */
#include "bench/gate_row.h"

#include "base/clock.h"
#include "bench/command.h"
#include "bench/gate_count.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

enum judge_verdict gate_row_verdict(const struct gate_row *row)
{
	if (row->state == GATE_BROKEN || (row->count && row->count->rise[0]))
		return JUDGE_FAIL;
	return row->verdict.verdict;
}

/* The arm that failed decides: a base that cannot is no regression of head. Where this process is
 * told to end, its workers were told, too: that they are gone is no failure of their loads. */
static int row_fail(struct gate_row *row, const struct lockstep *lockstep, int r,
		    const struct err *err)
{
	if (command_interrupted())
		return -EINTR;
	if (r == -EINTR || r == -ENOMEM)
		return r;
	row->error = *err;
	row->state = lockstep->failed == LOCKSTEP_BASE ? GATE_SKIPPED : GATE_BROKEN;
	return 0;
}

/* Epochs until a look decides or the time is up. A failed load is in `ret_failed`. */
static int epochs_run(struct gate_row *row, struct lockstep *lockstep,
		      const struct gate_rules *rules, struct csv *csv, struct progress *progress)
{
	uint64_t begin = clock_now_ns(), spent = 0;
	size_t look = judge_next_look(0);

	while (spent < rules->budget_ns) {
		int r = lockstep_epoch(lockstep, &row->epochs, &row->error);

		if (r < 0)
			return r;
		if (csv)
			epochs_write(csv, &row->epochs);
		spent = clock_now_ns() - begin;
		row->seconds = (double)spent / 1e9;
		if (progress)
			progress_step(progress, row->place, row->epochs.loader);
		if (row->epochs.count < look && spent < rules->budget_ns)
			continue;
		look = judge_next_look(row->epochs.count);
		if (verdict_look(&row->verdict, &row->epochs, &rules->verdict, row->epochs.count) <
		    0)
			return err_set(&row->error, ENOMEM, "out of memory");
		if (row->verdict.verdict != JUDGE_INCONCLUSIVE)
			break;
	}
	return 0;
}

int gate_row_run(struct gate_row *row, const struct gate_rules *rules, struct csv *csv,
		 struct progress *progress, struct err *err)
{
	struct lockstep lockstep;
	struct err why = { "" };
	int r = lockstep_open(&lockstep, row->arms, rules->seed, &why);

	row->group = lockstep.shape.group;
	row->state = GATE_JUDGED;
	if (r == 0) {
		r = epochs_run(row, &lockstep, rules, csv, progress);
		why = row->error;
	}
	if (r < 0)
		r = row_fail(row, &lockstep, r, &why);
	if (r < 0)
		*err = why;
	lockstep_close(&lockstep);
	if (r == 0 && csv)
		r = csv_flush(csv, err);
	return r;
}

void gate_row_close(struct gate_row *row)
{
	epoch_row_close(&row->epochs);
	verdict_close(&row->verdict);
	free(row->count);
}

static cpu_set_t cpus_before;

void gate_cpus_release(void)
{
	sched_setaffinity(0, sizeof(cpus_before), &cpus_before);
}

int gate_cpu_take(int pin, int *ret_cpu, struct err *err)
{
	cpu_set_t allowed, one;
	int cpu = pin;

	*ret_cpu = -1;
	if (pin == GATE_PIN_NONE || sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return 0;
	for (int i = CPU_SETSIZE - 1; cpu == GATE_PIN_AUTO && i >= 0; i--) {
		if (CPU_ISSET((size_t)i, &allowed))
			cpu = i;
	}
	cpus_before = allowed;
	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		return err_sys(err, "--pin: CPU %d", cpu);
	*ret_cpu = cpu;
	return 0;
}
