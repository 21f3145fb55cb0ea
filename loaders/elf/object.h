/*
 * One shared object brought in by this loader, and the steps that bring it in, in their order:
 *
 *   open    check the bytes, take a place in memory, copy what relocations will change
 *   bind    relocate and bind imports
 *   commit  write what may not be written later, publish the code
 *   start   unwinding, thread-local storage, constructors
 *   stop    destructors, thread-exit destructors still pending are counted
 *   close   give the place back, or pin it
 *
 * elf_object_load() and elf_object_unload() do all of them. The bytes given are not needed any more
 * once `load` has returned. Parsing, mapping and relocating are safe against hostile bytes;
 * whoever starts an object trusts its code: nothing can be promised about what that does.
 */
#ifndef SOLOAD_LOADERS_ELF_OBJECT_H
#define SOLOAD_LOADERS_ELF_OBJECT_H

#include "base/err.h"
#include "base/timeline.h"
#include "loaders/elf/file.h"
#include "loaders/elf/map.h"
#include "loaders/elf/unwind.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

struct elf_arch;
struct elf_scope;

struct elf_object;

/* What to load. */
struct elf_source {
	const void *bytes;
	size_t size;
	const char *name; /* for messages, gdb and perf; may be NULL */
	int fd;		  /* -1, or a file that holds the same bytes at `offset` ... */
	off_t offset;
	bool map;	    /* ... to be mapped instead of copied */
	uint64_t linked_at; /* the base its RELATIVE words are right for already, 0 = none */
	bool unrun;	    /* check, map and relocate, but run no byte of it: see below */
	/* Called before the first constructor, NULL = nobody wants to know. */
	void (*committed)(void *context, struct elf_object *object);
	void *context;
};

#define ELF_DSO_MAX 4 /* different __dso_handle values one object registers destructors under */

struct elf_object {
	struct elf_arena *arena;
	struct elf_object *next; /* in a list of the arena: spare, or pinned */
	const struct elf_arch *arch;
	struct elf_scope *scope; /* where its imports are looked for */
	const char *name;	 /* the source's, never NULL */
	uintptr_t base;		 /* the load bias */
	bool run;		 /* code of the object may run */
	bool bound, committed, started;
	bool linked;	     /* the RELATIVE words were right before it was bound */
	bool indirect;	     /* relocations want answers of its own resolvers */
	uint64_t relatives;  /* RELATIVE words computed by this load, packed ones among them */
	uint64_t libraries;  /* the process's, elf_imports_since() before any import was bound */
	uint32_t tls_module; /* 0 = none */
	int registry_entry;  /* -1 = none */
	struct elf_frames frames;
	/* Called when a constructor left by an exception; NULL = nobody wants to know. */
	void (*abandoned)(void *context);
	void *abandoned_context;
	bool thrown; /* one did, in this thread */
	pthread_t thrower;
	void *dso[ELF_DSO_MAX];
	atomic_uint dso_count;
	atomic_uint pending; /* thread-exit destructors not run yet */
	struct elf_place place;
	struct elf_layout layout;
	struct elf_file file; /* after commit: views of the mapped image */
};

/*
 * Everything up to constructors. `time` may be NULL. On failure nothing is left.
 *
 * With `unrun`: checks, maps and relocates, but runs no byte of the object: no constructor, no
 * resolver; and loads no library that is not in the process already. For tools, and for tests with
 * hostile bytes.
 */
int elf_object_load(struct elf_arena *arena, const struct elf_source *source,
		    struct elf_object **ret_object, struct timeline *time, struct err *err);

/* The address of a defined dynamic symbol (its default version); -ENOENT when there is none. A
 * thread-local one answers with the calling thread's copy, an indirect one with what it resolves
 * to. */
int elf_object_symbol(struct elf_object *object, const char *name, void **ret_address,
		      struct err *err);

enum elf_unloaded { ELF_UNLOADED, ELF_PINNED_THREADS, ELF_PINNED_NODELETE };

/* Why it was kept, NULL when it was not. */
const char *elf_unloaded_note(enum elf_unloaded unloaded);

/*
 * Destructors run, memory is given back. A pinned object stays mapped: its destructors run later,
 * once the threads that must still run code of it have ended and the arena is used again.
 */
enum elf_unloaded elf_object_unload(struct elf_object *object);

/* For an object whose constructor left by an exception. It is unloaded when this thread uses the
 * arena again, or the arena goes: the exception may be of a type it defines. */
void elf_object_abandon(struct elf_object *object);

/* The steps, for loaders that keep an image between loads. Each is safe after any failure before
 * it; close undoes whatever was reached. */
int elf_object_open(struct elf_arena *arena, const struct elf_source *source,
		    struct elf_object **ret_object, struct err *err);
int elf_object_bind(struct elf_object *object, struct err *err);
int elf_object_commit(struct elf_object *object, struct err *err);
int elf_object_start(struct elf_object *object, struct err *err);
enum elf_unloaded elf_object_stop(struct elf_object *object);
void elf_object_close(struct elf_object *object);

#endif
