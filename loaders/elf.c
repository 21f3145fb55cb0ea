/*
 * elf: the project's own loader. The object's bytes go straight to where they run: no file, no
 * memory file to open, no dynamic linker; one system call per load, or none with a dual mapping,
 * and no page fault once the slots are warm. See loaders/elf/object.h for the steps.
 */
#include "loaders/loader.h"

#include "loaders/elf/object.h"
#include "loaders/elf/prelink.h"

#include <errno.h>

struct elf_options {
	struct elf_arena_options arena;
	bool map, agreed;
};

struct elf_state {
	struct elf_arena *arena;
	struct elf_prelink_target target;
};

struct elf_image {
	struct elf_object *object;
};

static const struct option_def elf_options[] = {
	{ .name = "dualmap",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct elf_options, arena.dualmap),
	  .help = "write code through a second mapping: no system call, but a writable alias" },
	{ .name = "map",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct elf_options, map),
	  .help = "map the caller's file, when it has one, instead of copying" },
	{ .name = "fresh",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct elf_options, arena.fresh),
	  .help = "a mapping of its own for every load: nothing is kept between loads" },
	{ .name = "slots",
	  .kind = OPTION_SIZE,
	  .offset = offsetof(struct elf_options, arena.slots),
	  .argument = "N",
	  .help = "objects that can be loaded at once without a mapping of their own (8)" },
	{ .name = "slot",
	  .kind = OPTION_SIZE,
	  .offset = offsetof(struct elf_options, arena.slot_bytes),
	  .argument = "SIZE",
	  .help = "address space of one slot, half of it for code (16M)" },
	{ .name = "agreed",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct elf_options, agreed),
	  .help = "tell where objects will lie: on a device, the host relocates them ahead" },
	{ .name = "at",
	  .kind = OPTION_SIZE,
	  .offset = offsetof(struct elf_options, arena.at),
	  .argument = "ADDRESS",
	  .help = "where to reserve the slots, a multiple of 2M; elsewhere when it is taken" },
	{ .name = NULL },
};

static int elf_prepare(struct loader *loader, struct err *err)
{
	const struct elf_options *options = loader->options;
	struct elf_state *self = loader->state;

	int r = elf_arena_new(&self->arena, &options->arena, err);

	if (r < 0 || !options->agreed)
		return r;
	/* Slots are taken last in, first out: one image after the other lies in the first. */
	loader->target = &self->target;
	return elf_prelink_target(self->arena, 1, &self->target, err);
}

static void elf_finish(struct loader *loader)
{
	struct elf_state *self = loader->state;

	elf_arena_free(self->arena);
}

static int elf_load(struct image *image, struct err *err)
{
	const struct elf_options *options = image->loader->options;
	const struct elf_state *loader = image->loader->state;
	struct elf_image *self = image->state;
	const struct elf_source source = {
		.bytes = image->so->bytes,
		.size = image->so->size,
		.name = image->so->path,
		.fd = image->so->fd,
		.offset = image->so->offset,
		.linked_at = image->so->linked_at,
		.map = options->map && image->so->fd >= 0,
	};
	int r = elf_object_load(loader->arena, &source, &self->object, image->time, err);

	if (r < 0)
		return r;
	image->report.base = self->object->base;
	image->report.note = self->object->place.note;
	image->report.relatives = self->object->relatives;
	image->report.load_bytes = source.map ? 0 : elf_load_bytes(&self->object->file);
	return 0;
}

static int elf_symbol(struct image *image, const char *name, void **ret_address, struct err *err)
{
	const struct elf_image *self = image->state;

	return elf_object_symbol(self->object, name, ret_address, err);
}

static void elf_unload(struct image *image)
{
	struct elf_image *self = image->state;
	const char *note;

	if (!self->object)
		return;
	note = elf_unloaded_note(elf_object_unload(self->object));
	if (note)
		image->report.note = note;
	self->object = NULL;
}

const struct loader_type loader_elf = {
	.name = "elf",
	.summary = "soload's own: copies the bytes to where they run, relocates, no dlopen",
	.caps = LOADER_EXECUTES | LOADER_DISKLESS | LOADER_FILELESS | LOADER_SPLIT_PHASES |
		LOADER_MANY_IMAGES | LOADER_CONCURRENT | LOADER_THREAD_LOCAL |
		LOADER_FRESH_EVERY_LOAD,
	.loader_size = sizeof(struct elf_state),
	.image_size = sizeof(struct elf_image),
	.options_size = sizeof(struct elf_options),
	.options = elf_options,
	.prepare = elf_prepare,
	.load = elf_load,
	.symbol = elf_symbol,
	.unload = elf_unload,
	.finish = elf_finish,
};
