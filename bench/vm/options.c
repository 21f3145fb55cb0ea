/* What every command of soload vm can be told about its guest. */
#include "bench/command.h"
#include "bench/vm/vm.h"

#include "base/options.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_BYTES (UINT64_C(512) << 20)
#define QUIET_NS (120 * COMMAND_SECOND_NS)

enum { KEY_KERNEL = 600, KEY_WITH, KEY_CPUS, KEY_MEMORY, KEY_PARTS, KEY_PROGRAM, KEY_QUIET };

static const struct argp_option options[] = {
	{ "kernel", KEY_KERNEL, "LINE", 0, "5.10, 6.1, 6.12 or 6.12-16k, default 6.1", 10 },
	{ "with", KEY_WITH, "A,B", 0, "what the guest withholds, see below", 10 },
	{ "cpus", KEY_CPUS, "N", 0, "1 to 8, default 1", 10 },
	{ "memory", KEY_MEMORY, "SIZE", 0, "bytes, 512M or 2G; default 512M", 10 },
	{ "timeout", KEY_QUIET, "S", 0,
	  "the guest hangs when it says nothing for so long, default 120", 10 },
	{ "parts", KEY_PARTS, "DIR", 0, "kernels and libraries, default vm beside this program",
	  11 },
	{ "program", KEY_PROGRAM, "FILE", 0,
	  "soload for aarch64, default aarch64/soload beside this program", 11 },
	{ 0 },
};

static const char *const setting_names[] = {
#define SETTING(name, function, text) #name,
#include "bench/vm/settings.def"
#undef SETTING
	NULL,
};

static void defaults_set(struct vm_options *vm)
{
	char program[PATH_MAX] = "";
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 32);
	char *slash;

	if (length > 0)
		program[length] = '\0';
	slash = strrchr(program, '/');
	if (slash)
		*slash = '\0';
	snprintf(vm->parts, sizeof(vm->parts), "%.*s/vm", PATH_MAX - 32, program);
	snprintf(vm->program, sizeof(vm->program), "%.*s/aarch64/soload", PATH_MAX - 32, program);
	vm->guest = (struct guest_options){
		.parts = vm->parts,
		.program = vm->program,
		.kernel = GUEST_KERNEL,
		.settings = vm->settings,
		.cpus = 1,
		.memory_bytes = MEMORY_BYTES,
		.quiet_ns = QUIET_NS,
	};
}

static void settings_parse(struct vm_options *vm, const char *text, struct argp_state *state)
{
	char *items[GUEST_SETTINGS], near[96];
	int count;

	free(vm->words);
	vm->words = strdup(text);
	count = vm->words ? options_split(vm->words, items, GUEST_SETTINGS) : -1;
	if (count < 0)
		command_usage(state, "--with: more than %d settings", GUEST_SETTINGS);
	for (int i = 0; i < count; i++) {
		size_t k = 0;

		while (setting_names[k] && strcmp(setting_names[k], items[i]) != 0)
			k++;
		if (!setting_names[k])
			command_usage(state, "--with: no setting '%s'%s", items[i],
				      text_suggest(items[i], strlen(items[i]), setting_names, near,
						   sizeof(near)));
		vm->settings[i] = setting_names[k];
	}
	vm->settings[count] = NULL;
}

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	struct vm_options *vm = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		defaults_set(vm);
		return 0;
	case KEY_KERNEL:
		if (!*text || strchr(text, '/') || *text == '.')
			command_usage(state, "--kernel '%s' is not a line of kernels, as 6.1 is",
				      text);
		vm->guest.kernel = text;
		return 0;
	case KEY_WITH:
		settings_parse(vm, text, state);
		return 0;
	case KEY_CPUS:
		vm->guest.cpus = (unsigned int)command_number(state, "--cpus", text, 1, 8);
		return 0;
	case KEY_MEMORY:
		vm->guest.memory_bytes = command_number(state, "--memory (bytes)", text, 1 << 20,
							UINT64_C(64) << 30);
		return 0;
	case KEY_QUIET:
		vm->guest.quiet_ns =
			command_duration_ns(state, "--timeout", text, COMMAND_SECOND_NS);
		return 0;
	case KEY_PARTS:
		vm->guest.parts = text;
		return 0;
	case KEY_PROGRAM:
		vm->guest.program = text;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp vm_argp = { options, option_parse, NULL, NULL, NULL, NULL, NULL };
