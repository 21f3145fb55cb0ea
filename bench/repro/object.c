/* The orchestration objects of a reproduction, one per device: found, read, checked, registered. */
#include "bench/repro/repro.h"

#include "base/file.h"
#include "loaders/elf/file.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* build/soload has its objects in build/objects/. Owned by the caller. */
static char *default_path(const struct repro_aicpu *loader, const char *object)
{
	char program[PATH_MAX], *path, *slash;
	const char *given = loader->program ? loader->program : "/proc/self/exe";

	if (!realpath(given, program))
		return NULL;
	slash = strrchr(program, '/');
	if (slash)
		*slash = '\0';
	if (asprintf(&path, "%s/objects/%s", program, object) < 0)
		return NULL;
	return path;
}

/* What no loader can load is told before anything is started. */
static int object_check(struct repro_die *die, const struct repro_aicpu *loader,
			const struct so *so, struct err *err)
{
	struct elf_file file;
	const unsigned char *id = NULL;
	char name[32], wanted[32];
	int r = elf_file_check(&file, so->bytes, so->size, err);

	if (r < 0) {
		err_prefix(err, r, "%s", so->path);
		return r;
	}
	die->build_id_bytes = elf_build_id(&file, &id);
	if (die->build_id_bytes > sizeof(die->build_id))
		die->build_id_bytes = 0;
	if (die->build_id_bytes)
		memcpy(die->build_id, id, die->build_id_bytes);
	if (file.machine == loader->machine)
		return 0;
	return err_set(err, ENOEXEC, "%s is built for %s, %s is %s: build the object for that",
		       so->path, elf_machine_name(file.machine, name, sizeof(name)),
		       loader->program ? "the AICPU" : "this machine",
		       elf_machine_name(loader->machine, wanted, sizeof(wanted)));
}

static int object_register(struct repro_die *die, const struct repro_aicpu *loader,
			   const char *path, struct err *err)
{
	struct file_bytes bytes;
	struct so so;
	int r = file_load(path, &bytes, err);

	if (r < 0)
		return r;
	so = (struct so){ .bytes = bytes.bytes, .size = bytes.size, .path = path, .fd = -1 };
	r = object_check(die, loader, &so, err);
	if (r == 0)
		r = device_object_register(&die->object, &so, err);
	file_unload(&bytes);
	return r;
}

/* One for all, or one for each: then they must be as many as there are devices. */
static int paths_split(struct repro *repro, struct err *err)
{
	char *given = repro->options->object_path;
	char *comma = given && repro->die_count > 1 ? strchr(given, ',') : NULL;

	for (int i = 0; i < repro->die_count; i++)
		repro->dies[i].object_path = given;
	if (!comma)
		return 0;
	*comma = '\0';
	repro->dies[1].object_path = comma + 1;
	if (!given[0] || !comma[1] || strchr(comma + 1, ','))
		return err_set(err, EINVAL,
			       "--orch: give one object, or A.so,B.so for devices %s,%s",
			       repro->dies[0].name, repro->dies[1].name);
	return 0;
}

/* The default of a second device is another build of the same workload: whose code it ran can be
 * told, and its output is the same. */
static int die_object_open(struct repro_die *die, const struct repro_aicpu *loader,
			   const char *built, struct err *err)
{
	char *path = die->object_path ? strdup(die->object_path) : default_path(loader, built);
	int r;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	r = object_register(die, loader, path, err);
	if (r < 0) {
		if (!die->object_path)
			err_prefix(err, r, "the workload's own object (make objects builds it)");
		free(path);
		return r;
	}
	die->object_path = path; /* freed with the object, which has it too */
	return 0;
}

int repro_objects_open(struct repro *repro, struct err *err)
{
	const struct workload_variant *built =
		workload_variant_find(repro->workload, repro->options->variant->object_suffix, err);
	struct repro_aicpu host;
	/* Who loads: the AICPU, or, where it builds the graph, the host. */
	const struct repro_aicpu *loader =
		repro->options->variant->host_builds ? &host : &repro->options->aicpu;
	int r = repro_aicpu_choose(&host, NULL, err), last = 0;

	if (r < 0)
		return r;
	if (!built)
		return -ENOENT;
	while (built->objects[last + 1])
		last++;
	r = paths_split(repro, err);
	for (int i = 0; r == 0 && i < repro->die_count; i++)
		r = die_object_open(&repro->dies[i], loader, built->objects[i == 0 ? 0 : last],
				    err);
	return r;
}
