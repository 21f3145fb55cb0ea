/*
 * The library's public functions (include/soload.h), over loader.h. Images are used again: after
 * the first load nothing is allocated here.
 */
#include "include/soload.h"

#include "loaders/elf/prelink.h"
#include "loaders/elf/where.h"
#include "loaders/loader.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

_Static_assert(sizeof(struct soload_error) == sizeof(struct err), "one is passed as the other");

struct soload_image {
	struct soload_loader *loader;
	struct image *image;
	struct so so;
	struct soload_image *next;  /* in the loader's list of free ones */
	struct soload_image *older; /* in the list of all of them */
};

struct soload_loader {
	struct loader *loader;
	struct soload_image *free, *newest;
};

/* Of the lists of all loaders, held for a few instructions. A fork waits for it, so that no child
 * finds it held by a thread it does not have. */
static pthread_mutex_t lists_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static int fork_error;

static void lists_hold(void)
{
	pthread_mutex_lock(&lists_lock);
}

static void lists_release(void)
{
	pthread_mutex_unlock(&lists_lock);
}

static void fork_watch(void)
{
	fork_error = pthread_atfork(lists_hold, lists_release, lists_release);
}

static struct err *err_of(struct soload_error *error)
{
	return (struct err *)(void *)error;
}

int soload_open(struct soload_loader **ret_loader, const char *spec, struct soload_error *error)
{
	struct soload_loader *self;
	int r;

	pthread_once(&fork_once, fork_watch);
	if (fork_error)
		return err_set(err_of(error), fork_error, "register what a fork has to do");
	self = calloc(1, sizeof(*self));
	if (!self)
		return err_set(err_of(error), ENOMEM, "out of memory");
	r = loader_open(&self->loader, spec, err_of(error));
	if (r < 0) {
		free(self);
		return r;
	}
	*ret_loader = self;
	return 0;
}

void soload_close(struct soload_loader *self)
{
	struct soload_image *image, *next;

	if (!self)
		return;
	for (image = self->newest; image; image = next) {
		next = image->older;
		image_free(image->image);
		free(image);
	}
	loader_close(self->loader);
	free(self);
}

static struct soload_image *image_take(struct soload_loader *self)
{
	struct soload_image *image;

	lists_hold();
	image = self->free;
	if (image)
		self->free = image->next;
	lists_release();
	if (image)
		return image;

	image = calloc(1, sizeof(*image));
	if (!image)
		return NULL;
	image->loader = self;
	image->image = image_new(self->loader);
	if (!image->image) {
		free(image);
		return NULL;
	}
	/* All of them, not only those given back: of a constructor that throws none is. */
	lists_hold();
	image->older = self->newest;
	self->newest = image;
	lists_release();
	return image;
}

static void image_give(struct soload_image *image)
{
	struct soload_loader *self = image->loader;

	lists_hold();
	image->next = self->free;
	self->free = image;
	lists_release();
}

int soload_load_object(struct soload_loader *self, const struct soload_object *object,
		       struct soload_image **ret_image, struct soload_error *error)
{
	struct soload_image *image;
	int r;

	if (!object->bytes)
		return err_set(err_of(error), EINVAL, "an object without bytes");
	image = image_take(self);
	if (!image)
		return err_set(err_of(error), ENOMEM, "out of memory");
	image->so = (struct so){
		.bytes = object->bytes,
		.size = object->size,
		.path = object->name,
		.fd = object->fd,
		.offset = object->offset,
		.id = object->id,
		.generation = object->generation,
		.linked_at = object->linked_at,
	};
	r = image_load(image->image, &image->so, NULL, err_of(error));
	if (r < 0) {
		image_give(image);
		return r;
	}
	*ret_image = image;
	return 0;
}

int soload_load(struct soload_loader *self, const void *bytes, size_t size,
		struct soload_image **ret_image, struct soload_error *error)
{
	const struct soload_object object = SOLOAD_OBJECT(bytes, size);

	return soload_load_object(self, &object, ret_image, error);
}

int soload_symbol(struct soload_image *image, const char *name, void **ret_address,
		  struct soload_error *error)
{
	return image_symbol(image->image, name, ret_address, err_of(error));
}

void soload_unload(struct soload_image *image)
{
	if (!image)
		return;
	image_unload(image->image);
	image_give(image);
}

const char *soload_note(const struct soload_image *image)
{
	return image->image->report.note;
}

uintptr_t soload_base(const struct soload_image *image)
{
	return image->image->report.base;
}

int soload_where(const void *address, struct soload_place *ret_place)
{
	struct elf_where where;

	if (!elf_where((uintptr_t)address, &where))
		return -ENOENT;
	*ret_place = (struct soload_place){ where.base, where.object, where.symbol,
					    where.symbol_address };
	return 0;
}

int soload_agreed(const struct soload_loader *self, struct soload_target *ret_target,
		  struct soload_error *error)
{
	const struct elf_prelink_target *target = self->loader->target;

	if (!target)
		return err_set(err_of(error), ENOTSUP,
			       "loader %s does not tell where objects will lie (option agreed)",
			       self->loader->spec);
	*ret_target = (struct soload_target){ target->slot_begin, target->slot_bytes, target->page,
					      target->asked_at, target->slots };
	return 0;
}

/* layout: for where, what, and two answers: each is a thing of its own */
int soload_prelink(const struct soload_target *given, unsigned int slot, void *bytes, size_t size,
		   uint64_t *ret_linked_at, struct soload_error *error)
{
	const struct elf_prelink_target target = {
		.slot_begin = given->slot_begin,
		.slot_bytes = given->slot_bytes,
		.page = given->page,
		.slots = given->slots <= UINT32_MAX ? (uint32_t)given->slots : 0,
	};
	struct elf_file file;
	uint64_t base = 0;
	size_t words;
	int r = elf_file_check(&file, bytes, size, err_of(error));

	if (r == 0)
		r = elf_prelink_base(&file, &target, slot, &base, err_of(error));
	if (r == 0)
		r = elf_prelink(&file, base, bytes, &words, err_of(error));
	if (r == 0)
		*ret_linked_at = base;
	return r;
}

const char *soload_version(void)
{
	return SOLOAD_VERSION;
}
