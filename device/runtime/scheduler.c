/* A scheduler thread's loop: poll the cores, start what is ready, and rest when there is neither.
 */
#include "device/runtime/internal.h"

#include <errno.h>

#define SCHEDULER_NAP_NS (10 * NAP_NS)

static bool initialised(const struct runtime *rt)
{
	return atomic_load(&rt->initialised) == 2;
}

/* The first to come does it; the others wait, which is short. */
static void scheduler_init(struct scheduler *self)
{
	struct runtime *rt = self->rt;
	uint32_t before = 0;

	if (atomic_compare_exchange_strong(&rt->initialised, &before, 1)) {
		dispatch_init(rt);
		atomic_store(&rt->initialised, 2);
		sleepers_wake_all(&rt->sleepers);
		return;
	}
	while (!initialised(rt) && !runtime_failed(rt)) {
		sleepers_announce(&rt->sleepers, self->index);
		if (initialised(rt) || runtime_failed(rt))
			sleepers_withdraw(&rt->sleepers, self->index);
		else
			sleepers_sleep(&rt->sleepers, self->index, NAP_NS);
	}
}

static void scheduler_judge(struct scheduler *self)
{
	struct runtime *rt = self->rt;
	unsigned long long left;
	double seconds = (double)rt->config.stall_ns * 1e-9;
	int core;

	if (runtime_is_quiet(rt)) {
		stall_begin(&self->stall, rt); /* the orchestration takes its time */
		return;
	}
	if (!stall_over(&self->stall, rt))
		return;
	left = atomic_load(&rt->submitted) - atomic_load(&rt->executed);
	core = dispatch_busy_core(self);
	if (core >= 0)
		runtime_fail(rt, ETIMEDOUT,
			     "%llu tasks in flight, none completed for %.1f s: kernel %d on core "
			     "%d does not return",
			     left, seconds, rt->runs[core].payload.func_id, core);
	else
		runtime_fail(rt, ETIMEDOUT, "%llu tasks in flight, none completed for %.1f s", left,
			     seconds);
}

static bool scheduler_has_work(struct scheduler *self, uint32_t serves)
{
	struct runtime *rt = self->rt;
	int shape;

	if (runtime_failed(rt) || runtime_is_finished(rt) || dispatch_has_finished(self))
		return true;
	for (shape = 0; shape < SHAPE_COUNT; shape++)
		if (serves & 1u << shape && !queue_is_empty(&rt->ready[shape]))
			return true;
	return false;
}

static void scheduler_rest(struct scheduler *self)
{
	struct runtime *rt = self->rt;
	uint32_t serves = dispatch_serves(self);

	atomic_store(&self->serves, serves);
	sleepers_announce(&rt->sleepers, self->index);
	if (scheduler_has_work(self, serves)) {
		sleepers_withdraw(&rt->sleepers, self->index);
		return;
	}
	/* From now on nobody may be awake to do it. */
	ready_hand_over(rt, serves);
	self->sleeps++;
	sleepers_sleep(&rt->sleepers, self->index, SCHEDULER_NAP_NS);
	scheduler_judge(self);
}

int runtime_schedule(struct runtime *rt, unsigned int index, struct err *err)
{
	struct scheduler *self;
	unsigned int idle = 0;

	if (index >= rt->config.schedulers)
		return err_set(err, EINVAL, "scheduler %u of %u", index, rt->config.schedulers);
	self = &rt->schedulers[index];
	scheduler_init(self);
	stall_begin(&self->stall, rt);
	while (!runtime_failed(rt) && !runtime_is_finished(rt)) {
		bool busy = dispatch_poll(self);

		busy |= dispatch_start(self);
		self->loops++;
		if (busy) {
			ready_hand_over(rt, dispatch_serves(self));
			idle = 0;
		} else if (++idle < rt->spins) {
			cpu_relax();
		} else {
			scheduler_rest(self);
			idle = 0;
		}
	}
	return runtime_failure(rt, err);
}
