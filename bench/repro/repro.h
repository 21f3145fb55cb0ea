/*
 * soload repro: a workload on the modelled host and device, once per round and arm. An arm is a
 * loader with a transport; the rounds of all arms are interleaved in random order.
 *
 * Internal to bench/repro.c and bench/repro/.
 */
#ifndef SOLOAD_BENCH_REPRO_REPRO_H
#define SOLOAD_BENCH_REPRO_REPRO_H

#include "base/options.h"
#include "bench/progress.h"
#include "bench/record.h"
#include "bench/workloads/workload.h"
#include "device/host.h"

#include <stdbool.h>
#include <stdio.h>

#define REPRO_LOADERS_MAX 32
#define REPRO_DIES_MAX 2 /* of one chip: they share a file system */
#define REPRO_TRANSPORTS_MAX 8
#define REPRO_WHENS_MAX 4
#define REPRO_LENGTHS_MAX 4096
#define REPRO_ROUND_NAME 48 /* bytes of a round in words */

#define REPRO_COMMAND_MAX 30 /* words */

struct argp_state;

/* The AICPU that --aicpu names. */
struct repro_aicpu {
	const char *command[REPRO_COMMAND_MAX + 1]; /* ends with NULL; none: this program */
	const char *program;			    /* its last word */
	const char *emulator; /* "qemu-user", or the base name of the first word; NULL = none */
	uint16_t machine;     /* e_machine of the program: objects must be built for it */
	bool emulated;	      /* times are an emulator's */
};

/* The command line. */
struct repro_options {
	const char *workload, *case_name, *platform, *runtime, *out;
	char *object_path; /* as given; split in place. NULL: the workload's own */
	const struct device_variant *variant; /* what platform and runtime name */
	bool object_is_foreign; /* named by the user: not what is linked into this program */
	char *loaders, *transports, *whens; /* as given; split in place */
	uint32_t lengths[REPRO_LENGTHS_MAX];
	uint32_t length_count;
	int devices[REPRO_DIES_MAX], device_count;
	int64_t rounds, warmup, callables;
	uint64_t seed, timeout_ns;
	enum runtime_pools pools;
	struct dma_model dma_model;
	bool machine_directories, incoherent, tables, verbose;
	char *aicpu_text; /* --aicpu as given; split in place */
	struct repro_aicpu aicpu;
};

/* What soload advise has in common. Wrong usage ends the program with one line. */
void repro_variant_find(struct repro_options *options, const struct argp_state *state);
void repro_coherent_parse(struct repro_options *options, const struct argp_state *state,
			  const char *argument);

/* Parses or ends the program: wrong usage is one line and exit code 2. */
void repro_options_parse(struct repro_options *options, int argc, char **argv);

/* The values of a round, in ns; after the phases of the loading thread. NaN = not observed. */
enum repro_value {
	VALUE_HOST = PHASE_COUNT, /* the host's round, without the harness's checks */
	VALUE_DEVICE,		  /* from the doorbell to the completion, without the checks */
	VALUE_TOTAL,		  /* the load: the sum of the LOAD phases */
	VALUE_EARLY,		  /* the part of it that was before the invocation */
	VALUE_LOAD,		  /* the part of it that was within */
	VALUE_EXPOSED,		  /* how long the host waited for the part before */
	VALUE_SCHED,		  /* the longest of the schedulers */
	VALUE_DMA,		  /* struct and object, measured */
	VALUE_DMA_MODEL,	  /* the same, modelled */
	VALUE_TRANSFER,		  /* the host's phases SO_COPY and SEND, measured */
	VALUE_MOVED,		  /* bytes: sent to the device, and written or copied by the load */
	VALUE_FAULTS,		  /* page faults of load and unload */
	VALUE_SWITCHED,		  /* 1: another object than in the arm's round before */
	VALUE_COUNT
};

/* A device, with memory, inputs and an object of its own. */
struct repro_die {
	int number;
	char name[16];		   /* the number, as text */
	struct workload_data data; /* of all but the first: shares what is only read */
	struct device_object object;
	struct device_object *callables; /* marked copies of it that take turns, or NULL */
	bool marked;			 /* their code says which one it is */
	const char *object_path;
	const char *object_label; /* the `so` column */
	unsigned char build_id[MAPPED_ID_BYTES];
	size_t build_id_bytes;
	struct memory *memory;
	struct dma *dma;
};

/* What became of the loads of an arm whose files have the name that another device's have. */
struct repro_clash {
	char path[STAGED_PATH_BYTES]; /* "" = the names differ */
	int64_t foreign;	      /* rounds in which the other device's object answered */
	int64_t mixed;		      /* … neither object: parts of both, or overwritten */
	int64_t failed;		      /* … that failed */
};

/* What an arm's life cycle shows apart from its rounds, in ns. */
struct repro_life {
	bool first_counts; /* the first round is among the others, too: it is no warm-up */
	double registered[DEVICE_CALLABLES_MAX], unloaded[DEVICE_CALLABLES_MAX];
	double brought[DEVICE_CALLABLES_MAX]; /* a registration with the host's part and the
						 invalidated lines: all that it cost */
	int registrations, unloads;	      /* as many as were kept above */
	unsigned int callable;		      /* of the last round */
	int64_t switches;
};

struct repro_arm {
	struct repro_die *die;
	struct device_result *result; /* of the last round */
	const char *loader;	      /* its spec */
	const struct transport *transport;
	const struct device_when *when;
	struct repro_life life;
	char label[96]; /* "disk/inline" */
	unsigned int caps;
	struct device *device;	   /* NULL: not available */
	double *values;		   /* [round][VALUE_COUNT] of the rounds that passed */
	double first[VALUE_COUNT]; /* of the first round of all, if it passed */
	bool first_passed;
	struct device_stamp clock[DEVICE_STAMPS]; /* of the device's clock when it was opened ... */
	bool clock_known;			  /* ... if it could be asked */
	int64_t kept_bytes;			  /* of device memory, by all rounds so far */
	int64_t rounds_done, rounds_passed, rounds_refused, golden_passed, restarts;
	int64_t stale, reused;	   /* answered by an old image: not, or as it should be */
	int64_t told, untold;	   /* loads of which that can be said, and cannot */
	struct device_ahead ahead; /* of the last round that was answered ... */
	uint64_t relatives;	   /* ... and what was left to the device in all of them */
	char stale_reason[160], error[ERR_TEXT_BYTES];
	char staged_at[STAGED_PATH_BYTES]; /* the last one known */
	struct repro_clash clash;
};

struct repro_pick {
	char *loader;
	const struct transport *transport;
	const struct device_when *when; /* NULL: the first */
};

/* What the command line asks for, by name. */
struct repro_lists {
	char *loaders[REPRO_LOADERS_MAX];
	int loader_count;
	bool all_loaders;
	const struct transport *transports[REPRO_TRANSPORTS_MAX];
	int transport_count;
	/* Instead of all of the one with all of the other: these, and one that cannot be opened
	 * says why in its arm. */
	const struct repro_pick *picks;
	int pick_count;
	const struct device_when *whens[REPRO_WHENS_MAX];
	int when_count;
};

struct repro {
	struct repro_options *options;
	const char *command; /* that records; NULL = repro */
	bool quiet;	     /* failures are not told as they happen: they are in their arm */
	int64_t epoch;	     /* recorded where there are several; else SAMPLE_NONE */
	const struct workload *workload;
	struct repro_die dies[REPRO_DIES_MAX];
	int die_count;
	struct runtime_config runtime; /* resolved, as the devices' */
	struct repro_lists lists;
	struct repro_arm *arms; /* those that run at once, one per die, side by side */
	int arm_count, arms_open;
	bool arm_missing; /* one that was asked for by name is not available */
	struct record *record;
	struct progress progress;
	int64_t seq;
	uint64_t elements; /* of the output, all compared with the golden in every round */
};

/* Who the AICPU is: by default this program. -ENOEXEC and others in words when what --aicpu names
 * is no program. */
int repro_aicpu_choose(struct repro_aicpu *aicpu, char *text, struct err *err);

/* "aarch64 under qemu-user": returns `buffer`. */
const char *repro_aicpu_name(const struct repro_aicpu *aicpu, char *buffer, size_t size);

/* Everything up to the first round: objects, inputs, record, golden, arms. */
int repro_open(struct repro *repro, char **argv, struct err *err);
void repro_close(struct repro *repro); /* after its record; what was not opened is fine */

/* The dies, each with its object: read, checked and registered. -ENOEXEC and others in words. */
int repro_objects_open(struct repro *repro, struct err *err);

/* Takes the names apart: a typo is told before anything is built, started or recorded. */
int repro_arms_choose(struct repro *repro, struct err *err);

/* Device memory for the workload, and one device per arm. 0 when at least one arm is there. */
int repro_arms_open(struct repro *repro, struct err *err);
void repro_arms_close(struct repro *repro);

/* Every round of every arm; what fails is told and recorded. -EINTR when interrupted, another
 * negative errno when the record cannot be written. */
int repro_rounds(struct repro *repro, struct err *err);

/* One round as it was: the lanes in ns and what became of it. */
struct outcome {
	struct clock_map map;
	uint64_t start_ns;
	uint64_t host_ns, host[PHASE_COUNT];
	uint64_t lanes[DEVICE_THREADS_MAX][PHASE_COUNT];
	uint64_t early[PHASE_COUNT]; /* of the loading thread before the run */
	bool ran;		     /* the device's lanes are there */
	bool warmup;
	int order;
	bool failed;
	struct err why; /* it failed */
	unsigned int callable;
	bool switched;
};

/* The lanes of a result that has ended. */
void repro_lanes_convert(const struct device_result *result, struct outcome *outcome);

/* The round's row and spans. */
void repro_round_record(struct repro *repro, const struct repro_arm *arm,
			const struct outcome *outcome);

/* The values of a round that passed: of the first of all, and of those that are measured. */
void repro_values_keep(struct repro *repro, struct repro_arm *arm, const struct outcome *outcome);

/* A row of samples.csv with what all rows of that arm have in common. */
struct sample repro_sample(const struct repro *repro, const struct repro_arm *arm,
			   const struct outcome *outcome);

/* The verdict over what answered last, of a round or a registration. */
void repro_freshness_count(struct repro_arm *arm);

/* "failed in phase …": which step did not work. */
void repro_failure_in_words(const struct device_result *result, struct err *err);

/* Life cycles by name; those that mean nothing for the variant are left out or refused. */
int repro_whens_choose(struct repro *repro, struct err *err);

/* Registers what the arm's life cycle wants registered and the device does not have, in a row of
 * its own each. On failure the outcome says so, and a negative errno. */
int repro_register(struct repro *repro, struct repro_arm *arm, struct outcome *outcome);

/* After the last round: what is kept is unloaded, in a row of its own each. */
void repro_unload(struct repro *repro);

/* The objects that take turns: marked copies of the die's. */
int repro_callables_open(struct repro *repro, struct err *err);
void repro_callables_close(struct repro *repro);

/* How many they are: 1, and none is marked, unless more were asked for. */
static inline unsigned int repro_callable_count(const struct repro *repro)
{
	return repro->options->callables > 1 ? (unsigned int)repro->options->callables : 1;
}

/* The object of a round; the arm's own when there is only one. */
const struct device_object *repro_callable(const struct repro_die *die, unsigned int callable);

/* Did the code of that object answer? -EILSEQ in words when another's did. */
int repro_callable_check(const struct repro *repro, const struct repro_arm *arm,
			 unsigned int callable, struct err *err);

/* The tables of what differs between rounds: the first against the others, switches. */
void repro_first_print(const struct repro *repro, double *buffer);
void repro_switches_print(const struct repro *repro, double *buffer);

/* The same for run.json. */
void repro_first_record(struct repro *repro, double *buffer);

/* Asks the arm's device for its clock, when it is opened; and once more after the last round: how
 * far it is off the host's, for run.json. */
void repro_clock_open(struct repro_arm *arm);
void repro_clocks_record(struct repro *repro);

/* True where the tables have to say which life cycle an arm has. */
bool repro_whens_differ(const struct repro *repro);

/* After a round of arms that ran at once, `failed[i]` why the i-th did: whose bytes answered? */
void repro_clash_look(struct repro_arm *arms, int count, const char *const *failed);

/* True when a name was shared; says what came of it, and what it is. */
bool repro_clash_print(const struct repro_arm *arms, int count);

/* "round 3" or "warm-up round 0": the one an arm is in, counted from 0 as upstream does. Returns
 * `buffer`. */
const char *repro_round_name(const struct repro *repro, const struct repro_arm *arm, char *buffer,
			     size_t size);

/* Upstream's log lines of a round, at -v. */
void repro_log_round(const struct repro *repro, const struct repro_arm *arm);

/* Tables on stdout, summary.csv, and the verdict: the exit code. */
void repro_head_print(const struct repro *repro);
int repro_tables_print(struct repro *repro);

#endif
