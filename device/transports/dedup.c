/*
 * dedup: content the device already has is not sent again. The caller's identity decides, hashed
 * once when the object was registered; the bytes are not looked at. Every run sends the Runtime
 * struct of 7,744 bytes alone.
 *
 * The host keeps the last objects in device memory, and gives the oldest up for a new one when its
 * list or the memory is full. A device that was started anew has nothing. Behind every object its
 * identity is written down, and the device looks whether the host and its memory mean the same.
 * An object is new to the device until a round got past receiving it: one that failed before, or
 * never began, has left the device's cache as it was.
 */
#include "device/transport.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define OBJECTS_MAX 64 /* as many as simpler has callables */
#define LABEL_MAGIC UINT64_C(0x6c6162656c303031)

/* Where the host API's slots, which mean nothing on the device, lead to. */
enum { SLOT_OBJECT, SLOT_ID, SLOT_GENERATION, SLOT_IS_NEW };

/* Behind the object, at the next multiple of 8. */
struct label {
	uint64_t magic, id, generation, bytes;
};

struct kept_object {
	uint64_t id, generation; /* id 0: free */
	uint64_t address;
	uint64_t used; /* when, in rounds */
	bool received; /* by the device, not only sent */
};

struct dedup_state {
	struct memory *memory; /* of the objects */
	uint64_t round;
	struct kept_object objects[OBJECTS_MAX], *staged; /* the last one */
};

static uint64_t label_offset(uint64_t bytes)
{
	return (bytes + 7) & ~UINT64_C(7);
}

static int dedup_host_bytes(const struct transport_host *host, size_t *ret_bytes, struct err *err)
{
	(void)err;
	*ret_bytes = transport_runtime_bytes(host->workers);
	return 0;
}

static void object_give_up(struct dedup_state *state, struct kept_object *kept)
{
	if (kept->id)
		memory_free(state->memory, kept->address, NULL);
	*kept = (struct kept_object){ 0 };
}

static struct kept_object *object_find(struct dedup_state *state, const struct so *so)
{
	for (int i = 0; i < OBJECTS_MAX; i++) {
		struct kept_object *kept = &state->objects[i];

		if (kept->id == so->id && kept->generation == so->generation)
			return kept;
	}
	return NULL;
}

/* The one used longest ago; with `used_only` a free one does not count. NULL when there is none. */
static struct kept_object *object_oldest(struct dedup_state *state, bool used_only)
{
	struct kept_object *oldest = NULL;

	for (int i = 0; i < OBJECTS_MAX; i++) {
		struct kept_object *kept = &state->objects[i];

		if (used_only && !kept->id)
			continue;
		if (!oldest || kept->used < oldest->used)
			oldest = kept;
	}
	return oldest;
}

/* Old objects make room until the new one fits. */
static int room_make(struct dedup_state *state, uint64_t bytes, uint64_t *ret_address,
		     struct err *err)
{
	for (;;) {
		int r = memory_alloc(state->memory, bytes, MEMORY_PAGE_ALIGN, ret_address, err);
		struct kept_object *oldest = object_oldest(state, true);

		if ((r != -ENOMEM && r != -ENOSPC) || !oldest)
			return r;
		object_give_up(state, oldest);
	}
}

static int object_send(struct transport_host *host, struct kept_object *kept, struct err *err)
{
	struct dedup_state *state = host->state;
	const struct so *so = host->so;
	struct label label = { LABEL_MAGIC, so->id, so->generation, so->size };
	uint64_t address, offset = label_offset(so->size);
	int r;

	object_give_up(state, kept);
	r = room_make(state, offset + sizeof(label), &address, err);
	if (r < 0)
		return r;
	r = dma_write(host->round->dma, address, so->bytes, so->size, err);
	if (r == 0)
		r = dma_write(host->round->dma, address + offset, &label, sizeof(label), err);
	if (r < 0) {
		memory_free(state->memory, address, NULL);
		return r;
	}
	*kept = (struct kept_object){ so->id, so->generation, address, 0, false };
	return 0;
}

static int dedup_stage(struct transport_host *host, struct err *err)
{
	struct dedup_state *state = host->state;
	struct abi_fields *fields = transport_fields(host);
	struct kept_object *kept = object_find(state, host->so);
	int r = 0;

	state->memory = host->round->memory;
	if (!kept) {
		kept = object_oldest(state, false);
		r = object_send(host, kept, err);
	}
	if (r < 0)
		return r;
	kept->used = ++state->round;
	state->staged = kept;
	fields->so_size = host->so->size;
	fields->host_api.functions[SLOT_OBJECT] = kept->address;
	fields->host_api.functions[SLOT_ID] = kept->id;
	fields->host_api.functions[SLOT_GENERATION] = kept->generation;
	fields->host_api.functions[SLOT_IS_NEW] = !kept->received;
	return 0;
}

static int dedup_send(struct transport_host *host, struct err *err)
{
	return round_upload(host->round, host->runtime, transport_runtime_bytes(host->workers),
			    &host->runtime_address, err);
}

/* An object that is new to the device came through DMA; an old one its cache may have. */
static int dedup_receive(struct transport_device *device, struct so *ret_so, struct err *err)
{
	const struct abi_fields *fields = NULL;
	struct label label;
	struct so so = *ret_so;
	void *view = NULL;
	uint64_t offset;
	int r = transport_fields_view(device, &fields, err);

	if (r < 0)
		return r;
	r = transport_object(device, fields->host_api.functions[SLOT_OBJECT], fields->so_size, &so,
			     err);
	if (r < 0)
		return r;
	offset = label_offset(so.size);
	if (fields->host_api.functions[SLOT_IS_NEW])
		r = transport_received(device, (uintptr_t)so.bytes, offset + sizeof(label), &view,
				       err);
	else
		r = transport_view(device, (uintptr_t)so.bytes, offset + sizeof(label), &view, err);
	if (r < 0)
		return err_prefix(err, r, "the object's label");
	memcpy(&label, (uint8_t *)view + offset, sizeof(label));
	if (label.magic != LABEL_MAGIC || label.bytes != so.size ||
	    label.id != fields->host_api.functions[SLOT_ID] ||
	    label.generation != fields->host_api.functions[SLOT_GENERATION])
		return err_set(err, ESTALE,
			       "the device has another object at 0x%llx than the host believes",
			       (unsigned long long)(uintptr_t)so.bytes);
	*ret_so = so;
	return 0;
}

static void dedup_received(void *host_state)
{
	struct dedup_state *state = host_state;

	if (state->staged)
		state->staged->received = true;
}

static void dedup_forget(void *host_state)
{
	struct dedup_state *state = host_state;

	for (int i = 0; i < OBJECTS_MAX; i++)
		object_give_up(state, &state->objects[i]);
	state->staged = NULL;
}

const struct transport transport_dedup = {
	.name = "dedup",
	.summary = "7,744 bytes per run; an object the device already has is not sent again",
	.host_state_size = sizeof(struct dedup_state),
	.host_bytes = dedup_host_bytes,
	.stage = dedup_stage,
	.send = dedup_send,
	.receive = dedup_receive,
	.received = dedup_received,
	.forget = dedup_forget,
	.release = dedup_forget,
};
