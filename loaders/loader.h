/*
 * THE contract: a loader brings a shared object into this process.
 *
 * Lifecycle, per loader: available → prepare → ( load → symbol* → unload )* → finish. Only loader.c
 * calls the slots; it owns the memory, the order and the clean-up, so a slot contains nothing but
 * its own step.
 *
 * To write one: copy null.c, fill in the slots, add a line to loaders.def. See docs/adding.md.
 */
#ifndef SOLOAD_LOADERS_LOADER_H
#define SOLOAD_LOADERS_LOADER_H

#include "base/err.h"
#include "base/options.h"
#include "base/timeline.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a loader promises. Few and positive; conformance tests prove each, and show the failure
 * where one is missing. */
#define LOADER_CAPS(CAP) \
	CAP(EXECUTES, "code of the object really runs") \
	CAP(DISKLESS, "nothing is written to a disk") \
	CAP(FILELESS, "no path in any file system names the object") \
	CAP(SPLIT_PHASES, "map, relocate, protect and init are timed apart") \
	CAP(MANY_IMAGES, "several objects, and several loads of one, live at once") \
	CAP(CONCURRENT, "threads may load and unload at the same time") \
	CAP(THREAD_LOCAL, "objects with thread-local storage work") \
	CAP(FRESH_EVERY_LOAD, "every load starts from the bytes given, no old state")

#define CAP_BIT(name, text) LOADER_CAP_BIT_##name,
#define CAP_MASK(name, text) LOADER_##name = 1u << LOADER_CAP_BIT_##name,
enum loader_cap_bit { LOADER_CAPS(CAP_BIT) LOADER_CAP_COUNT };
enum loader_cap { LOADER_CAPS(CAP_MASK) };
#undef CAP_BIT
#undef CAP_MASK

/* A symbol of code that is linked into the program already; lists end with a NULL name. Only `null`
 * answers from them. */
struct so_symbol {
	const char *name;
	void *address;
};

/*
 * One shared object, in memory. Read-only and owned by the caller; outlives every image made from
 * it. `fd` with `offset` name the same bytes in a file or memory file the caller holds open (-1:
 * none): a loader may map instead of copy. `id` and `generation` are the caller's identity of the
 * content (0: none): equal pairs promise equal bytes, and a changed content has a new pair. Caches
 * key on them and never read the bytes to compare. A loader reads the bytes in load() alone, so
 * that a cache may keep an image when its bytes are gone.
 */
struct so {
	const void *bytes;
	size_t size;
	const char *path; /* for messages, or NULL; nobody opens it */
	int fd;
	off_t offset;
	uint64_t id, generation;
	const struct so_symbol *linked; /* or NULL */
	/* The base for which the caller applied the relative relocations (elf_prelink()), 0 = none:
	 * a loader that puts the object there need not. Untrue, it sends the object's code astray.
	 */
	uint64_t linked_at;
};

/* What a load found out, filled in by the loader for whoever judges it. Valid until the image is
 * loaded anew or freed. */
struct image_report {
	uintptr_t base;	   /* the load bias: where virtual address 0 of the object is; 0 = nothing
			      mapped */
	bool hit;	   /* answered from a kept image, on purpose */
	bool known_before; /* the dynamic linker knew the name before the load: an old image answers
			    */
	dev_t staged_dev;  /* the file that was written for this load; ino 0 = none */
	ino_t staged_ino;
	const char *staged_at; /* its path or name; NULL = not staged. In the image's state */
	uint64_t load_bytes;   /* bytes written or copied to bring the object in */
	uint64_t relatives;    /* relative relocations this load computed; the dynamic linker's are
				  not counted */
	const char *note;      /* a step down or another oddity in words, or NULL; static, or in the
				  image's state */
};

struct loader;
struct image;
struct elf_prelink_target; /* loaders/elf/prelink.h */

struct loader_type {
	const char *name;
	const char *summary; /* one line for `soload list` */
	unsigned int
		caps; /* enum loader_cap, or-ed; an option may take some away, see struct loader */

	size_t loader_size; /* private state of one loader, zeroed; 0 = none */
	size_t image_size;  /* private state of one image, zeroed before each load; 0 = none */

	size_t options_size; /* a struct of the loader's own, zeroed, then parsed into */
	const struct option_def *options; /* NULL = takes none */

	/* 0, or a negative errno with the reason in words: this machine cannot. NULL = always
	 * available. */
	int (*available)(const struct loader *loader, struct err *err);
	/* Once, after options were parsed: checks them, opens what all loads share. May be NULL.
	 * Not timed. */
	int (*prepare)(struct loader *loader, struct err *err);
	/*
	 * Brings image->so in, constructors included. Timed: enters its phases on image->time and
	 * leaves the last one open. On failure it returns at once: the core calls unload() on what
	 * there is, so state must say what was reached.
	 */
	int (*load)(struct image *image, struct err *err);
	/* The address of a dynamic symbol; -ENOENT when the object has none of that name. Without a
	 * timeline it changes nothing in the image: `cached` asks from several threads at once.
	 * Timed (RESOLVE). */
	int (*symbol)(struct image *image, const char *name, void **ret_address, struct err *err);
	/* Undoes load(), also a half-finished one; cannot fail. Timed: opens in UNLOAD, may enter
	 * UNSTAGE. */
	void (*unload)(struct image *image);
	/* Undoes prepare(), also a failed one; every image is unloaded by then. May be NULL. */
	void (*finish)(struct loader *loader);
};

/* One loader with its options, good for any number of objects. */
struct loader {
	const struct loader_type *type;
	unsigned int caps; /* of this loader with these options: prepare() may clear bits of
			      type->caps */
	void *state;
	void *options;
	/* Where objects will lie, set by prepare() when it can be told beforehand and was asked
	 * for: whoever knows it may relocate them ahead (struct so, linked_at). In the loader's
	 * state. */
	const struct elf_prelink_target *target;
	char *spec;	 /* as given, "disk:mended" */
	char *arguments; /* where parsed option values live */
};

/* One load of one object, reusable for the next after image_unload(). Used by one thread at a time.
 */
struct image {
	struct loader *loader;
	const struct so *so;
	struct timeline *time; /* may be NULL */
	void *state;
	struct image_report report;
	bool loaded;
};

/* All types in the order of loaders.def, NULL-terminated. */
extern const struct loader_type *const loader_types[];

const struct loader_type *loader_find(const char *name, size_t length);
const char *loader_cap_name(enum loader_cap_bit bit);
const char *loader_cap_text(enum loader_cap_bit bit);

/*
 * Makes a loader from "NAME[:KEY[=VALUE]]…": looks the name up (an unknown one suggests the
 * nearest), parses the options, asks whether it is available here and prepares it. The caller
 * closes it with loader_close().
 */
int loader_open(struct loader **ret_loader, const char *spec, struct err *err);
void loader_close(struct loader *loader); /* NULL is fine; every image of it must have been freed */

/* Memory for one image of that loader: nothing is allocated later by the core. NULL when out of
 * memory. */
struct image *image_new(struct loader *loader);
void image_free(struct image *image); /* unloads first if need be; NULL is fine */

/*
 * Loads `so` into an image that holds nothing. On failure the image holds nothing again. `time` may
 * be NULL; else its lane must be running, and is left in the last phase of the load.
 */
int image_load(struct image *image, const struct so *so, struct timeline *time, struct err *err);
int image_symbol(struct image *image, const char *name, void **ret_address, struct err *err);
void image_unload(struct image *image); /* an image that holds nothing stays so */

#endif
