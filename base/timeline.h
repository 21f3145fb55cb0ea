/*
 * A timeline is one lane of time: always in exactly one phase. timeline_enter() closes the current
 * phase and opens the next with a single counter read, so phases leave no gap, do not overlap and
 * add up to the lane's wall time, whichever way a function returns.
 */
#ifndef SOLOAD_BASE_TIMELINE_H
#define SOLOAD_BASE_TIMELINE_H

#include "base/clock.h"

#include <stddef.h>
#include <stdint.h>
#ifdef HAVE_SDT
#include <sys/sdt.h>
#endif

enum phase {
#define PHASE(id, label, class, text) PHASE_##id,
#include "base/phases.def"
#undef PHASE
	PHASE_COUNT
};

enum phase_class { PHASE_CLASS_LOAD, PHASE_CLASS_HOST, PHASE_CLASS_DEVICE, PHASE_CLASS_HARNESS };

extern const char *const phase_labels[PHASE_COUNT];

const char *phase_label(enum phase phase);
const char *phase_text(enum phase phase);
enum phase_class phase_class(enum phase phase);

/* A phase begins here; it ends where the next span of the same lane begins. 16 bytes. */
struct span {
	uint64_t ticks;
	uint32_t phase;
	uint32_t arg; /* what the phase is about, by the phase's own meaning; 0 when nothing */
};

/* Whom a lane tells of every phase that begins, right after its time was taken; PHASE_COUNT when
 * the lane ends. What that takes is the new phase's, so nothing that is measured has one. */
struct timeline_hook {
	void (*entered)(void *to, uint32_t phase);
	void *to;
};

/*
 * One lane; owned and used by one thread. `spans` is memory of the caller's, touched beforehand, or
 * NULL for totals only; a full array drops and counts. `watch`, when set, always holds the current
 * phase for another process to read (the host names the phase in which its device crashed). `about`
 * is what the markers tell of the lane: the path of the object being loaded, or NULL. `hook` is of
 * a probe, or NULL.
 */
struct timeline {
	uint64_t begin, mark;
	uint32_t phase;
	uint32_t span_count, span_capacity, spans_dropped;
	struct span *spans;
	volatile uint32_t *watch;
	const char *about;
	const struct timeline_hook *hook;
	uint64_t ticks[PHASE_COUNT];
};

/* Clears the totals and the spans and opens `phase` now. */
void timeline_begin(struct timeline *time, enum phase phase);

/* Closes the current phase; the lane stands still until the next timeline_begin(). */
void timeline_end(struct timeline *time);

/*
 * The USDT marker of a phase: provider soload, name phase, arguments label, object and `arg`. One
 * byte of nop until somebody attaches; not the five bytes some tools use, whose optimised probe
 * overwrites the red zone on kernel 6.18.
 */
static inline void timeline_marker(const struct timeline *time, enum phase phase, uint32_t arg)
{
#ifdef HAVE_SDT
	const char *label = phase_labels[phase], *about = time->about;

	/* In registers: not every tool can read an argument from the program's own tables. */
	__asm__ volatile("" : "+r"(label), "+r"(about), "+r"(arg));
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif
	DTRACE_PROBE3(soload, phase, label, about, arg);
#ifdef __clang__
#pragma clang diagnostic pop
#endif
#else
	(void)time;
	(void)phase;
	(void)arg;
#endif
}

static inline void timeline_enter_arg(struct timeline *time, enum phase phase, uint32_t arg)
{
	uint64_t now;

	if (!time)
		return;
	now = clock_ticks();
	time->ticks[time->phase] += now - time->mark;
	time->mark = now;
	time->phase = phase;
	timeline_marker(time, phase, arg);
	if (time->hook)
		time->hook->entered(time->hook->to, phase);
	if (time->watch)
		*time->watch = phase;
	if (time->span_count < time->span_capacity)
		time->spans[time->span_count++] =
			(struct span){ .ticks = now, .phase = phase, .arg = arg };
	else
		time->spans_dropped++;
}

/* `time` may be NULL: a program that does not measure pays one branch. */
static inline void timeline_enter(struct timeline *time, enum phase phase)
{
	timeline_enter_arg(time, phase, 0);
}

/*
 * Nanoseconds per phase of a lane that has ended; ret_ns has PHASE_COUNT entries. Every phase is
 * rounded down and what rounding left is added to OTHER, so that they add up to the returned wall
 * time exactly.
 */
uint64_t timeline_ns(const struct timeline *time, const struct clock_map *map, uint64_t *ret_ns);

/*
 * Turns a lane that was counted in CLOCK_MONOTONIC nanoseconds (clock_share()), spans included,
 * into ticks of this process: `map` is this process's. The phases still add up to the wall time,
 * what rounding left is OTHER's.
 */
void timeline_import(struct timeline *time, const struct clock_map *map);

#endif
