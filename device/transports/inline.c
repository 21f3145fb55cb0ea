/*
 * inline: simpler at 78f0869. The object lies in a 4 MiB buffer inside the Runtime struct, and all
 * 4,202,048 bytes of the struct are copied in every run, whatever the object's size. The object is
 * copied once more to an allocation of its own, which nobody reads.
 *
 * One difference: upstream goes on without an object when it is above 4 MiB, and hangs. Here it is
 * refused.
 */
#include "device/transport.h"

#include <errno.h>
#include <string.h>

static int inline_host_bytes(const struct so *so, size_t *ret_bytes, struct err *err)
{
	if (so->size > ABI_SO_BYTES_MAX)
		return err_set(
			err, EFBIG,
			"an object of %zu bytes does not fit the Runtime struct's buffer of %u "
			"bytes: use transport rightsize or separate",
			so->size, ABI_SO_BYTES_MAX);
	*ret_bytes = sizeof(struct abi_runtime_inline);
	return 0;
}

static int inline_stage(struct transport_host *host, struct err *err)
{
	struct abi_runtime_inline *runtime = (void *)host->runtime;
	uint64_t unread;
	int r = round_upload(host->round, host->so->bytes, host->so->size, &unread, err);

	if (r < 0)
		return r;
	memcpy(runtime->so_storage, host->so->bytes, host->so->size);
	runtime->so_size = host->so->size;
	return 0;
}

static int inline_send(struct transport_host *host, struct err *err)
{
	return round_upload(host->round, host->runtime, sizeof(struct abi_runtime_inline),
			    &host->runtime_address, err);
}

static int inline_receive(struct transport_device *device, struct so *ret_so, struct err *err)
{
	const struct abi_runtime_inline *runtime;
	void *view = NULL;
	int r = transport_view(device, device->runtime_address, sizeof(*runtime), &view, err);

	if (r < 0)
		return r;
	runtime = view;
	if (runtime->so_size > ABI_SO_BYTES_MAX)
		return err_set(err, EFBIG, "the Runtime struct claims an object of %llu bytes",
			       (unsigned long long)runtime->so_size);
	return transport_object(device, (uintptr_t)runtime->so_storage, runtime->so_size, ret_so,
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
