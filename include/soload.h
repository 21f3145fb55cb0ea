/*
 * soload: bring a shared object into this process from memory, and take it out again.
 *
 * A loader is a way of doing that, chosen by name; "auto" is right when there is no reason to
 * choose. An image is one object brought in. The library depends on the C library alone, prints
 * nothing, ends nothing, changes no signal and starts no thread. Its functions may be called from
 * any thread; one image belongs to one thread at a time.
 *
 * Functions that can fail return 0 or a negative errno, and put one sentence (no newline, no full
 * stop) into `error`, which may be NULL. What they return through a pointer is untouched on
 * failure.
 *
 * The bytes of an object may be anything: with the "elf" loader, checking, mapping and relocating
 * never read or write out of bounds. Where "auto" steps down to the dynamic linker, the tables that
 * one believes are checked first; a thread-local variable that another library has as something
 * else is not seen. Its code is another matter: loading an object means trusting it, for
 * constructors run.
 */
#ifndef SOLOAD_H
#define SOLOAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct soload_loader;
struct soload_image;

struct soload_error {
	char text[512];
};

/*
 * Makes a loader from "NAME[:KEY[=VALUE]]...":
 *
 *   auto        elf, else memfd, else tmpfs, else disk; soload_note() explains a step down
 *   elf         straight into memory, no dlopen, one system call per load; where no memory file
 *               may be had, memory is written first and made executable then
 *   elf:dualmap as elf, without a system call per load (aarch64: one)
 *   prelinked   as elf, and the same content (see soload_object.id) again costs almost nothing
 *   memfd, tmpfs, disk:mended    through dlopen, staged in a memory file, /dev/shm, a folder
 *
 * `soload list loaders` shows all of them with their options. -EINVAL for an unknown name or
 * option; another error when this machine does not allow that loader. A loader keeps memory (slots,
 * kept images) between loads; the caller ends it with soload_close().
 */
int soload_open(struct soload_loader **ret_loader, const char *spec, struct soload_error *error);

/* Every image of it must have been unloaded. NULL is fine. */
void soload_close(struct soload_loader *loader);

/*
 * An object to load. The bytes are the caller's and are needed only until soload_load_object()
 * returns; all other fields may stay as SOLOAD_OBJECT sets them.
 */
struct soload_object {
	const void *bytes;
	size_t size;
	const char *name; /* for debuggers and messages, not opened; must outlive the image */
	/* A file that holds the same bytes at `offset`, -1 = none; it stays the caller's and is
	 * never closed here. "elf:map" maps it when it can, and the file must not change then;
	 * other loaders copy the bytes. */
	int fd;
	off_t offset;
	/* The caller's name for this content, 0 = none. Equal pairs promise equal bytes; loaders
	 * that keep images compare these and never the bytes. */
	uint64_t id, generation;
	/* What soload_prelink() said of these bytes, 0 = they are as they were linked. */
	uint64_t linked_at;
};

/* struct soload_object object = SOLOAD_OBJECT(bytes, size); */
#define SOLOAD_OBJECT(bytes, size) \
	{ \
		(bytes), (size), NULL, -1, 0, 0, 0, 0 \
	}

/*
 * Brings the object in: maps, relocates, binds imports against the libraries of this process,
 * loads the libraries it needs, runs constructors. -ENOEXEC with a reason when it is not an object
 * this loader accepts, -ENOENT for a symbol nobody defines, -ENOMEM and others. Constructors that
 * throw or exit do so through the caller; with "elf", "prelinked" and "auto" the object then goes
 * when the same thread uses the loader next, or when that is closed: the exception must have ended.
 */
int soload_load_object(struct soload_loader *loader, const struct soload_object *object,
		       struct soload_image **ret_image, struct soload_error *error);
/* The same of bytes without a name, a file or an identity. */
int soload_load(struct soload_loader *loader, const void *bytes, size_t size,
		struct soload_image **ret_image, struct soload_error *error);

/*
 * The address of an exported symbol: a function (of the default version), a variable, the calling
 * thread's copy of a thread-local one. Valid until the image is unloaded. -ENOENT when there is
 * none of that name, -ENOMEM when there is no memory for the thread's copy.
 */
int soload_symbol(struct soload_image *image, const char *name, void **ret_address,
		  struct soload_error *error);

/* Runs destructors and gives the memory back. No thread may be in its code, and no pointer into it
 * may be used later. NULL is fine. */
void soload_unload(struct soload_image *image);

/* A step down or another oddity of this load in words, or NULL. Valid until it is unloaded. */
const char *soload_note(const struct soload_image *image);

/* What to add to the object's own addresses (for debuggers: add-symbol-file FILE -o BASE). */
uintptr_t soload_base(const struct soload_image *image);

/*
 * What an address is, for backtraces and crash reports: dladdr() does not know objects that came in
 * without the dynamic linker. Of an object with no export at or before the address, `symbol` is
 * NULL. Strings are the image's.
 */
struct soload_place {
	uintptr_t base;		  /* as soload_base() */
	const char *object;	  /* soload_object.name, "" = none */
	const char *symbol;	  /* exported, the nearest that begins at or before the address */
	uintptr_t symbol_address; /* where that one begins */
};

/* May be called in a signal handler: it takes no lock, allocates nothing and leaves errno alone.
 * -ENOENT when the address is in no image of "elf", "prelinked" or "auto"; then ask dladdr(). */
int soload_where(const void *address, struct soload_place *ret_place);

/*
 * Where a loader with the option "agreed" ("elf:agreed", "prelinked:agreed:at=ADDRESS") puts
 * objects: plain figures (addresses, and bytes; `page` is that machine's page size in bytes), for a
 * process that prepares objects on another machine. Both sides are little-endian.
 */
struct soload_target {
	uint64_t slot_begin, slot_bytes, page, asked_at; /* slot_begin is not asked_at: taken */
	uint64_t slots;					 /* how many objects may lie side by side */
};

/* -ENOTSUP when the loader was not opened so. */
int soload_agreed(const struct soload_loader *loader, struct soload_target *ret_target,
		  struct soload_error *error);

/*
 * Applies an object's relative relocations to its bytes, for that slot (below target->slots) of
 * such a loader. The bytes stay an object for every loader; with ret_linked_at in
 * soload_object.linked_at that one does not relocate them again where it can put them there, and
 * soload_note() says so where it cannot. They are new content: give them an identity of their own.
 * The figures may be anything: -EINVAL. -ENOTSUP with a reason when the object will not lie in a
 * slot, -ENOEXEC when it is none; the bytes are worthless then.
 */
int soload_prelink(const struct soload_target *target, unsigned int slot, void *bytes, size_t size,
		   uint64_t *ret_linked_at, struct soload_error *error);

/* "0.1.0" */
const char *soload_version(void);

#ifdef __cplusplus
}
#endif

#endif
