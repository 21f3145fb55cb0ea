/* dlopen, dlsym and dlclose for the loaders that leave the work to the dynamic linker. See dl.h. */
#include "loaders/dl.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <string.h>

void (*dl_before_open)(const char *path);

struct look {
	const char *path;
	bool known;
	unsigned long long adds; /* objects the linker has loaded since the program began */
};

static int look_at(struct dl_phdr_info *object, size_t size, void *data)
{
	struct look *look = data;

	(void)size;
	look->adds = object->dlpi_adds;
	look->known = look->path && strcmp(object->dlpi_name, look->path) == 0;
	return look->known || !look->path;
}

uintptr_t dl_base(void *handle)
{
	struct link_map *map = NULL;

	if (dlinfo(handle, RTLD_DI_LINKMAP, &map) < 0 || !map)
		return 0;
	return map->l_addr;
}

/*
 * Known by name is seen before the call. Known by file, under another name, is only seen by the
 * linker's counter standing still; a load by another thread at the same instant may hide that one.
 */
int dl_load(struct image *image, const char *path, int flags, void **ret_handle, struct err *err)
{
	struct look before = { .path = path }, after = { 0 };
	const char *reason;
	void *handle;

	timeline_enter(image->time, PHASE_CHECK);
	if (dl_before_open)
		dl_before_open(path);
	dl_iterate_phdr(look_at, &before);

	timeline_enter(image->time, PHASE_LINK);
	handle = dlopen(path, flags);

	timeline_enter(image->time, PHASE_CHECK);
	if (!handle) {
		reason = dlerror();
		return err_set(
			err, ENOEXEC, "dlopen: %s%s", reason ? reason : "no reason given",
			reason && strstr(reason, "failed to map segment")
				? " (a folder mounted noexec? name another, or use memfd or elf)"
				: "");
	}
	dl_iterate_phdr(look_at, &after);
	image->report.known_before = before.known || before.adds == after.adds;
	image->report.base = dl_base(handle);
	*ret_handle = handle;
	return 0;
}

int dl_load_new(struct image *image, const char *path, int flags, void **ret_handle,
		struct err *err)
{
	void *handle;
	int r = dl_load(image, path, flags, &handle, err);

	if (r < 0)
		return r;
	if (image->report.known_before) {
		dlclose(handle);
		return err_set(err, ESTALE, "dlopen: %s was answered with an older image", path);
	}
	*ret_handle = handle;
	return 0;
}

int dl_symbol(void *handle, const char *name, void **ret_address, struct err *err)
{
	void *address = dlsym(handle, name);

	if (!address) {
		dlerror();
		return err_set(err, ENOENT, "the object defines no symbol '%s'", name);
	}
	*ret_address = address;
	return 0;
}

void dl_unload(void *handle)
{
	if (handle)
		dlclose(handle);
}
