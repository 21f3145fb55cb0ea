/* Rows from words. See gate_sides.h. */
#include "bench/gate_sides.h"

#include "base/log.h"
#include "base/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(EPOCH_ROWS_MAX >= GATE_OBJECTS_MAX * GATE_LOADERS_MAX,
	       "a gate's own epochs can be read");

/* As record_object() has it: in a record, two rows of one name are one row. */
static const char *label_choose(const struct gate *gate, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	for (size_t i = 0; gate->kind != SIDE_OBJECT && i < gate->subject_count; i++) {
		if (strcmp(gate->subjects[i].label, name) == 0)
			return path;
	}
	return name;
}

static int objects_open(struct gate *gate, struct err *err)
{
	struct gate_options *options = &gate->options;
	const char *twice = options_repeated(options->paths, options->path_count);
	int r = 0;

	if (twice)
		return err_set(err, EINVAL, "object %s is named twice", twice);

	if (gate->kind == SIDE_OBJECT) {
		if (options->path_count)
			return err_set(err, EINVAL, "--so: BASE and HEAD are objects already");
		options->paths[options->path_count++] = options->base;
		options->paths[options->path_count++] = options->head;
	} else if (!options->path_count && gate->kind == SIDE_BUILD) {
		r = subject_beside(options->head, gate->default_path, sizeof(gate->default_path),
				   err);
		options->paths[options->path_count++] = gate->default_path;
	}
	if (!options->path_count)
		return err_set(err, EINVAL, "no object given: --so FILE");
	for (size_t i = 0; r == 0 && i < options->path_count; i++) {
		r = subject_open(&gate->subjects[i], options->paths[i], options->symbol, true, err);
		if (r == 0)
			gate->subjects[i].label = label_choose(gate, options->paths[i]);
		gate->subject_count += r == 0;
	}
	return r;
}

/* All that run the object's code; the others measure this program alone. */
static void loaders_all(struct gate *gate)
{
	for (int i = 0; loader_types[i] && gate->loader_count < GATE_LOADERS_MAX; i++) {
		if (loader_types[i]->caps & LOADER_EXECUTES)
			gate->loaders[gate->loader_count++] = loader_types[i]->name;
	}
}

static int loaders_choose(struct gate *gate, struct err *err)
{
	const struct gate_options *options = &gate->options;
	const char *words = options->loaders, *twice;
	char *items[GATE_LOADERS_MAX];
	int count;

	if (gate->kind == SIDE_LOADER && options->base && words)
		return err_set(err, EINVAL, "--loader: BASE and HEAD are loaders already");
	if (gate->kind == SIDE_LOADER && options->base)
		words = options->base;
	else if (!words)
		words = gate->kind == SIDE_OBJECT ? "memfd" : "all";
	if (strcmp(words, "all") == 0) {
		loaders_all(gate);
		return 0;
	}
	gate->loader_copy = strdup(words);
	count = gate->loader_copy ? options_split(gate->loader_copy, items, GATE_LOADERS_MAX)
				  : -ENOMEM;
	if (count < 0)
		return err_set(err, EINVAL, "--loader: more than %d loaders", GATE_LOADERS_MAX);
	for (int i = 0; i < count; i++)
		gate->loaders[gate->loader_count++] = items[i];
	twice = options_repeated(gate->loaders, gate->loader_count);
	return twice ? err_set(err, EINVAL, "loader %s is named twice", twice) : 0;
}

/* 1 when a loader works in this build, 0 with the reason when not. */
static int loader_stages(const char *spec, bool *ret_stages, struct err *err)
{
	struct loader *loader = NULL;

	*ret_stages = true;
	if (loader_open(&loader, spec, err) < 0)
		return 0;
	*ret_stages = !(loader->caps & LOADER_DISKLESS);
	loader_close(loader);
	return 1;
}

static struct client_options arm_options(const struct gate *gate, const char *loader,
					 const struct subject *subject, bool stages)
{
	return (struct client_options){
		.loader = loader,
		.path = subject->path,
		.symbol = subject->symbol,
		.call = subject->call,
		.cpu = gate->cpu,
		.spinner_cpu = -1,
		.private_directories = stages,
	};
}

static int row_make(struct gate *gate, const char *loader, size_t object, struct err *err)
{
	struct gate_row *row = &gate->rows[gate->row_count];
	const struct gate_options *options = &gate->options;
	const char *other = gate->kind == SIDE_LOADER && options->base ? options->head : loader;
	const struct subject *subject = &gate->subjects[object];
	const struct subject *second = gate->kind == SIDE_OBJECT ? &gate->subjects[1] : subject;
	char name[256], scenario[PATH_MAX + 8];
	bool stages[LOCKSTEP_ARMS];

	if (!loader_stages(loader, &stages[LOCKSTEP_BASE], err) && gate->kind != SIDE_BUILD) {
		if (options->base || options->loaders)
			return -EINVAL;
		log_warn("left out: %s", err->text);
		return 0;
	}
	if (!loader_stages(other, &stages[LOCKSTEP_HEAD], err) && gate->kind == SIDE_LOADER)
		return -EINVAL;
	row->arms[LOCKSTEP_BASE] = arm_options(gate, loader, subject, stages[LOCKSTEP_BASE]);
	row->arms[LOCKSTEP_HEAD] = arm_options(gate, other, second, stages[LOCKSTEP_HEAD]);
	row->arms[LOCKSTEP_HEAD].inject = options->inject;
	if (gate->kind == SIDE_BUILD) {
		row->arms[LOCKSTEP_BASE].program = options->base;
		row->arms[LOCKSTEP_HEAD].program = options->head;
	}
	snprintf(name, sizeof(name), strcmp(loader, other) == 0 ? "%s" : "%s..%s", loader, other);
	snprintf(scenario, sizeof(scenario), "cycle@%s", second->label);
	row->place = gate->row_count++;
	return epoch_row_open(&row->epochs, name, scenario) < 0
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

static int rows_make(struct gate *gate, struct err *err)
{
	size_t objects = gate->kind == SIDE_OBJECT ? 1 : gate->subject_count;
	int r = 0;

	gate->rows = calloc(objects * gate->loader_count, sizeof(gate->rows[0]));
	if (!gate->rows)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < objects; i++) {
		for (size_t j = 0; r == 0 && j < gate->loader_count; j++)
			r = row_make(gate, gate->loaders[j], i, err);
	}
	gate->options.rules.verdict.rows = gate->row_count;
	return r;
}

int gate_open(struct gate *gate, struct err *err)
{
	int r = 0;

	gate->kind = SIDE_LOADER;
	if (gate->options.base)
		r = side_kind_both(gate->options.base, gate->options.head, &gate->kind, err);
	if (r == 0)
		r = gate_cpu_take(gate->options.pin, &gate->cpu, err);
	if (r == 0)
		r = objects_open(gate, err);
	if (r == 0)
		r = loaders_choose(gate, err);
	return r == 0 ? rows_make(gate, err) : r;
}

void gate_close(struct gate *gate)
{
	for (size_t i = 0; i < gate->row_count; i++)
		gate_row_close(&gate->rows[i]);
	free(gate->rows);
	for (size_t i = 0; i < gate->subject_count; i++)
		subject_close(&gate->subjects[i]);
	free(gate->loader_copy);
}
