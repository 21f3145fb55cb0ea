/* The arms of a reproduction: which loaders with which transports, and a device for each. */
#include "bench/repro/repro.h"

#include "base/log.h"
#include "bench/command.h"
#include "device/host_graph.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_SLACK (64ull << 20)

static int loaders_choose(struct repro_lists *lists, char *given, struct err *err)
{
	int count;

	if (strcmp(given, "all") == 0) {
		lists->all_loaders = true;
		for (const struct loader_type *const *type = loader_types; *type; type++)
			lists->loaders[lists->loader_count++] = (char *)(uintptr_t)(*type)->name;
		return 0;
	}
	count = options_split(given, lists->loaders, REPRO_LOADERS_MAX);
	if (count < 0)
		return err_set(err, E2BIG, "more than %d loaders", REPRO_LOADERS_MAX);
	lists->loader_count = count;
	return 0;
}

/* A mistyped name or option is told before anything is started. */
static int loaders_check(const struct repro_lists *lists, struct err *err)
{
	for (int i = 0; !lists->all_loaders && i < lists->loader_count; i++) {
		const char *spec = lists->loaders[i];
		struct loader *loader = NULL;
		int r;

		for (int k = 0; k < i; k++) {
			if (strcmp(lists->loaders[k], spec) == 0)
				return err_set(err, EINVAL, "loader %s is named twice", spec);
		}
		if (loader_find(spec, options_name_length(spec)))
			continue;
		r = loader_open(&loader, spec, err);
		loader_close(loader);
		if (r < 0)
			return r;
	}
	return 0;
}

static int transports_choose(struct repro_lists *lists, char *given, struct err *err)
{
	char *names[REPRO_TRANSPORTS_MAX];
	int count;

	if (strcmp(given, "all") == 0) {
		for (const struct transport *const *t = transports; *t; t++)
			lists->transports[lists->transport_count++] = *t;
		return 0;
	}
	count = options_split(given, names, REPRO_TRANSPORTS_MAX);
	if (count < 0)
		return err_set(err, E2BIG, "more than %d transports", REPRO_TRANSPORTS_MAX);
	for (int i = 0; i < count; i++) {
		const struct transport *transport = transport_find(names[i], err);

		if (!transport)
			return -EINVAL;
		for (int k = 0; k < i; k++) {
			if (lists->transports[k] == transport)
				return err_set(err, EINVAL, "transport %s is named twice",
					       transport->name);
		}
		lists->transports[lists->transport_count++] = transport;
	}
	return 0;
}

/* host_build_graph has one way to load, in the host, and nothing to transport. */
int repro_arms_choose(struct repro *repro, struct err *err)
{
	static char here[] = "null";
	struct repro_lists *lists = &repro->lists;
	struct repro_options *options = repro->options;
	int r = repro_whens_choose(repro, err);

	if (r < 0)
		return r;
	if (options->variant->host_builds) {
		if (repro->die_count > 1)
			return err_set(err, EINVAL,
				       "host_build_graph loads in the host, which is one for all "
				       "devices: give one device");
		if (strcmp(options->loaders, "all") != 0 || strcmp(options->transports, "all") != 0)
			return err_set(err, EINVAL,
				       "host_build_graph loads in the host, with dlopen, and "
				       "sends no object: leave --loader and --transport out");
		lists->loaders[lists->loader_count++] = here;
		lists->transports[lists->transport_count++] = &transport_graph;
		return 0;
	}
	r = loaders_choose(lists, options->loaders, err);
	if (r == 0)
		r = loaders_check(lists, err);
	return r < 0 ? r : transports_choose(lists, options->transports, err);
}

/* Of the larger one. */
static size_t object_bytes(const struct repro *repro)
{
	size_t bytes = 0;

	for (int i = 0; i < repro->die_count; i++) {
		if (repro->dies[i].object.so.size > bytes)
			bytes = repro->dies[i].object.so.size;
	}
	return bytes;
}

/* What one round needs at once; device memory is sparse, so generous costs nothing. */
static int memory_prepare(struct repro *repro, struct err *err)
{
	struct runtime_config *config = &repro->runtime;
	/* An object on its way, one that nobody reads, and those that transports keep. */
	uint64_t bytes,
		objects = 2 + (uint64_t)repro_callable_count(repro) * REPRO_LOADERS_MAX *
				      (uint64_t)(repro->lists.when_count ? repro->lists.when_count
									 : REPRO_WHENS_MAX);
	int r = 0;

	*config = (struct runtime_config){ .pools = repro->options->pools,
					   .variant = repro->options->variant->operations,
					   .schedulers = device_variant_schedulers(
						   repro->options->variant) };
	r = runtime_config_resolve(config, err);
	if (r < 0)
		return r;
	bytes = repro->dies[0].data.bytes + runtime_shared_bytes(config) +
		runtime_heap_bytes(config) + objects * (uint64_t)object_bytes(repro) +
		sizeof(struct abi_runtime_a5_inline) + MEMORY_SLACK +
		(repro->options->variant->host_builds ? sizeof(struct graph_table) : 0);
	for (int i = 0; r == 0 && i < repro->die_count; i++) {
		struct repro_die *die = &repro->dies[i];

		r = memory_open(&die->memory, bytes, err);
		if (r == 0)
			r = dma_open(&die->dma, die->memory, &repro->options->dma_model, err);
	}
	return r;
}

/* The dies of one chip see equal process numbers: the host's will do. */
static int arm_open(struct repro *repro, struct repro_arm *arm, struct err *err)
{
	const struct repro_options *given = repro->options;
	struct device_options options = {
		.loader = given->variant->host_builds ? "null" : arm->loader,
		.program = repro->workload->name,
		.command = given->aicpu.program ? given->aicpu.command : NULL,
		.variant = given->variant,
		.transport = arm->transport,
		.when = arm->when,
		.incoherent = given->incoherent,
		.dma = arm->die->dma,
		.pools = given->pools,
		.timeout_ns = given->timeout_ns,
		.shared_directories = given->machine_directories,
		.interrupted = command_interrupted,
		.chip = repro->die_count > 1 ? (int)getpid() : 0,
		.beside = arm->die == &repro->dies[0] ? NULL : (arm - 1)->device,
	};

	return device_open(&arm->device, arm->die->memory, &options, err);
}

static void arm_name(const struct repro *repro, struct repro_arm *arm)
{
	bool alone = repro->die_count == 1, usual = arm->when == &device_whens[0];

	snprintf(arm->label, sizeof(arm->label), "%.50s/%s%s%s%s%s", arm->loader,
		 arm->transport->name, usual ? "" : "/", usual ? "" : arm->when->name,
		 alone ? "" : "@", alone ? "" : arm->die->name);
}

static int arm_check(const struct repro *repro, const struct repro_arm *arm, struct err *err)
{
	bool many = repro_callable_count(repro) > 1;

	/* What is linked into this program is the workload's own, whatever file was named. */
	if ((repro->options->object_is_foreign || many) && !(arm->caps & LOADER_EXECUTES))
		return err_set(err, ENOTSUP, "loader %s runs no code of %s: left out", arm->loader,
			       arm->die->object_path);
	return 0;
}

/* Its die, loader, transport and life cycle are named already. */
static int arm_add(struct repro *repro, struct err *err)
{
	struct repro_arm *arm = &repro->arms[repro->arm_count];
	int r;

	arm->caps = loader_find(arm->loader, options_name_length(arm->loader))->caps;
	/* On the device nothing is loaded; what the host does is called by its name. */
	if (repro->options->variant->host_builds) {
		arm->loader = "host";
		arm->caps = loader_find("disk", 4)->caps;
	}
	arm_name(repro, arm);
	arm->result = calloc(1, sizeof(*arm->result));
	arm->values = calloc((size_t)repro->options->rounds, VALUE_COUNT * sizeof(double));
	if (!arm->values || !arm->result)
		return err_set(err, ENOMEM, "out of memory");
	repro->arm_count++;
	r = arm_check(repro, arm, err);
	if (r == 0)
		r = arm_open(repro, arm, err);
	if (r < 0)
		return r;
	repro->arms_open++;
	repro_clock_open(arm);
	return 0;
}

/* The arms of one loader, transport and life cycle, one per die: all of them are there, or none. */
static int arms_add_dies(struct repro *repro, const struct repro_pick *pick, struct err *err)
{
	int first = repro->arm_count, r = 0;

	for (int i = 0; i < repro->die_count; i++) {
		struct repro_arm *arm = &repro->arms[first + i];

		arm->die = &repro->dies[i];
		arm->loader = pick->loader;
		arm->transport = pick->transport;
		arm->when = pick->when ? pick->when : &device_whens[0];
	}
	for (int i = 0; r == 0 && i < repro->die_count; i++)
		r = arm_add(repro, err);
	for (int i = first; r < 0 && i < repro->arm_count; i++) {
		repro->arms_open -= repro->arms[i].device != NULL;
		device_close(repro->arms[i].device);
		repro->arms[i].device = NULL;
	}
	/* Arms of one round lie side by side, those that are missing, too. */
	repro->arm_count = first + repro->die_count;
	return r;
}

/* What ends everything, and not just one loader: an option at fault, ^C, no memory. */
static bool is_final(int code)
{
	return code == -EINVAL || code == -ENOMEM || command_interrupted();
}

/* A loader that holds one object at a time, where several are to be kept: shown when it is asked
 * for by name, left out of all. */
static bool is_beyond(const struct repro *repro, const struct repro_pick *pick)
{
	struct loader *loader = NULL;
	bool beyond = false;

	if (!repro->lists.all_loaders || !pick->when->kept || repro_callable_count(repro) < 2)
		return false;
	if (loader_open(&loader, pick->loader, NULL) == 0)
		beyond = !(loader->caps & LOADER_MANY_IMAGES);
	loader_close(loader);
	if (beyond && pick->transport == repro->lists.transports[0])
		log_error("loader %s holds one object at a time, which overwrites another that is "
			  "kept: left out of life cycle %s",
			  pick->loader, pick->when->name);
	return beyond;
}

/* A loader that does not start with the first transport is not tried with the others. */
static int arms_add(struct repro *repro, const struct repro_lists *lists, struct err *err)
{
	for (int l = 0; l < lists->loader_count; l++) {
		struct repro_pick pick = { .loader = lists->loaders[l] };
		int count = lists->transport_count * lists->when_count, r = 0;

		for (int i = 0; r == 0 && i < count; i++) {
			pick.transport = lists->transports[i / lists->when_count];
			pick.when = lists->whens[i % lists->when_count];
			if (!is_beyond(repro, &pick))
				r = arms_add_dies(repro, &pick, err);
		}
		if (r == 0)
			continue;
		if (is_final(r) || (lists->loader_count == 1 && repro->arms_open == 0))
			return r;
		log_error("%s", err->text);
		repro->arm_missing = repro->arm_missing || !lists->all_loaders;
	}
	if (repro->arms_open == 0)
		return err_set(err, ENODEV, "no loader that was asked for works here");
	return 0;
}

static int picks_add(struct repro *repro, const struct repro_lists *lists, struct err *err)
{
	int r = 0;

	progress_begin(&repro->progress, "devices", (uint64_t)lists->pick_count);
	for (int i = 0; i < lists->pick_count; i++) {
		struct repro_arm *arm = &repro->arms[repro->arm_count];

		progress_step(&repro->progress, (uint64_t)i, lists->picks[i].loader);
		r = arms_add_dies(repro, &lists->picks[i], err);
		if (r == -ENOMEM || command_interrupted())
			break;
		if (r < 0)
			memcpy(arm->error, err->text, sizeof(arm->error));
		r = 0;
	}
	progress_end(&repro->progress);
	if (r < 0 || command_interrupted())
		return r < 0 ? r : err_set(err, EINTR, "interrupted");
	if (repro->arms_open == 0)
		return err_prefix(err, -ENODEV, "no loader works here");
	return 0;
}

int repro_arms_open(struct repro *repro, struct err *err)
{
	const struct repro_lists *lists = &repro->lists;
	size_t count = lists->pick_count
			       ? (size_t)lists->pick_count
			       : (size_t)lists->loader_count * (size_t)lists->transport_count *
					 (size_t)lists->when_count;
	int r = memory_prepare(repro, err);

	if (r < 0)
		return r;
	repro->arms = calloc(count * (size_t)repro->die_count, sizeof(*repro->arms));
	if (!repro->arms)
		return err_set(err, ENOMEM, "out of memory");
	return lists->pick_count ? picks_add(repro, lists, err) : arms_add(repro, lists, err);
}

void repro_arms_close(struct repro *repro)
{
	for (int i = 0; i < repro->arm_count; i++) {
		device_close(repro->arms[i].device);
		free(repro->arms[i].values);
		free(repro->arms[i].result);
	}
	free(repro->arms);
	repro->arms = NULL;
	repro->arm_count = repro->arms_open = 0;
	for (int i = 0; i < repro->die_count; i++) {
		dma_close(repro->dies[i].dma);
		memory_close(repro->dies[i].memory);
		repro->dies[i].dma = NULL;
		repro->dies[i].memory = NULL;
	}
}
