/*
 * rightsize: the object follows the Runtime struct directly, and both are one copy of their real
 * length: the smallest number of copies, and no byte that nobody reads.
 */
#include "device/transport.h"

#include <errno.h>
#include <string.h>

static int rightsize_host_bytes(const struct so *so, size_t *ret_bytes, struct err *err)
{
	(void)err;
	*ret_bytes = sizeof(struct abi_runtime_separate) + so->size;
	return 0;
}

static int rightsize_stage(struct transport_host *host, struct err *err)
{
	(void)err;
	memcpy(host->runtime + 1, host->so->bytes, host->so->size);
	host->runtime->so_size = host->so->size;
	return 0;
}

static int rightsize_send(struct transport_host *host, struct err *err)
{
	return round_upload(host->round, host->runtime, sizeof(*host->runtime) + host->so->size,
			    &host->runtime_address, err);
}

static int rightsize_receive(struct transport_device *device, struct so *ret_so, struct err *err)
{
	const struct abi_runtime_separate *runtime;
	void *view = NULL;
	int r = transport_view(device, device->runtime_address, sizeof(*runtime), &view, err);

	if (r < 0)
		return r;
	runtime = view;
	return transport_object(device, (uintptr_t)(runtime + 1), runtime->so_size, ret_so, err);
}

const struct transport transport_rightsize = {
	.name = "rightsize",
	.summary = "7,744 bytes and the object per run, as one copy",
	.host_bytes = rightsize_host_bytes,
	.stage = rightsize_stage,
	.send = rightsize_send,
	.receive = rightsize_receive,
};
