/*
 * trimmed: as rightsize, but the object travels as a parcel (device/parcel.h): without debug
 * information and symbol tables, without runs of zeros. The AICPU opens it in device memory beside.
 *
 * An object is packed once: the host keeps the parcels of the last objects by their identity.
 */
#include "device/parcel.h"
#include "device/transport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PARCELS_MAX 64 /* as many as simpler has callables */

/* Where the host API's slots, which mean nothing on the device, lead to. */
enum { SLOT_OPENED, SLOT_PARCEL_BYTES };

struct kept_parcel {
	uint64_t id, generation; /* id 0: free */
	uint64_t used;		 /* when, in rounds */
	struct parcel_size size;
	void *parcel;
};

struct trimmed_state {
	uint64_t round;
	struct kept_parcel parcels[PARCELS_MAX];
};

static int trimmed_host_bytes(const struct transport_host *host, size_t *ret_bytes, struct err *err)
{
	(void)err;
	*ret_bytes = transport_runtime_bytes(host->workers);
	if (host->so)
		*ret_bytes += parcel_bytes_max(host->so->size);
	return 0;
}

static struct kept_parcel *parcel_find(struct trimmed_state *state, const struct so *so)
{
	struct kept_parcel *oldest = &state->parcels[0];

	for (int i = 0; i < PARCELS_MAX; i++) {
		struct kept_parcel *kept = &state->parcels[i];

		if (kept->id == so->id && kept->generation == so->generation)
			return kept;
		if (kept->used < oldest->used)
			oldest = kept;
	}
	return oldest;
}

static int parcel_keep(struct kept_parcel *kept, const struct so *so, struct err *err)
{
	void *parcel;
	int r;

	if (kept->id == so->id && kept->generation == so->generation)
		return 0;
	free(kept->parcel);
	*kept = (struct kept_parcel){ 0 };
	parcel = malloc(parcel_bytes_max(so->size));
	if (!parcel)
		return err_set(err, ENOMEM, "no memory for a parcel of %zu bytes", so->size);
	r = parcel_pack(so->bytes, so->size, parcel, &kept->size, err);
	if (r < 0) {
		free(parcel);
		return r;
	}
	kept->parcel = parcel;
	kept->id = so->id;
	kept->generation = so->generation;
	return 0;
}

static int trimmed_stage(struct transport_host *host, struct err *err)
{
	struct trimmed_state *state = host->state;
	struct abi_fields *fields = transport_fields(host);
	struct kept_parcel *kept = parcel_find(state, host->so);
	int r = parcel_keep(kept, host->so, err);

	if (r < 0)
		return r;
	kept->used = ++state->round;
	memcpy((uint8_t *)host->runtime + transport_runtime_bytes(host->workers), kept->parcel,
	       kept->size.bytes);
	fields->so_size = kept->size.object_bytes;
	fields->host_api.functions[SLOT_PARCEL_BYTES] = kept->size.bytes;
	return round_alloc(host->round, kept->size.object_bytes, MEMORY_PAGE_ALIGN,
			   &fields->host_api.functions[SLOT_OPENED], err);
}

static int trimmed_send(struct transport_host *host, struct err *err)
{
	uint64_t bytes = transport_runtime_bytes(host->workers) +
			 transport_fields(host)->host_api.functions[SLOT_PARCEL_BYTES];

	return round_upload(host->round, host->runtime, bytes, &host->runtime_address, err);
}

static int trimmed_receive(struct transport_device *device, struct so *ret_so, struct err *err)
{
	const struct abi_fields *fields = NULL;
	struct so so = *ret_so;
	void *parcel = NULL;
	uint64_t address = device->runtime_address + transport_runtime_bytes(device->workers);
	uint64_t bytes;
	int r = transport_fields_view(device, &fields, err);

	if (r < 0)
		return r;
	bytes = fields->host_api.functions[SLOT_PARCEL_BYTES];
	r = transport_received(device, address, bytes, &parcel, err);
	if (r < 0)
		return err_prefix(err, r, "the parcel");
	r = transport_object(device, fields->host_api.functions[SLOT_OPENED], fields->so_size, &so,
			     err);
	if (r == 0)
		r = parcel_unpack(parcel, bytes, (void *)(uintptr_t)so.bytes, so.size, err);
	if (r == 0)
		*ret_so = so;
	return r;
}

static void trimmed_release(void *host_state)
{
	struct trimmed_state *state = host_state;

	for (int i = 0; i < PARCELS_MAX; i++)
		free(state->parcels[i].parcel);
	memset(state, 0, sizeof(*state));
}

const struct transport transport_trimmed = {
	.name = "trimmed",
	.summary = "as rightsize, but only what a loader maps, and no runs of zeros",
	.host_state_size = sizeof(struct trimmed_state),
	.host_bytes = trimmed_host_bytes,
	.stage = trimmed_stage,
	.send = trimmed_send,
	.receive = trimmed_receive,
	.release = trimmed_release,
};
