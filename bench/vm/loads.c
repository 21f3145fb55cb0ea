/* What soload vm bench and gate have in common: which loads to count, where, and how it ends. */
#include "bench/command.h"
#include "bench/vm/vm.h"

#include "base/log.h"
#include "bench/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT "objects/pa_unroll_cxx_nounique.so"
#define LOADS 41

enum { KEY_SO = 700, KEY_OUT };

static const struct argp_option options[] = {
	{ "so", KEY_SO, "FILE", 0,
	  "the object to load, for aarch64; default the workload's C++ twin beside the program",
	  0 },
	{ "loader", 'l', "A,B", 0, "loaders NAME[:KEY[=VALUE]]..., default: see below", 0 },
	{ "loads", 'n', "N", 0, "loads per loader and metric, default 41", 0 },
	{ "out", KEY_OUT, "DIR", 0,
	  "write every single load and the medians there (results/README.md, counts.csv)", 0 },
	{ 0 },
};

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	struct vm_loads *loads = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		loads->loads = LOADS;
		state->child_inputs[0] = &loads->vm;
		return 0;
	case KEY_SO:
		loads->object = text;
		return 0;
	case KEY_OUT:
		loads->out = text;
		return 0;
	case 'l':
		loads->loaders = text;
		return 0;
	case 'n':
		loads->loads = (uint32_t)command_number(state, "-n", text, 1, WORKER_BATCH_MAX);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = { { &vm_argp, 0, "The guest:", 10 }, { 0 } };

const struct argp vm_loads_argp = { options, option_parse, NULL, NULL, children, NULL, NULL };

struct measure vm_loads_measure(struct vm_loads *loads)
{
	if (!loads->object) {
		const char *program = loads->vm.guest.program, *slash = strrchr(program, '/');

		snprintf(loads->default_object, sizeof(loads->default_object), "%.*s" OBJECT,
			 slash ? (int)(slash - program + 1) : 0, program);
		loads->object = loads->default_object;
	}
	return (struct measure){
		.guest = loads->vm.guest,
		.object = loads->object,
		.loads = loads->loads,
	};
}

int vm_loads_tell(const struct vm_loads *loads, const struct measured *measured, struct err *err)
{
	const char *slash = strrchr(loads->object, '/');

	printf("Load, lookup and unload of %s, medians of %u loads; Linux %s on aarch64\n"
	       "(neoverse-n1 under QEMU %s, one instruction is 1 ns)\n",
	       slash ? slash + 1 : loads->object, loads->loads, measured->origin.kernel,
	       measured->origin.qemu);
	return loads->out ? measured_write(measured, loads->out, err) : 0;
}

int vm_loads_end(struct vm_loads *loads, int r, const struct err *err)
{
	free(loads->vm.words);
	if (r >= 0)
		return r;
	if (r == -EINTR)
		return EXIT_SIGNAL_BASE + command_interrupted();
	log_error("%s", err->text);
	return r == -GUEST_ABSENT ? EXIT_SKIPPED : EXIT_USAGE;
}
