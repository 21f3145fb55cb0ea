/*
 * memfd: dlopen from an anonymous file, the right way. The dynamic linker compares names before it
 * opens anything, so /proc/self/fd/7 loaded once is /proc/self/fd/7 for ever: when descriptor 7 is
 * recycled, or inherited by a child, the old object answers in silence. Here no spelling of the
 * path comes twice, the descriptor stays open as long as the image lives, and the file is sealed.
 *
 * memfd:naive is the version everybody writes first, with that flaw and without the caps.
 */
#include "loaders/dl.h"
#include "loaders/loader.h"
#include "loaders/stage.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* linux/memfd.h, since Linux 6.3; EINVAL before */
#endif

/* "/proc/4194304/fd/", at most two bytes for each of 64 bits, a number. */
#define MEMFD_PATH_BYTES 192
#define SEAL_TRIES 10

struct memfd_options {
	bool naive, trim, now;
};

struct memfd_loader {
	_Atomic unsigned int refused; /* creation flags this kernel does not know */
	bool by_pid;		      /* /proc/<getpid()> is this process */
};

struct memfd_image {
	void *handle;
	int fd;
	bool open;
	char path[MEMFD_PATH_BYTES];
};

static const struct option_def memfd_option_table[] = {
	{ .name = "naive",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct memfd_options, naive),
	  .help = "/proc/self/fd/N as it comes, closed after dlopen: may answer with old code" },
	{ .name = "trim",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct memfd_options, trim),
	  .help = "write only what the linker maps" },
	{ .name = "now",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct memfd_options, now),
	  .help = "bind every import at once (RTLD_NOW), not at its first call" },
	{ 0 },
};

static int memfd_available(const struct loader *loader, struct err *err)
{
	char path[MEMFD_PATH_BYTES];
	int fd = memfd_create("soload", MFD_CLOEXEC);
	int r = 0;

	(void)loader;
	if (fd < 0)
		return err_sys(err, "memfd_create");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (access(path, R_OK) < 0)
		r = err_sys(err, "%s (is /proc mounted?)", path);
	close(fd);
	return r;
}

/* A debugger opens the name too: through /proc/<pid> it finds the object, through /proc/self its
 * own descriptors. In a pid namespace with the outer /proc, only "self" is right. */
static bool proc_by_pid(void)
{
	char text[32];
	ssize_t n = readlink("/proc/self", text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return strtol(text, NULL, 10) == getpid();
}

static int memfd_prepare(struct loader *loader, struct err *err)
{
	const struct memfd_options *options = loader->options;
	struct memfd_loader *shared = loader->state;

	(void)err;
	shared->by_pid = proc_by_pid();
	if (options->naive)
		loader->caps &= ~(unsigned int)(LOADER_MANY_IMAGES | LOADER_CONCURRENT |
						LOADER_FRESH_EVERY_LOAD);
	return 0;
}

/*
 * A path to `fd` in a spelling of its own: "/" and "./" between the folder and the number change
 * nothing for the kernel and everything for strcmp(). They spell a count that only grows, bit by
 * bit. A child's count goes on where its parent's stood at the fork, so it repeats none of the
 * names it inherited.
 */
static void path_spell(char *path, int fd, bool by_pid)
{
	static _Atomic uint64_t count = 1;
	uint64_t bits = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
	char *to = path;

	if (by_pid)
		to += snprintf(to, 32, "/proc/%d/fd/", (int)getpid());
	else
		to = stpcpy(to, "/proc/self/fd/");
	for (; bits; bits >>= 1)
		to = stpcpy(to, bits & 1 ? "./" : "/");
	snprintf(to, 16, "%d", fd);
}

/* MFD_NOEXEC_SEAL: dlopen needs no x bit, and vm.memfd_noexec may forbid files that have it. */
static int file_create(struct memfd_loader *shared, struct err *err)
{
	unsigned int refused = atomic_load_explicit(&shared->refused, memory_order_relaxed);
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL;
	int fd = memfd_create("soload", flags & ~refused);

	if (fd < 0 && errno == EINVAL && !refused) {
		atomic_store_explicit(&shared->refused, MFD_NOEXEC_SEAL, memory_order_relaxed);
		fd = memfd_create("soload", flags & ~MFD_NOEXEC_SEAL);
	}
	return fd < 0 ? err_sys(err, "memfd_create") : fd;
}

/* The kernel refuses while it holds a page itself (it moves pages), and waits 150 ms before it
 * does. */
static int file_seal(int fd, struct err *err)
{
	for (int i = 0; i < SEAL_TRIES; i++) {
		if (fcntl(fd, F_ADD_SEALS,
			  F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
			return 0;
		if (errno != EBUSY)
			break;
	}
	return err_sys(err, "seal the memory file");
}

static int memfd_stage(struct image *image, const struct stage_bytes *bytes, struct err *err)
{
	const struct memfd_options *options = image->loader->options;
	struct memfd_loader *shared = image->loader->state;
	struct memfd_image *self = image->state;
	int r;

	if (options->naive) {
		r = memfd_create("so", MFD_CLOEXEC);
		if (r < 0)
			return err_sys(err, "memfd_create");
	} else {
		r = file_create(shared, err);
		if (r < 0)
			return r;
	}
	self->fd = r;
	self->open = true;
	if (options->naive)
		snprintf(self->path, sizeof(self->path), "/proc/self/fd/%d", self->fd);
	else
		path_spell(self->path, self->fd, shared->by_pid);
	r = stage_write(self->fd, bytes, "the memory file", err);
	if (r < 0 || options->naive)
		return r;
	return file_seal(self->fd, err);
}

static void report_file(struct image *image, size_t size)
{
	struct memfd_image *self = image->state;
	struct stat st = { 0 };

	timeline_enter(image->time, PHASE_CHECK);
	fstat(self->fd, &st);
	image->report.staged_at = self->path;
	image->report.staged_dev = st.st_dev;
	image->report.staged_ino = st.st_ino;
	image->report.load_bytes = size;
}

static void file_close(struct memfd_image *self)
{
	if (self->open)
		close(self->fd);
	self->open = false;
}

static int memfd_load(struct image *image, struct err *err)
{
	const struct memfd_options *options = image->loader->options;
	int flags = (options->now ? RTLD_NOW : RTLD_LAZY) | RTLD_LOCAL;
	struct memfd_image *self = image->state;
	struct stage_bytes bytes;
	int r;

	timeline_enter(image->time, PHASE_STAGE);
	r = stage_bytes_set(&bytes, image->so, options->trim, err);
	if (r < 0 && !options->naive)
		return r;
	r = memfd_stage(image, &bytes, err);
	if (r < 0)
		return r;
	report_file(image, bytes.size);
	if (!options->naive)
		return dl_load_new(image, self->path, flags, &self->handle, err);

	r = dl_load(image, self->path, flags, &self->handle, err);
	timeline_enter(image->time, PHASE_UNSTAGE);
	file_close(self);
	return r;
}

static int memfd_symbol(struct image *image, const char *name, void **ret_address, struct err *err)
{
	struct memfd_image *self = image->state;

	return dl_symbol(self->handle, name, ret_address, err);
}

static void memfd_unload(struct image *image)
{
	struct memfd_image *self = image->state;

	dl_unload(self->handle);
	self->handle = NULL;
	if (!self->open)
		return;
	timeline_enter(image->time, PHASE_UNSTAGE);
	file_close(self);
}

const struct loader_type loader_memfd = {
	.name = "memfd",
	.summary = "dlopen from a sealed memory file under a name that never comes again",
	.caps = LOADER_EXECUTES | LOADER_DISKLESS | LOADER_FILELESS | LOADER_MANY_IMAGES |
		LOADER_CONCURRENT | LOADER_THREAD_LOCAL | LOADER_FRESH_EVERY_LOAD,
	.loader_size = sizeof(struct memfd_loader),
	.image_size = sizeof(struct memfd_image),
	.options_size = sizeof(struct memfd_options),
	.options = memfd_option_table,
	.available = memfd_available,
	.prepare = memfd_prepare,
	.load = memfd_load,
	.symbol = memfd_symbol,
	.unload = memfd_unload,
};
