/* What the files of the host share. Internal to device/host*.c. */
#ifndef SOLOAD_DEVICE_HOST_STATE_H
#define SOLOAD_DEVICE_HOST_STATE_H

#include "device/control.h"
#include "device/host.h"
#include "device/host_graph.h"
#include "loaders/elf/prelink.h"

#define AHEAD_MAX 64 /* objects relocated ahead that are kept: as many as simpler has callables */

/* An object as it is sent to a device that told where it will lie. */
struct ahead {
	uint64_t id, generation; /* of the object it was made from; 0 = none */
	unsigned int index;	 /* of its slot */
	struct so so;		 /* bytes are its own, or the object as it was */
	struct device_ahead result;
};

/* Staging directories of one AICPU, or of those of one chip. */
struct device_folder {
	char path[256];
	int fd;		    /* holds the lock on it */
	unsigned int users; /* devices; the last removes it */
};

/* What is in a place of the device; id 0: nothing. It may have been sent under another identity. */
struct device_place {
	uint64_t id, generation;
	uint64_t sent_id, sent_generation;
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

	struct elf_prelink_target target; /* of that process; slots 0 = none */
	struct ahead *ahead;		  /* AHEAD_MAX of them, once there is a target */
	unsigned int ahead_next;	  /* the one to be made or given up next */

	struct device_place places[DEVICE_CALLABLES_MAX];
	struct graph_object graphs[DEVICE_CALLABLES_MAX]; /* of host_build_graph: in this process */
};

/* One call of the host from beginning to end. */
struct host_round {
	struct device *device;
	const struct device_job *job;
	const struct so *so; /* as it is sent */
	struct device_result *result;
	struct timeline *lane;
	struct round round;
	struct transport_host transport;
	uint64_t addresses[ABI_HOST_ARGS_MAX];
	bool is_early; /* the object is being loaded while the host goes on */
	bool ran;      /* the lanes of the AICPU are this round's */
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

/* Sets the identity of content: equal bytes have an equal one, in every process. 0 means none. */
void object_identify(struct so *so);

/*
 * The object to send: relocated for where this device will put it, made when it comes first and
 * kept; or the object as it is, with the reason in words where the device asked for more. Never
 * fails.
 */
const struct so *ahead_find(struct device *device, const struct so *so,
			    struct device_ahead *ret_ahead);

/* What was made for a process that is gone, and in the end. */
void ahead_forget(struct device *device);

/* Beginning and end of a call: the first phase of the host's lane is open in between. An AICPU that
 * lives is there afterwards. */
int host_begin(struct host_round *self, enum phase phase, struct err *err);
void host_end(struct host_round *self, int code);

/* What the struct says of the platform, behind the rest. */
void host_struct_finish(const struct device *device);

/* Rings for the job's object; `request` says what is to become of it. */
void host_request(struct host_round *self, const struct control_request *request);

/* Waits for the answer and takes it over: 0, or what went wrong there. */
int host_answer(struct host_round *self, struct err *err);

/* Sends the object and asks for it to be loaded; the answer is awaited by host_early_wait(), which
 * is fine without. */
int host_early_begin(struct host_round *self, struct err *err);
int host_early_wait(struct host_round *self, struct err *err);

/* host_build_graph: the object in this process, and the graph it builds. */
int host_graph_load(struct host_round *self, struct err *err);
int host_graph_build(struct host_round *self, struct err *err);
int host_graph_unload(struct host_round *self, struct err *err);
/* False: an object was given up, and may still write to the device. */
bool host_graphs_close(struct device *device);

/* Copies a lane of the control page, of which no figure is believed. */
void host_lane_take(const struct device *device, struct device_lane *ret_lane, unsigned int lane);

static inline const struct device_when *device_when(const struct device *device)
{
	return device->options.when;
}

static inline bool place_holds(const struct device_place *place, const struct so *so)
{
	return place->id == so->id && place->generation == so->generation;
}

#endif
