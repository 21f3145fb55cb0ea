/*
 * THE contract: a transport brings the bytes of an object to the device, and the Runtime struct
 * with them.
 *
 * Host, once per round: stage() in phase SO_COPY, then send() in phase SEND. Device: receive() in
 * phase READ, which says where the bytes are. To write one: copy transports/separate.c and add a
 * line to transports.def.
 */
#ifndef SOLOAD_DEVICE_TRANSPORT_H
#define SOLOAD_DEVICE_TRANSPORT_H

#include "base/err.h"
#include "device/abi.h"
#include "device/round.h"
#include "loaders/loader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The host's side of one round. */
struct transport_host {
	struct round *round;  /* allocations that end with the round, and the DMA engine */
	const struct so *so;  /* with its identity: id and generation are never 0 */
	void *state;	      /* the transport's own, kept between rounds */
	unsigned int workers; /* of the platform: mailboxes at the Runtime struct's beginning */
	/*
	 * The host's Runtime struct, host_bytes() long. The core has filled in every field up to
	 * the object; both layouts of abi.h begin alike.
	 */
	void *runtime;
	uint64_t runtime_address; /* set by send(): where the struct is in device memory */
};

/* The device's side of one round. */
struct transport_device {
	uint8_t *memory; /* all of device memory, as the device sees it */
	uint64_t memory_bytes;
	int memory_fd;		  /* the same bytes; offset 0 is `memory` */
	void *state;		  /* the transport's own, kept between rounds */
	uint64_t runtime_address; /* what send() said */
	unsigned int workers;	  /* as the host's */
	bool incoherent;	  /* DMA goes past this processor's cache */
	uint64_t lines;		  /* of the cache, invalidated for this request so far */
	struct timeline *time;	  /* of the thread that receives; may be NULL */
};

struct transport {
	const char *name;
	const char *summary;	  /* one line for `soload list` */
	size_t host_state_size;	  /* zeroed at the start; 0 = none */
	size_t device_state_size; /* the same, in the AICPU */

	/* How long the host's Runtime struct is for this object, or in a run that brings none (`so`
	 * NULL); a refusal is in words. Not timed. Only `so` and `workers` are set. */
	int (*host_bytes)(const struct transport_host *host, size_t *ret_bytes, struct err *err);
	int (*stage)(struct transport_host *host, struct err *err);
	int (*send)(struct transport_host *host, struct err *err);
	/* Fills bytes, size, fd and offset; the core adds the identity. Trusts no figure it reads.
	 */
	int (*receive)(struct transport_device *device, struct so *ret_so, struct err *err);
	/* What stage() staged last went through receive(): the AICPU's answer shows it. Until then
	 * nobody has, whatever was sent. May be NULL. */
	void (*received)(void *host_state);
	/* The AICPU was started anew: what it kept is gone. May be NULL. */
	void (*forget)(void *host_state);
	/* The end of the host's state; device memory is still there. May be NULL. */
	void (*release)(void *host_state);
};

/* The Runtime struct without an object in it, and its fields behind the mailboxes. */
static inline size_t transport_runtime_bytes(unsigned int workers)
{
	return workers * sizeof(struct abi_handshake) + sizeof(struct abi_fields);
}

static inline struct abi_fields *transport_fields(const struct transport_host *host)
{
	return (struct abi_fields *)((struct abi_handshake *)host->runtime + host->workers);
}

/* All transports in the order of transports.def, NULL-terminated. */
extern const struct transport *const transports[];

/* By name; an unknown one suggests the nearest: NULL and a sentence. */
const struct transport *transport_find(const char *name, struct err *err);

/* The device's bytes at a device address, or -EFAULT in words when they are not all device memory.
 */
int transport_view(const struct transport_device *device, uint64_t address, uint64_t bytes,
		   void **ret_bytes, struct err *err);

/*
 * The same for bytes that DMA brought: where the device is not coherent, its cache may hold what
 * was there before, so every line of them is invalidated, in PHASE_INVALIDATE. Each byte of a
 * transfer is received once before it is read.
 */
int transport_received(struct transport_device *device, uint64_t address, uint64_t bytes,
		       void **ret_bytes, struct err *err);

/* The fields of the Runtime struct; the core has received it up to there. */
int transport_fields_view(const struct transport_device *device,
			  const struct abi_fields **ret_fields, struct err *err);

/* Names `size` bytes at a device address as the object, and receives them first: what most
 * receive() end with. */
int transport_object(const struct transport_device *device, uint64_t address, uint64_t size,
		     struct so *ret_so, struct err *err);
int transport_object_received(struct transport_device *device, uint64_t address, uint64_t size,
			      struct so *ret_so, struct err *err);

#endif
