/* Null intervals: from the events of the rounds to what each kind of event costs. */
#include "probes/calibrate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The mapping of this program that holds `address`: its file offset is what a probe wants. */
static int address_offset(uintptr_t address, uint64_t *ret_offset)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[4200];
	int r = -ENOENT;

	if (!maps)
		return -errno;
	while (r < 0 && fgets(line, sizeof(line), maps)) {
		unsigned long start, end, offset;

		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset) != 3 ||
		    address < start || address >= end)
			continue;
		*ret_offset = address - start + offset;
		r = 0;
	}
	fclose(maps);
	return r;
}

int calibrate_sites(struct calibrate_sites *ret_sites, struct err *err)
{
	snprintf(ret_sites->path, sizeof(ret_sites->path), "/proc/self/exe");
	if (address_offset((uintptr_t)soload_calibrate_gate, &ret_sites->gate) < 0 ||
	    address_offset((uintptr_t)soload_calibrate_step, &ret_sites->step) < 0)
		return err_set(err, ENOENT, "this program's own mappings are not readable");
	return 0;
}

/* The order of enum calibrate_interval. */
static void round_body(void)
{
	soload_calibrate_step();
	soload_calibrate_work();
	soload_calibrate_step();
	soload_calibrate_step();
	soload_calibrate_step();
	soload_calibrate_work();
	syscall(SYS_getppid); /* the least there is to do */
	soload_calibrate_step();
	soload_calibrate_work();
}

void calibrate_rounds(void)
{
	for (int i = 0; i < CALIBRATE_ROUNDS; i++) {
		soload_calibrate_work();
		soload_calibrate_gate("/usr/lib/as-long-as-most-names.so", round_body);
	}
}

struct rounds {
	double values[CALIBRATE_INTERVALS][CALIBRATE_ROUNDS];
	size_t count[CALIBRATE_INTERVALS];
};

static void interval_add(struct rounds *rounds, enum calibrate_interval interval, double ns)
{
	if (rounds->count[interval] < CALIBRATE_ROUNDS && ns >= 0)
		rounds->values[interval][rounds->count[interval]++] = ns;
}

/* The end of an event: only system calls last. */
static uint64_t event_end(const struct probe_event *event)
{
	return event->ts + (event->kind == EVENT_SYSCALL ? event->value : 0);
}

/* What lies between two events, of which `a` is the `place`-th since the OPEN of its round. Where
 * system calls are not seen, one is part of the work, and that interval tells nothing. */
static enum calibrate_interval interval_of(const struct probe_event *a, const struct probe_event *b,
					   unsigned int place)
{
	static const enum calibrate_interval steps[] = { OPEN_STEP, STEP_WORK_STEP, WORK_STEP_STEP,
							 STEP_STEP };

	if (a->kind == EVENT_RETURN)
		return b->kind == EVENT_STEP && b->what == STEP_OPEN ? BACK_WORK_OPEN
								     : CALIBRATE_INTERVALS;
	if (b->kind == EVENT_RETURN)
		return STEP_WORK_BACK;
	if (a->kind == EVENT_SYSCALL)
		return CALL_STEP;
	if (b->kind == EVENT_SYSCALL)
		return STEP_WORK_CALL;
	return a->kind == EVENT_STEP && b->kind == EVENT_STEP && place < 4 ? steps[place]
									   : CALIBRATE_INTERVALS;
}

int calibrate_intervals(struct calibrate *calibrate, const struct probe_event *events, size_t count,
			struct err *err)
{
	struct rounds *rounds = calloc(1, sizeof(*rounds));
	unsigned int place = 0;
	int r = 0;

	if (!rounds)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i + 1 < count; i++, place++) {
		const struct probe_event *event = &events[i], *next = event + 1;
		enum calibrate_interval interval;

		if (event->kind == EVENT_STEP && event->what == STEP_OPEN)
			place = 0;
		interval = interval_of(event, next, place);
		if (interval < CALIBRATE_INTERVALS)
			interval_add(rounds, interval, (double)(next->ts - event_end(event)));
		if (event->kind == EVENT_SYSCALL)
			interval_add(rounds, CALL, (double)event->value);
	}
	for (int i = 0; i < CALIBRATE_INTERVALS; i++) {
		if (rounds->count[i])
			calibrate->interval_ns[i] =
				calibrate_tenth(rounds->values[i], rounds->count[i]);
	}
	if (rounds->count[STEP_STEP] < CALIBRATE_ROUNDS / 2 ||
	    rounds->count[STEP_WORK_BACK] < CALIBRATE_ROUNDS / 2)
		r = err_set(err, ENODATA, "soload's own functions were not seen");
	free(rounds);
	return r;
}

static double atleast0(double value)
{
	return value > 0.0 ? value : 0.0;
}

/* Functions: right after another event a hit lies half before and half after its time; what it
 * takes more after work is seen on either side of it alone. */
static void hits_solve(struct probe_cost *cost, const double *ns, double work)
{
	double half = ns[STEP_STEP] / 2.0;
	double before = atleast0(ns[STEP_WORK_STEP] - work - 2.0 * half);
	double after = atleast0(ns[WORK_STEP_STEP] - 2.0 * half);

	for (int point = COST_OPEN; point <= COST_RETURN; point++) {
		cost->before_ns[point] = cost->after_ns[point] = half;
		cost->cold_before_ns[point] = before;
		cost->cold_after_ns[point] = after;
	}
	cost->after_ns[COST_OPEN] = atleast0(ns[OPEN_STEP] - half - after);
	/* The hit before a return came after work, too. */
	cost->before_ns[COST_RETURN] = atleast0(ns[STEP_WORK_BACK] - work - half - after - before);
	cost->after_ns[COST_RETURN] = atleast0(ns[BACK_WORK_OPEN] - work - half - before - after);
	cost->cold_gap_ns = work;
}

/* Of a bare system call a quarter lies between the kernel's two tracepoints, the rest on its ways
 * in and out (its entry and exit code). The hit behind it comes long after the last one. */
static void calls_solve(struct probe_cost *cost, const double *ns, double work, double call_ns)
{
	double half = ns[STEP_STEP] / 2.0, way = call_ns * 0.375;

	cost->before_ns[COST_SYS_ENTER] = atleast0(ns[STEP_WORK_CALL] - work - half - way);
	cost->after_ns[COST_SYS_ENTER] = atleast0(ns[CALL] - call_ns * 0.25) / 2.0;
	cost->before_ns[COST_SYS_EXIT] = cost->after_ns[COST_SYS_ENTER];
	cost->after_ns[COST_SYS_EXIT] =
		atleast0(ns[CALL_STEP] - half - cost->cold_before_ns[COST_STEP] - way);
}

/* What is left of what took `watched`, not `bare`, when the events in it have been paid for. */
static void mappings_solve(struct probe_cost *cost, const struct calibrate_times *watched,
			   const struct calibrate_times *bare)
{
	double fault = cost->before_ns[COST_FAULT] + cost->after_ns[COST_FAULT];
	double call = cost->before_ns[COST_SYS_ENTER] + cost->after_ns[COST_SYS_ENTER] +
		      cost->before_ns[COST_SYS_EXIT] + cost->after_ns[COST_SYS_EXIT];

	cost->map_ns = atleast0(watched->map_ns - bare->map_ns - COST_MAPPINGS * call);
	cost->unmap_ns = atleast0(watched->unmap_ns - bare->unmap_ns - call);
	for (int i = 0; i < 2; i++) {
		double cold = 1.0;

		if (i && bare->relocate_ns[1] < cost->cold_gap_ns)
			cold = bare->relocate_ns[1] / cost->cold_gap_ns;
		cost->protect_ns[i] = atleast0(watched->relocate_ns[i] - bare->relocate_ns[i] -
					       cost_hit_ns(cost, cold) - fault - call);
	}
}

struct probe_cost calibrate_cost(const struct calibrate *calibrate)
{
	const struct calibrate_times *bare = &calibrate->bare, *watched = &calibrate->watched;
	struct probe_cost cost = { 0 };

	hits_solve(&cost, calibrate->interval_ns, calibrate->work_ns);
	if (calibrate->interval_ns[CALL] > 0.0)
		calls_solve(&cost, calibrate->interval_ns, calibrate->work_ns, bare->call_ns);
	cost.miss_ns = atleast0(watched->call_ns - bare->call_ns);
	cost.before_ns[COST_FAULT] = cost.after_ns[COST_FAULT] =
		atleast0(watched->fault_ns - bare->fault_ns) / 2.0;
	mappings_solve(&cost, watched, bare);
	return cost;
}

static int cost_compare(const void *a, const void *b)
{
	double x = cost_hit_ns(a, 1.0), y = cost_hit_ns(b, 1.0);

	return (x > y) - (x < y);
}

struct probe_cost calibrate_middle(struct probe_cost *costs, size_t count)
{
	struct probe_cost middle;

	qsort(costs, count, sizeof(costs[0]), cost_compare);
	middle = costs[count / 2];
	middle.spread_ns = cost_hit_ns(&costs[count - 1], 1.0) - cost_hit_ns(&costs[0], 1.0);
	return middle;
}
