/* Pairs of workers in turns. See lockstep.h for why. */
#include "bench/lockstep.h"

#include "base/clock.h"
#include "base/random.h"
#include "bench/command.h"
#include "bench/stats.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH_NS 80e6
#define ROUNDS_MIN 3
#define SHORT_NS 5000.0
#define GROUP_NS 50000.0 /* what a group of short loads should take */
#define GROUP_MAX 1000
#define PADDING_MAX 4096
#define STEPS_MIN 100.0 /* of the clock, for a verdict about a phase */
#define STEP_NS_MIN \
	10.0		 /* what a record costs: where the counter steps finer, that is the limit \
			  */
#define PORTION_MIN 0.05 /* of the load, too: less is no regression of a load */
#define SAMPLES (LOCKSTEP_ROUNDS * (LOCKSTEP_BATCH - 1))

static bool coin(struct lockstep *lockstep)
{
	return random_next(&lockstep->random) >> 63;
}

/* A load of the batch: its time in all, and in each phase the loader can tell. */
static void load_take(struct lockstep *lockstep, enum lockstep_arm arm,
		      const struct client_load *load)
{
	double group = load->load.group > 1 ? (double)load->load.group : 1.0, total = 0.0;
	size_t at = lockstep->counts[arm]++;

	for (int phase = 0; phase <= PHASE_OTHER; phase++) {
		double ns = (double)load->phase_ns[phase] / group;

		lockstep->values[arm][phase][at] = ns;
		total += ns;
	}
	lockstep->values[arm][EPOCH_TOTAL][at] = total;
}

/* A stale load fails: what is fast because an older image answers is no load. */
static int batch_run(struct lockstep *lockstep, struct client *client, enum lockstep_arm arm,
		     const struct worker_run *run, struct err *err)
{
	int r = client_run(client, run, lockstep->loads, err);

	lockstep->failed = arm;
	if (r <= 0)
		return r < 0 ? r : err_set(err, EIO, "no load was run");
	if (lockstep->loads[r - 1].load.result < 0) {
		err_set(err, EIO, "%s", lockstep->loads[r - 1].load.text);
		return err_prefix(err, -EIO, "phase %s",
				  phase_label((enum phase)lockstep->loads[r - 1].load.phase));
	}
	for (int i = 0; i < r; i++) {
		const char *stale = client_load_stale(&lockstep->loads[i].load);

		if (stale)
			return err_set(err, EIO, "stale load: %s", stale);
	}
	return 0;
}

/* Loads that do not count: they judge freshness, and pay for what is paid once. */
static int arm_warm(struct lockstep *lockstep, struct client *client, enum lockstep_arm arm,
		    struct err *err)
{
	struct worker_run run = { .count = LOCKSTEP_WARMUP, .proofs = 1 };

	return batch_run(lockstep, client, arm, &run, err);
}

static int arm_turn(struct lockstep *lockstep, struct client *client, enum lockstep_arm arm,
		    struct err *err)
{
	struct worker_run run = { .count = LOCKSTEP_BATCH, .group = lockstep->shape.group };
	int r = batch_run(lockstep, client, arm, &run, err);

	for (uint32_t i = 1; r == 0 && i < run.count; i++)
		load_take(lockstep, arm, &lockstep->loads[i]);
	return r;
}

/* A stack that begins elsewhere in every process: layout luck is drawn anew (Mytkowicz 2009). */
static int arm_start(struct lockstep *lockstep, struct client *client, enum lockstep_arm arm,
		     struct err *err)
{
	char padding[PADDING_MAX + 32] = "SOLOAD_PADDING=";
	char *environment[] = { padding, NULL };
	struct client_options options = lockstep->arms[arm];
	size_t length = strlen(padding);

	memset(padding + length, 'x', random_next(&lockstep->random) % PADDING_MAX);
	options.environment = environment;
	options.capacity = LOCKSTEP_BATCH;
	lockstep->failed = arm;
	return client_open(client, &options, err);
}

static int rounds_run(struct lockstep *lockstep, struct client clients[LOCKSTEP_ARMS], char *order,
		      struct err *err)
{
	enum lockstep_arm first = coin(lockstep) ? LOCKSTEP_HEAD : LOCKSTEP_BASE;
	enum lockstep_arm second = first == LOCKSTEP_BASE ? LOCKSTEP_HEAD : LOCKSTEP_BASE;
	int r;

	*order++ = "bh"[first];
	r = arm_start(lockstep, &clients[first], first, err);
	if (r == 0)
		r = arm_start(lockstep, &clients[second], second, err);
	if (r == 0)
		r = arm_warm(lockstep, &clients[first], first, err);
	if (r == 0)
		r = arm_warm(lockstep, &clients[second], second, err);
	for (uint32_t round = 0; r == 0 && round < lockstep->shape.rounds; round++) {
		first = coin(lockstep) ? LOCKSTEP_HEAD : LOCKSTEP_BASE;
		second = first == LOCKSTEP_BASE ? LOCKSTEP_HEAD : LOCKSTEP_BASE;
		*order++ = "bh"[first];
		r = arm_turn(lockstep, &clients[first], first, err);
		if (r == 0)
			r = arm_turn(lockstep, &clients[second], second, err);
	}
	*order = '\0';
	return r;
}

bool lockstep_phase_counts(double base_ns, double head_ns, double total_ns)
{
	double shorter = fmin(base_ns, head_ns);

	return shorter >= STEPS_MIN * fmax(clock_step_ns(), STEP_NS_MIN) &&
	       shorter >= PORTION_MIN * total_ns;
}

/* The quantiles of one subject in both arms; all NaN when it took no time in either. */
static void subject_reduce(struct lockstep *lockstep, int subject, struct epoch_value *values)
{
	static const double percents[EPOCH_QUANTILES] = { 10.0, 50.0, 90.0 };
	double *base = lockstep->values[LOCKSTEP_BASE][subject];
	double *head = lockstep->values[LOCKSTEP_HEAD][subject];
	size_t n = lockstep->counts[LOCKSTEP_BASE];
	bool none;

	stats_sort(base, n);
	stats_sort(head, n);
	none = !(base[n - 1] > 0.0) && !(head[n - 1] > 0.0);
	for (int q = 0; q < EPOCH_QUANTILES; q++) {
		values[q].base_ns = none ? (double)NAN : stats_percentile(base, n, percents[q]);
		values[q].head_ns = none ? (double)NAN : stats_percentile(head, n, percents[q]);
		values[q].ln_ratio = (double)NAN;
	}
}

static void epoch_reduce(struct lockstep *lockstep, struct epoch *epoch)
{
	const struct epoch_value *total = &epoch->values[EPOCH_TOTAL][EPOCH_P50];
	int first =
		lockstep->shape.group > 1 ? EPOCH_TOTAL : 0; /* a group is not split into phases */

	for (int subject = 0; subject < EPOCH_SUBJECTS; subject++)
		subject_reduce(lockstep, subject, epoch->values[subject]);
	for (int subject = first; subject < EPOCH_SUBJECTS; subject++) {
		struct epoch_value *values = epoch->values[subject];

		if (subject != EPOCH_TOTAL &&
		    !lockstep_phase_counts(values[EPOCH_P50].base_ns, values[EPOCH_P50].head_ns,
					   fmin(total->base_ns, total->head_ns)))
			continue;
		for (int q = 0; q < EPOCH_QUANTILES; q++) {
			if (values[q].base_ns > 0.0 && values[q].head_ns > 0.0)
				values[q].ln_ratio = log(values[q].head_ns / values[q].base_ns);
		}
	}
}

int lockstep_epoch(struct lockstep *lockstep, struct epoch_row *row, struct err *err)
{
	struct client clients[LOCKSTEP_ARMS] = { { .to = -1, .from = -1 },
						 { .to = -1, .from = -1 } };
	struct epoch epoch = { .start_ns = clock_now_ns() - lockstep->start_ns };
	int r;

	if (command_interrupted())
		return err_set(err, EINTR, "interrupted");
	lockstep->counts[LOCKSTEP_BASE] = lockstep->counts[LOCKSTEP_HEAD] = 0;
	r = rounds_run(lockstep, clients, epoch.order, err);
	client_close(&clients[LOCKSTEP_BASE]);
	client_close(&clients[LOCKSTEP_HEAD]);
	if (r < 0)
		return r;
	epoch_reduce(lockstep, &epoch);
	return epoch_row_add(row, &epoch) < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* Groups first: how long an epoch lasts depends on them. */
struct lockstep_shape lockstep_shape(double base_ns, double head_ns, bool grouping)
{
	double longer = fmax(base_ns, head_ns), shorter = fmin(base_ns, head_ns), rounds;
	struct lockstep_shape shape = { .group = 1 };

	if (grouping && shorter < SHORT_NS) {
		double group = ceil(GROUP_NS / fmax(shorter, 1.0));

		shape.group = group < GROUP_MAX ? (uint32_t)group : GROUP_MAX;
	}
	rounds = EPOCH_NS / (2.0 * LOCKSTEP_BATCH * longer * shape.group);
	shape.rounds = rounds > LOCKSTEP_ROUNDS ? LOCKSTEP_ROUNDS
		       : rounds < ROUNDS_MIN	? ROUNDS_MIN
						: (uint32_t)rounds;
	return shape;
}

static int arm_pilot(struct lockstep *lockstep, enum lockstep_arm arm, struct err *err)
{
	struct client client = { .to = -1, .from = -1 };
	int r = arm_start(lockstep, &client, arm, err);

	lockstep->counts[arm] = 0;
	lockstep->grouping &= client.version >= 2;
	if (r == 0)
		r = arm_warm(lockstep, &client, arm, err);
	for (int i = 0; r == 0 && i < ROUNDS_MIN; i++)
		r = arm_turn(lockstep, &client, arm, err);
	client_close(&client);
	if (r < 0)
		return r;
	stats_sort(lockstep->values[arm][EPOCH_TOTAL], lockstep->counts[arm]);
	lockstep->total_ns[arm] =
		stats_median(lockstep->values[arm][EPOCH_TOTAL], lockstep->counts[arm]);
	return 0;
}

int lockstep_open(struct lockstep *lockstep, const struct client_options arms[LOCKSTEP_ARMS],
		  uint64_t seed, struct err *err)
{
	double *values =
		calloc((size_t)LOCKSTEP_ARMS * EPOCH_SUBJECTS * SAMPLES, sizeof(values[0]));
	int r;

	*lockstep = (struct lockstep){
		.arms = { arms[LOCKSTEP_BASE], arms[LOCKSTEP_HEAD] },
		.random = seed,
		.start_ns = clock_now_ns(),
		.loads = calloc(LOCKSTEP_BATCH, sizeof(lockstep->loads[0])),
		.shape = { .group = 1 },
		.grouping = true,
	};
	for (int arm = 0; arm < LOCKSTEP_ARMS; arm++) {
		for (int subject = 0; subject < EPOCH_SUBJECTS; subject++)
			lockstep->values[arm][subject] =
				values ? values + (arm * EPOCH_SUBJECTS + subject) * SAMPLES : NULL;
	}
	if (!values || !lockstep->loads)
		return err_set(err, ENOMEM, "out of memory");
	r = arm_pilot(lockstep, LOCKSTEP_BASE, err);
	if (r == 0)
		r = arm_pilot(lockstep, LOCKSTEP_HEAD, err);
	if (r == 0)
		lockstep->shape =
			lockstep_shape(lockstep->total_ns[LOCKSTEP_BASE],
				       lockstep->total_ns[LOCKSTEP_HEAD], lockstep->grouping);
	return r;
}

void lockstep_close(struct lockstep *lockstep)
{
	free(lockstep->values[0][0]);
	free(lockstep->loads);
	*lockstep = (struct lockstep){ 0 };
}
