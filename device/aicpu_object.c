/*
 * Objects on the AICPU: each has a place in a table, is brought into it by the loader, found there
 * by later runs, and taken out again. What is found is compared with what was loaded, every time.
 */
#include "device/aicpu_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static struct timeline *lane(struct aicpu *aicpu)
{
	return aicpu_lane(aicpu, aicpu->orchestrator);
}

static int place_find(struct aicpu *aicpu, struct err *err)
{
	uint32_t number = aicpu->control->request.callable;

	if (number >= DEVICE_CALLABLES_MAX)
		return err_set(err, EINVAL, "object %u: a device has places for %d", number,
			       DEVICE_CALLABLES_MAX);
	aicpu->callable = &aicpu->callables[number];
	if (!aicpu->callable->image)
		aicpu->callable->image = image_new(aicpu->loader);
	return aicpu->callable->image ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int object_read(struct aicpu *aicpu, struct err *err)
{
	const struct control_request *request = &aicpu->control->request;
	struct aicpu_callable *callable = aicpu->callable;
	int r;

	timeline_enter(lane(aicpu), PHASE_READ);
	memcpy(callable->path, request->object_path, sizeof(callable->path) - 1);
	callable->so = (struct so){
		.path = callable->path[0] ? callable->path : NULL,
		.fd = -1,
		.id = request->object_id,
		.generation = request->object_generation,
		.linked_at = request->object_linked_at,
		.linked = aicpu->program->linked,
	};
	r = aicpu->transport->receive(&aicpu->device, &callable->so, err);
	if (!request->bytes_stay)
		callable->so.fd = -1; /* nothing may be mapped that will be something else */
	return r;
}

static void image_judge(struct aicpu *aicpu)
{
	struct control_answer *answer = &aicpu->control->answer;
	const struct image *image = aicpu->callable->image;

	timeline_enter(lane(aicpu), PHASE_CHECK);
	freshness_check(image, &answer->verdict);
	answer->report = image->report;
	if (answer->report.staged_at)
		snprintf(answer->staged_at, sizeof(answer->staged_at), "%s",
			 answer->report.staged_at);
	if (answer->report.note)
		snprintf(answer->note, sizeof(answer->note), "%s", answer->report.note);
	answer->judged = true;
}

/* The bytes are gone by the time a kept image is judged again. */
static int copy_keep(struct aicpu *aicpu, struct err *err)
{
	struct aicpu_callable *callable = aicpu->callable;

	if (!aicpu->control->request.keep)
		return 0;
	callable->copy = malloc(callable->so.size);
	if (!callable->copy)
		return err_set(err, ENOMEM, "no memory for a copy of %zu bytes", callable->so.size);
	memcpy(callable->copy, callable->so.bytes, callable->so.size);
	callable->so.bytes = callable->copy;
	return 0;
}

/* Absent is fine for an optional symbol: upstream only mentions it. */
static int symbol_optional(struct aicpu *aicpu, const char *name, uintptr_t *ret_address,
			   struct err *err)
{
	void *address = NULL;
	int r = image_symbol(aicpu->callable->image, name, &address, err);

	if (r < 0 && r != -ENOENT)
		return r;
	*ret_address = r == 0 ? (uintptr_t)address : 0;
	return 0;
}

static int symbols_resolve(struct aicpu *aicpu, struct err *err)
{
	struct aicpu_callable *callable = aicpu->callable;
	uintptr_t configure = 0, bind = 0;
	void *entry = NULL;
	int r;

	r = symbol_optional(aicpu, ABI_CONFIG_SYMBOL, &configure, err);
	if (r < 0)
		return r;
	r = image_symbol(callable->image, ABI_ENTRY_SYMBOL, &entry, err);
	if (r == -ENOENT || (r == 0 && !entry))
		return err_set(err, ENOENT,
			       "no symbol '" ABI_ENTRY_SYMBOL
			       "': not an orchestration object for %s %s",
			       aicpu->variant->platform, aicpu->variant->runtime);
	if (r < 0)
		return r;
	if (aicpu->variant->has_bind)
		r = symbol_optional(aicpu, ABI_BIND_SYMBOL, &bind, err);
	if (r < 0)
		return r;
	callable->configure = (abi_config_function)configure;
	if (aicpu->variant->has_bind)
		callable->entry.entry = (abi_entry_function)(uintptr_t)entry;
	else
		callable->entry.entry_rt = (abi_entry_rt_function)(uintptr_t)entry;
	callable->entry.bind = (abi_bind_function)bind;
	return 0;
}

/* Page faults of this thread so far. The look belongs to no phase of the load. */
static int64_t faults_look(struct aicpu *aicpu)
{
	struct rusage usage = { .ru_minflt = 0 };

	timeline_enter(lane(aicpu), PHASE_CHECK);
	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_minflt;
}

int aicpu_object_load(struct aicpu *aicpu, struct err *err)
{
	int64_t *faults = &aicpu->control->answer.minflt;
	int r = place_find(aicpu, err);

	if (r < 0)
		return r;
	aicpu_object_unload(aicpu);
	*faults -= faults_look(aicpu);
	r = object_read(aicpu, err);
	if (r == 0)
		r = image_load(aicpu->callable->image, &aicpu->callable->so, lane(aicpu), err);
	if (r < 0)
		return r;
	*faults += faults_look(aicpu);
	image_judge(aicpu);
	r = copy_keep(aicpu, err);
	if (r < 0)
		return r;
	*faults -= faults_look(aicpu);
	r = symbols_resolve(aicpu, err);
	*faults += faults_look(aicpu);
	return r;
}

int aicpu_object_find(struct aicpu *aicpu, struct err *err)
{
	const struct control_request *request = &aicpu->control->request;
	struct image *image;
	int r = place_find(aicpu, err);

	if (r < 0)
		return r;
	image = aicpu->callable->image;
	if (!image->loaded || aicpu->callable->so.id != request->object_id ||
	    aicpu->callable->so.generation != request->object_generation)
		return err_set(err, ESTALE, "object %u of the device is %s", request->callable,
			       image->loaded ? "another than the host believes" : "not loaded");
	/* Nothing was loaded or staged for this run. */
	image->report.hit = true;
	image->report.load_bytes = 0;
	image->report.staged_at = NULL;
	image_judge(aicpu);
	return 0;
}

void aicpu_object_judge_again(struct aicpu *aicpu)
{
	struct control_answer *answer = &aicpu->control->answer;
	struct freshness_verdict verdict;

	if (!aicpu->control->setup.chip || !answer->judged ||
	    answer->verdict.freshness == FRESHNESS_STALE)
		return;
	timeline_enter(lane(aicpu), PHASE_CHECK);
	freshness_check(aicpu->callable->image, &verdict);
	if (verdict.freshness != FRESHNESS_STALE)
		return;
	snprintf(verdict.reason, sizeof(verdict.reason),
		 "right when it was loaded, overwritten while it ran");
	answer->verdict = verdict;
}

void aicpu_object_unload(struct aicpu *aicpu)
{
	struct aicpu_callable *callable = aicpu->callable;

	if (!callable || !callable->image)
		return;
	if (callable->image->loaded) {
		callable->image->time = lane(aicpu);
		aicpu->control->answer.minflt -= faults_look(aicpu);
		image_unload(callable->image);
		aicpu->control->answer.minflt += faults_look(aicpu);
	}
	free(callable->copy);
	callable->copy = NULL;
	callable->configure = NULL;
	callable->entry = (struct runtime_entry){ .args = NULL };
}

void aicpu_objects_free(struct aicpu *aicpu)
{
	for (int i = 0; i < DEVICE_CALLABLES_MAX; i++) {
		aicpu->callable = &aicpu->callables[i];
		aicpu_object_unload(aicpu);
		image_free(aicpu->callable->image);
		aicpu->callable->image = NULL;
	}
}
