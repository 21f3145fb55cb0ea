/*
 * auto: the loader a program should use when it has no reason to choose. Straight into memory where
 * that works, else the dynamic linker, from the purest way to the last resort. Every step down says
 * why, in the image's note: which loader this machine does not allow, or what it refused in this
 * object.
 *
 * Bytes that are no sound ELF object go no step down: the refusal is the answer, because the
 * dynamic linker believes what it is given and may crash on it (loaders/elf/sound.h).
 */
#include "loaders/elf/sound.h"
#include "loaders/loader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 8
#define NOTE_BYTES 1024
#define INNER_BYTES 2048 /* of an inner image's private state; a loader with more is refused */

struct auto_options {
	struct option_list steps;
};

struct auto_step {
	const char *spec;
	struct loader *loader; /* NULL = not available here */
	bool checks;	       /* it checks the bytes itself */
};

struct auto_loader {
	struct auto_step steps[STEPS_MAX];
	unsigned int count;
	unsigned int first;	/* the first one that is available */
	char above[NOTE_BYTES]; /* why the ones before it are not, "" = it is the first of all */
};

/* `inner` holds the object when `inner.loader` is set; its private state is `state`. */
struct auto_image {
	struct image inner;
	_Alignas(max_align_t) unsigned char state[INNER_BYTES];
	char note[NOTE_BYTES];
};

/* At once, as elf does: a function nobody defines is a refusal, not the end of the process at its
 * first call. */
static const char *const default_steps[] = { "elf", "memfd:now", "tmpfs:now", "disk:mended:now" };

static const struct option_def auto_option_table[] = {
	{ .name = "steps",
	  .kind = OPTION_LIST,
	  .offset = offsetof(struct auto_options, steps),
	  .argument = "A+B",
	  .help = "what to try in order, elf+memfd\\:now+tmpfs\\:now+disk\\:mended\\:now if not "
		  "given" },
	{ 0 },
};

/* Appends "; SPEC: reason" as far as there is room. */
static void reason_append(char *text, const char *spec, const char *reason)
{
	size_t used = strlen(text);

	snprintf(text + used, NOTE_BYTES - used, "%s%s: %s", used ? "; " : "", spec, reason);
}

static int step_open(struct auto_step *step, struct err *err)
{
	int r = loader_open(&step->loader, step->spec, err);

	step->checks = r == 0 && strcmp(step->loader->type->name, "elf") == 0;
	if (r == 0 && step->loader->type->image_size > INNER_BYTES) {
		loader_close(step->loader);
		step->loader = NULL;
		r = err_set(err, E2BIG, "its images are too large to be one of several");
	}
	return r;
}

/* Promises what every loader promises that may come to be used. */
static int auto_prepare(struct loader *loader, struct err *err)
{
	const struct auto_options *options = loader->options;
	struct auto_loader *self = loader->state;
	const char *const *specs = options->steps.count ? options->steps.items : default_steps;
	struct err reason = { "" };
	bool any = false;

	if (options->steps.count > STEPS_MAX)
		return err_set(err, EINVAL, "at most %d steps", STEPS_MAX);
	self->count = options->steps.count ? options->steps.count
					   : sizeof(default_steps) / sizeof(default_steps[0]);
	for (unsigned int i = 0; i < self->count; i++) {
		self->steps[i].spec = specs[i];
		if (step_open(&self->steps[i], &reason) == 0) {
			loader->caps &= self->steps[i].loader->caps;
			self->first = any ? self->first : i;
			any = true;
		} else if (!any) {
			reason_append(self->above, specs[i], reason.text);
		}
	}
	return any ? 0 : err_set(err, ENOTSUP, "none of its loaders works here: %s", self->above);
}

static int object_check(const struct so *so, struct err *err)
{
	struct elf_file file;
	int r = elf_file_check(&file, so->bytes, so->size, err);

	return r < 0 ? r : elf_sound_check(&file, err);
}

static int step_load(struct image *image, const struct auto_step *step, struct err *err)
{
	struct auto_image *self = image->state;
	int r;

	self->inner.loader = step->loader;
	self->inner.state = self->state;
	r = image_load(&self->inner, image->so, image->time, err);
	self->inner.time = NULL; /* it may be gone when symbols are asked for */
	if (r < 0)
		self->inner.loader = NULL;
	else
		image->report = self->inner.report;
	return r;
}

/* The note of a load that is not the first loader's: all reasons, then who did it, then what that
 * one has to say. */
static void note_set(struct image *image, const struct auto_step *step)
{
	struct auto_image *self = image->state;
	const char *inner = self->inner.report.note;
	size_t used = strlen(self->note);

	snprintf(self->note + used, sizeof(self->note) - used, "; loaded by %s%s%s", step->spec,
		 inner ? ": " : "", inner ? inner : "");
	image->report.note = self->note;
}

/* `err` says why the first available loader did not want it. */
static int steps_down(struct image *image, int code, struct err *err)
{
	const struct auto_loader *self = image->loader->state;
	struct auto_image *state = image->state;
	struct err reason = { "" };

	if (object_check(image->so, NULL) < 0)
		return code;
	memcpy(state->note, self->above, sizeof(state->note));
	reason_append(state->note, self->steps[self->first].spec, err ? err->text : "refused");
	for (unsigned int i = self->first + 1; i < self->count; i++) {
		const struct auto_step *step = &self->steps[i];

		if (!step->loader) {
			reason_append(state->note, step->spec, "not available");
			continue;
		}
		if (step_load(image, step, &reason) == 0) {
			note_set(image, step);
			return 0;
		}
		reason_append(state->note, step->spec, reason.text);
	}
	return err_set(err, -code, "no loader takes it: %s", state->note);
}

static int auto_load(struct image *image, struct err *err)
{
	const struct auto_loader *self = image->loader->state;
	const struct auto_step *step = &self->steps[self->first];
	struct auto_image *state = image->state;
	struct err reason = { "" };
	int r = 0;

	if (!step->checks)
		r = object_check(image->so, err);
	if (r < 0)
		return r;
	r = step_load(image, step, &reason);
	if (r == 0) {
		if (self->above[0]) {
			memcpy(state->note, self->above, sizeof(state->note));
			note_set(image, step);
		}
		return 0;
	}
	err_set(err, -r, "%s", reason.text);
	return steps_down(image, r, err);
}

static int auto_symbol(struct image *image, const char *name, void **ret_address, struct err *err)
{
	struct auto_image *self = image->state;

	int r;

	/* Nothing is written without a timeline: several threads may ask at once. */
	if (!image->time)
		return image_symbol(&self->inner, name, ret_address, err);
	self->inner.time = image->time;
	r = image_symbol(&self->inner, name, ret_address, err);
	self->inner.time = NULL;
	return r;
}

static void auto_unload(struct image *image)
{
	struct auto_image *self = image->state;

	self->inner.time = image->time;
	if (self->inner.loader)
		image_unload(&self->inner);
	self->inner.loader = NULL;
}

static void auto_finish(struct loader *loader)
{
	struct auto_loader *self = loader->state;

	for (unsigned int i = 0; i < self->count; i++)
		loader_close(self->steps[i].loader);
}

const struct loader_type loader_auto = {
	.name = "auto",
	.summary =
		"into memory where that works, else the dynamic linker; says why it stepped down",
	.caps = LOADER_EXECUTES | LOADER_DISKLESS | LOADER_FILELESS | LOADER_MANY_IMAGES |
		LOADER_CONCURRENT | LOADER_THREAD_LOCAL | LOADER_FRESH_EVERY_LOAD,
	.loader_size = sizeof(struct auto_loader),
	.image_size = sizeof(struct auto_image),
	.options_size = sizeof(struct auto_options),
	.options = auto_option_table,
	.prepare = auto_prepare,
	.load = auto_load,
	.symbol = auto_symbol,
	.unload = auto_unload,
	.finish = auto_finish,
};
