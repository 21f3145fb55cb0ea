/*
 * dlopen and friends in this project's manner, shared by every loader that leaves the work to the
 * dynamic linker.
 *
 * The trap all of them share: the dynamic linker answers a name it already knows, or a file (device
 * and inode) it has mapped, with the OLD object, and reports success. Hence dl_load() looks first
 * and tells in the image's report.
 */
#ifndef SOLOAD_LOADERS_DL_H
#define SOLOAD_LOADERS_DL_H

#include "base/err.h"
#include "loaders/loader.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * dlopen(path, flags), timed as PHASE_LINK; what surrounds it is PHASE_CHECK and not counted as
 * load. Fills in report.base and report.known_before. -ENOEXEC with the linker's own words when it
 * refuses.
 */
int dl_load(struct image *image, const char *path, int flags, void **ret_handle, struct err *err);

/*
 * Called with the path in PHASE_CHECK, before every dlopen; NULL, as at the start, calls nothing.
 * For a harness that wants the file cold. Set it before a second thread loads.
 */
extern void (*dl_before_open)(const char *path);

/* As dl_load, for the loaders that promise a fresh image: one that was known before is given back,
 * -ESTALE. */
int dl_load_new(struct image *image, const char *path, int flags, void **ret_handle,
		struct err *err);

/* -ENOENT when there is no such symbol or it is NULL. */
int dl_symbol(void *handle, const char *name, void **ret_address, struct err *err);

/* dlclose; NULL is fine. */
void dl_unload(void *handle);

/* The load bias of an open handle, 0 when it cannot be told. */
uintptr_t dl_base(void *handle);

#endif
