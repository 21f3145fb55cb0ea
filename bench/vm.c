/* soload vm: commands, measurements and a gate inside a virtual AICPU. Its commands are in vm/. */
#include "bench/command.h"
#include "bench/vm/vm.h"

#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *text;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "run", "boot, run a command inside, end with its exit code", vm_run },
	{ "bench", "instructions per load, every loader", vm_bench },
	{ "gate", "does a load of HEAD take more than one of BASE?", vm_gate },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char doc[] = "An aarch64 machine under QEMU that counts instructions instead of time: "
			  "a load costs exactly\n"
			  "the same in every run, whatever else this machine does. `make vm` "
			  "fetches and builds what it\n"
			  "needs (Debian's arm64 kernel, soload for aarch64); it boots in seconds "
			  "and leaves nothing.\n";

static const char examples[] =
	"\n"
	"Examples:\n"
	"  soload vm run -- soload list                        what works on an AICPU's kernel\n"
	"  soload vm run --cpus 2 -- soload repro --out /results    the main job, record and all\n"
	"  soload vm run --kernel 6.12 --with mdwe -- soload list\n"
	"  soload vm bench                                     the table of instructions per load\n"
	"  soload vm gate BASE/build/aarch64/soload build/aarch64/soload\n"
	"\n"
	"soload vm COMMAND --help tells the options of one.\n";

static void help_print(FILE *out)
{
	fprintf(out, "Usage: soload vm COMMAND [OPTION...]\n\n%s\n", doc);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].text);
	fputs(examples, out);
}

int command_vm(int argc, char **argv)
{
	const char *names[COMMANDS + 1] = { NULL };
	char text[64], near[96], *word;
	int code;

	if (argc < 2) {
		log_error("vm: which command? (see: soload vm --help)");
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0) {
		help_print(stdout);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		names[i] = commands[i].name;
		if (strcmp(argv[1], commands[i].name) == 0) {
			snprintf(text, sizeof(text), "soload vm %s", commands[i].name);
			word = argv[1];
			argv[1] = text; /* what argp calls it; the word is main()'s */
			code = commands[i].run(argc - 1, argv + 1);
			argv[1] = word;
			return code;
		}
	}
	log_error("vm: no command '%s'%s (see: soload vm --help)", argv[1],
		  text_suggest(argv[1], strlen(argv[1]), names, near, sizeof(near)));
	return EXIT_USAGE;
}
