/* Packs a guest's root. In a fixed order, whatever order the host's folders are in. */
#include "bench/vm/image.h"

#include "bench/vm/plan.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* /usr/lib64/…: where simpler's AICPU stages first; see loaders/disk.c. */
static const char *const folders[] = {
	"bin",
	"dev",
	"etc",
	"lib",
	"lib64",
	"proc",
	"results",
	"sys",
	"tmp",
	"usr",
	"usr/lib64",
	"usr/lib64/aicpu_kernels",
	"usr/lib64/aicpu_kernels/0",
	"usr/lib64/aicpu_kernels/0/aicpu_kernels_device",
	"var",
	"var/tmp",
	GUEST_FOLDER,
	GUEST_OBJECTS,
};

static int regular(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && entry->d_type != DT_DIR;
}

/* Every file of the folder `path`; one that is not there is empty. */
static int folder_add(struct cpio *cpio, const char *into, const char *path, struct err *err)
{
	struct dirent **entries;
	int count = scandir(path, &entries, regular, alphasort), r = 0;

	for (int i = 0; i < count; i++) {
		char *from = NULL, *name = NULL;

		if (r == 0 && (asprintf(&from, "%s/%s", path, entries[i]->d_name) < 0 ||
			       asprintf(&name, "%s/%s", into, entries[i]->d_name) < 0))
			r = err_set(err, ENOMEM, "out of memory");
		if (r == 0)
			r = cpio_file(cpio, name, from, err);
		free(from);
		free(name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return r;
}

static int below_add(struct cpio *cpio, const char *into, const char *path, const char *below,
		     struct err *err)
{
	char *folder = NULL;
	int r = asprintf(&folder, "%s/%s", path, below) < 0 ? -ENOMEM : 0;

	if (r < 0)
		return err_set(err, ENOMEM, "out of memory");
	r = folder_add(cpio, into, folder, err);
	free(folder);
	return r;
}

static int plan_add(struct cpio *cpio, const struct guest_options *options, struct err *err)
{
	char *bytes = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&bytes, &size);
	int r;

	if (!file)
		return err_set(err, ENOMEM, "out of memory");
	plan_print(options->settings, options->command, file);
	r = fclose(file) == 0 ? cpio_bytes(cpio, GUEST_PLAN + 1, bytes, size, err)
			      : err_set(err, ENOMEM, "out of memory");
	free(bytes);
	return r;
}

static int program_add(struct cpio *cpio, const struct guest_options *options, struct err *err)
{
	const char *slash = strrchr(options->program, '/');
	char *beside = strndup(options->program, slash ? (size_t)(slash - options->program) : 0);
	int r;

	if (!beside)
		return err_set(err, ENOMEM, "out of memory");
	r = cpio_file(cpio, GUEST_PROGRAM + 1, options->program, err);
	if (r == 0 && options->objects)
		r = below_add(cpio, GUEST_OBJECTS, slash ? beside : ".", "objects", err);
	free(beside);
	return r;
}

static int busybox_add(struct cpio *cpio, const struct guest_options *options, struct err *err)
{
	char *path = NULL;
	int r;

	if (asprintf(&path, "%s/busybox", options->parts) < 0)
		return err_set(err, ENOMEM, "out of memory");
	r = cpio_file(cpio, "bin/busybox", path, err);
	if (r == 0)
		r = cpio_link(cpio, "bin/sh", "busybox", err);
	free(path);
	return r;
}

static int all_add(struct cpio *cpio, const struct guest_options *options, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(folders) / sizeof(folders[0]); i++)
		r = cpio_directory(cpio, folders[i], err);
	if (r == 0)
		r = cpio_device(cpio, "dev/console", 5, 1, err);
	if (r == 0)
		r = below_add(cpio, "lib", options->parts, "lib", err);
	if (r == 0)
		r = busybox_add(cpio, options, err);
	if (r == 0)
		r = program_add(cpio, options, err);
	for (size_t i = 0; r == 0 && i < options->file_count; i++)
		r = cpio_file(cpio, options->files[i].name, options->files[i].path, err);
	return r == 0 ? plan_add(cpio, options, err) : r;
}

int image_write(const char *path, const struct guest_options *options, struct err *err)
{
	struct cpio cpio;
	int r = cpio_open(&cpio, path, err), closed;

	if (r < 0)
		return r;
	r = all_add(&cpio, options, err);
	closed = cpio_close(&cpio, r == 0 ? err : NULL);
	return r < 0 ? r : closed;
}
