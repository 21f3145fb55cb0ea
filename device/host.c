/* Devices and objects as the host has them: opening, closing, registering. Rounds are in
 * host_round.c, the process in host_process.c. */
#include "device/host.h"

#include "base/clock.h"
#include "device/host_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void object_identify(struct so *so)
{
	XXH128_hash_t hash = XXH3_128bits(so->bytes, so->size);

	so->id = hash.low64 ? hash.low64 : 1;
	so->generation = hash.high64 ? hash.high64 : 1;
}

int device_object_register(struct device_object *ret_object, const struct so *so, struct err *err)
{
	struct device_object object = { .so = *so };
	void *copy = malloc(so->size ? so->size : 1);
	uint64_t begin;

	if (!copy)
		return err_set(err, ENOMEM, "no memory for a copy of %zu bytes", so->size);
	memcpy(copy, so->bytes, so->size);
	object.so.bytes = copy;
	object.so.fd = -1;
	begin = clock_now_ns();
	object_identify(&object.so);
	object.register_ns = clock_now_ns() - begin;
	*ret_object = object;
	return 0;
}

void device_object_release(struct device_object *object)
{
	free((void *)(uintptr_t)object->so.bytes);
	*object = (struct device_object){ 0 };
}

static int device_build(struct device *device, struct err *err)
{
	struct device_options *options = &device->options;
	size_t state_size = options->transport->host_state_size;

	if (options->timeout_ns == 0)
		options->timeout_ns = DEVICE_TIMEOUT_NS;
	if (!options->when)
		options->when = &device_whens[0];
	if (device->variant->host_builds && options->when->early && !options->when->kept)
		return err_set(err, EINVAL,
			       "host_build_graph loads before it rings in any case: %s means "
			       "nothing there",
			       options->when->name);
	device->loader = strdup(options->loader);
	device->program = strdup(options->program ? options->program : "");
	device->transport_state = state_size ? calloc(1, state_size) : NULL;
	if (!device->loader || !device->program || (state_size && !device->transport_state))
		return err_set(err, ENOMEM, "out of memory");
	device->config = (struct runtime_config){
		.pools = options->pools,
		.schedulers = device_variant_schedulers(device->variant),
		.variant = device->variant->operations,
	};
	return runtime_config_resolve(&device->config, err);
}

int device_open(struct device **ret_device, struct memory *memory,
		const struct device_options *options, struct err *err)
{
	struct device *device = calloc(1, sizeof(*device));
	int r;

	if (!device)
		return err_set(err, ENOMEM, "out of memory");
	device->options = *options;
	device->variant = options->variant ? options->variant : &device_variants[0];
	device->memory = memory;
	device->dma = options->dma;
	device->peer = options->beside;
	if (device->peer)
		device->peer->peer = device;
	r = device_build(device, err);
	if (r == 0)
		r = device_start(device, err);
	if (r < 0) {
		device_close(device);
		return r;
	}
	*ret_device = device;
	return 0;
}

void device_close(struct device *device)
{
	if (!device)
		return;
	device_stop(device);
	if (device->peer)
		device->peer->peer = NULL;
	if (!host_graphs_close(device))
		return;
	if (device->transport_state && device->options.transport->release)
		device->options.transport->release(device->transport_state);
	free(device->transport_state);
	ahead_forget(device);
	free(device->ahead);
	free(device->runtime);
	free(device->loader);
	free(device->program);
	free(device);
}

const char *device_directories(const struct device *device)
{
	return device->directories[0] ? device->directories : "its own directories";
}

pid_t device_process(const struct device *device)
{
	return device->process;
}
