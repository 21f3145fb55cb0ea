/*
 * separate: a Runtime struct of 7,744 bytes with a pointer, and the object in an allocation and a
 * copy of its own. It begins at a page, so a loader may map it where it lies.
 *
 * The pointer takes the first slot of the host API: function pointers of the host, which mean
 * nothing on the device. So the struct keeps the size it has without the buffer.
 */
#include "device/transport.h"

static int separate_host_bytes(const struct transport_host *host, size_t *ret_bytes,
			       struct err *err)
{
	(void)err;
	*ret_bytes = transport_runtime_bytes(host->workers);
	return 0;
}

static int separate_stage(struct transport_host *host, struct err *err)
{
	struct abi_fields *fields = transport_fields(host);
	const struct so *so = host->so;
	uint64_t address;
	int r = round_alloc(host->round, so->size, MEMORY_PAGE_ALIGN, &address, err);

	if (r < 0)
		return r;
	fields->host_api.functions[0] = address;
	fields->so_size = so->size;
	return dma_write(host->round->dma, address, so->bytes, so->size, err);
}

static int separate_send(struct transport_host *host, struct err *err)
{
	return round_upload(host->round, host->runtime, transport_runtime_bytes(host->workers),
			    &host->runtime_address, err);
}

static int separate_receive(struct transport_device *device, struct so *ret_so, struct err *err)
{
	const struct abi_fields *fields = NULL;
	int r = transport_fields_view(device, &fields, err);

	if (r < 0)
		return r;
	return transport_object_received(device, fields->host_api.functions[0], fields->so_size,
					 ret_so, err);
}

const struct transport transport_separate = {
	.name = "separate",
	.summary = "7,744 bytes with a pointer per run; the object in a copy of its own",
	.host_bytes = separate_host_bytes,
	.stage = separate_stage,
	.send = separate_send,
	.receive = separate_receive,
};
