/* Frames on the serial line of a guest. See frames.h. */
#include "bench/vm/frames.h"

#include "base/file.h"

#include <errno.h>
#include <string.h>

/* FNV-1a, 32 bits (draft-eastlake-fnv, section 2): enough against a line cut short or a kernel
 * message in the middle of a frame. */
static uint32_t frame_sum(uint32_t type, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;
	uint32_t sum = (2166136261u ^ type) * 16777619u;

	for (size_t i = 0; i < size; i++)
		sum = (sum ^ at[i]) * 16777619u;
	return sum;
}

int frame_send(int fd, enum frame_type type, const void *bytes, size_t size, struct err *err)
{
	const unsigned char *at = bytes;
	size_t left = size;
	int r;

	do {
		size_t part = left < FRAME_BYTES_MAX ? left : FRAME_BYTES_MAX;
		struct frame_head head = { FRAME_MAGIC, type, (uint32_t)part,
					   frame_sum(type, at, part) };

		r = fd_write_all(fd, &head, sizeof(head), "the host's line", err);
		if (r == 0)
			r = fd_write_all(fd, at, part, "the host's line", err);
		at += part;
		left -= part;
	} while (r == 0 && left);
	return r;
}

static int damaged(const struct frames *frames, const char *what, struct err *err)
{
	return err_set(err, EBADMSG, "the guest's output is damaged at byte %llu: %s",
		       (unsigned long long)frames->at, what);
}

static int head_check(const struct frames *frames, struct err *err)
{
	const struct frame_head *head = &frames->head;

	if (head->magic != FRAME_MAGIC)
		return damaged(frames, "no frame begins here", err);
	if (head->type == 0 || head->type >= FRAME_TYPE_END)
		return damaged(frames, "a frame of no known type", err);
	if (head->bytes > FRAME_BYTES_MAX)
		return damaged(frames, "a frame longer than one can be", err);
	return 0;
}

static int frame_end(struct frames *frames, struct err *err)
{
	const struct frame_head *head = &frames->head;
	int r;

	if (frame_sum(head->type, frames->bytes, head->bytes) != head->sum)
		return damaged(frames, "a frame whose check sum is wrong", err);
	if (head->type == FRAME_EXIT && head->bytes != sizeof(int32_t))
		return damaged(frames, "an exit code of another size", err);
	r = frames->take(frames->to, (enum frame_type)head->type, frames->bytes, head->bytes, err);
	frames->ended = head->type == FRAME_EXIT;
	frames->filled = 0;
	return r;
}

int frames_feed(struct frames *frames, const void *bytes, size_t size, struct err *err)
{
	const unsigned char *at = bytes, *end = at + size;
	int r = 0;

	while (r == 0 && at < end) {
		size_t wanted = sizeof(frames->head);
		unsigned char *into = (unsigned char *)&frames->head;
		size_t offset = frames->filled, part;

		if (frames->ended)
			return damaged(frames, "something follows the exit code", err);
		if (frames->filled >= sizeof(frames->head)) {
			wanted = frames->head.bytes;
			into = frames->bytes;
			offset -= sizeof(frames->head);
		}
		part = wanted - offset < (size_t)(end - at) ? wanted - offset : (size_t)(end - at);
		memcpy(into + offset, at, part);
		at += part;
		frames->filled += part;
		if (frames->filled == sizeof(frames->head))
			r = head_check(frames, err);
		frames->at += part;
		if (r == 0 && frames->filled >= sizeof(frames->head) &&
		    frames->filled == sizeof(frames->head) + frames->head.bytes)
			r = frame_end(frames, err);
	}
	return r;
}

bool frames_name_is_plain(const char *name, size_t length)
{
	size_t part = 0;

	for (size_t i = 0; i <= length; i++) {
		if (i < length && name[i] != '/') {
			if ((unsigned char)name[i] < ' ')
				return false;
			continue;
		}
		if (i == part || (i == part + 1 && name[part] == '.') ||
		    (i == part + 2 && memcmp(name + part, "..", 2) == 0))
			return false;
		part = i + 1;
	}
	return true;
}
