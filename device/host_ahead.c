/*
 * Objects relocated ahead, by the host, for a device that told where it will put them. Done once
 * per object and device, as registering is, and kept; the copy is content of its own and has an
 * identity of its own, so that no cache on the way takes it for the object it was made from.
 */
#include "device/host_state.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ahead_forget(struct device *device)
{
	for (unsigned int i = 0; device->ahead && i < AHEAD_MAX; i++) {
		struct ahead *ahead = &device->ahead[i];

		if (ahead->result.base)
			free((void *)(uintptr_t)ahead->so.bytes);
		*ahead = (struct ahead){ 0 };
	}
	device->ahead_next = 0;
}

static struct ahead *ahead_known(const struct device *device, const struct so *so)
{
	for (unsigned int i = 0; i < AHEAD_MAX; i++) {
		if (device->ahead[i].id == so->id && device->ahead[i].generation == so->generation)
			return &device->ahead[i];
	}
	return NULL;
}

/* Of the copy's bytes; the object keeps its own. */
static int copy_relocate(const struct elf_prelink_target *target, struct ahead *ahead,
			 struct err *err)
{
	struct elf_file file;
	uint64_t base = 0;
	size_t words = 0;
	void *copy;
	int r = elf_file_check(&file, ahead->so.bytes, ahead->so.size, err);

	if (r == 0)
		r = elf_prelink_base(&file, target, ahead->index, &base, err);
	if (r < 0)
		return r;
	copy = malloc(ahead->so.size);
	if (!copy)
		return err_set(err, ENOMEM, "no memory for a copy of %zu bytes", ahead->so.size);
	memcpy(copy, ahead->so.bytes, ahead->so.size);
	r = elf_prelink(&file, base, copy, &words, err);
	if (r < 0) {
		free(copy);
		return r;
	}
	ahead->so.bytes = copy;
	ahead->so.linked_at = base;
	ahead->result.base = base;
	ahead->result.relatives = words;
	object_identify(&ahead->so);
	return 0;
}

/* Objects that stay loaded side by side each get a slot. */
static void ahead_make(struct device *device, struct ahead *ahead, const struct so *so)
{
	const struct elf_prelink_target *target = &device->target;
	uint64_t begin = clock_now_ns();
	struct err err = { "" };

	if (ahead->result.base)
		free((void *)(uintptr_t)ahead->so.bytes);
	*ahead = (struct ahead){ .id = so->id, .generation = so->generation, .so = *so };
	ahead->index = device->ahead_next % target->slots;
	device->ahead_next++;
	if (copy_relocate(target, ahead, &err) < 0)
		snprintf(ahead->result.reason, sizeof(ahead->result.reason), "%.150s", err.text);
	else if (target->asked_at && target->asked_at != target->slot_begin)
		snprintf(ahead->result.reason, sizeof(ahead->result.reason),
			 "0x%llx is taken on the device: relocated for 0x%llx",
			 (unsigned long long)target->asked_at,
			 (unsigned long long)target->slot_begin);
	ahead->result.ns = clock_now_ns() - begin;
}

const struct so *ahead_find(struct device *device, const struct so *so,
			    struct device_ahead *ret_ahead)
{
	struct ahead *ahead;

	if (!device->target.slots)
		return so;
	if (!device->ahead)
		device->ahead = calloc(AHEAD_MAX, sizeof(*device->ahead));
	if (!device->ahead) {
		snprintf(ret_ahead->reason, sizeof(ret_ahead->reason), "out of memory");
		return so;
	}
	ahead = ahead_known(device, so);
	if (!ahead) {
		ahead = &device->ahead[device->ahead_next % AHEAD_MAX];
		ahead_make(device, ahead, so);
	}
	*ret_ahead = ahead->result;
	return ahead->result.base ? &ahead->so : so;
}
