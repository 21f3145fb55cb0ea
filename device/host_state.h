/* What the files of the host share. Internal to device/host*.c. */
#ifndef SOLOAD_DEVICE_HOST_STATE_H
#define SOLOAD_DEVICE_HOST_STATE_H

#include "device/control.h"
#include "device/host.h"

/* Staging directories of one AICPU, or of those of one chip. */
struct device_folder {
	char path[256];
	int fd;		    /* holds the lock on it */
	unsigned int users; /* devices; the last removes it */
};

struct device {
	struct device_options options;
	char *loader, *program;
	struct memory *memory;
	struct dma *dma;
	struct runtime_config config; /* resolved */
	void *transport_state;

	const struct device_variant *variant;
	void *runtime; /* the host's Runtime struct */
	size_t runtime_bytes;

	/* Of the process that runs now. */
	struct control *control; /* NULL: none was started */
	int control_fd;
	pid_t process; /* 0: none */
	int exit_status;
	bool busy;		      /* it was asked for something and has not answered */
	bool revived;		      /* since the last round */
	struct device_folder *folder; /* NULL = none */
	struct device *peer;	      /* another die of the chip, or NULL */
	char directories[256];	      /* in words */
	uint32_t answered_seen;
};

/* The struct's fields behind the mailboxes. */
static inline struct abi_fields *device_fields(const struct device *device)
{
	return (struct abi_fields *)((struct abi_handshake *)device->runtime +
				     device->variant->workers);
}

/* Starts an AICPU and waits until it is ready. */
int device_start(struct device *device, struct err *err);

/* Ends it, whatever it is doing, and removes what it may have left behind. */
void device_stop(struct device *device);

/* True when there is no process any more; its status is kept. */
bool device_is_dead(struct device *device);

/* How a wait for the AICPU ended. */
int device_wait(struct device *device, enum device_failure *ret_failure, struct err *err);

#endif
