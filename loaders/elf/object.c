/*
 * One load, step by step, in the order of object.h, and the objects that may not go yet.
 */
#include "loaders/elf/object.h"

#include "loaders/elf/accept.h"
#include "loaders/elf/arch.h"
#include "loaders/elf/arena.h"
#include "loaders/elf/imports.h"
#include "loaders/elf/init.h"
#include "loaders/elf/jitdump.h"
#include "loaders/elf/registry.h"
#include "loaders/elf/reloc.h"
#include "loaders/elf/symbols.h"
#include "loaders/elf/tls.h"
#include "loaders/elf/unwind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct elf_object *object_take(struct elf_arena *arena)
{
	struct elf_object *object;

	pthread_mutex_lock(&arena->lock);
	object = arena->spare;
	if (object)
		arena->spare = object->next;
	pthread_mutex_unlock(&arena->lock);
	if (!object)
		object = malloc(sizeof(*object));
	if (!object)
		return NULL;
	memset(object, 0, offsetof(struct elf_object, place)); /* the rest is written in full */
	object->arena = arena;
	object->registry_entry = -1;
	return object;
}

static void object_give(struct elf_object *object)
{
	struct elf_arena *arena = object->arena;

	pthread_mutex_lock(&arena->lock);
	object->next = arena->spare;
	arena->spare = object;
	pthread_mutex_unlock(&arena->lock);
}

void elf_objects_free(struct elf_arena *arena)
{
	elf_objects_reap(arena, true);
	while (arena->spare) {
		struct elf_object *next = arena->spare->next;

		free(arena->spare);
		arena->spare = next;
	}
}

static int object_place(struct elf_object *object, const struct elf_source *source, struct err *err)
{
	struct elf_backing backing = { source->map ? source->fd : -1, source->offset };
	int r = elf_file_check(&object->file, source->bytes, source->size, err);

	if (r == 0)
		r = elf_file_accept(&object->file, object->arena, &object->arch, err);
	if (r == 0)
		r = elf_layout_plan(&object->file, object->arena->page, &object->layout, err);
	if (r < 0)
		return r;
	object->layout.guarded = elf_file_guarded(&object->file, object->arena);
	object->layout.wanted = source->linked_at;
	r = elf_place_take(object->arena, &object->file, &object->layout, backing, &object->place,
			   err);
	if (r < 0)
		return r;
	object->base = object->place.base;
	object->linked = source->linked_at && source->linked_at == object->base;
	if (source->linked_at && !object->linked && !object->place.note)
		object->place.note = "the base it was relocated for is taken: relocated here";
	return 0;
}

int elf_object_open(struct elf_arena *arena, const struct elf_source *source,
		    struct elf_object **ret_object, struct err *err)
{
	struct elf_object *object;
	int r;

	elf_objects_reap(arena, false);
	object = object_take(arena);
	if (!object)
		return err_set(err, ENOMEM, "out of memory");
	object->name = source->name ? source->name : "";
	object->run = !source->unrun;
	r = object_place(object, source, err);
	if (r < 0) {
		object_give(object);
		return r;
	}
	*ret_object = object;
	return 0;
}

int elf_object_bind(struct elf_object *object, struct err *err)
{
	const struct elf_scope_request request = {
		.file = &object->file,
		.path = object->name,
		.present_only = !object->run,
	};
	int r = elf_scope_find(&request, &object->scope, err);

	if (r == 0 && object->file.tls.memory_bytes && !object->tls_module)
		r = elf_tls_add(&object->file, object->base, &object->tls_module, err);
	if (r == 0)
		r = elf_reloc_apply(object, err);
	object->bound = r == 0;
	return r;
}

int elf_object_commit(struct elf_object *object, struct err *err)
{
	struct elf_mapped mapped = {
		.begin = object->base + object->layout.begin,
		.end = object->base + object->layout.end,
		.frames = object->file.eh_frame_hdr.bytes
				  ? object->base + object->file.eh_frame_hdr.address
				  : 0,
		.object = object,
	};
	bool again = object->indirect && object->run;
	int r = elf_place_write(&object->file, &object->layout, &object->place, err);

	if (r == 0) {
		object->registry_entry = elf_registry_add(&mapped);
		if (object->registry_entry < 0)
			r = err_set(err, ENOMEM, "out of memory");
	}
	if (r == 0 && again)
		r = elf_reloc_resolve(object, err);
	if (r == 0 && again)
		r = elf_place_write(&object->file, &object->layout, &object->place, err);
	if (r == 0)
		r = elf_tls_settle(object->tls_module, err);
	if (r == 0)
		r = elf_place_settle(&object->layout, &object->place, err);
	if (r < 0)
		return r;
	if (object->run)
		elf_jitdump_add(object, &object->place.note);
	elf_file_rebase(&object->file, object->base);
	object->committed = true;
	return 0;
}

static int finish_visit(void *context, const struct elf_mapped *mapped)
{
	(void)context;
	if (mapped->object->started) {
		mapped->object->started = false;
		elf_fini_run(mapped->object);
	}
	return 0;
}

/* At exit, what is still loaded ends as a library does that nobody closed. */
static void objects_finish(void)
{
	elf_registry_walk(finish_visit, NULL);
}

static pthread_once_t finish_once = PTHREAD_ONCE_INIT;

static void finish_register(void)
{
	(void)atexit(objects_finish); /* none left: destructors are not run at exit */
}

int elf_object_start(struct elf_object *object, struct err *err)
{
	if (!object->run || !object->committed)
		return err_set(err, EINVAL, "this object may not run");
	pthread_once(&finish_once, finish_register);
	object->frames = elf_unwind_add(&object->file, object->base, &object->place.note);
	object->started = true;
	elf_init_run(object);
	return 0;
}

enum elf_unloaded elf_object_stop(struct elf_object *object)
{
	if (object->file.dynamic.flags_1 & DF_1_NODELETE && object->started)
		return ELF_PINNED_NODELETE;
	if (atomic_load(&object->pending))
		return ELF_PINNED_THREADS;
	if (object->started) {
		object->started = false;
		elf_fini_run(object);
	}
	if (atomic_load(&object->pending)) /* a destructor made a thread-local variable */
		return ELF_PINNED_THREADS;
	elf_unwind_remove(&object->frames);
	return ELF_UNLOADED;
}

void elf_object_close(struct elf_object *object)
{
	elf_tls_remove(object->tls_module);
	elf_registry_remove(object->registry_entry);
	elf_place_release(object->arena, &object->place);
	object_give(object);
}

int elf_object_load(struct elf_arena *arena, const struct elf_source *source,
		    struct elf_object **ret_object, struct timeline *time, struct err *err)
{
	struct elf_object *object;
	int r;

	timeline_enter(time, PHASE_MAP);
	r = elf_object_open(arena, source, &object, err);
	if (r < 0)
		return r;
	timeline_enter(time, PHASE_RELOCATE);
	r = elf_object_bind(object, err);
	if (r == 0) {
		timeline_enter(time, PHASE_PROTECT);
		r = elf_object_commit(object, err);
	}
	if (r == 0 && source->committed)
		source->committed(source->context, object);
	if (r == 0) {
		timeline_enter(time, PHASE_INIT);
		r = object->run ? elf_object_start(object, err) : 0;
	}
	if (r < 0) {
		elf_object_close(object);
		return r;
	}
	*ret_object = object;
	return 0;
}

int elf_object_symbol(struct elf_object *object, const char *name, void **ret_address,
		      struct err *err)
{
	const elf_sym *symbol = elf_symbol_find(&object->file, name);
	uintptr_t address;

	if (!symbol)
		return err_set(err, ENOENT, "no symbol '%.200s'", name);
	address = symbol->st_shndx == SHN_ABS ? symbol->st_value : object->base + symbol->st_value;
	if (ELF64_ST_TYPE(symbol->st_info) == STT_TLS) {
		if (!object->tls_module)
			return err_set(err, ENOEXEC, "'%.200s' is thread-local, the object is not",
				       name);
		if (symbol->st_value > object->file.tls.memory_bytes)
			return err_set(err, ENOEXEC, "'%.200s' lies outside the object's PT_TLS",
				       name);
		address = (uintptr_t)elf_tls_address(object->tls_module, symbol->st_value);
		if (!address)
			return err_set(err, ENOMEM,
				       "out of memory for %llu bytes of thread-local variables",
				       (unsigned long long)object->file.tls.memory_bytes);
	} else if (ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC && object->run) {
		address = elf_resolver_run(address);
	}
	*ret_address = (void *)address;
	return 0;
}

const char *elf_unloaded_note(enum elf_unloaded unloaded)
{
	switch (unloaded) {
	case ELF_PINNED_THREADS:
		return "kept: threads have destructors of it still to run";
	case ELF_PINNED_NODELETE:
		return "kept: it asks never to be unloaded (DF_1_NODELETE)";
	default:
		return NULL;
	}
}

static void object_pin(struct elf_object *object, bool for_ever)
{
	struct elf_arena *arena = object->arena;

	object->name = ""; /* the caller's may go now */
	pthread_mutex_lock(&arena->lock);
	if (for_ever) {
		arena->pinned_for_ever++;
	} else {
		object->next = arena->pinned;
		arena->pinned = object;
		atomic_fetch_add(&arena->pinned_count, 1);
	}
	pthread_mutex_unlock(&arena->lock);
}

enum elf_unloaded elf_object_unload(struct elf_object *object)
{
	enum elf_unloaded unloaded = elf_object_stop(object);

	if (unloaded == ELF_UNLOADED)
		elf_object_close(object);
	else
		object_pin(object, unloaded == ELF_PINNED_NODELETE);
	return unloaded;
}

void elf_object_abandon(struct elf_object *object)
{
	if (object->abandoned)
		object->abandoned(object->abandoned_context);
	object->thrown = true;
	object->thrower = pthread_self();
	object_pin(object, false);
}

/* Whether no thread can be in need of it: none has destructors of it to run, and the one that had
 * an exception of it is back here. */
static bool object_forsaken(const struct elf_object *object, bool last)
{
	return atomic_load(&object->pending) == 0 &&
	       (!object->thrown || last || pthread_equal(object->thrower, pthread_self()));
}

/* Takes one pinned object that may go out of the list. */
static struct elf_object *pinned_take(struct elf_arena *arena, bool last)
{
	struct elf_object *object;

	pthread_mutex_lock(&arena->lock);
	for (struct elf_object **at = &arena->pinned; (object = *at); at = &object->next) {
		if (object_forsaken(object, last)) {
			*at = object->next;
			atomic_fetch_sub(&arena->pinned_count, 1);
			break;
		}
	}
	pthread_mutex_unlock(&arena->lock);
	return object;
}

void elf_objects_reap(struct elf_arena *arena, bool last)
{
	struct elf_object *object;

	if (!atomic_load_explicit(&arena->pinned_count, memory_order_relaxed))
		return;
	while ((object = pinned_take(arena, last)))
		(void)elf_object_unload(object); /* its destructors may pin it once more */
}
