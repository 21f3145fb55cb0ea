/*
 * The log lines of one round at -v, in upstream's wording; its TIMING lines have microseconds here,
 * because upstream's whole milliseconds cannot show a load. Written by the host after the round,
 * from the lanes, so that nobody logs while anything is timed.
 */
#include "bench/repro/repro.h"

#include "base/log.h"

#include <inttypes.h>

struct lane_view {
	const struct timeline *time;
	uint64_t counter_ns; /* a tick of the platform's system counter */
	struct clock_map map;
	uint64_t ns[PHASE_COUNT];
};

static void lane_view(struct lane_view *view, const struct device_result *result, int lane)
{
	view->time = &result->lanes[lane].time;
	view->map = clock_map_now();
	timeline_ns(view->time, &view->map, view->ns);
}

static void timing_line(const char *name, uint64_t ns)
{
	log_line("TIMING: %s = %.3f us", name, (double)ns / 1e3);
}

static void host_lines(const struct device_result *result)
{
	struct lane_view host;
	uint64_t init;

	lane_view(&host, result, DEVICE_LANE_HOST);
	init = host.ns[PHASE_KERNELS] + host.ns[PHASE_ARGS] + host.ns[PHASE_SO_COPY] +
	       host.ns[PHASE_HEAP] + host.ns[PHASE_SHARED];
	timing_line("args_malloc_copy", host.ns[PHASE_ARGS]);
	timing_line("orch_so_copy", host.ns[PHASE_SO_COPY]);
	timing_line("gm_heap_alloc(1GB)", host.ns[PHASE_HEAP]);
	timing_line("shared_mem_alloc", host.ns[PHASE_SHARED]);
	timing_line("total_init_runtime_impl", init);
	timing_line("runtime_copy", host.ns[PHASE_SEND]);
	timing_line("launch", host.ns[PHASE_LAUNCH]);
	timing_line("wait", host.ns[PHASE_WAIT]);
	timing_line("copy_back", host.ns[PHASE_COPY_BACK]);
}

/* Where a phase begins and ends, as counter values; 0 when the lane never was in it. */
static uint64_t phase_begin(const struct lane_view *view, enum phase phase, uint64_t *ret_end)
{
	for (uint32_t i = 0; i < view->time->span_count; i++) {
		const struct span *span = &view->time->spans[i];
		uint64_t end = i + 1 < view->time->span_count ? span[1].ticks : view->time->mark;

		if (span->phase != phase)
			continue;
		*ret_end = clock_map_ns(&view->map, end) / view->counter_ns;
		return clock_map_ns(&view->map, span->ticks) / view->counter_ns;
	}
	*ret_end = 0;
	return 0;
}

/* Begin, end and cost of a thread's phase in one line, as on a2a3. */
static void thread_line(const struct lane_view *view, int thread, const char *what,
			enum phase phase)
{
	uint64_t end, begin = phase_begin(view, phase, &end);

	if (begin)
		log_line("Thread %d: %s_start=%" PRIu64 " %s_end=%" PRIu64 " %s_cost=%.3fus",
			 thread, what, begin, what, end, what, (double)view->ns[phase] / 1e3);
}

static void orchestrator_lines(const struct repro *repro, const struct repro_arm *arm,
			       const struct lane_view *view)
{
	const struct device_result *result = arm->result;
	enum device_log form = repro->options->variant->log;
	int thread = (int)result->threads - 1;
	double cost_us = (double)view->ns[PHASE_ORCHESTRATE] / 1e3;
	uint64_t end, begin = phase_begin(view, PHASE_ORCHESTRATE, &end);

	if (form == DEVICE_LOG_LINES)
		thread_line(view, thread, "orch", PHASE_ORCHESTRATE);
	if (form == DEVICE_LOG_COST)
		log_line("Thread %d: orch_start=%" PRIu64 " orch_func_cost=%.3fus (orch_idx=0)",
			 thread, begin, cost_us);
	if (form == DEVICE_LOG_APART) {
		log_line("Thread %d: orch_start=%" PRIu64 " orch_idx=0/(0~0)", thread, begin);
		log_line("Thread %d: " ABI_ENTRY_SYMBOL
			 " returned, orch_func_cost=%.3fus (orch_idx=0)",
			 thread, cost_us);
	}
	log_line("PTO2 total submitted tasks = %" PRIu64 ", already executed %" PRIu64 " tasks",
		 result->counters.submitted, result->counters.executed);
	if (form == DEVICE_LOG_APART)
		log_line("Thread %d: orch_end=%" PRIu64, thread, end);
}

static void scheduler_lines(const struct repro *repro, const struct repro_arm *arm,
			    const struct lane_view *view, int thread)
{
	enum device_log form = repro->options->variant->log;
	uint64_t end, begin = phase_begin(view, PHASE_SCHEDULE, &end);

	if (form == DEVICE_LOG_APART)
		log_line("Thread %d: sched_start=%" PRIu64, thread, begin);
	else if (form != DEVICE_LOG_COST)
		thread_line(view, thread, "sched", PHASE_SCHEDULE);
	log_line("Thread %d: Scheduler summary: total_time=%.3fus, loops=%" PRIu64
		 ", tasks_scheduled=%" PRIu64,
		 thread, (double)view->ns[PHASE_SCHEDULE] / 1e3,
		 arm->result->counters.schedulers[thread].loops,
		 arm->result->counters.schedulers[thread].tasks);
	if (form == DEVICE_LOG_APART || form == DEVICE_LOG_COST)
		log_line("Thread %d: sched_end=%" PRIu64, thread, end);
}

static void load_lines(const struct repro *repro, const struct repro_arm *arm,
		       const struct lane_view *orch)
{
	const struct device_result *result = arm->result;

	if (result->report.staged_at)
		log_line("Created SO file at %s (%zu bytes)", result->report.staged_at,
			 arm->die->object.so.size);
	if (result->report.base)
		log_line("dlopen succeeded, base=0x%" PRIxPTR, result->report.base);
	if (result->ahead.base)
		log_line("Relocated ahead for 0x%" PRIx64 ": %" PRIu64 " words, %" PRIu64
			 " left to the device",
			 result->ahead.base, result->ahead.relatives, result->report.relatives);
	log_line("Config: expected_args=%d", result->expected_args);
	log_line("Ring sizes: task_window=%" PRIu64 " heap=%" PRIu64 " dep_pool=%" PRIu64,
		 repro->runtime.task_window, repro->runtime.heap_bytes, repro->runtime.dep_pool);
	if (result->lines > 0)
		log_line("Invalidated %" PRIu64 " lines of the cache", result->lines);
	if (result->verdict.reason[0])
		log_line("Loaded code: %s: %s", freshness_name(result->verdict.freshness),
			 result->verdict.reason);
	for (int phase = 0; phase < PHASE_COUNT; phase++) {
		if (phase_class((enum phase)phase) == PHASE_CLASS_LOAD && orch->ns[phase] > 0)
			timing_line(phase_label((enum phase)phase), orch->ns[phase]);
	}
	timing_line("runtime_create", orch->ns[PHASE_CREATE]);
	timing_line("runtime_destroy", orch->ns[PHASE_DESTROY]);
}

static void device_lines(const struct repro *repro, const struct repro_arm *arm)
{
	const struct device_result *result = arm->result;
	struct lane_view lane;

	lane.counter_ns = repro->options->variant->counter_ns;
	lane_view(&lane, result, (int)result->threads - 1);
	load_lines(repro, arm, &lane);
	orchestrator_lines(repro, arm, &lane);
	for (int i = 0; i < (int)result->threads - 1; i++) {
		lane_view(&lane, result, i);
		scheduler_lines(repro, arm, &lane, i);
	}
}

void repro_log_round(const struct repro *repro, const struct repro_arm *arm)
{
	char round[REPRO_ROUND_NAME];

	if (log_level < LOG_LEVEL_INFO)
		return;
	log_line("%s, %s:", repro_round_name(repro, arm, round, sizeof(round)), arm->label);
	host_lines(arm->result);
	if (arm->result->failure == DEVICE_OK)
		device_lines(repro, arm);
}
