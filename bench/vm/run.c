/* soload vm run: one command in a virtual AICPU, as if it had run here. */
#include "bench/command.h"
#include "bench/vm/take.h"
#include "bench/vm/vm.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 64

enum { KEY_PUT = 256, KEY_OUT };

struct request {
	struct vm_options vm;
	struct guest_file files[FILES_MAX];
	char names[FILES_MAX][256];
	const char *out;
};

static const struct argp_option options[] = {
	{ "put", KEY_PUT, "FILE", 0, "a file of this machine, to be /soload/objects/NAME in there",
	  0 },
	{ "out", KEY_OUT, "DIR", 0,
	  "where files the command leaves in /results go, default results/runs/vm", 0 },
	{ 0 },
};

static const char doc[] =
	"Boots a virtual AICPU, runs COMMAND in it, prints what it prints and ends as it ends. "
	"Inside are "
	"soload for aarch64 (in PATH), the objects under test in /soload/objects, and a shell.\v"
	"What --with can withhold:\n"
#define SETTING(name, function, text) "  " #name ": " text "\n"
#include "bench/vm/settings.def"
#undef SETTING
	"\n"
	"Examples:\n"
	"  soload vm run -- soload list\n"
	"  soload vm run -- soload run --so /soload/objects/pa_unroll.so -l all --out /results\n"
	"  soload vm run --cpus 2 --memory 2G -- soload repro -n 1\n"
	"\n"
	"Exit codes: that of COMMAND; 2 usage, or it could not be run; 77 there is no guest here "
	"(make vm), or "
	"its kernel does not have what --with asks for; 128+N interrupted by signal N.";

static void put_parse(struct request *request, char *text, struct argp_state *state)
{
	size_t i = request->vm.guest.file_count;
	const char *slash = strrchr(text, '/');

	if (i == FILES_MAX)
		command_usage(state, "--put: more than %d files", FILES_MAX);
	snprintf(request->names[i], sizeof(request->names[i]), GUEST_OBJECTS "/%.200s",
		 slash ? slash + 1 : text);
	request->files[i] = (struct guest_file){ request->names[i], text };
	request->vm.guest.files = request->files;
	request->vm.guest.file_count = i + 1;
}

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	struct request *request = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &request->vm;
		return 0;
	case KEY_PUT:
		put_parse(request, text, state);
		return 0;
	case KEY_OUT:
		request->out = text;
		return 0;
	case ARGP_KEY_ARGS:
		request->vm.guest.command = state->argv + state->next;
		return 0;
	case ARGP_KEY_END:
		if (!request->vm.guest.command)
			command_usage(state, "no command: soload vm run -- COMMAND");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = { { &vm_argp, 0, "The guest:", 10 }, { 0 } };
static const struct argp run_argp = { options, option_parse, "-- COMMAND...", doc, children,
				      NULL,    NULL };

int vm_run(int argc, char **argv)
{
	struct request request = { .out = "results/runs/vm" };
	struct take take = { .out = stdout, .file = -1 };
	struct err err = { "" };
	int code = EXIT_USAGE, r;

	if (argp_parse(&run_argp, argc, argv, ARGP_IN_ORDER, NULL, &request))
		return EXIT_USAGE;
	command_catch_signals();
	take.results = request.out;
	request.vm.guest.objects = true;
	request.vm.guest.take = take_frame;
	request.vm.guest.to = &take;
	r = guest_run(&request.vm.guest, &code, &err);
	if (r == -GUEST_ABSENT)
		code = EXIT_SKIPPED;
	if (r == -EINTR)
		code = EXIT_SIGNAL_BASE + command_interrupted();
	else if (r < 0)
		log_error("%s", err.text);
	if (r < 0 && r != -EINTR && r != -ENOEXEC && r != -GUEST_ABSENT)
		code = EXIT_USAGE;
	if (take.files)
		fprintf(stderr, "%u files from the guest: %s\n", take.files, request.out);
	take_close(&take);
	free(request.vm.words);
	return code;
}
