/*
 * THE contract: a probe watches loads while they happen, and hands back events.
 *
 * Lifecycle: open → environment → attach → ( begin → end → read )* → detach → close. Only probe.c
 * calls the slots. An outside probe attaches to a process from outside; an inside probe lives in
 * the process itself, put there by environment variables before the process starts; a counting
 * probe runs in the worker, around each load. What a probe costs is measured by whoever uses it
 * and printed beside its numbers; headline times never come from a probed load.
 *
 * To write one: copy rusage.c (counts) or ldaudit.c (events), add a line to probes.def.
 */
#ifndef SOLOAD_PROBES_PROBE_H
#define SOLOAD_PROBES_PROBE_H

#include "base/err.h"
#include "base/options.h"
#include "probes/cost.h"
#include "probes/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a probe can see. */
enum probe_sight {
	PROBE_STEPS = 1,      /* every step of steps.def that ld.so has a function for */
	PROBE_COARSE = 2,     /* steps, but some not told apart */
	PROBE_SYSCALLS = 4,   /* every system call with its duration */
	PROBE_FAULTS = 8,     /* every page fault */
	PROBE_OFFCPU = 16,    /* time off the CPU */
	PROBE_COUNTS = 32,    /* counters around a load, in the worker */
	PROBE_RUNNING = 64,   /* can attach to a process that runs already */
	PROBE_CHILDREN = 128, /* follows fork and exec */
	PROBE_OPT_IN = 256,   /* changes the process it watches: never chosen by `auto` */
	PROBE_BY_CALLS = 512  /* the steps are to be told from the system calls in between */
};

/* Whom to watch. */
struct probe_target {
	pid_t pid;
	const char *linker; /* the ld.so of that process, a path */
	bool children;	    /* and what it forks */
};

/* A metric of a counting probe; `unit` as in summary.csv. */
struct probe_metric {
	const char *name, *unit;
};

/* Where a piece of an object lies, in its own addresses, and which of a probe's parts it is. */
struct probe_piece {
	uint64_t begin, end;
	unsigned int part;
};

/* A loaded object, as far as a probe cares. */
struct probe_object {
	uintptr_t base; /* the load bias, 0 = nothing is mapped */
	const struct probe_piece *pieces;
	size_t piece_count;
};

/* Variables to add to the environment of a process that is about to start, "NAME=VALUE". */
#define PROBE_ENVIRONMENT_MAX 4
struct probe_environment {
	char *variables[PROBE_ENVIRONMENT_MAX + 1]; /* malloc'd, ends with NULL */
};

/* Takes one event; `name` is the file an OPEN asked for, or NULL. */
typedef void (*probe_take)(void *to, const struct probe_event *event, const char *name);

struct probe;

struct probe_type {
	const char *name;
	const char *summary; /* one line for `soload list` */
	const char *origin;  /* in spans.csv */
	unsigned int sight;  /* enum probe_sight, or-ed */

	size_t probe_size;   /* private state, zeroed */
	size_t options_size; /* a struct of the probe's own, zeroed, then parsed into */
	const struct option_def *options;
	const struct probe_metric *metrics; /* of a counting probe, ends with a NULL name */

	/* 0, or a negative errno with the reason and what to install or to type. NULL = always. */
	int (*available)(const struct probe *probe, struct err *err);
	/* What a process needs in its environment to be watched. NULL = nothing. */
	int (*environment)(struct probe *probe, struct probe_environment *environment,
			   struct err *err);
	/* Starts watching. May clear bits of probe->sight and say so in probe->note. */
	int (*attach)(struct probe *probe, const struct probe_target *target, struct err *err);
	/* Measures what one event of each kind costs here and now, while attached. NULL = events
	 * cost nothing worth correcting. */
	int (*calibrate)(struct probe *probe, struct probe_cost *ret_cost, struct err *err);
	/* Hands over what was seen since the last read; returns how many events were lost. */
	long (*read)(struct probe *probe, probe_take take, void *to);
	/* Stops watching; nothing of it is left on the machine. */
	void (*detach)(struct probe *probe);
	/* Frees what is left of the private state. */
	void (*finish)(struct probe *probe);

	/* A counting probe: brackets one load, in the worker, outside its timeline. `end` gives one
	 * value per metric, NULL-terminated list order; UINT64_MAX = not observable. */
	int (*begin)(struct probe *probe);
	int (*end)(struct probe *probe, uint64_t *ret_values);
	/* While the object is loaded, before it is unloaded. May be NULL. */
	void (*loaded)(struct probe *probe, const struct probe_object *object);
	/* Every phase that begins during the load, PHASE_COUNT when it is over. May be NULL. */
	void (*entered)(struct probe *probe, uint32_t phase);
	/* The same metrics once more for each part of a load, of which these are the names (ends
	 * with NULL), after `end`. NULL = there are none. */
	const char *const *parts;
	void (*part)(struct probe *probe, unsigned int part, uint64_t *ret_values);
};

#define PROBE_NOTE_BYTES 1024

struct probe {
	const struct probe_type *type;
	void *state, *options;
	char *spec, *arguments;
	unsigned int sight; /* what is left of type->sight here */
	bool attached;
	bool automatic, refused;     /* chosen by `auto`; the last attaching failed */
	unsigned int needed;	     /* of whom `auto` was asked for */
	uint32_t skipped;	     /* functions of ld.so that cannot be watched */
	char note[PROBE_NOTE_BYTES]; /* what is missing, what is lost, what to do: lines, or "" */
};

#define PROBE_METRICS_MAX 16
#define PROBE_PARTS_MAX 16

/* All types in the order of probes.def, NULL-terminated; it is also the order of `auto`. */
extern const struct probe_type *const probe_types[];

const struct probe_type *probe_find(const char *name, size_t length);
const char *step_label(enum step step);
const char *step_function(enum step step); /* in ld.so, "" = none */
const char *step_text(enum step step);

/* Makes a probe from "NAME[:KEY[=VALUE]]…" and asks whether it is available here. */
int probe_open(struct probe **ret_probe, const char *spec, struct err *err);

/*
 * "auto": the first probe of probes.def that is not opt-in, does not count, works here and has
 * everything in `needed` (PROBE_RUNNING for a process that runs already). `note` of the probe says
 * in one line per step down what is missing, what is lost and what to do. -ENOTSUP when none is
 * left.
 */
int probe_open_auto(struct probe **ret_probe, unsigned int needed, struct err *err);

/* After attaching failed for the reason in `err`: a probe that `auto` has chosen is closed, and the
 * next takes its place, whose note says so. False when there is none, or something else has failed:
 * then the probe and `err` stay as they are. */
bool probe_fall_back(struct probe **probe, const struct err *err);

void probe_close(struct probe *probe); /* detaches first; NULL is fine */

int probe_environment(struct probe *probe, struct probe_environment *environment, struct err *err);
void probe_environment_free(struct probe_environment *environment);
int probe_attach(struct probe *probe, const struct probe_target *target, struct err *err);
int probe_calibrate(struct probe *probe, struct probe_cost *ret_cost, struct err *err);
long probe_read(struct probe *probe, probe_take take, void *to);
void probe_detach(struct probe *probe);

/* Adds a line to probe->note; what does not fit is cut. */
void probe_note(struct probe *probe, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
