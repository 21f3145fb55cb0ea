/*
 * From events to loads: steps and rest add up to the total whatever comes, nesting balances, errors
 * that jump over a return, pauses, gaps and lost ends are told; correction takes what it must.
 */
#include "probes/split.h"
#include "probes/ldphase.h"
#include "probes/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include <cmocka.h>

struct script {
	struct split_events events;
	unsigned int seq[4];
};

static void event_put(struct script *script, unsigned int tid, struct probe_event event)
{
	event.pid = 10;
	event.tid = 10 + tid;
	event.seq = script->seq[tid]++;
	split_take(&script->events, &event, event.what == STEP_OPEN ? "x.so" : NULL);
}

static void put(struct script *script, unsigned int tid, uint64_t ts, enum event_kind kind,
		unsigned int what)
{
	event_put(script, tid,
		  (struct probe_event){
			  .ts = ts, .kind = (unsigned short)kind, .what = (unsigned short)what });
}

static void call(struct script *script, uint64_t ts, uint64_t ns, unsigned int number)
{
	event_put(script, 0,
		  (struct probe_event){ .ts = ts,
					.value = ns,
					.kind = EVENT_SYSCALL,
					.what = (unsigned short)number });
}

static void off(struct script *script, uint64_t ts, uint64_t ns)
{
	event_put(script, 0, (struct probe_event){ .ts = ts, .value = ns, .kind = EVENT_OFFCPU });
}

/* A return that an error jumped over, when it is noticed. */
static void jump(struct script *script, unsigned int tid, uint64_t ts)
{
	event_put(script, tid, (struct probe_event){ .ts = ts, .extra = 1, .kind = EVENT_RETURN });
}

/* Whatever the events were: what lies between the ends of a load and is no pause is, to the
 * nanosecond, in its steps and in the loads inside it. */
static void finish(struct script *script, struct split *split, const struct probe_cost *cost,
		   bool from_calls)
{
	struct err err = { "" };

	assert_int_equal(split_make(split, &script->events, cost, from_calls, &err), 0);
	for (size_t i = 0; i < split->load_count; i++) {
		const struct split_load *load = &split->loads[i];
		uint64_t sum = load->nested_ns;

		for (int step = 0; step < STEP_COUNT; step++)
			sum += load->observed_ns[step];
		assert_int_equal(sum, load->end_ns - load->start_ns - load->paused_ns);
		assert_int_equal(sum, load->total_ns);
	}
	split_events_free(&script->events);
}

static void steps_add_up(void **state)
{
	struct script script = { 0 };
	struct split split;

	(void)state;
	put(&script, 0, 100, EVENT_STEP, STEP_OPEN);
	put(&script, 0, 110, EVENT_STEP, STEP_VERIFY);
	put(&script, 0, 150, EVENT_STEP, STEP_MAP);
	put(&script, 0, 300, EVENT_STEP, STEP_RELOCATE);
	put(&script, 0, 350, EVENT_RETURN, STEP_OPEN);
	put(&script, 0, 900, EVENT_STEP, STEP_RELOCATE); /* outside: belongs to nobody */
	finish(&script, &split, NULL, false);
	assert_int_equal(split.load_count, 1);
	assert_int_equal(split.loads[0].total_ns, 250);
	assert_int_equal(split.loads[0].observed_ns[STEP_OPEN], 10);
	assert_int_equal(split.loads[0].observed_ns[STEP_VERIFY], 40);
	assert_int_equal(split.loads[0].observed_ns[STEP_MAP], 150);
	assert_int_equal(split.loads[0].observed_ns[STEP_RELOCATE], 50);
	assert_string_equal(split.loads[0].name, "x.so");
	assert_int_equal(split.unmatched, 0);
	split_free(&split);
}

/* A constructor that calls dlopen: the inner one is a load of its own, the outer goes on after. */
static void nested_opens_balance(void **state)
{
	struct script script = { 0 };
	struct split split;

	(void)state;
	put(&script, 0, 100, EVENT_STEP, STEP_OPEN);
	put(&script, 0, 200, EVENT_STEP, STEP_INIT);
	put(&script, 0, 300, EVENT_STEP, STEP_OPEN);
	put(&script, 0, 310, EVENT_STEP, STEP_MAP);
	put(&script, 0, 400, EVENT_RETURN, STEP_OPEN);
	put(&script, 0, 450, EVENT_RETURN, STEP_OPEN);
	finish(&script, &split, NULL, false);
	assert_int_equal(split.load_count, 2);
	assert_int_equal(split.loads[0].total_ns, 350);
	assert_int_equal(split.loads[0].nested_ns, 100);
	assert_int_equal(split.loads[0].observed_ns[STEP_INIT], 150);
	assert_int_equal(split.loads[1].depth, 1);
	assert_int_equal(split.loads[1].total_ns, 100);
	split_free(&split);
}

static void threads_do_not_mix(void **state)
{
	struct script script = { 0 };
	struct split split;

	(void)state;
	put(&script, 0, 100, EVENT_STEP, STEP_OPEN);
	put(&script, 1, 150, EVENT_STEP, STEP_OPEN);
	put(&script, 0, 200, EVENT_RETURN, STEP_OPEN);
	put(&script, 1, 290, EVENT_RETURN, STEP_OPEN);
	finish(&script, &split, NULL, false);
	assert_int_equal(split.load_count, 2);
	assert_int_equal(split.loads[0].total_ns, 100);
	assert_int_equal(split.loads[1].total_ns, 140);
	assert_int_equal(split.loads[1].depth, 0);
	split_free(&split);
}

static void pauses_are_nobodys_time(void **state)
{
	struct script script = { 0 };
	struct split split;

	(void)state;
	put(&script, 0, 100, EVENT_MARK, LDPHASE_MARK_LOAD);
	call(&script, 120, 10, SYS_mmap);
	put(&script, 0, 200, EVENT_MARK, LDPHASE_MARK_PAUSE);
	put(&script, 0, 700, EVENT_MARK, LDPHASE_MARK_RESUME);
	put(&script, 0, 750, EVENT_MARK, LDPHASE_MARK_DONE);
	finish(&script, &split, NULL, false);
	assert_int_equal(split.load_count, 1);
	assert_int_equal(split.loads[0].total_ns, 150);
	assert_int_equal(split.loads[0].paused_ns, 500);
	assert_int_equal(split.loads[0].end_ns, 750);
	assert_int_equal(split.unmatched, 0);
	assert_int_equal(split.loads[0].calls, 1);
	assert_int_equal(split.loads[0].call_ns, 10);
	split_free(&split);
}

/* What watches while nothing is timed may load something itself. */
static void loads_in_a_pause_count(void **state)
{
	struct script script = { 0 };
	struct split split;

	(void)state;
	put(&script, 0, 100, EVENT_MARK, LDPHASE_MARK_LOAD);
	put(&script, 0, 200, EVENT_MARK, LDPHASE_MARK_PAUSE);
	put(&script, 0, 300, EVENT_STEP, STEP_OPEN);
	put(&script, 0, 340, EVENT_RETURN, STEP_OPEN);
	put(&script, 0, 700, EVENT_MARK, LDPHASE_MARK_RESUME);
	put(&script, 0, 750, EVENT_MARK, LDPHASE_MARK_DONE);
	finish(&script, &split, NULL, false);
	assert_int_equal(split.loads[0].paused_ns, 460);
	assert_int_equal(split.loads[0].nested_ns, 40);
	assert_int_equal(split.loads[0].total_ns, 190);
	split_free(&split);
}

/* An end that nobody saw: the load has ended with its last event, not where the next one begins. */
static void a_lost_end_is_no_time(void **state)
{
	struct script script = { 0 };
	struct split split;

	(void)state;
	put(&script, 0, 100, EVENT_MARK, LDPHASE_MARK_LOAD);
	put(&script, 0, 110, EVENT_STEP, STEP_OPEN);
	put(&script, 0, 130, EVENT_STEP, STEP_MAP);
	put(&script, 0, 900, EVENT_MARK, LDPHASE_MARK_LOAD);
	put(&script, 0, 950, EVENT_MARK, LDPHASE_MARK_DONE);
	finish(&script, &split, NULL, false);
	assert_int_equal(split.load_count, 3);
	assert_int_equal(split.loads[0].total_ns, 30);
	assert_int_equal(split.loads[1].total_ns, 20);
	assert_int_equal(split.loads[2].total_ns, 50);
	assert_int_equal(split.unmatched, 2);
	split_free(&split);
}

/* The program computed for long before anybody noticed. */
static void a_failed_load_ends_with_its_last_event(void **state)
{
	struct script script = { 0 };
	struct split split;

	(void)state;
	put(&script, 0, 100, EVENT_STEP, STEP_OPEN);
	put(&script, 0, 110, EVENT_STEP, STEP_VERIFY);
	off(&script, 115, 4);
	call(&script, 120, 10, SYS_openat);
	off(&script, 1000, 50);
	jump(&script, 0, 3000);
	put(&script, 0, 3000, EVENT_STEP, STEP_OPEN);
	put(&script, 0, 3100, EVENT_RETURN, STEP_OPEN);
	finish(&script, &split, NULL, false);
	assert_int_equal(split.load_count, 2);
	assert_int_equal(split.loads[0].total_ns, 30);
	assert_int_equal(split.loads[0].observed_ns[STEP_VERIFY], 20);
	assert_int_equal(split.loads[0].offcpu_ns, 4);
	assert_true(split.loads[0].failed && split.loads[0].open_ended);
	assert_int_equal(split.loads[1].total_ns, 100);
	assert_int_equal(split.loads[1].offcpu_ns, 0);
	assert_false(split.loads[1].failed || split.loads[1].open_ended);
	assert_int_equal(split.span_count, 5);
	assert_int_equal(split.unmatched, 0);
	split_free(&split);
}

/* A constructor whose dlopen failed goes on: that is its time, and not that of what failed. */
static void what_fails_inside_gives_its_time_back(void **state)
{
	struct script script = { 0 };
	struct split split;

	(void)state;
	put(&script, 0, 100, EVENT_STEP, STEP_OPEN);
	put(&script, 0, 200, EVENT_STEP, STEP_INIT);
	put(&script, 0, 300, EVENT_STEP, STEP_OPEN);
	put(&script, 0, 310, EVENT_STEP, STEP_VERIFY);
	off(&script, 400, 50);
	jump(&script, 0, 900);
	put(&script, 0, 900, EVENT_RETURN, STEP_OPEN);
	finish(&script, &split, NULL, false);
	assert_int_equal(split.load_count, 2);
	assert_int_equal(split.loads[0].total_ns, 800);
	assert_int_equal(split.loads[0].nested_ns, 10);
	assert_int_equal(split.loads[0].observed_ns[STEP_INIT], 690);
	assert_int_equal(split.loads[0].offcpu_ns, 50);
	assert_false(split.loads[0].failed);
	assert_int_equal(split.loads[1].total_ns, 10);
	assert_int_equal(split.loads[1].offcpu_ns, 0);
	assert_true(split.loads[1].failed);
	split_free(&split);
}

/* Both are noticed at once: neither has the time since. */
static void what_fails_together_ends_together(void **state)
{
	struct script script = { 0 };
	struct split split;

	(void)state;
	put(&script, 0, 100, EVENT_STEP, STEP_OPEN);
	put(&script, 0, 200, EVENT_STEP, STEP_OPEN);
	put(&script, 0, 210, EVENT_STEP, STEP_VERIFY);
	off(&script, 400, 50);
	jump(&script, 0, 900);
	jump(&script, 0, 900);
	jump(&script, 0, 900); /* of nobody */
	finish(&script, &split, NULL, false);
	assert_int_equal(split.loads[0].total_ns, 110);
	assert_int_equal(split.loads[0].offcpu_ns, 0);
	assert_int_equal(split.loads[1].total_ns, 10);
	assert_int_equal(split.span_count, 3);
	assert_int_equal(split.unmatched, 1);
	split_free(&split);
}

static void gaps_and_lost_ends_are_told(void **state)
{
	struct script script = { 0 };
	struct split split;

	(void)state;
	put(&script, 0, 100, EVENT_STEP, STEP_OPEN);
	script.seq[0] += 3;
	put(&script, 0, 200, EVENT_STEP, STEP_MAP);
	put(&script, 1, 300, EVENT_RETURN, STEP_OPEN);
	finish(&script, &split, NULL, false);
	assert_int_equal(split.gaps, 3);
	assert_int_equal(split.unmatched, 2);
	assert_true(split.loads[0].open_ended);
	split_free(&split);
}

static void steps_come_from_calls(void **state)
{
	struct script script = { 0 };
	struct split split;

	(void)state;
	put(&script, 0, 100, EVENT_STEP, STEP_OPEN);
	call(&script, 110, 10, SYS_openat);
	call(&script, 130, 5, SYS_fstat);
	call(&script, 140, 50, SYS_mmap);
	call(&script, 195, 5, SYS_close);
	call(&script, 240, 10, SYS_mprotect);
	put(&script, 0, 300, EVENT_RETURN, STEP_OPEN);
	finish(&script, &split, NULL, true);
	assert_int_equal(split.loads[0].observed_ns[STEP_VERIFY], 20);
	assert_int_equal(split.loads[0].observed_ns[STEP_MAP], 70);
	assert_int_equal(split.loads[0].observed_ns[STEP_BIND], 50);
	assert_int_equal(split.loads[0].observed_ns[STEP_INIT], 50);
	split_free(&split);
}

/* ld.so protects every object that it has relocated: constructors begin after the last of them. */
static void every_object_is_bound_before_constructors(void **state)
{
	struct script script = { 0 };
	struct split split;

	(void)state;
	put(&script, 0, 100, EVENT_STEP, STEP_OPEN);
	call(&script, 110, 10, SYS_openat);
	call(&script, 130, 5, SYS_fstat);
	call(&script, 195, 5, SYS_close);
	call(&script, 240, 10, SYS_mprotect);
	call(&script, 260, 5, SYS_brk);
	call(&script, 270, 10, SYS_mprotect);
	call(&script, 285, 5, SYS_getpid);
	put(&script, 0, 300, EVENT_RETURN, STEP_OPEN);
	finish(&script, &split, NULL, true);
	assert_int_equal(split.loads[0].observed_ns[STEP_BIND], 80);
	assert_int_equal(split.loads[0].observed_ns[STEP_INIT], 20);
	assert_int_equal(split.loads[0].entered[STEP_BIND], 2);
	assert_int_equal(split.loads[0].entered[STEP_INIT], 1);
	for (size_t i = 0; i < split.span_count; i++) {
		const struct split_span *span = &split.spans[i];

		if (span->start_ns >= 200 && span->start_ns < 280)
			assert_int_equal(span->step, STEP_BIND);
		else if (span->start_ns >= 280)
			assert_int_equal(span->step, STEP_INIT);
		if (span->kind == EVENT_STEP)
			assert_int_equal(span->what, span->step);
	}
	split_free(&split);
}

static void costs_are_taken_where_they_arise(void **state)
{
	const struct probe_cost cost = {
		.before_ns = { [COST_OPEN] = 5, [COST_STEP] = 4, [COST_RETURN] = 3 },
		.after_ns = { [COST_OPEN] = 7, [COST_STEP] = 6, [COST_RETURN] = 2 },
	};
	struct script script = { 0 };
	struct split split;

	(void)state;
	put(&script, 0, 100, EVENT_STEP, STEP_OPEN);
	put(&script, 0, 200, EVENT_STEP, STEP_DEPS);
	put(&script, 0, 205, EVENT_STEP, STEP_INIT);
	put(&script, 0, 300, EVENT_RETURN, STEP_OPEN);
	finish(&script, &split, &cost, false);
	assert_true(split.loads[0].corrected_ns[STEP_OPEN] == 100.0 - 7.0 - 4.0);
	assert_true(split.loads[0].corrected_ns[STEP_DEPS] == 0.0); /* never below */
	assert_true(split.loads[0].corrected_ns[STEP_INIT] == 95.0 - 6.0 - 3.0);
	assert_true(split.loads[0].cost_ns == 11.0 + 10.0 + 9.0);
	split_free(&split);
}

/* The longer other work went on since the last hit, the more the next costs, up to a limit. */
static void hits_cost_more_after_work(void **state)
{
	const struct probe_cost cost = {
		.before_ns = { [COST_OPEN] = 5, [COST_STEP] = 5, [COST_RETURN] = 5 },
		.after_ns = { [COST_OPEN] = 5, [COST_STEP] = 5, [COST_RETURN] = 5 },
		.cold_before_ns = { [COST_STEP] = 20, [COST_RETURN] = 20 },
		.cold_after_ns = { [COST_STEP] = 40, [COST_RETURN] = 8 },
		.cold_gap_ns = 200,
	};
	struct script script = { 0 };
	struct split split;

	(void)state;
	put(&script, 0, 1000, EVENT_STEP, STEP_OPEN);
	put(&script, 0, 1010, EVENT_STEP, STEP_VERIFY);	  /* right after */
	put(&script, 0, 1120, EVENT_STEP, STEP_MAP);	  /* after half of the gap */
	put(&script, 0, 2120, EVENT_STEP, STEP_RELOCATE); /* after more than it */
	put(&script, 0, 2630, EVENT_RETURN, STEP_OPEN);
	finish(&script, &split, &cost, false);
	assert_true(split.loads[0].corrected_ns[STEP_VERIFY] == 110.0 - 5.0 - 5.0 - 10.0);
	assert_true(split.loads[0].corrected_ns[STEP_MAP] == 1000.0 - 5.0 - 20.0 - 5.0 - 20.0);
	assert_true(split.loads[0].corrected_ns[STEP_RELOCATE] == 510.0 - 5.0 - 40.0 - 5.0 - 20.0);
	assert_true(split.loads[0].outside_ns == 5.0 + 5.0 + 8.0); /* of its two ends */
	split_free(&split);
}

/* Where calls are seen mappings cost at their call, else in the step that makes them. */
static void mappings_cost_what_they_do(void **state)
{
	const struct probe_cost cost = { .map_ns = 400, .unmap_ns = 30, .protect_ns = { 50, 70 } };
	struct script script = { 0 };
	struct split split;

	(void)state;
	for (int calls = 0; calls < 2; calls++) {
		script = (struct script){ 0 };
		put(&script, 0, 1000, EVENT_STEP, STEP_OPEN);
		put(&script, 0, 2000, EVENT_STEP, STEP_MAP);
		if (calls)
			call(&script, 2100, 300, SYS_mmap);
		put(&script, 0, 3000, EVENT_STEP, STEP_RELOCATE);
		if (calls)
			call(&script, 3100, 300, SYS_mprotect);
		put(&script, 0, 4000, EVENT_STEP, STEP_RELOCATE);
		if (calls)
			call(&script, 4100, 300, SYS_mprotect);
		put(&script, 0, 5000, EVENT_STEP, STEP_UNMAP);
		if (calls)
			call(&script, 5100, 300, SYS_munmap);
		put(&script, 0, 6000, EVENT_RETURN, STEP_OPEN);
		finish(&script, &split, &cost, false);
		assert_true(split.loads[0].corrected_ns[STEP_MAP] == 1000.0 - (calls ? 100 : 400));
		assert_true(split.loads[0].corrected_ns[STEP_RELOCATE] == 2000.0 - 50.0 - 70.0);
		assert_true(split.loads[0].corrected_ns[STEP_UNMAP] == 1000.0 - 30.0);
		split_free(&split);
	}
}

/* Whatever comes in, in whatever order: sums hold, nothing crashes. */
static void noise_adds_up(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct script script = { 0 };
		struct split split;

		for (int i = 0; i < 300; i++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			if (random >> 62 == 0)
				call(&script, random >> 40 & 0xffff, random >> 33 & 0xff,
				     (unsigned int)(random >> 50 & 15));
			else if (random >> 60 == 15)
				jump(&script, random >> 50 & 3, random >> 40 & 0xffff);
			else
				put(&script, random >> 61 & 3, random >> 40 & 0xffff,
				    (enum event_kind)(random >> 33 & 7),
				    (unsigned int)(random >> 50 & 31));
		}
		finish(&script, &split, NULL, round & 1);
		split_free(&split);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_add_up),
		cmocka_unit_test(nested_opens_balance),
		cmocka_unit_test(threads_do_not_mix),
		cmocka_unit_test(pauses_are_nobodys_time),
		cmocka_unit_test(loads_in_a_pause_count),
		cmocka_unit_test(a_lost_end_is_no_time),
		cmocka_unit_test(a_failed_load_ends_with_its_last_event),
		cmocka_unit_test(what_fails_inside_gives_its_time_back),
		cmocka_unit_test(what_fails_together_ends_together),
		cmocka_unit_test(gaps_and_lost_ends_are_told),
		cmocka_unit_test(steps_come_from_calls),
		cmocka_unit_test(every_object_is_bound_before_constructors),
		cmocka_unit_test(costs_are_taken_where_they_arise),
		cmocka_unit_test(hits_cost_more_after_work),
		cmocka_unit_test(mappings_cost_what_they_do),
		cmocka_unit_test(noise_adds_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
