/* soload list: everything there is, and where something does not work on this machine, why. */
#include "bench/command.h"

#include "base/text.h"
#include "base/timeline.h"
#include "bench/workloads/workload.h"
#include "device/dma.h"
#include "device/transport.h"
#include "device/variant.h"
#include "device/when.h"
#include "loaders/loader.h"
#include "probes/probe.h"

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct section {
	const char *name, *title;
	void (*print)(bool details);
};

static void line_print(const char *name, const char *text)
{
	printf("  %-22s %s\n", name, text);
}

static void caps_print(unsigned int caps)
{
	for (enum loader_cap_bit bit = 0; bit < LOADER_CAP_COUNT; bit++) {
		if (caps & (1u << bit))
			printf("    %-22s %s\n", loader_cap_name(bit), loader_cap_text(bit));
	}
}

static void loaders_print(bool details)
{
	for (const struct loader_type *const *type = loader_types; *type; type++) {
		struct loader *loader = NULL;
		struct err err = { "" };

		line_print((*type)->name, (*type)->summary);
		if (loader_open(&loader, (*type)->name, &err) < 0)
			printf("  %-22s not here: %s\n", "", err.text);
		loader_close(loader);
		if (!details)
			continue;
		options_help((*type)->options, stdout);
		caps_print((*type)->caps);
	}
}

static void transports_print(bool details)
{
	(void)details;
	for (const struct transport *const *transport = transports; *transport; transport++)
		line_print((*transport)->name, (*transport)->summary);
}

static void probes_print(bool details)
{
	line_print("timing", "phases of every lane by a raw counter; always on");
	line_print("auto",
		   "the best of those below that works here and leaves the process as it is");
	for (const struct probe_type *const *type = probe_types; *type; type++) {
		struct probe *probe = NULL;
		struct err err = { "" };

		line_print((*type)->name, (*type)->summary);
		if (probe_open(&probe, (*type)->name, &err) < 0)
			printf("  %-22s not here: %s\n", "", err.text);
		probe_close(probe);
		if (details)
			options_help((*type)->options, stdout);
	}
}

static void scenarios_print(bool details)
{
	(void)details;
	line_print("cycle", "soload run: load, look a symbol up, call it, unload, in one process");
	line_print("reproduction", "soload repro: a load on the device in every invocation");
}

static void workloads_print(bool details)
{
	for (const struct workload *const *workload = workloads; *workload; workload++) {
		const struct workload_case *which = (*workload)->cases;

		line_print((*workload)->name, (*workload)->summary);
		for (; details && which && which->name; which++)
			printf("    --case %-15s %s\n", which->name, which->summary);
	}
}

static void phases_print(bool details)
{
	static const char *const classes[] = {
		[PHASE_CLASS_LOAD] = "a column of samples.csv",
		[PHASE_CLASS_HOST] = "host",
		[PHASE_CLASS_DEVICE] = "device",
		[PHASE_CLASS_HARNESS] = "harness, never counted as a load",
	};

	for (int i = 0; i < PHASE_COUNT; i++) {
		enum phase phase = (enum phase)i;

		line_print(phase_label(phase), phase_text(phase));
		if (details)
			printf("    %s\n", classes[phase_class(phase)]);
	}
}

static void variants_print(bool details)
{
	(void)details;
	for (const struct device_variant *v = device_variants; v->platform; v++) {
		char name[64];

		snprintf(name, sizeof(name), "-p %s -r %s", v->platform, v->runtime);
		printf("  %-36s %s\n", name, v->summary);
	}
}

static void when_print(bool details)
{
	(void)details;
	for (const struct device_when *when = device_whens; when->name; when++)
		line_print(when->name, when->summary);
}

static void dma_print(bool details)
{
	for (const struct dma_model *model = dma_models; model->name; model++) {
		printf("  %-14s %g us + bytes / %g GB/s per copy\n", model->name, model->latency_us,
		       model->gigabytes_per_s);
		if (details)
			printf("    %s\n", model->source);
	}
	line_print("L+B", "your own: microseconds per copy and gigabytes per second (17+10)");
}

static const struct section sections[] = {
	{ "loaders", "Loaders (--loader NAME[:KEY[=VALUE]]...)", loaders_print },
	{ "transports", "Transports (--transport NAME)", transports_print },
	{ "variants", "Variants of the flow (soload repro)", variants_print },
	{ "when", "Life cycles of an object (--when NAME)", when_print },
	{ "dma", "Modelled hardware (--dma NAME), never mixed with what is measured", dma_print },
	{ "probes", "Probes (--probe NAME[:KEY[=VALUE]]...)", probes_print },
	{ "scenarios", "Scenarios", scenarios_print },
	{ "workloads", "Workloads (soload repro NAME)", workloads_print },
	{ "phases", "Phases (columns and spans of a record)", phases_print },
};

#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	const struct section **wanted = state->input;
	const char *names[SECTIONS + 1] = { NULL };
	char hint[80];

	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	if (*wanted)
		command_usage(state, "one kind at most");
	for (size_t i = 0; i < SECTIONS; i++) {
		names[i] = sections[i].name;
		if (strcmp(sections[i].name, text) == 0)
			*wanted = &sections[i];
	}
	if (!*wanted)
		command_usage(state, "nothing is called '%s'%s", text,
			      text_suggest(text, strlen(text), names, hint, sizeof(hint)));
	return 0;
}

static const struct argp list_argp = {
	.parser = option_parse,
	.args_doc = "[loaders|transports|variants|when|dma|probes|scenarios|workloads|phases]",
	.doc = "What there is to measure with. What does not work on this machine says why; it is "
	       "never "
	       "left out.\v"
	       "Naming one kind also shows its options, capabilities or cases.\n\n"
	       "Examples:\n"
	       "  soload list              everything, one line each\n"
	       "  soload list loaders      every loader with its options and what it promises\n\n"
	       "Exit codes: 0 done, 2 usage.",
};

int command_list(int argc, char **argv)
{
	const struct section *wanted = NULL;

	if (argp_parse(&list_argp, argc, argv, 0, NULL, &wanted))
		return EXIT_USAGE;
	for (size_t i = 0; i < SECTIONS; i++) {
		if (wanted && wanted != &sections[i])
			continue;
		printf("%s%s\n", i > 0 && !wanted ? "\n" : "", sections[i].title);
		sections[i].print(wanted != NULL);
	}
	return EXIT_DONE;
}
