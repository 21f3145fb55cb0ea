/*
 * The control page: memory that host and AICPU share beside device memory, as the host's driver and
 * the AICPU's kernel do. It carries the set-up, one request and one answer at a time, the lanes of
 * the AICPU's threads as they run, and what a dying AICPU has to say.
 *
 * Internal to device/. Object code runs in the AICPU, so the host trusts no figure it reads here.
 */
#ifndef SOLOAD_DEVICE_CONTROL_H
#define SOLOAD_DEVICE_CONTROL_H

#include "device/channel.h"
#include "device/host.h"
#include "loaders/elf/prelink.h"

#include <sys/types.h>

#define CONTROL_MAGIC 0x534f4c44u
#define CONTROL_NO_LANE UINT32_MAX

/* Written by the host before the AICPU starts. */
struct control_setup {
	char loader[1024], transport[32], program[64];
	char directories[256]; /* a folder for the AICPU's own staging; "" = use the machine's */
	int32_t memory_fd;
	uint64_t memory_bytes, memory_base; /* base 0: choose one */
	uint64_t timeout_ns;
	int32_t pools, log_level, variant;
	int32_t chip; /* device_options.chip */
	bool incoherent;
	bool shared_clock; /* lanes in CLOCK_MONOTONIC: the counter may be another than the host's
			    */
	pid_t host;
};

/* Written once by the AICPU before it first rings. */
struct control_startup {
	int32_t code; /* 0, or why it cannot start */
	struct err err;
	uint64_t memory_base;
	char directories[256];		  /* where it stages, in words */
	struct elf_prelink_target target; /* where its loader puts objects; zeroed = not told */
};

/* Neither load nor run: what is there is unloaded. */
struct control_request {
	uint64_t runtime_address;
	uint64_t object_id, object_generation;
	uint64_t object_linked_at; /* the base it was relocated for, 0 = none */
	char object_path[256];	   /* for messages */
	uint32_t callable;	   /* the object's place in the AICPU's table */
	bool load;		   /* bring it in; else it is there already */
	bool run;
	bool keep;	 /* leave it loaded afterwards */
	bool bytes_stay; /* in device memory, for as long as it is loaded */
	bool leave;	 /* nothing of this: end the process */
	bool stamp;	 /* nothing of this: tell the time */
};

struct control_answer {
	int32_t code;
	uint32_t failed_phase;
	struct err err;
	bool leaves; /* the process ends after this answer */
	bool judged; /* report and verdict are set */
	struct image_report report;
	struct freshness_verdict verdict;
	char staged_at[STAGED_PATH_BYTES], note[160];
	struct runtime_counters counters;
	int32_t expected_args;
	int64_t minflt;
	uint64_t lines;
};

/* Left by a signal; `signal` is written last. */
struct control_crash {
	int32_t signal, code;
	uint64_t address;
	uint32_t lane;
};

struct control_lane {
	struct timeline time; /* its pointers are the AICPU's */
	struct span spans[DEVICE_SPANS_MAX];
} __attribute__((aligned(64)));

struct control {
	uint32_t magic, bytes;
	struct bell doorbell __attribute__((aligned(64)));
	struct bell begun __attribute__((aligned(64))); /* a run: for the schedulers */
	struct bell answered __attribute__((aligned(64)));
	uint32_t watch[DEVICE_THREADS_MAX]
		__attribute__((aligned(64)));	     /* the phase of each lane */
	uint64_t beats __attribute__((aligned(64))); /* grows while work is done */
	struct control_crash crash;
	struct control_setup setup;
	struct control_startup startup;
	struct control_request request;
	struct control_answer answer;
	uint64_t stamp; /* the AICPU's counter, when it was last asked */
	struct control_lane lanes[DEVICE_THREADS_MAX];
	struct staged_list staged;
};

/* Stands for a kernel's binary in device memory; func_id_to_addr points to it. */
struct control_kernel {
	int32_t id;
	uint32_t core;
	char name[56];
};

/* Maps the page of a descriptor; NULL when it is none. The mapping stays until the process ends or
 * control_unmap(). */
struct control *control_map(int fd);
void control_unmap(struct control *control);

/* A fresh page: the descriptor, or a negative errno in words. */
int control_create(struct control **ret_control, struct err *err);

#endif
