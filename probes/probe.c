/* The one place that calls a probe's slots: registry, memory, calling order, the choice of `auto`.
 */
#include "probes/probe.h"

#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBE(id) extern const struct probe_type probe_##id;
#include "probes/probes.def"
#undef PROBE

const struct probe_type *const probe_types[] = {
#define PROBE(id) &probe_##id,
#include "probes/probes.def"
#undef PROBE
	NULL,
};

static const char *const type_names[] = {
#define PROBE(id) #id,
#include "probes/probes.def"
#undef PROBE
	"auto",
	NULL,
};

static const struct {
	const char *label, *function, *text;
} steps[STEP_COUNT] = {
#define STEP(id, label_, function_, text_) \
	[STEP_##id] = { .label = #label_, .function = function_, .text = text_ },
#include "probes/steps.def"
#undef STEP
};

const char *step_label(enum step step)
{
	return steps[step].label;
}

const char *step_function(enum step step)
{
	return steps[step].function;
}

const char *step_text(enum step step)
{
	return steps[step].text;
}

const struct probe_type *probe_find(const char *name, size_t length)
{
	for (const struct probe_type *const *type = probe_types; *type; type++) {
		if (strlen((*type)->name) == length && memcmp((*type)->name, name, length) == 0)
			return *type;
	}
	return NULL;
}

static int type_unknown(const char *spec, size_t length, struct err *err)
{
	char hint[80];

	text_suggest(spec, length, type_names, hint, sizeof(hint));
	return err_set(err, EINVAL, "unknown probe '%.*s'%s", (int)length, spec,
		       hint[0] ? hint : " (see: soload list probes)");
}

void probe_note(struct probe *probe, const char *format, ...)
{
	size_t used = strlen(probe->note);
	va_list args;

	if (used && used + 1 < sizeof(probe->note)) {
		probe->note[used++] = '\n';
		probe->note[used] = '\0';
	}
	va_start(args, format);
	vsnprintf(probe->note + used, sizeof(probe->note) - used, format, args);
	va_end(args);
}

static int probe_build(struct probe *probe, const char *spec, struct err *err)
{
	const struct probe_type *type = probe->type;
	int r;

	probe->sight = type->sight;
	probe->state = calloc(1, type->probe_size ? type->probe_size : 1);
	probe->options = calloc(1, type->options_size ? type->options_size : 1);
	probe->spec = strdup(spec);
	probe->arguments = strdup(spec + options_name_length(spec));
	if (!probe->state || !probe->options || !probe->spec || !probe->arguments)
		return err_set(err, ENOMEM, "out of memory");
	r = options_parse(type->options, probe->options, probe->arguments, err);
	if (r < 0)
		return r;
	return type->available ? type->available(probe, err) : 0;
}

int probe_open(struct probe **ret_probe, const char *spec, struct err *err)
{
	size_t length = options_name_length(spec);
	const struct probe_type *type = probe_find(spec, length);
	struct probe *probe;
	int r;

	if (!type)
		return type_unknown(spec, length, err);
	probe = calloc(1, sizeof(*probe));
	if (!probe)
		return err_set(err, ENOMEM, "out of memory");
	probe->type = type;
	r = probe_build(probe, spec, err);
	if (r < 0) {
		probe_close(probe);
		return err_prefix(err, r, "probe %s", type->name);
	}
	*ret_probe = probe;
	return 0;
}

/* "a, b and c" of what is in `lost`; "" = nothing of it. */
static void sight_list(unsigned int lost, char *ret_text, size_t size)
{
	static const struct {
		unsigned int sight;
		const char *words;
	} all[] = { { PROBE_SYSCALLS, "system calls" },
		    { PROBE_FAULTS, "page faults" },
		    { PROBE_OFFCPU, "time off the CPU" } };
	size_t used = 0;

	ret_text[0] = '\0';
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!(lost & all[i].sight))
			continue;
		lost &= ~all[i].sight;
		used += (size_t)snprintf(ret_text + used, size - used, "%s%s",
					 !used					? ""
					 : lost & (PROBE_FAULTS | PROBE_OFFCPU) ? ", "
										: " and ",
					 all[i].words);
	}
}

/* What the one sees and the other does not, in words. */
static void sight_lost(unsigned int best, unsigned int left, char *ret_text, size_t size)
{
	unsigned int lost = best & ~left;
	char list[64];

	sight_list(lost, list, sizeof(list));
	snprintf(ret_text, size, "%s%s%s%s",
		 !(lost & PROBE_STEPS) ? ""
		 : left & PROBE_COARSE ? "not all steps are told apart"
				       : "only totals are seen",
		 lost & PROBE_STEPS && list[0] ? "; " : "", list, list[0] ? " are not seen" : "");
}

/* What the best probe lacks here, and what it would have seen. */
struct missing {
	char text[ERR_TEXT_BYTES];
	unsigned int sight;
};

static int auto_open(struct probe **ret_probe, const struct probe_type *const *from,
		     unsigned int needed, struct missing *missing)
{
	char words[128];

	for (const struct probe_type *const *type = from; *type; type++) {
		struct err reason = { "" };

		if ((*type)->sight & (PROBE_OPT_IN | PROBE_COUNTS) ||
		    ((*type)->sight & needed) != needed)
			continue;
		if (probe_open(ret_probe, (*type)->name, &reason) == 0) {
			(*ret_probe)->automatic = true;
			(*ret_probe)->needed = needed;
			sight_lost(missing->sight, (*ret_probe)->sight, words, sizeof(words));
			if (missing->text[0])
				probe_note(*ret_probe, "%s; using %s: %s", missing->text,
					   (*type)->name, words);
			return 0;
		}
		if (!missing->text[0])
			snprintf(missing->text, sizeof(missing->text), "%s", reason.text);
		missing->sight |= (*type)->sight;
	}
	return -ENOTSUP;
}

int probe_open_auto(struct probe **ret_probe, unsigned int needed, struct err *err)
{
	struct missing missing = { "", 0 };

	if (auto_open(ret_probe, probe_types, needed, &missing) == 0)
		return 0;
	return err_set(err, ENOTSUP, "no probe can do this here: %s",
		       missing.text[0] ? missing.text : "none can attach to a process that runs");
}

bool probe_fall_back(struct probe **probe, const struct err *err)
{
	const struct probe_type *const *from = probe_types;
	struct missing missing = { "", (*probe)->type->sight };
	struct probe *next;

	if (!(*probe)->automatic || !(*probe)->refused)
		return false;
	while (*from++ != (*probe)->type)
		;
	snprintf(missing.text, sizeof(missing.text), "%s", err->text);
	if (auto_open(&next, from, (*probe)->needed, &missing) < 0)
		return false;
	probe_close(*probe);
	*probe = next;
	return true;
}

void probe_close(struct probe *probe)
{
	if (!probe)
		return;
	probe_detach(probe);
	if (probe->type->finish && probe->state && probe->options)
		probe->type->finish(probe);
	free(probe->state);
	free(probe->options);
	free(probe->spec);
	free(probe->arguments);
	free(probe);
}

int probe_environment(struct probe *probe, struct probe_environment *environment, struct err *err)
{
	int r;

	*environment = (struct probe_environment){ 0 };
	if (!probe->type->environment)
		return 0;
	r = probe->type->environment(probe, environment, err);
	return r < 0 ? err_prefix(err, r, "probe %s", probe->type->name) : 0;
}

void probe_environment_free(struct probe_environment *environment)
{
	for (int i = 0; environment->variables[i]; i++)
		free(environment->variables[i]);
	*environment = (struct probe_environment){ 0 };
}

int probe_attach(struct probe *probe, const struct probe_target *target, struct err *err)
{
	int r = 0;

	if (probe->attached)
		return err_set(err, EBUSY, "probe %s watches a process already", probe->type->name);
	if (probe->type->attach)
		r = probe->type->attach(probe, target, err);
	probe->attached = true;
	probe->refused = r < 0;
	if (r < 0) {
		probe_detach(probe);
		return err_prefix(err, r, "probe %s", probe->type->name);
	}
	return 0;
}

int probe_calibrate(struct probe *probe, struct probe_cost *ret_cost, struct err *err)
{
	int r;

	*ret_cost = (struct probe_cost){ 0 };
	if (!probe->type->calibrate)
		return 0;
	r = probe->type->calibrate(probe, ret_cost, err);
	return r < 0 ? err_prefix(err, r, "probe %s: calibration", probe->type->name) : 0;
}

long probe_read(struct probe *probe, probe_take take, void *to)
{
	return probe->type->read ? probe->type->read(probe, take, to) : 0;
}

void probe_detach(struct probe *probe)
{
	if (probe->attached && probe->type->detach)
		probe->type->detach(probe);
	probe->attached = false;
}
