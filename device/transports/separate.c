/*
 * separate: a Runtime struct of 7,744 bytes with a pointer, and the object in an allocation and a
 * copy of its own. It begins at a page, so a loader may map it where it lies.
 *
 * The pointer takes the first slot of the host API: function pointers of the host, which mean
 * nothing on the device. So the struct keeps the size it has without the buffer.
 */
#include "device/transport.h"

static int separate_host_bytes(const struct so *so, size_t *ret_bytes, struct err *err)
{
	(void)so;
	(void)err;
	*ret_bytes = sizeof(struct abi_runtime_separate);
	return 0;
}

static int separate_stage(struct transport_host *host, struct err *err)
{
	const struct so *so = host->so;
	uint64_t address;
	int r = round_alloc(host->round, so->size, MEMORY_PAGE_ALIGN, &address, err);

	if (r < 0)
		return r;
	host->runtime->host_api.functions[0] = address;
	host->runtime->so_size = so->size;
	return dma_write(host->round->dma, address, so->bytes, so->size, err);
}

static int separate_send(struct transport_host *host, struct err *err)
{
	return round_upload(host->round, host->runtime, sizeof(*host->runtime),
			    &host->runtime_address, err);
}

static int separate_receive(struct transport_device *device, struct so *ret_so, struct err *err)
{
	const struct abi_runtime_separate *runtime;
	void *view = NULL;
	int r = transport_view(device, device->runtime_address, sizeof(*runtime), &view, err);

	if (r < 0)
		return r;
	runtime = view;
	return transport_object(device, runtime->host_api.functions[0], runtime->so_size, ret_so,
				err);
}

const struct transport transport_separate = {
	.name = "separate",
	.summary = "7,744 bytes with a pointer per run; the object in a copy of its own",
	.host_bytes = separate_host_bytes,
	.stage = separate_stage,
	.send = separate_send,
	.receive = separate_receive,
};
