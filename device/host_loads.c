/*
 * host_build_graph in a call of the host: the object is loaded in this process, by every round and
 * never closed (simpler at 78f0869), or kept in its place like an object on a device.
 */
#include "device/host_guard.h"
#include "device/host_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void judgement_take(struct device_result *result, const struct graph_load *load)
{
	result->report = load->report;
	result->verdict = load->verdict;
	memcpy(result->staged_at, load->staged_at, sizeof(result->staged_at));
	result->report.staged_at = load->report.staged_at ? result->staged_at : NULL;
}

static int object_open(struct host_round *self, struct graph_object *object, bool kept,
		       struct err *err)
{
	struct graph_load load = { .staged_at = "" };
	int r;

	object->kept = kept;
	r = graph_object_open(object, &self->job->object->so, self->lane, &load, err);
	judgement_take(self->result, &load);
	if (r == 0)
		return 0;
	self->result->failed_phase = (enum phase)self->lane->phase;
	graph_object_close(object, self->lane);
	return r;
}

/* Under guard from here on; what failed is known before anything is cleaned up. */
static int object_load(struct host_round *self, struct err *err)
{
	struct device *device = self->device;
	const struct so *so = &self->job->object->so;
	int r;

	graph_object_close(&device->graphs[self->job->callable], self->lane);
	device->places[self->job->callable] = (struct device_place){ 0 };
	r = object_open(self, &device->graphs[self->job->callable], true, err);
	if (r == 0)
		device->places[self->job->callable] =
			(struct device_place){ so->id, so->generation, so->id, so->generation };
	return r;
}

static int object_find(struct host_round *self, struct err *err)
{
	struct graph_load load = { .staged_at = "" };

	if (!place_holds(&self->device->places[self->job->callable], &self->job->object->so))
		return object_load(self, err);
	graph_object_find(&self->device->graphs[self->job->callable], self->lane, &load);
	judgement_take(self->result, &load);
	return 0;
}

static int object_call(struct host_round *self, struct graph_object *object, struct err *err)
{
	struct device *device = self->device;
	const struct graph_input input = {
		.table = (struct graph_table *)(device_fields(device) + 1),
		.heap = device_fields(device)->heap_ptr,
		.heap_bytes = runtime_heap_bytes(&device->config),
		.args = self->job->args,
		.addresses = self->addresses,
		.arg_count = self->job->arg_count,
	};
	int r;

	timeline_enter(self->lane, PHASE_ORCHESTRATE);
	r = graph_call(object->entry, &input, err);
	if (r == 0)
		return 0;
	self->result->failed_phase = PHASE_ORCHESTRATE;
	/* Closed on failure only: on success upstream keeps it for ever, and so does this. */
	graph_object_close(object, self->lane);
	device->places[self->job->callable] = (struct device_place){ 0 };
	return r;
}

static int build_step(struct host_round *self, struct err *err)
{
	struct graph_object opened = { .handle = NULL }, *object = &opened;
	int r;

	device_fields(self->device)->orch_built_on_host = true;
	if (device_when(self->device)->kept) {
		object = &self->device->graphs[self->job->callable];
		r = object_find(self, err);
	} else {
		r = object_open(self, object, false, err);
	}
	return r < 0 ? r : object_call(self, object, err);
}

static int unload_step(struct host_round *self, struct err *err)
{
	(void)err;
	graph_object_close(&self->device->graphs[self->job->callable], self->lane);
	self->device->places[self->job->callable] = (struct device_place){ 0 };
	return 0;
}

/* All that the thread writes is its own: when it is given up, it may still write, and read. */
struct step {
	struct host_round self;
	struct device_job job;
	struct device_object object;
	struct device_result result;
	int (*run)(struct host_round *self, struct err *err);
};

static struct device_lane *lane_of(struct device_result *result)
{
	return &result->lanes[DEVICE_LANE_HOST];
}

static void lane_copy(struct device_result *to, struct device_result *from)
{
	*lane_of(to) = *lane_of(from);
	lane_of(to)->time.spans = lane_of(to)->spans;
}

/* The hand-over between threads is the harness's, before and after. */
static int step_run(void *context, struct err *err)
{
	struct step *step = context;
	int r = step->run(&step->self, err);

	if (r < 0 && step->result.failed_phase == PHASE_OTHER)
		step->result.failed_phase = (enum phase)step->self.lane->phase;
	timeline_enter(step->self.lane, PHASE_CHECK);
	return r;
}

/* Where a thread is that was given up: read beside it. */
__attribute__((no_sanitize("thread"))) static enum phase phase_left(const struct step *step)
{
	uint32_t phase = __atomic_load_n(&step->self.lane->phase, __ATOMIC_RELAXED);

	return phase < PHASE_COUNT ? (enum phase)phase : PHASE_OTHER;
}

static void step_take(struct host_round *self, struct step *step)
{
	struct device_result *result = self->result;

	lane_copy(result, &step->result);
	result->report = step->result.report;
	result->verdict = step->result.verdict;
	memcpy(result->staged_at, step->result.staged_at, sizeof(result->staged_at));
	if (result->report.staged_at)
		result->report.staged_at = result->staged_at;
	result->failed_phase = step->result.failed_phase;
}

static int guarded(struct host_round *self, int (*run)(struct host_round *self, struct err *err),
		   struct err *err)
{
	struct step *step = calloc(1, sizeof(*step));
	struct guard guard = { .call = step_run,
			       .context = step,
			       .timeout_ns = self->device->options.timeout_ns,
			       .interrupted = self->device->options.interrupted,
			       .ret_failure = DEVICE_REFUSED };
	int r;

	if (!step)
		return err_set(err, ENOMEM, "out of memory");
	timeline_enter(self->lane, PHASE_CHECK);
	step->run = run;
	step->self = *self;
	step->object = *self->job->object;
	step->job = *self->job;
	step->job.object = &step->object;
	step->self.job = &step->job;
	step->self.result = &step->result;
	step->self.lane = &lane_of(&step->result)->time;
	step->result.failed_phase = PHASE_OTHER;
	lane_copy(&step->result, self->result);
	r = guard_run(&guard, err);
	if (guard.ret_failure != DEVICE_REFUSED) {
		staged_unlink_all();
		self->result->failure = guard.ret_failure;
		self->result->failed_phase = phase_left(step);
		return r;
	}
	step_take(self, step);
	free(step);
	return r;
}

int host_graph_load(struct host_round *self, struct err *err)
{
	return guarded(self, object_load, err);
}

int host_graph_build(struct host_round *self, struct err *err)
{
	return guarded(self, build_step, err);
}

int host_graph_unload(struct host_round *self, struct err *err)
{
	return guarded(self, unload_step, err);
}

static int graphs_close(void *context, struct err *err)
{
	struct device *device = context;

	(void)err;
	for (int i = 0; i < DEVICE_CALLABLES_MAX; i++)
		graph_object_close(&device->graphs[i], NULL);
	return 0;
}

/* Whoever wanted to know what the destructors do has unregistered the objects. */
bool host_graphs_close(struct device *device)
{
	struct guard guard = { .call = graphs_close,
			       .context = device,
			       .timeout_ns = device->options.timeout_ns };
	struct err unused;

	if (device->variant->host_builds)
		guard_run(&guard, &unused);
	return !device->variant->host_builds || !guard_given_up();
}
