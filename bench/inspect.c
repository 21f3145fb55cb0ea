/* soload inspect: what is inside a shared object, and what each loader will meet in it here. */
#include "bench/command.h"
#include "bench/inspect_print.h"

#include "base/file.h"
#include "base/log.h"
#include "base/options.h"
#include "loaders/loader.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

#define LOADERS_MAX 64

enum { KEY_JSON = 256, KEY_SYMBOLS };

struct inspect {
	const char *path;
	char *loaders; /* NULL = every one */
	bool json, symbols;
};

static const struct argp_option options[] = {
	{ "json", KEY_JSON, NULL, 0, "one JSON object instead of text", 0 },
	{ "symbols", KEY_SYMBOLS, NULL, 0, "every import and export by name", 0 },
	{ "loader", 'l', "A,B", 0, "what these loaders, with their options, will meet", 0 },
	{ 0 },
};

static const char doc[] =
	"Shows what is inside a shared object and what each loader will meet in it on this "
	"machine. "
	"Nothing of the object is run; it may be for another machine, or broken.\v"
	"Each loader is foreseen as fine, beware (it loads, but not as one might think), stale "
	"(the "
	"next load gets this one's image) or refused.\n\n"
	"Examples:\n"
	"  soload inspect build/objects/pa_unroll_cxx.so\n"
	"  soload inspect liborch.so -l disk:mended,memfd:naive\n"
	"  soload inspect liborch.so --json | python3 -m json.tool\n\n"
	"Exit codes: 0 done; 2 usage, or not a 64-bit ELF shared object.";

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	struct inspect *inspect = state->input;

	switch (key) {
	case KEY_JSON:
		inspect->json = true;
		return 0;
	case KEY_SYMBOLS:
		inspect->symbols = true;
		return 0;
	case 'l':
		inspect->loaders = text;
		return 0;
	case ARGP_KEY_ARG:
		if (inspect->path)
			command_usage(state, "one file at a time");
		inspect->path = text;
		return 0;
	case ARGP_KEY_END:
		if (!inspect->path)
			command_usage(state, "no file given");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp inspect_argp = { options, option_parse, "FILE.so", doc, NULL, NULL, NULL };

/* The loaders asked for, or all of them; an unknown name is wrong usage, not a prospect. */
static int specs_choose(const struct inspect *inspect, const char **specs, struct err *err)
{
	char *items[LOADERS_MAX];
	int count;

	if (!inspect->loaders || strcmp(inspect->loaders, "all") == 0) {
		for (int i = 0; i < LOADERS_MAX && loader_types[i]; i++)
			specs[i] = loader_types[i]->name;
		return 0;
	}
	count = options_split(inspect->loaders, items, LOADERS_MAX);
	if (count < 0)
		return err_set(err, -count, "--loader: more than %d loaders", LOADERS_MAX);
	for (int i = 0; i < count; i++) {
		struct loader *loader = NULL;
		int r = 0;

		if (!loader_find(items[i], options_name_length(items[i])))
			r = loader_open(&loader, items[i], err); /* for its words */
		if (r < 0)
			return r;
		specs[i] = items[i];
	}
	return 0;
}

static int inspect_bytes(const struct inspect *inspect, const struct file_bytes *file,
			 struct err *err)
{
	const char *specs[LOADERS_MAX + 1] = { NULL };
	struct anatomy anatomy;
	struct inspect_view view = { inspect->path, &anatomy, specs, inspect->symbols };
	int r = specs_choose(inspect, specs, err);

	if (r < 0)
		return r;
	r = anatomy_read(&anatomy, file->bytes, file->size, err);
	if (r < 0)
		return err_prefix(err, r, "%s", inspect->path);
	if (inspect->json)
		return inspect_print_json(&view, stdout);
	inspect_print_text(&view, stdout);
	return 0;
}

int command_inspect(int argc, char **argv)
{
	struct inspect inspect = { 0 };
	struct file_bytes file = { NULL, 0 };
	struct err err = { "out of memory" };
	int r;

	if (argp_parse(&inspect_argp, argc, argv, 0, NULL, &inspect))
		return EXIT_USAGE;
	r = file_load(inspect.path, &file, &err);
	if (r == 0)
		r = inspect_bytes(&inspect, &file, &err);
	file_unload(&file);
	if (r < 0)
		log_error("%s", err.text);
	return r < 0 ? EXIT_USAGE : EXIT_DONE;
}
