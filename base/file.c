/* Whole reads and writes. See file.h for the contract. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX (1u << 30)

int fd_write_all(int fd, const void *bytes, size_t size, const char *what, struct err *err)
{
	const char *from = bytes;

	while (size > 0) {
		ssize_t n = write(fd, from, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "write %s", what);
		if (n == 0)
			return err_set(err, EIO, "write %s: the file takes no more bytes", what);
		from += n;
		size -= (size_t)n;
	}
	return 0;
}

long fd_read_all(int fd, void *bytes, size_t size, const char *what, struct err *err)
{
	char *to = bytes;
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, to + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "read %s", what);
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (long)done;
}

int fd_shared(const char *name, size_t size, struct err *err)
{
	static const char *const folders[] = { "/dev/shm", "/var/tmp" };
	int fd = memfd_create(name, MFD_CLOEXEC);
	int r;

	if (fd < 0)
		r = err_sys(err, "%s: memfd_create", name);
	for (size_t i = 0; fd < 0 && i < sizeof(folders) / sizeof(folders[0]); i++)
		fd = open(folders[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_prefix(
			err, r,
			"neither a memory file nor an unlinked one in /dev/shm or /var/tmp");
	if (ftruncate(fd, (off_t)size) == 0)
		return fd;
	r = err_sys(err, "%s: %zu bytes of shared memory", name, size);
	close(fd);
	return r;
}

static int regular_size(int fd, const char *path, size_t *ret_size, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s: not a regular file", path);
	if (st.st_size == 0)
		return err_set(err, EINVAL, "%s: empty file", path);
	if (st.st_size > FILE_BYTES_MAX)
		return err_set(err, EFBIG, "%s: %lld bytes, more than 1 GiB", path,
			       (long long)st.st_size);
	*ret_size = (size_t)st.st_size;
	return 0;
}

/* Read, not mapped from the file: a file that shrinks while it is in use would turn into SIGBUS. */
static int load_from(int fd, const char *path, struct file_bytes *file, struct err *err)
{
	long n;
	int r = regular_size(fd, path, &file->size, err);

	if (r < 0)
		return r;
	file->bytes =
		mmap(NULL, file->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (file->bytes == MAP_FAILED)
		return err_sys(err, "%s: memory for %zu bytes", path, file->size);
	n = fd_read_all(fd, file->bytes, file->size, path, err);
	if (n >= 0 && (size_t)n == file->size)
		return 0;
	munmap(file->bytes, file->size);
	return n < 0 ? (int)n : err_set(err, EIO, "%s: shrank while it was read", path);
}

int file_load(const char *path, struct file_bytes *ret_file, struct err *err)
{
	struct file_bytes file;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_sys(err, "open %s", path);
	r = load_from(fd, path, &file, err);
	close(fd);
	if (r == 0)
		*ret_file = file;
	return r;
}

void file_unload(struct file_bytes *file)
{
	if (file->bytes)
		munmap(file->bytes, file->size);
	file->bytes = NULL;
	file->size = 0;
}

bool file_line(const char *path, char *line, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, line, size - 1);
	int why = n < 0 ? errno : ENODATA;

	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
	if (!line[0])
		errno = why;
	return line[0] != '\0';
}

/* mkdir, content with a folder that is there already; a file in its place is not. */
static int folder_make(const char *path, struct err *err)
{
	struct stat st;

	if (mkdir(path, 0777) == 0)
		return 0;
	if (errno == EEXIST && stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		errno = ENOTDIR;
	}
	return err_sys(err, "create folder %s", path);
}

int file_make_directory(const char *path, struct err *err)
{
	char part[PATH_MAX];
	int r;
	size_t length = strlen(path);

	if (length == 0 || length >= sizeof(part))
		return err_set(err, EINVAL, "'%s' is not a usable folder name", path);
	memcpy(part, path, length + 1);
	for (char *c = part + 1;; c++) {
		bool last = *c == '\0';

		if (*c != '/' && !last)
			continue;
		*c = '\0';
		r = folder_make(part, err);
		if (r < 0 || last)
			return r;
		*c = '/';
	}
}
