/* Files and descriptors: whole reads and writes that retry what the kernel may cut short. */
#ifndef SOLOAD_BASE_FILE_H
#define SOLOAD_BASE_FILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Writes all of `bytes`, retrying short writes and EINTR. `what` names the file in an error. */
int fd_write_all(int fd, const void *bytes, size_t size, const char *what, struct err *err);

/* Reads up to `size` bytes, retrying until the end of file: the number read, or a negative errno.
 */
long fd_read_all(int fd, void *bytes, size_t size, const char *what, struct err *err);

/*
 * A descriptor of `size` zero bytes to share between processes, without a name: a memory file,
 * else, where the kernel or a sandbox refuses those, an unlinked file in /dev/shm or /var/tmp.
 */
int fd_shared(const char *name, size_t size, struct err *err);

/*
 * A whole regular file in memory (page aligned, mapped privately, writable without changing the
 * file). The caller unmaps it with file_unload(). Directories, empty files and files above 1 GiB
 * are refused in words.
 */
struct file_bytes {
	void *bytes;
	size_t size;
};

int file_load(const char *path, struct file_bytes *ret_file, struct err *err);
void file_unload(struct file_bytes *file);

/* The first line of a small file, as the kernel has many, without its newline. False where there is
 * none or it is empty: then `line` is "" and errno says why. */
bool file_line(const char *path, char *line, size_t size);

/* mkdir -p */
int file_make_directory(const char *path, struct err *err);

#endif
