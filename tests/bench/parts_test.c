/*
 * What counting probes say of the parts of a load, from where it is read to the columns: counters
 * per phase, on pages and hardware made up for it, through the ring of a watched worker into the
 * printed table; and which piece of an object is what.
 */
#include "bench/pieces.h"
#include "bench/watch/probed.h"
#include "probes/perf_phases.h"
#include "probes/self.h"
#include "probes/watch.h"

#include "base/file.h"
#include "tests/built.h"

#include <linux/perf_event.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LOADS 3
#define LEAD 1 /* the first of a block is left out */

static struct perf_event_mmap_page pages[PERF_COUNTERS];
static struct counter_page counter_pages[PERF_COUNTERS];
static uint64_t raw[PERF_COUNTERS];

static uint64_t hardware_read(uint32_t index)
{
	return raw[index];
}

static uint64_t hardware_ticks(void)
{
	return 0;
}

static const struct counter_hardware hardware = { hardware_read, hardware_ticks };

/* What is done in a phase: counter i goes on by `work` times i + 1. */
static void work(uint64_t times)
{
	for (unsigned int i = 0; i < PERF_COUNTERS; i++)
		raw[i] += times * (i + 1);
}

struct rig {
	struct watch watch;
	struct probe_environment environment;
	struct self self;
	struct split_events events;
	struct probed_choice choice;
	struct probed probed;
	char *text;
};

static void rig_open(struct rig *rig)
{
	struct err err = { "" };

	*rig = (struct rig){ 0 };
	memset(pages, 0, sizeof(pages));
	for (unsigned int i = 0; i < PERF_COUNTERS; i++) {
		pages[i].cap_user_rdpmc = 1;
		pages[i].index = i + 1;
		pages[i].pmc_width = 64;
		counter_pages[i].page = &pages[i];
	}
	assert_int_equal(watch_open(&rig->watch, NULL, 0, &err), 0);
	assert_int_equal(watch_own_environment(&rig->watch, "perf", &rig->environment, &err), 0);
	for (int i = 0; rig->environment.variables[i]; i++)
		putenv(rig->environment.variables[i]);
	self_open(&rig->self);
	assert_int_equal(rig->self.probe_count, 1);
	perf_give(rig->self.probes[0], counter_pages, &hardware);
	assert_int_equal(probed_choose(&rig->choice, "perf", &err), 0);
	rig->probed = (struct probed){ .choice = &rig->choice, .blocks = 1, .block_loads = LOADS };
	assert_int_equal(probed_room(&rig->probed, &err), 0);
}

/* One load; `lost` is called in its second phase. */
static void load_run(struct rig *rig, void (*lost)(bool begins))
{
	struct timeline time = { 0 };

	self_begin(&rig->self);
	time.hook = self_hook(&rig->self);
	assert_non_null(time.hook);
	work(5); /* before the load: in no phase */
	timeline_begin(&time, PHASE_OTHER);
	work(1);
	timeline_enter(&time, PHASE_MAP);
	work(10);
	timeline_enter(&time, PHASE_RELOCATE);
	work(20);
	if (lost)
		lost(true);
	timeline_enter(&time, PHASE_MAP); /* a phase may come back */
	if (lost)
		lost(false);
	work(100);
	timeline_enter(&time, PHASE_CHECK); /* none of a load's */
	work(1000);
	timeline_enter(&time, PHASE_UNLOAD);
	work(3);
	timeline_end(&time);
	work(7);
	self_end(&rig->self);
}

/* What a watcher makes of it. */
static void rig_show(struct rig *rig)
{
	size_t size = 0;
	FILE *out = open_memstream(&rig->text, &size);

	assert_non_null(out);
	assert_int_equal(watch_read(&rig->watch, split_take, &rig->events), 0);
	probed_values_take(&rig->probed, &rig->events);
	rig->probed.load_count = LOADS;
	probed_print(&rig->probed, "arm", out);
	assert_int_equal(fclose(out), 0);
}

static void rig_close(struct rig *rig)
{
	unsetenv("SOLOAD_WATCH_SELF");
	unsetenv("SOLOAD_COUNT");
	self_close(&rig->self);
	watch_close(&rig->watch);
	probe_environment_free(&rig->environment);
	split_events_free(&rig->events);
	probed_choice_close(&rig->choice);
	probed_free(&rig->probed);
	free(rig->text);
}

static double value(const struct rig *rig, int load, unsigned int part, unsigned int metric)
{
	return rig->probed.loads[load].values[0][part][metric];
}

static void counts_go_to_their_phases(void **state)
{
	static const struct {
		enum phase phase;
		double times;
	} wanted[] = {
		{ PHASE_OTHER, 1 }, { PHASE_MAP, 110 }, { PHASE_RELOCATE, 20 }, { PHASE_UNLOAD, 3 }
	};
	struct rig rig;

	(void)state;
	rig_open(&rig);
	for (int i = 0; i < LEAD + LOADS; i++)
		load_run(&rig, NULL);
	rig_show(&rig);
	for (int load = 0; load < LOADS; load++) {
		for (unsigned int i = 0; i < PERF_COUNTERS; i++) {
			double sum = 0.0;

			for (size_t k = 0; k < sizeof(wanted) / sizeof(wanted[0]); k++) {
				double got = value(&rig, load, wanted[k].phase + 1u, i);

				assert_true(got == wanted[k].times * (i + 1));
				sum += got;
			}
			/* Phases, the harness's check and what was outside are the whole. */
			assert_true(value(&rig, load, 0, i) == sum + (5 + 1000 + 7) * (i + 1.0));
			assert_true(isnan(value(&rig, load, PHASE_LINK + 1u, i)));
		}
	}
	assert_non_null(strstr(rig.text, "map"));
	assert_non_null(strstr(rig.text, " 110  "));
	assert_non_null(strstr(rig.text, " 660 ")); /* of the last counter */
	assert_null(strstr(rig.text, "link"));	    /* never entered: no row */
	rig_close(&rig);
}

static void counter_lost(bool begins)
{
	pages[2].index = begins ? 0 : 3;
}

static void time_lost(bool begins)
{
	if (begins)
		pages[0].time_enabled += 1000;
}

/* A counter that was away for a while, and one that the kernel had to multiplex, say nothing. */
static void what_was_not_counted_has_no_column(void **state)
{
	static void (*const ways[])(bool) = { counter_lost, time_lost };

	(void)state;
	for (size_t way = 0; way < 2; way++) {
		struct rig rig;

		rig_open(&rig);
		for (int i = 0; i < LEAD + LOADS; i++)
			load_run(&rig, ways[way]);
		rig_show(&rig);
		for (int load = 0; load < LOADS; load++) {
			for (unsigned int part = 1; part <= PERF_PHASES; part++)
				assert_true(isnan(value(&rig, load, part, 0)));
		}
		assert_null(strstr(rig.text, "relocate"));
		rig_close(&rig);
	}
}

static void pages_that_forbid_it_are_told(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig);
	assert_true(perf_phases_readable(counter_pages));
	counter_pages[1].page = NULL; /* a counter this machine does not have */
	assert_true(perf_phases_readable(counter_pages));
	pages[2].cap_user_rdpmc = 0;
	assert_false(perf_phases_readable(counter_pages));
	rig_close(&rig);
}

/* A linked object in the order of its addresses, each border on a page, nothing twice. */
static void pieces_are_those_of_the_object(void **state)
{
	struct probe_piece pieces[PIECES_MAX];
	bool seen[SMAPS_PARTS] = { false };
	struct file_bytes file = built_bytes("fixtures/answer_1.so");
	struct so so = { .bytes = file.bytes, .size = file.size };
	size_t count;

	(void)state;
	count = pieces_of(&so, pieces);
	assert_true(count >= 3);
	for (size_t i = 0; i < count; i++) {
		assert_true(pieces[i].begin < pieces[i].end);
		assert_true(!i || pieces[i].begin >= pieces[i - 1].end);
		assert_true(!i || pieces[i].part >= pieces[i - 1].part);
		seen[pieces[i].part] = true;
	}
	assert_true(seen[SMAPS_TEXT] && seen[SMAPS_RELRO] && seen[SMAPS_DATA]);
#ifdef __x86_64__ /* elsewhere linkers put it into one mapping with the code */
	assert_true(seen[SMAPS_HEAD]);
#endif
	so.size = 16;
	assert_int_equal(pieces_of(&so, pieces), 0);
	file_unload(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_go_to_their_phases),
		cmocka_unit_test(what_was_not_counted_has_no_column),
		cmocka_unit_test(pages_that_forbid_it_are_told),
		cmocka_unit_test(pieces_are_those_of_the_object),
	};

	clock_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
