/*
 * rightsize: the object follows the Runtime struct directly, and both are one copy of their real
 * length: the smallest number of copies, and no byte that nobody reads.
 */
#include "device/transport.h"

#include <errno.h>
#include <string.h>

static size_t rightsize_bytes(const struct transport_host *host)
{
	return transport_runtime_bytes(host->workers) + (host->so ? host->so->size : 0);
}

static int rightsize_host_bytes(const struct transport_host *host, size_t *ret_bytes,
				struct err *err)
{
	(void)err;
	*ret_bytes = rightsize_bytes(host);
	return 0;
}

static int rightsize_stage(struct transport_host *host, struct err *err)
{
	(void)err;
	memcpy((uint8_t *)host->runtime + transport_runtime_bytes(host->workers), host->so->bytes,
	       host->so->size);
	transport_fields(host)->so_size = host->so->size;
	return 0;
}

static int rightsize_send(struct transport_host *host, struct err *err)
{
	return round_upload(host->round, host->runtime, rightsize_bytes(host),
			    &host->runtime_address, err);
}

static int rightsize_receive(struct transport_device *device, struct so *ret_so, struct err *err)
{
	const struct abi_fields *fields = NULL;
	int r = transport_fields_view(device, &fields, err);

	if (r < 0)
		return r;
	return transport_object_received(device, (uintptr_t)(fields + 1), fields->so_size, ret_so,
					 err);
}

const struct transport transport_rightsize = {
	.name = "rightsize",
	.summary = "7,744 bytes and the object per run, as one copy",
	.host_bytes = rightsize_host_bytes,
	.stage = rightsize_stage,
	.send = rightsize_send,
	.receive = rightsize_receive,
};
