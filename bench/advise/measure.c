/* Epochs of interleaved rounds, each in fresh processes, and what they leave: values per
 * combination and round. */
#include "bench/advise/advise.h"

#include "base/clock.h"
#include "base/log.h"
#include "bench/stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PILOT_ROUNDS 2 /* of the first epoch, which says how many fit the time */
#define ROUNDS_LEAST 1 /* per epoch: that there are enough of them matters more */
#define ROUNDS_MOST 8
#define COUNT_SECONDS 5 /* left for counting */

/* Of every combination, warm-ups included, before an interval can tell anything. */
#define ROUNDS_FEWEST (PILOT_ROUNDS + 1 + (RANK_PROCESSES_LEAST - 1) * (ROUNDS_LEAST + 1))

static int room_make(struct advise *advise, struct err *err)
{
	for (size_t i = 0; i < advise->count; i++) {
		struct advise_combo *combo = &advise->combos[i];

		combo->values = calloc(ADVISE_ROUNDS_MAX, VALUE_COUNT * sizeof(double));
		combo->cost = calloc(ADVISE_ROUNDS_MAX, sizeof(double));
		combo->calls = combo->kept_bytes = (double)NAN;
		if (!combo->values || !combo->cost)
			return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

/* What an invocation pays: of what is loaded before the run that which the host had to wait for. */
static double cost_of(const double *values)
{
	return values[VALUE_TRANSFER] + values[PHASE_INVALIDATE] + values[VALUE_LOAD] +
	       values[VALUE_EXPOSED];
}

static void arm_collect(struct advise *advise, size_t index)
{
	struct advise_combo *combo = &advise->combos[index];
	const struct repro_arm *arm = &advise->repro.arms[index];
	size_t rounds = (size_t)advise->options->repro.rounds;
	bool whole = arm->rounds_passed == (int64_t)rounds;

	for (size_t i = 0; i < rounds; i++) {
		double *to = combo->values + (advise->rounds + i) * VALUE_COUNT;

		for (int v = 0; v < VALUE_COUNT; v++)
			to[v] = whole ? arm->values[i * VALUE_COUNT + (size_t)v] : (double)NAN;
		combo->cost[advise->rounds + i] = cost_of(to);
	}
	/* What is loaded at registration was paid for before the first run. */
	if (arm->first_passed && combo->firsts <= ADVISE_EPOCHS)
		combo->first[combo->firsts++] =
			cost_of(arm->first) + (arm->life.registrations ? arm->life.brought[0] : 0);
	combo->done += arm->rounds_done;
	combo->passed += arm->golden_passed;
	combo->stale += arm->stale;
	combo->refused += arm->rounds_refused;
	combo->restarts += arm->restarts;
	combo->kept_device_bytes = arm->kept_bytes;
	if (arm->stale)
		snprintf(combo->why, sizeof(combo->why), "%lld of %lld loads stale: %s",
			 (long long)combo->stale, (long long)combo->done, arm->stale_reason);
	else if (arm->error[0])
		snprintf(combo->why, sizeof(combo->why), "%s", arm->error);
	else if (arm->restarts)
		snprintf(combo->why, sizeof(combo->why), "the AICPU ended %lld times",
			 (long long)arm->restarts);
}

static int epoch_run(struct advise *advise, struct err *err)
{
	struct repro *repro = &advise->repro;
	int r = repro_rounds(repro, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < advise->count; i++)
		arm_collect(advise, i);
	advise->rounds += (size_t)advise->options->repro.rounds;
	advise->ends[advise->processes++] = advise->rounds;
	repro->epoch++;
	advise->options->repro.seed++; /* another order */
	return 0;
}

static bool any_works(const struct advise *advise)
{
	for (size_t i = 0; i < advise->count; i++) {
		if (!advise->combos[i].why[0])
			return true;
	}
	return false;
}

/* What fits into the rest of the time, from what the first epoch took. */
static int64_t rounds_fit(const struct advise *advise, double open, double ran)
{
	double each = ran / (PILOT_ROUNDS + 1);
	double left = advise->options->seconds - COUNT_SECONDS - open - ran;
	double fit = (left / ADVISE_EPOCHS - open) / each - 1;

	if (!(fit > ROUNDS_LEAST))
		return ROUNDS_LEAST;
	return fit > ROUNDS_MOST ? ROUNDS_MOST : (int64_t)fit;
}

static double seconds_since(uint64_t begin)
{
	return (double)(clock_now_ns() - begin) / 1e9;
}

/* Two rounds of the first combination alone, of which the second is no process's first: how long
 * one takes. */
static int round_try(struct advise *advise, double *ret_seconds, struct err *err)
{
	struct repro *repro = &advise->repro;
	const int64_t rounds = repro->options->rounds, warmup = repro->options->warmup;
	const int arms = repro->arm_count;
	int r = 0;

	repro->arm_count = repro->die_count;
	repro->options->rounds = 0;
	repro->options->warmup = 1;
	for (int i = 0; r == 0 && i < 2; i++) {
		uint64_t begin = clock_now_ns();

		r = repro_rounds(repro, err);
		*ret_seconds = seconds_since(begin);
	}
	repro->arm_count = arms;
	repro->options->rounds = rounds;
	repro->options->warmup = warmup;
	return r;
}

/* Said beforehand where not even the fewest rounds fit. */
static int time_foretell(struct advise *advise, struct err *err)
{
	double each = 0, all;
	int r = advise->options->rounds ? 0 : round_try(advise, &each, err);

	all = each * ROUNDS_FEWEST * advise->repro.arms_open;
	if (r == 0 && all > advise->options->seconds)
		log_warn("advise: a round takes %.1f s, and %d combinations take %d rounds each at "
			 "least: about %.0f %s instead of %g s",
			 each, advise->repro.arms_open, ROUNDS_FEWEST, all < 120 ? all : all / 60,
			 all < 120 ? "s" : "minutes", advise->options->seconds);
	return r;
}

static int first_epoch(struct advise *advise, char **argv, double *ret_open, double *ret_ran,
		       struct err *err)
{
	uint64_t begin = clock_now_ns();
	int r;

	advise->options->repro.rounds =
		advise->options->rounds ? advise->options->rounds : PILOT_ROUNDS;
	r = repro_open(&advise->repro, argv, err);
	if (r < 0)
		return r;
	repro_head_print(&advise->repro);
	*ret_open = seconds_since(begin);
	r = time_foretell(advise, err);
	if (r < 0)
		return r;
	begin = clock_now_ns();
	r = epoch_run(advise, err);
	*ret_ran = seconds_since(begin);
	return r;
}

/* Another epoch as long as those so far. */
static bool epoch_fits(const struct advise *advise, double seconds)
{
	double each = seconds / (double)advise->processes;

	return seconds + each < advise->options->seconds - COUNT_SECONDS;
}

/* The time is looked at once there are enough processes to tell anything. */
int advise_measure(struct advise *advise, char **argv, struct err *err)
{
	uint64_t begin = clock_now_ns();
	double open = 0, ran = 0;
	int r = room_make(advise, err);

	if (r == 0)
		r = first_epoch(advise, argv, &open, &ran, err);
	if (r < 0)
		return r;
	if (!any_works(advise))
		return err_set(err, ENOEXEC,
			       "no combination works for this object: %.300s (soload run --so "
			       "measures loads alone)",
			       advise->combos[0].why);
	if (!advise->options->rounds)
		advise->options->repro.rounds = rounds_fit(advise, open, ran);
	for (int epoch = 0; r == 0 && epoch < ADVISE_EPOCHS; epoch++) {
		if (!advise->options->rounds && advise->processes >= RANK_PROCESSES_LEAST &&
		    !epoch_fits(advise, seconds_since(begin)))
			break;
		repro_arms_close(&advise->repro);
		r = repro_arms_open(&advise->repro, err);
		if (r == 0)
			r = epoch_run(advise, err);
	}
	return r;
}

double advise_median(const struct advise_combo *combo, size_t rounds, int value)
{
	double scratch[ADVISE_ROUNDS_MAX];

	return stats_median_known(combo->values + value, rounds, VALUE_COUNT, scratch);
}

double advise_cost(const struct advise_combo *combo, size_t rounds)
{
	double scratch[ADVISE_ROUNDS_MAX];

	return stats_median_known(combo->cost, rounds, 1, scratch);
}

double advise_first(const struct advise_combo *combo)
{
	double scratch[ADVISE_EPOCHS + 1];

	return stats_median_known(combo->first, combo->firsts, 1, scratch);
}

int advise_judge(struct advise *advise, struct err *err)
{
	const double *costs[ADVISE_COMBOS_MAX];
	const struct rank_rounds rounds = advise_rounds(advise);
	double *scratch = calloc(rank_scratch(&rounds) + 1, sizeof(*scratch));

	if (!scratch)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < advise->count; i++)
		costs[i] = advise->combos[i].why[0] ? NULL : advise->combos[i].cost;
	advise->ranked = rank_order(&(struct rank_costs){ costs, advise->count, rounds, scratch },
				    advise->order, advise->rank);
	advise_ladders(advise);
	advise->step_count = rank_steps(&advise->grid, scratch, advise->steps, ADVISE_STEPS);
	free(scratch);
	return 0;
}

void advise_close(struct advise *advise)
{
	repro_close(&advise->repro);
	for (size_t i = 0; i < advise->count; i++) {
		free(advise->combos[i].values);
		free(advise->combos[i].cost);
	}
}
