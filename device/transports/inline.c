/*
 * inline: simpler at 78f0869. The object lies in a 4 MiB buffer inside the Runtime struct, and all
 * 4,202,048 bytes of the struct (4,204,352 on a5) are copied in every run, whatever the object's
 * size. The object is copied once more to an allocation of its own, which nobody reads.
 *
 * One difference: upstream goes on without an object when it is above 4 MiB, and hangs. Here it is
 * refused.
 */
#include "device/transport.h"

#include <errno.h>
#include <string.h>

static size_t inline_bytes(unsigned int workers)
{
	return workers * sizeof(struct abi_handshake) + sizeof(struct abi_fields_inline);
}

static int inline_host_bytes(const struct transport_host *host, size_t *ret_bytes, struct err *err)
{
	if (host->so && host->so->size > ABI_SO_BYTES_MAX)
		return err_set(
			err, EFBIG,
			"an object of %zu bytes does not fit the Runtime struct's buffer of %u "
			"bytes: use transport rightsize or separate",
			host->so->size, ABI_SO_BYTES_MAX);
	*ret_bytes = inline_bytes(host->workers);
	return 0;
}

static int inline_stage(struct transport_host *host, struct err *err)
{
	struct abi_fields_inline *fields = (void *)transport_fields(host);
	uint64_t unread;
	int r = round_upload(host->round, host->so->bytes, host->so->size, &unread, err);

	if (r < 0)
		return r;
	memcpy(fields->so_storage, host->so->bytes, host->so->size);
	fields->so_size = host->so->size;
	return 0;
}

static int inline_send(struct transport_host *host, struct err *err)
{
	return round_upload(host->round, host->runtime, inline_bytes(host->workers),
			    &host->runtime_address, err);
}

/* The core has received as much of the struct as there is of one without the buffer. */
static int inline_receive(struct transport_device *device, struct so *ret_so, struct err *err)
{
	const size_t begin = transport_runtime_bytes(device->workers);
	const struct abi_fields *shared = NULL;
	const struct abi_fields_inline *fields;
	void *rest = NULL;
	int r = transport_received(device, device->runtime_address + begin,
				   inline_bytes(device->workers) - begin, &rest, err);

	if (r == 0)
		r = transport_fields_view(device, &shared, err);
	if (r < 0)
		return r;
	fields = (const void *)shared;
	if (fields->so_size > ABI_SO_BYTES_MAX)
		return err_set(err, EFBIG, "the Runtime struct claims an object of %llu bytes",
			       (unsigned long long)fields->so_size);
	return transport_object(device, (uintptr_t)fields->so_storage, fields->so_size, ret_so,
				err);
}

const struct transport transport_inline = {
	.name = "inline",
	.summary = "4,202,048 bytes per run: the object in a 4 MiB buffer of the Runtime struct",
	.host_bytes = inline_host_bytes,
	.stage = inline_stage,
	.send = inline_send,
	.receive = inline_receive,
};
