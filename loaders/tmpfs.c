/*
 * tmpfs: a file in memory, the right way: a name that never comes again in /dev/shm, every byte
 * written, dlopen, and the name removed at once. Leaves nothing behind when the process is killed
 * later, but the object has a path for as long as the linker needs to open it.
 */
#include "loaders/dl.h"
#include "loaders/loader.h"
#include "loaders/stage.h"

#include <dlfcn.h>
#include <linux/magic.h>
#include <sys/statfs.h>

struct tmpfs_options {
	const char *dir;
	bool trim, now;
};

struct tmpfs_image {
	void *handle;
	struct stage_file file;
};

static const struct option_def tmpfs_option_table[] = {
	{ .name = "dir",
	  .kind = OPTION_TEXT,
	  .offset = offsetof(struct tmpfs_options, dir),
	  .argument = "FOLDER",
	  .help = "the folder to write to, instead of /dev/shm" },
	{ .name = "trim",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct tmpfs_options, trim),
	  .help = "write only what the linker maps" },
	{ .name = "now",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct tmpfs_options, now),
	  .help = "bind every import at once (RTLD_NOW), not at its first call" },
	{ 0 },
};

static const char *tmpfs_dir(const struct loader *loader)
{
	const struct tmpfs_options *options = loader->options;

	return options->dir ? options->dir : "/dev/shm";
}

static int tmpfs_available(const struct loader *loader, struct err *err)
{
	return stage_folder_check(tmpfs_dir(loader), err);
}

static int tmpfs_prepare(struct loader *loader, struct err *err)
{
	struct statfs fs;

	if (statfs(tmpfs_dir(loader), &fs) < 0)
		return err_sys(err, "folder %s", tmpfs_dir(loader));
	if (fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC)
		loader->caps &= ~(unsigned int)LOADER_DISKLESS;
	return 0;
}

static int tmpfs_load(struct image *image, struct err *err)
{
	const struct tmpfs_options *options = image->loader->options;
	struct tmpfs_image *self = image->state;
	struct stage_bytes bytes;
	int r;

	timeline_enter(image->time, PHASE_STAGE);
	r = stage_bytes_set(&bytes, image->so, options->trim, err);
	if (r < 0)
		return r;
	r = stage_create(&self->file, tmpfs_dir(image->loader), &bytes, err);
	if (r < 0)
		return r;
	image->report.staged_at = self->file.path;
	image->report.staged_dev = self->file.dev;
	image->report.staged_ino = self->file.ino;
	image->report.load_bytes = bytes.size;

	r = dl_load_new(image, self->file.path, (options->now ? RTLD_NOW : RTLD_LAZY) | RTLD_LOCAL,
			&self->handle, err);
	timeline_enter(image->time, PHASE_UNSTAGE);
	stage_delete(&self->file);
	return r;
}

static int tmpfs_symbol(struct image *image, const char *name, void **ret_address, struct err *err)
{
	struct tmpfs_image *self = image->state;

	return dl_symbol(self->handle, name, ret_address, err);
}

static void tmpfs_unload(struct image *image)
{
	struct tmpfs_image *self = image->state;

	dl_unload(self->handle);
	self->handle = NULL;
}

const struct loader_type loader_tmpfs = {
	.name = "tmpfs",
	.summary = "dlopen from a file in memory that has a name for a moment",
	.caps = LOADER_EXECUTES | LOADER_DISKLESS | LOADER_MANY_IMAGES | LOADER_CONCURRENT |
		LOADER_THREAD_LOCAL | LOADER_FRESH_EVERY_LOAD,
	.image_size = sizeof(struct tmpfs_image),
	.options_size = sizeof(struct tmpfs_options),
	.options = tmpfs_option_table,
	.available = tmpfs_available,
	.prepare = tmpfs_prepare,
	.load = tmpfs_load,
	.symbol = tmpfs_symbol,
	.unload = tmpfs_unload,
};
