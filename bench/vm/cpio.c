/* The archive's entries, one after the other. Times and inodes are the same in every archive: equal
 * contents are equal bytes, and a guest that boots from them runs the same instructions. */
#include "bench/vm/cpio.h"

#include "base/file.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

struct entry {
	const char *name;
	uint32_t mode, major, minor;
	const void *bytes;
	size_t size;
};

static void pad(struct cpio *cpio, size_t size)
{
	fwrite("\0\0\0", 1, (0 - size) & 3u, cpio->file);
}

static int entry_add(struct cpio *cpio, const struct entry *entry, struct err *err)
{
	size_t name = strlen(entry->name) + 1;

	if (entry->size > UINT32_MAX)
		return err_set(err, EFBIG, "%s is too large for an initramfs", entry->name);
	fprintf(cpio->file, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		++cpio->entries, entry->mode, 0u, 0u, 1u, 0u, (unsigned int)entry->size, 0u, 0u,
		entry->major, entry->minor, (unsigned int)name, 0u);
	fwrite(entry->name, 1, name, cpio->file);
	pad(cpio, 110 + name); /* the head's 110 characters */
	if (entry->size)
		fwrite(entry->bytes, 1, entry->size, cpio->file);
	pad(cpio, entry->size);
	return ferror(cpio->file) ? err_set(err, EIO, "the initramfs cannot be written") : 0;
}

int cpio_open(struct cpio *cpio, const char *path, struct err *err)
{
	*cpio = (struct cpio){ .file = fopen(path, "we") };
	return cpio->file ? 0 : err_sys(err, "%s", path);
}

int cpio_directory(struct cpio *cpio, const char *name, struct err *err)
{
	return entry_add(cpio, &(struct entry){ .name = name, .mode = S_IFDIR | 0755 }, err);
}

int cpio_link(struct cpio *cpio, const char *name, const char *target, struct err *err)
{
	return entry_add(cpio,
			 &(struct entry){ .name = name,
					  .mode = S_IFLNK | 0777,
					  .bytes = target,
					  .size = strlen(target) },
			 err);
}

int cpio_device(struct cpio *cpio, const char *name, unsigned int major, unsigned int minor,
		struct err *err)
{
	return entry_add(
		cpio,
		&(struct entry){
			.name = name, .mode = S_IFCHR | 0600, .major = major, .minor = minor },
		err);
}

int cpio_bytes(struct cpio *cpio, const char *name, const void *bytes, size_t size, struct err *err)
{
	return entry_add(
		cpio,
		&(struct entry){
			.name = name, .mode = S_IFREG | 0755, .bytes = bytes, .size = size },
		err);
}

int cpio_file(struct cpio *cpio, const char *name, const char *path, struct err *err)
{
	struct file_bytes file;
	int r = file_load(path, &file, err);

	if (r < 0)
		return r;
	r = cpio_bytes(cpio, name, file.bytes, file.size, err);
	file_unload(&file);
	return r;
}

int cpio_close(struct cpio *cpio, struct err *err)
{
	int r = 0;

	if (!cpio->file)
		return 0;
	r = entry_add(cpio, &(struct entry){ .name = "TRAILER!!!" }, err);
	if (fclose(cpio->file) != 0 && r == 0)
		r = err_sys(err, "the initramfs");
	*cpio = (struct cpio){ 0 };
	return r;
}
