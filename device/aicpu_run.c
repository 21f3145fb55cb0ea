/*
 * One request on the orchestrating thread. A run goes in upstream's order: greet the cores, read,
 * load, resolve, configure, create the runtime, orchestrate, drain, destroy, unload. Others only
 * load or unload. Every failure ends in the same clean-up, and schedulers are always sent home.
 */
#include "device/aicpu_state.h"

#include "device/graph.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct timeline *lane(struct aicpu *aicpu)
{
	return aicpu_lane(aicpu, aicpu->orchestrator);
}

static const struct device_kernel *kernel_find(const struct aicpu *aicpu, const char *name)
{
	const struct device_kernel *kernel = aicpu->program->kernels;

	for (; kernel && kernel->name; kernel++) {
		if (strcmp(kernel->name, name) == 0)
			return kernel;
	}
	return NULL;
}

/* The kernel addresses of the Runtime struct lead to descriptors, those to linked functions. */
static int kernels_resolve(struct aicpu *aicpu, struct err *err)
{
	for (int id = 0; id < ABI_KERNELS_MAX; id++) {
		uint64_t address = aicpu->view->func_id_to_addr[id];
		const struct device_kernel *kernel;
		struct control_kernel descriptor;
		void *bytes = NULL;
		int r;

		aicpu->functions[id] = 0;
		if (address == 0)
			continue;
		r = transport_received(&aicpu->device, address, sizeof(descriptor), &bytes, err);
		if (r < 0)
			return err_prefix(err, r, "kernel %d", id);
		memcpy(&descriptor, bytes, sizeof(descriptor));
		descriptor.name[sizeof(descriptor.name) - 1] = '\0';
		kernel = kernel_find(aicpu, descriptor.name);
		if (!kernel)
			return err_set(err, ENOENT, "kernel '%s' is not known to this device",
				       descriptor.name);
		aicpu->functions[id] = (uintptr_t)kernel->function;
	}
	return 0;
}

/* Copies what is used more than once out of the Runtime struct: others can write where it lies. */
static int aicpu_struct_read(struct aicpu *aicpu, struct err *err)
{
	struct abi_fields *fields;
	void *view = NULL;
	int r;

	r = transport_received(&aicpu->device, aicpu->device.runtime_address,
			       transport_runtime_bytes(aicpu->variant->workers), &view, err);
	if (r < 0)
		return err_prefix(err, r, "the Runtime struct");
	aicpu->workers = view;
	fields = (struct abi_fields *)(aicpu->workers + aicpu->variant->workers);
	aicpu->view = fields;
	aicpu->entry = (struct runtime_entry){
		.args = fields->orch_args,
		.arg_count = fields->orch_arg_count,
	};
	if (aicpu->entry.arg_count < 0 || aicpu->entry.arg_count > ABI_ARGS_MAX)
		return err_set(err, EINVAL, "the Runtime struct claims %d arguments",
			       aicpu->entry.arg_count);
	return 0;
}

static int cores_greet(struct aicpu *aicpu, struct err *err)
{
	int r;

	timeline_enter(lane(aicpu), PHASE_HANDSHAKE);
	r = aicpu_struct_read(aicpu, err);
	if (r == 0)
		r = kernels_resolve(aicpu, err);
	if (r == 0)
		r = aicore_greet(aicpu->cores, aicpu->workers, aicpu->variant->workers, err);
	aicpu->greeted = r == 0;
	return r;
}

/* host_build_graph: the struct goes on with the tasks. */
static int graph_read(struct aicpu *aicpu, struct err *err)
{
	void *view = NULL;
	int r;

	timeline_enter(lane(aicpu), PHASE_READ);
	r = transport_received(&aicpu->device, (uintptr_t)(aicpu->view + 1),
			       sizeof(struct graph_table), &view, err);
	if (r == 0)
		aicpu->entry.graph = view;
	return r < 0 ? err_prefix(err, r, "the tasks") : 0;
}

/* The first call into the object. */
static int object_configure(struct aicpu *aicpu, struct err *err)
{
	struct abi_config config;

	timeline_enter(lane(aicpu), PHASE_CALL);
	if (!aicpu->callable->configure)
		return 0;
	config = aicpu->callable->configure(aicpu->entry.args, aicpu->entry.arg_count);
	aicpu->control->answer.expected_args = config.expected_arg_count;
	if (config.expected_arg_count > 0 && aicpu->entry.arg_count < config.expected_arg_count)
		return err_set(err, EINVAL, "the object expects %d arguments and got %d",
			       config.expected_arg_count, aicpu->entry.arg_count);
	return 0;
}

/* The object in its place, brought or found, and this run's arguments for it. */
static int object_prepare(struct aicpu *aicpu, struct err *err)
{
	const struct runtime_entry *functions;
	int r = aicpu->control->request.load ? aicpu_object_load(aicpu, err)
					     : aicpu_object_find(aicpu, err);

	if (r < 0)
		return r;
	functions = &aicpu->callable->entry;
	aicpu->entry.entry = functions->entry;
	aicpu->entry.entry_rt = functions->entry_rt;
	aicpu->entry.bind = functions->bind;
	return object_configure(aicpu, err);
}

/* Called between submits: kept, and printed when nothing is timed any more. */
static void object_says(void *context, enum log_level level, const char *function, const char *text)
{
	struct aicpu *aicpu = context;
	size_t rest = sizeof(aicpu->log) - aicpu->log_used;
	int n;

	if (level > log_level)
		return;
	n = snprintf(aicpu->log + aicpu->log_used, rest, "%s: %s\n", function, text);
	if (n > 0 && (size_t)n < rest)
		aicpu->log_used += (size_t)n;
	else
		aicpu->log[aicpu->log_used] = '\0';
}

static int runtime_make(struct aicpu *aicpu, struct err *err)
{
	struct runtime_resources resources = {
		.shared_bytes = runtime_shared_bytes(&aicpu->config),
		.heap_bytes = runtime_heap_bytes(&aicpu->config),
		.functions = aicpu->functions,
		.cores = aicpu->cores,
		.beats = &aicpu->control->beats,
		.log = object_says,
		.log_context = aicpu,
	};
	int r;

	timeline_enter(lane(aicpu), PHASE_CREATE);
	r = transport_view(&aicpu->device, aicpu->view->sm_ptr, resources.shared_bytes,
			   &resources.shared, err);
	if (r == 0)
		r = transport_view(&aicpu->device, aicpu->view->heap_ptr, resources.heap_bytes,
				   &resources.heap, err);
	return r < 0 ? r : runtime_create(&aicpu->config, &resources, &aicpu->rt, err);
}

/* Every scheduler leaves in every run, so that the next can begin. */
static void schedulers_wait(struct aicpu *aicpu, uint32_t left_before)
{
	uint32_t left;

	while ((left = bell_count(&aicpu->left)) - left_before < aicpu->orchestrator)
		bell_wait(&aicpu->left, left, UINT64_MAX);
}

static int run_steps(struct aicpu *aicpu, struct err *err)
{
	int r;

	r = cores_greet(aicpu, err);
	if (r < 0)
		return r;
	r = aicpu->variant->host_builds ? graph_read(aicpu, err) : object_prepare(aicpu, err);
	if (r < 0)
		return r;
	r = runtime_make(aicpu, err);
	if (r < 0)
		return r;
	runtime_gate_open(&aicpu->gate, aicpu->rt);
	timeline_enter(lane(aicpu), PHASE_ORCHESTRATE);
	r = runtime_orchestrate(aicpu->rt, &aicpu->entry, err);
	if (r < 0)
		return r;
	timeline_enter(lane(aicpu), PHASE_DRAIN);
	return runtime_drain(aicpu->rt, err);
}

/* A failed load has been cleaned up by the loader's core already: the phase that failed is the last
 * one before that. */
static uint32_t phase_failed(const struct timeline *time)
{
	uint32_t phase = time->phase;

	for (uint32_t i = time->span_count; i > 0; i--) {
		phase = time->spans[i - 1].phase;
		if (phase != PHASE_UNLOAD && phase != PHASE_UNSTAGE && phase != PHASE_CHECK)
			break;
	}
	return phase;
}

static void failure_note(struct aicpu *aicpu, int code, const struct err *err)
{
	struct control_answer *answer = &aicpu->control->answer;

	if (answer->code < 0)
		return;
	answer->failed_phase = phase_failed(lane(aicpu));
	answer->err = *err;
	answer->code = code;
}

/* Undoes whatever was reached. After a failure nothing is kept: what state the object is in, nobody
 * knows. */
static void clean(struct aicpu *aicpu)
{
	struct control_answer *answer = &aicpu->control->answer;
	/* Half of the host's patience: a kernel that hangs is named before the host gives up. */
	uint64_t timeout_ns = aicpu->control->setup.timeout_ns / 2;
	struct err err = { "" };
	int r;

	r = aicpu->greeted ? aicore_release(aicpu->cores, timeout_ns, &err) : 0;
	aicpu->greeted = false;
	if (r < 0) {
		failure_note(aicpu, r, &err);
		answer->leaves = true; /* a kernel still uses the run's memory */
		return;
	}
	if (aicpu->rt)
		runtime_count(aicpu->rt, &answer->counters);
	runtime_destroy(aicpu->rt);
	aicpu->rt = NULL;
	aicpu_object_judge_again(aicpu);
	if (answer->code < 0 || !aicpu->control->request.keep)
		aicpu_object_unload(aicpu);
}

static void run(struct aicpu *aicpu)
{
	uint32_t left_before = bell_count(&aicpu->left);
	struct err err = { "" };
	int r;

	r = run_steps(aicpu, &err);
	if (r < 0) {
		failure_note(aicpu, r, &err);
		if (aicpu->rt)
			runtime_fail(aicpu->rt, -r, "%s", err.text);
		else
			runtime_gate_stop(&aicpu->gate, r, &err);
		timeline_enter(lane(aicpu), PHASE_DRAIN);
	}
	schedulers_wait(aicpu, left_before);
	timeline_enter(lane(aicpu), PHASE_DESTROY);
	clean(aicpu);
	runtime_gate_reset(&aicpu->gate);
}

static void load(struct aicpu *aicpu)
{
	struct err err = { "" };
	int r;

	timeline_enter(lane(aicpu), PHASE_READ);
	r = aicpu_struct_read(aicpu, &err);
	if (r == 0)
		r = aicpu_object_load(aicpu, &err);
	if (r < 0) {
		failure_note(aicpu, r, &err);
		clean(aicpu);
	}
}

static void unload(struct aicpu *aicpu)
{
	uint32_t number = aicpu->control->request.callable;

	if (number < DEVICE_CALLABLES_MAX)
		aicpu->callable = &aicpu->callables[number];
	aicpu_object_unload(aicpu);
}

void aicpu_serve(struct aicpu *aicpu)
{
	const struct control_request *request = &aicpu->control->request;

	memset(&aicpu->control->answer, 0, sizeof(aicpu->control->answer));
	aicpu->device.runtime_address = request->runtime_address;
	aicpu->device.lines = 0;
	aicpu->callable = NULL;
	aicpu->log_used = 0;
	timeline_begin(lane(aicpu), PHASE_OTHER);
	if (request->run)
		run(aicpu);
	else if (request->load)
		load(aicpu);
	else
		unload(aicpu);
	aicpu->control->answer.lines = aicpu->device.lines;
	timeline_end(lane(aicpu));
}
