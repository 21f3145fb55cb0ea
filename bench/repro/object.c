/* The orchestration object of a reproduction: found, read, checked, registered. */
#include "bench/repro/repro.h"

#include "base/file.h"
#include "loaders/elf/file.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MACHINE_HERE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE_HERE EM_AARCH64
#else
#define MACHINE_HERE EM_NONE
#endif

/* build/soload has its objects in build/objects/. Owned by the caller. */
static char *default_path(const struct workload_variant *built)
{
	char program[PATH_MAX], *path, *slash;
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (length <= 0)
		return NULL;
	program[length] = '\0';
	slash = strrchr(program, '/');
	if (slash)
		*slash = '\0';
	if (asprintf(&path, "%s/objects/%s", program, built->objects[0]) < 0)
		return NULL;
	return path;
}

/* What no loader can load is told before anything is started. */
static int object_check(const char *path, const struct file_bytes *bytes, struct err *err)
{
	struct elf_file file;
	char name[32], here[32];
	int r = elf_file_check(&file, bytes->bytes, bytes->size, err);

	if (r < 0) {
		err_prefix(err, r, "%s", path);
		return r;
	}
	if (file.machine == MACHINE_HERE)
		return 0;
	return err_set(err, ENOEXEC,
		       "%s is built for %s, this machine is %s: build the object for this machine",
		       path, elf_machine_name(file.machine, name, sizeof(name)),
		       elf_machine_name(MACHINE_HERE, here, sizeof(here)));
}

static int object_register(struct repro *repro, const char *path, struct err *err)
{
	struct file_bytes bytes;
	struct so so;
	int r = file_load(path, &bytes, err);

	if (r < 0)
		return r;
	so = (struct so){ .bytes = bytes.bytes, .size = bytes.size, .path = path, .fd = -1 };
	r = object_check(path, &bytes, err);
	if (r == 0)
		r = device_object_register(&repro->object, &so, err);
	file_unload(&bytes);
	return r;
}

int repro_object_open(struct repro *repro, struct err *err)
{
	const char *given = repro->options->object_path;
	const struct workload_variant *built =
		workload_variant_find(repro->workload, repro->options->variant->object_suffix, err);
	char *path;
	int r;

	if (!built)
		return -ENOENT;
	path = given ? strdup(given) : default_path(built);
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	r = object_register(repro, path, err);
	if (r < 0) {
		if (!given)
			err_prefix(err, r, "the workload's own object (make objects builds it)");
		free(path);
		return r;
	}
	repro->options->object_path = path; /* lives as long as the program */
	return 0;
}
