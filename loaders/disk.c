/*
 * disk: the load of simpler at 78f0869, to the letter, flaws included: five folders in order, one
 * name per process, one write, dlopen, and the file removed after dlclose. The name repeats, so an
 * object that cannot be closed (STB_GNU_UNIQUE makes dlclose a no-op) answers every later load with
 * its old code, and two objects at once overwrite each other. Hence the caps it lacks.
 *
 * disk:mended is the same flow as it should be: a new name every time, every byte written, a folder
 * that cannot execute passed over, and the name gone as soon as the linker has opened it.
 */
#include "loaders/dl.h"
#include "loaders/loader.h"
#include "loaders/stage.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct option_list seed_dirs = {
	.items = { "/usr/lib64/aicpu_kernels/0/aicpu_kernels_device", "/usr/lib64", "/lib64",
		   "/var/tmp", "/tmp" },
	.count = 5,
};

struct disk_options {
	struct option_list dirs;
	bool mended, trim, now;
};

struct disk_image {
	void *handle;
	struct stage_file file;
};

static const struct option_def disk_option_table[] = {
	{ .name = "dirs",
	  .kind = OPTION_LIST,
	  .offset = offsetof(struct disk_options, dirs),
	  .argument = "A+B",
	  .help = "the folders to try, instead of simpler's five" },
	{ .name = "mended",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct disk_options, mended),
	  .help = "unique names, whole writes, a noexec folder falls through" },
	{ .name = "trim",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct disk_options, trim),
	  .help = "write only what the linker maps" },
	{ .name = "now",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct disk_options, now),
	  .help = "bind every import at once (RTLD_NOW), not at its first call" },
	{ 0 },
};

static const struct option_list *disk_dirs(const struct loader *loader)
{
	const struct disk_options *options = loader->options;

	return options->dirs.count ? &options->dirs : &seed_dirs;
}

static int disk_flags(const struct disk_options *options)
{
	return (options->now ? RTLD_NOW : RTLD_LAZY) | RTLD_LOCAL;
}

/* One folder is enough; a noexec one counts, because upstream would write there and then fail. */
static int disk_available(const struct loader *loader, struct err *err)
{
	const struct option_list *dirs = disk_dirs(loader);
	int r = 0;

	for (unsigned int i = 0; i < dirs->count; i++) {
		if (dirs->items[i][0] != '/')
			return err_set(err, EINVAL, "folder '%s': give it as an absolute path",
				       dirs->items[i]);
	}
	for (unsigned int i = 0; i < dirs->count; i++) {
		if (access(dirs->items[i], W_OK | X_OK) == 0)
			return 0;
		r = err_sys(err, "no staging folder is writable; the last, %s", dirs->items[i]);
	}
	return r;
}

static int disk_prepare(struct loader *loader, struct err *err)
{
	const struct disk_options *options = loader->options;

	(void)err;
	if (!options->mended)
		loader->caps &= ~(unsigned int)(LOADER_MANY_IMAGES | LOADER_CONCURRENT |
						LOADER_FRESH_EVERY_LOAD);
	return 0;
}

static void report_file(struct image *image, const struct stage_file *file, size_t size)
{
	image->report.staged_at = file->path;
	image->report.staged_dev = file->dev;
	image->report.staged_ino = file->ino;
	image->report.load_bytes = size;
}

/* The seed's one write: a short one and EINTR are failures. */
static int seed_write(struct image *image, int fd, const struct stage_bytes *bytes, struct err *err)
{
	struct disk_image *self = image->state;
	struct stat st = { 0 };
	ssize_t n;

	if (bytes->part_count == 1)
		n = write(fd, bytes->parts[0].iov_base, bytes->parts[0].iov_len);
	else
		n = writev(fd, bytes->parts, bytes->part_count);
	if (n < 0)
		return err_sys(err, "write %s", self->file.path);
	if ((size_t)n != bytes->size)
		return err_set(err, ENOSPC, "write %s: only %zd of %zu bytes", self->file.path, n,
			       bytes->size);
	timeline_enter(image->time, PHASE_CHECK);
	fstat(fd, &st);
	self->file.dev = st.st_dev;
	self->file.ino = st.st_ino;
	timeline_enter(image->time, PHASE_STAGE);
	return 0;
}

static int seed_stage(struct image *image, const char *directory, const struct stage_bytes *bytes,
		      struct err *err)
{
	struct disk_image *self = image->state;
	char *path = self->file.path;
	int length, fd, r;

	length = snprintf(path, sizeof(self->file.path), "%s/libdevice_orch_%d.so", directory,
			  staged_number());
	if (length < 0 || (size_t)length >= sizeof(self->file.path))
		return err_set(err, ENAMETOOLONG, "the folder name %.60s… is too long", directory);
	self->file.place = staged_add(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	if (fd < 0) {
		r = err_sys(err, "create %s", path);
		staged_remove(self->file.place);
		return r;
	}
	self->file.exists = true;
	r = seed_write(image, fd, bytes, err);
	close(fd);
	if (r < 0)
		stage_delete(&self->file);
	return r;
}

static int seed_load(struct image *image, const struct stage_bytes *bytes, struct err *err)
{
	const struct option_list *dirs = disk_dirs(image->loader);
	struct disk_image *self = image->state;
	int r = -ENOENT;

	for (unsigned int i = 0; i < dirs->count; i++) {
		r = seed_stage(image, dirs->items[i], bytes, err);
		if (r == 0)
			break;
	}
	if (r < 0)
		return err_prefix(err, r, "no staging folder took the object; the last");
	report_file(image, &self->file, bytes->size);
	return dl_load(image, self->file.path, disk_flags(image->loader->options), &self->handle,
		       err);
}

static int mended_try(struct image *image, const char *directory, const struct stage_bytes *bytes,
		      struct err *err)
{
	struct disk_image *self = image->state;
	int r;

	timeline_enter(image->time, PHASE_STAGE);
	r = stage_create(&self->file, directory, bytes, err);
	if (r < 0)
		return r;
	report_file(image, &self->file, bytes->size);
	r = dl_load_new(image, self->file.path, disk_flags(image->loader->options), &self->handle,
			err);
	timeline_enter(image->time, PHASE_UNSTAGE);
	stage_delete(&self->file);
	return r;
}

static int mended_load(struct image *image, const struct stage_bytes *bytes, struct err *err)
{
	const struct option_list *dirs = disk_dirs(image->loader);
	int r = -ENOENT;

	for (unsigned int i = 0; i < dirs->count; i++) {
		r = mended_try(image, dirs->items[i], bytes, err);
		if (r == 0)
			return 0;
	}
	return err_prefix(err, r, "no staging folder served; the last");
}

static int disk_load(struct image *image, struct err *err)
{
	const struct disk_options *options = image->loader->options;
	struct stage_bytes bytes;
	int r;

	timeline_enter(image->time, PHASE_STAGE);
	r = stage_bytes_set(&bytes, image->so, options->trim, err);
	if (!options->mended)
		return seed_load(image, &bytes, err);
	return r < 0 ? r : mended_load(image, &bytes, err);
}

static int disk_symbol(struct image *image, const char *name, void **ret_address, struct err *err)
{
	struct disk_image *self = image->state;

	return dl_symbol(self->handle, name, ret_address, err);
}

static void disk_unload(struct image *image)
{
	struct disk_image *self = image->state;

	dl_unload(self->handle);
	self->handle = NULL;
	if (!self->file.exists)
		return;
	timeline_enter(image->time, PHASE_UNSTAGE);
	stage_delete(&self->file);
}

const struct loader_type loader_disk = {
	.name = "disk",
	.summary = "write, dlopen, dlclose, unlink: simpler at 78f0869, flaws included",
	.caps = LOADER_EXECUTES | LOADER_MANY_IMAGES | LOADER_CONCURRENT | LOADER_THREAD_LOCAL |
		LOADER_FRESH_EVERY_LOAD,
	.image_size = sizeof(struct disk_image),
	.options_size = sizeof(struct disk_options),
	.options = disk_option_table,
	.available = disk_available,
	.prepare = disk_prepare,
	.load = disk_load,
	.symbol = disk_symbol,
	.unload = disk_unload,
};
