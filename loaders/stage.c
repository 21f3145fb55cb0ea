/* Writing an object where dlopen can open it: what is written, and the right way to make a file for
 * it. See stage.h. */
#include "loaders/stage.h"

#include "loaders/elf/arch.h"
#include "loaders/elf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define CREATE_ATTEMPTS 16

static struct iovec part(const void *bytes, size_t size)
{
	return (struct iovec){ .iov_base = (void *)(uintptr_t)bytes, .iov_len = size };
}

/* The linker itself would say "No such file" of an object for another machine. */
static int object_check(struct elf_file *file, const struct so *so, struct err *err)
{
	const struct elf_arch *native = elf_arch_native();
	char name[32];
	int r = elf_file_check(file, so->bytes, so->size, err);

	if (r < 0)
		return r;
	if (native && file->machine != native->machine)
		return err_set(err, ENOEXEC, "the object is for %s, not for this machine",
			       elf_machine_name(file->machine, name, sizeof(name)));
	return 0;
}

int stage_bytes_set(struct stage_bytes *bytes, const struct so *so, bool trim, struct err *err)
{
	struct elf_file file;
	size_t end;
	int r = object_check(&file, so, err);

	bytes->parts[0] = part(so->bytes, so->size);
	bytes->part_count = 1;
	bytes->size = so->size;
	if (!trim || r < 0)
		return r;
	end = elf_loadable_bytes(&file);
	if (end < sizeof(bytes->header))
		return 0;
	memcpy(&bytes->header, so->bytes, sizeof(bytes->header));
	bytes->header.e_shoff = 0;
	bytes->header.e_shnum = 0;
	bytes->header.e_shstrndx = SHN_UNDEF;
	bytes->parts[0] = part(&bytes->header, sizeof(bytes->header));
	bytes->parts[1] =
		part((const char *)so->bytes + sizeof(bytes->header), end - sizeof(bytes->header));
	bytes->part_count = 2;
	bytes->size = end;
	return 0;
}

static void parts_advance(struct iovec *parts, int count, size_t done)
{
	for (int i = 0; i < count; i++) {
		size_t step = done < parts[i].iov_len ? done : parts[i].iov_len;

		parts[i].iov_base = (char *)parts[i].iov_base + step;
		parts[i].iov_len -= step;
		done -= step;
	}
}

int stage_write(int fd, const struct stage_bytes *bytes, const char *what, struct err *err)
{
	struct iovec parts[2] = { bytes->parts[0], bytes->parts[1] };
	size_t left = bytes->size;

	while (left > 0) {
		ssize_t n = writev(fd, parts, bytes->part_count);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "write %s", what);
		if (n == 0)
			return err_set(err, EIO, "write %s: the file takes no more bytes", what);
		parts_advance(parts, bytes->part_count, (size_t)n);
		left -= (size_t)n;
	}
	return 0;
}

/*
 * The process id parts processes that live, the random word those that lived before (their stale
 * names included), the count the loads of this one.
 */
static int path_make(char *path, const char *directory, struct err *err)
{
	static _Atomic uint64_t seed, count;
	uint64_t word = atomic_load_explicit(&seed, memory_order_relaxed);
	int length;

	if (!word) {
		uint64_t none = 0;

		if (getrandom(&word, sizeof(word), GRND_NONBLOCK) != sizeof(word))
			word = clock_now_ns();
		if (!atomic_compare_exchange_strong(&seed, &none, word | 1))
			word = none;
	}
	length = snprintf(path, STAGED_PATH_BYTES, "%s/soload_%d_%016llx_%llu.so", directory,
			  staged_number(), (unsigned long long)(word | 1),
			  (unsigned long long)atomic_fetch_add(&count, 1));
	if (length < 0 || length >= STAGED_PATH_BYTES)
		return err_set(err, ENAMETOOLONG, "the folder name %.60s… is too long", directory);
	return 0;
}

/* Registered first, created then: a signal between the two unlinks a name that does not exist. */
static int file_open(struct stage_file *file, const char *directory, struct err *err)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int r, fd;

	for (int attempt = 0; attempt < CREATE_ATTEMPTS; attempt++) {
		r = path_make(file->path, directory, err);
		if (r < 0)
			return r;
		file->place = staged_add(file->path);
		fd = open(file->path, flags, 0700);
		if (fd >= 0)
			return fd;
		staged_remove(file->place);
		if (errno != EEXIST)
			break;
	}
	return err_sys(err, "create %s", file->path);
}

int stage_create(struct stage_file *file, const char *directory, const struct stage_bytes *bytes,
		 struct err *err)
{
	struct stat st = { 0 };
	int fd, r;

	*file = (struct stage_file){ 0 };
	fd = file_open(file, directory, err);
	if (fd < 0)
		return fd;
	file->exists = true;
	r = stage_write(fd, bytes, file->path, err);
	if (r == 0 && fstat(fd, &st) < 0)
		r = err_sys(err, "stat %s", file->path);
	close(fd);
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	if (r < 0)
		stage_delete(file);
	return r;
}

void stage_delete(struct stage_file *file)
{
	if (!file->exists)
		return;
	unlink(file->path);
	staged_remove(file->place);
	file->exists = false;
}

int stage_folder_check(const char *directory, struct err *err)
{
	struct statvfs fs;

	if (directory[0] != '/')
		return err_set(err, EINVAL, "folder '%s': give it as an absolute path", directory);
	if (access(directory, W_OK | X_OK) < 0)
		return err_sys(err, "folder %s", directory);
	if (statvfs(directory, &fs) < 0)
		return err_sys(err, "folder %s", directory);
	if (fs.f_flag & ST_NOEXEC)
		return err_set(err, EACCES,
			       "folder %s is mounted noexec: nothing can be loaded from it",
			       directory);
	return 0;
}
