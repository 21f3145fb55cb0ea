/* Which cost an event has depends on what came before it: see cost.h. */
#include "probes/split_cost.h"

#include "probes/event.h"

#include <sys/syscall.h>

static enum cost_point point_cost(const struct split_point *point)
{
	switch (point->event->kind) {
	case EVENT_STEP:
		return point->event->what == STEP_OPEN || point->event->what == STEP_CLOSE
			       ? COST_OPEN
			       : COST_STEP;
	case EVENT_RETURN:
		return COST_RETURN;
	case EVENT_SYSCALL:
		return point->end ? COST_SYS_EXIT : COST_SYS_ENTER;
	case EVENT_FAULT:
		return COST_FAULT;
	default:
		return COST_POINTS;
	}
}

void split_meter_reset(struct split_meter *meter)
{
	*meter = (struct split_meter){ .cost = meter->cost, .calls_seen = meter->calls_seen };
}

void split_meter_take(struct split_meter *meter, const struct split_point *point)
{
	const struct probe_cost *cost = meter->cost;
	enum cost_point kind = point_cost(point);
	bool step = point->event->kind == EVENT_STEP;
	double gap;

	meter->last_cold = meter->cold;
	meter->last_again = meter->again;
	meter->cold = 0.0;
	if (!cost || (kind != COST_OPEN && kind != COST_STEP && kind != COST_RETURN))
		return;
	gap = (double)(point->ts - meter->hit_ts) - cost->after_ns[kind] - cost->before_ns[kind];
	if (!meter->hit_ts || gap >= cost->cold_gap_ns)
		meter->cold = 1.0;
	else if (gap > 0.0)
		meter->cold = gap / cost->cold_gap_ns;
	meter->again = step && meter->hit_ts && point->event->what == meter->hit_step;
	meter->hit_step = step ? point->event->what : (unsigned int)STEP_COUNT;
	meter->hit_ts = point->ts;
}

static double before(const struct split_meter *meter, enum cost_point kind)
{
	return meter->cost->before_ns[kind] + meter->cold * meter->cost->cold_before_ns[kind];
}

static double after(const struct split_meter *meter, enum cost_point kind, double cold)
{
	return meter->cost->after_ns[kind] + cold * meter->cost->cold_after_ns[kind];
}

double split_meter_before(const struct split_meter *meter, enum cost_point kind)
{
	return meter->cost ? before(meter, kind) : 0.0;
}

double split_meter_after(const struct split_meter *meter, enum cost_point kind)
{
	return meter->cost ? after(meter, kind, meter->cold) : 0.0;
}

/* Of one mapping call. `again` is about the hit of the step that it belongs to. */
static double call_cost(const struct split_meter *meter, const struct split_point *call)
{
	switch (call->event->what) {
	case SYS_mmap:
		return meter->cost->map_ns / COST_MAPPINGS;
	case SYS_mprotect:
		return meter->cost->protect_ns[meter->again];
	case SYS_munmap:
		return meter->cost->unmap_ns;
	default:
		return 0.0;
	}
}

/* Of the mapping calls that a step is known to make, where they are not seen. */
static double step_cost(const struct split_meter *meter, const struct split_point *from, bool again)
{
	if (from->event->kind != EVENT_STEP)
		return 0.0;
	switch (from->event->what) {
	case STEP_MAP:
		return meter->cost->map_ns;
	case STEP_RELOCATE:
		return meter->cost->protect_ns[again];
	case STEP_UNMAP:
		return meter->cost->unmap_ns;
	default:
		return 0.0;
	}
}

double split_meter_interval(const struct split_meter *meter, const struct split_point *from,
			    const struct split_point *to)
{
	enum cost_point a = point_cost(from), b = point_cost(to);
	double ns = 0.0;

	if (!meter->cost)
		return 0.0;
	if (a != COST_POINTS)
		ns += after(meter, a, meter->last_cold);
	if (b != COST_POINTS)
		ns += before(meter, b);
	if (!meter->calls_seen)
		ns += step_cost(meter, from, meter->last_again);
	else if (b == COST_SYS_EXIT)
		ns += call_cost(meter, to);
	return ns;
}
