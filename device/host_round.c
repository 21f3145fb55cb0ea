/*
 * One round of the host, in upstream's order: kernels, arguments, object, heap, shared memory, the
 * Runtime struct, doorbell, wait, copy back, release. Nothing is kept from one round to the next,
 * because upstream keeps nothing; but the object, where the life cycle says so.
 */
#include "device/host_state.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHARED_HEADER_BYTES 320 /* copied back first, as upstream does */

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

void host_struct_finish(const struct device *device)
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

/* The object travels with the run, unless it is there. */
static int object_stage(struct host_round *self, struct err *err)
{
	dma_account(self->device->dma, &self->result->dma_object);
	if (!self->transport.so)
		return 0;
	if (!self->device->variant->host_builds)
		timeline_enter(self->lane, PHASE_SO_COPY);
	return self->device->options.transport->stage(&self->transport, err);
}

/* Everything up to the Runtime struct. */
static int prepare(struct host_round *self, struct err *err)
{
	struct device *device = self->device;
	int r;

	dma_account(device->dma, &self->result->dma_args);
	r = kernels_upload(self, err);
	if (r < 0)
		return r;
	timeline_enter(self->lane, PHASE_ARGS);
	r = args_upload(self, err);
	if (r == 0)
		r = object_stage(self, err);
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
	if (r == 0 && device->variant->host_builds)
		r = host_graph_build(self, err);
	return r;
}

static int struct_send(struct host_round *self, struct err *err)
{
	const struct transport *transport = self->device->options.transport;
	size_t bytes = 0;
	int r;

	timeline_enter(self->lane, PHASE_SEND);
	host_struct_finish(self->device);
	if (self->transport.so)
		return transport->send(&self->transport, err);
	r = transport->host_bytes(&self->transport, &bytes, err);
	return r < 0 ? r
		     : round_upload(&self->round, self->device->runtime, bytes,
				    &self->transport.runtime_address, err);
}

static int launch_and_wait(struct host_round *self, struct err *err)
{
	struct device_result *result = self->result;
	uint64_t begin;
	int r;

	timeline_enter(self->lane, PHASE_LAUNCH);
	self->ran = true;
	begin = clock_ticks();
	host_request(self, &(struct control_request){
				   .run = true,
				   .load = self->transport.so != NULL,
				   .keep = device_when(self->device)->kept,
				   .bytes_stay = !device_when(self->device)->kept,
			   });
	timeline_enter(self->lane, PHASE_WAIT);
	r = host_answer(self, err);
	result->device_ticks = clock_ticks() - begin;
	return r;
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

/* Sends the object before anything else; from there on the struct is the run's. */
static int prewarm(struct host_round *self, struct err *err)
{
	int r = host_early_begin(self, err);

	timeline_enter(self->lane, PHASE_KERNELS);
	self->transport.so = NULL;
	memset(self->device->runtime, 0, transport_runtime_bytes(self->device->variant->workers));
	return r;
}

/* What is being loaded meanwhile is waited for, whatever happens. */
static int prepared(struct host_round *self, struct err *err)
{
	const struct device_when *when = device_when(self->device);
	struct err later = { "" };
	int early, r = 0;

	if (when->early && !when->kept)
		r = prewarm(self, err);
	if (r == 0)
		r = prepare(self, err);
	if (r < 0 && self->result->failed_phase == PHASE_OTHER)
		self->result->failed_phase = (enum phase)self->lane->phase;
	early = host_early_wait(self, &later);
	if (r < 0 || early == 0)
		return r;
	*err = later;
	return early;
}

/* What was loaded for a run that does not begin goes before its bytes do, from which it may be
 * mapped. */
static int prewarm_undo(struct host_round *self, int code, struct err *err)
{
	const struct device_when *when = device_when(self->device);
	struct err later = { "" };
	int r;

	if (self->ran || !when->early || when->kept ||
	    !self->device->places[self->job->callable].id)
		return code;
	if (self->result->failed_phase == PHASE_OTHER)
		self->result->failed_phase = (enum phase)self->lane->phase;
	timeline_enter(self->lane, PHASE_RELEASE);
	host_request(self, &(struct control_request){ .load = false });
	r = host_answer(self, &later);
	if (r < 0)
		*err = later;
	return r < 0 ? r : code;
}

static int steps(struct host_round *self, struct err *err)
{
	int r = prepared(self, err);

	if (r == 0)
		r = struct_send(self, err);
	if (r == 0)
		r = launch_and_wait(self, err);
	if (r < 0)
		return prewarm_undo(self, r, err);
	return copy_back(self, err);
}

void host_lane_take(const struct device *device, struct device_lane *ret_lane, unsigned int lane)
{
	const struct control_lane *taken = &device->control->lanes[lane];
	struct timeline *time = &ret_lane->time;
	struct clock_map map;

	*time = taken->time;
	memcpy(ret_lane->spans, taken->spans, sizeof(ret_lane->spans));
	time->spans = ret_lane->spans;
	time->watch = NULL;
	time->hook = NULL;
	time->span_capacity = DEVICE_SPANS_MAX;
	if (time->span_count > DEVICE_SPANS_MAX)
		time->span_count = DEVICE_SPANS_MAX;
	if (time->phase >= PHASE_COUNT)
		time->phase = PHASE_OTHER;
	for (uint32_t s = 0; s < time->span_count; s++) {
		if (time->spans[s].phase >= PHASE_COUNT)
			time->spans[s].phase = PHASE_OTHER;
	}
	if (!device->options.command)
		return;
	map = clock_map_now();
	timeline_import(time, &map);
}

/* What the AICPU's threads recorded. A crash cuts lanes off anywhere: they are left out. */
static void lanes_take(struct host_round *self)
{
	enum device_failure failure = self->result->failure;

	if (!self->ran || (failure != DEVICE_OK && failure != DEVICE_FAILED))
		return;
	for (unsigned int i = 0; i < self->device->variant->threads; i++)
		host_lane_take(self->device, &self->result->lanes[i], i);
}

/* The host's Runtime struct, zeroed, fits the object that is sent. Not timed. */
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

/* An AICPU that lives, a struct that fits. */
static int ready(struct host_round *self, struct err *err)
{
	struct device *device = self->device;
	int r;

	if (self->job->callable >= DEVICE_CALLABLES_MAX)
		return err_set(err, EINVAL, "object %u: a device has places for %d",
			       self->job->callable, DEVICE_CALLABLES_MAX);
	r = device_revive(device, err);
	if (r < 0)
		return r;
	self->result->restarted = device->revived;
	device->revived = false;
	self->so = ahead_find(device, &self->job->object->so, &self->result->ahead);
	self->transport.so = self->so;
	return struct_prepare(self, err);
}

int host_begin(struct host_round *self, enum phase phase, struct err *err)
{
	struct device *device = self->device;
	struct device_result *result = self->result;
	int r;

	result_clear(result);
	result->threads = device->variant->threads;
	self->lane = &result->lanes[DEVICE_LANE_HOST].time;
	self->round = (struct round){ .memory = device->memory, .dma = device->dma };
	self->transport = (struct transport_host){
		.round = &self->round,
		.state = device->transport_state,
		.workers = device->variant->workers,
	};
	r = ready(self, err);
	if (r < 0)
		return r;
	self->lane->spans = result->lanes[DEVICE_LANE_HOST].spans;
	self->lane->span_capacity = DEVICE_SPANS_MAX;
	timeline_begin(self->lane, phase);
	return 0;
}

void host_end(struct host_round *self, int code)
{
	struct device_result *result = self->result;

	if (code < 0 && result->failure <= DEVICE_REFUSED) {
		result->failure = DEVICE_REFUSED;
		if (result->failed_phase == PHASE_OTHER)
			result->failed_phase = (enum phase)self->lane->phase;
	}
	timeline_enter(self->lane, PHASE_RELEASE);
	round_release(&self->round);
	timeline_end(self->lane);
	dma_account(self->device->dma, NULL);
	if (result->failure > DEVICE_FAILED)
		device_stop(self->device);
}

/* Nothing is sent that the device has, and where a run may not load, nothing else is run. */
static int object_look(struct host_round *self, struct err *err)
{
	const struct device_when *when = device_when(self->device);
	const struct device_job *job = self->job;

	if (!when->kept)
		return 0;
	if (place_holds(&self->device->places[job->callable], &job->object->so)) {
		self->transport.so = NULL;
		return 0;
	}
	if (!when->early)
		return 0;
	self->result->failed_phase = PHASE_SO_COPY;
	return err_set(err, ENOENT, "object %u is not registered, and a run does not load it",
		       job->callable);
}

int device_run(struct device *device, const struct device_job *job,
	       struct device_result *ret_result, struct err *err)
{
	struct host_round self = { .device = device, .job = job, .result = ret_result };
	const struct device_when *when = device_when(device);
	int r = host_begin(&self, when->early && !when->kept ? PHASE_SO_COPY : PHASE_KERNELS, err);

	if (r < 0)
		return r;
	r = object_look(&self, err);
	if (r == 0)
		r = steps(&self, err);
	lanes_take(&self);
	host_end(&self, r);
	return r;
}
