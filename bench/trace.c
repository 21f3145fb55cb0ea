/* soload trace: loads as a timeline. One of soload's own, or every dlopen of any program. */
#include "bench/command.h"
#include "bench/trace/trace.h"
#include "bench/worker.h"

#include "base/log.h"
#include "probes/align.h"
#include "probes/foreign.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { KEY_JSON = 256, KEY_PROBE, KEY_SYMBOL, KEY_RECORD };

static const struct argp_option table[] = {
	{ "loader", 'l', "NAME", 0, "of soload, to load the file with; default disk", 0 },
	{ "probe", KEY_PROBE, "NAME", 0, "what watches (soload list probes); default auto", 0 },
	{ "json", KEY_JSON, "FILE", 0, "write the timeline for chrome://tracing and Perfetto", 0 },
	{ NULL, 'n', "N", 0, "load the file N times and show the last; default 3", 0 },
	{ "symbol", KEY_SYMBOL, "NAME", 0, "look this up and call it; default as in soload run",
	  0 },
	{ "pid", 'p', "PID", 0, "watch a process that runs, until it ends or Ctrl-C", 0 },
	{ "time", 't', "SECONDS", 0, "with -p: for so long", 0 },
	{ "record", KEY_RECORD, "DIR", 0,
	  "add the lanes of a results folder (host, AICPU threads), such as that of a soload repro "
	  "that is traced",
	  0 },
	{ 0 },
};

static const char doc[] =
	"Shows loads as a timeline: the steps inside ld.so, system calls, page faults, and the "
	"phases of soload's own loaders, on one clock.\v"
	"Examples:\n"
	"  soload trace ./libx.so --loader memfd               one load, line by line\n"
	"  soload trace ./libx.so -l elf --json load.json      for ui.perfetto.dev\n"
	"  soload trace -- python3 -c 'import numpy'           every dlopen of a program\n"
	"  soload trace -p 1234 -t 10                          of one that runs\n"
	"  soload trace --json all.json --record r -- soload repro paged_attention_unroll --out r\n"
	"\n"
	"A program is not changed and needs nothing compiled in. Times are as observed: what the "
	"probe cost is in them unless a column says otherwise.\n\n"
	"Exit codes: 0 done; 1 the load failed; 2 usage, or nothing can watch here; 128+N "
	"interrupted by signal N.";

static void subject_check(const struct argp_state *state, const struct trace_options *options)
{
	int given = (options->path != NULL) + (options->command != NULL) + (options->pid != 0);

	if (given > 1)
		command_usage(state, "one of FILE, -- COMMAND and -p PID");
	if (!given && !options->record)
		command_usage(state, "nothing to trace: FILE, -- COMMAND or -p PID");
	if (!given && !options->json)
		command_usage(state, "--record alone needs --json");
}

static error_t option_parse(int key, char *text, struct argp_state *state)
{
	struct trace_options *options = state->input;

	switch (key) {
	case 'l':
		options->loader = text;
		return 0;
	case 'n':
		options->loads = (uint32_t)command_number(state, "-n", text, 1, WORKER_BATCH_MAX);
		return 0;
	case 'p':
		options->pid = (pid_t)command_number(state, "-p", text, 1, INT32_MAX);
		return 0;
	case 't':
		options->time_ns = command_duration_ns(state, "-t", text, 1000000);
		return 0;
	case KEY_PROBE:
		options->probe = text;
		return 0;
	case KEY_JSON:
		options->json = text;
		return 0;
	case KEY_SYMBOL:
		options->symbol = text;
		return 0;
	case KEY_RECORD:
		options->record = text;
		return 0;
	case ARGP_KEY_ARG:
		if (options->path)
			command_usage(state, "one file at most; a command comes after --");
		options->path = text;
		return 0;
	case ARGP_KEY_END:
		subject_check(state, options);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp trace_argp = { table, option_parse, "[FILE | -- COMMAND...]", doc, NULL,
					NULL,  NULL };

int trace_lane_add(struct trace *trace, const struct trace_lane_span *span)
{
	if (trace->lane_count == trace->lane_room) {
		size_t room = trace->lane_room ? trace->lane_room * 2 : 64;
		void *grown = realloc(trace->lanes, room * sizeof(trace->lanes[0]));

		if (!grown)
			return -ENOMEM;
		trace->lanes = grown;
		trace->lane_room = room;
	}
	trace->lanes[trace->lane_count++] = *span;
	return 0;
}

void trace_free(struct trace *trace)
{
	split_events_free(&trace->events);
	split_free(&trace->split);
	free(trace->lanes);
	rows_close(&trace->record);
	*trace = (struct trace){ 0 };
}

static int subject_watch(struct trace *trace, struct probe *probe,
			 const struct trace_options *options, struct err *err)
{
	int status = 0, r;

	if (options->path)
		return trace_file(trace, probe, options, err);
	if (options->pid)
		return trace_process(trace, probe, options, err);
	r = trace_program(trace, probe, options, &status, err);
	if (r == 0 && WIFSIGNALED(status))
		log_warn("%s: ended by SIG%s", options->command[0], sigabbrev_np(WTERMSIG(status)));
	else if (r == 0 && WEXITSTATUS(status))
		log_warn("%s: exit code %d", options->command[0], WEXITSTATUS(status));
	return r;
}

static int probe_choose(struct probe **ret_probe, const struct trace_options *options,
			struct err *err)
{
	unsigned int needed = options->pid ? PROBE_RUNNING : 0;
	int r = strcmp(options->probe, "auto") == 0 ? probe_open_auto(ret_probe, needed, err)
						    : probe_open(ret_probe, options->probe, err);

	if (r < 0)
		return r;
	if ((*ret_probe)->type->sight & PROBE_COUNTS || ((*ret_probe)->sight & needed) != needed)
		return err_set(err, EINVAL, "probe %s cannot be used here: %s",
			       (*ret_probe)->type->name,
			       needed ? "it cannot attach to a process that runs"
				      : "it counts, and has no timeline (soload run --probe)");
	return 0;
}

static int watch(struct trace *trace, const struct trace_options *options, struct err *err)
{
	struct probe *probe = NULL;
	unsigned int foreign = foreign_probes();
	int r = probe_choose(&probe, options, err);

	if (r == 0) {
		do
			r = subject_watch(trace, probe, options, err);
		while (r < 0 && probe_fall_back(&probe, err));
		log_warn_lines(probe->note);
		trace->origin = probe->type->origin;
		trace->sight = probe->sight;
	}
	if (foreign)
		log_warn("%u uprobes of others are on this machine: they slow every mapping",
			 foreign);
	if (r == 0)
		r = split_make(&trace->split, &trace->events, &trace->cost,
			       trace->sight & PROBE_BY_CALLS, err);
	probe_close(probe);
	return r;
}

static int trace_all(struct trace *trace, const struct trace_options *options, struct err *err)
{
	int r = 0;

	if (options->path || options->command || options->pid)
		r = watch(trace, options, err);
	if (r == 0 && options->record)
		r = trace_record(trace, options->record, err);
	trace->clock_error_ns = align_counter_error_ns();
	if (r < 0)
		return r;
	if (options->path)
		trace_timeline_print(trace, stdout);
	else if (options->command || options->pid)
		trace_table_print(trace, stdout);
	if (options->json)
		r = trace_json_write(trace, options->json, err);
	return r;
}

/* What comes after "--" is the command's own: argp does not see it. */
static char **command_cut(int *argc, char **argv)
{
	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], "--") != 0)
			continue;
		*argc = i;
		return argv[i + 1] ? &argv[i + 1] : NULL;
	}
	return NULL;
}

int command_trace(int argc, char **argv)
{
	struct trace_options options = { .loader = "disk", .probe = "auto", .loads = 3 };
	struct trace trace = { 0 };
	struct err err = { "" };
	int r;

	options.command = command_cut(&argc, argv);
	if (argp_parse(&trace_argp, argc, argv, 0, NULL, &options))
		return EXIT_USAGE;
	command_catch_signals();
	r = trace_all(&trace, &options, &err);
	trace_free(&trace);
	if (command_interrupted() && !options.pid)
		return EXIT_SIGNAL_BASE + command_interrupted();
	if (r == 0)
		return EXIT_DONE;
	log_error("%s", err.text);
	return r == -EIO ? EXIT_MEASURED_FAILURE : EXIT_USAGE;
}
