/*
 * ldphase: the phases inside ld.so, system calls, page faults and time off the CPU, by BPF. This
 * file loads the programs, puts them in place and hands over what they saw.
 */
#include "probes/probe.h"

#include <errno.h>

enum ldphase_level { LEVEL_ALL, LEVEL_FAULTS, LEVEL_SYSCALLS, LEVEL_PHASES, LEVEL_TOTAL };

struct ldphase_options {
	int level, attach;
	const char *symbols;
};

static const char *const level_names[] = { "all", "faults", "syscalls", "phases", "total", NULL };
static const char *const attach_names[] = { "auto", "multi", "perf", NULL };

static const struct option_def ldphase_options[] = {
	{ "level", OPTION_CHOICE, offsetof(struct ldphase_options, level), "WORD",
	  "all (default), faults, syscalls, phases or total: each sees and costs less",
	  level_names },
	{ "attach", OPTION_CHOICE, offsetof(struct ldphase_options, attach), "WORD",
	  "auto (default), multi (kernel 6.6) or perf", attach_names },
	{ "symbols", OPTION_TEXT, offsetof(struct ldphase_options, symbols), "FOLDER",
	  "where debug files lie, default /usr/lib/debug", NULL },
	{ 0 },
};

#ifdef HAVE_BPF
#include "probes/attach.h"
#include "probes/calibrate.h"
#include "probes/ldphase.h"
#include "ldphase.skel.h"
#include "ldphase_core.skel.h"
#include "probes/ldphase_sites.h"
#include "probes/ldphase_try.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_PID_NAMESPACE 0xEFFFFFFCu /* PROC_PID_INIT_INO, linux/proc_ns.h */
#define CALIBRATIONS 3			/* each time the probe is attached */

struct ldphase {
	struct ldphase_bpf *base;
	struct ldphase_core_bpf *core;
	struct ring_buffer *ring;
	struct attach attach;
	struct ldphase_sites sites;
	struct calibrate calibrate;
	uint64_t drops;
	pid_t watched;
	probe_take take;
	void *to;
	bool children, described;
	bool refused; /* uprobes could not be attached */
};

#define LDPHASE_BYTES sizeof(struct ldphase)

static int ldphase_available(const struct probe *probe, struct err *err)
{
	const struct ldphase_options *options = probe->options;

	return ldphase_try((enum attach_way)options->attach, err);
}

static void namespace_set(struct ldphase *self)
{
	struct stat ns;

	if (stat("/proc/self/ns/pid", &ns) < 0 || ns.st_ino == FIRST_PID_NAMESPACE)
		return;
	self->base->rodata->pid_ns_dev = ns.st_dev;
	self->base->rodata->pid_ns_ino = ns.st_ino;
}

static int event_take(void *context, void *data, size_t size)
{
	struct ldphase *self = context;
	const struct probe_named_event *named = data;

	if (size >= sizeof(*named))
		self->take(self->to, &named->event,
			   named->event.extra == LDPHASE_UNNAMED ? NULL : named->name);
	else if (size >= sizeof(named->event))
		self->take(self->to, &named->event, NULL);
	return 0;
}

/* The second object shares the maps of the first; without kernel BTF it does not load. */
static bool core_open(struct ldphase *self)
{
	struct ldphase_core_bpf *core = ldphase_core_bpf__open();
	int r;

	if (!core)
		return false;
	r = bpf_map__reuse_fd(core->maps.events, bpf_map__fd(self->base->maps.events));
	if (r == 0)
		r = bpf_map__reuse_fd(core->maps.threads, bpf_map__fd(self->base->maps.threads));
	if (r == 0)
		r = bpf_map__reuse_fd(core->maps.targets, bpf_map__fd(self->base->maps.targets));
	if (r == 0)
		r = bpf_map__reuse_fd(core->maps.drops, bpf_map__fd(self->base->maps.drops));
	if (r == 0)
		r = ldphase_core_bpf__load(core);
	if (r == 0)
		self->core = core;
	else
		ldphase_core_bpf__destroy(core);
	return r == 0;
}

/* Without it a child is known when the call that forked it returns, which may be a moment late. */
static void core_load(struct probe *probe, struct ldphase *self, int level)
{
	const char *lost = level == LEVEL_ALL ? "time off the CPU left out"
					      : "the first dlopens of a child may be missed";

	if (self->base->rodata->pid_ns_ino)
		probe_note(probe, "ldphase: inside a PID namespace: %s", lost);
	else if (!core_open(self))
		probe_note(probe,
			   "ldphase: no kernel BTF (/sys/kernel/btf/vmlinux): %s; needs a kernel "
			   "with CONFIG_DEBUG_INFO_BTF",
			   lost);
	if (!self->core)
		probe->sight &= ~(unsigned int)PROBE_OFFCPU;
}

static int base_load(struct probe *probe, struct ldphase *self, bool children, struct err *err)
{
	const struct ldphase_options *options = probe->options;
	int r;

	self->base = ldphase_bpf__open();
	if (!self->base)
		return err_sys(err, "open the BPF object");
	self->base->rodata->flags = LDPHASE_NAMES | (children ? LDPHASE_CHILDREN : 0u);
	namespace_set(self);
	if (options->attach != ATTACH_PERF) {
		bpf_program__set_expected_attach_type(self->base->progs.step_enter,
						      (enum bpf_attach_type)ATTACH_UPROBE_MULTI);
		bpf_program__set_expected_attach_type(self->base->progs.step_return,
						      (enum bpf_attach_type)ATTACH_UPROBE_MULTI);
	}
	self->attach.way = (enum attach_way)options->attach;
	r = ldphase_bpf__load(self->base);
	if (r < 0)
		return err_set(err, -r, "load the BPF programs: %s", strerror(-r));
	self->ring = ring_buffer__new(bpf_map__fd(self->base->maps.events), event_take, self, NULL);
	if (!self->ring)
		return err_sys(err, "map the BPF ring buffer");
	self->children = children;
	if (options->level == LEVEL_ALL || children)
		core_load(probe, self, options->level);
	return 0;
}

static void all_unload(struct ldphase *self)
{
	ring_buffer__free(self->ring);
	ldphase_core_bpf__destroy(self->core);
	ldphase_bpf__destroy(self->base);
	self->ring = NULL;
	self->core = NULL;
	self->base = NULL;
	self->drops = 0;
}

/* A kernel before 6.6 does not know the attach type: the same programs, the older way. */
static int all_load(struct probe *probe, struct ldphase *self, bool children, struct err *err)
{
	struct ldphase_options *options = probe->options;
	int r;

	if (self->base && self->children == children)
		return 0;
	all_unload(self);
	r = base_load(probe, self, children, err);
	if (r == -EINVAL && options->attach == ATTACH_AUTO) {
		all_unload(self);
		options->attach = ATTACH_PERF;
		r = base_load(probe, self, children, err);
	}
	return r;
}

static int linker_resolve(struct probe *probe, struct ldphase *self, const char *linker,
			  struct err *err)
{
	const struct ldphase_options *options = probe->options;
	int r = 0;

	if (strcmp(self->sites.linker.path, linker) != 0)
		r = ldphase_sites_find(&self->sites, linker, options->symbols, err);
	if (r < 0)
		return r;
	probe->skipped = self->sites.linker.stepped;
	if (!self->sites.named)
		probe->sight = (probe->sight & ~(unsigned int)PROBE_STEPS) | PROBE_COARSE |
			       (self->sites.inner ? 0u : PROBE_BY_CALLS);
	if (!self->described)
		ldphase_sites_describe(&self->sites, probe);
	self->described = true;
	return 0;
}

static int steps_attach(struct ldphase *self, const struct ldphase_options *options, pid_t pid,
			bool returns, struct err *err)
{
	uint64_t offsets[STEP_COUNT], cookies[STEP_COUNT];
	struct attach_sites sites = {
		.path = self->sites.linker.path, .pid = pid, .offsets = offsets, .cookies = cookies
	};
	int program = bpf_program__fd(returns ? self->base->progs.step_return
					      : self->base->progs.step_enter);
	int r;

	sites.count = ldphase_sites_pick(&self->sites, returns, options->level != LEVEL_TOTAL,
					 offsets, cookies);
	r = attach_uprobes(&self->attach, program, returns, &sites, err);
	if (r < 0 || self->sites.named)
		return r;
	sites.path = self->sites.libc;
	sites.count = 1;
	offsets[0] = self->sites.dlopen.offset;
	cookies[0] = STEP_OPEN;
	return attach_uprobes(&self->attach, program, returns, &sites, err);
}

/* A tracepoint that this kernel does not have is a loss to be told, not a failure. */
static void tracepoint_try(struct probe *probe, struct ldphase *self,
			   const struct bpf_program *program, const char *name)
{
	struct err err;

	if (attach_tracepoint(&self->attach, bpf_program__fd(program), name, &err) == 0)
		return;
	if (!strstr(probe->note, name))
		probe_note(probe, "ldphase: %s: left out", err.text);
	if (strcmp(name, "page_fault_user") == 0)
		probe->sight &= ~(unsigned int)PROBE_FAULTS;
}

static int kernel_attach(struct probe *probe, struct ldphase *self, int level, struct err *err)
{
	int r = attach_tracepoint(&self->attach, bpf_program__fd(self->base->progs.call_enter),
				  "sys_enter", err);

	if (r == 0)
		r = attach_tracepoint(&self->attach, bpf_program__fd(self->base->progs.call_exit),
				      "sys_exit", err);
	if (r < 0)
		return r;
	if (level <= LEVEL_FAULTS) {
		tracepoint_try(probe, self, self->base->progs.fault_user, "page_fault_user");
		tracepoint_try(probe, self, self->base->progs.fault_kernel, "page_fault_kernel");
	}
	if (self->core && level == LEVEL_ALL)
		tracepoint_try(probe, self, self->core->progs.task_switch, "sched_switch");
	return 0;
}

/* Children are known at the moment of their fork, or when it returns. */
static int children_attach(struct probe *probe, struct ldphase *self, int level, struct err *err)
{
	if (self->core)
		tracepoint_try(probe, self, self->core->progs.task_fork, "sched_process_fork");
	if (level <= LEVEL_SYSCALLS) /* call_exit is there */
		return 0;
	return attach_tracepoint(&self->attach, bpf_program__fd(self->base->progs.call_exit),
				 "sys_exit", err);
}

/* What this level does not look at is not seen: its columns are empty, not 0. */
static void level_narrow(struct probe *probe, int level)
{
	static const unsigned int lost[] = {
		[LEVEL_ALL] = 0,
		[LEVEL_FAULTS] = PROBE_OFFCPU,
		[LEVEL_SYSCALLS] = PROBE_OFFCPU | PROBE_FAULTS,
		[LEVEL_PHASES] = PROBE_OFFCPU | PROBE_FAULTS | PROBE_SYSCALLS,
		[LEVEL_TOTAL] = PROBE_OFFCPU | PROBE_FAULTS | PROBE_SYSCALLS,
	};

	probe->sight &= ~lost[level];
}

static void bare_calibrate(struct ldphase *self)
{
	cpu_set_t own;

	calibrate_near(self->watched, &own);
	for (int i = 0; i < CALIBRATIONS; i++)
		calibrate_bare(&self->calibrate);
	calibrate_far(&own);
}

static int all_attach(struct probe *probe, const struct probe_target *target, struct err *err)
{
	const struct ldphase_options *options = probe->options;
	struct ldphase *self = probe->state;
	uint32_t pid = (uint32_t)target->pid, one = 1;
	int r = all_load(probe, self, target->children, err);

	if (r == 0)
		r = linker_resolve(probe, self, target->linker, err);
	if (r < 0)
		return r;
	self->watched = target->pid;
	bare_calibrate(self);
	self->base->bss->only_tgid = target->children ? 0 : pid;
	if (bpf_map_update_elem(bpf_map__fd(self->base->maps.targets), &pid, &one, BPF_ANY) < 0)
		return err_sys(err, "the BPF map of watched processes");
	r = steps_attach(self, options, target->children ? 0 : target->pid, false, err);
	if (r == 0)
		r = steps_attach(self, options, target->children ? 0 : target->pid, true, err);
	self->refused = r < 0;
	if (r == 0 && options->level <= LEVEL_SYSCALLS)
		r = kernel_attach(probe, self, options->level, err);
	if (r == 0 && target->children)
		r = children_attach(probe, self, options->level, err);
	return r;
}

/* A program that was loaded for uprobe_multi cannot be attached by perf events (kernel 6.6 on):
 * where the one is refused, it is loaded anew for the other. */
static int ldphase_attach(struct probe *probe, const struct probe_target *target, struct err *err)
{
	struct ldphase_options *options = probe->options;
	struct ldphase *self = probe->state;
	int r;

	level_narrow(probe, options->level);
	self->refused = false;
	r = all_attach(probe, target, err);
	if (r == 0 || !self->refused || options->attach != ATTACH_AUTO)
		return r;
	attach_close(&self->attach);
	all_unload(self);
	options->attach = ATTACH_PERF;
	if (all_attach(probe, target, NULL) == 0)
		return 0;
	options->attach = ATTACH_AUTO;
	attach_close(&self->attach);
	all_unload(self);
	return r; /* the reason of the first */
}

struct collected {
	struct probe_event *events;
	size_t count, room;
};

static void own_take(void *to, const struct probe_event *event, const char *name)
{
	struct collected *collected = to;

	(void)name;
	if (event->pid == (unsigned int)getpid() && collected->count < collected->room)
		collected->events[collected->count++] = *event;
}

static int own_attach(struct ldphase *self, struct attach *attach, struct err *err)
{
	struct calibrate_sites own = { "", 0, 0 };
	uint64_t offsets[2], cookies[2] = { STEP_OPEN, STEP_VERIFY };
	struct attach_sites sites = {
		.pid = getpid(), .count = 2, .offsets = offsets, .cookies = cookies
	};
	int r = calibrate_sites(&own, err);

	if (r < 0)
		return r;
	sites.path = own.path;
	offsets[0] = own.gate;
	offsets[1] = own.step;
	r = attach_uprobes(attach, bpf_program__fd(self->base->progs.step_enter), false, &sites,
			   err);
	sites.count = 1;
	if (r == 0)
		r = attach_uprobes(attach, bpf_program__fd(self->base->progs.step_return), true,
				   &sites, err);
	return r;
}

static long ldphase_read(struct probe *probe, probe_take take, void *to);

static int ldphase_calibrate(struct probe *probe, struct probe_cost *ret_cost, struct err *err)
{
	struct ldphase *self = probe->state;
	struct attach attach = { .way = self->attach.way };
	uint32_t target = self->base->bss->only_tgid;
	struct collected own = { .room = CALIBRATE_ROUNDS * CALIBRATE_EVENTS };
	struct probe_cost costs[CALIBRATIONS];
	cpu_set_t cpus;
	int r;

	own.events = calloc(own.room, sizeof(own.events[0]));
	if (!own.events)
		return err_set(err, ENOMEM, "out of memory");
	r = own_attach(self, &attach, err);
	self->base->bss->only_tgid = (uint32_t)getpid();
	calibrate_near(self->watched, &cpus);
	for (int i = 0; r == 0 && i < CALIBRATIONS; i++) {
		own.count = 0;
		calibrate_rounds();
		ldphase_read(probe, own_take, &own);
		r = calibrate_intervals(&self->calibrate, own.events, own.count, err);
		calibrate_rest(&self->calibrate);
		own.count = own.room; /* those are not for us */
		ldphase_read(probe, own_take, &own);
		costs[i] = calibrate_cost(&self->calibrate);
	}
	calibrate_far(&cpus);
	self->base->bss->only_tgid = target;
	if (r == 0)
		*ret_cost = calibrate_middle(costs, CALIBRATIONS);
	attach_close(&attach);
	free(own.events);
	return r;
}

static long ldphase_read(struct probe *probe, probe_take take, void *to)
{
	struct ldphase *self = probe->state;
	uint64_t drops, before = self->drops;

	if (!self->ring)
		return 0;
	self->take = take;
	self->to = to;
	ring_buffer__consume(self->ring);
	drops = attach_counter(bpf_map__fd(self->base->maps.drops));
	self->drops = drops;
	return (long)(drops - before);
}

static void ldphase_detach(struct probe *probe)
{
	struct ldphase *self = probe->state;

	attach_close(&self->attach);
}

static void ldphase_finish(struct probe *probe)
{
	all_unload(probe->state);
}
#else

static int ldphase_available(const struct probe *probe, struct err *err)
{
	(void)probe;
	return err_set(err, ENOTSUP,
		       "built without BPF: install clang, bpftool and libbpf-dev, then build anew");
}
#define ldphase_attach NULL
#define ldphase_calibrate NULL
#define ldphase_read NULL
#define ldphase_detach NULL
#define ldphase_finish NULL
#define LDPHASE_BYTES 0
#endif

const struct probe_type probe_ldphase = {
	.name = "ldphase",
	.summary = "phases inside ld.so, system calls, page faults, off-CPU time, by BPF",
	.origin = "ldphase",
	.sight = PROBE_STEPS | PROBE_SYSCALLS | PROBE_FAULTS | PROBE_OFFCPU | PROBE_RUNNING |
		 PROBE_CHILDREN,
	.probe_size = LDPHASE_BYTES,
	.options_size = sizeof(struct ldphase_options),
	.options = ldphase_options,
	.available = ldphase_available,
	.attach = ldphase_attach,
	.calibrate = ldphase_calibrate,
	.read = ldphase_read,
	.detach = ldphase_detach,
	.finish = ldphase_finish,
};
