/* The registry of transports, and the checked view of device memory they share. */
#include "device/transport.h"

#include "base/text.h"
#include "device/cache.h"

#include <errno.h>
#include <string.h>

#define TRANSPORT(id) extern const struct transport transport_##id;
#include "device/transports.def"
#undef TRANSPORT

const struct transport *const transports[] = {
#define TRANSPORT(id) &transport_##id,
#include "device/transports.def"
#undef TRANSPORT
	NULL,
};

static const char *const transport_names[] = {
#define TRANSPORT(id) #id,
#include "device/transports.def"
#undef TRANSPORT
	NULL,
};

const struct transport *transport_find(const char *name, struct err *err)
{
	char hint[80];

	for (const struct transport *const *transport = transports; *transport; transport++) {
		if (strcmp((*transport)->name, name) == 0)
			return *transport;
	}
	text_suggest(name, strlen(name), transport_names, hint, sizeof(hint));
	err_set(err, EINVAL, "unknown transport '%s'%s", name,
		hint[0] ? hint : " (see: soload list transports)");
	return NULL;
}

int transport_view(const struct transport_device *device, uint64_t address, uint64_t bytes,
		   void **ret_bytes, struct err *err)
{
	uint64_t base = (uintptr_t)device->memory;

	if (address < base || address - base > device->memory_bytes ||
	    bytes > device->memory_bytes - (address - base))
		return err_set(err, EFAULT, "%llu bytes at 0x%llx are not device memory",
			       (unsigned long long)bytes, (unsigned long long)address);
	*ret_bytes = device->memory + (address - base);
	return 0;
}

int transport_received(struct transport_device *device, uint64_t address, uint64_t bytes,
		       void **ret_bytes, struct err *err)
{
	enum phase phase = device->time ? (enum phase)device->time->phase : PHASE_OTHER;
	void *view = NULL;
	int r = transport_view(device, address, bytes, &view, err);

	if (r < 0)
		return r;
	if (device->incoherent) {
		timeline_enter(device->time, PHASE_INVALIDATE);
		device->lines += cache_invalidate(view, bytes);
		timeline_enter(device->time, phase);
	}
	*ret_bytes = view;
	return 0;
}

int transport_fields_view(const struct transport_device *device,
			  const struct abi_fields **ret_fields, struct err *err)
{
	void *view = NULL;
	int r = transport_view(device, device->runtime_address,
			       transport_runtime_bytes(device->workers), &view, err);

	if (r == 0)
		*ret_fields =
			(const struct abi_fields *)((struct abi_handshake *)view + device->workers);
	return r;
}

int transport_object(const struct transport_device *device, uint64_t address, uint64_t size,
		     struct so *ret_so, struct err *err)
{
	void *bytes = NULL;
	int r;

	if (size == 0)
		return err_set(err, ENODATA, "the Runtime struct holds no object");
	r = transport_view(device, address, size, &bytes, err);
	if (r < 0)
		return err_prefix(err, r, "the object");
	ret_so->bytes = bytes;
	ret_so->size = size;
	ret_so->fd = device->memory_fd;
	ret_so->offset = (uint8_t *)bytes - device->memory;
	return 0;
}

int transport_object_received(struct transport_device *device, uint64_t address, uint64_t size,
			      struct so *ret_so, struct err *err)
{
	void *bytes = NULL;
	int r = 0;

	if (size > 0)
		r = transport_received(device, address, size, &bytes, err);
	if (r < 0)
		return err_prefix(err, r, "the object");
	return transport_object(device, address, size, ret_so, err);
}
