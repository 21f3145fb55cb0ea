/*
 * What a virtual AICPU says to its host, over one serial line: frames of a head and up to
 * FRAME_BYTES_MAX bytes, little endian. The reader trusts none of it: a guest may crash in the
 * middle of a frame, and an object under test can write to the line, too.
 *
 *	HELLO release, once        OUT and ERR: what the command printed
 *	FILE name, then DATA …: a file it left in GUEST_RESULTS, at most FRAMES_FILE_BYTES_MAX
 *	NOTE a sentence: why the command could not be started as asked
 *	EXIT int32_t, once and last: the command's exit code, or 128 + the signal that ended it
 */
#ifndef SOLOAD_BENCH_VM_FRAMES_H
#define SOLOAD_BENCH_VM_FRAMES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAGIC 0xa1c9f5d3u
#define FRAME_BYTES_MAX 4096
#define FRAMES_FILE_BYTES_MAX (256u << 20)

enum frame_type {
	FRAME_HELLO = 1,
	FRAME_OUT,
	FRAME_ERR,
	FRAME_FILE,
	FRAME_DATA,
	FRAME_NOTE,
	FRAME_EXIT,
	FRAME_TYPE_END
};

struct frame_head {
	uint32_t magic, type;
	uint32_t bytes; /* that follow */
	uint32_t sum;	/* of type and bytes, see frames.c */
};

/* Sends `bytes` in as many frames as they need, an empty one if there are none. */
int frame_send(int fd, enum frame_type type, const void *bytes, size_t size, struct err *err);

/* Takes one whole frame; a negative errno with words in `err` ends the reading. */
typedef int (*frame_take)(void *to, enum frame_type type, const void *bytes, size_t size,
			  struct err *err);

struct frames {
	frame_take take;
	void *to;
	uint64_t at;   /* bytes read so far */
	size_t filled; /* of the frame being read */
	bool ended;    /* EXIT was there */
	struct frame_head head;
	unsigned char bytes[FRAME_BYTES_MAX];
};

/* 0, or -EBADMSG naming the byte at which this stopped being frames. Do not go on after that. */
int frames_feed(struct frames *frames, const void *bytes, size_t size, struct err *err);

/* Whether `name` is a plain relative path: no empty, "." or ".." part, no control characters. */
bool frames_name_is_plain(const char *name, size_t length);

#endif
