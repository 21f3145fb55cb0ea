/*
 * One thing a probe saw: the record that BPF programs, hooks inside ld.so, LD_AUDIT objects and the
 * worker itself all write, so that one analysis (split.h) reads them all. Also included by
 * *.bpf.c, hence the types of the compiler and no other include.
 */
#ifndef SOLOAD_PROBES_EVENT_H
#define SOLOAD_PROBES_EVENT_H

enum step {
#define STEP(id, label, function, text) STEP_##id,
#include "probes/steps.def"
#undef STEP
	STEP_COUNT
};

enum event_kind {
	EVENT_NONE,    /* a slot nobody has written yet */
	EVENT_STEP,    /* `what` = enum step begins; OPEN and CLOSE nest, the others do not */
	EVENT_RETURN,  /* OPEN or CLOSE ends; extra 1 = by an error that jumped over the return */
	EVENT_SYSCALL, /* `what` = its number, value = duration in ns, extra = what it returned */
	EVENT_FAULT,   /* page fault; value = address, extra = instruction, what = error code */
	EVENT_OFFCPU,  /* off the CPU for `value` ns */
	EVENT_MARK,    /* the worker's mark (bench/worker.h), what = enum worker_mark */
	EVENT_TIMING,  /* a TIMING phase begins, what = enum phase, value = its argument */
	EVENT_VALUE,   /* value of a counter, what = its metric, extra = its probe's place */
	EVENT_KIND_COUNT
};

#define EVENT_FAULT_KERNEL 0x8000 /* in `what`: the kernel touched the page, not the program */

/* 40 bytes. `ts` is CLOCK_MONOTONIC in ns, at the beginning; `seq` counts per thread, so that a
 * gap is a record that was dropped. */
struct probe_event {
	unsigned long long ts, value, extra;
	unsigned int pid, tid, seq;
	unsigned short kind, what;
};

/* The event of an OPEN, with the name that was asked for (cut, and always terminated). */
#define EVENT_NAME_BYTES 120
struct probe_named_event {
	struct probe_event event;
	char name[EVENT_NAME_BYTES];
};

#endif
