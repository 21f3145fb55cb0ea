/* Dropping caches before loads. See cold.h. */
#include "bench/cold.h"

#include "base/file.h"
#include "loaders/dl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Documentation/admin-guide/sysctl/vm.rst: 3 frees page cache, directories and inodes. */
#define DROP_PATH "/proc/sys/vm/drop_caches"

static __thread bool was_cold;

int cold_check(enum cold cold, struct err *err)
{
	int fd, r;

	if (cold != COLD_ALL)
		return 0;
	fd = open(DROP_PATH, O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		return close(fd);
	r = err_sys(err, "open %s", DROP_PATH);
	return err_prefix(err, r,
			  "caches cannot be dropped here (it takes root, outside of a container); "
			  "--cold file needs no rights");
}

/* Whether any page of it is cached; of a file that cannot be looked at, the answer is yes. */
static bool file_is_cached(int fd)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), pages;
	unsigned char *resident = NULL;
	void *bytes = MAP_FAILED;
	bool cached = true;
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_size > 0)
		bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return true;
	pages = ((size_t)st.st_size + page - 1) / page;
	resident = malloc(pages);
	if (resident && mincore(bytes, (size_t)st.st_size, resident) == 0) {
		cached = false;
		for (size_t i = 0; i < pages; i++)
			cached |= resident[i] & 1;
	}
	free(resident);
	munmap(bytes, (size_t)st.st_size);
	return cached;
}

static void file_drop(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return; /* dlopen will say it */
	if (fdatasync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0)
		was_cold = !file_is_cached(fd);
	close(fd);
}

void cold_open(enum cold cold)
{
	dl_before_open = cold == COLD_NONE ? NULL : file_drop;
}

void cold_begin(enum cold cold)
{
	int fd;

	was_cold = false;
	if (cold != COLD_ALL)
		return;
	fd = open(DROP_PATH, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	fd_write_all(fd, "3", 1, DROP_PATH, NULL);
	close(fd);
}

bool cold_was(void)
{
	return was_cold;
}
