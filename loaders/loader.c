/* The one place that calls a loader's slots: registry, memory, calling order and clean-up. */
#include "loaders/loader.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOADER(id) extern const struct loader_type loader_##id;
#include "loaders/loaders.def"
#undef LOADER

const struct loader_type *const loader_types[] = {
#define LOADER(id) &loader_##id,
#include "loaders/loaders.def"
#undef LOADER
	NULL,
};

static const char *const type_names[] = {
#define LOADER(id) #id,
#include "loaders/loaders.def"
#undef LOADER
	NULL,
};

static const struct {
	const char *name, *text;
} caps[LOADER_CAP_COUNT] = {
#define CAP(name, text) { #name, text },
	LOADER_CAPS(CAP)
#undef CAP
};

const char *loader_cap_name(enum loader_cap_bit bit)
{
	return caps[bit].name;
}

const char *loader_cap_text(enum loader_cap_bit bit)
{
	return caps[bit].text;
}

const struct loader_type *loader_find(const char *name, size_t length)
{
	for (const struct loader_type *const *type = loader_types; *type; type++) {
		if (strlen((*type)->name) == length && memcmp((*type)->name, name, length) == 0)
			return *type;
	}
	return NULL;
}

static int type_unknown(const char *spec, size_t length, struct err *err)
{
	char hint[80];

	text_suggest(spec, length, type_names, hint, sizeof(hint));
	return err_set(err, EINVAL, "unknown loader '%.*s'%s", (int)length, spec,
		       hint[0] ? hint : " (see: soload list loaders)");
}

static void *state_new(size_t size)
{
	return calloc(1, size ? size : 1);
}

static int loader_build(struct loader *loader, const char *spec, struct err *err)
{
	const struct loader_type *type = loader->type;
	int r;

	loader->caps = type->caps;
	loader->state = state_new(type->loader_size);
	loader->options = state_new(type->options_size);
	loader->spec = strdup(spec);
	loader->arguments = strdup(spec + options_name_length(spec));
	if (!loader->state || !loader->options || !loader->spec || !loader->arguments)
		return err_set(err, ENOMEM, "out of memory");
	r = options_parse(type->options, loader->options, loader->arguments, err);
	if (r < 0)
		return r;
	return type->available ? type->available(loader, err) : 0;
}

static void loader_free(struct loader *loader)
{
	free(loader->state);
	free(loader->options);
	free(loader->spec);
	free(loader->arguments);
	free(loader);
}

int loader_open(struct loader **ret_loader, const char *spec, struct err *err)
{
	size_t length = options_name_length(spec);
	const struct loader_type *type = loader_find(spec, length);
	struct loader *loader;
	int r;

	if (!type)
		return type_unknown(spec, length, err);
	loader = calloc(1, sizeof(*loader));
	if (!loader)
		return err_set(err, ENOMEM, "out of memory");
	loader->type = type;
	r = loader_build(loader, spec, err);
	if (r < 0) {
		loader_free(loader);
		return err_prefix(err, r, "loader %s", type->name);
	}
	r = type->prepare ? type->prepare(loader, err) : 0;
	if (r < 0) {
		loader_close(loader);
		return err_prefix(err, r, "loader %s", type->name);
	}
	*ret_loader = loader;
	return 0;
}

void loader_close(struct loader *loader)
{
	if (!loader)
		return;
	if (loader->type->finish)
		loader->type->finish(loader);
	loader_free(loader);
}

struct image *image_new(struct loader *loader)
{
	struct image *image = calloc(1, sizeof(*image));

	if (!image)
		return NULL;
	image->loader = loader;
	image->state = state_new(loader->type->image_size);
	if (image->state)
		return image;
	free(image);
	return NULL;
}

void image_free(struct image *image)
{
	if (!image)
		return;
	image_unload(image);
	free(image->state);
	free(image);
}

int image_load(struct image *image, const struct so *so, struct timeline *time, struct err *err)
{
	const struct loader_type *type = image->loader->type;
	int r;

	if (image->loaded)
		return err_set(err, EBUSY, "this image holds an object already");
	image->so = so;
	image->time = time;
	if (time)
		time->about = so->path;
	image->report = (struct image_report){ 0 };
	memset(image->state, 0, type->image_size);
	r = type->load(image, err);
	image->loaded = true;
	if (r < 0) {
		image_unload(image);
		return err_prefix(err, r, "loader %s", type->name);
	}
	return 0;
}

int image_symbol(struct image *image, const char *name, void **ret_address, struct err *err)
{
	if (!image->loaded)
		return err_set(err, EINVAL, "no object is loaded");
	timeline_enter(image->time, PHASE_RESOLVE);
	return image->loader->type->symbol(image, name, ret_address, err);
}

void image_unload(struct image *image)
{
	if (!image->loaded)
		return;
	timeline_enter(image->time, PHASE_UNLOAD);
	image->loader->type->unload(image);
	image->loaded = false;
}
