/*
 * The AICPU's own staging directories. The seed writes objects to five directories of the AICPU's
 * system, which here would be this machine's /usr/lib64 and /tmp. Where the kernel allows it, the
 * AICPU therefore runs in a mount namespace of its own, in which those five are private: on the
 * same kind of disk, beginning with links to every entry the machine has there, and gone with the
 * AICPU.
 */
#ifndef SOLOAD_DEVICE_DIRECTORIES_H
#define SOLOAD_DEVICE_DIRECTORIES_H

#include "base/err.h"

#include <stddef.h>

/*
 * The host's part: an empty folder on a disk where code may be executed. Returns a descriptor that
 * holds a lock on it and is the caller's to close, or a negative errno. What two processes that
 * were both killed have left behind is removed on the way.
 */
int directories_create(char *ret_path, size_t size, struct err *err);

/*
 * The AICPU's part, before it has a second thread: moves into a new mount namespace and puts
 * folders under `path` in the place of the five. On failure the reason is in words and the
 * machine's directories are in use.
 */
int directories_enter(const char *path, struct err *err);

/*
 * The same for a folder that several AICPUs share, as the dies of one chip share a file system: the
 * first makes the five, the others find what is written there under the same names. They enter one
 * after the other.
 */
int directories_enter_shared(const char *path, struct err *err);

/*
 * Removes the folder and what is in it, from either side; nothing to remove is fine.
 * directories_leave() does it for the folder entered, unless that is shared: then it is the host's
 * to remove, or directories_leave_last()'s when the host is gone. All are async-signal-safe.
 */
void directories_remove(const char *path);
void directories_leave(void);
void directories_leave_last(void);

#endif
