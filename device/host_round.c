/*
 * One round of the host, in upstream's order: kernels, arguments, object, heap, shared memory, the
 * Runtime struct, doorbell, wait, copy back, release. Nothing is kept from one round to the next,
 * because upstream keeps nothing.
 */
#include "device/host.h"

#include "base/clock.h"
#include "device/host_graph.h"
#include "device/host_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHARED_HEADER_BYTES 320 /* copied back first, as upstream does */

struct host_round {
	struct device *device;
	const struct device_job *job;
	const struct so *so; /* as it is sent */
	struct device_result *result;
	struct timeline *lane;
	struct round round;
	struct transport_host transport;
	uint64_t addresses[ABI_HOST_ARGS_MAX];
};

static int kernels_upload(struct host_round *self, struct err *err)
{
	struct abi_fields *runtime = device_fields(self->device);
	const struct device_kernel *kernel = self->job->kernels;

	for (; kernel->name; kernel++) {
		struct control_kernel descriptor = { .id = kernel->id, .core = kernel->core };
		int r;

		if (kernel->id < 0 || kernel->id >= ABI_KERNELS_MAX ||
		    strlen(kernel->name) >= sizeof(descriptor.name))
			return err_set(err, EINVAL, "kernel '%s' (%d): bad name or number",
				       kernel->name, kernel->id);
		memcpy(descriptor.name, kernel->name, strlen(kernel->name));
		r = round_upload(&self->round, &descriptor, sizeof(descriptor),
				 &runtime->func_id_to_addr[kernel->id], err);
		if (r < 0)
			return r;
		runtime->kernel_ids[runtime->kernel_id_count++] = kernel->id;
	}
	return 0;
}

static int arg_upload(struct host_round *self, int index, struct err *err)
{
	struct abi_fields *runtime = device_fields(self->device);
	const struct device_arg *arg = &self->job->args[index];
	uint64_t *address = &self->addresses[index];
	int r;

	if (arg->kind == DEVICE_ARG_SCALAR) {
		runtime->orch_args[index] = arg->scalar;
		return 0;
	}
	if (arg->kind == DEVICE_ARG_OUTPUT)
		r = round_alloc(&self->round, arg->size, 0, address, err);
	else
		r = round_upload(&self->round, arg->bytes, arg->size, address, err);
	if (r < 0)
		return err_prefix(err, r, "argument %d", index);
	runtime->orch_args[index] = *address;
	runtime->tensor_pairs[runtime->tensor_pair_count++] = (struct abi_tensor_pair){
		.host = (uintptr_t)arg->bytes, .device = *address, .bytes = arg->size
	};
	return 0;
}

static int args_upload(struct host_round *self, struct err *err)
{
	int r = 0;

	if (self->job->arg_count < 0 || self->job->arg_count > ABI_HOST_ARGS_MAX)
		return err_set(err, EINVAL, "%d arguments: the host takes at most %d",
			       self->job->arg_count, ABI_HOST_ARGS_MAX);
	for (int i = 0; r == 0 && i < self->job->arg_count; i++)
		r = arg_upload(self, i, err);
	device_fields(self->device)->orch_arg_count = self->job->arg_count;
	return r;
}

static void struct_finish(const struct device *device)
{
	const struct device_variant *variant = device->variant;
	struct abi_handshake *mailboxes = device->runtime;
	struct abi_fields *fields = device_fields(device);

	fields->worker_count = (int32_t)variant->workers;
	fields->sche_cpu_num = (int32_t)device_variant_schedulers(variant);
	fields->orch_thread_num = 1;
	fields->ready_queue_shards = fields->sche_cpu_num;
	for (unsigned int i = 0; i < variant->workers; i++)
		mailboxes[i].core_type = i < variant->aic ? DEVICE_CORE_AIC : DEVICE_CORE_AIV;
}

/* host_build_graph: the object is loaded here, and says what the device will run. */
static int graph_prepare(struct host_round *self, struct err *err)
{
	struct device *device = self->device;
	struct device_result *result = self->result;
	const struct graph_input input = {
		.table = (struct graph_table *)(device_fields(device) + 1),
		.heap = device_fields(device)->heap_ptr,
		.heap_bytes = runtime_heap_bytes(&device->config),
		.args = self->job->args,
		.addresses = self->addresses,
		.arg_count = self->job->arg_count,
	};
	struct graph_load load = { .staged_at = "" };
	int r;

	device_fields(device)->orch_built_on_host = true;
	r = graph_build(&self->job->object->so, &input, self->lane, &load, err);
	result->report = load.report;
	result->verdict = load.verdict;
	memcpy(result->staged_at, load.staged_at, sizeof(result->staged_at));
	result->report.staged_at = result->staged_at;
	return r;
}

/* Everything up to the doorbell. */
static int prepare(struct host_round *self, struct err *err)
{
	struct device *device = self->device;
	const struct transport *transport = device->options.transport;
	int r;

	dma_account(device->dma, &self->result->dma_args);
	r = kernels_upload(self, err);
	if (r < 0)
		return r;
	timeline_enter(self->lane, PHASE_ARGS);
	r = args_upload(self, err);
	if (r < 0)
		return r;
	dma_account(device->dma, &self->result->dma_object);
	if (!device->variant->host_builds)
		timeline_enter(self->lane, PHASE_SO_COPY);
	r = transport->stage(&self->transport, err);
	if (r < 0)
		return r;
	timeline_enter(self->lane, PHASE_HEAP);
	r = round_alloc(&self->round, runtime_heap_bytes(&device->config), MEMORY_PAGE_ALIGN,
			&device_fields(device)->heap_ptr, err);
	if (r < 0)
		return r;
	timeline_enter(self->lane, PHASE_SHARED);
	r = round_alloc(&self->round, runtime_shared_bytes(&device->config), 0,
			&device_fields(device)->sm_ptr, err);
	if (r < 0)
		return r;
	if (device->variant->host_builds)
		r = graph_prepare(self, err);
	if (r < 0)
		return r;
	timeline_enter(self->lane, PHASE_SEND);
	struct_finish(device);
	return transport->send(&self->transport, err);
}

static void request_ring(struct host_round *self)
{
	struct control *control = self->device->control;
	const struct so *so = self->so;
	struct control_request *request = &control->request;
	size_t length = so->path ? strnlen(so->path, sizeof(request->object_path) - 1) : 0;

	request->runtime_address = self->transport.runtime_address;
	request->object_id = so->id;
	request->object_generation = so->generation;
	request->object_linked_at = so->linked_at;
	if (length > 0)
		memcpy(request->object_path, so->path, length);
	request->object_path[length] = '\0';
	self->device->busy = true;
	bell_ring(&control->doorbell);
}

static int answer_read(struct host_round *self, struct err *err)
{
	struct control_answer *answer = &self->device->control->answer;
	struct device_result *result = self->result;

	answer->err.text[ERR_TEXT_BYTES - 1] = '\0';
	answer->verdict.reason[sizeof(answer->verdict.reason) - 1] = '\0';
	result->counters = answer->counters;
	result->expected_args = answer->expected_args;
	result->tasks = answer->counters.executed;
	if (answer->judged) {
		result->report = answer->report;
		result->verdict = answer->verdict;
		memcpy(result->staged_at, answer->staged_at, sizeof(result->staged_at) - 1);
		memcpy(result->note, answer->note, sizeof(result->note) - 1);
		result->report.staged_at = result->staged_at[0] ? result->staged_at : NULL;
		result->report.note = result->note[0] ? result->note : NULL;
	}
	if (answer->code >= 0)
		return 0;
	result->failure = answer->leaves ? DEVICE_TIMEOUT : DEVICE_FAILED;
	result->failed_phase =
		answer->failed_phase < PHASE_COUNT ? answer->failed_phase : PHASE_OTHER;
	return err_set(err, -answer->code, "%s", answer->err.text);
}

/* Where the AICPU was: the thread that crashed, else the one that loads. A kernel runs while tasks
 * are scheduled, whatever the thread that submits them is at. */
static enum phase phase_watched(const struct device *device)
{
	const struct control *control = device->control;
	unsigned int threads = device->variant->threads;
	uint32_t lane = control->crash.signal ? control->crash.lane : threads - 1;
	uint32_t phase;

	if (lane >= threads)
		return PHASE_SCHEDULE;
	phase = control->watch[lane];
	return phase < PHASE_COUNT ? (enum phase)phase : PHASE_OTHER;
}

static int launch_and_wait(struct host_round *self, struct err *err)
{
	struct device_result *result = self->result;
	uint64_t begin;
	int r;

	timeline_enter(self->lane, PHASE_LAUNCH);
	begin = clock_ticks();
	request_ring(self);
	timeline_enter(self->lane, PHASE_WAIT);
	r = device_wait(self->device, &result->failure, err);
	result->device_ticks = clock_ticks() - begin;
	if (r < 0) {
		result->failed_phase = phase_watched(self->device);
		return r;
	}
	self->device->busy = false;
	return answer_read(self, err);
}

static int copy_back(struct host_round *self, struct err *err)
{
	uint8_t header[SHARED_HEADER_BYTES];
	int r;

	timeline_enter(self->lane, PHASE_COPY_BACK);
	dma_account(self->device->dma, &self->result->dma_back);
	r = dma_read(self->device->dma, device_fields(self->device)->sm_ptr, header, sizeof(header),
		     err);
	for (int i = 0; r == 0 && i < self->job->arg_count; i++) {
		const struct device_arg *arg = &self->job->args[i];

		if (arg->kind == DEVICE_ARG_OUTPUT || arg->kind == DEVICE_ARG_INOUT)
			r = dma_read(self->device->dma, self->addresses[i], arg->bytes, arg->size,
				     err);
	}
	return r;
}

static int steps(struct host_round *self, struct err *err)
{
	int r = prepare(self, err);

	if (r == 0)
		r = launch_and_wait(self, err);
	if (r < 0)
		return r;
	return copy_back(self, err);
}

/* What the AICPU's threads recorded. A crash cuts lanes off anywhere: they are left out. */
static void lanes_copy(struct host_round *self)
{
	const struct control *control = self->device->control;
	enum device_failure failure = self->result->failure;

	if (failure != DEVICE_OK && failure != DEVICE_FAILED)
		return;
	for (unsigned int i = 0; i < self->device->variant->threads; i++) {
		struct device_lane *lane = &self->result->lanes[i];
		uint32_t capacity = DEVICE_SPANS_MAX;

		lane->time = control->lanes[i].time;
		memcpy(lane->spans, control->lanes[i].spans, sizeof(lane->spans));
		lane->time.spans = lane->spans;
		lane->time.watch = NULL;
		lane->time.span_capacity = capacity;
		if (lane->time.span_count > capacity)
			lane->time.span_count = capacity;
		for (uint32_t s = 0; s < lane->time.span_count; s++) {
			if (lane->spans[s].phase >= PHASE_COUNT)
				lane->spans[s].phase = PHASE_OTHER;
		}
	}
}

/* The host's Runtime struct fits the object that is sent. Not timed. */
static int struct_prepare(struct host_round *self, struct err *err)
{
	struct device *device = self->device;
	size_t bytes = 0;
	int r = device->options.transport->host_bytes(&self->transport, &bytes, err);

	if (r < 0) {
		self->result->failed_phase = PHASE_SO_COPY;
		return r;
	}
	if (bytes > device->runtime_bytes) {
		free(device->runtime);
		device->runtime = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
		device->runtime_bytes = device->runtime ? bytes : 0;
		if (!device->runtime)
			return err_set(err, ENOMEM, "no memory for a Runtime struct of %zu bytes",
				       bytes);
		memset(device->runtime, 0, bytes);
	}
	memset(device->runtime, 0, transport_runtime_bytes(device->variant->workers));
	self->transport.runtime = device->runtime;
	return 0;
}

static const char *const lane_names[DEVICE_THREADS_MAX + 1] = { "aicpu0", "aicpu1", "aicpu2",
								"aicpu3", "aicpu4", "aicpu5",
								"aicpu6", "host" };

static void result_clear(struct device_result *result)
{
	memset(result, 0, sizeof(*result));
	for (int i = 0; i <= DEVICE_THREADS_MAX; i++)
		result->lanes[i].name = lane_names[i];
	result->failed_phase = PHASE_OTHER;
	result->failure = DEVICE_REFUSED;
}

/* Before the first phase: an AICPU that lives, a struct that fits. */
static int ready(struct host_round *self, struct err *err)
{
	struct device *device = self->device;
	int r;

	r = device_revive(device, err);
	if (r < 0)
		return r;
	self->result->restarted = device->revived;
	device->revived = false;
	self->so = ahead_find(device, &self->job->object->so, &self->result->ahead);
	self->transport.so = self->so;
	return struct_prepare(self, err);
}

int device_run(struct device *device, const struct device_job *job,
	       struct device_result *ret_result, struct err *err)
{
	struct timeline *lane = &ret_result->lanes[DEVICE_LANE_HOST].time;
	struct host_round self = {
		.device = device,
		.job = job,
		.result = ret_result,
		.lane = lane,
		.round = { .memory = device->memory, .dma = device->dma },
	};
	int r;

	result_clear(ret_result);
	ret_result->threads = device->variant->threads;
	self.transport = (struct transport_host){
		.round = &self.round,
		.state = device->transport_state,
		.workers = device->variant->workers,
	};
	r = ready(&self, err);
	if (r < 0)
		return r;
	lane->spans = ret_result->lanes[DEVICE_LANE_HOST].spans;
	lane->span_capacity = DEVICE_SPANS_MAX;
	timeline_begin(lane, PHASE_KERNELS);
	r = steps(&self, err);
	if (r < 0 && ret_result->failure <= DEVICE_REFUSED) {
		ret_result->failure = DEVICE_REFUSED;
		ret_result->failed_phase = (enum phase)lane->phase;
	}
	timeline_enter(lane, PHASE_RELEASE);
	round_release(&self.round);
	timeline_end(lane);
	dma_account(device->dma, NULL);
	lanes_copy(&self);
	if (ret_result->failure > DEVICE_FAILED)
		device_stop(device);
	return r;
}
