/*
 * prelinked: as elf, but content that comes again is not copied, relocated or bound again. The
 * image of the last load is kept, its variables are put back to what they were before the first
 * constructor, and constructors run: a new object for every load, as far as its code can tell.
 *
 * The caller's identity (id and generation) says what is the same; objects without one are loaded
 * as elf does. Several images of one content may live at once, each is kept by itself; when there
 * are more than `entries`, the one unused longest goes. A kept image whose imports may have
 * changed, because libraries came or went, is loaded anew.
 */
#include "loaders/elf/keep.h"
#include "loaders/elf/prelink.h"
#include "loaders/loader.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_DEFAULT 8
#define ENTRIES_MAX 48
#define SLOTS_SPARE 4 /* for images that are not kept */

struct prelinked_options {
	struct elf_arena_options arena;
	uint64_t entries;
	bool agreed;
};

/* Whoever moves an entry to BUSY by compare and swap owns it until it says otherwise: no lock that
 * a fork could leave held. */
enum entry_state { ENTRY_EMPTY, ENTRY_BUSY, ENTRY_KEPT };

struct entry {
	_Atomic int state;
	_Atomic uint64_t used_at; /* by the loader's count of uses */
	_Atomic uint64_t id, generation;
	struct elf_keep keep;
	char *name; /* the caller's may be gone by the next load */
};

struct prelinked_loader {
	struct elf_arena *arena;
	struct elf_prelink_target target;
	struct entry *entries;
	unsigned int entry_count;
	_Atomic uint64_t uses;
};

/* At most one of the two is set: an image that is kept, or one that is not. */
struct prelinked_image {
	struct entry *entry;
	struct elf_object *object;
};

static const struct option_def prelinked_option_table[] = {
	{ .name = "entries",
	  .kind = OPTION_SIZE,
	  .offset = offsetof(struct prelinked_options, entries),
	  .argument = "N",
	  .help = "images to keep at most, 8 if not given; the one unused longest goes first" },
	{ .name = "dualmap",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct prelinked_options, arena.dualmap),
	  .help = "write code through a second mapping: no system call, but a writable alias" },
	{ .name = "slot",
	  .kind = OPTION_SIZE,
	  .offset = offsetof(struct prelinked_options, arena.slot_bytes),
	  .argument = "SIZE",
	  .help = "address space of one image, half of it for code (16M)" },
	{ .name = "agreed",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct prelinked_options, agreed),
	  .help = "tell where objects will lie: on a device, the host relocates them ahead" },
	{ .name = "at",
	  .kind = OPTION_SIZE,
	  .offset = offsetof(struct prelinked_options, arena.at),
	  .argument = "ADDRESS",
	  .help = "where to reserve the slots, a multiple of 2M; elsewhere when it is taken" },
	{ 0 },
};

static int prelinked_prepare(struct loader *loader, struct err *err)
{
	struct prelinked_options *options = loader->options;
	struct prelinked_loader *self = loader->state;
	uint64_t entries = options->entries ? options->entries : ENTRIES_DEFAULT;
	int r;

	if (entries > ENTRIES_MAX)
		return err_set(err, EINVAL, "at most %d entries", ENTRIES_MAX);
	self->entries = calloc(entries, sizeof(*self->entries));
	if (!self->entries)
		return err_set(err, ENOMEM, "out of memory for %u entries", (unsigned int)entries);
	self->entry_count = (unsigned int)entries;
	options->arena.slots = self->entry_count + SLOTS_SPARE;
	r = elf_arena_new(&self->arena, &options->arena, err);
	if (r < 0 || !options->agreed)
		return r;
	/* One for each image that may be kept. */
	loader->target = &self->target;
	return elf_prelink_target(self->arena, self->entry_count, &self->target, err);
}

static bool entry_claim(struct entry *entry, int from)
{
	return atomic_compare_exchange_strong(&entry->state, &from, ENTRY_BUSY);
}

static bool entry_is(struct entry *entry, const struct so *so)
{
	return atomic_load_explicit(&entry->id, memory_order_relaxed) == so->id &&
	       atomic_load_explicit(&entry->generation, memory_order_relaxed) == so->generation;
}

/* A kept image of that content, now busy, or NULL. */
static struct entry *entry_find(struct prelinked_loader *self, const struct so *so)
{
	for (unsigned int i = 0; i < self->entry_count; i++) {
		struct entry *entry = &self->entries[i];

		if (!entry_is(entry, so) || !entry_claim(entry, ENTRY_KEPT))
			continue;
		if (entry_is(entry, so)) /* still: it may have changed hands meanwhile */
			return entry;
		atomic_store(&entry->state, ENTRY_KEPT);
	}
	return NULL;
}

/* Lets the image go that the busy entry keeps. A pinned one outlives the entry and its name. */
static void entry_clear(struct entry *entry)
{
	struct elf_object *object = entry->keep.object;

	elf_keep_free(&entry->keep);
	if (object)
		elf_object_unload(object);
	free(entry->name);
	entry->name = NULL;
	atomic_store(&entry->id, 0);
}

/* A constructor left by an exception: nobody will come back to the busy entry. */
static void entry_abandon(void *context)
{
	struct entry *entry = context;

	if (entry->keep.object)
		entry->keep.object->name = ""; /* it lives on for a while */
	elf_keep_free(&entry->keep);
	atomic_store(&entry->id, 0);
	atomic_store(&entry->state, ENTRY_EMPTY);
}

/* An entry for a new image, now busy and empty; NULL when every image is in use. */
static struct entry *entry_take(struct prelinked_loader *self)
{
	struct entry *oldest;

	for (unsigned int i = 0; i < self->entry_count; i++) {
		if (entry_claim(&self->entries[i], ENTRY_EMPTY))
			return &self->entries[i];
	}
	do {
		oldest = NULL;
		for (unsigned int i = 0; i < self->entry_count; i++) {
			struct entry *entry = &self->entries[i];

			if (atomic_load(&entry->state) == ENTRY_KEPT &&
			    (!oldest ||
			     atomic_load(&entry->used_at) < atomic_load(&oldest->used_at)))
				oldest = entry;
		}
	} while (oldest && !entry_claim(oldest, ENTRY_KEPT));
	if (oldest)
		entry_clear(oldest);
	return oldest;
}

static void entry_release(struct prelinked_loader *self, struct entry *entry, int state)
{
	atomic_store_explicit(&entry->used_at, atomic_fetch_add(&self->uses, 1) + 1,
			      memory_order_relaxed);
	atomic_store(&entry->state, state);
}

static struct elf_source source_of(const struct so *so, const char *name)
{
	return (struct elf_source){
		.bytes = so->bytes,
		.size = so->size,
		.name = name,
		.fd = -1,
		.linked_at = so->linked_at,
	};
}

static void report_set(struct image *image, const struct elf_object *object, const char *note)
{
	image->report.base = object->base;
	image->report.note = object->place.note ? object->place.note : note;
	image->report.load_bytes = elf_load_bytes(&object->file);
	image->report.relatives = object->relatives;
}

/* Between the last two steps of a load: the copy is taken. */
static void entry_keep(void *context, struct elf_object *object)
{
	struct entry *entry = context;

	object->abandoned = entry_abandon;
	object->abandoned_context = entry;
	if (elf_keep_new(object, &entry->keep) < 0)
		object->name = ""; /* until its constructors have run: they may not come back */
}

/* What cannot be kept is an image like any other, and the entry stays empty. */
static int keeping_load(struct image *image, struct entry *entry, struct err *err)
{
	const struct prelinked_loader *loader = image->loader->state;
	struct prelinked_image *self = image->state;
	struct elf_source source;
	struct elf_object *object;
	int r;

	free(entry->name); /* of one that an exception left */
	entry->name = strdup(image->so->path ? image->so->path : "");
	if (!entry->name)
		return err_set(err, ENOMEM, "out of memory");
	source = source_of(image->so, entry->name);
	source.committed = entry_keep;
	source.context = entry;
	r = elf_object_load(loader->arena, &source, &object, image->time, err);
	if (r < 0) {
		elf_keep_free(&entry->keep);
		return r;
	}
	if (entry->keep.object) {
		self->entry = entry;
	} else {
		object->name = image->so->path ? image->so->path : "";
		self->object = object;
	}
	report_set(image, object, self->entry ? NULL : "not kept: it cannot be made new again");
	return 0;
}

static int unkept_load(struct image *image, const char *note, struct err *err)
{
	const struct prelinked_loader *loader = image->loader->state;
	const struct elf_source source = source_of(image->so, image->so->path);
	struct prelinked_image *self = image->state;
	int r = elf_object_load(loader->arena, &source, &self->object, image->time, err);

	if (r == 0)
		report_set(image, self->object, note);
	return r;
}

static int miss_load(struct image *image, struct entry *entry, struct err *err)
{
	struct prelinked_loader *loader = image->loader->state;
	struct prelinked_image *self = image->state;
	int r = keeping_load(image, entry, err);

	if (self->entry) {
		atomic_store(&entry->id, image->so->id);
		atomic_store(&entry->generation, image->so->generation);
	} else {
		entry_release(loader, entry, ENTRY_EMPTY);
	}
	return r;
}

static void hit_load(struct image *image, struct entry *entry)
{
	struct prelinked_image *self = image->state;

	elf_keep_restore(&entry->keep);
	timeline_enter(image->time, PHASE_INIT);
	elf_keep_start(&entry->keep);
	self->entry = entry;
	image->report.base = entry->keep.object->base;
	image->report.note = entry->keep.object->place.note;
	image->report.hit = true;
}

static int prelinked_load(struct image *image, struct err *err)
{
	struct prelinked_loader *loader = image->loader->state;
	struct entry *entry = NULL;

	timeline_enter(image->time, PHASE_MAP);
	if (!image->so->id)
		return unkept_load(image, "not kept: the caller gave it no identity", err);
	entry = entry_find(loader, image->so);
	if (entry && elf_keep_current(&entry->keep)) {
		hit_load(image, entry);
		return 0;
	}
	if (entry)
		entry_clear(entry);
	else
		entry = entry_take(loader);
	if (!entry)
		return unkept_load(image, "not kept: all entries are in use", err);
	return miss_load(image, entry, err);
}

static int prelinked_symbol(struct image *image, const char *name, void **ret_address,
			    struct err *err)
{
	struct prelinked_image *self = image->state;
	struct elf_object *object = self->entry ? self->entry->keep.object : self->object;

	return elf_object_symbol(object, name, ret_address, err);
}

static void note_pinned(struct image *image, enum elf_unloaded unloaded)
{
	const char *note = elf_unloaded_note(unloaded);

	if (note)
		image->report.note = note;
}

static void prelinked_unload(struct image *image)
{
	struct prelinked_loader *loader = image->loader->state;
	struct prelinked_image *self = image->state;
	struct entry *entry = self->entry;

	if (self->object)
		note_pinned(image, elf_object_unload(self->object));
	else if (entry && elf_keep_stop(&entry->keep) == ELF_UNLOADED)
		entry_release(loader, entry, ENTRY_KEPT);
	else if (entry) {
		entry_clear(entry); /* which pins it */
		entry_release(loader, entry, ENTRY_EMPTY);
		note_pinned(image, ELF_PINNED_THREADS);
	}
	self->object = NULL;
	self->entry = NULL;
}

static void prelinked_finish(struct loader *loader)
{
	struct prelinked_loader *self = loader->state;

	for (unsigned int i = 0; i < self->entry_count; i++)
		entry_clear(&self->entries[i]);
	elf_arena_free(self->arena);
	free(self->entries);
}

const struct loader_type loader_prelinked = {
	.name = "prelinked",
	.summary = "as elf; content that comes again only gets its variables back",
	.caps = LOADER_EXECUTES | LOADER_DISKLESS | LOADER_FILELESS | LOADER_SPLIT_PHASES |
		LOADER_MANY_IMAGES | LOADER_CONCURRENT | LOADER_THREAD_LOCAL |
		LOADER_FRESH_EVERY_LOAD,
	.loader_size = sizeof(struct prelinked_loader),
	.image_size = sizeof(struct prelinked_image),
	.options_size = sizeof(struct prelinked_options),
	.options = prelinked_option_table,
	.prepare = prelinked_prepare,
	.load = prelinked_load,
	.symbol = prelinked_symbol,
	.unload = prelinked_unload,
	.finish = prelinked_finish,
};
