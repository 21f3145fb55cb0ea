/* soload gen: makes a shared object to order, for benchmarks and tests. The work is in bench/gen/.
 */
#include "bench/command.h"
#include "bench/gen/plan.h"

#include "base/log.h"
#include "base/text.h"

#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEY_SIZE = 256,
	KEY_UNLOADED,
	KEY_CTORS,
	KEY_PAGE,
	KEY_SEED,
	KEY_TLS_MODEL,
	KEY_BARE,
	KEY_COMPACT,
	KEY_RELR,
	KEY_NOW,
	KEY_UNIQUE,
	KEY_SYSV,
	KEY_OUT,
	KEY_COUNTS, /* + enum gen_count */
};

static const struct argp_option options[] = {
	{ "out", KEY_OUT, "FILE", 0, "where the object goes", 0 },
	{ "size", KEY_SIZE, "SIZE", 0, "bytes of the file, 390K; default: as small as it gets", 0 },
	{ "seed", KEY_SEED, "N", 0, "decides names, contents and what soload_entry() returns", 0 },
	{ "relocs", KEY_COUNTS + GEN_RELATIVE, "N", 0, "RELATIVE relocations", 1 },
	{ "imports", KEY_COUNTS + GEN_IMPORTS, "N", 0, "imported functions (JUMP_SLOT)", 1 },
	{ "globs", KEY_COUNTS + GEN_GLOBS, "N", 0, "GLOB_DAT relocations", 1 },
	{ "absolute", KEY_COUNTS + GEN_ABSOLUTE, "N", 0, "64-bit symbol addresses in data", 1 },
	{ "ifuncs", KEY_COUNTS + GEN_IRELATIVE, "N", 0, "IRELATIVE relocations", 1 },
	{ "tls", KEY_COUNTS + GEN_TLS, "N", 0, "thread-local variables", 1 },
	{ "symbols", KEY_COUNTS + GEN_SYMBOLS, "N", 0, "exported symbols", 1 },
	{ "needed", KEY_COUNTS + GEN_NEEDED, "N", 0, "DT_NEEDED entries", 1 },
	{ "ctors", KEY_CTORS, "N", 0, "constructors (each is one of the RELATIVE)", 1 },
	{ "tls-model", KEY_TLS_MODEL, "gd|desc|ie", 0, "default gd", 2 },
	{ "relr", KEY_RELR, NULL, 0, "pack RELATIVE into DT_RELR", 2 },
	{ "now", KEY_NOW, NULL, 0, "ask for binding at load (DF_BIND_NOW)", 2 },
	{ "unique", KEY_UNIQUE, NULL, 0, "one GNU-unique export: dlclose does not unload", 2 },
	{ "sysv-hash", KEY_SYSV, NULL, 0, "DT_HASH instead of DT_GNU_HASH", 2 },
	{ "unloaded", KEY_UNLOADED, "SIZE", 0, "bytes nobody loads, as debug info is", 2 },
	{ "page-size", KEY_PAGE, "SIZE", 0, "alignment of segments, 64K", 2 },
	{ "bare", KEY_BARE, NULL, 0, "without the toolchain's start-up files", 2 },
	{ "compact", KEY_COMPACT, NULL, 0,
	  "code and constants in one segment, no RELRO: with --bare down to 2 KB", 2 },
	{ 0 },
};

static const char text[] =
	"Makes a shared object with exactly the counts asked for, by the system's compiler ($CC, "
	"else cc)."
	"\vCounts that are not given are what the toolchain brings. Equal options make equal "
	"bytes.\n\n"
	"Examples:\n"
	"  soload gen --size 390K --relocs 2000 --imports 200 --symbols 300 --seed 7 --out big.so\n"
	"  soload gen --bare --relocs 100 --relr --out relr.so\n"
	"  soload gen --tls 4 --tls-model desc --ctors 2 --out tls.so\n";

struct request {
	struct gen_plan plan;
	const char *out;
};

static enum gen_tls_model tls_model_parse(const char *argument, struct argp_state *state)
{
	static const char *const names[] = { "gd", "desc", "ie", NULL };
	char hint[80];

	for (int i = 0; names[i]; i++) {
		if (strcmp(names[i], argument) == 0)
			return (enum gen_tls_model)i;
	}
	command_usage(state, "unknown TLS model '%s'%s; there are gd, desc and ie", argument,
		      text_suggest(argument, strlen(argument), names, hint, sizeof(hint)));
}

static uint64_t number_parse(int key, const char *argument, struct argp_state *state)
{
	const struct argp_option *option = options;
	char name[32];

	while (option->key != key)
		option++;
	snprintf(name, sizeof(name), "--%s", option->name);
	return command_number(state, name, argument, 0, UINT64_MAX);
}

static bool number_set(struct gen_plan *plan, int key, const char *argument,
		       struct argp_state *state)
{
	uint64_t *const numbers[] = {
		/* in the order of the keys, from KEY_SIZE on */
		&plan->size,
		&plan->unloaded,
		&plan->ctors,
		&plan->page_bytes,
	};

	if (key >= KEY_COUNTS && key < KEY_COUNTS + GEN_COUNTS) {
		plan->want[key - KEY_COUNTS] = number_parse(key, argument, state);
		plan->given[key - KEY_COUNTS] = true;
		return true;
	}
	if (key < KEY_SIZE || key > KEY_PAGE)
		return false;
	*numbers[key - KEY_SIZE] = number_parse(key, argument, state);
	return true;
}

static error_t option_parse(int key, char *argument, struct argp_state *state)
{
	struct request *request = state->input;
	struct gen_plan *plan = &request->plan;

	if (number_set(plan, key, argument, state))
		return 0;
	switch (key) {
	case KEY_SEED:
		plan->seed = command_seed(state, argument);
		return 0;
	case KEY_TLS_MODEL:
		plan->tls_model = tls_model_parse(argument, state);
		return 0;
	case KEY_BARE:
		plan->bare = true;
		return 0;
	case KEY_COMPACT:
		plan->compact = true;
		return 0;
	case KEY_RELR:
		plan->relr = true;
		return 0;
	case KEY_NOW:
		plan->now = true;
		return 0;
	case KEY_UNIQUE:
		plan->unique = true;
		return 0;
	case KEY_SYSV:
		plan->sysv = true;
		return 0;
	case KEY_OUT:
		request->out = argument;
		return 0;
	case ARGP_KEY_END:
		if (!request->out)
			command_usage(state, "--out FILE is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int command_gen(int argc, char **argv)
{
	static const struct argp argp = { .options = options, .parser = option_parse, .doc = text };
	struct request request = { .plan.seed = 1 };
	struct gen_counts counts;
	struct err err = { "" };

	argp_parse(&argp, argc, argv, 0, NULL, &request);
	command_catch_signals();
	if (gen_build(&request.plan, request.out, &counts, &err) < 0) {
		log_error("%s: %s", request.out, err.text);
		return command_interrupted() ? EXIT_SIGNAL_BASE + command_interrupted()
					     : EXIT_USAGE;
	}
	printf("%s: %" PRIu64 " bytes (%" PRIu64 " loadable), %" PRIu64 " RELATIVE, %" PRIu64
	       " JUMP_SLOT, %" PRIu64 " GLOB_DAT, %" PRIu64 " absolute, %" PRIu64
	       " IRELATIVE, %" PRIu64 " TLS, %" PRIu64 " exports, %" PRIu64 " needed\n",
	       request.out, counts.file_bytes, counts.load_bytes, counts.have[GEN_RELATIVE],
	       counts.have[GEN_IMPORTS], counts.have[GEN_GLOBS], counts.have[GEN_ABSOLUTE],
	       counts.have[GEN_IRELATIVE], counts.have[GEN_TLS], counts.have[GEN_SYMBOLS],
	       counts.have[GEN_NEEDED]);
	printf(GEN_ENTRY "() returns %ld at its first call, and one more at each further call\n",
	       gen_value(request.plan.seed));
	return EXIT_DONE;
}
